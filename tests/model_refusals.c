/* What a caller can get wrong in a model, a batch or a stream: SAB_INVALID, a sentence that names the value, and an
 * object that works as before. */
#include <limits.h>
#include <malloc.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "model/stream.h"
#include "options_helper.h"
#include "problem.h"

static const struct sab_shape symbols = {sizeof symbols, SAB_INPUT_IDS, 5, SAB_LOSS_CROSS_ENTROPY, 4};
static const struct sab_shape vectors = {sizeof vectors, SAB_INPUT_VALUES, 3, SAB_LOSS_MSE, 2};

static void refused(const struct sab_options *config, struct sab_shape shape, const char *named)
{
    struct sab_model *model = NULL;
    struct sab_error err = {0};
    int status = sab_model_create(&model, config, &shape, &err);
    if (status != SAB_INVALID || err.status != SAB_INVALID || model || !strstr(err.message, named))
        fail_msg("%s: status %d, \"%s\"", named, status, err.message);
}

static void test_config(void **unused)
{
    (void)unused;
    static const struct {
        size_t offset;
        const char *named;
        int values[3];
    } ints[] = {
        {offsetof(struct sab_options, model.cell), "cell", {-1, 3, INT_MAX}},
        {offsetof(struct sab_options, model.hidden), "hidden", {0, 16385, INT_MAX}},
        {offsetof(struct sab_options, model.layers), "layers", {0, 17, 1000000}},
        {offsetof(struct sab_options, model.attention_width), "attention-width", {-1, 16385, INT_MAX}},
        {offsetof(struct sab_options, model.score), "score", {-1, 3, INT_MIN}},
        {offsetof(struct sab_options, model.sparsifier), "sparsifier", {-1, 3, 9}},
        {offsetof(struct sab_options, model.write), "write", {-1, 2, 9}},
        {offsetof(struct sab_options, model.credit), "credit", {-1, 4, 9}},
        {offsetof(struct sab_options, model.k_top), "k-top", {-1, 4097, INT_MAX}},
        {offsetof(struct sab_options, model.k_att), "k-att", {0, -1, INT_MAX}},
        {offsetof(struct sab_options, model.k_trunc), "k-trunc", {0, -1, INT_MAX}},
        {offsetof(struct sab_options, model.mental_updates), "mental-updates", {-1, 2, 9}},
        {offsetof(struct sab_options, model.forward), "forward", {-1, 2, 9}},
        {offsetof(struct sab_options, model.backward), "backward", {-1, 2, 9}},
        {offsetof(struct sab_options, model.recompute), "recompute", {-1, 3, 9}},
        {offsetof(struct sab_options, shared.cpu), "cpu", {-1, 6, INT_MAX}},
    };
    static const size_t reals[] = {
        offsetof(struct sab_options, model.read_floor),  offsetof(struct sab_options, model.read_gain),
        offsetof(struct sab_options, model.input_scale), offsetof(struct sab_options, model.key_scale),
        offsetof(struct sab_options, model.score_scale), offsetof(struct sab_options, model.read_bound),
    };
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
        for (int v = 0; v < 3; v++) {
            OPTIONS config = {0};
            problem_config(&config);
            *(int *)((char *)&config + ints[i].offset) = ints[i].values[v];
            refused(&config, symbols, ints[i].named);
        }
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        for (int v = 0; v < 3; v++) {
            OPTIONS config = {0};
            problem_config(&config);
            *(double *)((char *)&config + reals[i]) = v == 0 ? NAN : v == 1 ? INFINITY : -1;
            refused(&config, symbols, "--");
        }
    OPTIONS config = {0};
    problem_config(&config);
    config.model.backward = SAB_DENSE;
    refused(&config, symbols, "--forward dense");
    config.model.backward = SAB_SPARSE;
    config.model.segments = -1;
    refused(&config, symbols, "segments");
    config.model.segments = 3;
    config.model.memory_slots = 7;
    refused(&config, symbols, "--segments 3 chooses among all memories, and with --memory-slots 7");
    config.model.memory_slots = 0;
    config.model.forward = SAB_DENSE;
    refused(&config, symbols, "--segments 3 opens a few groups of memories, and --forward dense");
    config.model.forward = SAB_SPARSE;
    config.model.credit = SAB_CREDIT_ATTENTION;
    refused(&config, symbols, "--segments 3 opens a few groups of memories, and --credit attention");
}

