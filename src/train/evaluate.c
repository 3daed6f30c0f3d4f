/* See evaluate.h. */
#include "train/evaluate.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/sized.h"
#include "credit/engine.h"
#include "data/parts.h"
#include "data/task.h"
#include "model/network.h"
#include "train/own.h"

/* How one evaluation goes through a split. */
struct pass {
    int B;
    int64_t count; /* sequences */
    struct sab_stream *carried; /* state between batches that go on from each other */
};

int sab_evaluate_check(const struct sab_batch *batch, enum sab_split split, struct sab_error *err)
{
    if (batch->labels || batch->targets)
        return SAB_OK;
    return sab_fail(err, SAB_FORMAT, "the %s data have no answers to compare with; sab predict needs none",
                    sab_parts_names[split]);
}

/* Drawn data: eval_size sequences. Data with an end: all of them, or the whole batches that eval_size has room for. */
static int plan_pass(struct sab_task *task, enum sab_split split, const struct sab_options *config, struct pass *pass,
                     struct sab_error *err)
{
    int size = config->run.eval_size, B = size > 0 && size < config->shared.batch ? size : config->shared.batch;
    int64_t batches = sab_task_batches(task, split, B);
    struct sab_batch first = {.size = sizeof first};
    if (size < 0 || B < 1)
        return sab_fail(err, SAB_INVALID, "an evaluation of %d sequences, %d at a time: neither makes sense", size, B);
    *pass = (struct pass){.B = B, .count = size};
    if (batches == 0 && size > 0)
        return SAB_OK;
    int status = sab_task_batch(task, split, 0, B, &first, err); /* the error says why, where there is no such split */
    if (status != SAB_OK)
        return status;
    status = sab_evaluate_check(&first, split, err);
    if (status != SAB_OK)
        return status;
    if (batches == 0)
        return sab_fail(err, SAB_INVALID, "--eval-size: 0 is all, and the data of the task %s have no end",
                        config->task.task);
    if (first.fresh || size == 0) { /* a stream is measured whole: its beginning would say little of the rest */
        B = sab_task_columns(task, split, config->shared.batch);
        batches = sab_task_batches(task, split, B);
    } else if (batches > size / B) {
        batches = size / B;
    }
    *pass = (struct pass){.B = B, .count = batches * B};
    return SAB_OK;
}

int sab_evaluate_plan(struct sab_task *task, enum sab_split split, const struct sab_options *config, int *B, int64_t *count,
                      struct sab_error *err)
{
    struct pass pass = {0};
    int status = plan_pass(task, split, config, &pass, err);
    *B = pass.B;
    *count = pass.count;
    return status;
}

static int has_weight(const struct sab_batch *batch)
{
    for (int t = 0; t < batch->T; t++)
        for (int b = 0; b < batch->B; b++)
            if (sab_batch_weight(batch, t, b) > 0)
                return 1;
    return 0;
}

/* Takes the batches of a pass through the model. */
static int go_through(struct sab_evaluation *e, struct sab_engine *engine, struct sab_task *task, enum sab_split split,
                      struct pass *pass, struct sab_error *err)
{
    struct sab_model *model = engine->model;
    struct sab_comm *comm = engine->comm;
    int status = SAB_OK;
    for (int64_t done = 0; status == SAB_OK && done < pass->count;) {
        int B = pass->count - done < pass->B ? (int)(pass->count - done) : pass->B;
        /* Batch number `index` of B holds the sequences index * B and on. A smaller last batch, of drawn data, takes
         * the first number past those done. */
        int64_t index = (done + B - 1) / B;
        struct sab_batch data = {.size = sizeof data};
        status = sab_own_batch(task, engine, split, index, B, &data, err);
        done += B;
        if (status == SAB_OK && !model->network->has_state) {
            data.fresh = NULL; /* each chunk alone */
            if (!has_weight(&data))
                continue;
        }
        int own = sab_comm_sequences(comm, B, NULL); /* a rank without sequences has a state of one, so that all
                                                        ranks know that there is one */
        if (status == SAB_OK && data.fresh && !pass->carried)
            status = sab_stream_create(&pass->carried, model, own > 0 ? own : 1, err);
        data.state = pass->carried;
        if (status == SAB_OK)
            status = sab_evaluation_batch(e, engine, &data, err);
        status = sab_comm_agree(comm, status, (uint64_t)index, "the batches of the evaluation", err);
        if (status == SAB_OK)
            status = sab_evaluation_share(e, comm, err);
    }
    return status == SAB_OK ? sab_evaluation_total(e, comm, err) : status;
}

