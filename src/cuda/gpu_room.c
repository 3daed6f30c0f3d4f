/* What a batch takes of the machine's memory and of the host's: how it is cut, counted, laid out and taken. */
#include <math.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/layout.h"
#include "cuda/gpu_state.h"
#include "cuda/plan.h"
#include "model/stream.h"

/* Below so many memories finding those that can win takes as long as scoring all. By count of instructions: not timed yet. */
enum { PRUNE = 256 };

static size_t panel_count(const struct sab_gpu_panel *p, int C)
{
    return (size_t)p->rows * p->cols * C;
}

/* What a rule that chooses keeps, and pooling. */
static void lay_out_kept(struct sab_layout *at, const struct sab_gpu *g, struct sab_gpu_layer *y, int B)
{
    const struct sab_gpu_pass *p = &g->sizes;
    const size_t rows = (size_t)p->cap * B, alive = sab_gpu_chooses(p) ? (size_t)B * p->alive_cap : 0;
    const size_t pooled = sab_gpu_is_pooled(p) ? (size_t)B : 0;
    y->alive = sab_layout_take(at, alive, sizeof *y->alive);
    y->n_alive = sab_layout_take(at, alive > 0 ? (size_t)B : 0, sizeof *y->n_alive);
    y->alive_worth = sab_layout_take(at, alive, sizeof(real));
    y->worth = p->keep == SAB_KEEP_LEARNED ? sab_layout_take(at, rows, sizeof(real)) : NULL;
    y->sum = sab_layout_take(at, pooled * p->Hp, sizeof(real));
    y->begin = sab_layout_take(at, pooled * p->Hp, sizeof(real));
    y->top = sab_layout_take(at, pooled, sizeof(real));
    y->Z_sum = sab_layout_take(at, pooled, sizeof(real));
    y->scale = p->pool == SAB_POOL_ATTENTION ? sab_layout_take(at, rows, sizeof(real)) : NULL;
}

/* Room for one layer; what a stretch takes first. What only the way back needs is laid out in `back`. */
static void lay_out_layer(struct sab_layout *at, struct sab_layout *back, struct sab_gpu *g, int l, int T, int B, int backward)
{
    struct sab_gpu_layer *y = &g->layers[l];
    struct sab_gpu_pass p = g->sizes;
    size_t R = (size_t)g->steps * B, row = (size_t)B * p.Hp, n = R * p.Hp, GHp = (size_t)p.G * p.Hp, all = (size_t)T * B;
    size_t starts = g->stretches > 1 ? (size_t)g->stretches : 0;
#define REALS(count) sab_layout_take(at, count, sizeof(real))
    y->pre = REALS(R * GHp);
    y->extra = p.cell == SAB_CELL_GRU ? REALS(n) : NULL;
    y->c = p.has_c ? REALS(row + n) : NULL;
    y->h = REALS(row + n);
    y->hh = p.K > 0 ? REALS(n) : y->h ? y->h + row : NULL;
    y->h_start = REALS(starts * row);
    y->c_start = p.has_c ? REALS(starts * row) : NULL;
    for (int b = 0; b < 2; b++) {
        sab_gpu_plan_apply(&g->plan, b, &p);
        y->state[b] = REALS(panel_count(&p.state, p.C));
        y->query_panel[b] = p.K > 0 ? REALS(panel_count(&p.query, p.C)) : NULL;
        y->key_panel[b] = p.K > 0 ? REALS(panel_count(&p.key, p.C)) : NULL;
    }
    if (p.K > 0) {
        size_t cap = (size_t)g->sizes.cap * B, entries = all * (size_t)sab_gpu_entries(&p);
        y->s = REALS(n);
        y->query = REALS(R * p.Ap);
        size_t kept = g->slides ? (size_t)B * p.slots : 0, of_starts = kept * (size_t)g->stretches;
        y->M = REALS(cap * p.Hp);
        y->keys = REALS(cap * p.Ap);
        y->M_start = REALS(of_starts * p.Hp);
        y->keys_start = REALS(of_starts * p.Ap);
        y->read_n = sab_layout_take(at, all, sizeof(int32_t));
        y->read_kind = sab_layout_take(at, all, sizeof(int32_t));
        y->read_Z = REALS(all);
        y->index = sab_layout_take(at, entries, sizeof(int32_t));
        y->alpha = REALS(entries);
        y->looked = g->wish.looks ? sab_layout_take(at, all, sizeof(int32_t)) : NULL;
        const size_t scores = (size_t)g->groups * p.C * p.S * g->sizes.score_room;
        y->scores = sab_gpu_scores_are_global(&p) ? REALS(p.keep == SAB_KEEP_NOVEL ? 2 * scores : scores) : NULL;
        lay_out_kept(at, g, y, B);
    }
    if (!backward)
        return;
    at = back;
    y->dpre = REALS(R * GHp);
    y->dpre_h = p.fused ? y->dpre : REALS(R * GHp);
    y->touched = sab_layout_take(at, (size_t)g->groups * p.C * g->n_windows, 1);
    y->active = sab_layout_take(at, (size_t)g->groups * g->n_windows, 1);
    if (p.K > 0) {
        size_t cap = (size_t)g->sizes.cap * B;
        y->dquery = REALS(R * p.Ap);
        size_t kept = g->slides ? (size_t)B * p.slots : 0;
        y->dM = REALS(cap * p.Hp);
        y->dkeys = REALS(cap * p.Ap);
        y->dM_end = REALS(kept * p.Hp);
        y->dkeys_end = REALS(kept * p.Ap);
        y->dw = REALS((size_t)g->groups * p.Ap);
        y->dpool = p.pool == SAB_POOL_ATTENTION ? REALS((size_t)g->groups * p.Hp) : NULL;
        y->dworth = p.keep == SAB_KEEP_LEARNED ? REALS(cap * p.C) : NULL;
    }
#undef REALS
}