/* A model reads nothing of how it is trained. */
static void test_other_fields_are_not_read(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    struct sab_model *model;
    problem_config(&config);
    config.optim.lr = NAN;
    config.shared.batch = -3;
    set_option(&config, "task", "no such task");
    assert_int_equal(sab_model_create(&model, &config, &symbols, NULL), SAB_OK);
    sab_model_free(model);
}

static void test_shape(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    problem_config(&config);
    refused(&config, SHAPE(2, 5, 0, 4), "input kind 2");
    refused(&config, SHAPE(-1, 5, 0, 4), "input kind -1");
    refused(&config, SHAPE(0, 5, 5, 4), "loss 5");
    refused(&config, SHAPE(0, 5, SAB_LOSS_QUANTILE, 4), "O = 4 is no multiple of 3");
    static const char *const levels[] = {"0.1,0.9", "0.5,0.5", "0.5,0.1", "0,0.5", "0.5,1", "0.5,", "", "0.5,nan", "half"};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        set_option(&config, "quantiles", levels[i]);
        refused(&config, SHAPE(0, 5, SAB_LOSS_QUANTILE, 6), "--quantiles");
    }
    refused(&config, SHAPE(0, 0, 0, 4), "I = 0");
    refused(&config, SHAPE(0, INT_MAX, 0, 4), "I = 2147483647");
    refused(&config, SHAPE(0, 5, 0, 0), "O = 0");
    refused(&config, SHAPE(0, 5, 0, INT_MAX), "O = 2147483647");
}

/* Both calls must refuse the batch, or with only_gradient the second one; afterwards the good batch works as before. */
static void bad_batch(struct problem *p, const struct sab_batch *bad, int threads, int only_gradient, const char *named)
{
    struct sab_error err = {0};
    uint64_t before = problem_gradient_digest(p, 1);
    int status = sab_model_evaluate(p->model, bad, threads, NULL, NULL, NULL, &err);
    if (status != (only_gradient ? SAB_OK : SAB_INVALID) || (status && !strstr(err.message, named)))
        fail_msg("evaluate, %s: status %d, \"%s\"", named, status, err.message);
    err.message[0] = 0;
    status = sab_model_gradient(p->model, bad, threads, NULL, NULL, &err);
    if (status != SAB_INVALID || err.status != SAB_INVALID || !strstr(err.message, named))
        fail_msg("gradient, %s: status %d, \"%s\"", named, status, err.message);
    assert_true(problem_gradient_digest(p, 1) == before);
}

/* A batch with one field of p's changed. */
#define BAD(field, value, only_gradient, named)      \
    do {                                             \
        struct sab_batch bad_ = p.batch;             \
        bad_.field = (value);                        \
        bad_batch(&p, &bad_, 1, only_gradient, named); \
    } while (0)

enum { T = 7, B = 9 };

