/* See plot.h.
 *
 *      title
 *   y  +------------------+  -- a
 *      |   lines          |  -- b
 *      +------------------+
 *          ticks, x name                                                                       */
#include "report/plot.h"

#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "report/axis.h"
#include "report/colours.h"

static const double WIDTH = 420, HEIGHT = 250; /* unless the look has others */
static const double LEFT = 48 /* or more, for long numbers */, NAME = 16, TOP = 26, BOTTOM = 36, GAP = 6, LINE = 13, SAMPLE = 18;

struct layout {
    const struct sab_plot *plot;
    struct sab_drawing *to;
    struct sab_axis x, y;
    double *px, *py; /* room for the places of a series' points */
    struct sab_look look;
};

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

/* The values that the axis has to show. */
static struct sab_axis fit(const struct sab_plot *plot, int is_x)
{
    struct sab_axis axis = {.is_log = is_x && plot->is_x_log, .least = INFINITY, .most = -INFINITY};
    for (int s = 0; s < plot->n_series; s++)
        for (int i = 0; i < plot->series[s].n; i++)
            if (is_shown(plot, &plot->series[s], i)) {
                double value = is_x ? plot->series[s].x[i] : plot->series[s].y[i];
                axis.least = fmin(axis.least, value);
                axis.most = fmax(axis.most, value);
            }
    if (!is_x && plot->y_least < plot->y_most) {
        axis.least = plot->y_least;
        axis.most = plot->y_most;
    }
    if (!isfinite(axis.least)) { /* nothing to show */
        axis.least = 1;
        axis.most = 2;
    }
    double margin = has_marks(plot) ? 0.04 : 0; /* room for marks at the frame */
    if (axis.is_log) {
        double factor = axis.least < axis.most ? pow(axis.most / axis.least, margin) : 2;
        axis.least /= factor;
        axis.most *= factor;
    } else {
        double more = axis.least < axis.most ? margin * (axis.most - axis.least) : fmax(0.5, 0.05 * fabs(axis.most));
        axis.least -= more;
        axis.most += more;
    }
    return axis;
}

static int tick_count(const struct sab_axis *axis, int is_x)
{
    return (int)fmax(2, fabs(axis->to - axis->from) / (is_x ? 48 : 30));
}

static void write_number(double value, char text[32])
{
    snprintf(text, 32, "%.6g", value);
}

/* What the numbers of the y axis, and its name, need beside the plot. */
static double numbers_width(struct layout *l)
{
    double ticks[SAB_TICKS_CAP], widest = 0;
    int n = sab_axis_ticks(&l->y, tick_count(&l->y, 0), 0, ticks);
    for (int i = 0; i < n; i++) {
        char number[32];
        write_number(ticks[i], number);
        widest = fmax(widest, sab_drawing_text_width(l->to, 1, number));
    }
    return fmax(LEFT, NAME + widest + GAP);
}

static void draw_ticks(struct layout *l, const struct sab_axis *axis, int is_x)
{
    double ticks[SAB_TICKS_CAP];
    int n = sab_axis_ticks(axis, tick_count(axis, is_x), 0, ticks);
    for (int i = 0; i < n; i++) {
        char number[32];
        double at = sab_axis_place(axis, ticks[i]);
        double line_x[] = {is_x ? at : l->x.from, is_x ? at : l->x.to}, line_y[] = {is_x ? l->y.to : at, is_x ? l->y.from : at};
        write_number(ticks[i], number);
        sab_drawing_colour(l->to, sab_colours_grid);
        sab_drawing_line(l->to, line_x, line_y, 2, 0.6, 0);
        sab_drawing_colour(l->to, sab_colours_ink);
        if (is_x)
            sab_drawing_text(l->to, at, l->y.from + LINE, SAB_ANCHOR_MIDDLE, 0, 1, number);
        else
            sab_drawing_text(l->to, l->x.from - GAP, at + 3, SAB_ANCHOR_END, 0, 1, number);
    }
}

static void draw_series(struct layout *l, const struct sab_plot_series *series)
{
    int n = 0;
    for (int i = 0; i < series->n; i++)
        if (is_shown(l->plot, series, i)) {
            l->px[n] = sab_axis_place(&l->x, series->x[i]);
            l->py[n++] = sab_axis_place(&l->y, series->y[i]);
        }
    sab_drawing_colour(l->to, sab_colours_line(series->colour));
    sab_drawing_line(l->to, l->px, l->py, n, 1.2, sab_colours_is_dashed(series->colour));
    for (int i = 0; i < n && (series->has_points || n == 1); i++)
        sab_drawing_dot(l->to, l->px[i], l->py[i], 2.2);
}

