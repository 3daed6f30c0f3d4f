/* sab_cuda.h: the layers alone, with the caller's memory, stream and weights. What is kept between calls are tables of shapes, which do
 * not change (shape.h). */
#include <stddef.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/layout.h"
#include "base/sized.h"
#include "cuda/device.h"
#include "cuda/gpu_state.h"
#include "cuda/shape.h"
#include "sab_cuda.h"

static const struct sab_sized batch_sized = {"the batch", "struct sab_cuda_batch", offsetof(struct sab_cuda_batch, output_mask),
                                             sizeof(struct sab_cuda_batch)};
static const struct sab_sized need_sized = {"the need", "struct sab_cuda_need", sizeof(struct sab_cuda_need), sizeof(struct sab_cuda_need)};
static const struct sab_sized left_sized = {"what is left", "struct sab_cuda_left", sizeof(struct sab_cuda_left),
                                            sizeof(struct sab_cuda_left)};
static const struct sab_sized gradient_sized = {"the gradient", "struct sab_cuda_gradient", sizeof(struct sab_cuda_gradient),
                                                sizeof(struct sab_cuda_gradient)};

struct sab_cuda {
    struct sab_machine *machine;
    struct sab_gpu *gpu;
    struct sab_model *model;
    struct sab_gpu_shape *shapes;
};

/* From now on on that stream. What failed there is told, and then forgotten. */
static int use(struct sab_cuda *c, void *stream, void *scratch, struct sab_error *err)
{
    return c->machine->use(c->machine, stream, scratch) ? c->machine->wait(c->machine, err) : SAB_OK;
}

int sab_cuda_create(struct sab_cuda **out, struct sab_model *model, const char *device, struct sab_error *err)
{
    if (sab_device_is_cpu(device))
        return sab_fail(err, SAB_INVALID, "sab_cuda: \"cpu\" is no GPU: cuda, cuda:N, or host, for tests");
    int status = sab_gpu_check(&model->config, device, err);
    if (!status && model->has_readout)
        status = sab_fail(err, SAB_INVALID, "sab_cuda: the model has a readout; --readout off is a layer alone");
    if (status)
        return status;
    struct sab_cuda *c = sab_alloc(1, sizeof *c);
    if (!c)
        return sab_fail(err, SAB_NOMEM, "no memory for layers on a device");
    c->model = model;
    status = sab_device_open_guest(&c->machine, device, err);
    if (!status)
        status = use(c, NULL, NULL, err);
    if (!status)
        status = sab_gpu_create_bare(&c->gpu, c->machine, model, err);
    if (status) {
        sab_cuda_free(c);
        return status;
    }
    *out = c;
    return SAB_OK;
}

void sab_cuda_free(struct sab_cuda *c)
{
    if (!c)
        return;
    sab_gpu_shapes_free(c->shapes, c->machine);
    if (c->gpu) /* what it has of batches is the callers' */
        c->gpu->theta = c->gpu->padded = c->gpu->grad = c->gpu->grad_padded = NULL;
    sab_gpu_free(c->gpu);
    if (c->machine)
        c->machine->close(c->machine);
    sab_free(c);
}

static int take_shape(struct sab_cuda *c, const struct sab_cuda_batch *b, struct sab_gpu_shape **out, struct sab_error *err)
{
    return sab_gpu_shape_take(out, &c->shapes, c->gpu, b->T, b->B, b->N, b->output_mask || b->state_mask, err);
}

/* Bytes of scratch before what is laid out there. */
static size_t workspace(const struct sab_cuda *c)
{
    return (c->machine->workspace_nbytes + 255) / 256 * 256;
}