/* What the way back needs beside its layers. */
static void lay_out_back(struct sab_layout *at, struct sab_gpu *g, size_t R)
{
    const struct sab_model *m = g->model;
    size_t chunks = (R + 255) / 256, wide = (size_t)m->GHp > (size_t)m->Op ? (size_t)m->GHp : (size_t)m->Op, parts = chunks * wide;
    if (m->Ap > 0 && (size_t)m->Ap * ((size_t)g->groups / 256 + 1) > parts)
        parts = (size_t)m->Ap * ((size_t)g->groups / 256 + 1);
    if (m->shape.input == SAB_INPUT_IDS && (size_t)g->most_segments * m->GHp > parts)
        parts = (size_t)g->most_segments * m->GHp;
    g->has_loss = sab_layout_take(at, (size_t)g->groups * g->n_windows, 1);
    g->dh[0] = sab_layout_take(at, R * m->Hp, sizeof(real));
    g->dh[1] = m->L > 1 ? sab_layout_take(at, R * m->Hp, sizeof(real)) : NULL;
    g->ds = m->K > 0 ? sab_layout_take(at, R * m->Hp, sizeof(real)) : NULL;
    g->scratch = sab_layout_take(at, parts, sizeof(real));
}

/* Room for masks of states, and for R rows of states times one or bent. */
static void lay_out_masks(struct sab_layout *at, struct sab_gpu *g, size_t R, int B, int masks)
{
    const struct sab_model *m = g->model;
    const size_t each = masks ? (size_t)m->L * B * m->Hp : 0;
    for (int i = 0; i < 2; i++)
        g->mask_room[i] = sab_layout_take(at, each, sizeof(real));
    g->masked = sab_layout_take(at, masks ? R * m->Hp : 0, sizeof(real));
    const size_t rows = (size_t)g->sizes.cap * B, most = rows > R ? rows : R;
    g->bent = m->K > 0 && g->sizes.score == SAB_SCORE_RELEASE2019 ? sab_layout_take(at, most * m->Hp, sizeof(real)) : NULL;
    g->output_mask = g->state_mask = NULL;
}

