/* A tape: the shards of one batch between the way there and the way back.
 *
 * What stays lies in the tape's own block, what is of use on one way only in a part of the engine's for each worker; a
 * shard is attached to that of the worker that takes it. So several tapes cost what they keep and nothing more. */
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/team.h"
#include "credit/engine.h"
#include "model/stream.h"

struct sab_tape {
    struct sab_engine *engine;
    struct sab_tape *next;       /* spare ones */
    struct sab_extent extent;
    int backward;                /* SAB_STORED or SAB_RECOMPUTED */
    struct sab_version version;  /* of the weights */
    struct sab_batch batch;      /* its arrays are borrowed */
    struct sab_deal deal;
    void **shards;               /* [n_shards] */
    char *block;
    size_t block_nbytes;
};

/* ---- memory ---- */

static void destroy(struct sab_tape *t)
{
    struct sab_engine *e = t->engine;
    for (int i = 0; t->shards && i < t->deal.n_shards; i++)
        e->model->network->shard_free(t->shards[i]);
    if (t->block)
        e->tapes_nbytes -= (double)t->block_nbytes;
    sab_deal_free(&t->deal);
    sab_free(t->shards);
    sab_free(t->block);
    sab_free(t);
}

void sab_tapes_drop(struct sab_engine *e)
{
    while (e->spare) {
        struct sab_tape *t = e->spare;
        e->spare = t->next;
        destroy(t);
    }
}

void sab_tape_free(struct sab_tape *t)
{
    if (!t)
        return;
    struct sab_engine *e = t->engine;
    pthread_mutex_lock(&e->lock);
    int is_freed = e->is_freed, is_last = --e->tapes == 0;
    if (is_freed) {
        destroy(t);
    } else {
        t->next = e->spare;
        e->spare = t;
    }
    pthread_mutex_unlock(&e->lock);
    if (is_freed && is_last)
        sab_engine_end(e);
}

/* Room for the scratch of the tape's shards, laid out for what is wanted of them. */
static int make_scratch(struct sab_engine *e, const struct sab_extent *x, int backward, size_t *part, struct sab_error *err)
{
    struct sab_blocks blocks[2] = {0};
    int status = SAB_OK;
    for (int is_last = 0; is_last < 2 && status == SAB_OK; is_last++) {
        struct sab_room room = sab_extent_room(x, is_last, backward);
        if (room.S > 0)
            status = e->model->network->shard_create(NULL, e->model, &room, &blocks[is_last], err);
    }
    if (status)
        return status;
    *part = blocks[0].scratch_nbytes > blocks[1].scratch_nbytes ? blocks[0].scratch_nbytes : blocks[1].scratch_nbytes;
    size_t nbytes = *part * (size_t)x->workers * (size_t)x->together;
    if (nbytes <= e->scratch_nbytes)
        return SAB_OK;
    sab_free(e->scratch);
    e->scratch = sab_alloc(nbytes, 1);
    e->scratch_nbytes = e->scratch ? nbytes : 0;
    return e->scratch ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory for the work of %d threads", x->workers);
}

static int lay_out(struct sab_tape *t, struct sab_error *err)
{
    const struct sab_model *m = t->engine->model;
    int status = SAB_OK;
    char *at = t->block;
    for (int i = 0; i < t->deal.n_shards && status == SAB_OK; i++) {
        struct sab_blocks blocks = {.kept = at};
        struct sab_room room = sab_extent_room(&t->extent, t->extent.B - i * SAB_SHARD < SAB_SHARD, t->backward);
        status = m->network->shard_create(&t->shards[i], m, &room, &blocks, err);
        at += blocks.kept_nbytes;
    }
    return status;
}

/* How much is kept; whether it is activations too. */
static int choose(struct sab_tape *t, double data_nbytes, struct sab_error *err)
{
    struct sab_engine *e = t->engine;
    struct sab_need stored, recomputed;
    int status = sab_need_count(e->model, &t->extent, SAB_STORED, &stored, err);
    if (status == SAB_OK)
        status = sab_need_count(e->model, &t->extent, SAB_RECOMPUTED, &recomputed, err);
    if (status == SAB_OK)
        status = sab_engine_choose(e, data_nbytes, &stored, &recomputed, &t->backward, err);
    const struct sab_need *need = t->backward == SAB_STORED ? &stored : &recomputed;
    if (status == SAB_OK && need->activations > (double)(SIZE_MAX / 4))
        status = sab_fail(err, SAB_NOMEM, "no machine has memory for the activations of %d sequences of %d steps",
                          t->extent.B, t->extent.T);
    return status;
}

