/* See heat_png.h.
 *
 *              title
 *     row      +------------------+  scale
 *     name     |  cells           |  +-+
 *     ticks    |                  |  | | numbers
 *              +------------------+  +-+
 *                 ticks
 *                 past step recalled */
#include "report/heat_png.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "io/png.h"
#include "report/font.h"

enum {
    ZOOM = 2,                              /* pixels per pixel of the font */
    LETTER = SAB_FONT_ADVANCE * ZOOM,
    LINE = SAB_FONT_BASE * ZOOM,
    PLOT_WIDTH = 960, PLOT_HEIGHT = 640,   /* what cells are sized for */
    CELL_MOST = 32,
    GAP = 12, TICK = 6,
    LEFT = 2 * GAP + LINE + 8 * LETTER,    /* row name, tick numbers */
    TOP = 2 * GAP + LINE,
    BOTTOM = 4 * GAP + 2 * LINE,
    SCALE_WIDTH = 20,
    RIGHT = 3 * GAP + SCALE_WIDTH + 8 * LETTER
};

struct canvas {
    int width, height;
    uint8_t *rgb;
};

static const uint8_t ink[3] = {40, 40, 40}, below_0[3] = {150, 185, 230};

void sab_heat_colour(double x, uint8_t rgb[3])
{
    static const uint8_t anchors[][3] = {{255, 255, 255}, {253, 234, 196}, {251, 194, 122},
                                         {242, 145, 74},  {220, 92, 74},   {180, 52, 94},
                                         {125, 29, 102},  {71, 18, 87},    {26, 10, 51}};
    enum { PARTS = sizeof anchors / sizeof anchors[0] - 1 };
    double at = (x > 0 ? x < 1 ? x : 1 : 0) * PARTS;
    int i = at < PARTS ? (int)at : PARTS - 1;
    for (int k = 0; k < 3; k++)
        rgb[k] = (uint8_t)lround(anchors[i][k] + (at - i) * (anchors[i + 1][k] - anchors[i][k]));
}

static void fill(struct canvas *canvas, int x, int y, int width, int height, const uint8_t rgb[3])
{
    for (int j = y; j < y + height; j++)
        for (int i = x; i < x + width; i++)
            if (i >= 0 && i < canvas->width && j >= 0 && j < canvas->height)
                memcpy(canvas->rgb + ((size_t)j * (size_t)canvas->width + (size_t)i) * 3, rgb, 3);
}

static void frame(struct canvas *canvas, int x, int y, int width, int height)
{
    fill(canvas, x - 1, y - 1, width + 2, 1, ink);
    fill(canvas, x - 1, y + height, width + 2, 1, ink);
    fill(canvas, x - 1, y - 1, 1, height + 2, ink);
    fill(canvas, x + width, y - 1, 1, height + 2, ink);
}

/* Text with its top left corner at (x, y); is_up: turned to be read from below, its bottom left corner there. */
static void write_text(struct canvas *canvas, int x, int y, const char *text, int is_up)
{
    for (int k = 0; text[k]; k++)
        for (int j = 0; j < SAB_FONT_HEIGHT; j++)
            for (int i = 0; i < SAB_FONT_WIDTH; i++) {
                int along = (k * SAB_FONT_ADVANCE + i) * ZOOM, down = j * ZOOM;
                if (!sab_font_pixel(text[k], i, j))
                    continue;
                if (is_up)
                    fill(canvas, x + down, y - along - ZOOM, ZOOM, ZOOM, ink);
                else
                    fill(canvas, x + along, y + down, ZOOM, ZOOM, ink);
            }
}

static int text_width(const char *text)
{
    return (int)strlen(text) * LETTER - ZOOM;
}

/* The smallest of 1, 2, 5, 10, 20, ... that is at least n. */
static int nice_step(double n)
{
    int step = 1;
    for (int i = 0; step < n && step < 1000000000; i++)
        step = i % 3 == 1 ? step / 2 * 5 : step * 2;
    return step;
}

/* The smallest 1, 2 or 5 times a power of ten that is at least x; 0 for 0. */
static double nice_fraction(double x)
{
    if (!(x > 0))
        return 0;
    double power = pow(10, floor(log10(x)));
    return x <= power ? power : x <= 2 * power ? 2 * power : x <= 5 * power ? 5 * power : 10 * power;
}

static const char column_name[] = "past step recalled";

struct layout {
    int cell_width, cell_height, width, height; /* of the plot */
    int scale_x, room;                          /* where the scale is; height of plot, scale and row name */
};

static int max(int a, int b)
{
    return a > b ? a : b;
}

/* A map of few cells leaves room for the names beside it all the same. */
static struct layout lay_out(const struct sab_recall_map *map, const char *row_name)
{
    struct layout l = {.cell_width = PLOT_WIDTH / map->columns, .cell_height = PLOT_HEIGHT / map->rows};
    l.cell_width = l.cell_width < 1 ? 1 : l.cell_width > CELL_MOST ? CELL_MOST : l.cell_width;
    l.cell_height = l.cell_height < 1 ? 1 : l.cell_height > CELL_MOST ? CELL_MOST : l.cell_height;
    l.width = l.cell_width * map->columns;
    l.height = l.cell_height * map->rows;
    l.scale_x = LEFT + max(l.width, l.width / 2 + text_width(column_name) / 2) + 2 * GAP;
    l.room = max(max(l.height, 8 * LINE), text_width(row_name));
    return l;
}

