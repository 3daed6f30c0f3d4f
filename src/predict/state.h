/* The state of sab predict --stream beyond the network's: what stands in for values that will be missing, and the last time. */
#ifndef SAB_PREDICT_STATE_H
#define SAB_PREDICT_STATE_H

#include "sab.h"

/* As sab_stream_save, and beside it last [n] and time. */
int sab_predict_state_save(const char *path, const struct sab_stream *stream, int n, const double *last, int64_t time,
                           int has_time, struct sab_error *err);

/* Reads what such a file has beside its stream; of a file without, last is left alone and *has_time is 0. */
int sab_predict_state_read(const char *path, int n, double *last, int64_t *time, int *has_time, struct sab_error *err);

#endif
