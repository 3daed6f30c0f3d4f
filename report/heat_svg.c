/* See heat_svg.h. Coordinates have one or two decimals, which no printf rounds differently. */
#include "report/heat_svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/memory_file.h"
#include "io/file.h"
#include "report/heat_png.h"

enum { LEFT = 62, TOP = 34, WIDTH = 480, HEIGHT = 320, SCALE = 14, RIGHT = 92, BOTTOM = 46 };

static void write_text(FILE *to, double x, double y, const char *how, const char *text)
{
    fprintf(to, "<text x=\"%.1f\" y=\"%.1f\"%s>", x, y, how);
    for (; *text; text++)
        if (*text == '<')
            fputs("&lt;", to);
        else if (*text == '&')
            fputs("&amp;", to);
        else if ((unsigned char)*text >= ' ' || *text == '\t') /* XML has no other control characters */
            fputc(*text, to);
    fputs("</text>\n", to);
}

/* 1, 2 or 5 times a power of ten, at least x. */
static double round_step(double x)
{
    double power = pow(10, floor(log10(x)));
    return x <= power ? power : x <= 2 * power ? 2 * power : x <= 5 * power ? 5 * power : 10 * power;
}

static void fill(FILE *to, double x, double y, double width, double height, double share, int is_below)
{
    uint8_t rgb[3] = {150, 185, 230}; /* of what is below 0 */
    if (!is_below)
        sab_heat_colour(share, rgb);
    fprintf(to, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"#%02x%02x%02x\"/>\n", x, y, width, height, rgb[0],
            rgb[1], rgb[2]);
}

static void draw_cells(FILE *to, const struct sab_recall_map *map)
{
    double width = (double)WIDTH / map->columns, height = (double)HEIGHT / map->rows;
    fputs("<g shape-rendering=\"crispEdges\">\n", to);
    for (int r = 0; r < map->rows; r++)
        for (int c = 0; c < map->columns; c++) {
            double value = map->cell[(size_t)r * (size_t)map->columns + (size_t)c];
            if (value < 0 || (value > 0 && map->most > 0 && value / map->most > 1e-3)) /* less is white to the eye */
                fill(to, LEFT + c * width, TOP + r * height, width, height, value / map->most, value < 0);
        }
    fputs("</g>\n", to);
    fprintf(to, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#444\"/>\n", LEFT, TOP, WIDTH, HEIGHT);
}

/* Ticks at round steps. */
static void draw_columns_axis(FILE *to, const struct sab_recall_map *map)
{
    int steps = map->columns * map->steps_per_column;
    int every = (int)fmax(1, round_step(steps / 8.0));
    for (int step = every; step < map->first_step + steps; step += every) {
        char number[16];
        double x = LEFT + (step - map->first_step + 0.5) / steps * WIDTH;
        snprintf(number, sizeof number, "%d", step);
        fprintf(to, "<path d=\"M%.1f %d v4\" stroke=\"#444\"/>\n", x, TOP + HEIGHT);
        write_text(to, x, TOP + HEIGHT + 17, " text-anchor=\"middle\"", number);
    }
    write_text(to, LEFT + WIDTH / 2.0, TOP + HEIGHT + 36, " text-anchor=\"middle\"", "past step recalled");
}

/* Rows are not always a step apart: a tick stands at the first row of each round step. */
static void draw_rows_axis(FILE *to, const struct sab_recall_map *map, const char *name)
{
    int steps = map->last[map->rows - 1] - map->first[0] + 1;
    int every = (int)fmax(1, round_step(steps / 8.0)), next = map->first[0] + (every - map->first[0] % every) % every;
    char turned[96];
    for (int r = 0; r < map->rows; r++) {
        char number[16];
        if (map->last[r] < next)
            continue;
        double y = TOP + (r + 0.5) / map->rows * HEIGHT;
        snprintf(number, sizeof number, "%d", map->first[r] < next ? next : map->first[r]);
        fprintf(to, "<path d=\"M%d %.1f h-4\" stroke=\"#444\"/>\n", LEFT, y);
        write_text(to, LEFT - 7, y + 4, " text-anchor=\"end\"", number);
        while (next <= map->last[r])
            next += every;
    }
    snprintf(turned, sizeof turned, " text-anchor=\"middle\" transform=\"rotate(-90 %d %.1f)\"", 16, TOP + HEIGHT / 2.0);
    write_text(to, 16, TOP + HEIGHT / 2.0, turned, name);
}

static void draw_scale(FILE *to, const struct sab_recall_map *map, const char *name)
{
    enum { PARTS = 64 };
    double x = LEFT + WIDTH + 18, height = HEIGHT * 0.6, part = height / PARTS;
    for (int i = 0; i < PARTS; i++)
        fill(to, x, TOP + i * part, SCALE, part + 0.3, 1 - (i + 0.5) / PARTS, 0);
    fprintf(to, "<rect x=\"%.1f\" y=\"%d\" width=\"%d\" height=\"%.1f\" fill=\"none\" stroke=\"#444\"/>\n", x, TOP, SCALE, height);
    double every = map->most > 0 ? round_step(map->most / 5) : 0;
    for (int k = 0; every > 0 && k * every <= map->most * (1 + 1e-9); k++) {
        char number[24];
        snprintf(number, sizeof number, "%.4g", k * every);
        write_text(to, x + SCALE + 5, TOP + height * (1 - k * every / map->most) + 4, "", number);
    }
    write_text(to, x, TOP + height + 18, "", name);
    if (map->least < 0) {
        fill(to, x, TOP + height + 28, SCALE, SCALE, 0, 1);
        write_text(to, x + SCALE + 5, TOP + height + 39, "", "below 0");
    }
}

int sab_heat_svg(const struct sab_recall_map *map, const char *title, const char *row_name, const char *value_name,
                 const char *path, struct sab_error *err)
{
    struct sab_memory_file file;
    FILE *to = sab_memory_open(&file);
    if (to) {
        fprintf(to, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" "
                "font-size=\"12\" fill=\"#222\">\n", LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM, LEFT + WIDTH + RIGHT,
                TOP + HEIGHT + BOTTOM);
        fputs("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n", to);
        write_text(to, LEFT, TOP - 12, " font-size=\"14\"", title);
        draw_cells(to, map);
        draw_columns_axis(to, map);
        draw_rows_axis(to, map, row_name);
        draw_scale(to, map, value_name);
        fputs("</svg>\n", to);
    }
    if (sab_memory_close(&file, to) != 0)
        return sab_fail(err, SAB_NOMEM, "no memory for a picture");
    int status = sab_file_write_atomic(path, file.bytes, file.nbytes, err);
    sab_free(file.bytes);
    return status;
}