static void lay_out(struct sab_layout *at, struct sab_gpu *g, int T, int B, int backward)
{
    const struct sab_model *m = g->model;
    size_t R = (size_t)g->steps * B;
    int has_ids = m->shape.input == SAB_INPUT_IDS, has_labels = m->shape.loss == SAB_LOSS_CROSS_ENTROPY;
    g->most_segments = (int)((R + 127) / 128) + (has_ids ? m->shape.I : 0);
    g->ids = has_ids ? sab_layout_take(at, R, sizeof(int32_t)) : NULL;
    g->values = has_ids ? NULL : sab_layout_take(at, R * m->shape.I, sizeof(real));
    g->labels = has_labels ? sab_layout_take(at, R, sizeof(int32_t)) : NULL;
    g->targets = has_labels ? NULL : sab_layout_take(at, R * m->O, sizeof(real));
    g->weight = sab_layout_take(at, R, sizeof(real));
    g->scored = sab_layout_take(at, R, 1);
    g->first = sab_layout_take(at, (size_t)B, sizeof(int32_t));
    g->end_room = sab_layout_take(at, (size_t)B, sizeof(int32_t));
    g->drawn = g->sizes.keep == SAB_KEEP_RESERVOIR ? sab_layout_take(at, R, sizeof(real)) : NULL;
    g->ledger_steps = m->K > 0 ? sab_layout_take(at, (size_t)T + 1, sizeof *g->ledger_steps) : NULL;
    g->when = m->K > 0 ? sab_layout_take(at, (size_t)g->memories, sizeof *g->when) : NULL;
    g->y = sab_layout_take(at, R * m->Op, sizeof(real));
    if (backward) {
        g->order = sab_layout_take(at, R, sizeof(int32_t));
        g->from = sab_layout_take(at, (size_t)g->most_segments + 1, sizeof(int32_t));
        g->id = sab_layout_take(at, (size_t)g->most_segments, sizeof(int32_t));
        lay_out_back(at, g, R);
        const size_t start = g->extent.inputs ? (size_t)m->L * B * m->Hp : 0;
        g->dh0 = start > 0 ? sab_layout_take(at, start, sizeof(real)) : NULL;
        g->dc0 = start > 0 ? sab_layout_take(at, start, sizeof(real)) : NULL;
        g->dvalues = start > 0 && !has_ids ? sab_layout_take(at, R * m->shape.I, sizeof(real)) : NULL;
    }
    lay_out_masks(at, g, R, B, g->sizes.is_masked);
    for (int l = 0; l < m->L; l++)
        lay_out_layer(at, at, g, l, T, B, backward);
}

void sab_gpu_lay_out_bare(struct sab_layout *kept, struct sab_layout *back, struct sab_gpu *g, int T, int B)
{
    const struct sab_model *m = g->model;
    size_t R = (size_t)T * B, start = (size_t)m->L * B * m->Hp;
    g->steps = T, g->stretches = 1, g->slides = 0;
    g->most_segments = 0;
    g->theta = sab_layout_take(kept, g->count, sizeof(real));
    g->padded = sab_layout_take(kept, m->n_padded, sizeof(real));
    g->first = sab_layout_take(kept, (size_t)B, sizeof(int32_t));
    g->drawn = g->sizes.keep == SAB_KEEP_RESERVOIR ? sab_layout_take(kept, R, sizeof(real)) : NULL;
    lay_out_masks(kept, g, R, B, g->sizes.is_masked);
    for (int l = 0; l < m->L; l++)
        lay_out_layer(kept, back, g, l, T, B, back != NULL);
    if (!back)
        return;
    lay_out_back(back, g, R);
    g->grad_padded = sab_layout_take(back, m->n_padded, sizeof(real));
    g->grad = sab_layout_take(back, g->count, sizeof(real));
    g->dh0 = sab_layout_take(back, start, sizeof(real));
    g->dc0 = sab_layout_take(back, start, sizeof(real));
}

/* And what a rule that chooses has there, and pooling. */
static void lay_out_host_kept(struct sab_layout *at, struct sab_gpu *g, int B)
{
    const struct sab_gpu_pass *p = &g->sizes;
    const size_t alive = sab_gpu_chooses(p) ? (size_t)B * p->alive_cap : 0, pooled = sab_gpu_is_pooled(p) ? (size_t)B : 0;
    const size_t drawn = p->keep == SAB_KEEP_RESERVOIR ? (size_t)B : 0;
    g->host_draw = sab_layout_take(at, drawn, sizeof *g->host_draw);
    g->host_drawn = sab_layout_take(at, drawn * g->steps, sizeof(real));
    g->host_alive = sab_layout_take(at, alive, sizeof *g->host_alive);
    g->host_n_alive = sab_layout_take(at, (size_t)B, sizeof *g->host_n_alive);
    g->host_alive_worth = sab_layout_take(at, alive, sizeof(real));
    g->host_worth = alive > 0 ? sab_layout_take(at, (size_t)B * p->cap, sizeof(real)) : NULL;
    g->host_gate = sab_layout_take(at, (size_t)p->Hp, sizeof(real));
    g->host_stretch = (struct sab_stretch){
        .sum = sab_layout_take(at, pooled * p->Hp, sizeof(real)),
        .begin = sab_layout_take(at, pooled * p->Hp, sizeof(real)),
        .top = sab_layout_take(at, pooled, sizeof(real)),
        .Z = sab_layout_take(at, pooled, sizeof(real)),
    };
}

