/* sab bench: how fast updates, evaluations and single steps are here, and how near to what the machine can do. */
#include "lab/bench.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/team.h"
#include "cli/arguments.h"
#include "cli/say.h"
#include "credit/engine.h"
#include "cuda/device.h"
#include "forecast/plan.h"
#include "report/progress.h"
#include "sab_run.h"
#include "train/trainer.h"

enum { REPEAT_CAP = 100000, STREAM_SAMPLES = 2000, STREAM_BURST = 32 };

struct own {
    int repeat, memories, scaling, stream;
    double seconds;
    int is_quiet; /* as the command was told */
};

static const struct sab_option own[] = {
    {"repeat", SAB_OPTION_INT, offsetof(struct own, repeat), 0, 1, REPEAT_CAP, NULL, "11", "",
     "updates that are timed; the median counts"},
    {"seconds", SAB_OPTION_REAL, offsetof(struct own, seconds), 0, 0, 1e6, NULL, "20", "",
     "after so long no further update is begun, but one"},
    {"scaling", SAB_CLI_FLAG, offsetof(struct own, scaling), 0, 0, 1, NULL, "off", "",
     "time updates with 1, 2, 4, ... threads, up to twice as many as processors"},
    {"stream", SAB_CLI_FLAG, offsetof(struct own, stream), 0, 0, 1, NULL, "off", "",
     "time single steps of one sequence, without attention and with --memories"},
    {"memories", SAB_OPTION_INT, offsetof(struct own, memories), 0, 1, 1e7, NULL, "1024", "",
     "stream: memories that a step reads"},
};

static double clock_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The p-th part of n numbers, which are sorted. */
static double quantile(double *x, int n, double p)
{
    qsort(x, (size_t)n, sizeof *x, rising);
    return x[(int)(p * (n - 1) + 0.5)];
}

/* ---- updates ---- */

struct training {
    struct sab_task *task;
    struct sab_model *model;
    struct sab_trainer *trainer;
    struct sab_profile *profile; /* [workers] */
    double *samples;
};

static void training_free(struct training *t)
{
    sab_trainer_free(t->trainer);
    sab_model_free(t->model);
    sab_task_free(t->task);
    sab_free(t->profile);
    sab_free(t->samples);
}

static int training_create(struct training *t, const struct sab_options *config, int workers, int repeat,
                           struct sab_error *err)
{
    int status = sab_task_create(&t->task, config, NULL, err);
    if (status == SAB_OK)
        status = sab_model_create(&t->model, config, sab_task_shape(t->task), err);
    if (status == SAB_OK)
        status = sab_trainer_create(&t->trainer, t->model, config, err);
    t->profile = sab_alloc((size_t)workers, sizeof *t->profile);
    t->samples = sab_alloc((size_t)repeat, sizeof *t->samples);
    if (status == SAB_OK && (!t->profile || !t->samples))
        status = sab_fail(err, SAB_NOMEM, "no memory for the measurement");
    return status;
}

static int one_update(struct training *t, int64_t index, int batch_size, struct sab_error *err)
{
    struct sab_batch batch = {.size = sizeof batch};
    sab_profile_start(t->trainer->engine->profile);
    int status = sab_task_batch(t->task, SAB_TRAIN, index, batch_size, &batch, err);
    sab_profile_lap(t->trainer->engine->profile, SAB_PHASE_DATA);
    return status == SAB_OK ? sab_trainer_update(t->trainer, &batch, NULL, err) : status;
}

/* Two updates to warm up, or one that takes long; then the timed ones, with time per phase. */
static int time_updates(struct training *t, const struct sab_options *config, const struct own *o,
                        struct sab_bench_updates *u, struct sab_error *err)
{
    double begin = clock_s(CLOCK_MONOTONIC);
    int status = one_update(t, 0, config->shared.batch, err);
    if (status == SAB_OK && clock_s(CLOCK_MONOTONIC) - begin < o->seconds / 4)
        status = one_update(t, 1, config->shared.batch, err);
    t->trainer->engine->profile = t->profile;
    uint64_t ticks = sab_ticks();
    double cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID), start = clock_s(CLOCK_MONOTONIC), before = start, end = start;
    for (u->updates = 0; u->updates < o->repeat && status == SAB_OK && (u->updates == 0 || end - start < o->seconds);) {
        status = one_update(t, 2 + u->updates, config->shared.batch, err);
        end = clock_s(CLOCK_MONOTONIC);
        t->samples[u->updates++] = end - before;
        before = end;
    }
    u->ticks_per_s = (double)(sab_ticks() - ticks) / (end - start);
    u->cpu_s = (clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu) / u->updates;
    u->mean_s = (end - start) / u->updates;
    u->median_s = quantile(t->samples, u->updates, 0.5);
    u->fastest_s = t->samples[0];
    t->trainer->engine->profile = NULL;
    return status;
}

