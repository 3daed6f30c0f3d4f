/* Dropout: of an update's inputs and of its states, one mask a sequence, the same at all its steps. docs/math/dropout.md. */
#ifndef SAB_TRAIN_DROPOUT_H
#define SAB_TRAIN_DROPOUT_H

#include "base/random.h"
#include "model/model.h"
#include "train/options.h"

/* Room for what an update's batch gets instead of its own. */
struct sab_dropout {
    sab_real *inputs, *masks;
    size_t inputs_count, masks_count;
};

void sab_dropout_clear(struct sab_dropout *dropout);

/* SAB_INVALID where inputs are symbols, of which none can be left out, or where states are to be left out of a network
 * that cannot. */
int sab_dropout_check(const struct sab_options *options, const struct sab_shape *shape, struct sab_error *err);

/* Bytes of the masks and inputs of B sequences of T steps. */
double sab_dropout_nbytes(const struct sab_options *options, const struct sab_shape *shape, int T, int B);

/* The batch of update `step` with inputs left out and masks of its states, as the options want. A batch of impossible sizes is left
 * to the engine, which refuses it. */
int sab_dropout_batch(struct sab_dropout *dropout, const struct sab_options *options, const struct sab_model *model, int64_t step,
                      struct sab_batch *batch, struct sab_error *err);

/* x [T,B,I] times the mask of update `step`, in place: the gradient of inputs that were left out. */
void sab_dropout_inputs(double p, uint64_t seed, int64_t step, int T, int B, int I, const sab_real *x, sab_real *to);

/* to [L,B,H]: 0 with probability p, else 1 / (1 - p), a function of (seed, purpose, step, layer, sequence, unit). */
void sab_dropout_masks(double p, uint64_t seed, enum sab_purpose purpose, int64_t step, int L, int B, int H, sab_real *to);

#endif
