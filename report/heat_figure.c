/* See heat_figure.h.
 *
 *             title
 *     row     +------------------+  scale
 *     name    |  cells           |  +-+
 *     ticks   |                  |  | | numbers
 *             +------------------+  +-+
 *                 ticks
 *                 column name                     */
#include "report/heat_figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/axis.h"
#include "report/colours.h"
#include "sab_run.h"

static const double WIDTH = 454, HEIGHT = 312; /* 160 mm by 110 mm, unless the look has others */
static const double TOP = 26, BOTTOM = 36, GAP = 6, TICK = 3, LINE = 12, SCALE = 10, NAME = 14;
static const double SEAM = 0.1; /* neighbours overlap so much: viewers that smooth edges would leave a line between them */

struct layout {
    const struct sab_heat_figure *figure;
    const struct sab_recall_map *map;
    struct sab_drawing *to;
    struct sab_look look;
    double x, y, width, height; /* of the cells */
    double scale_x;
};

/* A step in words or as its number. */
static const char *label(const struct layout *l, int step, int is_row, char text[SAB_PLACE_CAP])
{
    const struct sab_heat_figure *f = l->figure;
    const char *words = f->label && step > 0 && (is_row || !l->map->is_by_lag) ? f->label(f->user, step, text) : NULL;
    if (!words || !words[0])
        snprintf(text, SAB_PLACE_CAP, "%d", step);
    return text;
}

static double label_width(const struct layout *l, int is_row)
{
    char text[SAB_PLACE_CAP];
    int last = is_row ? l->map->last[l->map->rows - 1] : l->map->first_step + l->map->columns * l->map->steps_per_column - 1;
    return fmax(sab_drawing_text_width(l->to, 1, label(l, last, is_row, text)),
                sab_drawing_text_width(l->to, 1, label(l, 1, is_row, text)));
}

static void fill(const struct layout *l, double x, double y, double width, double height, double share, int is_below)
{
    uint8_t rgb[3];
    if (!is_below)
        sab_colours_map(l->look.colours, share, rgb);
    sab_drawing_colour(l->to, is_below ? sab_colours_below_0 : rgb);
    sab_drawing_box(l->to, x, y, width, height);
}

static void draw_cells(const struct layout *l)
{
    const struct sab_recall_map *map = l->map;
    double width = l->width / map->columns, height = l->height / map->rows;
    fill(l, l->x, l->y, l->width, l->height, 0, 0);
    for (int r = 0; r < map->rows; r++)
        for (int c = 0; c < map->columns; c++) {
            double value = map->cell[(size_t)r * (size_t)map->columns + (size_t)c];
            if (value < 0 || (value > 0 && map->most > 0 && value / map->most > 1e-3)) /* less is nothing to the eye */
                fill(l, l->x + c * width, l->y + r * height, width + SEAM, height + SEAM, value / map->most, value < 0);
        }
    sab_drawing_colour(l->to, sab_colours_ink);
    sab_drawing_frame(l->to, l->x, l->y, l->width, l->height);
}

static void draw_tick(const struct layout *l, double x, double y, int is_row)
{
    const double xs[] = {x, is_row ? x - TICK : x}, ys[] = {y, is_row ? y : y + TICK};
    sab_drawing_line(l->to, xs, ys, 2, 0.6, 0);
}

static void draw_columns_axis(const struct layout *l)
{
    const struct sab_recall_map *map = l->map;
    int steps = map->columns * map->steps_per_column;
    struct sab_axis axis = {0, fmax(1, map->first_step), map->first_step + steps - 1, 0, 0};
    double ticks[SAB_TICKS_CAP];
    double room = label_width(l, 0) + GAP;
    int count = (int)fmax(1, l->width / (room + 2 * GAP)), n = sab_axis_ticks(&axis, count, 1, ticks);
    for (int more = 1; n < 2 && more <= 2; more++) { /* round steps are few: more of them may have room too */
        double closer[SAB_TICKS_CAP];
        int found = sab_axis_ticks(&axis, count + more, 1, closer);
        if (found > n && (found == 1 || (closer[1] - closer[0]) / steps * l->width >= room))
            memcpy(ticks, closer, (size_t)(n = found) * sizeof *ticks);
    }
    if (n == 0) /* none has: one in the middle */
        ticks[n++] = floor((axis.least + axis.most) / 2);
    for (int i = 0; i < n; i++) {
        char text[SAB_PLACE_CAP];
        double x = l->x + (ticks[i] - map->first_step + 0.5) / steps * l->width;
        draw_tick(l, x, l->y + l->height, 0);
        sab_drawing_text(l->to, x, l->y + l->height + TICK + LINE - 2, SAB_ANCHOR_MIDDLE, 0, 1, label(l, (int)ticks[i], 0, text));
    }
    sab_drawing_text(l->to, l->x + l->width / 2, l->y + l->height + TICK + 2 * LINE + 3, SAB_ANCHOR_MIDDLE, 0, 1,
                     sab_recall_column_name(map));
}