static int time_evaluations(struct training *t, const struct sab_options *config, const struct own *o,
                            struct sab_bench_updates *u, struct sab_error *err)
{
    struct sab_batch batch = {.size = sizeof batch};
    int n = 0, status = sab_task_batch(t->task, SAB_TRAIN, 0, config->shared.batch, &batch, err);
    if (status == SAB_OK)
        status = sab_engine_forward(t->trainer->engine, &batch, NULL, NULL, NULL, NULL, err);
    for (double start = clock_s(CLOCK_MONOTONIC), before = start, end = start;
         n < o->repeat && status == SAB_OK && (n == 0 || end - start < o->seconds / 4); before = end) {
        status = sab_engine_forward(t->trainer->engine, &batch, NULL, NULL, NULL, NULL, err);
        end = clock_s(CLOCK_MONOTONIC);
        t->samples[n++] = end - before;
    }
    u->steps = batch.T;
    int lanes = t->trainer->engine->lockstep.members;
    u->at_work = u->workers > lanes ? u->workers : lanes;
    u->evaluation_s = n ? quantile(t->samples, n, 0.5) : 0;
    return status;
}

/* Ticks to seconds; how much work there was. */
static void sum_up(const struct training *t, const struct sab_options *config, struct sab_bench_updates *u)
{
    double rows = 0;
    for (int i = 0; i < u->workers; i++) {
        rows += (double)t->profile[i].rows_backward;
        for (int phase = 0; phase < SAB_PHASE_COUNT; phase++)
            u->seconds[phase] += (double)t->profile[i].ticks[phase] / u->ticks_per_s / u->updates;
    }
    double reached = rows / u->updates / ((double)u->steps * config->shared.batch * config->model.layers);
    sab_cost_count(t->model, u->steps, config->shared.batch, reached, t->trainer->engine->recomputed, &u->cost);
    sab_cost_count(t->model, u->steps, config->shared.batch, 0, 0, &u->evaluation_cost);
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    u->peak_rss_nbytes = 1024.0 * (double)usage.ru_maxrss;
}

/* Two updates and two evaluations are the least. */
static void warn_of_time(const struct sab_options *config, const struct training *t)
{
    double back_s, there_s, nbytes;
    char text[80], less[100];
    int T = sab_task_steps(t->task), B = config->shared.batch, threads = config->shared.threads;
    snprintf(less, sizeof less, "%s takes less", sab_options_less(config, "T batch hidden", text, sizeof text));
    if (sab_forecast_batches(t->model, T, B, 2, 1, threads, &back_s, &nbytes, NULL) == SAB_OK &&
        sab_forecast_batches(t->model, T, B, 2, 0, threads, &there_s, &nbytes, NULL) == SAB_OK)
        sab_say_slow(back_s + there_s, less,
                     "two updates and two evaluations, the least that is "
                     "timed,");
}

static int measure_updates(const struct sab_options *base, const struct own *o, int threads,
                           struct sab_bench_updates *u, struct sab_error *err)
{
    struct training t = {0};
    struct sab_options config;
    int status = sab_options_copy(&config, base, err);
    if (status != SAB_OK)
        return status;
    int shards = (config.shared.batch - 1) / SAB_SHARD + 1;
    config.shared.threads = u->threads = threads;
    u->workers = threads < shards ? threads : shards;
    status = training_create(&t, &config, u->workers, o->repeat, err);
    if (status == SAB_OK && !o->is_quiet)
        warn_of_time(&config, &t);
    if (status == SAB_OK)
        status = time_updates(&t, &config, o, u, err);
    if (status == SAB_OK)
        status = time_evaluations(&t, &config, o, u, err);
    if (status == SAB_OK)
        sum_up(&t, &config, u);
    training_free(&t);
    sab_options_clear(&config);
    return status;
}

/* Powers of two, the processors, and twice as many. */
static int measure_scaling(const struct own *o, struct sab_bench *b, struct sab_error *err)
{
    int cores = sab_processors(), status = SAB_OK;
    for (int n = 1; n <= 2 * cores && status == SAB_OK && b->n_scaling < SAB_BENCH_ROWS; n++)
        if ((n & (n - 1)) == 0 || n == cores || n == 2 * cores)
            status = measure_updates(&b->config, o, n, &b->scaling[b->n_scaling++], err);
    return status;
}

/* ---- streaming ---- */

