/* The task csv: which columns are read, what is learned of them, and what a model keeps as facts. */
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

/* What columns are taken for is said in the facts. */
static void account_says_what_columns_are(void **state)
{
    static const char counting[] = "t,u\n0,5\n1,7\n2,1\n3,8\n4,2\n5,9\n6,1\n7,4\n8,4\n9,1\n10,2\n11,5\n12,1\n13,7\n14,2\n15,6\n16,1\n"
                                   "17,2\n18,4\n19,3\n20,1\n";
    static const struct {
        const char *text, *options, *said, *not_said;
    } cases[] = {
        {counting, "inputs=t,u", "read as values: t (counts up by 1)", "u ("},
        {counting, "inputs=u", "t (counts up by 1)", "read as values"},
        {"a,b\nx,1\ny,2\nx,4\n", "", "a (text: \\\"x\\\")", "counts"},
        {"a,b\nd0,1\nd1,2\nd2,4\n", "", "a (text: \\\"d0\\\")", "beside"},
        {"a,b\nQ3,1\nQ4,2\nQ1,4\n", "", "a (text: \\\"Q3\\\")", "beside"},
        {"a,b\nEUR 5,1\nEUR 6,2\nEUR 2,4\n", "", "\\\"EUR\\\" beside a number", NULL},
        {"a,b\n$5,1\n$6,2\n$2,4\n", "", "\\\"$\\\" beside a number", NULL},
        {"2000\n1\n2\n7\n", "", NULL, "names them"},
        {"2000,2001\n1,4\n2,9\n7,1\n", "", "names them", NULL},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char options[256];
        snprintf(options, sizeof options, "split=1,0,0 %s", cases[k].options);
        struct sab_task *task = csv_must(cases[k].text, options);
        const char *facts = sab_task_facts(task);
        if ((cases[k].said && !strstr(facts, cases[k].said)) || (cases[k].not_said && strstr(facts, cases[k].not_said)))
            fail_msg("case %zu: expected %s and no %s in %s", k, cases[k].said ? cases[k].said : "-",
                     cases[k].not_said ? cases[k].not_said : "-", facts);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(account_says_what_is_answered),
        cmocka_unit_test(account_says_what_columns_are),
        cmocka_unit_test(categories_are_inputs),
        cmocka_unit_test(columns_are_chosen),
        cmocka_unit_test(means_are_of_the_training_part),
        cmocka_unit_test(levels_do_not_blur_changes),
        cmocka_unit_test(facts_find_columns_again),
        cmocka_unit_test(packed_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
