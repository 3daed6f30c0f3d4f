/* A batch: cut into shards, each taken alone by one thread, their gradients summed in a fixed tree.
 *
 * The number of shards and the tree depend on B alone, so threads change nothing but time. Sequences of unlike length
 * are dealt to the shards longest first: those of a shard are then about as long as each other, and a shard takes no
 * steps past its longest. */
#include "credit/engine.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/sized.h"
#include "base/team.h"
#include "credit/share.h"
#include "cuda/device.h"
#include "model/stream.h"

int sab_engine_create(struct sab_engine **out, struct sab_model *model, int threads, struct sab_error *err)
{
    if (threads < 0)
        return sab_fail(err, SAB_INVALID, "threads = %d; it is 0 (one per processor) or more", threads);
    struct sab_engine *e = sab_alloc(1, sizeof *e);
    if (!e)
        return sab_fail(err, SAB_NOMEM, "no memory for an engine");
    e->model = model;
    e->threads = threads;
    pthread_mutex_init(&e->lock, NULL);
    *out = e;
    return SAB_OK;
}

void sab_engine_end(struct sab_engine *e)
{
    pthread_mutex_destroy(&e->lock);
    sab_free(e->scratch);
    sab_free(e);
}

void sab_engine_free(struct sab_engine *e)
{
    if (!e)
        return;
    sab_device_close(e->device);
    sab_team_free(e->team);
    sab_crew_free(e->crew);
    if (e->share)
        sab_share_clear(e->share);
    sab_free(e->share);
    sab_free(e->grads);
    pthread_mutex_lock(&e->lock);
    sab_tapes_drop(e);
    e->is_freed = 1;
    int is_last = e->tapes == 0; /* else the last of them does the rest */
    pthread_mutex_unlock(&e->lock);
    if (is_last)
        sab_engine_end(e);
}

/* ---- what all ways have in common ---- */

int sab_engine_make_room(struct sab_engine *e, int n_shards, struct sab_error *err)
{
    size_t count;
    int overflows = sab_mul_overflows((size_t)n_shards, e->model->n_padded, &count);
    if (!overflows && count <= e->grads_count)
        return SAB_OK;
    sab_free(e->grads);
    e->grads = overflows ? NULL : sab_alloc(count, sizeof *e->grads);
    e->grads_count = e->grads ? count : 0;
    return e->grads ? SAB_OK
                    : sab_fail(err, SAB_NOMEM, "no memory for the gradients of %d shards of %zu weights", n_shards,
                               e->model->n_theta);
}

struct sab_profile *sab_engine_profile(const struct sab_engine *e, int worker)
{
    return e->profile ? &e->profile[worker] : NULL;
}

struct sab_version sab_engine_prepare(struct sab_engine *e)
{
    struct sab_version version;
    sab_profile_lap(e->profile, SAB_PHASE_DATA);
    sab_model_prepare(e->model, &version, e->team, e->members);
    sab_profile_lap(e->profile, SAB_PHASE_PACK);
    return version;
}

/* Of the budget, what is taken. */
static double held_nbytes(struct sab_engine *e, double data_nbytes)
{
    if (e->budget_nbytes == 0)
        e->budget_nbytes = sab_budget_nbytes(&e->model->config);
    return sab_held_nbytes(e->model) + e->beside_nbytes + e->tapes_nbytes + data_nbytes;
}

int sab_engine_allows(struct sab_engine *e, double data_nbytes, const struct sab_need *need)
{
    return held_nbytes(e, data_nbytes) + need->activations + need->gradients <= e->budget_nbytes;
}

int sab_engine_choose(struct sab_engine *e, double data_nbytes, const struct sab_need *stored,
                      const struct sab_need *recomputed, int *backward, struct sab_error *err)
{
    double held = held_nbytes(e, data_nbytes);
    int status = sab_budget_choose(&e->model->config, e->budget_nbytes, held, stored, recomputed, backward, err);
    e->recomputed = *backward == SAB_RECOMPUTED;
    return status;
}

int sab_engine_together(const struct sab_engine *e, int B, int workers, int tells_reads)
{
    return tells_reads ? 1 : e->together > 0 ? e->together : sab_extent_together(e->model, e->model->H, B, workers);
}

int sab_engine_check_stopped(const struct sab_engine *e, struct sab_error *err)
{
    return sab_engine_is_stopped(e) ? sab_fail(err, SAB_INTERRUPTED, "stopped on request") : SAB_OK;
}

