/* One line in, one answer out: sab_lines_* of sab_run.h. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/csv_categories.h"
#include "data/csv_inputs.h"
#include "model/stream.h"
#include "predict/columns.h"
#include "predict/state.h"
#include "source/csv.h"
#include "train/options.h"

/* What goes on from line to line, of one series. */
struct series {
    struct sab_stream *stream;
    double *last; /* [schema.n] of each column the last value known, NaN before there was one */
    int64_t time;
    int has_time;
};

struct sab_lines {
    struct sab_answers answers;
    struct sab_model *model;
    const char *source;
    int gaps;
    struct sab_csv_dialect dialect;
    struct sab_csv csv;
    int64_t line;
    struct sab_line_columns columns;
    struct sab_decimal *origins; /* [I] of the inputs' columns */
    struct sab_text_set names;
    struct series *series;
    int n_series, series_cap;
    double *row;          /* [schema.n] of the line, NaN where a value is missing */
    sab_real *values, *outputs;
    int32_t id;
    struct sab_place place;       /* of the latest answer, and its text */
    char time_text[SAB_TIME_TEXT_CAP];
};

static const struct sab_csv_schema *schema_of(const struct sab_lines *l)
{
    return l->answers.schema.n > 0 ? &l->answers.schema : NULL;
}

/* ---- what a line holds ---- */

/* The line's inputs: a symbol, a row of the schema's columns, or values that are standardised here. *lacks is set where one is
 * missing and that is allowed. */
static int read_inputs(struct sab_lines *l, int *lacks, struct sab_error *err)
{
    const struct sab_csv_schema *schema = schema_of(l);
    const struct sab_answers *a = &l->answers;
    *lacks = 0;
    for (int i = 0; i < l->columns.I; i++) {
        struct sab_decimal number = {0};
        char name[SAB_CSV_COLUMN_CAP];
        int place = l->columns.places[i];
        if (schema && schema->missing != SAB_MISSING_ERROR && sab_csv_is_missing(&l->csv.fields[place])) {
            l->row[schema->inputs[i]] = NAN;
            *lacks = 1;
            continue;
        }
        if (schema && schema->columns[schema->inputs[i]].is_category) {
            int status = sab_csv_category(&l->answers.schema.columns[schema->inputs[i]], &l->csv, &l->csv.fields[place], 0,
                                          &l->row[schema->inputs[i]], err);
            if (status != SAB_OK)
                return status;
            continue;
        }
        sab_line_columns_show(&l->columns, a, i, name);
        int status = sab_csv_number(&l->csv, place, name, schema != NULL, &number, err);
        if (status != SAB_OK)
            return status;
        double value = number.value;
        if (a->shape->input == SAB_INPUT_IDS) {
            if (value != floor(value) || value < 0 || value >= a->shape->I)
                return sab_fail(err, SAB_FORMAT, "%s, line %lld: %g is not a symbol; they are 0..%d", l->source,
                                (long long)l->line, value, a->shape->I - 1);
            l->id = (int32_t)value;
        } else if (schema) {
            l->row[schema->inputs[i]] = sab_decimal_minus(&number, &l->origins[i]);
        } else {
            l->values[i] = (sab_real)(a->input.n > 0 ? (value - a->input.mean[i]) / a->input.deviation[i] : value);
        }
    }
    return SAB_OK;
}

static int grow_series(struct sab_lines *l, struct sab_error *err)
{
    int cap = l->series_cap ? 2 * l->series_cap : 16;
    struct series *series = sab_alloc((size_t)cap, sizeof *series);
    if (!series)
        return sab_fail(err, SAB_NOMEM, "no memory for another series");
    if (l->n_series > 0)
        memcpy(series, l->series, (size_t)l->n_series * sizeof *series);
    sab_free(l->series);
    l->series = series;
    l->series_cap = cap;
    return SAB_OK;
}

/* The next series, which begins with a state of its own: the stream given, or a new one. */
static int add_series(struct sab_lines *l, struct sab_stream *stream, struct sab_error *err)
{
    const struct sab_csv_schema *schema = schema_of(l);
    struct series new = {.stream = stream, .last = sab_alloc(schema ? (size_t)schema->n : 1, sizeof *new.last)};
    int status = new.last ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory for another series");
    if (status == SAB_OK && l->n_series == l->series_cap)
        status = grow_series(l, err);
    if (status == SAB_OK && !stream)
        status = sab_stream_create(&new.stream, l->model, 1, err);
    if (status != SAB_OK) {
        sab_free(new.last);
        return status;
    }
    for (int k = 0; schema && k < schema->n; k++)
        new.last[k] = NAN;
    l->series[l->n_series++] = new;
    return SAB_OK;
}

