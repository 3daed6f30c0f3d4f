/* See plan.h. The sizes are asked of the code that will take the memory. */
#include "forecast/plan.h"

#include <math.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/team.h"
#include "credit/budget.h"
#include "cuda/device.h"
#include "data/task.h"
#include "forecast/duration.h"
#include "model/stream.h"
#include "sab_run.h"
#include "train/checkpoint.h"
#include "train/dropout.h"
#include "train/run.h"
#include "train/trainer.h"

/* What each lane after the first adds: 0.2 to 0.9 on two processors (docs/performance.md). */
static const double LANE_GAIN = 0.5;

struct sab_ceilings sab_plan_together(const struct sab_ceilings *one, int threads, int are_lanes)
{
    int processors = sab_processors(), n = threads < processors ? threads : processors;
    double times = are_lanes ? 1 + LANE_GAIN * (n - 1) : n;
    struct sab_ceilings top = *one;
    top.flops *= times;
    top.scores *= times;
    top.functions *= times;
    return top;
}

double sab_plan_balance(int B, int threads)
{
    double shards = (B - 1) / SAB_SHARD + 1;
    return ceil(shards / threads) * threads / shards;
}

/* ---- sizes ---- */

/* What is known of a network of some width, all of it polynomials of degree 2 in H. */
enum {
    PARAMETERS, THETA, LAYOUTS, STORED, RECOMPUTED, FORWARD, STREAM, STATE, GRADIENTS,
    UPDATE_PRODUCTS, UPDATE_REST, REPLAY_PRODUCTS, REPLAY_REST, EVALUATION_PRODUCTS, EVALUATION_REST, /* seconds */
    SIZES
};

/* Work of an update, what replay adds to it, and work of an evaluation's batch. */
static void measure_time(const struct sab_model *model, const struct sab_options *config, const struct sab_plan *plan,
                         double sizes[SIZES])
{
    struct sab_cost cost;
    struct sab_duration work[3];
    for (int i = 0; i < 3; i++) {
        double reached = i < 2 ? plan->reached : 0;
        int B = i < 2 ? config->shared.batch : plan->evaluation_columns, are_lanes = plan->lanes > 1 && B <= SAB_SHARD;
        struct sab_ceilings top = sab_plan_together(&plan->ceilings, are_lanes ? plan->lanes : plan->workers, are_lanes);
        sab_cost_count(model, (int)ceil(plan->length), B, reached, i == 1, &cost);
        if (plan->shape.input == SAB_INPUT_VALUES) /* products of few inputs hardly begin */
            cost.flops[SAB_PHASE_INPUT] *= 1 + 12.0 / plan->shape.I;
        work[i] = sab_duration_of(&cost, &top);
        work[i].products_s *= plan->share;
        work[i].rest_s *= plan->share;
        sizes[UPDATE_PRODUCTS + 2 * i] = work[i].products_s - (i == 1 ? work[0].products_s : 0);
        sizes[UPDATE_REST + 2 * i] = work[i].rest_s - (i == 1 ? work[0].rest_s : 0);
    }
}

/* The sizes of a network with H hidden units. */
static int measure(const struct sab_options *config, const struct sab_plan *plan, int H, double sizes[SIZES],
                   struct sab_error *err)
{
    struct sab_model_options small = config->model; /* its texts are borrowed */
    struct sab_model *model = NULL;
    struct sab_need need[3] = {0};
    small.hidden = H;
    int status = sab_model_build(&model, &small, &config->shared, &plan->shape, err);
    if (status == SAB_OK)
        status = sab_model_check_steps(model, plan->sequence_steps, err);
    struct sab_extent extent = {.T = plan->sequence_steps, .B = config->shared.batch, .workers = plan->workers, .together = 1,
                                .masks = config->optim.dropout > 0 || config->optim.dropout_recurrent > 0};
    if (status == SAB_OK && !plan->is_apart)
        extent.together = sab_extent_together(model, config->model.hidden, extent.B, extent.workers);
    if (status == SAB_OK && plan->carries && model->K > 0)
        extent.carried_cap = model->layers[0].remind.keep.slots;
    for (int backward = SAB_FORWARD_ONLY; backward <= SAB_RECOMPUTED && status == SAB_OK; backward++)
        status = sab_need_count(model, &extent, backward, &need[backward], err);
    if (status == SAB_OK) {
        sizes[PARAMETERS] = 0;
        for (int i = 0; i < sab_model_tensor_count(model); i++)
            sizes[PARAMETERS] += (double)sab_model_tensor(model, i)->count;
        sizes[THETA] = (double)model->n_theta;
        sizes[LAYOUTS] = sab_held_nbytes(model);
        sizes[STORED] = need[SAB_STORED].activations;
        sizes[RECOMPUTED] = need[SAB_RECOMPUTED].activations;
        sizes[FORWARD] = need[SAB_FORWARD_ONLY].activations;
        sizes[STREAM] = plan->carries ? sab_stream_nbytes(model, config->shared.batch, extent.carried_cap) : 0;
        sizes[STATE] = plan->carries ? sab_stream_state_nbytes(model, config->shared.batch, extent.carried_cap) : 0;
        sizes[GRADIENTS] = need[SAB_STORED].gradients;
        measure_time(model, config, plan, sizes);
    }
    sab_model_free(model);
    return status;
}

