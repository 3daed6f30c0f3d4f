/* See world.h. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "comm/world.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "comm/comm.h"
#ifdef SAB_MPI
#include "sab_mpi.h"
#endif

/* How many processes a launcher says it has started; 1 where there is none, 0 where there is one that does not say. */
static int launched(void)
{
    static const char *const counts[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        if (getenv(counts[i]))
            return atoi(getenv(counts[i]));
    return getenv("PMI_RANK") || getenv("PMIX_RANK") ? 0 : 1;
}

#ifndef SAB_MPI

int sab_world_begin(struct sab_comm **comm, struct sab_error *err)
{
    int n = launched();
    *comm = NULL;
    if (n == 1)
        return SAB_OK;
    char text[16] = "several";
    if (n > 1)
        snprintf(text, sizeof text, "%d", n);
    return sab_fail(err, SAB_INVALID, "started as one of %s processes, and this sab was built without MPI: each would train alone in the "
                                      "same folder; build with -DSAB_MPI=ON (docs/cluster.md)", text);
}

void sab_world_end(int code)
{
    (void)code;
}

int sab_world_threads(void)
{
    return 0;
}

#else

/* A process, as the machine it is on knows it. */
struct process {
    char machine[128]; /* its boot and the name space of its process numbers: the same for processes that can see each other */
    int64_t id;
};

static struct {
    struct sab_mpi mpi;
    struct process *processes; /* [ranks] */
    int here;                  /* ranks on this machine */
    int said;                  /* the former standard error of a rank that was told to be quiet */
    struct timespec waits_since;
    int is_waiting;
} world;

static void name_machine(char name[128])
{
    char boot[64] = "", space[48] = "";
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
    if (file && !fgets(boot, sizeof boot, file))
        boot[0] = 0;
    if (file)
        fclose(file);
    boot[strcspn(boot, "\n")] = 0;
    if (readlink("/proc/self/ns/pid", space, sizeof space - 1) < 0)
        space[0] = 0;
    snprintf(name, 128, "%s %s", boot, space);
}

static int is_here(int rank)
{
    const char *own = world.processes[world.mpi.comm.rank].machine;
    return own[0] != ' ' && strcmp(own, world.processes[rank].machine) == 0;
}

static int is_gone(int rank)
{
    return is_here(rank) && kill((pid_t)world.processes[rank].id, 0) != 0 && errno == ESRCH;
}

/* The first rank that is left prints from now on. */
static void take_over(void)
{
    int rank = world.mpi.comm.rank;
    for (int r = 0; r < rank; r++)
        if (!is_gone(r))
            return;
    if (rank > 0 && world.said >= 0)
        dup2(world.said, STDERR_FILENO);
}

static double seconds_between(const struct timespec *from, const struct timespec *to)
{
    return (double)(to->tv_sec - from->tv_sec) + 1e-9 * (double)(to->tv_nsec - from->tv_nsec);
}

/* Called while messages are waited for; 1: a rank is gone, stop waiting. Other ranks may need this processor: it is
 * yielded at first, then given up for 50 us at a time. */
static int gives_up(void *user, int is_moving)
{
    struct timespec now;
    (void)user;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!world.is_waiting || is_moving) {
        world.is_waiting = 1;
        world.waits_since = now;
    }
    double waited = seconds_between(&world.waits_since, &now);
    if (waited < 0.002) {
        sched_yield();
        return 0;
    }
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    if (waited < 0.05)
        return 0;
    world.is_waiting = 0;
    for (int r = 0; r < world.mpi.comm.ranks; r++)
        if (is_gone(r)) {
            take_over();
            return 1;
        }
    return 0;
}

static int exchange(void *user, const struct sab_parcel *sends, int n_sends, const struct sab_parcel *receives, int n_receives)
{
    world.is_waiting = 0;
    return sab_mpi_exchange(user, sends, n_sends, receives, n_receives);
}

/* Standard output and error of ranks other than the first go nowhere: one rank prints for all. */
static void be_quiet(void)
{
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    world.said = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (nowhere < 0)
        return;
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    close(nowhere);
}

int sab_world_begin(struct sab_comm **out, struct sab_error *err)
{
    struct sab_comm *comm = &world.mpi.comm;
    int n = launched(), provided;
    *out = NULL;
    if (n == 1)
        return SAB_OK;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS ||
        sab_mpi_begin(&world.mpi, MPI_COMM_WORLD) != MPI_SUCCESS)
        return sab_fail(err, SAB_IO, "MPI could not be started");
    if (n > 0 && n != comm->ranks)
        return sab_fail(err, SAB_IO, "the launcher has started %d processes, and MPI knows of %d: are mpirun and the MPI that sab was "
                                     "built with the same?", n, comm->ranks);
    if (comm->rank > 0)
        be_quiet();
    world.processes = sab_alloc((size_t)comm->ranks, sizeof *world.processes);
    if (!world.processes)
        return sab_fail(err, SAB_NOMEM, "no memory for %d ranks", comm->ranks);
    name_machine(world.processes[comm->rank].machine);
    world.processes[comm->rank].id = getpid();
    int status = sab_comm_spread(comm, world.processes, sizeof *world.processes, err);
    for (int r = 0; r < comm->ranks; r++)
        world.here += is_here(r);
    world.mpi.gives_up = gives_up;
    comm->exchange = exchange;
    *out = comm->ranks > 1 ? comm : NULL;
    return status;
}

void sab_world_end(int code)
{
    if (!world.processes)
        return;
    fflush(NULL);
    if (world.mpi.comm.is_lost) /* MPI_Finalize would wait for the lost rank */
        _exit(code);
    sab_mpi_end(&world.mpi);
    MPI_Finalize();
    sab_free(world.processes);
    world.processes = NULL;
}

int sab_world_threads(void)
{
    cpu_set_t own;
    long all = sysconf(_SC_NPROCESSORS_ONLN);
    int n = sched_getaffinity(0, sizeof own, &own) == 0 ? CPU_COUNT(&own) : (int)all;
    if (!world.processes || world.here < 2 || n < all) /* the launcher has given each rank processors of its own */
        return 0;
    return n / world.here > 0 ? n / world.here : 1;
}

#endif
