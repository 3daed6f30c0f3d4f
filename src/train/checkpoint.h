/* state.safetensors: all that resuming a run to the bit needs. Must not know the loop that asks for it.
 *
 *     PART.TENSOR          real, the tensor's shape, for each tensor of the model; PART is
 *         weights              as trained
 *         moment1, moment2     of the optimiser (sgd: its momentum, and no moment2)
 *         average              where the option average is above 0
 *         best                 the weights in model.safetensors, once there was an evaluation
 *     step, evaluated, best_step, since_best, metrics_nbytes    I64 [1]
 *     seconds, grad_norm                                        F64 [1]
 *     stream.*                 where batches go on from each other: the state between them (stream_file.h)
 *     last_metrics, best_metrics    F64 [6]: loss, accuracy, mse, weight, scored, grad_norm
 *     last_values.NAME, best_values.NAME    F64 [1]: what they measured, for each name in metric.h
 *     train_loss                    F64 [2]: sum over the updates since the last evaluation, and their number
 *
 * States of 0.1.0 have not the last two; with them a run is resumed as it was then.
 *
 * Metadata: config, shape, version, the facts about data, which must be those of the trainer's model, and the digest over
 * the file, which must be there and right. Random numbers, data
 * position and schedule are functions of step and need no place. */
#ifndef SAB_TRAIN_CHECKPOINT_H
#define SAB_TRAIN_CHECKPOINT_H

#include "train/metric.h"

struct sab_trainer;

/* What a run knows beside weights and optimiser. */
struct sab_run_state {
    int64_t evaluated;      /* step of the last evaluation; -1: none yet */
    int64_t best_step;      /* -1: none yet */
    int64_t since_best;     /* evaluations since then */
    int64_t metrics_nbytes; /* length of metrics.jsonl */
    double seconds;         /* spent training */
    double grad_norm;       /* of the last update */
    double train_loss[2];   /* of the updates since the last evaluation: sum and number */
    struct sab_metrics last, best;
    double last_values[SAB_METRIC_COUNT], best_values[SAB_METRIC_COUNT];
};

/* Writes atomically; what is newer on a device is brought here before. best: array parallel to the model's flat
 * weights; read only when state->best_step >= 0. */
int sab_state_save(const char *path, struct sab_trainer *trainer, const struct sab_run_state *state,
                   const sab_real *best, struct sab_error *err);

/* Fills the trainer (its model's weights too), state and, if state->best_step >= 0, best. *made_with, where the file says it, is
 * the configuration it was saved with, which must agree with the trainer's in what a run keeps: else SAB_INVALID. On failure
 * nothing else changed. */
int sab_state_load(const char *path, struct sab_trainer *trainer, struct sab_run_state *state, sab_real *best,
                   struct sab_options *made_with, struct sab_error *err);

/* Bytes of the weights, moments and best weights in such a file, for `count` weights; it is put together in memory. */
double sab_state_nbytes(const struct sab_optim_options *config, double count);

#endif
