/* The task csv beyond struct sab_task_kind: what predicting needs to say which row an output belongs to. */
#ifndef SAB_DATA_CSV_TASK_H
#define SAB_DATA_CSV_TASK_H

#include "data/csv_table.h"
#include "data/scaling.h"

/* What the first step of column b of a batch is. */
struct sab_csv_spot {
    const char *series; /* its name, or NULL */
    int64_t row;        /* the row within the series, from 0; -1: the column is padding */
    const int64_t *numbers; /* of that row and those after it in the file's series, from 1, 0: the row was added; NULL: row + 1, ... */
    const int64_t *times;   /* of the same rows; NULL: the task has no times */
};

/* Whether --relative on is possible and is not on: forecasts of values, of columns that are inputs too. */
int sab_csv_could_be_relative(const void *state);

/* Makes it so, where it is possible and not yet so. SAB_NOMEM. */
int sab_csv_make_relative(void *state, struct sab_error *err);

struct sab_csv_spot sab_csv_task_spot(const void *state, enum sab_split split, int64_t index, int B, int b);

#endif