static void test_batch(void **unused)
{
    (void)unused;
    struct problem p;
    OPTIONS config = {0};
    problem_config(&config);
    problem_make(&p, &config, symbols, T, B, 1);
    int32_t ids[T * B], labels[T * B], lengths[B];
    sab_real weight[T * B];
    memcpy(ids, p.ids, sizeof ids), memcpy(labels, p.labels, sizeof labels), memcpy(lengths, p.lengths, sizeof lengths);
    memcpy(weight, p.weight, sizeof weight);

    bad_batch(&p, &p.batch, -1, 0, "threads = -1");
    BAD(T, 0, 0, "T = 0");
    BAD(T, -1, 0, "T = -1");
    BAD(T, INT_MAX, 0, "T = 2147483647");
    BAD(B, 0, 0, "B = 0");
    BAD(B, INT_MAX, 0, "B = 2147483647");
    BAD(ids, NULL, 0, "neither ids nor values");
    BAD(values, p.values, 0, "both ids and values");
    BAD(labels, NULL, 1, "needs labels");
    BAD(targets, p.targets, 0, "needs labels");

    const uint8_t fresh[B] = {0};
    BAD(fresh, fresh, 0, "brings no state");

    const int32_t symbols_out[] = {-1, 5, INT_MAX, INT_MIN};
    p.lengths[2] = T; /* what stands past an end is not judged */
    for (int i = 0; i < 4; i++) {
        ids[(T - 1) * B + 2] = symbols_out[i];
        BAD(ids, ids, 0, "at step 7 of sequence 2 is not in 0..4");
    }
    const int32_t labels_out[] = {-1, 4, INT_MAX, INT_MIN};
    for (int i = 0; i < 4; i++) {
        labels[0] = labels_out[i]; /* its weight is 1 */
        BAD(labels, labels, 0, "at step 1 of sequence 0 is not in 0..3");
    }
    const sab_real weights[] = {-1, NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 4; i++) {
        weight[0] = weights[i];
        BAD(weight, weight, 0, "weight ");
    }
    memset(weight, 0, sizeof weight);
    BAD(weight, weight, 1, "weight 0");
    const int32_t lengths_out[] = {0, -1, T + 1, INT_MAX};
    for (int i = 0; i < 4; i++) {
        lengths[B - 1] = lengths_out[i];
        BAD(lengths, lengths, 0, "of sequence 8 is not in 1..7");
    }
    problem_free(&p);
}

static void test_batch_of_vectors(void **unused)
{
    (void)unused;
    struct problem p;
    OPTIONS config = {0};
    problem_config(&config);
    problem_make(&p, &config, vectors, T, B, 1);
    BAD(values, NULL, 0, "neither ids nor values");
    BAD(ids, p.ids, 0, "both ids and values");
    BAD(targets, NULL, 1, "needs targets");
    BAD(labels, p.labels, 0, "needs targets");
    struct sab_batch other = p.batch;
    other.values = NULL;
    other.ids = p.ids;
    bad_batch(&p, &other, 1, 0, "takes values as input and the batch brings ids");
    problem_free(&p);
}

/* Yes-or-no targets are judged where they count, and only there. */
static void test_batch_of_answers(void **unused)
{
    (void)unused;
    struct problem p;
    OPTIONS config = {0};
    problem_config(&config);
    problem_make(&p, &config, SHAPE(SAB_INPUT_IDS, 5, SAB_LOSS_BCE, 2), T, B, 1);
    sab_real targets[T * B * 2];
    memcpy(targets, p.targets, sizeof targets);
    const sab_real out[] = {(sab_real)-0.1, (sab_real)1.1, NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 5; i++) {
        targets[1] = out[i];
        BAD(targets, targets, 0, "of output 1 at step 1 of sequence 0 is not in 0..1");
    }
    targets[1] = 1;
    int at = 0;
    while (p.weight[at] > 0)
        at++;
    targets[2 * at] = NAN;
    p.batch.targets = targets;
    assert_int_equal(sab_model_gradient(p.model, &p.batch, 1, NULL, NULL, NULL), SAB_OK);
    problem_free(&p);
}