/* Under the points of one colour and over those of the next, so that marks of near points stand apart. */
static void draw_marks(struct layout *l, const struct sab_plot_series *series)
{
    sab_drawing_colour(l->to, sab_colours_line(series->colour));
    for (int i = 0; i < series->n && series->mark; i++)
        if (is_shown(l->plot, series, i))
            sab_drawing_text(l->to, sab_axis_place(&l->x, series->x[i]), sab_axis_place(&l->y, series->y[i]) +
                             (series->colour % 2 ? -GAP : GAP + 5), SAB_ANCHOR_MIDDLE, 0, 0.85, series->mark);
}

static void draw_legend(struct layout *l)
{
    double y = TOP + LINE / 2;
    int left = 0;
    for (int s = 0; s < l->plot->n_series; s++)
        left += l->plot->series[s].label != NULL;
    for (int s = 0; s < l->plot->n_series; s++) {
        const struct sab_plot_series *series = &l->plot->series[s];
        if (!series->label)
            continue;
        if (left-- > 1 && y + LINE > l->look.height - LINE) { /* the last line says how many have none */
            char more[32];
            snprintf(more, sizeof more, "and %d more", left + 1);
            sab_drawing_colour(l->to, sab_colours_ink);
            sab_drawing_text(l->to, l->x.to + 2 * GAP, y + 3, SAB_ANCHOR_START, 0, 1, more);
            return;
        }
        double line_x[] = {l->x.to + 2 * GAP, l->x.to + 2 * GAP + SAMPLE}, line_y[] = {y, y};
        sab_drawing_colour(l->to, sab_colours_line(series->colour));
        sab_drawing_line(l->to, line_x, line_y, 2, 1.2, sab_colours_is_dashed(series->colour));
        sab_drawing_colour(l->to, sab_colours_ink);
        sab_drawing_text_within(l->to, l->x.to + 3 * GAP + SAMPLE, y + 3, 1, series->label, l->look.width - l->x.to - 4 * GAP - SAMPLE);
        y += LINE;
    }
}

/* What the legend needs beside the plot. */
static double legend_width(struct sab_drawing *to, const struct sab_plot *plot)
{
    double widest = 0;
    for (int s = 0; s < plot->n_series; s++)
        if (plot->series[s].label)
            widest = fmax(widest, sab_drawing_text_width(to, 1, plot->series[s].label));
    return widest > 0 ? widest + SAMPLE + 4 * GAP : 2 * GAP;
}

static void draw(void *user, struct sab_drawing *to)
{
    struct layout *l = user;
    double width = l->look.width, height = l->look.height;
    l->to = to;
    l->x = fit(l->plot, 1);
    l->y = fit(l->plot, 0);
    l->y.from = height - BOTTOM;
    l->y.to = TOP;
    l->x.from = numbers_width(l);
    l->x.to = fmax(l->x.from + width / 4, width - legend_width(l->to, l->plot));
    draw_ticks(l, &l->x, 1);
    draw_ticks(l, &l->y, 0);
    sab_drawing_frame(l->to, l->x.from, TOP, l->x.to - l->x.from, l->y.from - TOP);
    sab_drawing_text_within(l->to, l->x.from, TOP - 8, 1.15, l->look.title, width - l->x.from - GAP);
    sab_drawing_text(l->to, (l->x.from + l->x.to) / 2, height - 8, SAB_ANCHOR_MIDDLE, 0, 1, l->plot->x_name);
    sab_drawing_text(l->to, 11, (TOP + l->y.from) / 2, SAB_ANCHOR_MIDDLE, 1, 1, l->plot->y_name);
    sab_drawing_clip(l->to, l->x.from, TOP - 3, l->x.to - l->x.from + 3, l->y.from - TOP + 6);
    for (int s = 0; s < l->plot->n_series; s++)
        draw_series(l, &l->plot->series[s]);
    sab_drawing_unclip(l->to);
    for (int s = 0; s < l->plot->n_series; s++)
        draw_marks(l, &l->plot->series[s]);
    draw_legend(l);
}

int sab_plot_draw(const struct sab_plot *plot, const struct sab_look *look, enum sab_picture kind, const char *path, struct sab_error *err)
{
    struct layout l = {.plot = plot, .look = look ? *look : (struct sab_look){0}};
    int most = 1;
    l.look.title = l.look.title && l.look.title[0] ? l.look.title : plot->title;
    l.look.width = l.look.width > 0 ? l.look.width : WIDTH;
    l.look.height = l.look.height > 0 ? l.look.height : HEIGHT;
    for (int s = 0; s < plot->n_series; s++)
        most = plot->series[s].n > most ? plot->series[s].n : most;
    l.px = sab_alloc((size_t)most, sizeof *l.px);
    l.py = sab_alloc((size_t)most, sizeof *l.py);
    int status = l.px && l.py ? sab_drawing_make(path, kind, l.look.width, l.look.height, &l.look, draw, &l, err)
                              : sab_fail(err, SAB_NOMEM, "no memory for a plot of %d points", most);
    sab_free(l.px);
    sab_free(l.py);
    return status;
}
