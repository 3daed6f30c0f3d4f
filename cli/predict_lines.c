/* See predict_lines.h. */
#include "cli/predict_lines.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cli/stop.h"
#include "data/csv.h"
#include "data/csv_choose.h"
#include "model/stream.h"

static const char input_name[] = "standard input";

struct lines {
    struct sab_answers *answers;
    struct sab_model *model;
    int as_json;
    int I;
    struct sab_csv_dialect dialect;
    struct sab_csv csv;
    int64_t line;
    int width;            /* fields of every line; 0 before the first */
    int *places;          /* [I] fields of the inputs */
    struct sab_decimal *origins; /* [I] of the inputs' columns */
    int series_place;     /* or -1 */
    struct sab_text_set names;
    struct sab_stream **streams; /* one for each series */
    int n_streams, streams_cap;
    sab_real *values, *outputs;
    int32_t id;
};

static const struct sab_csv_schema *schema_of(const struct lines *l)
{
    return l->answers->schema.n > 0 ? &l->answers->schema : NULL;
}

/* Inputs alone, in their order; or the columns as they were in training. */
static int places_by_number(struct lines *l, struct sab_error *err)
{
    const struct sab_csv_schema *schema = schema_of(l);
    int has_series = schema && schema->series.number;
    l->width = l->csv.n;
    if (l->csv.n == l->I && !has_series) {
        for (int i = 0; i < l->I; i++)
            l->places[i] = i;
        return SAB_OK;
    }
    if (has_series && l->csv.n != schema->n_columns)
        return sab_fail(err, SAB_FORMAT, "%s, line 1 has %d column%s; the model needs the name of the series and its %d "
                        "input%s: all %d columns that it was trained with, or a first line with names", input_name,
                        l->csv.n, l->csv.n == 1 ? "" : "s", l->I, l->I == 1 ? "" : "s", schema->n_columns);
    if (!schema || l->csv.n != schema->n_columns)
        return sab_fail(err, SAB_FORMAT, "%s, line 1 has %d column%s; the model needs its %d input%s%s", input_name,
                        l->csv.n, l->csv.n == 1 ? "" : "s", l->I, l->I == 1 ? "" : "s",
                        schema ? ", all columns that it was trained with, or a first line with their names" : "");
    for (int i = 0; i < l->I; i++)
        l->places[i] = schema->columns[schema->inputs[i]].number - 1;
    l->series_place = has_series ? schema->series.number - 1 : -1;
    return SAB_OK;
}

/* Sets *is_named when the line names all columns that are needed. */
static int places_by_name(struct lines *l, int *is_named, struct sab_error *err)
{
    const struct sab_csv_schema *schema = schema_of(l);
    struct sab_csv_head head = {.path = input_name, .has_header = 1, .n = l->csv.n, .names = l->csv.fields};
    *is_named = 0;
    if (!schema || !schema->is_named)
        return SAB_OK;
    int status = sab_csv_head_index(&head, err), found = status == SAB_OK;
    for (int i = 0; i < l->I && found; i++)
        found = (l->places[i] = sab_csv_place(schema, &schema->columns[schema->inputs[i]], &head)) >= 0;
    if (found && schema->series.number)
        found = (l->series_place = sab_csv_place(schema, &schema->series, &head)) >= 0;
    sab_csv_head_clear(&head);
    if (found)
        l->width = l->csv.n;
    *is_named = found;
    return status;
}

static void name_input(const struct lines *l, int i, char text[SAB_CSV_COLUMN_CAP])
{
    const struct sab_csv_schema *schema = schema_of(l);
    struct sab_csv_column unnamed = {.number = l->places[i] + 1};
    sab_csv_column_show(schema ? &schema->columns[schema->inputs[i]] : &unnamed, text);
}

/* The line's inputs, standardised as in training. */
static int read_inputs(struct lines *l, struct sab_error *err)
{
    const struct sab_csv_schema *schema = schema_of(l);
    const struct sab_answers *a = l->answers;
    for (int i = 0; i < l->I; i++) {
        struct sab_decimal number = {0};
        char name[SAB_CSV_COLUMN_CAP];
        name_input(l, i, name);
        int status = sab_csv_number(&l->csv, l->places[i], name, &number, err);
        if (status != SAB_OK)
            return status;
        double value = number.value;
        if (a->shape->input == SAB_INPUT_IDS) {
            if (value != floor(value) || value < 0 || value >= a->shape->I)
                return sab_fail(err, SAB_FORMAT, "%s, line %lld: %g is not a symbol; they are 0..%d", input_name,
                                (long long)l->line, value, a->shape->I - 1);
            l->id = (int32_t)value;
        } else if (schema) {
            int k = schema->inputs[i];
            l->values[i] = (sab_real)((sab_decimal_minus(&number, &l->origins[i]) - a->columns.mean[k]) / a->columns.deviation[k]);
        } else {
            l->values[i] = (sab_real)(a->input.n > 0 ? (value - a->input.mean[i]) / a->input.deviation[i] : value);
        }
    }
    return SAB_OK;
}

