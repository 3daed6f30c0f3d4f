/* Lays out sequences of a synthetic task as batches. See task.h and the public sab_task_*. */
#include "data/task.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

static const struct sab_task_kind *const kinds[] = {&sab_task_copy, &sab_task_adding, &sab_task_cue};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* The arrays of a batch, as struct sab_batch describes them. */
enum { IDS, VALUES, LABELS, TARGETS, WEIGHT, SCORED, ARRAYS };

struct sab_task {
    const struct sab_task_kind *kind;
    struct sab_shape shape;
    struct sab_draw draw; /* stream and index are set for each sequence, T and steps for each batch */
    int T;                /* config->T */
    int64_t fixed, curriculum;
    int cap;              /* B the arrays have room for */
    void *array[ARRAYS];
};

const struct sab_task_kind *sab_task_kind_at(int i)
{
    return i >= 0 && i < KINDS ? kinds[i] : NULL;
}

static int fail_unknown(const char *name, struct sab_error *err)
{
    const char *nearest = NULL;
    int least = INT_MAX;
    char known[128];
    size_t used = 0;
    for (int i = 0; i < KINDS; i++) {
        int distance = sab_text_distance(name, kinds[i]->name);
        if (distance < least) {
            least = distance;
            nearest = kinds[i]->name;
        }
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", kinds[i]->name);
    }
    if (nearest && sab_text_is_near(name, least))
        return sab_fail(err, SAB_INVALID, "unknown task \"%.32s\"; did you mean \"%s\"?", name, nearest);
    return sab_fail(err, SAB_INVALID, "unknown task \"%.32s\"; the tasks are %s", name, known);
}

int sab_task_create(struct sab_task **out, const struct sab_config *config, struct sab_error *err)
{
    const struct sab_task_kind *kind = NULL;
    for (int i = 0; i < KINDS; i++)
        if (strcmp(config->task, kinds[i]->name) == 0)
            kind = kinds[i];
    if (!kind)
        return fail_unknown(config->task, err);
    if (config->T < kind->least_T)
        return sab_fail(err, SAB_INVALID, "--T: %d is too short for the task %s, which needs at least %d", config->T,
                        kind->name, kind->least_T);
    if (config->T > INT_MAX - kind->extra_steps)
        return sab_fail(err, SAB_INVALID, "--T: %d is too long for the task %s, which takes at most %d", config->T,
                        kind->name, INT_MAX - kind->extra_steps);
    struct sab_task *task = sab_alloc(1, sizeof *task);
    if (!task)
        return sab_fail(err, SAB_NOMEM, "no memory for the task %s", kind->name);
    task->kind = kind;
    task->shape = kind->shape(config);
    task->draw.seed = config->seed;
    task->T = config->T;
    task->draw.classes = config->classes;
    task->fixed = config->fixed;
    task->curriculum = config->curriculum;
    *out = task;
    return SAB_OK;
}

static void free_arrays(struct sab_task *task)
{
    for (int k = 0; k < ARRAYS; k++) {
        sab_free(task->array[k]);
        task->array[k] = NULL;
    }
    task->cap = 0;
}

void sab_task_free(struct sab_task *task)
{
    if (!task)
        return;
    free_arrays(task);
    sab_free(task);
}

const struct sab_shape *sab_task_shape(const struct sab_task *task)
{
    return &task->shape;
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
static int make_room(struct sab_task *task, int B, struct sab_error *err)
{
    size_t steps = (size_t)task->T + (size_t)task->kind->extra_steps, positions;
    size_t used = (size_t)task->draw.steps * (size_t)B;
    if (sab_mul_overflows(steps, (size_t)B, &positions))
        return sab_fail(err, SAB_NOMEM, "a batch of %d sequences of %zu steps is too large to address", B, steps);
    int is_new = B > task->cap;
    if (is_new)
        free_arrays(task);
    for (int k = 0; k < ARRAYS; k++) {
        size_t nbytes = position_nbytes(&task->shape, k);
        if (nbytes == 0)
            continue;
        if (!is_new) {
            memset(task->array[k], 0, used * nbytes);
        } else if (!(task->array[k] = sab_alloc(positions, nbytes))) {
            free_arrays(task);
            return sab_fail(err, SAB_NOMEM, "no memory for a batch of %d sequences of %zu steps", B, steps);
        }
    }
    if (is_new)
        task->cap = B;
    return SAB_OK;
}

static void fill_column(const struct sab_task *task, int B, int b)
{
    const struct sab_shape *shape = &task->shape;
    struct sab_column column = {.B = B, .I = shape->I, .O = shape->O};
    if (task->array[IDS])
        column.ids = (int32_t *)task->array[IDS] + b;
    else
        column.values = (sab_real *)task->array[VALUES] + (size_t)b * (size_t)shape->I;
    if (task->array[LABELS])
        column.labels = (int32_t *)task->array[LABELS] + b;
    else
        column.targets = (sab_real *)task->array[TARGETS] + (size_t)b * (size_t)shape->O;
    task->kind->fill(&task->draw, &column);
}

/* The length of training batch `index`: from T/10 up to T over the first `curriculum` batches. */
static int length_at(const struct sab_task *task, enum sab_split split, int64_t index)
{
    int first = task->T / 10 > task->kind->least_T ? task->T / 10 : task->kind->least_T;
    if (split != SAB_TRAIN || index >= task->curriculum)
        return task->T;
    return first + (int)((double)(task->T - first) * (double)index / (double)task->curriculum);
}

int sab_task_batch(struct sab_task *task, enum sab_split split, int64_t index, int B, struct sab_batch *batch,
                   struct sab_error *err)
{
    if (B < 1)
        return sab_fail(err, SAB_INVALID, "a batch of %d sequences: at least 1 is needed", B);
    if (index < 0 || index > (INT64_MAX - B) / B)
        return sab_fail(err, SAB_INVALID, "batch number %lld is not in 0..%lld", (long long)index,
                        (long long)((INT64_MAX - B) / B));
    task->draw.T = length_at(task, split, index);
    task->draw.steps = task->draw.T + task->kind->extra_steps;
    int status = make_room(task, B, err);
    if (status != SAB_OK)
        return status;
    task->draw.stream = split == SAB_TRAIN ? SAB_STREAM_TRAIN : SAB_STREAM_TEST;
    for (int b = 0; b < B; b++) {
        int64_t sequence = index * B + b;
        if (split == SAB_TRAIN && task->fixed > 0)
            sequence %= task->fixed;
        task->draw.index = (uint64_t)sequence;
        fill_column(task, B, b);
    }
    size_t columns = (size_t)B, steps = (size_t)task->draw.steps;
    sab_real *weight = task->array[WEIGHT];
    uint8_t *scored = task->array[SCORED];
    for (size_t p = (steps - (size_t)task->kind->scored_last) * columns; p < steps * columns; p++) {
        scored[p] = 1;
        weight[p] = 1;
    }
    *batch = (struct sab_batch){
        .T = task->draw.steps,
        .B = B,
        .ids = task->array[IDS],
        .values = task->array[VALUES],
        .labels = task->array[LABELS],
        .targets = task->array[TARGETS],
        .weight = task->kind->weighs_all ? NULL : weight,
        .scored = scored,
    };
    return SAB_OK;
}
