/* See gpu.h: a model's side on a machine, its weights there and back. */
#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cuda/gpu_state.h"

int sab_gpu_check(const struct sab_model_options *c, const char *device, struct sab_error *err)
{
    if (c->model != SAB_KIND_RECURRENT)
        return sab_fail(err, SAB_INVALID, "--device %.32s: --model %s runs on the processor only", device,
                        sab_network_find(c->model)->name);
    int has_memory = c->credit == SAB_CREDIT_ATTENTION || (c->credit == SAB_CREDIT_SAB && c->k_top > 0);
    if (has_memory && c->segments > 0)
        return sab_fail(err, SAB_INVALID, "--device %.32s: --segments %d runs on the processor only; choose 0", device, c->segments);
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
        p.is_dense = r->dense_forward, p.is_dense_back = r->dense_backward;
        p.keep = m->config.keep, p.pool = r->pool.kind, p.k_att = r->keep.k_att;
        p.fade = r->keep.choice ? r->keep.choice->fade(&r->keep) : 1, p.recalled = r->keep.choice ? r->keep.choice->recalled : 0;
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
void *sab_gpu_take_zeroed(struct sab_gpu *g, size_t nbytes, int *status, struct sab_error *err)
{
    void *block = NULL;
    *status = g->machine->take(g->machine, &block, nbytes, err);
    if (*status)
        return NULL;
    g->machine->zero(g->machine, block, nbytes);
    return block;
}

int sab_gpu_create_bare(struct sab_gpu **out, struct sab_machine *machine, struct sab_model *model, struct sab_error *err)
{
    const char *device = strcmp(machine->name, "host") == 0 ? "host" : "cuda";
    int status = sab_gpu_check(&model->config, device, err);
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
        status = make_table(g, err);
    if (status) {
        sab_gpu_free(g);
        return status;
    }
    *out = g;
    return SAB_OK;
}

int sab_gpu_create(struct sab_gpu **out, struct sab_machine *machine, struct sab_model *model, struct sab_error *err)
{
    const char *device = strcmp(machine->name, "host") == 0 ? "host" : "cuda";
    if (model->shape.loss == SAB_LOSS_QUANTILE)
        return sab_fail(err, SAB_INVALID, "--device %s: --loss quantile runs on the processor only", device);
    if (!model->has_readout)
        return sab_fail(err, SAB_INVALID, "--device %s: --readout off runs on the processor only, or as a layer (sab_cuda.h)", device);
    struct sab_gpu *g;
    int status = sab_gpu_create_bare(&g, machine, model, err);
    if (status)
        return status;
    g->theta = sab_gpu_take_zeroed(g, g->count * sizeof(real), &status, err);
    if (!status)
        g->grad = sab_gpu_take_zeroed(g, g->count * sizeof(real), &status, err);
    if (!status)
        g->padded = sab_gpu_take_zeroed(g, model->n_padded * sizeof(real), &status, err);
    if (!status)
        g->grad_padded = sab_gpu_take_zeroed(g, model->n_padded * sizeof(real), &status, err);
    if (!status)
        g->sums = sab_gpu_take_zeroed(g, 24 * sizeof(double), &status, err);
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
    g->extent = (struct sab_gpu_extent){0};
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

int sab_gpu_pull_gradient(struct sab_gpu *g, sab_real *grads, struct sab_error *err)
{
    g->machine->get(g->machine, grads, g->grad, g->count * sizeof(real));
    return g->machine->wait(g->machine, err);
}
