/* See gpu.h. One gradient:
 *
 *     forward    stretch after stretch, layer after layer: the input's product, the layer's kernel; then readout and losses
 *     backward   newest stretch first: readout, layers from above, products over all steps of the stretch
 *
 * With one stretch everything is stored. With more, each but the newest is run again from the state at its start and the
 * recorded reads before its way back. */
#include "cuda/gpu.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/layout.h"
#include "cuda/plan.h"
#include "model/network.h"
#include "model/stream.h"

/* One layer's arrays. */
struct layer {
    real *pre, *extra, *c, *h, *hh, *s, *query, *dpre, *dpre_h, *dquery; /* of a stretch */
    real *h_start, *c_start;        /* [stretches,B,Hp] */
    real *M, *keys, *dM, *dkeys, *dw;
    int32_t *read_n, *read_kind, *index;
    real *read_Z, *alpha, *scores;
    unsigned char *touched, *active;
    real *state[2], *query_panel[2], *key_panel[2]; /* forward, backward */
};

/* What the arrays were laid out for. */
struct extent {
    int T, B, backward, has_state, carried;
};

struct sab_gpu {
    struct sab_machine *machine;
    struct sab_model *model;
    struct sab_gpu_plan wish, plan;
    struct sab_gpu_pass sizes;     /* of the network */
    /* weights */
    real *theta, *padded, *grad, *grad_padded; /* theta and grad as the model's flat arrays */
    struct sab_gpu_tensor *table;  /* on the machine */
    size_t count, most_count;
    int packed;                    /* 1: padded and panels are those of theta */
    double *sums;                  /* [8]: losses; spare [8]; the norm */
    real *moments, *undo, *average; /* the optimiser's: m and v [2,count]; theta, m, v and average before the step; NULL until one
                                    * is made */
    int32_t *bad;
    /* a batch's */
    struct extent extent;
    const volatile sig_atomic_t *stop;
    size_t block_nbytes;           /* of block: kept where it is large enough */
    int steps, stretches, window_len, n_windows, groups;
    void *block;
    struct layer *layers;
    int32_t *ids, *labels, *order, *from, *id, *first, *when;
    struct sab_ledger_step *ledger_steps;
    real *values, *targets, *weight, *y, *dh[2], *ds, *scratch;
    unsigned char *scored, *has_loss;
    int most_segments;
    /* the host's side of what is sent: a stretch */
    void *host;
    int32_t *host_ids, *host_labels, *host_order, *host_from, *host_id;
    real *host_weight, *host_values;
    unsigned char *host_scored, *host_has_loss;
    size_t *count_ids;
    real *host_h, *host_c, *host_M, *host_keys; /* of one layer: [B,Hp]; [B,cap,Hp], [B,cap,Ap] of batches with state */
    struct sab_ledger ledger;                   /* of all layers: what is written when does not depend on what is computed */
    int *host_ends;                             /* [B] the end of a sequence's memories */
    int32_t *host_first;
};

/* ---- create ---- */

int sab_gpu_check(const struct sab_model_options *c, const char *device, struct sab_error *err)
{
    int has_memory = c->credit == SAB_CREDIT_ATTENTION || (c->credit == SAB_CREDIT_SAB && c->k_top > 0);
    if (c->model != SAB_KIND_RECURRENT)
        return sab_fail(err, SAB_INVALID, "--device %.32s: --model %s runs on the processor only", device,
                        sab_network_find(c->model)->name);
    if (!has_memory)
        return SAB_OK;
    if (c->credit == SAB_CREDIT_ATTENTION)
        return sab_fail(err, SAB_INVALID, "--device %.32s: --credit attention runs on the processor only", device);
    if (c->forward == SAB_DENSE)
        return sab_fail(err, SAB_INVALID, "--device %.32s: --forward dense runs on the processor only", device);
    if (c->score == SAB_SCORE_RELEASE2019)
        return sab_fail(err, SAB_INVALID, "--device %.32s: --score release2019 runs on the processor only; choose mlp or dot", device);
    if (c->sparsifier == SAB_SPARSIFIER_RELEASE2019)
        return sab_fail(err, SAB_INVALID, "--device %.32s: --sparsifier release2019 runs on the processor only; choose softmax or relu",
                        device);
    if (c->zero_memory)
        return sab_fail(err, SAB_INVALID, "--device %.32s: --zero-memory on runs on the processor only", device);
    return SAB_OK;
}

static struct sab_gpu_pass sizes_of(const struct sab_model *m)
{
    const struct sab_remind *r = &m->layers[0].remind;
    struct sab_gpu_pass p = {.H = m->H, .Hp = m->Hp, .G = m->cell->G, .cell = m->config.cell, .fused = m->cell->fused,
                             .has_c = m->cell->has_c, .K = m->K, .gain = m->gain, .write = m->write, .slots = INT_MAX};
    if (m->K > 0) {
        p.A = m->A, p.Ap = m->Ap, p.slots = r->keep.slots;
        p.score = m->config.score, p.sparsifier = m->config.sparsifier, p.mental_updates = r->mental_updates;
        p.floor = r->floor, p.bound = r->bound;
    }
    return p;
}

static int make_table(struct sab_gpu *g, struct sab_error *err)
{
    const struct sab_model *m = g->model;
    struct sab_machine *mc = g->machine;
    struct sab_gpu_tensor *table = sab_alloc((size_t)m->n_tensors, sizeof *table);
    void *at;
    if (!table)
        return sab_fail(err, SAB_NOMEM, "no memory for the table of tensors");
    for (int i = 0; i < m->n_tensors; i++) {
        const struct sab_tensor_spec *s = &m->tensors[i];
        table[i] = (struct sab_gpu_tensor){s->rows, s->G, s->cols, sab_pad(s->cols), s->transposed, s->offset, s->padded_offset,
                                           s->count};
        g->most_count = s->count > g->most_count ? s->count : g->most_count;
    }
    size_t nbytes = (size_t)m->n_tensors * sizeof *table;
    int status = mc->take(mc, &at, nbytes, err);
    if (!status) {
        g->table = at;
        mc->put(mc, g->table, table, nbytes);
        status = mc->wait(mc, err);
    }
    sab_free(table);
    return status;
}

/* Zeroed memory of the machine, or NULL and *status. */
static void *take(struct sab_gpu *g, size_t nbytes, int *status, struct sab_error *err)
{
    void *block = NULL;
    *status = g->machine->take(g->machine, &block, nbytes, err);
    if (*status)
        return NULL;
    g->machine->zero(g->machine, block, nbytes);
    return block;
}

