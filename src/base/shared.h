/* The options that more than one layer needs, and that are theirs alone in none. */
#ifndef SAB_BASE_SHARED_H
#define SAB_BASE_SHARED_H

#include "base/option.h"

struct sab_shared_options {
    int batch;     /* B: sequences per update */
    uint64_t seed;
    int threads;   /* 0: one per processor this process may use */
    int cpu;       /* enum sab_cpu */
};

/* In three parts, so that the order of all options stays that of files already written. */
extern const struct sab_rows sab_batch_rows, sab_seed_rows, sab_cpu_rows;

#endif