/* The series that the line belongs to. */
static int find_series(struct sab_lines *l, struct series **series, struct sab_error *err)
{
    int s = 0;
    if (l->columns.series_place >= 0) {
        char text[SAB_CSV_TEXT_CAP];
        int n = sab_csv_copy(&l->csv.fields[l->columns.series_place], text);
        if (n < 1)
            return sab_fail(err, SAB_FORMAT, "%s, line %lld: the name of the series is empty, too long or not UTF-8",
                            l->source, (long long)l->line);
        s = sab_text_set_add(&l->names, text, (size_t)n);
        if (s < 0)
            return sab_fail(err, SAB_NOMEM, "no memory for another series");
    }
    int status = s == l->n_series ? add_series(l, NULL, err) : SAB_OK;
    *series = &l->series[s];
    return status;
}

/* ---- times ---- */

/* The row's values become inputs; those that are missing are the last ones known. */
static int step(struct sab_lines *l, struct series *s, int64_t time, struct sab_error *err)
{
    const struct sab_csv_schema *schema = schema_of(l);
    int is_ids = l->answers.shape->input == SAB_INPUT_IDS;
    for (int i = 0; schema && i < schema->I; i++)
        if (!isnan(l->row[schema->inputs[i]]))
            s->last[schema->inputs[i]] = l->row[schema->inputs[i]];
    if (schema)
        sab_csv_inputs(schema, &l->answers.columns, l->row, s->last, time, l->values);
    return sab_stream_step(s->stream, is_ids ? &l->id : NULL, is_ids ? NULL : l->values, l->outputs, err);
}

static int fail_time(const struct sab_lines *l, const struct series *s, int64_t time, const char *what, struct sab_error *err)
{
    char text[SAB_TIME_TEXT_CAP], last[SAB_TIME_TEXT_CAP], step_text[SAB_TIME_STEP_CAP];
    const struct sab_csv_schema *schema = schema_of(l);
    sab_time_write(&schema->time_format, time, text);
    sab_time_write(&schema->time_format, s->time, last);
    sab_time_show_step(&schema->time_format, &schema->step, step_text);
    return sab_fail(err, SAB_FORMAT, "%s, line %lld: the time %s follows on %s, where the step is %s%s", l->source,
                    (long long)l->line, text, last, step_text, what);
}

static int can_fill(const struct sab_csv_schema *schema)
{
    return schema->missing == SAB_MISSING_LAST || schema->missing == SAB_MISSING_MASK;
}

/* Rows that lie between the last time and this one are gone through as if they had come without a value. */
static int fill_gap(struct sab_lines *l, struct series *s, int64_t time, int64_t steps, struct sab_error *err)
{
    const struct sab_csv_schema *schema = schema_of(l);
    enum { MOST = 1000000 };
    double *row = l->row, *nothing = sab_alloc((size_t)schema->n, sizeof *nothing);
    int status = nothing ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory for a row");
    if (status == SAB_OK && !can_fill(schema))
        status = fail_time(l, s, time, "; the model was not trained with --missing last or mask, so --gaps fill is not possible", err);
    if (status == SAB_OK && (steps == 0 || steps > MOST))
        status = fail_time(l, s, time, steps == 0 ? ", no whole number of which lies between: that cannot be filled; --gaps keep"
                                                  : "; more than a million rows lie between: is the time right?", err);
    for (int k = 0; k < schema->n && status == SAB_OK; k++)
        nothing[k] = NAN;
    l->row = nothing;
    for (int64_t k = 1; k < steps && status == SAB_OK; k++)
        status = step(l, s, sab_time_add(s->time, &schema->step, k), err);
    l->row = row;
    sab_free(nothing);
    return status;
}

