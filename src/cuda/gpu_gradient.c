/* One evaluation or gradient:
 *
 *     forward    stretch after stretch, layer after layer: the input's product, the layer's kernel; then readout and losses
 *     backward   newest stretch first: readout, layers from above, products over all steps of the stretch
 *
 * With one stretch everything is stored. With more, each but the newest is run again from the state at its start and the
 * recorded reads before its way back. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cuda/gpu_state.h"

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

/* Forward; the losses are left in sums. */
static int forward(struct sab_gpu *g, const struct sab_batch *batch, real *outputs, const struct sab_watcher *watcher,
                   struct sab_error *err)
{
    int status = sab_gpu_make_room(g, batch, 0, 0, err);
    if (status)
        return status;
    status = sab_gpu_begin(g, batch, 0, err);
    for (int i = 0; i < g->stretches && !status; i++) {
        real *rows = NULL;
        sab_gpu_stretch_forward(g, batch, i, 0, 0, 0, g->sums);
        if (outputs || watcher)
            status = sab_gpu_fetch_rows(g, i, &rows, err);
        if (rows && outputs)
            sab_gpu_put_outputs(g, batch, i, rows, outputs);
        if (rows && watcher)
            sab_gpu_show(g, batch, i, rows, watcher);
        sab_free(rows);
        if (!status)
            status = sab_gpu_leave(g, batch, i, err);
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

/* [layers,B,Hp] of the machine into the caller's [layers,B,H]. */
static int fetch_start(struct sab_gpu *g, int B, const real *from, sab_real *to, struct sab_error *err)
{
    const struct sab_model *m = g->model;
    int status = SAB_OK;
    for (int l = 0; to && l < m->L && !status; l++) {
        g->machine->get(g->machine, g->host_h, from + (size_t)l * B * m->Hp, (size_t)B * m->Hp * sizeof(real));
        status = g->machine->wait(g->machine, err);
        for (int b = 0; b < B && !status; b++)
            memcpy(to + ((size_t)l * B + b) * m->H, g->host_h + (size_t)b * m->Hp, (size_t)m->H * sizeof *to);
    }
    return status;
}

/* Back through all stretches, the newest first, from weight gradients of 0. */
static int backward(struct sab_gpu *g, const struct sab_batch *batch, const struct sab_request *request, double scale,
                    struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    const size_t start = (size_t)g->model->L * batch->B * g->model->Hp * sizeof(real), row = (size_t)batch->B * g->model->shape.I;
    int status = SAB_OK;
    if (g->dh0)
        mc->zero(mc, g->dh0, start), mc->zero(mc, g->dc0, start);
    for (int i = g->stretches - 1; i >= 0; i--) {
        if ((status = check_stopped(g, err)) != SAB_OK)
            return status;
        if (i < g->stretches - 1)
            sab_gpu_stretch_forward(g, batch, i, 1, scale, 1, g->sums + 8);
        sab_gpu_stretch_backward(g, batch, i);
        sab_gpu_memory_back(g, batch->B, i);
        if (request && request->dvalues)
            mc->get(mc, request->dvalues + (size_t)i * g->steps * row, g->dvalues, sab_gpu_stretch_len(g, i) * row * sizeof(real));
    }
    sab_gpu_score_products(g);
    if (request)
        status = fetch_start(g, batch->B, g->dh0, request->dh0, err);
    if (request && !status && g->sizes.has_c)
        status = fetch_start(g, batch->B, g->dc0, request->dc0, err);
    return status;
}

int sab_gpu_gradient(struct sab_gpu *g, const struct sab_batch *batch, const struct sab_request *request, sab_real *grads,
                     struct sab_metrics *metrics, struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    int status = sab_gpu_make_room(g, batch, 1, request && (request->dvalues || request->dh0 || request->dc0), err);
    if (status)
        return status;
    const double own = sab_gpu_send_windows(g, batch), weight = request && request->total_weight > 0 ? request->total_weight : own;
    if (!(weight > 0))
        return sab_fail(err, SAB_INVALID, "no position of the batch has a weight, so there is no loss and no gradient");
    const double scale = 1 / weight;
    if ((status = sab_gpu_begin(g, batch, 1, err)) != SAB_OK)
        return status;
    mc->zero(mc, g->grad_padded, m->n_padded * sizeof(real));
    int last = g->stretches - 1;
    for (int i = 0; i <= last; i++) {
        sab_gpu_stretch_forward(g, batch, i, 0, scale, i == last, g->sums);
        status = sab_gpu_leave(g, batch, i, err);
        if (!status)
            status = check_stopped(g, err);
        if (status)
            return status;
    }
    if ((status = backward(g, batch, request, scale, err)) != SAB_OK)
        return status;
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
