/* One layer forward over a span:
 *
 *     pre_t = bias + x_t W_ih + h_{t-1} W_hh     hh_t = cell(pre_t)
 *     v_t = query(hh_t)   s_t = read(v_t)        h_t = hh_t + G s_t        where one is due: write h_t or hh_t
 *
 * The products with x run over the whole span, the rest step by step. */
#include "model/model.h"

#include <assert.h>
#include <string.h>

static void copy_rows(int R, int width, const real *row, real *out)
{
    for (int r = 0; r < R; r++)
        memcpy(out + (size_t)r * width, row, (size_t)width * sizeof *row);
}

/* pre [len*S,GHp] = bias + x W_ih. */
static void input_product(const struct sab_model *m, const struct sab_cell_weights *cw, const struct sab_span *w)
{
    int R = w->len * w->S;
    if (!w->ids) {
        copy_rows(R, m->GHp, cw->bias, w->pre);
        m->kernels->gemm(R, m->GHp, cw->I, w->x, w->x_stride, 1, cw->ih, w->pre, m->GHp, 1);
        return;
    }
    for (int r = 0; r < R; r++) {
        const real *row = cw->rows_ih + (size_t)w->ids[r] * m->GHp;
        real *pre = w->pre + (size_t)r * m->GHp;
        for (int j = 0; j < m->GHp; j++)
            pre[j] = cw->bias[j] + row[j];
    }
}

static void remind(const struct sab_model *m, const struct sab_layer_weights *lw, const struct sab_span *w, int i,
                   struct sab_memory *memory, struct sab_records *records, int replay,
                   const struct sab_scratch *scratch)
{
    const struct sab_remind *r = &lw->remind;
    int S = w->S, t = w->t0 + i;
    size_t n = (size_t)S * m->Hp, at = i * n;
    real *query = w->query + (size_t)i * S * m->Ap;
    if (sab_ledger_count(&memory->ledger, t) > 0)
        r->score->map(r, 1, S, w->hh + at, query);
    sab_profile_lap(scratch->profile, SAB_PHASE_MAP);
    sab_read_forward(r, memory, t, query, records, replay, w->s + at, scratch->scores, scratch->candidates,
                     scratch->profile);
    real *h = w->h + at + n;
    for (size_t j = 0; j < n; j++)
        h[j] = w->hh[at + j] + m->gain * w->s[at + j];
    sab_profile_lap(scratch->profile, SAB_PHASE_READ);
    if (!replay)
        sab_memory_step(r, memory, t, m->write == SAB_WRITE_STATE ? h : w->hh + at, w->h + at, scratch->key);
    sab_profile_lap(scratch->profile, SAB_PHASE_MAP);
}

void sab_layer_forward(const struct sab_model *m, int layer, const struct sab_span *w, struct sab_memory *memory,
                       struct sab_records *records, int replay, const struct sab_scratch *scratch)
{
    const struct sab_layer_weights *lw = &m->layers[layer];
    const struct sab_cell_weights *cw = &lw->cell;
    int S = w->S, Hp = m->Hp, GHp = m->GHp;
    assert(0 <= layer && layer < m->L && S > 0 && w->len > 0 && (w->ids || w->x));
    input_product(m, cw, w);
    sab_profile_lap(scratch->profile, SAB_PHASE_INPUT);
    for (int i = 0; i < w->len; i++) {
        size_t n = (size_t)S * Hp, at = i * n;
        struct sab_cell_step step = {
            .pre = w->pre + (size_t)i * S * GHp,
            .pre_h = scratch->pre_h,
            .extra = m->cell->n_extra ? w->extra + at * m->cell->n_extra : NULL,
            .h_prev = w->h + at,
            .c_prev = m->cell->has_c ? w->c + at : NULL,
            .c = m->cell->has_c ? w->c + at + n : NULL,
            .hh = w->hh + at,
        };
        if (!m->cell->fused)
            copy_rows(S, GHp, cw->bias_h, step.pre_h);
        m->kernels->gemm(S, GHp, m->H, step.h_prev, Hp, 1, cw->hh, m->cell->fused ? step.pre : step.pre_h, GHp, 1);
        sab_profile_lap(scratch->profile, SAB_PHASE_STATE);
        m->cell->forward(m->kernels, S, Hp, &step);
        sab_profile_lap(scratch->profile, SAB_PHASE_CELL);
        if (m->K > 0)
            remind(m, lw, w, i, memory, records, replay, scratch);
    }
}
