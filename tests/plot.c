/* Axes have round ticks, and a plot has its lines where the numbers are, and leaves out what no axis can show. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "report/axis.h"
#include "report/cairo.h"
#include "report/plot.h"

/* ---- axes ---- */

static void check_ticks(const struct sab_axis *axis, int count, int is_whole, const double *wanted, int n)
{
    double ticks[SAB_TICKS_CAP];
    int found = sab_axis_ticks(axis, count, is_whole, ticks);
    if (found != n)
        fail_msg("%d ticks on %g..%g, expected %d", found, axis->least, axis->most, n);
    for (int i = 0; i < n; i++)
        if (fabs(ticks[i] - wanted[i]) > 1e-9 * fabs(wanted[i]) || signbit(ticks[i]) != signbit(wanted[i]))
            fail_msg("tick %d on %g..%g is %.17g, expected %g", i, axis->least, axis->most, ticks[i], wanted[i]);
}

static void ticks_are_round(void **unused)
{
    (void)unused;
    check_ticks(&(struct sab_axis){0, 0, 1, 0, 0}, 5, 0, (const double[]){0, 0.2, 0.4, 0.6, 0.8, 1}, 6);
    check_ticks(&(struct sab_axis){0, -0.3, 0.31, 0, 0}, 6, 0, (const double[]){-0.2, 0, 0.2}, 3);
    check_ticks(&(struct sab_axis){0, 3, 2000, 0, 0}, 4, 1, (const double[]){500, 1000, 1500, 2000}, 4);
    check_ticks(&(struct sab_axis){0, 1, 3, 0, 0}, 10, 1, (const double[]){1, 2, 3}, 3); /* no halves of steps */
    check_ticks(&(struct sab_axis){0, 7, 7.5, 0, 0}, 10, 1, (const double[]){7}, 1);
    check_ticks(&(struct sab_axis){1, 30, 2000, 0, 0}, 10, 0, (const double[]){50, 100, 200, 500, 1000, 2000}, 6);
    check_ticks(&(struct sab_axis){1, 0.5, 2e6, 0, 0}, 10, 0, (const double[]){1, 10, 100, 1000, 1e4, 1e5, 1e6}, 7);
}

static void values_stand_in_proportion(void **unused)
{
    (void)unused;
    const struct sab_axis axis = {0, 10, 30, 100, 300}, falling = {0, 0, 4, 50, 10}, log = {1, 1, 1000, 0, 3};
    assert_true(sab_axis_place(&axis, 10) == 100 && sab_axis_place(&axis, 20) == 200 && sab_axis_place(&axis, 30) == 300);
    assert_true(sab_axis_place(&falling, 1) == 40);
    assert_true(fabs(sab_axis_place(&log, 10) - 1) < 1e-12);
}

/* ---- plots ---- */

