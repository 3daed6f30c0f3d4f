/* One update: gradient, guard, clip, optimiser, average. See sab_trainer_* in sab.h. Must not know tasks or files. */
#include "train/trainer.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/sized.h"
#include "base/team.h"
#include "credit/share.h"
#include "cuda/device.h"
#include "model/network.h"
#include "model/stream.h"
#include "optim/optim.h"

int sab_trainer_create(struct sab_trainer **out, struct sab_model *model, const struct sab_options *config,
                       struct sab_error *err)
{
    int status = sab_options_check(config, err);
    if (status == SAB_OK)
        status = sab_dropout_check(config, &model->shape, err);
    if (status != SAB_OK)
        return status;
    struct sab_trainer *trainer = sab_alloc(1, sizeof *trainer);
    if (!trainer)
        return sab_fail(err, SAB_NOMEM, "no memory for a trainer");
    status = sab_options_copy(&trainer->config, config, err);
    if (status == SAB_OK)
        status = sab_engine_create(&trainer->engine, model, config->shared.threads, err);
    if (status == SAB_OK)
        status = sab_engine_set_device(trainer->engine, config->run.device, err);
    if (status == SAB_OK && trainer->engine->device)
        trainer->engine->device->machine->products = config->run.products;
    if (status != SAB_OK) {
        sab_trainer_free(trainer);
        return status;
    }
    struct sab_flat flat = *sab_model_flat(model);
    trainer->model = model;
    trainer->count = flat.count;
    trainer->theta = flat.theta;
    trainer->grad = flat.grad;
    int has_v = config->optim.optimizer != SAB_OPTIMIZER_SGD, has_average = config->optim.average > 0;
    trainer->m = sab_alloc(flat.count, sizeof(sab_real));
    trainer->v = has_v ? sab_alloc(flat.count, sizeof(sab_real)) : NULL;
    trainer->average = has_average ? sab_alloc(flat.count, sizeof(sab_real)) : NULL;
    trainer->undo = sab_alloc(flat.count, 3 * sizeof(sab_real));
    if (!trainer->m || (has_v && !trainer->v) || (has_average && !trainer->average) || !trainer->undo) {
        sab_trainer_free(trainer);
        return sab_fail(err, SAB_NOMEM, "no memory for the optimiser of %zu weights", flat.count);
    }
    trainer->engine->leaves_gradient = 1;
    trainer->engine->beside_nbytes = sab_trainer_nbytes(&config->optim, (double)flat.count);
    *out = trainer;
    return SAB_OK;
}

double sab_trainer_nbytes(const struct sab_optim_options *config, double count)
{
    int moments = config->optimizer == SAB_OPTIMIZER_SGD ? 1 : 2;
    return (moments + (config->average > 0) + 3) * count * sizeof(sab_real);
}

void sab_trainer_free(struct sab_trainer *trainer)
{
    if (!trainer)
        return;
    sab_engine_free(trainer->engine);
    sab_free(trainer->m);
    sab_free(trainer->v);
    sab_free(trainer->average);
    sab_free(trainer->undo);
    sab_dropout_clear(&trainer->dropout);
    sab_stream_free(trainer->carried);
    sab_options_clear(&trainer->config);
    sab_free(trainer);
}

int64_t sab_trainer_step(const struct sab_trainer *trainer)
{
    return trainer->step;
}

double sab_trainer_rate(const struct sab_trainer *trainer)
{
    return trainer->rate > 0 ? trainer->rate : sab_optim_rate(&trainer->config.optim, trainer->step);
}

int sab_trainer_set_rate(struct sab_trainer *trainer, double rate, struct sab_error *err)
{
    if (!(rate >= 0 && isfinite(rate)))
        return sab_fail(err, SAB_INVALID, "a rate of %g: it is above 0, or 0 for the schedule's", rate);
    trainer->rate = rate;
    return SAB_OK;
}

struct sab_engine *sab_trainer_engine(struct sab_trainer *trainer)
{
    return trainer->engine;
}

