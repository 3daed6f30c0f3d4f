/* The tasks idx and mnist: what each step of each sequence holds, which images are which split, and in what order. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/task.h"
#include "data_support.h"
#include "images_support.h"
#include "io_support.h"
#include "options_helper.h"

static void a_sequence_is_an_image_by_row_or_by_pixel(void **state)
{
    (void)state;
    for (int by_row = 0; by_row < 2; by_row++) {
        OPTIONS config = images_options(by_row ? "mnist" : "idx", "by", by_row ? "row" : "pixel", NULL);
        struct sab_task *task = data_task(&config, NULL);
        const struct sab_shape *shape = sab_task_shape(task);
        double mean, deviation;
        images_moments(18, &mean, &deviation); /* 0.9 of 20 */
        assert_int_equal(shape->input, SAB_INPUT_VALUES);
        assert_int_equal(shape->I, by_row ? COLS : 1);
        assert_int_equal(shape->loss, SAB_LOSS_CROSS_ENTROPY);
        assert_int_equal(shape->O, CLASSES);
        assert_int_equal(sab_task_steps(task), by_row ? ROWS : PIXELS);
        struct sab_batch batch = data_batch(task, SAB_TEST, 0, TEST);
        assert_null(batch.ids);
        assert_null(batch.targets);
        assert_null(batch.lengths);
        assert_null(batch.fresh);
        for (int b = 0; b < TEST; b++)
            images_shown(&batch, b, TRAIN + (size_t)b, NULL, by_row, mean, deviation);
        sab_task_free(task);
    }
}

static void the_last_batch_is_filled_up_with_nothing(void **state)
{
    (void)state;
    OPTIONS config = images_options("idx", NULL);
    struct sab_task *task = data_task(&config, NULL);
    double mean, deviation;
    images_moments(18, &mean, &deviation);
    assert_int_equal(sab_task_batches(task, SAB_TEST, 4), 2);
    assert_int_equal(sab_task_batches(task, SAB_TEST, 7), 1);
    assert_int_equal(sab_task_batches(task, SAB_TEST, 8), 1);
    assert_int_equal(sab_task_batches(task, SAB_TEST, 1), 7);
    data_batch(task, SAB_TRAIN, 0, 8); /* leaves marks behind that must not show */
    struct sab_batch batch = data_batch(task, SAB_TEST, 1, 4);
    assert_int_equal(batch.B, 4);
    for (int b = 0; b < 3; b++)
        images_shown(&batch, b, TRAIN + 4 + (size_t)b, NULL, 1, mean, deviation);
    for (int t = 0; t < ROWS; t++) {
        assert_true(batch.weight[t * 4 + 3] == 0);
        assert_int_equal(batch.scored[t * 4 + 3], 0);
        for (int k = 0; k < COLS; k++)
            assert_true(batch.values[(t * 4 + 3) * COLS + k] == 0);
    }
    sab_task_free(task);
}

/* Reads off the order of the pixels: image values are compared with the one unpermuted. */
static void find_order(struct sab_task *task, enum sab_split split, size_t i, int b, int order[PIXELS])
{
    struct sab_batch batch = data_batch(task, split, 0, 2);
    double mean, deviation;
    int seen[PIXELS] = {0};
    images_moments(18, &mean, &deviation);
    for (int p = 0; p < PIXELS; p++) {
        double value = batch.values[p * 2 + b];
        order[p] = -1;
        for (int from = 0; from < PIXELS; from++)
            if (fabs((images_pixel(i, (size_t)from) / 255.0 - mean) / deviation - value) < 1e-5)
                order[p] = from;
        assert_int_not_equal(order[p], -1);
        assert_int_equal(seen[order[p]]++, 0);
    }
}

