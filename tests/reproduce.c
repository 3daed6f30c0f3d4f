/* Every row of the tables of `sab reproduce` is a legal configuration of a task that exists, its names are unlike all
 * others, and its command, read back by the rules of the command line, is the same configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/arguments.h"
#include "data/task.h"
#include "lab/reproduce_cell.h"
#include "lab/reproduce_result.h"
#include "options_helper.h"
#include "train/options.h"

static int is_task(const char *name)
{
    for (int i = 0; sab_task_kind_at(i); i++)
        if (strcmp(sab_task_kind_at(i)->name, name) == 0)
            return 1;
    return 0;
}

static void test_every_cell(void **unused)
{
    (void)unused;
    int n = 0;
    for (; sab_table_cell_at(n); n++) {
        const struct sab_table_cell *cell = sab_table_cell_at(n);
        OPTIONS config = {0};
        struct sab_error err = {0};
        for (int is_quick = 0; is_quick <= 1; is_quick++) {
            sab_options_clear(&config);
            if (sab_cell_config(cell, 1, is_quick, &config, &err) != SAB_OK)
                fail_msg("%s, %s %s: %s", cell->table, cell->column, cell->row, err.message);
        }
        if (!is_task(config.task.task))
            fail_msg("%s, %s: there is no task %s", cell->table, cell->row, config.task.task);
        assert_true(config.optim.steps > 0 && config.optim.steps < 2000);
        assert_int_equal(sab_cell_table(cell)->lengths[0] != 0, cell->column[0] == 0);
        assert_true(sab_cell_seeds(cell) >= 1);
        if (!strcmp(config.task.task, "copy") && !strcmp(cell->table, "copy"))
            assert_true(sab_cell_seeds(cell) >= (config.model.credit == SAB_CREDIT_SAB && config.model.sparsifier ==
                                                 SAB_SPARSIFIER_SOFTMAX && config.model.model == SAB_KIND_RECURRENT ? 3 : 2));
    }
    assert_true(n > 90);
}

static void test_standing_of_figures(void **unused)
{
    (void)unused;
    for (int i = 0; sab_table_cell_at(i); i++) {
        const struct sab_paper *paper = &sab_table_cell_at(i)->paper;
        int is_marked = !strcmp(paper->standing, "seen") || !strcmp(paper->standing, "recalled") ||
                        !strcmp(paper->standing, "derived");
        assert_int_equal(is_marked, paper->text[0] != 0);
    }
}

static void test_names_differ(void **unused)
{
    (void)unused;
    for (int i = 0; sab_table_cell_at(i); i++)
        for (int k = 0; k < i; k++) {
            char a[SAB_CELL_NAME_CAP], b[SAB_CELL_NAME_CAP];
            sab_cell_slug(sab_table_cell_at(i), a);
            sab_cell_slug(sab_table_cell_at(k), b);
            if (strcmp(sab_table_cell_at(i)->table, sab_table_cell_at(k)->table) == 0)
                assert_string_not_equal(a, b);
        }
}

/* All methods of a column are given the same number of updates for the same data, but where that is what differs. */
static void test_same_number_of_updates(void **unused)
{
    (void)unused;
    for (int i = 1; sab_table_cell_at(i); i++)
        for (int j = 0; j < i; j++) {
            const struct sab_table_cell *a = sab_table_cell_at(i), *b = sab_table_cell_at(j);
            OPTIONS x = {0}, y = {0};
            if (strcmp(a->table, b->table) != 0 || strcmp(a->column, b->column) != 0 || strcmp(a->table, "pace") == 0 ||
                strcmp(a->table, "forecasts") == 0 || strcmp(a->table, "texts-time") == 0)
                continue;
            sab_cell_config(a, 1, 0, &x, NULL);
            sab_cell_config(b, 1, 0, &y, NULL);
            if (x.task.T == y.task.T && strcmp(x.task.files.data, y.task.files.data) == 0)
                assert_int_equal(x.optim.steps, y.optim.steps);
        }
}

static void test_command_reads_back(void **unused)
{
    (void)unused;
    for (int i = 0; sab_table_cell_at(i); i++) {
        char command[SAB_COMMAND_CAP], *words[128];
        OPTIONS config = {0};
        struct sab_error err = {0};
        struct sab_cli cli;
        int n = 0;
        assert_int_equal(sab_cell_config(sab_table_cell_at(i), 3, 0, &config, NULL), SAB_OK);
        sab_cell_command(sab_table_cell_at(i), &config, command);
        for (char *word = strtok(command, " "); word && n < 128; word = strtok(NULL, " "))
            words[n++] = word;
        if (sab_cli_parse(&cli, &sab_command_train, n - 2, words + 2, &err) != SAB_OK)
            fail_msg("%s", err.message);
        sab_options_set(cli.options, "task", cli.words[0], NULL);
        assert_null(sab_cell_difference(cli.options, &config));
        config.shared.seed = 4;
        assert_string_equal(sab_cell_difference(cli.options, &config), "seed");
        sab_cli_clear(&cli);
    }
}

static void test_runs_are_shared(void **unused)
{
    (void)unused;
    const struct sab_table_cell *copy = NULL, *transfer = NULL;
    char a[SAB_DIR_CAP], b[SAB_DIR_CAP];
    for (int i = 0; sab_table_cell_at(i); i++) {
        const struct sab_table_cell *cell = sab_table_cell_at(i);
        if (strcmp(cell->table, "copy") == 0 && sab_cell_is(cell, "T=100 sab 5 5"))
            copy = cell;
        if (strcmp(cell->table, "transfer") == 0 && sab_cell_is(cell, "sab 5 5"))
            transfer = cell;
    }
    assert_non_null(copy);
    assert_non_null(transfer);
    assert_int_equal(sab_cell_run_path(copy, "d", 2, a, NULL), SAB_OK);
    assert_int_equal(sab_cell_run_path(transfer, "d", 2, b, NULL), SAB_OK);
    assert_string_equal(a, "d/runs/copy/T100-sab-5-5-s2");
    assert_string_equal(a, b);
}

static void test_difference_of_settings_is_named(void **unused)
{
    (void)unused;
    struct sab_error err = {0};
    const char *a = "sab train copy --T 100 --steps 2000 --seed 1", *b = "sab train copy --T 100 --steps 300 --seed 1";
    assert_int_equal(sab_cell_result_agrees("x", a, a, &err), SAB_OK);
    assert_int_equal(sab_cell_result_agrees("x", a, b, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "(--steps 2000, where this has --steps 300)"));
    assert_int_equal(sab_cell_result_agrees("x", "sab train copy --seed 1", "sab train copy", &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "--seed 1"));
    assert_int_equal(sab_cell_result_agrees("x", "y", "sab train copy", &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "(y, where this has sab train)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cell),
        cmocka_unit_test(test_standing_of_figures),
        cmocka_unit_test(test_names_differ),
        cmocka_unit_test(test_same_number_of_updates),
        cmocka_unit_test(test_command_reads_back),
        cmocka_unit_test(test_runs_are_shared),
        cmocka_unit_test(test_difference_of_settings_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
