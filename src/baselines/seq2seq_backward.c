/* A shard of the encoder-decoder backward, last step first: the whole of back-propagation through time. With dh_t all that
 * reaches h_t (readout, step after, and in the source what attention sends, dM),
 *
 *     dpre_t, dc_{t-1} = cell backward(dh_t, dc_t)         dh_{t-1} = dpre_t U^T + query backward(dq_t)
 *     dz_t = dy_t V2^T + dpre_t C^T                        dh_i += alpha_i dz_t, and through the score's key
 *     g_i = h_i . dz_t    da_i = alpha_i (g_i - sum_j alpha_j g_j)
 *
 * The last state of the source gets its gradient from the decoder's first step like any other from the step after it.
 * Weight gradients are products over all steps. */
#include "baselines/seq2seq.h"

#include <string.h>

static void add_row(int n, const real *x, real *y)
{
    for (int j = 0; j < n; j++)
        y[j] += x[j];
}

/* dh_out and dcontext of all rows. */
static void readout_backward(struct sab_seq2seq_shard *s, real *grads)
{
    const struct sab_model *m = s->model;
    struct sab_seq2seq_run run = {0};
    while (sab_seq2seq_next(s, s->steps * s->S, &run)) {
        size_t at = (size_t)run.from * m->Hp;
        int attends = run.side == SAB_DECODER && sab_seq2seq_of(m)->attends;
        sab_readout_backward(m, run.n, s->h + (size_t)s->S * m->Hp + at, attends ? s->context + at : NULL,
                             s->dy + (size_t)run.from * m->Op, s->dh_out + at, attends ? s->dcontext + at : NULL, grads);
    }
    sab_profile_lap(s->work->profile, SAB_PHASE_READOUT);
}

/* From dcontext of row p: its dquery, and what the states of the source get. */
static void attend_backward(struct sab_seq2seq_shard *s, int p, const struct sab_remind_grads *rg)
{
    const struct sab_model *m = s->model;
    const struct sab_remind *r = &sab_seq2seq_of(m)->remind;
    int b = p % s->S, N = s->source[b];
    size_t first = (size_t)b * s->T, Hp = (size_t)m->Hp, Ap = (size_t)m->Ap;
    const real *dz = s->dcontext + p * Hp;
    real *dquery = s->dquery + p * Ap, mean = 0;
    memset(dquery, 0, Ap * sizeof *dquery);
    if (N == 0)
        return;
    sab_seq2seq_weigh(s, p, s->alpha);
    for (int i = 0; i < N; i++) {
        s->dalpha[i] = m->kernels->dot(m->Hp, s->M + (first + i) * Hp, dz);
        mean += s->alpha[i] * s->dalpha[i];
    }
    for (int i = 0; i < N; i++) {
        real da = s->alpha[i] * (s->dalpha[i] - mean);
        m->kernels->axpy(m->Hp, s->alpha[i], dz, s->dM + (first + i) * Hp);
        r->score->backward(r, s->key + (first + i) * Ap, s->query + p * Ap, da, (struct sab_part){0, m->Ap}, s->dkey + (first + i) * Ap,
                           dquery, rg);
    }
}

/* Attention of a run of the decoder's rows. Steps are gone through from the last to the first, so at the decoder's first step the gradients
 * of the keys are complete and go on to the states that the keys are made of. */
static void run_attend_backward(struct sab_seq2seq_shard *s, const struct sab_seq2seq_run *run,
                                const struct sab_remind_grads *rg)
{
    const struct sab_model *m = s->model;
    const struct sab_seq2seq *own = sab_seq2seq_of(m);
    const struct sab_remind *r = &own->remind;
    size_t from = (size_t)run->from, Hp = (size_t)m->Hp;
    int b0 = run->from % s->S;
    m->kernels->gemm(run->n, m->Hp, m->GHp, s->dpre + from * m->GHp, m->GHp, 1, own->context_t, s->dcontext + from * Hp,
                     m->Hp, 1);
    for (int p = run->from; p < run->from + run->n; p++)
        attend_backward(s, p, rg);
    sab_profile_lap(s->work->profile, SAB_PHASE_READ_BACKWARD);
    r->score->map_backward(r, 1, run->n, s->h + from * Hp, Hp, s->dquery + from * m->Ap, (size_t)m->Ap, (struct sab_part){0, m->Hp},
                           s->dcarry + b0 * Hp);
    for (int b = b0; b < b0 + run->n; b++) {
        size_t first = (size_t)b * s->T;
        if (run->from / s->S == s->source[b] && s->source[b] > 0)
            r->score->map_backward(r, 0, s->source[b], s->M + first * Hp, Hp, s->dkey + first * m->Ap, (size_t)m->Ap,
                                   (struct sab_part){0, m->Hp}, s->dM + first * Hp);
    }
    sab_profile_lap(s->work->profile, SAB_PHASE_MAP_BACKWARD);
}

