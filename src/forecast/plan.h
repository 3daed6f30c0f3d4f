/* What a training would do and need, without doing it: sab_forecast of sab_run.h, and what else the lab asks. */
#ifndef SAB_FORECAST_PLAN_H
#define SAB_FORECAST_PLAN_H

#include "forecast/ceilings.h"
#include "train/options.h"

struct sab_plan {
    int64_t parameters;
    int sequence_steps;          /* T of the task's batches */
    double length, share;        /* where sequences are of unlike length: length is the mean, over steps, of the
                                    length of the sequence that a step is in, and share the mean length divided by
                                    it; else sequence_steps and 1 */
    int has_files;               /* the task reads its data */
    int threads, shards;         /* threads that have work; a batch is cut into so many parts */
    int workers, lanes;          /* threads that take parts, and that take the steps of the only one together */
    struct sab_shape shape;
    double weights_nbytes;       /* in every layout, optimiser and checkpoint copies included */
    double gradients_nbytes;     /* one per shard */
    double activations_nbytes;   /* of all threads */
    int is_apart;                /* memory is short for shards that are taken together, so they are not */
    int carries, recomputes;     /* batches carry state; windows are run again */
    double budget_nbytes;
    double now_nbytes, most_nbytes; /* of the process that plans, data of the task included */
    double peak_nbytes;          /* resident, of the process that trains */
    struct sab_ceilings ceilings; /* of one thread */
    double reached;              /* share of windows that gradient enters */
    int evaluation_columns;      /* sequences at a time */
    double evaluation_batches;   /* of one evaluation */
    double update_s, evaluation_s, run_s; /* forecasts; NaN for a device */
    double device_nbytes;        /* of its memory; 0 for the processor */
    int device_steps;            /* that are computed at a time there */
};

/* plan is zero, or was made before: its ceilings are not measured again. task (may be NULL) is one of files that was made with these
 * options, which is not opened again then. opened (may be NULL) sees the task, once it is open.
 * SAB_INVALID, SAB_NOMEM as making the task and the model do, and where the free memory, --memory or the device's is too small. */
int sab_plan_make(const struct sab_options *config, struct sab_task *task, void (*opened)(void *user, struct sab_task *task), void *user,
                  struct sab_plan *plan, struct sab_error *err);

/* The share of windows that the backward pass goes through: 1 where the sequence is one window; else at most those with
 * a loss and those whose memories are recalled. Makes a batch. */
double sab_plan_reached(struct sab_task *task, const struct sab_options *config, int T);

/* Ceilings of so many threads, from those of one, which other programs disturb least; the memory is shared. As lanes they are less: they
 * wait for each other at every step. */
struct sab_ceilings sab_plan_together(const struct sab_ceilings *one, int threads, int are_lanes);

/* How much longer an update of B sequences takes than if every thread had work to its end: some have a shard less than
 * others. */
double sab_plan_balance(int B, int threads);

#endif
