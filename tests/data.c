/* The tasks: what each sequence holds, that nothing else is in it, and that all is a function of (seed, split,
 * index). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "data/task.h"
#include "model/network.h"
#include "train/options.h"
#include "options_helper.h"

static struct sab_options make_config(const char *task, int T)
{
    struct sab_options config;
    sab_options_init(&config);
    config.task.drawn.curriculum = 0;
    assert_int_equal(sab_options_set(&config, "task", task, NULL), SAB_OK);
    config.task.T = T;
    return config;
}

static struct sab_task *make_task(const struct sab_options *config)
{
    struct sab_task *task = NULL;
    struct sab_error err = {0};
    if (sab_task_create(&task, config, NULL, &err) != SAB_OK)
        fail_msg("%s", err.message);
    return task;
}

static struct sab_batch get(struct sab_task *task, enum sab_split split, int64_t index, int B)
{
    struct sab_batch batch = {.size = sizeof batch};
    struct sab_error err = {0};
    if (sab_task_batch(task, split, index, B, &batch, &err) != SAB_OK)
        fail_msg("%s", err.message);
    return batch;
}

/* Chi-square over `bins` equally likely bins; the bound is bins + 6 sqrt(2 bins), six standard deviations. */
static void assert_uniform(const int *count, int bins, int total, const char *what)
{
    double expected = (double)total / bins, chi = 0;
    for (int i = 0; i < bins; i++)
        chi += (count[i] - expected) * (count[i] - expected) / expected;
    if (chi > bins + 6 * sqrt(2.0 * bins))
        fail_msg("%s: chi-square %.1f over %d bins", what, chi, bins);
}

/* symbols 1..8, T-1 zeros, 9, ten zeros -> T+10 zeros, the symbols. */
static void test_copy_layout(void **unused)
{
    (void)unused;
    static const int Ts[] = {1, 2, 7, 100};
    int count[8] = {0}, total = 0;
    for (size_t k = 0; k < 4; k++) {
        int T = Ts[k], B = 33;
        OPTIONS config = make_config("copy", T);
        struct sab_task *task = make_task(&config);
        const struct sab_shape *shape = sab_task_shape(task);
        assert_int_equal(shape->input, SAB_INPUT_IDS);
        assert_int_equal(shape->I, 10);
        assert_int_equal(shape->loss, SAB_LOSS_CROSS_ENTROPY);
        assert_int_equal(shape->O, 9);
        struct sab_batch batch = get(task, SAB_TRAIN, 3, B);
        assert_int_equal(batch.T, T + 20);
        assert_int_equal(batch.B, B);
        assert_null(batch.values);
        assert_null(batch.targets);
        assert_null(batch.weight);
        assert_null(batch.lengths);
        for (int b = 0; b < B; b++)
            for (int t = 0; t < T + 20; t++) {
                int id = batch.ids[t * B + b], label = batch.labels[t * B + b];
                if (t < 10) {
                    assert_in_range(id, 1, 8);
                    count[id - 1]++;
                    total++;
                } else {
                    assert_int_equal(id, t == T + 9 ? 9 : 0);
                }
                assert_int_equal(label, t < T + 10 ? 0 : batch.ids[(t - T - 10) * B + b]);
                assert_int_equal(batch.scored[t * B + b], t >= T + 10);
            }
        sab_task_free(task);
    }
    assert_uniform(count, 8, total, "symbols");
}

