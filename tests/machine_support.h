/* The machine of the tests machine*.c: the host's or, with SAB_TEST_DEVICE=cuda, where the build has it, the first GPU. Both are equal
 * to the bit where nothing is said: on the GPU because nothing is fused (-fmad=false). */
#ifndef SAB_TESTS_MACHINE_SUPPORT_H
#define SAB_TESTS_MACHINE_SUPPORT_H

#include "cuda/machine.h"

#define MACHINE_EPSILON (sizeof(real) == 4 ? 0x1p-23 : 0x1p-52)
extern struct sab_machine *machine;
extern int machine_on_host;

/* 0, and why is printed, where it cannot be opened. */
int machine_open(void);
/* Returns failed. */
int machine_close(int failed);

/* Waits until all is done. */
void machine_done(void);
/* A block of so many bytes, and one that holds a copy of the host's. */
void *machine_room(size_t nbytes);
void *machine_put(const void *host, size_t nbytes);
/* Fetches and gives back. */
void machine_get(void *host, void *block, size_t nbytes);

/* Numbers of the host; those drawn are in -1..1. */
real *machine_numbers(size_t count);
real *machine_drawn(uint64_t *state, size_t count);

/* Equal to the bit, and as near as a tolerance says; what names them. */
void machine_same(const char *what, const real *got, const real *want, size_t count);
void machine_near(const char *what, size_t i, double got, double want, double tolerance);

#endif
