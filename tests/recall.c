/* What struct sab_recall sees: every read once and in order, memories that exist, weights that sum to 1, and the flow
 * of gradient in proportion to the weights. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "options_helper.h"
#include "problem.h"

enum { T = 40, B = 11, K = 3, LAYERS = 2 };

/* What one pass reported: by layer, step (1-based) and sequence. */
struct seen {
    const struct sab_options *config;
    int step;                         /* +1: t rises, -1: it falls */
    int last[LAYERS][B];              /* 0: none yet */
    int n[LAYERS][T + 1][B];
    int32_t when[LAYERS][T + 1][B][K];
    sab_real alpha[LAYERS][T + 1][B][K];
    double flow;                      /* largest */
};

static void see(void *user, int layer, int t, int b, int n, const int32_t *when, const sab_real *alpha,
                const sab_real *flow)
{
    struct seen *s = user;
    int written = (t - 1) / s->config->model.k_att;
    assert_true(layer >= 0 && layer < LAYERS && t >= 1 && t <= T && b >= 0 && b < B);
    assert_int_equal(n, written < K ? written : K);
    int last = s->last[layer][b];
    if (last && (t - last) * s->step <= 0)
        fail_msg("layer %d, sequence %d: step %d was reported after step %d", layer, b, t, last);
    s->last[layer][b] = t;
    double sum = 0;
    for (int i = 0; i < n; i++) {
        if (when[i] < 1 || when[i] >= t || when[i] % s->config->model.k_att || (i && when[i] <= when[i - 1]))
            fail_msg("step %d recalls what step %d wrote, as number %d", t, when[i], i);
        sum += (double)alpha[i];
        assert_true((flow != NULL) == (s->step < 0));
        if (flow && fabs((double)(flow[i] * alpha[0] - flow[0] * alpha[i])) > 1e-6 * (double)flow[0])
            fail_msg("step %d: flow %g and %g through weights %g and %g", t, (double)flow[0], (double)flow[i],
                     (double)alpha[0], (double)alpha[i]);
        if (flow)
            s->flow = fmax(s->flow, (double)flow[i]);
    }
    assert_true(fabs(sum - 1) < 1e-5);
    s->n[layer][t][b] = n;
    memcpy(s->when[layer][t][b], when, (size_t)n * sizeof *when);
    memcpy(s->alpha[layer][t][b], alpha, (size_t)n * sizeof *alpha);
}

static void compare(const struct sab_options *config, int is_ragged)
{
    static struct seen forward, backward;
    struct problem p;
    struct sab_error err;
    problem_make(&p, config, SHAPE(SAB_INPUT_IDS, 6, SAB_LOSS_CROSS_ENTROPY, 3), T, B, 4);
    p.batch.weight = NULL; /* a loss everywhere, so that gradient reaches every window */
    p.batch.lengths = is_ragged ? p.lengths : NULL;
    memset(&forward, 0, sizeof forward), memset(&backward, 0, sizeof backward);
    forward.config = backward.config = &p.config;
    forward.step = 1;
    backward.step = -1;
    struct sab_recall recall = {sizeof recall, see, &forward};
    assert_int_equal(sab_model_evaluate(p.model, &p.batch, 4, NULL, NULL, &recall, &err), SAB_OK);
    for (int l = 0; l < LAYERS; l++)
        for (int t = p.config.model.k_att + 1; t <= T; t++)
            for (int b = 0; b < B; b++)
                if (!forward.n[l][t][b] != (is_ragged && t > p.lengths[b]))
                    fail_msg("the read of layer %d, step %d, sequence %d is %s", l, t, b,
                             forward.n[l][t][b] ? "past its end" : "missing");
    recall.user = &backward;
    assert_int_equal(sab_model_gradient(p.model, &p.batch, 4, NULL, &recall, &err), SAB_OK);
    assert_memory_equal(forward.n, backward.n, sizeof forward.n);
    assert_memory_equal(forward.when, backward.when, sizeof forward.when);
    assert_memory_equal(forward.alpha, backward.alpha, sizeof forward.alpha);
    assert_true((backward.flow > 0) == config->model.mental_updates);
    problem_free(&p);
}

