/* The task csv with times and gaps: order, doubles, missing steps, missing cells, the calendar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "csv_support.h"
#include "data/csv_task.h"
#include "data/task.h"
#include "options_helper.h"

/* All rows of the training part, read in order: inputs [rows, I], what is known of targets [rows, O] (else NAN). */
struct rows {
    int n;
    double inputs[64][8], targets[64][4];
};

/* A target that counts must be a number: NAN stands for one that does not. */
static double counted(double target)
{
    return isnan(target) ? INFINITY : target;
}

static struct rows rows_of(const char *text, const char *options)
{
    struct rows r = {.n = 0};
    char all[512];
    snprintf(all, sizeof all, "split=1,0,0 T=50 %s", options);
    struct sab_task *task = csv_must(text, all);
    const struct sab_shape *shape = sab_task_shape(task);
    sab_task_read_in_order(task);
    for (int64_t i = 0; i < sab_task_batches(task, SAB_TRAIN, 1); i++) {
        struct sab_batch b = csv_batch(task, SAB_TRAIN, i, 1);
        for (int t = 0; t < b.lengths[0]; t++, r.n++) {
            for (int k = 0; k < shape->I; k++)
                r.inputs[r.n][k] = (double)b.values[t * shape->I + k];
            for (int o = 0; o < shape->O && b.targets; o++)
                r.targets[r.n][o] = b.weight[t] > 0 ? counted((double)b.targets[t * shape->O + o]) : NAN;
            if (b.labels)
                r.targets[r.n][0] = b.weight[t] > 0 ? b.labels[t] : NAN;
        }
    }
    sab_task_free(task);
    return r;
}

static int is_same(double a, double b)
{
    return isnan(a) ? isnan(b) : a == b;
}

/* Inputs and targets of a column each; rows without anything to forecast are not read. */
static void check(const char *name, const char *text, const char *options, int n, const double *inputs, const double *targets)
{
    struct rows r = rows_of(text, options);
    if (r.n != n)
        fail_msg("%s: expected %d rows, got %d", name, n, r.n);
    for (int i = 0; i < n; i++)
        if (!is_same(r.inputs[i][0], inputs[i]) || !is_same(r.targets[i][0], targets[i]))
            fail_msg("%s, row %d: expected %g and %g, got %g and %g", name, i, inputs[i], targets[i], r.inputs[i][0],
                     r.targets[i][0]);
}

static void rows_come_in_the_order_of_time(void **state)
{
    static const char newest_first[] = "d,v\n2024-01-05,5\n2024-01-04,4\n2024-01-03,3\n2024-01-02,2\n2024-01-01,1\n";
    static const char mixed[] = "s,d,v\na,3,30\nb,2,200\na,1,10\nb,1,100\na,2,20\nb,3,300\n";
    (void)state;
    check("newest first", newest_first, "time=d", 4, (double[]){1, 2, 3, 4}, (double[]){2, 3, 4, 5});
    check("two that changed places", "d,v\n2024-01-01,1\n2024-01-03,3\n2024-01-02,2\n2024-01-04,4\n2024-01-05,5\n",
          "time=d", 4, (double[]){1, 2, 3, 4},
          (double[]){2, 3, 4, 5});
    check("series apart", mixed, "time=d series=s", 4, (double[]){10, 20, 100, 200}, (double[]){20, 30, 200, 300});
    check("as they stand", newest_first, "", 4, (double[]){5, 4, 3, 2}, (double[]){4, 3, 2, 1});
}

static void what_was_put_in_order_is_told(void **state)
{
    static const struct {
        const char *name, *text, *told;
    } cases[] = {
        {"two that changed places", "d,v\n2024-01-01,1\n2024-01-03,3\n2024-01-02,2\n2024-01-04,4\n2024-01-05,5\n",
         "put in order, the first in line 4"},
        {"the last", "d,v\n2024-01-02,2\n2024-01-03,3\n2024-01-04,4\n2024-01-01,1\n", "put in order, the first in line 5"},
        {"in order", "d,v\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n2024-01-04,4\n", NULL},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct sab_task *task = csv_must(cases[k].text, "time=d split=1,0,0");
        const char *facts = sab_task_facts(task), *told = strstr(facts, cases[k].told ? cases[k].told : "put in order");
        if (!told != !cases[k].told)
            fail_msg("%s: expected %s, got %s", cases[k].name, cases[k].told ? cases[k].told : "nothing about the order", facts);
        sab_task_free(task);
    }
}

