/* See images_support.h. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "data_support.h"
#include "images_support.h"
#include "io_support.h"

unsigned char images_pixel(size_t i, size_t p)
{
    return (unsigned char)(i * 7 + p * 31 + i * p);
}

int images_label(size_t i)
{
    return (int)(i % CLASSES);
}

const char *images_folder;

const char *images_path(const char *name)
{
    static char path[4][4096];
    static unsigned turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", images_folder, name);
    return p;
}

void images_put_idx(const char *images, const char *labels, size_t first, size_t n, int is_gzip)
{
    unsigned char bytes[16 + 100 * PIXELS] = {0, 0, 8, 3, 0, 0, 0, (unsigned char)n, 0, 0, 0, ROWS, 0, 0, 0, COLS};
    unsigned char names[8 + 100] = {0, 0, 8, 1, 0, 0, 0, (unsigned char)n};
    for (size_t i = 0; i < n; i++) {
        names[8 + i] = (unsigned char)images_label(first + i);
        for (size_t p = 0; p < PIXELS; p++)
            bytes[16 + i * PIXELS + p] = images_pixel(first + i, p);
    }
    size_t packed;
    unsigned char *gzip = data_gzip(bytes, 16 + n * PIXELS, 6, &packed);
    io_put(images_path(images), is_gzip ? gzip : bytes, is_gzip ? packed : 16 + n * PIXELS);
    io_put(images_path(labels), names, 8 + n);
    free(gzip);
}

void images_begin(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s", io_path(name));
    images_folder = path;
    assert_int_equal(mkdir(images_folder, 0777), 0);
}

int images_begin_small(void **state)
{
    (void)state;
    images_begin("small");
    images_put_idx("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte", 0, TRAIN, 1);
    images_put_idx("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte", TRAIN, TEST, 0);
    return 0;
}

struct sab_options images_options(const char *task, ...)
{
    struct sab_options config;
    va_list options;
    sab_options_init(&config);
    assert_int_equal(sab_options_set(&config, "task", task, NULL), SAB_OK);
    assert_int_equal(sab_options_set(&config, "data", images_folder, NULL), SAB_OK);
    va_start(options, task);
    for (const char *name; (name = va_arg(options, const char *));) {
        struct sab_error err = {0};
        if (sab_options_set(&config, name, va_arg(options, const char *), &err) != SAB_OK)
            fail_msg("%s", err.message);
    }
    va_end(options);
    return config;
}

void images_refused(const struct sab_options *config, const char *facts, int status, const char *message)
{
    struct sab_task *task = NULL;
    struct sab_error err = {0};
    int got = sab_task_create(&task, config, facts, &err);
    if (got != status || !strstr(err.message, message) || task)
        fail_msg("expected status %d: '%s', got %d: '%s'", status, message, got, err.message);
}

void images_moments(size_t n, double *mean, double *deviation)
{
    double sum = 0, squares = 0, count = (double)(n * PIXELS);
    for (size_t i = 0; i < n; i++)
        for (size_t p = 0; p < PIXELS; p++) {
            sum += images_pixel(i, p) / 255.0;
            squares += images_pixel(i, p) / 255.0 * (images_pixel(i, p) / 255.0);
        }
    *mean = sum / count;
    *deviation = sqrt(squares / count - *mean * *mean);
}

void images_near(double got, double expected)
{
    if (!(fabs(got - expected) <= 1e-6 * (1 + fabs(expected)))) /* a float's rounding */
        fail_msg("expected %.9g, got %.9g", expected, got);
}

void images_shown(const struct sab_batch *batch, int b, size_t i, const int *order, int by_row, double mean,
                         double deviation)
{
    int I = by_row ? COLS : 1, B = batch->B;
    assert_int_equal(batch->T, PIXELS / I);
    for (int p = 0; p < PIXELS; p++) {
        int t = p / I, k = p % I, from = order ? order[p] : p;
        images_near(batch->values[(t * B + b) * I + k], (images_pixel(i, (size_t)from) / 255.0 - mean) / deviation);
    }
    for (int t = 0; t < batch->T; t++) {
        int is_last = t == batch->T - 1;
        assert_int_equal(batch->weight[t * B + b], is_last);
        assert_int_equal(batch->scored[t * B + b], is_last);
    }
    assert_int_equal(batch->labels[(batch->T - 1) * B + b], images_label(i));
}
