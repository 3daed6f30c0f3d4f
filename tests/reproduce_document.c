/* Result files become tables, figures and documents: every number of a table is one of a file, and filling a document
 * twice changes nothing. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/file.h"
#include "io_support.h"
#include "lab/reproduce_document.h"
#include "lab/reproduce_print.h"
#include "options_helper.h"
#include "report/cairo.h"

static const struct sab_table_cell *find(const char *table, const char *name)
{
    for (int i = 0; sab_table_cell_at(i); i++)
        if (strcmp(sab_table_cell_at(i)->table, table) == 0 && sab_cell_is(sab_table_cell_at(i), name))
            return sab_table_cell_at(i);
    fail_msg("no cell %s in %s", name, table);
    return NULL;
}

/* A result as a run would leave it: accuracy, at all lengths, and the updates of a run that was solved (0: it was not).
 * */
static void put(const char *table, const char *name, uint64_t seed, double accuracy, int solved, const char *failed)
{
    const struct sab_table_cell *cell = find(table, name);
    struct sab_measured curve[2] = {
        {.step = 50, .accuracy = 0.1, .loss = 1, .mse = NAN, .bits_per_char = NAN, .seconds = 1},
        {.step = 100, .accuracy = accuracy, .loss = 0.5, .mse = NAN, .bits_per_char = NAN, .seconds = 2},
    };
    struct sab_cell_result result = {.seed = seed, .version = "9", .cpu = "ref",
                                     .digest = "0123456789abcdef0123456789abcdef",
                                     .steps = solved ? solved : 2000, .best_step = 100, .stopped_early = solved > 0,
                                     .seconds = 20, .cpu_s = 35.5, .peak_nbytes = 1e7, .best = curve[1],
                                     .last = curve[1],
                                     .n_curve = 2, .curve = curve};
    struct sab_cell_test tests[SAB_TEST_CAP];
    OPTIONS config = {0};
    char path[SAB_FILE_CAP];
    struct sab_error err = {0};
    assert_int_equal(sab_cell_config(cell, seed, 0, &config, NULL), SAB_OK);
    sab_cell_command(cell, &config, result.command);
    snprintf(result.failed, sizeof result.failed, "%s", failed);
    result.n_tests = sab_cell_tests(cell, &config, tests);
    for (int i = 0; i < result.n_tests; i++) {
        result.tests[i] = curve[1];
        result.tests[i].T = tests[i].T;
        result.tests[i].sequences = tests[i].sequences;
    }
    if (strcmp(table, "heat") == 0) {
        result.n_maps = 1;
        result.maps[0] = (struct sab_cell_map){100, 0.25, "a-u100.png"};
    }
    snprintf(path, sizeof path, "%s/%s", io_path("results"), table);
    assert_int_equal(sab_file_make_directory(path, &err), SAB_OK);
    assert_int_equal(sab_cell_result_path(cell, io_path("results"), seed, path, &err), SAB_OK);
    assert_int_equal(sab_cell_result_write(path, cell, &result, &err), SAB_OK);
}

static void put_all(void)
{
    put("copy", "T=100 sab 5 5", 1, 1, 550, "");
    put("copy", "T=100 sab 5 5", 2, 0.996, 900, "");
    put("copy", "T=100 sab 5 5", 10, 0.95, 0, "");
    put("copy", "T=100 tbptt 5", 1, 0.161, 0, "");
    put("copy", "T=200 tbptt 5", 1, NAN, 0, "a gradient is not finite");
    put("transfer", "sab 5 5", 1, 0.5, 550, "");
    put("heat", "T=200 sab 10 10", 1, 0.99, 700, "");
    put("smallest", "k-top=5 k-trunc=5", 1, 0.99, 700, "");
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is missing in:\n%s", part, text);
}

static const char document[] = "# T\n\nbefore\n\n<!-- table copy -->\nold\n<!-- end copy -->\n<!-- table transfer -->\n"
                               "<!-- end transfer -->\n<!-- table heat -->\n<!-- end heat -->\n"
                               "<!-- table smallest -->\n<!-- end smallest -->\n"
                               "<!-- table adding -->\n<!-- end adding -->\nafter";

