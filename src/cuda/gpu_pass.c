/* A stretch through the network and back: products, the layers' kernels, readout and losses. */
#include "cuda/gpu_state.h"
#include "cuda/plan.h"

const real *sab_gpu_weights(const struct sab_gpu *g, int role, int layer)
{
    const struct sab_tensor_spec *spec = sab_tensors_find(g->model, role, layer);
    return spec ? g->padded + spec->padded_offset : NULL;
}

real *sab_gpu_gradient_of(const struct sab_gpu *g, int role, int layer)
{
    const struct sab_tensor_spec *spec = sab_tensors_find(g->model, role, layer);
    return spec ? g->grad_padded + spec->padded_offset : NULL;
}

/* padded and the panels from theta. */
void sab_gpu_pack_weights(struct sab_gpu *g)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    if (g->packed)
        return;
    mc->pad(mc, g->table, m->n_tensors, g->most_count, g->theta, g->padded);
    for (int l = 0; l < m->L; l++)
        for (int b = 0; b < 2; b++) {
            struct sab_gpu_pass p = g->sizes;
            struct sab_gpu_layer *y = &g->layers[l];
            sab_gpu_plan_apply(&g->plan, b, &p);
            size_t GHp = (size_t)p.G * p.Hp, Hp = (size_t)p.Hp, Ap = (size_t)p.Ap;
            struct sab_gpu_pack state = {sab_gpu_weights(g, SAB_ROLE_WEIGHT_HH, l), y->state[b], p.C, p.state.rows,
                                         p.H, p.G, p.U, p.Hp, GHp, Hp, 1};
            if (b)
                state = (struct sab_gpu_pack){state.from, y->state[b], p.C, p.state.rows, (int)GHp, 1, p.U, p.H, 1, 0, GHp};
            mc->pack(mc, &state);
            for (int is_key = 0; is_key < 2 && p.K > 0; is_key++) {
                const int is_bent = g->bent != NULL; /* a column, of half of w each */
                const real *w = sab_gpu_weights(g, is_bent ? SAB_ROLE_W : is_key ? SAB_ROLE_W1 : SAB_ROLE_W2, l);
                const real *from = is_bent && is_key ? w + Hp : w;
                real *to = is_key ? y->key_panel[b] : y->query_panel[b];
                struct sab_gpu_pack map = {from, to, p.C, p.query.rows, p.H, 1, p.W, p.Ap, Ap, 0, 1};
                if (b)
                    map = (struct sab_gpu_pack){from, to, p.C, p.query.rows, p.Ap, 1, p.U, p.H, 1, 0, Ap};
                if (is_bent)
                    map = b ? (struct sab_gpu_pack){from, to, p.C, p.query.rows, 1, 1, p.U, p.H, 0, 0, 1}
                            : (struct sab_gpu_pack){from, to, p.C, p.query.rows, p.H, 1, p.W, 1, 1, 0, 0};
                mc->pack(mc, &map);
            }
        }
    g->packed = 1;
}

/* x [R,Hp], rows of states of layer l, as it enters the next layer or the readout: times its mask, in the room for that, where it
 * has one. */
static const real *leaving(struct sab_gpu *g, int B, int l, int R, const real *x)
{
    const size_t row = (size_t)B * g->model->Hp;
    if (!g->output_mask)
        return x;
    g->machine->mask(g->machine, R / B, row, x, g->output_mask + l * row, g->masked);
    return g->masked;
}

/* And its gradient, in place. */
static void leaving_back(struct sab_gpu *g, int B, int l, int R, real *dx)
{
    const size_t row = (size_t)B * g->model->Hp;
    if (g->output_mask)
        g->machine->mask(g->machine, R / B, row, dx, g->output_mask + l * row, dx);
}

