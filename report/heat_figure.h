/* A recall map as a figure: cells in colours, axes with ticks at round steps or with times, a scale. */
#ifndef SAB_REPORT_HEAT_FIGURE_H
#define SAB_REPORT_HEAT_FIGURE_H

#include "report/drawing.h"
#include "report/recall_map.h"

/* Caps of a map that makes a good figure: so many cells as lines of print or pixels can show. */
enum { SAB_HEAT_FIGURE_COLUMNS = 400, SAB_HEAT_FIGURE_ROWS = 260 };

struct sab_heat_figure {
    const struct sab_recall_map *map;
    const char *title, *row_name, *value_name;
    /* what is written at a step instead of its number, into text of SAB_PLACE_CAP bytes: NULL, the number; of columns,
     * where they are steps */
    const char *(*label)(void *user, int step, char *text);
    void *user;
};

/* Draws it into a file. look may be NULL. Errors as sab_drawing_make has them. */
int sab_heat_figure_draw(const struct sab_heat_figure *figure, const struct sab_look *look, enum sab_picture kind, const char *path,
                         struct sab_error *err);

#endif
