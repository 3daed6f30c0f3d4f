/* See problem.h. */
#include "problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <xxhash.h>

#include "model/model.h"
#include "options_helper.h"

/* splitmix64: enough for test data, and independent of the library's generator. */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

int problem_int(uint64_t *state, int lo, int hi)
{
    return lo + (int)(next(state) % (uint64_t)(hi - lo + 1));
}

double problem_uniform(uint64_t *state)
{
    return (double)(next(state) >> 11) * 0x1p-53;
}

void problem_config(struct sab_options *config)
{
    sab_options_init(config);
    config->model.hidden = 12;
    config->model.k_top = 3;
    config->model.k_att = 2;
    config->model.k_trunc = 4;
}

static void fill(struct problem *p, uint64_t *state)
{
    int T = p->batch.T, B = p->batch.B;
    for (int i = 0; i < T * B; i++) {
        p->ids[i] = problem_int(state, 0, p->shape.I - 1);
        p->labels[i] = problem_int(state, 0, p->shape.O - 1);
        p->weight[i] = problem_int(state, 0, 2) ? (sab_real)problem_uniform(state) : 0;
    }
    p->weight[0] = 1; /* there is a loss */
    for (int i = 0; i < T * B * p->shape.I; i++)
        p->values[i] = (sab_real)(2 * problem_uniform(state) - 1);
    for (int i = 0; i < T * B * p->shape.O; i++)
        p->targets[i] = (sab_real)(p->shape.loss == SAB_LOSS_BCE ? problem_uniform(state) : 2 * problem_uniform(state) - 1);
    for (int b = 0; b < B; b++)
        p->lengths[b] = b == 0 ? T : problem_int(state, 1, T);
}

/* Training begins with gates and queries of 0, with which what they do does not show: all memories are worth the same. */
static void draw_what_begins_at_0(struct sab_model *model, uint64_t state)
{
    for (int i = 0; i < sab_model_tensor_count(model); i++) {
        struct sab_tensor tensor = *sab_model_tensor(model, i);
        size_t zeros = 0;
        for (size_t j = 0; j < tensor.count; j++)
            zeros += tensor.data[j] == 0;
        for (size_t j = 0; zeros == tensor.count && j < tensor.count; j++)
            tensor.data[j] = (sab_real)(4 * problem_uniform(&state) - 2);
    }
}

void problem_make(struct problem *p, const struct sab_options *config, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct sab_error err;
    size_t n = (size_t)T * B;
    memset(p, 0, sizeof *p);
    p->config = copy_of(config);
    p->shape = shape;
    if (sab_model_create(&p->model, config, &shape, &err))
        fail_msg("%s", err.message);
    struct sab_flat flat = *sab_model_flat(p->model);
    for (size_t i = 0; i < flat.count; i++)
        flat.theta[i] *= 2;
    draw_what_begins_at_0(p->model, seed ^ 0x7a65726f);
    p->ids = calloc(n, sizeof *p->ids);
    p->labels = calloc(n, sizeof *p->labels);
    p->lengths = calloc((size_t)B, sizeof *p->lengths);
    p->weight = calloc(n, sizeof *p->weight);
    p->values = calloc(n * (size_t)shape.I, sizeof *p->values);
    p->targets = calloc(n * (size_t)shape.O, sizeof *p->targets);
    p->batch = (struct sab_batch){
        .size = sizeof(struct sab_batch),
        .T = T,
        .B = B,
        .ids = shape.input == SAB_INPUT_IDS ? p->ids : NULL,
        .values = shape.input == SAB_INPUT_VALUES ? p->values : NULL,
        .labels = shape.loss == SAB_LOSS_CROSS_ENTROPY ? p->labels : NULL,
        .targets = shape.loss != SAB_LOSS_CROSS_ENTROPY ? p->targets : NULL,
        .weight = p->weight,
        .lengths = p->lengths,
    };
    fill(p, &seed);
}

void problem_mask(struct problem *p, uint64_t seed)
{
    size_t n = (size_t)p->config.model.layers * p->batch.B * p->config.model.hidden;
    sab_real *masks[2];
    uint64_t state = seed ^ 0x6d61736b;
    for (int i = 0; i < 2; i++) {
        masks[i] = calloc(n, sizeof **masks);
        for (size_t j = 0; j < n; j++)
            masks[i][j] = problem_int(&state, 0, 3) ? (sab_real)(4 / 3.0) : 0;
    }
    p->batch.output_mask = masks[0];
    p->batch.state_mask = masks[1];
    int which = problem_int(&state, 0, 2);
    if (which == 1) {
        free(masks[0]);
        p->batch.output_mask = NULL;
    } else if (which == 2) {
        free(masks[1]);
        p->batch.state_mask = NULL;
    }
}

void problem_free(struct problem *p)
{
    free((void *)p->batch.output_mask);
    free((void *)p->batch.state_mask);
    sab_model_free(p->model);
    sab_options_clear(&p->config);
    free(p->ids);
    free(p->labels);
    free(p->lengths);
    free(p->weight);
    free(p->values);
    free(p->targets);
}

uint64_t problem_gradient_digest(struct problem *p, int threads)
{
    struct sab_error err;
    struct sab_metrics metrics = {.size = sizeof metrics};
    if (sab_model_gradient(p->model, &p->batch, threads, &metrics, NULL, &err))
        fail_msg("%s", err.message);
    XXH3_state_t *state = XXH3_createState();
    XXH3_64bits_reset(state);
    for (int i = 0; i < sab_model_tensor_count(p->model); i++) {
        struct sab_tensor t = *sab_model_tensor(p->model, i);
        XXH3_64bits_update(state, t.grad, t.count * sizeof *t.grad);
    }
    XXH3_64bits_update(state, &metrics.loss, sizeof metrics.loss);
    uint64_t digest = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return digest;
}