static void test_adding_layout(void **unused)
{
    (void)unused;
    static const int Ts[] = {2, 3, 10, 50};
    for (size_t k = 0; k < 4; k++) {
        int T = Ts[k], B = 500, half = T / 2;
        int first[50] = {0}, second[50] = {0};
        double error = 0, mean = 0;
        OPTIONS config = make_config("adding", T);
        struct sab_task *task = make_task(&config);
        const struct sab_shape *shape = sab_task_shape(task);
        assert_int_equal(shape->input, SAB_INPUT_VALUES);
        assert_int_equal(shape->I, 2);
        assert_int_equal(shape->loss, SAB_LOSS_MSE);
        assert_int_equal(shape->O, 1);
        struct sab_batch batch = get(task, SAB_TEST, 0, B);
        assert_int_equal(batch.T, T);
        assert_null(batch.ids);
        assert_null(batch.labels);
        for (int b = 0; b < B; b++) {
            sab_real sum = 0;
            int marks[2] = {0, 0};
            for (int t = 0; t < T; t++) {
                sab_real value = batch.values[(t * B + b) * 2], mark = batch.values[(t * B + b) * 2 + 1];
                assert_true(value >= 0 && value <= 1);
                assert_true(mark == 0 || mark == 1);
                mean += value;
                if (mark == 1) {
                    marks[t >= half]++;
                    (t < half ? first : second)[t < half ? t : t - half]++;
                    sum += value;
                }
                assert_true(batch.weight[t * B + b] == (t == T - 1));
                assert_int_equal(batch.scored[t * B + b], t == T - 1);
                if (t < T - 1)
                    assert_true(batch.targets[t * B + b] == 0);
            }
            assert_int_equal(marks[0], 1);
            assert_int_equal(marks[1], 1);
            assert_true(batch.targets[(T - 1) * B + b] == sum);
            error += ((double)sum - 1) * ((double)sum - 1) / B;
        }
        assert_uniform(first, half, B, "first mark");
        assert_uniform(second, T - half, B, "second mark");
        /* 1/6 with a standard error of 0.0088 (the fourth moment of the sum about 1 is 1/15); 6 of them. */
        if (fabs(error - 1.0 / 6) > 6 * sqrt((1.0 / 15 - 1.0 / 36) / B))
            fail_msg("T=%d: answering 1 has error %g", T, error);
        assert_true(fabs(mean / (B * T) - 0.5) < 6 * sqrt(1.0 / 12 / (B * T)));
        sab_task_free(task);
    }
}

static void test_cue_layout(void **unused)
{
    (void)unused;
    static const int Ts[] = {2, 9, 40, 200};
    for (size_t k = 0; k < 4; k++) {
        int T = Ts[k], B = 800, classes = 5, early = T / 10 ? T / 10 : 1;
        int events[5] = {0}, steps[20] = {0}, noise[8] = {0}, n_noise = 0;
        OPTIONS config = make_config("cue", T);
        config.task.drawn.classes = classes;
        struct sab_task *task = make_task(&config);
        const struct sab_shape *shape = sab_task_shape(task);
        assert_int_equal(shape->I, classes + 9);
        assert_int_equal(shape->O, classes);
        struct sab_batch batch = get(task, SAB_TRAIN, 0, B);
        assert_int_equal(batch.T, T);
        for (int b = 0; b < B; b++) {
            int found = 0, label = batch.labels[(T - 1) * B + b];
            for (int t = 0; t < T; t++) {
                int id = batch.ids[t * B + b];
                if (id < classes) {
                    found++;
                    assert_int_equal(id, label);
                    assert_true(t < early);
                    steps[t]++;
                    events[id]++;
                } else if (t == T - 1) {
                    assert_int_equal(id, classes + 8);
                } else {
                    assert_in_range(id, classes, classes + 7);
                    noise[id - classes]++;
                    n_noise++;
                }
                assert_true(batch.weight[t * B + b] == (t == T - 1));
            }
            assert_int_equal(found, 1);
        }
        assert_uniform(events, classes, B, "events");
        assert_uniform(steps, early, B, "steps of the event");
        if (n_noise)
            assert_uniform(noise, 8, n_noise, "noise");
        sab_task_free(task);
    }
}

/* Nothing but the event may tell the answer: noise at every step is independent of the label. */
static void test_cue_noise_says_nothing(void **unused)
{
    (void)unused;
    enum { T = 30, B = 4000, CLASSES = 4 };
    OPTIONS config = make_config("cue", T);
    config.task.drawn.classes = CLASSES;
    struct sab_task *task = make_task(&config);
    struct sab_batch batch = get(task, SAB_TRAIN, 0, B);
    for (int t = 3; t < T - 1; t++) {
        int joint[CLASSES * 8] = {0};
        for (int b = 0; b < B; b++)
            joint[batch.labels[(T - 1) * B + b] * 8 + batch.ids[t * B + b] - CLASSES]++;
        assert_uniform(joint, CLASSES * 8, B, "label and noise");
    }
    sab_task_free(task);
}