int sab_gpu_create(struct sab_gpu **out, struct sab_machine *machine, struct sab_model *model, struct sab_error *err)
{
    const char *device = strcmp(machine->name, "host") == 0 ? "host" : "cuda";
    int status = sab_gpu_check(&model->config, device, err);
    if (!status && model->shape.loss == SAB_LOSS_QUANTILE)
        status = sab_fail(err, SAB_INVALID, "--device %s: --loss quantile runs on the processor only", device);
    if (status)
        return status;
    struct sab_gpu *g = sab_alloc(1, sizeof *g);
    if (!g)
        return sab_fail(err, SAB_NOMEM, "no memory for a device's side of the model");
    g->machine = machine;
    g->model = model;
    g->sizes = sizes_of(model);
    g->count = sab_model_flat(model)->count;
    g->layers = sab_alloc((size_t)model->L, sizeof *g->layers);
    status = g->layers ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory for %d layers", model->L);
    if (!status)
        g->theta = take(g, g->count * sizeof(real), &status, err);
    if (!status)
        g->grad = take(g, g->count * sizeof(real), &status, err);
    if (!status)
        g->padded = take(g, model->n_padded * sizeof(real), &status, err);
    if (!status)
        g->grad_padded = take(g, model->n_padded * sizeof(real), &status, err);
    if (!status)
        g->sums = take(g, 24 * sizeof(double), &status, err);
    if (!status)
        status = make_table(g, err);
    if (!status)
        status = sab_gpu_push(g, err);
    if (status) {
        sab_gpu_free(g);
        return status;
    }
    *out = g;
    return SAB_OK;
}

void sab_gpu_free(struct sab_gpu *g)
{
    if (!g)
        return;
    void *blocks[] = {g->theta, g->grad, g->padded, g->grad_padded, g->sums, g->table, g->block, g->moments, g->undo, g->average, g->bad};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        if (blocks[i])
            g->machine->give(g->machine, blocks[i]);
    sab_free(g->host);
    sab_free(g->layers);
    sab_free(g);
}

void sab_gpu_wish(struct sab_gpu *g, const struct sab_gpu_plan *wish)
{
    g->wish = *wish;
    g->extent = (struct extent){0};
}

const struct sab_gpu_plan *sab_gpu_plan(const struct sab_gpu *g)
{
    return &g->plan;
}

void sab_gpu_listen(struct sab_gpu *g, const volatile sig_atomic_t *stop)
{
    g->stop = stop;
}

int sab_gpu_push(struct sab_gpu *g, struct sab_error *err)
{
    g->packed = 0;
    g->machine->put(g->machine, g->theta, g->model->theta, g->count * sizeof(real));
    return g->machine->wait(g->machine, err);
}

int sab_gpu_pull(struct sab_gpu *g, struct sab_error *err)
{
    g->machine->get(g->machine, g->model->theta, g->theta, g->count * sizeof(real));
    return g->machine->wait(g->machine, err);
}

/* ---- room ---- */

static size_t panel_count(const struct sab_gpu_panel *p, int C)
{
    return (size_t)p->rows * p->cols * C;
}

/* Room for one layer; what a stretch takes first. */
static void lay_out_layer(struct sab_layout *at, struct sab_gpu *g, int l, int T, int B, int backward)
{
    struct layer *y = &g->layers[l];
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
        size_t cap = (size_t)g->sizes.cap * B, entries = all * ((size_t)p.K + 1);
        y->s = REALS(n);
        y->query = REALS(R * p.Ap);
        y->M = REALS(cap * p.Hp);
        y->keys = REALS(cap * p.Ap);
        y->read_n = sab_layout_take(at, all, sizeof(int32_t));
        y->read_kind = sab_layout_take(at, all, sizeof(int32_t));
        y->read_Z = REALS(all);
        y->index = sab_layout_take(at, entries, sizeof(int32_t));
        y->alpha = REALS(entries);
        y->scores = sab_gpu_scores_are_global(&p) ? REALS((size_t)g->groups * p.C * p.S * g->sizes.score_room) : NULL;
    }
    if (!backward)
        return;
    y->dpre = REALS(R * GHp);
    y->dpre_h = p.fused ? y->dpre : REALS(R * GHp);
    y->touched = sab_layout_take(at, (size_t)g->groups * p.C * g->n_windows, 1);
    y->active = sab_layout_take(at, (size_t)g->groups * g->n_windows, 1);
    if (p.K > 0) {
        size_t cap = (size_t)g->sizes.cap * B;
        y->dquery = REALS(R * p.Ap);
        y->dM = REALS(cap * p.Hp);
        y->dkeys = REALS(cap * p.Ap);
        y->dw = REALS((size_t)g->groups * p.Ap);
    }
#undef REALS
}

static void lay_out(struct sab_layout *at, struct sab_gpu *g, int T, int B, int backward)
{
    const struct sab_model *m = g->model;
    size_t R = (size_t)g->steps * B, chunks = (R + 255) / 256;
    int has_ids = m->shape.input == SAB_INPUT_IDS, has_labels = m->shape.loss == SAB_LOSS_CROSS_ENTROPY;
    g->most_segments = (int)((R + 127) / 128) + (has_ids ? m->shape.I : 0);
    size_t wide = (size_t)m->GHp > (size_t)m->Op ? (size_t)m->GHp : (size_t)m->Op, parts = chunks * wide;
    if (m->Ap > 0 && (size_t)m->Ap * ((size_t)g->groups / 256 + 1) > parts)
        parts = (size_t)m->Ap * ((size_t)g->groups / 256 + 1);
    if (has_ids && (size_t)g->most_segments * m->GHp > parts)
        parts = (size_t)g->most_segments * m->GHp;
    g->ids = has_ids ? sab_layout_take(at, R, sizeof(int32_t)) : NULL;
    g->values = has_ids ? NULL : sab_layout_take(at, R * m->shape.I, sizeof(real));
    g->labels = has_labels ? sab_layout_take(at, R, sizeof(int32_t)) : NULL;
    g->targets = has_labels ? NULL : sab_layout_take(at, R * m->O, sizeof(real));
    g->weight = sab_layout_take(at, R, sizeof(real));
    g->scored = sab_layout_take(at, R, 1);
    g->first = sab_layout_take(at, (size_t)B, sizeof(int32_t));
    g->ledger_steps = m->K > 0 ? sab_layout_take(at, (size_t)T + 1, sizeof *g->ledger_steps) : NULL;
    g->when = m->K > 0 ? sab_layout_take(at, (size_t)g->sizes.cap, sizeof *g->when) : NULL;
    g->y = sab_layout_take(at, R * m->Op, sizeof(real));
    if (backward) {
        g->order = sab_layout_take(at, R, sizeof(int32_t));
        g->from = sab_layout_take(at, (size_t)g->most_segments + 1, sizeof(int32_t));
        g->id = sab_layout_take(at, (size_t)g->most_segments, sizeof(int32_t));
        g->has_loss = sab_layout_take(at, (size_t)g->groups * g->n_windows, 1);
        g->dh[0] = sab_layout_take(at, R * m->Hp, sizeof(real));
        g->dh[1] = m->L > 1 ? sab_layout_take(at, R * m->Hp, sizeof(real)) : NULL;
        g->ds = m->K > 0 ? sab_layout_take(at, R * m->Hp, sizeof(real)) : NULL;
        g->scratch = sab_layout_take(at, parts, sizeof(real));
    }
    for (int l = 0; l < m->L; l++)
        lay_out_layer(at, g, l, T, B, backward);
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
    g->host_h = sab_layout_take(at, (size_t)B * m->Hp, sizeof(real));
    g->host_c = sab_layout_take(at, (size_t)B * m->Hp, sizeof(real));
    g->host_first = sab_layout_take(at, (size_t)B, sizeof(int32_t));
    g->ledger = (struct sab_ledger){
        .keep = m->K > 0 ? &m->layers[0].remind.keep : NULL,
        .first = sab_layout_take(at, (size_t)B, sizeof *g->ledger.first),
        .steps = sab_layout_take(at, (size_t)T + 1, sizeof *g->ledger.steps),
        .when = sab_layout_take(at, (size_t)g->sizes.cap, sizeof *g->ledger.when),
    };
    g->host_ends = sab_layout_take(at, (size_t)B, sizeof(int));
    size_t memories = g->extent.has_state ? (size_t)B * g->sizes.cap : 0;
    g->host_M = sab_layout_take(at, memories * m->Hp, sizeof(real));
    g->host_keys = sab_layout_take(at, memories * m->Ap, sizeof(real));
    g->count_ids = m->shape.input == SAB_INPUT_IDS ? sab_layout_take(at, (size_t)m->shape.I + 1, sizeof(size_t)) : NULL;
}