static void test_document(void **unused)
{
    (void)unused;
    struct sab_error err = {0};
    size_t nbytes;
    int tables = 0;
    char version[32];
    if (sab_cairo_check(version, &err) != SAB_OK) {
        print_message("skipped: %s\n", err.message);
        skip();
    }
    put_all();
    io_put(io_path("d.md"), document, sizeof document - 1);
    if (sab_reproduce_document(io_path("d.md"), io_path("results"), &tables, &err) != SAB_OK)
        fail_msg("%s", err.message);
    assert_int_equal(tables, 5);
    char *text = io_get(io_path("d.md"), &nbytes);
    assert_null(strstr(text, "old"));
    assert_null(strstr(text, "published"));
    has(text, "# T\n\nbefore\n\n<!-- table copy -->\n\n| | T=100 | T=200 | T=300 |\n");
    has(text, "| sab 5 5 | 98.2 % (95.0..100); 3 seeds, 2 solved after 550..900 updates<br>the paper: 100 % (seen) | "
              "not run |");
    has(text, "| tbptt 5 | 16.1 %; 1 seed<br>the paper: 31 % (seen) | no figure; 1 seed, 1 ended in bad numbers (after "
              "2,000 updates) |");
    has(text, "at most 2,000 updates of 64 sequences");
    has(text, "| sab 5 5 | 50.0 % | 50.0 %<br>the paper: 95 % (recalled) | 50.0 %<br>the paper: 83 % (recalled) |");
    has(text, "<br>the paper: out of memory (recalled)");
    has(text, "![update 100, 25.0 %](results/heat/a-u100.png)");
    has(text, "](results/copy.svg)");
    has(text, "](results/transfer.svg)");
    has(text, "](results/smallest.svg)");
    has(text, "<!-- end adding -->\nafter");
    assert_false(io_exists(io_path("results/adding.svg")));
    char *svg = io_get(io_path("results/copy.svg"), &nbytes);
    has(svg, "stroke:rgb(0%,44.7"); /* the first line's colour */
    free(svg);

    /* Once more: nothing is written. */
    struct stat before, after;
    assert_int_equal(stat(io_path("d.md"), &before), 0);
    assert_int_equal(sab_reproduce_document(io_path("d.md"), io_path("results"), &tables, &err), SAB_OK);
    assert_int_equal(stat(io_path("d.md"), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_true(io_holds(io_path("d.md"), text, strlen(text)));
    free(text);
}

static void fails(const char *text, int status, const char *part)
{
    struct sab_error err = {0};
    int tables;
    io_put(io_path("bad.md"), text, strlen(text));
    assert_int_equal(sab_reproduce_document(io_path("bad.md"), io_path("results"), &tables, &err), status);
    has(err.message, part);
    assert_true(io_holds(io_path("bad.md"), text, strlen(text)));
}

static void test_bad_documents(void **unused)
{
    (void)unused;
    fails("a\n<!-- table coppy -->\n", SAB_FORMAT,
          "bad.md, line 2: no table is called \"coppy\"; did you mean \"copy\"?");
    fails("<!-- table copy -->\nb\n", SAB_FORMAT, "line 1: the table copy has no line <!-- end copy -->");
    fails("<!-- table copy -->\n<!-- end cells -->\n", SAB_FORMAT, "no line <!-- end copy -->");
    fails("<!-- table copy -->\n\n<!-- table cells -->\n<!-- end cells -->\n", SAB_FORMAT,
          "line 3: the table cells begins before <!-- end copy -->");
}

/* A result that does not belong to its row any more is an error, not a figure. */
static void test_outdated_result(void **unused)
{
    (void)unused;
    size_t nbytes;
    put("cells", "T=100 gru", 1, 0.5, 0, "");
    char path[SAB_FILE_CAP];
    snprintf(path, sizeof path, "%s", io_path("results/cells/T100-gru-s1.json"));
    char *text = io_get(path, &nbytes), *at = strstr(text, "--read-gain 0.5");
    assert_non_null(at);
    at[strlen("--read-gain 0.")] = '7';
    io_put(path, text, nbytes);
    fails("<!-- table cells -->\n<!-- end cells -->\n", SAB_INVALID, "--read-gain 0.7");
    free(text);
    unlink(path);
}

static void test_results_come_back(void **unused)
{
    (void)unused;
    struct sab_cell_result result;
    struct sab_error err = {0};
    put("cells", "T=100 rnn", 3, 0.123456789, 150, "");
    assert_int_equal(sab_cell_result_read(io_path("results/cells/T100-rnn-s3.json"), &result, &err), SAB_OK);
    assert_int_equal(result.seed, 3);
    assert_int_equal(result.steps, 150);
    assert_int_equal(result.best_step, 100);
    assert_true(result.stopped_early);
    assert_true(result.tests[0].accuracy == 0.123456789);
    assert_true(isnan(result.tests[0].mse));
    assert_int_equal(result.tests[0].sequences, 512);
    assert_int_equal(result.n_curve, 2);
    assert_int_equal(result.curve[1].step, 100);
    assert_true(result.curve[1].seconds == 2);
    assert_true(result.cpu_s == 35.5);
    assert_string_equal(result.cpu, "ref");
    sab_cell_result_clear(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_bad_documents),
        cmocka_unit_test(test_outdated_result),
        cmocka_unit_test(test_results_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
