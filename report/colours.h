/* Colours of figures: maps from a share to a colour, and the colours of lines. */
#ifndef SAB_REPORT_COLOURS_H
#define SAB_REPORT_COLOURS_H

#include "sab.h"

enum sab_colours { SAB_COLOURS_HEAT, SAB_COLOURS_VIRIDIS, SAB_COLOURS_GREY };
extern const char *const sab_colours_names[]; /* in that order, then NULL */

/* The colour of x in 0..1 (others as the nearer end, NaN as 0): lightness changes one way and evenly, so that order is seen in grey too.
 * heat and grey begin with white and end dark; viridis begins dark, and ends yellow. */
void sab_colours_map(enum sab_colours colours, double x, uint8_t rgb[3]);

extern const uint8_t sab_colours_ink[3], sab_colours_grid[3];
extern const uint8_t sab_colours_below_0[3]; /* of a mean below 0 on a map */

/* The i-th line: eight colours, which colour-blind readers can tell apart; after them the same, dashed. */
const uint8_t *sab_colours_line(int i);
int sab_colours_is_dashed(int i);

#endif