/* A plan must not need what it plans for. Three small networks tell the sizes of a large one (polynomials in H rounded up
 * to a row's padding, but for the number of parameters). */
static int extrapolate(const struct sab_options *config, const struct sab_plan *plan, double sizes[SIZES],
                       struct sab_error *err)
{
    /* the columns of each head, where there are some, are padded too */
    int has_heads = config->model.model == SAB_KIND_TRANSFORMER && config->model.heads != 1 &&
        config->model.heads != 2 && config->model.heads != 4;
    int step = has_heads ? SAB_LANES * config->model.heads : 64;
    int nodes[3] = {step, 2 * step, 3 * step};
    double at[3][SIZES];
    int status = SAB_OK;
    if (config->model.hidden <= nodes[2])
        return measure(config, plan, config->model.hidden, sizes, err);
    for (int i = 0; i < 3 && status == SAB_OK; i++)
        status = measure(config, plan, nodes[i], at[i], err);
    for (int k = 0; k < SIZES && status == SAB_OK; k++) {
        double x = k == PARAMETERS ? config->model.hidden : sab_pad(config->model.hidden);
        sizes[k] = 0;
        for (int i = 0; i < 3; i++) {
            double a = nodes[(i + 1) % 3], b = nodes[(i + 2) % 3];
            sizes[k] += at[i][k] * ((x - a) * (x - b) / ((nodes[i] - a) * (nodes[i] - b)));
        }
        if (k < UPDATE_PRODUCTS)
            sizes[k] = round(sizes[k]);
    }
    return status;
}

/* ---- memory ---- */

/* Bytes that this process holds now, and held at most: the program, its libraries and the task's data. */
static void look_at_process(double *now, double *most)
{
    struct rusage usage = {0};
    long pages = 0;
    getrusage(RUSAGE_SELF, &usage);
    *most = 1024.0 * (double)usage.ru_maxrss;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    *now = pages > 0 ? (double)pages * (double)sysconf(_SC_PAGESIZE) : *most;
}

/* Bytes of the arrays of a batch that is drawn. */
static double batch_nbytes(const struct sab_options *config, const struct sab_plan *plan)
{
    const struct sab_shape *shape = &plan->shape;
    double in = shape->input == SAB_INPUT_IDS ? sizeof(int32_t) : sizeof(sab_real) * shape->I;
    double out = shape->loss == SAB_LOSS_CROSS_ENTROPY ? sizeof(int32_t) : sizeof(sab_real) * shape->O;
    return (in + out + sizeof(sab_real) + 1) * plan->sequence_steps * config->shared.batch;
}

/* What the program comes to need beyond its own arrays: code that runs for the first time, buffers of files, and a stack
 * for each thread. Measured. */
enum { PROGRAM_NBYTES = 300 << 10, THREAD_NBYTES = 100 << 10 };

/* Of the budget, what is taken before activations and gradients. */
static double held_nbytes(const struct sab_options *config, const double sizes[SIZES], const struct sab_plan *plan)
{
    return sizes[LAYOUTS] + sab_trainer_nbytes(&config->optim, sizes[THETA]) + batch_nbytes(config, plan);
}

