/* See check_problem.h. */
#include "lab/check_problem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/random.h"
#include "io/safetensors.h"
#include "model/model.h"
#include "train/config_json.h"
#include "train/dropout.h"

/* Which draw is for what: the index of the random numbers; tensor i of the model has TENSORS + i. */
enum { DRAW_X, DRAW_Y, DRAW_WEIGHT, DRAW_KIND, DRAW_LENGTHS, DRAW_SOURCE, DRAW_H0, DRAW_C0, DRAW_DOUTPUTS, DRAW_FRESH,
       DRAW_TENSORS = 16 };

/* Element i of draw `what`; the lane has 32 bits, the rest of i goes into the index. */
static double uniform(uint64_t seed, int what, size_t i)
{
    return sab_random_uniform(seed, SAB_FOR_CHECK, (uint64_t)what + ((uint64_t)i >> 32 << 16), (uint32_t)i);
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

/* [parts,B]: 1..T; what another part goes on from ends at a memory, at a multiple of k_att. */
static int32_t *make_lengths(uint64_t seed, int T, int B, int parts, int ragged, int k_att)
{
    int32_t *lengths = sab_alloc((size_t)parts * (size_t)B, sizeof *lengths);
    for (int i = 0; lengths && i < parts * B; i++) {
        int unit = i >= (parts - 1) * B ? 1 : k_att < T ? k_att : T;
        lengths[i] = ragged ? unit * (1 + below(seed, DRAW_LENGTHS, (size_t)i, T / unit)) : T;
    }
    return lengths;
}

/* [parts,B]: a quarter begins anew. */
static uint8_t *make_fresh(uint64_t seed, int parts, int B)
{
    uint8_t *fresh = sab_alloc((size_t)parts, (size_t)B);
    for (int i = 0; fresh && i < parts * B; i++)
        fresh[i] = below(seed, DRAW_FRESH, (size_t)i, 4) == 0;
    return fresh;
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
        struct sab_tensor tensor = *sab_model_tensor(model, i);
        for (size_t j = 0; j < tensor.count; j++)
            tensor.data[j] = (sab_real)(bound * (2 * uniform(seed, DRAW_TENSORS + i, j) - 1));
    }
}

/* The state that sequences begin with, and room for the gradient of it and of the input. */
static int make_start(struct sab_check_problem *problem, const struct sab_options *config, int has_start, struct sab_error *err)
{
    struct sab_batch *batch = &problem->batch;
    size_t n = (size_t)config->model.layers * (size_t)batch->B, H = (size_t)config->model.hidden;
    size_t positions = (size_t)batch->T * (size_t)batch->B;
    int has_c = config->model.cell == SAB_CELL_LSTM, I = sab_model_shape(problem->model)->I;
    if (has_start) {
        batch->h0 = make_reals(config->shared.seed, DRAW_H0, n, H, -1);
        batch->c0 = has_c ? make_reals(config->shared.seed, DRAW_C0, n, H, -1) : NULL;
        problem->dh0 = sab_alloc(n, H * sizeof(sab_real));
        problem->dc0 = has_c ? sab_alloc(n, H * sizeof(sab_real)) : NULL;
    }
    if (batch->values)
        problem->dvalues = sab_alloc(positions, (size_t)I * sizeof(sab_real));
    if ((has_start && (!batch->h0 || !problem->dh0 || (has_c && (!batch->c0 || !problem->dc0)))) ||
        (batch->values && !problem->dvalues))
        return sab_fail(err, SAB_NOMEM, "no memory for the state of %d sequences", batch->B);
    return SAB_OK;
}

/* Those of a training's first update. */
static int make_masks(struct sab_check_problem *problem, const struct sab_options *config, struct sab_error *err)
{
    int L = config->model.layers, B = problem->batch.B, H = config->model.hidden;
    const struct {
        double p;
        enum sab_purpose purpose;
        const sab_real **mask;
    } masks[] = {{config->optim.dropout, SAB_FOR_DROPOUT_OUTPUT, &problem->batch.output_mask},
                 {config->optim.dropout_recurrent, SAB_FOR_DROPOUT_STATE, &problem->batch.state_mask}};
    for (int i = 0; i < 2; i++) {
        sab_real *made = masks[i].p > 0 ? sab_alloc((size_t)L * (size_t)B, (size_t)H * sizeof *made) : NULL;
        if (masks[i].p > 0 && !made)
            return sab_fail(err, SAB_NOMEM, "no memory for the masks of %d sequences", B);
        if (made)
            sab_dropout_masks(masks[i].p, config->shared.seed, masks[i].purpose, 0, L, B, H, made);
        *masks[i].mask = made;
    }
    return SAB_OK;
}

