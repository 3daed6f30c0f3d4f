/* How the weights start: each scale moves the tensors it names and no others, by what it says. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "baselines/seq2seq.h"
#include "io/digest.h"
#include "options_helper.h"
#include "problem.h"

enum { H = 12, A = 40 };

static struct sab_model *make(int score, double input_scale, double key_scale, double score_scale, double forget_bias)
{
    OPTIONS config = {0};
    struct sab_shape shape = {sizeof shape, SAB_INPUT_IDS, 30, SAB_LOSS_CROSS_ENTROPY, 6};
    struct sab_model *model;
    struct sab_error err;
    problem_config(&config);
    config.model.hidden = H;
    config.model.layers = 2;
    config.model.attention_width = A;
    config.model.score = score;
    config.model.input_scale = input_scale;
    config.model.key_scale = key_scale;
    config.model.score_scale = score_scale;
    config.model.forget_bias = forget_bias;
    if (sab_model_create(&model, &config, &shape, &err))
        fail_msg("%s", err.message);
    return model;
}

static double largest(struct sab_tensor t)
{
    double most = 0;
    for (size_t j = 0; j < t.count; j++)
        most = fmax(most, fabs((double)t.data[j]));
    return most;
}

/* Uniform in +-1/sqrt(H), +-scale/sqrt(H) for keys and queries, +-scale/sqrt(A) for w3: of many draws the largest comes
 * near, none beyond. */
static void test_bounds(void **unused)
{
    (void)unused;
    for (int score = SAB_SCORE_MLP; score <= SAB_SCORE_RELEASE2019; score++) {
        struct sab_model *model = make(score, 1, 2, 3, 0);
        for (int i = 0; i < sab_model_tensor_count(model); i++) {
            struct sab_tensor t = *sab_model_tensor(model, i);
            double bound = !strncmp(t.name, "w3_", 3)  ? 3 / sqrt(A)
                         : !strncmp(t.name, "w_l", 3) ? 3 / sqrt(H)
                         : !strncmp(t.name, "W1_", 3) || !strncmp(t.name, "W2_", 3) ? 2 / sqrt(H)
                                                       : 1 / sqrt(H);
            if (largest(t) > bound * 1.000001 || largest(t) < bound * (t.count > 10 ? 0.8 : 0.3))
                fail_msg("%s: largest %g, bound %g", t.name, largest(t), bound);
        }
        sab_model_free(model);
    }
}

/* The options' factor on the tensor named, bits equal elsewhere. Factors are powers of 2, so products are exact. */
static void test_scales(void **unused)
{
    (void)unused;
    static const struct {
        double input, key, score;
        const char *named, *too;
    } cases[] = {{2, 1, 1, "weight_ih_l0", "weight_ih_l0"}, {1, 2, 1, "W1_", "W2_"}, {1, 1, 2, "w3_", "w3_"}};
    for (int c = 0; c < 3; c++) {
        struct sab_model *plain = make(SAB_SCORE_MLP, 1, 1, 1, 0);
        struct sab_model *scaled = make(SAB_SCORE_MLP, cases[c].input, cases[c].key, cases[c].score, 0);
        for (int i = 0; i < sab_model_tensor_count(plain); i++) {
            struct sab_tensor a = *sab_model_tensor(plain, i), b = *sab_model_tensor(scaled, i);
            int is_named = !strncmp(a.name, cases[c].named, strlen(cases[c].named)) ||
                           !strncmp(a.name, cases[c].too, strlen(cases[c].too));
            int factor = is_named ? 2 : 1;
            for (size_t j = 0; j < a.count; j++)
                if (b.data[j] != factor * a.data[j])
                    fail_msg("%s[%zu]: %g, not %d times %g", a.name, j, (double)b.data[j], factor, (double)a.data[j]);
        }
        sab_model_free(plain), sab_model_free(scaled);
    }
}

/* As PyTorch has them, so that weights can be exchanged: a bias has one dimension, a weight two, in every network. */
static void test_dimensions(void **unused)
{
    (void)unused;
    for (int kind = SAB_KIND_RECURRENT; kind <= SAB_KIND_SEQ2SEQ; kind++) {
        OPTIONS config = {0};
        struct sab_model *model;
        struct sab_error err;
        problem_config(&config);
        config.model.model = kind;
        config.model.heads = 2;
        if (sab_model_create(&model, &config, &SHAPE(SAB_INPUT_VALUES, 5, SAB_LOSS_CROSS_ENTROPY, 6), &err))
            fail_msg("%s", err.message);
        for (int i = 0; i < sab_model_tensor_count(model); i++) {
            struct sab_tensor t = *sab_model_tensor(model, i);
            int expected = strstr(t.name, "bias") ? 1 : strstr(t.name, "norm") || !strstr(t.name, "weight") ? t.ndim : 2;
            if (t.ndim != expected || (t.ndim == 2 ? t.shape[0] * t.shape[1] : t.shape[0]) != (int64_t)t.count)
                fail_msg("network %d, %s: expected %d dimensions, got %d: %lld x %lld for %zu numbers", kind, t.name, expected, t.ndim,
                         (long long)t.shape[0], (long long)t.shape[1], t.count);
        }
        sab_model_free(model);
    }
}

