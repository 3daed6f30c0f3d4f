/* Pieces of work side by side, each in a process of its own. Must not know what they are. */
#ifndef SAB_LAB_JOBS_H
#define SAB_LAB_JOBS_H

#include <signal.h>

#include "report/progress.h"

enum { SAB_JOB_NAME_CAP = 160 };

struct sab_jobs {
    int count;   /* pieces, numbered from 0 and begun in this order */
    int at_once; /* processes at a time; 1: the caller's own does one piece after the other */
    int quiet;
    void *user;
    /* What people are told of piece i when it begins, and what precedes each line that its process says on stderr. */
    void (*name)(void *user, int i, char name[SAB_JOB_NAME_CAP]);
    /* Does piece i. In a process of its own nothing that it leaves in memory is seen by others. *is_taken = 1, with SAB_OK: somebody
     * else is at it; it is asked again when the other pieces have had their turn, until it is not. SAB_INTERRUPTED: it was stopped. */
    int (*run)(void *user, int i, int *is_taken, struct sab_error *err);
    void (*done)(void *user, int i);   /* here, when piece i is done; may be NULL */
    struct sab_progress *progress;     /* what stands on the terminal meanwhile; may be NULL */
    const volatile sig_atomic_t *stop; /* of sab_stop_listen */
};

/* Until all pieces are done; or one fails, or is stopped, or the flag says stop: then none is begun any more, those at work are asked
 * to stop, and what came first is returned when they have saved. A process that the system ended is SAB_IO. Processes of their own have a
 * group of their own, so that a signal of the terminal comes once, and are asked to stop where this one is killed. */
int sab_jobs_run(const struct sab_jobs *jobs, struct sab_error *err);

#endif
