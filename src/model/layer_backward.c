/* One layer backward: a window, last step first. With dh_t all that reaches h_t,
 *
 *     write state:        dh_t += dm_t                    ds_t = G dh_t + ds_out_t
 *     write provisional:  dhh_t += dm_t                   dv_t from the read backward
 *     dhh_t += dh_t + query_backward(dv_t)                dpre_t, dc_{t-1} = cell backward(dhh_t, dc_t)
 *     dh_{t-1} = dpre_t W_hh^T                        times the factors of dropout, where there are some
 *
 * and dm_t, what reaches the state of step t through the memory that it is part of, complete because every read of it is
 * later than t. Weight gradients are products over many steps: the more rows they have, the less of their time goes into
 * reading and writing the weights' gradient. Lanes have units as on the way there, and meet where ds_t, dv_t and dpre_t must be whole. */
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
static void remind_backward(const struct sab_model *m, int layer, const struct sab_layer_part *p, int i, struct sab_lane *lane,
                            const struct sab_share_of_rows *share)
{
    const struct sab_remind *r = &m->layers[layer].remind;
    const struct sab_span *w = p->span;
    const struct sab_scratch *s = p->scratch;
    struct sab_remind_grads grads = sab_layer_remind_grads(m, layer, p->grads);
    struct sab_part units = share->units;
    int t = w->t0 + i, n = units.end - units.from;
    size_t at = (size_t)i * w->S * m->Hp;
    real *dquery = s->dquery + (size_t)i * w->S * m->Ap;
    const real *e = m->write == SAB_WRITE_STATE ? w->h + at + (size_t)w->S * m->Hp : w->hh + at;
    int wrote = sab_memory_step_backward(r, p->memory, t, e, units, s->dm, &grads);
    sab_profile_lap(share->profile, SAB_PHASE_MAP_BACKWARD);
    for (int b = 0; b < w->S; b++) {
        size_t row = (size_t)b * m->Hp + units.from;
        if (wrote && m->write == SAB_WRITE_STATE)
            add_rows(n, s->dm + row, s->dh + row);
        memcpy(s->dhh + row, s->dh + row, (size_t)n * sizeof(real));
        if (wrote && m->write == SAB_WRITE_PROVISIONAL)
            add_rows(n, s->dm + row, s->dhh + row);
        for (size_t j = row; j < row + n; j++)
            s->ds[j] = m->gain * s->dh[j] + (p->ds_out ? p->ds_out[at + j] : 0);
    }
    if (sab_ledger_count(&p->memory->ledger, t) == 0) {
        if (lane->i == 0)
            memset(dquery, 0, (size_t)w->S * m->Ap * sizeof *dquery);
        return;
    }
    if (lane->i == 0)
        sab_memory_bring_keys(r, p->memory, p->memory->ledger.steps[t].oldest, sab_ledger_count(&p->memory->ledger, t));
    sab_lane_meet(lane);
    struct sab_part keys = share->keys;
    if (r->dense_forward) { /* there is room for one */
        units = lane->i == 0 ? (struct sab_part){0, m->Hp} : (struct sab_part){0, 0};
        keys = lane->i == 0 ? (struct sab_part){0, m->Ap} : (struct sab_part){0, 0};
    }
    if (units.end > units.from || keys.end > keys.from)
        sab_read_backward(r, p->memory, t, w->query + (size_t)i * w->S * m->Ap, p->records, w->s + at, s->ds, units, keys, dquery, &grads,
                          s->read.scores + (size_t)lane->i * 2 * (r->K + 1));
    sab_lane_meet(lane);
    sab_profile_lap(share->profile, SAB_PHASE_READ_BACKWARD);
    r->score->map_backward(r, 1, w->S, w->hh + at, (size_t)m->Hp, dquery, (size_t)m->Ap, share->units, s->dhh);
    sab_profile_lap(share->profile, SAB_PHASE_MAP_BACKWARD);
}

/* x [len,S,Hp] as it entered the product: times its mask, where it has one. */
static const real *entered(int len, size_t n, const real *mask, const real *x, const struct sab_scratch *s)
{
    if (!mask)
        return x;
    sab_mask_rows(len, n, mask, x, s->masked[0]);
    return s->masked[0];
}

/* A call of sab_layer_products. */
struct products {
    const struct sab_model *m;
    int layer, from, len;
    const struct sab_span *span;
    real *grads, *dx;
    const struct sab_scratch *scratch;
};

