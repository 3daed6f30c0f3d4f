/* See ceilings.h. Every loop runs on all threads at once and is tried several times: interruptions only make it slower. */
#include "forecast/ceilings.h"

#include <time.h>

#include "base/alloc.h"
#include "base/error.h"

enum { FUNCTIONS = 1024 };

/* How much trouble is taken. */
struct effort {
    int tries, triad_count;
    double try_s;
};
static const struct effort careful = {7, 1 << 24, 0.01}, quick = {8, 1 << 21, 0.002};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One thread's share of the work, `rounds` times; returns how much was done. */
struct loop {
    const struct sab_kernels *kernels;
    double (*run)(const struct loop *loop, int rounds);
};

static double run_fma(const struct loop *loop, int rounds)
{
    real x[SAB_PEAK_ROOM] = {0};
    return 2 * loop->kernels->peak_fma(rounds, x);
}

static double run_score(const struct loop *loop, int rounds)
{
    real x[SAB_PEAK_ROOM] = {0};
    return loop->kernels->peak_score(rounds, x);
}

static double run_function(const struct loop *loop, int rounds)
{
    real x[FUNCTIONS] = {0}, y[FUNCTIONS];
    for (int round = 0; round < rounds; round++)
        loop->kernels->rnn_forward(FUNCTIONS, x, y);
    return (double)rounds * FUNCTIONS;
}

/* The most that `threads` threads do together per second. */
static double best(const struct loop *loop, int threads, const struct effort *effort)
{
    int rounds = 1;
    double start = now(), most = 0;
    for (loop->run(loop, rounds); now() - start < effort->try_s / 4 && rounds < 1 << 28; loop->run(loop, rounds)) {
        rounds *= 2;
        start = now();
    }
    for (int i = 0; i < effort->tries; i++) {
        double done = 0;
        start = now();
#ifdef _OPENMP
#pragma omp parallel num_threads(threads) reduction(+ : done)
#endif
        done += loop->run(loop, 4 * rounds);
        double rate = done / (now() - start);
        most = rate > most ? rate : most;
    }
    (void)threads;
    return most;
}

static double best_triad(real *a, const real *b, const real *c, int threads, const struct effort *effort)
{
    double most = 0;
    (void)threads;
    for (int i = 0; i <= effort->tries; i++) { /* the first one maps the pages */
        double start = now();
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads) schedule(static)
#endif
        for (int j = 0; j < effort->triad_count; j++)
            a[j] = b[j] + 3 * c[j];
        double rate = 3.0 * effort->triad_count * sizeof *a / (now() - start);
        most = rate > most && i > 0 ? rate : most;
    }
    return most;
}

int sab_ceilings_measure(const struct sab_kernels *kernels, int threads, int is_quick, struct sab_ceilings *ceilings,
                         struct sab_error *err)
{
    const struct effort *effort = is_quick ? &quick : &careful;
    size_t n = (size_t)effort->triad_count;
    real *arrays = sab_alloc(3 * n, sizeof *arrays);
    if (!arrays)
        return sab_fail(err, SAB_NOMEM, "no memory to measure the memory's speed");
    for (size_t i = 0; i < 3 * n; i++)
        arrays[i] = 1; /* pages that were never written are all the same one */
    *ceilings = (struct sab_ceilings){
        .threads = threads,
        .flops = best(&(struct loop){kernels, run_fma}, threads, effort),
        .scores = best(&(struct loop){kernels, run_score}, threads, effort),
        .functions = best(&(struct loop){kernels, run_function}, threads, effort),
        .nbytes = best_triad(arrays, arrays + n, arrays + 2 * n, threads, effort),
    };
    sab_free(arrays);
    return SAB_OK;
}
