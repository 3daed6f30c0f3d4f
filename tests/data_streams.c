/* The tasks that draw their data: all is a function of (seed, split, index), as long as the curriculum says; what is refused; and each
 * option has its readers. */
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
#include "data_support.h"
#include "model/network.h"
#include "options_helper.h"

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
    struct sab_task *task = data_task(config, NULL);
    struct sab_batch batch = data_batch(task, split, index, B);
    size_t n = sequence(&batch, b, sab_task_shape(task)->I, out);
    sab_task_free(task);
    return n;
}

/* Sequence i is the same in whichever batch it comes, whatever was asked for before. */
static void test_pure_function_of_index(void **unused)
{
    (void)unused;
    for (int k = 0; k < NAMES; k++) {
        OPTIONS config = data_drawn_options(names[k], 24);
        double alone[256], among[256], later[256], other[256];
        size_t n = draw(&config, SAB_TRAIN, 35, 1, 0, alone);
        assert_int_equal(draw(&config, SAB_TRAIN, 5, 6, 5, among), n);
        assert_memory_equal(alone, among, n * sizeof *alone);
        struct sab_task *task = data_task(&config, NULL);
        data_batch(task, SAB_TEST, 1000, 7);
        data_batch(task, SAB_TRAIN, 0, 2);
        struct sab_batch batch = data_batch(task, SAB_TRAIN, 7, 5);
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
        OPTIONS config = data_drawn_options(names[k], 24);
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
        OPTIONS config = data_drawn_options(names[k], 40);
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
    OPTIONS config = data_drawn_options("copy", 10);
    struct sab_task *task = data_task(&config, NULL);
    struct sab_batch batch = data_batch(task, SAB_TRAIN, 3, 1);
    assert_memory_equal(batch.ids, train, sizeof train);
    batch = data_batch(task, SAB_TEST, 3, 1);
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
    OPTIONS config = data_drawn_options("cpoy", 10);
    expect_refused(&config, "unknown task \"cpoy\"; did you mean \"copy\"?");
    sab_options_clear(&config);
    config = data_drawn_options("chess", 10);
    expect_refused(&config, "unknown task \"chess\"; the tasks are copy, adding, cue, transduce, idx");
    sab_options_clear(&config);
    config = data_drawn_options("adding", 1);
    expect_refused(&config, "--T: 1 is too short for the task adding, which needs at least 2");
    sab_options_clear(&config);
    config = data_drawn_options("copy", 2147483647);
    expect_refused(&config, "is too long");
    sab_options_clear(&config);
    config = data_drawn_options("transduce", 1 << 30);
    expect_refused(&config, "--T: 1073741824 is too long for the task transduce, which takes at most 1073741823");
    sab_options_clear(&config);
    config = data_drawn_options("copy", 10);
    set_option(&config, "valid-data", "x");
    expect_refused(&config, "--data: the task copy draws its data");

    sab_options_clear(&config);

    config = data_drawn_options("copy", 10);
    struct sab_task *task = data_task(&config, NULL);
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
    OPTIONS config = data_drawn_options("copy", 100);
    config.task.drawn.curriculum = 50;
    struct sab_task *task = data_task(&config, NULL);
    int before = 10;
    for (int64_t index = 0; index < 60; index++) {
        int T = data_batch(task, SAB_TRAIN, index, 4).T - 20;
        assert_true(T >= before && T <= 100);
        assert_true(index > 0 || T == 10);
        assert_true(index < 50 || T == 100);
        assert_int_equal(data_batch(task, SAB_TEST, index, 4).T, 120);
        before = T;
    }
    struct sab_batch batch = data_batch(task, SAB_TRAIN, 25, 4);
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
        cmocka_unit_test(test_pure_function_of_index),
        cmocka_unit_test(test_fixed_set_cycles),
        cmocka_unit_test(test_splits_are_streams_of_their_own),
        cmocka_unit_test(test_streams_stay_as_they_were),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_curriculum),
        cmocka_unit_test(test_every_option_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