static void run_backward(struct sab_seq2seq_shard *s, const struct sab_seq2seq_run *run, const struct sab_remind_grads *rg)
{
    const struct sab_model *m = s->model;
    const struct sab_seq2seq *own = sab_seq2seq_of(m);
    int t = run->from / s->S, b0 = run->from % s->S;
    size_t Hp = (size_t)m->Hp, at = run->from * Hp, next = at + s->S * Hp;
    for (int r = 0; r < run->n; r++) {
        real *dh = s->dh + (b0 + r) * Hp;
        memcpy(dh, s->dh_out + at + r * Hp, Hp * sizeof *dh);
        add_row(m->Hp, s->dcarry + (b0 + r) * Hp, dh);
        if (run->side == SAB_ENCODER && own->attends)
            add_row(m->Hp, s->dM + ((size_t)(b0 + r) * s->T + t) * Hp, dh);
    }
    struct sab_cell_step step = {
        .pre = s->pre + (size_t)run->from * m->GHp,
        .extra = m->cell->n_extra ? s->extra + at * m->cell->n_extra : NULL,
        .h_prev = s->h + at,
        .c_prev = m->cell->has_c ? s->c + at : NULL,
        .c = m->cell->has_c ? s->c + next : NULL,
        .hh = s->h + next,
    };
    struct sab_cell_back back = {
        .dhh = s->dh + b0 * Hp,
        .dc = s->dc + b0 * Hp,
        .dpre = s->dpre + (size_t)run->from * m->GHp,
        .dpre_h = s->dpre_h + (size_t)run->from * m->GHp,
        .dh_prev = s->dcarry + b0 * Hp,
    };
    m->cell->backward(m->kernels, run->n, m->Hp, m->Hp, &step, &back);
    sab_profile_lap(s->work->profile, SAB_PHASE_CELL_BACKWARD);
    m->kernels->gemm(run->n, m->Hp, m->GHp, back.dpre_h, m->GHp, 1, own->side[run->side].hh_t, back.dh_prev, m->Hp,
                     !m->cell->fused);
    sab_profile_lap(s->work->profile, SAB_PHASE_STATE_BACKWARD);
    if (run->side == SAB_DECODER && own->attends)
        run_attend_backward(s, run, rg);
}

/* The weight gradients of one side's rows. */
static void run_products(const struct sab_seq2seq_shard *s, const struct sab_seq2seq_run *run, real *grads,
                         const struct sab_remind_grads *rg)
{
    const struct sab_model *m = s->model;
    const struct sab_remind *r = &sab_seq2seq_of(m)->remind;
    int Ip = sab_pad(m->shape.I);
    size_t from = (size_t)run->from, Hp = (size_t)m->Hp, GHp = (size_t)m->GHp;
    const real *dpre = s->dpre + from * GHp, *dpre_h = s->dpre_h + from * GHp;
    real *dih = sab_tensors_grad(m, SAB_ROLE_WEIGHT_IH, run->side, grads), *db = sab_tensors_grad(m, SAB_ROLE_BIAS_IH, run->side, grads);
    real *db_h = sab_tensors_grad(m, SAB_ROLE_BIAS_HH, run->side, grads), *danswer = sab_tensors_grad(m, SAB_ROLE_ANSWER, 0, grads);
    m->kernels->gemm(m->H, m->GHp, run->n, s->h + from * Hp, 1, m->Hp, sab_matrix_rows(dpre_h, m->GHp),
                     sab_tensors_grad(m, SAB_ROLE_WEIGHT_HH, run->side, grads), m->GHp, 1);
    for (int i = 0; i < run->n; i++) {
        add_row(m->GHp, dpre + i * GHp, db);
        add_row(m->GHp, dpre_h + i * GHp, db_h);
        if (s->ids)
            add_row(m->GHp, dpre + i * GHp, dih + (size_t)s->ids[from + i] * GHp);
        if (run->side == SAB_DECODER && s->fed[from + i] >= 0)
            add_row(m->GHp, dpre + i * GHp, danswer + (size_t)s->fed[from + i] * GHp);
    }
    if (!s->ids)
        m->kernels->gemm(m->shape.I, m->GHp, run->n, s->values + from * m->shape.I, 1, m->shape.I,
                         sab_matrix_rows(dpre, m->GHp), dih, m->GHp, 1);
    if (s->work->dvalues)
        m->kernels->gemm(run->n, Ip, m->GHp, dpre, m->GHp, 1, sab_seq2seq_of(m)->side[run->side].ih_t,
                         s->dvalues + from * Ip, Ip, 0);
    if (run->side == SAB_ENCODER || !sab_seq2seq_of(m)->attends)
        return;
    m->kernels->gemm(m->H, m->GHp, run->n, s->context + from * Hp, 1, m->Hp, sab_matrix_rows(dpre, m->GHp),
                     sab_tensors_grad(m, SAB_ROLE_CONTEXT, 0, grads), m->GHp, 1);
    r->score->map_weights(r, 1, run->n, s->h + from * Hp, s->dquery + from * m->Ap, (struct sab_part){0, m->Ap}, rg);
}

