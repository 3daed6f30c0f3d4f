/* One layer forward over a span:
 *
 *     pre_t = bias + x_t W_ih + h_{t-1} W_hh     hh_t = cell(pre_t)        with dropout x_t * d in place of x_t, h_{t-1} * r of h_{t-1}
 *     v_t = query(hh_t)   s_t = read(v_t)        h_t = hh_t + G s_t        where one is due: write h_t or hh_t
 *                         s_t = 0 where nobody asks for it
 *
 * The products with x run over the whole span, the rest step by step. One part may be taken by several lanes, each with units of its
 * own: their gates, cells, keys and queries. They meet where a row must be whole: hh_t before keys and queries, these before the
 * read, which they share by sequences or memories, and h_t before the next step. */
#include "model/model.h"

#include <assert.h>
#include <string.h>

#include "kernels/row_blocks.h"
#include "remind/draw.h"

int sab_reads_go_on(const struct sab_model *m)
{
    const struct sab_choice *choice = m->K > 0 ? m->layers[0].remind.keep.choice : NULL;
    return m->gain != 0 || !m->has_readout || (choice && choice->recalled != 0);
}

int sab_draws_are_used(const struct sab_model *m)
{
    return m->K > 0 && m->layers[0].remind.keep.choice && m->layers[0].remind.keep.choice->is_drawn;
}

uint64_t sab_draws(const struct sab_model *m, uint64_t before, const int32_t *id, const real *x)
{
    return sab_draw_next(before, id, x, m->shape.I);
}

static void copy_rows(int R, int width, struct sab_part part, const real *row, real *out)
{
    for (int r = 0; r < R; r++)
        memcpy(out + (size_t)r * width + part.from, row + part.from, (size_t)(part.end - part.from) * sizeof *row);
}

void sab_mask_rows(int len, size_t n, const real *mask, const real *x, real *out)
{
    for (int t = 0; t < len; t++, x += n, out += n)
        for (size_t j = 0; j < n; j++)
            out[j] = x[j] * mask[j];
}

/* ---- what a lane does ---- */

struct sab_share_of_rows sab_layer_share(const struct sab_model *m, const struct sab_lane *lane, const struct sab_scratch *scratch)
{
    struct sab_share_of_rows share = {.profile = lane->i == 0 ? scratch->profile : NULL};
    sab_lane_part(lane, m->Hp, SAB_LANES, &share.units.from, &share.units.end);
    sab_lane_part(lane, m->Ap, SAB_LANES, &share.keys.from, &share.keys.end);
    return share;
}

struct sab_lockstep *sab_layer_lockstep(const struct sab_model *m, int n, const struct sab_layer_part *parts)
{
    const struct sab_span *w = parts->span;
    const struct sab_remind *r = m->K > 0 ? &m->layers[0].remind : NULL;
    int is_of_one = r && (r->pool.kind != SAB_POOL_LAST || r->segment > 0);
    return n > 1 || w->x_mask || w->h_mask || is_of_one ? NULL : parts->scratch->lockstep;
}

int sab_layer_gates(const struct sab_model *m, struct sab_part units, struct sab_part gates[SAB_GATES_MOST])
{
    assert(m->cell->G <= SAB_GATES_MOST);
    if (units.from == 0 && units.end == m->Hp) {
        gates[0] = (struct sab_part){0, m->GHp};
        return 1;
    }
    for (int g = 0; g < m->cell->G; g++)
        gates[g] = (struct sab_part){g * m->Hp + units.from, g * m->Hp + units.end};
    return m->cell->G;
}

void sab_layer_gates_product(const struct sab_model *m, int M, struct sab_part units, int K, const real *A, ptrdiff_t rs,
                             struct sab_matrix B, real *C, int add)
{
    struct sab_part gates[SAB_GATES_MOST];
    for (int g = 0, n = sab_layer_gates(m, units, gates); g < n; g++)
        sab_part_product(m->kernels, M, gates[g], K, A, rs, 1, B, C, m->GHp, add);
}

/* ---- a span ---- */