static void test_reads(void **unused)
{
    (void)unused;
    for (int i = 0; i < 16; i++) {
        OPTIONS config = {0};
        problem_config(&config);
        config.model.layers = LAYERS;
        config.model.k_top = K;
        config.model.k_att = i & 1 ? 3 : 1;
        config.model.mental_updates = i >> 1 & 1;
        config.model.recompute = i >> 2 & 1;
        config.model.sparsifier = SAB_SPARSIFIER_SOFTMAX;
        compare(&config, i >> 3);
    }
}

/* The raw scores of release2019 are weights below 0; the norm of a gradient is none. */
static void see_norms(void *user, int layer, int t, int b, int n, const int32_t *when, const sab_real *alpha,
                      const sab_real *flow)
{
    int *negative = user;
    (void)layer, (void)b, (void)when;
    for (int i = 0; i < n; i++) {
        *negative += alpha[i] < 0;
        if (!(flow[i] >= 0))
            fail_msg("step %d: the gradient through a weight of %g has the norm %g", t, (double)alpha[i], (double)flow[i]);
        if ((flow[i] == 0) != (alpha[i] == 0))
            fail_msg("step %d: flow %g through a weight of %g", t, (double)flow[i], (double)alpha[i]);
    }
}

static void test_flow_is_a_norm(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    struct problem p;
    struct sab_error err;
    int negative = 0;
    problem_config(&config);
    config.model.sparsifier = SAB_SPARSIFIER_RELEASE2019;
    config.model.k_top = 30;
    problem_make(&p, &config, SHAPE(SAB_INPUT_IDS, 6, SAB_LOSS_CROSS_ENTROPY, 3), T, B, 4);
    p.batch.lengths = NULL;
    p.batch.weight = NULL;
    struct sab_recall recall = {sizeof recall, see_norms, &negative};
    assert_int_equal(sab_model_gradient(p.model, &p.batch, 1, NULL, &recall, &err), SAB_OK);
    assert_true(negative > 100);
    problem_free(&p);
}

/* With memory_slots a read is offered the latest so many memories, no more and no fewer. */
static void see_latest(void *user, int layer, int t, int b, int n, const int32_t *when, const sab_real *alpha,
                       const sab_real *flow)
{
    const struct sab_model_options *config = &((const struct sab_options *)user)->model;
    int written = (t - 1) / config->k_att, there = written < config->memory_slots ? written : config->memory_slots;
    int is_dense = config->forward == SAB_DENSE, read = is_dense || there < config->k_top ? there : config->k_top;
    (void)layer, (void)alpha, (void)flow;
    if (n != read)
        fail_msg("%d slots, step %d of sequence %d: expected %d memories, got %d", config->memory_slots, t, b, read, n);
    for (int i = 0; i < n; i++) {
        int oldest = (written - there + 1 + (read == there ? i : 0)) * config->k_att;
        if (when[i] < oldest || (read == there && when[i] > oldest))
            fail_msg("%d slots, step %d: memory %d of %d is of step %d, expected %s %d", config->memory_slots, t, i, n, when[i],
                     read == there ? "step" : "none before", oldest);
    }
}

static void test_memory_slots(void **unused)
{
    (void)unused;
    for (int slots = 1; slots <= 14; slots++)
        for (int i = 0; i < 4; i++) {
            OPTIONS config = {0};
            struct problem p;
            struct sab_error err;
            problem_config(&config);
            config.model.layers = LAYERS;
            config.model.k_top = 7;
            config.model.k_att = i & 1 ? 3 : 1;
            config.model.forward = i >> 1 & 1 ? SAB_DENSE : SAB_SPARSE;
            config.model.sparsifier = SAB_SPARSIFIER_SOFTMAX;
            config.model.memory_slots = slots;
            problem_make(&p, &config, SHAPE(SAB_INPUT_IDS, 6, SAB_LOSS_CROSS_ENTROPY, 3), T, B, 4);
            struct sab_recall recall = {sizeof recall, see_latest, &p.config};
            assert_int_equal(sab_model_evaluate(p.model, &p.batch, 1, NULL, NULL, &recall, &err), SAB_OK);
            problem_free(&p);
        }
}

/* Carried from batch to batch: at each step the newest memory_slots can be read, whichever batch wrote them, and by a sequence that
 * begins anew its own only. Of a dense read all that can be read has a weight. */
struct carried {
    int k_att, slots, before, own, own_before; /* before: steps of what came before, own_before those of sequence own, which began anew */
};

