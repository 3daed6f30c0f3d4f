/* See comm.h. */
#include "comm/comm.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

int sab_comm_check(const struct sab_comm *comm, struct sab_error *err)
{
    if (comm->size != sizeof *comm)
        return sab_fail(err, SAB_INVALID, "size = %zu of the communicator: it must be sizeof (struct sab_comm), %zu here",
                        comm->size, sizeof *comm);
    if (comm->ranks < 1 || comm->rank < 0 || comm->rank >= comm->ranks)
        return sab_fail(err, SAB_INVALID, "rank %d of %d ranks: a rank is in 0..ranks-1", comm->rank, comm->ranks);
    if (!comm->exchange)
        return sab_fail(err, SAB_INVALID, "the communicator has no function exchange");
    return SAB_OK;
}

int sab_comm_first(int n, int ranks, int rank)
{
    assert(n >= 0 && 0 <= rank && rank <= ranks);
    return (int)(((int64_t)rank * n + ranks - 1) / ranks);
}

int sab_comm_owner(int n, int ranks, int i)
{
    assert(0 <= i && i < n && ranks > 0);
    return (int)((int64_t)i * ranks / n);
}

int sab_comm_exchange(struct sab_comm *comm, const struct sab_parcel *sends, int n_sends, const struct sab_parcel *receives,
                      int n_receives, struct sab_error *err)
{
    if (!comm->is_lost && n_sends + n_receives > 0)
        comm->is_lost = comm->exchange(comm->user, sends, n_sends, receives, n_receives) != 0;
    if (!comm->is_lost)
        return SAB_OK;
    return sab_fail(err, SAB_IO, "another of the %d ranks has ended or cannot be reached", comm->ranks);
}

int sab_comm_spread(struct sab_comm *comm, void *rows, size_t nbytes, struct sab_error *err)
{
    int ranks = sab_comm_ranks(comm), n = 0;
    if (ranks == 1)
        return SAB_OK;
    struct sab_parcel *sends = sab_alloc(2 * (size_t)ranks, sizeof *sends), *receives = sends + ranks;
    if (!sends) {
        comm->is_lost = 1; /* the other ranks wait for parcels that will not come */
        return sab_fail(err, SAB_NOMEM, "no memory for the messages of %d ranks", ranks);
    }
    for (int i = 1; i < ranks; i++, n++) { /* each begins with its neighbour, so that not all ask the same one first */
        int to = (comm->rank + i) % ranks, from = (comm->rank + ranks - i) % ranks;
        sends[n] = (struct sab_parcel){to, (char *)rows + (size_t)comm->rank * nbytes, nbytes};
        receives[n] = (struct sab_parcel){from, (char *)rows + (size_t)from * nbytes, nbytes};
    }
    int status = sab_comm_exchange(comm, sends, n, receives, n, err);
    sab_free(sends);
    return status;
}

/* ---- agreeing ---- */

struct word {
    int64_t status;
    uint64_t number;
};

/* The rank whose status is everybody's; -1 where all are well. */
static int find_worst(const struct word *words, int ranks)
{
    int worst = -1;
    for (int r = 0; r < ranks; r++)
        if (words[r].status != SAB_OK && (worst < 0 || (words[worst].status == SAB_INTERRUPTED && words[r].status != SAB_INTERRUPTED)))
            worst = r;
    return worst;
}

/* That rank's message goes to all. */
static int tell(struct sab_comm *comm, int from, int is_only_one, struct sab_error *message, struct sab_error *err)
{
    int ranks = comm->ranks;
    struct sab_parcel receive = {from, message, sizeof *message}, *sends = sab_alloc((size_t)ranks, sizeof *sends);
    int n = 0, status;
    for (int r = 0; sends && r < ranks && comm->rank == from; r++)
        if (r != from)
            sends[n++] = (struct sab_parcel){r, message, sizeof *message};
    if (!sends)
        comm->is_lost = 1;
    status = comm->rank == from ? sab_comm_exchange(comm, sends, n, NULL, 0, err) : sab_comm_exchange(comm, NULL, 0, &receive, 1, err);
    sab_free(sends);
    if (status != SAB_OK)
        return status;
    message->message[sizeof message->message - 1] = 0;
    if (is_only_one && from > 0 && message->status != SAB_INTERRUPTED)
        return sab_fail(err, message->status, "rank %d: %.490s", from, message->message);
    if (err)
        *err = *message;
    return message->status;
}

int sab_comm_agree(struct sab_comm *comm, int status, uint64_t number, const char *what, struct sab_error *err)
{
    int ranks = sab_comm_ranks(comm), failed = 0;
    if (ranks == 1)
        return status;
    if (comm->is_lost) /* where that is why, err says so already */
        return status ? status : sab_comm_exchange(comm, NULL, 0, NULL, 0, err);
    struct word *words = sab_alloc((size_t)ranks, sizeof *words);
    if (!words) {
        comm->is_lost = 1;
        return sab_fail(err, SAB_NOMEM, "no memory for the messages of %d ranks", ranks);
    }
    words[comm->rank] = (struct word){status, number};
    struct sab_error message = {.status = (enum sab_status)status};
    if (status != SAB_OK && err)
        message = *err;
    message.status = (enum sab_status)status;
    int now = sab_comm_spread(comm, words, sizeof *words, err), worst = find_worst(words, ranks), other = 0;
    for (int r = 0; r < ranks; r++) {
        failed += words[r].status != SAB_OK;
        other = words[r].number != words[0].number && other == 0 ? r : other;
    }
    sab_free(words);
    if (now != SAB_OK)
        return now;
    if (worst >= 0)
        return tell(comm, worst, failed < ranks, &message, err);
    if (other > 0)
        return sab_fail(err, SAB_INVALID, "%s of rank %d are not those of rank 0; all ranks must have the same", what, other);
    return SAB_OK;
}

/* ---- sums ---- */

int sab_comm_sum(struct sab_comm *comm, int64_t *x, size_t n, struct sab_error *err)
{
    int ranks = sab_comm_ranks(comm), rank = sab_comm_rank(comm), status = SAB_OK, stride = 1;
    if (ranks == 1 || n == 0)
        return SAB_OK;
    int64_t *part = sab_alloc(n, sizeof *part);
    if (!part) {
        comm->is_lost = 1;
        return sab_fail(err, SAB_NOMEM, "no memory to add up %zu counts", n);
    }
    /* Up a tree to rank 0, and down again. */
    for (; stride < ranks && rank % (2 * stride) == 0 && status == SAB_OK; stride *= 2) {
        struct sab_parcel parcel = {rank + stride, part, n * sizeof *x};
        if (parcel.rank >= ranks)
            continue;
        status = sab_comm_exchange(comm, NULL, 0, &parcel, 1, err);
        for (size_t i = 0; i < n && status == SAB_OK; i++)
            x[i] += part[i];
    }
    if (stride < ranks && status == SAB_OK) {
        struct sab_parcel parcel = {rank - stride, x, n * sizeof *x};
        status = sab_comm_exchange(comm, &parcel, 1, NULL, 0, err);
        if (status == SAB_OK)
            status = sab_comm_exchange(comm, NULL, 0, &parcel, 1, err);
    }
    for (stride /= 2; stride > 0 && status == SAB_OK; stride /= 2) {
        struct sab_parcel parcel = {rank + stride, x, n * sizeof *x};
        if (parcel.rank < ranks)
            status = sab_comm_exchange(comm, &parcel, 1, NULL, 0, err);
    }
    sab_free(part);
    return status;
}
