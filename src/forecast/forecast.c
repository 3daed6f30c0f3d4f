/* Forecasts for callers of the library: sab_forecast of sab_run.h. */
#include <limits.h>
#include <math.h>

#include "base/error.h"
#include "base/team.h"
#include "base/sized.h"
#include "credit/budget.h"
#include "forecast/duration.h"
#include "forecast/plan.h"
#include "sab_run.h"
#include "train/evaluate.h"

static int forecast(const struct sab_options *options, struct sab_task *task, void (*opened)(void *user, struct sab_task *task), void *user,
                    struct sab_forecast *out, struct sab_error *err)
{
    struct sab_plan plan = {0};
    struct sab_forecast before;
    int status = sab_sized_take(&sab_forecast_sized, &before, out, err);
    if (status == SAB_OK)
        status = sab_options_check(options, err);
    if (status == SAB_OK)
        status = sab_plan_make(options, task, opened, user, &plan, err);
    if (status != SAB_OK)
        return status;
    const struct sab_forecast made = {
        .size = sizeof made,
        .parameters = plan.parameters,
        .shape = plan.shape,
        .sequence_steps = plan.sequence_steps,
        .has_files = plan.has_files,
        .threads = plan.threads,
        .shards = plan.shards,
        .recomputes = plan.recomputes,
        .weights_nbytes = plan.weights_nbytes,
        .gradients_nbytes = plan.gradients_nbytes,
        .activations_nbytes = plan.activations_nbytes,
        .budget_nbytes = plan.budget_nbytes,
        .peak_nbytes = plan.peak_nbytes,
        .update_s = plan.update_s,
        .evaluation_s = plan.evaluation_s,
        .run_s = plan.run_s,
        .device_nbytes = plan.device_nbytes,
        .device_steps = plan.device_steps,
    };
    sab_sized_give(out, &made);
    return SAB_OK;
}

int sab_forecast(const struct sab_options *options, void (*opened)(void *user, struct sab_task *task), void *user,
                 struct sab_forecast *out, struct sab_error *err)
{
    return forecast(options, NULL, opened, user, out, err);
}

int sab_forecast_task(const struct sab_options *options, struct sab_task *task, struct sab_forecast *out, struct sab_error *err)
{
    return forecast(options, sab_task_facts(task) ? task : NULL, NULL, NULL, out, err);
}

/* Less work than this takes some seconds at most: measuring how many would take as long. */
static const double FEW_FLOPS = 5e11;

/* Whether so many sequences could take longer, from sizes alone: products, and scores of all pairs of steps. */
static int is_long(const struct sab_options *options, const struct sab_shape *shape, int T, double count)
{
    double H = options->model.hidden, L = options->model.layers, I = shape->input == SAB_INPUT_IDS ? 0 : shape->I;
    double step = 2 * (4 * H * (L * 2 * H + I) + 4 * H * H + 2 * H * shape->O);
    return count * T * (step + L * H * T / options->model.k_att) > FEW_FLOPS;
}

/* Seconds that `batches` batches take; reached: the share of windows that the backward pass goes through, 0 in
 * evaluations. */
static int work_out(const struct sab_model *model, int T, int B, double batches, double reached, int threads, double *seconds,
                    struct sab_error *err)
{
    struct sab_ceilings one;
    struct sab_cost cost;
    int shards = (B - 1) / SAB_SHARD + 1, all = sab_threads_of(threads), n = all < shards ? all : shards;
    int lanes = sab_extent_lanes(model, model->H, shards, all);
    double nbytes = 0;
    sab_cost_count(model, T, B, reached, 0, &cost);
    for (int phase = 0; phase < SAB_PHASE_COUNT; phase++)
        nbytes += cost.nbytes[phase];
    *seconds = 0;
    if (batches * (sab_cost_flops(&cost) + cost.elements[SAB_PHASE_SCORE] + nbytes) < FEW_FLOPS)
        return SAB_OK;
    int status = sab_ceilings_measure(model->kernels, 1, 1, &one, err);
    if (status != SAB_OK)
        return status;
    struct sab_ceilings top = sab_plan_together(&one, lanes > n ? lanes : n, lanes > n);
    *seconds = batches * sab_duration_clock_s(sab_duration_of(&cost, &top), model->H, sab_plan_balance(B, n));
    return SAB_OK;
}

int sab_forecast_batches(const struct sab_model *model, int T, int B, double batches, int is_backward, int threads, double *seconds,
                         double *nbytes, struct sab_error *err)
{
    struct sab_need need;
    const int MOST = INT_MAX / 16; /* as of a batch */
    if (T < 1 || B < 1 || T > MOST || B > MOST)
        return sab_fail(err, SAB_INVALID, "sab_forecast_batches: %d steps of %d sequences; each is in 1..%d", T, B, MOST);
    int shards = (B - 1) / SAB_SHARD + 1, workers = sab_threads_of(threads);
    struct sab_extent extent = {.T = T, .B = B, .workers = workers < shards ? workers : shards, .together = 1};
    int status = sab_need_count(model, &extent, is_backward ? SAB_RECOMPUTED : SAB_FORWARD_ONLY, &need, err);
    if (status != SAB_OK)
        return status;
    *nbytes = need.activations + need.gradients;
    return work_out(model, T, B, batches, is_backward, threads, seconds, err);
}

/* As work_out, of the model that options and task make. */
static int work_out_task(const struct sab_options *options, struct sab_task *task, int B, double batches, double reached,
                         double *seconds, struct sab_error *err)
{
    struct sab_model *model;
    int T = sab_task_steps(task);
    *seconds = 0;
    if (!is_long(options, sab_task_shape(task), T, batches * B * (1 + 2 * reached)))
        return SAB_OK;
    int status = sab_model_build(&model, &options->model, &options->shared, sab_task_shape(task), err);
    if (status != SAB_OK)
        return status;
    status = work_out(model, T, B, batches, reached, options->shared.threads, seconds, err);
    sab_model_free(model);
    return status;
}

int sab_forecast_training(const struct sab_options *options, struct sab_task *task, double *seconds, struct sab_error *err)
{
    return work_out_task(options, task, options->shared.batch, (double)options->optim.steps,
                         sab_plan_reached(task, options, sab_task_steps(task)), seconds, err);
}

int sab_forecast_evaluation(const struct sab_options *options, struct sab_task *task, enum sab_split split, double *sequences,
                            double *seconds, struct sab_error *err)
{
    int64_t count;
    int B, status = sab_evaluate_plan(task, split, options, &B, &count, err);
    if (status != SAB_OK)
        return status;
    *sequences = (double)count;
    return work_out_task(options, task, B, ceil((double)count / B), 0, seconds, err);
}