static int take_batch(struct sab_cuda *c, struct sab_cuda_batch *batch, const struct sab_cuda_batch *given, struct sab_error *err)
{
    const struct sab_model *m = c->model;
    int status = sab_sized_take(&batch_sized, batch, given, err);
    if (status)
        return status;
    if (batch->T < 1 || batch->B < 1)
        return sab_fail(err, SAB_INVALID, "sab_cuda: T = %d steps of B = %d sequences; both are at least 1", batch->T, batch->B);
    if (batch->N < 0 || (batch->N > 0 && (m->K == 0 || batch->N > c->gpu->sizes.slots)))
        return sab_fail(err, SAB_INVALID, "sab_cuda: N = %d memories to begin with; this network goes on from %d at most", batch->N,
                        m->K == 0 ? 0 : c->gpu->sizes.slots);
    if (batch->N > 0 && m->zero_memories)
        return sab_fail(err, SAB_INVALID, "sab_cuda: N = %d memories to begin with, and with --zero-memory on sequences begin anew",
                        batch->N);
    if (batch->N > 0 && sab_gpu_chooses(&c->gpu->sizes))
        return sab_fail(err, SAB_INVALID, "sab_cuda: N = %d memories to begin with, and --keep %s begins with none: what each memory is "
                                          "worth is not among these arrays", batch->N, m->layers[0].remind.keep.choice->name);
    return SAB_OK;
}

int sab_cuda_need(struct sab_cuda *c, const struct sab_cuda_batch *given, struct sab_cuda_need *out, struct sab_error *err)
{
    struct sab_cuda_batch batch;
    struct sab_cuda_need need;
    struct sab_gpu_shape *shape;
    int status = take_batch(c, &batch, given, err);
    if (!status)
        status = sab_sized_take(&need_sized, &need, out, err);
    if (!status)
        status = use(c, batch.stream, NULL, err);
    if (!status)
        status = take_shape(c, &batch, &shape, err);
    if (status)
        return status;
    struct sab_layout kept = {0}, back = {0};
    sab_gpu_lay_out_bare(&kept, &back, c->gpu, batch.T, batch.B);
    need.kept_nbytes = kept.used;
    need.forward_nbytes = workspace(c);
    need.backward_nbytes = workspace(c) + back.used;
    need.N = shape->left;
    sab_sized_give(out, &need);
    return SAB_OK;
}

/* ---- there and back ---- */

static int begin(struct sab_cuda *c, struct sab_cuda_batch *batch, const struct sab_cuda_batch *given, int backward,
                 struct sab_gpu_shape **shape, struct sab_error *err)
{
    struct sab_gpu *g = c->gpu;
    int status = take_batch(c, batch, given, err);
    if (!status && (batch->ids != NULL) != (c->model->shape.input == SAB_INPUT_IDS))
        status = sab_fail(err, SAB_INVALID, "sab_cuda: the batch has %s, and the network is made for %s", batch->ids ? "ids" : "values",
                          batch->ids ? "values" : "ids");
    if (!status && batch->N > 0 && (!batch->memories || !batch->first))
        status = sab_fail(err, SAB_INVALID, "sab_cuda: N = %d memories without memories or first", batch->N);
    if (!status)
        status = use(c, batch->stream, batch->scratch, err);
    if (!status)
        status = take_shape(c, batch, shape, err);
    if (status)
        return status;
    struct sab_layout kept = {.base = batch->kept}, back = {.base = (char *)batch->scratch + workspace(c)};
    g->in_ids = batch->ids, g->in_values = batch->values;
    g->ends = sab_gpu_is_pooled(&g->sizes) || sab_gpu_chooses(&g->sizes) ? batch->lengths : NULL;
    g->dh0 = g->dc0 = g->dvalues = NULL;
    sab_gpu_lay_out_bare(&kept, backward ? &back : NULL, g, batch->T, batch->B);
    g->output_mask = batch->output_mask ? g->mask_room[0] : NULL;
    g->state_mask = batch->state_mask ? g->mask_room[1] : NULL;
    return SAB_OK;
}

/* Masks [layers,B,H] into the room that they have. */
static void take_masks(struct sab_cuda *c, const struct sab_cuda_batch *b)
{
    const struct sab_model *m = c->model;
    const real *from[2] = {b->output_mask, b->state_mask};
    for (int i = 0; i < 2; i++) {
        struct sab_gpu_rows rows = {.n = m->L, .m = b->B, .width = m->H, .to_width = m->Hp, .to = c->gpu->mask_room[i],
                                    .to_i = (size_t)b->B * m->Hp, .to_j = (size_t)m->Hp, .from = from[i],
                                    .from_i = (size_t)b->B * m->H, .from_j = (size_t)m->H};
        if (from[i])
            c->machine->rows(c->machine, &rows);
    }
}

