/* The update rules, element by element. See optim.h for the equations. */
#include <assert.h>
#include <math.h>

#include "optim/optim.h"

#ifdef SAB_DOUBLE
#define ROOT sqrt
#else
#define ROOT sqrtf
#endif

static void update_adam(const struct sab_optim_options *config, double rate, double scale, int64_t t, size_t count,
                        sab_real *theta, sab_real *m, sab_real *v, const sab_real *grad)
{
    int is_decoupled = config->optimizer == SAB_OPTIMIZER_ADAMW;
    sab_real gain = (sab_real)scale, eps = (sab_real)config->eps;
    sab_real decay = (sab_real)(is_decoupled ? 0 : config->weight_decay);
    sab_real keep = (sab_real)(is_decoupled ? 1 - rate * config->weight_decay : 1);
    sab_real b1 = (sab_real)config->beta1, c1 = (sab_real)(1 - config->beta1);
    sab_real b2 = (sab_real)config->beta2, c2 = (sab_real)(1 - config->beta2);
    /* rate m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps), with what is the same for all elements taken out. */
    sab_real pace = (sab_real)(rate / (1 - pow(config->beta1, (double)t)));
    sab_real root = (sab_real)(1 / sqrt(1 - pow(config->beta2, (double)t)));
    for (size_t i = 0; i < count; i++) {
        sab_real g = gain * grad[i] + decay * theta[i];
        m[i] = b1 * m[i] + c1 * g;
        v[i] = b2 * v[i] + c2 * g * g;
        theta[i] = keep * theta[i] - pace * m[i] / (ROOT(v[i]) * root + eps);
    }
}

static void update_sgd(const struct sab_optim_options *config, double rate, double scale, size_t count, sab_real *theta,
                       sab_real *m, const sab_real *grad)
{
    sab_real gain = (sab_real)scale, decay = (sab_real)config->weight_decay;
    sab_real momentum = (sab_real)config->momentum, pace = (sab_real)rate;
    for (size_t i = 0; i < count; i++) {
        m[i] = momentum * m[i] + (gain * grad[i] + decay * theta[i]);
        theta[i] -= pace * m[i];
    }
}

void sab_optim_update(const struct sab_optim_options *config, double rate, double scale, int64_t t, size_t count,
                      sab_real *theta, sab_real *m, sab_real *v, const sab_real *grad)
{
    if (config->optimizer == SAB_OPTIMIZER_SGD)
        update_sgd(config, rate, scale, count, theta, m, grad);
    else
        update_adam(config, rate, scale, t, count, theta, m, v, grad);
}

void sab_optim_average(double decay, int64_t t, size_t count, sab_real *average, const sab_real *theta)
{
    assert(t >= 1 && 0 <= decay && decay < 1);
    double mean = 1 - 1 / (double)t;
    sab_real share = (sab_real)(1 - (decay < mean ? decay : mean));
    for (size_t i = 0; i < count; i++)
        average[i] += share * (theta[i] - average[i]);
}