/* n symbols, a marker, n blanks; the answers are the source as it is, reversed, or in order; the lengths tell the end. */
static void test_transduce_layout(void **unused)
{
    (void)unused;
    static const int Ts[] = {1, 2, 3, 20};
    enum { B = 500, BLANK = 8, MARKER = 9 };
    for (int k = 0; k < 12; k++) {
        int T = Ts[k / 3], least = T / 2 ? T / 2 : 1;
        int kinds[8] = {0}, n_of[21] = {0}, total = 0;
        OPTIONS config = make_config("transduce", T);
        config.task.drawn.rewrite = k % 3;
        struct sab_task *task = make_task(&config);
        const struct sab_shape *shape = sab_task_shape(task);
        assert_int_equal(shape->I, 10);
        assert_int_equal(shape->O, 8);
        assert_int_equal(sab_task_steps(task), 2 * T + 1);
        struct sab_batch batch = get(task, SAB_TRAIN, 3, B);
        assert_int_equal(batch.T, 2 * T + 1);
        for (int b = 0; b < B; b++) {
            int n = (batch.lengths[b] - 1) / 2, source[20] = {0};
            assert_int_equal(batch.lengths[b], 2 * n + 1);
            assert_in_range(n, least, T);
            n_of[n - least]++;
            for (int t = 0; t < n; t++) {
                source[t] = batch.ids[t * B + b];
                assert_in_range(source[t], 0, 7);
                kinds[source[t]]++;
                total++;
            }
            assert_int_equal(batch.ids[n * B + b], MARKER);
            for (int t = 0; config.task.drawn.rewrite == SAB_REWRITE_SORT && t < n; t++)
                for (int u = t + 1; u < n; u++)
                    if (source[u] < source[t]) {
                        int larger = source[t];
                        source[t] = source[u];
                        source[u] = larger;
                    }
            for (int t = 0; t < 2 * T + 1; t++) {
                int is_answer = t > n && t <= 2 * n, at = t - n - 1;
                assert_int_equal(batch.scored[t * B + b], is_answer);
                assert_true(batch.weight[t * B + b] == is_answer);
                if (!is_answer)
                    continue;
                assert_int_equal(batch.ids[t * B + b], BLANK);
                assert_int_equal(batch.labels[t * B + b],
                                 source[config.task.drawn.rewrite == SAB_REWRITE_REVERSE ? n - 1 - at : at]);
            }
        }
        assert_uniform(kinds, 8, total, "symbols");
        assert_uniform(n_of, T - least + 1, B, "lengths");
        sab_task_free(task);
    }
}

/* A large batch, then a small one with a curriculum's shorter sequences: nothing of the first is left in the second. */
static void test_transduce_leaves_nothing_behind(void **unused)
{
    (void)unused;
    OPTIONS config = make_config("transduce", 30);
    config.task.drawn.curriculum = 100;
    struct sab_task *task = make_task(&config);
    get(task, SAB_TEST, 0, 50);
    struct sab_batch batch = get(task, SAB_TRAIN, 0, 7);
    assert_int_equal(batch.T, 7); /* T/10 = 3 */
    double weight = 0, answers = 0;
    for (int p = 0; p < 7 * 7; p++)
        weight += (double)batch.weight[p];
    for (int b = 0; b < 7; b++) {
        assert_in_range(batch.lengths[b], 3, 7);
        answers += (batch.lengths[b] - 1) / 2;
    }
    assert_true(weight == answers);
    sab_task_free(task);
}

static void assert_uncorrelated(const double *x, const double *y, int n, const char *what)
{
    double sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0;
    for (int i = 0; i < n; i++) {
        sx += x[i];
        sy += y[i];
        sxx += x[i] * x[i];
        syy += y[i] * y[i];
        sxy += x[i] * y[i];
    }
    double r = (sxy - sx * sy / n) / sqrt((sxx - sx * sx / n) * (syy - sy * sy / n));
    if (!(fabs(r) < 6 / sqrt(n)))
        fail_msg("%s: correlation %.3f over %d", what, r, n);
}

