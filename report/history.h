/* What a run measured as it went (metrics.jsonl) as a table, and for other programs: as an event file of TensorBoard, as CSV. */
#ifndef SAB_REPORT_HISTORY_H
#define SAB_REPORT_HISTORY_H

#include "sab_run.h"

/* A row for each evaluation, a column for each figure that any of them has. */
struct sab_history {
    int columns;
    int64_t rows;
    char **names;   /* [columns] */
    double *values; /* [rows,columns]; NaN where an evaluation lacks the figure */
};

/* Reads the run in a folder; one that was just begun has no rows. SAB_IO, SAB_FORMAT, SAB_NOMEM; clear in every case. */
int sab_history_read(struct sab_history *history, const char *run, struct sab_error *err);
void sab_history_clear(struct sab_history *history);

/* Writes folder/events.out.tfevents.0.sab: each figure as a scalar at its update, the run's options as hyperparameters. Times are
 * seconds since the run began. The folder is made. */
int sab_history_events(const struct sab_history *history, const struct sab_options *options, const char *folder,
                       struct sab_error *err);

struct sab_events;
/* Adds the run's options as hyperparameters. */
void sab_events_options(struct sab_events *events, double time, const struct sab_options *options);

/* Writes a CSV file with the names of the columns and the rows; what is not there is empty. */
int sab_history_csv(const struct sab_history *history, const char *path, struct sab_error *err);

#endif
