/* Structs that a caller makes carry their size: every entry refuses a size that no version had before it does anything, and an
 * older struct is served as far as it goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/sized.h"

static struct sab_error err;

static void must(int status)
{
    if (status != SAB_OK)
        fail_msg("status %d: %s", status, err.message);
}

/* ---- sizes as such, of a struct that has grown ---- */

struct grown {
    size_t size;
    int a, b;      /* of the first version */
    double c;      /* of this one */
};

static const struct sab_sized kind = {"the thing", "struct grown", offsetof(struct grown, c), sizeof(struct grown)};

static void older_structs_are_served(void **state)
{
    (void)state;
    struct grown whole, given = {offsetof(struct grown, c), 1, 2, 3};
    memset(&whole, 0x55, sizeof whole);
    must(sab_sized_take(&kind, &whole, &given, &err));
    assert_int_equal(whole.size, sizeof whole);
    assert_int_equal(whole.a, 1);
    assert_int_equal(whole.b, 2);
    assert_true(whole.c == 0);
    whole = (struct grown){sizeof whole, 7, 8, 9};
    sab_sized_give(&given, &whole);
    assert_int_equal(given.size, offsetof(struct grown, c));
    assert_int_equal(given.a, 7);
    assert_int_equal(given.b, 8);
    assert_true(given.c == 3);
    given.size = sizeof given;
    sab_sized_give(&given, &whole);
    assert_true(given.c == 9);
    must(sab_sized_take(&kind, &whole, NULL, &err));
    sab_sized_give(NULL, &whole);
}

static void unknown_sizes_are_refused(void **state)
{
    (void)state;
    const size_t bad[] = {0, 1, sizeof(size_t), offsetof(struct grown, c) - 1, sizeof(struct grown) + 1, SIZE_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct grown whole = {.a = 5}, given = {.size = bad[i], .a = 1};
        char named[64];
        snprintf(named, sizeof named, "size = %zu of the thing", bad[i]);
        assert_int_equal(sab_sized_take(&kind, &whole, &given, &err), SAB_INVALID);
        assert_non_null(strstr(err.message, named));
        assert_non_null(strstr(err.message, "sizeof (struct grown)"));
        assert_int_equal(whole.a, 5);
    }
}

/* ---- every entry of the library ---- */

struct setup {
    struct sab_options *options;
    struct sab_task *task;
    struct sab_model *model;
    struct sab_trainer *trainer;
    struct sab_engine *engine;
    struct sab_batch batch;
    char digest[33];
};

static void begin(struct setup *s)
{
    *s = (struct setup){.batch.size = sizeof s->batch};
    must(sab_options_create(&s->options, &err));
    must(sab_options_parse(s->options, "task=copy T=8 hidden=16 batch=4 steps=2 eval-size=4 threads=1 out=/nonexistent/run", &err));
    must(sab_task_create(&s->task, s->options, NULL, &err));
    must(sab_model_create(&s->model, s->options, sab_task_shape(s->task), &err));
    must(sab_trainer_create(&s->trainer, s->model, s->options, &err));
    s->engine = sab_trainer_engine(s->trainer);
    must(sab_task_batch(s->task, SAB_TRAIN, 0, 4, &s->batch, &err));
    sab_model_digest(s->model, s->digest);
}

static void finish(struct setup *s)
{
    sab_trainer_free(s->trainer);
    sab_model_free(s->model);
    sab_task_free(s->task);
    sab_options_free(s->options);
}

/* The call was refused for a size of what it names, and the weights are as they were. */
static void refused(struct setup *s, int status, const char *what, size_t size)
{
    char named[64], digest[33];
    snprintf(named, sizeof named, "size = %zu of the %s", size, what);
    if (status != SAB_INVALID || !strstr(err.message, named))
        fail_msg("expected %d and \"%s\", got %d and \"%s\"", SAB_INVALID, named, status, err.message);
    sab_model_digest(s->model, digest);
    assert_string_equal(digest, s->digest);
    assert_int_equal(sab_trainer_step(s->trainer), 0);
    err.message[0] = 0;
}

static void no_read(void *user, int layer, int t, int b, int n, const int32_t *when, const sab_real *alpha, const sab_real *flow)
{
    (void)user, (void)layer, (void)t, (void)b, (void)n, (void)when, (void)alpha, (void)flow;
    fail_msg("a recall of no known size was called");
}

/* A size that is off by so many bytes; 0: one that nobody set. */
static size_t wrong(size_t size, int off)
{
    return off ? size + (size_t)off : 0;
}

static void forecasts_and_samplings_refuse(struct setup *s, int off)
{
    struct sab_forecast forecast = {.size = wrong(sizeof forecast, off), .parameters = 7};
    struct sab_sampling sampling = {.size = wrong(sizeof sampling, off), .top_p = 1};
    char text[4] = "abc";
    int nbytes = 5;
    refused(s, sab_forecast(s->options, NULL, NULL, &forecast, &err), "forecast", forecast.size);
    assert_int_equal(forecast.parameters, 7);
    /* Looked at before the generator is. */
    refused(s, sab_generator_next(NULL, &sampling, text, &nbytes, &err), "sampling", sampling.size);
    assert_int_equal(nbytes, 5);
}

