/* The sequences of a part of the data that are worth looking at. */
#ifndef SAB_REPORT_SEQUENCES_H
#define SAB_REPORT_SEQUENCES_H

#include "sab.h"

/* Positions of a batch that are scored. */
int64_t sab_sequences_scored(const struct sab_batch *batch);

/* Takes the first batch of at most B sequences; where nothing in it counts, as in rows of a series before its test part, the one with
 * most that does. Sequences at its end without a step that counts are left out. All are as if they began here. *index is the number of
 * the batch. */
int sab_sequences_take(struct sab_task *task, enum sab_split split, int B, struct sab_batch *batch, int64_t *index,
                       struct sab_error *err);

#endif
