/* See check_problem.h. */
#include "cli/check_problem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/random.h"
#include "io/safetensors.h"
#include "train/config_json.h"

/* Which draw is for what: the index of the random numbers; tensor i of the model has TENSORS + i. */
enum { DRAW_X, DRAW_Y, DRAW_WEIGHT, DRAW_KIND, DRAW_LENGTHS, DRAW_SOURCE, DRAW_TENSORS = 16 };

/* Element i of draw `what`; the lane has 32 bits, the rest of i goes into the index. */
static double uniform(uint64_t seed, int what, size_t i)
{
    return sab_random_uniform(seed, SAB_STREAM_CHECK, (uint64_t)what + ((uint64_t)i >> 32 << 16), (uint32_t)i);
}

static int below(uint64_t seed, int what, size_t i, int n)
{
    return (int)(uniform(seed, what, i) * n);
}

static int32_t *make_ids(uint64_t seed, int what, size_t count, int n)
{
    int32_t *ids = sab_alloc(count, sizeof *ids);
    for (size_t i = 0; ids && i < count; i++)
        ids[i] = below(seed, what, i, n);
    return ids;
}

/* Uniform from least to 1. */
static sab_real *make_reals(uint64_t seed, int what, size_t count, size_t width, double least)
{
    size_t n;
    if (sab_mul_overflows(count, width, &n))
        return NULL;
    sab_real *reals = sab_alloc(n, sizeof *reals);
    for (size_t i = 0; reals && i < n; i++)
        reals[i] = (sab_real)(least + (1 - least) * uniform(seed, what, i));
    return reals;
}

/* A third of the positions is 0, a third 1, the others lie between; the first is 1, so that there is a loss. */
static sab_real *make_weight(uint64_t seed, size_t count, int mask)
{
    sab_real *weight = sab_alloc(count, sizeof *weight);
    for (size_t i = 0; weight && i < count; i++) {
        int kind = mask ? below(seed, DRAW_KIND, i, 3) : 1;
        weight[i] = kind == 2 ? (sab_real)uniform(seed, DRAW_WEIGHT, i) : (sab_real)kind;
    }
    if (weight)
        weight[0] = 1;
    return weight;
}

static int32_t *make_lengths(uint64_t seed, int T, int B, int ragged)
{
    int32_t *lengths = sab_alloc((size_t)B, sizeof *lengths);
    for (int b = 0; lengths && b < B; b++)
        lengths[b] = ragged ? 1 + below(seed, DRAW_LENGTHS, (size_t)b, T) : T;
    return lengths;
}

/* [T,B] 1 from a step on that is drawn for each sequence; in some it is past the end. */
static uint8_t *make_scored(uint64_t seed, int T, int B, const int32_t *lengths)
{
    uint8_t *scored = sab_alloc((size_t)T * (size_t)B, 1);
    for (int b = 0; scored && lengths && b < B; b++)
        for (int t = below(seed, DRAW_SOURCE, (size_t)b, lengths[b] + 1); t < T; t++)
            scored[(size_t)t * (size_t)B + (size_t)b] = 1;
    return scored;
}

static void draw_weights(struct sab_model *model, uint64_t seed, double bound)
{
    for (int i = 0; i < sab_model_tensor_count(model); i++) {
        struct sab_tensor tensor = sab_model_tensor(model, i);
        for (size_t j = 0; j < tensor.count; j++)
            tensor.data[j] = (sab_real)(bound * (2 * uniform(seed, DRAW_TENSORS + i, j) - 1));
    }
}

int sab_check_problem_make(struct sab_check_problem *problem, const struct sab_options *config,
                           const struct sab_check_spec *spec, struct sab_error *err)
{
    struct sab_batch *batch = &problem->batch;
    const struct sab_shape *shape = &spec->shape;
    *problem = (struct sab_check_problem){0};
    int status = sab_model_create(&problem->model, config, shape, err);
    if (status != SAB_OK)
        return status;
    draw_weights(problem->model, config->shared.seed, spec->param_scale / sqrt(config->model.hidden));
    size_t positions;
    if (sab_mul_overflows((size_t)config->task.T, (size_t)config->shared.batch, &positions))
        return sab_fail(err, SAB_NOMEM, "a batch of %d sequences of %d steps is too large to address", config->shared.batch,
                        config->task.T);
    int is_ids = shape->input == SAB_INPUT_IDS, is_class = shape->loss == SAB_LOSS_CROSS_ENTROPY;
    batch->T = config->task.T;
    batch->B = config->shared.batch;
    if (is_ids)
        batch->ids = make_ids(config->shared.seed, DRAW_X, positions, shape->I);
    else
        batch->values = make_reals(config->shared.seed, DRAW_X, positions, (size_t)shape->I, -1);
    if (is_class)
        batch->labels = make_ids(config->shared.seed, DRAW_Y, positions, shape->O);
    else
        batch->targets = make_reals(config->shared.seed, DRAW_Y, positions, (size_t)shape->O,
                                    shape->loss == SAB_LOSS_BCE ? 0 : -1);
    batch->weight = make_weight(config->shared.seed, positions, spec->mask);
    batch->lengths = make_lengths(config->shared.seed, batch->T, batch->B, spec->ragged);
    int has_decoder = config->model.model == SAB_KIND_SEQ2SEQ;
    if (has_decoder)
        batch->scored = make_scored(config->shared.seed, batch->T, batch->B, batch->lengths);
    if ((!batch->ids && !batch->values) || (!batch->labels && !batch->targets) || !batch->weight || !batch->lengths ||
        (has_decoder && !batch->scored))
        return sab_fail(err, SAB_NOMEM, "no memory for a batch of %d sequences of %d steps", batch->B, batch->T);
    return SAB_OK;
}

