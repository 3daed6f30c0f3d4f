/* The tasks that draw their data: what each sequence holds, and that nothing else is in it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "data/task.h"
#include "data_support.h"
#include "options_helper.h"

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
        OPTIONS config = data_drawn_options("copy", T);
        struct sab_task *task = data_task(&config, NULL);
        const struct sab_shape *shape = sab_task_shape(task);
        assert_int_equal(shape->input, SAB_INPUT_IDS);
        assert_int_equal(shape->I, 10);
        assert_int_equal(shape->loss, SAB_LOSS_CROSS_ENTROPY);
        assert_int_equal(shape->O, 9);
        struct sab_batch batch = data_batch(task, SAB_TRAIN, 3, B);
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
        OPTIONS config = data_drawn_options("adding", T);
        struct sab_task *task = data_task(&config, NULL);
        const struct sab_shape *shape = sab_task_shape(task);
        assert_int_equal(shape->input, SAB_INPUT_VALUES);
        assert_int_equal(shape->I, 2);
        assert_int_equal(shape->loss, SAB_LOSS_MSE);
        assert_int_equal(shape->O, 1);
        struct sab_batch batch = data_batch(task, SAB_TEST, 0, B);
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
        OPTIONS config = data_drawn_options("cue", T);
        config.task.drawn.classes = classes;
        struct sab_task *task = data_task(&config, NULL);
        const struct sab_shape *shape = sab_task_shape(task);
        assert_int_equal(shape->I, classes + 9);
        assert_int_equal(shape->O, classes);
        struct sab_batch batch = data_batch(task, SAB_TRAIN, 0, B);
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
    OPTIONS config = data_drawn_options("cue", T);
    config.task.drawn.classes = CLASSES;
    struct sab_task *task = data_task(&config, NULL);
    struct sab_batch batch = data_batch(task, SAB_TRAIN, 0, B);
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
        OPTIONS config = data_drawn_options("transduce", T);
        config.task.drawn.rewrite = k % 3;
        struct sab_task *task = data_task(&config, NULL);
        const struct sab_shape *shape = sab_task_shape(task);
        assert_int_equal(shape->I, 10);
        assert_int_equal(shape->O, 8);
        assert_int_equal(sab_task_steps(task), 2 * T + 1);
        struct sab_batch batch = data_batch(task, SAB_TRAIN, 3, B);
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
    OPTIONS config = data_drawn_options("transduce", 30);
    config.task.drawn.curriculum = 100;
    struct sab_task *task = data_task(&config, NULL);
    data_batch(task, SAB_TEST, 0, 50);
    struct sab_batch batch = data_batch(task, SAB_TRAIN, 0, 7);
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
    OPTIONS config = data_drawn_options("adding", T);
    struct sab_task *task = data_task(&config, NULL);
    struct sab_batch batch = data_batch(task, SAB_TRAIN, 0, B);
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

    config = data_drawn_options("cue", T);
    config.task.drawn.classes = 4;
    task = data_task(&config, NULL);
    batch = data_batch(task, SAB_TRAIN, 0, B);
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
    OPTIONS config = data_drawn_options("copy", T);
    struct sab_task *rows = data_task(&config, NULL);
    config.task.drawn.symbols = SAB_SYMBOLS_NUMBER;
    struct sab_task *numbers = data_task(&config, NULL);
    assert_int_equal(sab_task_shape(numbers)->input, SAB_INPUT_VALUES);
    assert_int_equal(sab_task_shape(numbers)->I, 1);
    struct sab_batch a = data_batch(rows, SAB_TRAIN, 2, B), b = data_batch(numbers, SAB_TRAIN, 2, B);
    assert_null(b.ids);
    for (int i = 0; i < (T + 20) * B; i++)
        assert_true(b.values[i] == (sab_real)a.ids[i]);
    assert_memory_equal(a.labels, b.labels, (T + 20) * B * sizeof *a.labels);
    sab_task_free(rows);
    sab_task_free(numbers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_layout),
        cmocka_unit_test(test_adding_layout),
        cmocka_unit_test(test_cue_layout),
        cmocka_unit_test(test_cue_noise_says_nothing),
        cmocka_unit_test(test_transduce_layout),
        cmocka_unit_test(test_transduce_leaves_nothing_behind),
        cmocka_unit_test(test_places_and_contents_are_independent),
        cmocka_unit_test(test_copy_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
