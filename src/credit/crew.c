/* A crew: shards that are laid out once, a full and a last (smaller) one per worker, and take all of a batch's in turn. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/team.h"
#include "credit/engine.h"
#include "model/stream.h"

struct sab_crew {
    struct sab_extent extent;
    int wanted;                      /* shards together; extent has fewer where memory is short */
    int backward;                    /* SAB_FORWARD_ONLY, ... */
    const struct sab_network *network;
    struct sab_deal deal;
    void **full, **last;             /* [workers,together] and [workers] shards of the network */
    char *block;
    size_t block_nbytes;
};

/* ---- how a batch is dealt ---- */

int sab_deal_create(struct sab_deal *deal, int B, struct sab_error *err)
{
    assert(B > 0);
    deal->B = B;
    deal->n_shards = (B - 1) / SAB_SHARD + 1;
    deal->columns = sab_alloc((size_t)B, sizeof *deal->columns);
    deal->sums = sab_alloc((size_t)deal->n_shards, sizeof *deal->sums);
    if (deal->columns && deal->sums)
        return SAB_OK;
    return sab_fail(err, SAB_NOMEM, "no memory for %d shards", deal->n_shards);
}

void sab_deal_free(struct sab_deal *deal)
{
    sab_free(deal->columns);
    sab_free(deal->sums);
    *deal = (struct sab_deal){0};
}

static int compare_columns(const void *a, const void *b)
{
    const struct sab_column *x = a, *y = b;
    return x->length != y->length ? (x->length < y->length) - (x->length > y->length) : (x->b > y->b) - (x->b < y->b);
}

void sab_deal_lengths(struct sab_deal *deal, int T, int B, const int32_t *lengths, int carries)
{
    for (int b = 0; b < B; b++)
        deal->columns[b] = (struct sab_column){b, lengths ? lengths[b] : T};
    if (lengths && !carries)
        qsort(deal->columns, (size_t)B, sizeof *deal->columns, compare_columns);
}

void sab_deal_columns(struct sab_deal *deal, const struct sab_batch *batch)
{
    sab_deal_lengths(deal, batch->T, batch->B, batch->lengths, batch->state != NULL);
}

int sab_worker_count(int threads, int n_shards)
{
    int n = sab_threads_of(threads);
    assert(n_shards > 0);
    return n < n_shards ? n : n_shards;
}

double sab_batch_step_nbytes(const struct sab_model *m, const struct sab_batch *batch)
{
    double nbytes = (batch->ids != NULL) * sizeof *batch->ids + (batch->labels != NULL) * sizeof *batch->labels +
                    (batch->weight != NULL) * sizeof(real) + (batch->scored != NULL) + (batch->values != NULL) *
                    sizeof(real) * m->shape.I + (batch->targets != NULL) * sizeof(real) * m->O;
    return nbytes * batch->B;
}

/* Carried memories grow in number with the batches, up to the slots: room for twice as many. */
int sab_batch_carried_cap(const struct sab_model *m, const struct sab_batch *batch, int *carried)
{
    *carried = batch->state && m->K > 0 ? sab_stream_carried(batch->state) : m->zero_memories;
    if (*carried == 0)
        return 0;
    int slots = m->layers[0].remind.keep.slots;
    return *carried > slots / 2 ? slots : 2 * *carried;
}

/* ---- memory ---- */

void sab_crew_free(struct sab_crew *c)
{
    if (!c)
        return;
    for (int i = 0; c->full && i < c->extent.workers * c->extent.together; i++)
        c->network->shard_free(c->full[i]);
    for (int i = 0; c->last && i < c->extent.workers; i++)
        c->network->shard_free(c->last[i]);
    sab_deal_free(&c->deal);
    sab_free(c->full);
    sab_free(c->last);
    sab_free(c->block);
    sab_free(c);
}

struct sab_deal *sab_crew_deal(struct sab_crew *crew)
{
    return &crew->deal;
}

/* A zeroed block of nbytes: the one that the crew before leaves, where that is large enough, or a new one. Training and
 * evaluation take turns, and sequences grow: pages that are there need not be asked for again. */
static int take_block(struct sab_crew *c, struct sab_crew *before, size_t nbytes, struct sab_error *err)
{
    if (before && before->block_nbytes >= nbytes) {
        c->block = before->block;
        c->block_nbytes = before->block_nbytes;
        before->block = NULL;
        memset(c->block, 0, nbytes);
    }
    sab_crew_free(before);
    if (c->block)
        return SAB_OK;
    c->block_nbytes = nbytes;
    c->block = sab_alloc(nbytes, 1);
    return c->block ? SAB_OK
                    : sab_fail(err, SAB_NOMEM, "no memory for the activations of %d sequences of %d steps (%zu MiB)",
                               c->extent.B, c->extent.T, nbytes >> 20);
}