int sab_engine_gather(struct sab_engine *e, int n_shards, int workers, struct sab_error *err)
{
    const struct sab_model *m = e->model;
    int lanes = n_shards > 1 ? 1 : e->lanes > 0 ? e->lanes : sab_extent_lanes(m, m->H, n_shards, sab_threads_of(e->threads));
    e->lockstep.members = lanes;
    e->lockstep.insists = e->lanes > 0;
    e->members = lanes > workers ? lanes : workers;
    int status = sab_team_grow(&e->team, e->members, err);
    e->lockstep.team = e->team;
    if (e->team)
        sab_team_set_spin(e->team, lanes > 1 && e->lockstep.alone_until == 0 ? SAB_TEAM_SPIN_LONG_NS : SAB_TEAM_SPIN_NS);
    return status;
}

static void clear(real *x, size_t count)
{
    if (x)
        memset(x, 0, count * sizeof *x);
}

struct sab_work sab_request_work(const struct sab_request *request, const struct sab_model *m,
                                 const struct sab_batch *batch, double scale)
{
    size_t state = (size_t)m->L * batch->B * m->H;
    clear(request->dvalues, (size_t)batch->T * batch->B * m->shape.I);
    clear(request->dh0, state);
    clear(request->dc0, state);
    return (struct sab_work){
        .batch = batch,
        .scale = scale,
        .recall = request->recall,
        .doutputs = request->doutputs,
        .dvalues = request->dvalues,
        .dh0 = request->dh0,
        .dc0 = request->dc0,
    };
}

/* ---- there, and there and back ---- */

/* The caller's batch and metrics as those of this version; metrics may be NULL. */
static int take(struct sab_batch *batch, const struct sab_batch *given, struct sab_metrics *metrics,
                const struct sab_metrics *given_metrics, struct sab_error *err)
{
    int status = sab_sized_take(&sab_batch_sized, batch, given, err);
    return status ? status : sab_sized_take(&sab_metrics_sized, metrics, given_metrics, err);
}

/* Forward of a checked batch, without a tape. */
static int there(struct sab_engine *e, const struct sab_batch *batch, sab_real *outputs, struct sab_metrics *metrics,
                 const struct sab_recall *recall, const struct sab_watcher *watcher, struct sab_error *err)
{
    struct sab_extent want = {.workers = sab_worker_count(recall ? 1 : e->threads, (batch->B - 1) / SAB_SHARD + 1)};
    want.together = sab_engine_together(e, batch->B, want.workers, recall != NULL);
    int status = sab_crew_for(e, batch, SAB_FORWARD_ONLY, &want, err);
    if (status)
        return status;
    sab_engine_prepare(e);
    struct sab_work work = {.batch = batch, .outputs = outputs, .recall = recall, .watcher = watcher};
    sab_crew_run(e, &work);
    status = sab_engine_check_stopped(e, err);
    if (!status && batch->state)
        status = sab_stream_check(batch->state, err);
    if (status)
        return status;
    if (batch->state)
        sab_stream_turn(batch->state, batch->T);
    if (metrics)
        *metrics = sab_deal_metrics(sab_crew_deal(e->crew), e->model);
    return SAB_OK;
}

static int forward(struct sab_engine *e, const struct sab_batch *batch, sab_real *outputs, struct sab_metrics *metrics,
                   const struct sab_recall *recall, struct sab_tape **tape, struct sab_error *err)
{
    const struct sab_model *m = e->model;
    sab_profile_start(e->profile);
    int status = sab_batch_check(m, batch, err);
    if (!status && e->device && (tape || recall))
        status = sab_fail(err, SAB_INVALID, "a device has no %s: leave the engine on \"cpu\" for it", tape ? "tapes" : "recall");
    if (!status && e->device)
        return sab_engine_device_forward(e, batch, outputs, metrics, NULL, err);
    if (!status)
        status = sab_model_fetch(e->model, err);
    if (!status && batch->state)
        status = sab_stream_ready(batch->state, m, batch, err);
    if (status)
        return status;
    if (tape)
        return sab_tape_forward(e, batch, outputs, metrics, recall, tape, err);
    return there(e, batch, outputs, metrics, recall, NULL, err);
}

int sab_engine_forward(struct sab_engine *e, const struct sab_batch *batch, sab_real *outputs, struct sab_metrics *metrics,
                       const struct sab_recall *recall, struct sab_tape **tape, struct sab_error *err)
{
    struct sab_batch whole;
    struct sab_metrics measured;
    struct sab_recall seen;
    int status = take(&whole, batch, &measured, metrics, err);
    if (!status)
        status = sab_sized_take(&sab_recall_sized, &seen, recall, err);
    if (status)
        return status;
    status = forward(e, &whole, outputs, metrics ? &measured : NULL, recall ? &seen : NULL, tape, err);
    sab_sized_give(metrics, &measured);
    return status;
}

int sab_engine_watch(struct sab_engine *e, const struct sab_batch *batch, const struct sab_watcher *watcher,
                     struct sab_error *err)
{
    sab_profile_start(e->profile);
    int status = sab_batch_check(e->model, batch, err);
    if (!status && e->device)
        return sab_engine_device_forward(e, batch, NULL, NULL, watcher, err);
    if (!status)
        status = sab_model_fetch(e->model, err);
    if (!status && batch->state)
        status = sab_stream_ready(batch->state, e->model, batch, err);
    return status ? status : there(e, batch, NULL, NULL, NULL, watcher, err);
}

