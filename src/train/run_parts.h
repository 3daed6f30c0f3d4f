/* A run while it is made ready and while it goes on: what run_prepare.c, run_save.c and run.c share, and nobody else includes. */
#ifndef SAB_TRAIN_RUN_PARTS_H
#define SAB_TRAIN_RUN_PARTS_H

#include "train/checkpoint.h"
#include "train/metric.h"
#include "train/options.h"
#include "train/trainer.h"

/* Durations of the latest updates, for the median. */
enum { SAB_RUN_RECENT = 1024 };

struct sab_run {
    struct sab_options config; /* out is the run folder */
    const struct sab_watch *watch;
    struct sab_comm *comm;     /* NULL: one rank */
    int wants_stop;            /* this rank's watcher; the others learn of it with the next update */
    struct sab_judge judge;
    struct sab_task *task;
    struct sab_model *model;
    struct sab_trainer *trainer;
    struct sab_run_state state;
    sab_real *best;           /* weights of state.best */
    int64_t saved_step;       /* of state.safetensors; -1: none */
    int64_t saved_evaluated;  /* its state.evaluated */
    int lock;                 /* of the folder; -1: none */
    int is_begun;             /* a new run, whose folder has a config.json */
    int is_folder_made;       /* by this run */
    int is_torn;              /* an evaluation was written in part only: state and files no longer agree */
    double rate;              /* of the last update */
    double smoothed;          /* seconds per update */
    double recent[SAB_RUN_RECENT];
    int64_t updates;          /* in this session */
};

/* ---- ranks ---- */

/* Whether this rank writes files: rank 0, or the only one. */
int sab_run_writes(const struct sab_run *run);
/* Collective: a status that is the same on all ranks, the first failure. */
int sab_run_agree(const struct sab_run *run, int status, struct sab_error *err);

/* ---- making ready: run_prepare.c ---- */

/* Collective. Task, model, trainer and room for the best weights, of checked options: config with the folder's name set. What was made
 * before a failure stays in *run, for whoever frees it. */
int sab_run_prepare(struct sab_run *run, const struct sab_options *config, int is_resumed, struct sab_error *err);
/* Collective. The folder of a new run, locked, with its config.json; the state and files of one that goes on. */
int sab_run_begin(struct sab_run *run, struct sab_error *err);
int sab_run_resume(struct sab_run *run, struct sab_error *err);

/* ---- saving: run_save.c ---- */

int sab_run_save_state(struct sab_run *run, struct sab_error *err);
/* Whether state.safetensors holds what is known now. */
int sab_run_is_saved(const struct sab_run *run);
/* Writes model.safetensors with the weights in run->best. */
int sab_run_save_best(struct sab_run *run, struct sab_error *err);

#endif
