/* The inside of a trainer, for those who save and restore it (checkpoint.c) or look through its average (run.c). */
#ifndef SAB_TRAIN_TRAINER_H
#define SAB_TRAIN_TRAINER_H

#include "train/options.h"

/* Arrays lie parallel to the model's flat weights: [count], the gaps between tensors 0. */
struct sab_trainer {
    struct sab_options config;
    struct sab_model *model; /* borrowed */
    struct sab_engine *engine;
    int64_t step;            /* updates done */
    double rate;             /* above 0: instead of the schedule's */
    size_t count;
    sab_real *theta, *grad;  /* the model's */
    sab_real *m, *v;         /* moments; v is NULL for sgd */
    sab_real *average;       /* NULL where config.optim.average is 0 */
    struct sab_stream *carried; /* state between batches that go on from each other; NULL before the first such */
    sab_real *undo;          /* theta, m and v as they were before the update under way */
};

/* Bytes of the arrays of a trainer of `count` weights. */
double sab_trainer_nbytes(const struct sab_optim_options *config, double count);

/* Exchanges the weights with their average, and back when called again; nothing happens where no average is kept or no
 * update is done. */
void sab_trainer_swap_average(struct sab_trainer *trainer);

#endif