/* An encoder-decoder starts by the same scales: --score-scale is that of w3 over the root of A, and of w over that of H. */
static void test_bounds_of_an_encoder_decoder(void **unused)
{
    (void)unused;
    for (int score = SAB_SCORE_MLP; score <= SAB_SCORE_RELEASE2019; score++) {
        OPTIONS config = {0};
        struct sab_model *model;
        struct sab_error err;
        problem_config(&config);
        config.model.model = SAB_KIND_SEQ2SEQ;
        config.model.decoder_attention = 1;
        config.model.attention_width = A;
        config.model.score = score;
        config.model.score_scale = 3;
        if (sab_model_create(&model, &config, &SHAPE(SAB_INPUT_IDS, 30, SAB_LOSS_CROSS_ENTROPY, 6), &err))
            fail_msg("%s", err.message);
        int found = 0;
        for (int i = 0; i < sab_model_tensor_count(model); i++) {
            struct sab_tensor t = *sab_model_tensor(model, i);
            double bound = strstr(t.name, "w3") ? 3 / sqrt(A) : strstr(t.name, "decoder.w_l") || !strcmp(t.name, "w_l0") ? 3 / sqrt(H) : 0;
            found += bound > 0;
            if (bound > 0 && (largest(t) > bound * 1.000001 || largest(t) < bound * 0.6))
                fail_msg("%s: largest %g, bound %g", t.name, largest(t), bound);
        }
        sab_model_free(model);
        if (score == SAB_SCORE_MLP)
            assert_true(found > 0);
    }
}

/* Gates are i f g o: the second quarter of bias_ih, in every layer. */
static void test_forget_bias(void **unused)
{
    (void)unused;
    struct sab_model *plain = make(SAB_SCORE_MLP, 1, 1, 1, 0), *open = make(SAB_SCORE_MLP, 1, 1, 1, 5);
    for (int i = 0; i < sab_model_tensor_count(plain); i++) {
        struct sab_tensor a = *sab_model_tensor(plain, i), b = *sab_model_tensor(open, i);
        int named = !strncmp(a.name, "bias_ih", 7);
        for (size_t j = 0; j < a.count; j++)
            if (b.data[j] != a.data[j] + (sab_real)(named && j >= H && j < 2 * H ? 5 : 0))
                fail_msg("%s[%zu]: %g and %g", a.name, j, (double)a.data[j], (double)b.data[j]);
    }
    sab_model_free(plain), sab_model_free(open);
}

/* Of the tensors one after the other, as a file has them, whatever room lies between them in memory. */
static void test_the_digest_is_of_the_tensors_alone(void **state)
{
    (void)state;
    static sab_real all[1 << 16];
    struct sab_model *model = make(SAB_SCORE_MLP, 1, 1, 1, 0);
    size_t n = 0, room;
    char expected[SAB_DIGEST_DIGITS + 1], got[33], again[33];
    for (int i = 0; i < sab_model_tensor_count(model); i++) {
        struct sab_tensor t = *sab_model_tensor(model, i);
        assert_true(n + t.count <= sizeof all / sizeof *all);
        memcpy(all + n, t.data, t.count * sizeof *all);
        n += t.count;
    }
    struct sab_tensor first = *sab_model_tensor(model, 0), last = *sab_model_tensor(model, sab_model_tensor_count(model) - 1);
    room = (size_t)(last.data + last.count - first.data);
    assert_true(room > n); /* else this test tests nothing */
    struct sab_digest *digest;
    assert_int_equal(sab_digest_create(&digest, NULL), SAB_OK);
    sab_digest_add(digest, all, n * sizeof *all);
    sab_digest_hex(digest, expected);
    sab_digest_free(digest);
    sab_model_digest(model, got);
    assert_string_equal(got, expected);
    sab_model_digest(model, again);
    assert_string_equal(again, expected);
    sab_model_free(model);
}

/* Copies of the input's weights that the gradient of input values needs: one behind the other, of both sides. */
static void test_copies_for_the_input_do_not_meet(void **state)
{
    (void)state;
    OPTIONS config = {0};
    struct sab_shape shape = {sizeof shape, SAB_INPUT_VALUES, 30, SAB_LOSS_CROSS_ENTROPY, 6};
    struct sab_version version;
    struct sab_model *m;
    struct sab_error err;
    problem_config(&config);
    config.model.model = SAB_KIND_SEQ2SEQ;
    assert_int_equal(sab_model_create(&m, &config, &shape, &err), SAB_OK);
    sab_model_prepare(m, &version, NULL, 1);
    assert_int_equal(sab_model_prepare_input(m, &err), SAB_OK);
    const struct sab_seq2seq *own = sab_seq2seq_of(m);
    size_t count = (size_t)m->GHp * SAB_PANEL; /* 30 rows fit into one panel */
    assert_ptr_equal(own->side[SAB_ENCODER].ih_t.data, m->packed_input);
    assert_ptr_equal(own->side[SAB_DECODER].ih_t.data, m->packed_input + count);
    sab_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies_for_the_input_do_not_meet),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_bounds_of_an_encoder_decoder),
        cmocka_unit_test(test_dimensions),
        cmocka_unit_test(test_the_digest_is_of_the_tensors_alone),
        cmocka_unit_test(test_scales),
        cmocka_unit_test(test_forget_bias),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