static int fill(struct sab_tape *t, double data_nbytes, struct sab_error *err)
{
    struct sab_engine *e = t->engine;
    int status = choose(t, data_nbytes, err);
    struct sab_blocks blocks[2] = {0};
    for (int is_last = 0; is_last < 2 && status == SAB_OK; is_last++) {
        struct sab_room room = sab_extent_room(&t->extent, is_last, t->backward);
        if (room.S > 0)
            status = e->model->network->shard_create(NULL, e->model, &room, &blocks[is_last], err);
    }
    if (status == SAB_OK)
        status = sab_deal_create(&t->deal, t->extent.B, err);
    if (status)
        return status;
    size_t nbytes = blocks[0].kept_nbytes * (size_t)(t->extent.B / SAB_SHARD) + blocks[1].kept_nbytes;
    t->shards = sab_alloc((size_t)t->deal.n_shards, sizeof *t->shards);
    t->block = sab_alloc(nbytes, 1);
    if (!t->shards || !t->block)
        return sab_fail(err, SAB_NOMEM, "no memory for a tape of %d sequences of %d steps (%zu MiB)", t->extent.B, t->extent.T,
                        nbytes >> 20);
    t->block_nbytes = nbytes;
    e->tapes_nbytes += (double)nbytes;
    return lay_out(t, err);
}

/* A spare tape that fits, or a new one. */
static int take(struct sab_engine *e, const struct sab_batch *batch, int workers, struct sab_tape **out,
                struct sab_error *err)
{
    int carried, room = sab_batch_carried_cap(e->model, batch, &carried);
    pthread_mutex_lock(&e->lock);
    struct sab_tape *t = e->spare;
    int fits = t && t->extent.T == batch->T && t->extent.B == batch->B && t->extent.carried_cap >= carried &&
               t->extent.masks == sab_batch_has_masks(batch);
    if (fits)
        e->spare = t->next;
    else
        sab_tapes_drop(e);
    pthread_mutex_unlock(&e->lock);
    if (fits) {
        *out = t;
        return SAB_OK;
    }
    t = sab_alloc(1, sizeof *t);
    if (!t)
        return sab_fail(err, SAB_NOMEM, "no memory for a tape");
    t->engine = e;
    t->extent = (struct sab_extent){.T = batch->T, .B = batch->B, .carried_cap = room, .workers = workers, .apart = 1,
                                    .dvalues = batch->values != NULL, .together = 1, .masks = sab_batch_has_masks(batch)};
    int status = fill(t, sab_batch_step_nbytes(e->model, batch) * batch->T, err);
    if (status) {
        destroy(t);
        return status;
    }
    *out = t;
    return SAB_OK;
}

/* ---- there and back ---- */

/* All shards one way: back where grads are wanted. */
struct run {
    struct sab_tape *tape;
    const struct sab_work *common;
    const struct sab_extent *extent;
    size_t part; /* bytes of scratch of each worker */
    int is_back;
};

/* The i-th group of shards that are taken together. */
static void run_group(void *user, int i, int worker)
{
    const struct run *run = user;
    struct sab_tape *t = run->tape;
    struct sab_engine *e = t->engine;
    const struct sab_model *m = e->model;
    int together = run->extent->together, first = i * together, n = t->deal.n_shards - first < together
        ? t->deal.n_shards - first : together;
    struct sab_work works[SAB_TOGETHER];
    if (sab_engine_is_stopped(e))
        return;
    for (int k = 0; k < n; k++) {
        int b0 = (first + k) * SAB_SHARD;
        struct sab_room room = sab_extent_room(run->extent, run->extent->B - b0 < SAB_SHARD, t->backward);
        char *own = e->scratch + (size_t)(worker * together + k) * run->part;
        works[k] = *run->common;
        works[k].b0 = b0;
        works[k].columns = t->deal.columns + b0;
        works[k].profile = sab_engine_profile(e, worker);
        works[k].lockstep = &e->lockstep;
        works[k].stop = e->stop;
#ifndef NDEBUG
        if (run->part > 0)
            memset(own, 0xff, run->part); /* what a shard did not put there itself is no number */
#endif
        if (m->network->shard_attach)
            m->network->shard_attach(t->shards[first + k], &room, own);
    }
    sab_profile_start(works[0].profile);
    if (!run->is_back) {
        m->network->shards_forward(t->shards + first, n, works, &t->deal.sums[first]);
        return;
    }
    real *grads = e->grads + (size_t)first * m->n_padded;
    memset(grads, 0, (size_t)n * m->n_padded * sizeof *grads);
    m->network->shards_backward(t->shards + first, n, works, grads);
}

