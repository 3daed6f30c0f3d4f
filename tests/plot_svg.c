/* A plot is well-formed, has its points where they belong, round ticks, and leaves out what no axis can show. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/plot_svg.h"

static char *write(const struct sab_plot *plot)
{
    char *text = NULL;
    size_t nbytes;
    FILE *to = open_memstream(&text, &nbytes);
    sab_plot_write(to, plot);
    fclose(to);
    return text;
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        n++;
    return n;
}

static void test_points_and_ticks(void **unused)
{
    (void)unused;
    const double x[] = {0, 1000, 2000, NAN}, y[] = {0, 0.5, 1, 1};
    const struct sab_plot_series series[] = {{"a < b & c", 0, 1, 4, x, y, NULL}, {NULL, 0, 0, 0, x, y, NULL}};
    const struct sab_plot plot = {"title", "updates", "accuracy", 0, 0, 1, series, 2};
    char *text = write(&plot);
    assert_non_null(strstr(text, "d=\"M72.0 380.0 L352.0 210.0 L632.0 40.0\"")); /* corner to corner */
    assert_int_equal(count(text, "<circle"), 3);
    assert_non_null(strstr(text, "a &lt; b &amp; c</text>"));
    for (int i = 0; i <= 4; i++) {
        char tick[32];
        snprintf(tick, sizeof tick, ">%d</text>", 500 * i);
        assert_non_null(strstr(text, tick));
    }
    assert_non_null(strstr(text, ">0.2</text>"));
    assert_int_equal(count(text, "class=\"line\""), 2); /* the line, and its legend */
    assert_int_equal(strncmp(text, "<svg ", 5), 0);
    assert_string_equal(text + strlen(text) - 7, "</svg>\n");
    free(text);
}

static void test_logarithmic_axis(void **unused)
{
    (void)unused;
    const double x[] = {100, 1000, 10000, 0, -1}, y[] = {1, 2, 3, 4, 5};
    const struct sab_plot_series series = {"a", 9, 1, 5, x, y, NULL};
    const struct sab_plot plot = {"t", "x", "y", 1, 0, 0, &series, 1};
    char *text = write(&plot);
    assert_non_null(strstr(text, "d=\"M72.0 380.0 L352.0 210.0 L632.0 40.0\""));
    assert_int_equal(count(text, "<circle"), 3);
    assert_non_null(strstr(text, ">200</text>"));
    assert_non_null(strstr(text, "stroke-dasharray")); /* the tenth colour is the second, dashed */
    free(text);
}

static void test_marks(void **unused)
{
    (void)unused;
    const double x[] = {100, 1000}, y[] = {0, 1};
    const struct sab_plot_series series[] = {{"a", 0, 1, 2, x, y, "k < 5"}, {NULL, 1, 1, 2, x, y, "6"}};
    const struct sab_plot plot = {"t", "x", "y", 1, 0, 1, series, 2};
    char *text = write(&plot);
    assert_int_equal(count(text, ">k &lt; 5</text>"), 2);
    assert_int_equal(count(text, ">6</text>"), 2);
    assert_null(strstr(text, "cx=\"72.0\"")); /* points keep off the frame, to leave room */
    assert_null(strstr(text, "cy=\"40.0\""));
    free(text);
}

static void test_nothing_and_a_single_point(void **unused)
{
    (void)unused;
    const double one = 3;
    const struct sab_plot_series series = {"a", 0, 1, 1, &one, &one, NULL};
    struct sab_plot plot = {"t", "x", "y", 0, 0, 0, &series, 1};
    char *text = write(&plot);
    assert_non_null(strstr(text, "cx=\"352.0\" cy=\"210.0\""));
    assert_null(strstr(text, "nan"));
    free(text);
    plot.n_series = 0;
    text = write(&plot);
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
    free(text);
}

static void test_unwritable(void **unused)
{
    (void)unused;
    struct sab_plot plot = {"t", "x", "y", 0, 0, 0, NULL, 0};
    struct sab_error err = {0};
    assert_int_equal(sab_plot_svg(&plot, "/nowhere/plot.svg", &err), SAB_IO);
    assert_non_null(strstr(err.message, "/nowhere/plot.svg"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points_and_ticks),
        cmocka_unit_test(test_logarithmic_axis),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_nothing_and_a_single_point),
        cmocka_unit_test(test_unwritable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
