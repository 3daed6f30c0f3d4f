/* Dropout of inputs: one mask a sequence, the same at all its steps. docs/math/dropout.md. */
#ifndef SAB_TRAIN_DROPOUT_H
#define SAB_TRAIN_DROPOUT_H

#include "train/options.h"

/* SAB_INVALID where inputs are symbols, of which none can be left out. */
int sab_dropout_check(const struct sab_optim_options *options, const struct sab_shape *shape, struct sab_error *err);

/* to = values [T,B,I] times the mask of update `step`: to may be values. The mask [B,I] is a function of (seed, step, sequence, input):
 * 0 with probability p, else 1 / (1 - p). */
void sab_dropout_apply(double p, uint64_t seed, int64_t step, int T, int B, int I, const sab_real *values, sab_real *to);

#endif
