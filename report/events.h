/* Event files, which TensorBoard reads: records of protocol buffers, each with its length and checksums (TFRecord). Made in memory. Only
 * what scalars, images and hyperparameters need. Must not know runs. */
#ifndef SAB_REPORT_EVENTS_H
#define SAB_REPORT_EVENTS_H

#include "sab.h"

struct sab_events {
    uint8_t *bytes;
    size_t nbytes, cap;
    int is_full; /* memory ran out: the file is not whole */
};

/* Begins a file; all zero before. */
void sab_events_begin(struct sab_events *events, double time);
/* A number under a tag at a step; time is in seconds since 1970. */
void sab_events_scalar(struct sab_events *events, double time, int64_t step, const char *tag, double value);

/* A picture, as the bytes of a PNG file. */
void sab_events_image(struct sab_events *events, double time, int64_t step, const char *tag, int width, int height, const uint8_t *png,
                      size_t nbytes);

/* The hyperparameters of a run, names[i] = values[i]: a value that is a number becomes one. */
void sab_events_hyperparameters(struct sab_events *events, double time, int n, const char *const *names, const char *const *values);

void sab_events_clear(struct sab_events *events);

#endif
