/* Whether threads can be had. Must not know what they are for. */
#ifndef SAB_BASE_THREADS_H
#define SAB_BASE_THREADS_H

#include "sab.h"

/* Starts n threads with the caller's at once, and ends the others: OpenMP's library ends the process where the system refuses
 * one. SAB_NOMEM says how many there can be. */
int sab_threads_ready(int n, struct sab_error *err);

#endif
