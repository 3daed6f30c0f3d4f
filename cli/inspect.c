/* sab inspect: what a safetensors file or a run holds. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cli/arguments.h"
#include "cli/say.h"
#include "io/safetensors.h"
#include "report/account.h"
#include "report/json_process.h"
#include "sab_run.h"

enum { PATH_CAP = 4096 };

/* All that is shown; what a file lacks is NULL or has its flag at 0. */
struct findings {
    const char *path;
    struct sab_safetensors *file;
    struct sab_options *options;
    struct sab_figure *last; /* [n_last] the last whole line of metrics.jsonl */
    int n_last;
    int is_full; /* memory ran out on the way there */
    const char *version, *task, *shape;
    const char *facts;       /* about data */
    int64_t parameters;      /* numbers in all tensors */
    char digest[33]; /* of the weights, in the file's order */
};

/* ---- finding ---- */

static void count_numbers(struct findings *f)
{
    for (int i = 0; i < sab_safetensors_count(f->file); i++) {
        const struct sab_safetensors_view *view = sab_safetensors_at(f->file, i);
        f->parameters += (int64_t)(view->nbytes / sab_dtype_nbytes(view->dtype));
    }
}

/* The digest that training and eval print: only a file that is a model has one. */
static int find_digest(struct findings *f, struct sab_error *err)
{
    struct sab_model *model = NULL;
    struct sab_error why;
    int status = sab_model_load(&model, f->path, &why);
    if (status == SAB_OK)
        sab_model_digest(model, f->digest);
    sab_model_free(model);
    return status == SAB_NOMEM || status == SAB_IO ? sab_fail(err, status, "%s", why.message) : SAB_OK;
}

/* Keeps the figures of an evaluation; their names live no longer than the call. */
static int keep(void *user, const struct sab_figure *figures, int n)
{
    struct findings *f = user;
    f->last = sab_alloc((size_t)n + 1, sizeof *f->last);
    for (int i = 0; f->last && i < n; i++) {
        char *name = strdup(figures[i].name);
        if (!name)
            return f->is_full = 1;
        f->last[f->n_last] = figures[i];
        f->last[f->n_last++].name = name;
    }
    return f->is_full = !f->last;
}

/* The last whole line of the run's metrics; a file, or a run that was just begun, has none. */
static int find_metrics(struct findings *f, const char *where, struct sab_error *err)
{
    int status = strcmp(f->path, where) == 0 ? SAB_OK : sab_run_history(where, 1, keep, f, err);
    return status == SAB_OK && f->is_full ? sab_fail(err, SAB_NOMEM, "no memory for what %.200s measured", where) : status;
}

static int find(struct findings *f, const char *where, struct sab_error *err)
{
    int status = sab_safetensors_open(&f->file, f->path, err);
    if (status != SAB_OK)
        return status;
    count_numbers(f);
    f->version = sab_safetensors_metadata(f->file, "version");
    f->task = sab_safetensors_metadata(f->file, "task");
    f->shape = sab_safetensors_metadata(f->file, "shape");
    f->facts = sab_safetensors_metadata(f->file, "data");
    const char *json = sab_safetensors_metadata(f->file, "config");
    if (json) {
        struct sab_error why;
        status = sab_options_create(&f->options, err);
        if (status == SAB_OK && (status = sab_options_from_json(f->options, json, strlen(json), &why)) != SAB_OK)
            sab_fail(err, status, "%.180s: %.300s", f->path, why.message);
        if (status != SAB_OK)
            return status;
    }
    status = find_digest(f, err);
    return status == SAB_OK ? find_metrics(f, where, err) : status;
}

/* ---- showing ---- */

/* The i-th option's value as text where it is not the default, else NULL. */
static const char *differing(const struct findings *f, int i, char digits[SAB_NUMBER_CAP])
{
    const char *value = sab_options_value(f->options, sab_option_at(i)->name, digits);
    return strcmp(value, sab_option_at(i)->fallback) != 0 ? value : NULL;
}

static void write_shape(const struct sab_safetensors_view *view, char *buf, size_t cap)
{
    size_t used = (size_t)snprintf(buf, cap, "[");
    for (int d = 0; d < view->ndim && used < cap; d++)
        used += (size_t)snprintf(buf + used, cap - used, "%s%llu", d ? ", " : "", (unsigned long long)view->shape[d]);
    if (used < cap)
        snprintf(buf + used, cap - used, "]");
}

static void print_lines(const struct findings *f)
{
    char text[SAB_SAY_CAP], digits[SAB_NUMBER_CAP], shape[256];
    const char *value;
    printf("file         %s\n", sab_shown(f->path));
    if (f->version)
        printf("written by   sab %s\n", sab_shown(f->version));
    printf("integrity    %s\n", sab_safetensors_has_digest(f->file) ? "every byte agrees with the file's digest"
                                                                     : "the file carries no digest of sab");
    if (f->digest[0])
        printf("weights      %s (digest)\n", f->digest);
    if (f->task)
        printf("task         %s %s\n", sab_shown(f->task), f->shape ? sab_shown(f->shape) : "");
    sab_account_print(stdout, f->facts);
    sab_say_count(f->parameters, text);
    printf("numbers      %s in %d tensors\n\n", text, sab_safetensors_count(f->file));
    int width = 24;
    for (int i = 0; i < sab_safetensors_count(f->file); i++) {
        size_t length = strlen(sab_safetensors_at(f->file, i)->name);
        width = length > (size_t)width && length <= 40 ? (int)length : width;
    }
    for (int i = 0; i < sab_safetensors_count(f->file); i++) {
        const struct sab_safetensors_view *view = sab_safetensors_at(f->file, i);
        write_shape(view, shape, sizeof shape);
        printf("  %-*s %-4s %s\n", width, sab_shown(view->name), sab_dtype_name(view->dtype), shape);
    }
    if (f->options) {
        int any = 0;
        printf("\nconfiguration, where it is not the default:\n");
        for (int i = 0; i < sab_option_count(); i++)
            if ((value = differing(f, i, digits)) != NULL)
                any = printf("  --%s %s (default %s)\n", sab_option_at(i)->name, sab_shown(value),
                             sab_option_at(i)->fallback[0] ? sab_option_at(i)->fallback : "none");
        if (!any)
            printf("  everything is the default\n");
    }
    if (f->last)
        printf("\nlast evaluation:\n");
    for (int i = 0; i < f->n_last; i++)
        printf("  %-12s %.6g\n", sab_shown(f->last[i].name), f->last[i].value);
}

