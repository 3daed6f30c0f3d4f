/* A stop: what computes leaves off soon, and what was begun is as if it never had been.
 *
 * ctest: cost 15 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include <cmocka.h>

#include "credit/engine.h"
#include "options_helper.h"
#include "problem.h"
#include "train/trainer.h"

enum { I = 5, O = 4, UPDATES = 3 };

static volatile sig_atomic_t stop;

static void make(struct problem *p, int kind, int T, int B)
{
    OPTIONS config = {0};
    problem_config(&config);
    config.model.model = kind;
    config.model.layers = kind == SAB_KIND_SEQ2SEQ ? 1 : 2;
    config.model.heads = 2;
    problem_make(p, &config, SHAPE(SAB_INPUT_IDS, I, SAB_LOSS_CROSS_ENTROPY, O), T, B, 7);
    stop = 0;
}

/* ---- soon ---- */

static int64_t reads;

static void count_read(void *user, int layer, int t, int b, int n, const int32_t *when, const sab_real *alpha,
                       const sab_real *flow)
{
    (void)user, (void)layer, (void)t, (void)b, (void)n, (void)when, (void)alpha, (void)flow;
    stop = 1;
    reads++;
}

/* Told at its first read, a batch of thousands of steps takes no more than the span it is in. */
static void test_leaves_off_within_a_span(void **unused)
{
    (void)unused;
    enum { T = 4000, B = 2, SPAN = 32, LAYERS = 2 };
    struct problem p;
    struct sab_recall recall = {sizeof recall, count_read, NULL};
    struct sab_error err = {0};
    struct sab_request request = {.size = sizeof request, .recall = &recall};
    struct sab_engine *engine;
    make(&p, SAB_KIND_RECURRENT, T, B);
    assert_int_equal(sab_engine_create(&engine, p.model, 1, &err), SAB_OK);
    engine->stop = &stop;
    for (int backward = 0; backward < 2; backward++) {
        reads = stop = 0;
        int status = backward ? sab_engine_gradient(engine, &p.batch, &request, NULL, &err)
                              : sab_engine_forward(engine, &p.batch, NULL, NULL, &recall, NULL, &err);
        assert_int_equal(status, SAB_INTERRUPTED);
        assert_string_equal(err.message, "stopped on request");
        if (reads < 1 || reads > SPAN * B * LAYERS)
            fail_msg("%s: %d reads, expected 1..%d", backward ? "gradient" : "evaluate", (int)reads, SPAN * B * LAYERS);
    }
    sab_engine_free(engine);
    problem_free(&p);
}

/* A device listens too: of a batch that is to stop when it begins nothing is computed. */
static void test_a_device_is_told(void **unused)
{
    (void)unused;
    struct problem p;
    struct sab_error err = {0};
    struct sab_metrics metrics = {.size = sizeof metrics};
    struct sab_engine *engine;
    make(&p, SAB_KIND_RECURRENT, 60, 2);
    assert_int_equal(sab_engine_create(&engine, p.model, 1, &err), SAB_OK);
    if (sab_engine_set_device(engine, "host", &err) != SAB_OK)
        fail_msg("%s", err.message);
    engine->stop = &stop;
    for (int is_told = 0; is_told < 2; is_told++) {
        stop = is_told;
        int status = sab_engine_forward(engine, &p.batch, NULL, &metrics, NULL, NULL, &err);
        if (status != (is_told ? SAB_INTERRUPTED : SAB_OK))
            fail_msg("told %d: status %d, %s", is_told, status, err.message);
    }
    stop = 0;
    sab_engine_free(engine);
    problem_free(&p);
}

/* ---- as if it never had been ---- */

static void on_alarm(int number)
{
    (void)number;
    stop = 1;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One update, told to stop after us microseconds; 0: not at all. */
static int update(struct problem *p, struct sab_trainer *trainer, int us)
{
    struct sab_error err = {0};
    struct itimerval timer = {.it_value = {0, us}};
    stop = 0;
    setitimer(ITIMER_REAL, &timer, NULL);
    int status = sab_trainer_update(trainer, &p->batch, NULL, &err);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    stop = 0;
    if (status != SAB_OK && status != SAB_INTERRUPTED)
        fail_msg("%s", err.message);
    return status;
}

/* Updates of a stream or of batches; with storm, each is first broken off at ever later moments, until one passes. */
static int train(struct problem *p, int threads, int carries, int storm, double *update_s, char digest[33])
{
    static const uint8_t fresh[64];
    struct sab_trainer *trainer;
    OPTIONS config = copy_of(&p->config);
    struct sab_error err = {0};
    int broken_off = 0;
    config.shared.threads = threads;
    if (sab_trainer_create(&trainer, p->model, &config, &err))
        fail_msg("%s", err.message);
    trainer->engine->stop = &stop;
    if (carries)
        p->batch.fresh = fresh, p->batch.lengths = NULL;
    for (int i = 0; i < UPDATES; i++) {
        double begin = now_s();
        for (int us = 1; storm && us < 1e6 * *update_s && update(p, trainer, us) == SAB_INTERRUPTED; us += 1 + us / 8)
            broken_off++;
        if (sab_trainer_step(trainer) == i)
            assert_int_equal(update(p, trainer, 0), SAB_OK);
        assert_int_equal(sab_trainer_step(trainer), i + 1);
        if (!storm)
            *update_s = now_s() - begin;
    }
    sab_model_digest(p->model, digest);
    sab_trainer_free(trainer);
    return broken_off;
}

static void test_broken_off_leaves_no_trace(void **unused)
{
    (void)unused;
    static const struct {
        const char *name;
        int kind, recompute, carries;
    } cases[] = {
        {"recurrent", SAB_KIND_RECURRENT, SAB_RECOMPUTE_OFF, 0},
        {"recurrent, recomputed", SAB_KIND_RECURRENT, SAB_RECOMPUTE_ON, 0},
        {"recurrent, carried", SAB_KIND_RECURRENT, SAB_RECOMPUTE_OFF, 1},
        {"transformer", SAB_KIND_TRANSFORMER, SAB_RECOMPUTE_OFF, 0},
        {"seq2seq", SAB_KIND_SEQ2SEQ, SAB_RECOMPUTE_OFF, 0},
    };
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int threads = 1; threads <= 3; threads += 2) {
            char expected[33], digest[33];
            double update_s = 0;
            int broken_off = 0;
            for (int storm = 0; storm < 2; storm++) {
                struct problem p;
                OPTIONS config = {0};
                problem_config(&config);
                config.model.model = cases[i].kind;
                config.model.layers = cases[i].kind == SAB_KIND_SEQ2SEQ ? 1 : 2;
                config.model.heads = 2;
                config.model.recompute = cases[i].recompute;
                config.model.memory_slots = cases[i].carries ? 20 : 0;
                problem_make(&p, &config, SHAPE(SAB_INPUT_IDS, I, SAB_LOSS_CROSS_ENTROPY, O), 160, 20, 7);
                broken_off += train(&p, threads, cases[i].carries, storm, &update_s, storm ? digest : expected);
                problem_free(&p);
            }
            if (strcmp(digest, expected) != 0)
                fail_msg("%s, %d threads: %s after %d updates were broken off, %s without", cases[i].name, threads, digest,
                         broken_off, expected);
            if (broken_off < UPDATES)
                fail_msg("%s, %d threads: only %d updates were broken off", cases[i].name, threads, broken_off);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaves_off_within_a_span),
        cmocka_unit_test(test_a_device_is_told),
        cmocka_unit_test(test_broken_off_leaves_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
