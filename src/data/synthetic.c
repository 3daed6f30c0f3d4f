/* Lays out drawn sequences as batches. See synthetic.h. */
#include "data/synthetic.h"

#include <limits.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/arrays.h"

struct state {
    const struct sab_synthetic *what;
    struct sab_shape shape;
    struct sab_draw draw; /* purpose and index are set for each sequence, T and steps for each batch */
    int T;                /* config->T */
    int64_t fixed, curriculum;
    int most_B;           /* that the arrays had room for, of full length */
    struct sab_arrays arrays;
};

int sab_synthetic_create(void **state, struct sab_shape *shape, const struct sab_task_options *config,
                         const struct sab_shared_options *shared, const struct sab_synthetic *what, struct sab_error *err)
{
    if (config->T < what->least_T)
        return sab_fail(err, SAB_INVALID, "--T: %d is too short for the task %s, which needs at least %d", config->T,
                        config->task, what->least_T);
    int most_T = (INT_MAX - what->extra_steps) / what->times_T;
    if (config->T > most_T)
        return sab_fail(err, SAB_INVALID, "--T: %d is too long for the task %s, which takes at most %d", config->T,
                        config->task, most_T);
    if (config->files.data[0] || config->files.valid_data[0] || config->files.test_data[0])
        return sab_fail(err, SAB_INVALID, "--data: the task %s draws its data; it reads no file", config->task);
    struct state *s = sab_alloc(1, sizeof *s);
    if (!s)
        return sab_fail(err, SAB_NOMEM, "no memory for the task %s", config->task);
    s->what = what;
    s->shape = what->shape(config);
    s->draw.seed = shared->seed;
    s->T = config->T;
    s->draw.classes = config->drawn.classes;
    s->draw.rewrite = config->drawn.rewrite;
    s->fixed = config->drawn.fixed;
    s->curriculum = config->drawn.curriculum;
    *shape = s->shape;
    *state = s;
    return SAB_OK;
}

void sab_synthetic_destroy(void *state)
{
    struct state *s = state;
    sab_arrays_clear(&s->arrays);
    sab_free(s);
}

static int steps_of(const struct state *s, int T)
{
    return s->what->times_T * T + s->what->extra_steps;
}

int sab_synthetic_steps(const void *state)
{
    const struct state *s = state;
    return steps_of(s, s->T);
}

/* Room for B sequences, all zero. The first time that of the longest is made too, so that memory runs out at once or never while
 * sequences grow. */
static int make_room(struct state *s, int B, struct sab_error *err)
{
    int status = B > s->most_B ? sab_arrays_make(&s->arrays, &s->shape, steps_of(s, s->T), B, err) : SAB_OK;
    if (status == SAB_OK)
        status = sab_arrays_make(&s->arrays, &s->shape, s->draw.steps, B, err);
    s->most_B = status != SAB_OK ? 0 : B > s->most_B ? B : s->most_B;
    return status;
}

/* Of a sequence that is another process's only what counts: all have the same length, and so the same steps that do. */
static void fill_column(struct state *s, int b, int is_own)
{
    const struct sab_shape *shape = &s->shape;
    const struct sab_arrays *arrays = &s->arrays;
    struct sab_column column = {
        .B = arrays->B, .I = shape->I, .O = shape->O, .length = arrays->T, .scored_last = s->what->scored_last};
    if (arrays->ids)
        column.ids = arrays->ids + b;
    else
        column.values = arrays->values + (size_t)b * (size_t)shape->I;
    if (arrays->labels)
        column.labels = arrays->labels + b;
    else
        column.targets = arrays->targets + (size_t)b * (size_t)shape->O;
    if (is_own)
        s->what->fill(&s->draw, &column);
    for (int t = column.length - column.scored_last; t < column.length; t++) {
        size_t at = (size_t)t * (size_t)arrays->B + (size_t)b;
        arrays->scored[at] = 1;
        arrays->weight[at] = 1;
    }
    arrays->lengths[b] = column.length;
}

/* The length of training batch `index`: from T/10 up to T over the first `curriculum` batches. */
static int length_at(const struct state *s, enum sab_split split, int64_t index)
{
    int first = s->T / 10 > s->what->least_T ? s->T / 10 : s->what->least_T;
    if (split != SAB_TRAIN || index >= s->curriculum)
        return s->T;
    return first + (int)((double)(s->T - first) * (double)index / (double)s->curriculum);
}

int sab_synthetic_batch(void *state, enum sab_split split, int64_t index, int B, const struct sab_own *own,
                        struct sab_batch *batch, struct sab_error *err)
{
    static const enum sab_purpose purposes[] = {SAB_FOR_TRAIN, SAB_FOR_VALID, SAB_FOR_TEST};
    struct state *s = state;
    s->draw.T = length_at(s, split, index);
    s->draw.steps = steps_of(s, s->draw.T);
    const uint8_t *is_own = NULL;
    int status = make_room(s, B, err);
    if (status == SAB_OK && !s->what->is_ragged) /* whose lengths are known when they are drawn */
        status = sab_own_find(own, s->draw.steps, B, NULL, 0, &is_own, err);
    if (status != SAB_OK)
        return status;
    s->draw.purpose = purposes[split];
    for (int b = 0; b < B; b++) {
        int64_t sequence = index * B + b;
        if (split == SAB_TRAIN && s->fixed > 0)
            sequence %= s->fixed;
        s->draw.index = (uint64_t)sequence;
        fill_column(s, b, !is_own || is_own[b]);
    }
    *batch = sab_arrays_batch(&s->arrays);
    if (s->what->weighs_all)
        batch->weight = NULL;
    if (!s->what->is_ragged)
        batch->lengths = NULL;
    return SAB_OK;
}