/* Whether shards that are taken together are within the budget with all their activations; else they are taken one after the other. */
static int allows_together(const struct sab_options *config, const double sizes[SIZES], const struct sab_plan *plan)
{
    return held_nbytes(config, sizes, plan) + sizes[STORED] + sizes[GRADIENTS] <= sab_budget_nbytes(&config->model);
}

static int add_up(const struct sab_options *config, const double sizes[SIZES], struct sab_plan *plan,
                  struct sab_error *err)
{
    struct sab_need stored = {sizes[STORED], sizes[GRADIENTS]}, recomputed = {sizes[RECOMPUTED], sizes[GRADIENTS]};
    double data = batch_nbytes(config, plan), held = held_nbytes(config, sizes, plan) - data;
    int backward;
    plan->parameters = llround(sizes[PARAMETERS]);
    plan->weights_nbytes = held + sizes[THETA] * sizeof(sab_real); /* the best ones are kept */
    plan->gradients_nbytes = sizes[GRADIENTS];
    plan->budget_nbytes = sab_budget_nbytes(&config->model);
    int status = sab_budget_choose(&config->model, plan->budget_nbytes, held + data, &stored, &recomputed, &backward,
                                   err);
    plan->recomputes = backward == SAB_RECOMPUTED;
    plan->activations_nbytes = plan->recomputes ? sizes[RECOMPUTED] : sizes[STORED];
    /* Training and evaluation share a block; state is carried in one stream of each. A checkpoint is put together in
     * memory, the carried state twice, when the evaluation is over. */
    double engine = plan->gradients_nbytes + fmax(plan->activations_nbytes, sizes[FORWARD]);
    double saving = sab_state_nbytes(&config->optim, sizes[THETA]) + 2 * sizes[STATE];
    double left_out = sab_dropout_nbytes(config, &plan->shape, plan->sequence_steps, config->shared.batch);
    double peak = left_out + plan->now_nbytes + PROGRAM_NBYTES + plan->threads * (double)THREAD_NBYTES + plan->weights_nbytes + engine +
                  sizes[STREAM] + (saving > sizes[STREAM] ? saving : sizes[STREAM]) + (plan->has_files ? 0 : data);
    plan->peak_nbytes = peak > plan->most_nbytes ? peak : plan->most_nbytes;
    return status;
}

/* ---- time ---- */

/* The share of a sequence's windows with a loss. */
static double count_losses(struct sab_task *task, const struct sab_options *config, int T)
{
    enum { MOST_STEPS = 1000000 }; /* more are not drawn for this */
    struct sab_batch batch = {.size = sizeof batch};
    int n = 0, losses = 0;
    if (T > MOST_STEPS || sab_task_batch(task, SAB_TRAIN, 0, 1, &batch, NULL) != SAB_OK)
        return 1;
    for (int t0 = 0; t0 < batch.T; n++) {
        int t = t0, end = batch.T - t0 > config->model.k_trunc ? t0 + config->model.k_trunc : batch.T;
        while (t < end && !(sab_batch_weight(&batch, t, 0) > 0))
            t++;
        losses += t < end;
        t0 = end;
    }
    return (double)losses / n;
}

/* Products take as long as there are steps, scores as the squares of lengths. */
static int look_at_lengths(struct sab_task *task, const struct sab_options *config, struct sab_plan *plan, struct sab_error *err)
{
    enum { BATCHES = 4 };
    double n = 0, steps = 0, squares = 0;
    for (int i = 0; i < BATCHES; i++) {
        struct sab_batch batch = {.size = sizeof batch};
        int status = sab_task_batch(task, SAB_TRAIN, i, config->shared.batch, &batch, err);
        if (status != SAB_OK)
            return status;
        for (int b = 0; b < batch.B; b++) {
            double length = batch.lengths ? batch.lengths[b] : batch.T;
            n++;
            steps += length;
            squares += length * length;
        }
    }
    plan->length = squares / steps;
    plan->share = steps / n / plan->length;
    return SAB_OK;
}