/* Rows are not always a step apart: a tick stands at the first row of each round step. */
static void draw_rows_axis(const struct layout *l)
{
    const struct sab_recall_map *map = l->map;
    double steps = map->last[map->rows - 1] - map->first[0] + 1;
    int every = (int)fmax(1, sab_axis_round(steps / fmax(1, l->height / 30))),
        next = map->first[0] + (every - map->first[0] % every) % every;
    for (int r = 0; r < map->rows; r++) {
        char text[SAB_PLACE_CAP];
        if (map->last[r] < next)
            continue;
        double y = l->y + (r + 0.5) / map->rows * l->height;
        draw_tick(l, l->x, y, 1);
        sab_drawing_text(l->to, l->x - TICK - 2, y + 3, SAB_ANCHOR_END, 0, 1,
                         label(l, map->first[r] < next ? next : map->first[r], 1, text));
        while (next <= map->last[r])
            next += every;
    }
    sab_drawing_text(l->to, NAME - 3, l->y + l->height / 2, SAB_ANCHOR_MIDDLE, 1, 1, l->figure->row_name);
}

static void draw_scale(const struct layout *l)
{
    enum { PARTS = 64 };
    double height = l->height * 0.6, part = height / PARTS, most = l->map->most;
    for (int i = 0; i < PARTS; i++)
        fill(l, l->scale_x, l->y + i * part, SCALE, part + 0.3, 1 - (i + 0.5) / PARTS, 0);
    sab_drawing_colour(l->to, sab_colours_ink);
    sab_drawing_frame(l->to, l->scale_x, l->y, SCALE, height);
    double every = most > 0 ? sab_axis_round(most / 5) : 0;
    for (int k = 0; every > 0 && k * every <= most * (1 + 1e-9); k++) {
        char number[24];
        snprintf(number, sizeof number, "%.4g", k * every);
        sab_drawing_text(l->to, l->scale_x + SCALE + 4, l->y + height * (1 - k * every / most) + 3, SAB_ANCHOR_START, 0, 1, number);
    }
    sab_drawing_text(l->to, l->scale_x, l->y + height + LINE + 2, SAB_ANCHOR_START, 0, 1, l->figure->value_name);
    if (l->map->least < 0) {
        fill(l, l->scale_x, l->y + height + 2 * LINE, SCALE, SCALE, 0, 1);
        sab_drawing_colour(l->to, sab_colours_ink);
        sab_drawing_text(l->to, l->scale_x + SCALE + 4, l->y + height + 2 * LINE + 8, SAB_ANCHOR_START, 0, 1, "below 0");
    }
}

static void draw(void *user, struct sab_drawing *to)
{
    struct layout *l = user;
    const struct sab_look *look = &l->look;
    l->to = to;
    double right = GAP * 3 + SCALE + fmax(42, sab_drawing_text_width(l->to, 1, l->figure->value_name));
    double left = NAME + label_width(l, 1) + 2 * GAP;
    sab_drawing_colour(l->to, sab_colours_ink);
    l->x = fmin(left, look->width / 2);
    l->y = TOP;
    l->width = fmax(look->width / 4, look->width - l->x - right);
    l->height = look->height - TOP - BOTTOM;
    l->scale_x = l->x + l->width + 2 * GAP;
    sab_drawing_text_within(l->to, l->x, TOP - 8, 1.15, look->title, look->width - l->x - GAP);
    draw_cells(l);
    draw_columns_axis(l);
    draw_rows_axis(l);
    draw_scale(l);
}

int sab_heat_figure_draw(const struct sab_heat_figure *figure, const struct sab_look *look, enum sab_picture kind, const char *path,
                         struct sab_error *err)
{
    struct layout l = {.figure = figure, .map = figure->map, .look = look ? *look : (struct sab_look){0}};
    l.look.title = l.look.title && l.look.title[0] ? l.look.title : figure->title;
    l.look.width = l.look.width > 0 ? l.look.width : WIDTH;
    l.look.height = l.look.height > 0 ? l.look.height : HEIGHT;
    return sab_drawing_make(path, kind, l.look.width, l.look.height, &l.look, draw, &l, err);
}
