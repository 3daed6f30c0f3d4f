/* The task csv: what its batches hold, which rows count where, and named malformed files and options, each refused with
 * its own sentence. */
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

/* Rows "t,100+t" for t = first..first+n-1 */
static char *counting(char *text, int first, int n)
{
    char *at = text + sprintf(text, "t,u\n");
    for (int t = first; t < first + n; t++)
        at += sprintf(at, "%d,%d\n", t, 100 + t);
    return text;
}

/* ---- streams ---- */

static void forecasts_look_ahead(void **state)
{
    char text[4096];
    struct sab_task *task = csv_must(counting(text, 0, 40), "horizon=3 inputs=t,u targets=u split=0.5,0.25,0.25");
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
    struct sab_task *task = csv_must(counting(text, 0, 60), "horizon=1,3-4 inputs=t,u targets=t,u split=0.5,0.25,0.25");
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
        struct sab_task *task = csv_must(counting(text, 1, cases[k].rows), "split=1,0,0");
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
        struct sab_task *task = csv_must(counting(text, 0, 50), "horizon=2 targets=t inputs=t split=0.5,0.3,0.2");
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

/* ---- columns and facts ---- */

static void columns_are_chosen(void **state)
{
    static const struct {
        const char *text, *options;
        int I, O, loss;
    } cases[] = {
        {"date,a,b\n2020-01-01,1,2\n2020-01-02,2,3\n", "", 2, 2, SAB_LOSS_MSE},
        {"1,2,3\n4,5,6\n", "", 3, 3, SAB_LOSS_MSE},
        {"1,2,3\n4,5,6\n", "inputs=1,3 targets=2", 2, 1, SAB_LOSS_MSE},
        {"1,2,3\n4,5,6\n", "inputs=1-2", 2, 2, SAB_LOSS_MSE},
        {"10,20\n1,2\n3,4\n", "header=on inputs=20", 1, 1, SAB_LOSS_MSE},
        {"a\tb\n1\t2\n3\t4\n", "inputs=b", 1, 1, SAB_LOSS_MSE},
        {"\xef\xbb\xbf" "a;b\r\n1;2\r\n3;4\r\n\r\n\r\n", "inputs=a", 1, 1, SAB_LOSS_MSE},
        {"a,b\r1,2\r3,4", "targets=a", 2, 1, SAB_LOSS_MSE},
        {"sep=;\r\na;b\r\n1;2\r\n3;4\r\n", "inputs=b", 1, 1, SAB_LOSS_MSE},
        {"sep=|\na;b|c\n1|2\n3|4\n", "inputs=a;b", 1, 1, SAB_LOSS_MSE},
        {"a;b,c\n1,2\n3,4\n", "inputs=a;b", 1, 1, SAB_LOSS_MSE},
        {"a\tb,c\n1,2\n3,4\n", "inputs=c", 1, 1, SAB_LOSS_MSE},
        {"a|b\n1|2\n3|4\n", "", 2, 2, SAB_LOSS_MSE},
        {"a:b\n1:2\n3:4\n", "separator=:", 2, 2, SAB_LOSS_MSE},
        {"a,b;c\n1,x;2\n3,y;4\n", "separator=semicolon inputs=c", 1, 1, SAB_LOSS_MSE},
        {" a  b c\n1 2 3 \n 4   5\t 6\n", "separator=space inputs=b", 1, 1, SAB_LOSS_MSE},
        {"x y \"u v\"\n1 \"2\"  3\n4 5 6\n", "separator=space inputs=3", 1, 1, SAB_LOSS_MSE},
        {"# a, b\n# notes\nu,v\n1,2\n3,4\n", "skip-lines=2 inputs=v", 1, 1, SAB_LOSS_MSE},
        {"note\nsep=;\nu;v\n1;2\n3;4\n", "skip-lines=1 inputs=v", 1, 1, SAB_LOSS_MSE},
        {"a,b\n\"1,5\",2\n\"3,25\",4\n", "decimal-comma=on", 2, 2, SAB_LOSS_MSE},
        {"a|b\n1,5|2,5\n3,25|4,5\n", "decimal-comma=on", 2, 2, SAB_LOSS_MSE},
        {"a;b\n1,5;2\n3,25;4\n", "decimal-comma=on", 2, 2, SAB_LOSS_MSE},
        {"a;b\n1.001,5;2\n-3.002.000;4\n", "decimal-comma=on thousands=on", 2, 2, SAB_LOSS_MSE},
        {"a;b\n1,001.5;2\n1'000;1 000\n", "thousands=on", 2, 2, SAB_LOSS_MSE},
        {"\"a, \"\"b\"\"\",c\n1,x\n\"2\",\"y\nz\"\n", "inputs=1", 1, 1, SAB_LOSS_MSE},
        {"a,y\n1,0.5\n2,1.5\n3,2\n", "goal=step targets=y", 1, 1, SAB_LOSS_MSE},
        {"a,y\n1,0\n2,1\n3,1\n", "goal=step targets=y", 1, 2, SAB_LOSS_CROSS_ENTROPY},
        {"a,y\n1,0\n2,1\n3,1\n", "goal=step targets=y loss=mse", 1, 1, SAB_LOSS_MSE},
        {"a,y,z\n1,0,1\n2,1,1\n3,1,0\n", "goal=step targets=y,z loss=bce", 1, 2, SAB_LOSS_BCE},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char options[256];
        snprintf(options, sizeof options, "split=1,0,0 %s", cases[k].options);
        struct sab_task *task = csv_must(cases[k].text, options);
        const struct sab_shape *shape = sab_task_shape(task);
        if (shape->I != cases[k].I || shape->O != cases[k].O || shape->loss != cases[k].loss)
            fail_msg("case %zu: I %d, O %d, loss %d", k, shape->I, shape->O, shape->loss);
        sab_task_free(task);
    }
}

static void means_are_of_the_training_part(void **state)
{
    struct sab_task *task = csv_must("a\n1\n3\n1\n3\n1\n3\n1000\n1000\n", "standardise=on split=0.75,0,0.25");
    struct sab_batch b = csv_batch(task, SAB_TRAIN, 0, 1);
    (void)state;
    assert_true((double)b.values[0] == -1 && (double)b.targets[0] == 1);
    assert_non_null(strstr(sab_task_facts(task), "\"column_origin\":[1]"));
    assert_non_null(strstr(sab_task_facts(task), "\"column_mean\":[1],\"column_deviation\":[1]"));
    sab_task_free(task);
}

/* A meter that reads 48 million more: what is learned from is the same to the bit. */
static void levels_do_not_blur_changes(void **state)
{
    static const char *const settings[] = {"split=0.8,0.1,0.1 standardise=on", "split=0.8,0.1,0.1 standardise=on relative=on"};
    char low[4096] = "reading\n", high[4096] = "reading\n", row[64];
    (void)state;
    for (int t = 0, sum = 90441; t < 100; t++, sum += 40 + t * t % 37) {
        snprintf(row, sizeof row, "%d.%02d\n", sum / 100, sum % 100);
        strcat(low, row);
        snprintf(row, sizeof row, "%d.%02d\n", 48211000 + sum / 100, sum % 100);
        strcat(high, row);
    }
    for (size_t k = 0; k < 2; k++) {
        struct sab_task *a = csv_must(low, settings[k]), *b = csv_must(high, settings[k]);
        for (int split = SAB_TRAIN; split <= SAB_TEST; split++) {
            double of_a[2] = {0}, of_b[2] = {0}; /* squares, absolute */
            assert_int_equal(sab_task_naive(a, split, 0, &of_a[0], &of_a[1]), sab_task_naive(b, split, 0, &of_b[0], &of_b[1]));
            assert_memory_equal(of_a, of_b, sizeof of_a);
            for (int64_t i = 0; i < sab_task_batches(a, split, 2); i++) {
                struct sab_batch x = csv_batch(a, split, i, 2), y = csv_batch(b, split, i, 2);
                size_t n = (size_t)x.T * (size_t)x.B * sizeof(sab_real);
                assert_memory_equal(x.values, y.values, n);
                assert_memory_equal(x.targets, y.targets, n);
            }
        }
        sab_task_free(a);
        sab_task_free(b);
    }
}

/* Another file, with the columns elsewhere and without answers, read with the facts of the first. */
static void facts_find_columns_again(void **state)
{
    struct sab_task *task = csv_must("a,b,y\n1,10,n\n3,20,m\n1,10,n\n3,20,m\n", "goal=step targets=y standardise=on split=1,0,0");
    struct sab_task *other = NULL;
    OPTIONS config = {0};
    struct sab_error err = {0};
    const char *path = io_path("b.csv");
    static const char text[] = "b,extra,a\n20,x,3\n10,y,1\n", without[] = "b,extra\n1,2\n";
    (void)state;
    io_put(path, text, sizeof text - 1);
    csv_configure(&config, "goal=step");
    set_option(&config, "test-data", path);
    assert_int_equal(sab_task_create(&other, &config, sab_task_facts(task), &err), SAB_OK);
    struct sab_batch b = csv_batch(other, SAB_TEST, 0, 1);
    assert_null(b.labels);
    assert_true((double)b.values[0] == 1 && (double)b.values[1] == 1 && (double)b.values[2] == -1);
    assert_string_equal(sab_task_facts(other), sab_task_facts(task));
    sab_task_free(other);
    io_put(path, without, sizeof without - 1);
    assert_int_equal(sab_task_create(&other, &config, sab_task_facts(task), &err), SAB_FORMAT);
    assert_non_null(strstr(err.message, "has no column \"a\""));
    sab_task_free(task);
}

static void packed_files(void **state)
{
    static const char text[] = "a\n1\n2\n3\n4\n";
    size_t n;
    unsigned char *gz = data_gzip(text, sizeof text - 1, 9, &n);
    OPTIONS config = {0};
    struct sab_task *task = NULL;
    struct sab_error err = {0};
    const char *path = io_path("a.csv.gz");
    (void)state;
    io_put(path, gz, n);
    free(gz);
    csv_configure(&config, "split=1,0,0");
    set_option(&config, "data", path);
    assert_int_equal(sab_task_create(&task, &config, NULL, &err), SAB_OK);
    sab_task_free(task);
}

/* ---- refusals ---- */

static void malformed(void **state)
{
    static const struct {
        const char *name, *text, *options, *message;
    } files[] = {
        {"nothing but lines", "\n\n\n", "", "has no rows"},
        {"header alone", "a,b\n", "", "a header and no rows"},
        {"a text", "a,b\n1,2\n3,x\n", "", "line 3, column \"b\": \"x\" is not a number"},
        {"empty cell", "a,b\n1,2\n3,\n", "", "line 3, column \"b\": the cell is empty"},
        {"empty cell of a single column", "a\n1\n\n3\n", "", "line 3 is empty"},
        {"NaN", "a,b\n1,2\nNaN,3\n", "", "line 3, column \"a\": \"NaN\" is a missing value"},
        {"NA", "1,2\n3,NA\n", "header=off", "line 2, column 2: \"NA\" is a missing value"},
        {"null", "1,2\n3,null\n", "header=off", "is a missing value"},
        {"inf", "1,2\n3,-inf\n", "", "\"-inf\" is beyond the largest number"},
        {"beyond float", "1,2\n3,1e39\n", "", "\"1e39\" is beyond the largest number"},
        {"decimal comma", "a;b\n1;2\n1,5;3\n", "inputs=a", "the decimal sign is a point (--decimal-comma on: a comma)"},
        {"a comma of either kind", "a;b\n1;2\n1,500;3\n", "inputs=a", "--decimal-comma on, or --thousands on if it parts"},
        {"decimal point", "a;b\n1,5;2\n1.5;3\n", "decimal-comma=on", "the decimal sign is a comma (--decimal-comma off: a point)"},
        {"thousands", "a;b\n1;2\n1,500,000;3\n", "inputs=a", "--thousands on reads signs between thousands"},
        {"groups of other sizes", "a;b\n1;2\n1,50;3\n", "thousands=on", "\"1,50\" is not a number"},
        {"groups after the point", "a;b\n1;2\n1.5,000;3\n", "thousands=on", "is not a number"},
        {"a sign beside it", "a,b\n1,2\n$5,3\n", "", "\"$5\" is not a number, for \"$\" stands beside it"},
        {"a sign behind it", "a,b\n1,2\n2.5 %,3\n", "", "\"2.5 %\" is not a number, for \"%\" stands beside it"},
        {"notes before the names", "# a, b\n# notes\nu,v,w\n1,2,3\n3,4,5\n", "",
         "line 2 has 1 column; the first line has 2 (that a comma separates columns is a guess: --separator names another; "
         "--skip-lines 2 begins behind"},
        {"a guess that nothing mends", "a;b\n1,2\n3\n", "", "(that a semicolon separates columns is a guess"},
        {"no guess", "a;b\n1;2\n3\n", "separator=semicolon", "the first line has 2"},
        {"short row below notes", "x\na,b\n1,2\n3\n", "skip-lines=1", "line 4 has 1 column; line 2 has 2"},
        {"all skipped", "a,b\n1,2\n", "skip-lines=3", "has 2 lines; --skip-lines 3 leaves nothing"},
        {"no separator", "a,b\n1,2\n", "separator=x", "--separator: \"x\" is not auto, comma,"},
        {"only signs", "a,b\nx,$5\ny,$6\n", "", "no column holds numbers, the first one \"x\"; the cells of column 2 have \"$\" beside a "
         "number: \"$5\"; it was read as 2 columns (--separator, --skip-lines)"},
        {"a header that was not told", "1,2\n3,4\n", "inputs=a", "is a row is a guess: --header on"},
        {"a header that is none", "1,2\n3,4\n", "header=off inputs=a", "so columns are called 1..2"},
        {"hexadecimal", "1,2\n3,0x10\n", "", "\"0x10\" is not a number"},
        {"two points", "1,2\n3,1.2.3\n", "", "\"1.2.3\" is not a number"},
        {"space inside", "1,2\n3,1 000\n", "", "\"1 000\" is not a number"},
        {"control character", "1,2\n3,\x1b[1m\n", "", "\"?[1m\" is not a number"},
        {"long text", "1,2\n3,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", "", "...\" is not a number"},
        {"short row", "a,b\n1,2\n3\n", "", "line 3 has 1 column; the first line has 2"},
        {"long row", "a,b\n1,2\n3,4,5\n", "", "line 3 has 3 columns; the first line has 2"},
        {"short first row", "a,b\n1\n", "", "line 2 has 1 column; the first line has 2"},
        {"row within quotes is counted", "a,b\n\"x\ny\",2\n3\n", "inputs=b", "line 4 has 1 column"},
        {"empty line inside", "a,b\n1,2\n\n3,4\n", "", "line 3 is empty"},
        {"open quote", "a,b\n1,\"2\n3,4\n", "", "line 2, column 2: the quote that opens here is never closed"},
        {"text behind a quote", "a,b\n1,\"2\"x\n", "", "line 2, column 2: text follows the closing quote"},
        {"UTF-16", "\xff\xfe" "a", "", "UTF-16"},
        {"no number", "a,b\nx,y\nz,w\n", "", "no column holds numbers"},
        {"no number beside the answers", "a,y\nx,1\nz,2\n", "goal=step targets=y", "no column beside --series, --time and --targets holds numbers"},
        {"same name twice", "a,a\n1,2\n3,4\n", "", "several columns are called \"a\""},
        {"same name twice, chosen", "a,a\n1,2\n3,4\n", "inputs=a", "rename them"},
        {"same name twice, answers by number", "s,a,a,b\nA,1,x,3\nB,1,y,4\n", "goal=step targets=3", "called \"a\""},
        {"unknown column", "price,size\n1,2\n3,4\n", "inputs=prize", "did you mean \"price\"?"},
        {"unknown column, unlike any", "price,size\n1,2\n3,4\n", "inputs=zzzzzz", "it has price, size"},
        {"name without header", "1,2\n3,4\n", "inputs=a", "has no header, so columns are called 1..2"},
        {"column 0", "1,2\n3,4\n", "inputs=0", "the columns of"},
        {"column 3 of 2", "1,2\n3,4\n", "inputs=3", "are 1..2"},
        {"range the wrong way", "1,2\n3,4\n", "inputs=2-1", "are 1..2"},
        {"empty item", "1,2\n3,4\n", "inputs=1,,2", "columns are called 1..2"},
        {"decimal comma everywhere", "a;b\n1,5;2,5\n", "", "column 1 holds \"1,5\", and the decimal sign is a point"},
        {"decimal comma beside numbers", "a;b\n1;2,5\n3;4,5\n", "", "column 2 holds \"2,5\", and the decimal sign is a point"},
        {"blanks separate", "a b\n1 2\n3 4\n", "", "the one column holds no numbers but \"1 2\": tabs, semicolons, commas or | separate "
         "columns, and blanks with --separator space"},
        {"gap in the first row", "a,b\n1,\n2,\n3,4\n", "", "line 2, column \"b\": the cell is empty"},
        {"NaN in the first row", "a,b\n1,NaN\n2,3\n", "", "line 2, column \"b\": \"NaN\" is a missing value"},
        {"NaN in the first row, no header", "NaN,1\n2,3\n3,4\n", "", "line 1, column 1: \"NaN\" is a missing value"},
        {"text chosen", "d,a\nmon,1\ntue,2\n", "inputs=d", "line 2, column \"d\": \"mon\" is not a number"},
        {"no answers named", "a,b\n1,2\n3,4\n", "goal=step", "--goal step needs --targets"},
        {"no series named", "a,b\n1,2\n3,4\n", "goal=series targets=b", "--goal series needs --series"},
        {"series as input", "a,b\n1,2\n3,4\n", "series=a inputs=a", "which series a row belongs to"},
        {"answers as input", "a,b\n1,2\n3,4\n", "goal=step targets=b inputs=a,b", "cannot be an input too"},
        {"classes of a forecast", "a,b\n1,2\n3,4\n", "loss=cross-entropy", "forecasts are values"},
        {"change of what is no input", "a,b\n1,2\n3,4\n", "relative=on inputs=a targets=b", "\"b\" is not among --inputs"},
        {"change of answers", "a,y\n1,0\n2,1\n", "relative=on goal=step targets=y", "--relative is for --goal forecast"},
        {"two columns of classes", "a,b,c\n1,2,3\n3,4,5\n", "goal=step targets=b,c loss=cross-entropy", "names 2"},
        {"one class", "a,y\n1,x\n2,x\n", "goal=step targets=y", "one class only, \"x\""},
        {"empty class", "a,y\n1,x\n2,\n", "goal=step targets=y", "line 3, column \"y\": the cell is empty"},
        {"sorted by class", "a,y\n1,x\n2,x\n3,x\n4,z\n", "goal=step targets=y split=0.5,0.25,0.25", "column \"y\": the class \"z\" is not in the "
         "training part (--split 0.5,0.25,0.25, in the order of the file): another --split may"},
        {"counts", "a,y\n1,12\n2,13\n3,12\n4,14\n", "goal=step targets=y split=0.5,0.25,0.25", "its 3 different whole numbers are "
         "taken for classes; if they are values, give --loss mse; else another --split"},
        {"series sorted by class", "s,a,y\na,1,u\nb,1,u\nc,1,u\nd,1,w\n", "goal=series series=s targets=y split=0.5,0.25,0.25",
         "if the file is sorted by class, shuffle its series"},
        {"not 0 or 1", "a,y\n1,0\n2,2\n", "goal=step targets=y loss=bce", "line 3, column \"y\": 2 is not in 0..1"},
        {"two answers of a series", "s,a,y\np,1,u\np,2,v\n", "goal=series targets=y series=s", "line 3, column \"y\": another"},
        {"two values of a series", "s,a,y\np,1,1.5\np,2,2.5\n", "goal=series targets=y series=s", "another answer"},
        {"series without a name", "s,a\np,1\n,2\n", "series=s", "line 3, column \"s\": the cell is empty"},
        {"series not UTF-8", "s,a\np,1\n\xff,2\n", "series=s", "not UTF-8"},
        {"column name not UTF-8", "\xff,a\n1,1\n2,2\n", "", "the name of column 1"},
        {"no horizon", "a\n1\n2\n3\n", "horizon=0", "--horizon: \"0\" is not a number of rows in 1..1000000"},
        {"horizons that descend", "a\n1\n2\n3\n", "horizon=3,1", "nor several of them that ascend"},
        {"horizon that is no number", "a\n1\n2\n3\n", "horizon=1-", "such as 1-24 or 1,6,24"},
        {"many horizons", "a\n1\n2\n3\n", "horizon=1-1001", "1000 at most"},
        {"too short for the horizon", "a\n1\n2\n3\n", "horizon=3", "--horizon: 3 rows ahead is too far"},
        {"nothing to train on", "a\n1\n2\n3\n", "split=0,0.5,0.5", "has no training data"},
        {"split that is none", "a\n1\n2\n3\n", "split=0.5", "three fractions"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
        struct sab_task *task = NULL;
        struct sab_error err = {0};
        char options[256];
        snprintf(options, sizeof options, "split=1,0,0 %s", files[k].options);
        int status = csv_make(&task, files[k].text, options, &err);
        if (status == SAB_OK || !strstr(err.message, files[k].message))
            fail_msg("%s: expected \"%s\", got %d \"%s\"", files[k].name, files[k].message, status, err.message);
        if (status != SAB_INVALID && !strstr(err.message, "a.csv"))
            fail_msg("%s: the file is not named: %s", files[k].name, err.message);
    }
}

/* A column that begins with a gap longer than what is looked at is not left out in silence. */
static void a_column_that_begins_late(void **state)
{
    char *text = malloc(400000), *at = text;
    struct sab_task *task = NULL;
    struct sab_error err = {0};
    (void)state;
    at += sprintf(at, "a,b\n");
    for (int t = 0; t < 12000; t++)
        at += sprintf(at, t < 11000 ? "%d,\n" : "%d,5\n", t % 7);
    assert_int_equal(csv_make(&task, text, "split=1,0,0", &err), SAB_FORMAT);
    if (!strstr(err.message, "line 2, column 2 (b): no value is there, but line 11002 has a number"))
        fail_msg("%s", err.message);
    task = csv_must(text, "split=1,0,0 missing=last inputs=a,b");
    assert_int_equal(sab_task_shape(task)->I, 2);
    sab_task_free(task);
    free(text);
}

static void bytes_that_are_no_text(void **state)
{
    OPTIONS config = {0};
    struct sab_task *task = NULL;
    struct sab_error err = {0};
    const char *path = io_path("a.csv");
    (void)state;
    io_put(path, "a\n1\n\0\n", 6);
    csv_configure(&config, "");
    set_option(&config, "data", path);
    assert_int_equal(sab_task_create(&task, &config, NULL, &err), SAB_FORMAT);
    assert_non_null(strstr(err.message, "byte 4 is 0"));
    set_option(&config, "data", io_path("none.csv"));
    assert_int_equal(sab_task_create(&task, &config, NULL, &err), SAB_IO);
    set_option(&config, "data", "");
    assert_int_equal(sab_task_create(&task, &config, NULL, &err), SAB_INVALID);
}

static void absent_parts(void **state)
{
    struct sab_task *task = csv_must("a\n1\n2\n3\n4\n", "split=1,0,0");
    struct sab_batch batch = {.size = sizeof batch};
    struct sab_error err = {0};
    (void)state;
    assert_int_equal(sab_task_batch(task, SAB_VALID, 0, 2, &batch, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "has no validation data"));
    sab_task_free(task);
}

/* Facts come out of model files, which may be hostile. */
static void damaged_facts(void **state)
{
    static const struct {
        const char *from, *to;
    } changes[] = {
        {"\"goal\":1", "\"goal\":3"},         {"\"loss\":0", "\"loss\":-1"},
        {"\"loss\":0", "\"loss\":1"},         {"\"inputs\":[0]", "\"inputs\":[1]"},
        {"\"inputs\":[0]", "\"inputs\":[]"},  {"\"inputs\":[0]", "\"inputs\":\"0\""},
        {"\"targets\":[]", "\"targets\":[0]"}, {"[1,\"a\"]", "[0,\"a\"]"},
        {"[1,\"a\"]", "[1]"},                 {"[1,\"a\"]", "\"a\""},
        {"[\"x\",\"y\"]", "[\"x\",\"x\"]"},   {"[\"x\",\"y\"]", "[\"x\"]"},
        {"[\"x\",\"y\"]", "[\"x\",1]"},       {"\"column_mean\":[0]", "\"column_mean\":[]"},
        {"\"column_deviation\":[1]", "\"column_deviation\":[0.0]"},
        {"\"column_origin\":[0]", "\"column_origin\":[]"},
        {"\"column_origin\":[0]", "\"column_origin\":[1e39]"},
        {"\"column_origin\":[0]", "\"column_origin\":[\"0\"]"},
        {"\"column_deviation\":[1]", "\"column_deviation\":[true]"},
        {"\"task\":\"csv\"", "\"task\":\"npy\""}, {"\"horizons\":[1]", "\"horizons\":[0]"},
        {"\"horizons\":[1]", "\"horizons\":[]"}, {"\"horizons\":[1]", "\"horizons\":[2,1]"}, {"\"horizons\":[1]", "\"horizon\":0"},
        {"\"relative\":false", "\"relative\":true"}, {"\"label\":[2,\"l\"]", "\"label\":null"}, {"{", "["},
    };
    struct sab_task *task = csv_must("a,l\n1,x\n2,y\n", "goal=step targets=l split=1,0,0"), *other = NULL;
    const char *facts = sab_task_facts(task);
    OPTIONS config = {0};
    (void)state;
    csv_configure(&config, "");
    assert_int_equal(sab_task_create(&other, &config, facts, NULL), SAB_OK);
    sab_task_free(other);
    for (size_t k = 0; k < sizeof changes / sizeof *changes; k++) {
        char text[2048];
        struct sab_error err = {0};
        const char *at = strstr(facts, changes[k].from);
        if (!at)
            fail_msg("no %s in %s", changes[k].from, facts);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - facts), facts, changes[k].to, at + strlen(changes[k].from));
        if (sab_task_create(&other, &config, text, &err) == SAB_OK || !err.message[0])
            fail_msg("taken: %s", text);
    }
    sab_task_free(task);
}