static void products(const struct sab_seq2seq_shard *s, real *grads, const struct sab_remind_grads *rg)
{
    const struct sab_model *m = s->model;
    const struct sab_remind *r = &sab_seq2seq_of(m)->remind;
    struct sab_seq2seq_run run = {0};
    while (!sab_work_is_stopped(s->work) && sab_seq2seq_next(s, s->steps * s->S, &run)) {
        run_products(s, &run, grads, rg);
        if (s->work->profile)
            s->work->profile->rows_backward += (uint64_t)run.n;
    }
    if (s->work->dvalues)
        sab_work_dvalues(s->work, m, s->S, 0, s->steps, s->dvalues, sab_pad(m->shape.I));
    for (int b = 0; sab_seq2seq_of(m)->attends && b < s->S; b++) {
        size_t first = (size_t)b * s->T;
        if (s->length[b] > s->source[b] && s->source[b] > 0)
            r->score->map_weights(r, 0, s->source[b], s->M + first * m->Hp, s->dkey + first * m->Ap, (struct sab_part){0, m->Ap}, rg);
    }
    sab_profile_lap(s->work->profile, SAB_PHASE_WEIGHTS);
}

/* What the way back begins with, where forward has not left it in y. */
static void fill_dy(struct sab_seq2seq_shard *s)
{
    const struct sab_model *m = s->model;
    struct sab_loss_sums spare = {0};
    if (s->work->doutputs) {
        sab_work_doutputs(s->work, m, s->S, 0, s->steps, s->dy);
        return;
    }
    memcpy(s->dy, s->y, (size_t)s->steps * s->S * m->Op * sizeof *s->dy);
    sab_work_losses(s->work, m, s->S, 0, s->steps, 1, s->dy, &spare);
}

void sab_seq2seq_backward(struct sab_seq2seq_shard *s, const struct sab_work *work, real *grads)
{
    const struct sab_model *m = s->model;
    s->work = work;
    if (s->apart)
        fill_dy(s);
    struct sab_remind_grads rg = sab_layer_remind_grads(m, 0, grads);
    size_t row = (size_t)s->S * m->Hp;
    readout_backward(s, grads);
    memset(s->dcarry, 0, row * sizeof *s->dcarry);
    memset(s->dc, 0, row * sizeof *s->dc);
    if (sab_seq2seq_of(m)->attends) {
        memset(s->dM, 0, row * s->T * sizeof *s->dM);
        memset(s->dkey, 0, (size_t)s->S * s->T * m->Ap * sizeof *s->dkey);
    }
    for (int t = s->steps - 1; t >= 0 && !sab_work_is_stopped(s->work); t--) {
        struct sab_seq2seq_run run = {.from = t * s->S};
        while (sab_seq2seq_next(s, (t + 1) * s->S, &run))
            run_backward(s, &run, &rg);
    }
    products(s, grads, &rg);
}