static void lay_out_host(struct sab_layout *at, struct sab_gpu *g, int T, int B)
{
    const struct sab_model *m = g->model;
    size_t R = (size_t)g->steps * B;
    g->host_ids = sab_layout_take(at, R, sizeof(int32_t));
    g->host_labels = sab_layout_take(at, R, sizeof(int32_t));
    g->host_order = sab_layout_take(at, R, sizeof(int32_t));
    g->host_from = sab_layout_take(at, (size_t)g->most_segments + 1, sizeof(int32_t));
    g->host_id = sab_layout_take(at, (size_t)g->most_segments + 1, sizeof(int32_t));
    g->host_weight = sab_layout_take(at, R, sizeof(real));
    g->host_scored = sab_layout_take(at, R, 1);
    g->host_has_loss = sab_layout_take(at, (size_t)g->groups * g->n_windows, 1);
    g->host_values = m->shape.input == SAB_INPUT_VALUES ? sab_layout_take(at, R * m->shape.I, sizeof(real)) : NULL;
    g->host_mask = sab_layout_take(at, g->sizes.is_masked ? (size_t)m->L * B * m->Hp : 0, sizeof(real));
    g->host_h = sab_layout_take(at, (size_t)B * m->Hp, sizeof(real));
    g->host_c = sab_layout_take(at, (size_t)B * m->Hp, sizeof(real));
    g->host_first = sab_layout_take(at, (size_t)B, sizeof(int32_t));
    g->ledger = (struct sab_ledger){
        .keep = m->K > 0 ? &m->layers[0].remind.keep : NULL,
        .first = sab_layout_take(at, (size_t)B, sizeof *g->ledger.first),
        .steps = sab_layout_take(at, (size_t)T + 1, sizeof *g->ledger.steps),
        .when = sab_layout_take(at, (size_t)g->memories, sizeof *g->ledger.when),
    };
    g->host_ends = sab_layout_take(at, (size_t)B, sizeof(int));
    lay_out_host_kept(at, g, B);
    size_t memories = g->extent.has_state || g->extent.carried > 0 ? (size_t)B * g->sizes.cap : 0;
    g->host_M = sab_layout_take(at, memories * m->Hp, sizeof(real));
    g->host_keys = sab_layout_take(at, memories * m->Ap, sizeof(real));
    g->count_ids = m->shape.input == SAB_INPUT_IDS ? sab_layout_take(at, (size_t)m->shape.I + 1, sizeof(size_t)) : NULL;
}

/* Bytes with stretches of so many steps, which are chosen by that. */
static size_t count_for(struct sab_gpu *g, int T, int B, int backward, int steps)
{
    struct sab_layout count = {0};
    g->steps = steps;
    g->stretches = (T + steps - 1) / steps;
    g->sizes.cap = sab_gpu_memory_rows(g, T, steps);
    lay_out(&count, g, T, B, backward);
    return count.used;
}

/* Steps of a stretch: all, where they fit; else as many whole windows as do. Very short stretches may take more than longer ones, since
 * each keeps what it begins with: so from long to short. */
static int choose_steps(struct sab_gpu *g, int T, int B, int backward, double room, size_t *nbytes, struct sab_error *err)
{
    int len = g->window_len, all = (T + len - 1) / len, wished = g->wish.steps > 0 ? (g->wish.steps + len - 1) / len : all;
    int fit = wished < all ? wished : all, most = fit; /* windows */
    double least = INFINITY;
#define NBYTES(windows) ((double)count_for(g, T, B, backward, (windows) * len < T ? (windows) * len : T))
    for (double need; fit > 0 && (need = NBYTES(fit)) > room; fit /= 2) {
        least = need < least ? need : least;
        most = fit;
    }
    if (fit == 0)
        return sab_fail(err, SAB_NOMEM, "a batch of %d sequences of %d steps needs %.0f MiB of the device's memory and %.0f MiB are "
                                        "free; less --batch or a bounded --memory-slots takes less",
                        B, T, least / 0x1p20, room / 0x1p20);
    while (fit + 1 < most) { /* `fit` do, `most` do not */
        int middle = fit + (most - fit) / 2;
        if (NBYTES(middle) <= room)
            fit = middle;
        else
            most = middle;
    }
    *nbytes = (size_t)NBYTES(fit);
#undef NBYTES
    return SAB_OK;
}

