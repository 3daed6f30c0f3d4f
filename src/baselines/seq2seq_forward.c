/* A shard of the encoder-decoder forward, step after step:
 *
 *     encoder   h_t, c_t = cell(x_t W + b, h_{t-1} U)             y_t = h_t V1 + b
 *     decoder   q_t = query(h_{t-1})   z_t = sum_i alpha_i h_i    i: steps of the source, alpha = softmax(score(h_i, q_t))
 *               h_t, c_t = cell'(x_t W' + Y[answer_{t-1}] + z_t C + b', h_{t-1} U')         y_t = h_t V1 + z_t V2 + b
 *
 * with weights W', U', b' of the decoder's own; the z_t only with attention. Which rows of a step are on which side
 * differs from sequence to sequence; products are over runs of rows on one side, and an element of a product does not
 * depend on the rows beside it. */
#include "baselines/seq2seq.h"

#include <math.h>
#include <string.h>

static int side_of(const struct sab_seq2seq_shard *s, int p)
{
    int t = p / s->S, b = p % s->S;
    return t >= s->length[b] ? SAB_PAST : t < s->source[b] ? SAB_ENCODER : SAB_DECODER;
}

int sab_seq2seq_next(const struct sab_seq2seq_shard *s, int end, struct sab_seq2seq_run *run)
{
    run->from += run->n;
    while (run->from < end && side_of(s, run->from) == SAB_PAST)
        run->from++;
    if (run->from >= end)
        return 0;
    run->side = side_of(s, run->from);
    for (run->n = 1; run->from + run->n < end && side_of(s, run->from + run->n) == run->side; run->n++)
        ;
    return 1;
}

static void load(struct sab_seq2seq_shard *s, const struct sab_work *work)
{
    s->work = work;
    s->steps = sab_work_steps(work, s->S);
    for (int b = 0; b < s->S; b++) {
        const struct sab_column *column = &work->columns[b];
        s->length[b] = column->length;
        for (s->source[b] = 0; s->source[b] < column->length; s->source[b]++)
            if (sab_batch_scored(work->batch, s->source[b], column->b))
                break;
    }
    sab_work_input(work, s->model, s->S, 0, s->steps, s->ids, s->values);
    sab_profile_lap(work->profile, SAB_PHASE_LOAD);
}

/* ---- the decoder's inputs ---- */

static int32_t largest(int O, const real *y)
{
    int32_t best = 0;
    for (int o = 1; o < O; o++)
        best = y[o] > y[best] ? o : best;
    return best;
}

/* What the step before answered: the label where the gradient is wanted or config says so, else the largest output. A step
 * of the source, or one of weight 0, has answered nothing. */
static int32_t answer_before(const struct sab_seq2seq_shard *s, int p)
{
    const struct sab_model *m = s->model;
    const struct sab_batch *batch = s->work->batch;
    int t = p / s->S, b = s->work->columns[p % s->S].b;
    if (t <= s->source[p % s->S] || !(sab_batch_weight(batch, t - 1, b) > 0))
        return -1;
    if (batch->labels && (s->backward || m->config.decoder_feed == SAB_FEED_LABELS))
        return batch->labels[(size_t)(t - 1) * batch->B + b];
    return largest(m->O, s->y + (size_t)(p - s->S) * m->Op);
}

/* The encoder of sequence b has ended: its states, side by side, and their keys. */
static void make_keys(struct sab_seq2seq_shard *s, int b)
{
    const struct sab_model *m = s->model;
    const struct sab_remind *r = &sab_seq2seq_of(m)->remind;
    size_t first = (size_t)b * s->T, Hp = (size_t)m->Hp;
    for (int i = 0; i < s->source[b]; i++)
        memcpy(s->M + (first + i) * Hp, s->h + ((size_t)(i + 1) * s->S + b) * Hp, Hp * sizeof *s->M);
    r->score->map(r, 0, s->source[b], s->M + first * Hp, (struct sab_part){0, m->Ap}, s->key + first * m->Ap);
}

void sab_seq2seq_weigh(const struct sab_seq2seq_shard *s, int p, real *alpha)
{
    const struct sab_model *m = s->model;
    const struct sab_remind *r = &sab_seq2seq_of(m)->remind;
    int b = p % s->S, N = s->source[b];
    r->score->scores(r, N, s->key + (size_t)b * s->T * m->Ap, s->query + (size_t)p * m->Ap, alpha);
    real top = alpha[0], sum = 0;
    for (int i = 1; i < N; i++)
        top = alpha[i] > top ? alpha[i] : top;
    for (int i = 0; i < N; i++) {
        alpha[i] = (real)exp((double)(alpha[i] - top));
        sum += alpha[i];
    }
    for (int i = 0; i < N; i++)
        alpha[i] /= sum;
}