/* Biases, and rows of weights that symbols choose. */
static void add_pre(const struct products *p, struct sab_part units)
{
    const struct sab_model *m = p->m;
    const struct sab_span *w = p->span;
    size_t first = (size_t)p->from * w->S, GHp = (size_t)m->GHp;
    struct sab_part gates[SAB_GATES_MOST];
    int n_gates = sab_layer_gates(m, units, gates);
    real *dih = sab_tensors_grad(m, SAB_ROLE_WEIGHT_IH, p->layer, p->grads);
    real *db_ih = sab_tensors_grad(m, SAB_ROLE_BIAS_IH, p->layer, p->grads);
    real *db_hh = sab_tensors_grad(m, SAB_ROLE_BIAS_HH, p->layer, p->grads);
    for (size_t r = first; r < first + (size_t)p->len * w->S; r++)
        for (int g = 0; g < n_gates; g++) {
            int at = gates[g].from, n = gates[g].end - at;
            add_rows(n, p->scratch->dpre + r * GHp + at, db_ih + at);
            add_rows(n, p->scratch->dpre_h + r * GHp + at, db_hh + at);
            if (w->ids)
                add_rows(n, p->scratch->dpre + r * GHp + at, dih + (size_t)w->ids[r] * GHp + at);
        }
}

/* dW [M,GHp] of these units' gates += x^T dpre. */
static void add_outer(const struct products *p, const struct sab_lane *lane, struct sab_part units, int M, const real *x, ptrdiff_t stride,
                      const real *dpre, enum sab_role role)
{
    const struct sab_model *m = p->m;
    struct sab_part gates[SAB_GATES_MOST];
    real *dW = sab_tensors_grad(m, role, p->layer, p->grads), *room = lane->n == 1 ? p->scratch->together : NULL;
    for (int g = 0, n = sab_layer_gates(m, units, gates); g < n; g++)
        sab_outer_product(m->kernels, M, gates[g], p->len * p->span->S, x, stride, dpre, m->GHp, dW, m->GHp, room);
}

/* dW_hh += h_prev^T dpre_h, dW_ih += x^T dpre, biases, dW2, and dx = dpre W_ih^T; h_prev, x and dx times their masks. */
static void products_lane(void *user, struct sab_lane *lane)
{
    const struct products *p = user;
    const struct sab_model *m = p->m;
    const struct sab_layer_weights *lw = &m->layers[p->layer];
    const struct sab_cell_weights *cw = &lw->cell;
    const struct sab_span *w = p->span;
    const struct sab_scratch *s = p->scratch;
    struct sab_share_of_rows share = sab_layer_share(m, lane, s);
    int R = p->len * w->S, Hp = m->Hp, GHp = m->GHp, Ip = sab_pad(cw->I);
    size_t first = (size_t)p->from * w->S, n = (size_t)w->S * Hp;
    const real *dpre = s->dpre + first * GHp, *dpre_h = s->dpre_h + first * GHp;
    const real *h_prev = entered(p->len, n, w->h_mask, w->h + first * Hp, s);
    add_outer(p, lane, share.units, m->H, h_prev, Hp, dpre_h, SAB_ROLE_WEIGHT_HH);
    add_pre(p, share.units);
    if (!w->ids) {
        const real *x = entered(p->len, n, w->x_mask, w->x + first * w->x_stride, s);
        add_outer(p, lane, share.units, cw->I, x, w->x_stride, dpre, SAB_ROLE_WEIGHT_IH);
    }
    if (m->K > 0) {
        struct sab_remind_grads rg = sab_layer_remind_grads(m, p->layer, p->grads);
        lw->remind.score->map_weights(&lw->remind, 1, R, w->hh + first * Hp, s->dquery + first * m->Ap, share.keys, &rg);
    }
    struct sab_part inputs;
    sab_lane_part(lane, Ip, SAB_LANES, &inputs.from, &inputs.end);
    if (p->dx)
        sab_part_product(m->kernels, R, inputs, GHp, dpre, GHp, 1, cw->ih_t, p->dx + first * Ip, Ip, 0);
    if (p->dx && w->x_mask)
        sab_mask_rows(p->len, n, w->x_mask, p->dx + first * Ip, p->dx + first * Ip);
    sab_profile_lap(share.profile, SAB_PHASE_WEIGHTS);
}

void sab_layer_products(const struct sab_model *m, int layer, const struct sab_span *w, int from, int len, real *grads,
                        real *dx, const struct sab_scratch *s)
{
    assert(0 <= from && len > 0 && from + len <= w->len);
    struct sab_layer_part part = {.span = w, .scratch = s};
    sab_lockstep_run(sab_layer_lockstep(m, 1, &part), products_lane, &(struct products){m, layer, from, len, w, grads, dx, s});
}

/* A call of sab_layer_memory_weights. */
struct memory_weights {
    const struct sab_model *m;
    int layer;
    const struct sab_memory *memory;
    real *grads;
    const struct sab_scratch *scratch;
};

