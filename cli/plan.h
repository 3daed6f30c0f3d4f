/* What a training would do and need, without doing it. */
#ifndef SAB_CLI_PLAN_H
#define SAB_CLI_PLAN_H

#include "cli/ceilings.h"
#include "train/options.h"

struct sab_plan {
    int64_t parameters;
    int sequence_steps;          /* T of the task's batches */
    int has_files;               /* the task reads its data */
    int threads, shards;
    struct sab_shape shape;
    double weights_nbytes;       /* in every layout, optimiser and checkpoint copies included */
    double gradients_nbytes;     /* one per shard */
    double activations_nbytes;   /* of all threads */
    int carries, recomputes;     /* batches carry state; windows are run again */
    double budget_nbytes;
    double now_nbytes, most_nbytes; /* of the process that plans, data of the task included */
    double peak_nbytes;          /* resident, of the process that trains */
    struct sab_ceilings ceilings; /* of one thread */
    double reached;              /* share of windows that gradient enters */
    int evaluation_columns;      /* sequences at a time */
    double evaluation_batches;   /* of one evaluation */
    double update_s, run_s;      /* forecasts; NaN for a device */
    double device_nbytes;        /* of its memory; 0 for the processor */
    int device_steps;            /* that are computed at a time there */
    char *facts;                 /* of the task, owned; or NULL */
};

/* plan is zero, or was made before: its ceilings are not measured again. Clear in every case.
 * SAB_INVALID, SAB_NOMEM as making the task and the model do, and where --memory or the device's is too small. */
int sab_plan_make(const struct sab_options *config, struct sab_plan *plan, struct sab_error *err);
/* To stdout: lines, or one JSON object. */
void sab_plan_print(const struct sab_options *config, const struct sab_plan *plan, int as_json);

void sab_plan_clear(struct sab_plan *plan);

/* Threads that --threads N comes to. */
int sab_plan_threads(int threads);

#endif
