/* Pictures: what libpng reads back is what was drawn; bad sizes are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "io/png.h"

static void assert_comes_back(int width, int height)
{
    struct sab_error err = {0};
    size_t nbytes = (size_t)width * (size_t)height * 3;
    uint8_t *rgb = malloc(nbytes), *back = malloc(nbytes);
    unsigned state = 1;
    for (size_t i = 0; i < nbytes; i++)
        rgb[i] = (uint8_t)((state = state * 1664525 + 1013904223) >> 24);
    unsigned char *first, *again;
    size_t first_nbytes, again_nbytes;
    assert_int_equal(sab_png_encode(width, height, rgb, &first, &first_nbytes, &err), SAB_OK);
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_memory(&image, first, first_nbytes));
    assert_int_equal(image.width, width);
    assert_int_equal(image.height, height);
    assert_int_equal(image.format, PNG_FORMAT_RGB);
    assert_true(png_image_finish_read(&image, NULL, back, 0, NULL));
    assert_memory_equal(rgb, back, nbytes);

    assert_int_equal(sab_png_encode(width, height, rgb, &again, &again_nbytes, &err), SAB_OK);
    assert_int_equal(first_nbytes, again_nbytes);
    assert_memory_equal(first, again, first_nbytes); /* no date, no chance */
    sab_free(first);
    sab_free(again);
    free(rgb);
    free(back);
}

static void pixels_come_back(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {1, 7}, {7, 1}, {3, 5}, {200, 120}, {65535, 1}, {1, 65535}, {300, 300}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        assert_comes_back(sizes[i][0], sizes[i][1]);
}

static void bad_sizes_are_refused(void **state)
{
    (void)state;
    static const int sizes[][2] = {{0, 1}, {1, 0}, {-1, 1}, {1, -1}, {65536, 1}, {1, 65536}, {INT32_MAX, INT32_MAX}};
    const uint8_t rgb[3] = {1, 2, 3};
    struct sab_error err = {0};
    unsigned char *bytes = NULL;
    size_t nbytes;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(sab_png_encode(sizes[i][0], sizes[i][1], rgb, &bytes, &nbytes, &err), SAB_INVALID);
        assert_non_null(strstr(err.message, "1..65535"));
        assert_null(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_come_back),
        cmocka_unit_test(bad_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
