/* Several engines on one model at once, and tapes that other threads free: what the thread sanitizer looks at.
 *
 * ctest: timeout 600 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine_support.h"
#include "options_helper.h"

struct task {
    struct problem *p;
    int kind; /* 0: forward, 1: tape, 2: stream, 3: gradient */
    sab_real *outputs;
    struct back back;
    char digest[33];
};

static void *work(void *argument)
{
    struct task *task = argument;
    struct problem *p = task->p;
    struct sab_batch batch = p->batch;
    int B = batch.B, O = p->shape.O;
    sab_model_digest(p->model, task->digest);
    if (task->kind == 2) {
        struct sab_stream *stream;
        if (sab_stream_create(&stream, p->model, B, NULL))
            return NULL;
        for (int t = 0; t < batch.T; t++)
            sab_stream_step(stream, p->ids + t * B, NULL, task->outputs + (size_t)t * B * O, NULL);
        sab_stream_free(stream);
        return task;
    }
    struct sab_engine *engine;
    struct sab_tape *tape = NULL;
    if (sab_engine_create(&engine, p->model, 1, NULL))
        return NULL;
    int status = 0;
    for (int i = 0; i < 5 && !status; i++) {
        status = sab_engine_forward(engine, &batch, task->outputs, NULL, NULL, task->kind == 1 ? &tape : NULL, NULL);
        if (!status && task->kind == 3)
            status = sab_engine_gradient(engine, &batch, &task->back.request, NULL, NULL);
        if (!status && tape)
            status = sab_tape_backward(tape, &task->back.request, NULL);
        sab_tape_free(tape);
        tape = NULL;
    }
    sab_engine_free(engine);
    return status ? NULL : task;
}

/* Engines, their tapes and streams on one model, each in a thread of its own, from weights that nobody has packed yet. */
static void test_threads_share_a_model(void **unused)
{
    (void)unused;
    enum { THREADS = 8, T = 30, B = 5, I = 5, O = 4 };
    OPTIONS config = {0};
    struct problem p;
    struct task tasks[THREADS];
    pthread_t threads[THREADS];
    problem_config(&config);
    for (int round = 0; round < 20; round++) {
        problem_make(&p, &config, SHAPE(SAB_INPUT_IDS, I, SAB_LOSS_CROSS_ENTROPY, O), T, B, 5);
        p.batch.lengths = NULL;
        for (int i = 0; i < THREADS; i++) {
            tasks[i] = (struct task){&p, i % 4, engine_room(T * B * O), back_make(&p, 1), ""};
            assert_int_equal(pthread_create(&threads[i], NULL, work, &tasks[i]), 0);
        }
        for (int i = 0; i < THREADS; i++) {
            void *result;
            assert_int_equal(pthread_join(threads[i], &result), 0);
            assert_non_null(result);
        }
        for (int i = 1; i < THREADS; i++)
            assert_string_equal(tasks[i].digest, tasks[0].digest);
        for (int i = 1; i < THREADS; i++)
            same_bits("outputs", (uint64_t)round, tasks[0].outputs, tasks[i].outputs, T * B * O);
        for (int i = 3; i < THREADS; i += 2)
            same_back((uint64_t)round, &tasks[1].back, &tasks[i].back);
        for (int i = 0; i < THREADS; i++)
            free(tasks[i].outputs), back_free(&tasks[i].back);
        problem_free(&p);
    }
}

/* Tapes on their way to a thread that frees them. */
struct passing {
    pthread_mutex_t lock;
    struct sab_tape *tapes[8];
    int count, is_over;
};

static void *free_what_comes(void *argument)
{
    struct passing *passing = argument;
    for (int is_over = 0; !is_over;) {
        pthread_mutex_lock(&passing->lock);
        struct sab_tape *tape = passing->count > 0 ? passing->tapes[--passing->count] : NULL;
        is_over = !tape && passing->is_over;
        pthread_mutex_unlock(&passing->lock);
        sab_tape_free(tape);
    }
    return NULL;
}

static void pass(struct passing *passing, struct sab_tape *tape)
{
    for (int is_taken = 0; !is_taken;) {
        pthread_mutex_lock(&passing->lock);
        is_taken = passing->count < 8;
        if (is_taken)
            passing->tapes[passing->count++] = tape;
        pthread_mutex_unlock(&passing->lock);
    }
}

/* A garbage collector frees tapes in whatever thread it runs, while the engine computes, and after the engine is freed. */
static void test_tapes_are_freed_by_other_threads(void **unused)
{
    (void)unused;
    enum { COLLECTORS = 3, TAPES = 400, ENGINES = 4 };
    OPTIONS config = {0};
    struct problem p;
    struct passing passing = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t collectors[COLLECTORS];
    problem_config(&config);
    problem_make(&p, &config, SHAPE(SAB_INPUT_IDS, 5, SAB_LOSS_CROSS_ENTROPY, 4), 3, 2, 5);
    struct sab_batch shorter = p.batch;
    shorter.T = 2;
    shorter.lengths = NULL; /* of another kind: spare ones are dropped */
    for (int i = 0; i < COLLECTORS; i++)
        assert_int_equal(pthread_create(&collectors[i], NULL, free_what_comes, &passing), 0);
    struct back expected = back_make(&p, 1), got = back_make(&p, 1);
    for (int n = 0; n < ENGINES; n++) {
        struct sab_engine *engine = engine_of(&p, 1);
        for (int i = 0; i < TAPES; i++) {
            struct sab_tape *tape = engine_record(engine, i % 7 == 3 ? &shorter : &p.batch, NULL);
            if (i % 7 != 3) {
                engine_play(tape, n + i == 0 ? &expected : &got);
                if (n + i > 0)
                    same_back((uint64_t)i, &expected, &got);
            }
            pass(&passing, tape);
        }
        sab_engine_free(engine);
    }
    pthread_mutex_lock(&passing.lock);
    passing.is_over = 1;
    pthread_mutex_unlock(&passing.lock);
    for (int i = 0; i < COLLECTORS; i++)
        pthread_join(collectors[i], NULL);
    back_free(&expected), back_free(&got);
    problem_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_share_a_model),
        cmocka_unit_test(test_tapes_are_freed_by_other_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