/* The state that the line goes on from. */
static int find_stream(struct lines *l, struct sab_stream **stream, struct sab_error *err)
{
    int s = 0;
    if (l->series_place >= 0) {
        char text[SAB_CSV_TEXT_CAP];
        int n = sab_csv_copy(&l->csv.fields[l->series_place], text);
        if (n < 1)
            return sab_fail(err, SAB_FORMAT, "%s, line %lld: the name of the series is empty, too long or not UTF-8",
                            input_name, (long long)l->line);
        s = sab_text_set_add(&l->names, text, (size_t)n);
        if (s < 0)
            return sab_fail(err, SAB_NOMEM, "no memory for another series");
    }
    if (s == l->streams_cap) {
        int cap = l->streams_cap ? 2 * l->streams_cap : 16;
        struct sab_stream **streams = sab_alloc((size_t)cap, sizeof(struct sab_stream *));
        if (!streams)
            return sab_fail(err, SAB_NOMEM, "no memory for another series");
        if (s > 0)
            memcpy(streams, l->streams, (size_t)s * sizeof *streams);
        sab_free(l->streams);
        l->streams = streams;
        l->streams_cap = cap;
    }
    if (s == l->n_streams) {
        int status = sab_stream_create(&l->streams[s], l->model, 1, err);
        if (status != SAB_OK)
            return status;
        l->n_streams++;
    }
    *stream = l->streams[s];
    return SAB_OK;
}

static int answer(struct lines *l, struct sab_error *err)
{
    struct sab_stream *stream = NULL;
    int is_ids = l->answers->shape->input == SAB_INPUT_IDS;
    if (l->csv.n != l->width)
        return sab_fail(err, SAB_FORMAT, "%s, line %lld has %d column%s; the lines before have %d", input_name,
                        (long long)l->line, l->csv.n, l->csv.n == 1 ? "" : "s", l->width);
    int status = read_inputs(l, err);
    if (status == SAB_OK)
        status = find_stream(l, &stream, err);
    if (status == SAB_OK)
        status = sab_stream_step(stream, is_ids ? &l->id : NULL, is_ids ? NULL : l->values, l->outputs, err);
    if (status != SAB_OK)
        return status;
    sab_answers_take(l->answers, l->outputs, l->values);
    if (l->as_json)
        sab_answers_print_json(l->answers, stdout, NULL, 0);
    else
        sab_answers_print_csv(l->answers, stdout, NULL, 0);
    return SAB_OK;
}

static int take_line(struct lines *l, const char *text, size_t nbytes, struct sab_error *err)
{
    int is_row = 0, status = SAB_OK;
    struct sab_csv csv = l->csv;
    l->line++;
    const char *zero = memchr(text, 0, nbytes);
    if (zero)
        return sab_fail(err, SAB_FORMAT, "%s, line %lld is no text: its byte %zu is 0", input_name, (long long)l->line,
                        (size_t)(zero - text));
    if (l->width == 0) /* the separator is the first line's */
        status = sab_csv_begin(&csv, input_name, text, nbytes, &l->dialect, err);
    csv.fields = l->csv.fields;
    csv.cap = l->csv.cap;
    csv.at = l->width == 0 ? csv.at : text;
    csv.end = text + nbytes;
    csv.next_line = l->line;
    l->csv = csv;
    if (status == SAB_OK)
        status = sab_csv_next(&l->csv, &is_row, err);
    if (status != SAB_OK)
        return status;
    if (!is_row)
        return sab_fail(err, SAB_FORMAT, "%s, line %lld is empty", input_name, (long long)l->line);
    int is_named = 0;
    if (l->width == 0 && (status = places_by_name(l, &is_named, err)) != SAB_OK)
        return status;
    if (is_named) {
        if (!l->as_json)
            sab_answers_print_head(l->answers, stdout, NULL, 0);
        return SAB_OK;
    }
    if (l->width == 0)
        status = places_by_number(l, err);
    return status == SAB_OK ? answer(l, err) : status;
}

static int flush(struct sab_error *err)
{
    if (fflush(stdout) == 0)
        return SAB_OK;
    return sab_fail(err, SAB_IO, "writing to standard output failed: %s", strerror(errno));
}