/* Draws that share a counter would tie what stands at a step to where the marks or the event are. */
static void test_places_and_contents_are_independent(void **unused)
{
    (void)unused;
    enum { T = 40, B = 2000 };
    static double first[B], second[B], value[B], step[B];
    OPTIONS config = make_config("adding", T);
    struct sab_task *task = make_task(&config);
    struct sab_batch batch = get(task, SAB_TRAIN, 0, B);
    for (int b = 0; b < B; b++)
        for (int t = 0; t < T; t++)
            if (batch.values[(t * B + b) * 2 + 1] == 1)
                (t < T / 2 ? first : second)[b] = t;
    assert_uncorrelated(first, second, B, "marks");
    for (int t = 0; t < T; t++) {
        for (int b = 0; b < B; b++)
            value[b] = batch.values[(t * B + b) * 2];
        assert_uncorrelated(first, value, B, "first mark and number");
        assert_uncorrelated(second, value, B, "second mark and number");
    }
    sab_task_free(task);

    sab_options_clear(&config);

    config = make_config("cue", T);
    config.task.drawn.classes = 4;
    task = make_task(&config);
    batch = get(task, SAB_TRAIN, 0, B);
    for (int t = 0; t < T - 1; t++) {
        int n = 0;
        for (int b = 0; b < B; b++) {
            int at = 0;
            while (batch.ids[at * B + b] >= 4)
                at++;
            if (at == t)
                continue;
            step[n] = at;
            value[n++] = batch.ids[t * B + b];
        }
        assert_uncorrelated(step, value, n, "event's step and noise");
    }
    sab_task_free(task);
}

/* Symbols as numbers: the same sequences, shown otherwise. */
static void test_copy_numbers(void **unused)
{
    (void)unused;
    enum { T = 7, B = 5 };
    OPTIONS config = make_config("copy", T);
    struct sab_task *rows = make_task(&config);
    config.task.drawn.symbols = SAB_SYMBOLS_NUMBER;
    struct sab_task *numbers = make_task(&config);
    assert_int_equal(sab_task_shape(numbers)->input, SAB_INPUT_VALUES);
    assert_int_equal(sab_task_shape(numbers)->I, 1);
    struct sab_batch a = get(rows, SAB_TRAIN, 2, B), b = get(numbers, SAB_TRAIN, 2, B);
    assert_null(b.ids);
    for (int i = 0; i < (T + 20) * B; i++)
        assert_true(b.values[i] == (sab_real)a.ids[i]);
    assert_memory_equal(a.labels, b.labels, (T + 20) * B * sizeof *a.labels);
    sab_task_free(rows);
    sab_task_free(numbers);
}

static const char *const names[] = {"copy", "adding", "cue", "transduce"};
enum { NAMES = sizeof names / sizeof names[0] };

/* The bytes of sequence b of a batch, as far as the task uses them. */
static size_t sequence(const struct sab_batch *batch, int b, int I, double *out)
{
    size_t n = 0;
    for (int t = 0; t < batch->T; t++) {
        size_t at = (size_t)t * (size_t)batch->B + (size_t)b;
        if (batch->ids)
            out[n++] = batch->ids[at];
        for (int i = 0; batch->values && i < I; i++)
            out[n++] = batch->values[at * (size_t)I + (size_t)i];
        out[n++] = batch->labels ? batch->labels[at] : batch->targets[at];
    }
    return n;
}

static size_t draw(const struct sab_options *config, enum sab_split split, int64_t index, int B, int b, double *out)
{
    struct sab_task *task = make_task(config);
    struct sab_batch batch = get(task, split, index, B);
    size_t n = sequence(&batch, b, sab_task_shape(task)->I, out);
    sab_task_free(task);
    return n;
}

/* Sequence i is the same in whichever batch it comes, whatever was asked for before. */
static void test_pure_function_of_index(void **unused)
{
    (void)unused;
    for (int k = 0; k < NAMES; k++) {
        OPTIONS config = make_config(names[k], 24);
        double alone[256], among[256], later[256], other[256];
        size_t n = draw(&config, SAB_TRAIN, 35, 1, 0, alone);
        assert_int_equal(draw(&config, SAB_TRAIN, 5, 6, 5, among), n);
        assert_memory_equal(alone, among, n * sizeof *alone);
        struct sab_task *task = make_task(&config);
        get(task, SAB_TEST, 1000, 7);
        get(task, SAB_TRAIN, 0, 2);
        struct sab_batch batch = get(task, SAB_TRAIN, 7, 5);
        sequence(&batch, 0, sab_task_shape(task)->I, later);
        assert_memory_equal(alone, later, n * sizeof *alone);
        sab_task_free(task);

        draw(&config, SAB_TEST, 35, 1, 0, other);
        assert_memory_not_equal(alone, other, n * sizeof *alone);
        draw(&config, SAB_TRAIN, 36, 1, 0, other);
        assert_memory_not_equal(alone, other, n * sizeof *alone);
        config.shared.seed++;
        draw(&config, SAB_TRAIN, 35, 1, 0, other);
        assert_memory_not_equal(alone, other, n * sizeof *alone);
    }
}