/* Lays the shards out in the block, one after the other. */
static int fill_block(struct sab_crew *c, const struct sab_model *m, struct sab_error *err)
{
    const struct sab_extent *x = &c->extent;
    int status = SAB_OK;
    char *at = c->block;
    for (int i = 0; i < x->workers * (x->together + 1) && status == SAB_OK; i++) {
        int is_last = i % (x->together + 1) == x->together, worker = i / (x->together + 1);
        struct sab_room room = sab_extent_room(x, is_last, c->backward);
        struct sab_blocks blocks = {0};
        if (room.S == 0)
            continue;
        status = m->network->shard_create(NULL, m, &room, &blocks, err);
        blocks.kept = at;
        blocks.scratch = at += blocks.kept_nbytes;
        at += blocks.scratch_nbytes;
        if (status == SAB_OK)
            status = m->network->shard_create(is_last ? &c->last[worker] : &c->full[i - worker], m, &room, &blocks, err);
    }
    return status;
}

/* Whether the machine has it: better refused than found out by the system, which ends whoever takes the last of its memory. */
static int check_room(const struct sab_extent *x, const struct sab_need *need, struct sab_error *err)
{
    const double gib = 1 << 30;
    double nbytes = need->activations + need->gradients, there;
    if (sab_memory_allows(nbytes, &there))
        return SAB_OK;
    return sab_fail(err, SAB_NOMEM, "%d sequences of %d steps at a time need %.1f GiB of memory; %.1f GiB are free: fewer or shorter "
                    "sequences%s or a smaller --hidden need less", x->B, x->T, nbytes / gib, there / gib,
                    x->workers > 1 ? ", fewer --threads" : "");
}

int sab_crew_check(const struct sab_engine *e, int T, int B, struct sab_error *err)
{
    struct sab_need stored, recomputed;
    struct sab_extent extent = {.T = T, .B = B, .workers = sab_worker_count(e->threads, (B - 1) / SAB_SHARD + 1), .together = 1};
    int status = sab_need_count(e->model, &extent, SAB_STORED, &stored, err);
    if (status == SAB_OK)
        status = sab_need_count(e->model, &extent, SAB_RECOMPUTED, &recomputed, err);
    if (status != SAB_OK)
        return status;
    return check_room(&extent, stored.activations < recomputed.activations ? &stored : &recomputed, err);
}

/* Counts, chooses and takes the memory of a new crew: for the longest batch that is known to come, so that sequences
 * which grow need no more. `before`, which may be NULL, is freed. */
static int fill(struct sab_crew *c, struct sab_engine *e, double step_nbytes, struct sab_crew *before, struct sab_error *err)
{
    struct sab_model *m = e->model;
    struct sab_need need, stored, recomputed;
    struct sab_extent most = c->extent;
    most.T = e->most_steps > most.T ? e->most_steps : most.T;
    int status = sab_need_count(m, &most, c->backward ? SAB_STORED : SAB_FORWARD_ONLY, &need, err);
    if (status == SAB_OK && most.together > 1 && !sab_engine_allows(e, step_nbytes * most.T, &need)) {
        most.together = c->extent.together = 1;
        status = sab_need_count(m, &most, c->backward ? SAB_STORED : SAB_FORWARD_ONLY, &need, err);
    }
    if (status == SAB_OK && c->backward) {
        stored = need;
        status = sab_need_count(m, &most, SAB_RECOMPUTED, &recomputed, err);
        if (status == SAB_OK)
            status = sab_engine_choose(e, step_nbytes * most.T, &stored, &recomputed, &c->backward, err);
        need = c->backward == SAB_STORED ? stored : recomputed;
    }
    if (status == SAB_OK && need.activations > (double)(SIZE_MAX / 4))
        status = sab_fail(err, SAB_NOMEM, "no machine has memory for the activations of %d sequences of %d steps",
                          c->extent.B, c->extent.T);
    if (status == SAB_OK && !(before && (double)before->block_nbytes >= need.activations))
        status = check_room(&c->extent, &need, err);
    if (status == SAB_OK && c->backward) /* before the block: what follows one in the heap keeps its pages when it is freed */
        status = sab_engine_make_room(e, (c->extent.B - 1) / SAB_SHARD + 1, err);
    if (status != SAB_OK) {
        sab_crew_free(before);
        return status;
    }
    status = take_block(c, before, (size_t)need.activations, err);
    c->full = sab_alloc((size_t)c->extent.workers * (size_t)c->extent.together, sizeof *c->full);
    c->last = sab_alloc((size_t)c->extent.workers, sizeof *c->last);
    if (status == SAB_OK && (!c->full || !c->last))
        status = sab_fail(err, SAB_NOMEM, "no memory for %d workers", c->extent.workers);
    if (status == SAB_OK)
        status = sab_deal_create(&c->deal, c->extent.B, err);
    if (status == SAB_OK)
        status = fill_block(c, m, err);
    return status;
}