static char *draw(const struct sab_plot *plot)
{
    char path[] = "/tmp/sab_plot_XXXXXX", version[32];
    struct sab_error err = {0};
    if (sab_cairo_check(version, &err) != SAB_OK) {
        print_message("skipped: %s\n", err.message);
        skip();
    }
    close(mkstemp(path));
    if (sab_plot_draw(plot, NULL, SAB_PICTURE_SVG, path, &err) != SAB_OK)
        fail_msg("%s", err.message);
    char *text = calloc(1 << 20, 1);
    FILE *file = fopen(path, "rb");
    assert_true(text && file && fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    unlink(path);
    return text;
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        n++;
    return n;
}

/* The first line in the colour of series 0, rgb(0,114,178): its points. */
static int read_line(const char *svg, double points[16])
{
    const char *at = strstr(svg, "stroke:rgb(0%,44.7");
    int n = 0;
    at = at ? strstr(at, " d=\"") : NULL;
    assert_non_null(at);
    for (at += 4; *at != '"' && n < 16; at++) {
        char *end;
        double value = strtod(at, &end);
        if (end > at) {
            points[n++] = value;
            at = end - 1;
        }
    }
    return n;
}

static void lines_are_where_the_numbers_are(void **unused)
{
    (void)unused;
    const double x[] = {0, 1000, 2000, NAN}, y[] = {0, 0.25, 1, 1};
    const struct sab_plot_series series[] = {{"a < b & c", 0, 0, 4, x, y, NULL}, {NULL, 9, 0, 4, x, y, NULL}};
    const struct sab_plot plot = {"title", "updates", "accuracy", 0, 0, 1, series, 2};
    char *svg = draw(&plot);
    double p[16];
    assert_int_equal(read_line(svg, p), 6); /* the fourth has no place */
    assert_true(fabs(p[2] - (p[0] + p[4]) / 2) < 0.1 && fabs(p[3] - (0.75 * p[1] + 0.25 * p[5])) < 0.1); /* half way, a quarter up */
    assert_true(p[0] < p[4] && p[1] > p[5]);
    assert_int_equal(count(svg, "stroke-dasharray"), 1); /* the tenth colour is the second, dashed */
    free(svg);
}

static void a_logarithmic_axis_spreads_decades_evenly(void **unused)
{
    (void)unused;
    const double x[] = {100, 1000, 10000, 0, -1}, y[] = {1, 3, 2, 4, 5};
    const struct sab_plot_series series = {"a", 0, 0, 5, x, y, NULL};
    const struct sab_plot plot = {"t", "x", "y", 1, 0, 0, &series, 1};
    char *svg = draw(&plot);
    double p[16];
    assert_int_equal(read_line(svg, p), 6);
    assert_true(fabs(p[2] - (p[0] + p[4]) / 2) < 0.1);
    free(svg);
}

static void nothing_and_a_single_point_can_be_drawn(void **unused)
{
    (void)unused;
    const double one = 3;
    const struct sab_plot_series series = {"a", 0, 1, 1, &one, &one, "mark"};
    struct sab_plot plot = {"t", "x", "y", 0, 0, 0, &series, 1};
    for (int is_log = 0; is_log < 2; is_log++)
        for (plot.n_series = 0; plot.n_series < 2; plot.n_series++) {
            plot.is_x_log = is_log;
            char *svg = draw(&plot);
            assert_null(strstr(svg, "nan"));
            assert_null(strstr(svg, "inf"));
            assert_true((strstr(svg, "fill:rgb(0%,44.7") != NULL) == (plot.n_series == 1));
            free(svg);
        }
}

/* Into numbers that the process which draws shares with this one: a word of joined letters, and these one by one. */
static void measure_joined(void *user, struct sab_drawing *to)
{
    static const char *const letters[] = {"\u0633", "\u0644", "\u0645", "\u062d"};
    double *widths = user;
    widths[0] = sab_drawing_text_width(to, 1, "\u0633\u0644\u0645\u062d");
    for (int i = 0; i < 4; i++)
        widths[1] += sab_drawing_text_width(to, 1, letters[i]);
    widths[2] = sab_drawing_text_width(to, 2, "\u0633\u0644\u0645\u062d");
}

static void joined_scripts_are_joined(void **unused)
{
    (void)unused;
    char version[32], path[] = "/tmp/sab_letters_XXXXXX";
    if (sab_cairo_check(version, NULL) != SAB_OK || !strstr(version, "Pango")) {
        print_message("skipped: letters are joined by Pango, which is not here\n");
        skip();
    }
    double *widths = mmap(NULL, 3 * sizeof *widths, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(widths != MAP_FAILED);
    close(mkstemp(path));
    assert_int_equal(sab_drawing_make(path, SAB_PICTURE_SVG, 100, 100, NULL, measure_joined, widths, NULL), SAB_OK);
    unlink(path);
    if (!(widths[0] > 0 && widths[0] < 0.95 * widths[1] && fabs(widths[2] - 2 * widths[0]) < 0.02 * widths[2]))
        fail_msg("a word is %g wide, its letters one by one %g, in twice the size %g", widths[0], widths[1], widths[2]);
    munmap(widths, 3 * sizeof *widths);
}

static void a_folder_that_is_not_there_is_told(void **unused)
{
    (void)unused;
    char version[32];
    struct sab_plot plot = {"t", "x", "y", 0, 0, 0, NULL, 0};
    struct sab_error err = {0};
    if (sab_cairo_check(version, NULL) != SAB_OK)
        skip();
    assert_int_equal(sab_plot_draw(&plot, NULL, SAB_PICTURE_SVG, "/nowhere/plot.svg", &err), SAB_IO);
    assert_non_null(strstr(err.message, "/nowhere/plot.svg"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_are_round),
        cmocka_unit_test(values_stand_in_proportion),
        cmocka_unit_test(lines_are_where_the_numbers_are),
        cmocka_unit_test(a_logarithmic_axis_spreads_decades_evenly),
        cmocka_unit_test(nothing_and_a_single_point_can_be_drawn),
        cmocka_unit_test(joined_scripts_are_joined),
        cmocka_unit_test(a_folder_that_is_not_there_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