/* Steps of a stretch: all, if they fit; else as many whole windows as do. */
static size_t count_for(struct sab_gpu *g, int T, int B, int backward, int steps)
{
    struct sab_layout count = {0};
    g->steps = steps;
    g->stretches = (T + steps - 1) / steps;
    lay_out(&count, g, T, B, backward);
    return count.used;
}

/* Steps of a stretch: all, where they fit; else as many whole windows as do. */
static int choose_steps(struct sab_gpu *g, int T, int B, int backward, double room, size_t *nbytes, struct sab_error *err)
{
    int len = g->window_len, least = 1, most = (T + len - 1) / len;
    if (g->wish.steps > 0 && (g->wish.steps + len - 1) / len < most)
        most = (g->wish.steps + len - 1) / len;
    int steps = most * len < T ? most * len : T;
    if ((double)(*nbytes = count_for(g, T, B, backward, steps)) <= room)
        return SAB_OK;
    if ((double)(*nbytes = count_for(g, T, B, backward, len < T ? len : T)) > room)
        return sab_fail(err, SAB_NOMEM, "a batch of %d sequences of %d steps needs %.0f MiB of the device's memory and %.0f MiB are "
                                        "free; less --batch or a bounded --memory-slots takes less",
                        B, T, (double)*nbytes / 0x1p20, room / 0x1p20);
    while (least + 1 < most) { /* windows: `least` fit, `most` do not */
        int middle = least + (most - least) / 2;
        if ((double)count_for(g, T, B, backward, middle * len) <= room)
            least = middle;
        else
            most = middle;
    }
    *nbytes = count_for(g, T, B, backward, least * len);
    return SAB_OK;
}

/* Sizes, groups and windows for batches of T steps of B sequences that take over so many memories. */
static int cut(struct sab_gpu *g, int T, int B, int carried, struct sab_error *err)
{
    const struct sab_model *m = g->model;
    struct sab_gpu_pass sizes = g->sizes;
    sizes.B = B;
    const struct sab_keep *keep = &m->layers[0].remind.keep;
    sizes.cap = m->K > 0 ? carried + keep->rule->most(keep, T) + 1 : 0;
    sizes.score_room = m->K > 0 ? sab_gpu_scores(&sizes) : 0;
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

static int make_room(struct sab_gpu *g, const struct sab_batch *batch, int backward, struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    struct extent *x = &g->extent;
    int T = batch->T, B = batch->B, has_state = batch->state != NULL;
    int carried = has_state && g->model->K > 0 ? sab_stream_carried(batch->state) : 0;
    if (x->T == T && x->B == B && x->backward >= backward && x->has_state == has_state && x->carried == carried)
        return SAB_OK;
    *x = (struct extent){0};
    int status = cut(g, T, B, carried, err);
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
    x->has_state = has_state, x->carried = carried;
    lay_out(&layout, g, T, B, backward);
    lay_out_host(&host, g, T, B);
    g->host = sab_alloc(host.used, 1);
    if (!g->host)
        *x = (struct extent){0};
    if (!g->host)
        return sab_fail(err, SAB_NOMEM, "no memory for a batch of %d sequences", B);
    host = (struct sab_layout){.base = g->host};
    lay_out_host(&host, g, T, B);
    g->plan.steps = g->steps;
    g->packed = 0;
    x->T = T, x->B = B, x->backward = backward;
    return mc->wait(mc, err);
}

int sab_gpu_need(struct sab_gpu *g, const struct sab_optim_options *o, int T, int B, int carried, double *nbytes, int *steps,
                 struct sab_error *err)
{
    size_t batch;
    g->extent = (struct extent){0};
    int status = cut(g, T, B, carried, err);
    if (!status)
        status = choose_steps(g, T, B, 1, 0.9 * g->machine->free_nbytes, &batch, err);
    if (status)
        return status;
    double each = 2 + 2 + (o->average > 0) + 4; /* theta and gradient, moments, average, what is kept for undoing */
    *nbytes = (double)batch + (each * (double)g->count + 2 * (double)g->model->n_padded) * sizeof(real);
    *steps = g->steps;
    return SAB_OK;
}

/* ---- weights ---- */

static const real *weights(const struct sab_gpu *g, int role, int layer)
{
    const struct sab_tensor_spec *spec = sab_tensors_find(g->model, role, layer);
    return spec ? g->padded + spec->padded_offset : NULL;
}

static real *gradient_of(const struct sab_gpu *g, int role, int layer)
{
    const struct sab_tensor_spec *spec = sab_tensors_find(g->model, role, layer);
    return spec ? g->grad_padded + spec->padded_offset : NULL;
}

/* padded and the panels from theta. */
static void pack(struct sab_gpu *g)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    if (g->packed)
        return;
    mc->pad(mc, g->table, m->n_tensors, g->most_count, g->theta, g->padded);
    for (int l = 0; l < m->L; l++)
        for (int b = 0; b < 2; b++) {
            struct sab_gpu_pass p = g->sizes;
            struct layer *y = &g->layers[l];
            sab_gpu_plan_apply(&g->plan, b, &p);
            size_t GHp = (size_t)p.G * p.Hp, Hp = (size_t)p.Hp, Ap = (size_t)p.Ap;
            struct sab_gpu_pack state = {weights(g, SAB_ROLE_WEIGHT_HH, l), y->state[b], p.C, p.state.rows, p.H, p.G, p.U, p.Hp, GHp, Hp, 1};
            if (b)
                state = (struct sab_gpu_pack){state.from, y->state[b], p.C, p.state.rows, (int)GHp, 1, p.U, p.H, 1, 0, GHp};
            mc->pack(mc, &state);
            for (int is_key = 0; is_key < 2 && p.K > 0; is_key++) {
                const real *from = weights(g, is_key ? SAB_ROLE_W1 : SAB_ROLE_W2, l);
                real *to = is_key ? y->key_panel[b] : y->query_panel[b];
                struct sab_gpu_pack map = {from, to, p.C, p.query.rows, p.H, 1, p.W, p.Ap, Ap, 0, 1};
                if (b)
                    map = (struct sab_gpu_pack){from, to, p.C, p.query.rows, p.Ap, 1, p.U, p.H, 1, 0, Ap};
                mc->pack(mc, &map);
            }
        }
    g->packed = 1;
}