int sab_crew_for(struct sab_engine *e, const struct sab_batch *batch, int backward, const struct sab_extent *want,
                 struct sab_error *err)
{
    struct sab_model *m = e->model;
    int carried, room = sab_batch_carried_cap(m, batch, &carried);
    struct sab_crew *c = e->crew;
    if (c && c->extent.T == batch->T && c->extent.B == batch->B && c->extent.carried_cap >= carried &&
        !c->backward == !backward && c->extent.flow == want->flow && c->extent.dvalues == want->dvalues &&
        c->extent.workers == want->workers && c->wanted == want->together && c->extent.masks == sab_batch_has_masks(batch))
        return sab_engine_gather(e, c->deal.n_shards, want->workers, err);
    c = sab_alloc(1, sizeof *c);
    if (!c)
        return sab_fail(err, SAB_NOMEM, "no memory for a batch");
    c->extent = *want;
    c->extent.T = batch->T;
    c->extent.B = batch->B;
    c->extent.carried_cap = room;
    c->extent.together = c->wanted = want->together;
    c->extent.masks = sab_batch_has_masks(batch);
    c->network = m->network;
    c->backward = backward;
    struct sab_crew *before = e->crew;
    e->crew = NULL;
    int status = fill(c, e, sab_batch_step_nbytes(m, batch), before, err);
    if (status == SAB_OK)
        status = sab_engine_gather(e, c->deal.n_shards, want->workers, err);
    if (status) {
        sab_crew_free(c);
        return status;
    }
    e->crew = c;
    return SAB_OK;
}

/* ---- work ---- */

struct run {
    struct sab_engine *engine;
    const struct sab_work *common;
};

/* The i-th group of shards that are taken together. */
static void run_group(void *user, int i, int worker)
{
    const struct run *run = user;
    struct sab_engine *e = run->engine;
    const struct sab_model *m = e->model;
    struct sab_crew *c = e->crew;
    int together = c->extent.together, first = i * together, n = c->deal.n_shards - first < together ? c->deal.n_shards - first : together;
    struct sab_work works[SAB_TOGETHER];
    void *shards[SAB_TOGETHER];
    if (sab_engine_is_stopped(e))
        return;
    for (int k = 0; k < n; k++) {
        int b0 = (first + k) * SAB_SHARD;
        shards[k] = run->common->batch->B - b0 >= SAB_SHARD ? c->full[worker * together + k] : c->last[worker];
        works[k] = *run->common;
        works[k].b0 = b0;
        works[k].columns = c->deal.columns + b0;
        works[k].profile = sab_engine_profile(e, worker);
        works[k].lockstep = &e->lockstep;
        works[k].stop = e->stop;
    }
    sab_profile_start(works[0].profile);
    m->network->shards_forward(shards, n, works, &c->deal.sums[first]);
    if (!c->backward || sab_engine_is_stopped(e))
        return;
    real *grads = e->grads + (size_t)first * m->n_padded;
    memset(grads, 0, (size_t)n * m->n_padded * sizeof *grads);
    m->network->shards_backward(shards, n, works, grads);
}

void sab_crew_run(struct sab_engine *e, const struct sab_work *common)
{
    struct sab_crew *c = e->crew;
    const struct sab_batch *batch = common->batch;
    sab_deal_columns(&c->deal, batch);
    if (common->outputs && batch->lengths)
        memset(common->outputs, 0, (size_t)batch->T * batch->B * e->model->O * sizeof *common->outputs);
    int groups = (c->deal.n_shards - 1) / c->extent.together + 1;
    sab_team_run(e->team, c->extent.workers, groups, run_group, &(struct run){e, common});
}
