/* An evaluation on several ranks: see evaluation.h. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "train/evaluation.h"

/* ---- sequences ---- */

/* What is known of each sequence: arrays of so many bytes for each. */
struct array {
    void *data;
    size_t nbytes;
};

enum { ARRAYS = 3 };

static void list_arrays(const struct sab_evaluation *e, struct array arrays[ARRAYS])
{
    arrays[0] = (struct array){e->sums, sizeof *e->sums};
    arrays[1] = (struct array){e->columns, (size_t)e->n_targets * sizeof *e->columns};
    arrays[2] = (struct array){e->tail_columns, (size_t)e->O * sizeof *e->tail_columns};
}

/* Sequences `place` .. place+n-1 of each array, as parcels for or from a rank. */
static void add_parcels(const struct sab_evaluation *e, int rank, int place, int n, struct sab_parcel *parcels, int *count)
{
    struct array arrays[ARRAYS];
    list_arrays(e, arrays);
    for (int i = 0; i < ARRAYS && n > 0; i++)
        if (arrays[i].data)
            parcels[(*count)++] = (struct sab_parcel){rank, (char *)arrays[i].data + (size_t)place * arrays[i].nbytes,
                                                      (size_t)n * arrays[i].nbytes};
}

int sab_evaluation_share(struct sab_evaluation *e, struct sab_comm *comm, struct sab_error *err)
{
    int ranks = sab_comm_ranks(comm), sends = 0, receives = 0, most = ARRAYS * ranks, place;
    if (ranks == 1)
        return SAB_OK;
    struct sab_parcel *parcels = sab_alloc(2 * (size_t)most, sizeof *parcels);
    int status = parcels ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory for the messages of %d ranks", ranks);
    status = sab_comm_agree(comm, status, (uint64_t)e->B, "the batches of the evaluation", err);
    for (int step = 1; step < ranks && status == SAB_OK; step++) {
        int r = (comm->rank + step) % ranks, n = sab_share_sequences(e->B, ranks, r, &place);
        add_parcels(e, r, e->share->place, e->share->part.B, parcels, &sends);
        add_parcels(e, r, place, n, parcels + most, &receives);
    }
    if (status == SAB_OK)
        status = sab_comm_exchange(comm, parcels, sends, parcels + most, receives, err);
    sab_free(parcels);
    return status;
}

/* ---- counts ---- */

/* The answers of all ranks, in the order of ranks, which does not matter to who ranks them. */
static int gather_ranking(struct sab_ranking *r, struct sab_comm *comm, struct sab_error *err)
{
    int ranks = comm->ranks, sends = 0, receives = 0;
    int64_t *counts = sab_alloc((size_t)ranks, sizeof *counts), total = 0;
    struct sab_parcel *parcels = sab_alloc(2 * (size_t)ranks, sizeof *parcels);
    struct sab_ranked *all = NULL;
    int status = counts && parcels ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory for the messages of %d ranks", ranks);
    status = sab_comm_agree(comm, status, 0, "", err);
    if (status == SAB_OK) {
        counts[comm->rank] = r->is_full ? SAB_RANKED_MOST + 1 : (int64_t)r->n;
        status = sab_comm_spread(comm, counts, sizeof *counts, err);
    }
    for (int i = 0; i < ranks && status == SAB_OK; i++)
        total += counts[i];
    r->is_full = total > SAB_RANKED_MOST;
    if (status == SAB_OK && total > 0 && !r->is_full) {
        all = sab_alloc((size_t)total, sizeof *all);
        status = all ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory to rank %lld answers", (long long)total);
        status = sab_comm_agree(comm, status, 0, "", err);
    }
    struct sab_ranked *next = all;
    for (int i = 0; i < ranks && all && status == SAB_OK; next += counts[i++]) {
        if (i == comm->rank && r->n > 0)
            memcpy(next, r->at, r->n * sizeof *next);
        if (i == comm->rank)
            continue;
        if (r->n > 0)
            parcels[sends++] = (struct sab_parcel){i, r->at, r->n * sizeof *next};
        if (counts[i] > 0)
            parcels[ranks + receives++] = (struct sab_parcel){i, next, (size_t)counts[i] * sizeof *next};
    }
    if (all && status == SAB_OK)
        status = sab_comm_exchange(comm, parcels, sends, parcels + ranks, receives, err);
    if (all && status == SAB_OK) {
        sab_free(r->at);
        r->at = all;
        r->n = r->cap = (size_t)total;
        all = NULL;
    }
    sab_free(all);
    sab_free(counts);
    sab_free(parcels);
    return status;
}

int sab_evaluation_total(struct sab_evaluation *e, struct sab_comm *comm, struct sab_error *err)
{
    size_t O = (size_t)e->O;
    int status = SAB_OK;
    if (sab_comm_ranks(comm) == 1)
        return SAB_OK;
    if (e->classes) /* three counts each */
        status = sab_comm_sum(comm, &e->classes->labels, O * (sizeof *e->classes / sizeof(int64_t)), err);
    if (status == SAB_OK && e->confusion)
        status = sab_comm_sum(comm, e->confusion, O * O, err);
    for (int k = 0; k < e->ranks && status == SAB_OK; k++)
        status = gather_ranking(&e->rankings[k], comm, err);
    return status;
}