static struct sab_gpu_pass pass_of(const struct sab_gpu *g, int l, int stretch, int backward)
{
    const struct sab_gpu_layer *y = &g->layers[l];
    struct sab_gpu_pass p = g->sizes;
    sab_gpu_plan_apply(&g->plan, backward, &p);
    p.t0 = stretch * g->steps, p.len = sab_gpu_stretch_len(g, stretch);
    p.window_len = g->window_len, p.n_windows = g->n_windows;
    p.state.data = y->state[backward];
    p.query.data = y->query_panel[backward], p.key.data = y->key_panel[backward];
    p.is_masked = g->state_mask != NULL; /* the layout has room for it */
    p.h_mask = g->state_mask ? g->state_mask + (size_t)l * p.B * p.Hp : NULL;
    p.bias_h = p.fused ? NULL : sab_gpu_weights(g, SAB_ROLE_BIAS_HH, l);
    p.w = sab_gpu_weights(g, SAB_ROLE_W3, l);
    p.pre = y->pre, p.extra = y->extra, p.c = y->c, p.h = y->h, p.hh = y->hh, p.s = y->s, p.query_out = y->query;
    p.steps = g->ledger_steps, p.when = g->when, p.first = g->first, p.base = p.K > 0 ? sab_gpu_memory_base(g, stretch) : 0;
    p.M = y->M, p.keys = y->keys, p.dM = y->dM, p.dkeys = y->dkeys;
    p.read_n = y->read_n, p.read_kind = y->read_kind, p.read_Z = y->read_Z, p.index = y->index, p.alpha = y->alpha;
    p.scores = y->scores;
    p.looked = y->looked;
    p.memories = g->sizes.cap - 1; /* where memories are pooled, each has a row */
    p.gate = sab_gpu_weights(g, SAB_ROLE_GATE, l), p.pool_query = sab_gpu_weights(g, SAB_ROLE_POOL, l);
    p.ends = g->ends, p.drawn = g->drawn;
    p.alive = y->alive, p.n_alive = y->n_alive, p.alive_worth = y->alive_worth, p.worth = y->worth, p.dworth = y->dworth;
    p.sum = y->sum, p.begin = y->begin, p.top = y->top, p.Z_sum = y->Z_sum, p.scale = y->scale, p.dpool = y->dpool;
    p.dpre = y->dpre, p.dpre_h = y->dpre_h, p.dquery = y->dquery, p.dw = y->dw;
    p.touched = y->touched;
    size_t start = (size_t)l * g->sizes.B * g->sizes.Hp;
    p.dh0 = g->dh0 ? g->dh0 + start : NULL, p.dc0 = g->dc0 ? g->dc0 + start : NULL;
    return p;
}

void sab_gpu_layers_forward(struct sab_gpu *g, int B, int stretch, int replay, const int32_t *ids, const real *values)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    int len = sab_gpu_stretch_len(g, stretch), R = len * B, Hp = m->Hp, GHp = m->GHp;
    size_t row = (size_t)B * Hp, nbytes = row * sizeof(real);
    for (int l = 0; l < m->L; l++) {
        struct sab_gpu_layer *y = &g->layers[l];
        if (g->stretches > 1) {
            mc->copy(mc, y->h, y->h_start + (size_t)stretch * row, nbytes);
            if (y->c)
                mc->copy(mc, y->c, y->c_start + (size_t)stretch * row, nbytes);
        }
        const real *bias = sab_gpu_weights(g, SAB_ROLE_BIAS_IH, l), *bias_h = m->cell->fused
            ? sab_gpu_weights(g, SAB_ROLE_BIAS_HH, l) : NULL;
        const real *ih = sab_gpu_weights(g, SAB_ROLE_WEIGHT_IH, l);
        int is_ids = l == 0 && ids != NULL;
        mc->input(mc, R, GHp, bias, bias_h, is_ids ? ids : NULL, is_ids ? ih : NULL, y->pre);
        if (l > 0)
            mc->gemm(mc, 0, 0, R, GHp, m->H, leaving(g, B, l - 1, R, g->layers[l - 1].h + row), Hp, ih, GHp, 1, y->pre, GHp);
        else if (!is_ids)
            mc->gemm(mc, 0, 0, R, GHp, m->shape.I, values, m->shape.I, ih, GHp, 1, y->pre, GHp);
        struct sab_gpu_pass p = pass_of(g, l, stretch, 0);
        p.replay = replay;
        p.writes = !replay || g->slides;
        sab_gpu_memory_open(g, l, stretch);
        mc->forward(mc, &p, p.threads, (size_t)g->plan.shared_nbytes[0]);
        sab_gpu_count(g, &p, 0);
        if (!replay)
            sab_gpu_memory_close(g, l, stretch);
        if (stretch + 1 < g->stretches && !replay) {
            mc->copy(mc, y->h_start + (size_t)(stretch + 1) * row, y->h + (size_t)len * row, nbytes);
            if (y->c)
                mc->copy(mc, y->c_start + (size_t)(stretch + 1) * row, y->c + (size_t)len * row, nbytes);
        }
    }
}

