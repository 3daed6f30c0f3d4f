/* The encoder-decoder: what must be equal to the bit, over random configurations and every instruction set of this machine;
 * what it is without what it adds to a recurrent network; what it refuses. Its gradient is the oracle's to judge.
 *
 * ctest: timeout 300 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/kernels.h"
#include "options_helper.h"
#include "problem.h"

enum { CASES = 40 };

struct with_source {
    struct problem p;
    uint8_t *scored;
};

/* A random problem; where the source ends is drawn for each sequence: at 0, within, or never. */
static void make(struct with_source *w, const struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    uint64_t state = seed + 1000;
    problem_make(&w->p, c, shape, T, B, seed);
    w->scored = calloc((size_t)T * B, 1);
    for (int b = 0; b < B; b++)
        for (int t = problem_int(&state, 0, w->p.lengths[b]); t < T; t++)
            w->scored[t * B + b] = 1;
    w->p.batch.scored = w->scored;
}

static void clear(struct with_source *w)
{
    problem_free(&w->p);
    free(w->scored);
}

static sab_real *outputs_of(struct sab_model *model, const struct sab_batch *batch)
{
    struct sab_error err;
    sab_real *y = calloc((size_t)batch->T * batch->B * sab_model_shape(model)->O, sizeof *y);
    if (sab_model_evaluate(model, batch, 1, y, NULL, NULL, &err))
        fail_msg("%s", err.message);
    return y;
}

static struct sab_shape random_case(struct sab_options *c, uint64_t *state)
{
    problem_config(c);
    c->model.model = SAB_KIND_SEQ2SEQ;
    c->model.cell = problem_int(state, 0, 2);
    c->model.hidden = problem_int(state, 1, 40);
    c->model.attention_width = problem_int(state, 0, 1) ? problem_int(state, 1, 20) : 0;
    c->model.score = problem_int(state, 0, 2);
    c->model.decoder_attention = problem_int(state, 0, 2) > 0;
    c->model.decoder_feed = problem_int(state, 0, 3) ? SAB_FEED_OWN : SAB_FEED_LABELS;
    return SHAPE(problem_int(state, 0, 1), problem_int(state, 1, 9), SAB_LOSS_CROSS_ENTROPY,
                              problem_int(state, 1, 7));
}

static void for_each_case(void (*check)(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed))
{
    for (int k = 0; sab_kernels_at(k); k++)
        for (uint64_t seed = 1; seed <= CASES; seed++) {
            uint64_t state = seed;
            OPTIONS config = {0};
            struct sab_shape shape = random_case(&config, &state);
            assert_int_equal(sab_options_set(&config, "cpu", sab_kernels_at(k)->name, NULL), SAB_OK);
            int T = problem_int(&state, 1, 30), B = problem_int(&state, 1, 19);
            check(&config, shape, T, B, seed);
        }
}

/* ---- batches and threads ---- */

static void any_number_of_threads(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct with_source w;
    make(&w, c, shape, T, B + 20, seed);
    uint64_t one = problem_gradient_digest(&w.p, 1);
    for (int threads = 2; threads <= 8; threads *= 2)
        assert_true(one == problem_gradient_digest(&w.p, threads));
    clear(&w);
}

/* A gradient after others, shorter and longer, on what they left in memory. */
static void nothing_is_left_behind(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct with_source w;
    struct sab_error err;
    make(&w, c, shape, T, B, seed);
    uint64_t first = problem_gradient_digest(&w.p, 1);
    struct sab_batch shorter = w.p.batch, whole = w.p.batch;
    shorter.lengths = NULL;
    shorter.T = (T + 1) / 2;
    assert_int_equal(sab_model_gradient(w.p.model, &shorter, 1, NULL, NULL, &err), SAB_OK);
    whole.lengths = NULL;
    assert_int_equal(sab_model_gradient(w.p.model, &whole, 1, NULL, NULL, &err), SAB_OK);
    assert_true(problem_gradient_digest(&w.p, 1) == first);
    clear(&w);
}