static void memory_weights_lane(void *user, struct sab_lane *lane)
{
    const struct memory_weights *w = user;
    struct sab_remind_grads rg = sab_layer_remind_grads(w->m, w->layer, w->grads);
    struct sab_share_of_rows share = sab_layer_share(w->m, lane, w->scratch);
    sab_memory_weights(&w->m->layers[w->layer].remind, w->memory, share.keys, &rg);
}

void sab_layer_memory_weights(const struct sab_model *m, int layer, const struct sab_memory *memory, real *grads,
                              const struct sab_scratch *s)
{
    sab_lockstep_run(s->lockstep, memory_weights_lane, &(struct memory_weights){m, layer, memory, grads, s});
}

/* Step i of a part up to dpre: what the product with the weights needs. */
static void step_backward(const struct sab_model *m, int layer, const struct sab_layer_part *p, int i, struct sab_lane *lane,
                          const struct sab_share_of_rows *share)
{
    const struct sab_span *w = p->span;
    const struct sab_scratch *s = p->scratch;
    int from = share->units.from, n = share->units.end - from;
    size_t rows = (size_t)w->S * m->Hp, at = i * rows + from, pre = (size_t)i * w->S * m->GHp + from;
    for (int b = 0; b < w->S; b++)
        for (size_t j = (size_t)b * m->Hp + from; j < (size_t)b * m->Hp + from + n; j++)
            s->dh[j] = p->dh_out[i * rows + j] + s->dcarry[j];
    if (m->K > 0)
        remind_backward(m, layer, p, i, lane, share);
    struct sab_cell_step step = {
        .pre = w->pre + pre,
        .extra = m->cell->n_extra ? w->extra + i * rows * m->cell->n_extra + from : NULL,
        .h_prev = w->h + at,
        .c_prev = m->cell->has_c ? w->c + at : NULL,
        .c = m->cell->has_c ? w->c + at + rows : NULL,
        .hh = w->hh + at,
    };
    struct sab_cell_back back = {
        .dhh = (m->K > 0 ? s->dhh : s->dh) + from,
        .dc = s->dc + from,
        .dpre = s->dpre + pre,
        .dpre_h = s->dpre_h + pre,
        .dh_prev = s->dcarry + from,
    };
    m->cell->backward(m->kernels, w->S, n, m->Hp, &step, &back);
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

/* A call of sab_layer_backward. */
struct backward {
    const struct sab_model *m;
    int layer, n, first, end;
    const struct sab_layer_part *parts;
};

/* dpre_t W_hh^T of those parts that have a step before. */
static void carry_back(const struct backward *f, int i, struct sab_part units)
{
    const struct sab_model *m = f->m;
    const struct sab_matrix *weights = &m->layers[f->layer].cell.hh_t;
    struct sab_row_block rows[SAB_TOGETHER];
    int count = 0, is_masked = f->parts->span->h_mask != NULL, add = !m->cell->fused && !is_masked; /* all are of one batch */
    for (int k = 0; k < f->n; k++) {
        const struct sab_layer_part *p = &f->parts[k];
        if (has_step(p, i) && (i > f->first || p->to_start))
            rows[count++] = (struct sab_row_block){p->span->S, p->scratch->dpre_h + (size_t)i * p->span->S * m->GHp,
                                                   is_masked ? p->scratch->masked[0] : p->scratch->dcarry};
    }
    if (count == 1)
        sab_part_product(m->kernels, rows->R, units, m->GHp, rows->A, m->GHp, 1, *weights, rows->C, m->Hp, add);
    else if (count > 0)
        sab_row_blocks_product(m->kernels, count, rows, m->Hp, m->GHp, m->GHp, *weights, m->Hp, add);
    for (int k = 0; k < f->n && is_masked; k++)
        if (has_step(&f->parts[k], i) && (i > f->first || f->parts[k].to_start))
            take_masked(m, &f->parts[k]);
}

static void backward_lane(void *user, struct sab_lane *lane)
{
    const struct backward *f = user;
    const struct sab_model *m = f->m;
    struct sab_share_of_rows share = sab_layer_share(m, lane, f->parts->scratch);
    for (int i = f->end - 1; i >= f->first; i--) {
        for (int k = 0; k < f->n; k++)
            if (has_step(&f->parts[k], i)) {
                step_backward(m, f->layer, &f->parts[k], i, lane, &share);
                sab_profile_lap(share.profile, SAB_PHASE_CELL_BACKWARD);
            }
        sab_lane_meet(lane);
        carry_back(f, i, share.units);
        sab_profile_lap(share.profile, SAB_PHASE_STATE_BACKWARD);
    }
}

void sab_layer_backward(const struct sab_model *m, int layer, int n, const struct sab_layer_part *parts)
{
    struct sab_profile *profile = parts->scratch->profile;
    int first = parts->from, end = 0;
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
    sab_lockstep_run(sab_layer_lockstep(m, n, parts), backward_lane, &(struct backward){m, layer, n, first, end, parts});
}