/* A column of times that nobody named: what is said of its steps, in which empty cells take no part. */
static void times_that_are_no_steps_are_told(void **state)
{
    static const struct {
        const char *name, *text, *told;
    } cases[] = {
        {"even", "d,v\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n2024-01-04,4\n", NULL},
        {"one is missing", "d,v\n2024-01-01,1\n2024-01-02,2\n,3\n2024-01-04,4\n2024-01-05,5\n2024-01-06,6\n", NULL},
        {"a gap", "d,v\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n2024-01-05,5\n", "line 5"},
        {"the first pair is one of two", "d,v\n2024-01-01,1\n2024-01-03,2\n2024-01-04,3\n", "line 4"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct sab_task *task = csv_must(cases[k].text, "inputs=v split=1,0,0");
        const char *said = strstr(sab_task_facts(task), "not one step after the other"), *end = said ? strchr(said, '"') : NULL;
        const char *told = said && cases[k].told ? strstr(said, cases[k].told) : NULL;
        if (!said != !cases[k].told || (said && (!told || told > end)))
            fail_msg("%s: expected %s, got %s", cases[k].name, cases[k].told ? cases[k].told : "nothing", sab_task_facts(task));
        sab_task_free(task);
    }
}

static void a_single_row_is_a_time(void **state)
{
    (void)state;
    struct sab_task *task = csv_must("d,v,y\n2024-01-05,1,2\n", "time=d goal=step inputs=v targets=y loss=mse split=1,0,0");
    if (!strstr(sab_task_facts(task), "2024-01-05 to 2024-01-05"))
        fail_msg("%s", sab_task_facts(task));
    sab_task_free(task);
}

static void doubles(void **state)
{
    static const char text[] = "d,v\n1,1\n2,2\n2,7\n2,8\n3,3\n4,4\n";
    struct sab_task *task = NULL;
    struct sab_error err = {0};
    (void)state;
    check("first", text, "time=d duplicates=first", 3, (double[]){1, 2, 3}, (double[]){2, 3, 4});
    check("last", text, "time=d duplicates=last", 3, (double[]){1, 8, 3}, (double[]){8, 3, 4});
    assert_int_equal(csv_make(&task, text, "time=d split=1,0,0", &err), SAB_FORMAT);
    if (!strstr(err.message, "line 4, column \"d\": another row has the time 2, too; there are 2 such rows; --duplicates first"))
        fail_msg("%s", err.message);
}

static void steps_that_are_missing(void **state)
{
    static const char text[] = "d,v\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n2024-01-06,6\n2024-01-07,7\n";
    static const char months[] = "d,v\n2024-01-31,1\n2024-02-29,2\n2024-03-31,3\n2024-05-31,5\n2024-06-30,6\n";
    static const char uneven[] = "d,v\n1,1\n2,2\n3,3\n4.5,4\n5.5,5\n";
    static const struct {
        const char *text, *options, *message;
    } refused[] = {
        {text, "time=d", "line 5, column \"d\": 2024-01-06 follows on 2024-01-03, where the step is 1 day; 1 such gap, "
                         "of 2 steps; --gaps keep"},
        {text, "time=d gaps=fill", "--gaps fill needs --missing last or mask"},
        {months, "time=d", "line 5, column \"d\": 2024-05-31 follows on 2024-03-31, where the step is 1 month"},
        {uneven, "time=d gaps=fill missing=last", "4.500 follows on 3, where the step is 1, no whole number of which lies between"},
        {"d,v\n1,1\n2,2\n3,3\n4000000,4\n", "time=d gaps=fill missing=last", "--gaps fill would add 3999996 rows to the 4 that are there"},
        {"d,v\n1,1\n3,2\n4,3\n9,4\n23,3\n", "time=d gaps=fill missing=last", "have no common step"},
        {"d,v\n1,1\nx,2\n", "time=d", "line 3, column \"d\": \"x\" is not a time written as 0 (--time-format)"},
        {"d,v\n31/01/2024,1\n01/02/2024,2\n", "time=d", "--time-format \"%d/%m/%Y\" reads it"},
        {"d,v\nmon,1\ntue,2\n", "time=d", "which is no time in ISO 8601 and no number"},
        {text, "time=d inputs=d,v", "--inputs: column 1 holds the times (--time); --calendar"},
        {text, "time=d series=d", "--time: column 1 says which series"},
        {text, "calendar=hour", "--calendar hour needs --time"},
        {text, "time=d calendar=hour,hour gaps=keep", "each once"},
        {text, "time=d calendar=second gaps=keep", "is not a list of minute, hour, weekday, day, month"},
        {uneven, "time=d calendar=hour gaps=keep", "are plain numbers, of no calendar"},
        {text, "time=d time-format=%Q", "behind % stands one of"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof refused / sizeof *refused; k++) {
        struct sab_task *task = NULL;
        struct sab_error err = {0};
        char options[256];
        snprintf(options, sizeof options, "split=1,0,0 %s", refused[k].options);
        if (csv_make(&task, refused[k].text, options, &err) == SAB_OK || !strstr(err.message, refused[k].message))
            fail_msg("expected \"%s\", got \"%s\"", refused[k].message, err.message);
    }
    check("kept", text, "time=d gaps=keep", 4, (double[]){1, 2, 3, 6}, (double[]){2, 3, 6, 7});
    check("filled", text, "time=d gaps=fill missing=last", 6, (double[]){1, 2, 3, 3, 3, 6}, (double[]){2, 3, NAN, NAN, 6, 7});
    check("filled months", months, "time=d gaps=fill missing=last", 5, (double[]){1, 2, 3, 3, 5}, (double[]){2, 3, NAN, 5, 6});
    check("irregular", "d,v\n1,1\n3,2\n4,3\n9,4\n23,3\n", "time=d", 4, (double[]){1, 2, 3, 4}, (double[]){2, 3, 4, 3});
}

static void cells_that_are_missing(void **state)
{
    static const char text[] = "v,w\n,1\n2,2\nNA,3\n4,4\n5,\n";
    static const char answers[] = "v,y\n1,a\n2,\n,b\n4,b\n";
    (void)state;
    check("skip", text, "missing=skip targets=v", 1, (double[]){2}, (double[]){4});
    check("last", text, "missing=last targets=v", 4, (double[]){0, 2, 2, 4}, (double[]){2, NAN, 4, 5});
    /* at first from the mean */
    check("relative", text, "missing=last targets=v relative=on", 4, (double[]){0, 2, 2, 4}, (double[]){2, NAN, 2, 1});
    check("answers", answers, "missing=last goal=step targets=y", 4, (double[]){1, 2, 2, 4}, (double[]){0, NAN, 1, 1});
    struct rows r = rows_of(text, "missing=mask targets=v");
    static const double masks[][2] = {{1, 0}, {0, 0}, {1, 0}, {0, 0}};
    assert_int_equal(r.n, 4);
    for (int i = 0; i < 4; i++)
        assert_true(r.inputs[i][2] == masks[i][0] && r.inputs[i][3] == masks[i][1]);
    struct sab_task *task = csv_must(text, "missing=last split=1,0,0 standardise=on targets=v");
    assert_non_null(strstr(sab_task_facts(task), "\"column_origin\":[2,1]")); /* the first there is */
    sab_task_free(task);
    struct sab_error err = {0};
    assert_int_equal(csv_make(&task, "v,w\n,1\n,2\n,3\n", "missing=last inputs=v,w split=1,0,0 standardise=on", &err), SAB_FORMAT);
    assert_non_null(strstr(err.message, "column 1 has no value in any row"));
    assert_int_equal(csv_make(&task, "v,w\n,1\n2,\n", "missing=skip split=1,0,0", &err), SAB_FORMAT);
    assert_non_null(strstr(err.message, "every row lacks a value"));
    assert_int_equal(csv_make(&task, "v,y\n1,\n2,NA\n", "missing=skip goal=step targets=y split=1,0,0", &err), SAB_FORMAT);
    assert_non_null(strstr(err.message, "the column \"y\" of answers holds none"));
}

static void the_calendar_becomes_inputs(void **state)
{
    struct rows r = rows_of("d,v\n2024-01-01 06:00,1\n2024-01-01 12:00,2\n2024-01-01 18:00,3\n", "time=d calendar=hour,weekday");
    static const double sines[] = {1, 0};
    (void)state;
    assert_int_equal(r.n, 2);
    for (int i = 0; i < 2; i++)
        assert_true(fabs(r.inputs[i][1] - sines[i]) < 1e-6 && fabs(hypot(r.inputs[i][3], r.inputs[i][4]) - 1) < 1e-6);
    assert_true(r.inputs[0][2] < 1e-6 && r.inputs[1][2] < -0.999);
}

/* What a model knows reads another file the same way, and says it the same way. */
static void facts_keep_times(void **state)
{
    static const char text[] = "d;v\n01.02.2024;1,5\n02.02.2024;\n03.02.2024;2,5\n04.02.2024;4\n";
    struct sab_task *task = csv_must(text, "time=d time-format=%d.%m.%Y calendar=weekday missing=mask decimal-comma=on split=1,0,0");
    struct sab_task *again = NULL;
    OPTIONS config = {0};
    struct sab_error err = {0};
    (void)state;
    csv_configure(&config, "");
    if (sab_task_create(&again, &config, sab_task_facts(task), &err) != SAB_OK)
        fail_msg("%s", err.message);
    assert_string_equal(sab_task_facts(again), sab_task_facts(task));
    assert_int_equal(sab_task_shape(again)->I, 4);
    sab_task_free(again);
    static const struct {
        const char *from, *to;
    } changes[] = {
        {"\"time\":[1,\"d\"]", "\"time\":[0,\"d\"]"},      {"\"time\":[1,\"d\"]", "\"time\":3"},
        {"\"time_kind\":1", "\"time_kind\":9"},            {"%d.%m.%Y", "%Q"},
        {"\"step_ms\":86400000", "\"step_ms\":-1"},        {"\"step_months\":0", "\"step_months\":5000"},
        {"\"calendar\":[2]", "\"calendar\":[7]"},          {"\"calendar\":[2]", "\"calendar\":[2,2,2,2,2,2]"},
        {"\"missing\":2", "\"missing\":4"},
    };
    for (size_t k = 0; k < sizeof changes / sizeof *changes; k++) {
        char damaged[4096];
        const char *facts = sab_task_facts(task), *at = strstr(facts, changes[k].from);
        if (!at)
            fail_msg("no %s in %s", changes[k].from, facts);
        snprintf(damaged, sizeof damaged, "%.*s%s%s", (int)(at - facts), facts, changes[k].to, at + strlen(changes[k].from));
        if (sab_task_create(&again, &config, damaged, &err) == SAB_OK)
            fail_msg("taken: %s", damaged);
    }
    sab_task_free(task);
}

/* Where a chunk stands: the times and numbers of its own rows. */
static void spots_have_the_times_of_their_rows(void **state)
{
    char text[1024], *at = text + sprintf(text, "day,v\n");
    (void)state;
    for (int day = 1; day <= 20; day++)
        at += sprintf(at, "2024-01-%02d,%d\n", day, day * day % 7);
    struct sab_task *task = csv_must(text, "time=day T=4 split=0.5,0,0.5");
    const void *own = sab_task_state(task, &sab_task_csv);
    int64_t first = 0;
    int chunks = 0;
    for (int64_t i = 0; i < sab_task_batches(task, SAB_TEST, 1); i++) {
        struct sab_csv_spot spot = sab_csv_task_spot(own, SAB_TEST, i, 1, 0);
        struct sab_batch batch = csv_batch(task, SAB_TEST, i, 1);
        assert_non_null(spot.times);
        for (int t = 0; t < batch.lengths[0]; t++)
            if (spot.times[t] != (19723 + spot.row + t) * INT64_C(86400000)) /* 2024-01-01 is day 19723 since 1970 */
                fail_msg("chunk %lld, step %d: row %lld has the time %lld", (long long)i, t, (long long)(spot.row + t),
                         (long long)spot.times[t]);
        first = spot.row > first ? spot.row : first;
        chunks++;
    }
    assert_true(chunks > 1 && first > 0);
    sab_task_free(task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_in_the_order_of_time),
        cmocka_unit_test(what_was_put_in_order_is_told),
        cmocka_unit_test(times_that_are_no_steps_are_told), cmocka_unit_test(a_single_row_is_a_time),
        cmocka_unit_test(doubles),
        cmocka_unit_test(steps_that_are_missing),
        cmocka_unit_test(cells_that_are_missing),
        cmocka_unit_test(the_calendar_becomes_inputs),
        cmocka_unit_test(spots_have_the_times_of_their_rows),
        cmocka_unit_test(facts_keep_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
