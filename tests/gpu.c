/* The GPU's kernels in their host form against the processor's engine: outputs, metrics and gradients of random networks and
 * batches, cut at random into groups, ranks and stretches. What differs is the order of sums: 1e-10 of the largest number in
 * double, 1e-5 in float. Networks that turn roundings into more (long, with weights this large; two scores nearly equal, of which
 * another wins) are told by the processor alone: its result with every weight changed in its last bits moves as far.
 *
 * ctest: timeout 300
 * ctest: cost 15
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "cuda/gpu.h"
#include "options_helper.h"
#include "problem.h"

#ifdef SAB_DOUBLE
#define TOLERANCE 1e-10
#else
#define TOLERANCE 1e-5
#endif

#ifdef SAB_EMULATED
int sab_emulated_launch(int backward, const struct sab_gpu_pass *p, size_t shared_nbytes, unsigned long long seed);
static unsigned long long launches;

static int emulated_forward(struct sab_machine *m, const struct sab_gpu_pass *p, int threads, size_t shared_nbytes)
{
    (void)m, (void)threads;
    if (sab_emulated_launch(0, p, shared_nbytes, launches++ * 1000))
        fail_msg("forward: threads wait for each other for ever, launch %llu", launches);
    return SAB_OK;
}

static int emulated_backward(struct sab_machine *m, const struct sab_gpu_pass *p, int threads, size_t shared_nbytes)
{
    (void)m, (void)threads;
    if (sab_emulated_launch(1, p, shared_nbytes, launches++ * 1000))
        fail_msg("backward: threads wait for each other for ever, launch %llu", launches);
    return SAB_OK;
}
#endif

/* The host's form; built with SAB_EMULATED (tests/emulated/kernels.cc) the GPU's own, run by fibers; or with SAB_TEST_DEVICE=cuda, in a
 * build that has it, the GPU. */
static void open_machine(struct sab_machine **machine)
{
    struct sab_error err;
    int status;
#ifdef SAB_CUDA
    const char *device = getenv("SAB_TEST_DEVICE");
    if (device && strncmp(device, "cuda", 4) == 0)
        status = sab_machine_open_cuda(machine, 0, &err);
    else
#endif
        status = sab_machine_open_host(machine, &err);
    if (status)
        fail_msg("%s", err.message);
#ifdef SAB_EMULATED
    (*machine)->forward = emulated_forward;
    (*machine)->backward = emulated_backward;
#endif
}

static void draw(struct sab_options *config, uint64_t *state)
{
    struct sab_model_options *m = &config->model;
    problem_config(config);
    m->cell = problem_int(state, 0, 2);
    m->hidden = problem_int(state, 1, 3) == 1 ? problem_int(state, 1, 70) : 16 * problem_int(state, 1, 3);
    m->layers = problem_int(state, 0, 3) == 0 ? 2 : 1;
    m->attention_width = problem_int(state, 0, 1) ? problem_int(state, 1, 40) : 0;
    m->score = problem_int(state, 0, 1) ? SAB_SCORE_MLP : SAB_SCORE_DOT;
    m->sparsifier = problem_int(state, 0, 1) ? SAB_SPARSIFIER_RELU : SAB_SPARSIFIER_SOFTMAX;
    m->read_floor = problem_int(state, 0, 2) * 0.5;
    m->read_bound = problem_int(state, 0, 1) * 0.7;
    m->write = problem_int(state, 0, 1) ? SAB_WRITE_STATE : SAB_WRITE_PROVISIONAL;
    m->read_gain = m->write == SAB_WRITE_STATE ? 0.2 : 1; /* what is written is read: a gain of 1 grows without end */
    m->key_scale = 6;
    m->credit = problem_int(state, 0, 5) == 0 ? problem_int(state, 0, 1) ? SAB_CREDIT_TBPTT : SAB_CREDIT_BPTT : SAB_CREDIT_SAB;
    m->k_top = problem_int(state, 1, 6);
    m->k_att = problem_int(state, 1, 3);
    m->memory_slots = problem_int(state, 0, 2) == 0 ? problem_int(state, 1, 12) : 0;
    m->k_trunc = problem_int(state, 1, 7);
    m->mental_updates = problem_int(state, 0, 3) > 0;
    m->pool = problem_int(state, 0, 3) == 0 ? problem_int(state, SAB_POOL_MEAN, SAB_POOL_ATTENTION) : SAB_POOL_LAST;
    m->keep = m->memory_slots > 0 && problem_int(state, 0, 3) ? problem_int(state, SAB_KEEP_SURPRISE, SAB_KEEP_RESERVOIR) : SAB_KEEP_RECENT;
    m->zero_memory = problem_int(state, 0, 7) == 0;
    const int less_usual = problem_int(state, 0, 9);
    m->score = less_usual == 0 || less_usual == 1 ? SAB_SCORE_RELEASE2019 : m->score;
    m->sparsifier = less_usual == 1 || less_usual == 2 ? SAB_SPARSIFIER_RELEASE2019 : m->sparsifier;
    m->forward = less_usual == 3 || less_usual == 4 ? SAB_DENSE : m->forward;
    m->backward = less_usual == 4 ? SAB_DENSE : m->backward;
    m->credit = less_usual == 5 && m->credit == SAB_CREDIT_SAB ? SAB_CREDIT_ATTENTION : m->credit;
}