/* ---- a batch, a stretch at a time ---- */

static int stretch_len(const struct sab_gpu *g, int stretch)
{
    int left = g->extent.T - stretch * g->steps;
    return left < g->steps ? left : g->steps;
}

/* Rows from .. of a stretch as the machine takes them, where all sequences are as long as the batch. */
static void gather_whole(struct sab_gpu *g, const struct sab_batch *batch, size_t from, size_t R)
{
    int I = g->model->shape.I, has_loss = batch->labels || batch->targets;
    if (batch->ids)
        memcpy(g->host_ids, batch->ids + from, R * sizeof(int32_t));
    else
        memcpy(g->host_values, batch->values + from * I, R * I * sizeof(real));
    for (size_t r = 0; r < R; r++)
        g->host_weight[r] = !has_loss ? 0 : batch->weight ? batch->weight[from + r] : 1;
    for (size_t r = 0; r < R; r++)
        g->host_scored[r] = has_loss && (batch->scored ? batch->scored[from + r] : g->host_weight[r] > 0);
    if (batch->labels) /* read only where they count */
        memcpy(g->host_labels, batch->labels + from, R * sizeof(int32_t));
}

/* The same where some end before: nothing past a sequence's end is read. */
static void gather_ends(struct sab_gpu *g, const struct sab_batch *batch, int t0, int len)
{
    int B = batch->B, I = g->model->shape.I;
    for (int i = 0; i < len; i++)
        for (int b = 0; b < B; b++) {
            size_t to = (size_t)i * B + b, from = (size_t)t0 * B + to;
            int past = t0 + i >= batch->lengths[b];
            if (batch->ids)
                g->host_ids[to] = past ? 0 : batch->ids[from];
            else if (past)
                memset(g->host_values + to * I, 0, (size_t)I * sizeof(real));
            else
                memcpy(g->host_values + to * I, batch->values + from * I, (size_t)I * sizeof(real));
            g->host_weight[to] = batch->labels || batch->targets ? sab_batch_weight(batch, t0 + i, b) : 0;
            g->host_scored[to] = (batch->labels || batch->targets) && sab_batch_scored(batch, t0 + i, b);
            if (batch->labels)
                g->host_labels[to] = past ? 0 : batch->labels[from];
        }
}

/* Sends inputs, labels and weights of a stretch. */
static void send(struct sab_gpu *g, const struct sab_batch *batch, int stretch)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    int t0 = stretch * g->steps, len = stretch_len(g, stretch), I = m->shape.I;
    size_t R = (size_t)len * batch->B, at = (size_t)t0 * batch->B;
    if (batch->lengths)
        gather_ends(g, batch, t0, len);
    else
        gather_whole(g, batch, at, R);
    if (batch->ids)
        mc->put(mc, g->ids, g->host_ids, R * sizeof(int32_t));
    else
        mc->put(mc, g->values, g->host_values, R * I * sizeof(real));
    if (batch->labels)
        mc->put(mc, g->labels, g->host_labels, R * sizeof(int32_t));
    if (batch->targets)
        mc->put(mc, g->targets, batch->targets + at * m->O, R * m->O * sizeof(real));
    mc->put(mc, g->weight, g->host_weight, R * sizeof(real));
    mc->put(mc, g->scored, g->host_scored, R);
}

/* Which windows have a loss, group by group; returns the sum of the weights. */
static double send_windows(struct sab_gpu *g, const struct sab_batch *batch)
{
    size_t n = (size_t)g->groups * g->n_windows;
    double sum = 0;
    memset(g->host_has_loss, 0, n);
    for (int t = 0; t < batch->T; t++) {
        unsigned char *window = g->host_has_loss + t / g->window_len;
        for (int b0 = 0, group = 0; b0 < batch->B; b0 += g->plan.S, group++) {
            double of_group = 0;
            for (int b = b0; b < batch->B && b < b0 + g->plan.S; b++)
                of_group += (double)sab_batch_weight(batch, t, b);
            sum += of_group;
            window[(size_t)group * g->n_windows] |= of_group > 0;
        }
    }
    g->machine->put(g->machine, g->has_loss, g->host_has_loss, n);
    return sum;
}

static struct sab_gpu_pass pass_of(const struct sab_gpu *g, int l, int stretch, int backward)
{
    const struct layer *y = &g->layers[l];
    struct sab_gpu_pass p = g->sizes;
    sab_gpu_plan_apply(&g->plan, backward, &p);
    p.t0 = stretch * g->steps, p.len = stretch_len(g, stretch);
    p.window_len = g->window_len, p.n_windows = g->n_windows;
    p.state.data = y->state[backward];
    p.query.data = y->query_panel[backward], p.key.data = y->key_panel[backward];
    p.bias_h = p.fused ? NULL : weights(g, SAB_ROLE_BIAS_HH, l);
    p.w = weights(g, SAB_ROLE_W3, l);
    p.pre = y->pre, p.extra = y->extra, p.c = y->c, p.h = y->h, p.hh = y->hh, p.s = y->s, p.query_out = y->query;
    p.steps = g->ledger_steps, p.when = g->when, p.first = g->first;
    p.M = y->M, p.keys = y->keys, p.dM = y->dM, p.dkeys = y->dkeys;
    p.read_n = y->read_n, p.read_kind = y->read_kind, p.read_Z = y->read_Z, p.index = y->index, p.alpha = y->alpha;
    p.scores = y->scores;
    p.dpre = y->dpre, p.dpre_h = y->dpre_h, p.dquery = y->dquery, p.dw = y->dw;
    p.touched = y->touched;
    return p;
}

