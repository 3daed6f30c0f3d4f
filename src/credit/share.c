/* See share.h. What travels, once the shards are done:
 *
 *     1. each rank's status, in a word; further only where all are well
 *     2. of each of its nodes in the tree (tree.h), the r-th of R slices to rank r, who adds them up in the order of the tree; and the
 *        loss sums of its shards to all
 *     3. the sum's slices, from each rank to all
 *
 * so a rank sends and receives about twice the gradient's bytes, however many ranks there are, in three rounds. */
#include "credit/share.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "credit/tree.h"
#include "model/stream.h"

enum { SLICE = 16 }; /* slices begin at multiples of so many numbers */

int sab_share_sequences(int B, int ranks, int rank, int *place)
{
    int n = (B - 1) / SAB_SHARD + 1;
    int from = sab_comm_first(n, ranks, rank) * SAB_SHARD, to = sab_comm_first(n, ranks, rank + 1) * SAB_SHARD;
    to = to < B ? to : B;
    if (place)
        *place = from;
    return to > from ? to - from : 0;
}

int sab_comm_sequences(const struct sab_comm *comm, int B, int *first)
{
    return sab_share_sequences(B, sab_comm_ranks(comm), sab_comm_rank(comm), first);
}

/* ---- the part of a batch ---- */

/* [rows, B, nbytes] of the whole to [rows, part.B, nbytes], which begin at *next and move it on; NULL where there is none. */
static const void *pick(const struct sab_share *share, const void *whole, int rows, size_t nbytes, int B, char **next)
{
    if (!whole)
        return NULL;
    char *to = *next;
    const struct sab_column *columns = share->deal.columns + share->place;
    for (int row = 0; row < rows; row++)
        for (int b = 0; b < share->part.B; b++, to += nbytes)
            memcpy(to, (const char *)whole + ((size_t)row * (size_t)B + (size_t)columns[b].b) * nbytes, nbytes);
    void *picked = *next;
    *next += ((size_t)(to - *next) + 63) / 64 * 64;
    return picked;
}

/* Bytes of the part's arrays, most of what they can be. */
static size_t part_nbytes(const struct sab_model *m, const struct sab_batch *whole, int B)
{
    size_t step = 2 * sizeof(int32_t) + sizeof(real) + 1 + (whole->values ? (size_t)m->shape.I * sizeof(real) : 0) +
                  (whole->targets ? (size_t)m->O * sizeof(real) : 0);
    size_t states = (whole->h0 || whole->c0 ? 2 : 0) + (sab_batch_has_masks(whole) ? 2 : 0);
    size_t sequence = sizeof(int32_t) + 1 + states * (size_t)m->L * (size_t)m->H * sizeof(real);
    return (step * (size_t)whole->T + sequence) * (size_t)B + (size_t)12 * 64;
}

static int make_deal(struct sab_share *share, int B, struct sab_error *err)
{
    int status = SAB_OK;
    if (share->deal.B != B) {
        sab_deal_free(&share->deal);
        status = sab_deal_create(&share->deal, B, err);
    }
    if (status != SAB_OK)
        sab_deal_free(&share->deal);
    return status;
}

int sab_share_mark(struct sab_share *share, const struct sab_comm *comm, int T, int B, const int32_t *lengths, int carries,
                   uint8_t *is_own, struct sab_error *err)
{
    int status = make_deal(share, B, err), place;
    if (status != SAB_OK)
        return status;
    sab_deal_lengths(&share->deal, T, B, lengths, carries);
    memset(is_own, 0, (size_t)B);
    int n = sab_share_sequences(B, sab_comm_ranks(comm), sab_comm_rank(comm), &place);
    for (int i = 0; i < n; i++)
        is_own[share->deal.columns[place + i].b] = 1;
    return SAB_OK;
}

