/* See plot_svg.h.
 *
 *              title
 *     y name   +------------------+  legend
 *     ticks    |  lines, points   |  -- a
 *              +------------------+  -- b
 *                 ticks
 *                 x name
 *
 * Coordinates have one decimal, which no printf rounds differently. */
#include "report/plot_svg.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/memory_file.h"
#include "io/file.h"

enum { WIDTH = 560, HEIGHT = 340, LEFT = 72, TOP = 40, RIGHT = 170, BOTTOM = 56, LINE = 18, TICKS_CAP = 64 };

/* Okabe and Ito's colours, which colour-blind readers can tell apart. */
static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                      "#e69f00", "#56b4e9", "#000000", "#8c6d1f"};
enum { COLOURS = sizeof colours / sizeof colours[0] };

struct axis {
    int is_log;
    double least, most; /* logarithms, of a logarithmic axis */
    double from, to;    /* pixels */
};

/* ---- scales ---- */

static double place(const struct axis *axis, double value)
{
    double x = axis->is_log ? log10(value) : value;
    return axis->from + (axis->to - axis->from) * (x - axis->least) / (axis->most - axis->least);
}

static int is_shown(const struct sab_plot *plot, const struct sab_plot_series *series, int i)
{
    return isfinite(series->x[i]) && isfinite(series->y[i]) && (!plot->is_x_log || series->x[i] > 0);
}

static int has_marks(const struct sab_plot *plot)
{
    for (int s = 0; s < plot->n_series; s++)
        if (plot->series[s].mark)
            return 1;
    return 0;
}

static struct axis fit(const struct sab_plot *plot, int is_x)
{
    struct axis axis = {.is_log = is_x && plot->is_x_log, .least = INFINITY, .most = -INFINITY};
    for (int s = 0; s < plot->n_series; s++)
        for (int i = 0; i < plot->series[s].n; i++) {
            if (!is_shown(plot, &plot->series[s], i))
                continue;
            double value = is_x ? plot->series[s].x[i] : plot->series[s].y[i];
            value = axis.is_log ? log10(value) : value;
            axis.least = fmin(axis.least, value);
            axis.most = fmax(axis.most, value);
        }
    if (!is_x && plot->y_least < plot->y_most) {
        axis.least = plot->y_least;
        axis.most = plot->y_most;
    }
    if (!isfinite(axis.least)) { /* nothing to show */
        axis.least = 0;
        axis.most = 1;
    }
    if (!(axis.least < axis.most)) {
        axis.least -= 0.5;
        axis.most += 0.5;
    }
    double margin = has_marks(plot) ? 0.04 * (axis.most - axis.least) : 0; /* room for marks at the frame */
    axis.least -= margin;
    axis.most += margin;
    axis.from = is_x ? LEFT : TOP + HEIGHT;
    axis.to = is_x ? LEFT + WIDTH : TOP;
    return axis;
}

/* Round numbers on the axis: 1, 2, 5 times a power of ten apart, or, on a logarithmic one, these numbers themselves. */
static int find_ticks(const struct axis *axis, double ticks[TICKS_CAP])
{
    static const double steps[] = {1, 2, 5};
    double slack = 1e-9 * (axis->most - axis->least);
    int n = 0;
    if (axis->is_log) {
        for (int power = (int)floor(axis->least); power <= axis->most; power++)
            for (int k = 0; k < 3 && n < TICKS_CAP; k++) {
                double value = steps[k] * pow(10, power), x = log10(value);
                if (x >= axis->least - slack && x <= axis->most + slack)
                    ticks[n++] = value;
            }
        return n;
    }
    double rough = (axis->most - axis->least) / 6, power = pow(10, floor(log10(rough)));
    double step = rough <= power ? power : rough <= 2 * power ? 2 * power : rough <= 5 * power ? 5 * power : 10 * power;
    for (double k = ceil(axis->least / step - 1e-9); k * step <= axis->most + slack && n < TICKS_CAP; k++)
        ticks[n++] = k * step;
    return n;
}

/* ---- drawing ---- */

static void put_text(FILE *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            fputs("&lt;", to);
        else if (*text == '&')
            fputs("&amp;", to);
        else
            fputc(*text, to);
    }
}

static void write_text(FILE *to, double x, double y, const char *how, const char *text)
{
    fprintf(to, "<text x=\"%.1f\" y=\"%.1f\"%s>", x, y, how);
    put_text(to, text);
    fputs("</text>\n", to);
}