/* The tensor whose gradient is largest, as a user needs to know it. */
static int fail_explosion(const struct sab_trainer *trainer, double norm, struct sab_error *err)
{
    const struct sab_tensor_spec *worst = &trainer->model->tensors[0];
    double most = -1;
    for (int i = 0; i < sab_model_tensor_count(trainer->model); i++) {
        struct sab_tensor tensor = *sab_model_tensor(trainer->model, i);
        double part = sab_optim_norm(tensor.grad, tensor.count);
        if (!(part <= most)) {
            most = part;
            worst = &trainer->model->tensors[i];
        }
    }
    int is_readout = worst->role == SAB_ROLE_V1 || worst->role == SAB_ROLE_V2 || worst->role == SAB_ROLE_B;
    char where[32];
    snprintf(where, sizeof where, is_readout ? "the readout" : "layer %d", worst->layer);
    return sab_fail(err, SAB_NUMERIC,
                    "update %lld: the gradient norm %.4g is above --explode %.4g; its largest part, %.4g, is in the "
                    "tensor %s of %s",
                    (long long)trainer->step + 1, norm, trainer->config.optim.explode, most, worst->name, where);
}

/* One update of all weights, by ranges of them. */
struct change {
    struct sab_trainer *trainer;
    double rate, scale;
    _Atomic int is_bad; /* some value is not finite any more */
};

enum { RANGE = 16384 };

/* Remembers a range of weights and moments, and changes it. */
static void change_range(void *user, int range, int member)
{
    struct change *c = user;
    struct sab_trainer *trainer = c->trainer;
    size_t from = (size_t)range * RANGE, n = trainer->count - from < RANGE ? trainer->count - from : RANGE;
    sab_real *theta = trainer->theta + from, *m = trainer->m + from, *v = trainer->v ? trainer->v + from : NULL;
    (void)member;
    memcpy(trainer->undo + from, theta, n * sizeof *theta);
    memcpy(trainer->undo + trainer->count + from, m, n * sizeof *m);
    if (v)
        memcpy(trainer->undo + 2 * trainer->count + from, v, n * sizeof *v);
    sab_optim_update(&trainer->config.optim, c->rate, c->scale, trainer->step + 1, n, theta, m, v, trainer->grad + from);
    if (!sab_optim_is_finite(theta, n) || !sab_optim_is_finite(m, n) || (v && !sab_optim_is_finite(v, n)))
        atomic_store_explicit(&c->is_bad, 1, memory_order_relaxed);
}

static void restore(struct sab_trainer *trainer)
{
    size_t nbytes = trainer->count * sizeof(sab_real);
    memcpy(trainer->theta, trainer->undo, nbytes);
    memcpy(trainer->m, trainer->undo + trainer->count, nbytes);
    if (trainer->v)
        memcpy(trainer->v, trainer->undo + 2 * trainer->count, nbytes);
}

/* Weights and moments after an update: a rate or decay too large can carry them out of the numbers' range. */
static int check_result(const struct sab_trainer *trainer, struct sab_error *err)
{
    for (int i = 0; i < sab_model_tensor_count(trainer->model); i++) {
        struct sab_tensor tensor = *sab_model_tensor(trainer->model, i);
        size_t at = (size_t)(tensor.data - trainer->theta);
        if (sab_optim_is_finite(tensor.data, tensor.count) && sab_optim_is_finite(trainer->m + at, tensor.count) &&
            (!trainer->v || sab_optim_is_finite(trainer->v + at, tensor.count)))
            continue;
        char clip[40] = "";
        if (trainer->config.optim.clip > 0)
            snprintf(clip, sizeof clip, " or --clip %.4g", trainer->config.optim.clip);
        return sab_fail(err, SAB_NUMERIC, "update %lld: the optimiser made a value of the tensor %s not finite; lower --lr %.4g%s",
                        (long long)trainer->step + 1, tensor.name, trainer->config.optim.lr, clip);
    }
    return SAB_OK;
}

/* What the loss is divided by; 0: the sum of the weights. Where classes are weighed, the number of answers (class_weights.h). A batch may
 * have nothing to learn from, as in a long gap of a series: it goes on with the state, and its gradient is 0 whatever it is divided by. */