/* Labels are read where they have weight or are scored, judged there, and read nowhere else. */
static void test_labels_that_do_not_count(void **unused)
{
    (void)unused;
    struct problem p;
    OPTIONS config = {0};
    struct sab_error err;
    uint8_t scored[T * B];
    problem_config(&config);
    problem_make(&p, &config, symbols, T, B, 1);
    p.batch.lengths = NULL;
    p.batch.scored = scored;
    int at = -1; /* scored, of weight 0 */
    for (int i = 0; i < T * B; i++) {
        scored[i] = i % 2;
        at = p.weight[i] == 0 && scored[i] ? i : at;
    }
    assert_true(at > 0);
    uint64_t before = problem_gradient_digest(&p, 1);
    for (int i = 0; i < T * B; i++)
        if (p.weight[i] == 0 && !scored[i])
            p.labels[i] = INT_MIN;
    assert_int_equal(sab_model_evaluate(p.model, &p.batch, 1, NULL, NULL, NULL, &err), SAB_OK);
    assert_true(problem_gradient_digest(&p, 1) == before);
    int32_t labels[T * B];
    memcpy(labels, p.labels, sizeof labels);
    labels[at] = INT_MIN;
    BAD(labels, labels, 0, "label -2147483648 at step ");
    problem_free(&p);
}

static void test_stream(void **unused)
{
    (void)unused;
    struct problem p;
    OPTIONS config = {0};
    struct sab_error err;
    struct sab_stream *stream = NULL;
    sab_real y[2 * 4], again[2 * 4];
    problem_config(&config);
    problem_make(&p, &config, symbols, T, 2, 1);
    const int sizes[] = {0, -1, INT_MIN, INT_MAX};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(sab_stream_create(&stream, p.model, sizes[i], &err), SAB_INVALID);
        assert_non_null(strstr(err.message, "B = "));
        assert_null(stream);
    }
    assert_int_equal(sab_stream_create(&stream, p.model, 2, &err), SAB_OK);
    for (int t = 0; t < T; t++) {
        const int32_t low[] = {0, -1}, high[] = {5, 0};
        struct sab_stream *clean;
        assert_int_equal(sab_stream_clone(&clean, stream, &err), SAB_OK);
        assert_int_equal(sab_stream_step(stream, NULL, NULL, y, &err), SAB_INVALID);
        assert_int_equal(sab_stream_step(stream, NULL, p.values, y, &err), SAB_INVALID);
        assert_int_equal(sab_stream_step(stream, p.ids, p.values, y, &err), SAB_INVALID);
        assert_int_equal(sab_stream_step(stream, low, NULL, y, &err), SAB_INVALID);
        assert_non_null(strstr(err.message, "symbol -1 of sequence 1"));
        assert_int_equal(sab_stream_step(stream, high, NULL, y, &err), SAB_INVALID);
        assert_int_equal(sab_stream_step(clean, p.ids + 2 * t, NULL, again, &err), SAB_OK);
        assert_int_equal(sab_stream_step(stream, p.ids + 2 * t, NULL, y, &err), SAB_OK);
        assert_memory_equal(y, again, sizeof y);
        sab_stream_free(clean);
    }
    sab_stream_free(stream);
    problem_free(&p);
}

/* What could not be loaded is not saved, and a file that is there stays. */
static void test_not_finite_is_not_saved(void **unused)
{
    (void)unused;
    struct problem p;
    OPTIONS config = {0};
    struct sab_error err = {0};
    struct sab_stream *stream;
    struct sab_model *read = NULL;
    char path[] = "/tmp/sab-refusals-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    problem_config(&config);
    problem_make(&p, &config, symbols, T, 2, 1);
    assert_int_equal(sab_model_save(p.model, path, &err), SAB_OK);
    for (int i = 0; i < sab_model_tensor_count(p.model); i++) {
        struct sab_tensor tensor = *sab_model_tensor(p.model, i);
        sab_real kept = tensor.data[tensor.count - 1];
        tensor.data[tensor.count - 1] = i % 2 ? (sab_real)NAN : (sab_real)INFINITY;
        if (sab_model_save(p.model, path, &err) != SAB_NUMERIC || !strstr(err.message, tensor.name))
            fail_msg("%s: status %d, \"%s\"", tensor.name, err.status, err.message);
        tensor.data[tensor.count - 1] = kept;
    }
    assert_int_equal(sab_model_load(&read, path, &err), SAB_OK);
    sab_model_free(read);
    assert_int_equal(sab_stream_create(&stream, p.model, 2, &err), SAB_OK);
    assert_int_equal(sab_stream_step(stream, p.ids, NULL, NULL, &err), SAB_OK);
    stream->layers[0].now.h[0] = (sab_real)NAN; /* no call leaves such a state */
    assert_int_equal(sab_stream_save(stream, path, &err), SAB_NUMERIC);
    assert_non_null(strstr(err.message, "the state of layer 0"));
    sab_stream_free(stream);
    problem_free(&p);
    unlink(path);
}