int sab_gpu_cut(struct sab_gpu *g, int T, int B, int carried, int masks, struct sab_error *err)
{
    const struct sab_model *m = g->model;
    struct sab_gpu_pass sizes = g->sizes;
    sizes.B = B;
    sizes.is_masked = masks;
    const struct sab_keep *keep = &m->layers[0].remind.keep;
    sizes.cap = g->memories = m->K > 0 ? carried + keep->rule->most(keep, T) + 1 : 0;
    sizes.score_room = m->K > 0 ? sab_gpu_scores(&sizes) : 0;
    sizes.alive_cap = sab_gpu_chooses(&sizes) ? sizes.score_room + 1 : 0;
    const int is_able = m->K > 0 && m->K < 31 && !sizes.is_dense && !sab_gpu_chooses(&sizes) && sizes.score == SAB_SCORE_MLP &&
                        sizes.cap <= sizes.slots && carried == 0;
    sizes.prune = !is_able || g->wish.prune < 0 ? 0 : g->wish.prune > 0 ? g->wish.prune : PRUNE;
    g->sizes = sizes;
    int status = sab_gpu_plan_make(g->machine, &sizes, &g->wish, &g->plan, err);
    if (status)
        return status;
    g->groups = (B + g->plan.S - 1) / g->plan.S;
    g->window_len = m->k_trunc > 0 && m->k_trunc < T ? m->k_trunc : T;
    g->n_windows = (T + g->window_len - 1) / g->window_len;
    return SAB_OK;
}

/* The block that is there, if it is large enough: sequences that grow, and evaluations in between, would take a new one each
 * time. What grows once grows again: half as much on top, where there is room. */
static int take_block(struct sab_gpu *g, size_t nbytes, struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    if (g->block && g->block_nbytes >= nbytes)
        return SAB_OK;
    size_t most = g->block && 1.5 * (double)nbytes <= 0.9 * mc->free_nbytes ? nbytes + nbytes / 2 : nbytes;
    if (g->block)
        mc->give(mc, g->block);
    g->block = NULL;
    g->block_nbytes = 0;
    int status = mc->take(mc, &g->block, most, err);
    if (!status)
        g->block_nbytes = most;
    return status;
}

int sab_gpu_make_room(struct sab_gpu *g, const struct sab_batch *batch, int backward, int inputs, struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    struct sab_gpu_extent *x = &g->extent;
    int T = batch->T, B = batch->B, has_state = batch->state != NULL;
    int masks = sab_batch_has_masks(batch);
    int carried = has_state && g->model->K > 0 ? sab_stream_carried(batch->state) : g->model->zero_memories;
    if (x->T == T && x->B == B && x->backward >= backward && x->has_state == has_state && x->carried == carried && x->masks == masks &&
        x->inputs >= inputs)
        return SAB_OK;
    *x = (struct sab_gpu_extent){.has_state = has_state, .inputs = inputs};
    int status = sab_gpu_cut(g, T, B, carried, masks, err);
    if (status)
        return status;
    sab_free(g->host);
    g->host = NULL;
    size_t nbytes;
    status = choose_steps(g, T, B, backward, 0.9 * mc->free_nbytes, &nbytes, err);
    if (!status)
        status = take_block(g, nbytes, err);
    if (status)
        return status;
    mc->zero(mc, g->block, nbytes);
    struct sab_layout layout = {.base = g->block}, host = {0};
    x->carried = carried, x->masks = masks;
    lay_out(&layout, g, T, B, backward);
    lay_out_host(&host, g, T, B);
    g->host = sab_alloc(host.used, 1);
    if (!g->host)
        *x = (struct sab_gpu_extent){0};
    if (!g->host)
        return sab_fail(err, SAB_NOMEM, "no memory for a batch of %d sequences", B);
    host = (struct sab_layout){.base = g->host};
    lay_out_host(&host, g, T, B);
    g->plan.steps = g->steps, g->plan.rows = g->sizes.cap;
    g->packed = 0;
    x->T = T, x->B = B, x->backward = backward;
    return mc->wait(mc, err);
}

int sab_gpu_need(struct sab_gpu *g, const struct sab_optim_options *o, int T, int B, int carried, double *nbytes, int *steps,
                 struct sab_error *err)
{
    size_t batch;
    g->extent = (struct sab_gpu_extent){.has_state = carried > 0};
    carried = carried > 0 ? carried : g->model->zero_memories;
    int status = sab_gpu_cut(g, T, B, carried, o->dropout > 0 || o->dropout_recurrent > 0, err);
    if (!status)
        status = choose_steps(g, T, B, 1, 0.9 * g->machine->free_nbytes, &batch, err);
    if (status)
        return status;
    double each = 2 + 2 + (o->average > 0) + 4; /* theta and gradient, moments, average, what is kept for undoing */
    *nbytes = (double)batch + (each * (double)g->count + 2 * (double)g->model->n_padded) * sizeof(real);
    *steps = g->steps;
    return SAB_OK;
}
