/* Optimisers, clipping and schedules as pure functions on flat arrays. Every element is computed alone and every sum
 * has one order, so nothing here depends on threads. Must not know models, tasks or files. */
#ifndef SAB_OPTIM_OPTIM_H
#define SAB_OPTIM_OPTIM_H

#include "optim/options.h"

/* The learning rate of the update that follows `step` updates. With s = step - warmup:
 *     warm-up (s < 0)   lr (step + 1) / warmup
 *     constant          lr
 *     cosine            lr (f + (1 - f) (1 + cos(pi s / (steps - warmup))) / 2)     f = lr_final; past the end lr f
 *     step              lr lr_decay^floor(s / lr_every) */
double sab_optim_rate(const struct sab_optim_options *config, int64_t step);

/* Euclidean norm: squares are summed in double, in blocks of a fixed size, the blocks in order. */
double sab_optim_norm(const sab_real *x, size_t count);

/* What a gradient of this norm is multiplied with so that its norm is at most clip; 1 when clip is 0. */
double sab_optim_clip(double norm, double clip);

/* 1 if every element is finite. */
int sab_optim_is_finite(const sab_real *x, size_t count);

/* One update of theta [count] by the rule that config names, with g = scale grad and t = 1 for the first update:
 *     adam    g += weight_decay theta;   m = beta1 m + (1 - beta1) g;   v = beta2 v + (1 - beta2) g^2
 *             theta -= rate m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)         (Kingma and Ba, 2015)
 *     adamw   theta -= rate weight_decay theta, then adam without the decay              (Loshchilov and Hutter, 2019)
 *     sgd     g += weight_decay theta;   m = momentum m + g;   theta -= rate m
 * m and v [count] start at 0; v is used by adam and adamw only and may be NULL for sgd. An element with theta, grad, m
 * and v all 0 stays 0. */
void sab_optim_update(const struct sab_optim_options *config, double rate, double scale, int64_t t, size_t count,
                      sab_real *theta, sab_real *m, sab_real *v, const sab_real *grad);

/* average += (1 - d) (theta - average) with d = min(decay, 1 - 1/t), t = 1 for the first call: the plain mean of the
 * weights while t < 1 / (1 - decay), the exponential one from then on; it never remembers the zeros it starts from. */
void sab_optim_average(double decay, int64_t t, size_t count, sab_real *average, const sab_real *theta);

#endif