/* Freed memory is overwritten here, so that a look at a model that is gone would end the test. */
static void test_a_stream_outlives_its_model(void **unused)
{
    (void)unused;
    for (int k_top = 0; k_top <= 3; k_top += 3) {
        struct problem p;
        OPTIONS config = {0};
        struct sab_stream *stream;
        problem_config(&config);
        config.model.k_top = k_top;
        problem_make(&p, &config, symbols, T, 2, 1);
        assert_int_equal(sab_stream_create(&stream, p.model, 2, NULL), SAB_OK);
        assert_int_equal(sab_stream_step(stream, p.ids, NULL, NULL, NULL), SAB_OK);
        mallopt(M_PERTURB, 0xa5);
        problem_free(&p);
        sab_stream_free(stream);
        mallopt(M_PERTURB, 0);
    }
}

static void test_task(void **unused)
{
    (void)unused;
    static const struct {
        int split, B;
        int64_t index;
        const char *named;
    } cases[] = {{7, 2, 0, "split 7"},      {-1, 2, 0, "split -1"},    {3, 2, 0, "split 3"},
                 {SAB_TEST, 0, 0, "0 seq"}, {SAB_TEST, -5, 0, "-5 s"}, {SAB_TRAIN, 2, -1, "number -1"}};
    OPTIONS config = {0};
    struct sab_task *task;
    struct sab_error err = {0};
    sab_options_init(&config);
    set_option(&config, "task", "copy");
    assert_int_equal(sab_task_create(&task, &config, NULL, &err), SAB_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sab_batch batch = {.size = sizeof batch};
        if (sab_task_batch(task, (enum sab_split)cases[i].split, cases[i].index, cases[i].B, &batch, &err) != SAB_INVALID ||
            !strstr(err.message, cases[i].named))
            fail_msg("%s: status %d, \"%s\"", cases[i].named, err.status, err.message);
    }
    sab_task_free(task);
}

/* Numbers that are not finite are found, whatever the instruction set. */
static void test_not_finite(void **unused)
{
    (void)unused;
    struct problem p;
    OPTIONS config = {0};
    struct sab_error err;
    problem_config(&config);
    for (config.model.cell = SAB_CELL_LSTM; config.model.cell <= SAB_CELL_RNN; config.model.cell++)
        for (int i = 0; i < 9; i++) {
            problem_make(&p, &config, vectors, T, B, 1);
            struct sab_tensor tensor = *sab_model_tensor(p.model, i);
            tensor.data[tensor.count / 2] = NAN;
            if (sab_model_gradient(p.model, &p.batch, 1, NULL, NULL, &err) != SAB_NUMERIC)
                fail_msg("cell %d: NaN in %s went unseen", config.model.cell, tensor.name);
            problem_free(&p);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_other_fields_are_not_read),
        cmocka_unit_test(test_shape),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_batch_of_vectors), cmocka_unit_test(test_batch_of_answers),
        cmocka_unit_test(test_labels_that_do_not_count),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_a_stream_outlives_its_model),
        cmocka_unit_test(test_task),
        cmocka_unit_test(test_not_finite_is_not_saved),
        cmocka_unit_test(test_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
