/* The pictures of a recall map: text that fits a terminal, a PNG whose colours mean what the scale says. */
#include <math.h>
#include <png.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "report/font.h"
#include "report/heat_png.h"
#include "report/heat_text.h"

/* A map whose cell (r, c) is r == c, on steps from `step` on. */
static struct sab_recall_map diagonal(int rows, int columns, int step)
{
    struct sab_recall_map map = {.rows = rows, .columns = columns, .first_step = 1, .steps_per_column = 1, .most = 1};
    map.first = sab_alloc((size_t)rows, sizeof *map.first);
    map.last = sab_alloc((size_t)rows, sizeof *map.last);
    map.cell = sab_alloc((size_t)rows * (size_t)columns, sizeof *map.cell);
    for (int r = 0; r < rows; r++) {
        map.first[r] = map.last[r] = step + r;
        if (r < columns)
            map.cell[r * columns + r] = 1;
    }
    return map;
}

/* Columns of a line of UTF-8, up to its end. */
static int width(const char *line)
{
    int n = 0;
    for (; *line && *line != '\n'; line++)
        n += ((unsigned char)*line & 0xc0) != 0x80;
    return n;
}

static void text_fits_eighty_columns(void **state)
{
    const int columns[] = {1, 2, 9, 10, 11, 63, SAB_HEAT_TEXT_COLUMNS};
    const int steps[] = {1, 99990, 99999990};
    (void)state;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        for (int k = 0; k < 3; k++)
            for (int unicode = 0; unicode < 2; unicode++) {
                struct sab_recall_map map = diagonal(SAB_HEAT_TEXT_ROWS, columns[i], steps[k]);
                map.steps_per_column = k == 0 ? 1 : 1562499;
                map.last[3] += 30;
                char *text = sab_heat_text(&map, "answer step", "weight", unicode, NULL);
                assert_non_null(text);
                for (const char *line = text; line && *line; line = strchr(line, '\n') + 1) {
                    if (width(line) > 80)
                        print_error("%d columns: %.100s\n", width(line), line);
                    assert_true(width(line) <= 80);
                    assert_non_null(strchr(line, '\n'));
                }
                sab_free(text);
                sab_recall_map_clear(&map);
            }
}

static void text_shows_the_cells(void **state)
{
    struct sab_recall_map map = diagonal(2, 3, 7);
    (void)state;
    map.cell[1] = 0.5;
    char *text = sab_heat_text(&map, "step", "weight", 0, NULL);
    assert_non_null(strstr(text, " 7 |#:\n"));
    assert_non_null(strstr(text, " 8 | #\n"));
    assert_non_null(strstr(text, "# 1"));
    sab_free(text);
    text = sab_heat_text(&map, "step", "weight", 1, NULL);
    assert_non_null(strstr(text, " 7 |\u2588\u2592\n"));
    sab_free(text);
    sab_recall_map_clear(&map);
}

/* Number of pixels of a colour in a PNG file. */
static long count_colour(const char *path, const uint8_t rgb[3], png_image *image)
{
    memset(image, 0, sizeof *image);
    image->version = PNG_IMAGE_VERSION;
    assert_true(png_image_begin_read_from_file(image, path));
    image->format = PNG_FORMAT_RGB;
    uint8_t *pixels = malloc(PNG_IMAGE_SIZE(*image));
    assert_non_null(pixels);
    assert_true(png_image_finish_read(image, NULL, pixels, 0, NULL));
    long n = 0;
    for (size_t i = 0; i < PNG_IMAGE_SIZE(*image); i += 3)
        n += memcmp(pixels + i, rgb, 3) == 0;
    free(pixels);
    return n;
}

