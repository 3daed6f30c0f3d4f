/* One layer forward over a span:
 *
 *     pre_t = bias + x_t W_ih + h_{t-1} W_hh     hh_t = cell(pre_t)        with dropout x_t * d in place of x_t, h_{t-1} * r of h_{t-1}
 *     v_t = query(hh_t)   s_t = read(v_t)        h_t = hh_t + G s_t        where one is due: write h_t or hh_t
 *
 * The products with x run over the whole span, the rest step by step. */
#include "model/model.h"

#include <assert.h>
#include <string.h>

#include "base/random.h"
#include "kernels/row_blocks.h"

int sab_draws_are_used(const struct sab_model *m)
{
    return m->K > 0 && m->layers[0].remind.keep.choice && m->layers[0].remind.keep.choice->is_drawn;
}

uint64_t sab_draws(const struct sab_model *m, uint64_t before, const int32_t *id, const real *x)
{
    if (id)
        return sab_random_mix(before, (uint64_t)*id);
    for (int k = 0; k < m->shape.I; k++) {
        double value = (double)x[k] + 0.0; /* there is one 0 */
        uint64_t word;
        memcpy(&word, &value, sizeof word);
        before = sab_random_mix(before, word);
    }
    return before;
}

static void copy_rows(int R, int width, const real *row, real *out)
{
    for (int r = 0; r < R; r++)
        memcpy(out + (size_t)r * width, row, (size_t)width * sizeof *row);
}

void sab_mask_rows(int len, size_t n, const real *mask, const real *x, real *out)
{
    for (int t = 0; t < len; t++, x += n, out += n)
        for (size_t j = 0; j < n; j++)
            out[j] = x[j] * mask[j];
}

/* pre [len*S,GHp] = bias + x W_ih. */
static void input_product(const struct sab_model *m, const struct sab_cell_weights *cw, const struct sab_span *w,
                          const struct sab_scratch *scratch)
{
    int R = w->len * w->S;
    if (!w->ids) {
        const real *x = w->x_mask ? scratch->masked[0] : w->x;
        if (w->x_mask)
            sab_mask_rows(w->len, (size_t)w->S * m->Hp, w->x_mask, w->x, scratch->masked[0]);
        copy_rows(R, m->GHp, cw->bias, w->pre);
        m->kernels->gemm(R, m->GHp, cw->I, x, w->x_stride, 1, cw->ih, w->pre, m->GHp, 1);
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
        sab_memory_step(r, memory, t, m->write == SAB_WRITE_STATE ? h : w->hh + at, w->h + at,
                        w->draws ? w->draws + (size_t)i * S : NULL, scratch->key);
    sab_profile_lap(scratch->profile, SAB_PHASE_MAP);
}

static struct sab_cell_step step_of(const struct sab_model *m, const struct sab_layer_part *p, int i)
{
    const struct sab_span *w = p->span;
    size_t n = (size_t)w->S * m->Hp, at = i * n;
    return (struct sab_cell_step){
        .pre = w->pre + (size_t)i * w->S * m->GHp,
        .pre_h = p->scratch->pre_h,
        .extra = m->cell->n_extra ? w->extra + at * m->cell->n_extra : NULL,
        .h_prev = w->h + at,
        .c_prev = m->cell->has_c ? w->c + at : NULL,
        .c = m->cell->has_c ? w->c + at + n : NULL,
        .hh = w->hh + at,
    };
}

/* h_{t-1} W_hh of those parts that have a step i, h times its mask where it has one. */
static void state_product(const struct sab_model *m, const struct sab_cell_weights *cw, int n, const struct sab_layer_part *parts, int i)
{
    struct sab_row_block rows[SAB_TOGETHER];
    int count = 0;
    for (int k = 0; k < n; k++) {
        if (i >= parts[k].span->len)
            continue;
        struct sab_cell_step step = step_of(m, &parts[k], i);
        if (!m->cell->fused)
            copy_rows(parts[k].span->S, m->GHp, cw->bias_h, step.pre_h);
        const struct sab_span *w = parts[k].span;
        if (w->h_mask)
            sab_mask_rows(1, (size_t)w->S * m->Hp, w->h_mask, step.h_prev, parts[k].scratch->masked[0]);
        rows[count++] = (struct sab_row_block){w->S, w->h_mask ? parts[k].scratch->masked[0] : step.h_prev,
                                               m->cell->fused ? step.pre : step.pre_h};
    }
    sab_row_blocks_product(m->kernels, count, rows, m->GHp, m->H, m->Hp, cw->hh, m->GHp, 1);
}

void sab_layer_forward(const struct sab_model *m, int layer, int n, const struct sab_layer_part *parts, int replay)
{
    const struct sab_layer_weights *lw = &m->layers[layer];
    struct sab_profile *profile = parts->scratch->profile;
    int steps = 0;
    assert(0 <= layer && layer < m->L && 0 < n && n <= SAB_TOGETHER);
    for (int k = 0; k < n; k++) {
        const struct sab_span *w = parts[k].span;
        assert(w->S > 0 && w->len > 0 && (w->ids || w->x));
        input_product(m, &lw->cell, w, parts[k].scratch);
        steps = w->len > steps ? w->len : steps;
    }
    sab_profile_lap(profile, SAB_PHASE_INPUT);
    for (int i = 0; i < steps; i++) {
        state_product(m, &lw->cell, n, parts, i);
        sab_profile_lap(profile, SAB_PHASE_STATE);
        for (int k = 0; k < n; k++) {
            const struct sab_layer_part *p = &parts[k];
            if (i >= p->span->len)
                continue;
            struct sab_cell_step step = step_of(m, p, i);
            m->cell->forward(m->kernels, p->span->S, m->Hp, &step);
            sab_profile_lap(profile, SAB_PHASE_CELL);
            if (m->K > 0)
                remind(m, lw, p->span, i, p->memory, p->records, replay, p->scratch);
        }
    }
}
