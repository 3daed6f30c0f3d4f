/* See figures.h. */
#include "report/figures.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "io/file.h"
#include "report/history.h"
#include "report/plot.h"
#include "report/recall_run.h"

const char *const sab_picture_names[] = {"svg", "pdf", "png", NULL};

/* path [SAB_DIR_CAP]: folder/kind-name.ending; of the name only what every file system takes. */
static int name_file(const struct sab_figures *f, const char *kind, const char *name, char *path, struct sab_error *err)
{
    char plain[64];
    size_t n = 0;
    for (; name[n] && n + 1 < sizeof plain; n++)
        plain[n] = (char)(isalnum((unsigned char)name[n]) || name[n] == '-' ? name[n] : '_');
    plain[n] = 0;
    if (snprintf(path, SAB_DIR_CAP, "%s/%s-%s.%s", f->folder, kind, plain, sab_picture_names[f->kind]) >= SAB_DIR_CAP)
        return sab_fail(err, SAB_INVALID, "the path %.60s... has more than %d bytes", f->folder, SAB_DIR_CAP - 1);
    return SAB_OK;
}

/* ---- curves ---- */

static int column_of(const struct sab_history *h, const char *name)
{
    for (int i = 0; i < h->columns; i++)
        if (strcmp(h->names[i], name) == 0)
            return i;
    return -1;
}

/* The column as an array of its own, NULL without memory. */
static double *take_column(const struct sab_history *h, int column)
{
    double *values = sab_alloc((size_t)h->rows + 1, sizeof *values);
    for (int64_t i = 0; values && i < h->rows; i++)
        values[i] = h->values[i * h->columns + column];
    return values;
}

static int draw_curve(struct sab_figures *f, const struct sab_history *histories, const char *const *runs, int n, const char *name,
                      struct sab_error *err)
{
    struct sab_plot_series *series = sab_alloc((size_t)n, sizeof *series);
    struct sab_plot plot = {.title = name, .x_name = "updates", .y_name = name, .series = series};
    char path[SAB_DIR_CAP];
    int status = series ? name_file(f, "curve", name, path, err) : sab_fail(err, SAB_NOMEM, "no memory for curves of %d runs", n);
    for (int i = 0; i < n && status == SAB_OK; i++) {
        int x = column_of(&histories[i], "step"), y = column_of(&histories[i], name);
        if (x < 0 || y < 0)
            continue;
        struct sab_plot_series *s = &series[plot.n_series++];
        *s = (struct sab_plot_series){n > 1 ? runs[i] : NULL, i, 0, (int)histories[i].rows, take_column(&histories[i], x),
                                      take_column(&histories[i], y), NULL};
        if (!s->x || !s->y)
            status = sab_fail(err, SAB_NOMEM, "no memory for the curve of %.200s", runs[i]);
    }
    if (status == SAB_OK)
        status = sab_plot_draw(&plot, &f->look, f->kind, path, err);
    f->written += status == SAB_OK;
    for (int s = 0; s < plot.n_series; s++) {
        sab_free((void *)series[s].x);
        sab_free((void *)series[s].y);
    }
    sab_free(series);
    return status;
}

/* 1 if the figure was seen in an earlier run, or is what the others are drawn over. */
static int is_drawn(const struct sab_history *histories, int run, const char *name)
{
    int seen = strcmp(name, "step") == 0 || strcmp(name, "seconds") == 0;
    for (int i = 0; i < run && !seen; i++)
        seen = column_of(&histories[i], name) >= 0;
    return seen;
}

static int draw_curves(struct sab_figures *f, const char *const *runs, int n, struct sab_error *err)
{
    struct sab_history *histories = sab_alloc((size_t)n, sizeof *histories);
    int status = histories ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory for what %d runs measured", n);
    for (int i = 0; i < n && status == SAB_OK; i++) {
        struct stat info;
        if (stat(runs[i], &info) != 0 || S_ISDIR(info.st_mode))
            status = sab_history_read(&histories[i], runs[i], err);
    }
    for (int i = 0; i < n && status == SAB_OK; i++)
        for (int c = 0; c < histories[i].columns && status == SAB_OK; c++)
            if (!is_drawn(histories, i, histories[i].names[c]))
                status = draw_curve(f, histories, runs, n, histories[i].names[c], err);
    for (int i = 0; histories && i < n; i++)
        sab_history_clear(&histories[i]);
    sab_free(histories);
    return status;
}

/* ---- what was recalled ---- */

static int draw_recall(struct sab_figures *f, const char *where, int number, const struct sab_document *document, struct sab_error *err)
{
    struct sab_recall_run w = {.sequences = document->sequences, .split = document->split, .look = f->look};
    char path[SAB_DIR_CAP], text[16];
    snprintf(text, sizeof text, "%d", number);
    int status = name_file(f, "recall", text, path, err), can = 0;
    if (status == SAB_OK)
        status = sab_run_model(&w.model, where, err);
    if (status == SAB_OK)
        status = sab_options_clone(&w.options, sab_model_options(w.model), err);
    if (status == SAB_OK)
        can = sab_recall_run_can(w.options);
    if (can)
        status = document->settle(document->user, where, w.options, err);
    if (status == SAB_OK && can)
        status = sab_recall_run_take(&w, where, err);
    if (status == SAB_OK && can)
        status = sab_recall_run_collect(&w, 0, err);
    if (status == SAB_OK && can)
        status = sab_recall_run_draw(&w, f->kind, path, err);
    f->written += status == SAB_OK && can;
    sab_recall_run_clear(&w);
    return status;
}

int sab_figures_write(struct sab_figures *f, const char *const *runs, int n, const struct sab_document *document, struct sab_error *err)
{
    int status = sab_file_make_directory(f->folder, err);
    if (status == SAB_OK)
        status = draw_curves(f, runs, n, err);
    for (int i = 0; i < n && status == SAB_OK; i++)
        status = draw_recall(f, runs[i], i + 1, document, err);
    return status;
}
