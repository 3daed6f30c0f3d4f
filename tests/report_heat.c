/* The pictures of a recall map: text that fits a terminal, figures whose colours mean what the scale says. */
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
#include "report/cairo.h"
#include "report/colours.h"
#include "report/heat_figure.h"
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

/* Figures are drawn by Cairo, without which there are none. */
static void skip_without_cairo(void)
{
    char version[32];
    struct sab_error err = {0};
    if (sab_cairo_check(version, &err) == SAB_OK)
        return;
    print_message("skipped: %s\n", err.message);
    skip();
}

static int draw(const struct sab_recall_map *map, const struct sab_look *look, enum sab_picture kind, const char *path,
                struct sab_error *err)
{
    return sab_heat_figure_draw(&(struct sab_heat_figure){map, "a title", "answer step", "weight", NULL, NULL}, look, kind, path, err);
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
    const double cells[] = {-1, 0.5, -1e300, 1, NAN, -0.125};
    (void)state;
    memcpy(map.cell, cells, sizeof cells);
    map.least = -1e300;
    char *text = sab_heat_text(&map, "step", "weight", 0, NULL);
    if (!strstr(text, " 7 |-:-\n") || !strstr(text, " 8 |# -\n") || !strstr(text, "# 1  - below 0\n"))
        fail_msg("expected rows -:- and # - and a legend that ends with - below 0:\n%s", text);
    sab_free(text);
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
    (void)state;
    memset(map.cell, 0, 6 * sizeof *map.cell);
    map.most = 0;
    char *text = sab_heat_text(&map, "step", "weight", 1, NULL);
    assert_non_null(strstr(text, " 1 |\n"));
    sab_free(text);
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
    (void)state;
    for (int colours = 0; sab_colours_names[colours]; colours++) {
        uint8_t rgb[3], beyond[3], end[3];
        sab_colours_map(colours, 0, rgb);
        sab_colours_map(colours, 1, end);
        double before = lightness(rgb), sign = lightness(end) > before ? 1 : -1;
        for (int i = 1; i <= 64; i++) {
            sab_colours_map(colours, i / 64.0, rgb);
            double step = sign * (lightness(rgb) - before);
            if (!(step > 0 && step < 4)) /* even: no jump above twice the mean step of heat */
                fail_msg("%s at %d/64: lightness goes by %g", sab_colours_names[colours], i, step);
            before = lightness(rgb);
        }
        sab_colours_map(colours, 7, beyond);
        assert_memory_equal(end, beyond, 3);
        sab_colours_map(colours, NAN, beyond);
        sab_colours_map(colours, 0, rgb);
        assert_memory_equal(rgb, beyond, 3);
    }
}

/* A path for a picture; removed by the caller. */
static char *make_path(char path[])
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    return path;
}

static void the_picture_shows_the_cells(void **state)
{
    (void)state;
    skip_without_cairo();
    struct sab_recall_map map = diagonal(10, 30, 21);
    char path[] = "/tmp/sab_heat_XXXXXX";
    const struct sab_look look = {.width = 400, .height = 300};
    uint8_t darkest[3];
    png_image image;
    make_path(path);
    sab_colours_map(SAB_COLOURS_HEAT, 1, darkest);
    assert_int_equal(draw(&map, &look, SAB_PICTURE_PNG, path, NULL), SAB_OK);
    long ten = count_colour(path, darkest, &image);
    assert_int_equal(image.width, 1200); /* three pixels a point */
    assert_int_equal(image.height, 900);
    map.cell[1 * 30 + 1] = 0;
    assert_int_equal(draw(&map, &look, SAB_PICTURE_PNG, path, NULL), SAB_OK);
    long nine = count_colour(path, darkest, &image);
    double cell = ten - nine, width = 3 * 310 / 30.0, height = 3 * 238 / 10.0; /* about 310 points lie between row names and scale */
    if (!(cell > 0.9 * width * height && cell < 1.1 * width * height))
        fail_msg("a cell has %.0f pixels, expected about %.0f x %.0f", cell, width, height);
    unlink(path);
    sab_recall_map_clear(&map);
}

static void means_below_0_are_drawn_in_a_colour_of_their_own(void **state)
{
    (void)state;
    skip_without_cairo();
    struct sab_recall_map map = diagonal(2, 3, 7);
    char path[] = "/tmp/sab_heat_XXXXXX";
    png_image image;
    make_path(path);
    assert_int_equal(draw(&map, NULL, SAB_PICTURE_PNG, path, NULL), SAB_OK);
    assert_int_equal(count_colour(path, sab_colours_below_0, &image), 0);
    map.cell[2] = map.least = -1;
    assert_int_equal(draw(&map, NULL, SAB_PICTURE_PNG, path, NULL), SAB_OK);
    /* a cell is a sixth of the plot */
    assert_true(count_colour(path, sab_colours_below_0, &image) > (long)(image.width / 6 * image.height / 4));
    memset(map.cell, 0, 6 * sizeof *map.cell);
    map.most = map.least = 0; /* nothing to compare with */
    assert_int_equal(draw(&map, NULL, SAB_PICTURE_PNG, path, NULL), SAB_OK);
    unlink(path);
    sab_recall_map_clear(&map);
}

/* The same map in the three kinds, at the least size, with texts that are hostile. */
static void every_kind_is_written(void **state)
{
    static const char *const begins[] = {[SAB_PICTURE_SVG] = "<?xml", [SAB_PICTURE_PDF] = "%PDF-", [SAB_PICTURE_PNG] = "\x89PNG"};
    (void)state;
    skip_without_cairo();
    struct sab_recall_map map = diagonal(1, 2, 1);
    const struct sab_look look = {"<script>\x1b[31m \xff \u202e \u6f22", "no such font", 85, 85, SAB_COLOURS_GREY};
    for (int kind = SAB_PICTURE_SVG; kind <= SAB_PICTURE_PNG; kind++) {
        char path[] = "/tmp/sab_heat_XXXXXX", begin[8] = "";
        struct sab_error err = {0};
        make_path(path);
        if (draw(&map, &look, kind, path, &err) != SAB_OK)
            fail_msg("%s", err.message);
        FILE *file = fopen(path, "rb");
        assert_true(fread(begin, 1, 5, file) == 5);
        fclose(file);
        assert_memory_equal(begin, begins[kind], strlen(begins[kind]));
        unlink(path);
    }
    struct sab_error err = {0};
    assert_int_equal(draw(&map, NULL, SAB_PICTURE_SVG, "/nowhere/map.svg", &err), SAB_IO);
    assert_non_null(strstr(err.message, "/nowhere/map.svg"));
    sab_recall_map_clear(&map);
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
        cmocka_unit_test(means_below_0_are_drawn_in_a_colour_of_their_own),
        cmocka_unit_test(every_kind_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
