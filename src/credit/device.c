/* An engine whose batches are computed on a device (cuda/): the same checks and answers, other arithmetic. What a device cannot
 * do is refused here, by name. */
#include <math.h>

#include "base/error.h"
#include "credit/engine.h"
#include "cuda/device.h"
#include "model/stream.h"

int sab_engine_set_device(struct sab_engine *e, const char *device, struct sab_error *err)
{
    struct sab_device *opened;
    int status = sab_device_open(&opened, device, e->model, err);
    if (status != SAB_OK)
        return status;
    sab_device_close(e->device);
    e->device = opened;
    return SAB_OK;
}

static int ready(struct sab_engine *e, const struct sab_batch *batch, struct sab_error *err)
{
    sab_gpu_listen(e->device->gpu, e->stop);
    int status = SAB_OK;
    if (batch->state)
        status = sab_stream_ready(batch->state, e->model, batch, err);
    return status == SAB_OK ? sab_device_ready(e->device, err) : status;
}

int sab_engine_device_forward(struct sab_engine *e, const struct sab_batch *batch, sab_real *outputs, struct sab_metrics *metrics,
                              const struct sab_watcher *watcher, struct sab_error *err)
{
    int status = ready(e, batch, err);
    if (status == SAB_OK)
        status = watcher ? sab_gpu_watch(e->device->gpu, batch, watcher, err)
                         : sab_gpu_evaluate(e->device->gpu, batch, outputs, metrics, err);
    if (status == SAB_OK && batch->state)
        sab_stream_turn(batch->state, batch->T);
    return status;
}

static int refuse(const struct sab_request *r, struct sab_error *err)
{
    const char *what = r->recall ? "recall" : r->add ? "add" : NULL;
    return what ? sab_fail(err, SAB_INVALID, "a device's gradient has no %s: leave the engine on \"cpu\" for it", what) : SAB_OK;
}

int sab_engine_device_gradient(struct sab_engine *e, const struct sab_batch *batch, const struct sab_request *request,
                               struct sab_metrics *metrics, struct sab_error *err)
{
    struct sab_metrics result;
    sab_real *grads = request->grads ? request->grads : e->model->grad;
    int is_left = e->leaves_gradient && !request->grads;
    int status = refuse(request, err);
    if (status == SAB_OK)
        status = ready(e, batch, err);
    if (status == SAB_OK)
        status = sab_gpu_gradient(e->device->gpu, batch, request, is_left ? NULL : grads, &result, err);
    if (status != SAB_OK)
        return status;
    if (metrics)
        *metrics = result;
    if (isfinite(result.loss) && isfinite(result.grad_norm)) {
        if (batch->state)
            sab_stream_turn(batch->state, batch->T);
        return SAB_OK;
    }
    double norm;
    status = is_left ? sab_gpu_pull_gradient(e->device->gpu, grads, err) : SAB_OK;
    if (status == SAB_OK)
        status = sab_engine_judge(e, request, &norm, err);
    return status == SAB_OK ? sab_engine_judge_loss(e, &result, err) : status;
}
