/* See csv_reading.h: rows in the order of their times, what is missing between and within them.
 *
 * Times are looked after first, in each series: rows are sorted, doubles resolved, gaps found. What comes of it is a list of
 * sources: for each row of the new table the row it is taken from, or ADDED. Then rows that lack a value may be left out, and
 * what the others lack is filled. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/csv_reading.h"

enum { ADDED = -1, ADDED_MOST = 10 }; /* times as many rows as there were: a time in the wrong century is no gap */

/* The list, and what was found while it was made. */
struct order {
    struct sab_csv_reading *r;
    int64_t *sources, *times; /* [n] */
    int64_t n, cap;
    int64_t moved, doubles, gaps, absent, added, dropped; /* rows; series of `moved`; absent: steps in gaps */
    int64_t first_moved_line, double_line, gap_line;
    int64_t gap_from, gap_to;
};

static int push(struct order *o, int64_t source, int64_t time, struct sab_error *err)
{
    if (o->n == o->cap) {
        int64_t cap = o->cap ? 2 * o->cap : o->r->table->rows + 64;
        int64_t *sources = sab_alloc((size_t)cap, sizeof *sources), *times = sab_alloc((size_t)cap, sizeof *times);
        if (!sources || !times) {
            sab_free(sources);
            sab_free(times);
            return sab_fail(err, SAB_NOMEM, "no memory for the rows of %s", o->r->path);
        }
        if (o->n > 0) {
            memcpy(sources, o->sources, (size_t)o->n * sizeof *sources);
            memcpy(times, o->times, (size_t)o->n * sizeof *times);
        }
        sab_free(o->sources);
        sab_free(o->times);
        o->sources = sources;
        o->times = times;
        o->cap = cap;
    }
    o->sources[o->n] = source;
    o->times[o->n++] = time;
    return SAB_OK;
}

static const char *show(const struct order *o, int64_t time, char text[SAB_TIME_TEXT_CAP])
{
    sab_time_write(&o->r->schema->time_format, time, text);
    return text;
}

/* ---- order and doubles ---- */

struct timed {
    int64_t time, row;
};

static int compare(const void *a, const void *b)
{
    const struct timed *x = a, *y = b;
    return x->time != y->time ? (x->time > y->time ? 1 : -1) : (x->row > y->row) - (x->row < y->row);
}

/* The rows of a series in the order of their times; those of one time as they stand in the file, which may run backwards. */
static struct timed *sort_series(struct order *o, const struct sab_csv_series *series, struct sab_error *err)
{
    const struct sab_csv_table *table = o->r->table;
    struct timed *rows = sab_alloc((size_t)series->rows, sizeof *rows);
    int is_sorted = 1;
    if (!rows) {
        sab_fail(err, SAB_NOMEM, "no memory for the rows of %s", o->r->path);
        return NULL;
    }
    for (int64_t i = 0; i < series->rows; i++) {
        int64_t row = series->begin + i;
        rows[i] = (struct timed){table->times[row], row};
        if (i > 0 && table->times[row] < table->times[row - 1]) {
            if (o->moved == 0 && is_sorted)
                o->first_moved_line = o->r->lines[row];
            is_sorted = 0;
        }
    }
    o->moved += !is_sorted;
    if (!is_sorted)
        qsort(rows, (size_t)series->rows, sizeof *rows, compare);
    return rows;
}

/* Keeps one row of each time: how many are left. */
static int64_t drop_doubles(struct order *o, struct timed *rows, int64_t n)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++) {
        if (kept == 0 || rows[i].time != rows[kept - 1].time) {
            rows[kept++] = rows[i];
            continue;
        }
        if (o->doubles++ == 0)
            o->double_line = o->r->lines[rows[i].row];
        if (o->r->duplicates == SAB_DUPLICATES_LAST)
            rows[kept - 1] = rows[i];
    }
    return kept;
}

