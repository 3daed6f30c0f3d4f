/* The task csv: what its batches hold, and which rows count where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csv_support.h"
#include "data/task.h"
#include "data_support.h"
#include "io_support.h"
#include "options_helper.h"
#include "sab.h"
#include "source/csv.h"

/* Each printable character of ASCII as it is, a question mark for each other; what is long ends in points. */
static void cells_are_shown(void **state)
{
    (void)state;
    for (int c = 1; c < 256; c++) {
        char byte = (char)c, shown[48], expected[2] = {(char)(c >= ' ' && c <= '~' ? c : '?'), 0};
        struct sab_csv_field field = {.text = &byte, .nbytes = 1};
        sab_csv_show(&field, shown);
        assert_string_equal(shown, expected);
    }
}

/* In its order the training part has an end, as others have; for training it goes on for ever. */
static void an_end_in_order(void **state)
{
    char text[4096];
    struct sab_task *task = csv_must(csv_counting(text, 0, 40), "split=1,0,0");
    struct sab_batch b = {.size = sizeof b};
    struct sab_error err;
    (void)state;
    assert_int_equal(sab_task_batch(task, SAB_TRAIN, 1000, 2, &b, &err), SAB_OK);
    sab_task_read_in_order(task);
    int64_t batches = sab_task_batches(task, SAB_TRAIN, 2);
    assert_int_equal(sab_task_batch(task, SAB_TRAIN, batches - 1, 2, &b, &err), SAB_OK);
    assert_int_equal(sab_task_batch(task, SAB_TRAIN, batches, 2, &b, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "is not in 0.."));
    sab_task_free(task);
}

/* Three of one class to one of the other, which count as much when they are balanced; figures are of rows as they are. */
static void classes_are_weighed(void **state)
{
    struct sab_task *task = csv_must("a,y\n1,n\n2,n\n3,y\n4,n\n", "goal=step inputs=a targets=y class-weights=balanced split=1,0,0");
    struct sab_batch b = csv_batch(task, SAB_TRAIN, 0, 1);
    double sums[2] = {0};
    (void)state;
    for (int t = 0; t < b.T; t++)
        sums[b.labels[t]] += (double)b.weight[t];
    if (!(sums[0] > 0 && fabs(sums[0] - sums[1]) < 1e-6 * sums[0]))
        fail_msg("expected the same weight, got %g and %g", sums[0], sums[1]);
    sab_task_free(task);
}

static void forecasts_look_ahead(void **state)
{
    char text[4096];
    struct sab_task *task = csv_must(csv_counting(text, 0, 40), "horizon=3 inputs=t,u targets=u split=0.5,0.25,0.25");
    (void)state;
    assert_int_equal(sab_task_shape(task)->I, 2);
    assert_int_equal(sab_task_shape(task)->O, 1);
    assert_int_equal(sab_task_shape(task)->loss, SAB_LOSS_MSE);
    for (int64_t i = 0; i < 30; i++) {
        struct sab_batch b = csv_batch(task, SAB_TRAIN, i, 3);
        for (int p = 0; p < b.T * b.B; p++) {
            if (b.weight[p] == 0)
                continue;
            double t = (double)b.values[2 * p];
            assert_true((double)b.values[2 * p + 1] == 100 + t);
            assert_true((double)b.targets[p] == 103 + t);
            assert_true(t + 3 < 20); /* nothing beyond the training part */
        }
    }
    sab_task_free(task);
}