static void draw_cells(struct canvas *canvas, const struct sab_recall_map *map, const struct layout *l)
{
    for (int r = 0; r < map->rows; r++)
        for (int c = 0; c < map->columns; c++) {
            uint8_t rgb[3];
            double value = map->cell[(size_t)r * (size_t)map->columns + (size_t)c];
            sab_heat_colour(map->most > 0 ? value / map->most : 0, rgb);
            fill(canvas, LEFT + c * l->cell_width, TOP + r * l->cell_height, l->cell_width, l->cell_height,
                 value < 0 ? below_0 : rgb);
        }
    frame(canvas, LEFT, TOP, l->width, l->height);
}

/* Ticks at round steps; a column holds several steps where steps_per_column > 1, and its tick is in the column's part
 * that is the step's. */
static void draw_columns_axis(struct canvas *canvas, const struct sab_recall_map *map, const struct layout *l)
{
    double pixels_per_step = (double)l->cell_width / map->steps_per_column;
    int last = map->first_step + map->columns * map->steps_per_column - 1, every = nice_step(6.0 * LETTER / pixels_per_step);
    int y = TOP + l->height;
    for (int step = 1; step <= last; step += step == 1 && every > 1 ? every - 1 : every) {
        char number[16];
        snprintf(number, sizeof number, "%d", step);
        int x = LEFT + (int)((step - map->first_step + 0.5) * pixels_per_step);
        fill(canvas, x - 1, y, ZOOM, TICK, ink);
        if (step > 1 || every * pixels_per_step >= 4.0 * LETTER)
            write_text(canvas, x - text_width(number) / 2, y + TICK + 4, number, 0);
    }
    write_text(canvas, LEFT + (l->width - text_width(column_name)) / 2, y + TICK + LINE + GAP + 4, column_name, 0);
}

static void draw_rows_axis(struct canvas *canvas, const struct sab_recall_map *map, const struct layout *l,
                           const char *name)
{
    int every = nice_step(1.6 * LINE / l->cell_height);
    for (int r = 0; r < map->rows; r += every) {
        char number[16];
        int n = snprintf(number, sizeof number, "%d", map->first[r]);
        int y = TOP + r * l->cell_height + l->cell_height / 2;
        fill(canvas, LEFT - TICK, y - 1, TICK, ZOOM, ink);
        write_text(canvas, LEFT - TICK - 4 - n * LETTER, y - LINE / 2, number, 0);
    }
    write_text(canvas, GAP, TOP + max(l->height / 2 + text_width(name) / 2, text_width(name)), name, 1);
}

static void draw_scale(struct canvas *canvas, const struct sab_recall_map *map, const struct layout *l,
                       const char *value_name)
{
    int x = l->scale_x, height = max(l->height, 8 * LINE);
    for (int j = 0; j < height; j++) {
        uint8_t rgb[3];
        sab_heat_colour(1 - (j + 0.5) / height, rgb);
        fill(canvas, x, TOP + j, SCALE_WIDTH, 1, rgb);
    }
    frame(canvas, x, TOP, SCALE_WIDTH, height);
    double every = nice_fraction(map->most / 5);
    for (int k = 0; every > 0 && k * every <= map->most * (1 + 1e-9); k++) {
        char number[24];
        snprintf(number, sizeof number, "%.4g", k * every);
        int y = TOP + height - (int)lround(height * k * every / map->most);
        fill(canvas, x + SCALE_WIDTH, y - 1, TICK, ZOOM, ink);
        write_text(canvas, x + SCALE_WIDTH + TICK + 4, y - LINE / 2, number, 0);
    }
    write_text(canvas, x, TOP + height + GAP, value_name, 0);
    if (map->least < 0) {
        int y = TOP + height + GAP + LINE + TICK;
        fill(canvas, x, y, SCALE_WIDTH, LINE, below_0);
        write_text(canvas, x + SCALE_WIDTH + TICK + 4, y, "below 0", 0);
    }
}

int sab_heat_png(const struct sab_recall_map *map, const char *title, const char *row_name, const char *value_name,
                 const char *path, struct sab_error *err)
{
    struct layout l = lay_out(map, row_name);
    int width = l.scale_x + RIGHT - 2 * GAP;
    struct canvas canvas = {max(width, LEFT + text_width(title) + GAP), TOP + l.room + BOTTOM, NULL};
    size_t nbytes = (size_t)canvas.width * (size_t)canvas.height * 3;
    canvas.rgb = sab_alloc(nbytes, 1);
    if (!canvas.rgb)
        return sab_fail(err, SAB_NOMEM, "no memory for a picture of %d x %d", canvas.width, canvas.height);
    memset(canvas.rgb, 255, nbytes);
    write_text(&canvas, LEFT, GAP, title, 0);
    draw_cells(&canvas, map, &l);
    draw_columns_axis(&canvas, map, &l);
    draw_rows_axis(&canvas, map, &l, row_name);
    draw_scale(&canvas, map, &l, value_name);
    int status = sab_png_write(path, canvas.width, canvas.height, canvas.rgb, err);
    sab_free(canvas.rgb);
    return status;
}