static int take_order(struct order *o, struct sab_error *err)
{
    const struct sab_csv_table *table = o->r->table;
    int status = SAB_OK;
    for (int s = 0; s < table->S && status == SAB_OK; s++) {
        struct timed *rows = sort_series(o, &table->series[s], err);
        if (!rows)
            return SAB_NOMEM;
        int64_t n = drop_doubles(o, rows, table->series[s].rows), begin = o->n;
        for (int64_t i = 0; i < n && status == SAB_OK; i++)
            status = push(o, rows[i].row, rows[i].time, err);
        sab_free(rows);
        table->series[s].begin = begin;
        table->series[s].rows = n;
    }
    char column[SAB_CSV_COLUMN_CAP], time[SAB_TIME_TEXT_CAP];
    sab_csv_column_show(&o->r->schema->time, column);
    if (status != SAB_OK || o->doubles == 0 || o->r->duplicates != SAB_DUPLICATES_ERROR)
        return status;
    int64_t row = 0;
    while (o->r->lines[row] != o->double_line)
        row++;
    return sab_fail(err, SAB_FORMAT, "%s, line %lld, column %s: another row%s has the time %s, too; there %s %lld such row%s; "
                    "--duplicates first, or last, keeps one of each%s", o->r->path, (long long)o->double_line, column,
                    table->names.n > 0 ? " of the series" : "", show(o, table->times[row], time), o->doubles == 1 ? "is" : "are",
                    (long long)o->doubles, o->doubles == 1 ? "" : "s",
                    table->names.n > 0 ? "" : o->r->config ? "; if the file holds several series, --series tells them apart"
                                                           : "; the model was trained on one series");
}

/* ---- gaps ---- */

static void find_step(struct order *o)
{
    const struct sab_csv_table *table = o->r->table;
    struct sab_time_vote vote = {0};
    for (int pass = 0; pass < 2; pass++)
        for (int s = 0; s < table->S; s++)
            for (int64_t i = table->series[s].begin + 1; i < table->series[s].begin + table->series[s].rows; i++)
                (pass ? sab_time_vote_check : sab_time_vote)(&vote, o->times[i - 1], o->times[i]);
    o->r->schema->step = sab_time_vote_end(&vote);
}

static int has_step(const struct sab_csv_schema *schema)
{
    return schema->step.ms > 0 || schema->step.months > 0;
}

static void find_gaps(struct order *o)
{
    const struct sab_csv_table *table = o->r->table;
    for (int s = 0; s < table->S; s++)
        for (int64_t i = table->series[s].begin + 1; i < table->series[s].begin + table->series[s].rows; i++) {
            int64_t steps = sab_time_steps(o->times[i - 1], o->times[i], &o->r->schema->step);
            if (steps == 1)
                continue;
            if (o->gaps++ == 0) {
                o->gap_line = o->r->lines[o->sources[i]];
                o->gap_from = o->times[i - 1];
                o->gap_to = o->times[i];
            }
            o->absent += steps > 1 ? steps - 1 : 0;
        }
}

static int fail_gap(const struct order *o, const char *what, struct sab_error *err)
{
    char column[SAB_CSV_COLUMN_CAP], step[SAB_TIME_STEP_CAP], from[SAB_TIME_TEXT_CAP], to[SAB_TIME_TEXT_CAP];
    const struct sab_csv_schema *schema = o->r->schema;
    sab_csv_column_show(&schema->time, column);
    sab_time_show_step(&schema->time_format, &schema->step, step);
    return sab_fail(err, SAB_FORMAT, "%s, line %lld, column %s: %s follows on %s, where the step is %s%s", o->r->path,
                    (long long)o->gap_line, column, show(o, o->gap_to, to), show(o, o->gap_from, from), step, what);
}