static void test_fixed_set_cycles(void **unused)
{
    (void)unused;
    for (int k = 0; k < NAMES; k++) {
        OPTIONS config = make_config(names[k], 24);
        double fresh[256], fixed[256];
        size_t n = draw(&config, SAB_TRAIN, 2, 1, 0, fresh);
        config.task.drawn.fixed = 10;
        draw(&config, SAB_TRAIN, 3, 4, 0, fixed); /* sequence 12 is number 2 of 10 */
        assert_memory_equal(fresh, fixed, n * sizeof *fresh);
        draw(&config, SAB_TEST, 12, 1, 0, fixed);
        assert_memory_not_equal(fresh, fixed, n * sizeof *fresh);
        config.task.drawn.fixed = 0;
        draw(&config, SAB_TEST, 12, 1, 0, fresh);
        assert_memory_equal(fresh, fixed, n * sizeof *fresh); /* test data stay fresh */
    }
}

/* Training, validation and test never draw the same. */
static void test_splits_are_streams_of_their_own(void **unused)
{
    (void)unused;
    for (int k = 0; k < NAMES; k++) {
        OPTIONS config = make_config(names[k], 40);
        double drawn[3][256];
        size_t n = 0;
        for (int split = SAB_TRAIN; split <= SAB_TEST; split++)
            n = draw(&config, split, 7, 1, 0, drawn[split]);
        assert_memory_not_equal(drawn[SAB_TRAIN], drawn[SAB_VALID], n * sizeof(double));
        assert_memory_not_equal(drawn[SAB_TRAIN], drawn[SAB_TEST], n * sizeof(double));
        assert_memory_not_equal(drawn[SAB_VALID], drawn[SAB_TEST], n * sizeof(double));
    }
}

/* The numbers that earlier versions drew: results written down stay true. */
static void test_streams_stay_as_they_were(void **unused)
{
    (void)unused;
    static const int32_t train[10] = {8, 1, 3, 8, 2, 1, 2, 1, 7, 3}, test[10] = {8, 7, 7, 3, 2, 1, 7, 4, 6, 3};
    OPTIONS config = make_config("copy", 10);
    struct sab_task *task = make_task(&config);
    struct sab_batch batch = get(task, SAB_TRAIN, 3, 1);
    assert_memory_equal(batch.ids, train, sizeof train);
    batch = get(task, SAB_TEST, 3, 1);
    assert_memory_equal(batch.ids, test, sizeof test);
    sab_task_free(task);
}

static void expect_refused(const struct sab_options *config, const char *message)
{
    struct sab_task *task = NULL;
    struct sab_error err = {0};
    assert_int_equal(sab_task_create(&task, config, NULL, &err), SAB_INVALID);
    assert_null(task);
    if (!strstr(err.message, message))
        fail_msg("expected \"%s\" in \"%s\"", message, err.message);
}