/* NaN where there are none. */
static double mse_of(const struct sab_naive_errors *naive, int targets)
{
    double sum = 0;
    for (int o = 0; o < targets; o++)
        sum += naive->squares[o];
    return naive->count > 0 ? sum / ((double)naive->count * targets) : NAN;
}

/* What the task knows beside the outputs: units, and what answers that need no training would cost. */
static int finish(struct sab_evaluation *e, struct sab_task *task, enum sab_split split, int64_t season, struct sab_error *err)
{
    for (int o = 0; o < e->n_targets; o++)
        e->unit[o] = sab_task_unit(task, o);
    int status = sab_evaluation_end(e, err);
    if (status != SAB_OK || !e->targets)
        return status;
    e->naive.count = sab_task_naive(task, split, 0, e->naive.squares, e->naive.absolute);
    e->values[SAB_METRIC_LAST_VALUE_MSE] = mse_of(&e->naive, e->n_targets);
    if (season > 0)
        e->season.count = sab_task_naive(task, split, season, e->season.squares, e->season.absolute);
    e->values[SAB_METRIC_SEASON_VALUE_MSE] = mse_of(&e->season, e->n_targets);
    return SAB_OK;
}

int sab_evaluate_fully(struct sab_engine *engine, struct sab_task *task, enum sab_split split, const struct sab_options *config,
                       struct sab_evaluation *evaluation, struct sab_error *err)
{
    struct pass pass = {0};
    struct sab_error why = {0};
    int status = sab_evaluation_begin(evaluation, sab_model_shape(engine->model), &engine->model->quantiles, err);
    if (status == SAB_OK)
        status = plan_pass(task, split, config, &pass, err);
    status = sab_comm_agree(engine->comm, status, (uint64_t)pass.count, "the data", err);
    if (status == SAB_OK)
        status = go_through(evaluation, engine, task, split, &pass, err);
    sab_stream_free(pass.carried);
    if (status != SAB_OK)
        return status;
    status = finish(evaluation, task, split, config->task.csv.season, &why);
    uint64_t bits;
    memcpy(&bits, &evaluation->values[SAB_METRIC_LOSS], sizeof bits);
    status = sab_comm_agree(engine->comm, status, bits, "the losses", &why);
    if (status == SAB_FORMAT)
        return sab_fail(err, status, "there is nothing to evaluate on: no position of the %s data counts", sab_parts_names[split]);
    if (status == SAB_NUMERIC)
        return sab_fail(err, status, "%s on %s data", why.message, sab_parts_names[split]);
    if (status != SAB_OK)
        return sab_fail(err, status, "%s", why.message);
    if (!isnan(sab_task_bits_per_char(config->task.task, 0)))
        evaluation->values[SAB_METRIC_BITS] = sab_task_bits_per_char(config->task.task, evaluation->values[SAB_METRIC_LOSS]);
    return SAB_OK;
}

int sab_evaluate(struct sab_engine *engine, struct sab_task *task, enum sab_split split, const struct sab_options *config,
                 struct sab_metrics *metrics, struct sab_error *err)
{
    struct sab_evaluation evaluation;
    struct sab_metrics measured;
    int status = sab_sized_take(&sab_metrics_sized, &measured, metrics, err);
    if (status != SAB_OK)
        return status;
    status = sab_evaluate_fully(engine, task, split, config, &evaluation, err);
    measured = sab_evaluation_metrics(&evaluation);
    if (status == SAB_OK)
        sab_sized_give(metrics, &measured);
    sab_evaluation_clear(&evaluation);
    return status;
}