/* A stretch forward; losses into sums, or with backward y becomes their gradient. */
static void stretch_forward(struct sab_gpu *g, const struct sab_batch *batch, int stretch, int replay, double scale, int backward,
                            double *sums)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    int len = stretch_len(g, stretch), B = batch->B, R = len * B, Hp = m->Hp, GHp = m->GHp;
    size_t row = (size_t)B * Hp, nbytes = row * sizeof(real);
    send(g, batch, stretch);
    for (int l = 0; l < m->L; l++) {
        struct layer *y = &g->layers[l];
        if (g->stretches > 1) {
            mc->copy(mc, y->h, y->h_start + (size_t)stretch * row, nbytes);
            if (y->c)
                mc->copy(mc, y->c, y->c_start + (size_t)stretch * row, nbytes);
        }
        const real *bias = weights(g, SAB_ROLE_BIAS_IH, l), *bias_h = m->cell->fused ? weights(g, SAB_ROLE_BIAS_HH, l) : NULL;
        const real *ih = weights(g, SAB_ROLE_WEIGHT_IH, l);
        int is_ids = l == 0 && batch->ids != NULL;
        mc->input(mc, R, GHp, bias, bias_h, is_ids ? g->ids : NULL, is_ids ? ih : NULL, y->pre);
        if (l > 0)
            mc->gemm(mc, 0, 0, R, GHp, m->H, g->layers[l - 1].h + row, Hp, ih, GHp, 1, y->pre, GHp);
        else if (!is_ids)
            mc->gemm(mc, 0, 0, R, GHp, m->shape.I, g->values, m->shape.I, ih, GHp, 1, y->pre, GHp);
        struct sab_gpu_pass p = pass_of(g, l, stretch, 0);
        p.replay = replay;
        mc->forward(mc, &p, p.threads, (size_t)g->plan.shared_nbytes[0]);
        if (stretch + 1 < g->stretches && !replay) {
            mc->copy(mc, y->h_start + (size_t)(stretch + 1) * row, y->h + (size_t)len * row, nbytes);
            if (y->c)
                mc->copy(mc, y->c_start + (size_t)(stretch + 1) * row, y->c + (size_t)len * row, nbytes);
        }
    }
    const struct layer *top = &g->layers[m->L - 1];
    mc->input(mc, R, m->Op, weights(g, SAB_ROLE_B, 0), NULL, NULL, NULL, g->y);
    mc->gemm(mc, 0, 0, R, m->Op, m->H, top->h + row, Hp, weights(g, SAB_ROLE_V1, 0), m->Op, 1, g->y, m->Op);
    if (m->has_V2)
        mc->gemm(mc, 0, 0, R, m->Op, m->H, top->s, Hp, weights(g, SAB_ROLE_V2, 0), m->Op, 1, g->y, m->Op);
    struct sab_gpu_losses losses = {R, m->O, m->Op, m->shape.loss, g->y, batch->labels ? g->labels : NULL,
                                    batch->targets ? g->targets : NULL, g->weight, g->scored, scale, backward, sums};
    if (batch->labels || batch->targets)
        mc->losses(mc, &losses);
}

/* Rows of a stretch by their ids, in segments of at most 128 that have one id each. */
static int sort_ids(struct sab_gpu *g, int R)
{
    int I = g->model->shape.I, segments = 0;
    size_t *count = g->count_ids, sum = 0;
    memset(count, 0, ((size_t)I + 1) * sizeof *count);
    for (int r = 0; r < R; r++)
        count[g->host_ids[r]]++;
    for (int i = 0; i < I; i++) {
        size_t n = count[i];
        count[i] = sum;
        for (size_t from = 0; from < n; from += 128) {
            g->host_from[segments] = (int32_t)(sum + from);
            g->host_id[segments++] = i;
        }
        sum += n;
    }
    g->host_from[segments] = R;
    for (int r = 0; r < R; r++)
        g->host_order[count[g->host_ids[r]]++] = r;
    struct sab_machine *mc = g->machine;
    mc->put(mc, g->order, g->host_order, (size_t)R * sizeof(int32_t));
    mc->put(mc, g->from, g->host_from, ((size_t)segments + 1) * sizeof(int32_t));
    mc->put(mc, g->id, g->host_id, (size_t)segments * sizeof(int32_t));
    return segments;
}

/* The weight gradients of a layer over a stretch, and dx where there is a layer below. */
static void products(struct sab_gpu *g, const struct sab_batch *batch, int l, int R, real *dx)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    const struct layer *y = &g->layers[l];
    int Hp = m->Hp, GHp = m->GHp, Ap = m->Ap;
    size_t row = (size_t)batch->B * Hp;
    real *dih = gradient_of(g, SAB_ROLE_WEIGHT_IH, l);
    mc->gemm(mc, 1, 0, m->H, GHp, R, y->h, Hp, y->dpre_h, GHp, 1, gradient_of(g, SAB_ROLE_WEIGHT_HH, l), GHp);
    mc->columns(mc, R, GHp, y->dpre, GHp, g->scratch, gradient_of(g, SAB_ROLE_BIAS_IH, l));
    mc->columns(mc, R, GHp, y->dpre_h, GHp, g->scratch, gradient_of(g, SAB_ROLE_BIAS_HH, l));
    if (l > 0)
        mc->gemm(mc, 1, 0, m->H, GHp, R, g->layers[l - 1].h + row, Hp, y->dpre, GHp, 1, dih, GHp);
    else if (batch->ids)
        mc->scatter(mc, sort_ids(g, R), GHp, y->dpre, g->order, g->from, g->id, g->scratch, dih);
    else
        mc->gemm(mc, 1, 0, m->shape.I, GHp, R, g->values, m->shape.I, y->dpre, GHp, 1, dih, GHp);
    if (m->K > 0)
        mc->gemm(mc, 1, 0, m->H, Ap, R, y->hh, Hp, y->dquery, Ap, 1, gradient_of(g, SAB_ROLE_W2, l), Ap);
    if (dx)
        mc->gemm(mc, 0, 1, R, m->H, GHp, y->dpre, GHp, weights(g, SAB_ROLE_WEIGHT_IH, l), GHp, 0, dx, Hp);
}

