/* The options that more than one layer needs, and that are theirs alone in none. Quantiles are a network's, which has an output for
 * each, and a task's, which has a target for each. */
#ifndef SAB_BASE_SHARED_H
#define SAB_BASE_SHARED_H

#include "base/option.h"

struct sab_shared_options {
    int batch;     /* B: sequences per update */
    uint64_t seed;
    int threads;   /* 0: one per processor this process may use */
    int cpu;       /* enum sab_cpu */
    const char *quantiles; /* "0.1,0.5,0.9": of --loss quantile */
};

/* What the quantiles' text says: n levels in (0, 1), ascending, the median (0.5) among them. */
enum { SAB_QUANTILES_MOST = 99 };
struct sab_quantiles {
    int n, median;
    double level[SAB_QUANTILES_MOST];
};

/* In parts, so that the order of all options stays that of files already written. */
extern const struct sab_rows sab_batch_rows, sab_seed_rows, sab_cpu_rows, sab_quantiles_rows;

/* SAB_INVALID names the text and what is legal. */
int sab_quantiles_parse(const char *text, struct sab_quantiles *quantiles, struct sab_error *err);

/* Puts the outputs of one target in their order: quantiles that cross are exchanged, which lessens or keeps their loss. */
void sab_quantiles_sort(const struct sab_quantiles *quantiles, sab_real *y);

#endif