/* Adds the rows that a gap lacks: a list made anew. */
static int fill_gaps(struct order *o, struct sab_error *err)
{
    struct sab_csv_table *table = o->r->table;
    struct order filled = {.r = o->r};
    int status = SAB_OK;
    for (int s = 0; s < table->S && status == SAB_OK; s++) {
        int64_t begin = filled.n, from = table->series[s].begin;
        for (int64_t i = from; i < from + table->series[s].rows && status == SAB_OK; i++) {
            int64_t steps = i == from ? 1 : sab_time_steps(o->times[i - 1], o->times[i], &o->r->schema->step);
            for (int64_t k = 1; k < steps && status == SAB_OK; k++)
                status = push(&filled, ADDED, sab_time_add(o->times[i - 1], &o->r->schema->step, k), err);
            if (status == SAB_OK && steps == 0) {
                o->gap_line = o->r->lines[o->sources[i]];
                o->gap_from = o->times[i - 1];
                o->gap_to = o->times[i];
                status = fail_gap(o, ", no whole number of which lies between: that cannot be filled; --gaps keep", err);
            }
            if (status == SAB_OK)
                status = push(&filled, o->sources[i], o->times[i], err);
        }
        table->series[s].begin = begin;
        table->series[s].rows = filled.n - begin;
    }
    sab_free(o->sources);
    sab_free(o->times);
    o->added = filled.n - o->n;
    o->sources = filled.sources;
    o->times = filled.times;
    o->n = filled.n;
    o->cap = filled.cap;
    return status;
}

static int take_gaps(struct order *o, struct sab_error *err)
{
    struct sab_csv_reading *r = o->r;
    char what[200];
    int can_fill = r->schema->missing == SAB_MISSING_LAST || r->schema->missing == SAB_MISSING_MASK;
    if (r->config)
        find_step(o);
    if (r->gaps == SAB_GAPS_FILL && !can_fill)
        return sab_fail(err, SAB_INVALID, r->config ? "--gaps fill needs --missing last or mask, which say what the rows that are added "
                                                      "hold"
                                                    : "--gaps fill needs a model that was trained with --missing last or mask");
    if (!has_step(r->schema))
        return r->gaps != SAB_GAPS_FILL ? SAB_OK
                                        : sab_fail(err, SAB_FORMAT, "--gaps fill: the times of %s have no common step", r->path);
    find_gaps(o);
    if (o->gaps == 0 || r->gaps == SAB_GAPS_KEEP)
        return SAB_OK;
    if (r->gaps == SAB_GAPS_ERROR) {
        snprintf(what, sizeof what, "; %lld such gap%s, of %lld steps; --gaps keep takes rows as they follow%s", (long long)o->gaps,
                 o->gaps == 1 ? "" : "s", (long long)o->absent,
                 can_fill ? ", --gaps fill adds what is missing"
                 : r->config ? ", --gaps fill with --missing last or mask adds what is missing"
                             : "");
        return fail_gap(o, what, err);
    }
    if (o->absent / ADDED_MOST > r->table->rows) {
        snprintf(what, sizeof what, "; --gaps fill would add %lld rows to the %lld that are there: is the time right?",
                 (long long)o->absent, (long long)r->table->rows);
        return fail_gap(o, what, err);
    }
    return fill_gaps(o, err);
}

/* ---- rows that lack a value ---- */

static int lacks_value(const struct sab_csv_reading *r, int64_t row)
{
    const struct sab_csv_schema *schema = r->schema;
    const double *values = r->table->values + row * schema->n;
    for (int k = 0; k < schema->n; k++)
        if (isnan(values[k]))
            return 1;
    return r->table->labels && schema->goal != SAB_GOAL_SERIES && r->table->labels[row] < 0;
}

static void drop_rows(struct order *o)
{
    struct sab_csv_table *table = o->r->table;
    int64_t kept = 0;
    for (int s = 0; s < table->S; s++) {
        int64_t begin = kept, from = table->series[s].begin;
        for (int64_t i = from; i < from + table->series[s].rows; i++) {
            if (lacks_value(o->r, o->sources[i])) {
                o->dropped++;
                continue;
            }
            o->sources[kept] = o->sources[i];
            o->times[kept++] = o->times[i];
        }
        table->series[s].begin = begin;
        table->series[s].rows = kept - begin;
    }
    o->n = kept;
}