static void stretch_backward(struct sab_gpu *g, const struct sab_batch *batch, int stretch)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    const struct layer *top = &g->layers[m->L - 1];
    int R = stretch_len(g, stretch) * batch->B, Hp = m->Hp, Op = m->Op;
    size_t row = (size_t)batch->B * Hp;
    mc->gemm(mc, 0, 1, R, m->H, Op, g->y, Op, weights(g, SAB_ROLE_V1, 0), Op, 0, g->dh[0], Hp);
    mc->gemm(mc, 1, 0, m->H, Op, R, top->h + row, Hp, g->y, Op, 1, gradient_of(g, SAB_ROLE_V1, 0), Op);
    if (m->has_V2) {
        mc->gemm(mc, 0, 1, R, m->H, Op, g->y, Op, weights(g, SAB_ROLE_V2, 0), Op, 0, g->ds, Hp);
        mc->gemm(mc, 1, 0, m->H, Op, R, top->s, Hp, g->y, Op, 1, gradient_of(g, SAB_ROLE_V2, 0), Op);
    }
    mc->columns(mc, R, Op, g->y, Op, g->scratch, gradient_of(g, SAB_ROLE_B, 0));
    for (int l = m->L - 1, in = 0; l >= 0; l--, in = 1 - in) {
        struct layer *y = &g->layers[l];
        struct sab_gpu_pass p = pass_of(g, l, stretch, 1);
        mc->zero(mc, y->dpre, (size_t)R * m->GHp * sizeof(real));
        if (!p.fused)
            mc->zero(mc, y->dpre_h, (size_t)R * m->GHp * sizeof(real));
        if (p.K > 0)
            mc->zero(mc, y->dquery, (size_t)R * m->Ap * sizeof(real));
        p.dh_out = g->dh[in];
        p.ds_out = l == m->L - 1 && m->has_V2 ? g->ds : NULL;
        p.active_in = l == m->L - 1 ? g->has_loss : g->layers[l + 1].active;
        p.active_out = y->active;
        mc->backward(mc, &p, p.threads, (size_t)g->plan.shared_nbytes[1]);
        products(g, batch, l, R, l > 0 ? g->dh[1 - in] : NULL);
    }
}

/* ---- state from before a batch, and after it ---- */

/* h and c that sequences begin with, and the memories taken over: their keys are made anew, of the weights as they are now. */
static void take_state(struct sab_gpu *g, const struct sab_batch *batch, int l)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    struct layer *y = &g->layers[l];
    int B = batch->B, carried = g->extent.carried;
    size_t row = (size_t)B * m->Hp, rows = (size_t)B * g->sizes.cap;
    struct sab_memory memory = {.S = B, .cap = g->sizes.cap, .ledger = g->ledger, .M = g->host_M};
    memset(g->host_h, 0, row * sizeof(real));
    memset(g->host_c, 0, row * sizeof(real));
    if (batch->state)
        memset(g->host_M, 0, rows * m->Hp * sizeof(real));
    if (batch->state)
        sab_stream_copy(batch->state, l, 0, batch->fresh, g->host_h, y->c ? g->host_c : NULL, &memory);
    for (int b = 0; b < B && !batch->state; b++) {
        size_t from = ((size_t)l * B + b) * m->H, to = (size_t)b * m->Hp;
        if (batch->h0)
            memcpy(g->host_h + to, batch->h0 + from, (size_t)m->H * sizeof(real));
        if (batch->c0)
            memcpy(g->host_c + to, batch->c0 + from, (size_t)m->H * sizeof(real));
    }
    mc->put(mc, g->stretches > 1 ? y->h_start : y->h, g->host_h, row * sizeof(real));
    if (y->c)
        mc->put(mc, g->stretches > 1 ? y->c_start : y->c, g->host_c, row * sizeof(real));
    if (carried == 0)
        return;
    for (int b = 0; b < B; b++)
        g->host_first[b] = g->ledger.first[b];
    mc->put(mc, g->first, g->host_first, (size_t)B * sizeof(int32_t));
    mc->put(mc, y->M, g->host_M, rows * m->Hp * sizeof(real));
    mc->gemm(mc, 0, 0, (int)rows, m->Ap, m->H, y->M, m->Hp, weights(g, SAB_ROLE_W1, l), m->Ap, 0, y->keys, m->Ap);
    if (m->config.score == SAB_SCORE_MLP)
        mc->exp2x(mc, rows * m->Ap, y->keys);
}

/* The state of those sequences that end within a stretch. */
static int leave_ended(struct sab_gpu *g, const struct sab_batch *batch, int stretch, struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    int t0 = stretch * g->steps, B = batch->B, status = SAB_OK;
    size_t row = (size_t)B * m->Hp;
    for (int i = 1; i <= stretch_len(g, stretch); i++) {
        int ended = !batch->lengths && t0 + i == batch->T;
        for (int b = 0; b < B && batch->lengths; b++)
            ended += batch->lengths[b] == t0 + i;
        for (int l = 0; l < m->L && ended && !status; l++) {
            const struct layer *y = &g->layers[l];
            mc->get(mc, g->host_h, y->h + i * row, row * sizeof(real));
            if (y->c)
                mc->get(mc, g->host_c, y->c + i * row, row * sizeof(real));
            status = mc->wait(mc, err);
            for (int b = 0; b < B && !status; b++)
                if (!batch->lengths || batch->lengths[b] == t0 + i)
                    sab_stream_put_state(batch->state, l, b, g->host_h + (size_t)b * m->Hp, y->c ? g->host_c + (size_t)b * m->Hp : NULL);
        }
    }
    return status;
}

static int leave_memories(struct sab_gpu *g, const struct sab_batch *batch, struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    int B = batch->B, carried = g->extent.carried, status = SAB_OK;
    size_t rows = (size_t)B * g->sizes.cap;
    struct sab_memory memory = {.S = B, .cap = g->sizes.cap, .ledger = g->ledger, .M = g->host_M, .key = g->host_keys};
    for (int b = 0; b < B; b++) {
        g->ledger.first[b] = carried > 0 ? g->host_first[b] : 0;
        g->host_ends[b] = sab_ledger_count(&g->ledger, batch->lengths ? batch->lengths[b] : batch->T);
    }
    for (int l = 0; l < m->L && !status; l++) {
        mc->get(mc, g->host_M, g->layers[l].M, rows * m->Hp * sizeof(real));
        mc->get(mc, g->host_keys, g->layers[l].keys, rows * m->Ap * sizeof(real));
        status = mc->wait(mc, err);
        if (!status)
            sab_stream_put_memory(batch->state, l, 0, &memory, g->host_ends);
    }
    return status;
}

