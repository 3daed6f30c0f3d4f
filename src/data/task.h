/* The table of tasks: how data become batches. The public sab_task_* functions are a thin shell around it. Must not know
 * models or training.
 *
 * Adding a task: one file with a `const struct sab_task_kind`, its line here and in the table of task.c, one test. A task
 * that draws its sequences has an easier way: synthetic.h. */
#ifndef SAB_DATA_TASK_H
#define SAB_DATA_TASK_H

#include "data/options.h"
#include "data/own.h"
#include "sab_run.h"

struct sab_task_kind {
    const char *name;  /* what `sab train NAME` says, and by which rows of options say that it reads them */
    const char *help;  /* one line */
    int counts_bits;   /* 1: the loss is that of symbols of a text, measured in bits too */

    /* Checks the options this kind reads, opens and checks its files, fills shape. facts: NULL when a model is to be
     * trained: what must be known of the data is learned from the training part; else the JSON object that a trained
     * model kept (it may be hostile: facts.h), which the data must fit; data may then be "". config and shared live as
     * long as the task. On failure *state is left alone. */
    int (*create)(void **state, struct sab_shape *shape, const struct sab_task_options *config,
                  const struct sab_shared_options *shared, const char *facts, struct sab_error *err);
    void (*destroy)(void *state);

    /* The most steps of a batch; NULL: config->T. */
    int (*steps)(const void *state);

    /* Batches of B sequences in one pass over a split; 0: endless. NULL: all are. Where a split is absent the number
     * does not matter: `batch` says so. */
    int64_t (*batches)(const void *state, enum sab_split split, int B);

    /* Batch `index`, a pure function of (config, files, split, index, B). Training: any index, pass after pass, in an
     * order that is a function of (seed, pass) (shuffle.h). Other splits: index < batches where these are not 0, in the
     * order of the file, the last padded with sequences of weight 0. The arrays hold until the state's next call. Inputs and targets
     * that are not this process's own may be anything that is a number. */
    int (*batch)(void *state, enum sab_split split, int64_t index, int B, const struct sab_own *own, struct sab_batch *batch,
                 struct sab_error *err);

    /* Has the training part read from now on as the others are: each sequence once, in the order of the file. NULL where
     * it always is. */
    void (*read_in_order)(void *state);

    /* Of a split whose batches carry state, the most sequences that its batches have a use for. 0, or NULL: any number. */
    int (*columns)(const void *state, enum sab_split split);

    /* Targets o are as many as outputs, but for the loss of Q quantiles, where they are O / Q. */

    /* Forecasts that need no training: each target's value `season` steps before, or a multiple of it where what is forecast
     * lies farther ahead; the present value where that is not known, and with season 0. Adds up squared and absolute errors of
     * each target in the units of training, over the positions that an evaluation of the split scores. Returns how
     * many these are; 0 where such forecasts mean nothing. NULL: they never do. */
    int64_t (*naive)(const void *state, enum sab_split split, int64_t season, double *squares, double *absolute);

    /* The size of target o's unit of training in the units of the data. NULL: 1. */
    double (*unit)(const void *state, int o);

    /* The facts as a JSON text to be freed with sab_free. NULL: this kind has none. */
    int (*facts)(const void *state, char **json, struct sab_error *err);
};

extern const struct sab_task_kind sab_task_copy;
extern const struct sab_task_kind sab_task_adding;
extern const struct sab_task_kind sab_task_cue;
extern const struct sab_task_kind sab_task_transduce;
extern const struct sab_task_kind sab_task_idx;
extern const struct sab_task_kind sab_task_mnist;
extern const struct sab_task_kind sab_task_cifar10;
extern const struct sab_task_kind sab_task_text;

extern const struct sab_task_kind sab_task_npy;
extern const struct sab_task_kind sab_task_csv;

/* The task named in config; see sab_task_create of sab.h. It keeps copies of both. */
int sab_task_open(struct sab_task **out, const struct sab_task_options *config, const struct sab_shared_options *shared,
                  const char *facts, struct sab_error *err);

/* sab_task_batch of sab_run.h, but for what is not this process's own; own->columns is the task's. NULL: all of it. */
int sab_task_share(struct sab_task *task, enum sab_split split, int64_t index, int B, struct sab_own *own, struct sab_batch *batch,
                   struct sab_error *err);

/* The state of a task that is of this kind, which its own functions take; NULL of any other. */
void *sab_task_state(const struct sab_task *task, const struct sab_task_kind *kind);

/* Of a task csv, what --relative on would have made of it, in place of reading its files again. SAB_NOMEM. */
int sab_task_make_relative(struct sab_task *task, struct sab_error *err);

/* See `naive` and `unit` above. */
int64_t sab_task_naive(const struct sab_task *task, enum sab_split split, int64_t season, double *squares, double *absolute);
double sab_task_unit(const struct sab_task *task, int o);

/* The i-th kind, or NULL past the last. */
const struct sab_task_kind *sab_task_kind_at(int i);

#endif