/* What came out of there and back. */
static int finish(struct sab_engine *e, const struct sab_request *request, struct sab_metrics *metrics,
                  struct sab_error *err)
{
    struct sab_metrics result = sab_deal_metrics(sab_crew_deal(e->crew), e->model);
    int status = sab_engine_judge(e, request, &result.grad_norm, err);
    sab_profile_lap(e->profile, SAB_PHASE_OPTIMISER);
    if (metrics)
        *metrics = result;
    return status == SAB_OK ? sab_engine_judge_loss(e, &result, err) : status;
}

/* On the processor, of what was checked. */
static int there_and_back(struct sab_engine *e, const struct sab_batch *batch, const struct sab_request *asked, double weight,
                          struct sab_metrics *metrics, struct sab_error *err)
{
    int n_shards = (batch->B - 1) / SAB_SHARD + 1;
    struct sab_extent want = {.workers = sab_worker_count(asked->recall ? 1 : e->threads, n_shards),
                              .flow = asked->recall != NULL, .dvalues = asked->dvalues != NULL};
    want.together = sab_engine_together(e, batch->B, want.workers, want.flow);
    int status = sab_crew_for(e, batch, SAB_STORED, &want, err);
    if (!status)
        status = sab_engine_make_room(e, n_shards, err);
    if (status)
        return status;
    sab_engine_prepare(e);
    if (asked->dvalues && (status = sab_model_prepare_input(e->model, err)))
        return status;
    struct sab_work work = sab_request_work(asked, e->model, batch, 1 / weight);
    sab_crew_run(e, &work);
    status = sab_engine_check_stopped(e, err);
    if (!status)
        status = sab_engine_reduce(e, n_shards, want.workers, asked, err);
    return status ? status : finish(e, asked, metrics, err);
}

static int gradient(struct sab_engine *e, const struct sab_batch *batch, const struct sab_request *request,
                    struct sab_metrics *metrics, struct sab_error *err)
{
    struct sab_model *m = e->model;
    struct sab_request asked;
    double weight = 0;
    if (e->comm)
        return sab_share_gradient(e, SAB_OK, batch, request, metrics, err);
    sab_profile_start(e->profile);
    int status = sab_batch_check(m, batch, err);
    if (!status)
        status = sab_request_check(m, batch, request, &asked, &weight, err);
    if (!status && asked.doutputs)
        status = sab_fail(err, SAB_INVALID, "doutputs: this gradient is that of the model's own loss; sab_tape_backward takes "
                                            "another's");
    if (!status && e->device)
        return sab_engine_device_gradient(e, batch, &asked, metrics, err);
    if (!status)
        status = sab_model_fetch(m, err);
    if (!status && batch->state)
        status = sab_stream_ready(batch->state, m, batch, err);
    if (!status)
        status = there_and_back(e, batch, &asked, weight, metrics, err);
    if (!status && batch->state)
        status = sab_stream_check(batch->state, err);
    if (!status && batch->state)
        sab_stream_turn(batch->state, batch->T);
    return status;
}

int sab_engine_gradient(struct sab_engine *e, const struct sab_batch *batch, const struct sab_request *request,
                        struct sab_metrics *metrics, struct sab_error *err)
{
    struct sab_batch whole;
    struct sab_metrics measured;
    int status = take(&whole, batch, &measured, metrics, err);
    if (status)
        return status;
    status = gradient(e, &whole, request, metrics ? &measured : NULL, err);
    sab_sized_give(metrics, &measured);
    return status;
}

/* ---- an engine for one call ---- */

int sab_model_evaluate(struct sab_model *m, const struct sab_batch *batch, int threads, sab_real *outputs,
                       struct sab_metrics *metrics, const struct sab_recall *recall, struct sab_error *err)
{
    struct sab_engine *e = NULL;
    int status = sab_engine_create(&e, m, threads, err);
    if (status == SAB_OK)
        status = sab_engine_forward(e, batch, outputs, metrics, recall, NULL, err);
    sab_engine_free(e);
    return status;
}

int sab_model_gradient(struct sab_model *m, const struct sab_batch *batch, int threads, struct sab_metrics *metrics,
                       const struct sab_recall *recall, struct sab_error *err)
{
    struct sab_engine *e = NULL;
    struct sab_request request = {.size = sizeof request, .recall = recall};
    int status = sab_engine_create(&e, m, threads, err);
    if (status == SAB_OK)
        status = sab_engine_gradient(e, batch, &request, metrics, err);
    sab_engine_free(e);
    return status;
}
