/* See check_forecast.h. From sizes alone: a network that is too large to be checked must not be made to find that out. */
#include "lab/check_forecast.h"

#include "base/alloc.h"
#include "base/error.h"
#include "forecast/plan.h"
#include "model/network.h"

/* Weights and their gradient as users see them, padded, packed for both directions; the gradient of the only shard, or of all; the arrays
 * of the batch, and their gradients; the hidden state of every step. */
static int check_room(const struct sab_options *config, const struct sab_check_spec *spec, const struct sab_model *outline,
                      struct sab_error *err)
{
    const double gib = 1 << 30;
    const struct sab_shape *shape = &spec->shape;
    double T = config->task.T, B = config->shared.batch, shards = (config->shared.batch - 1) / SAB_SHARD + 1, there;
    double in = shape->input == SAB_INPUT_IDS ? spec->parts : (spec->parts + 1.0) * shape->I;
    double out = shape->loss == SAB_LOSS_CROSS_ENTROPY ? 1 : shape->O;
    double numbers = 2 * (double)outline->n_theta + (3 + shards) * (double)outline->n_padded +
                     T * B * (in + out + 1 + shape->O + (double)config->model.hidden * config->model.layers);
    if (sab_memory_allows(numbers * sizeof(sab_real), &there))
        return SAB_OK;
    return sab_fail(err, SAB_NOMEM, "a gradient of %zu weights over %d sequences of %d steps, with %d inputs and %d outputs each, needs "
                    "%.1f GiB of memory; %.1f GiB are free: a smaller --hidden, --batch, --T, --I or --O needs less", outline->n_theta,
                    config->shared.batch, config->task.T, shape->I, shape->O, numbers * sizeof(sab_real) / gib, there / gib);
}

static double count_evaluations(const struct sab_model *outline, int samples)
{
    double parameters = 0;
    for (int i = 0; i < sab_model_tensor_count(outline) && samples >= 0; i++) {
        double count = (double)sab_model_tensor(outline, i)->count;
        parameters += samples > 0 && samples < count ? samples : count;
    }
    return 4 * parameters + 1;
}

/* Each weight once a step, packed once an evaluation; scores of all pairs of steps. */
static int work_out(const struct sab_options *config, const struct sab_model *outline, double evaluations, double *seconds,
                    struct sab_error *err)
{
    const double FEW = 5e11, PEAK_SHARE = 0.7, PACKED_NUMBERS = 4;
    const struct sab_model_options *m = &config->model;
    struct sab_ceilings top;
    double T = config->task.T, B = config->shared.batch, weights = (double)outline->n_theta;
    int attends = m->model != SAB_KIND_RECURRENT || m->credit == SAB_CREDIT_ATTENTION || (m->credit == SAB_CREDIT_SAB && m->k_top > 0);
    double width = m->attention_width > 0 ? m->attention_width : m->hidden;
    double flops = 2 * weights * T * B, scores = attends ? m->layers * B * T * T / 2 / m->k_att * width : 0;
    double nbytes = PACKED_NUMBERS * sizeof(sab_real) * weights;
    *seconds = 0;
    if (evaluations * (flops + scores + nbytes) < FEW)
        return SAB_OK;
    int status = sab_ceilings_measure(outline->kernels, 1, 1, &top, err);
    if (status == SAB_OK)
        *seconds = evaluations * (flops / (PEAK_SHARE * top.flops) + scores / top.scores + nbytes / top.nbytes);
    return status;
}

int sab_check_foretell(const struct sab_options *config, const struct sab_check_spec *spec, int samples,
                       struct sab_check_forecast *forecast, struct sab_error *err)
{
    struct sab_model *outline;
    int status = sab_model_outline(&outline, &config->model, &config->shared, &spec->shape, err);
    if (status != SAB_OK)
        return status;
    forecast->evaluations = count_evaluations(outline, samples);
    status = check_room(config, spec, outline, err);
    if (status == SAB_OK)
        status = work_out(config, outline, forecast->evaluations, &forecast->seconds, err);
    sab_model_free(outline);
    return status;
}
