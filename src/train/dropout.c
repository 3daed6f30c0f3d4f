/* See dropout.h. */
#include "train/dropout.h"

#include "base/alloc.h"
#include "base/error.h"
#include "model/network.h"

int sab_dropout_check(const struct sab_options *options, const struct sab_shape *shape, struct sab_error *err)
{
    const struct sab_optim_options *o = &options->optim;
    const char *name = o->dropout > 0 ? "dropout" : "dropout-recurrent";
    double p = o->dropout > 0 ? o->dropout : o->dropout_recurrent;
    if (o->dropout_input > 0 && shape->input == SAB_INPUT_IDS)
        return sab_fail(err, SAB_INVALID, "--dropout-input %g leaves out input values; this task's inputs are symbols: it must be 0",
                        o->dropout_input);
    if (p > 0 && options->model.model != SAB_KIND_RECURRENT)
        return sab_fail(err, SAB_INVALID, "--%s %g leaves out states of a recurrent network; with --model %s it must be 0", name, p,
                        sab_network_find(options->model.model)->name);
    return SAB_OK;
}

void sab_dropout_clear(struct sab_dropout *dropout)
{
    sab_free(dropout->inputs);
    sab_free(dropout->masks);
    *dropout = (struct sab_dropout){0};
}

double sab_dropout_nbytes(const struct sab_options *options, const struct sab_shape *shape, int T, int B)
{
    const struct sab_optim_options *o = &options->optim;
    double inputs = o->dropout_input > 0 ? (double)T * shape->I : 0;
    double masks = o->dropout > 0 || o->dropout_recurrent > 0 ? 2.0 * options->model.layers * options->model.hidden : 0;
    return (inputs + masks) * B * sizeof(sab_real);
}

static sab_real draw(double p, uint64_t seed, enum sab_purpose purpose, uint64_t index, uint32_t lane)
{
    return sab_random_uniform(seed, purpose, index, lane) < p ? 0 : (sab_real)(1 / (1 - p));
}

void sab_dropout_inputs(double p, uint64_t seed, int64_t step, int T, int B, int I, const sab_real *x, sab_real *to)
{
    for (int b = 0; b < B; b++)
        for (int i = 0; i < I; i++) {
            sab_real factor = draw(p, seed, SAB_FOR_DROPOUT, (uint64_t)step * (uint64_t)B + (uint64_t)b, (uint32_t)i);
            for (int t = 0; t < T; t++) {
                size_t at = ((size_t)t * (size_t)B + (size_t)b) * (size_t)I + (size_t)i;
                to[at] = factor == 0 ? 0 : factor * x[at]; /* what is missing may be no number */
            }
        }
}

void sab_dropout_masks(double p, uint64_t seed, enum sab_purpose purpose, int64_t step, int L, int B, int H, sab_real *to)
{
    for (int l = 0; l < L; l++)
        for (int b = 0; b < B; b++)
            for (int i = 0; i < H; i++)
                *to++ = draw(p, seed, purpose, (uint64_t)step * (uint64_t)B + (uint64_t)b, (uint32_t)(l * H + i));
}

/* Room for [rows,width] numbers. */
static int make_room(sab_real **room, size_t *count, size_t rows, size_t width, struct sab_error *err)
{
    if (*room && *count / width >= rows)
        return SAB_OK;
    sab_free(*room);
    *count = 0;
    *room = sab_alloc(rows, width * sizeof **room);
    if (!*room)
        return sab_fail(err, SAB_NOMEM, "no memory for what dropout makes of a batch");
    *count = rows * width;
    return SAB_OK;
}

int sab_dropout_batch(struct sab_dropout *dropout, const struct sab_options *options, const struct sab_model *model, int64_t step,
                      struct sab_batch *batch, struct sab_error *err)
{
    const struct sab_optim_options *o = &options->optim;
    int T = batch->T, B = batch->B, I = model->shape.I, L = model->L, H = model->H, status = SAB_OK;
    uint64_t seed = options->shared.seed;
    if (T < 1 || B < 1)
        return SAB_OK;
    if (o->dropout_input > 0 && batch->values) {
        status = make_room(&dropout->inputs, &dropout->inputs_count, (size_t)T * (size_t)B, (size_t)I, err);
        if (status != SAB_OK)
            return status;
        sab_dropout_inputs(o->dropout_input, seed, step, T, B, I, batch->values, dropout->inputs);
        batch->values = dropout->inputs;
    }
    if (o->dropout == 0 && o->dropout_recurrent == 0)
        return SAB_OK;
    size_t count = (size_t)L * (size_t)B * (size_t)H;
    status = make_room(&dropout->masks, &dropout->masks_count, (size_t)L * (size_t)B, 2 * (size_t)H, err);
    if (status != SAB_OK)
        return status;
    if (o->dropout > 0) {
        sab_dropout_masks(o->dropout, seed, SAB_FOR_DROPOUT_OUTPUT, step, L, B, H, dropout->masks);
        batch->output_mask = dropout->masks;
    }
    if (o->dropout_recurrent > 0) {
        sab_dropout_masks(o->dropout_recurrent, seed, SAB_FOR_DROPOUT_STATE, step, L, B, H, dropout->masks + count);
        batch->state_mask = dropout->masks + count;
    }
    return SAB_OK;
}
