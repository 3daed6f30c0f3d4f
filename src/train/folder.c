/* See folder.h. */
#include "train/folder.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json_out.h"
#include "data/task.h"
#include "io/file.h"
#include "io/lock.h"
#include "train/config_json.h"
#include "train/options.h"
#include "train/run.h"


int sab_folder_name(const struct sab_options *config, char dir[SAB_DIR_CAP], struct sab_error *err)
{
    const char *out = config->run.out;
    if (strlen(out) >= SAB_DIR_CAP)
        return sab_fail(err, SAB_INVALID, "--out: the folder's name \"%.60s...\" has %zu bytes; at most %d are legal", out,
                        strlen(out), SAB_DIR_CAP - 1);
    if (out[0]) {
        memcpy(dir, out, strlen(out) + 1);
        return SAB_OK;
    }
    char number[SAB_REAL_TEXT_CAP];
    const char *kind = sab_options_value(config, config->model.model == SAB_KIND_RECURRENT ? "credit" : "model", number);
    snprintf(dir, SAB_DIR_CAP, "runs/%.31s-%.32s-s%llu", config->task.task, kind, (unsigned long long)config->shared.seed);
    return SAB_OK;
}

int sab_run_folder(const struct sab_options *options, char *buf, size_t cap, struct sab_error *err)
{
    char dir[SAB_DIR_CAP];
    int status = sab_folder_name(options, dir, err);
    if (status != SAB_OK)
        return status;
    if (strlen(dir) >= cap)
        return sab_fail(err, SAB_INVALID, "the folder's name needs %zu bytes; the buffer has %zu", strlen(dir) + 1, cap);
    memcpy(buf, dir, strlen(dir) + 1);
    return SAB_OK;
}

void sab_folder_path(const char *dir, const char *file, char path[SAB_PATH_CAP])
{
    size_t length = strlen(dir);
    snprintf(path, SAB_PATH_CAP, "%.*s%s%.30s", SAB_DIR_CAP, dir, length && dir[length - 1] == '/' ? "" : "/", file);
}