/* After a stretch forward: what it leaves for the next batch. */
static int leave(struct sab_gpu *g, const struct sab_batch *batch, int stretch, struct sab_error *err)
{
    int status = batch->state ? leave_ended(g, batch, stretch, err) : SAB_OK;
    if (!status && batch->state && g->model->K > 0 && stretch == g->stretches - 1)
        status = leave_memories(g, batch, err);
    return status;
}

/* All steps at once: rules that look at states are refused. */
static void send_ledger(struct sab_gpu *g, const struct sab_batch *batch)
{
    struct sab_machine *mc = g->machine;
    sab_ledger_fill(&g->ledger, g->extent.carried, batch->T);
    mc->put(mc, g->ledger_steps, g->ledger.steps, ((size_t)batch->T + 1) * sizeof *g->ledger_steps);
    mc->put(mc, g->when, g->ledger.when, (size_t)g->ledger.n * sizeof *g->when);
}

/* What a batch begins with. */
static void begin(struct sab_gpu *g, const struct sab_batch *batch, int backward)
{
    int B = batch->B, is_taken = batch->state || batch->h0 || batch->c0;
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    size_t row = (size_t)B * m->Hp * sizeof(real), cap = (size_t)g->sizes.cap * B;
    pack(g);
    mc->zero(mc, g->sums, 24 * sizeof *g->sums);
    if (m->K > 0)
        send_ledger(g, batch);
    for (int l = 0; l < m->L; l++) {
        struct layer *y = &g->layers[l];
        if (is_taken)
            take_state(g, batch, l);
        else
            mc->zero(mc, g->stretches > 1 ? y->h_start : y->h, row);
        if (y->c && !is_taken)
            mc->zero(mc, g->stretches > 1 ? y->c_start : y->c, row);
        if (!backward)
            continue;
        mc->zero(mc, y->touched, (size_t)g->groups * g->plan.C * g->n_windows);
        mc->zero(mc, y->active, (size_t)g->groups * g->n_windows);
        if (m->K > 0) {
            mc->zero(mc, y->dM, cap * m->Hp * sizeof(real));
            mc->zero(mc, y->dkeys, cap * m->Ap * sizeof(real));
            mc->zero(mc, y->dw, (size_t)g->groups * m->Ap * sizeof(real));
        }
    }
}

/* Once all stretches are done: weight gradients of keys and scores. */
static void memory_products(struct sab_gpu *g, int B)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    for (int l = 0; l < m->L && m->K > 0; l++) {
        const struct layer *y = &g->layers[l];
        mc->gemm(mc, 1, 0, m->H, m->Ap, g->sizes.cap * B, y->M, m->Hp, y->dkeys, m->Ap, 1, gradient_of(g, SAB_ROLE_W1, l), m->Ap);
        if (m->config.score == SAB_SCORE_MLP)
            mc->columns(mc, g->groups, m->Ap, y->dw, m->Ap, g->scratch, gradient_of(g, SAB_ROLE_W3, l));
    }
}

static void tell(const struct sab_model *m, const double *sums, struct sab_metrics *metrics)
{
    int loss = m->shape.loss;
    double answers = loss == SAB_LOSS_CROSS_ENTROPY ? sums[3] : loss == SAB_LOSS_BCE ? sums[5] : 0;
    *metrics = (struct sab_metrics){
        .loss = sums[1] > 0 ? sums[0] / sums[1] : NAN,
        .accuracy = answers > 0 ? sums[4] / answers : NAN,
        .mse = loss == SAB_LOSS_MSE && sums[5] > 0 ? sums[2] / sums[5] : NAN,
        .weight = sums[1],
        .scored = (int64_t)sums[3],
    };
}

static int check_stopped(const struct sab_gpu *g, struct sab_error *err)
{
    return g->stop && *g->stop ? sab_fail(err, SAB_INTERRUPTED, "stopped on request") : SAB_OK;
}

/* Outputs of a stretch, [len,B,Op], to be freed. */
static int fetch_rows(struct sab_gpu *g, int stretch, real **out, struct sab_error *err)
{
    size_t count = (size_t)stretch_len(g, stretch) * g->extent.B * g->model->Op;
    real *rows = sab_alloc(count, sizeof *rows);
    if (!rows)
        return sab_fail(err, SAB_NOMEM, "no memory for the outputs of %d sequences", g->extent.B);
    g->machine->get(g->machine, rows, g->y, count * sizeof *rows);
    int status = g->machine->wait(g->machine, err);
    if (status)
        sab_free(rows);
    else
        *out = rows;
    return status;
}

/* Into the batch's [T,B,O], 0 past the ends. */
static void put_outputs(const struct sab_gpu *g, const struct sab_batch *batch, int stretch, const real *rows, real *outputs)
{
    const struct sab_model *m = g->model;
    int t0 = stretch * g->steps, B = batch->B;
    for (int i = 0; i < stretch_len(g, stretch); i++)
        for (int b = 0; b < B; b++) {
            real *to = outputs + ((size_t)(t0 + i) * B + b) * m->O;
            if (batch->lengths && t0 + i >= batch->lengths[b])
                memset(to, 0, (size_t)m->O * sizeof *to);
            else
                memcpy(to, rows + ((size_t)i * B + b) * m->Op, (size_t)m->O * sizeof *to);
        }
}

/* To the watcher, each sequence in the order of its steps, and its losses. */
static void show(const struct sab_gpu *g, const struct sab_batch *batch, int stretch, const real *rows,
                 const struct sab_watcher *watcher)
{
    const struct sab_model *m = g->model;
    int t0 = stretch * g->steps, B = batch->B, has_loss = batch->labels || batch->targets;
    for (int b = 0; b < B; b++)
        for (int i = 0; i < stretch_len(g, stretch) && (!batch->lengths || t0 + i < batch->lengths[b]); i++) {
            size_t at = (size_t)(t0 + i) * B + b;
            const real *y = rows + ((size_t)i * B + b) * m->Op;
            watcher->row(watcher->user, t0 + i, b, y);
            if (has_loss)
                sab_loss_row(m, y, batch->labels ? batch->labels[at] : 0, batch->targets ? batch->targets + at * m->O : NULL,
                             sab_batch_weight(batch, t0 + i, b), sab_batch_scored(batch, t0 + i, b), 0, NULL, &watcher->sums[b]);
        }
}

