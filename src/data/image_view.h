/* An image as a sequence: row by row or pixel by pixel, in an order of one's own, grey or in colour, standardised.
 *
 *     T = rows, I = cols * channels     by row: a step is a row, its pixels one after the other, each with its channels
 *     T = rows * cols, I = channels     by pixel
 *
 * A value is (byte / 255 - mean) / deviation of its channel. Must not know files. */
#ifndef SAB_DATA_IMAGE_VIEW_H
#define SAB_DATA_IMAGE_VIEW_H

#include "source/image_set.h"

struct sab_image_view {
    size_t rows, cols;
    int channels;     /* of what is shown: 1, or 3 */
    int source;       /* channels of the images: 3 and channels 1 show grey */
    int T, I;
    uint32_t *order;  /* [rows*cols]: the pixel that stands at each place */
    double mean[SAB_IMAGE_CHANNELS], deviation[SAB_IMAGE_CHANNELS];
    sab_real value[SAB_IMAGE_CHANNELS][256];
};

/* by: enum sab_by. permute: 0 keeps the order; else the pixels stand in the random order of this seed. The mean is 0
 * and the deviation 1 until sab_image_view_standardise. SAB_NOMEM. */
int sab_image_view_init(struct sab_image_view *view, size_t rows, size_t cols, size_t source, int by, int is_grey,
                        uint64_t permute, struct sab_error *err);
void sab_image_view_clear(struct sab_image_view *view);

/* The mean and deviation of the bytes shown of images 0..n-1 of a set, n >= 1; a channel that never changes has
 * deviation 1. */
void sab_image_view_learn(struct sab_image_view *view, const struct sab_image_set *set, size_t n);
/* Sets them; deviation > 0. */
void sab_image_view_standardise(struct sab_image_view *view, const double *mean, const double *deviation);

/* One image [source,rows,cols] as a column of a batch: step t, input i at values[t * step + i]. */
void sab_image_view_fill(const struct sab_image_view *view, const unsigned char *pixels, sab_real *values, size_t step);

#endif
