/* See predict_output.h. */
#include "cli/predict_output.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/npy.h"
#include "io/file.h"

int sab_predict_output_open(struct sab_predict_output *o, int format, int width, const char *path, struct sab_error *err)
{
    o->format = format;
    o->width = width;
    o->path = path;
    o->to = path[0] ? sab_memory_open(&o->file) : stdout;
    return o->to ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory for the answers");
}

static int add_numbers(struct sab_predict_output *o, const struct sab_answers *answers, struct sab_error *err)
{
    if (o->count == o->cap) {
        int64_t cap = o->cap ? 2 * o->cap : 1024;
        double *numbers = sab_alloc((size_t)cap, (size_t)o->width * sizeof *numbers);
        if (!numbers)
            return sab_fail(err, SAB_NOMEM, "no memory for %lld answers", (long long)cap);
        if (o->count > 0)
            memcpy(numbers, o->numbers, (size_t)o->count * (size_t)o->width * sizeof *numbers);
        sab_free(o->numbers);
        o->numbers = numbers;
        o->cap = cap;
    }
    sab_answers_numbers(answers, o->numbers + o->count * o->width);
    o->count++;
    return SAB_OK;
}

int sab_predict_output_put(struct sab_predict_output *o, const struct sab_answers *answers,
                           const struct sab_answers_place *places, int n, struct sab_error *err)
{
    if (o->format == SAB_PREDICT_NPY)
        return add_numbers(o, answers, err);
    if (o->format == SAB_PREDICT_JSONL) {
        sab_answers_print_json(answers, o->to, places, n);
    } else {
        if (o->count == 0)
            sab_answers_print_head(answers, o->to, places, n);
        sab_answers_print_csv(answers, o->to, places, n);
    }
    o->count++;
    return SAB_OK;
}

static int write_numbers(const struct sab_predict_output *o, struct sab_error *err)
{
    const int64_t shape[2] = {o->count, o->width};
    char header[SAB_NPY_HEADER_CAP];
    size_t n = sab_npy_header(header, "f8", o->width > 1 ? 2 : 1, shape);
    int ok = fwrite(header, 1, n, o->to) == n;
    ok &= fwrite(o->numbers, sizeof *o->numbers * (size_t)o->width, (size_t)o->count, o->to) == (size_t)o->count;
    return ok ? SAB_OK : sab_fail(err, SAB_IO, "writing the answers failed: %s", strerror(errno));
}

int sab_predict_output_close(struct sab_predict_output *o, int status, struct sab_error *err)
{
    if (status == SAB_OK && o->format == SAB_PREDICT_NPY)
        status = write_numbers(o, err);
    sab_free(o->numbers);
    if (!o->to || o->to == stdout)
        return status;
    if (sab_memory_close(&o->file, o->to) != 0 && status == SAB_OK)
        status = sab_fail(err, SAB_NOMEM, "no memory for the answers");
    if (status == SAB_OK)
        status = sab_file_write_atomic(o->path, o->file.bytes, o->file.nbytes, err);
    sab_free(o->file.bytes);
    return status;
}
