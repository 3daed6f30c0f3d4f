/* See history.h. */
#include "report/history.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "io/file.h"
#include "report/events.h"

enum { COLUMNS_CAP = 128 }; /* further figures of a line are left out */

/* ---- reading ---- */

static int find_column(const struct sab_history *h, const char *name)
{
    for (int i = 0; i < h->columns; i++)
        if (strcmp(h->names[i], name) == 0)
            return i;
    return -1;
}

struct reading {
    struct sab_history *history;
    int64_t row;
    int is_full; /* memory ran out */
};

/* The first reading: which columns there are, and how many rows. */
static int see_names(void *user, const struct sab_figure *figures, int n)
{
    struct reading *reading = user;
    struct sab_history *h = reading->history;
    for (int i = 0; i < n && h->columns < COLUMNS_CAP; i++) {
        size_t nbytes = strlen(figures[i].name) + 1;
        if (find_column(h, figures[i].name) >= 0)
            continue;
        h->names[h->columns] = sab_alloc(nbytes, 1);
        if (!h->names[h->columns])
            return reading->is_full = 1;
        memcpy(h->names[h->columns++], figures[i].name, nbytes);
    }
    h->rows++;
    return 0;
}

/* The second: a run that goes on may have more rows by now, which are left to the next time. */
static int see_row(void *user, const struct sab_figure *figures, int n)
{
    struct reading *reading = user;
    struct sab_history *h = reading->history;
    if (reading->row == h->rows)
        return 1;
    double *values = h->values + reading->row++ * h->columns;
    for (int i = 0; i < n; i++) {
        int column = find_column(h, figures[i].name);
        if (column >= 0)
            values[column] = figures[i].value;
    }
    return 0;
}

int sab_history_read(struct sab_history *history, const char *run, struct sab_error *err)
{
    struct sab_history *h = history;
    *h = (struct sab_history){.names = sab_alloc(COLUMNS_CAP, sizeof *h->names)};
    if (!h->names)
        return sab_fail(err, SAB_NOMEM, "no memory for what %.200s measured", run);
    struct reading reading = {.history = h};
    int status = sab_run_history(run, 0, see_names, &reading, err);
    if (status != SAB_OK)
        return status;
    h->values = sab_alloc((size_t)h->rows * (size_t)h->columns, sizeof *h->values);
    if (!h->values || reading.is_full)
        return sab_fail(err, SAB_NOMEM, "no memory for what %.200s measured", run);
    for (int64_t i = 0; i < h->rows * h->columns; i++)
        h->values[i] = NAN;
    status = sab_run_history(run, 0, see_row, &reading, err);
    h->rows = reading.row; /* fewer than there were: the run was begun anew */
    return status;
}

void sab_history_clear(struct sab_history *history)
{
    for (int i = 0; history->names && i < COLUMNS_CAP; i++)
        sab_free(history->names[i]);
    sab_free(history->names);
    sab_free(history->values);
    *history = (struct sab_history){0};
}

/* ---- writing ---- */

int sab_history_csv(const struct sab_history *h, const char *path, struct sab_error *err)
{
    size_t cap = ((size_t)h->rows + 1) * (size_t)h->columns * SAB_REAL_TEXT_CAP + 2, used = 0;
    for (int i = 0; i < h->columns; i++)
        cap += strlen(h->names[i]) + 1;
    char *text = sab_alloc(cap, 1);
    if (!text)
        return sab_fail(err, SAB_NOMEM, "no memory for a table of %lld rows", (long long)h->rows);
    for (int i = 0; i < h->columns; i++)
        used += (size_t)sprintf(text + used, "%s%s", i ? "," : "", h->names[i]);
    text[used++] = '\n';
    for (int64_t row = 0; row < h->rows; row++)
        for (int i = 0; i < h->columns; i++) {
            char number[SAB_REAL_TEXT_CAP] = "";
            double value = h->values[row * h->columns + i];
            if (isfinite(value))
                sab_text_from_real(value, number);
            used += (size_t)sprintf(text + used, "%s%c", number, i + 1 < h->columns ? ',' : '\n');
        }
    int status = sab_file_write_atomic(path, text, used, err);
    sab_free(text);
    return status;
}

void sab_events_options(struct sab_events *events, double time, const struct sab_options *options)
{
    enum { VALUES_CAP = 64 }; /* what is longer is no hyperparameter but data */
    int count = sab_option_count(), n = 0;
    const char **names = sab_alloc((size_t)count, sizeof *names), **values = sab_alloc((size_t)count, sizeof *values);
    char(*texts)[VALUES_CAP] = sab_alloc((size_t)count, sizeof *texts);
    events->is_full |= !names || !values || !texts;
    for (int i = 0; i < count && !events->is_full; i++)
        if (sab_options_get(options, sab_option_at(i)->name, texts[n], VALUES_CAP, NULL) == SAB_OK) {
            names[n] = sab_option_at(i)->name;
            values[n] = texts[n];
            n++;
        }
    if (!events->is_full)
        sab_events_hyperparameters(events, time, n, names, values);
    sab_free(names);
    sab_free(values);
    sab_free(texts);
}

int sab_history_events(const struct sab_history *h, const struct sab_options *options, const char *folder, struct sab_error *err)
{
    static const char file[] = "/events.out.tfevents.0.sab";
    struct sab_events events = {0};
    char path[SAB_DIR_CAP + sizeof file];
    int step = find_column(h, "step"), seconds = find_column(h, "seconds");
    if (strlen(folder) >= SAB_DIR_CAP)
        return sab_fail(err, SAB_INVALID, "the path %.60s... has more than %d bytes", folder, SAB_DIR_CAP - 1);
    int status = sab_file_make_directory(folder, err);
    if (status != SAB_OK)
        return status;
    sab_events_begin(&events, 0);
    sab_events_options(&events, 0, options);
    for (int64_t row = 0; row < h->rows; row++) {
        const double *values = h->values + row * h->columns;
        for (int i = 0; i < h->columns; i++)
            if (i != step && i != seconds && isfinite(values[i]))
                sab_events_scalar(&events, seconds >= 0 ? values[seconds] : 0, step >= 0 ? (int64_t)values[step] : row, h->names[i],
                                  values[i]);
    }
    snprintf(path, sizeof path, "%s%s", folder, file);
    status = events.is_full ? sab_fail(err, SAB_NOMEM, "no memory for the events of %lld evaluations", (long long)h->rows)
                            : sab_file_write_atomic(path, events.bytes, events.nbytes, err);
    sab_events_clear(&events);
    return status;
}