static const char *describe(const struct sab_options *config, const struct sab_gpu_plan *plan, int T, int B)
{
    static char text[500];
    const struct sab_model_options *m = &config->model;
    snprintf(text, sizeof text,
             "cell %d hidden %d layers %d A %d score %d sparsifier %d write %d credit %d k_top %d k_att %d slots %d k_trunc %d "
             "mental %d keep %d pool %d zero %d dense %d %d T %d B %d; S %d C %d threads %d steps %d shared %d %d ring %d",
             m->cell, m->hidden, m->layers, m->attention_width, m->score, m->sparsifier, m->write, m->credit, m->k_top, m->k_att,
             m->memory_slots, m->k_trunc, m->mental_updates, m->keep, m->pool, m->zero_memory, m->forward, m->backward,
             T, B, plan->S, plan->C, plan->threads, plan->steps,
             plan->shared_forward, plan->shared_backward, plan->ring);
    return text;
}

/* The largest difference, as a share of the largest number. */
static double distance(const sab_real *x, const sab_real *y, size_t n)
{
    double most = 1e-30, off = 0;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)x[i]));
        off = fmax(off, fabs((double)x[i] - (double)y[i]));
        if (!isfinite((double)y[i]))
            return INFINITY;
    }
    return off / most;
}

/* How far the processor's own results move when every weight is moved by a rounding or so: the most of 200 trials, since one
 * memory that wins over another does so in few of them. */
static double unrest(struct problem *p, const sab_real *grads, const sab_real *outputs, size_t n)
{
    struct sab_flat flat = *sab_model_flat(p->model);
    struct sab_error err;
    double most = 0;
    uint64_t state = 1;
    sab_real *theta = calloc(flat.count, sizeof *theta), *seen = calloc(n, sizeof *seen);
    memcpy(theta, flat.theta, flat.count * sizeof *theta);
    for (int trial = 0; trial < 200; trial++) {
        for (size_t i = 0; i < flat.count; i++)
            flat.theta[i] = theta[i] * (1 + problem_int(&state, -4, 4) * (sizeof(sab_real) == 8 ? (sab_real)0x1p-52 : (sab_real)0x1p-23));
        if (sab_model_evaluate(p->model, &p->batch, 1, seen, NULL, NULL, &err) ||
            sab_model_gradient(p->model, &p->batch, 1, NULL, NULL, &err))
            fail_msg("%s", err.message);
        most = fmax(most, fmax(distance(grads, flat.grad, flat.count), distance(outputs, seen, n)));
    }
    free(theta), free(seen);
    return most;
}

