/* A small set of images, 3 x 2 pixels of 4 classes: 20 for training, then 7 for the test. For the tests data_images*.c. */
#ifndef SAB_TESTS_IMAGES_SUPPORT_H
#define SAB_TESTS_IMAGES_SUPPORT_H

#include "train/options.h"

enum { ROWS = 3, COLS = 2, PIXELS = ROWS * COLS, TRAIN = 20, TEST = 7, CLASSES = 4, RECORD = 3073 }; /* RECORD: bytes of one of cifar10 */

/* Pixel p of training image i, and its class; test images go on where these end. */
unsigned char images_pixel(size_t i, size_t p);
int images_label(size_t i);

/* A new folder of that name, which the options below name as the data; and one with the small set as IDX files. */
void images_begin(const char *name);
int images_begin_small(void **state);
extern const char *images_folder;
/* A file in it: four may be in use at a time. */
const char *images_path(const char *name);
/* Images first .. first + n - 1 as an IDX pair, that of images packed or not. */
void images_put_idx(const char *images, const char *labels, size_t first, size_t n, int is_gzip);

/* Options as name, value, ..., NULL. */
struct sab_options images_options(const char *task, ...);
/* The task must fail that way. */
void images_refused(const struct sab_options *config, const char *facts, int status, const char *message);

/* The moments of the first n training images. */
void images_moments(size_t n, double *mean, double *deviation);
/* Equal but for a float's rounding. */
void images_near(double got, double expected);
/* Column b of a batch shows image i, its pixels in the given order, by rows or by pixels. */
void images_shown(const struct sab_batch *batch, int b, size_t i, const int *order, int by_row, double mean, double deviation);

#endif