static void print_tensors_json(struct sab_json *json, const struct findings *f)
{
    sab_json_open(json, "tensors", '[');
    for (int i = 0; i < sab_safetensors_count(f->file); i++) {
        const struct sab_safetensors_view *view = sab_safetensors_at(f->file, i);
        sab_json_open(json, NULL, '{');
        sab_json_text(json, "name", view->name);
        sab_json_text(json, "dtype", sab_dtype_name(view->dtype));
        sab_json_open(json, "shape", '[');
        for (int d = 0; d < view->ndim; d++)
            sab_json_int(json, NULL, (int64_t)view->shape[d]);
        sab_json_close(json, ']');
        sab_json_close(json, '}');
    }
    sab_json_close(json, ']');
}

static void print_json(const struct findings *f)
{
    struct sab_json json = {.to = stdout};
    char digits[SAB_NUMBER_CAP];
    const char *value;
    sab_json_open(&json, NULL, '{');
    sab_json_text(&json, "file", f->path);
    if (f->task)
        sab_json_text(&json, "task", f->task);
    if (f->version)
        sab_json_text(&json, "version", f->version);
    sab_json_bool(&json, "has_digest", sab_safetensors_has_digest(f->file));
    if (f->digest[0])
        sab_json_text(&json, "weights_digest", f->digest);
    sab_json_int(&json, "parameters", f->parameters);
    sab_account_print_json(&json, f->facts);
    print_tensors_json(&json, f);
    if (f->options) {
        sab_json_open(&json, "config_changed", '{');
        for (int i = 0; i < sab_option_count(); i++)
            if ((value = differing(f, i, digits)) != NULL)
                sab_json_text(&json, sab_option_at(i)->name, value);
        sab_json_close(&json, '}');
    }
    if (f->last) {
        sab_json_open(&json, "last", '{');
        for (int i = 0; i < f->n_last; i++)
            if (f->last[i].is_count)
                sab_json_int(&json, f->last[i].name, (int64_t)f->last[i].value);
            else
                sab_json_real(&json, f->last[i].name, f->last[i].value);
        sab_json_close(&json, '}');
    }
    sab_json_close(&json, '}');
}

/* path = where itself if it is a file, or the model's file in the folder. */
static int find_model(const char *where, char path[PATH_CAP], struct sab_error *err)
{
    struct stat info;
    if (stat(where, &info) != 0)
        return sab_fail(err, SAB_IO, "cannot open %.200s: %s", where, strerror(errno));
    int is_folder = S_ISDIR(info.st_mode);
    if (snprintf(path, PATH_CAP, is_folder ? "%s/model.safetensors" : "%s", where) >= PATH_CAP)
        return sab_fail(err, SAB_INVALID, "the path %.60s... has more than %d bytes", where, PATH_CAP - 1);
    if (is_folder && stat(path, &info) != 0)
        return sab_fail(err, SAB_IO, "%.200s is not the folder of a run with a model: it has no model.safetensors (%s)", where,
                        strerror(errno));
    return SAB_OK;
}

static int run(struct sab_cli *cli)
{
    char path[PATH_CAP];
    struct findings f = {.path = path};
    struct sab_error err = {0};
    int status = find_model(cli->words[0], path, &err);
    if (status == SAB_OK)
        status = find(&f, cli->words[0], &err);
    if (status == SAB_OK && cli->json)
        print_json(&f);
    else if (status == SAB_OK)
        print_lines(&f);
    for (int i = 0; i < f.n_last; i++)
        free((char *)f.last[i].name);
    sab_free(f.last);
    sab_safetensors_close(f.file);
    sab_options_free(f.options);
    return status == SAB_OK ? SAB_EXIT_DONE : sab_say_error("inspect", status, &err);
}

const struct sab_command sab_command_inspect = {
    .name = "inspect",
    .words = "FILE|RUN",
    .words_least = 1,
    .words_most = 1,
    .summary = "list tensors, configuration and origin of a file or run",
    .purpose =
        "Shows what a safetensors file holds: its tensors with type and shape, how many\n"
        "numbers there are, the configuration where it differs from the defaults, the\n"
        "version that wrote it, and whether its digest agrees with every byte. Of a run\n"
        "folder it shows the model and the last evaluation. Nothing in a file is trusted\n"
        "and no code from it runs.\n",
    .examples =
        "  sab inspect runs/copy-sab-s1\n"
        "  sab inspect runs/copy-sab-s1/state.safetensors\n"
        "  sab inspect model.safetensors --json\n",
    .groups = "",
    .names = "",
    .defaults = "",
    .run = run,
};