int sab_share_cut(struct sab_share *share, const struct sab_comm *comm, const struct sab_model *m,
                  const struct sab_batch *whole, struct sab_error *err)
{
    int ranks = sab_comm_ranks(comm), rank = sab_comm_rank(comm), status = make_deal(share, whole->B, err);
    if (status != SAB_OK)
        return status;
    sab_deal_columns(&share->deal, whole);
    share->n_shards = share->deal.n_shards;
    share->first = sab_comm_first(share->n_shards, ranks, rank);
    share->count = sab_comm_first(share->n_shards, ranks, rank + 1) - share->first;
    int T = whole->T, B = whole->B, n = sab_share_sequences(B, ranks, rank, &share->place);
    size_t nbytes = part_nbytes(m, whole, n);
    if (nbytes > share->arrays_nbytes) {
        sab_free(share->arrays);
        share->arrays = sab_alloc(nbytes, 1);
        share->arrays_nbytes = share->arrays ? nbytes : 0;
    }
    if (!share->arrays)
        return sab_fail(err, SAB_NOMEM, "no memory for %d sequences of a batch", n);
    char *next = share->arrays;
    share->part = (struct sab_batch){.size = sizeof share->part, .T = T, .B = n, .state = whole->state};
    share->part.ids = pick(share, whole->ids, T, sizeof *whole->ids, B, &next);
    share->part.values = pick(share, whole->values, T, (size_t)m->shape.I * sizeof(real), B, &next);
    share->part.labels = pick(share, whole->labels, T, sizeof *whole->labels, B, &next);
    share->part.targets = pick(share, whole->targets, T, (size_t)m->O * sizeof(real), B, &next);
    share->part.weight = pick(share, whole->weight, T, sizeof(real), B, &next);
    share->part.scored = pick(share, whole->scored, T, 1, B, &next);
    share->part.lengths = pick(share, whole->lengths, 1, sizeof *whole->lengths, B, &next);
    share->part.fresh = pick(share, whole->fresh, 1, 1, B, &next);
    share->part.h0 = pick(share, whole->h0, m->L, (size_t)m->H * sizeof(real), B, &next);
    share->part.c0 = pick(share, whole->c0, m->L, (size_t)m->H * sizeof(real), B, &next);
    share->part.output_mask = pick(share, whole->output_mask, m->L, (size_t)m->H * sizeof(real), B, &next);
    share->part.state_mask = pick(share, whole->state_mask, m->L, (size_t)m->H * sizeof(real), B, &next);
    return SAB_OK;
}

void sab_share_clear(struct sab_share *share)
{
    sab_deal_free(&share->deal);
    sab_free(share->arrays);
    sab_free(share->incoming);
    *share = (struct sab_share){0};
}

/* ---- the sum of the gradients ---- */

/* Numbers that go through this rank's tree. */
struct slices {
    struct sab_engine *engine;
    struct sab_share *share;
    struct sab_comm *comm;
    size_t from, count;         /* this rank's slice */
    real **at;                  /* [n_shards] nodes of all ranks: this slice of them */
    struct sab_parcel *sends, *receives;
    int n_sends, n_receives;
};

static size_t slice_from(const struct sab_model *m, int ranks, int rank)
{
    size_t units = (m->n_padded + SLICE - 1) / SLICE, from = ((size_t)rank * units + (size_t)ranks - 1) / (size_t)ranks * SLICE;
    return from < m->n_padded ? from : m->n_padded;
}

static size_t slice_count(const struct sab_model *m, int ranks, int rank)
{
    return slice_from(m, ranks, rank + 1) - slice_from(m, ranks, rank);
}

static void add_parcel(struct sab_parcel *list, int *n, int rank, const void *data, size_t nbytes)
{
    if (nbytes > 0)
        list[(*n)++] = (struct sab_parcel){rank, (void *)data, nbytes};
}

static int count_nodes(const struct sab_share *share, int ranks, int rank)
{
    int n = 0;
    for (int i = sab_tree_next_node(share->n_shards, ranks, rank, 0); i >= 0; n++)
        i = sab_tree_next_node(share->n_shards, ranks, rank, i + 1);
    return n;
}

static int make_slices(struct slices *s, struct sab_error *err)
{
    struct sab_share *share = s->share;
    const struct sab_model *m = s->engine->model;
    int ranks = s->comm->ranks, rank = s->comm->rank, own = count_nodes(share, ranks, rank), all = 0;
    for (int r = 0; r < ranks; r++)
        all += count_nodes(share, ranks, r);
    s->from = slice_from(m, ranks, rank);
    s->count = slice_count(m, ranks, rank);
    size_t incoming = (size_t)(all - own) * s->count;
    if (incoming > share->incoming_count) {
        sab_free(share->incoming);
        share->incoming = sab_alloc(incoming, sizeof(real));
        share->incoming_count = share->incoming ? incoming : 0;
    }
    s->at = sab_alloc((size_t)share->n_shards, sizeof *s->at);
    s->sends = sab_alloc((size_t)ranks * (size_t)(own + 1), sizeof *s->sends);
    s->receives = sab_alloc((size_t)(ranks + all), sizeof *s->receives);
    if (!s->at || !s->sends || !s->receives || (incoming > 0 && !share->incoming))
        return sab_fail(err, SAB_NOMEM, "no memory for the gradients of %d ranks", ranks);
    return SAB_OK;
}