/* Contexts of a run of the decoder's rows; 0 where there is no source. */
static void attend(struct sab_seq2seq_shard *s, const struct sab_seq2seq_run *run)
{
    const struct sab_model *m = s->model;
    const struct sab_remind *r = &sab_seq2seq_of(m)->remind;
    size_t Hp = (size_t)m->Hp;
    for (int p = run->from; p < run->from + run->n; p++)
        if (p / s->S == s->source[p % s->S] && s->source[p % s->S] > 0)
            make_keys(s, p % s->S);
    r->score->map(r, 1, run->n, s->h + run->from * Hp, (struct sab_part){0, m->Ap}, s->query + (size_t)run->from * m->Ap);
    sab_profile_lap(s->work->profile, SAB_PHASE_MAP);
    for (int p = run->from; p < run->from + run->n; p++) {
        int b = p % s->S, N = s->source[b];
        real *context = s->context + p * Hp;
        memset(context, 0, Hp * sizeof *context);
        if (N > 0)
            sab_seq2seq_weigh(s, p, s->alpha);
        for (int i = 0; i < N; i++)
            m->kernels->axpy(m->Hp, s->alpha[i], s->M + ((size_t)b * s->T + i) * Hp, context);
    }
    sab_profile_lap(s->work->profile, SAB_PHASE_SCORE);
}

/* ---- one step ---- */

static void add_row(int n, const real *x, real *y)
{
    for (int j = 0; j < n; j++)
        y[j] += x[j];
}

/* pre of a run: biases and all inputs but h_{t-1}. */
static void inputs(struct sab_seq2seq_shard *s, const struct sab_seq2seq_run *run)
{
    const struct sab_model *m = s->model;
    const struct sab_seq2seq *own = sab_seq2seq_of(m);
    const struct sab_cell_weights *side = &own->side[run->side];
    size_t from = (size_t)run->from, GHp = (size_t)m->GHp;
    real *pre = s->pre + from * GHp;
    for (int r = 0; r < run->n; r++) {
        memcpy(pre + r * GHp, side->bias, GHp * sizeof *pre);
        if (s->ids)
            add_row(m->GHp, side->rows_ih + (size_t)s->ids[from + r] * GHp, pre + r * GHp);
        if (run->side == SAB_DECODER && s->fed[from + r] >= 0)
            add_row(m->GHp, own->rows_answer + (size_t)s->fed[from + r] * GHp, pre + r * GHp);
    }
    if (!s->ids)
        m->kernels->gemm(run->n, m->GHp, m->shape.I, s->values + from * m->shape.I, m->shape.I, 1, side->ih, pre, m->GHp, 1);
    if (run->side == SAB_DECODER && own->attends)
        m->kernels->gemm(run->n, m->GHp, m->H, s->context + from * m->Hp, m->Hp, 1, own->context, pre, m->GHp, 1);
    sab_profile_lap(s->work->profile, SAB_PHASE_INPUT);
}

static void run_forward(struct sab_seq2seq_shard *s, const struct sab_seq2seq_run *run)
{
    const struct sab_model *m = s->model;
    const struct sab_seq2seq *own = sab_seq2seq_of(m);
    const struct sab_cell_weights *side = &own->side[run->side];
    size_t at = (size_t)run->from * m->Hp, next = at + (size_t)s->S * m->Hp;
    int attends = run->side == SAB_DECODER && own->attends;
    for (int p = run->from; p < run->from + run->n; p++)
        s->fed[p] = answer_before(s, p);
    if (attends)
        attend(s, run);
    inputs(s, run);
    struct sab_cell_step step = {
        .pre = s->pre + (size_t)run->from * m->GHp,
        .pre_h = s->pre_h,
        .extra = m->cell->n_extra ? s->extra + at * m->cell->n_extra : NULL,
        .h_prev = s->h + at,
        .c_prev = m->cell->has_c ? s->c + at : NULL,
        .c = m->cell->has_c ? s->c + next : NULL,
        .hh = s->h + next,
    };
    for (int r = 0; !m->cell->fused && r < run->n; r++)
        memcpy(s->pre_h + (size_t)r * m->GHp, side->bias_h, (size_t)m->GHp * sizeof *s->pre_h);
    m->kernels->gemm(run->n, m->GHp, m->H, step.h_prev, m->Hp, 1, side->hh, m->cell->fused ? step.pre : step.pre_h, m->GHp,
                     1);
    sab_profile_lap(s->work->profile, SAB_PHASE_STATE);
    m->cell->forward(m->kernels, run->n, m->Hp, m->Hp, &step);
    sab_profile_lap(s->work->profile, SAB_PHASE_CELL);
    sab_readout_forward(m, run->n, step.hh, attends ? s->context + at : NULL, s->y + (size_t)run->from * m->Op);
    sab_profile_lap(s->work->profile, SAB_PHASE_READOUT);
}

void sab_seq2seq_forward(struct sab_seq2seq_shard *s, const struct sab_work *work, struct sab_loss_sums *sums)
{
    load(s, work);
    for (int t = 0; t < s->steps && !sab_work_is_stopped(work); t++) {
        struct sab_seq2seq_run run = {.from = t * s->S};
        while (sab_seq2seq_next(s, (t + 1) * s->S, &run))
            run_forward(s, &run);
    }
    sab_work_losses(work, s->model, s->S, 0, s->steps, s->backward && !s->apart, s->y, sums);
    sab_profile_lap(work->profile, SAB_PHASE_READOUT);
}
