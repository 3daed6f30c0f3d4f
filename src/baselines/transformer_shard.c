/* A shard of the Transformer: its memory, and how it goes through the blocks and back. Rows are (step, sequence). */
#include "baselines/transformer.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

static real *take(struct sab_layout *layout, size_t rows, size_t columns)
{
    size_t n;
    return sab_mul_overflows(rows, columns, &n) ? sab_layout_take(layout, (size_t)-1, sizeof(real))
                                                : sab_layout_take(layout, n, sizeof(real));
}

static void lay_out_run(struct sab_layout *layout, const struct sab_transformer_shard *s, struct sab_block_run *run)
{
    const struct sab_model *m = s->model;
    const struct sab_transformer *net = m->own;
    size_t R = (size_t)s->room.S * s->room.T, Hp = (size_t)m->Hp, A = (size_t)net->A;
    run->hat1 = take(layout, R, Hp);
    run->scale1 = take(layout, R, 1);
    run->qkv = take(layout, R, 3 * A);
    run->top = take(layout, R, (size_t)net->heads);
    run->norm = take(layout, R, (size_t)net->heads);
    run->o = take(layout, R, A);
    run->hat2 = take(layout, R, Hp);
    run->scale2 = take(layout, R, 1);
    run->pre = take(layout, R, (size_t)net->Fp);
}

static void lay_out(struct sab_layout *layout, struct sab_transformer_shard *s)
{
    const struct sab_model *m = s->model;
    const struct sab_transformer *net = m->own;
    size_t T = (size_t)s->room.T, S = (size_t)s->room.S, R = S * T, Hp = (size_t)m->Hp, Fp = (size_t)net->Fp;
    s->ids = m->shape.input == SAB_INPUT_IDS ? sab_layout_take(layout, R, sizeof *s->ids) : NULL;
    s->values = m->shape.input == SAB_INPUT_VALUES ? take(layout, R, (size_t)m->shape.I) : NULL;
    s->position = net->positions ? NULL : take(layout, T, Hp);
    real **rows[] = {&s->x, &s->a, &s->hat, &s->dx, &s->da};
    for (size_t i = 0; i < (s->room.backward ? 5 : 3); i++)
        *rows[i] = take(layout, R, Hp);
    s->scale = take(layout, R, 1);
    s->act = take(layout, R, Fp);
    s->y = take(layout, R, (size_t)m->Op);
    s->u = take(layout, 1, Fp > Hp ? Fp : Hp);
    s->tanh = take(layout, 1, Fp);
    s->ones = take(layout, 1, Hp);
    if (s->room.backward) {
        s->d_o = take(layout, R, (size_t)net->A);
        s->dqkv = take(layout, R, 3 * (size_t)net->A);
        s->dact = take(layout, R, Fp);
        s->dy = s->room.apart ? take(layout, R, (size_t)m->Op) : s->y;
        s->dvalues = s->room.dvalues ? take(layout, R, (size_t)sab_pad(m->shape.I)) : NULL;
    }
    s->attention = (struct sab_attention){.kernels = m->kernels, .S = s->room.S, .T = s->room.T, .heads = net->heads,
                                          .D = net->D, .Dp = net->Dp, .Tp = sab_pad(s->room.T)};
    sab_attention_lay_out(&s->attention, s->room.backward, layout);
    for (int i = 0; i < s->n_runs; i++)
        lay_out_run(layout, s, &s->runs[i]);
}

/* sin and cos of t / 10000^(2i/H) in columns 2i and 2i+1, t = 0, 1, ... (Vaswani et al. 2017, 3.5). */
static void fill_positions(const struct sab_transformer_shard *s)
{
    const struct sab_model *m = s->model;
    for (int k = 0; k < m->H; k++) {
        double rate = pow(10000, -(double)(k - k % 2) / m->H);
        for (int t = 0; t < s->room.T; t++)
            s->position[(size_t)t * m->Hp + k] = (real)(k % 2 ? cos(t * rate) : sin(t * rate));
    }
}

int sab_transformer_shard_create(void **out, const struct sab_model *model, const struct sab_room *room,
                                 struct sab_blocks *blocks, struct sab_error *err)
{
    struct sab_transformer_shard *s = sab_alloc(1, sizeof *s);
    if (!s)
        return sab_fail(err, SAB_NOMEM, "no memory for a shard");
    s->model = model;
    s->room = *room;
    s->n_runs = room->backward ? model->L : 1;
    s->runs = sab_alloc((size_t)s->n_runs, sizeof *s->runs);
    if (!s->runs) {
        sab_free(s);
        return sab_fail(err, SAB_NOMEM, "no memory for a shard");
    }
    struct sab_layout layout = {.base = out ? blocks->kept : NULL};
    lay_out(&layout, s);
    blocks->kept_nbytes = layout.used;
    blocks->scratch_nbytes = 0;
    if (!out) {
        sab_transformer_shard_free(s);
        return SAB_OK;
    }
    for (int k = 0; k < model->H; k++)
        s->ones[k] = 1;
    if (s->position)
        fill_positions(s);
    *out = s;
    return SAB_OK;
}

void sab_transformer_shard_free(void *shard)
{
    struct sab_transformer_shard *s = shard;
    if (s)
        sab_free(s->runs);
    sab_free(s);
}

