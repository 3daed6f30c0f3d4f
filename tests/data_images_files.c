/* What a model keeps of images, and files that do not fit it, lack a label, are missing or are cut; the task cifar10; MNIST itself. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "data/task.h"
#include "data_support.h"
#include "images_support.h"
#include "io_support.h"
#include "options_helper.h"

static void facts_are_kept_and_the_data_must_fit_them(void **state)
{
    (void)state;
    OPTIONS config = images_options("idx", "split", "0.5,0.5,0", NULL);
    struct sab_task *task = data_task(&config, NULL), *again;
    char facts[512];
    double mean, deviation;
    images_moments(10, &mean, &deviation);
    snprintf(facts, sizeof facts, "%s", sab_task_facts(task));
    print_message("%s\n", facts);
    sab_task_free(task);

    sab_options_clear(&config);

    config = images_options("mnist", "split", "0.9,0.1,0", NULL); /* another part would have other moments */
    again = data_task(&config, facts);
    struct sab_batch batch = data_batch(again, SAB_TEST, 0, 1);
    images_shown(&batch, 0, TRAIN, NULL, 1, mean, deviation);
    assert_string_equal(sab_task_facts(again), facts);
    sab_task_free(again);

    set_option(&config, "data", "");
    images_refused(&config, NULL, SAB_INVALID, "the task mnist needs --data");
    again = data_task(&config, facts);
    assert_int_equal(sab_task_shape(again)->I, COLS);
    assert_int_equal(sab_task_shape(again)->O, CLASSES);
    assert_int_equal(sab_task_steps(again), ROWS);
    struct sab_error err = {0};
    assert_int_equal(sab_task_batch(again, SAB_TEST, 0, 1, &batch, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "give --data"));
    sab_task_free(again);

    set_option(&config, "test-data", images_folder); /* only what is to be judged is here */
    again = data_task(&config, facts);
    batch = data_batch(again, SAB_TEST, 0, 1);
    images_shown(&batch, 0, TRAIN, NULL, 1, mean, deviation);
    assert_int_equal(sab_task_batches(again, SAB_TEST, 1), TEST);
    assert_int_equal(sab_task_batch(again, SAB_TRAIN, 0, 1, &batch, &err), SAB_INVALID);
    sab_task_free(again);
    images_refused(&config, "{\"task\":\"idx\",\"rows\":4,\"cols\":2,\"channels\":1,\"classes\":4,\"mean\":[0],"
                            "\"deviation\":[1]}", SAB_INVALID, "the model was trained on 4 x 2");

    static const struct {
        const char *facts, *message;
        int status;
    } bad[] = {
        {"{\"task\":\"idx\"}", "\"rows\"", SAB_FORMAT},
        {"{\"task\":\"idx\",\"rows\":0}", "\"rows\"", SAB_FORMAT},
        {"{\"task\":\"idx\",\"rows\":-3}", "\"rows\"", SAB_FORMAT},
        {"{\"task\":\"idx\",\"rows\":1e9}", "\"rows\"", SAB_FORMAT},
        {"{\"task\":\"idx\",\"rows\":16777217}", "\"rows\"", SAB_FORMAT},
        {"{\"task\":\"idx\",\"rows\":3,\"cols\":9000000}", "\"cols\"", SAB_FORMAT},
        {"{\"task\":\"idx\",\"rows\":3,\"cols\":2,\"channels\":4}", "\"channels\"", SAB_FORMAT},
        {"{\"task\":\"idx\",\"rows\":3,\"cols\":2,\"channels\":1,\"classes\":257}", "\"classes\"", SAB_FORMAT},
        {"{\"task\":\"idx\",\"rows\":3,\"cols\":2,\"channels\":1,\"classes\":4,\"mean\":[]}", "\"mean\"", SAB_FORMAT},
        {"{\"task\":\"idx\",\"rows\":3,\"cols\":2,\"channels\":1,\"classes\":4,\"mean\":[\"0\"]}", "\"mean\"",
         SAB_FORMAT},
        {"{\"task\":\"idx\",\"rows\":3,\"cols\":2,\"channels\":1,\"classes\":4,\"mean\":[0],\"deviation\":[0]}",
         "\"deviation\"", SAB_FORMAT},
        {"{\"task\":\"cifar10\"}", "is for the task \"cifar10\"", SAB_FORMAT},
        {"{\"task\":\"idx\",\"rows\":4,\"cols\":2,\"channels\":1,\"classes\":4,\"mean\":[0],\"deviation\":[1]}",
         "has images of 3 x 2 pixels; the model was trained on 4 x 2", SAB_INVALID},
        {"{\"task\":\"idx\",\"rows\":3,\"cols\":2,\"channels\":1,\"classes\":3,\"mean\":[0],\"deviation\":[1]}",
         "byte 11: the label is 3; the classes known are 0..2", SAB_FORMAT},
    };
    sab_options_clear(&config);
    config = images_options("idx", NULL);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        images_refused(&config, bad[k].facts, bad[k].status, bad[k].message);
}