static void every_entry_refuses(int off)
{
    struct setup s;
    begin(&s);
    struct sab_batch bad = s.batch;
    struct sab_metrics metrics = {.size = wrong(sizeof metrics, off)};
    struct sab_recall recall = {wrong(sizeof recall, off), no_read, NULL};
    struct sab_request request = {.size = wrong(sizeof request, off)};
    struct sab_request asks = {.size = sizeof asks, .recall = &recall};
    struct sab_shape shape = *sab_task_shape(s.task);
    struct sab_watch watch = {.size = wrong(sizeof watch, off)};
    struct sab_outcome outcome = {.size = wrong(sizeof outcome, off)};
    struct sab_model *none = NULL;
    struct sab_tape *tape = NULL;
    bad.size = wrong(sizeof bad, off);
    shape.size = wrong(sizeof shape, off);

    refused(&s, sab_task_batch(s.task, SAB_TRAIN, 0, 4, &bad, &err), "batch", bad.size);
    refused(&s, sab_model_evaluate(s.model, &bad, 1, NULL, NULL, NULL, &err), "batch", bad.size);
    refused(&s, sab_model_gradient(s.model, &bad, 1, NULL, NULL, &err), "batch", bad.size);
    refused(&s, sab_engine_forward(s.engine, &bad, NULL, NULL, NULL, NULL, &err), "batch", bad.size);
    refused(&s, sab_engine_gradient(s.engine, &bad, NULL, NULL, &err), "batch", bad.size);
    refused(&s, sab_trainer_update(s.trainer, &bad, NULL, &err), "batch", bad.size);
    refused(&s, sab_trainer_gradient(s.trainer, &bad, NULL, NULL, &err), "batch", bad.size);

    refused(&s, sab_model_evaluate(s.model, &s.batch, 1, NULL, &metrics, NULL, &err), "metrics", metrics.size);
    refused(&s, sab_model_gradient(s.model, &s.batch, 1, &metrics, NULL, &err), "metrics", metrics.size);
    refused(&s, sab_engine_forward(s.engine, &s.batch, NULL, &metrics, NULL, NULL, &err), "metrics", metrics.size);
    refused(&s, sab_engine_gradient(s.engine, &s.batch, NULL, &metrics, &err), "metrics", metrics.size);
    refused(&s, sab_trainer_update(s.trainer, &s.batch, &metrics, &err), "metrics", metrics.size);
    refused(&s, sab_trainer_gradient(s.trainer, &s.batch, NULL, &metrics, &err), "metrics", metrics.size);
    refused(&s, sab_evaluate(s.engine, s.task, SAB_VALID, s.options, &metrics, &err), "metrics", metrics.size);
    refused(&s, sab_train(s.options, &metrics, &err), "metrics", metrics.size);
    refused(&s, sab_train_watched(s.options, 0, &watch, NULL, &err), "watch", watch.size);
    refused(&s, sab_train_watched(s.options, 0, NULL, &outcome, &err), "outcome", outcome.size);
    outcome = (struct sab_outcome){.size = sizeof outcome, .best = &metrics};
    refused(&s, sab_train_watched(s.options, 0, NULL, &outcome, &err), "metrics", metrics.size);
    outcome = (struct sab_outcome){.size = sizeof outcome, .last = &metrics};
    refused(&s, sab_train_watched(s.options, 0, NULL, &outcome, &err), "metrics", metrics.size);

    refused(&s, sab_model_evaluate(s.model, &s.batch, 1, NULL, NULL, &recall, &err), "recall", recall.size);
    refused(&s, sab_model_gradient(s.model, &s.batch, 1, NULL, &recall, &err), "recall", recall.size);
    refused(&s, sab_engine_forward(s.engine, &s.batch, NULL, NULL, &recall, NULL, &err), "recall", recall.size);
    refused(&s, sab_engine_gradient(s.engine, &s.batch, &asks, NULL, &err), "recall", recall.size);
    refused(&s, sab_engine_gradient(s.engine, &s.batch, &request, NULL, &err), "request", request.size);
    must(sab_engine_forward(s.engine, &s.batch, NULL, NULL, NULL, &tape, &err));
    refused(&s, sab_tape_backward(tape, &request, &err), "request", request.size);
    refused(&s, sab_tape_backward(tape, &asks, &err), "recall", recall.size);

    refused(&s, sab_model_create(&none, s.options, &shape, &err), "shape", shape.size);
    assert_null(none);
    sab_tape_free(tape);
    forecasts_and_samplings_refuse(&s, off);
    finish(&s);
}

/* A batch made before there were hn and cn: what stands in their place is not looked at. */
static void an_older_batch_is_served(void **state)
{
    (void)state;
    struct setup s;
    begin(&s);
    struct sab_metrics old = {.size = sizeof old}, now = {.size = sizeof now};
    must(sab_model_gradient(s.model, &s.batch, 1, &now, NULL, &err));
    s.batch.size = offsetof(struct sab_batch, hn);
    memset((char *)&s.batch + s.batch.size, 0xff, sizeof s.batch - s.batch.size);
    must(sab_model_gradient(s.model, &s.batch, 1, &old, NULL, &err));
    assert_true(old.loss == now.loss && old.grad_norm == now.grad_norm);
    must(sab_task_batch(s.task, SAB_TRAIN, 0, 4, &s.batch, &err));
    assert_int_equal(s.batch.size, offsetof(struct sab_batch, hn));
    for (size_t i = s.batch.size; i < sizeof s.batch; i++)
        assert_int_equal(((const unsigned char *)&s.batch)[i], 0xff);
    must(sab_trainer_update(s.trainer, &s.batch, NULL, &err));
    finish(&s);
}

static void no_size_is_refused(void **state)
{
    (void)state;
    every_entry_refuses(0);
}

static void too_small_is_refused(void **state)
{
    (void)state;
    every_entry_refuses(-1);
}

static void newer_is_refused(void **state)
{
    (void)state;
    every_entry_refuses(8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(older_structs_are_served), cmocka_unit_test(unknown_sizes_are_refused),
        cmocka_unit_test(no_size_is_refused),       cmocka_unit_test(too_small_is_refused),
        cmocka_unit_test(newer_is_refused),         cmocka_unit_test(an_older_batch_is_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