/* A sequence of its own length and source is the same alone; past its end, where nothing is read, the outputs are 0. */
static void alone_is_in_a_batch(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct with_source w;
    make(&w, c, shape, T, B, seed);
    int I = shape.I, O = shape.O;
    for (int i = 0; i < T * B; i++)
        if (i / B >= w.p.lengths[i % B]) {
            w.p.ids[i] = w.p.labels[i] = -7;
            w.p.weight[i] = NAN;
            w.p.values[i * I] = NAN;
        }
    sab_real *all = outputs_of(w.p.model, &w.p.batch), *zero = calloc((size_t)O, sizeof *zero);
    for (int b = 0; b < B; b++) {
        int n = w.p.lengths[b];
        int32_t *ids = calloc((size_t)n, sizeof *ids), *labels = calloc((size_t)n, sizeof *labels);
        sab_real *values = calloc((size_t)n * I, sizeof *values), *weight = calloc((size_t)n, sizeof *weight);
        uint8_t *scored = calloc((size_t)n, 1);
        for (int t = 0; t < n; t++) {
            ids[t] = w.p.ids[t * B + b];
            labels[t] = w.p.labels[t * B + b];
            weight[t] = w.p.weight[t * B + b];
            scored[t] = w.scored[t * B + b];
            memcpy(values + t * I, w.p.values + (t * B + b) * I, (size_t)I * sizeof *values);
        }
        struct sab_batch alone = {.size = sizeof alone, .T = n, .B = 1, .labels = labels, .weight = weight, .scored = scored};
        alone.ids = w.p.batch.ids ? ids : NULL;
        alone.values = w.p.batch.values ? values : NULL;
        sab_real *one = outputs_of(w.p.model, &alone);
        for (int t = 0; t < T; t++)
            assert_memory_equal(all + (t * B + b) * O, t < n ? one + t * O : zero, (size_t)O * sizeof *one);
        free(one), free(ids), free(labels), free(values), free(weight), free(scored);
    }
    free(all), free(zero);
    clear(&w);
}

/* ---- the decoder's input ---- */

/* A decoder that is fed labels which happen to be its own answers is one that is fed its own answers; other labels lead
 * elsewhere, now and then. */
static int answers_that_led_elsewhere;

static void own_answers_as_labels(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct with_source own, fed;
    int O = shape.O;
    c->model.decoder_feed = SAB_FEED_OWN;
    make(&own, c, shape, T, B, seed);
    c->model.decoder_feed = SAB_FEED_LABELS;
    make(&fed, c, shape, T, B, seed);
    sab_real *y = outputs_of(own.p.model, &own.p.batch), *other = outputs_of(fed.p.model, &fed.p.batch);
    answers_that_led_elsewhere += memcmp(y, other, (size_t)T * B * O * sizeof *y) != 0;
    for (int i = 0; i < T * B; i++)
        for (int o = fed.p.labels[i] = 0; o < O; o++)
            if (y[i * O + o] > y[i * O + fed.p.labels[i]])
                fed.p.labels[i] = o;
    sab_real *same = outputs_of(fed.p.model, &fed.p.batch);
    assert_memory_equal(y, same, (size_t)T * B * O * sizeof *y);
    free(y), free(other), free(same);
    clear(&own), clear(&fed);
}

/* Labels are not needed: outputs are the same without them, the source's end is known from `scored` alone. */
static void outputs_need_no_labels(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    struct with_source w;
    c->model.decoder_feed = SAB_FEED_OWN;
    make(&w, c, shape, T, B, seed);
    sab_real *y = outputs_of(w.p.model, &w.p.batch);
    w.p.batch.labels = NULL;
    sab_real *same = outputs_of(w.p.model, &w.p.batch);
    assert_memory_equal(y, same, (size_t)T * B * shape.O * sizeof *y);
    free(y), free(same);
    clear(&w);
}

/* ---- without what it adds it is a recurrent network ---- */

static struct sab_tensor tensor(struct sab_model *model, const char *name)
{
    for (int i = 0; i < sab_model_tensor_count(model); i++)
        if (strcmp(sab_model_tensor(model, i)->name, name) == 0)
            return *sab_model_tensor(model, i);
    fail_msg("no tensor %s", name);
    return (struct sab_tensor){0};
}

static void copy_tensor(struct sab_model *to, const char *name, struct sab_model *from, const char *source)
{
    struct sab_tensor x = tensor(to, name), y = tensor(from, source);
    assert_int_equal(x.count, y.count);
    memcpy(x.data, y.data, x.count * sizeof *x.data);
}

