/* A run, trained: sab_train_watched of sab_run.h, which says what a run folder holds. Must not know the terminal, argv. */
#ifndef SAB_TRAIN_RUN_H
#define SAB_TRAIN_RUN_H

#include "sab_run.h"
#include "train/metric.h"

/* As sab_train_watched, but for the sizes of watch and outcome, which are not looked at: whoever includes this has the structs of
 * this version. */
int sab_run_train(const struct sab_options *config, int resume, const struct sab_watch *watch, struct sab_outcome *outcome,
                  struct sab_error *err);

/* The configuration of the run in folder `dir`; *config is new, and left alone on failure. */
int sab_run_config(const char *dir, struct sab_options *config, struct sab_error *err);

/* Looks whether files have the parts that a run needs, then does what sab_task_settle does; *carries: state goes on from batch
 * to batch. */
int sab_run_settle(struct sab_task *task, struct sab_options *config, int *carries, struct sab_error *err);

#endif
