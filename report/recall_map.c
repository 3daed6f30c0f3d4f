/* See recall_map.h. */
#include "report/recall_map.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"

static int is_shown(const struct sab_recall_view *view, int t, int sequence)
{
    return !view->is_shown || view->is_shown[(size_t)(t - 1) * (size_t)view->sequences + (size_t)sequence];
}

/* Sequences that are shown at step t; 0: it is no row. */
static int count_shown(const struct sab_recall_view *view, int t)
{
    int n = 0;
    for (int b = 0; b < view->sequences; b++)
        n += is_shown(view, t, b) != 0;
    return n;
}

static int is_seen(const struct sab_recall_view *view, const struct sab_recall_entry *entry)
{
    return entry->layer == view->layer && entry->t <= view->T && is_shown(view, entry->t, entry->sequence);
}

static double value_of(const struct sab_recall_view *view, const struct sab_recall_entry *entry)
{
    return (double)(view->value == SAB_RECALL_FLOW ? entry->flow : entry->alpha);
}

void sab_recall_map_clear(struct sab_recall_map *map)
{
    sab_free(map->first);
    sab_free(map->last);
    sab_free(map->cell);
    *map = (struct sab_recall_map){0};
}

/* row_of [T]: the row of each step, -1 for none. */
static void lay_out_rows(struct sab_recall_map *map, const struct sab_recall_view *view, int *row_of)
{
    int n = 0;
    for (int t = 1; t <= view->T; t++)
        n += count_shown(view, t) > 0;
    int per_row = (n + view->rows_cap - 1) / view->rows_cap, k = 0;
    for (int t = 1; t <= view->T; t++) {
        row_of[t - 1] = count_shown(view, t) > 0 ? k++ / per_row : -1;
        if (row_of[t - 1] < 0)
            continue;
        if (row_of[t - 1] == map->rows)
            map->first[map->rows++] = t;
        map->last[map->rows - 1] = t;
    }
}

const char *sab_recall_column_name(const struct sab_recall_map *map)
{
    if (map->is_by_stretch)
        return map->is_by_lag ? "steps back to the stretches that were recalled" : "past steps of the stretches recalled";
    return map->is_by_lag ? "steps back to what was recalled" : "past step recalled";
}

static int first_step(const struct sab_recall_log *log, const struct sab_recall_view *view)
{
    if (view->is_by_lag)
        return 1;
    for (size_t i = 0; i < log->count; i++)
        if (log->entries[i].layer == view->layer && log->entries[i].when == 0)
            return 0;
    return 1;
}

/* The farthest that is looked back, 1 at least: beyond it all columns would be empty. */
static int last_lag(const struct sab_recall_log *log, const struct sab_recall_view *view)
{
    int last = 1;
    for (size_t i = 0; i < log->count; i++)
        if (is_seen(view, &log->entries[i]) && log->entries[i].when > 0 &&
            log->entries[i].t - sab_recall_from(log, log->entries[i].when) > last)
            last = log->entries[i].t - sab_recall_from(log, log->entries[i].when);
    return last;
}

static void fill(struct sab_recall_map *map, const struct sab_recall_log *log, const struct sab_recall_view *view,
                 const int *row_of)
{
    for (size_t i = 0; i < log->count; i++) {
        const struct sab_recall_entry *e = &log->entries[i];
        if (!is_seen(view, e))
            continue;
        if (map->is_by_lag && e->when == 0)
            continue;
        int from = sab_recall_from(log, e->when);
        for (int step = from; step <= e->when; step++) {
            int column = ((map->is_by_lag ? e->t - step : step) - map->first_step) / map->steps_per_column;
            map->cell[(size_t)row_of[e->t - 1] * (size_t)map->columns + (size_t)column] += value_of(view, e) / (e->when - from + 1);
        }
    }
    for (int r = 0; r < map->rows; r++) {
        double shown = 0;
        for (int t = map->first[r]; t <= map->last[r]; t++)
            shown += count_shown(view, t);
        for (int c = 0; c < map->columns; c++) {
            double *cell = &map->cell[(size_t)r * (size_t)map->columns + (size_t)c];
            *cell /= shown;
            if (*cell > map->most)
                map->most = *cell;
            if (*cell < map->least)
                map->least = *cell;
        }
    }
}