/* pre [len*S,GHp] = bias + x W_ih. */
static void input_product(const struct sab_model *m, const struct sab_cell_weights *cw, const struct sab_span *w,
                          const struct sab_scratch *scratch, struct sab_part units)
{
    int R = w->len * w->S;
    const real *x = w->x_mask ? scratch->masked[0] : w->x;
    if (w->x_mask)
        sab_mask_rows(w->len, (size_t)w->S * m->Hp, w->x_mask, w->x, scratch->masked[0]);
    struct sab_part gates[SAB_GATES_MOST];
    for (int g = 0, n = sab_layer_gates(m, units, gates); g < n; g++) {
        if (!w->ids)
            copy_rows(R, m->GHp, gates[g], cw->bias, w->pre);
        for (int r = 0; w->ids && r < R; r++) {
            const real *row = cw->rows_ih + (size_t)w->ids[r] * m->GHp;
            real *pre = w->pre + (size_t)r * m->GHp;
            for (int j = gates[g].from; j < gates[g].end; j++)
                pre[j] = cw->bias[j] + row[j];
        }
    }
    if (!w->ids)
        sab_layer_gates_product(m, R, units, cw->I, x, w->x_stride, cw->ih, w->pre, 1);
}

/* The query of step i, the read, h, and what is written. */
static void remind(const struct sab_model *m, const struct sab_layer_weights *lw, const struct sab_layer_part *p, int i, int replay,
                   struct sab_lane *lane, const struct sab_share_of_rows *share)
{
    const struct sab_remind *r = &lw->remind;
    const struct sab_span *w = p->span;
    struct sab_memory *memory = p->memory;
    int S = w->S, t = w->t0 + i, from, end;
    size_t n = (size_t)S * m->Hp, at = i * n;
    real *query = w->query + (size_t)i * S * m->Ap, *h = w->h + at + n, *hh = w->hh + at;
    sab_lane_meet(lane);
    int keys_first = lane->n > 1 && !replay && sab_ledger_is_due(&memory->ledger), is_asked = !p->asked || p->asked[i];
    if (is_asked && sab_ledger_count(&memory->ledger, t) > 0)
        r->score->map(r, 1, S, hh, share->keys, query);
    if (keys_first && m->write == SAB_WRITE_PROVISIONAL)
        r->score->map(r, 0, S, hh, share->keys, p->scratch->key);
    sab_lane_meet(lane);
    sab_profile_lap(share->profile, SAB_PHASE_MAP);
    if (is_asked)
        sab_read_forward(r, memory, t, query, p->records, replay, w->s + at, &p->scratch->read, lane, share->profile);
    else
        sab_read_nothing(r, memory->S, t, p->records, w->s + at, lane);
    sab_read_sequences(lane, S, &from, &end);
    for (size_t j = (size_t)from * m->Hp; j < (size_t)end * m->Hp; j++)
        h[j] = hh[j] + m->gain * w->s[at + j];
    sab_profile_lap(share->profile, SAB_PHASE_READ);
    sab_lane_meet(lane);
    if (keys_first && m->write == SAB_WRITE_STATE) {
        r->score->map(r, 0, S, h, share->keys, p->scratch->key);
        sab_lane_meet(lane);
    }
    if (lane->i == 0 && !replay)
        sab_memory_step(r, memory, t, m->write == SAB_WRITE_STATE ? h : hh, w->h + at, w->draws ? w->draws + (size_t)i * S : NULL,
                        keys_first, p->scratch->key);
    sab_profile_lap(share->profile, SAB_PHASE_MAP);
}

static struct sab_cell_step step_of(const struct sab_model *m, const struct sab_layer_part *p, int i, struct sab_part units)
{
    const struct sab_span *w = p->span;
    size_t n = (size_t)w->S * m->Hp, at = i * n + units.from;
    return (struct sab_cell_step){
        .pre = w->pre + (size_t)i * w->S * m->GHp + units.from,
        .pre_h = p->scratch->pre_h + units.from,
        .extra = m->cell->n_extra ? w->extra + i * n * m->cell->n_extra + units.from : NULL,
        .h_prev = w->h + at,
        .c_prev = m->cell->has_c ? w->c + at : NULL,
        .c = m->cell->has_c ? w->c + at + n : NULL,
        .hh = w->hh + at,
    };
}

