/* What sab bench measured, for those who print it. */
#ifndef SAB_LAB_BENCH_H
#define SAB_LAB_BENCH_H

#include "credit/cost.h"
#include "forecast/ceilings.h"
#include "train/options.h"

enum { SAB_BENCH_ROWS = 64 };

/* Some updates on fresh batches. Seconds are of one update, its batch made within. */
struct sab_bench_updates {
    int threads, workers;       /* asked for; at work: no more than there are shards */
    int at_work;                /* of a batch that is one shard: threads that took its steps together, of which the first is counted */
    int steps, updates;         /* of a sequence; how many were timed */
    double median_s, fastest_s;
    double cpu_s;               /* of all threads, the mean */
    double ticks_per_s;
    double seconds[SAB_PHASE_COUNT]; /* of all workers, the mean; the rest of workers * mean_s is idle */
    double mean_s;
    double evaluation_s;        /* of one batch, the median */
    struct sab_cost cost, evaluation_cost;
    double peak_rss_nbytes;
};

/* One step of one sequence. */
struct sab_bench_steps {
    int memories;
    double median_s, slow_s;    /* slow: 99 of 100 are faster */
};

struct sab_bench {
    struct sab_options config;
    const struct sab_kernels *kernels;
    struct sab_ceilings one, all;
    struct sab_bench_updates updates;
    double bound_s;             /* products and scores of an update at the ceilings of all workers */
    int n_scaling, n_stream;
    struct sab_bench_updates scaling[SAB_BENCH_ROWS];
    struct sab_bench_steps stream[2];
};

/* Updates on a device, timed and counted, and printed. */
int sab_bench_device(const struct sab_options *config, int repeat, double seconds, int json, struct sab_error *err);

void sab_bench_print(const struct sab_bench *bench);
void sab_bench_print_json(const struct sab_bench *bench);

#endif