/* Forward; the losses are left in sums. */
static int forward(struct sab_gpu *g, const struct sab_batch *batch, real *outputs, const struct sab_watcher *watcher,
                   struct sab_error *err)
{
    int status = make_room(g, batch, 0, err);
    if (status)
        return status;
    begin(g, batch, 0);
    for (int i = 0; i < g->stretches && !status; i++) {
        real *rows = NULL;
        stretch_forward(g, batch, i, 0, 0, 0, g->sums);
        if (outputs || watcher)
            status = fetch_rows(g, i, &rows, err);
        if (rows && outputs)
            put_outputs(g, batch, i, rows, outputs);
        if (rows && watcher)
            show(g, batch, i, rows, watcher);
        sab_free(rows);
        if (!status)
            status = leave(g, batch, i, err);
        if (!status)
            status = check_stopped(g, err);
    }
    return status;
}

int sab_gpu_watch(struct sab_gpu *g, const struct sab_batch *batch, const struct sab_watcher *watcher, struct sab_error *err)
{
    return forward(g, batch, NULL, watcher, err);
}

int sab_gpu_evaluate(struct sab_gpu *g, const struct sab_batch *batch, sab_real *outputs, struct sab_metrics *metrics,
                     struct sab_error *err)
{
    double sums[8];
    int status = forward(g, batch, outputs, NULL, err);
    if (status)
        return status;
    g->machine->get(g->machine, sums, g->sums, sizeof sums);
    status = g->machine->wait(g->machine, err);
    if (!status && metrics)
        tell(g->model, sums, metrics);
    return status;
}

int sab_gpu_gradient(struct sab_gpu *g, const struct sab_batch *batch, sab_real *grads, struct sab_metrics *metrics,
                     struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    int status = make_room(g, batch, 1, err);
    if (status)
        return status;
    double weight = send_windows(g, batch);
    if (!(weight > 0))
        return sab_fail(err, SAB_INVALID, "no position of the batch has a weight, so there is no loss and no gradient");
    begin(g, batch, 1);
    mc->zero(mc, g->grad_padded, m->n_padded * sizeof(real));
    int last = g->stretches - 1;
    for (int i = 0; i <= last; i++) {
        stretch_forward(g, batch, i, 0, 1 / weight, i == last, g->sums);
        status = leave(g, batch, i, err);
        if (!status)
            status = check_stopped(g, err);
        if (status)
            return status;
    }
    for (int i = last; i >= 0; i--) {
        if ((status = check_stopped(g, err)) != SAB_OK)
            return status;
        if (i < last)
            stretch_forward(g, batch, i, 1, 1 / weight, 1, g->sums + 8);
        stretch_backward(g, batch, i);
    }
    memory_products(g, batch->B);
    mc->unpad(mc, g->table, m->n_tensors, g->most_count, g->grad_padded, g->grad);
    mc->norm(mc, g->count, g->grad, g->sums + 16);
    double sums[17];
    mc->get(mc, sums, g->sums, sizeof sums);
    if (grads)
        mc->get(mc, grads, g->grad, g->count * sizeof(real));
    status = mc->wait(mc, err);
    if (status)
        return status;
    struct sab_metrics result;
    tell(m, sums, &result);
    result.grad_norm = sqrt(sums[16]);
    if (metrics)
        *metrics = result;
    return SAB_OK;
}

int sab_gpu_pull_gradient(struct sab_gpu *g, sab_real *grads, struct sab_error *err)
{
    g->machine->get(g->machine, grads, g->grad, g->count * sizeof(real));
    return g->machine->wait(g->machine, err);
}

/* Room for the optimiser's own, at its first step. */
static int make_moments(struct sab_gpu *g, int with_average, struct sab_error *err)
{
    int status = SAB_OK;
    if (!g->moments)
        g->moments = take(g, 2 * g->count * sizeof(real), &status, err);
    if (!status && !g->undo)
        g->undo = take(g, 4 * g->count * sizeof(real), &status, err);
    if (!status && with_average && !g->average)
        g->average = take(g, g->count * sizeof(real), &status, err);
    if (!status && !g->bad)
        g->bad = take(g, sizeof *g->bad, &status, err);
    return status;
}

int sab_gpu_push_moments(struct sab_gpu *g, const sab_real *m, const sab_real *v, const sab_real *average, struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    size_t nbytes = g->count * sizeof(real);
    int status = make_moments(g, average != NULL, err);
    if (status)
        return status;
    mc->put(mc, g->moments, m, nbytes);
    if (v)
        mc->put(mc, g->moments + g->count, v, nbytes);
    if (average)
        mc->put(mc, g->average, average, nbytes);
    return mc->wait(mc, err);
}

int sab_gpu_pull_moments(struct sab_gpu *g, sab_real *m, sab_real *v, sab_real *average, struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    size_t nbytes = g->count * sizeof(real);
    int status = make_moments(g, average != NULL, err);
    if (status)
        return status;
    mc->get(mc, m, g->moments, nbytes);
    if (v)
        mc->get(mc, v, g->moments + g->count, nbytes);
    if (average)
        mc->get(mc, average, g->average, nbytes);
    return mc->wait(mc, err);
}

int sab_gpu_step(struct sab_gpu *g, const struct sab_optim_options *o, double rate, double scale, int64_t t, struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    size_t nbytes = g->count * sizeof(real);
    int has_v = o->optimizer != SAB_OPTIMIZER_SGD;
    int status = make_moments(g, o->average > 0, err);
    if (status)
        return status;
    double mean = 1 - 1 / (double)t;
    struct sab_gpu_update update = {
        .count = g->count, .optimizer = o->optimizer, .rate = rate, .scale = scale, .beta1 = o->beta1, .beta2 = o->beta2,
        .eps = o->eps, .momentum = o->momentum, .weight_decay = o->weight_decay, .t = t, .theta = g->theta, .m = g->moments,
        .v = has_v ? g->moments + g->count : NULL, .grad = g->grad, .average_share = 1 - (o->average < mean ? o->average : mean),
        .average = o->average > 0 ? g->average : NULL, .bad = g->bad,
    };
    int32_t bad = 0;
    mc->copy(mc, g->undo, g->theta, nbytes);
    mc->copy(mc, g->undo + g->count, g->moments, 2 * nbytes);
    if (update.average)
        mc->copy(mc, g->undo + 3 * g->count, g->average, nbytes);
    mc->zero(mc, g->bad, sizeof bad);
    mc->update(mc, &update);
    g->packed = 0;
    mc->get(mc, &bad, g->bad, sizeof bad);
    if (bad) {
        mc->copy(mc, g->theta, g->undo, nbytes);
        mc->copy(mc, g->moments, g->undo + g->count, 2 * nbytes);
        if (update.average)
            mc->copy(mc, g->average, g->undo + 3 * g->count, nbytes);
    }
    status = mc->wait(mc, err);
    if (status || !bad)
        return status;
    return sab_fail(err, SAB_NUMERIC, "update %lld: the optimiser made a weight not finite; lower --lr %.4g or --clip %.4g",
                    (long long)t, o->lr, o->clip);
}
