/* See evaluate.h. */
#include "train/evaluate.h"

#include <math.h>

#include "base/error.h"

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

int sab_evaluate(struct sab_model *model, struct sab_task *task, int size, int batch, int threads,
                 struct sab_metrics *metrics, struct sab_error *err)
{
    if (size < 1 || batch < 1)
        return sab_fail(err, SAB_INVALID, "an evaluation of %d sequences, %d at a time: both must be at least 1", size,
                        batch);
    struct sab_metrics sums = {0};
    for (int done = 0; done < size;) {
        int B = size - done < batch ? size - done : batch;
        /* Batch number `index` of B holds the sequences index * B and on. A smaller last batch takes the first number
         * past those done. */
        int64_t index = ((int64_t)done + B - 1) / B;
        struct sab_batch data;
        struct sab_metrics part;
        int status = sab_task_batch(task, SAB_TEST, index, B, &data, err);
        if (status == SAB_OK)
            status = sab_model_evaluate(model, &data, threads, NULL, &part, NULL, err);
        if (status != SAB_OK)
            return status;
        add(&sums, &part);
        done += B;
    }
    if (sums.weight > 0)
        sums.loss /= sums.weight;
    if (sums.scored > 0) {
        sums.accuracy /= (double)sums.scored;
        sums.mse /= (double)sums.scored;
    }
    if (!isfinite(sums.loss))
        return sab_fail(err, SAB_NUMERIC, "the loss on test data is %g", sums.loss);
    *metrics = sums;
    return SAB_OK;
}
