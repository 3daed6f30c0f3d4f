/* A recall map as a picture: white for nothing, darker for more, blue for a mean below 0, with axes, tick numbers and a scale. */
#ifndef SAB_REPORT_HEAT_PNG_H
#define SAB_REPORT_HEAT_PNG_H

#include "report/recall_map.h"

enum { SAB_HEAT_PNG_COLUMNS = 1200, SAB_HEAT_PNG_ROWS = 800 }; /* caps of a map that makes a good picture */

/* row_name and value_name as in heat_text.h; title is one line. Letters that font.h lacks are empty frames. */
int sab_heat_png(const struct sab_recall_map *map, const char *title, const char *row_name, const char *value_name,
                 const char *path, struct sab_error *err);

/* The colour of x in 0..1: lightness falls evenly from 100 to 6 (CIE L*), so that order is seen, in grey too. */
void sab_heat_colour(double x, uint8_t rgb[3]);

#endif