/* Round 2: what goes to rank r, and what comes from it. */
static void list_nodes(struct slices *s, int r, real **next)
{
    const struct sab_share *share = s->share;
    const struct sab_model *m = s->engine->model;
    int n = share->n_shards, ranks = s->comm->ranks, rank = s->comm->rank, theirs = sab_comm_first(n, ranks, r);
    struct sab_loss_sums *sums = share->deal.sums;
    add_parcel(s->sends, &s->n_sends, r, sums + share->first, (size_t)share->count * sizeof *sums);
    add_parcel(s->receives, &s->n_receives, r, sums + theirs, (size_t)(sab_comm_first(n, ranks, r + 1) - theirs) * sizeof *sums);
    for (int i = sab_tree_next_node(n, ranks, rank, 0); i >= 0; i = sab_tree_next_node(n, ranks, rank, i + 1))
        add_parcel(s->sends, &s->n_sends, r, s->engine->grads + (size_t)(i - share->first) * m->n_padded + slice_from(m, ranks, r),
                   slice_count(m, ranks, r) * sizeof(real));
    for (int i = sab_tree_next_node(n, ranks, r, 0); i >= 0; i = sab_tree_next_node(n, ranks, r, i + 1)) {
        s->at[i] = *next;
        *next += s->count;
        add_parcel(s->receives, &s->n_receives, r, s->at[i], s->count * sizeof(real));
    }
}

/* The sum of all nodes in the first of the engine's gradients, and all loss sums in share->deal, on every rank. */
static int sum_slices(struct slices *s, struct sab_error *err)
{
    const struct sab_share *share = s->share;
    const struct sab_model *m = s->engine->model;
    int n = share->n_shards, ranks = s->comm->ranks, rank = s->comm->rank;
    real *grads = s->engine->grads, *next = share->incoming;
    for (int i = sab_tree_next_node(n, ranks, rank, 0); i >= 0; i = sab_tree_next_node(n, ranks, rank, i + 1))
        s->at[i] = grads + (size_t)(i - share->first) * m->n_padded + s->from;
    for (int step = 1; step < ranks; step++) /* each begins with its neighbour, so that not all wait for the same one */
        list_nodes(s, (rank + step) % ranks, &next);
    int status = sab_comm_exchange(s->comm, s->sends, s->n_sends, s->receives, s->n_receives, err);
    if (status != SAB_OK)
        return status;
    sab_tree_add(s->at, n, ranks, 1, 0, s->count);
    if (s->at[0] != grads + s->from && s->count > 0)
        memcpy(grads + s->from, s->at[0], s->count * sizeof(real));
    s->n_sends = s->n_receives = 0;
    for (int step = 1; step < ranks; step++) {
        int r = (rank + step) % ranks;
        add_parcel(s->sends, &s->n_sends, r, grads + s->from, s->count * sizeof(real));
        add_parcel(s->receives, &s->n_receives, r, grads + slice_from(m, ranks, r), slice_count(m, ranks, r) * sizeof(real));
    }
    return sab_comm_exchange(s->comm, s->sends, s->n_sends, s->receives, s->n_receives, err);
}

/* ---- there and back ---- */

static int check(struct sab_engine *e, const struct sab_batch *whole, const struct sab_request *request, struct sab_request *asked,
                 double *weight, struct sab_error *err)
{
    int status = sab_batch_check(e->model, whole, err);
    if (status == SAB_OK)
        status = sab_request_check(e->model, whole, request, asked, weight, err);
    if (status == SAB_OK && (asked->doutputs || asked->dvalues || asked->dh0 || asked->dc0 || asked->recall))
        return sab_fail(err, SAB_INVALID, "a batch that ranks share has the gradient of its own loss by the weights, and no other: "
                                          "doutputs, dvalues, dh0, dc0 and recall are to be NULL");
    if (status == SAB_OK)
        status = sab_share_cut(e->share, e->comm, e->model, whole, err);
    return status == SAB_OK ? sab_model_fetch(e->model, err) : status;
}