/* A decoder with the encoder's weights, that answers lead nowhere, goes on as the encoder would: all is the recurrent
 * network of these weights. So is the source, whatever the decoder is. */
static void same_sides_are_one_network(struct sab_options *c, struct sab_shape shape, int T, int B, uint64_t seed)
{
    static const char *const names[] = {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"};
    struct with_source w;
    struct problem one;
    int O = shape.O;
    c->model.decoder_attention = 0;
    make(&w, c, shape, T, B, seed);
    c->model.model = SAB_KIND_RECURRENT;
    c->model.credit = SAB_CREDIT_BPTT;
    problem_make(&one, c, shape, T, B, seed);
    for (int i = 0; i < 4; i++) {
        char name[64] = "encoder.";
        copy_tensor(one.model, names[i], w.p.model, strcat(name, names[i]));
    }
    copy_tensor(one.model, "V1", w.p.model, "V1");
    copy_tensor(one.model, "b", w.p.model, "b");
    sab_real *y = outputs_of(one.model, &one.batch), *apart = outputs_of(w.p.model, &w.p.batch);
    for (int i = 0; i < T * B; i++)
        if (!w.scored[i])
            assert_memory_equal(y + i * O, apart + i * O, (size_t)O * sizeof *y);
    for (int i = 0; i < 4; i++) {
        char to[64] = "decoder.", from[64] = "encoder.";
        copy_tensor(w.p.model, strcat(to, names[i]), w.p.model, strcat(from, names[i]));
    }
    struct sab_tensor answer = tensor(w.p.model, "decoder.weight_answer");
    memset(answer.data, 0, answer.count * sizeof *answer.data);
    sab_real *same = outputs_of(w.p.model, &w.p.batch);
    assert_memory_equal(y, same, (size_t)T * B * O * sizeof *y);
    free(y), free(apart), free(same);
    problem_free(&one);
    clear(&w);
}

/* ---- refusals ---- */

static void refused(const struct sab_options *config, struct sab_shape shape, const char *words)
{
    struct sab_model *model = NULL;
    struct sab_error err = {0};
    assert_int_equal(sab_model_create(&model, config, &shape, &err), SAB_INVALID);
    assert_null(model);
    if (!strstr(err.message, words))
        fail_msg("expected \"%s\" in \"%s\"", words, err.message);
}

static void test_refusals(void **unused)
{
    (void)unused;
    OPTIONS c = {0};
    struct sab_model *model;
    struct sab_error err = {0};
    struct sab_stream *stream = NULL;
    struct sab_shape symbols = {sizeof symbols, SAB_INPUT_IDS, 5, SAB_LOSS_CROSS_ENTROPY, 3};
    problem_config(&c);
    c.model.model = SAB_KIND_SEQ2SEQ;
    refused(&c, SHAPE(SAB_INPUT_VALUES, 2, SAB_LOSS_MSE, 1), "are not classes");
    refused(&c, SHAPE(SAB_INPUT_VALUES, 2, SAB_LOSS_BCE, 1), "are not classes");
    c.model.layers = 2;
    refused(&c, symbols, "--layers: 2");
    c.model.layers = 1;
    assert_int_equal(sab_model_create(&model, &c, &symbols, &err), SAB_OK);
    assert_int_equal(sab_stream_create(&stream, model, 1, &err), SAB_INVALID);
    assert_null(stream);
    sab_model_free(model);
}

#define EACH(name)                    \
    static void test_##name(void **s) \
    {                                 \
        (void)s;                      \
        for_each_case(name);          \
    }
EACH(any_number_of_threads)
EACH(nothing_is_left_behind)
EACH(alone_is_in_a_batch)
EACH(outputs_need_no_labels)
EACH(same_sides_are_one_network)

static void test_own_answers_as_labels(void **unused)
{
    (void)unused;
    for_each_case(own_answers_as_labels);
    assert_true(answers_that_led_elsewhere > CASES / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_number_of_threads),  cmocka_unit_test(test_nothing_is_left_behind),
        cmocka_unit_test(test_alone_is_in_a_batch),    cmocka_unit_test(test_own_answers_as_labels),
        cmocka_unit_test(test_outputs_need_no_labels), cmocka_unit_test(test_same_sides_are_one_network),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
