/* The ranks that a launcher (mpirun, srun) has started the program as. Belongs to the program; the library knows no MPI. */
#ifndef SAB_COMM_WORLD_H
#define SAB_COMM_WORLD_H

#include "sab_comm.h"

/* *comm is NULL where this is the one process that there is. On others than rank 0 nothing is printed from then on. SAB_INVALID where
 * a launcher has started several and this build has no MPI, SAB_IO where MPI cannot begin. Once a process. */
int sab_world_begin(struct sab_comm **comm, struct sab_error *err);

/* What is left to do before the process ends with that code: with a rank that is gone it does not return. */
void sab_world_end(int code);

/* Processors for each rank on this machine, where nobody has said how many threads there are to be. */
int sab_world_threads(void);

#endif