/* Of the size that the gradient of a mean has. */
static sab_real *make_doutputs(uint64_t seed, size_t positions, int O)
{
    sab_real *d = make_reals(seed, DRAW_DOUTPUTS, positions, (size_t)O, -1);
    for (size_t i = 0; d && i < positions * (size_t)O; i++)
        d[i] /= (sab_real)positions;
    return d;
}

int sab_check_problem_make(struct sab_check_problem *problem, const struct sab_options *config,
                           const struct sab_check_spec *spec, struct sab_error *err)
{
    struct sab_batch *batch = &problem->batch;
    const struct sab_shape *shape = &spec->shape;
    *problem = (struct sab_check_problem){.batch.size = sizeof problem->batch};
    int status = sab_dropout_check(config, shape, err);
    if (status == SAB_OK)
        status = sab_model_create(&problem->model, config, shape, err);
    if (status != SAB_OK)
        return status;
    draw_weights(problem->model, config->shared.seed, spec->param_scale / sqrt(config->model.hidden));
    size_t positions, all;
    int T = config->task.T, B = config->shared.batch;
    if (sab_mul_overflows((size_t)T, (size_t)B, &positions) || sab_mul_overflows(positions, (size_t)spec->parts, &all))
        return sab_fail(err, SAB_NOMEM, "a batch of %d sequences of %d steps is too large to address", B, T);
    int is_ids = shape->input == SAB_INPUT_IDS, is_class = shape->loss == SAB_LOSS_CROSS_ENTROPY;
    uint64_t seed = config->shared.seed;
    problem->parts = spec->parts;
    batch->T = T;
    batch->B = B;
    if (is_ids)
        batch->ids = make_ids(seed, DRAW_X, all, shape->I);
    else
        batch->values = make_reals(seed, DRAW_X, all, (size_t)shape->I, -1);
    if (shape->loss == SAB_LOSS_NONE)
        problem->doutputs = make_doutputs(seed, positions, shape->O);
    else if (is_class)
        batch->labels = make_ids(seed, DRAW_Y, positions, shape->O);
    else
        batch->targets = make_reals(seed, DRAW_Y, positions, (size_t)shape->O, shape->loss == SAB_LOSS_BCE ? 0 : -1);
    batch->weight = make_weight(seed, positions, spec->mask);
    batch->lengths = make_lengths(seed, T, B, spec->parts, spec->ragged, config->model.k_att);
    batch->fresh = spec->parts > 1 ? make_fresh(seed, spec->parts, B) : NULL;
    int has_decoder = config->model.model == SAB_KIND_SEQ2SEQ;
    if (has_decoder)
        batch->scored = make_scored(seed, T, B, batch->lengths);
    if ((!batch->ids && !batch->values) || (!batch->labels && !batch->targets && !problem->doutputs) || !batch->weight ||
        !batch->lengths || (has_decoder && !batch->scored) || (spec->parts > 1 && !batch->fresh))
        return sab_fail(err, SAB_NOMEM, "no memory for a batch of %d sequences of %d steps", B, T);
    status = make_masks(problem, config, err);
    return status == SAB_OK ? make_start(problem, config, spec->start, err) : status;
}

struct sab_batch sab_check_problem_part(const struct sab_check_problem *problem, int i)
{
    struct sab_batch part = problem->batch;
    size_t at = (size_t)i * (size_t)part.T * (size_t)part.B;
    if (part.ids)
        part.ids += at;
    if (part.values)
        part.values += at * (size_t)sab_model_shape(problem->model)->I;
    if (i < problem->parts - 1)
        part.labels = NULL, part.targets = NULL, part.weight = NULL;
    part.lengths += (size_t)i * (size_t)part.B;
    if (part.fresh)
        part.fresh += (size_t)i * (size_t)part.B;
    return part;
}

/* ---- the loss and its gradient ---- */