void sab_check_problem_clear(struct sab_check_problem *problem)
{
    sab_model_free(problem->model);
    sab_free((void *)problem->batch.ids);
    sab_free((void *)problem->batch.values);
    sab_free((void *)problem->batch.labels);
    sab_free((void *)problem->batch.targets);
    sab_free((void *)problem->batch.weight);
    sab_free((void *)problem->batch.lengths);
    sab_free((void *)problem->batch.scored);
    *problem = (struct sab_check_problem){0};
}

/* ---- the file ---- */

static int add(struct sab_safetensors_writer *writer, const char *name, int dtype, int ndim, int d0, int d1, int d2,
               const void *data, struct sab_error *err)
{
    uint64_t shape[3] = {(uint64_t)d0, (uint64_t)d1, (uint64_t)d2};
    return sab_safetensors_writer_add(writer, name, dtype, ndim, shape, data, err);
}

static int add_batch(struct sab_safetensors_writer *w, const struct sab_check_problem *problem, struct sab_error *err)
{
    const struct sab_batch *batch = &problem->batch;
    const struct sab_shape *shape = sab_model_shape(problem->model);
    int T = batch->T, B = batch->B;
    int status = batch->ids ? add(w, "x", SAB_DTYPE_I32, 2, T, B, 0, batch->ids, err)
                            : add(w, "x", SAB_DTYPE_REAL, 3, T, B, shape->I, batch->values, err);
    if (status == SAB_OK)
        status = batch->labels ? add(w, "y", SAB_DTYPE_I32, 2, T, B, 0, batch->labels, err)
                               : add(w, "y", SAB_DTYPE_REAL, 3, T, B, shape->O, batch->targets, err);
    if (status == SAB_OK)
        status = add(w, "weight", SAB_DTYPE_REAL, 2, T, B, 0, batch->weight, err);
    if (status == SAB_OK)
        status = add(w, "lengths", SAB_DTYPE_I32, 1, B, 0, 0, batch->lengths, err);
    return status;
}

static int add_tensors(struct sab_safetensors_writer *w, struct sab_model *model, struct sab_error *err)
{
    int status = SAB_OK;
    for (int i = 0; i < sab_model_tensor_count(model) && status == SAB_OK; i++) {
        struct sab_tensor tensor = sab_model_tensor(model, i);
        char name[64];
        snprintf(name, sizeof name, "param.%s", tensor.name);
        status = add(w, name, SAB_DTYPE_REAL, tensor.ndim, tensor.shape[0], tensor.shape[1], 0, tensor.data, err);
        snprintf(name, sizeof name, "grad.%s", tensor.name);
        if (status == SAB_OK)
            status = add(w, name, SAB_DTYPE_REAL, tensor.ndim, tensor.shape[0], tensor.shape[1], 0, tensor.grad, err);
    }
    return status;
}

static int add_metadata(struct sab_safetensors_writer *w, const struct sab_model *model, struct sab_error *err)
{
    char *config = sab_config_to_json(sab_model_options(model), err);
    char *shape = config ? sab_shape_to_json(sab_model_shape(model), err) : NULL;
    int status = SAB_NOMEM;
    if (config && shape) {
        status = sab_safetensors_writer_metadata(w, "config", config, err);
        if (status == SAB_OK)
            status = sab_safetensors_writer_metadata(w, "shape", shape, err);
        if (status == SAB_OK)
            status = sab_safetensors_writer_metadata(w, "version", SAB_VERSION, err);
    }
    sab_free(config);
    sab_free(shape);
    return status;
}

int sab_check_problem_export(const struct sab_check_problem *problem, const sab_real *outputs, sab_real loss,
                             const char *path, struct sab_error *err)
{
    const struct sab_batch *batch = &problem->batch;
    struct sab_safetensors_writer *w = NULL;
    int status = sab_safetensors_writer_create(&w, err);
    if (status != SAB_OK)
        return status;
    status = add_batch(w, problem, err);
    if (status == SAB_OK)
        status = add(w, "outputs", SAB_DTYPE_REAL, 3, batch->T, batch->B, sab_model_shape(problem->model)->O, outputs,
                     err);
    if (status == SAB_OK)
        status = add(w, "loss", SAB_DTYPE_REAL, 1, 1, 0, 0, &loss, err);
    if (status == SAB_OK)
        status = add_tensors(w, problem->model, err);
    if (status == SAB_OK)
        status = add_metadata(w, problem->model, err);
    if (status == SAB_OK && batch->scored) /* bytes come last: all before are aligned */
        status = add(w, "scored", SAB_DTYPE_U8, 2, batch->T, batch->B, 0, batch->scored, err);
    if (status == SAB_OK)
        status = sab_safetensors_writer_save(w, path, err);
    sab_safetensors_writer_free(w);
    return status;
}