struct streaming {
    struct sab_task *task;
    struct sab_model *model;
    struct sab_stream *filled, *running;
    struct sab_batch batch;
    int at;              /* next step of the batch */
    sab_real *outputs;
    double *samples;
};

static int step(struct streaming *s, struct sab_stream *stream, struct sab_error *err)
{
    const struct sab_batch *batch = &s->batch;
    int t = s->at++ % batch->T;
    return sab_stream_step(stream, batch->ids ? batch->ids + t : NULL,
                           batch->values ? batch->values + (size_t)t * sab_model_shape(s->model)->I : NULL, s->outputs,
                           err);
}

static int streaming_create(struct streaming *s, const struct sab_options *config, int64_t steps, int is_quiet, struct sab_error *err)
{
    double seconds, nbytes;
    int status = sab_task_create(&s->task, config, NULL, err);
    s->batch.size = sizeof s->batch;
    if (status == SAB_OK)
        status = sab_task_batch(s->task, SAB_TRAIN, 0, 1, &s->batch, err);
    if (status == SAB_OK)
        status = sab_model_create(&s->model, config, sab_task_shape(s->task), err);
    if (status == SAB_OK)
        status = sab_stream_create(&s->filled, s->model, 1, err);
    s->samples = sab_alloc(STREAM_SAMPLES, sizeof *s->samples);
    s->outputs = sab_alloc((size_t)sab_task_shape(s->task)->O, sizeof *s->outputs);
    if (status == SAB_OK && (!s->samples || !s->outputs))
        status = sab_fail(err, SAB_NOMEM, "no memory for the measurement");
    if (status == SAB_OK && !is_quiet &&
        sab_forecast_batches(s->model, steps < INT_MAX / 16 ? (int)steps : INT_MAX / 16, 1, 1, 0, 1, &seconds, &nbytes, NULL) == SAB_OK)
        sab_say_slow(seconds, "fewer --memories take less", "the %lld steps that write them", (long long)steps);
    for (int64_t i = 0; i < steps && status == SAB_OK; i++)
        status = step(s, s->filled, err);
    return status;
}

static void streaming_free(struct streaming *s)
{
    sab_stream_free(s->running);
    sab_stream_free(s->filled);
    sab_model_free(s->model);
    sab_task_free(s->task);
    sab_free(s->samples);
    sab_free(s->outputs);
}

/* Steps that begin with `memories` of them: bursts on copies of one stream. The first steps of a burst, when the copy
 * is not in the caches and its arrays grow, are not counted. */
static int measure_steps(const struct sab_options *config, int memories, int is_quiet, struct sab_bench_steps *result,
                         struct sab_error *err)
{
    struct streaming s = {0};
    int n = 0, status = streaming_create(&s, config, (int64_t)memories * config->model.k_att, is_quiet, err);
    while (n < STREAM_SAMPLES && status == SAB_OK) {
        status = sab_stream_clone(&s.running, s.filled, err);
        for (int i = 0; i < 2 * STREAM_BURST && n < STREAM_SAMPLES && status == SAB_OK; i++) {
            double start = clock_s(CLOCK_MONOTONIC);
            status = step(&s, s.running, err);
            if (i >= STREAM_BURST)
                s.samples[n++] = clock_s(CLOCK_MONOTONIC) - start;
        }
        sab_stream_free(s.running);
        s.running = NULL;
    }
    if (status == SAB_OK)
        *result = (struct sab_bench_steps){memories, quantile(s.samples, n, 0.5), quantile(s.samples, n, 0.99)};
    streaming_free(&s);
    return status;
}

static int measure_stream(const struct own *o, struct sab_bench *b, struct sab_error *err)
{
    struct sab_options plain;
    int status = sab_options_copy(&plain, &b->config, err);
    plain.model.credit = SAB_CREDIT_TBPTT;
    if (status == SAB_OK)
        status = measure_steps(&plain, 0, o->is_quiet, &b->stream[b->n_stream++], err);
    int attends = b->config.model.credit != SAB_CREDIT_BPTT && b->config.model.credit != SAB_CREDIT_TBPTT && b->config.model.k_top > 0;
    if (status == SAB_OK && attends)
        status = measure_steps(&b->config, o->memories, o->is_quiet, &b->stream[b->n_stream++], err);
    sab_options_clear(&plain);
    return status;
}

/* ---- all of it ---- */

static void raise_limits(struct sab_ceilings *top, const struct sab_ceilings *seen, int is_quick)
{
    top->threads = seen->threads;
    top->flops = fmax(top->flops, seen->flops);
    top->scores = fmax(top->scores, seen->scores);
    top->functions = fmax(top->functions, seen->functions);
    if (!is_quick) /* whose arrays a cache may hold */
        top->nbytes = fmax(top->nbytes, seen->nbytes);
}

