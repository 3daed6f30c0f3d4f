/* Any bytes as image files, for libFuzzer: IDX pairs and CIFAR-10's records, plain or gzip. No crash, no overrun, no
 * memory beyond the promise, and what opens can be shown to its last pixel.
 *
 *     byte 0: the options below     bytes 1, 2: length of the first file     then the two files
 *
 * Where an option says so, a file is packed first: a mutation of a gzip hardly ever passes its checksum. The corpus,
 * tests/corpus/images, has plain, packed and damaged files of each format; found-* reached code that those did not.
 *
 *     ctest: tier hours
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "data/image_view.h"
#include "fuzzing.h"


enum { CIFAR = 1, BY_PIXEL = 2, GREY = 4, PERMUTED = 8, PACK_FIRST = 16, PACK_SECOND = 32 };
enum { HEADER = 3, SHOWN = 4 };

/* A gzip's sum and length are made those of what it unpacks to, so that a changed one gets past them. */
static void mend_gzip(uint8_t *data, size_t nbytes)
{
    static uint8_t out[1 << 16];
    if (nbytes < 18 || data[0] != 0x1f || data[1] != 0x8b || data[3] != 0)
        return;
    z_stream z = {.next_in = data + 10, .avail_in = (uInt)(nbytes - 10)};
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
        return;
    uLong crc = crc32(0, NULL, 0);
    int rc = Z_OK;
    while (rc == Z_OK) {
        z.next_out = out;
        z.avail_out = sizeof out;
        rc = inflate(&z, Z_NO_FLUSH);
        crc = crc32(crc, out, (uInt)(sizeof out - z.avail_out));
        if (z.total_out > 1 << 18)
            break;
    }
    if (rc == Z_STREAM_END && z.avail_in >= 8)
        for (int k = 0; k < 4; k++) {
            z.next_in[k] = (uint8_t)(crc >> 8 * k);
            z.next_in[4 + k] = (uint8_t)(z.total_out >> 8 * k);
        }
    inflateEnd(&z);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t nbytes, size_t cap, unsigned seed)
{
    nbytes = LLVMFuzzerMutate(data, nbytes, cap);
    if (seed % 4 == 0 || nbytes < HEADER)
        return nbytes;
    size_t first = (size_t)data[1] << 8 | data[2], rest = nbytes - HEADER;
    first = first < rest ? first : rest;
    mend_gzip(data + HEADER, first);
    mend_gzip(data + HEADER + first, rest - first);
    return nbytes;
}

/* As a gzip of one stored block: packing in earnest would take longer than all the rest. Returns its size, at most nbytes + 23. */
static size_t pack(const uint8_t *data, size_t nbytes, uint8_t *gzip)
{
    static const uint8_t head[11] = {0x1f, 0x8b, 8, [9] = 3, [10] = 1};
    const unsigned long tail[2] = {crc32(0, data, (uInt)nbytes), nbytes}, lengths = nbytes | (~nbytes & 0xffff) << 16;
    memcpy(gzip, head, sizeof head);
    for (size_t k = 0; k < 4; k++) {
        gzip[11 + k] = (uint8_t)(lengths >> 8 * k);
        gzip[15 + nbytes + k] = (uint8_t)(tail[0] >> 8 * k);
        gzip[19 + nbytes + k] = (uint8_t)(tail[1] >> 8 * k);
    }
    memcpy(gzip + 15, data, nbytes);
    return nbytes + 23;
}

static const char *put(int which, const uint8_t *data, size_t nbytes, int is_packed)
{
    static uint8_t gzip[0xffff + 23];
    if (!is_packed || nbytes > 0xffff)
        return fuzz_put(which, data, nbytes);
    return fuzz_put(which, gzip, pack(data, nbytes, gzip));
}

/* The promise: at most twice what was unpacked, and no gzip unpacks past 64 MiB + 32 x its size. */
static void check_sizes(const struct sab_image_set *set, size_t nbytes)
{
    for (int i = 0; i < set->files; i++)
        fuzz_require(set->file[i].nbytes <= (set->file[i].is_unpacked ? ((size_t)64 << 20) + 32 * nbytes : nbytes),
                "larger than may be");
}

static void show(const struct sab_image_set *set, uint8_t options)
{
    struct sab_image_view view;
    int by = options & BY_PIXEL ? SAB_BY_PIXEL : SAB_BY_ROW;
    int is_grey = options & GREY && set->channels == 3;
    if (set->rows * set->cols > 1 << 16)
        return; /* slow, and no different */
    fuzz_require(sab_image_view_init(&view, set->rows, set->cols, set->channels, by, is_grey, options & PERMUTED ? 7 : 0,
                                NULL) == SAB_OK, "view");
    size_t step = (size_t)view.I, n = set->n < SHOWN ? set->n : SHOWN;
    sab_image_view_learn(&view, set, n);
    sab_real *values = malloc((size_t)view.T * step * sizeof *values), sum = 0;
    fuzz_require(values != NULL, "values");
    for (size_t i = 0; i < n; i++) {
        sab_image_view_fill(&view, sab_image_pixels(set, i), values, step);
        sab_image_view_fill(&view, sab_image_pixels(set, set->n - 1 - i), values, step);
        for (size_t k = 0; k < (size_t)view.T * step; k++)
            sum += values[k];
    }
    fuzz_require(sum == sum, "not a number");
    free(values);
    sab_image_view_clear(&view);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t nbytes)
{
    if (nbytes < HEADER)
        return 0;
    uint8_t options = data[0];
    size_t first = (size_t)data[1] << 8 | data[2], rest = nbytes - HEADER;
    first = first < rest ? first : rest;
    const char *a = put(0, data + HEADER, first, options & PACK_FIRST);
    const char *b = put(1, data + HEADER + first, rest - first, options & PACK_SECOND);
    struct sab_image_set set = {0};
    struct sab_error err = {0};
    int status = options & CIFAR ? sab_image_set_add_cifar10(&set, a, &err) : sab_image_set_add_idx(&set, a, b, &err);
    if (status == SAB_OK && options & CIFAR && rest > first)
        status = sab_image_set_add_cifar10(&set, b, &err);
    fuzz_require(status == SAB_OK || (status == SAB_FORMAT && strstr(err.message, "/proc/self/fd/")), err.message);
    check_sizes(&set, nbytes);
    if (status == SAB_OK) {
        int most = sab_image_set_most_label(&set, 0, set.n);
        fuzz_require(sab_image_set_check_labels(&set, 0, set.n, most + 1, &err) == SAB_OK, err.message);
        fuzz_require(sab_image_set_check(&set, &err) == SAB_OK, err.message);
        show(&set, options);
    }
    sab_image_set_close(&set);
    return 0;
}