static void a_permutation_is_one_and_the_same_for_all_images(void **state)
{
    (void)state;
    static const char *const seeds[] = {"0", "1", "2"};
    int order[3][PIXELS], other[PIXELS];
    double mean, deviation;
    images_moments(18, &mean, &deviation);
    for (int k = 0; k < 3; k++) {
        OPTIONS config = images_options("idx", "by", "pixel", "permute", seeds[k], "seed", "5", NULL);
        struct sab_task *task = data_task(&config, NULL);
        find_order(task, SAB_TEST, TRAIN, 0, order[k]);
        find_order(task, SAB_VALID, 19, 1, other);
        assert_memory_equal(order[k], other, sizeof other);
        sab_task_free(task);
        config.shared.seed = 6; /* belongs to the data, not to the run */
        task = data_task(&config, NULL);
        find_order(task, SAB_TEST, TRAIN + 1, 1, other);
        assert_memory_equal(order[k], other, sizeof other);
        sab_task_free(task);
        config.task.images.by = SAB_BY_ROW;
        task = data_task(&config, NULL);
        struct sab_batch batch = data_batch(task, SAB_TEST, 0, 2);
        images_shown(&batch, 0, TRAIN, order[k], 1, mean, deviation);
        sab_task_free(task);
    }
    for (int p = 0; p < PIXELS; p++)
        assert_int_equal(order[0][p], p);
    assert_memory_not_equal(order[0], order[1], sizeof other);
    assert_memory_not_equal(order[1], order[2], sizeof other);
}

/* Which of the training images a column shows, by its values. */
static int image_in(const struct sab_batch *batch, int b, double mean, double deviation)
{
    int found = -1;
    for (int i = 0; i < TRAIN; i++) {
        int same = batch->labels[(ROWS - 1) * batch->B + b] == images_label((size_t)i);
        for (int p = 0; p < PIXELS; p++)
            same &= fabs(batch->values[(p / COLS * batch->B + b) * COLS + p % COLS] -
                         (images_pixel((size_t)i, (size_t)p) / 255.0 - mean) / deviation) < 1e-5;
        found = same ? i : found;
    }
    return found;
}

static void each_pass_of_training_has_every_image_once(void **state)
{
    (void)state;
    enum { N = 18, B = 5, PASSES = 4 };
    OPTIONS config = images_options("idx", NULL);
    struct sab_task *task = data_task(&config, NULL);
    double mean, deviation;
    int at[PASSES][N], batches = PASSES * N / B + 1;
    images_moments(N, &mean, &deviation);
    for (int k = 0; k < batches; k++) {
        struct sab_batch batch = data_batch(task, SAB_TRAIN, k, B);
        for (int b = 0; b < B && k * B + b < PASSES * N; b++)
            at[(k * B + b) / N][(k * B + b) % N] = image_in(&batch, b, mean, deviation);
    }
    for (int pass = 0; pass < PASSES; pass++) {
        int seen[N] = {0};
        for (int i = 0; i < N; i++) {
            assert_in_range(at[pass][i], 0, N - 1); /* none of validation */
            assert_int_equal(seen[at[pass][i]]++, 0);
        }
        if (pass > 0)
            assert_memory_not_equal(at[pass], at[pass - 1], sizeof at[0]);
    }
    struct sab_batch batch = data_batch(task, SAB_TRAIN, 2, B); /* again, out of turn */
    for (int b = 0; b < B; b++)
        assert_int_equal(image_in(&batch, b, mean, deviation), at[0][2 * B + b]);
    sab_task_free(task);
}

/* The first image of validation or test, which are in the order of the file. */
static void assert_part(struct sab_task *task, enum sab_split split, size_t first, size_t n)
{
    assert_int_equal(sab_task_batches(task, split, 1), n);
    for (size_t i = 0; i < n; i += n - 1 > 0 ? n - 1 : 1) {
        struct sab_batch batch = data_batch(task, split, (int64_t)i, 1);
        assert_int_equal(batch.labels[ROWS - 1], images_label(first + i));
    }
}

