/* One layer backward: a window, last step first. With dh_t all that reaches h_t,
 *
 *     write state:        dh_t += dm_t                    ds_t = G dh_t + ds_out_t
 *     write provisional:  dhh_t += dm_t                   dv_t from the read backward
 *     dhh_t += dh_t + query_backward(dv_t)                dpre_t, dc_{t-1} = cell backward(dhh_t, dc_t)
 *     dh_{t-1} = dpre_t W_hh^T                        times the factors of dropout, where there are some
 *
 * and dm_t, what reaches the state of step t through the memory that it is part of, complete because every read of it is
 * later than t. Weight gradients are products over many steps: the more rows they have, the less of their time goes into
 * reading and writing the weights' gradient. */
#include "model/model.h"

#include <assert.h>
#include <string.h>

#include "kernels/row_blocks.h"

struct sab_remind_grads sab_layer_remind_grads(const struct sab_model *m, int layer, real *grads)
{
    int release = m->config.score == SAB_SCORE_RELEASE2019;
    return (struct sab_remind_grads){
        .W1 = sab_tensors_grad(m, SAB_ROLE_W1, layer, grads),
        .W2 = sab_tensors_grad(m, SAB_ROLE_W2, layer, grads),
        .w = sab_tensors_grad(m, release ? SAB_ROLE_W : SAB_ROLE_W3, layer, grads),
        .gate = sab_tensors_grad(m, SAB_ROLE_GATE, layer, grads),
        .pool = sab_tensors_grad(m, SAB_ROLE_POOL, layer, grads),
    };
}

static void add_rows(int n, const real *x, real *y)
{
    for (int j = 0; j < n; j++)
        y[j] += x[j];
}

/* scratch->dhh of step i from scratch->dh, through the write and the read. */
static void remind_backward(const struct sab_model *m, int layer, const struct sab_span *w, int i,
                            const struct sab_memory *memory, const struct sab_records *records, const real *ds_out,
                            const struct sab_remind_grads *grads, const struct sab_scratch *scratch)
{
    const struct sab_remind *r = &m->layers[layer].remind;
    int n = w->S * m->Hp, t = w->t0 + i;
    size_t at = (size_t)i * n;
    real *dquery = scratch->dquery + (size_t)i * w->S * m->Ap;
    const real *e = m->write == SAB_WRITE_STATE ? w->h + at + n : w->hh + at;
    int wrote = sab_memory_step_backward(r, memory, t, e, scratch->dm, grads, scratch->key);
    sab_profile_lap(scratch->profile, SAB_PHASE_MAP_BACKWARD);
    if (wrote && m->write == SAB_WRITE_STATE)
        add_rows(n, scratch->dm, scratch->dh);
    memcpy(scratch->dhh, scratch->dh, (size_t)n * sizeof(real));
    if (wrote && m->write == SAB_WRITE_PROVISIONAL)
        add_rows(n, scratch->dm, scratch->dhh);
    if (sab_ledger_count(&memory->ledger, t) == 0) {
        memset(dquery, 0, (size_t)w->S * m->Ap * sizeof *dquery);
        return;
    }
    for (int j = 0; j < n; j++)
        scratch->ds[j] = m->gain * scratch->dh[j] + (ds_out ? ds_out[at + j] : 0);
    sab_read_backward(r, memory, t, w->query + (size_t)i * w->S * m->Ap, records, w->s + at, scratch->ds, dquery, grads,
                      scratch->scores);
    sab_profile_lap(scratch->profile, SAB_PHASE_READ_BACKWARD);
    r->score->map_backward(r, 1, w->S, w->hh + at, (size_t)m->Hp, dquery, scratch->dhh);
    sab_profile_lap(scratch->profile, SAB_PHASE_MAP_BACKWARD);
}

/* x [len,S,Hp] as it entered the product: times its mask, where it has one. */
static const real *entered(int len, size_t n, const real *mask, const real *x, const struct sab_scratch *s)
{
    if (!mask)
        return x;
    sab_mask_rows(len, n, mask, x, s->masked[0]);
    return s->masked[0];
}

/* dW_hh += h_prev^T dpre_h, dW_ih += x^T dpre, biases, dW2, and dx = dpre W_ih^T; h_prev, x and dx times their masks. */
void sab_layer_products(const struct sab_model *m, int layer, const struct sab_span *w, int from, int len, real *grads,
                        real *dx, const struct sab_scratch *s)
{
    const struct sab_layer_weights *lw = &m->layers[layer];
    const struct sab_cell_weights *cw = &lw->cell;
    int R = len * w->S, Hp = m->Hp, GHp = m->GHp, Ip = sab_pad(cw->I);
    assert(0 <= from && len > 0 && from + len <= w->len);
    size_t first = (size_t)from * w->S, n = (size_t)w->S * Hp;
    const real *dpre = s->dpre + first * GHp, *dpre_h = s->dpre_h + first * GHp;
    real *dhh = sab_tensors_grad(m, SAB_ROLE_WEIGHT_HH, layer, grads), *dih = sab_tensors_grad(m, SAB_ROLE_WEIGHT_IH, layer, grads);
    real *db_ih = sab_tensors_grad(m, SAB_ROLE_BIAS_IH, layer, grads), *db_hh = sab_tensors_grad(m, SAB_ROLE_BIAS_HH, layer, grads);
    const real *h_prev = entered(len, n, w->h_mask, w->h + first * Hp, s);
    m->kernels->gemm(m->H, GHp, R, h_prev, 1, Hp, sab_matrix_rows(dpre_h, GHp), dhh, GHp, 1);
    for (int r = 0; r < R; r++) {
        add_rows(GHp, dpre + (size_t)r * GHp, db_ih);
        add_rows(GHp, dpre_h + (size_t)r * GHp, db_hh);
        if (w->ids)
            add_rows(GHp, dpre + (size_t)r * GHp, dih + (size_t)w->ids[first + r] * GHp);
    }
    if (!w->ids) {
        const real *x = entered(len, n, w->x_mask, w->x + first * w->x_stride, s);
        m->kernels->gemm(cw->I, GHp, R, x, 1, w->x_stride, sab_matrix_rows(dpre, GHp), dih, GHp, 1);
    }
    if (m->K > 0) {
        struct sab_remind_grads rg = sab_layer_remind_grads(m, layer, grads);
        lw->remind.score->map_weights(&lw->remind, 1, R, w->hh + first * Hp, s->dquery + first * m->Ap, &rg);
    }
    if (dx)
        m->kernels->gemm(R, Ip, GHp, dpre, GHp, 1, cw->ih_t, dx + first * Ip, Ip, 0);
    if (dx && w->x_mask)
        sab_mask_rows(len, n, w->x_mask, dx + first * Ip, dx + first * Ip);
    sab_profile_lap(s->profile, SAB_PHASE_WEIGHTS);
}