int sab_recall_map_make(struct sab_recall_map *map, const struct sab_recall_log *log,
                        const struct sab_recall_view *view, struct sab_error *err)
{
    size_t rows_cap = (size_t)(view->T < view->rows_cap ? view->T : view->rows_cap);
    int *row_of = sab_alloc((size_t)view->T, sizeof *row_of);
    *map = (struct sab_recall_map){0};
    map->is_by_lag = view->is_by_lag;
    map->is_by_stretch = log->stretch > 1;
    map->first_step = first_step(log, view);
    int steps = map->is_by_lag ? last_lag(log, view) : view->T + 1 - map->first_step;
    map->steps_per_column = (steps + view->columns_cap - 1) / view->columns_cap;
    map->columns = (steps + map->steps_per_column - 1) / map->steps_per_column;
    map->first = sab_alloc(rows_cap, sizeof *map->first);
    map->last = sab_alloc(rows_cap, sizeof *map->last);
    map->cell = sab_alloc(rows_cap, (size_t)map->columns * sizeof *map->cell);
    int status = SAB_OK;
    if (!row_of || !map->first || !map->last || !map->cell)
        status = sab_fail(err, SAB_NOMEM, "no memory for a map of %zu x %d", rows_cap, map->columns);
    if (status == SAB_OK) {
        lay_out_rows(map, view, row_of);
        fill(map, log, view, row_of);
        if (map->rows == 0)
            status = sab_fail(err, SAB_INVALID, "none of the %d steps is to be shown", view->T);
    }
    sab_free(row_of);
    if (status != SAB_OK)
        sab_recall_map_clear(map);
    return status;
}

/* ---- the reading ---- */

/* Mean over reads of the largest weight. Entries of one read stand together, since the log is sorted. */
static double mean_largest(const struct sab_recall_log *log, const struct sab_recall_view *view)
{
    double largest = 0, sum = 0;
    int64_t reads = 0;
    for (size_t i = 0; i < log->count; i++) {
        const struct sab_recall_entry *e = &log->entries[i], *next = e + 1;
        if (!is_seen(view, e))
            continue;
        if (value_of(view, e) > largest)
            largest = value_of(view, e);
        if (i + 1 == log->count || next->layer != e->layer || next->sequence != e->sequence || next->t != e->t) {
            sum += largest;
            largest = 0;
            reads++;
        }
    }
    return reads ? sum / (double)reads : 0;
}

static int compare_pairs(const void *left, const void *right)
{
    const struct sab_recall_entry *a = left, *b = right;
    if (a->t != b->t)
        return a->t < b->t ? -1 : 1;
    if (a->when != b->when)
        return a->when < b->when ? -1 : 1;
    return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

int sab_recall_read(struct sab_recall_reading *reading, const struct sab_recall_log *log,
                    const struct sab_recall_view *view, struct sab_error *err)
{
    struct sab_recall_entry *seen = sab_alloc(log->count, sizeof *seen);
    size_t n = 0;
    if (!seen)
        return sab_fail(err, SAB_NOMEM, "no memory for %zu recalled weights", log->count);
    *reading = (struct sab_recall_reading){.mean_largest = mean_largest(log, view)};
    for (size_t i = 0; i < log->count; i++)
        if (is_seen(view, &log->entries[i]))
            seen[n++] = log->entries[i];
    qsort(seen, n, sizeof *seen, compare_pairs);
    double sum = 0;
    int shown = 0;
    for (size_t i = 0; i < n; i++) {
        int is_new = i == 0 || seen[i].t != seen[i - 1].t || seen[i].when != seen[i - 1].when;
        sum = (is_new ? 0 : sum) + value_of(view, &seen[i]);
        if (i == 0 || seen[i].t != seen[i - 1].t)
            shown = count_shown(view, seen[i].t);
        if (sum / shown > reading->weight)
            *reading = (struct sab_recall_reading){seen[i].t, seen[i].when, sab_recall_from(log, seen[i].when), shown, sum / shown,
                                                   reading->mean_largest};
    }
    sab_free(seen);
    return SAB_OK;
}
