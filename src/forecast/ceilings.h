/* What the machine can do at best, measured by small loops in this very run. */
#ifndef SAB_FORECAST_CEILINGS_H
#define SAB_FORECAST_CEILINGS_H

#include "kernels/kernels.h"

/* Per second, all threads together, the best of several tries. */
struct sab_ceilings {
    int threads;
    double flops;      /* two per multiply-add in registers, with these kernels' instructions */
    double scores;     /* elements of a score in registers: multiply-add, reciprocal, multiply-add */
    double functions;  /* tanh of these kernels, operands in the first cache */
    double nbytes;     /* triad a = b + 3 c of arrays far larger than the caches; three arrays counted */
};

/* SAB_NOMEM. Takes half a second and 192 MiB; quick: a twentieth of a second and 24 MiB, for a rough idea. */
int sab_ceilings_measure(const struct sab_kernels *kernels, int threads, int is_quick, struct sab_ceilings *ceilings,
                         struct sab_error *err);

#endif
