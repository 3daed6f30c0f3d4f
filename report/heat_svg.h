/* A recall map as a vector picture for papers: text is text, in the reader's sans-serif font, and cells are rectangles. The same colours
 * and axes as the PNG. */
#ifndef SAB_REPORT_HEAT_SVG_H
#define SAB_REPORT_HEAT_SVG_H

#include "report/recall_map.h"

enum { SAB_HEAT_SVG_COLUMNS = 300, SAB_HEAT_SVG_ROWS = 200 }; /* caps: each cell with something in it is an element */

/* As sab_heat_png; any UTF-8 may be in the names. */
int sab_heat_svg(const struct sab_recall_map *map, const char *title, const char *row_name, const char *value_name,
                 const char *path, struct sab_error *err);

#endif
