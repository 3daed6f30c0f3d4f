/* A cell of a table, run: what it leaves, what is kept, and how it ends when stopped, exploding, or of other settings.
 * The cells are rows of this test, as small as can be. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io_support.h"
#include "lab/reproduce_run.h"

#define TINY "T=5 hidden=8 batch=8 steps=20 eval-every=5 eval-size=16 "

static volatile sig_atomic_t stop;

static int run(const char *dir, const struct sab_table_cell *cell, enum sab_reproduced *made, struct sab_error *err)
{
    const struct sab_reproduction how = {.dir = dir, .quiet = 1, .threads = 1, .stop = &stop};
    return sab_reproduce_cell(&how, cell, 3, made, err);
}

static void read(const char *dir, const char *file, struct sab_cell_result *result)
{
    char path[SAB_FILE_CAP];
    struct sab_error err = {0};
    snprintf(path, sizeof path, "%s/results/%s", dir, file);
    if (sab_cell_result_read(path, result, &err) != SAB_OK)
        fail_msg("%s", err.message);
}

static void test_result(void **unused)
{
    (void)unused;
    const struct sab_table_cell cell = {"cells", "T=5", "tiny", TINY, {"", ""}, 0, NULL};
    struct sab_cell_result result;
    struct sab_error err = {0};
    enum sab_reproduced made = SAB_MADE_ELSEWHERE;
    if (run(io_path("a"), &cell, &made, &err) != SAB_OK)
        fail_msg("%s", err.message);
    assert_int_equal(made, SAB_MADE);
    read(io_path("a"), "cells/T5-tiny-s3.json", &result);
    assert_int_equal(result.steps, 20);
    assert_int_equal(result.n_curve, 4);
    assert_int_equal(result.n_tests, 1);
    assert_int_equal(result.tests[0].T, 5);
    assert_int_equal(result.tests[0].sequences, 16);
    assert_true(result.cpu_s > 0 && result.seconds > 0 && result.peak_nbytes > 1e5);
    assert_string_equal(result.failed, "");
    assert_null(strstr(result.command, "--out"));
    sab_cell_result_clear(&result);
    assert_int_equal(run(io_path("a"), &cell, &made, &err), SAB_OK);
    assert_int_equal(made, SAB_MADE_BEFORE);
}

static void test_explosion_is_a_result(void **unused)
{
    (void)unused;
    const struct sab_table_cell cell = {"cells", "T=5", "bad", TINY "explode=0.000001", {"", ""}, 0, NULL};
    struct sab_cell_result result;
    struct sab_error err = {0};
    enum sab_reproduced made = SAB_MADE_ELSEWHERE;
    if (run(io_path("b"), &cell, &made, &err) != SAB_OK)
        fail_msg("%s", err.message);
    read(io_path("b"), "cells/T5-bad-s3.json", &result);
    assert_non_null(strstr(result.failed, "explo"));
    assert_null(strstr(result.failed, io_path("b")));
    assert_int_equal(result.steps, 0);
    assert_int_equal(result.best_step, -1);
    assert_int_equal(result.n_tests, 0);
    sab_cell_result_clear(&result);
}

static void test_stopped_and_gone_on_with(void **unused)
{
    (void)unused;
    const struct sab_table_cell cell = {"cells", "T=5", "tiny", TINY, {"", ""}, 0, NULL};
    const struct sab_table_cell other = {"cells", "T=5", "tiny", TINY "lr=0.1", {"", ""}, 0, NULL};
    struct sab_cell_result whole, result;
    struct sab_error err = {0};
    enum sab_reproduced made = SAB_MADE_ELSEWHERE;
    stop = 1;
    assert_int_equal(run(io_path("c"), &cell, &made, &err), SAB_INTERRUPTED);
    stop = 0;
    assert_false(io_exists(io_path("c/results/cells/T5-tiny-s3.json")));
    assert_true(io_exists(io_path("c/runs/cells/T5-tiny-s3/state.safetensors")));
    assert_int_equal(run(io_path("c"), &other, &made, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "begun with other settings (--lr 0.003, not 0.1)"));
    assert_int_equal(run(io_path("c"), &cell, &made, &err), SAB_OK);
    assert_int_equal(run(io_path("c"), &other, &made, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "T5-tiny-s3.json was made with other settings"));
    assert_int_equal(run(io_path("d"), &cell, &made, &err), SAB_OK);
    read(io_path("c"), "cells/T5-tiny-s3.json", &result);
    read(io_path("d"), "cells/T5-tiny-s3.json", &whole);
    assert_string_equal(result.digest, whole.digest);
    assert_true(result.tests[0].loss == whole.tests[0].loss);
    sab_cell_result_clear(&result);
    sab_cell_result_clear(&whole);
}

static void test_maps(void **unused)
{
    (void)unused;
    const struct sab_table_cell cell = {"heat", "T=5", "tiny", TINY "steps=110", {"", ""}, 0, NULL};
    struct sab_cell_result result;
    struct sab_error err = {0};
    char path[SAB_FILE_CAP];
    enum sab_reproduced made = SAB_MADE_ELSEWHERE;
    if (run(io_path("e"), &cell, &made, &err) != SAB_OK)
        fail_msg("%s", err.message);
    read(io_path("e"), "heat/T5-tiny-s3.json", &result);
    assert_true(result.n_maps >= 1 && result.n_maps <= 3);
    assert_true(result.maps[0].step <= 100);
    assert_int_equal(result.maps[result.n_maps - 1].step, result.best_step);
    for (int i = 0; i < result.n_maps; i++) {
        snprintf(path, sizeof path, "%s/results/heat/%s", io_path("e"), result.maps[i].png);
        assert_true(io_exists(path));
    }
    sab_cell_result_clear(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_result),
        cmocka_unit_test(test_explosion_is_a_result),
        cmocka_unit_test(test_stopped_and_gone_on_with),
        cmocka_unit_test(test_maps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
