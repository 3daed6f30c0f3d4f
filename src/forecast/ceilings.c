/* See ceilings.h. Every loop runs on all threads at once and is tried several times: interruptions only make it slower. */
#include "forecast/ceilings.h"

#include <time.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/team.h"

enum { FUNCTIONS = 1024 };

/* How much trouble is taken. */
struct effort {
    int tries, triad_count;
    double try_s;
};
static const struct effort careful = {7, 1 << 24, 0.01}, quick = {8, 1 << 21, 0.002};

/* One thread asks how long it ran itself: where others keep the processors busy, none of a few short tries may be left alone. */
static double now(int threads)
{
    struct timespec t;
    if (threads > 1 || clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) != 0)
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

/* A loop on all threads at once. */
struct together {
    const struct loop *loop;
    int rounds;
    double *done; /* [threads] */
};

static void run_one(void *user, int i, int member)
{
    const struct together *t = user;
    (void)member;
    t->done[i] = t->loop->run(t->loop, t->rounds);
}

/* The most that the team does together per second. */
static double best(const struct loop *loop, struct sab_team *team, int threads, double *done, const struct effort *effort)
{
    int rounds = 1;
    double start = now(1), most = 0;
    for (loop->run(loop, rounds); now(1) - start < effort->try_s / 4 && rounds < 1 << 28; loop->run(loop, rounds)) {
        rounds *= 2;
        start = now(1);
    }
    for (int i = 0; i < effort->tries; i++) {
        double sum = 0;
        start = now(threads);
        sab_team_run(team, threads, threads, run_one, &(struct together){loop, 4 * rounds, done});
        double s = now(threads) - start;
        for (int k = 0; k < threads; k++)
            sum += done[k];
        most = sum / s > most ? sum / s : most;
    }
    return most;
}

enum { TRIAD_PART = 1 << 14 };

struct triad {
    real *a;
    const real *b, *c;
};

static void add_part(void *user, int part, int member)
{
    const struct triad *t = user;
    (void)member;
    for (int i = part * TRIAD_PART; i < (part + 1) * TRIAD_PART; i++)
        t->a[i] = t->b[i] + 3 * t->c[i];
}

static double best_triad(struct triad *triad, struct sab_team *team, int threads, const struct effort *effort)
{
    double most = 0;
    for (int i = 0; i <= effort->tries; i++) { /* the first one maps the pages */
        double start = now(threads);
        sab_team_run(team, threads, effort->triad_count / TRIAD_PART, add_part, triad);
        double rate = 3.0 * effort->triad_count * sizeof *triad->a / (now(threads) - start);
        most = rate > most && i > 0 ? rate : most;
    }
    return most;
}

int sab_ceilings_measure(const struct sab_kernels *kernels, int threads, int is_quick, struct sab_ceilings *ceilings,
                         struct sab_error *err)
{
    const struct effort *effort = is_quick ? &quick : &careful;
    size_t n = (size_t)effort->triad_count;
    struct sab_team *team = NULL;
    int status = sab_team_grow(&team, threads, err);
    real *arrays = sab_alloc(3 * n, sizeof *arrays);
    double *done = sab_alloc((size_t)threads, sizeof *done);
    if (status == SAB_OK && (!arrays || !done))
        status = sab_fail(err, SAB_NOMEM, "no memory to measure the memory's speed");
    if (status == SAB_OK) {
        for (size_t i = 0; i < 3 * n; i++)
            arrays[i] = 1; /* pages that were never written are all the same one */
        *ceilings = (struct sab_ceilings){
            .threads = threads,
            .flops = best(&(struct loop){kernels, run_fma}, team, threads, done, effort),
            .scores = best(&(struct loop){kernels, run_score}, team, threads, done, effort),
            .functions = best(&(struct loop){kernels, run_function}, team, threads, done, effort),
            .nbytes = best_triad(&(struct triad){arrays, arrays + n, arrays + 2 * n}, team, threads, effort),
        };
    }
    sab_team_free(team);
    sab_free(arrays);
    sab_free(done);
    return status;
}