/* Reads the time of the line, and looks how it follows on the one before. */
static int take_time(struct sab_lines *l, struct series *s, int64_t *time, struct sab_error *err)
{
    const struct sab_csv_schema *schema = schema_of(l);
    int place = l->columns.time_place;
    *time = 0;
    if (place < 0)
        return SAB_OK;
    const struct sab_csv_field *field = &l->csv.fields[place];
    if (sab_time_read(&schema->time_format, field->text, field->nbytes, time)) {
        char shown[48];
        sab_csv_show(field, shown);
        return sab_fail(err, SAB_FORMAT, "%s, line %lld: \"%s\" is no time as in training", l->source, (long long)l->line, shown);
    }
    if (!s->has_time || (schema->step.ms == 0 && schema->step.months == 0 && *time > s->time))
        return SAB_OK;
    if (*time <= s->time)
        return fail_time(l, s, *time, ": lines must go forward in time", err);
    int64_t steps = sab_time_steps(s->time, *time, &schema->step);
    if (steps == 1 || l->gaps == SAB_GAPS_KEEP)
        return SAB_OK;
    if (l->gaps == SAB_GAPS_ERROR)
        return fail_time(l, s, *time, can_fill(schema) && steps > 0
                         ? "; --gaps keep takes lines as they follow, --gaps fill goes through what is missing"
                         : "; --gaps keep takes lines as they follow", err);
    return fill_gap(l, s, *time, steps, err);
}

/* ---- answers ---- */

/* A column with the time, where lines have one. */
static int place_time(struct sab_lines *l, int64_t time)
{
    const struct sab_csv_schema *schema = schema_of(l);
    if (l->columns.time_place < 0)
        return 0;
    sab_time_write(&schema->time_format, time, l->time_text);
    l->place = (struct sab_place){schema->time.name && schema->time.name[0] ? schema->time.name : "time", l->time_text, 0};
    return 1;
}

static int answer(struct sab_lines *l, const struct sab_answer **out, struct sab_error *err)
{
    const struct sab_csv_schema *schema = schema_of(l);
    struct series *series = NULL;
    int64_t time = 0;
    int lacks = 0;
    if (l->csv.n != l->columns.width)
        return sab_fail(err, SAB_FORMAT, "%s, line %lld has %d column%s; the lines before have %d", l->source,
                        (long long)l->line, l->csv.n, l->csv.n == 1 ? "" : "s", l->columns.width);
    int status = read_inputs(l, &lacks, err);
    if (status == SAB_OK)
        status = find_series(l, &series, err);
    if (status == SAB_OK)
        status = take_time(l, series, &time, err);
    if (status != SAB_OK)
        return status;
    int n = place_time(l, time), is_skipped = lacks && schema->missing == SAB_MISSING_SKIP;
    if (!is_skipped)
        status = step(l, series, time, err);
    if (status != SAB_OK)
        return status;
    if (l->columns.time_place >= 0) {
        series->time = time;
        series->has_time = 1;
    }
    if (is_skipped)
        sab_answers_work_out_none(&l->answers);
    else
        sab_answers_work_out(&l->answers, l->outputs, l->values);
    *out = sab_answers_show(&l->answers, &l->place, n);
    return SAB_OK;
}

int sab_lines_take(struct sab_lines *l, const char *text, size_t nbytes, const struct sab_answer **out, int *is_head, struct sab_error *err)
{
    int is_row = 0, status = SAB_OK;
    struct sab_csv csv = l->csv;
    l->line++;
    const char *zero = memchr(text, 0, nbytes);
    if (zero)
        return sab_fail(err, SAB_FORMAT, "%s, line %lld is no text: its byte %zu is 0", l->source, (long long)l->line,
                        (size_t)(zero - text));
    int is_first = l->columns.width == 0, is_named = 0;
    *is_head = 0;
    if (is_first) /* the separator is the first line's */
        status = sab_csv_begin(&csv, l->source, text, nbytes, &l->dialect, err);
    csv.fields = l->csv.fields;
    csv.cap = l->csv.cap;
    csv.at = is_first ? csv.at : text;
    csv.end = text + nbytes;
    csv.next_line = l->line;
    l->csv = csv;
    if (status == SAB_OK)
        status = sab_csv_next(&l->csv, &is_row, err);
    if (status != SAB_OK)
        return status;
    if (!is_row)
        return sab_fail(err, SAB_FORMAT, "%s, line %lld is empty", l->source, (long long)l->line);
    if (l->csv.at < l->csv.end) /* nobody would see the rest */
        return sab_fail(err, SAB_FORMAT, "%s, line %lld holds a carriage return, with more behind it: lines end with a line feed here",
                        l->source, (long long)l->line);
    if (is_first)
        status = sab_line_columns_find(&l->columns, &l->answers, &l->csv, &is_named, err);
    if (status != SAB_OK || !is_named)
        return status == SAB_OK ? answer(l, out, err) : status;
    *is_head = 1;
    *out = sab_answers_show(&l->answers, &l->place, place_time(l, 0));
    return SAB_OK;
}

int64_t sab_lines_count(const struct sab_lines *l)
{
    return l->line;
}

