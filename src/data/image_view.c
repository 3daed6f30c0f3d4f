/* See image_view.h. */
#include "data/image_view.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/random.h"

int sab_image_view_init(struct sab_image_view *view, size_t rows, size_t cols, size_t source, int by, int is_grey,
                        uint64_t permute, struct sab_error *err)
{
    uint32_t pixels = (uint32_t)(rows * cols);
    uint32_t *order = sab_alloc(pixels, sizeof *order);
    if (!order)
        return sab_fail(err, SAB_NOMEM, "no memory for the order of %u pixels", pixels);
    for (uint32_t i = 0; i < pixels; i++) {
        uint32_t j = permute ? sab_random_below(permute, SAB_FOR_PIXELS, 0, i, i + 1) : i;
        order[i] = order[j];
        order[j] = i;
    }
    *view = (struct sab_image_view){
        .rows = rows,
        .cols = cols,
        .channels = is_grey ? 1 : (int)source,
        .source = (int)source,
        .order = order,
    };
    view->T = (int)(by == SAB_BY_ROW ? rows : rows * cols);
    view->I = (int)(by == SAB_BY_ROW ? cols : 1) * view->channels;
    sab_image_view_standardise(view, (const double[]){0, 0, 0}, (const double[]){1, 1, 1});
    return SAB_OK;
}

void sab_image_view_clear(struct sab_image_view *view)
{
    sab_free(view->order);
    *view = (struct sab_image_view){0};
}

/* The byte of channel c of a pixel; grey is the luma of television (BT.601). */
static unsigned shown(const struct sab_image_view *view, const unsigned char *pixel, size_t plane, int c)
{
    if (view->channels == view->source)
        return pixel[plane * (size_t)c];
    return (299u * pixel[0] + 587u * pixel[plane] + 114u * pixel[2 * plane] + 500u) / 1000u;
}

void sab_image_view_learn(struct sab_image_view *view, const struct sab_image_set *set, size_t n)
{
    double mean[SAB_IMAGE_CHANNELS], deviation[SAB_IMAGE_CHANNELS];
    size_t plane = view->rows * view->cols;
    for (int c = 0; c < view->channels; c++) {
        uint64_t sum = 0, squares = 0; /* of bytes; at most 2^16 times 2^48 pixels, which no file has */
        for (size_t i = 0; i < n; i++) {
            const unsigned char *pixels = sab_image_pixels(set, i);
            for (size_t p = 0; p < plane; p++) {
                unsigned byte = shown(view, pixels + p, plane, c);
                sum += byte;
                squares += byte * byte;
            }
        }
        double count = (double)n * (double)plane, m = (double)sum / count;
        double variance = (double)squares / count - m * m;
        mean[c] = m / 255;
        deviation[c] = variance > 0 ? sqrt(variance) / 255 : 1;
    }
    sab_image_view_standardise(view, mean, deviation);
}

void sab_image_view_standardise(struct sab_image_view *view, const double *mean, const double *deviation)
{
    for (int c = 0; c < view->channels; c++) {
        view->mean[c] = mean[c];
        view->deviation[c] = deviation[c];
        for (int byte = 0; byte < 256; byte++)
            view->value[c][byte] = (sab_real)((byte / 255.0 - mean[c]) / deviation[c]);
    }
}

void sab_image_view_fill(const struct sab_image_view *view, const unsigned char *pixels, sab_real *values, size_t step)
{
    size_t plane = view->rows * view->cols, width = (size_t)(view->I / view->channels), place = 0;
    for (int t = 0; t < view->T; t++) {
        sab_real *value = values + (size_t)t * step;
        for (size_t j = 0; j < width; j++) {
            const unsigned char *pixel = pixels + view->order[place++];
            for (int c = 0; c < view->channels; c++)
                *value++ = view->value[c][shown(view, pixel, plane, c)];
        }
    }
}