/* Scores that release2019 takes for weights may be negative: text read its shades before their beginning. */
static void means_below_0_have_a_sign_of_their_own(void **state)
{
    struct sab_recall_map map = diagonal(2, 3, 7);
    char path[] = "/tmp/sab_heat_XXXXXX";
    const double cells[] = {-1, 0.5, -1e300, 1, NAN, -0.125};
    const uint8_t blue[3] = {150, 185, 230};
    png_image image;
    (void)state;
    memcpy(map.cell, cells, sizeof cells);
    map.least = -1e300;
    char *text = sab_heat_text(&map, "step", "weight", 0, NULL);
    if (!strstr(text, " 7 |-:-\n") || !strstr(text, " 8 |# -\n") || !strstr(text, "# 1  - below 0\n"))
        fail_msg("expected rows -:- and # - and a legend that ends with - below 0:\n%s", text);
    sab_free(text);
    int fd = mkstemp(path);
    close(fd);
    assert_int_equal(sab_heat_png(&map, "t", "step", "weight", path, NULL), SAB_OK);
    assert_int_equal(count_colour(path, blue, &image), 3 * 32 * 32 + 20 * 14); /* three cells, one in the legend */
    unlink(path);
    map.least = map.most = 0; /* nothing to compare with */
    text = sab_heat_text(&map, "step", "weight", 1, NULL);
    assert_non_null(strstr(text, " 7 |- -\n"));
    assert_null(strstr(text, "below"));
    sab_free(text);
    sab_recall_map_clear(&map);
}

static void an_empty_map_can_be_shown(void **state)
{
    struct sab_recall_map map = diagonal(2, 3, 1);
    char path[] = "/tmp/sab_heat_XXXXXX";
    (void)state;
    memset(map.cell, 0, 6 * sizeof *map.cell);
    map.most = 0;
    char *text = sab_heat_text(&map, "step", "weight", 1, NULL);
    assert_non_null(strstr(text, " 1 |\n"));
    sab_free(text);
    int fd = mkstemp(path);
    close(fd);
    assert_int_equal(sab_heat_png(&map, "t", "step", "weight", path, NULL), SAB_OK);
    unlink(path);
    sab_recall_map_clear(&map);
}

/* CIE L* of an sRGB colour. */
static double lightness(const uint8_t rgb[3])
{
    static const double share[3] = {0.2126, 0.7152, 0.0722};
    double Y = 0;
    for (int k = 0; k < 3; k++) {
        double c = rgb[k] / 255.0;
        Y += share[k] * (c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4));
    }
    return Y > 0.008856 ? 116 * cbrt(Y) - 16 : 903.3 * Y;
}

static void colours_are_ordered_by_lightness(void **state)
{
    uint8_t rgb[3];
    double before = 101;
    (void)state;
    for (int i = 0; i <= 64; i++) {
        sab_heat_colour(i / 64.0, rgb);
        double now = lightness(rgb);
        if (!(now < before))
            print_error("at %d/64: %g after %g\n", i, now, before);
        assert_true(now < before);
        assert_true(before - now < 4); /* even: no jump above twice the mean step */
        before = now;
    }
    sab_heat_colour(0, rgb);
    assert_true(rgb[0] == 255 && rgb[1] == 255 && rgb[2] == 255);
    uint8_t beyond[3];
    sab_heat_colour(1, rgb);
    sab_heat_colour(7, beyond);
    assert_memory_equal(rgb, beyond, 3);
    sab_heat_colour(NAN, beyond);
    assert_int_equal(beyond[0], 255);
}

static void the_picture_shows_the_cells(void **state)
{
    struct sab_recall_map map = diagonal(10, 30, 21);
    char path[] = "/tmp/sab_heat_XXXXXX";
    uint8_t darkest[3];
    png_image image;
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    sab_heat_colour(1, darkest);
    assert_int_equal(sab_heat_png(&map, "a title", "answer step", "weight", path, NULL), SAB_OK);
    long ten = count_colour(path, darkest, &image);
    assert_true(image.width > 960 && image.width < 1400 && image.height > 320 && image.height < 500);
    map.cell[0] = 0;
    assert_int_equal(sab_heat_png(&map, "a title", "answer step", "weight", path, NULL), SAB_OK);
    long nine = count_colour(path, darkest, &image);
    assert_int_equal(ten - nine, 32 * 32); /* one cell of 960 / 30 by its cap */
    unlink(path);
    sab_recall_map_clear(&map);
}