/* h_{t-1} W_hh of those parts that have a step i, h times its mask where it has one. */
static void state_product(const struct sab_model *m, const struct sab_cell_weights *cw, int n, const struct sab_layer_part *parts, int i,
                          struct sab_part units)
{
    struct sab_row_block rows[SAB_TOGETHER];
    struct sab_part gates[SAB_GATES_MOST];
    int count = 0, n_gates = sab_layer_gates(m, units, gates);
    for (int k = 0; k < n; k++) {
        const struct sab_span *w = parts[k].span;
        if (i >= w->len)
            continue;
        const real *h = w->h + (size_t)i * w->S * m->Hp;
        real *pre = m->cell->fused ? w->pre + (size_t)i * w->S * m->GHp : parts[k].scratch->pre_h;
        for (int g = 0; !m->cell->fused && g < n_gates; g++)
            copy_rows(w->S, m->GHp, gates[g], cw->bias_h, pre);
        if (w->h_mask)
            sab_mask_rows(1, (size_t)w->S * m->Hp, w->h_mask, h, parts[k].scratch->masked[0]);
        rows[count++] = (struct sab_row_block){w->S, w->h_mask ? parts[k].scratch->masked[0] : h, pre};
    }
    if (count == 1)
        sab_layer_gates_product(m, rows->R, units, m->H, rows->A, m->Hp, cw->hh, rows->C, 1);
    else
        sab_row_blocks_product(m->kernels, count, rows, m->GHp, m->H, m->Hp, cw->hh, m->GHp, 1);
}

/* A call of sab_layer_forward. */
struct forward {
    const struct sab_model *m;
    int layer, n, replay;
    const struct sab_layer_part *parts;
};

static void forward_lane(void *user, struct sab_lane *lane)
{
    const struct forward *f = user;
    const struct sab_model *m = f->m;
    const struct sab_layer_weights *lw = &m->layers[f->layer];
    struct sab_share_of_rows share = sab_layer_share(m, lane, f->parts->scratch);
    int steps = 0;
    for (int k = 0; k < f->n; k++) {
        const struct sab_span *w = f->parts[k].span;
        input_product(m, &lw->cell, w, f->parts[k].scratch, share.units);
        steps = w->len > steps ? w->len : steps;
    }
    sab_profile_lap(share.profile, SAB_PHASE_INPUT);
    for (int i = 0; i < steps; i++) {
        state_product(m, &lw->cell, f->n, f->parts, i, share.units);
        sab_profile_lap(share.profile, SAB_PHASE_STATE);
        for (int k = 0; k < f->n; k++) {
            const struct sab_layer_part *p = &f->parts[k];
            if (i >= p->span->len)
                continue;
            struct sab_cell_step step = step_of(m, p, i, share.units);
            m->cell->forward(m->kernels, p->span->S, share.units.end - share.units.from, m->Hp, &step);
            sab_profile_lap(share.profile, SAB_PHASE_CELL);
            if (m->K > 0)
                remind(m, lw, p, i, f->replay, lane, &share);
            else
                sab_lane_meet(lane);
        }
    }
}

void sab_layer_forward(const struct sab_model *m, int layer, int n, const struct sab_layer_part *parts, int replay)
{
    assert(0 <= layer && layer < m->L && 0 < n && n <= SAB_TOGETHER);
    for (int k = 0; k < n; k++)
        assert(parts[k].span->S > 0 && parts[k].span->len > 0 && (parts[k].span->ids || parts[k].span->x));
    for (int k = 0; k < n && replay && m->K > 0; k++) {
        const struct sab_ledger *ledger = &parts[k].memory->ledger;
        int t = parts[k].span->t0;
        if (parts[k].records->is_made_again)
            sab_memory_bring_keys(&m->layers[layer].remind, parts[k].memory, ledger->steps[t].oldest,
                                  sab_ledger_count(ledger, t + parts[k].span->len));
    }
    sab_lockstep_run(sab_layer_lockstep(m, n, parts), forward_lane, &(struct forward){m, layer, n, replay, parts});
}
