/* sab's ranks are MPI's: fills a struct sab_comm (sab_comm.h) from an MPI communicator. Compile with what mpicc says; libsab itself
 * knows no MPI.
 *
 *     struct sab_mpi mpi = {0};
 *     MPI_Init(&argc, &argv);
 *     if (sab_mpi_begin(&mpi, MPI_COMM_WORLD) == MPI_SUCCESS)
 *         sab_engine_set_comm(engine, &mpi.comm, &err);
 *     ...
 *     sab_mpi_end(&mpi);
 *     MPI_Finalize();
 *
 * Calls MPI from the thread that calls sab: MPI_THREAD_FUNNELED does. */
#ifndef SAB_MPI_H
#define SAB_MPI_H

#include <mpi.h>
#include <stdlib.h>

#include "sab_comm.h"

struct sab_mpi {
    struct sab_comm comm;
    MPI_Comm mpi;               /* a copy of the caller's, whose messages meet no others and whose errors are returned */
    /* Asked again and again while messages are waited for; is_moving: some have come or gone since it was asked last. Other than 0: the
     * exchange fails. NULL: never. */
    int (*gives_up)(void *user, int is_moving);
    void *user;
};

/* Bytes of a message. What MPI takes for large (Open MPI over TCP from 64 KiB on) it announces, and waits for an answer, before it sends
 * it; where a latency is 1 ms and a second has 1 Gbit, that is the time of a quarter of a megabyte. So what is not much larger than that
 * goes in pieces; in one machine's memory pieces are the slower way. MPI takes their number as int. */
enum { SAB_MPI_SMALL = 60 << 10, SAB_MPI_PIECES = 1 << 20, SAB_MPI_LARGE = 1 << 30 };

static inline size_t sab_mpi_piece(size_t nbytes)
{
    return nbytes <= SAB_MPI_PIECES ? SAB_MPI_SMALL : SAB_MPI_LARGE;
}

static inline int sab_mpi_requests(const struct sab_parcel *parcels, int n)
{
    int count = 0;
    for (int i = 0; i < n; i++)
        count += (int)((parcels[i].nbytes - 1) / sab_mpi_piece(parcels[i].nbytes) + 1);
    return count;
}

/* Begins to send, or to receive, the parcels; the number of requests made, or -1. */
static inline int sab_mpi_start(struct sab_mpi *mpi, const struct sab_parcel *parcels, int n, int is_send, MPI_Request *requests)
{
    int count = 0, status = MPI_SUCCESS;
    for (int i = 0; i < n; i++) {
        size_t piece = sab_mpi_piece(parcels[i].nbytes);
        for (size_t at = 0; at < parcels[i].nbytes && status == MPI_SUCCESS; at += piece) {
            size_t left = parcels[i].nbytes - at;
            int nbytes = (int)(left < piece ? left : piece);
            char *data = (char *)parcels[i].data + at;
            status = is_send ? MPI_Isend(data, nbytes, MPI_BYTE, parcels[i].rank, 0, mpi->mpi, &requests[count++])
                             : MPI_Irecv(data, nbytes, MPI_BYTE, parcels[i].rank, 0, mpi->mpi, &requests[count++]);
        }
    }
    return status == MPI_SUCCESS ? count : -1;
}

/* indices and statuses: room for n. */
static inline int sab_mpi_wait(struct sab_mpi *mpi, MPI_Request *requests, int *indices, MPI_Status *statuses, int n)
{
    int done = 0;
    if (!mpi->gives_up)
        return MPI_Waitall(n, requests, statuses) != MPI_SUCCESS;
    while (n > 0) {
        if (MPI_Testsome(n, requests, &done, indices, statuses) != MPI_SUCCESS)
            return 1;
        if (done == MPI_UNDEFINED) /* all are */
            return 0;
        if (mpi->gives_up(mpi->user, done > 0))
            return 1;
    }
    return 0;
}

static inline int sab_mpi_exchange(void *user, const struct sab_parcel *sends, int n_sends, const struct sab_parcel *receives,
                                   int n_receives)
{
    struct sab_mpi *mpi = (struct sab_mpi *)user;
    int most = sab_mpi_requests(sends, n_sends) + sab_mpi_requests(receives, n_receives);
    size_t room = (size_t)(most > 0 ? most : 1);
    MPI_Request *requests = (MPI_Request *)malloc(room * sizeof *requests);
    MPI_Status *statuses = (MPI_Status *)malloc(room * sizeof *statuses); /* gcc warns of MPICH's MPI_STATUSES_IGNORE, the address 1 */
    int *indices = (int *)malloc(room * sizeof *indices);
    int receiving = requests && statuses && indices ? sab_mpi_start(mpi, receives, n_receives, 0, requests) : -1;
    int sending = receiving < 0 ? -1 : sab_mpi_start(mpi, sends, n_sends, 1, requests + receiving);
    int failed = sending < 0 || sab_mpi_wait(mpi, requests, indices, statuses, receiving + sending);
    free(requests);
    free(statuses);
    free(indices);
    return failed;
}

/* Collective over `of`. MPI_SUCCESS, or MPI's error code. */
static inline int sab_mpi_begin(struct sab_mpi *mpi, MPI_Comm of)
{
    int rank, ranks, status = MPI_Comm_dup(of, &mpi->mpi);
    if (status == MPI_SUCCESS)
        status = MPI_Comm_set_errhandler(mpi->mpi, MPI_ERRORS_RETURN);
    if (status == MPI_SUCCESS)
        status = MPI_Comm_rank(mpi->mpi, &rank);
    if (status == MPI_SUCCESS)
        status = MPI_Comm_size(mpi->mpi, &ranks);
    if (status != MPI_SUCCESS)
        return status;
    mpi->comm.size = sizeof mpi->comm;
    mpi->comm.rank = rank;
    mpi->comm.ranks = ranks;
    mpi->comm.exchange = sab_mpi_exchange;
    mpi->comm.user = mpi;
    mpi->comm.is_lost = 0;
    return MPI_SUCCESS;
}

/* Collective, where no rank is lost. */
static inline void sab_mpi_end(struct sab_mpi *mpi)
{
    MPI_Comm_free(&mpi->mpi);
}

#endif
