/* See state.h. */
#include "predict/state.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "io/safetensors.h"
#include "model/stream.h"
#include "source/times.h"
#include "train/metadata.h"
#include "train/stream_file.h"

int sab_predict_state_save(const char *path, const struct sab_stream *stream, int n, const double *last, int64_t time,
                           int has_time, struct sab_error *err)
{
    struct sab_safetensors_writer *writer;
    const uint64_t one = 1, width = (uint64_t)n;
    void *room = NULL;
    char digest[33];
    sab_model_digest(stream->model, digest);
    int status = sab_safetensors_writer_create(&writer, err);
    if (status != SAB_OK)
        return status;
    status = sab_metadata_add(writer, sab_model_options(stream->model), stream->model, err);
    if (status == SAB_OK)
        status = sab_safetensors_writer_metadata(writer, "weights", digest, err);
    if (status == SAB_OK)
        status = sab_safetensors_writer_add(writer, "lines.last", SAB_DTYPE_F64, 1, &width, last, err);
    if (status == SAB_OK && has_time)
        status = sab_safetensors_writer_add(writer, "lines.time", SAB_DTYPE_I64, 1, &one, &time, err);
    if (status == SAB_OK)
        status = sab_stream_add(writer, stream, &room, err);
    if (status == SAB_OK)
        status = sab_safetensors_writer_save(writer, path, err);
    sab_safetensors_writer_free(writer);
    sab_free(room);
    return status;
}

static int is_vector(const struct sab_safetensors_view *view, int dtype, uint64_t n)
{
    return view->dtype == dtype && view->ndim == 1 && view->shape[0] == n;
}

static int read_all(struct sab_safetensors *file, const char *path, int n, double *last, int64_t *time, int *has_time,
                    struct sab_error *err)
{
    const struct sab_safetensors_view *values = sab_safetensors_find(file, "lines.last");
    const struct sab_safetensors_view *when = sab_safetensors_find(file, "lines.time");
    if ((values && !is_vector(values, SAB_DTYPE_F64, (uint64_t)n)) || (when && !is_vector(when, SAB_DTYPE_I64, 1)))
        return sab_fail(err, SAB_FORMAT, "%.300s is damaged: its last line is of another model", path);
    if (values)
        memcpy(last, values->data, (size_t)n * sizeof *last);
    for (int k = 0; values && k < n; k++)
        if (!isnan(last[k]) && !(fabs(last[k]) <= 2 * (double)FLT_MAX))
            return sab_fail(err, SAB_FORMAT, "%.300s is damaged: a value of its last line is %g", path, last[k]);
    if (when)
        memcpy(time, when->data, sizeof *time);
    *has_time = when != NULL;
    if (when && (*time > SAB_TIME_MOST || *time < -SAB_TIME_MOST))
        return sab_fail(err, SAB_FORMAT, "%.300s is damaged: the time of its last line is %lld", path, (long long)*time);
    return SAB_OK;
}

int sab_predict_state_read(const char *path, int n, double *last, int64_t *time, int *has_time, struct sab_error *err)
{
    struct sab_safetensors *file;
    int status = sab_safetensors_open(&file, path, err);
    if (status != SAB_OK)
        return status;
    status = read_all(file, path, n, last, time, has_time, err);
    sab_safetensors_close(file);
    return status;
}