/* ---- the state ---- */

static int load_state(struct sab_lines *l, const char *from, int is_saved, struct sab_error *err)
{
    const struct sab_csv_schema *schema = schema_of(l);
    struct sab_stream *stream = NULL;
    if ((*from || is_saved) && schema && schema->series.number)
        return sab_fail(err, SAB_INVALID, "--%s: the model was trained on several series, and a file holds the state of "
                        "one", *from ? "state" : "save-state");
    if (!*from)
        return SAB_OK;
    int status = sab_stream_load(&stream, l->model, from, err);
    if (status == SAB_OK && stream->B != 1)
        status = sab_fail(err, SAB_FORMAT, "%.300s holds the state of %d sequences; --stream goes on with one", from, stream->B);
    if (status == SAB_OK)
        status = add_series(l, stream, err);
    if (status != SAB_OK) {
        sab_stream_free(stream);
        return status;
    }
    struct series *s = &l->series[0];
    return schema ? sab_predict_state_read(from, schema->n, s->last, &s->time, &s->has_time, err) : SAB_OK;
}

int sab_lines_save(const struct sab_lines *l, const char *path, struct sab_error *err)
{
    const struct sab_csv_schema *schema = schema_of(l);
    if (l->n_series == 0)
        return sab_fail(err, SAB_INVALID, "--save-state: no line was read, so there is no state");
    const struct series *s = &l->series[0];
    int goes_on = schema && (schema->missing != SAB_MISSING_ERROR || s->has_time);
    return goes_on ? sab_predict_state_save(path, s->stream, schema->n, s->last, s->time, s->has_time, err)
                   : sab_stream_save(s->stream, path, err);
}

/* ---- beginning and end ---- */

static int make_room(struct sab_lines *l, struct sab_error *err)
{
    const struct sab_csv_schema *schema = schema_of(l);
    const struct sab_shape *shape = l->answers.shape;
    l->columns.I = schema ? schema->I : shape->input == SAB_INPUT_IDS ? 1 : shape->I;
    size_t I = (size_t)l->columns.I;
    l->columns.places = sab_alloc(I, sizeof *l->columns.places);
    l->origins = sab_alloc(I, sizeof *l->origins);
    l->row = sab_alloc(schema ? (size_t)schema->n : 1, sizeof *l->row);
    l->values = sab_alloc((size_t)shape->I, sizeof *l->values);
    l->outputs = sab_alloc((size_t)shape->O, sizeof *l->outputs);
    if (!l->columns.places || !l->origins || !l->row || !l->values || !l->outputs)
        return sab_fail(err, SAB_NOMEM, "no memory for %d inputs", l->columns.I);
    for (int i = 0; schema && i < l->columns.I; i++)
        l->origins[i] = sab_decimal_of(schema->columns[schema->inputs[i]].origin);
    for (int k = 0; schema && k < schema->n; k++)
        l->row[k] = NAN;
    return SAB_OK;
}

int sab_lines_create(struct sab_lines **out, struct sab_model *model, const struct sab_options *options, const char *source,
                     const char *state, int is_saved, struct sab_error *err)
{
    struct sab_lines *l = sab_alloc(1, sizeof *l);
    if (!l)
        return sab_fail(err, SAB_NOMEM, "no memory for lines");
    l->model = model;
    l->source = source;
    l->gaps = options->task.csv.gaps;
    l->columns.series_place = l->columns.time_place = -1;
    int status = sab_answers_make(&l->answers, model, err);
    if (status == SAB_OK)
        status = sab_csv_dialect_make(&l->dialect, options->task.csv.separator, 0, options->task.csv.decimal_comma,
                                      options->task.csv.thousands, err);
    if (status == SAB_OK)
        status = make_room(l, err);
    if (status == SAB_OK)
        status = load_state(l, state, is_saved, err);
    if (status == SAB_OK)
        *out = l;
    else
        sab_lines_free(l);
    return status;
}

void sab_lines_free(struct sab_lines *l)
{
    if (!l)
        return;
    for (int s = 0; s < l->n_series; s++) {
        sab_stream_free(l->series[s].stream);
        sab_free(l->series[s].last);
    }
    sab_free(l->series);
    sab_free(l->columns.places);
    sab_free(l->origins);
    sab_free(l->row);
    sab_free(l->values);
    sab_free(l->outputs);
    sab_text_set_clear(&l->names);
    sab_csv_clear(&l->csv);
    sab_answers_clear(&l->answers);
    sab_free(l);
}