/* Step i of a part up to dpre: what the product with the weights needs. */
static void step_backward(const struct sab_model *m, int layer, const struct sab_layer_part *p, int i)
{
    const struct sab_span *w = p->span;
    const struct sab_scratch *s = p->scratch;
    size_t n = (size_t)w->S * m->Hp, at = i * n;
    for (size_t j = 0; j < n; j++)
        s->dh[j] = p->dh_out[at + j] + s->dcarry[j];
    if (m->K > 0) {
        struct sab_remind_grads rg = sab_layer_remind_grads(m, layer, p->grads);
        remind_backward(m, layer, w, i, p->memory, p->records, p->ds_out, &rg, s);
    }
    struct sab_cell_step step = {
        .pre = w->pre + (size_t)i * w->S * m->GHp,
        .extra = m->cell->n_extra ? w->extra + at * m->cell->n_extra : NULL,
        .h_prev = w->h + at,
        .c_prev = m->cell->has_c ? w->c + at : NULL,
        .c = m->cell->has_c ? w->c + at + n : NULL,
        .hh = w->hh + at,
    };
    struct sab_cell_back back = {
        .dhh = m->K > 0 ? s->dhh : s->dh,
        .dc = s->dc,
        .dpre = s->dpre + (size_t)i * w->S * m->GHp,
        .dpre_h = s->dpre_h + (size_t)i * w->S * m->GHp,
        .dh_prev = s->dcarry,
    };
    m->cell->backward(m->kernels, w->S, m->Hp, &step, &back);
}

static int has_step(const struct sab_layer_part *p, int i)
{
    return p->from <= i && i < p->from + p->len;
}

/* dh_{t-1} of a part whose product with the weights stands in masked[0]: times the mask, and added to the cell's direct part. */
static void take_masked(const struct sab_model *m, const struct sab_layer_part *p)
{
    const struct sab_scratch *s = p->scratch;
    size_t n = (size_t)p->span->S * m->Hp;
    for (size_t j = 0; j < n; j++)
        s->dcarry[j] = (m->cell->fused ? 0 : s->dcarry[j]) + s->masked[0][j] * p->span->h_mask[j];
}

void sab_layer_backward(const struct sab_model *m, int layer, int n, const struct sab_layer_part *parts)
{
    struct sab_profile *profile = parts->scratch->profile;
    int first = parts->from, end = 0, is_masked = parts->span->h_mask != NULL; /* all are of one batch */
    assert(0 < n && n <= SAB_TOGETHER);
    for (int k = 0; k < n; k++) {
        const struct sab_layer_part *p = &parts[k];
        size_t row = (size_t)p->span->S * m->Hp;
        assert(0 <= p->from && p->len > 0 && p->from + p->len <= p->span->len && p->from == first);
        memset(p->scratch->dcarry, 0, row * sizeof(real));
        memset(p->scratch->dc, 0, row * sizeof(real));
        end = p->from + p->len > end ? p->from + p->len : end;
        if (profile)
            profile->rows_backward += (uint64_t)p->span->S * p->len;
    }
    for (int i = end - 1; i >= first; i--) {
        struct sab_row_block rows[SAB_TOGETHER];
        int count = 0;
        for (int k = 0; k < n; k++) {
            const struct sab_layer_part *p = &parts[k];
            if (!has_step(p, i))
                continue;
            step_backward(m, layer, p, i);
            sab_profile_lap(profile, SAB_PHASE_CELL_BACKWARD);
            if (i > first || p->to_start)
                rows[count++] = (struct sab_row_block){p->span->S, p->scratch->dpre_h + (size_t)i * p->span->S * m->GHp,
                                                       is_masked ? p->scratch->masked[0] : p->scratch->dcarry};
        }
        if (count > 0)
            sab_row_blocks_product(m->kernels, count, rows, m->Hp, m->GHp, m->GHp, m->layers[layer].cell.hh_t, m->Hp,
                                   !m->cell->fused && !is_masked);
        for (int k = 0; k < n && is_masked; k++)
            if (has_step(&parts[k], i) && (i > first || parts[k].to_start))
                take_masked(m, &parts[k]);
        sab_profile_lap(profile, SAB_PHASE_STATE_BACKWARD);
    }
}
