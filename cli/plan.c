/* See plan.h. The sizes are asked of the code that will take the memory. */
#include "cli/plan.h"

#include <stdio.h>
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

static int measure(const struct sab_config *config, struct sab_model *model, struct sab_plan *plan,
                   struct sab_error *err)
{
    size_t full = 0, last = 0;
    int rest = config->batch % SAB_SHARD, status = SAB_OK;
    for (int i = 0; i < sab_model_tensor_count(model); i++)
        plan->parameters += (int64_t)sab_model_tensor(model, i).count;
    plan->shards = (config->batch + SAB_SHARD - 1) / SAB_SHARD;
    plan->threads = sab_plan_threads(config->threads);
    if (plan->threads > plan->shards)
        plan->threads = plan->shards;
    if (config->batch >= SAB_SHARD)
        status = sab_shard_create(NULL, model, SAB_SHARD, plan->sequence_steps, 1, 0, &full, err);
    if (status == SAB_OK && rest)
        status = sab_shard_create(NULL, model, rest, plan->sequence_steps, 1, 0, &last, err);
    plan->activations_nbytes = ((double)full + (double)last) * plan->threads;
    plan->gradients_nbytes = (double)plan->shards * (double)model->n_padded * sizeof(sab_real);
    /* weights and gradient; padded and packed; best and undo (three arrays); one or two moments; the average */
    int moments = config->optimizer == SAB_OPTIMIZER_SGD ? 1 : 2, copies = 2 + 1 + 1 + moments * 2 + (config->average > 0);
    plan->weights_nbytes = ((double)model->n_theta * copies + 2.0 * (double)model->n_padded) * sizeof(sab_real);
    return status;
}

int sab_plan_make(const struct sab_config *config, struct sab_plan *plan, struct sab_error *err)
{
    struct sab_task *task = NULL;
    struct sab_model *model = NULL;
    struct sab_batch batch;
    *plan = (struct sab_plan){0};
    int status = sab_task_create(&task, config, err);
    if (status == SAB_OK)
        status = sab_task_batch(task, SAB_TRAIN, 0, 1, &batch, err);
    if (status == SAB_OK) {
        plan->sequence_steps = batch.T;
        plan->shape = *sab_task_shape(task);
        status = sab_model_create(&model, config, sab_task_shape(task), err);
    }
    if (status == SAB_OK)
        status = measure(config, model, plan, err);
    sab_model_free(model);
    sab_task_free(task);
    return status;
}

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
    sab_json_real(&json, "weights_bytes", plan->weights_nbytes);
    sab_json_real(&json, "gradients_bytes", plan->gradients_nbytes);
    sab_json_real(&json, "activations_bytes", plan->activations_nbytes);
    sab_json_text(&json, "out", out);
    sab_json_text(&json, "version", SAB_VERSION);
    sab_json_close(&json, '}');
}

static void print_lines(const struct sab_config *config, const struct sab_plan *plan, const char *out)
{
    char text[SAB_SAY_CAP], credit[SAB_TEXT_CAP], cell[SAB_TEXT_CAP];
    sab_config_get(config, "credit", credit, sizeof credit, NULL);
    sab_config_get(config, "cell", cell, sizeof cell, NULL);
    printf("task         %s, T = %d: sequences of %d steps, %d %s in, %d %s out\n", config->task, config->T,
           plan->sequence_steps, plan->shape.I, plan->shape.input == SAB_INPUT_IDS ? "symbols" : "values",
           plan->shape.O, plan->shape.loss == SAB_LOSS_CROSS_ENTROPY ? "classes" : "values");
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
