/* Which of a task's files and which of their items are the training, validation and test part. */
#ifndef SAB_DATA_PARTS_H
#define SAB_DATA_PARTS_H

#include "data/options.h"

enum { SAB_PARTS = SAB_TEST + 1 };

/* "training" and "--data", "validation" and "--valid-data", "test" and "--test-data". */
extern const char *const sab_parts_names[SAB_PARTS], *const sab_parts_options[SAB_PARTS];

/* Cuts the items 0..n-1 of --data by the value of --split, "0.9,0.05,0.05": three numbers from 0 to 1 that add up to at most 1. Part s is
 * bounds[s] <= i < bounds[s+1]. What the fractions leave over at the end is in none, but that a sum of 1 reaches to n. The share
 * of a part that has data of its own (has_own[SAB_VALID], has_own[SAB_TEST]) goes to the part before it. SAB_INVALID names the
 * text. */
int sab_parts_cut(const char *split, const int has_own[SAB_PARTS], uint64_t n, uint64_t bounds[SAB_PARTS + 1], struct sab_error *err);

/* The same where --valid-data and --test-data say which parts have data of their own. */
int sab_parts_bounds(const struct sab_task_options *config, uint64_t n, uint64_t bounds[SAB_PARTS + 1], struct sab_error *err);

/* The file or folder that an option names for the part alone; "" where there is none. Of the training part it is --data. */
const char *sab_parts_own(const struct sab_task_options *config, int split);

/* SAB_INVALID for the part that `batch` was asked for and that has no items. */
int sab_parts_fail_empty(const struct sab_task_options *config, enum sab_split split, struct sab_error *err);

#endif
