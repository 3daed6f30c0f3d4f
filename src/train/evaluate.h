/* Measures the model of an engine on one split of a task. */
#ifndef SAB_TRAIN_EVALUATE_H
#define SAB_TRAIN_EVALUATE_H

#include "train/evaluation.h"
#include "train/options.h"

/* sab_evaluate (sab.h) with every figure. Measures the first eval_size sequences of the split, batch at a time, the
 * same ones at each call; where eval_size is 0 or state is carried from batch to batch, the whole split; of data with
 * an end, whole batches only. To have the training part in the order of its files, call sab_task_read_in_order before.
 * Errors name what failed; SAB_NUMERIC when the loss is not finite. Clear the evaluation in every case. */
int sab_evaluate_fully(struct sab_engine *engine, struct sab_task *task, enum sab_split split, const struct sab_options *config,
                       struct sab_evaluation *evaluation, struct sab_error *err);

/* How it goes through a split: *count sequences, *B at a time. Errors as above; makes a batch of what has an end. */
int sab_evaluate_plan(struct sab_task *task, enum sab_split split, const struct sab_options *config, int *B, int64_t *count,
                      struct sab_error *err);

/* SAB_FORMAT where a batch of the split has no labels and no targets. */
int sab_evaluate_check(const struct sab_batch *batch, enum sab_split split, struct sab_error *err);

#endif
