/* What the data decide of options before a model is made: whether state is carried, and for how many memories. */
#include "base/error.h"
#include "data/task.h"
#include "model/recurrent.h"
#include "train/evaluate.h"
#include "train/options.h"
#include "train/run.h"

static int has_memory(const struct sab_model_options *model)
{
    return model->credit == SAB_CREDIT_ATTENTION || (model->credit == SAB_CREDIT_SAB && model->k_top > 0);
}

/* What sab_task_settle does; and whether training carries state. */
static int settle_carrying(struct sab_task *task, struct sab_options *config, int *carries, struct sab_error *err)
{
    struct sab_batch first = {.size = sizeof first};
    *carries = 0;
    if (!sab_task_facts(task)) /* what is drawn never goes on from batch to batch, and a batch of it may be large */
        return SAB_OK;
    int status = sab_task_batch(task, SAB_TRAIN, 0, config->shared.batch, &first, err);
    if (status != SAB_OK)
        return status;
    *carries = first.fresh != NULL && sab_network_find(config->model.model)->has_state;
    struct sab_keep keep = sab_recurrent_keep(&config->model);
    if (*carries && has_memory(&config->model) && keep.rule->since(&keep, first.T) != 0)
        return sab_fail(err, SAB_INVALID, "--T %d: a chunk that goes on from another must be a multiple of --k-att %d, so "
                                          "that memories are written at the same steps of each", first.T, config->model.k_att);
    if (*carries && has_memory(&config->model) && config->model.segments > 0)
        return sab_fail(err, SAB_INVALID, "--segments %d chooses among all memories, and of what goes on from chunk to chunk "
                                          "--memory-slots stay: choose 0", config->model.segments);
    if (*carries && has_memory(&config->model) && config->model.zero_memory)
        return sab_fail(err, SAB_INVALID, "--zero-memory on is for sequences that begin anew, and these go on from chunk to chunk: "
                                          "choose off");
    if (*carries && config->model.memory_slots == 0 && config->model.segments == 0)
        config->model.memory_slots = first.T > keep.k_att ? keep.rule->most(&keep, first.T) : 1;
    return SAB_OK;
}

int sab_task_settle(struct sab_task *task, struct sab_options *options, struct sab_error *err)
{
    int carries;
    return settle_carrying(task, options, &carries, err);
}

int sab_run_settle(struct sab_task *task, struct sab_options *config, int *carries, struct sab_error *err)
{
    struct sab_batch first = {.size = sizeof first};
    int status = SAB_OK;
    if (sab_task_facts(task)) /* data from files: what is missing is told now, not at the first evaluation */
        status = sab_task_batch(task, SAB_VALID, 0, config->shared.batch, &first, err);
    if (status == SAB_OK && sab_task_facts(task))
        status = sab_evaluate_check(&first, SAB_VALID, err);
    return status == SAB_OK ? settle_carrying(task, config, carries, err) : status;
}