/* Tensors from the caller's arrays into flat, or where to is given out of it. */
static void copy_tensors(struct sab_cuda *c, const sab_real *const *from, sab_real *const *to, real *flat)
{
    struct sab_gpu_pieces pieces = {0};
    for (int i = 0; i < c->model->n_tensors; i++) {
        const struct sab_tensor_spec *spec = &c->model->tensors[i];
        pieces.from[pieces.n] = to ? flat + spec->offset : from[i];
        pieces.to[pieces.n] = to ? to[i] : flat + spec->offset;
        pieces.count[pieces.n] = spec->count;
        if (++pieces.n < SAB_GPU_PIECES && i + 1 < c->model->n_tensors)
            continue;
        c->machine->pieces(c->machine, &pieces);
        pieces.n = 0;
    }
}

/* The caller's weights, and the panels of them. */
static void take_weights(struct sab_cuda *c, const sab_real *const *weights)
{
    struct sab_gpu *g = c->gpu;
    struct sab_machine *mc = c->machine;
    copy_tensors(c, weights, NULL, g->theta);
    mc->zero(mc, g->padded, c->model->n_padded * sizeof(real));
    g->packed = 0;
    sab_gpu_pack_weights(g);
}

/* [B,H] of layer l into [B,Hp]; zeros where there is none. */
static void take_start(struct sab_cuda *c, const struct sab_cuda_batch *b, const real *from, int l, real *to)
{
    const struct sab_model *m = c->model;
    struct sab_gpu_rows rows = {.n = 1, .m = b->B, .width = m->H, .to_width = m->Hp, .to = to, .to_j = (size_t)m->Hp,
                                .from = from ? from + (size_t)l * b->B * m->H : NULL, .from_j = (size_t)m->H};
    if (from)
        c->machine->rows(c->machine, &rows);
    else
        c->machine->zero(c->machine, to, (size_t)b->B * m->Hp * sizeof(real));
}

/* What is alive of layer l, and of what worth: nothing, or a memory of zeros, the first. */
static void take_alive(struct sab_cuda *c, const struct sab_cuda_batch *b, const struct sab_gpu_shape *shape, int l)
{
    struct sab_machine *mc = c->machine;
    const struct sab_gpu_pass *p = &c->gpu->sizes;
    const struct sab_gpu_layer *y = &c->gpu->layers[l];
    mc->copy(mc, y->n_alive, shape->n_alive, (size_t)b->B * sizeof *y->n_alive);
    mc->zero(mc, y->alive, (size_t)b->B * p->alive_cap * sizeof *y->alive);
    if (y->worth) /* rows that nobody writes enter a product, with a memory of 0 */
        mc->zero(mc, y->worth, (size_t)b->B * p->cap * sizeof *y->worth);
    struct sab_gpu_rows rows = {.n = 1, .m = b->B, .width = 1, .to_width = 1, .to = y->alive_worth, .to_j = (size_t)p->alive_cap,
                                .from = shape->worth};
    mc->rows(mc, &rows);
    rows.to = y->worth, rows.to_j = (size_t)p->cap;
    if (y->worth)
        mc->rows(mc, &rows);
}