/* Channel c of pixel p of a record, 0..1; grey is rounded to a byte. */
static double colour(const unsigned char *record, int p, int c, int is_grey)
{
    const unsigned char *red = record + 1 + p;
    return (is_grey ? floor(0.299 * red[0] + 0.587 * red[1024] + 0.114 * red[2048] + 0.5 + 1e-9) : red[1024 * c]) / 255;
}

static void colour_moments(const unsigned char *records, int n, int is_grey, double mean[3], double deviation[3])
{
    for (int c = 0; c < 3; c++) {
        double sum = 0, squares = 0;
        for (int k = 0; k < n * 1024; k++) {
            double value = colour(records + k / 1024 * RECORD, k % 1024, c, is_grey);
            sum += value;
            squares += value * value;
        }
        mean[c] = sum / (n * 1024);
        deviation[c] = sqrt(squares / (n * 1024) - mean[c] * mean[c]);
    }
}

static void colours_stand_side_by_side_or_turn_grey(void **state)
{
    (void)state;
    images_begin("colours");
    unsigned char bytes[4 * RECORD];
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < RECORD; k++)
            bytes[i * RECORD + k] = (unsigned char)(k ? i * 50 + (k - 1) / 1024 * 20 + k % 1024 % 37 : 2 * i);
    io_put(images_path("data_batch_1.bin"), bytes, 2 * RECORD);
    size_t packed;
    unsigned char *gzip = data_gzip(bytes + 2 * RECORD, RECORD, 6, &packed);
    io_put(images_path("data_batch_4.bin.gz"), gzip, packed);
    free(gzip);
    io_put(images_path("test_batch.bin"), bytes + 3 * RECORD, RECORD);
    for (int grey = 0; grey < 2; grey++)
        for (int by_row = 0; by_row < 2; by_row++) {
            OPTIONS config = images_options("cifar10", "grey", grey ? "on" : "off", "by",
                                                   by_row ? "row" : "pixel", "split", "1,0,0", NULL);
            struct sab_task *task = data_task(&config, NULL);
            int C = grey ? 1 : 3, I = by_row ? 32 * C : C;
            double mean[3], deviation[3];
            assert_int_equal(sab_task_shape(task)->I, I);
            assert_int_equal(sab_task_shape(task)->O, 10);
            assert_int_equal(sab_task_batches(task, SAB_TRAIN, 1), 3);
            colour_moments(bytes, 3, grey, mean, deviation);
            struct sab_batch batch = data_batch(task, SAB_TEST, 0, 1);
            assert_int_equal(batch.labels[batch.T - 1], 6);
            for (int k = 0; k < 1024 * C; k++)
                images_near(batch.values[k], (colour(bytes + 3 * RECORD, k / C, k % C, grey) - mean[k % C]) /
                                                 deviation[k % C]);
            sab_task_free(task);
        }
}

static void a_label_not_seen_in_training_is_refused(void **state)
{
    (void)state;
    images_begin("labels");
    images_put_idx("train-images-idx3-ubyte", "train-labels-idx1-ubyte", 0, 3, 0);
    images_put_idx("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", 0, 4, 0);
    OPTIONS config = images_options("idx", "split", "1,0,0", NULL);
    images_refused(&config, NULL, SAB_FORMAT, "byte 11: the label is 3; the classes known are 0..2");
    images_put_idx("train-images-idx3-ubyte", "train-labels-idx1-ubyte", 0, 1, 0);
    images_refused(&config, NULL, SAB_INVALID, "all 1 images of");
}