static void run(struct run *run)
{
    int groups = (run->tape->deal.n_shards - 1) / run->extent->together + 1;
    sab_team_run(run->tape->engine->team, run->extent->workers, groups, run_group, run);
}

int sab_tape_forward(struct sab_engine *e, const struct sab_batch *batch, sab_real *outputs, struct sab_metrics *metrics,
                     const struct sab_recall *recall, struct sab_tape **out, struct sab_error *err)
{
    const struct sab_model *m = e->model;
    int workers = sab_worker_count(recall ? 1 : e->threads, (batch->B - 1) / SAB_SHARD + 1);
    struct sab_tape *t = NULL;
    size_t part = 0;
    int status = take(e, batch, workers, &t, err);
    if (status)
        return status;
    pthread_mutex_lock(&e->lock);
    e->tapes++;
    pthread_mutex_unlock(&e->lock);
    struct sab_extent x = t->extent;
    x.workers = workers;
    x.together = sab_engine_together(e, batch->B, workers, recall != NULL);
    status = make_scratch(e, &x, t->backward, &part, err);
    if (!status)
        status = sab_engine_gather(e, t->deal.n_shards, workers, err);
    if (status) {
        sab_tape_free(t);
        return status;
    }
    t->version = sab_engine_prepare(e);
    t->batch = *batch;
    sab_deal_columns(&t->deal, batch);
    if (outputs && batch->lengths)
        memset(outputs, 0, (size_t)batch->T * batch->B * m->O * sizeof *outputs);
    run(&(struct run){t, &(struct sab_work){.batch = &t->batch, .outputs = outputs, .recall = recall}, &x, part, 0});
    t->batch.state = NULL; /* the shards have what they need of it */
    status = sab_engine_check_stopped(e, err);
    if (!status && batch->state)
        status = sab_stream_check(batch->state, err);
    if (status) {
        sab_tape_free(t);
        return status;
    }
    if (batch->state)
        sab_stream_turn(batch->state, batch->T);
    if (metrics)
        *metrics = sab_deal_metrics(&t->deal, m);
    *out = t;
    return SAB_OK;
}

int sab_tape_backward(struct sab_tape *t, const struct sab_request *request, struct sab_error *err)
{
    struct sab_engine *e = t->engine;
    struct sab_model *m = e->model;
    struct sab_request asked;
    double weight = 0, norm;
    size_t part = 0;
    sab_profile_start(e->profile);
    int status = sab_request_check(m, &t->batch, request, &asked, &weight, err);
    struct sab_extent x = t->extent;
    x.workers = sab_worker_count(asked.recall ? 1 : e->threads, t->deal.n_shards);
    x.together = sab_engine_together(e, t->batch.B, x.workers, asked.recall != NULL);
    x.flow = asked.recall != NULL;
    if (!status)
        status = make_scratch(e, &x, t->backward, &part, err);
    if (!status)
        status = sab_engine_make_room(e, t->deal.n_shards, err);
    if (!status)
        status = sab_engine_gather(e, t->deal.n_shards, x.workers, err);
    if (status)
        return status;
    struct sab_version version = sab_engine_prepare(e);
    if (version.high != t->version.high || version.low != t->version.low)
        return sab_fail(err, SAB_INVALID, "the weights have changed since this tape's forward: its way back would be that of no "
                                          "function");
    if (asked.dvalues && (status = sab_model_prepare_input(m, err)))
        return status;
    struct sab_work work = sab_request_work(&asked, m, &t->batch, weight > 0 ? 1 / weight : 0);
    run(&(struct run){t, &work, &x, part, 1});
    status = sab_engine_check_stopped(e, err);
    if (!status)
        status = sab_engine_reduce(e, t->deal.n_shards, x.workers, &asked, err);
    if (status)
        return status;
    return sab_engine_judge(e, &asked, &norm, err);
}
