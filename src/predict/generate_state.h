/* Where sab generate stopped, as a file: the stream's tensors (train/stream_file.h) and
 *
 *     generate.last    I32 [1]    the symbol written last, which the network has not read
 *     generate.read    I64 [1]    symbols that the network has read
 *
 * with the digest of the weights in the metadata under "weights", since a state means nothing to another network. */
#ifndef SAB_PREDICT_GENERATE_STATE_H
#define SAB_PREDICT_GENERATE_STATE_H

#include "sab.h"

struct sab_generate_state {
    int32_t last;
    int64_t read;
};

/* Written atomically. */
int sab_generate_state_save(const char *path, const struct sab_model *model, const struct sab_stream *stream,
                            const struct sab_generate_state *state, struct sab_error *err);

/* SAB_FORMAT where the file is no such state, or one of other weights. On failure nothing has changed. */
int sab_generate_state_load(const char *path, struct sab_model *model, struct sab_stream **stream,
                            struct sab_generate_state *state, struct sab_error *err);

#endif
