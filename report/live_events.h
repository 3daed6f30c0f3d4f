/* A run as events for TensorBoard while it goes: what it measures, its options, and what it recalls as pictures. */
#ifndef SAB_REPORT_LIVE_EVENTS_H
#define SAB_REPORT_LIVE_EVENTS_H

#include "sab_run.h"

struct sab_live_events;

/* folder is made; the events of a run that begins replace those of one before it, a run that goes on adds a file of its
 * own. Borrows the options, which name the run's folder. SAB_IO, SAB_INVALID, SAB_NOMEM. */
int sab_live_events_open(struct sab_live_events **out, const char *folder, const struct sab_options *options,
                         int goes_on, struct sab_error *err);
void sab_live_events_free(struct sab_live_events *events);

/* Takes the validation sequences whose reads will be drawn, as struct sab_watch's opened has them; without it there are no pictures. */
void sab_live_events_look(struct sab_live_events *events, struct sab_task *task);

/* Adds what an event of an evaluation says, once its line and its weights are in the run's folder. SAB_IO, SAB_NOMEM;
 * the run need not end for it. */
int sab_live_events_add(struct sab_live_events *events, const struct sab_event *event, struct sab_error *err);

#endif