static double divisor(const struct sab_trainer *trainer, const struct sab_batch *batch)
{
    int64_t answers = 0;
    int has_weight = 0, counts = trainer->config.task.values.class_weights[0] != 0;
    for (int t = 0; t < batch->T && (counts || !has_weight); t++)
        for (int b = 0; b < batch->B; b++) {
            answers += sab_batch_scored(batch, t, b);
            has_weight |= sab_batch_weight(batch, t, b) > 0;
        }
    if (!has_weight)
        return 1;
    return counts ? (double)answers : 0;
}

/* A state of this rank's sequences; one without any has a state of one, so that all see that there is one. */
static int create_state(struct sab_trainer *trainer, int B, struct sab_error *err)
{
    int n = sab_comm_sequences(trainer->engine->comm, B, NULL);
    trainer->carried_B = B;
    return sab_stream_create(&trainer->carried, trainer->model, n > 0 ? n : 1, err);
}

/* The gradient of the batch, which goes on from the trainer's own state if it is one that goes on from another. With a status that is
 * not SAB_OK there is no batch, as err says: the other ranks are told. */
static int gradient(struct sab_trainer *trainer, int status, struct sab_batch *batch, const struct sab_request *request,
                    struct sab_metrics *metrics, struct sab_error *err)
{
    struct sab_error why = {0};
    struct sab_engine *engine = trainer->engine;
    if (status != SAB_OK && err)
        why = *err;
    struct sab_request own = {.size = sizeof own};
    if (!request && status == SAB_OK) {
        own.total_weight = divisor(trainer, batch);
        request = &own;
    }
    if (!trainer->model->network->has_state)
        batch->fresh = NULL; /* each chunk alone */
    if (status == SAB_OK)
        status = sab_dropout_batch(&trainer->dropout, &trainer->config, trainer->model, trainer->step, batch, &why);
    if (status == SAB_OK && batch->fresh && !batch->state) {
        if (!trainer->carried)
            status = create_state(trainer, batch->B, &why);
        batch->state = trainer->carried;
    }
    if (engine->comm)
        status = sab_share_gradient(engine, status, batch, request, metrics, &why);
    else if (status == SAB_OK)
        status = sab_engine_gradient(engine, batch, request, metrics, &why);
    if (status == SAB_OK && request->dvalues && batch->values && batch->values == trainer->dropout.inputs)
        sab_dropout_inputs(trainer->config.optim.dropout_input, trainer->config.shared.seed, trainer->step, batch->T, batch->B,
                           trainer->model->shape.I, request->dvalues, request->dvalues);
    if (status != SAB_OK)
        return sab_fail(err, status, "update %lld: %.450s", (long long)trainer->step + 1, why.message);
    return SAB_OK;
}

static int check_parts(const struct sab_trainer *trainer, struct sab_error *err)
{
    if (trainer->engine->device)
        return sab_fail(err, SAB_INVALID, "a trainer on a device takes updates whole: sab_trainer_update");
    return SAB_OK;
}

int sab_trainer_gradient(struct sab_trainer *trainer, const struct sab_batch *batch, const struct sab_request *request,
                         struct sab_metrics *metrics, struct sab_error *err)
{
    struct sab_batch taken;
    int status = check_parts(trainer, err);
    if (status == SAB_OK)
        status = sab_sized_take(&sab_batch_sized, &taken, batch, err);
    return status ? status : gradient(trainer, SAB_OK, &taken, request, metrics, err);
}

/* Clip, optimiser and their checks; on failure weights and moments are as before. */
static int apply(struct sab_trainer *trainer, double *grad_norm, struct sab_error *err)
{
    const struct sab_options *config = &trainer->config;
    double norm = sab_optim_norm(trainer->grad, trainer->count);
    if (grad_norm)
        *grad_norm = norm;
    if (!(norm <= config->optim.explode))
        return fail_explosion(trainer, norm, err);
    struct sab_engine *engine = trainer->engine;
    struct change change = {trainer, sab_trainer_rate(trainer), sab_optim_clip(norm, config->optim.clip), 0};
    sab_team_run(engine->team, engine->members, (int)((trainer->count - 1) / RANGE + 1), change_range, &change);
    int status = change.is_bad ? check_result(trainer, err) : SAB_OK;
    if (status != SAB_OK) {
        restore(trainer);
        return status;
    }
    trainer->step++;
    if (trainer->average)
        sab_optim_average(config->optim.average, trainer->step, trainer->count, trainer->average, trainer->theta);
    return SAB_OK;
}

