/* What several ranks do together, built of one thing that the caller's table can do: an exchange of parcels (sab_comm.h).
 *
 * All but the first few are collective. With comm NULL there is one rank, and they do nothing. Must not know models or what the
 * bytes mean. */
#ifndef SAB_COMM_COMM_H
#define SAB_COMM_COMM_H

#include "sab_comm.h"

static inline int sab_comm_ranks(const struct sab_comm *comm)
{
    return comm ? comm->ranks : 1;
}

static inline int sab_comm_rank(const struct sab_comm *comm)
{
    return comm ? comm->rank : 0;
}

static inline int sab_comm_is_lost(const struct sab_comm *comm)
{
    return comm && comm->is_lost;
}

/* SAB_INVALID, saying what is wrong with the table. */
int sab_comm_check(const struct sab_comm *comm, struct sab_error *err);

/* Of n things in a row, the first that is a rank's: those of `rank` are first(rank) .. first(rank + 1) - 1. Rank 0 has some. */
int sab_comm_first(int n, int ranks, int rank);
/* Whose thing i is. */
int sab_comm_owner(int n, int ranks, int i);

/* SAB_IO when another rank is gone. */
int sab_comm_exchange(struct sab_comm *comm, const struct sab_parcel *sends, int n_sends, const struct sab_parcel *receives,
                      int n_receives, struct sab_error *err);

/* rows [ranks, nbytes]: each rank's own row goes to all. */
int sab_comm_spread(struct sab_comm *comm, void *rows, size_t nbytes, struct sab_error *err);

/* Every rank brings what became of its part, the message in err, and a number that must be the same on all. Returns one status
 * for all: SAB_OK where all have it; else that of the first rank that failed, its message in err (SAB_INTERRUPTED only where
 * nothing worse happened). Numbers that differ are SAB_INVALID: `what` says in a sentence of which things they are ("the
 * batches", "the options"). */
int sab_comm_agree(struct sab_comm *comm, int status, uint64_t number, const char *what, struct sab_error *err);

/* x [n] of all ranks summed up, on all. */
int sab_comm_sum(struct sab_comm *comm, int64_t *x, size_t n, struct sab_error *err);

#endif