static void see_carried(void *user, int layer, int t, int b, int n, const int32_t *when, const sab_real *alpha, const sab_real *flow)
{
    const struct carried *s = user;
    int before = b == s->own ? s->own_before : s->before, written = (before + t - 1) / s->k_att,
        there = written < s->slots ? written : s->slots;
    (void)layer, (void)alpha, (void)flow;
    if (n != there)
        fail_msg("%d slots, k_att %d, step %d after %d others, sequence %d: expected %d memories, got %d", s->slots, s->k_att, t, before, b,
                 there, n);
    for (int i = 0; i < n; i++)
        if (when[i] != (written - there + 1 + i) * s->k_att - before)
            fail_msg("%d slots, k_att %d, step %d after %d others, sequence %d: memory %d of %d is of step %d, "
                     "expected %d", s->slots, s->k_att,
                     t, before, b, i, n, when[i], (written - there + 1 + i) * s->k_att - before);
}

static void test_carried_memories(void **unused)
{
    (void)unused;
    enum { STEPS = 12, PARTS = 3 };
    for (int k_att = 1; k_att <= 4; k_att++)
        for (int slots = 1; slots <= 2 * STEPS + 1; slots++) { /* STEPS / k_att of them is what a text has by default */
            OPTIONS config = {0};
            struct problem p;
            struct sab_stream *stream;
            struct sab_error err;
            problem_config(&config);
            config.model.forward = SAB_DENSE;
            config.model.k_att = k_att;
            config.model.memory_slots = slots;
            problem_make(&p, &config, SHAPE(SAB_INPUT_IDS, 6, SAB_LOSS_CROSS_ENTROPY, 3), STEPS, B, 4);
            assert_int_equal(sab_stream_create(&stream, p.model, B, &err), SAB_OK);
            p.batch.lengths = NULL;
            p.batch.state = stream;
            for (int part = 0; part < PARTS; part++) {
                uint8_t fresh[B] = {0};
                struct carried seen = {k_att, slots, part * STEPS, part == PARTS - 1 ? 2 : -1, 0};
                struct sab_recall recall = {sizeof recall, see_carried, &seen};
                fresh[2] = part == PARTS - 1;
                p.batch.fresh = fresh;
                assert_int_equal(sab_model_evaluate(p.model, &p.batch, 1, NULL, NULL, &recall, &err), SAB_OK);
            }
            sab_stream_free(stream);
            problem_free(&p);
        }
}

/* The same after steps one at a time, of which a stream keeps more than can be read; sequence 2 began anew in the batch before them. */
static void test_carried_after_steps(void **unused)
{
    (void)unused;
    enum { STEPS = 12 };
    for (int i = 0; i < 27; i++) {
        OPTIONS config = {0};
        struct problem p;
        struct sab_stream *stream;
        struct sab_error err;
        sab_real y[B * 3];
        uint8_t fresh[B] = {[2] = 1};
        int k_att = i % 3 + 1, alone = i / 3 * 3 * k_att;
        struct carried seen = {k_att, 20 / k_att, 2 * STEPS + alone, 2, STEPS + alone};
        struct sab_recall recall = {sizeof recall, see_carried, &seen};
        problem_config(&config);
        config.model.forward = SAB_DENSE;
        config.model.k_att = k_att;
        config.model.memory_slots = seen.slots;
        problem_make(&p, &config, SHAPE(SAB_INPUT_IDS, 6, SAB_LOSS_CROSS_ENTROPY, 3), STEPS, B, 4);
        assert_int_equal(sab_stream_create(&stream, p.model, B, &err), SAB_OK);
        p.batch.lengths = NULL;
        p.batch.state = stream;
        assert_int_equal(sab_model_evaluate(p.model, &p.batch, 1, NULL, NULL, NULL, &err), SAB_OK);
        p.batch.fresh = fresh;
        assert_int_equal(sab_model_evaluate(p.model, &p.batch, 1, NULL, NULL, NULL, &err), SAB_OK);
        for (int t = 0; t < alone; t++)
            assert_int_equal(sab_stream_step(stream, p.ids + t % STEPS * B, NULL, y, &err), SAB_OK);
        p.batch.fresh = NULL;
        assert_int_equal(sab_model_evaluate(p.model, &p.batch, 1, NULL, NULL, &recall, &err), SAB_OK);
        sab_stream_free(stream);
        problem_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reads), cmocka_unit_test(test_memory_slots),
                                       cmocka_unit_test(test_carried_memories),
                                       cmocka_unit_test(test_carried_after_steps), cmocka_unit_test(test_flow_is_a_norm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