/* Of the last comparison: rows of memories, and scores that were computed, of all. */
static int rows;
static double computed, all_scores;

static double compare(const struct sab_options *config, struct sab_shape shape, int T, int B, uint64_t seed, int has_masks,
                      const struct sab_gpu_plan *wish)
{
    struct problem p;
    struct sab_error err;
    struct sab_metrics want = {.size = sizeof want}, got = {.size = sizeof got}, outputs_got = {.size = sizeof outputs_got};
    struct sab_machine *machine;
    struct sab_gpu *gpu;
    problem_make(&p, config, shape, T, B, seed);
    if (has_masks)
        problem_mask(&p, seed);
    open_machine(&machine);
    if (sab_gpu_create(&gpu, machine, p.model, &err))
        fail_msg("%s", err.message);
    sab_gpu_wish(gpu, wish);
    struct sab_flat flat = *sab_model_flat(p.model);
    for (size_t i = 0; i < flat.count; i++) /* as training starts them: wider ones turn roundings into chaos */
        flat.theta[i] /= 2;
    if (sab_gpu_push(gpu, &err))
        fail_msg("%s", err.message);
    size_t n = (size_t)T * B * shape.O;
    sab_real *grads = calloc(flat.count, sizeof *grads), *outputs = calloc(n, sizeof *outputs), *seen = calloc(n, sizeof *seen);
    int status = sab_model_gradient(p.model, &p.batch, 1, &want, NULL, &err), is_beyond = status == SAB_NUMERIC;
    if ((status && !is_beyond) || sab_model_evaluate(p.model, &p.batch, 1, outputs, NULL, NULL, &err) ||
        sab_gpu_gradient(gpu, &p.batch, NULL, grads, &got, &err) ||
        sab_gpu_evaluate(gpu, &p.batch, seen, &outputs_got, &err))
        fail_msg("%s", err.message);
    double off = distance(flat.grad, grads, flat.count), of_outputs = distance(outputs, seen, n);
    off = fmax(off, of_outputs);
    off = fmax(off, fabs(want.loss - got.loss) / (fabs(want.loss) + 1e-3));
    off = fmax(off, fabs(want.loss - outputs_got.loss) / (fabs(want.loss) + 1e-3));
    off = fmax(off, fabs(want.grad_norm - got.grad_norm) / (want.grad_norm + 1e-30));
    if (want.scored != got.scored || (want.accuracy != got.accuracy && !(isnan(want.accuracy) && isnan(got.accuracy)) &&
                                      off < TOLERANCE))
        off = INFINITY;
    double allowed = TOLERANCE;
    if (is_beyond) { /* of the range of numbers: nothing to compare */
        off = 0;
    } else if (off > allowed) {
        sab_real *own = calloc(flat.count, sizeof *own);
        memcpy(own, flat.grad, flat.count * sizeof *own);
        allowed = 10 * unrest(&p, own, outputs, n);
        free(own);
    }
    if (off > allowed)
        print_message("seed %llu: off by %.3g (outputs %.3g), loss %.17g and %.17g: %s\n", (unsigned long long)seed, off, of_outputs,
                      want.loss, got.loss, describe(config, sab_gpu_plan(gpu), T, B));
    free(grads), free(outputs), free(seen);
    rows = sab_gpu_plan(gpu)->rows;
    if (wish->looks && sab_gpu_looked(gpu, &computed, &all_scores, &err))
        fail_msg("%s", err.message);
    sab_gpu_free(gpu);
    machine->close(machine);
    problem_free(&p);
    return off > allowed ? off : 0;
}

#ifdef SAB_EMULATED
enum { RUNS = 40, MOST_T = 12 }; /* a fiber for each thread */
#else
enum { RUNS = 500, MOST_T = 160 };
#endif

/* Of n runs all, or in builds that are slow as many as SAB_GPU_RUNS is of all of them; some at least. */
static int runs_of(int n, int least)
{
    const char *asked = getenv("SAB_GPU_RUNS");
    const int runs = asked ? n * atoi(asked) / RUNS : n;
    return runs < least ? least : runs;
}

