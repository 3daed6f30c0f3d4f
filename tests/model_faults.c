/* Memory that cannot be had, in the model, its engine and its streams: every call of the library's allocator is refused
 * in turn. The call that met it reports SAB_NOMEM, whatever existed before still works to the bit, and nothing leaks.
 *
 * ctest: wrap sab_alloc sab_free
 * ctest: timeout 300
 * ctest: cost 15 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "options_helper.h"
#include "problem.h"

enum { NEVER = -1, T = 150, B = 11 };
#ifdef __SANITIZE_ADDRESS__
enum { EVERY = 3 }; /* of a stream's refusals: with a sanitizer each takes half a second, and what leaks is counted without one too */
#else
enum { EVERY = 1 };
#endif
static int64_t calls_left = NEVER;
static int met;
static int64_t live;

void *__real_sab_alloc(size_t count, size_t size);
void *__wrap_sab_alloc(size_t count, size_t size);
void *__wrap_sab_alloc(size_t count, size_t size)
{
    if (calls_left >= 0 && calls_left-- == 0) {
        met = 1;
        return NULL;
    }
    void *block = __real_sab_alloc(count, size);
    live += block != NULL;
    return block;
}

void __real_sab_free(void *block);
void __wrap_sab_free(void *block);
void __wrap_sab_free(void *block)
{
    live -= block != NULL;
    __real_sab_free(block);
}

static void refuse(int64_t n)
{
    calls_left = n;
    met = 0;
}

/* Layers whose memories grow, more memories recalled than the first room of a stream holds. */
static void make(struct problem *p, int pool, int segments)
{
    OPTIONS config = {0};
    problem_config(&config);
    config.model.layers = 3;
    config.model.k_att = 1;
    config.model.k_top = 100;
    config.model.pool = pool;
    config.model.segments = segments;
    problem_make(p, &config, SHAPE(SAB_INPUT_IDS, 5, SAB_LOSS_CROSS_ENTROPY, 4), T, B, 3);
}

static void test_model_create(void **unused)
{
    (void)unused;
    struct problem p;
    int64_t n = 0, before;
    make(&p, SAB_POOL_LAST, 0);
    before = live;
    for (met = 1; met; n++) {
        struct sab_model *model = NULL;
        struct sab_error err;
        refuse(n);
        int status = sab_model_create(&model, &p.config, &p.shape, &err);
        assert_int_equal(status, met ? SAB_NOMEM : SAB_OK);
        assert_true((model == NULL) == met);
        if (met)
            assert_int_equal(err.status, SAB_NOMEM);
        sab_model_free(model);
        assert_true(live == before);
    }
    assert_true(n > 5);
    calls_left = NEVER;
    problem_free(&p);
    assert_true(live == 0);
}

/* The engine of either kind, made anew or in the place of the other. */
static void test_gradient_and_evaluate(void **unused)
{
    (void)unused;
    struct problem p;
    make(&p, SAB_POOL_LAST, 0);
    uint64_t expected = problem_gradient_digest(&p, 2);
    int64_t n = 0;
    for (met = 1; met; n++) {
        struct sab_error err;
        assert_int_equal(sab_model_evaluate(p.model, &p.batch, 2, NULL, NULL, NULL, &err), SAB_OK);
        refuse(n);
        int status = sab_model_gradient(p.model, &p.batch, 2, NULL, NULL, &err);
        assert_int_equal(status, met ? SAB_NOMEM : SAB_OK);
        calls_left = NEVER;
        assert_true(problem_gradient_digest(&p, 2) == expected);
    }
    assert_true(n > 8);
    n = 0;
    for (met = 1; met; n++) {
        struct sab_error err;
        assert_true(problem_gradient_digest(&p, 2) == expected);
        refuse(n);
        int status = sab_model_evaluate(p.model, &p.batch, 2, NULL, NULL, NULL, &err);
        assert_int_equal(status, met ? SAB_NOMEM : SAB_OK);
        calls_left = NEVER;
    }
    assert_true(n > 8);
    problem_free(&p);
    assert_true(live == 0);
}

/* Takes one step again and again until memory is there; the number of refusals. */
static int step(struct sab_stream *stream, const int32_t *ids, sab_real *y)
{
    struct sab_error err;
    int status, refusals = 0;
    while ((status = sab_stream_step(stream, ids, NULL, y, &err)) == SAB_NOMEM)
        refusals++;
    assert_int_equal(status, SAB_OK);
    return refusals;
}

/* A stream, and clones of it before and after a refusal, give the outputs of the whole sequence. Layers are larger or
 * smaller than one another after a refusal in the middle of growing. */