/* stop: NULL, or set when it is to end. A line that has not come whole by then is not looked at. */
static int each_line(struct lines *l, const volatile sig_atomic_t *stop, struct sab_error *err)
{
    char *text = NULL;
    size_t cap = 0;
    int status = SAB_OK;
    while (status == SAB_OK) {
        errno = 0;
        ssize_t n = stop && *stop ? -1 : getline(&text, &cap, stdin);
        if (n < 1 || (stop && *stop && text[n - 1] != '\n'))
            break;
        status = take_line(l, text, (size_t)n, err);
        int flushed = flush(status == SAB_OK ? err : NULL);
        status = status == SAB_OK ? flushed : status;
    }
    if (status == SAB_OK && stop && *stop)
        status = sab_fail(err, SAB_INTERRUPTED, "interrupted after line %lld", (long long)l->line);
    else if (status == SAB_OK && !feof(stdin)) /* a line that memory had no room for is no end, and sets no error */
        status = sab_fail(err, errno == ENOMEM ? SAB_NOMEM : SAB_IO, "reading standard input failed after line %lld: %s",
                          (long long)l->line, strerror(errno));
    free(text);
    return status;
}

static int load_state(struct lines *l, const char *from, const char *to, struct sab_error *err)
{
    const struct sab_csv_schema *schema = schema_of(l);
    if ((*from || *to) && schema && schema->series.number)
        return sab_fail(err, SAB_INVALID, "--%s: the model was trained on several series, and a file holds the state of "
                        "one", *from ? "state" : "save-state");
    if (!*from)
        return SAB_OK;
    l->streams = sab_alloc(1, sizeof(struct sab_stream *));
    if (!l->streams)
        return sab_fail(err, SAB_NOMEM, "no memory for a state");
    l->streams_cap = 1;
    int status = sab_stream_load(&l->streams[0], l->model, from, err);
    l->n_streams = status == SAB_OK;
    if (status == SAB_OK && l->streams[0]->B != 1)
        status = sab_fail(err, SAB_FORMAT, "%.300s holds the state of %d sequences; --stream goes on with one", from,
                          l->streams[0]->B);
    return status;
}

/* What ended the lines: their end, a line that cannot be read, or a signal. The state is of the last line answered. */
static int save_state(struct lines *l, const char *to, int ended, struct sab_error *err)
{
    struct sab_error why = {0};
    if (!*to || (ended != SAB_OK && ended != SAB_FORMAT && ended != SAB_INTERRUPTED))
        return ended;
    if (l->n_streams == 0)
        return ended == SAB_OK ? sab_fail(err, SAB_INVALID, "--save-state: no line was read, so there is no state") : ended;
    int status = sab_stream_save(l->streams[0], to, &why);
    if (status != SAB_OK)
        return sab_fail(err, status, "%s", why.message);
    if (ended == SAB_INTERRUPTED)
        sab_fail(err, ended, "interrupted after line %lld; --state %.200s goes on", (long long)l->line, to);
    return ended;
}

int sab_predict_lines(struct sab_answers *answers, struct sab_model *model, const struct sab_config *config, int as_json,
                      const char *state_from, const char *state_to, struct sab_error *err)
{
    struct lines l = {.answers = answers, .model = model, .as_json = as_json, .series_place = -1};
    int status = sab_csv_dialect_read(&l.dialect, config, err);
    if (status != SAB_OK)
        return status;
    l.dialect.skip_lines = 0; /* of files */
    l.I = answers->shape->input == SAB_INPUT_IDS ? 1 : answers->shape->I;
    l.places = sab_alloc((size_t)l.I, sizeof *l.places);
    l.origins = sab_alloc((size_t)l.I, sizeof *l.origins);
    l.values = sab_alloc((size_t)l.I, sizeof *l.values);
    l.outputs = sab_alloc((size_t)answers->shape->O, sizeof *l.outputs);
    status = l.places && l.origins && l.values && l.outputs
                 ? SAB_OK
                 : sab_fail(err, SAB_NOMEM, "no memory for %d inputs", l.I);
    for (int i = 0; status == SAB_OK && schema_of(&l) && i < l.I; i++)
        l.origins[i] = sab_decimal_of(answers->schema.columns[answers->schema.inputs[i]].origin);
    if (status == SAB_OK)
        status = load_state(&l, state_from, state_to, err);
    if (status == SAB_OK)
        status = save_state(&l, state_to, each_line(&l, *state_to ? sab_stop_listen_reading() : NULL, err), err);
    for (int s = 0; s < l.n_streams; s++)
        sab_stream_free(l.streams[s]);
    sab_free(l.streams);
    sab_free(l.places);
    sab_free(l.origins);
    sab_free(l.values);
    sab_free(l.outputs);
    sab_text_set_clear(&l.names);
    sab_csv_clear(&l.csv);
    return status;
}