/* The memories that layer l begins with; keys are made of the weights as they are. */
static void take_memories(struct sab_cuda *c, const struct sab_cuda_batch *b, int l)
{
    const struct sab_model *m = c->model;
    struct sab_machine *mc = c->machine;
    struct sab_gpu *g = c->gpu;
    struct sab_gpu_layer *y = &g->layers[l];
    const size_t cap = (size_t)g->sizes.cap, count = cap * b->B;
    mc->zero(mc, y->M, count * m->Hp * sizeof(real)); /* rows that nobody writes enter a product, with a gradient of 0 */
    struct sab_gpu_rows rows = {.n = b->N, .m = b->B, .width = m->H, .to_width = m->Hp, .to = y->M,
                                .to_i = (size_t)m->Hp, .to_j = cap * m->Hp,
                                .from = b->N > 0 ? b->memories + (size_t)l * b->B * b->N * m->H : NULL, .from_i = (size_t)m->H,
                                    .from_j = (size_t)b->N * m->H};
    if (b->N > 0)
        mc->rows(mc, &rows);
    if (g->extent.carried > 0)
        sab_gpu_make_keys(g, l);
}

static void leave(struct sab_cuda *c, const struct sab_cuda_batch *b, const struct sab_cuda_left *left, const struct sab_gpu_shape *shape)
{
    const struct sab_model *m = c->model;
    struct sab_machine *mc = c->machine;
    struct sab_gpu *g = c->gpu;
    size_t state = (size_t)b->B * m->H;
    for (int l = 0; l < m->L; l++) {
        const struct sab_gpu_layer *y = &g->layers[l];
        if (left->hn)
            mc->last(mc, b->T, b->B, m->H, y->h, m->Hp, b->lengths, left->hn + l * state);
        if (left->cn && y->c)
            mc->last(mc, b->T, b->B, m->H, y->c, m->Hp, b->lengths, left->cn + l * state);
        struct sab_gpu_leave memories = {.T = b->T, .B = b->B, .N = shape->left, .H = m->H, .ld = m->Hp,
                                         .cap = g->sizes.cap, .alive_cap = g->sizes.alive_cap, .steps = g->ledger_steps,
                                         .alive = sab_gpu_chooses(&g->sizes) ? y->alive : NULL, .n_alive = y->n_alive,
                                         .ends = b->lengths, .first = b->N > 0 ? b->first : NULL, .M = y->M,
                                         .memories = left->memories + l * state * shape->left, .left_first = l == 0 ? left->first : NULL,
                                         .left_since = left->since};
        if (m->K > 0 && left->memories && left->first && left->since) {
            memories.k_att = m->layers[0].remind.keep.k_att;
            mc->leave(mc, &memories);
        }
    }
    const struct sab_gpu_layer *top = &g->layers[m->L - 1];
    struct sab_gpu_rows rows = {.n = b->T, .m = b->B, .width = m->H, .to_width = m->H, .to = left->outputs, .to_i = (size_t)b->B * m->O,
                                .to_j = (size_t)m->O, .from = top->h + (size_t)b->B * m->Hp,
                                    .from_i = (size_t)b->B * m->Hp, .from_j = (size_t)m->Hp,
                                .ends = b->lengths};
    mc->rows(mc, &rows);
    if (m->O == m->H)
        return;
    rows.to += m->H, rows.from = top->s;
    mc->rows(mc, &rows);
}

int sab_cuda_forward(struct sab_cuda *c, const struct sab_cuda_batch *given, const struct sab_cuda_left *given_left, struct sab_error *err)
{
    struct sab_cuda_batch b;
    struct sab_cuda_left left;
    struct sab_gpu_shape *shape;
    struct sab_gpu *g = c->gpu;
    int status = sab_sized_take(&left_sized, &left, given_left, err);
    if (!status)
        status = begin(c, &b, given, 0, &shape, err);
    if (status)
        return status;
    take_weights(c, b.weights);
    take_masks(c, &b);
    if (b.N > 0)
        c->machine->copy(c->machine, g->first, b.first, (size_t)b.B * sizeof(int32_t));
    else
        c->machine->zero(c->machine, g->first, (size_t)b.B * sizeof(int32_t));
    for (int l = 0; l < c->model->L; l++) {
        take_start(c, &b, b.h0, l, g->layers[l].h);
        if (g->layers[l].c)
            take_start(c, &b, b.c0, l, g->layers[l].c);
        if (c->model->K > 0)
            take_memories(c, &b, l);
        if (c->model->K > 0 && sab_gpu_chooses(&g->sizes))
            take_alive(c, &b, shape, l);
    }
    if (g->drawn)
        c->machine->drawn(c->machine, b.T, b.B, c->model->shape.I, b.ids, b.values, g->ends, g->drawn);
    sab_gpu_layers_forward(g, b.B, 0, 0, b.ids, b.values);
    leave(c, &b, &left, shape);
    return c->machine->wait(c->machine, err);
}

