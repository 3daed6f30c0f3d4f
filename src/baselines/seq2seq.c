/* The encoder-decoder's sizes, tensors and weights, and its place among the networks. */
#include "baselines/seq2seq.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/layout.h"
#include "model/weights.h"

static void resolve(struct sab_model *m)
{
    const struct sab_model_options *c = &m->config;
    m->cell = sab_cell_find(c->cell);
    m->GHp = m->cell->G * m->Hp;
    m->A = c->attention_width > 0 ? c->attention_width : m->H;
    m->Ap = sab_pad(sab_score_find(c->score)->width(m->A));
    m->has_V2 = c->decoder_attention;
}

/* ---- tensors ---- */

static void add_tensors(struct sab_model *m)
{
    int G = m->cell->G, H = m->H;
    sab_cell_weights_add(m, "encoder.", "_l0", SAB_ENCODER, m->shape.I);
    sab_cell_weights_add(m, "decoder.", "_l0", SAB_DECODER, m->shape.I);
    sab_tensors_add(m, "decoder.weight_answer", SAB_ROLE_ANSWER, 0, m->O, G, H, 1, 2);
    if (!m->config.decoder_attention)
        return;
    sab_tensors_add(m, "decoder.weight_context", SAB_ROLE_CONTEXT, 0, H, G, H, 1, 2);
    sab_score_weights_add(m, "attention.", "", 0);
}

/* Uniform within 1/sqrt(H), as the recurrent network starts. --input-scale multiplies the rows of input symbols and, of the decoder, those
 * of the symbols it has answered; --score-scale the weights of a score. */
static void start(struct sab_model *m, int i)
{
    const struct sab_tensor_spec *spec = &m->tensors[i];
    double bound = 1 / sqrt(m->H);
    if (spec->role == SAB_ROLE_WEIGHT_IH || spec->role == SAB_ROLE_ANSWER)
        bound *= m->config.input_scale;
    else if (spec->role == SAB_ROLE_W3)
        bound = m->config.score_scale / sqrt(m->A);
    else if (spec->role == SAB_ROLE_W)
        bound *= m->config.score_scale;
    sab_tensors_draw(m, i, bound);
    sab_cell_weights_start(m, spec);
}

/* ---- weights as the products want them ---- */

static int create(struct sab_model *m, struct sab_error *err)
{
    const struct sab_model_options *c = &m->config;
    if (m->shape.loss != SAB_LOSS_CROSS_ENTROPY)
        return sab_fail(err, SAB_INVALID, "--model seq2seq: the decoder goes on from the class it answered, and the answers "
                                          "of this task are not classes");
    if (c->layers != 1)
        return sab_fail(err, SAB_INVALID, "--layers: %d; --model seq2seq has 1 layer in its encoder and 1 in its decoder",
                        c->layers);
    struct sab_seq2seq *own = sab_alloc(1, sizeof *own);
    m->own = own;
    m->bias_sums = sab_alloc((size_t)2 * m->GHp, sizeof(real));
    if (!own || !m->bias_sums)
        return sab_fail(err, SAB_NOMEM, "no memory for %zu weights", m->n_theta);
    for (int i = 0; i < 2; i++)
        sab_cell_weights_point(m, i, m->shape.I, m->bias_sums + (size_t)i * m->GHp, &own->side[i]);
    own->rows_answer = sab_tensors_padded(m, SAB_ROLE_ANSWER, 0);
    own->attends = c->decoder_attention;
    sab_score_weights_point(m, 0, &own->remind);
    return SAB_OK;
}

static struct sab_copies copies(struct sab_model *m, const struct sab_tensor_spec *spec)
{
    struct sab_seq2seq *own = m->own;
    if (spec->role == SAB_ROLE_CONTEXT)
        return (struct sab_copies){&own->context, &own->context_t, NULL};
    struct sab_copies copies = sab_cell_weights_copies(&own->side[spec->layer], spec->role, 0);
    return copies.forward ? copies : sab_score_weights_copies(&own->remind, spec->role);
}

static void prepare(struct sab_model *m)
{
    struct sab_seq2seq *own = m->own;
    for (int i = 0; i < 2; i++)
        sab_cell_weights_prepare(m, i, &own->side[i]);
    sab_score_weights_prepare(m, &own->remind);
}

/* ---- a shard ---- */

static real *take(struct sab_layout *layout, size_t count)
{
    return sab_layout_take(layout, count, sizeof(real));
}