double sab_plan_reached(struct sab_task *task, const struct sab_options *config, int T)
{
    int is_whole = config->model.credit == SAB_CREDIT_BPTT || config->model.credit == SAB_CREDIT_ATTENTION;
    if (config->model.model != SAB_KIND_RECURRENT || is_whole)
        return 1;
    int is_recalled = config->model.credit == SAB_CREDIT_SAB && config->model.k_top > 0 && config->model.mental_updates;
    double losses = count_losses(task, config, T), written = fmin(1, (double)config->model.k_trunc / config->model.k_att);
    return losses + (is_recalled ? (1 - losses) * written : 0);
}

/* Batches of one evaluation while training. */
static double count_evaluation(struct sab_task *task, const struct sab_options *config, const struct sab_plan *plan)
{
    double asked = ceil((double)config->run.eval_size / config->shared.batch);
    double all = (double)sab_task_batches(task, SAB_VALID, plan->evaluation_columns);
    return all > 0 && (plan->carries || config->run.eval_size == 0 || all < asked) ? all : asked;
}

/* While sequences grow from a tenth to their length, an update takes half as long. */
static void forecast_time(const struct sab_options *config, const double sizes[SIZES], struct sab_plan *plan)
{
    struct sab_duration update = {sizes[UPDATE_PRODUCTS], sizes[UPDATE_REST]};
    struct sab_duration evaluation = {sizes[EVALUATION_PRODUCTS], sizes[EVALUATION_REST]};
    double balance = sab_plan_balance(config->shared.batch, plan->workers),
        evaluation_balance = sab_plan_balance(plan->evaluation_columns, plan->workers);
    double growing = plan->has_files ? 0 : (double)(config->task.drawn.curriculum < config->optim.steps
                                                    ? config->task.drawn.curriculum : config->optim.steps);
    double evaluations = 1 + (config->run.eval_every > 0 ? (double)((config->optim.steps - 1) / config->run.eval_every) : 0);
    if (plan->recomputes) {
        update.products_s += sizes[REPLAY_PRODUCTS];
        update.rest_s += sizes[REPLAY_REST];
    }
    plan->update_s = sab_duration_clock_s(update, config->model.hidden, balance);
    plan->evaluation_s = plan->evaluation_batches * sab_duration_clock_s(evaluation, config->model.hidden, evaluation_balance);
    plan->run_s = ((double)config->optim.steps - growing / 2) * plan->update_s + evaluations * plan->evaluation_s;
}

/* Asks the device, which must be there. */
static int ask_device(const struct sab_options *config, struct sab_plan *plan, struct sab_error *err)
{
    struct sab_model *model = NULL;
    struct sab_device *device = NULL;
    if (sab_device_is_cpu(config->run.device))
        return SAB_OK;
    int status = sab_model_build(&model, &config->model, &config->shared, &plan->shape, err);
    if (status == SAB_OK)
        status = sab_device_open(&device, config->run.device, model, err);
    if (status == SAB_OK)
        status = sab_gpu_need(device->gpu, &config->optim, plan->sequence_steps, config->shared.batch,
                              plan->carries && model->K > 0 ? model->layers[0].remind.keep.slots : 0, &plan->device_nbytes,
                              &plan->device_steps, err);
    sab_device_close(device);
    sab_model_free(model);
    plan->update_s = plan->run_s = plan->evaluation_s = NAN;
    return status;
}

/* What the training would not get, here and now. With a device, activations are there. */
static int check_room(const struct sab_options *config, const struct sab_plan *plan, struct sab_error *err)
{
    const double gib = 1 << 30;
    double there, need = sab_device_is_cpu(config->run.device) ? plan->peak_nbytes - plan->now_nbytes : plan->weights_nbytes;
    if (sab_memory_allows(need, &there))
        return SAB_OK;
    char less[80];
    sab_options_less(config, "batch T hidden", less, sizeof less);
    return sab_fail(err, SAB_NOMEM, "this training needs %.1f GiB of memory; %.1f GiB are free%s%s%s", need / gib, there / gib,
                    less[0] ? ": " : "", less, less[0] ? " needs less" : "");
}