/* The run that SAB_GPU_RUN asks for, to be done alone; -1: all. */
static int only_run(void)
{
    const char *asked = getenv("SAB_GPU_RUN");
    return asked ? atoi(asked) : -1;
}

static void agrees_with_the_processor(void **unused)
{
    (void)unused;
    const int only = only_run(), runs = only >= 0 ? only + 1 : runs_of(RUNS, 1);
    int apart = 0;
    for (int i = only >= 0 ? only : 0; i < runs; i++) {
        uint64_t state = (uint64_t)i * 977 + 5;
        struct sab_options config;
        draw(&config, &state);
        struct sab_shape shape = {.size = sizeof shape, .input = problem_int(&state, 0, 1), .I = problem_int(&state, 1, 9),
                                  .loss = problem_int(&state, 0, 2), .O = problem_int(&state, 1, 19)};
        int T = problem_int(&state, 0, 9) == 0 ? problem_int(&state, 100, 160) : problem_int(&state, 1, 40);
        int B = problem_int(&state, 1, 11);
        struct sab_gpu_plan wish = {.S = 1 << problem_int(&state, 0, 3), .C = 1 << problem_int(&state, 0, 2),
                                    .threads = problem_int(&state, 0, 1) ? 512 : 64,
                                    .steps = problem_int(&state, 0, 2) == 0 ? problem_int(&state, 1, T) : 0,
                                    .shared_forward = problem_int(&state, 0, 1) ? 0 : -1,
                                    .ring = (int[]){0, -1, 2, 8}[problem_int(&state, 0, 3)], .prune = problem_int(&state, 0, 2) ? 8 : -1};
        T = T < MOST_T ? T : MOST_T;
        if (MOST_T < 20 && i % 4 > 0)
            wish.threads = 64;
        while (wish.S / 2 >= B)
            wish.S /= 2;
        apart += compare(&config, shape, T, B, (uint64_t)i + 1, problem_int(&state, 0, 3) == 0, &wish) > 0;
        sab_options_clear(&config);
    }
    assert_int_equal(apart, 0);
}

/* Long sequences whose memories are bounded and that are cut into stretches: rows of memories that have left are used again. */
static void rows_are_used_again(void **unused)
{
    (void)unused;
    const int most_T = MOST_T < 20 ? 30 : 120, runs = MOST_T < 20 ? 4 : runs_of(60, 6);
    for (int i = 0; i < runs; i++) {
        uint64_t state = (uint64_t)i * 811 + 7;
        OPTIONS config = {0};
        draw(&config, &state);
        config.model.credit = SAB_CREDIT_SAB;
        config.model.memory_slots = problem_int(&state, 1, 4);
        config.model.k_att = 1;
        config.model.keep = SAB_KEEP_RECENT, config.model.pool = SAB_POOL_LAST, config.model.zero_memory = 0; /* others keep all rows */
        config.model.read_gain = 0.2; /* with more, states of so many steps grow without end */
        struct sab_shape shape = SHAPE(SAB_INPUT_IDS, 5, SAB_LOSS_CROSS_ENTROPY, 4);
        const int T = problem_int(&state, most_T / 2, most_T);
        struct sab_gpu_plan wish = {.S = 1 << problem_int(&state, 0, 1), .C = 1 << problem_int(&state, 0, 1), .threads = 64,
                                    .steps = problem_int(&state, 5, T / 3), .ring = (int[]){0, -1, 2, 8}[problem_int(&state, 0, 3)]};
        assert_true(compare(&config, shape, T, 3, (uint64_t)i + 1, i % 3 == 0, &wish) == 0);
        if (T > 60 && wish.steps < 15 && rows >= T)
            fail_msg("run %d: %d rows of memories for %d steps in stretches of %d, with %d slots", i, rows, T, wish.steps,
                     config.model.memory_slots);
    }
}

