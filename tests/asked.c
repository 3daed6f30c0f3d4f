/* With a read gain of 0 nothing is read where nobody asks for what comes of it, and all numbers are those of a network that reads at
 * every step, which it does for who wants to be told of reads.
 *
 * ctest: timeout 300 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "credit/engine.h"
#include "equalities_support.h"
#include "model/stream.h"
#include "options_helper.h"

enum { EVERY = 7 };

static void must(int status, const struct sab_error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

static void ignore(void *user, int layer, int t, int b, int n, const int32_t *when, const sab_real *alpha, const sab_real *flow)
{
    (void)user, (void)layer, (void)t, (void)b, (void)n, (void)when, (void)alpha, (void)flow;
}

/* Only a few steps count, the last among them. */
static void thin(struct problem *p)
{
    for (int t = 0; t < p->batch.T; t++)
        for (int b = 0; b < p->batch.B; b++)
            p->weight[(size_t)t * p->batch.B + b] = t % EVERY == EVERY - 1 || t == p->batch.T - 1 ? (sab_real)(1 + b % 2) : 0;
}

static sab_real *gradient_of(struct problem *p, int threads, const struct sab_recall *recall, double *loss, size_t *n)
{
    struct sab_error err;
    struct sab_metrics metrics = {.size = sizeof metrics};
    sab_real *all = NULL;
    must(sab_model_gradient(p->model, &p->batch, threads, &metrics, recall, &err), &err);
    *loss = metrics.loss, *n = 0;
    for (int i = 0; i < sab_model_tensor_count(p->model); i++) {
        struct sab_tensor tensor = *sab_model_tensor(p->model, i);
        all = realloc(all, (*n + tensor.count) * sizeof *all);
        memcpy(all + *n, tensor.grad, tensor.count * sizeof *all);
        *n += tensor.count;
    }
    return all;
}

static void gradients_are_those_of_all_reads(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem p;
    struct sab_recall recall = {sizeof recall, ignore, NULL};
    double loss[2];
    size_t n[2];
    c->model.read_gain = 0;
    c->model.recompute = (int)(seed % 3);
    problem_make(&p, c, shape, T, B, seed);
    thin(&p);
    sab_real *all = gradient_of(&p, 1, &recall, &loss[0], &n[0]), *asked = gradient_of(&p, 1 + (int)(seed % 2), NULL, &loss[1], &n[1]);
    if (loss[0] != loss[1])
        fail_msg("seed %d: the loss is %.17g where all is read, %.17g where nothing more is than reaches it", (int)seed, loss[0], loss[1]);
    for (size_t i = 0; i < n[0]; i++)
        if (all[i] != asked[i])
            fail_msg("seed %d: gradient %zu is %.9g where all is read, %.9g where nothing more is than reaches the loss", (int)seed, i,
                     (double)all[i], (double)asked[i]);
    free(all), free(asked);
    problem_free(&p);
}

/* A stream whose outputs are asked for now and then has those of one that tells them all. */
static void streams_that_are_asked_seldom(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct problem p;
    struct sab_error err;
    struct sab_stream *often, *seldom;
    c->model.read_gain = 0;
    problem_make(&p, c, shape, T, B, seed);
    size_t n = (size_t)B * p.shape.O;
    sab_real *y[2] = {calloc(n, sizeof(sab_real)), calloc(n, sizeof(sab_real))};
    must(sab_stream_create(&often, p.model, B, &err), &err);
    must(sab_stream_create(&seldom, p.model, B, &err), &err);
    for (int t = 0; t < T; t++) {
        const int32_t *ids = p.batch.ids ? p.batch.ids + (size_t)t * B : NULL;
        const sab_real *values = p.batch.values ? p.batch.values + (size_t)t * B * p.shape.I : NULL;
        int is_asked = t % EVERY == EVERY - 1 || t == T - 1;
        must(sab_stream_step(often, ids, values, y[0], &err), &err);
        must(sab_stream_step(seldom, ids, values, is_asked ? y[1] : NULL, &err), &err);
        for (size_t i = 0; is_asked && i < n; i++)
            if (y[0][i] != y[1][i])
                fail_msg("seed %d, step %d: output %zu is %.9g, and %.9g where none was asked for before", (int)seed, t, i, (double)y[0][i],
                         (double)y[1][i]);
    }
    sab_stream_free(often), sab_stream_free(seldom);
    free(y[0]), free(y[1]);
    problem_free(&p);
}

EQUALITY(gradients_are_those_of_all_reads)
EQUALITY(streams_that_are_asked_seldom)

/* Whether a forward pass scores any memories, of a batch in which one step is scored: the first, which has none to read, or the last. */
static int scores_anything(double gain, int layers, int keep, int is_last)
{
    static struct sab_profile profile;
    struct problem p;
    struct sab_error err;
    struct sab_engine *engine;
    struct sab_metrics metrics = {.size = sizeof metrics};
    enum { T = 30, B = 3 };
    OPTIONS config = {0};
    problem_config(&config);
    config.model.read_gain = gain;
    config.model.layers = layers;
    config.model.memory_slots = 8;
    config.model.keep = keep;
    problem_make(&p, &config, SHAPE(SAB_INPUT_IDS, 6, SAB_LOSS_CROSS_ENTROPY, 3), T, B, 5);
    p.batch.lengths = NULL;
    for (int i = 0; i < T * B; i++)
        p.weight[i] = i / B == (is_last ? T - 1 : 0);
    must(sab_engine_create(&engine, p.model, 1, &err), &err);
    memset(&profile, 0, sizeof profile);
    engine->profile = &profile;
    must(sab_engine_forward(engine, &p.batch, NULL, &metrics, NULL, NULL, &err), &err);
    engine->profile = NULL;
    sab_engine_free(engine);
    problem_free(&p);
    return profile.ticks[SAB_PHASE_SCORE] > 0;
}

static void test_nothing_is_read_for_nobody(void **unused)
{
    (void)unused;
    assert_true(scores_anything(1, 1, SAB_KEEP_NOVEL, 0));
    assert_true(scores_anything(0, 1, SAB_KEEP_NOVEL, 1));
    assert_true(scores_anything(0, 1, SAB_KEEP_USED, 0)); /* what stays depends on what was recalled */
    assert_false(scores_anything(0, 1, SAB_KEEP_NOVEL, 0));
    assert_false(scores_anything(0, 2, SAB_KEEP_RECENT, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_are_those_of_all_reads),
        cmocka_unit_test(test_streams_that_are_asked_seldom),
        cmocka_unit_test(test_nothing_is_read_for_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
