/* A run: a folder in which a model is trained, stopped, resumed and read back.
 *
 *     config.json          every option, resolved, and the version that wrote it
 *     metrics.jsonl        one JSON object a line: what was measured at each evaluation
 *     model.safetensors    the best weights so far by the run's metric (config and task shape in the metadata)
 *     state.safetensors    all that resuming needs: weights, optimiser moments, average, counters, best, patience
 *
 *     lock                 while a process trains in it: which one
 *
 * Each file is replaced atomically. Must not know: the terminal, argv. */
#ifndef SAB_TRAIN_RUN_H
#define SAB_TRAIN_RUN_H

#include <signal.h>

#include "train/metric.h"

/* What a watcher sees, after each update (evaluated = 0) and each evaluation (evaluated = 1). */
struct sab_progress {
    int64_t step, steps;
    struct sab_metrics metrics; /* of the update's batch, or of the evaluation */
    const double *values;       /* evaluation: all that it measured, in the order of metric.h; else NULL */
    enum sab_metric_id judged_by; /* what makes weights the best */
    int evaluated;
    int is_best;                /* evaluation: the best so far */
    double lr;
    double seconds;             /* spent in this run, earlier sessions included */
    double seconds_per_update;  /* recent, smoothed */
};

struct sab_run_hooks {
    void (*opened)(void *user, const struct sab_task *task); /* the data, before the first update; may be NULL */
    void (*begun)(void *user); /* from here on there is something to save, and stop is looked at; may be NULL */
    void (*progress)(void *user, const struct sab_progress *progress); /* may be NULL */
    void (*notice)(void *user, const char *sentence); /* what one should know of a resumed run; may be NULL */
    void *user;
    const volatile sig_atomic_t *stop; /* may be NULL; not 0: leave the update or evaluation, save, return SAB_INTERRUPTED */
};

struct sab_run_result {
    int64_t steps;
    int64_t updates;          /* of these, made by this call */
    double seconds, seconds_per_update; /* the latter a median over updates */
    struct sab_metrics last;  /* the last evaluation */
    struct sab_metrics best;  /* the evaluation of the weights in model.safetensors */
    double best_values[SAB_METRIC_COUNT]; /* all of that evaluation */
    int64_t best_step;
    enum sab_metric_id judged_by; /* what made it the best */
    int stopped_early;        /* stop_at or patience */
    char weights_digest[33];  /* of the training weights after the last update */
    char out[SAB_DIR_CAP];
};

/* Trains the task of config in its folder out (made if absent). A folder that already holds a run is refused unless
 * resume is 1; then config must agree in all that SAB_DECIDES with its config.json, that with state.safetensors, and steps
 * must not be below those made. While it trains, the folder's file `lock` is locked: SAB_IO where another process holds it.
 * A new run that fails before its first update leaves nothing. result may be partly filled on SAB_INTERRUPTED and
 * SAB_NUMERIC, after which the run can be resumed. */
int sab_run_train(const struct sab_options *config, int resume, const struct sab_run_hooks *hooks,
                  struct sab_run_result *result, struct sab_error *err);

/* The configuration of the run in folder `dir`; *config is new, and left alone on failure. */
int sab_run_config(const char *dir, struct sab_options *config, struct sab_error *err);

/* Looks whether files have the parts that a run needs, then does what sab_task_settle does; *carries: state goes on from batch
 * to batch. */
int sab_run_settle(struct sab_task *task, struct sab_options *config, int *carries, struct sab_error *err);

#endif