/* Several horizons: outputs are those of the first target, then those of the second; all of a row's lie in its part. */
static void several_horizons(void **state)
{
    char text[4096];
    struct sab_task *task = csv_must(csv_counting(text, 0, 60), "horizon=1,3-4 inputs=t,u targets=t,u split=0.5,0.25,0.25");
    static const int ahead[] = {1, 3, 4};
    static const int parts[] = {0, 30, 45, 60};
    (void)state;
    assert_int_equal(sab_task_shape(task)->O, 6);
    sab_task_read_in_order(task);
    for (int split = SAB_TRAIN; split <= SAB_TEST; split++) {
        int scored = 0;
        for (int64_t i = 0; i < sab_task_batches(task, split, 1); i++) {
            struct sab_batch b = csv_batch(task, split, i, 1);
            for (int p = 0; p < b.T; p++) {
                double t = (double)b.values[2 * p];
                if (b.weight[p] == 0)
                    continue;
                scored++;
                assert_true(t + 1 >= parts[split] && t + 4 < parts[split + 1]);
                for (int o = 0; o < 6; o++)
                    assert_true((double)b.targets[6 * p + o] == t + ahead[o % 3] + (o < 3 ? 0 : 100));
            }
        }
        assert_int_equal(scored, parts[split + 1] - parts[split] - (split == SAB_TRAIN ? 4 : 3));
    }
    double squares[6] = {0}, absolute[6] = {0};
    int64_t n = sab_task_naive(task, SAB_TEST, 0, squares, absolute);
    for (int o = 0; o < 6; o++)
        assert_true(absolute[o] == (double)n * ahead[o % 3] && squares[o] == (double)n * ahead[o % 3] * ahead[o % 3]);
    sab_task_free(task);
}

/* Training goes on where it ended, but for the beginnings of series; and sees every row. */
static void training_carries_on(void **state)
{
    char text[4096];
    static const struct {
        int rows, B;
    } cases[] = {{200, 2}, {23, 5}, {9, 16}, {7, 1}};
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct sab_task *task = csv_must(csv_counting(text, 1, cases[k].rows), "split=1,0,0");
        int B = cases[k].B, seen[256] = {0}, fresh = 0, all = 0;
        double last[16] = {0};
        for (int64_t i = 0; i < 120; i++) {
            struct sab_batch b = csv_batch(task, SAB_TRAIN, i, B);
            for (int c = 0; c < B; c++) {
                double first = (double)b.values[2 * c];
                if (i == 0)
                    assert_true(b.fresh[c]);
                if (!b.fresh[c])
                    assert_true(first == last[c] + 1);
                fresh += b.fresh[c];
                all++;
                for (int t = 0; t < b.lengths[c]; t++)
                    seen[(int)b.values[2 * (t * B + c)]] = 1;
                last[c] = (double)b.values[2 * ((b.lengths[c] - 1) * B + c)];
            }
        }
        assert_true(fresh < all || cases[k].rows <= 8);
        for (int t = 1; t < cases[k].rows; t++) /* the last row has nothing to forecast */
            if (!seen[t])
                fail_msg("%d rows in %d columns: row %d never came", cases[k].rows, B, t);
        sab_task_free(task);
    }
}

/* Each target of a part counts once, whatever B is, after all rows of before, which do not; the training part too, once
 * it is read in order. */
static void evaluation_counts_each_row_once(void **state)
{
    char text[4096];
    (void)state;
    for (int B = 1; B <= 3; B++) {
        struct sab_task *task = csv_must(csv_counting(text, 0, 50), "horizon=2 targets=t inputs=t split=0.5,0.3,0.2");
        sab_task_read_in_order(task);
        for (int split = SAB_TRAIN; split <= SAB_TEST; split++) {
            static const int bounds[] = {0, 25, 40, 50};
            int from = bounds[split], to = bounds[split + 1], count[64] = {0};
            double last = -1;
            int64_t n = sab_task_batches(task, split, B);
            assert_true(n > 1);
            for (int64_t i = 0; i < n; i++) {
                struct sab_batch b = csv_batch(task, split, i, B);
                assert_int_equal(b.fresh[0], i == 0);
                assert_int_equal(sab_task_columns(task, (enum sab_split)(i % 2 ? 7 : -1), 5), 5); /* no part of the data */
                for (int t = 0; t < b.lengths[0]; t++) {
                    assert_true((double)b.values[t * B] == last + 1);
                    last = (double)b.values[t * B];
                    if (b.weight[t * B] > 0)
                        count[(int)b.targets[t * B]]++;
                }
                for (int p = 0; p < b.T * B; p++)
                    assert_true(p % B == 0 || b.weight[p] == 0);
            }
            for (int t = 0; t < 50; t++)
                assert_int_equal(count[t], t >= from + 2 * (split == SAB_TRAIN) && t < to);
        }
        sab_task_free(task);
    }
}

