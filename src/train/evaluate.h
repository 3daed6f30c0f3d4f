/* Measures a model on test data that training never sees. */
#ifndef SAB_TRAIN_EVALUATE_H
#define SAB_TRAIN_EVALUATE_H

#include "sab.h"

/* Metrics over `size` test sequences of the task, `batch` at a time: the same sequences at each call, so that results
 * can be compared. Errors name what failed; SAB_NUMERIC when the loss is not finite. */
int sab_evaluate(struct sab_model *model, struct sab_task *task, int size, int batch, int threads,
                 struct sab_metrics *metrics, struct sab_error *err);

#endif