/* The same on the engine's device, the average included, with the gradient of this norm that stands there. */
static int apply_there(struct sab_trainer *trainer, double norm, struct sab_error *err)
{
    const struct sab_optim_options *config = &trainer->config.optim;
    struct sab_device *device = trainer->engine->device;
    int status = SAB_OK;
    if (!(norm <= config->explode)) {
        status = sab_gpu_pull_gradient(device->gpu, trainer->grad, err);
        return status == SAB_OK ? fail_explosion(trainer, norm, err) : status;
    }
    if (!trainer->is_ahead)
        status = sab_gpu_push_moments(device->gpu, trainer->m, trainer->v, trainer->average, err);
    if (status == SAB_OK)
        status = sab_device_step(device, config, sab_trainer_rate(trainer), sab_optim_clip(norm, config->clip), trainer->step + 1,
                                 err);
    if (status != SAB_OK)
        return status;
    trainer->is_ahead = 1;
    trainer->step++;
    return SAB_OK;
}

int sab_trainer_fetch(struct sab_trainer *trainer, struct sab_error *err)
{
    int status = SAB_OK;
    if (trainer->is_ahead)
        status = sab_gpu_pull_moments(trainer->engine->device->gpu, trainer->m, trainer->v, trainer->average, err);
    if (status != SAB_OK)
        return status;
    trainer->is_ahead = 0;
    return sab_model_fetch(trainer->model, err);
}

int sab_trainer_apply(struct sab_trainer *trainer, double *grad_norm, struct sab_error *err)
{
    int status = check_parts(trainer, err);
    if (status != SAB_OK)
        return status;
    sab_profile_start(trainer->engine->profile);
    status = apply(trainer, grad_norm, err);
    sab_profile_lap(trainer->engine->profile, SAB_PHASE_OPTIMISER);
    return status;
}

int sab_trainer_update(struct sab_trainer *trainer, const struct sab_batch *batch, struct sab_metrics *metrics,
                       struct sab_error *err)
{
    return sab_trainer_update_after(trainer, SAB_OK, batch, metrics, err);
}

int sab_trainer_update_after(struct sab_trainer *trainer, int status, const struct sab_batch *batch, struct sab_metrics *metrics,
                             struct sab_error *err)
{
    struct sab_batch taken;
    struct sab_metrics measured = {.size = sizeof measured};
    if (status != SAB_OK && !trainer->engine->comm)
        return status;
    int fits = sab_sized_take(&sab_batch_sized, &taken, batch, err);
    if (fits == SAB_OK)
        fits = sab_sized_take(&sab_metrics_sized, &measured, metrics, err);
    if (fits != SAB_OK)
        return fits;
    trainer->engine->leaves_norm = 1;
    status = gradient(trainer, status, &taken, NULL, &measured, err);
    trainer->engine->leaves_norm = 0;
    if (status != SAB_OK)
        return status;
    sab_profile_start(trainer->engine->profile);
    status = trainer->engine->device ? apply_there(trainer, measured.grad_norm, err) : apply(trainer, &measured.grad_norm, err);
    sab_profile_lap(trainer->engine->profile, SAB_PHASE_OPTIMISER);
    if (status != SAB_OK) {
        if (taken.state && sab_comm_sequences(trainer->engine->comm, taken.B, NULL) > 0)
            sab_stream_turn(taken.state, -taken.T);
        return status;
    }
    sab_sized_give(metrics, &measured);
    return SAB_OK;
}

void sab_trainer_swap_average(struct sab_trainer *trainer)
{
    if (!trainer->average || trainer->step == 0)
        return;
    for (size_t i = 0; i < trainer->count; i++) {
        sab_real weight = trainer->theta[i];
        trainer->theta[i] = trainer->average[i];
        trainer->average[i] = weight;
    }
}
