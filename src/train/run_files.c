/* A run read back: its options, what it measured, its model. For callers of the library; see sab_run.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "io/file.h"
#include "train/folder.h"
#include "train/metric.h"
#include "train/run.h"

enum {
    METRICS_CAP = 1 << 28, /* bytes of metrics.jsonl */
    FIGURES_CAP = 64       /* of a line; others are left out */
};

int sab_run_options(struct sab_options **out, const char *folder, struct sab_error *err)
{
    struct sab_options read, *options;
    int status = sab_run_config(folder, &read, err);
    if (status != SAB_OK)
        return status;
    status = sab_options_create(&options, err);
    if (status == SAB_OK) {
        sab_options_move(options, &read);
        *out = options;
    }
    sab_options_clear(&read);
    return status;
}

int sab_run_model(struct sab_model **out, const char *where, struct sab_error *err)
{
    char path[SAB_PATH_CAP];
    struct stat info;
    if (stat(where, &info) != 0)
        return sab_fail(err, SAB_IO, "cannot open %.200s: %s", where, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return sab_model_load(out, where, err);
    if (strlen(where) >= SAB_DIR_CAP)
        return sab_fail(err, SAB_INVALID, "the path %.60s... has more than %d bytes", where, SAB_DIR_CAP - 1);
    sab_folder_path(where, "model.safetensors", path);
    if (stat(path, &info) != 0)
        return sab_fail(err, SAB_IO, "%.200s is not the folder of a run with a model: it has no model.safetensors (%s)", where,
                        strerror(errno));
    return sab_model_load(out, path, err);
}

/* ---- metrics.jsonl ---- */

/* The start of the last `most` of the lines that end before text + *nbytes; 0: of all. */
static size_t find_start(const char *text, size_t nbytes, int64_t most)
{
    size_t start = nbytes;
    for (int64_t lines = 0; start > 0 && (most <= 0 || lines < most); lines++)
        for (start--; start > 0 && text[start - 1] != '\n'; start--)
            ;
    return start;
}

static int read_line(const char *text, size_t nbytes, int (*row)(void *user, const struct sab_figure *figures, int n), void *user,
                     int *is_ended, struct sab_error *err)
{
    const struct sab_value *object = NULL;
    struct sab_figure figures[FIGURES_CAP];
    int n = 0, status = sab_json_parse(&object, text, nbytes, NULL);
    if (status == SAB_NOMEM)
        return sab_fail(err, status, "no memory for");
    if (!sab_value_is(object, SAB_VALUE_OBJECT)) {
        sab_json_free(object);
        return sab_fail(err, SAB_FORMAT, "no JSON object");
    }
    for (const struct sab_value *v = sab_value_first(object); v && n < FIGURES_CAP; v = v->next) {
        double value;
        if (sab_value_real(v, &value) == 0)
            figures[n++] = (struct sab_figure){v->key, value, v->kind == SAB_VALUE_INT};
    }
    *is_ended = row(user, figures, n) != 0;
    sab_json_free(object);
    return SAB_OK;
}

int sab_run_history(const char *folder, int64_t most, int (*row)(void *user, const struct sab_figure *figures, int n), void *user,
                    struct sab_error *err)
{
    char path[SAB_PATH_CAP];
    void *data;
    size_t nbytes;
    struct sab_error why;
    if (strlen(folder) >= SAB_DIR_CAP)
        return sab_fail(err, SAB_INVALID, "the path %.60s... has more than %d bytes", folder, SAB_DIR_CAP - 1);
    sab_folder_path(folder, "metrics.jsonl", path);
    if (!sab_folder_has(folder, "metrics.jsonl")) /* just begun, unless it is none */
        return sab_folder_has(folder, "config.json") || sab_folder_has(folder, "model.safetensors")
                   ? SAB_OK
                   : sab_fail(err, SAB_IO, "%.200s is not a run: it has no config.json", folder);
    int status = sab_file_read(path, METRICS_CAP, &data, &nbytes, err), is_ended = 0;
    if (status != SAB_OK)
        return status;
    const char *text = data;
    while (nbytes > 0 && text[nbytes - 1] != '\n') /* a run that was killed may have begun a line */
        nbytes--;
    while (nbytes > 0 && text[nbytes - 1] == '\n')
        nbytes--;
    for (size_t at = find_start(text, nbytes, most), end; status == SAB_OK && at < nbytes && !is_ended; at = end + 1) {
        for (end = at; end < nbytes && text[end] != '\n'; end++)
            ;
        status = read_line(text + at, end - at, row, user, &is_ended, &why);
        int is_last = end == nbytes;
        if (status == SAB_NOMEM)
            sab_fail(err, status, "no memory for a line of %.300s", path);
        else if (status != SAB_OK && is_last)
            sab_fail(err, status, "%.300s: the last line is no JSON object", path);
        else if (status != SAB_OK)
            sab_fail(err, status, "%.300s: the line at byte %zu is no JSON object", path, at);
    }
    sab_free(data);
    return status;
}