/* A series with an answer of its own must have a row. */
static int check_series(const struct sab_csv_reading *r, struct sab_error *err)
{
    for (int s = 0; s < r->table->S && r->schema->goal == SAB_GOAL_SERIES; s++)
        if (r->table->series[s].rows == 0)
            return sab_fail(err, SAB_FORMAT, "%s: every row of the series \"%.60s\" lacks a value; --missing skip leaves none of it",
                            r->path, sab_text_set_at(&r->table->names, s));
    return SAB_OK;
}

/* ---- the new table ---- */

/* Where each row of the file stands in its series, from 1. */
static int64_t *number_rows(const struct sab_csv_table *table)
{
    int64_t *numbers = sab_alloc((size_t)table->rows, sizeof *numbers);
    for (int s = 0; numbers && s < table->S; s++)
        for (int64_t i = 0; i < table->series[s].rows; i++)
            numbers[table->series[s].begin + i] = i + 1;
    return numbers;
}

static int is_as_it_was(const struct order *o)
{
    for (int64_t i = 0; i < o->n; i++)
        if (o->sources[i] != i)
            return 0;
    return o->n == o->r->table->rows;
}

static int rebuild(struct order *o, const int64_t *numbers, struct sab_error *err)
{
    struct sab_csv_table *table = o->r->table;
    size_t rows = (size_t)o->n, width = (size_t)o->r->schema->n;
    int has_labels = table->labels && o->r->schema->goal != SAB_GOAL_SERIES;
    double *values = sab_alloc(rows * width + 1, sizeof *values);
    int32_t *labels = has_labels ? sab_alloc(rows + 1, sizeof *labels) : NULL;
    table->numbers = sab_alloc(rows + 1, sizeof *table->numbers);
    if (!values || (has_labels && !labels) || !table->numbers) {
        sab_free(values);
        sab_free(labels);
        return sab_fail(err, SAB_NOMEM, "no memory for the rows of %s", o->r->path);
    }
    int has_added = 0;
    for (size_t i = 0; i < rows; i++) {
        int64_t from = o->sources[i];
        has_added |= from == ADDED;
        for (size_t k = 0; k < width; k++)
            values[i * width + k] = from == ADDED ? NAN : table->values[(size_t)from * width + k];
        table->numbers[i] = from == ADDED ? 0 : numbers[from];
        if (has_labels)
            labels[i] = from == ADDED ? -1 : table->labels[from];
    }
    o->r->has_missing |= has_added;
    sab_free(table->values);
    table->values = values;
    if (has_labels) {
        sab_free(table->labels);
        table->labels = labels;
    }
    return SAB_OK;
}

/* The last value before stands in for one that is missing. */
static int fill_values(struct sab_csv_reading *r, int64_t *missing, struct sab_error *err)
{
    struct sab_csv_table *table = r->table;
    int n = r->schema->n;
    size_t cells = (size_t)table->rows * (size_t)n;
    *missing = 0;
    table->filled = table->values;
    for (size_t i = 0; i < cells && r->has_missing; i++)
        *missing += isnan(table->values[i]) != 0;
    if (*missing == 0)
        return SAB_OK;
    table->filled = sab_alloc(cells, sizeof *table->filled);
    if (!table->filled)
        return sab_fail(err, SAB_NOMEM, "no memory for the rows of %s", r->path);
    memcpy(table->filled, table->values, cells * sizeof *table->filled);
    for (int s = 0; s < table->S; s++)
        for (int64_t row = table->series[s].begin + 1; row < table->series[s].begin + table->series[s].rows; row++)
            for (int k = 0; k < n; k++)
                if (isnan(table->filled[row * n + k]))
                    table->filled[row * n + k] = table->filled[(row - 1) * n + k];
    return SAB_OK;
}

/* ---- words ---- */

