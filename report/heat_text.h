/* A recall map as text for a terminal. Must not know where it is printed. */
#ifndef SAB_REPORT_HEAT_TEXT_H
#define SAB_REPORT_HEAT_TEXT_H

#include "report/recall_map.h"

enum {
    SAB_HEAT_TEXT_WIDTH = 80,
    SAB_HEAT_TEXT_COLUMNS = 64, /* columns_cap of a map that fits */
    SAB_HEAT_TEXT_ROWS = 40
};

/* The map with axes and legend, `-` for a mean below 0, lines up to 80 columns, in a new block (sab_free). unicode 0: shades in ASCII.
 * row_name: what a row is, "answer step". NULL with SAB_NOMEM in err. */
char *sab_heat_text(const struct sab_recall_map *map, const char *row_name, const char *value_name, int unicode,
                    struct sab_error *err);

#endif