/* Targets are changes: those of two series in turn, from the present value of their own columns. */
static void relative_forecasts(void **state)
{
    char text[2048] = "id,u,v,w\n", row[64];
    struct sab_task *task, *again = NULL;
    OPTIONS config = {0};
    struct sab_error err = {0};
    (void)state;
    for (int t = 0; t < 20; t++) {
        snprintf(row, sizeof row, "a,%d,7,%d\nb,%d,8,%d\n", t, 5 * t, 100 + 3 * t, -2 * t);
        strcat(text, row);
    }
    task = csv_must(text, "series=id relative=on horizon=2 inputs=2-4 targets=u,w split=1,0,0");
    for (int64_t i = 0; i < 20; i++) {
        struct sab_batch b = csv_batch(task, SAB_TRAIN, i, 3);
        for (int p = 0; p < b.T * b.B; p++) {
            int is_a = (double)b.values[3 * p + 1] == 7;
            assert_true(b.weight[p] == 0 || (double)b.targets[2 * p] == (is_a ? 2 : 6));
            assert_true(b.weight[p] == 0 || (double)b.targets[2 * p + 1] == (is_a ? 10 : -4));
        }
    }
    double squares[2] = {0}, absolute[2] = {0};
    assert_int_equal(sab_task_naive(task, SAB_TRAIN, 0, squares, absolute), 36);
    assert_true(squares[0] == 18 * (2 * 2 + 6 * 6) && squares[1] == 18 * (10 * 10 + 4 * 4));
    assert_true(absolute[0] == 18 * (2 + 6) && absolute[1] == 18 * (10 + 4));
    csv_configure(&config, "");
    assert_int_equal(sab_task_create(&again, &config, sab_task_facts(task), &err), SAB_OK);
    assert_string_equal(sab_task_facts(again), sab_task_facts(task));
    sab_task_free(again);
    sab_task_free(task);
}

/* What the last value is worth, over the very positions that evaluation scores. */
static void naive_forecasts(void **state)
{
    char text[2048] = "a,b\n", row[32];
    (void)state;
    for (int t = 0; t < 40; t++) {
        snprintf(row, sizeof row, "%d,%d\n", t * t % 7, 2 * t);
        strcat(text, row);
    }
    struct sab_task *task = csv_must(text, "horizon=3 targets=a,b split=0.5,0.2,0.3 standardise=on");
    for (int split = SAB_TRAIN; split <= SAB_TEST; split++) {
        double sum = 0, n = 0, squares[2] = {0}, absolute[2] = {0};
        for (int64_t i = 0; i < sab_task_batches(task, split, 1); i++) {
            struct sab_batch b = csv_batch(task, split, i, 1);
            for (int k = 0; k < 2 * b.T; k++)
                if (b.weight[k / 2] > 0) {
                    sum += pow((double)b.targets[k] - (double)b.values[k], 2);
                    n++;
                }
        }
        int64_t count = sab_task_naive(task, split, 0, squares, absolute);
        if (n == 0 || 2 * count != (int64_t)n || !(fabs(squares[0] + squares[1] - sum) < 1e-6 * n))
            fail_msg("split %d: expected %.9g, got %.9g", split, sum, squares[0] + squares[1]);
    }
    double squares[2] = {0}, absolute[2] = {0}; /* a comes again every 7 rows, b is 14 more then */
    int64_t count = sab_task_naive(task, SAB_TEST, 7, squares, absolute);
    assert_int_equal(count, 12);
    assert_true(squares[0] == 0 && fabs(absolute[1] * sab_task_unit(task, 1) - 14 * (double)count) < 1e-9);
    sab_task_free(task);
    task = csv_must("a,y\n1,0.5\n2,1.5\n3,2\n", "goal=step targets=y split=1,0,0");
    assert_int_equal(sab_task_naive(task, SAB_TRAIN, 0, squares, absolute), 0);
    sab_task_free(task);
}

