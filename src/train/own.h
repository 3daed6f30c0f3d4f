/* Which sequences of a batch a rank has a use for: what a task is told before it reads. */
#ifndef SAB_TRAIN_OWN_H
#define SAB_TRAIN_OWN_H

#include "data/task.h"

/* sab_task_batch for an engine: where ranks share its batches, inputs and targets of the others' sequences are not read. */
int sab_own_batch(struct sab_task *task, struct sab_engine *engine, enum sab_split split, int64_t index, int B, struct sab_batch *batch,
                  struct sab_error *err);

#endif
