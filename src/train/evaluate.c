/* See evaluate.h. */
#include "train/evaluate.h"

#include <math.h>

#include "base/error.h"
#include "data/task.h"
#include "model/network.h"

static const char *const split_names[] = {"training", "validation", "test"};

/* Joins means that were taken over parts: loss by weight, accuracy and mse by number of scored positions. */
static void add(struct sab_metrics *sums, const struct sab_metrics *part)
{
    if (part->weight > 0)
        sums->loss += part->loss * part->weight;
    if (part->scored > 0) {
        sums->accuracy += part->accuracy * (double)part->scored;
        sums->mse += part->mse * (double)part->scored;
    }
    sums->weight += part->weight;
    sums->scored += part->scored;
}

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
                    split_names[split]);
}

/* Drawn data: eval_size sequences. Data with an end: all of them, or the whole batches that eval_size has room for. */
static int plan_pass(struct sab_task *task, enum sab_split split, const struct sab_config *config, struct pass *pass,
                     struct sab_error *err)
{
    int size = config->eval_size, B = size > 0 && size < config->batch ? size : config->batch;
    int64_t batches = sab_task_batches(task, split, B);
    struct sab_batch first;
    if (size < 0 || B < 1)
        return sab_fail(err, SAB_INVALID, "an evaluation of %d sequences, %d at a time: neither makes sense", size, B);
    *pass = (struct pass){.B = B, .count = size};
    if (batches == 0 && size > 0)
        return SAB_OK;
    int status = sab_task_batch(task, split, 0, B, &first, err); /* says why where there is none */
    if (status != SAB_OK)
        return status;
    status = sab_evaluate_check(&first, split, err);
    if (status != SAB_OK)
        return status;
    if (batches == 0)
        return sab_fail(err, SAB_INVALID, "--eval-size: 0 is all, and the data of the task %s have no end",
                        config->task);
    if (first.fresh || size == 0) { /* a part of a stream says little of the stream */
        B = sab_task_columns(task, split, config->batch);
        batches = sab_task_batches(task, split, B);
    } else if (batches > size / B) {
        batches = size / B;
    }
    *pass = (struct pass){.B = B, .count = batches * B};
    return SAB_OK;
}

static int has_weight(const struct sab_batch *batch)
{
    for (int t = 0; t < batch->T; t++)
        for (int b = 0; b < batch->B; b++)
            if (sab_batch_weight(batch, t, b) > 0)
                return 1;
    return 0;
}

int sab_evaluate(struct sab_model *model, struct sab_task *task, enum sab_split split, const struct sab_config *config,
                 struct sab_metrics *metrics, struct sab_error *err)
{
    struct pass pass = {0};
    struct sab_metrics sums = {0};
    int status = plan_pass(task, split, config, &pass, err);
    for (int64_t done = 0; status == SAB_OK && done < pass.count;) {
        int B = pass.count - done < pass.B ? (int)(pass.count - done) : pass.B;
        /* Batch number `index` of B holds the sequences index * B and on. A smaller last batch, of drawn data, takes
         * the first number past those done. */
        int64_t index = (done + B - 1) / B;
        struct sab_batch data;
        struct sab_metrics part;
        status = sab_task_batch(task, split, index, B, &data, err);
        done += B;
        if (status == SAB_OK && !model->network->has_state) {
            data.fresh = NULL; /* each chunk alone */
            if (!has_weight(&data))
                continue;
        }
        if (status == SAB_OK && data.fresh && !pass.carried)
            status = sab_stream_create(&pass.carried, model, B, err);
        data.state = pass.carried;
        if (status == SAB_OK)
            status = sab_model_evaluate(model, &data, config->threads, NULL, &part, NULL, err);
        if (status == SAB_OK)
            add(&sums, &part);
    }
    sab_stream_free(pass.carried);
    if (status != SAB_OK)
        return status;
    if (!(sums.weight > 0))
        return sab_fail(err, SAB_FORMAT, "there is nothing to evaluate on: no position of the %s data counts",
                        split_names[split]);
    sums.loss /= sums.weight;
    if (sums.scored > 0) {
        sums.accuracy /= (double)sums.scored;
        sums.mse /= (double)sums.scored;
    }
    if (!isfinite(sums.loss))
        return sab_fail(err, SAB_NUMERIC, "the loss on %s data is %g", split_names[split], sums.loss);
    *metrics = sums;
    return SAB_OK;
}
