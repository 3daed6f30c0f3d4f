/* Lays out drawn sequences as batches. See synthetic.h. */
#include "data/synthetic.h"

#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

/* The arrays of a batch, as struct sab_batch describes them. */
enum { IDS, VALUES, LABELS, TARGETS, WEIGHT, SCORED, ARRAYS };

struct state {
    const struct sab_synthetic *what;
    struct sab_shape shape;
    struct sab_draw draw; /* stream and index are set for each sequence, T and steps for each batch */
    int T;                /* config->T */
    int64_t fixed, curriculum;
    int cap;              /* B the arrays have room for */
    void *array[ARRAYS];
    int32_t *lengths;     /* ragged tasks */
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

static void free_arrays(struct state *s)
{
    for (int k = 0; k < ARRAYS; k++) {
        sab_free(s->array[k]);
        s->array[k] = NULL;
    }
    sab_free(s->lengths);
    s->lengths = NULL;
    s->cap = 0;
}

void sab_synthetic_destroy(void *state)
{
    free_arrays(state);
    sab_free(state);
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

/* Bytes of array k for each step of each sequence; 0 where the task has no use for it. */
static size_t position_nbytes(const struct sab_shape *shape, int k)
{
    int has_ids = shape->input == SAB_INPUT_IDS, has_labels = shape->loss == SAB_LOSS_CROSS_ENTROPY;
    switch (k) {
    case IDS:
        return has_ids ? sizeof(int32_t) : 0;
    case VALUES:
        return has_ids ? 0 : (size_t)shape->I * sizeof(sab_real);
    case LABELS:
        return has_labels ? sizeof(int32_t) : 0;
    case TARGETS:
        return has_labels ? 0 : (size_t)shape->O * sizeof(sab_real);
    case WEIGHT:
        return sizeof(sab_real);
    default:
        return sizeof(uint8_t);
    }
}

/* Room for B sequences of full length, all that this batch uses zero; the old arrays serve again when they are large
 * enough. */
static int make_room(struct state *s, int B, struct sab_error *err)
{
    size_t steps = (size_t)steps_of(s, s->T), positions;
    size_t used = (size_t)s->draw.steps * (size_t)B;
    if (sab_mul_overflows(steps, (size_t)B, &positions))
        return sab_fail(err, SAB_NOMEM, "a batch of %d sequences of %zu steps is too large to address", B, steps);
    int is_new = B > s->cap;
    if (is_new)
        free_arrays(s);
    for (int k = 0; k < ARRAYS; k++) {
        size_t nbytes = position_nbytes(&s->shape, k);
        if (nbytes == 0)
            continue;
        if (!is_new) {
            memset(s->array[k], 0, used * nbytes);
        } else if (!(s->array[k] = sab_alloc(positions, nbytes))) {
            free_arrays(s);
            return sab_fail(err, SAB_NOMEM, "no memory for a batch of %d sequences of %zu steps", B, steps);
        }
    }
    if (is_new && s->what->is_ragged && !(s->lengths = sab_alloc((size_t)B, sizeof *s->lengths))) {
        free_arrays(s);
        return sab_fail(err, SAB_NOMEM, "no memory for the lengths of %d sequences", B);
    }
    if (is_new)
        s->cap = B;
    return SAB_OK;
}

static void fill_column(const struct state *s, int B, int b)
{
    const struct sab_shape *shape = &s->shape;
    const struct sab_draw *draw = &s->draw;
    struct sab_column column = {
        .B = B, .I = shape->I, .O = shape->O, .length = draw->steps, .scored_last = s->what->scored_last};
    if (s->array[IDS])
        column.ids = (int32_t *)s->array[IDS] + b;
    else
        column.values = (sab_real *)s->array[VALUES] + (size_t)b * (size_t)shape->I;
    if (s->array[LABELS])
        column.labels = (int32_t *)s->array[LABELS] + b;
    else
        column.targets = (sab_real *)s->array[TARGETS] + (size_t)b * (size_t)shape->O;
    s->what->fill(draw, &column);
    sab_real *weight = s->array[WEIGHT];
    uint8_t *scored = s->array[SCORED];
    for (int t = column.length - column.scored_last; t < column.length; t++) {
        size_t at = (size_t)t * (size_t)B + (size_t)b;
        scored[at] = 1;
        weight[at] = 1;
    }
    if (s->lengths)
        s->lengths[b] = column.length;
}

/* The length of training batch `index`: from T/10 up to T over the first `curriculum` batches. */
static int length_at(const struct state *s, enum sab_split split, int64_t index)
{
    int first = s->T / 10 > s->what->least_T ? s->T / 10 : s->what->least_T;
    if (split != SAB_TRAIN || index >= s->curriculum)
        return s->T;
    return first + (int)((double)(s->T - first) * (double)index / (double)s->curriculum);
}

int sab_synthetic_batch(void *state, enum sab_split split, int64_t index, int B, struct sab_batch *batch,
                        struct sab_error *err)
{
    static const enum sab_random_stream streams[] = {SAB_STREAM_TRAIN, SAB_STREAM_VALID, SAB_STREAM_TEST};
    struct state *s = state;
    s->draw.T = length_at(s, split, index);
    s->draw.steps = steps_of(s, s->draw.T);
    int status = make_room(s, B, err);
    if (status != SAB_OK)
        return status;
    s->draw.stream = streams[split];
    for (int b = 0; b < B; b++) {
        int64_t sequence = index * B + b;
        if (split == SAB_TRAIN && s->fixed > 0)
            sequence %= s->fixed;
        s->draw.index = (uint64_t)sequence;
        fill_column(s, B, b);
    }
    *batch = (struct sab_batch){
        .size = sizeof(struct sab_batch),
        .T = s->draw.steps,
        .B = B,
        .ids = s->array[IDS],
        .values = s->array[VALUES],
        .labels = s->array[LABELS],
        .targets = s->array[TARGETS],
        .weight = s->what->weighs_all ? NULL : s->array[WEIGHT],
        .scored = s->array[SCORED],
        .lengths = s->lengths,
    };
    return SAB_OK;
}