/* Rows of two series in turn: each is a stream of its own. */
static void mixed_series(void **state)
{
    char text[2048] = "id;v\n", row[32];
    (void)state;
    for (int t = 0; t < 20; t++) {
        snprintf(row, sizeof row, "a;%d\nb;%d\n", t, 100 + t);
        strcat(text, row);
    }
    struct sab_task *task = csv_must(text, "series=id split=0.5,0,0.5");
    struct sab_batch b = csv_batch(task, SAB_TEST, 0, 2);
    assert_int_equal(sab_task_shape(task)->I, 1);
    assert_true((double)b.values[1] - (double)b.values[0] == 100);
    for (int64_t i = 0; i < 20; i++) {
        b = csv_batch(task, SAB_TRAIN, i, 3);
        for (int p = 0; p < b.T * b.B; p++)
            assert_true(b.weight[p] == 0 || (double)b.targets[p] == (double)b.values[p] + 1);
    }
    sab_task_free(task);
}

static void labels_of_steps(void **state)
{
    struct sab_task *task = csv_must("x,y\n0,up\n1,down\n2,up\n3,\"up\"\n4,down\n5,up\n", "goal=step targets=y split=1,0,0");
    struct sab_batch b = csv_batch(task, SAB_TRAIN, 0, 1);
    static const int expected[] = {1, 0, 1, 1, 0, 1}; /* down, up */
    (void)state;
    assert_int_equal(sab_task_shape(task)->O, 2);
    assert_int_equal(sab_task_shape(task)->I, 1);
    for (int t = 0; t < b.lengths[0]; t++)
        assert_int_equal(b.labels[t], expected[(int)b.values[t]]);
    assert_non_null(strstr(sab_task_facts(task), "\"classes\":[\"down\",\"up\"]"));
    sab_task_free(task);
}

static void labels_of_series(void **state)
{
    struct sab_task *task = csv_must("s,x,y\np,1,10\nq,5,2\np,2,10\nr,7,10\nq,6,2\np,3,10\n",
                                 "goal=series targets=y series=s split=1,0,0");
    int seen = 0;
    (void)state;
    for (int64_t i = 0; i < 3; i++) {
        struct sab_batch b = csv_batch(task, SAB_TRAIN, i, 1);
        int first = (int)b.values[0], length = first == 1 ? 3 : first == 5 ? 2 : 1;
        assert_null(b.fresh);
        assert_int_equal(b.lengths[0], length);
        for (int t = 0; t < length; t++)
            assert_true((b.weight[t] > 0) == (t == length - 1));
        assert_int_equal(b.labels[length - 1], first != 5); /* 2 comes before 10 */
        seen |= 1 << length;
    }
    assert_int_equal(seen, 14);
    assert_int_equal(sab_task_steps(task), 3);
    sab_task_free(task);
}

/* Texts that differ only in their beginnings, or in their quotes, are told apart however often they come. */
static void texts_that_are_alike(void **state)
{
    char text[8192] = "id,x,y\n", row[64];
    (void)state;
    for (int t = 0; t < 40; t++) {
        snprintf(row, sizeof row, "a0001,%d,\"no \"\"1\"\"\"\nb0001,%d,\"no 1\"\nc0001,%d,no 1\n", t, 100 + t, 200 + t);
        strcat(text, row);
    }
    struct sab_task *task = csv_must(text, "series=id goal=step targets=y split=1,0,0");
    assert_non_null(strstr(sab_task_facts(task), "\"classes\":[\"no \\\"1\\\"\",\"no 1\"]"));
    for (int64_t i = 0; i < 40; i++) {
        struct sab_batch b = csv_batch(task, SAB_TRAIN, i, 2);
        for (int c = 0; c < 2; c++)
            for (int t = 0; t < b.lengths[c]; t++) {
                double x = (double)b.values[t * 2 + c];
                assert_int_equal(b.labels[t * 2 + c], x >= 100);
                assert_true(t == 0 || x == (double)b.values[(t - 1) * 2 + c] + 1); /* one series only */
            }
    }
    sab_task_free(task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_weighed), cmocka_unit_test(an_end_in_order), cmocka_unit_test(cells_are_shown),
        cmocka_unit_test(forecasts_look_ahead),
        cmocka_unit_test(several_horizons),
        cmocka_unit_test(training_carries_on),
        cmocka_unit_test(evaluation_counts_each_row_once),
        cmocka_unit_test(relative_forecasts),
        cmocka_unit_test(naive_forecasts),
        cmocka_unit_test(mixed_series),
        cmocka_unit_test(labels_of_steps),
        cmocka_unit_test(labels_of_series),
        cmocka_unit_test(texts_that_are_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