static void draw_ticks(FILE *to, const struct axis *axis, int is_x)
{
    double ticks[TICKS_CAP];
    int n = find_ticks(axis, ticks);
    for (int i = 0; i < n; i++) {
        char number[32];
        double at = place(axis, ticks[i]);
        snprintf(number, sizeof number, "%.6g", fabs(ticks[i]) < 1e-12 ? 0 : ticks[i]);
        if (is_x) {
            fprintf(to, "<path class=\"grid\" d=\"M%.1f %d V%d\"/>\n", at, TOP, TOP + HEIGHT);
            write_text(to, at, TOP + HEIGHT + LINE, " text-anchor=\"middle\"", number);
        } else {
            fprintf(to, "<path class=\"grid\" d=\"M%d %.1f H%d\"/>\n", LEFT, at, LEFT + WIDTH);
            write_text(to, LEFT - 6, at + 4, " text-anchor=\"end\"", number);
        }
    }
}

static void draw_frame(FILE *to, const struct sab_plot *plot)
{
    double middle = TOP + HEIGHT / 2.0;
    char turned[96];
    fprintf(to, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#444\"/>\n", LEFT, TOP,
            WIDTH, HEIGHT);
    write_text(to, LEFT, TOP - 14, " font-size=\"14\"", plot->title);
    write_text(to, LEFT + WIDTH / 2.0, TOP + HEIGHT + 2.3 * LINE, " text-anchor=\"middle\"", plot->x_name);
    snprintf(turned, sizeof turned, " text-anchor=\"middle\" transform=\"rotate(-90 %d %.1f)\"", 18, middle);
    write_text(to, 18, middle, turned, plot->y_name);
}

static void put_style(FILE *to, int colour)
{
    fprintf(to, " stroke=\"%s\"%s", colours[colour % COLOURS], colour >= COLOURS ? " stroke-dasharray=\"5 3\"" : "");
}

static void draw_series(FILE *to, const struct sab_plot *plot, const struct sab_plot_series *series,
                        const struct axis *x, const struct axis *y)
{
    int any = 0;
    for (int i = 0; i < series->n; i++)
        if (is_shown(plot, series, i)) {
            fprintf(to, "%s%.1f %.1f", any ? " L" : "<path class=\"line\" d=\"M", place(x, series->x[i]),
                    place(y, series->y[i]));
            any = 1;
        }
    if (any) {
        fputs("\"", to);
        put_style(to, series->colour);
        fputs("/>\n", to);
    }
    for (int i = 0; i < series->n && series->has_points; i++)
        if (is_shown(plot, series, i))
            fprintf(to, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", place(x, series->x[i]),
                    place(y, series->y[i]), colours[series->colour % COLOURS]);
}

/* Under the points of one colour and over those of the next, so that marks of near points stand apart. */
static void draw_marks(FILE *to, const struct sab_plot *plot, const struct sab_plot_series *series,
                       const struct axis *x, const struct axis *y)
{
    char how[64];
    snprintf(how, sizeof how, " text-anchor=\"middle\" font-size=\"10\" fill=\"%s\"", colours[series->colour % COLOURS]);
    for (int i = 0; i < series->n && series->mark; i++)
        if (is_shown(plot, series, i))
            write_text(to, place(x, series->x[i]), place(y, series->y[i]) + (series->colour % 2 ? -6 : 13), how,
                       series->mark);
}

static void draw_legend(FILE *to, const struct sab_plot *plot)
{
    int n = 0;
    for (int s = 0; s < plot->n_series; s++) {
        if (!plot->series[s].label)
            continue;
        double y = TOP + 10 + n++ * LINE;
        fprintf(to, "<path class=\"line\" d=\"M%d %.1f h22\"", LEFT + WIDTH + 14, y);
        put_style(to, plot->series[s].colour);
        fputs("/>\n", to);
        write_text(to, LEFT + WIDTH + 42, y + 4, "", plot->series[s].label);
    }
}

void sab_plot_write(FILE *to, const struct sab_plot *plot)
{
    struct axis x = fit(plot, 1), y = fit(plot, 0);
    fprintf(to, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
                "font-size=\"12\" fill=\"#222\">\n", LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM);
    fputs("<style>.grid{stroke:#e4e4e4;fill:none}.line{stroke-width:1.6;stroke-linejoin:round;fill:none}</style>\n",
          to);
    fputs("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n", to);
    draw_ticks(to, &x, 1);
    draw_ticks(to, &y, 0);
    draw_frame(to, plot);
    for (int s = 0; s < plot->n_series; s++)
        draw_series(to, plot, &plot->series[s], &x, &y);
    for (int s = 0; s < plot->n_series; s++)
        draw_marks(to, plot, &plot->series[s], &x, &y);
    draw_legend(to, plot);
    fputs("</svg>\n", to);
}

int sab_plot_svg(const struct sab_plot *plot, const char *path, struct sab_error *err)
{
    struct sab_memory_file file;
    FILE *to = sab_memory_open(&file);
    if (to)
        sab_plot_write(to, plot);
    if (sab_memory_close(&file, to) != 0)
        return sab_fail(err, SAB_NOMEM, "no memory for a plot");
    int status = sab_file_write_atomic(path, file.bytes, file.nbytes, err);
    sab_free(file.bytes);
    return status;
}
