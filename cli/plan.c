/* See plan.h. The sizes are asked of the code that will take the memory. */
#include "cli/plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "cli/json_out.h"
#include "cli/say.h"
#include "credit/shard.h"
#include "train/folder.h"

int sab_plan_threads(int threads)
{
#ifdef _OPENMP
    return threads > 0 ? threads : omp_get_num_procs();
#else
    (void)threads;
    return 1;
#endif
}

/* ---- sizes ---- */

enum { PARAMETERS, THETA, PADDED, FULL_SHARD, LAST_SHARD, SIZES };

/* The sizes of a network with H hidden units. */
static int measure(const struct sab_config *config, const struct sab_shape *shape, int T, int H, double sizes[SIZES],
                   struct sab_error *err)
{
    struct sab_config small = *config;
    struct sab_model *model = NULL;
    size_t full = 0, last = 0;
    small.hidden = H;
    int rest = config->batch % SAB_SHARD, status = sab_model_create(&model, &small, shape, err);
    if (status == SAB_OK && config->batch >= SAB_SHARD)
        status = sab_shard_create(NULL, model, SAB_SHARD, T, 0, 1, 0, &full, err);
    if (status == SAB_OK && rest)
        status = sab_shard_create(NULL, model, rest, T, 0, 1, 0, &last, err);
    if (status == SAB_OK) {
        sizes[PARAMETERS] = 0;
        for (int i = 0; i < sab_model_tensor_count(model); i++)
            sizes[PARAMETERS] += (double)sab_model_tensor(model, i).count;
        sizes[THETA] = (double)model->n_theta;
        sizes[PADDED] = (double)model->n_padded;
        sizes[FULL_SHARD] = (double)full;
        sizes[LAST_SHARD] = (double)last;
    }
    sab_model_free(model);
    return status;
}

/* A plan must not need what it plans for. All sizes are polynomials of degree 2 in H (in H rounded up to a row's
 * padding, but for the number of parameters), so three small networks tell those of a large one. */
static int extrapolate(const struct sab_config *config, const struct sab_shape *shape, int T, double sizes[SIZES],
                       struct sab_error *err)
{
    static const int nodes[3] = {64, 128, 192};
    double at[3][SIZES];
    int status = SAB_OK;
    if (config->hidden <= nodes[2])
        return measure(config, shape, T, config->hidden, sizes, err);
    for (int i = 0; i < 3 && status == SAB_OK; i++)
        status = measure(config, shape, T, nodes[i], at[i], err);
    for (int k = 0; k < SIZES && status == SAB_OK; k++) {
        double x = k == PARAMETERS ? config->hidden : sab_pad(config->hidden);
        sizes[k] = 0;
        for (int i = 0; i < 3; i++) {
            double a = nodes[(i + 1) % 3], b = nodes[(i + 2) % 3];
            sizes[k] += at[i][k] * ((x - a) * (x - b) / ((nodes[i] - a) * (nodes[i] - b)));
        }
        sizes[k] = round(sizes[k]);
    }
    return status;
}

static void add_up(const struct sab_config *config, const double sizes[SIZES], struct sab_plan *plan)
{
    plan->parameters = llround(sizes[PARAMETERS]);
    plan->shards = (config->batch - 1) / SAB_SHARD + 1;
    plan->threads = sab_plan_threads(config->threads);
    if (plan->threads > plan->shards)
        plan->threads = plan->shards;
    plan->activations_nbytes = (sizes[FULL_SHARD] + sizes[LAST_SHARD]) * plan->threads;
    plan->gradients_nbytes = plan->shards * sizes[PADDED] * sizeof(sab_real);
    /* Of theta's size: weights, gradient, best weights, average; moments; weights and moments before the update.
     * Of the padded size: the same weights padded, and packed for products. */
    int moments = config->optimizer == SAB_OPTIMIZER_SGD ? 1 : 2;
    int copies = 3 + (config->average > 0) + moments + (1 + moments);
    plan->weights_nbytes = (sizes[THETA] * copies + 2 * sizes[PADDED]) * sizeof(sab_real);
}