/* x = what stands at each step + its position. */
static void embed(struct sab_transformer_shard *s, int steps)
{
    const struct sab_model *m = s->model;
    const struct sab_transformer *net = m->own;
    const real *position = s->position ? s->position : net->positions;
    size_t Hp = (size_t)m->Hp, S = (size_t)s->room.S;
    for (size_t r = 0; r < steps * S; r++) {
        const real *row = s->ids ? net->rows + (size_t)s->ids[r] * Hp : net->values.b, *at = position + r / S * Hp;
        for (size_t k = 0; k < Hp; k++)
            s->x[r * Hp + k] = row[k] + at[k];
    }
    if (s->values)
        m->kernels->gemm(steps * s->room.S, m->Hp, m->shape.I, s->values, m->shape.I, 1, net->values.W, s->x, m->Hp, 1);
}

static void embed_backward(const struct sab_transformer_shard *s, const struct sab_work *work, real *grads)
{
    const struct sab_model *m = s->model;
    const struct sab_transformer *net = m->own;
    int Ip = sab_pad(m->shape.I);
    size_t Hp = (size_t)m->Hp, S = (size_t)s->room.S, R = s->steps * S;
    const struct sab_tensor_spec *learned = sab_tensors_find(m, SAB_ROLE_POSITIONS, 0);
    for (size_t r = 0; r < R; r++) {
        real *row = grads + (s->ids ? net->values.dW + (size_t)s->ids[r] * Hp : net->values.db);
        real *at = learned ? grads + learned->padded_offset + r / S * Hp : NULL;
        for (size_t k = 0; k < Hp; k++)
            row[k] += s->dx[r * Hp + k];
        for (size_t k = 0; at && k < Hp; k++)
            at[k] += s->dx[r * Hp + k];
    }
    if (s->values)
        m->kernels->gemm(m->shape.I, m->Hp, (int)R, s->values, 1, m->shape.I, sab_matrix_rows(s->dx, m->Hp),
                         grads + net->values.dW, m->Hp, 1);
    if (!work->dvalues)
        return;
    m->kernels->gemm((int)R, Ip, m->H, s->dx, m->Hp, 1, net->values.Wt, s->dvalues, Ip, 0);
    sab_work_dvalues(work, m, s->room.S, 0, s->steps, s->dvalues, Ip);
}

static void forward(struct sab_transformer_shard *s, const struct sab_work *work, struct sab_loss_sums *sums)
{
    const struct sab_model *m = s->model;
    const struct sab_transformer *net = m->own;
    int steps = s->steps = sab_work_steps(work, s->room.S), R = steps * s->room.S;
    *sums = (struct sab_loss_sums){0};
    s->profile = work->profile;
    sab_work_input(work, m, s->room.S, 0, steps, s->ids, s->values);
    sab_profile_lap(s->profile, SAB_PHASE_LOAD);
    embed(s, steps);
    sab_profile_lap(s->profile, SAB_PHASE_INPUT);
    s->attention.stop = work->stop;
    for (int l = 0; l < m->L && !sab_work_is_stopped(work); l++)
        sab_block_forward(s, l, steps);
    sab_norm_forward(s, &net->norm, R, s->x, s->hat, s->scale, s->a);
    sab_profile_lap(s->profile, SAB_PHASE_CELL);
    sab_readout_forward(m, R, s->a, NULL, s->y);
    sab_work_losses(work, m, s->room.S, 0, steps, s->room.backward && !s->room.apart, s->y, sums);
    sab_profile_lap(s->profile, SAB_PHASE_READOUT);
}

/* What the way back begins with, where forward has not left it in y. */
static void fill_dy(struct sab_transformer_shard *s, const struct sab_work *work)
{
    const struct sab_model *m = s->model;
    struct sab_loss_sums spare = {0};
    if (work->doutputs) {
        sab_work_doutputs(work, m, s->room.S, 0, s->steps, s->dy);
        return;
    }
    memcpy(s->dy, s->y, (size_t)s->steps * s->room.S * m->Op * sizeof *s->dy);
    sab_work_losses(work, m, s->room.S, 0, s->steps, 1, s->dy, &spare);
}

static void backward(struct sab_transformer_shard *s, const struct sab_work *work, real *grads)
{
    const struct sab_model *m = s->model;
    const struct sab_transformer *net = m->own;
    int steps = s->steps, R = steps * s->room.S;
    s->profile = work->profile;
    if (s->profile)
        s->profile->rows_backward += (uint64_t)R * (uint64_t)m->L;
    if (s->room.apart) {
        fill_dy(s, work);
        sab_norm_again(m, &net->norm, R, s->hat, s->a); /* the way back of before left another there */
    }
    sab_readout_backward(m, R, s->a, NULL, s->dy, s->da, NULL, grads);
    memset(s->dx, 0, (size_t)R * m->Hp * sizeof(real));
    sab_profile_lap(s->profile, SAB_PHASE_READOUT);
    sab_norm_backward(s, &net->norm, R, s->hat, s->scale, s->da, s->dx, grads);
    for (int l = m->L - 1; l >= 0 && !sab_work_is_stopped(work); l--)
        sab_block_backward(s, l, steps, grads);
    embed_backward(s, work, grads);
    sab_profile_lap(s->profile, SAB_PHASE_INPUT);
}

void sab_transformer_shards_forward(void *const *shards, int n, const struct sab_work *works, struct sab_loss_sums *sums)
{
    for (int k = 0; k < n; k++)
        forward(shards[k], &works[k], &sums[k]);
}

void sab_transformer_shards_backward(void *const *shards, int n, const struct sab_work *works, real *grads)
{
    for (int k = 0; k < n; k++) {
        struct sab_transformer_shard *s = shards[k];
        backward(s, &works[k], grads + (size_t)k * s->model->n_padded);
    }
}