static void say_times(const struct order *o, const int64_t *times)
{
    const struct sab_csv_reading *r = o->r;
    char from[SAB_TIME_TEXT_CAP], to[SAB_TIME_TEXT_CAP], step[SAB_TIME_STEP_CAP] = "", what[200] = "";
    int64_t least = times[0], most = times[0];
    for (int64_t i = 0; i < o->n; i++) {
        least = times[i] < least ? times[i] : least;
        most = times[i] > most ? times[i] : most;
    }
    if (has_step(r->schema))
        sab_time_show_step(&r->schema->time_format, &r->schema->step, step);
    if (o->gaps > 0)
        snprintf(what, sizeof what, "; %lld gap%s, the first before line %lld%s", (long long)o->gaps, o->gaps == 1 ? "" : "s",
                 (long long)o->gap_line, r->gaps == SAB_GAPS_FILL ? "" : ": rows follow on each other");
    sab_account_say(r->account, "times", "%s to %s, %s%s%s", show(o, least, from), show(o, most, to),
                    has_step(r->schema) ? "in steps of " : "irregular", step, what);
    if (o->moved > 0)
        sab_account_warn(r->account, "rows that do not go forward in time were put in order, the first in line %lld",
                         (long long)o->first_moved_line);
    if (o->doubles > 0)
        sab_account_warn(r->account, "%lld row%s left out for the time of another, the first over line %lld (--duplicates)",
                         (long long)o->doubles, o->doubles == 1 ? " was" : "s were", (long long)o->double_line);
    if (o->added > 0)
        sab_account_warn(r->account, "%lld rows were added where times were missing, the first before line %lld (--gaps fill)",
                         (long long)o->added, (long long)o->gap_line);
}

static void say_missing(const struct order *o, int64_t missing)
{
    const struct sab_csv_reading *r = o->r;
    char count[SAB_COUNT_CAP];
    if (o->dropped > 0)
        sab_account_say(r->account, "missing", "%s rows lack a value and were left out (--missing skip)",
                        sab_account_count(o->dropped, count));
    if (missing > 0)
        sab_account_say(r->account, "missing", "%s cells: as the value before%s, and no target (--missing %s)",
                        sab_account_count(missing, count),
                        r->schema->missing == SAB_MISSING_MASK ? ", with an input that says so" : "",
                        r->schema->missing == SAB_MISSING_MASK ? "mask" : "last");
}

/* ---- all of it ---- */

static int take_rows(struct order *o, struct sab_error *err)
{
    struct sab_csv_reading *r = o->r;
    struct sab_csv_table *table = r->table;
    int64_t *numbers = number_rows(table);
    int status = numbers ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory for the rows of %s", r->path);
    if (status == SAB_OK && table->times) {
        status = take_order(o, err);
        if (status == SAB_OK)
            status = take_gaps(o, err);
    } else {
        for (int64_t row = 0; row < table->rows && status == SAB_OK; row++)
            status = push(o, row, 0, err);
    }
    if (status == SAB_OK && r->schema->missing == SAB_MISSING_SKIP)
        drop_rows(o);
    if (status == SAB_OK)
        status = check_series(r, err);
    if (status == SAB_OK && o->n == 0)
        status = sab_fail(err, SAB_FORMAT, "%s: every row lacks a value; --missing skip leaves none", r->path);
    if (status == SAB_OK && !is_as_it_was(o))
        status = rebuild(o, numbers, err);
    sab_free(numbers);
    if (status == SAB_OK && table->times) {
        sab_free(table->times);
        table->times = o->times;
        o->times = NULL;
    }
    table->rows = o->n;
    return status;
}

int sab_csv_reading_order(struct sab_csv_reading *r, struct sab_error *err)
{
    struct order o = {.r = r};
    int64_t missing = 0;
    int status = SAB_OK;
    if (r->table->times || r->schema->missing == SAB_MISSING_SKIP)
        status = take_rows(&o, err);
    if (status == SAB_OK)
        status = fill_values(r, &missing, err);
    if (status == SAB_OK && r->account) {
        if (r->table->times)
            say_times(&o, r->table->times);
        say_missing(&o, missing);
    }
    sab_free(o.sources);
    sab_free(o.times);
    return status;
}
