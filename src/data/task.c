/* The table of tasks, and the public sab_task_* around it. See task.h. */
#include "data/task.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/sized.h"
#include "base/text.h"
#include "data/csv_task.h"

static const struct sab_task_kind *const kinds[] = {
    &sab_task_copy,
    &sab_task_adding,
    &sab_task_cue,
    &sab_task_transduce,
    &sab_task_idx,
    &sab_task_mnist,
    &sab_task_cifar10,
    &sab_task_text,
    &sab_task_npy,
    &sab_task_csv,
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

struct sab_task {
    const struct sab_task_kind *kind;
    void *state;
    struct sab_task_options config;
    struct sab_shared_options shared;
    struct sab_shape shape;
    int in_order; /* the training part too */
    char *facts; /* or NULL */
    uint8_t *own; /* [own_cap] columns of a batch that are this process's */
    int own_cap;
    struct {
        int B; /* 0: not counted yet */
        int64_t batches;
    } counted[SAB_TEST + 1]; /* of the splits: counting many series takes long */
};

const struct sab_task_kind *sab_task_kind_at(int i)
{
    return i >= 0 && i < KINDS ? kinds[i] : NULL;
}

const char *sab_task_name(int i, const char **help)
{
    const struct sab_task_kind *kind = sab_task_kind_at(i);
    if (kind && help)
        *help = kind->help;
    return kind ? kind->name : NULL;
}

double sab_task_bits_per_char(const char *task, double loss)
{
    for (int i = 0; i < KINDS; i++)
        if (kinds[i]->counts_bits && strcmp(task, kinds[i]->name) == 0)
            return loss / log(2);
    return NAN;
}

static int fail_unknown(const char *name, struct sab_error *err)
{
    const char *names[KINDS];
    char known[256] = "";
    for (int i = 0; i < KINDS; i++) {
        size_t used = strlen(known);
        names[i] = kinds[i]->name;
        snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", names[i]);
    }
    const char *nearest = sab_text_nearest(name, names, KINDS);
    if (nearest)
        return sab_fail(err, SAB_INVALID, "unknown task \"%.32s\"; did you mean \"%s\"?", name, nearest);
    return sab_fail(err, SAB_INVALID, "unknown task \"%.32s\"; the tasks are %s", name, known);
}

int sab_task_open(struct sab_task **out, const struct sab_task_options *config, const struct sab_shared_options *shared,
                  const char *facts, struct sab_error *err)
{
    const struct sab_task_kind *kind = NULL;
    for (int i = 0; i < KINDS; i++)
        if (strcmp(config->task, kinds[i]->name) == 0)
            kind = kinds[i];
    if (!kind)
        return fail_unknown(config->task, err);
    if (facts && !kind->facts)
        return sab_fail(err, SAB_INVALID, "the task %s has no data to know anything of, and facts about data are given",
                        kind->name);
    struct sab_task *task = sab_alloc(1, sizeof *task);
    if (!task)
        return sab_fail(err, SAB_NOMEM, "no memory for the task %s", kind->name);
    task->kind = kind;
    task->shared = *shared;
    int status = sab_rows_copy(&sab_quantiles_rows, &task->shared, shared, err); /* the texts among them */
    if (status == SAB_OK)
        status = sab_rows_copy(&sab_task_rows, &task->config, config, err);
    if (status == SAB_OK)
        status = kind->create(&task->state, &task->shape, &task->config, &task->shared, facts, err);
    task->shape.size = sizeof task->shape;
    if (status == SAB_OK && kind->facts)
        status = kind->facts(task->state, &task->facts, err);
    if (status != SAB_OK) {
        sab_task_free(task);
        return status;
    }
    *out = task;
    return SAB_OK;
}

void sab_task_free(struct sab_task *task)
{
    if (!task)
        return;
    if (task->state)
        task->kind->destroy(task->state);
    sab_rows_clear(&sab_task_rows, &task->config);
    sab_rows_clear(&sab_quantiles_rows, &task->shared);
    sab_free(task->facts);
    sab_free(task->own);
    sab_free(task);
}

int sab_task_make_relative(struct sab_task *task, struct sab_error *err)
{
    char *facts = NULL;
    void *state = sab_task_state(task, &sab_task_csv);
    int status = state ? sab_csv_make_relative(state, err) : SAB_OK;
    if (status == SAB_OK && state)
        status = task->kind->facts(state, &facts, err);
    if (status != SAB_OK || !state)
        return status;
    sab_free(task->facts);
    task->facts = facts;
    return SAB_OK;
}

const struct sab_shape *sab_task_shape(const struct sab_task *task)
{
    return &task->shape;
}

const char *sab_task_facts(const struct sab_task *task)
{
    return task->facts;
}

int sab_task_steps(const struct sab_task *task)
{
    return task->kind->steps ? task->kind->steps(task->state) : task->config.T;
}

void *sab_task_state(const struct sab_task *task, const struct sab_task_kind *kind)
{
    return task->kind == kind ? task->state : NULL;
}

void sab_task_read_in_order(struct sab_task *task)
{
    if (task->kind->read_in_order)
        task->kind->read_in_order(task->state);
    task->in_order = 1;
    task->counted[SAB_TRAIN].B = 0;
}

static int is_split(enum sab_split split)
{
    return split == SAB_TRAIN || split == SAB_VALID || split == SAB_TEST;
}

int sab_task_columns(const struct sab_task *task, enum sab_split split, int B)
{
    int n = task->kind->columns && is_split(split) ? task->kind->columns(task->state, split) : 0;
    return n > 0 && n < B ? n : B;
}

int64_t sab_task_naive(const struct sab_task *task, enum sab_split split, int64_t season, double *squares, double *absolute)
{
    return task->kind->naive ? task->kind->naive(task->state, split, season, squares, absolute) : 0;
}

double sab_task_unit(const struct sab_task *task, int o)
{
    return task->kind->unit ? task->kind->unit(task->state, o) : 1;
}

int64_t sab_task_batches(const struct sab_task *task, enum sab_split split, int B)
{
    if (!is_split(split) || B < 1)
        return 0;
    return task->kind->batches ? task->kind->batches(task->state, split, B) : 0;
}

/* Room for the columns that are this process's. */
static int make_own(struct sab_task *task, int B, struct sab_own *own, struct sab_error *err)
{
    if (B > task->own_cap) {
        sab_free(task->own);
        task->own = sab_alloc((size_t)B, 1);
        task->own_cap = task->own ? B : 0;
    }
    own->columns = task->own;
    return task->own ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory to share a batch of %d sequences", B);
}

int sab_task_batch(struct sab_task *task, enum sab_split split, int64_t index, int B, struct sab_batch *batch,
                   struct sab_error *err)
{
    return sab_task_share(task, split, index, B, NULL, batch, err);
}

int sab_task_share(struct sab_task *task, enum sab_split split, int64_t index, int B, struct sab_own *own, struct sab_batch *batch,
                   struct sab_error *err)
{
    if (!is_split(split))
        return sab_fail(err, SAB_INVALID, "split %d is none of 0 (training), 1 (validation), 2 (test)", (int)split);
    if (B < 1)
        return sab_fail(err, SAB_INVALID, "a batch of %d sequences: at least 1 is needed", B);
    if (task->counted[split].B != B) {
        task->counted[split].batches = split == SAB_TRAIN && !task->in_order ? 0 : sab_task_batches(task, split, B);
        task->counted[split].B = B;
    }
    int64_t batches = task->counted[split].batches;
    int64_t most = batches > 0 ? batches - 1 : (INT64_MAX - B) / B;
    if (index < 0 || index > most)
        return sab_fail(err, SAB_INVALID, "batch number %lld is not in 0..%lld", (long long)index, (long long)most);
    struct sab_batch whole;
    int status = sab_sized_take(&sab_batch_sized, &whole, batch, err);
    if (status == SAB_OK && own)
        status = make_own(task, B, own, err);
    if (status == SAB_OK)
        status = task->kind->batch(task->state, split, index, B, own, &whole, err);
    if (status == SAB_OK)
        sab_sized_give(batch, &whole);
    return status;
}