static double row_loss(const struct sab_check_problem *problem, size_t at, const sab_real *y)
{
    const struct sab_shape *shape = sab_model_shape(problem->model);
    const struct sab_batch *batch = &problem->batch;
    size_t O = (size_t)shape->O;
    double sum = 0;
    for (size_t o = 0; shape->loss == SAB_LOSS_NONE && o < O; o++)
        sum += (double)y[o] * (double)problem->doutputs[at * O + o];
    for (size_t o = 0; shape->loss == SAB_LOSS_BCE && o < O; o++) {
        double x = (double)y[o];
        sum += fmax(x, 0) + log1p(exp(-fabs(x))) - x * (double)batch->targets[at * O + o];
    }
    for (size_t o = 0; shape->loss == SAB_LOSS_MSE && o < O; o++) {
        double d = (double)y[o] - (double)batch->targets[at * O + o];
        sum += d * d;
    }
    const struct sab_quantiles *quantiles = &problem->model->quantiles;
    for (size_t o = 0; shape->loss == SAB_LOSS_QUANTILE && o < O; o++) {
        double u = (double)batch->targets[at * O + o] - (double)y[o], q = quantiles->level[o % (size_t)quantiles->n];
        sum += fmax(q * u, (q - 1) * u);
    }
    if (shape->loss != SAB_LOSS_CROSS_ENTROPY)
        return shape->loss == SAB_LOSS_NONE ? sum : sum / shape->O;
    double most = (double)y[0];
    for (size_t o = 1; o < O; o++)
        most = fmax(most, (double)y[o]);
    for (size_t o = 0; o < O; o++)
        sum += exp((double)y[o] - most);
    return most + log(sum) - (double)y[batch->labels[at]];
}

double sab_check_loss(const struct sab_check_problem *problem, const sab_real *outputs)
{
    struct sab_batch part = sab_check_problem_part(problem, problem->parts - 1), *batch = &part;
    const struct sab_shape *shape = sab_model_shape(problem->model);
    double sum = 0, weights = 0;
    for (int t = 0; t < batch->T; t++)
        for (int b = 0; b < batch->B; b++) {
            size_t at = (size_t)t * (size_t)batch->B + (size_t)b;
            double weight = t >= batch->lengths[b] ? 0 : problem->doutputs ? 1 : (double)batch->weight[at];
            weights += weight;
            if (weight > 0)
                sum += weight * row_loss(problem, at, outputs + at * (size_t)shape->O);
        }
    return problem->doutputs ? sum : sum / weights;
}

/* What comes before the last part, which leaves its state. */
static int run_up(const struct sab_check_problem *problem, struct sab_engine *engine, struct sab_stream **state,
                  struct sab_error *err)
{
    int status = sab_stream_create(state, problem->model, problem->batch.B, err);
    for (int i = 0; i < problem->parts - 1 && status == SAB_OK; i++) {
        struct sab_batch part = sab_check_problem_part(problem, i);
        part.state = *state;
        status = sab_engine_forward(engine, &part, NULL, NULL, NULL, NULL, err);
    }
    return status;
}