/* This rank's shards; their nodes stand in the engine's gradients, their loss sums in the share's deal. */
static int run_part(struct sab_engine *e, const struct sab_request *asked, double weight, struct sab_error *err)
{
    struct sab_share *share = e->share;
    const struct sab_batch *part = &share->part;
    int status = SAB_OK, workers = sab_worker_count(e->threads, share->count > 0 ? share->count : 1);
    if (part->B == 0) {
        sab_engine_prepare(e); /* its hash of the weights is compared */
        status = sab_engine_make_room(e, 1, err); /* for the sum */
        return status ? status : sab_engine_check_stopped(e, err);
    }
    if (part->state && (status = sab_stream_ready(part->state, e->model, part, err)) != SAB_OK)
        return status;
    struct sab_extent want = {.workers = workers, .together = sab_engine_together(e, part->B, workers, 0)};
    status = sab_crew_for(e, part, SAB_STORED, &want, err);
    if (status == SAB_OK)
        status = sab_engine_make_room(e, share->count, err);
    if (status != SAB_OK)
        return status;
    sab_engine_prepare(e);
    struct sab_work work = sab_request_work(asked, e->model, part, 1 / weight);
    sab_crew_run(e, &work);
    status = sab_engine_check_stopped(e, err);
    if (status == SAB_OK)
        status = sab_engine_add_nodes(e, share->n_shards, share->first, share->count, e->comm->ranks, workers, err);
    if (status == SAB_OK && part->state)
        status = sab_stream_check(part->state, err);
    memcpy(share->deal.sums + share->first, sab_crew_deal(e->crew)->sums, (size_t)share->count * sizeof *share->deal.sums);
    return status;
}

/* What must be the same on all ranks, as far as a number tells: the batch's sizes, and all weights. */
static uint64_t number_of(const struct sab_model *m, const struct sab_batch *whole, double weight)
{
    uint64_t bits, number = m->packed_version.low ^ m->packed_version.high;
    memcpy(&bits, &weight, sizeof bits);
    number = number * 31 + bits;
    number = number * 31 + (uint64_t)m->n_padded;
    return number * 31 + ((uint64_t)(uint32_t)whole->T << 32 | (uint32_t)whole->B);
}

int sab_share_gradient(struct sab_engine *e, int status, const struct sab_batch *whole, const struct sab_request *request,
                       struct sab_metrics *metrics, struct sab_error *err)
{
    struct sab_request asked = {0};
    struct slices slices = {.engine = e, .share = e->share, .comm = e->comm};
    double weight = 0;
    sab_profile_start(e->profile);
    if (status == SAB_OK)
        status = check(e, whole, request, &asked, &weight, err);
    if (status == SAB_OK)
        status = run_part(e, &asked, weight, err);
    if (status == SAB_OK)
        status = make_slices(&slices, err);
    sab_profile_start(e->profile);
    status = sab_comm_agree(e->comm, status, status == SAB_OK ? number_of(e->model, whole, weight) : 0,
                            "the batches or the weights", err);
    if (status == SAB_OK)
        status = sum_slices(&slices, err);
    sab_free(slices.at);
    sab_free(slices.sends);
    sab_free(slices.receives);
    if (status != SAB_OK)
        return status;
    sab_engine_leave_sum(e, &asked);
    struct sab_metrics result = sab_deal_metrics(&e->share->deal, e->model);
    status = sab_engine_judge(e, &asked, &result.grad_norm, err);
    sab_profile_lap(e->profile, SAB_PHASE_OPTIMISER);
    if (metrics)
        *metrics = result;
    if (status == SAB_OK)
        status = sab_engine_judge_loss(e, &result, err);
    if (status == SAB_OK && e->share->part.state && e->share->part.B > 0)
        sab_stream_turn(e->share->part.state, whole->T);
    return status;
}

int sab_engine_set_comm(struct sab_engine *e, struct sab_comm *comm, struct sab_error *err)
{
    int status = comm ? sab_comm_check(comm, err) : SAB_OK;
    if (status == SAB_OK && comm && comm->ranks > 1 && e->device)
        status = sab_fail(err, SAB_INVALID, "an engine on a device shares its batches with no other rank: leave it on \"cpu\"");
    if (status == SAB_OK && comm && !e->share && !(e->share = sab_alloc(1, sizeof *e->share)))
        status = sab_fail(err, SAB_NOMEM, "no memory for the parts of batches");
    if (status == SAB_OK)
        e->comm = comm && comm->ranks > 1 ? comm : NULL;
    return status;
}