static void a_long_title_is_not_cut(void **state)
{
    struct sab_recall_map map = diagonal(1, 2, 1);
    char path[] = "/tmp/sab_heat_XXXXXX";
    static const char title[] = "task copy, T = 100000, layer 16, mean over 1000000 sequences";
    const uint8_t white[3] = {255, 255, 255};
    png_image image;
    (void)state;
    int fd = mkstemp(path);
    close(fd);
    assert_int_equal(sab_heat_png(&map, title, "step", "weight", path, NULL), SAB_OK);
    count_colour(path, white, &image);
    assert_true(image.width > (sizeof title - 1) * 2 * SAB_FONT_ADVANCE);
    unlink(path);
    sab_recall_map_clear(&map);
}

/* Pixels of ink in columns x0..x1-1 of a picture of the map. */
static long ink_between(const struct sab_recall_map *map, const char *row_name, int x0, int x1)
{
    char path[] = "/tmp/sab_heat_XXXXXX";
    png_image image = {.version = PNG_IMAGE_VERSION};
    int fd = mkstemp(path);
    close(fd);
    assert_int_equal(sab_heat_png(map, "", row_name, "weight", path, NULL), SAB_OK);
    assert_true(png_image_begin_read_from_file(&image, path));
    image.format = PNG_FORMAT_RGB;
    uint8_t *pixels = malloc(PNG_IMAGE_SIZE(image));
    assert_non_null(pixels);
    assert_true(png_image_finish_read(&image, NULL, pixels, 0, NULL));
    long n = 0;
    for (int y = 0; y < (int)image.height; y++)
        for (int x = x0; x < x1; x++)
            n += pixels[((size_t)y * image.width + (size_t)x) * 3] == 40;
    free(pixels);
    unlink(path);
    return n;
}

/* A map of one row and two columns had its row name cut at the top and its column name under the scale. */
static void the_names_of_a_small_map_are_whole(void **state)
{
    struct sab_recall_map small = diagonal(1, 2, 1), large = diagonal(20, 20, 1);
    (void)state;
    long few = ink_between(&small, "answer step", 0, 40), many = ink_between(&large, "answer step", 0, 40);
    print_message("ink of the row name: %ld in a small map, %ld in a large one\n", few, many);
    assert_true(many > 0);
    assert_int_equal(few, many);
    /* The plot is 64 wide from 132 on; the column name reaches as far as 274, then there is nothing up to the scale. */
    assert_true(ink_between(&small, "answer step", 264, 274) > 0);
    assert_int_equal(ink_between(&small, "answer step", 276, 294), 0);
    sab_recall_map_clear(&small);
    sab_recall_map_clear(&large);
}

static void every_letter_of_our_titles_is_drawn(void **state)
{
    static const char used[] = "0123456789abcdefghijklmnopqrstuvwxyz.,-=:%()+/ABST";
    (void)state;
    for (size_t i = 0; used[i]; i++) {
        int ink = 0, frame = 0;
        for (int y = 0; y < SAB_FONT_BASE; y++)
            for (int x = 0; x < SAB_FONT_WIDTH; x++) {
                int is_edge = x == 0 || y == 0 || x == SAB_FONT_WIDTH - 1 || y == SAB_FONT_BASE - 1;
                ink += sab_font_pixel(used[i], x, y);
                frame += sab_font_pixel(used[i], x, y) == is_edge;
            }
        assert_true(ink > 0);
        assert_true(frame < SAB_FONT_BASE * SAB_FONT_WIDTH); /* not the sign of a missing letter */
        for (size_t j = 0; j < i; j++) {
            int same = 1;
            for (int y = 0; y < SAB_FONT_HEIGHT; y++)
                for (int x = 0; x < SAB_FONT_WIDTH; x++)
                    same &= sab_font_pixel(used[i], x, y) == sab_font_pixel(used[j], x, y);
            if (same)
                print_error("%c looks like %c\n", used[i], used[j]);
            assert_false(same);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_fits_eighty_columns),
        cmocka_unit_test(text_shows_the_cells),
        cmocka_unit_test(means_below_0_have_a_sign_of_their_own),
        cmocka_unit_test(an_empty_map_can_be_shown),
        cmocka_unit_test(colours_are_ordered_by_lightness),
        cmocka_unit_test(the_picture_shows_the_cells),
        cmocka_unit_test(a_long_title_is_not_cut),
        cmocka_unit_test(the_names_of_a_small_map_are_whole),
        cmocka_unit_test(every_letter_of_our_titles_is_drawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
