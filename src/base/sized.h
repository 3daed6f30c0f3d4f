/* Public structs that a caller makes begin with their size: a program that was compiled with the header of an older version
 * brings less than this one knows. What it does not bring is 0, what it has no room for it does not get. */
#ifndef SAB_BASE_SIZED_H
#define SAB_BASE_SIZED_H

#include "sab_run.h"

struct sab_sized {
    const char *what, *type;  /* "the batch", "struct sab_batch" */
    size_t first, now;        /* sizes of the oldest that is served, and of this version */
};

extern const struct sab_sized sab_batch_sized, sab_metrics_sized, sab_recall_sized, sab_request_sized, sab_shape_sized;
extern const struct sab_sized sab_watch_sized, sab_outcome_sized, sab_forecast_sized, sab_sampling_sized;

/* A struct of the caller's, which begins with its size, as one of this version: *whole has kind->now bytes. With given NULL,
 * which is legal where the caller says so, nothing is written. SAB_INVALID for a size that no version had. */
int sab_sized_take(const struct sab_sized *kind, void *whole, const void *given, struct sab_error *err);

/* *whole, of this version, into a struct of the caller's that sab_sized_take saw, as far as that goes; its size stays. NULL: nothing. */
void sab_sized_give(void *given, const void *whole);

#endif
