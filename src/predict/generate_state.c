/* See generate_state.h. */
#include "predict/generate_state.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "io/safetensors.h"
#include "train/metadata.h"
#include "train/stream_file.h"

int sab_generate_state_save(const char *path, const struct sab_model *model, const struct sab_stream *stream,
                            const struct sab_generate_state *state, struct sab_error *err)
{
    struct sab_safetensors_writer *writer;
    const uint64_t one = 1;
    void *room = NULL;
    char digest[33];
    sab_model_digest(model, digest);
    int status = sab_safetensors_writer_create(&writer, err);
    if (status != SAB_OK)
        return status;
    status = sab_metadata_add(writer, sab_model_options(model), model, err);
    if (status == SAB_OK)
        status = sab_safetensors_writer_metadata(writer, "weights", digest, err);
    if (status == SAB_OK)
        status = sab_safetensors_writer_add(writer, "generate.last", SAB_DTYPE_I32, 1, &one, &state->last, err);
    if (status == SAB_OK)
        status = sab_safetensors_writer_add(writer, "generate.read", SAB_DTYPE_I64, 1, &one, &state->read, err);
    if (status == SAB_OK)
        status = sab_stream_add(writer, stream, &room, err);
    if (status == SAB_OK)
        status = sab_safetensors_writer_save(writer, path, err);
    sab_safetensors_writer_free(writer);
    sab_free(room);
    return status;
}

static int is_number(const struct sab_safetensors_view *view, int dtype)
{
    return view && view->dtype == dtype && view->ndim == 1 && view->shape[0] == 1;
}

static int read_state(struct sab_safetensors *file, const char *path, struct sab_model *model,
                      struct sab_stream **stream, struct sab_generate_state *state, struct sab_error *err)
{
    const struct sab_safetensors_view *last = sab_safetensors_find(file, "generate.last");
    const struct sab_safetensors_view *read = sab_safetensors_find(file, "generate.read");
    const struct sab_safetensors_view *first = sab_safetensors_find(file, "stream.first");
    const char *weights = sab_safetensors_metadata(file, "weights");
    struct sab_generate_state found;
    char digest[33];
    if (!weights || !is_number(last, SAB_DTYPE_I32) || !is_number(read, SAB_DTYPE_I64) ||
        !is_number(first, SAB_DTYPE_I32))
        return sab_fail(err, SAB_FORMAT, "%.300s is not a state that sab generate saved", path);
    sab_model_digest(model, digest);
    if (strcmp(weights, digest) != 0)
        return sab_fail(err, SAB_FORMAT, "%.300s is the state of another network: its weights are %.32s, these %s", path,
                        weights, digest);
    memcpy(&found.last, last->data, sizeof found.last);
    memcpy(&found.read, read->data, sizeof found.read);
    int symbols = sab_model_shape(model)->I;
    if (found.last < 0 || found.last >= symbols || found.read < 0)
        return sab_fail(err, SAB_FORMAT, "%.300s: symbol %d after %lld; symbols are 0..%d", path, found.last,
                        (long long)found.read, symbols - 1);
    int status = sab_stream_read(stream, file, path, model, err);
    if (status == SAB_OK)
        *state = found;
    return status;
}

int sab_generate_state_load(const char *path, struct sab_model *model, struct sab_stream **stream,
                            struct sab_generate_state *state, struct sab_error *err)
{
    struct sab_safetensors *file;
    struct sab_stream *found = NULL;
    int status = sab_safetensors_open(&file, path, err);
    if (status != SAB_OK)
        return status;
    status = read_state(file, path, model, &found, state, err);
    sab_safetensors_close(file);
    if (status == SAB_OK)
        *stream = found;
    return status;
}
