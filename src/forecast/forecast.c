/* Forecasts for callers of the library: sab_forecast of sab_run.h. */
#include <math.h>

#include "base/sized.h"
#include "forecast/plan.h"
#include "forecast/work.h"
#include "sab_run.h"
#include "train/evaluate.h"

int sab_forecast(const struct sab_options *options, void (*opened)(void *user, struct sab_task *task), void *user,
                 struct sab_forecast *out, struct sab_error *err)
{
    struct sab_plan plan = {0};
    struct sab_forecast before;
    int status = sab_sized_take(&sab_forecast_sized, &before, out, err);
    if (status == SAB_OK)
        status = sab_options_check(options, err);
    if (status == SAB_OK)
        status = sab_plan_make(options, opened, user, &plan, err);
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

/* Whether an evaluation of so many sequences could take more than some seconds, from sizes alone: products, and scores of all pairs
 * of steps. */
static int is_long(const struct sab_options *options, const struct sab_shape *shape, int T, double count)
{
    const double FLOPS = 5e11;
    double H = options->model.hidden, L = options->model.layers, I = shape->input == SAB_INPUT_IDS ? 0 : shape->I;
    double step = 2 * (4 * H * (L * 2 * H + I) + 4 * H * H + 2 * H * shape->O);
    return count * T * (step + L * H * T / options->model.k_att) > FLOPS;
}

int sab_forecast_evaluation(const struct sab_options *options, struct sab_task *task, enum sab_split split, double *sequences,
                            double *seconds, struct sab_error *err)
{
    struct sab_ceilings one;
    struct sab_model *model;
    struct sab_cost cost;
    int64_t count;
    int B, T = sab_task_steps(task), status = sab_evaluate_plan(task, split, options, &B, &count, err);
    if (status != SAB_OK)
        return status;
    if (!is_long(options, sab_task_shape(task), T, (double)count)) {
        *sequences = (double)count;
        *seconds = 0;
        return SAB_OK;
    }
    status = sab_model_build(&model, &options->model, &options->shared, sab_task_shape(task), err);
    if (status != SAB_OK)
        return status;
    int threads = sab_plan_threads(options->shared.threads), shards = (B - 1) / SAB_SHARD + 1;
    sab_cost_count(model, T, B, 0, 0, &cost);
    status = sab_ceilings_measure(model->kernels, 1, 1, &one, err);
    if (status == SAB_OK) {
        int n = threads < shards ? threads : shards;
        struct sab_ceilings top = sab_plan_together(&one, n);
        struct sab_seconds work = sab_work_seconds(&cost, &top);
        *sequences = (double)count;
        *seconds = ceil((double)count / B) * sab_work_clock(work, options->model.hidden, sab_plan_balance(B, n));
    }
    sab_model_free(model);
    return status;
}