/* What the machine can do at the best of several times, of which the first is careful: who else works on it makes it only slower. After the
 * updates, whose memory is told. */
enum { TIMES = 3 };

static int measure_limits(struct sab_bench *b, int threads, int is_quick, struct sab_error *err)
{
    struct sab_ceilings one, all;
    int status = sab_ceilings_measure(b->kernels, 1, is_quick, &one, err);
    if (status == SAB_OK)
        status = sab_ceilings_measure(b->kernels, threads, is_quick, &all, err);
    if (status != SAB_OK)
        return status;
    raise_limits(&b->one, &one, is_quick);
    raise_limits(&b->all, &all, is_quick);
    return SAB_OK;
}

static int measure(struct sab_bench *b, const struct own *o, struct sab_error *err)
{
    int status = measure_updates(&b->config, o, sab_threads_of(b->config.shared.threads), &b->updates, err);
    if (status == SAB_OK && o->scaling)
        status = measure_scaling(o, b, err);
    if (status == SAB_OK && o->stream)
        status = measure_stream(o, b, err);
    for (int i = 0; i < TIMES && status == SAB_OK; i++)
        status = measure_limits(b, b->updates.at_work, i > 0, err);
    b->bound_s = sab_cost_flops(&b->updates.cost) / b->all.flops +
                 b->updates.cost.elements[SAB_PHASE_SCORE] / b->all.scores;
    return status;
}

static int run(struct sab_cli *cli)
{
    struct sab_error err = {0};
    struct sab_bench *b = sab_alloc(1, sizeof *b);
    if (!b)
        return sab_say_error("bench", sab_fail(&err, SAB_NOMEM, "no memory for the measurement"), &err);
    ((struct own *)cli->own)->is_quiet = cli->quiet;
    sab_options_move(&b->config, cli->options);
    b->config.task.drawn.curriculum = 0;
    int status = sab_options_check(&b->config, &err);
    if (status == SAB_OK && !sab_device_is_cpu(b->config.run.device)) {
        const struct own *o = cli->own;
        if (o->scaling || o->stream)
            status = sab_fail(&err, SAB_INVALID, "--%s is of the processor; --device %.32s has neither threads nor single steps",
                              o->scaling ? "scaling" : "stream", b->config.run.device);
        if (status == SAB_OK)
            status = sab_bench_device(&b->config, o->repeat, o->seconds, cli->json, &err);
        sab_options_clear(&b->config);
        sab_free(b);
        return status == SAB_OK ? SAB_EXIT_DONE : sab_say_error("bench", status, &err);
    }
    b->kernels = sab_kernels_choose(b->config.shared.cpu);
    if (status == SAB_OK) {
        struct sab_progress *progress = sab_progress_begin("bench", 0, cli->quiet);
        status = measure(b, cli->own, &err);
        sab_progress_finish(progress);
    }
    if (status == SAB_OK && cli->json)
        sab_bench_print_json(b);
    else if (status == SAB_OK)
        sab_bench_print(b);
    sab_options_clear(&b->config);
    sab_free(b);
    return status == SAB_OK ? SAB_EXIT_DONE : sab_say_error("bench", status, &err);
}

const struct sab_command sab_command_bench = {
    .name = "bench",
    .words = "",
    .summary = "measure speed and memory, and how near the machine's limit they are",
    .purpose =
        "Times updates and evaluations of the configuration given, without writing\n"
        "anything, and says what each phase takes of the time and how near it comes to\n"
        "what this machine can do: multiply-adds and scores in registers, the network's\n"
        "functions in the first cache, and memory, all measured in the same run. The\n"
        "bound is the time that the products and scores of an update need at these\n"
        "limits. Sequences have their full length: --curriculum does nothing.\n"
        "\n"
        "A phase that moves bytes can exceed the memory's limit: caches serve it. Where\n"
        "the CPU time is far less than the threads' share of the wall time, something\n"
        "else was running, and the numbers are not to be believed.\n"
        "\n"
        "With --device: the time of an update there, how often the device is asked for\n"
        "something in it, and what each step of a sequence moves through its memory.\n",
    .examples =
        "  sab bench\n"
        "  sab bench --T 1000 --seconds 60 --json\n"
        "  sab bench --credit bptt --hidden 512 --scaling\n"
        "  SAB_CPU=avx2 sab bench --hidden 256 --stream --memories 1024\n",
    .groups = "model credit training task data run",
    .names = "",
    .defaults = "",
    .own = own,
    .own_count = sizeof own / sizeof own[0],
    .own_nbytes = sizeof(struct own),
    .run = run,
};
