/* Ranks as forked processes that talk over sockets: a struct sab_comm without MPI. */
#ifndef SAB_TESTS_SOCKETS_H
#define SAB_TESTS_SOCKETS_H

#include "sab_comm.h"

enum { SAB_SOCKETS_MOST = 8 };

/* Runs body as ranks 0..ranks-1, each in a process of its own, which leaves an answer of nbytes. answers [ranks, nbytes] are all zero
 * for a rank that ended without one. Returns how many did. */
int sab_sockets_run(int ranks, void (*body)(struct sab_comm *comm, void *user, void *answer), void *user, void *answers,
                    size_t nbytes);

#endif
