/* sab on several processes: training and evaluation shared by ranks, with the bits of one process.
 *
 * Each rank runs the same calls with the same options, weights and batches, and takes a part of each batch: whole shards of 8
 * sequences, one after the other. The gradient is added up in the tree that one process adds it up in, so every rank has the same
 * gradient, the same norm and the same weights after the update, to the bit, for any number of ranks and threads. (On one
 * instruction set: give machines that differ the same option cpu.)
 *
 * How messages travel is the caller's: a table with one function. sab_mpi.h fills it for MPI; the library itself links none.
 *
 *     struct sab_comm comm = {.size = sizeof comm, .rank = rank, .ranks = ranks, .exchange = exchange, .user = me};
 *     sab_engine_set_comm(sab_trainer_engine(trainer), &comm, &err);
 *
 * or, for a whole run, sab_train_watched with the watcher's comm.
 *
 * Functions whose comment begins with "Collective" are called by all ranks, in the same order. They end alike on all: what goes
 * wrong on one (a file, memory, a stop) is the status of all, with its message. When a rank is gone, the others return SAB_IO from
 * the call under way and from every later one that would need it. */
#ifndef SAB_COMM_H
#define SAB_COMM_H

#include "sab.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What goes to a rank, or comes from it. */
struct sab_parcel {
    int rank;       /* the other one */
    void *data;     /* read when it is sent, filled when it comes */
    size_t nbytes;  /* above 0; the receiver knows how much comes */
};

struct sab_comm {
    size_t size;    /* sizeof (struct sab_comm) */
    int rank, ranks; /* 0..ranks-1 */
    /* Sends and receives all of these and returns when they are done: 0, or another number where that is not possible any more.
     * Parcels from one rank to another arrive in the order in which they are listed. Both lists may hold many of each rank, and
     * all ranks may be sending and receiving at once: it must not wait for the one before it begins the other. */
    int (*exchange)(void *user, const struct sab_parcel *sends, int n_sends, const struct sab_parcel *receives, int n_receives);
    void *user;
    int is_lost;    /* sab's own, 0 at first; 1: an exchange failed, and nothing is exchanged any more */
};

/* From now on sab_engine_gradient, the updates of a trainer with this engine and sab_evaluate are shared by the ranks of comm, which
 * is borrowed and must outlive the engine; NULL: no longer. Collective from then on:
 *
 *   - sab_engine_gradient, sab_trainer_gradient, sab_trainer_update: every rank brings the whole batch. The request has no dvalues,
 *     dh0, dc0 and recall. A state that batches carry is of this rank's sequences only: a stream of sab_comm_sequences.
 *   - sab_evaluate
 *   - sab_trainer_save: rank 0 writes, for any number of ranks to go on. sab_trainer_load: all read.
 *
 * Forward, tapes and streams stay each rank's own. SAB_INVALID for a table that is wrong, and with a device. Not itself collective. */
SAB_API int sab_engine_set_comm(struct sab_engine *engine, struct sab_comm *comm, struct sab_error *err);

/* How many of a batch's B sequences are this rank's, and in *first, which may be NULL, the number of the first of them; where
 * sequences have lengths and carry no state, which they are is another matter: they are dealt longest first. */
SAB_API int sab_comm_sequences(const struct sab_comm *comm, int B, int *first);

#ifdef __cplusplus
}
#endif
#endif