/* What the open task tells: shape and lengths, whether batches go on from each other, how large evaluations are. Makes a batch. */
static int look_at_task(struct sab_task *task, const struct sab_options *config, struct sab_options *settled, struct sab_plan *plan,
                        struct sab_error *err)
{
    struct sab_judge judge;
    plan->shape = *sab_task_shape(task);
    plan->sequence_steps = sab_task_steps(task);
    plan->has_files = sab_task_facts(task) != NULL;
    plan->length = plan->sequence_steps;
    plan->share = 1;
    int status = sab_judge_make(&judge, config, &plan->shape, !isnan(sab_task_bits_per_char(config->task.task, 0)), err);
    if (status == SAB_OK)
        status = sab_dropout_check(config, &plan->shape, err);
    if (status == SAB_OK && plan->has_files)
        status = sab_run_settle(task, settled, &plan->carries, err);
    if (status == SAB_OK && plan->has_files && !plan->carries)
        status = look_at_lengths(task, config, plan, err);
    if (status != SAB_OK)
        return status;
    look_at_process(&plan->now_nbytes, &plan->most_nbytes);
    plan->reached = sab_plan_reached(task, config, plan->sequence_steps);
    plan->evaluation_columns = plan->carries ? sab_task_columns(task, SAB_VALID, config->shared.batch) : config->shared.batch;
    plan->evaluation_batches = count_evaluation(task, config, plan);
    return SAB_OK;
}

/* How many threads will have work, of those asked for. */
static int count_threads(const struct sab_options *config, struct sab_plan *plan, struct sab_error *err)
{
    struct sab_model_options small = config->model; /* its texts are borrowed */
    struct sab_model *model = NULL;
    small.hidden = SAB_LANES * (small.heads > 0 ? small.heads : 1);
    int status = sab_model_build(&model, &small, &config->shared, &plan->shape, err);
    if (status != SAB_OK)
        return status;
    plan->lanes = sab_extent_lanes(model, config->model.hidden, plan->shards, plan->threads);
    plan->threads = plan->lanes > plan->workers ? plan->lanes : plan->workers;
    sab_model_free(model);
    return SAB_OK;
}

/* Memory and time, of what look_at_task left. */
static int work_out(const struct sab_options *config, const struct sab_options *settled, struct sab_plan *plan, struct sab_error *err)
{
    double sizes[SIZES];
    const struct sab_kernels *kernels = sab_kernels_choose(config->shared.cpu);
    int status = SAB_OK;
    if (kernels && plan->ceilings.threads == 0)
        status = sab_ceilings_measure(kernels, 1, 1, &plan->ceilings, err);
    if (status == SAB_OK)
        status = count_threads(settled, plan, err);
    if (status == SAB_OK)
        status = extrapolate(settled, plan, sizes, err);
    plan->is_apart = status == SAB_OK && !allows_together(config, sizes, plan);
    if (status == SAB_OK && plan->is_apart)
        status = extrapolate(settled, plan, sizes, err);
    if (status == SAB_OK)
        status = add_up(config, sizes, plan, err);
    if (status == SAB_OK)
        forecast_time(config, sizes, plan);
    if (status == SAB_OK)
        status = ask_device(settled, plan, err);
    return status == SAB_OK ? check_room(config, plan, err) : status;
}

int sab_plan_make(const struct sab_options *config, struct sab_task *task, void (*opened)(void *user, struct sab_task *task), void *user,
                  struct sab_plan *plan, struct sab_error *err)
{
    struct sab_task *own = NULL;
    struct sab_options settled;
    *plan = (struct sab_plan){.ceilings = plan->ceilings};
    plan->shards = (config->shared.batch - 1) / SAB_SHARD + 1;
    plan->threads = sab_threads_of(config->shared.threads);
    plan->workers = plan->threads < plan->shards ? plan->threads : plan->shards;
    int status = sab_options_copy(&settled, config, err);
    settled.task.drawn.curriculum = 0; /* full length from the first batch */
    if (status == SAB_OK)
        status = task ? SAB_OK : sab_task_create(&own, &settled, NULL, err);
    task = task ? task : own;
    if (status == SAB_OK && opened)
        opened(user, task);
    if (status == SAB_OK)
        status = look_at_task(task, config, &settled, plan, err);
    sab_task_free(own);
    if (status == SAB_OK)
        status = work_out(config, &settled, plan, err);
    sab_options_clear(&settled);
    return status;
}
