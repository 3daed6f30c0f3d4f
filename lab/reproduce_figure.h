/* The figure of a table, from its results. */
#ifndef SAB_LAB_REPRODUCE_FIGURE_H
#define SAB_LAB_REPRODUCE_FIGURE_H

#include "lab/reproduce_print.h"

/* Draws it into path as SVG. *drawn is 0 where the table has no such figure, or no results for it yet. */
int sab_table_draw(const struct sab_table_results *loaded, const char *path, int *drawn, struct sab_error *err);

/* What the figure shows, one line. */
const char *sab_table_figure_title(const struct sab_table *table);

#endif