static void missing_files_are_named(void **state)
{
    (void)state;
    images_begin("missing");
    OPTIONS config = images_options("mnist", NULL);
    images_refused(&config, NULL, SAB_IO, "has no train-images-idx3-ubyte, with or without .gz");
    images_put_idx("train-images-idx3-ubyte", "train-labels", 0, 5, 0);
    images_refused(&config, NULL, SAB_IO, "has no train-labels-idx1-ubyte");
    images_put_idx("train-images-idx3-ubyte", "train-labels-idx1-ubyte", 0, 5, 0);
    images_put_idx("t10k-images", "t10k-labels-idx1-ubyte", 0, 5, 0);
    images_refused(&config, NULL, SAB_IO, "has no t10k-images-idx3-ubyte");
    sab_options_clear(&config);
    config = images_options("mnist", "data", images_path("train-labels-idx1-ubyte"), NULL);
    images_refused(&config, NULL, SAB_INVALID, "is neither a folder nor named as a file of images");
    sab_options_clear(&config);
    config = images_options("mnist", "data", images_path("absent-images"), NULL);
    images_refused(&config, NULL, SAB_IO, "absent-images': No such file");
    sab_options_clear(&config);
    config = images_options("cifar10", NULL);
    images_refused(&config, NULL, SAB_IO, "has none of data_batch_1.bin to data_batch_5.bin");
    sab_options_clear(&config);
    config = images_options("mnist", "data", images_path("train-images-idx3-ubyte"), "test-data", images_folder, NULL);
    assert_int_equal(unlink(images_path("t10k-labels-idx1-ubyte")), 0);
    images_refused(&config, NULL, SAB_IO, "has no test images");
}

static void a_file_that_is_cut_while_it_is_used_stops_with_a_message(void **state)
{
    (void)state;
    images_begin("changing");
    images_put_idx("train-images-idx3-ubyte", "train-labels-idx1-ubyte", 0, TRAIN, 0);
    OPTIONS config = images_options("idx", NULL);
    struct sab_task *task = data_task(&config, NULL);
    data_batch(task, SAB_TRAIN, 0, 4);
    assert_int_equal(truncate(images_path("train-images-idx3-ubyte"), 0), 0);
    struct sab_batch batch = {.size = sizeof batch};
    struct sab_error err = {0};
    assert_int_equal(sab_task_batch(task, SAB_TRAIN, 1, 4, &batch, &err), SAB_IO);
    assert_non_null(strstr(err.message, "had 136 bytes when it was opened and has 0 now"));
    sab_task_free(task);
}

/* The published figures of MNIST: 60,000 and 10,000 digits, the first labels, mean 0.1307 and deviation 0.3081. */
static void mnist_itself(void **state)
{
    (void)state;
    static const int labels[] = {5, 0, 4, 1, 9, 2, 1, 3}, test_labels[] = {7, 2, 1, 0, 4, 1, 4, 9};
    const char *data = getenv("SAB_DATA");
    char path[4096];
    snprintf(path, sizeof path, "%s/mnist", data ? data : SAB_SOURCE_DIR "/../shared/data");
    if (access(path, R_OK) != 0) {
        print_message("no %s: skipped (SAB_DATA names the folder of the real data sets)\n", path);
        skip();
    }
    images_folder = path;
    OPTIONS config = images_options("mnist", "by", "pixel", "split", "1,0,0", NULL);
    struct sab_task *task = data_task(&config, NULL);
    assert_int_equal(sab_task_batches(task, SAB_TRAIN, 1), 60000);
    assert_int_equal(sab_task_batches(task, SAB_TEST, 64), 157);
    assert_int_equal(sab_task_steps(task), 784);
    assert_int_equal(sab_task_shape(task)->O, 10);
    const char *facts = sab_task_facts(task);
    assert_non_null(strstr(facts, "\"mean\":[0.13066"));
    assert_non_null(strstr(facts, "\"deviation\":[0.30810"));
    struct sab_batch batch = data_batch(task, SAB_TEST, 0, 8);
    for (int b = 0; b < 8; b++)
        assert_int_equal(batch.labels[783 * 8 + b], test_labels[b]);
    sab_task_free(task);
    char images[4200];
    snprintf(images, sizeof images, "%s/train-images-idx3-ubyte.gz", path);
    if (strlen(images) < SAB_DIR_CAP) {
        sab_options_clear(&config);
        config = images_options("mnist", "valid-data", images, NULL); /* in the order of the file */
        task = data_task(&config, NULL);
        batch = data_batch(task, SAB_VALID, 0, 8);
        for (int b = 0; b < 8; b++)
            assert_int_equal(batch.labels[27 * 8 + b], labels[b]);
        sab_task_free(task);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(facts_are_kept_and_the_data_must_fit_them, images_begin_small),
        cmocka_unit_test(colours_stand_side_by_side_or_turn_grey),
        cmocka_unit_test(a_label_not_seen_in_training_is_refused),
        cmocka_unit_test(missing_files_are_named),
        cmocka_unit_test(a_file_that_is_cut_while_it_is_used_stops_with_a_message),
        cmocka_unit_test(mnist_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