/* A stretch forward; losses into sums, or with backward y becomes their gradient. */
void sab_gpu_stretch_forward(struct sab_gpu *g, const struct sab_batch *batch, int stretch, int replay, double scale, int backward,
                            double *sums)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    int B = batch->B, R = sab_gpu_stretch_len(g, stretch) * B, Hp = m->Hp;
    size_t row = (size_t)B * Hp;
    sab_gpu_send(g, batch, stretch, replay);
    sab_gpu_layers_forward(g, B, stretch, replay, batch->ids ? g->ids : NULL, g->values);
    const struct sab_gpu_layer *top = &g->layers[m->L - 1];
    mc->input(mc, R, m->Op, sab_gpu_weights(g, SAB_ROLE_B, 0), NULL, NULL, NULL, g->y);
    const int l = m->L - 1;
    mc->gemm(mc, 0, 0, R, m->Op, m->H, leaving(g, B, l, R, top->h + row), Hp, sab_gpu_weights(g, SAB_ROLE_V1, 0), m->Op, 1, g->y, m->Op);
    if (m->has_V2)
        mc->gemm(mc, 0, 0, R, m->Op, m->H, leaving(g, B, l, R, top->s), Hp, sab_gpu_weights(g, SAB_ROLE_V2, 0), m->Op, 1, g->y, m->Op);
    struct sab_gpu_losses losses = {R, m->O, m->Op, m->shape.loss, g->y, batch->labels ? g->labels : NULL,
                                    batch->targets ? g->targets : NULL, g->weight, g->scored, scale, backward, sums};
    if (batch->labels || batch->targets)
        mc->losses(mc, &losses);
}

/* The weight gradients of a layer over a stretch, and dx where there is a layer below, or somebody asks. */
static void products(struct sab_gpu *g, int B, int l, int R, const int32_t *ids, const real *values, real *dx)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    const struct sab_gpu_layer *y = &g->layers[l];
    int Hp = m->Hp, GHp = m->GHp, Ap = m->Ap;
    size_t row = (size_t)B * Hp;
    real *dih = sab_gpu_gradient_of(g, SAB_ROLE_WEIGHT_IH, l);
    const real *h = y->h;
    if (g->state_mask) {
        mc->mask(mc, R / B, row, y->h, g->state_mask + l * row, g->masked);
        h = g->masked;
    }
    mc->gemm(mc, 1, 0, m->H, GHp, R, h, Hp, y->dpre_h, GHp, 1, sab_gpu_gradient_of(g, SAB_ROLE_WEIGHT_HH, l), GHp);
    mc->columns(mc, R, GHp, y->dpre, GHp, g->scratch, sab_gpu_gradient_of(g, SAB_ROLE_BIAS_IH, l));
    mc->columns(mc, R, GHp, y->dpre_h, GHp, g->scratch, sab_gpu_gradient_of(g, SAB_ROLE_BIAS_HH, l));
    if (l > 0)
        mc->gemm(mc, 1, 0, m->H, GHp, R, leaving(g, B, l - 1, R, g->layers[l - 1].h + row), Hp, y->dpre, GHp, 1, dih, GHp);
    else if (ids && ids == g->in_ids)
        mc->by_id(mc, R, GHp, m->shape.I, ids, y->dpre, dih);
    else if (ids)
        mc->scatter(mc, sab_gpu_sort_ids(g, R), GHp, y->dpre, g->order, g->from, g->id, g->scratch, dih);
    else
        mc->gemm(mc, 1, 0, m->shape.I, GHp, R, values, m->shape.I, y->dpre, GHp, 1, dih, GHp);
    if (g->bent)
        mc->bend(mc, (size_t)R * Hp, y->hh, g->bent);
    if (m->K > 0)
        mc->gemm(mc, 1, 0, m->H, g->bent ? 1 : Ap, R, g->bent ? g->bent : y->hh, Hp, y->dquery, Ap, 1,
                 sab_gpu_gradient_of(g, g->bent ? SAB_ROLE_W : SAB_ROLE_W2, l), g->bent ? 1 : Ap);
    const int width = l > 0 ? m->H : m->shape.I, ldx = l > 0 ? Hp : m->shape.I;
    if (dx)
        mc->gemm(mc, 0, 1, R, width, GHp, y->dpre, GHp, sab_gpu_weights(g, SAB_ROLE_WEIGHT_IH, l), GHp, 0, dx, ldx);
    if (dx && l > 0)
        leaving_back(g, B, l - 1, R, dx);
}