/* Memories that cannot win are passed over where the state comes to rest (one symbol, again and again), and what is read is the same. */
static void scores_are_passed_over(void **unused)
{
    (void)unused;
    const int is_few = MOST_T < 20, runs = is_few ? 2 : runs_of(12, 4);
    double share = 0;
    for (int i = 0; i < runs; i++) {
        uint64_t state = (uint64_t)i * 613 + 11;
        OPTIONS config = {0};
        draw(&config, &state);
        config.model.hidden = i % 2 ? 128 : problem_int(&state, 8, 40);
        config.model.attention_width = i % 2 ? 128 : config.model.attention_width;
        config.model.cell = SAB_CELL_LSTM;
        config.model.layers = 1;
        config.model.credit = SAB_CREDIT_SAB;
        config.model.score = SAB_SCORE_MLP;
        config.model.memory_slots = 0;
        config.model.keep = SAB_KEEP_RECENT, config.model.zero_memory = 0, config.model.forward = config.model.backward = SAB_SPARSE;
        config.model.k_att = 1;
        config.model.read_gain = 0.2;
        struct sab_shape shape = SHAPE(SAB_INPUT_IDS, 1, SAB_LOSS_CROSS_ENTROPY, 4);
        const int T = is_few ? 90 : problem_int(&state, 140, 200), B = is_few ? 1 : problem_int(&state, 1, 3);
        struct sab_gpu_plan wish = {.S = 1 << problem_int(&state, 0, 1), .C = 1 << problem_int(&state, 0, 1), .threads = is_few ? 64 : 512,
                                    .steps = i % 3 == 2 ? 70 : 0, .ring = (int[]){0, -1, 8}[i % 3], .prune = 33, .looks = 1};
        wish.S = wish.S > B ? 1 : wish.S;
        wish.threads = i % 2 ? 512 : wish.threads; /* hidden 128 has a kernel of its own with 512 */
        wish.C = i % 2 ? 2 : wish.C;
        assert_true(compare(&config, shape, T, B, (uint64_t)i + 1, 0, &wish) == 0);
        share += computed / all_scores;
        assert_true(computed <= all_scores);
    }
    share /= runs;
    if (!(share < (is_few ? 0.95 : 0.8)))
        fail_msg("%.0f %% of all scores were computed, and not far fewer", 100 * share);
}

/* The sizes that have kernels of their own on the GPU, and more memories than one warp looks through. */
static void the_most_usual_sizes(void **unused)
{
    (void)unused;
    const struct {
        const char *cell;
        int k_top, S, B, T;
    } of[] = {{"lstm", 5, 1, 2, 9}, {"lstm", 5, 16, 16, 6}, {"lstm", 0, 1, 1, 6}, {"lstm", 5, 2, 3, 6}, {"lstm", 3, 1, 1, 150},
              {"lstm", 5, 1, 2, 9}, {"lstm", 0, 1, 2, 9}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        OPTIONS config = {0};
        if (only_run() >= 0 && (int)i != only_run())
            continue;
        problem_config(&config);
        config.model.hidden = 128;
        config.model.k_top = of[i].k_top;
        config.model.k_att = 1;
        config.model.k_trunc = 5;
        const int most = sizeof(sab_real) == sizeof(float) ? 16 : 4; /* what shared memory has room for */
        struct sab_gpu_plan wish = {.S = of[i].S < most ? of[i].S : most, .C = 2, .ring = i == 4 ? 32 : 0};
        struct sab_shape shape = SHAPE(SAB_INPUT_IDS, 5, SAB_LOSS_CROSS_ENTROPY, 4);
        assert_true(compare(&config, shape, of[i].T, of[i].B, i + 1, i >= 5, &wish) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_processor), cmocka_unit_test(rows_are_used_again), cmocka_unit_test(scores_are_passed_over),
        cmocka_unit_test(the_most_usual_sizes),
    };
    cmocka_set_test_filter(getenv("SAB_GPU_TEST")); /* the test of this name alone */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