static void lay_out(struct sab_layout *layout, const struct sab_room *room, struct sab_seq2seq_shard *s)
{
    const struct sab_model *m = s->model;
    int attends = m->config.decoder_attention;
    size_t S = (size_t)s->S, T = (size_t)s->T, rows = S * T, H = (size_t)m->Hp, GH = (size_t)m->GHp, A = (size_t)m->Ap;
    s->source = sab_layout_take(layout, S, sizeof *s->source);
    s->length = sab_layout_take(layout, S, sizeof *s->length);
    if (m->shape.input == SAB_INPUT_IDS)
        s->ids = sab_layout_take(layout, rows, sizeof *s->ids);
    else
        s->values = take(layout, rows * m->shape.I);
    s->fed = sab_layout_take(layout, rows, sizeof *s->fed);
    s->h = take(layout, (rows + S) * H);
    s->c = m->cell->has_c ? take(layout, (rows + S) * H) : NULL;
    s->pre = take(layout, rows * GH);
    s->pre_h = m->cell->fused ? NULL : take(layout, S * GH);
    s->extra = m->cell->n_extra ? take(layout, rows * m->cell->n_extra * H) : NULL;
    s->y = take(layout, rows * m->Op);
    if (attends) {
        s->context = take(layout, rows * H);
        s->query = take(layout, rows * A);
        s->M = take(layout, rows * H);
        s->key = take(layout, rows * A);
        s->alpha = take(layout, T);
    }
    if (!s->backward)
        return;
    s->dh = take(layout, S * H);
    s->dc = take(layout, S * H);
    s->dcarry = take(layout, S * H);
    s->dh_out = take(layout, rows * H);
    s->dvalues = room->dvalues ? take(layout, rows * sab_pad(m->shape.I)) : NULL;
    s->dy = s->apart ? take(layout, rows * m->Op) : s->y;
    s->dpre = take(layout, rows * GH);
    s->dpre_h = m->cell->fused ? s->dpre : take(layout, rows * GH);
    if (attends) {
        s->dcontext = take(layout, rows * H);
        s->dquery = take(layout, rows * A);
        s->dM = take(layout, rows * H);
        s->dkey = take(layout, rows * A);
        s->dalpha = take(layout, T);
    }
}

static int shard_create(void **out, const struct sab_model *m, const struct sab_room *room, struct sab_blocks *blocks,
                        struct sab_error *err)
{
    struct sab_seq2seq_shard all = {.model = m, .S = room->S, .T = room->T, .backward = room->backward, .apart = room->apart};
    struct sab_layout layout = {.base = out ? blocks->kept : NULL};
    lay_out(&layout, room, &all);
    blocks->kept_nbytes = layout.used;
    blocks->scratch_nbytes = 0;
    if (!out)
        return SAB_OK;
    struct sab_seq2seq_shard *s = sab_alloc(1, sizeof *s);
    if (!s)
        return sab_fail(err, SAB_NOMEM, "no memory for a shard");
    *s = all;
    *out = s;
    return SAB_OK;
}

static void shard_free(void *shard)
{
    sab_free(shard);
}

static void forward(void *const *shards, int n, const struct sab_work *works, struct sab_loss_sums *sums)
{
    memset(sums, 0, (size_t)n * sizeof *sums);
    for (int k = 0; k < n; k++)
        sab_seq2seq_forward(shards[k], &works[k], &sums[k]);
}

static void backward(void *const *shards, int n, const struct sab_work *works, real *grads)
{
    for (int k = 0; k < n; k++) {
        const struct sab_seq2seq_shard *s = shards[k];
        sab_seq2seq_backward(shards[k], &works[k], grads + (size_t)k * s->model->n_padded);
    }
}

/* ---- how much there is to do ---- */

/* Where the source ends is not known before the data are; half of the steps are taken to be the decoder's, which costs
 * attention the most. */
static void count(const struct sab_model *m, int T, int B, double reached, int recomputed, struct sab_cost *cost)
{
    double R = (double)T * B, H = m->H, GH = m->cell->G * H, I = m->shape.I, numbers = sizeof(real);
    double A = m->config.decoder_attention ? sab_score_find(m->config.score)->width(m->A) : 0;
    double pairs = A > 0 ? R * T / 4 : 0, contexts = A > 0 ? R / 2 : 0, is_ids = m->shape.input == SAB_INPUT_IDS;
    double inputs = 2 * GH * (is_ids ? 0 : I) * R + 2 * H * GH * contexts, readout = 2 * H * m->O * (R + contexts);
    (void)recomputed;
    cost->nbytes[SAB_PHASE_INPUT] += 3 * GH * R * numbers;
    cost->flops[SAB_PHASE_INPUT] += inputs;
    cost->flops[SAB_PHASE_STATE] += 2 * H * GH * R;
    cost->elements[SAB_PHASE_CELL] += (m->cell->G + m->cell->has_c) * H * R;
    cost->flops[SAB_PHASE_MAP] += 2 * H * A * R;
    cost->elements[SAB_PHASE_SCORE] += pairs * A;
    cost->flops[SAB_PHASE_SCORE] += 2 * pairs * H;
    cost->flops[SAB_PHASE_READOUT] += readout * (1 + 2 * reached);
    cost->elements[SAB_PHASE_SCORE] += reached * pairs * A;
    cost->nbytes[SAB_PHASE_READ_BACKWARD] += reached * pairs * 3 * (H + A) * numbers;
    cost->flops[SAB_PHASE_READ_BACKWARD] += reached * 2 * H * GH * contexts;
    cost->flops[SAB_PHASE_MAP_BACKWARD] += reached * 2 * H * A * (A > 0 ? R : 0);
    cost->nbytes[SAB_PHASE_CELL_BACKWARD] += reached * (2 * m->cell->G + 2 + 3 * m->cell->has_c) * H * R * numbers;
    cost->flops[SAB_PHASE_STATE_BACKWARD] += reached * 2 * H * GH * R;
    cost->flops[SAB_PHASE_WEIGHTS] += reached * (inputs + 2 * H * GH * R + 2 * H * A * (A > 0 ? R : 0));
}

const struct sab_network sab_network_seq2seq = {
    .name = "seq2seq",
    .resolve = resolve,
    .add_tensors = add_tensors,
    .start = start,
    .create = create,
    .copies = copies,
    .prepare = prepare,
    .shard_create = shard_create,
    .shard_free = shard_free,
    .shards_forward = forward,
    .shards_backward = backward,
    .count = count,
};
