/* The task csv: named malformed files, options and facts, each refused with its own sentence. */
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
        {"row within quotes is counted, CR", "a,b\r\"x\ry\",2\r3\r", "inputs=b", "line 4 has 1 column"},
        {"row within quotes is counted, CR LF", "a,b\r\n\"x\r\ny\",2\r\n3\r\n", "inputs=b", "line 4 has 1 column"},
        {"rows within quotes are counted, of all kinds", "a,b\n\"x\r\r\n\n\ry\",2\n3\n", "inputs=b", "line 7 has 1 column"},
        {"empty line inside", "a,b\n1,2\n\n3,4\n", "", "line 3 is empty"},
        {"open quote", "a,b\n1,\"2\n3,4\n", "", "line 2, column 2: the quote that opens here is never closed"},
        {"text behind a quote", "a,b\n1,\"2\"x\n", "", "line 2, column 2: text follows the closing quote"},
        {"UTF-16", "\xff\xfe" "a", "", "UTF-16"},
        {"no number", "a,b\nx,y\nz,w\n", "", "no column holds numbers"},
        {"no number beside the answers", "a,y\nx,1\nz,2\n", "goal=step targets=y",
         "no column beside --series, --time and --targets holds numbers"},
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
        {"sorted by class", "a,y\n1,x\n2,x\n3,x\n4,z\n", "goal=step targets=y split=0.5,0.25,0.25",
         "column \"y\": the class \"z\" is not in the "
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
    io_put(path, "a\0\n\0" "1\0", 6);
    assert_int_equal(sab_task_create(&task, &config, NULL, &err), SAB_FORMAT);
    assert_non_null(strstr(err.message, "seems to be text in UTF-16"));
    io_put(path, "\0a\0\n\0" "1", 6);
    assert_int_equal(sab_task_create(&task, &config, NULL, &err), SAB_FORMAT);
    assert_non_null(strstr(err.message, "seems to be text in UTF-16"));
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

static void damaged_categories(void **state)
{
    static const char *const damaged[] = {
        "[[1]]", "[[2,\"x\"]]", "[[-1,\"x\"]]", "[[0,\"x\"]]", "[[1,\"x\",\"x\"]]", "[[1,2]]", "[[1,\"x\"],[1,\"y\"]]",
            "[1]", "{}", "\"x\"",
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
        cmocka_unit_test(damaged_categories),
        cmocka_unit_test(malformed),
        cmocka_unit_test(a_column_that_begins_late),
        cmocka_unit_test(bytes_that_are_no_text),
        cmocka_unit_test(absent_parts),
        cmocka_unit_test(damaged_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