static void stream_meets(struct problem *p, const sab_real *whole, int64_t n)
{
    struct sab_stream *stream = NULL, *clone = NULL;
    struct sab_error err;
    size_t row = (size_t)B * p->shape.O;
    sab_real *y = calloc(row, sizeof *y);
    refuse(n);
    if (sab_stream_create(&stream, p->model, B, &err)) {
        assert_null(stream);
        assert_int_equal(err.status, SAB_NOMEM);
        assert_int_equal(sab_stream_create(&stream, p->model, B, &err), SAB_OK);
    }
    for (int t = 0; t < T; t++) {
        int refusals = step(stream, p->ids + (size_t)t * B, y);
        assert_memory_equal(y, whole + t * row, row * sizeof *y);
        if (refusals || t == 100) {
            if (sab_stream_clone(&clone, stream, &err)) {
                assert_int_equal(err.status, SAB_NOMEM);
                assert_int_equal(sab_stream_clone(&clone, stream, &err), SAB_OK);
            }
            sab_stream_free(stream);
            stream = clone;
        }
    }
    sab_stream_free(stream);
    free(y);
}

static void check_stream(int pool, int segments)
{
    struct problem p;
    struct sab_error err;
    make(&p, pool, segments);
    sab_real *whole = calloc((size_t)T * B * (size_t)p.shape.O, sizeof *whole);
    p.batch.lengths = NULL;
    assert_int_equal(sab_model_evaluate(p.model, &p.batch, 1, whole, NULL, NULL, &err), SAB_OK);
    int64_t before = live, n = 0;
    for (met = 1; met; n += EVERY) {
        stream_meets(&p, whole, n);
        assert_true(live == before);
    }
    assert_true(n > 60);
    calls_left = NEVER;
    free(whole);
    problem_free(&p);
    assert_true(live == 0);
}

static void test_stream(void **unused)
{
    (void)unused;
    check_stream(SAB_POOL_LAST, 0);
    check_stream(SAB_POOL_ATTENTION, 0);
    check_stream(SAB_POOL_LAST, 7);
}

/* A clone of a stream whose layers have room for different numbers of memories, as a refused growth leaves it. */
static void test_clone_after_refused_growth(void **unused)
{
    (void)unused;
    struct problem p;
    struct sab_error err;
    make(&p, SAB_POOL_LAST, 0);
    size_t row = (size_t)B * (size_t)p.shape.O;
    sab_real *whole = calloc(T * row, sizeof *whole), *y = calloc(row, sizeof *y);
    p.batch.lengths = NULL;
    assert_int_equal(sab_model_evaluate(p.model, &p.batch, 1, whole, NULL, NULL, &err), SAB_OK);
    for (int64_t n = 0; n < 13; n++) { /* growing takes the scores and four arrays in each of three layers */
        struct sab_stream *stream, *clone;
        int t = 0, status = SAB_OK;
        assert_int_equal(sab_stream_create(&stream, p.model, B, &err), SAB_OK);
        refuse(n);
        while (!(status = sab_stream_step(stream, p.ids + (size_t)t * B, NULL, y, &err)))
            t++;
        assert_int_equal(status, SAB_NOMEM);
        assert_int_equal(sab_stream_clone(&clone, stream, &err), SAB_OK);
        sab_stream_free(stream);
        for (; t < T; t++) {
            assert_int_equal(sab_stream_step(clone, p.ids + (size_t)t * B, NULL, y, &err), SAB_OK);
            assert_memory_equal(y, whole + t * row, row * sizeof *y);
        }
        sab_stream_free(clone);
    }
    free(whole), free(y);
    problem_free(&p);
    assert_true(live == 0);
}

/* A file whose header there is no memory for is not told to be no legal one. */
static void test_load(void **unused)
{
    (void)unused;
    struct problem p;
    struct sab_error err;
    char path[] = "/tmp/sab-faults-XXXXXX";
    int64_t n = 0;
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    make(&p, SAB_POOL_LAST, 0);
    assert_int_equal(sab_model_save(p.model, path, &err), SAB_OK);
    int64_t before = live;
    for (met = 1; met; n++) {
        struct sab_model *model = NULL;
        refuse(n);
        int status = sab_model_load(&model, path, &err);
        if (status != (met ? SAB_NOMEM : SAB_OK) || (met && err.status != SAB_NOMEM))
            fail_msg("without allocation %d: expected status %d, got %d, \"%s\"", (int)n, SAB_NOMEM, status, err.message);
        sab_model_free(model);
        assert_true(live == before);
    }
    assert_true(n > 10);
    calls_left = NEVER;
    unlink(path);
    problem_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model_create),
        cmocka_unit_test(test_gradient_and_evaluate),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_clone_after_refused_growth),
        cmocka_unit_test(test_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