/* The gradient of the outputs, as the layers' kernels want it. Returns that of s, or NULL. */
static const real *take_doutputs(struct sab_cuda *c, const struct sab_cuda_batch *b, const real *doutputs)
{
    const struct sab_model *m = c->model;
    struct sab_gpu *g = c->gpu;
    struct sab_gpu_rows rows = {.n = b->T, .m = b->B, .width = m->H, .to_width = m->Hp, .to = g->dh[0], .to_i = (size_t)b->B * m->Hp,
                                .to_j = (size_t)m->Hp, .from = doutputs, .from_i = (size_t)b->B * m->O,
                                    .from_j = (size_t)m->O, .ends = b->lengths};
    const int has_s = m->O != m->H;
    c->machine->rows(c->machine, &rows);
    rows.to = g->ds, rows.from += m->H;
    if (has_s)
        c->machine->rows(c->machine, &rows);
    struct sab_gpu_windows windows = {.T = b->T, .B = b->B, .S = g->plan.S, .ld = m->Hp, .len = g->window_len,
                                      .n = g->n_windows, .x = g->dh[0],
                                      .y = has_s ? g->ds : NULL, .out = g->has_loss};
    c->machine->windows(c->machine, &windows);
    return windows.y;
}

int sab_cuda_backward(struct sab_cuda *c, const struct sab_cuda_batch *given, const struct sab_cuda_gradient *given_gradient,
                      struct sab_error *err)
{
    struct sab_cuda_batch b;
    struct sab_cuda_gradient want;
    struct sab_gpu_shape *shape;
    struct sab_gpu *g = c->gpu;
    struct sab_machine *mc = c->machine;
    const struct sab_model *m = c->model;
    int status = sab_sized_take(&gradient_sized, &want, given_gradient, err);
    if (!status && want.dvalues && given->ids)
        status = sab_fail(err, SAB_INVALID, "sab_cuda: ids have no gradient");
    if (!status)
        status = begin(c, &b, given, 1, &shape, err);
    if (status)
        return status;
    const size_t start = (size_t)m->L * b.B * m->Hp;
    mc->zero(mc, g->grad_padded, m->n_padded * sizeof(real));
    mc->zero(mc, g->dh0, start * sizeof(real));
    mc->zero(mc, g->dc0, start * sizeof(real));
    for (int l = 0; l < m->L; l++)
        sab_gpu_begin_back(g, l, b.B);
    if (m->L > 1) /* products fill H of its Hp columns */
        mc->zero(mc, g->dh[1], (size_t)b.T * b.B * m->Hp * sizeof(real));
    g->dvalues = want.dvalues;
    const real *ds = take_doutputs(c, &b, want.doutputs);
    sab_gpu_layers_backward(g, b.B, 0, b.ids, b.values, ds);
    sab_gpu_memory_back(g, b.B, 0);
    sab_gpu_score_products(g);
    mc->unpad(mc, g->table, m->n_tensors, g->most_count, g->grad_padded, g->grad);
    copy_tensors(c, NULL, want.dweights, g->grad);
    struct sab_gpu_rows rows = {.n = m->L, .m = b.B, .width = m->H, .to_width = m->H, .to = want.dh0,
                                .to_i = (size_t)b.B * m->H, .to_j = (size_t)m->H,
                                .from = g->dh0, .from_i = (size_t)b.B * m->Hp, .from_j = (size_t)m->Hp};
    if (want.dh0)
        mc->rows(mc, &rows);
    rows.to = want.dc0, rows.from = g->dc0;
    if (want.dc0 && g->sizes.has_c)
        mc->rows(mc, &rows);
    return mc->wait(mc, err);
}
