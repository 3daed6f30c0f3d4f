/* The inside of a trainer, for those who save and restore it (checkpoint.c) or look through its average (run.c). */
#ifndef SAB_TRAIN_TRAINER_H
#define SAB_TRAIN_TRAINER_H

#include "train/dropout.h"

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
    int is_ahead;            /* m, v and average are newer on the engine's device */
    struct sab_stream *carried; /* state between batches that go on from each other; NULL before the first such. Of this rank's
                                   sequences; of one where it has none */
    int carried_B;           /* sequences of the whole batch, of all ranks */
    struct sab_dropout dropout; /* what it makes of the batch under way */
    sab_real *undo;          /* theta, m and v as they were before the update under way */
};

/* Bytes of the arrays of a trainer of `count` weights. */
double sab_trainer_nbytes(const struct sab_optim_options *config, double count);

/* sab_trainer_update of a batch that was to be made with this status. Where it is not SAB_OK, and err says why, the batch's T and B are
 * enough: on several ranks the others are told, on one it is returned. */
int sab_trainer_update_after(struct sab_trainer *trainer, int status, const struct sab_batch *batch, struct sab_metrics *metrics,
                             struct sab_error *err);

/* Brings weights, moments and average here from the engine's device: to be called before they are read or written. On failure
 * nothing has changed. */
int sab_trainer_fetch(struct sab_trainer *trainer, struct sab_error *err);

/* Exchanges the weights with their average, and back when called again; nothing happens where no average is kept or no
 * update is done. With a device: after sab_trainer_fetch. */
void sab_trainer_swap_average(struct sab_trainer *trainer);

#endif
