/* The optimiser's moments on the machine, and its step. */
#include <stdio.h>

#include "base/error.h"
#include "cuda/gpu_state.h"

/* Room for the optimiser's own, at its first step. */
static int make_moments(struct sab_gpu *g, int with_average, struct sab_error *err)
{
    int status = SAB_OK;
    if (!g->moments)
        g->moments = sab_gpu_take_zeroed(g, 2 * g->count * sizeof(real), &status, err);
    if (!status && !g->undo)
        g->undo = sab_gpu_take_zeroed(g, 4 * g->count * sizeof(real), &status, err);
    if (!status && with_average && !g->average)
        g->average = sab_gpu_take_zeroed(g, g->count * sizeof(real), &status, err);
    if (!status && !g->bad)
        g->bad = sab_gpu_take_zeroed(g, sizeof *g->bad, &status, err);
    return status;
}

int sab_gpu_push_moments(struct sab_gpu *g, const sab_real *m, const sab_real *v, const sab_real *average, struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    size_t nbytes = g->count * sizeof(real);
    int status = make_moments(g, average != NULL, err);
    if (status)
        return status;
    mc->put(mc, g->moments, m, nbytes);
    if (v)
        mc->put(mc, g->moments + g->count, v, nbytes);
    if (average)
        mc->put(mc, g->average, average, nbytes);
    return mc->wait(mc, err);
}

int sab_gpu_pull_moments(struct sab_gpu *g, sab_real *m, sab_real *v, sab_real *average, struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    size_t nbytes = g->count * sizeof(real);
    int status = make_moments(g, average != NULL, err);
    if (status)
        return status;
    mc->get(mc, m, g->moments, nbytes);
    if (v)
        mc->get(mc, v, g->moments + g->count, nbytes);
    if (average)
        mc->get(mc, average, g->average, nbytes);
    return mc->wait(mc, err);
}

int sab_gpu_step(struct sab_gpu *g, const struct sab_optim_options *o, double rate, double scale, int64_t t, struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    size_t nbytes = g->count * sizeof(real);
    int has_v = o->optimizer != SAB_OPTIMIZER_SGD;
    int status = make_moments(g, o->average > 0, err);
    if (status)
        return status;
    double mean = 1 - 1 / (double)t;
    struct sab_gpu_update update = {
        .count = g->count, .optimizer = o->optimizer, .rate = rate, .scale = scale, .beta1 = o->beta1, .beta2 = o->beta2,
        .eps = o->eps, .momentum = o->momentum, .weight_decay = o->weight_decay, .t = t, .theta = g->theta, .m = g->moments,
        .v = has_v ? g->moments + g->count : NULL, .grad = g->grad, .average_share = 1 - (o->average < mean ? o->average : mean),
        .average = o->average > 0 ? g->average : NULL, .bad = g->bad,
    };
    int32_t bad = 0;
    mc->copy(mc, g->undo, g->theta, nbytes);
    mc->copy(mc, g->undo + g->count, g->moments, 2 * nbytes);
    if (update.average)
        mc->copy(mc, g->undo + 3 * g->count, g->average, nbytes);
    mc->zero(mc, g->bad, sizeof bad);
    mc->update(mc, &update);
    g->packed = 0;
    mc->get(mc, &bad, g->bad, sizeof bad);
    if (bad) {
        mc->copy(mc, g->theta, g->undo, nbytes);
        mc->copy(mc, g->moments, g->undo + g->count, 2 * nbytes);
        if (update.average)
            mc->copy(mc, g->average, g->undo + 3 * g->count, nbytes);
    }
    status = mc->wait(mc, err);
    if (status || !bad)
        return status;
    char clip[40] = "";
    if (o->clip > 0)
        snprintf(clip, sizeof clip, " or --clip %.4g", o->clip);
    return sab_fail(err, SAB_NUMERIC, "update %lld: the optimiser made a weight not finite; lower --lr %.4g%s", (long long)t, o->lr, clip);
}