/* The facts, and so sab train and sab inspect, say what is answered. */
static void account_says_what_is_answered(void **state)
{
    static const struct {
        const char *options, *line;
    } cases[] = {
        {"targets=b split=1,0,0", "[\"targets\",\"b, 1 row ahead\"]"},
        {"targets=b goal=step loss=mse inputs=a split=1,0,0", "[\"answers\",\"b for each row, as values\"]"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct sab_task *task = csv_must("a,b\n1,2\n3,4\n5,6.5\n7,8\n9,8\n1,5\n", cases[k].options);
        if (!strstr(sab_task_facts(task), cases[k].line))
            fail_msg("%s: expected %s in %s", cases[k].options, cases[k].line, sab_task_facts(task));
        sab_task_free(task);
    }
}

/* One input for each text that a training row has, behind the values; none is on where a text was never seen. */
static void categories_are_inputs(void **state)
{
    static const char rows[] = "c,v,d,w\nx,1,p,0\ny,2,q,0\nx,3,q,0\nx,4,p,0\ny,5,p,0\nx,6,p,0\nz,7,q,0\ny,8,,0\n";
    static const int expected[8][5] = { /* v, is x, is y, is p, is q; the cell that is empty is "", unseen as z is */
        {1, 1, 0, 1, 0}, {2, 0, 1, 0, 1}, {3, 1, 0, 0, 1}, {4, 1, 0, 1, 0},
        {5, 0, 1, 1, 0}, {6, 1, 0, 1, 0}, {7, 0, 0, 0, 1}, {8, 0, 1, 0, 0},
    };
    struct sab_task *task = csv_must(rows, "categories=c,3 goal=step inputs=v targets=w loss=mse split=0.75,0,0.25"), *again = NULL;
    const char *facts = sab_task_facts(task);
    OPTIONS config = {0};
    struct sab_error err = {0};
    (void)state;
    if (!strstr(facts, "\"categories\":[[2,\"x\",\"y\"],[3,\"p\",\"q\"]]") || !strstr(facts, "no training row has z") )
        fail_msg("%s", facts);
    csv_configure(&config, "");
    set_option(&config, "test-data", io_path("a.csv"));
    if (sab_task_create(&again, &config, facts, &err) != SAB_OK) /* the facts are enough */
        fail_msg("%s", err.message);
    for (int which = 0; which < 2; which++) {
        struct sab_task *one = which ? again : task;
        assert_int_equal(sab_task_shape(one)->I, 5);
        for (int chunk = 0; chunk < 2; chunk++) {
            struct sab_batch b = csv_batch(one, SAB_TEST, chunk, 1);
            for (int t = 0; t < 4; t++)
                for (int i = 0; i < 5; i++)
                    if (b.values[5 * t + i] != expected[4 * chunk + t][i])
                        fail_msg("%s, row %d, input %d: %g, expected %d", which ? "again" : "at first", 4 * chunk + t + 1, i,
                                 (double)b.values[5 * t + i], expected[4 * chunk + t][i]);
        }
    }
    sab_task_free(again);
    sab_task_free(task);
    assert_int_equal(csv_make(&task, rows, "categories=c goal=step targets=c inputs=v", &err), SAB_INVALID);
    if (!strstr(err.message, "--categories: column 1 is one of --targets"))
        fail_msg("%s", err.message);
}

static void damaged_categories(void **state)
{
    static const char *const damaged[] = {
        "[[1]]", "[[2,\"x\"]]", "[[-1,\"x\"]]", "[[0,\"x\"]]", "[[1,\"x\",\"x\"]]", "[[1,2]]", "[[1,\"x\"],[1,\"y\"]]", "[1]", "{}", "\"x\"",
        "[[\"1\",\"x\"]]", "[[1,\"x\",\"y\",\"z\"]]",
    };
    struct sab_task *task = csv_must("a,c,l\n1,x,p\n2,y,q\n", "goal=step inputs=a categories=c targets=l split=1,0,0"), *other = NULL;
    static const char own[] = "\"categories\":[[1,\"x\",\"y\"]]";
    const char *facts = sab_task_facts(task), *at = strstr(facts, own);
    OPTIONS config = {0};
    (void)state;
    if (!at)
        fail_msg("no %s in %s", own, facts);
    csv_configure(&config, "");
    for (size_t k = 0; k < sizeof damaged / sizeof *damaged; k++) {
        char text[2048];
        struct sab_error err = {0};
        snprintf(text, sizeof text, "%.*s\"categories\":%s%s", (int)(at - facts), facts, damaged[k], at + strlen(own));
        int status = sab_task_create(&other, &config, text, &err);
        int is_other = k == sizeof damaged / sizeof *damaged - 1; /* legal: of a model with more categories */
        if ((status == SAB_OK) != is_other || (is_other && sab_task_shape(other)->I != 4))
            fail_msg("\"categories\":%s: status %d, \"%s\"", damaged[k], status, err.message);
        sab_task_free(is_other ? other : NULL);
    }
    sab_task_free(task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(account_says_what_is_answered),
        cmocka_unit_test(categories_are_inputs),
        cmocka_unit_test(damaged_categories),
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
        cmocka_unit_test(columns_are_chosen),
        cmocka_unit_test(means_are_of_the_training_part),
        cmocka_unit_test(levels_do_not_blur_changes),
        cmocka_unit_test(facts_find_columns_again),
        cmocka_unit_test(packed_files),
        cmocka_unit_test(malformed),
        cmocka_unit_test(a_column_that_begins_late),
        cmocka_unit_test(bytes_that_are_no_text),
        cmocka_unit_test(absent_parts),
        cmocka_unit_test(damaged_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
