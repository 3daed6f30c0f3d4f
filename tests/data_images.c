/* The tasks idx, mnist and cifar10: what each step of each sequence holds, which images are which split, in what order,
 * and what a model keeps of them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "data/task.h"
#include "data_support.h"
#include "io_support.h"
#include "options_helper.h"

enum { ROWS = 3, COLS = 2, PIXELS = ROWS * COLS, TRAIN = 20, TEST = 7, CLASSES = 4, RECORD = 3073 };

/* Pixel p of training image i; test images go on where these end. */
static unsigned char pixel(size_t i, size_t p)
{
    return (unsigned char)(i * 7 + p * 31 + i * p);
}

static int label(size_t i)
{
    return (int)(i % CLASSES);
}

static const char *folder; /* of the small set */

static const char *in_folder(const char *name)
{
    static char path[4][4096];
    static unsigned turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

/* Images first .. first + n - 1 as an IDX pair, each packed or not. */
static void put_idx(const char *images, const char *labels, size_t first, size_t n, int is_gzip)
{
    unsigned char bytes[16 + 100 * PIXELS] = {0, 0, 8, 3, 0, 0, 0, (unsigned char)n, 0, 0, 0, ROWS, 0, 0, 0, COLS};
    unsigned char names[8 + 100] = {0, 0, 8, 1, 0, 0, 0, (unsigned char)n};
    for (size_t i = 0; i < n; i++) {
        names[8 + i] = (unsigned char)label(first + i);
        for (size_t p = 0; p < PIXELS; p++)
            bytes[16 + i * PIXELS + p] = pixel(first + i, p);
    }
    size_t packed;
    unsigned char *gzip = data_gzip(bytes, 16 + n * PIXELS, 6, &packed);
    io_put(in_folder(images), is_gzip ? gzip : bytes, is_gzip ? packed : 16 + n * PIXELS);
    io_put(in_folder(labels), names, 8 + n);
    free(gzip);
}

static void begin_folder(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s", io_path(name));
    folder = path;
    assert_int_equal(mkdir(folder, 0777), 0);
}

static int begin_small_set(void **state)
{
    (void)state;
    begin_folder("small");
    put_idx("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte", 0, TRAIN, 1);
    put_idx("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte", TRAIN, TEST, 0);
    return 0;
}

/* Options as name, value, ..., NULL. */
static struct sab_options make_config(const char *task, ...)
{
    struct sab_options config;
    va_list options;
    sab_options_init(&config);
    assert_int_equal(sab_options_set(&config, "task", task, NULL), SAB_OK);
    assert_int_equal(sab_options_set(&config, "data", folder, NULL), SAB_OK);
    va_start(options, task);
    for (const char *name; (name = va_arg(options, const char *));) {
        struct sab_error err = {0};
        if (sab_options_set(&config, name, va_arg(options, const char *), &err) != SAB_OK)
            fail_msg("%s", err.message);
    }
    va_end(options);
    return config;
}

static struct sab_task *make_task(const struct sab_options *config, const char *facts)
{
    struct sab_task *task = NULL;
    struct sab_error err = {0};
    if (sab_task_create(&task, config, facts, &err) != SAB_OK)
        fail_msg("%s", err.message);
    return task;
}

static void assert_refused(const struct sab_options *config, const char *facts, int status, const char *message)
{
    struct sab_task *task = NULL;
    struct sab_error err = {0};
    int got = sab_task_create(&task, config, facts, &err);
    if (got != status || !strstr(err.message, message) || task)
        fail_msg("expected status %d: '%s', got %d: '%s'", status, message, got, err.message);
}

static struct sab_batch get(struct sab_task *task, enum sab_split split, int64_t index, int B)
{
    struct sab_batch batch = {.size = sizeof batch};
    struct sab_error err = {0};
    if (sab_task_batch(task, split, index, B, &batch, &err) != SAB_OK)
        fail_msg("%s", err.message);
    return batch;
}

/* The moments of the first n training images. */
static void moments(size_t n, double *mean, double *deviation)
{
    double sum = 0, squares = 0, count = (double)(n * PIXELS);
    for (size_t i = 0; i < n; i++)
        for (size_t p = 0; p < PIXELS; p++) {
            sum += pixel(i, p) / 255.0;
            squares += pixel(i, p) / 255.0 * (pixel(i, p) / 255.0);
        }
    *mean = sum / count;
    *deviation = sqrt(squares / count - *mean * *mean);
}

static void assert_near(double got, double expected)
{
    if (!(fabs(got - expected) <= 1e-6 * (1 + fabs(expected)))) /* a float's rounding */
        fail_msg("expected %.9g, got %.9g", expected, got);
}

/* Column b of a batch shows image i, its pixels in the given order, by rows or by pixels. */
static void assert_shows(const struct sab_batch *batch, int b, size_t i, const int *order, int by_row, double mean,
                         double deviation)
{
    int I = by_row ? COLS : 1, B = batch->B;
    assert_int_equal(batch->T, PIXELS / I);
    for (int p = 0; p < PIXELS; p++) {
        int t = p / I, k = p % I, from = order ? order[p] : p;
        assert_near(batch->values[(t * B + b) * I + k], (pixel(i, (size_t)from) / 255.0 - mean) / deviation);
    }
    for (int t = 0; t < batch->T; t++) {
        int is_last = t == batch->T - 1;
        assert_int_equal(batch->weight[t * B + b], is_last);
        assert_int_equal(batch->scored[t * B + b], is_last);
    }
    assert_int_equal(batch->labels[(batch->T - 1) * B + b], label(i));
}

static void a_sequence_is_an_image_by_row_or_by_pixel(void **state)
{
    (void)state;
    for (int by_row = 0; by_row < 2; by_row++) {
        OPTIONS config = make_config(by_row ? "mnist" : "idx", "by", by_row ? "row" : "pixel", NULL);
        struct sab_task *task = make_task(&config, NULL);
        const struct sab_shape *shape = sab_task_shape(task);
        double mean, deviation;
        moments(18, &mean, &deviation); /* 0.9 of 20 */
        assert_int_equal(shape->input, SAB_INPUT_VALUES);
        assert_int_equal(shape->I, by_row ? COLS : 1);
        assert_int_equal(shape->loss, SAB_LOSS_CROSS_ENTROPY);
        assert_int_equal(shape->O, CLASSES);
        assert_int_equal(sab_task_steps(task), by_row ? ROWS : PIXELS);
        struct sab_batch batch = get(task, SAB_TEST, 0, TEST);
        assert_null(batch.ids);
        assert_null(batch.targets);
        assert_null(batch.lengths);
        assert_null(batch.fresh);
        for (int b = 0; b < TEST; b++)
            assert_shows(&batch, b, TRAIN + (size_t)b, NULL, by_row, mean, deviation);
        sab_task_free(task);
    }
}

static void the_last_batch_is_filled_up_with_nothing(void **state)
{
    (void)state;
    OPTIONS config = make_config("idx", NULL);
    struct sab_task *task = make_task(&config, NULL);
    double mean, deviation;
    moments(18, &mean, &deviation);
    assert_int_equal(sab_task_batches(task, SAB_TEST, 4), 2);
    assert_int_equal(sab_task_batches(task, SAB_TEST, 7), 1);
    assert_int_equal(sab_task_batches(task, SAB_TEST, 8), 1);
    assert_int_equal(sab_task_batches(task, SAB_TEST, 1), 7);
    get(task, SAB_TRAIN, 0, 8); /* leaves marks behind that must not show */
    struct sab_batch batch = get(task, SAB_TEST, 1, 4);
    assert_int_equal(batch.B, 4);
    for (int b = 0; b < 3; b++)
        assert_shows(&batch, b, TRAIN + 4 + (size_t)b, NULL, 1, mean, deviation);
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
    struct sab_batch batch = get(task, split, 0, 2);
    double mean, deviation;
    int seen[PIXELS] = {0};
    moments(18, &mean, &deviation);
    for (int p = 0; p < PIXELS; p++) {
        double value = batch.values[p * 2 + b];
        order[p] = -1;
        for (int from = 0; from < PIXELS; from++)
            if (fabs((pixel(i, (size_t)from) / 255.0 - mean) / deviation - value) < 1e-5)
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
    moments(18, &mean, &deviation);
    for (int k = 0; k < 3; k++) {
        OPTIONS config = make_config("idx", "by", "pixel", "permute", seeds[k], "seed", "5", NULL);
        struct sab_task *task = make_task(&config, NULL);
        find_order(task, SAB_TEST, TRAIN, 0, order[k]);
        find_order(task, SAB_VALID, 19, 1, other);
        assert_memory_equal(order[k], other, sizeof other);
        sab_task_free(task);
        config.shared.seed = 6; /* belongs to the data, not to the run */
        task = make_task(&config, NULL);
        find_order(task, SAB_TEST, TRAIN + 1, 1, other);
        assert_memory_equal(order[k], other, sizeof other);
        sab_task_free(task);
        config.task.images.by = SAB_BY_ROW;
        task = make_task(&config, NULL);
        struct sab_batch batch = get(task, SAB_TEST, 0, 2);
        assert_shows(&batch, 0, TRAIN, order[k], 1, mean, deviation);
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
        int same = batch->labels[(ROWS - 1) * batch->B + b] == label((size_t)i);
        for (int p = 0; p < PIXELS; p++)
            same &= fabs(batch->values[(p / COLS * batch->B + b) * COLS + p % COLS] -
                         (pixel((size_t)i, (size_t)p) / 255.0 - mean) / deviation) < 1e-5;
        found = same ? i : found;
    }
    return found;
}

static void each_pass_of_training_has_every_image_once(void **state)
{
    (void)state;
    enum { N = 18, B = 5, PASSES = 4 };
    OPTIONS config = make_config("idx", NULL);
    struct sab_task *task = make_task(&config, NULL);
    double mean, deviation;
    int at[PASSES][N], batches = PASSES * N / B + 1;
    moments(N, &mean, &deviation);
    for (int k = 0; k < batches; k++) {
        struct sab_batch batch = get(task, SAB_TRAIN, k, B);
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
    struct sab_batch batch = get(task, SAB_TRAIN, 2, B); /* again, out of turn */
    for (int b = 0; b < B; b++)
        assert_int_equal(image_in(&batch, b, mean, deviation), at[0][2 * B + b]);
    sab_task_free(task);
}

/* The first image of validation or test, which are in the order of the file. */
static void assert_part(struct sab_task *task, enum sab_split split, size_t first, size_t n)
{
    assert_int_equal(sab_task_batches(task, split, 1), n);
    for (size_t i = 0; i < n; i += n - 1 > 0 ? n - 1 : 1) {
        struct sab_batch batch = get(task, split, (int64_t)i, 1);
        assert_int_equal(batch.labels[ROWS - 1], label(first + i));
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
    snprintf(images, sizeof images, "%s", in_folder("t10k-images.idx3-ubyte"));
    char alone[4096];
    snprintf(alone, sizeof alone, "%s", in_folder("alone-images-idx3-ubyte"));
    put_idx("alone-images-idx3-ubyte", "alone-labels-idx1-ubyte", 0, TRAIN, 0);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        OPTIONS config = make_config("idx", "data", alone, "split", cases[k].split, NULL);
        if (cases[k].own_valid)
            assert_int_equal(sab_options_set(&config, "valid-data", images, NULL), SAB_OK);
        if (cases[k].own_test) /* a folder's test part, or a file */
            assert_int_equal(sab_options_set(&config, "test-data", k % 2 ? folder : images, NULL), SAB_OK);
        struct sab_task *task = make_task(&config, NULL);
        assert_int_equal(sab_task_batches(task, SAB_TRAIN, 1), cases[k].train);
        assert_part(task, SAB_VALID, cases[k].valid_first, cases[k].valid);
        assert_part(task, SAB_TEST, cases[k].test_first, cases[k].test);
        sab_task_free(task);
    }
    OPTIONS config = make_config("idx", "data", alone, "split", "1,0,0", NULL);
    struct sab_task *task = make_task(&config, NULL);
    struct sab_batch batch = {.size = sizeof batch};
    struct sab_error err = {0};
    assert_int_equal(sab_task_batch(task, SAB_TEST, 0, 1, &batch, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "there are no test images: --split leaves none"));
    sab_task_free(task);
    sab_options_clear(&config);
    config = make_config("idx", "split", "0,0.5,0.5", NULL);
    assert_refused(&config, NULL, SAB_INVALID, "leaves none of the 20 images");
}

/* However few there are. */
static void parts_have_images_of_one_size(void **state)
{
    (void)state;
    enum { OTHER = ROWS - 1 };
    static const unsigned char one[16 + OTHER * COLS] = {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, OTHER, 0, 0, 0, COLS}, name[9] = {0, 0, 8, 1, 0, 0, 0, 1, 1};
    char single[4096], other[4096];
    snprintf(single, sizeof single, "%s", in_folder("single-images-idx3-ubyte"));
    snprintf(other, sizeof other, "%s", in_folder("other-images-idx3-ubyte"));
    put_idx("single-images-idx3-ubyte", "single-labels-idx1-ubyte", 1, 1, 0);
    io_put(other, one, sizeof one);
    io_put(in_folder("other-labels-idx1-ubyte"), name, sizeof name);
    OPTIONS config = make_config("idx", "data", single, "valid-data", other, "split", "1,0,0", NULL);
    assert_refused(&config, NULL, SAB_FORMAT, "pixels, where '");
}

static void facts_are_kept_and_the_data_must_fit_them(void **state)
{
    (void)state;
    OPTIONS config = make_config("idx", "split", "0.5,0.5,0", NULL);
    struct sab_task *task = make_task(&config, NULL), *again;
    char facts[512];
    double mean, deviation;
    moments(10, &mean, &deviation);
    snprintf(facts, sizeof facts, "%s", sab_task_facts(task));
    print_message("%s\n", facts);
    sab_task_free(task);

    sab_options_clear(&config);

    config = make_config("mnist", "split", "0.9,0.1,0", NULL); /* another part would have other moments */
    again = make_task(&config, facts);
    struct sab_batch batch = get(again, SAB_TEST, 0, 1);
    assert_shows(&batch, 0, TRAIN, NULL, 1, mean, deviation);
    assert_string_equal(sab_task_facts(again), facts);
    sab_task_free(again);

    set_option(&config, "data", "");
    assert_refused(&config, NULL, SAB_INVALID, "the task mnist needs --data");
    again = make_task(&config, facts);
    assert_int_equal(sab_task_shape(again)->I, COLS);
    assert_int_equal(sab_task_shape(again)->O, CLASSES);
    assert_int_equal(sab_task_steps(again), ROWS);
    struct sab_error err = {0};
    assert_int_equal(sab_task_batch(again, SAB_TEST, 0, 1, &batch, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "give --data"));
    sab_task_free(again);

    set_option(&config, "test-data", folder); /* only what is to be judged is here */
    again = make_task(&config, facts);
    batch = get(again, SAB_TEST, 0, 1);
    assert_shows(&batch, 0, TRAIN, NULL, 1, mean, deviation);
    assert_int_equal(sab_task_batches(again, SAB_TEST, 1), TEST);
    assert_int_equal(sab_task_batch(again, SAB_TRAIN, 0, 1, &batch, &err), SAB_INVALID);
    sab_task_free(again);
    assert_refused(&config, "{\"task\":\"idx\",\"rows\":4,\"cols\":2,\"channels\":1,\"classes\":4,\"mean\":[0],"
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
    config = make_config("idx", NULL);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        assert_refused(&config, bad[k].facts, bad[k].status, bad[k].message);
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
    begin_folder("colours");
    unsigned char bytes[4 * RECORD];
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < RECORD; k++)
            bytes[i * RECORD + k] = (unsigned char)(k ? i * 50 + (k - 1) / 1024 * 20 + k % 1024 % 37 : 2 * i);
    io_put(in_folder("data_batch_1.bin"), bytes, 2 * RECORD);
    size_t packed;
    unsigned char *gzip = data_gzip(bytes + 2 * RECORD, RECORD, 6, &packed);
    io_put(in_folder("data_batch_4.bin.gz"), gzip, packed);
    free(gzip);
    io_put(in_folder("test_batch.bin"), bytes + 3 * RECORD, RECORD);
    for (int grey = 0; grey < 2; grey++)
        for (int by_row = 0; by_row < 2; by_row++) {
            OPTIONS config = make_config("cifar10", "grey", grey ? "on" : "off", "by",
                                                   by_row ? "row" : "pixel", "split", "1,0,0", NULL);
            struct sab_task *task = make_task(&config, NULL);
            int C = grey ? 1 : 3, I = by_row ? 32 * C : C;
            double mean[3], deviation[3];
            assert_int_equal(sab_task_shape(task)->I, I);
            assert_int_equal(sab_task_shape(task)->O, 10);
            assert_int_equal(sab_task_batches(task, SAB_TRAIN, 1), 3);
            colour_moments(bytes, 3, grey, mean, deviation);
            struct sab_batch batch = get(task, SAB_TEST, 0, 1);
            assert_int_equal(batch.labels[batch.T - 1], 6);
            for (int k = 0; k < 1024 * C; k++)
                assert_near(batch.values[k], (colour(bytes + 3 * RECORD, k / C, k % C, grey) - mean[k % C]) /
                                                 deviation[k % C]);
            sab_task_free(task);
        }
}

static void a_label_not_seen_in_training_is_refused(void **state)
{
    (void)state;
    begin_folder("labels");
    put_idx("train-images-idx3-ubyte", "train-labels-idx1-ubyte", 0, 3, 0);
    put_idx("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", 0, 4, 0);
    OPTIONS config = make_config("idx", "split", "1,0,0", NULL);
    assert_refused(&config, NULL, SAB_FORMAT, "byte 11: the label is 3; the classes known are 0..2");
    put_idx("train-images-idx3-ubyte", "train-labels-idx1-ubyte", 0, 1, 0);
    assert_refused(&config, NULL, SAB_INVALID, "all 1 images of");
}

static void missing_files_are_named(void **state)
{
    (void)state;
    begin_folder("missing");
    OPTIONS config = make_config("mnist", NULL);
    assert_refused(&config, NULL, SAB_IO, "has no train-images-idx3-ubyte, with or without .gz");
    put_idx("train-images-idx3-ubyte", "train-labels", 0, 5, 0);
    assert_refused(&config, NULL, SAB_IO, "has no train-labels-idx1-ubyte");
    put_idx("train-images-idx3-ubyte", "train-labels-idx1-ubyte", 0, 5, 0);
    put_idx("t10k-images", "t10k-labels-idx1-ubyte", 0, 5, 0);
    assert_refused(&config, NULL, SAB_IO, "has no t10k-images-idx3-ubyte");
    sab_options_clear(&config);
    config = make_config("mnist", "data", in_folder("train-labels-idx1-ubyte"), NULL);
    assert_refused(&config, NULL, SAB_INVALID, "is neither a folder nor named as a file of images");
    sab_options_clear(&config);
    config = make_config("mnist", "data", in_folder("absent-images"), NULL);
    assert_refused(&config, NULL, SAB_IO, "absent-images': No such file");
    sab_options_clear(&config);
    config = make_config("cifar10", NULL);
    assert_refused(&config, NULL, SAB_IO, "has none of data_batch_1.bin to data_batch_5.bin");
    sab_options_clear(&config);
    config = make_config("mnist", "data", in_folder("train-images-idx3-ubyte"), "test-data", folder, NULL);
    assert_int_equal(unlink(in_folder("t10k-labels-idx1-ubyte")), 0);
    assert_refused(&config, NULL, SAB_IO, "has no test images");
}

static void a_file_that_is_cut_while_it_is_used_stops_with_a_message(void **state)
{
    (void)state;
    begin_folder("changing");
    put_idx("train-images-idx3-ubyte", "train-labels-idx1-ubyte", 0, TRAIN, 0);
    OPTIONS config = make_config("idx", NULL);
    struct sab_task *task = make_task(&config, NULL);
    get(task, SAB_TRAIN, 0, 4);
    assert_int_equal(truncate(in_folder("train-images-idx3-ubyte"), 0), 0);
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
    folder = path;
    OPTIONS config = make_config("mnist", "by", "pixel", "split", "1,0,0", NULL);
    struct sab_task *task = make_task(&config, NULL);
    assert_int_equal(sab_task_batches(task, SAB_TRAIN, 1), 60000);
    assert_int_equal(sab_task_batches(task, SAB_TEST, 64), 157);
    assert_int_equal(sab_task_steps(task), 784);
    assert_int_equal(sab_task_shape(task)->O, 10);
    const char *facts = sab_task_facts(task);
    assert_non_null(strstr(facts, "\"mean\":[0.13066"));
    assert_non_null(strstr(facts, "\"deviation\":[0.30810"));
    struct sab_batch batch = get(task, SAB_TEST, 0, 8);
    for (int b = 0; b < 8; b++)
        assert_int_equal(batch.labels[783 * 8 + b], test_labels[b]);
    sab_task_free(task);
    char images[4200];
    snprintf(images, sizeof images, "%s/train-images-idx3-ubyte.gz", path);
    if (strlen(images) < SAB_DIR_CAP) {
        sab_options_clear(&config);
        config = make_config("mnist", "valid-data", images, NULL); /* in the order of the file */
        task = make_task(&config, NULL);
        batch = get(task, SAB_VALID, 0, 8);
        for (int b = 0; b < 8; b++)
            assert_int_equal(batch.labels[27 * 8 + b], labels[b]);
        sab_task_free(task);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_sequence_is_an_image_by_row_or_by_pixel, begin_small_set),
        cmocka_unit_test(the_last_batch_is_filled_up_with_nothing),
        cmocka_unit_test(a_permutation_is_one_and_the_same_for_all_images),
        cmocka_unit_test(each_pass_of_training_has_every_image_once),
        cmocka_unit_test(split_cuts_what_has_no_files_of_its_own),
        cmocka_unit_test(parts_have_images_of_one_size),
        cmocka_unit_test(facts_are_kept_and_the_data_must_fit_them),
        cmocka_unit_test(colours_stand_side_by_side_or_turn_grey),
        cmocka_unit_test(a_label_not_seen_in_training_is_refused),
        cmocka_unit_test(missing_files_are_named),
        cmocka_unit_test(a_file_that_is_cut_while_it_is_used_stops_with_a_message),
        cmocka_unit_test(mnist_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
