/* What is recalled at three times of a run: early, on the way, at the end. Of each time the best weights so far are
 * kept in the run's folder while it trains, and drawn when it is done. */
#ifndef SAB_LAB_REPRODUCE_MAPS_H
#define SAB_LAB_REPRODUCE_MAPS_H

#include "lab/reproduce_result.h"

/* To be called at each evaluation that is the best so far. */
int sab_maps_keep(const char *run, const struct sab_event *progress, struct sab_error *err);

/* Draws PREFIX-uSTEP.png for each time and says so in result->maps, whose curve must be there. */
int sab_maps_draw(const char *run, const char *prefix, struct sab_cell_result *result, struct sab_error *err);

#endif