int sab_folder_has(const char *dir, const char *file)
{
    char path[SAB_PATH_CAP];
    struct stat info;
    sab_folder_path(dir, file, path);
    return lstat(path, &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

/* ---- config.json ---- */

int sab_folder_write_config(const char *dir, const struct sab_options *config, struct sab_error *err)
{
    char path[SAB_PATH_CAP];
    struct sab_error why = {0};
    sab_folder_path(dir, "config.json", path);
    char *json = sab_config_to_json(config, &why);
    if (!json)
        return sab_fail(err, why.status, "%s", why.message);
    int status = sab_file_write_atomic(path, json, strlen(json), err);
    sab_free(json);
    return status;
}

int sab_run_config(const char *dir, struct sab_options *config, struct sab_error *err)
{
    if (strlen(dir) >= SAB_DIR_CAP)
        return sab_fail(err, SAB_INVALID, "the folder's name \"%.60s...\" is longer than %d bytes", dir,
                        SAB_DIR_CAP - 1);
    char path[SAB_PATH_CAP];
    sab_folder_path(dir, "config.json", path);
    if (!sab_folder_has(dir, "config.json"))
        return sab_fail(err, SAB_IO, "%s is not a run: it has no config.json", dir);
    void *json;
    size_t nbytes;
    int status = sab_file_read(path, SAB_CONFIG_JSON_CAP, &json, &nbytes, err);
    if (status != SAB_OK)
        return status;
    struct sab_options read;
    struct sab_error why = {0};
    sab_options_init(&read);
    status = sab_config_from_json(&read, json, nbytes, &why);
    sab_free(json);
    if (status == SAB_OK && sab_options_check(&read, &why) != SAB_OK)
        status = SAB_FORMAT;
    if (status != SAB_OK) {
        sab_options_clear(&read);
        return sab_fail(err, status, "%.200s: %.300s", path, why.message);
    }
    *config = read;
    return SAB_OK;
}

static const char *const files[] = {"config.json", "state.safetensors", "model.safetensors", "metrics.jsonl"};
enum { FILES = sizeof files / sizeof files[0] };

int sab_folder_check_files(const char *dir, struct sab_error *err)
{
    for (int i = 0; i < FILES; i++) {
        char path[SAB_PATH_CAP];
        struct stat info;
        sab_folder_path(dir, files[i], path);
        if (lstat(path, &info) == 0 && !S_ISREG(info.st_mode))
            return sab_fail(err, SAB_INVALID, "%s is %s: a run goes on in files of its own only", path,
                            S_ISLNK(info.st_mode) ? "a link" : "no regular file");
    }
    return SAB_OK;
}

int sab_folder_lock(const char *dir, int *lock, struct sab_error *err)
{
    char path[SAB_PATH_CAP];
    sab_folder_path(dir, "lock", path);
    return sab_lock_take(path, lock, err);
}

void sab_folder_unlock(const char *dir, int lock)
{
    char path[SAB_PATH_CAP];
    sab_folder_path(dir, "lock", path);
    sab_lock_release(path, lock);
}

void sab_folder_undo(const char *dir)
{
    char path[SAB_PATH_CAP];
    sab_folder_path(dir, "config.json", path);
    unlink(path);
}

int sab_folder_is_there(const char *dir)
{
    struct stat info;
    return lstat(dir, &info) == 0 || errno != ENOENT;
}

void sab_folder_leave(const char *dir)
{
    rmdir(dir);
}

int sab_folder_begin(const char *dir, const struct sab_options *config, struct sab_error *err)
{
    for (int i = 0; i < FILES; i++) {
        char path[SAB_PATH_CAP];
        struct stat info;
        sab_folder_path(dir, files[i], path);
        int is_there = lstat(path, &info) == 0;
        if (!is_there && errno != ENOENT)
            return sab_fail(err, SAB_IO, "cannot look for '%s': %s", path, strerror(errno));
        if (is_there)
            return sab_fail(err, SAB_INVALID, "%s already holds a run (%s); resume it with --resume, or choose another "
                                              "folder with --out",
                            dir, files[i]);
    }
    return sab_folder_write_config(dir, config, err);
}

int sab_folder_keeps(const struct sab_options *was, const struct sab_options *is, const char *what, struct sab_error *err)
{
    char before[SAB_REAL_TEXT_CAP], now[SAB_REAL_TEXT_CAP];
    const struct sab_option *differs = sab_options_difference(was, is, SAB_DECIDES);
    if (!differs)
        return SAB_OK;
    return sab_fail(err, SAB_INVALID, "--%s: %.150s has %.100s, not %.100s; a resumed run keeps this option", differs->name, what,
                    sab_options_value(was, differs->name, before), sab_options_value(is, differs->name, now));
}

int sab_folder_agrees(const char *dir, const struct sab_options *config, struct sab_error *err)
{
    struct sab_options before;
    char what[SAB_PATH_CAP];
    int status = sab_run_config(dir, &before, err);
    if (status != SAB_OK)
        return status;
    snprintf(what, sizeof what, "the run in %.*s", SAB_DIR_CAP, dir);
    status = sab_folder_keeps(&before, config, what, err);
    sab_options_clear(&before);
    return status;
}

/* ---- metrics.jsonl ---- */

int sab_folder_cut_metrics(const char *dir, int64_t nbytes, struct sab_error *err)
{
    char path[SAB_PATH_CAP];
    sab_folder_path(dir, "metrics.jsonl", path);
    return sab_file_cut(path, nbytes, err);
}

int sab_folder_add_metrics(const char *dir, int64_t step, const double *values, double train_loss, double grad_norm, double lr,
                           double seconds, int64_t *nbytes, struct sab_error *err)
{
    char path[SAB_PATH_CAP];
    struct sab_json json = {.is_compact = 1};
    size_t used;
    sab_json_open(&json, NULL, '{');
    sab_json_int(&json, "step", step);
    for (int id = 0; id < SAB_METRIC_COUNT; id++)
        sab_json_real(&json, sab_metric_table[id].name, values[id]);
    sab_json_real(&json, "train_loss", train_loss);
    sab_json_real(&json, "grad_norm", grad_norm);
    sab_json_real(&json, "lr", lr);
    sab_json_real(&json, "seconds", round(seconds * 1000) / 1000);
    json.is_compact = 0; /* with the end of the line */
    sab_json_close(&json, '}');
    char *line = sab_json_take(&json, &used);
    if (!line)
        return sab_fail(err, SAB_NOMEM, "no memory for a line of metrics.jsonl");
    sab_folder_path(dir, "metrics.jsonl", path);
    int status = sab_file_append(path, line, used, err);
    if (status == SAB_OK)
        *nbytes += (int64_t)used;
    sab_free(line);
    return status;
}