int sab_check_problem_solve(struct sab_check_problem *problem, int threads, sab_real *outputs, double *loss,
                            struct sab_error *err)
{
    struct sab_engine *engine = NULL;
    struct sab_tape *tape = NULL;
    struct sab_stream *state = NULL, *copy = NULL;
    struct sab_metrics metrics = {.size = sizeof metrics};
    struct sab_batch last = sab_check_problem_part(problem, problem->parts - 1);
    struct sab_request request = {.size = sizeof request, .doutputs = problem->doutputs, .dvalues = problem->dvalues,
                                  .dh0 = problem->dh0, .dc0 = problem->dc0};
    int has_loss = !problem->doutputs;
    int status = sab_engine_create(&engine, problem->model, threads, err);
    if (status == SAB_OK && problem->parts > 1)
        status = run_up(problem, engine, &state, err);
    if (status == SAB_OK && state)
        status = sab_stream_clone(&copy, state, err);
    last.state = copy;
    if (status == SAB_OK)
        status = sab_engine_forward(engine, &last, outputs, NULL, NULL, has_loss ? NULL : &tape, err);
    last.state = state;
    if (status == SAB_OK)
        status = has_loss ? sab_engine_gradient(engine, &last, &request, &metrics, err)
                          : sab_tape_backward(tape, &request, err);
    if (status == SAB_OK || status == SAB_NUMERIC)
        *loss = has_loss ? metrics.loss : sab_check_loss(problem, outputs);
    sab_tape_free(tape);
    sab_stream_free(state);
    sab_stream_free(copy);
    sab_engine_free(engine);
    return status;
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
    sab_free((void *)problem->batch.h0);
    sab_free((void *)problem->batch.c0);
    sab_free((void *)problem->batch.fresh);
    sab_free((void *)problem->batch.output_mask);
    sab_free((void *)problem->batch.state_mask);
    sab_free(problem->doutputs);
    sab_free(problem->dvalues);
    sab_free(problem->dh0);
    sab_free(problem->dc0);
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
    int T = batch->T, B = batch->B, steps = problem->parts * T;
    int status = batch->ids ? add(w, "x", SAB_DTYPE_I32, 2, steps, B, 0, batch->ids, err)
                            : add(w, "x", SAB_DTYPE_REAL, 3, steps, B, shape->I, batch->values, err);
    if (status == SAB_OK && problem->doutputs)
        status = add(w, "doutputs", SAB_DTYPE_REAL, 3, T, B, shape->O, problem->doutputs, err);
    else if (status == SAB_OK)
        status = batch->labels ? add(w, "y", SAB_DTYPE_I32, 2, T, B, 0, batch->labels, err)
                               : add(w, "y", SAB_DTYPE_REAL, 3, T, B, shape->O, batch->targets, err);
    if (status == SAB_OK)
        status = add(w, "weight", SAB_DTYPE_REAL, 2, T, B, 0, batch->weight, err);
    if (status == SAB_OK)
        status = problem->parts > 1 ? add(w, "lengths", SAB_DTYPE_I32, 2, problem->parts, B, 0, batch->lengths, err)
                                    : add(w, "lengths", SAB_DTYPE_I32, 1, B, 0, 0, batch->lengths, err);
    return status;
}

/* The state that sequences begin with, masks, and gradients that are not of weights. */
static int add_start(struct sab_safetensors_writer *w, const struct sab_check_problem *problem, struct sab_error *err)
{
    const struct sab_batch *batch = &problem->batch;
    const struct sab_model_options *config = &sab_model_options(problem->model)->model;
    const struct {
        const char *name;
        const sab_real *data;
    } states[] = {{"h0", batch->h0}, {"c0", batch->c0}, {"dh0", problem->dh0}, {"dc0", problem->dc0},
                  {"output_mask", batch->output_mask}, {"state_mask", batch->state_mask}};
    int status = SAB_OK;
    for (size_t i = 0; i < sizeof states / sizeof *states && status == SAB_OK; i++)
        if (states[i].data)
            status = add(w, states[i].name, SAB_DTYPE_REAL, 3, config->layers, batch->B, config->hidden, states[i].data, err);
    if (status == SAB_OK && problem->dvalues)
        status = add(w, "dvalues", SAB_DTYPE_REAL, 3, batch->T, batch->B, sab_model_shape(problem->model)->I, problem->dvalues, err);
    return status;
}

static int add_tensors(struct sab_safetensors_writer *w, struct sab_model *model, struct sab_error *err)
{
    int status = SAB_OK;
    for (int i = 0; i < sab_model_tensor_count(model) && status == SAB_OK; i++) {
        struct sab_tensor tensor = *sab_model_tensor(model, i);
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
        status = add_start(w, problem, err);
    if (status == SAB_OK)
        status = add_tensors(w, problem->model, err);
    if (status == SAB_OK)
        status = add_metadata(w, problem->model, err);
    if (status == SAB_OK && batch->scored) /* bytes come last: all before are aligned */
        status = add(w, "scored", SAB_DTYPE_U8, 2, batch->T, batch->B, 0, batch->scored, err);
    if (status == SAB_OK && batch->fresh)
        status = add(w, "fresh", SAB_DTYPE_U8, 2, problem->parts, batch->B, 0, batch->fresh, err);
    if (status == SAB_OK)
        status = sab_safetensors_writer_save(w, path, err);
    sab_safetensors_writer_free(w);
    return status;
}
