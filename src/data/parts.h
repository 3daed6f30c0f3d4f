/* Which of a task's files and which of their items are the training, validation and test part. */
#ifndef SAB_DATA_PARTS_H
#define SAB_DATA_PARTS_H

#include "data/options.h"

/* Cuts the items 0..n-1 of --data by --split: part s is bounds[s] <= i < bounds[s+1]. The share of a part that has a file
 * of its own (--valid-data, --test-data) goes to training. SAB_INVALID. */
int sab_parts_bounds(const struct sab_task_options *config, uint64_t n, uint64_t bounds[4], struct sab_error *err);

/* The path of the file that holds a part: of its own, or --data. */
const char *sab_parts_path(const struct sab_task_options *config, enum sab_split split);

/* SAB_INVALID for the part that `batch` was asked for and that has no items. */
int sab_parts_fail_empty(const struct sab_task_options *config, enum sab_split split, struct sab_error *err);

#endif
