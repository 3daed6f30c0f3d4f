/* One layer forward over a window:
 *
 *     pre_t = bias + x_t W_ih + h_{t-1} W_hh     hh_t = cell(pre_t)
 *     v_t = query(hh_t)   s_t = read(v_t)        h_t = hh_t + G s_t        every k_att steps: write h_t or hh_t
 *
 * The products with x run over the whole window, the rest step by step. */
#include "model/model.h"

#include <string.h>

static void copy_rows(int R, int width, const real *row, real *out)
{
    for (int r = 0; r < R; r++)
        memcpy(out + (size_t)r * width, row, (size_t)width * sizeof *row);
}

/* pre [len*S,GHp] = bias + x W_ih. */
static void input_product(const struct sab_model *m, const struct sab_layer_weights *lw, const struct sab_window *w)
{
    int R = w->len * w->S;
    copy_rows(R, m->GHp, lw->bias, w->pre);
    if (!w->ids) {
        m->kernels->gemm(R, m->GHp, lw->I, w->x, w->x_stride, 1, lw->ih, w->pre, m->GHp, 1);
        return;
    }
    for (int r = 0; r < R; r++) {
        const real *row = lw->rows_ih + (size_t)w->ids[r] * m->GHp;
        real *pre = w->pre + (size_t)r * m->GHp;
        for (int j = 0; j < m->GHp; j++)
            pre[j] += row[j];
    }
}

static void remind(const struct sab_model *m, const struct sab_layer_weights *lw, const struct sab_window *w, int i,
                   struct sab_memory *memory, struct sab_records *records, int replay,
                   const struct sab_scratch *scratch)
{
    const struct sab_remind *r = &lw->remind;
    int S = w->S, t = w->t0 + i;
    size_t at = (size_t)i * S * m->Hp;
    real *query = w->query + (size_t)i * S * m->Ap;
    if (sab_memory_count(r, memory->carried, t) > 0)
        r->score->map(r, 1, S, w->hh + at, query);
    sab_profile_lap(scratch->profile, SAB_PHASE_MAP);
    sab_read_forward(r, memory, t, query, records, replay, w->s + at, scratch->scores, scratch->profile);
    for (int j = 0; j < S * m->Hp; j++)
        w->h[at + j] = w->hh[at + j] + m->gain * w->s[at + j];
    sab_profile_lap(scratch->profile, SAB_PHASE_READ);
    if (!replay && (t + 1) % m->k_att == 0)
        sab_memory_write(r, memory, (m->write == SAB_WRITE_STATE ? w->h : w->hh) + at, scratch->key);
    sab_profile_lap(scratch->profile, SAB_PHASE_MAP);
}

void sab_layer_forward(const struct sab_model *m, int layer, const struct sab_window *w, struct sab_memory *memory,
                       struct sab_records *records, int replay, const struct sab_scratch *scratch)
{
    const struct sab_layer_weights *lw = &m->layers[layer];
    int S = w->S, Hp = m->Hp, GHp = m->GHp;
    input_product(m, lw, w);
    sab_profile_lap(scratch->profile, SAB_PHASE_INPUT);
    for (int i = 0; i < w->len; i++) {
        size_t at = (size_t)i * S * Hp, before = at - (size_t)S * Hp;
        struct sab_cell_step step = {
            .pre = w->pre + (size_t)i * S * GHp,
            .pre_h = scratch->pre_h,
            .extra = m->cell->n_extra ? w->extra + at * m->cell->n_extra : NULL,
            .h_prev = i == 0 ? w->h0 : w->h + before,
            .c_prev = !m->cell->has_c ? NULL : i == 0 ? w->c0 : w->c + before,
            .c = m->cell->has_c ? w->c + at : NULL,
            .hh = w->hh + at,
        };
        if (!m->cell->fused)
            copy_rows(S, GHp, lw->bias_h, step.pre_h);
        m->kernels->gemm(S, GHp, m->H, step.h_prev, Hp, 1, lw->hh, m->cell->fused ? step.pre : step.pre_h, GHp, 1);
        sab_profile_lap(scratch->profile, SAB_PHASE_STATE);
        m->cell->forward(m->kernels, S, Hp, &step);
        sab_profile_lap(scratch->profile, SAB_PHASE_CELL);
        if (m->K > 0)
            remind(m, lw, w, i, memory, records, replay, scratch);
    }
}
