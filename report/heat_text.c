/* See heat_text.h. */
#include "report/heat_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

enum { LABEL_WIDTH = 13, LEVELS = 5, BYTES_PER_CELL = 3, LINE_CAP = 512 };

static const char *const blocks[LEVELS] = {" ", "\u2591", "\u2592", "\u2593", "\u2588"};
static const char below_0[] = "-";
static const char *const letters[LEVELS] = {" ", ".", ":", "*", "#"};

struct text {
    char *bytes;
    size_t used, cap;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text->bytes + text->used, text->cap - text->used, format, args);
    va_end(args);
    if (n > 0 && text->used + (size_t)n < text->cap)
        text->used += (size_t)n;
}

/* Level l covers (l - 1/2) / (LEVELS - 1) to (l + 1/2) / (LEVELS - 1) of the largest; what is below 0, or no number, is
 * level 0. */
static int level(double value, double most)
{
    if (!(value > 0 && most > 0))
        return 0;
    int l = value < most ? (int)(value / most * (LEVELS - 1) + 0.5) : LEVELS - 1;
    return l < LEVELS ? l : LEVELS - 1;
}

static const char *cell_shade(const struct sab_recall_map *map, int r, int c, const char *const *shades)
{
    double value = map->cell[(size_t)r * (size_t)map->columns + (size_t)c];
    return value < 0 ? below_0 : shades[level(value, map->most)];
}

/* The numbers under the columns: the step that a column begins with, at each tenth column and where there is room. */
static void put_axis(struct text *text, const struct sab_recall_map *map)
{
    char ticks[SAB_HEAT_TEXT_WIDTH + 1], numbers[SAB_HEAT_TEXT_WIDTH + 16];
    memset(ticks, '-', sizeof ticks);
    memset(numbers, ' ', sizeof numbers);
    int end = 0;
    for (int c = 0; c < map->columns; c++) {
        char number[16];
        int n = snprintf(number, sizeof number, "%d", map->first_step + c * map->steps_per_column);
        if (c % 10 || c < end || LABEL_WIDTH + 2 + c + n > SAB_HEAT_TEXT_WIDTH)
            continue;
        ticks[c] = '+';
        memcpy(numbers + c, number, (size_t)n);
        end = c + n + 1;
    }
    put(text, "%*s +%.*s\n", LABEL_WIDTH, "", map->columns, ticks);
    put(text, "%*s  %.*s\n", LABEL_WIDTH, "", end > 0 ? end - 1 : 0, numbers);
}

static void put_legend(struct text *text, const struct sab_recall_map *map, const char *value_name,
                       const char *const *shades)
{
    put(text, "%*s  %s", LABEL_WIDTH, "", sab_recall_column_name(map));
    if (map->steps_per_column > 1)
        put(text, ", %d a column", map->steps_per_column);
    put(text, "\n%*s  mean %s:", LABEL_WIDTH, "", value_name);
    for (int l = 1; l < LEVELS; l++)
        put(text, "  %s %.2g", shades[l], map->most * l / (LEVELS - 1));
    if (map->least < 0)
        put(text, "  %s below 0", below_0);
    put(text, "\n");
}

char *sab_heat_text(const struct sab_recall_map *map, const char *row_name, const char *value_name, int unicode,
                    struct sab_error *err)
{
    const char *const *shades = unicode ? blocks : letters;
    struct text text = {.cap = ((size_t)map->rows + 8) * ((size_t)map->columns * BYTES_PER_CELL + LINE_CAP)};
    text.bytes = sab_alloc(text.cap, 1);
    if (!text.bytes) {
        sab_fail(err, SAB_NOMEM, "no memory for a map of %d lines", map->rows);
        return NULL;
    }
    put(&text, "%*s\n", LABEL_WIDTH, row_name);
    for (int r = 0; r < map->rows; r++) {
        char label[32];
        int n = snprintf(label, sizeof label, "%d-%d", map->first[r], map->last[r]);
        if (map->first[r] == map->last[r] || n > LABEL_WIDTH)
            snprintf(label, sizeof label, "%d", map->first[r]);
        put(&text, "%*s |", LABEL_WIDTH, label);
        int end = map->columns;
        while (end > 0 && cell_shade(map, r, end - 1, shades)[0] == ' ')
            end--;
        for (int c = 0; c < end; c++)
            put(&text, "%s", cell_shade(map, r, c, shades));
        put(&text, "\n");
    }
    put_axis(&text, map);
    put_legend(&text, map, value_name, shades);
    return text.bytes;
}