void sab_gpu_layers_backward(struct sab_gpu *g, int B, int stretch, const int32_t *ids, const real *values, const real *ds)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    int R = sab_gpu_stretch_len(g, stretch) * B;
    for (int l = m->L - 1, in = 0; l >= 0; l--, in = 1 - in) {
        struct sab_gpu_layer *y = &g->layers[l];
        struct sab_gpu_pass p = pass_of(g, l, stretch, 1);
        mc->zero(mc, y->dpre, (size_t)R * m->GHp * sizeof(real));
        if (!p.fused)
            mc->zero(mc, y->dpre_h, (size_t)R * m->GHp * sizeof(real));
        if (p.K > 0)
            mc->zero(mc, y->dquery, (size_t)R * m->Ap * sizeof(real));
        p.dh_out = g->dh[in];
        p.ds_out = l == m->L - 1 ? ds : NULL;
        p.active_in = l == m->L - 1 ? g->has_loss : g->layers[l + 1].active;
        p.active_out = y->active;
        mc->backward(mc, &p, p.threads, (size_t)g->plan.shared_nbytes[1]);
        sab_gpu_count(g, &p, 1);
        products(g, B, l, R, ids, values, l > 0 ? g->dh[1 - in] : g->dvalues);
    }
}

void sab_gpu_stretch_backward(struct sab_gpu *g, const struct sab_batch *batch, int stretch)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    const struct sab_gpu_layer *top = &g->layers[m->L - 1];
    int B = batch->B, R = sab_gpu_stretch_len(g, stretch) * B, Hp = m->Hp, Op = m->Op, l = m->L - 1;
    size_t row = (size_t)B * Hp;
    mc->gemm(mc, 0, 1, R, m->H, Op, g->y, Op, sab_gpu_weights(g, SAB_ROLE_V1, 0), Op, 0, g->dh[0], Hp);
    leaving_back(g, B, l, R, g->dh[0]);
    mc->gemm(mc, 1, 0, m->H, Op, R, leaving(g, B, l, R, top->h + row), Hp, g->y, Op, 1, sab_gpu_gradient_of(g, SAB_ROLE_V1, 0), Op);
    if (m->has_V2) {
        mc->gemm(mc, 0, 1, R, m->H, Op, g->y, Op, sab_gpu_weights(g, SAB_ROLE_V2, 0), Op, 0, g->ds, Hp);
        leaving_back(g, B, l, R, g->ds);
        mc->gemm(mc, 1, 0, m->H, Op, R, leaving(g, B, l, R, top->s), Hp, g->y, Op, 1, sab_gpu_gradient_of(g, SAB_ROLE_V2, 0), Op);
    }
    mc->columns(mc, R, Op, g->y, Op, g->scratch, sab_gpu_gradient_of(g, SAB_ROLE_B, 0));
    sab_gpu_layers_backward(g, B, stretch, batch->ids ? g->ids : NULL, g->values, m->has_V2 ? g->ds : NULL);
}

void sab_gpu_score_products(struct sab_gpu *g)
{
    const struct sab_model *m = g->model;
    struct sab_machine *mc = g->machine;
    const size_t rows = (size_t)g->sizes.cap * g->sizes.B;
    for (int l = 0; l < m->L && m->K > 0; l++) {
        const struct sab_gpu_layer *y = &g->layers[l];
        if (m->config.score == SAB_SCORE_MLP)
            mc->columns(mc, g->groups, m->Ap, y->dw, m->Ap, g->scratch, sab_gpu_gradient_of(g, SAB_ROLE_W3, l));
        if (y->dpool)
            mc->columns(mc, g->groups, m->Hp, y->dpool, m->Hp, g->scratch, sab_gpu_gradient_of(g, SAB_ROLE_POOL, l));
        if (!y->dworth)
            continue;
        mc->gates(mc, rows, y->worth, y->dworth); /* of one rank: all have the same */
        mc->gemm(mc, 1, 0, m->H, 1, (int)rows, y->M, m->Hp, y->dworth, 1, 1, sab_gpu_gradient_of(g, SAB_ROLE_GATE, l), 1);
    }
}