int sab_plan_make(const struct sab_config *config, struct sab_plan *plan, struct sab_error *err)
{
    struct sab_task *task = NULL;
    double sizes[SIZES];
    *plan = (struct sab_plan){0};
    int status = sab_task_create(&task, config, NULL, err);
    if (status != SAB_OK)
        return status;
    plan->shape = *sab_task_shape(task);
    plan->sequence_steps = sab_task_steps(task);
    plan->has_files = sab_task_facts(task) != NULL;
    sab_task_free(task);
    status = extrapolate(config, &plan->shape, plan->sequence_steps, sizes, err);
    if (status == SAB_OK)
        add_up(config, sizes, plan);
    return status;
}

/* ---- words ---- */

static void print_json(const struct sab_config *config, const struct sab_plan *plan, const char *out)
{
    struct sab_json json = {.to = stdout};
    sab_json_open(&json, NULL, '{');
    sab_json_text(&json, "task", config->task);
    sab_json_bool(&json, "dry_run", 1);
    sab_json_int(&json, "steps", config->steps);
    sab_json_int(&json, "parameters", plan->parameters);
    sab_json_int(&json, "sequence_steps", plan->sequence_steps);
    sab_json_int(&json, "batch", config->batch);
    sab_json_int(&json, "threads", plan->threads);
    sab_json_int(&json, "shards", plan->shards);
    sab_json_int(&json, "weights_bytes", llround(plan->weights_nbytes));
    sab_json_int(&json, "gradients_bytes", llround(plan->gradients_nbytes));
    sab_json_int(&json, "activations_bytes", llround(plan->activations_nbytes));
    sab_json_text(&json, "out", out);
    sab_json_text(&json, "version", SAB_VERSION);
    sab_json_close(&json, '}');
}

static void print_lines(const struct sab_config *config, const struct sab_plan *plan, const char *out)
{
    static const char *const answers[] = {"classes", "values", "answers"};
    char text[SAB_SAY_CAP], credit[SAB_TEXT_CAP], cell[SAB_TEXT_CAP];
    sab_config_get(config, "credit", credit, sizeof credit, NULL);
    sab_config_get(config, "cell", cell, sizeof cell, NULL);
    printf("task         %s", config->task);
    if (!plan->has_files || plan->sequence_steps == config->T) /* T says nothing of images */
        printf(", T = %d", config->T);
    printf(": sequences of %d steps, %d %s in, %d %s out\n", plan->sequence_steps, plan->shape.I, plan->shape.input == SAB_INPUT_IDS ? "symbols" : "values",
           plan->shape.O, answers[plan->shape.loss]);
    printf("network      %s, %d layer%s of %d, credit %s", cell, config->layers, config->layers == 1 ? "" : "s",
           config->hidden, credit);
    if (config->credit == SAB_CREDIT_SAB)
        printf(" (k-top %d, k-att %d, k-trunc %d)", config->k_top, config->k_att, config->k_trunc);
    sab_say_count(plan->parameters, text);
    printf("\nparameters   %s\n", text);
    sab_say_count(config->steps, text);
    printf("updates      %s of %d sequences", text, config->batch);
    printf(", %d shard%s on %d thread%s\n", plan->shards, plan->shards == 1 ? "" : "s", plan->threads,
           plan->threads == 1 ? "" : "s");
    sab_say_bytes(plan->weights_nbytes, text);
    printf("memory       %s for weights and optimiser", text);
    sab_say_bytes(plan->gradients_nbytes, text);
    printf(", %s for gradients", text);
    sab_say_bytes(plan->activations_nbytes, text);
    printf(", %s for activations", text);
    sab_say_bytes(plan->weights_nbytes + plan->gradients_nbytes + plan->activations_nbytes, text);
    printf(": %s in all\nfolder       %s\nNothing was done: this is a dry run.\n", text, out);
}

void sab_plan_print(const struct sab_config *config, const struct sab_plan *plan, int as_json)
{
    char out[SAB_TEXT_CAP] = "";
    sab_folder_name(config, out, NULL);
    if (as_json)
        print_json(config, plan, out);
    else
        print_lines(config, plan, out);
}
