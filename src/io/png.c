/* See png.h. The picture is encoded in memory and then written whole, so that a failure leaves no half of it. */
#include "io/png.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

enum { SIDE_CAP = 65535, FIRST_CAP = 1 << 16 };

/* What libpng's callbacks fill. Reached through a pointer, so that its fields survive the long jump. */
struct encoder {
    png_structp png;
    png_infop info;
    unsigned char *bytes;
    size_t nbytes, cap;
    enum sab_status failure;
    char reason[160];
};

static void on_error(png_structp png, png_const_charp message)
{
    struct encoder *e = png_get_error_ptr(png);
    snprintf(e->reason, sizeof e->reason, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message; /* the library does not print */
}

static void on_write(png_structp png, png_bytep data, size_t nbytes)
{
    struct encoder *e = png_get_io_ptr(png);
    if (nbytes > e->cap - e->nbytes) {
        size_t need = e->nbytes + nbytes;
        size_t cap = e->cap ? e->cap : FIRST_CAP;
        while (cap < need)
            cap *= 2; /* cannot overflow: SIDE_CAP bounds a picture to 3 x 2^32 bytes and a little */
        unsigned char *bytes = sab_alloc(cap, 1);
        if (!bytes) {
            e->failure = SAB_NOMEM;
            png_error(png, "no memory");
        }
        if (e->nbytes > 0)
            memcpy(bytes, e->bytes, e->nbytes);
        sab_free(e->bytes);
        e->bytes = bytes;
        e->cap = cap;
    }
    memcpy(e->bytes + e->nbytes, data, nbytes);
    e->nbytes += nbytes;
}

/* All of libpng's calls that may jump; returns 1 if they did not. */
static int encode(struct encoder *e, int width, int height, const uint8_t *rgb)
{
    if (setjmp(png_jmpbuf(e->png)))
        return 0;
    png_set_write_fn(e->png, e, on_write, NULL);
    png_set_IHDR(e->png, e->info, (png_uint_32)width, (png_uint_32)height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(e->png, e->info);
    for (int row = 0; row < height; row++)
        png_write_row(e->png, rgb + (size_t)row * (size_t)width * 3);
    png_write_end(e->png, NULL);
    return 1;
}

int sab_png_encode(int width, int height, const uint8_t *rgb, unsigned char **bytes, size_t *nbytes, struct sab_error *err)
{
    struct encoder e = {.failure = SAB_NOMEM, .reason = "no memory"};
    int status = SAB_OK;
    if (width < 1 || width > SIDE_CAP || height < 1 || height > SIDE_CAP)
        return sab_fail(err, SAB_INVALID, "a picture of %d x %d pixels; each side must be 1..%d", width, height, SIDE_CAP);
    e.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &e, on_error, on_warning);
    e.info = e.png ? png_create_info_struct(e.png) : NULL;
    if (e.info)
        e.failure = SAB_IO;
    if (!e.info || !encode(&e, width, height, rgb))
        status = sab_fail(err, e.failure, "no picture: libpng: %s", e.reason);
    png_destroy_write_struct(&e.png, &e.info);
    if (status != SAB_OK) {
        sab_free(e.bytes);
        return status;
    }
    *bytes = e.bytes;
    *nbytes = e.nbytes;
    return SAB_OK;
}