static void split_cuts_what_has_no_files_of_its_own(void **state)
{
    (void)state;
    static const struct {
        const char *split;
        int own_valid, own_test;
        size_t train, valid, valid_first, test, test_first;
    } cases[] = {
        {"0.9,0.05,0.05", 0, 1, 18, 2, 18, TEST, TRAIN},      /* the test's share is validation's */
        {"0.5,0.25,0.25", 0, 0, 10, 5, 10, 5, 15},
        {"0.5,0.25,0.25", 1, 0, 15, TEST, TRAIN, 5, 15},      /* validation's share is training's */
        {"0.5,0.25,0.25", 1, 1, 20, TEST, TRAIN, TEST, TRAIN},
        {"0.2,0.1,0", 0, 1, 4, 2, 4, TEST, TRAIN},            /* a part of the set */
    };
    char images[4096];
    snprintf(images, sizeof images, "%s", images_path("t10k-images.idx3-ubyte"));
    char alone[4096];
    snprintf(alone, sizeof alone, "%s", images_path("alone-images-idx3-ubyte"));
    images_put_idx("alone-images-idx3-ubyte", "alone-labels-idx1-ubyte", 0, TRAIN, 0);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        OPTIONS config = images_options("idx", "data", alone, "split", cases[k].split, NULL);
        if (cases[k].own_valid)
            assert_int_equal(sab_options_set(&config, "valid-data", images, NULL), SAB_OK);
        if (cases[k].own_test) /* a folder's test part, or a file */
            assert_int_equal(sab_options_set(&config, "test-data", k % 2 ? images_folder : images, NULL), SAB_OK);
        struct sab_task *task = data_task(&config, NULL);
        assert_int_equal(sab_task_batches(task, SAB_TRAIN, 1), cases[k].train);
        assert_part(task, SAB_VALID, cases[k].valid_first, cases[k].valid);
        assert_part(task, SAB_TEST, cases[k].test_first, cases[k].test);
        sab_task_free(task);
    }
    OPTIONS config = images_options("idx", "data", alone, "split", "1,0,0", NULL);
    struct sab_task *task = data_task(&config, NULL);
    struct sab_batch batch = {.size = sizeof batch};
    struct sab_error err = {0};
    assert_int_equal(sab_task_batch(task, SAB_TEST, 0, 1, &batch, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "there are no test images: --split leaves none"));
    sab_task_free(task);
    sab_options_clear(&config);
    config = images_options("idx", "split", "0,0.5,0.5", NULL);
    images_refused(&config, NULL, SAB_INVALID, "leaves none of the 20 images");
}

/* However few there are. */
static void parts_have_images_of_one_size(void **state)
{
    (void)state;
    enum { OTHER = ROWS - 1 };
    static const unsigned char one[16 + OTHER * COLS] = {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, OTHER, 0, 0, 0, COLS},
        name[9] = {0, 0, 8, 1, 0, 0, 0, 1, 1};
    char single[4096], other[4096];
    snprintf(single, sizeof single, "%s", images_path("single-images-idx3-ubyte"));
    snprintf(other, sizeof other, "%s", images_path("other-images-idx3-ubyte"));
    images_put_idx("single-images-idx3-ubyte", "single-labels-idx1-ubyte", 1, 1, 0);
    io_put(other, one, sizeof one);
    io_put(images_path("other-labels-idx1-ubyte"), name, sizeof name);
    OPTIONS config = images_options("idx", "data", single, "valid-data", other, "split", "1,0,0", NULL);
    images_refused(&config, NULL, SAB_FORMAT, "pixels, where '");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_sequence_is_an_image_by_row_or_by_pixel, images_begin_small),
        cmocka_unit_test(the_last_batch_is_filled_up_with_nothing),
        cmocka_unit_test(a_permutation_is_one_and_the_same_for_all_images),
        cmocka_unit_test(each_pass_of_training_has_every_image_once),
        cmocka_unit_test(split_cuts_what_has_no_files_of_its_own),
        cmocka_unit_test(parts_have_images_of_one_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
