/* The task npy: what arrays are taken for, and what is said of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/class_weights.h"
#include "data/npy_classes.h"
#include "data/task.h"
#include "io/npy_header.h"
#include "io_support.h"
#include "options_helper.h"
#include "sab.h"
#include "source/npy.h"

/* Writes an array of doubles ("f8") or whole numbers ("i8") into the folder of the test. */
static void put(const char *folder, const char *name, const char *type, int ndim, const int64_t *shape, const double *numbers)
{
    char header[SAB_NPY_HEADER_CAP], path[512];
    int64_t count = 1;
    for (int d = 0; d < ndim; d++)
        count *= shape[d];
    mkdir(io_path(folder), 0755);
    snprintf(path, sizeof path, "%s/%s.npy", io_path(folder), name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite(header, 1, sab_npy_header(header, type, ndim, shape), file);
    for (int64_t i = 0; i < count; i++) {
        int64_t whole = (int64_t)numbers[i];
        fwrite(type[0] == 'f' ? (const void *)&numbers[i] : &whole, 8, 1, file);
    }
    assert_int_equal(fclose(file), 0);
}

static int open_task(struct sab_task **task, const char *folder, const char *facts, struct sab_error *err)
{
    OPTIONS config = {0};
    sab_options_init(&config);
    set_option(&config, "task", "npy");
    set_option(&config, "data", io_path(folder));
    set_option(&config, "split", facts ? "0,0,1" : "1,0,0");
    return sab_task_create(task, &config, facts, err);
}

static struct sab_task *must(const char *folder)
{
    struct sab_task *task = NULL;
    struct sab_error err = {0};
    if (open_task(&task, folder, NULL, &err) != SAB_OK)
        fail_msg("%s: %s", folder, err.message);
    return task;
}

/* Steps of NaN at the end are as if `lengths` had left them out. */
static void padding_of_nan_is_no_step(void **state)
{
    enum { N = 6, T = 5, I = 2 };
    double x[N * T * I], y[N], lengths[N];
    (void)state;
    for (int n = 0; n < N; n++) {
        lengths[n] = n == 2 ? T : 1 + n % T;
        y[n] = n % 2;
        for (int k = 0; k < T * I; k++)
            x[n * T * I + k] = k < lengths[n] * I ? 10 * n + k : NAN;
    }
    put("nan", "x", "f8", 3, (int64_t[]){N, T, I}, x);
    put("nan", "y", "i8", 1, (int64_t[]){N}, y);
    put("len", "x", "f8", 3, (int64_t[]){N, T, I}, x);
    put("len", "y", "i8", 1, (int64_t[]){N}, y);
    put("len", "lengths", "i8", 1, (int64_t[]){N}, lengths);
    struct sab_task *a = must("nan"), *b = must("len");
    for (int64_t i = 0; i < 3; i++) {
        struct sab_batch p = {.size = sizeof p}, q = {.size = sizeof q};
        assert_int_equal(sab_task_batch(a, SAB_TRAIN, i, 4, &p, NULL), SAB_OK);
        assert_int_equal(sab_task_batch(b, SAB_TRAIN, i, 4, &q, NULL), SAB_OK);
        assert_int_equal(p.T, q.T);
        assert_memory_equal(p.lengths, q.lengths, 4 * sizeof *p.lengths);
        assert_memory_equal(p.values, q.values, (size_t)(p.T * 4 * I) * sizeof *p.values);
        assert_memory_equal(p.weight, q.weight, (size_t)(p.T * 4) * sizeof *p.weight);
    }
    assert_non_null(strstr(sab_task_facts(a), "4 end before steps of NaN"));
    assert_non_null(strstr(sab_task_facts(b), "as lengths says"));
    sab_task_free(a);
    sab_task_free(b);
    struct sab_error err = {0};
    x[4] = NAN; /* a step half there */
    x[5] = NAN;
    x[2 * T * I + 3] = NAN;
    put("hole", "x", "f8", 3, (int64_t[]){N, T, I}, x);
    put("hole", "y", "i8", 1, (int64_t[]){N}, y);
    assert_int_equal(open_task(&a, "hole", NULL, &err), SAB_FORMAT);
    if (!strstr(err.message, "x[2, 1, 1] is nan") || !strstr(err.message, "only steps of NaN alone at the end"))
        fail_msg("%s", err.message);
    for (int k = 0; k < T * I; k++)
        x[3 * T * I + k] = NAN;
    put("empty", "x", "f8", 3, (int64_t[]){N, T, I}, x);
    put("empty", "y", "i8", 1, (int64_t[]){N}, y);
    assert_int_equal(open_task(&a, "empty", NULL, &err), SAB_FORMAT);
    if (!strstr(err.message, "x[3] holds nothing but NaN"))
        fail_msg("%s", err.message);
}

/* Any whole numbers are classes, in their order, one a sequence or a step, also with a last dimension of 1. */
static void whole_numbers_are_classes(void **state)
{
    static const struct {
        const char *name, *type;
        int ndim;
        int64_t shape[3];
        double y[12];
        int O;             /* classes */
        int labels[12];    /* of each number; -1: no answer */
        const char *facts; /* holds this */
    } cases[] = {
        {"plain", "i8", 1, {4}, {0, 1, 2, 1}, 3, {0, 1, 2, 1}, "\"O\":3,\"per_step\":0"},
        {"from 1", "i8", 1, {4}, {1, 2, 3, 2}, 3, {0, 1, 2, 1}, "\"classes\":[\"1\",\"2\",\"3\"]"},
        {"signs", "i8", 1, {4}, {-1, 1, 1, -1}, 2, {0, 1, 1, 0}, "\"classes\":[\"-1\",\"1\"]"},
        {"far apart", "i8", 1, {4}, {7, 4e15, 7, -5}, 3, {1, 2, 1, 0}, "\"classes\":[\"-5\",\"7\",\"4000000000000000\"]"},
        {"a column", "i8", 2, {4, 1}, {20, 10, 20, 10}, 2, {1, 0, 1, 0}, "\"classes\":[\"10\",\"20\"]"},
        {"steps", "i8", 2, {4, 3}, {5, 6, -1, 6, 6, 5, -1, -1, -1, 5, 5, 6}, 2, {0, 1, -1, 1, 1, 0, -1, -1, -1, 0, 0, 1},
         "\"classes\":[\"5\",\"6\"]"},
        {"steps, a column each", "i8", 3, {4, 3, 1}, {0, 1, -1, 1, 1, 0, -1, -1, -1, 0, 0, 1}, 2,
         {0, 1, -1, 1, 1, 0, -1, -1, -1, 0, 0, 1}, "\"per_step\":1"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        double x[12];
        for (int i = 0; i < 12; i++)
            x[i] = i;
        put(cases[k].name, "x", "f8", 2, (int64_t[]){4, 3}, x);
        put(cases[k].name, "y", cases[k].type, cases[k].ndim, cases[k].shape, cases[k].y);
        struct sab_task *task = must(cases[k].name), *again = NULL;
        struct sab_error err = {0};
        if (sab_task_shape(task)->O != cases[k].O || !strstr(sab_task_facts(task), cases[k].facts))
            fail_msg("%s: %d classes; %s is not in %s", cases[k].name, sab_task_shape(task)->O, cases[k].facts,
                     sab_task_facts(task));
        if (open_task(&again, cases[k].name, sab_task_facts(task), &err) != SAB_OK) /* the facts are enough */
            fail_msg("%s: %s", cases[k].name, err.message);
        struct sab_batch b = {.size = sizeof b};
        int is_per_step = cases[k].ndim > 1 && cases[k].shape[1] == 3;
        assert_int_equal(sab_task_batch(again, SAB_TEST, 0, 4, &b, &err), SAB_OK);
        for (int n = 0; n < 4; n++)
            for (int t = is_per_step ? 0 : 2; t < 3; t++) {
                int expected = cases[k].labels[is_per_step ? 3 * n + t : n];
                assert_true((b.weight[4 * t + n] > 0) == (expected >= 0));
                if (expected >= 0 && b.labels[4 * t + n] != expected)
                    fail_msg("%s: expected %d, got %d", cases[k].name, expected, b.labels[4 * t + n]);
            }
        sab_task_free(again);
        sab_task_free(task);
    }
}

/* Whole numbers alone are symbols, from 0 to the largest that the training part has. */
static void symbols_are_counted(void **state)
{
    (void)state;
    for (int most = 0; most < 4; most++) {
        double x[12], y[4] = {0, 1, 0, 1};
        for (int i = 0; i < 12; i++)
            x[i] = i % (most + 1);
        put("symbols", "x", "i8", 2, (int64_t[]){4, 3}, x);
        put("symbols", "y", "i8", 1, (int64_t[]){4}, y);
        struct sab_task *task = must("symbols");
        const struct sab_shape *shape = sab_task_shape(task);
        if (shape->input != SAB_INPUT_IDS || shape->I != most + 1)
            fail_msg("symbols 0..%d: expected %d, got %d (input %d)", most, most + 1, shape->I, shape->input);
        sab_task_free(task);
    }
}

static void answers_that_are_refused(void **state)
{
    static const struct {
        const char *name;
        double train[4], other[4];
        const char *message;
    } cases[] = {
        {"one class", {3, 3, 3, 3}, {3, 3, 3, 3}, "has one class only"},
        {"an unseen one", {1, 2, 1, 2}, {1, 2, 1, 3}, "y[3] is 3; the classes of the training part are 2 whole numbers of 1..2. "
                                                      "If these are values, train with --loss mse"},
        {"an unseen one of many", {0, 2, 1, 2}, {1, 2, 7, 0}, "y[2] is 7; the classes of the training part are 0..2"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        double x[12] = {0};
        struct sab_task *task = NULL, *again = NULL;
        struct sab_error err = {0};
        put("train", "x", "f8", 2, (int64_t[]){4, 3}, x);
        put("train", "y", "i8", 1, (int64_t[]){4}, cases[k].train);
        put("other", "x", "f8", 2, (int64_t[]){4, 3}, x);
        put("other", "y", "i8", 1, (int64_t[]){4}, cases[k].other);
        int status = open_task(&task, "train", NULL, &err);
        if (status == SAB_OK)
            status = open_task(&again, "other", sab_task_facts(task), &err);
        sab_task_free(task);
        if (status != SAB_FORMAT || !strstr(err.message, cases[k].message))
            fail_msg("%s: expected \"%s\", got %d \"%s\"", cases[k].name, cases[k].message, status, err.message);
    }
}

/* Facts come out of model files, which may be hostile. */
static void damaged_classes(void **state)
{
    static const char *const damaged[] = {
        "{\"classes\":[\"1\"]}", "{\"classes\":[\"2\",\"1\"]}", "{\"classes\":[\"1\",\"1\"]}", "{\"classes\":[\"1\",2]}",
        "{\"classes\":[\"1\",\"x\"]}", "{\"classes\":\"12\"}", "{\"classes\":[\"1\",\"99999999999999999999\"]}",
    };
    (void)state;
    for (size_t k = 0; k < sizeof damaged / sizeof *damaged; k++) {
        struct sab_npy_classes classes = {0};
        const struct sab_value *facts = NULL;
        assert_int_equal(sab_json_parse(&facts, damaged[k], strlen(damaged[k]), NULL), SAB_OK);
        if (sab_npy_classes_get(&classes, facts, 2, NULL) == SAB_OK)
            fail_msg("taken: %s", damaged[k]);
        sab_npy_classes_clear(&classes);
        sab_json_free(facts);
    }
}

/* ---- weights of classes ---- */

static void name_class(const void *user, int i, char text[SAB_CLASS_NAME_CAP])
{
    snprintf(text, SAB_CLASS_NAME_CAP, "%s%d", (const char *)user, i);
}

static void weights_of_classes(void **state)
{
    static const int64_t counts[3] = {60, 30, 10};
    static const struct {
        const char *text;
        double weights[3];    /* 0: refused with the message */
        const char *message;
    } cases[] = {
        {"balanced", {100.0 / 180, 100.0 / 90, 100.0 / 30}, NULL},
        {"1,1,1", {1, 1, 1}, NULL},
        {"1,2,4", {100.0 / 160, 200.0 / 160, 400.0 / 160}, NULL},
        {"1,2", {0}, "--class-weights 1,2: a list of 2 for 3 classes; one number is needed for each, in this order: k0, k1, k2"},
        {"1,2,3,4", {0}, "a list of 4 for 3 classes"},
        {"1,0,3", {0}, "\"1,0,3\" is neither balanced nor a list of numbers above 0 and up to 1000000"},
        {"balance", {0}, "\"balance\" is neither"},
        {"1,,3", {0}, "\"1,,3\" is neither"},
        {"1,nan,3", {0}, "\"1,nan,3\" is neither"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct sab_class_weights weights;
        struct sab_error err = {0};
        int status = sab_class_weights_make(&weights, cases[k].text, 3, counts, name_class, "k", &err);
        if (cases[k].message && (status != SAB_INVALID || !strstr(err.message, cases[k].message)))
            fail_msg("%s: expected \"%s\", got %d \"%s\"", cases[k].text, cases[k].message, status, err.message);
        for (int i = 0; !cases[k].message && i < 3; i++)
            if (status != SAB_OK || fabs((double)sab_class_weights_at(&weights, i) - cases[k].weights[i]) > 1e-6)
                fail_msg("%s: class %d has %g, not %g (%s)", cases[k].text, i, (double)sab_class_weights_at(&weights, i),
                         cases[k].weights[i], err.message);
        sab_class_weights_clear(&weights);
    }
    struct sab_class_weights weights;
    static const int64_t absent[3] = {30, 0, 10};
    assert_int_equal(sab_class_weights_make(&weights, "balanced", 3, absent, name_class, "k", NULL), SAB_OK);
    assert_true(weights.of[1] == 1 && fabs((double)weights.of[2] - 2) < 1e-6);
    sab_class_weights_clear(&weights);
}

/* Facts come out of model files, which may be hostile. */
static void damaged_weights(void **state)
{
    static const char *const damaged[] = {
        "{\"class_weights\":[1]}", "{\"class_weights\":[1,2,3]}", "{\"class_weights\":[1,0]}", "{\"class_weights\":[1,-1]}",
        "{\"class_weights\":[1,1e39]}", "{\"class_weights\":[1,\"1\"]}", "{\"class_weights\":2}",
    };
    (void)state;
    for (size_t k = 0; k < sizeof damaged / sizeof *damaged; k++) {
        struct sab_class_weights weights;
        const struct sab_value *facts = NULL;
        assert_int_equal(sab_json_parse(&facts, damaged[k], strlen(damaged[k]), NULL), SAB_OK);
        if (sab_class_weights_get(&weights, facts, 2, NULL) == SAB_OK)
            fail_msg("taken: %s", damaged[k]);
        assert_null(weights.of);
        sab_json_free(facts);
    }
}

enum { MANY = 40, STEPS = 6 };

static struct sab_options weighed_options(const char *weights)
{
    struct sab_options config;
    sab_options_init(&config);
    set_option(&config, "task", "npy");
    set_option(&config, "data", io_path("weighed"));
    set_option(&config, "split", "0.5,0.25,0.25");
    set_option(&config, "class-weights", weights);
    set_option(&config, "hidden", "6");
    set_option(&config, "batch", "20");
    return config;
}

/* The gradient of training is the mean over the answers of each one's own gradient times the weight of its class, also where the
 * batch lacks a class; evaluations count all the same. */
static void classes_are_weighed(void **state)
{
    double x[MANY * STEPS], y[MANY];
    (void)state;
    for (int i = 0; i < MANY * STEPS; i++)
        x[i] = sin(1.7 * i);
    for (int n = 0; n < MANY; n++)
        y[n] = n % 5 == 3;
    put("weighed", "x", "f8", 2, (int64_t[]){MANY, STEPS}, x);
    put("weighed", "y", "i8", 1, (int64_t[]){MANY}, y);
    OPTIONS config = weighed_options("balanced");
    struct sab_task *task = NULL;
    struct sab_model *model = NULL;
    struct sab_trainer *trainer = NULL;
    struct sab_error err = {0};
    if (sab_task_create(&task, &config, NULL, &err) || sab_model_create(&model, &config, sab_task_shape(task), &err) ||
        sab_trainer_create(&trainer, model, &config, &err))
        fail_msg("%s", err.message);
    assert_non_null(strstr(sab_task_facts(task), "\"class_weights\":[0.625,2.5]"));
    for (int B = 1; B <= 20; B += 19) {
        struct sab_batch batch = {.size = sizeof batch};
        assert_int_equal(sab_task_batch(task, SAB_TRAIN, 0, B, &batch, NULL), SAB_OK);
        struct sab_flat flat = *sab_model_flat(model);
        double *expected = calloc(flat.count, sizeof *expected);
        for (int b = 0; b < B; b++) {
            const size_t last = (size_t)(STEPS - 1) * (size_t)B + (size_t)b;
            assert_true(batch.weight[last] == (batch.labels[last] ? (sab_real)2.5 : (sab_real)0.625));
            sab_real values[STEPS], weight[STEPS] = {0};
            int32_t labels[STEPS] = {0};
            for (int t = 0; t < STEPS; t++)
                values[t] = batch.values[t * B + b];
            weight[STEPS - 1] = 1;
            labels[STEPS - 1] = batch.labels[last];
            struct sab_batch one = {.size = sizeof one, .T = STEPS, .B = 1, .values = values, .labels = labels, .weight = weight};
            assert_int_equal(sab_model_gradient(model, &one, 1, NULL, NULL, NULL), SAB_OK);
            for (size_t i = 0; i < flat.count; i++)
                expected[i] += (double)batch.weight[last] * (double)flat.grad[i] / B;
        }
        assert_int_equal(sab_trainer_gradient(trainer, &batch, NULL, NULL, NULL), SAB_OK);
        for (size_t i = 0; i < flat.count; i++)
            if (fabs(expected[i] - (double)flat.grad[i]) > 2e-6) /* sums of 20 floats below 1 */
                fail_msg("B %d, weight %zu: gradient %.9g, expected %.9g", B, i, (double)flat.grad[i], expected[i]);
        free(expected);
    }
    for (int split = SAB_TRAIN; split <= SAB_TEST; split++) { /* training in its order is an evaluation too */
        struct sab_batch batch = {.size = sizeof batch};
        sab_task_read_in_order(task);
        assert_int_equal(sab_task_batch(task, split, 0, 10, &batch, NULL), SAB_OK);
        for (int b = 0; b < 10; b++)
            assert_true(batch.weight[(STEPS - 1) * 10 + b] == 1);
    }
    sab_trainer_free(trainer);
    sab_model_free(model);
    sab_task_free(task);
    set_option(&config, "loss", "mse");
    assert_int_equal(sab_task_create(&task, &config, NULL, &err), SAB_INVALID);
    assert_string_equal(err.message, "--class-weights balanced: the answers are values, and only classes have weights");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(padding_of_nan_is_no_step),
        cmocka_unit_test(whole_numbers_are_classes),
        cmocka_unit_test(symbols_are_counted),
        cmocka_unit_test(answers_that_are_refused),
        cmocka_unit_test(damaged_classes),
        cmocka_unit_test(weights_of_classes),
        cmocka_unit_test(damaged_weights),
        cmocka_unit_test(classes_are_weighed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