static void test_errors(void **unused)
{
    (void)unused;
    OPTIONS config = make_config("cpoy", 10);
    expect_refused(&config, "unknown task \"cpoy\"; did you mean \"copy\"?");
    sab_options_clear(&config);
    config = make_config("chess", 10);
    expect_refused(&config, "unknown task \"chess\"; the tasks are copy, adding, cue, transduce, idx");
    sab_options_clear(&config);
    config = make_config("adding", 1);
    expect_refused(&config, "--T: 1 is too short for the task adding, which needs at least 2");
    sab_options_clear(&config);
    config = make_config("copy", 2147483647);
    expect_refused(&config, "is too long");
    sab_options_clear(&config);
    config = make_config("transduce", 1 << 30);
    expect_refused(&config, "--T: 1073741824 is too long for the task transduce, which takes at most 1073741823");
    sab_options_clear(&config);
    config = make_config("copy", 10);
    set_option(&config, "valid-data", "x");
    expect_refused(&config, "--data: the task copy draws its data");

    sab_options_clear(&config);

    config = make_config("copy", 10);
    struct sab_task *task = make_task(&config);
    struct sab_batch batch = {.size = sizeof batch};
    struct sab_error err = {0};
    assert_null(sab_task_facts(task));
    assert_int_equal(sab_task_steps(task), 30);
    assert_int_equal(sab_task_batches(task, SAB_TEST, 4), 0);
    assert_int_equal(sab_task_create(&task, &config, "{}", &err), SAB_INVALID);
    assert_int_equal(sab_task_batch(task, SAB_TRAIN, -1, 4, &batch, &err), SAB_INVALID);
    assert_int_equal(sab_task_batch(task, SAB_TRAIN, INT64_MAX / 2, 4, &batch, &err), SAB_INVALID);
    assert_int_equal(sab_task_batch(task, SAB_TRAIN, 0, 0, &batch, &err), SAB_INVALID);
    assert_int_equal(sab_task_batch(task, SAB_TRAIN, INT64_MAX / 4 - 1, 4, &batch, &err), SAB_OK);
    sab_task_free(task);
    sab_task_free(NULL);
}

/* Training sequences grow from T/10 to T; test sequences have length T from the start. */
static void test_curriculum(void **unused)
{
    (void)unused;
    OPTIONS config = make_config("copy", 100);
    config.task.drawn.curriculum = 50;
    struct sab_task *task = make_task(&config);
    int before = 10;
    for (int64_t index = 0; index < 60; index++) {
        int T = get(task, SAB_TRAIN, index, 4).T - 20;
        assert_true(T >= before && T <= 100);
        assert_true(index > 0 || T == 10);
        assert_true(index < 50 || T == 100);
        assert_int_equal(get(task, SAB_TEST, index, 4).T, 120);
        before = T;
    }
    struct sab_batch batch = get(task, SAB_TRAIN, 25, 4);
    assert_int_equal(batch.T, 55 + 20);
    assert_int_equal(batch.ids[(55 + 9) * 4], 9); /* the marker follows the shorter gap */
    sab_task_free(task);
}

/* Each name in the rows is one of a network or task, and each option of their groups has one. */
static void test_every_option_is_read(void **unused)
{
    (void)unused;
    enum { NETWORKS = SAB_KIND_SEQ2SEQ + 1 };
    for (int i = 0; i < sab_option_count(); i++) {
        const struct sab_option *option = sab_option_at(i);
        char word[32];
        int is_model = sab_text_lists("model credit", option->group), readers = 0, words = 0, length;
        for (int k = 0; sab_task_kind_at(k) && !is_model; k++)
            readers += sab_option_is_read_by(option, sab_task_kind_at(k)->name);
        for (int k = 0; k < NETWORKS && is_model; k++)
            readers += sab_option_is_read_by(option, sab_network_find(k)->name);
        for (const char *at = option->readers; at && sscanf(at, " %31s%n", word, &length) == 1; at += length)
            words++;
        if (words != readers)
            fail_msg("--%s: of \"%s\", %d are known", option->name, option->readers, readers);
        if (readers == 0 && strcmp(option->name, "task") != 0 && sab_text_lists("task data model credit", option->group))
            fail_msg("nothing reads --%s", option->name);
    }
    assert_false(sab_option_is_read_by(sab_option_find("fixed"), "csv"));
    assert_false(sab_option_is_read_by(sab_option_find("T"), "none"));
    assert_true(sab_option_is_read_by(sab_option_find("T"), "csv"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_curriculum),       cmocka_unit_test(test_every_option_is_read),
        cmocka_unit_test(test_copy_layout),      cmocka_unit_test(test_copy_numbers),
        cmocka_unit_test(test_adding_layout),
        cmocka_unit_test(test_transduce_layout), cmocka_unit_test(test_transduce_leaves_nothing_behind),
        cmocka_unit_test(test_cue_layout),       cmocka_unit_test(test_cue_noise_says_nothing),
        cmocka_unit_test(test_places_and_contents_are_independent),
        cmocka_unit_test(test_pure_function_of_index), cmocka_unit_test(test_fixed_set_cycles),
        cmocka_unit_test(test_splits_are_streams_of_their_own), cmocka_unit_test(test_streams_stay_as_they_were),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
