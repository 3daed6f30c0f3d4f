/* See csv_table.h. */
#include "data/csv_table.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/csv_categories.h"
#include "data/csv_reading.h"
#include "source/number.h"

/* ---- first pass: form, series, classes ---- */

static int gathers_classes(const struct sab_csv_reading *r)
{
    return r->config && r->schema->label.number;
}

int sab_csv_reading_count(struct sab_csv_reading *r, struct sab_error *err)
{
    int gathers = gathers_classes(r), needs_fields = gathers || r->series_place >= 0, is_row, status;
    for (;;) {
        int s = 0;
        status = needs_fields ? sab_csv_next(&r->csv, &is_row, err) : sab_csv_pass(&r->csv, &is_row, err);
        if (status != SAB_OK || !is_row)
            return status;
        status = sab_csv_reading_check_width(r, err);
        if (status == SAB_OK)
            status = sab_csv_reading_series(r, &s, err);
        if (status == SAB_OK && gathers)
            status = sab_csv_reading_gather_class(r, err);
        if (status != SAB_OK)
            return status;
        r->table->series[s].rows++;
        r->table->rows++;
    }
}

static int count_rows(struct sab_csv_reading *r, struct sab_csv_pieces **pieces, int threads, struct sab_error *err)
{
    r->labels_are_numbers = r->labels_are_whole = 1;
    int status = sab_csv_pieces_count(pieces, r, threads, err);
    return status == SAB_OK && gathers_classes(r) ? sab_csv_reading_close_classes(r, err) : status;
}

/* ---- second pass: values ---- */

enum { NO_ORIGIN = -2 }; /* decimals of an origin that the first value will be */

static int make_room(struct sab_csv_reading *r, struct sab_error *err)
{
    struct sab_csv_table *table = r->table;
    const struct sab_csv_schema *schema = r->schema;
    size_t rows = (size_t)table->rows, cells;
    int64_t begin = 0;
    for (int s = 0; s < table->S; s++) {
        table->series[s].begin = begin;
        begin += table->series[s].rows;
    }
    r->filled = sab_alloc((size_t)table->S, sizeof *r->filled);
    r->origins = sab_alloc((size_t)schema->n, sizeof *r->origins);
    if (!sab_mul_overflows(rows, (size_t)schema->n, &cells))
        table->values = sab_alloc(cells, sizeof *table->values);
    size_t labels = r->label_place < 0 ? 0 : schema->goal == SAB_GOAL_SERIES ? (size_t)table->S : rows;
    if (labels > 0)
        table->labels = sab_alloc(labels, sizeof *table->labels);
    if (r->time_place >= 0) {
        table->times = sab_alloc(rows, sizeof *table->times);
        r->lines = sab_alloc(rows, sizeof *r->lines);
    }
    if (!r->filled || !r->origins || !table->values || (labels > 0 && !table->labels) ||
        (r->time_place >= 0 && (!table->times || !r->lines)))
        return sab_fail(err, SAB_NOMEM, "no memory for the %lld rows of %s", (long long)table->rows, r->path);
    if (labels > 0)
        memset(table->labels, 0xff, labels * sizeof *table->labels); /* -1: no answer */
    return SAB_OK;
}

/* A series has one answer, which every row of it repeats. */
static int fail_several(const struct sab_csv_reading *r, const struct sab_csv_column *column, int s,
                        struct sab_error *err)
{
    char shown[SAB_CSV_COLUMN_CAP];
    sab_csv_column_show(column, shown);
    return sab_fail(err, SAB_FORMAT, "%s, line %lld, column %s: another answer than in the rows above of the series "
                    "\"%.40s\"; --goal series needs one for each series", r->path, (long long)r->csv.line, shown,
                    sab_text_set_at(&r->table->names, s));
}

static int take_label(struct sab_csv_reading *r, int s, int64_t row, struct sab_error *err)
{
    const struct sab_csv_schema *schema = r->schema;
    int label = 0, status = sab_csv_reading_find_class(r, &label, err);
    if (status != SAB_OK)
        return status;
    int64_t at = schema->goal == SAB_GOAL_SERIES ? s : row;
    if (schema->goal == SAB_GOAL_SERIES && label >= 0 && r->table->labels[at] >= 0 && r->table->labels[at] != label)
        return fail_several(r, &schema->label, s, err);
    r->table->labels[at] = label >= 0 || schema->goal != SAB_GOAL_SERIES ? label : r->table->labels[at];
    return SAB_OK;
}

/* Levels that change little, such as a meter's, would lose their digits in what is computed with float, so values are
 * kept as differences from the first of their column. Values that are to stay as they are have the origin 0. */
static void begin_origins(struct sab_csv_reading *r)
{
    const struct sab_csv_schema *schema = r->schema;
    int is_open = r->config && r->config->values.standardise && schema->loss != SAB_LOSS_BCE;
    for (int i = 0; i < schema->n; i++)
        r->origins[i] = is_open && !schema->columns[i].is_category ? (struct sab_decimal){.decimals = NO_ORIGIN}
            : sab_decimal_of(schema->columns[i].origin);
}

static int take_values(struct sab_csv_reading *r, int64_t row, struct sab_error *err)
{
    struct sab_csv_schema *schema = r->schema;
    double *values = r->table->values + row * schema->n;
    for (int i = 0; i < schema->n; i++) {
        struct sab_decimal number;
        char shown[SAB_CSV_COLUMN_CAP];
        if (r->places[i] < 0)
            continue;
        const struct sab_csv_field *field = &r->csv.fields[r->places[i]];
        struct sab_csv_column *column = &schema->columns[i];
        if (schema->missing != SAB_MISSING_ERROR && sab_csv_is_missing(field)) {
            values[i] = NAN;
            r->has_missing = 1;
            continue;
        }
        if (column->is_category) {
            int status = sab_csv_category(column, &r->csv, field, r->config != NULL, &values[i], err);
            if (status != SAB_OK)
                return status;
            continue;
        }
        if (sab_csv_read_number(&r->csv, field, &number) != 0) {
            sab_csv_column_show(&schema->columns[i], shown);
            return sab_csv_number(&r->csv, r->places[i], shown, 1, &number, err);
        }
        if (r->origins[i].decimals == NO_ORIGIN) {
            schema->columns[i].origin = number.value == 0 ? 0 : number.value; /* no -0, which JSON may not keep */
            r->origins[i] = number;
        }
        values[i] = sab_decimal_minus(&number, &r->origins[i]);
    }
    return SAB_OK;
}

static int take_time(struct sab_csv_reading *r, int64_t row, struct sab_error *err)
{
    const struct sab_csv_schema *schema = r->schema;
    const struct sab_csv_field *field = &r->csv.fields[r->time_place];
    char shown[48], name[SAB_CSV_COLUMN_CAP], example[SAB_TIME_TEXT_CAP];
    r->lines[row] = r->csv.line;
    if (sab_time_read(&schema->time_format, field->text, field->nbytes, &r->table->times[row]) == 0)
        return SAB_OK;
    sab_csv_show(field, shown);
    sab_csv_column_show(&schema->time, name);
    sab_time_write(&schema->time_format, 0, example);
    return sab_fail(err, SAB_FORMAT, "%s, line %lld, column %s: \"%s\" is not a time written as %s%s", r->path,
                    (long long)r->csv.line, name, shown, example, r->config ? " (--time-format)" : ", as in training");
}

static int check_targets(const struct sab_csv_reading *r, int s, int64_t row, struct sab_error *err)
{
    const struct sab_csv_schema *schema = r->schema;
    const double *values = r->table->values + row * schema->n;
    char shown[SAB_CSV_COLUMN_CAP];
    if (schema->goal != SAB_GOAL_SERIES && schema->loss != SAB_LOSS_BCE)
        return SAB_OK; /* at once: the row above lies far off where series take turns, and to look at it costs a quarter of all */
    for (int o = 0; o < schema->O && r->table->has_targets; o++) {
        double value = values[schema->targets[o]];
        double above = schema->goal == SAB_GOAL_SERIES && r->filled[s] > 0 ? values[schema->targets[o] - schema->n] : NAN;
        if (!isnan(value) && !isnan(above) && value != above)
            return fail_several(r, &schema->columns[schema->targets[o]], s, err);
        if (schema->loss == SAB_LOSS_BCE && (value < 0 || value > 1)) {
            sab_csv_column_show(&schema->columns[schema->targets[o]], shown);
            return sab_fail(err, SAB_FORMAT, "%s, line %lld, column %s: %g is not in 0..1, which --loss bce needs", r->path,
                            (long long)r->csv.line, shown, value);
        }
    }
    return SAB_OK;
}

int sab_csv_reading_lacks_origins(const struct sab_csv_reading *r)
{
    for (int i = 0; i < r->schema->n; i++)
        if (r->origins[i].decimals == NO_ORIGIN && r->places[i] >= 0)
            return 1;
    return 0;
}

int sab_csv_reading_take(struct sab_csv_reading *r, int64_t most, struct sab_error *err)
{
    int is_row, status = SAB_OK;
    for (; most > 0 && status == SAB_OK; most--) {
        int s = 0;
        status = sab_csv_next(&r->csv, &is_row, err);
        if (status != SAB_OK || !is_row)
            break;
        status = sab_csv_reading_series(r, &s, err);
        if (status != SAB_OK)
            break;
        int64_t row = r->table->series[s].begin + r->filled[s];
        if (s + 1 < r->table->S) /* which is the next, where series take turns */
            __builtin_prefetch(r->table->values + (r->table->series[s + 1].begin + r->filled[s + 1]) * r->schema->n, 1);
        status = take_values(r, row, err);
        if (status == SAB_OK && r->time_place >= 0)
            status = take_time(r, row, err);
        if (status == SAB_OK)
            status = check_targets(r, s, row, err);
        if (status == SAB_OK && r->label_place >= 0)
            status = take_label(r, s, row, err);
        r->filled[s]++;
    }
    return status;
}

static int read_rows(struct sab_csv_reading *r, struct sab_csv_pieces *pieces, struct sab_error *err)
{
    int status = make_room(r, err);
    if (status != SAB_OK)
        return status;
    memset(&r->labels, 0, sizeof r->labels); /* classes were sorted */
    begin_origins(r);
    sab_csv_reading_rewind(r);
    status = pieces ? sab_csv_pieces_take(pieces, r, err) : sab_csv_reading_take(r, INT64_MAX, err);
    for (int i = 0; i < r->schema->n && status == SAB_OK; i++)
        if (r->origins[i].decimals == NO_ORIGIN && r->places[i] >= 0)
            return sab_fail(err, SAB_FORMAT, "%s: column %d has no value in any row", r->path, r->schema->columns[i].number);
    return status;
}

int sab_csv_table_read(struct sab_csv_table *table, const char *path, struct sab_csv_schema *schema,
                       const struct sab_csv_dialect *dialect, const struct sab_task_options *config, int is_known, int threads,
                       struct sab_account *account, struct sab_error *err)
{
    struct sab_csv_pieces *pieces = NULL;
    struct sab_csv_table t = {0};
    struct sab_csv_reading r = {.path = path, .dialect = dialect, .config = is_known ? NULL : config,
                                .duplicates = config->csv.duplicates, .gaps = config->csv.gaps, .account = account,
                                .schema = schema, .table = &t};
    int status = sab_input_open(&r.file, path, SIZE_MAX, err);
    if (status != SAB_OK)
        return status;
    status = sab_csv_reading_begin(&r, err);
    if (status == SAB_OK)
        status = count_rows(&r, &pieces, threads, err);
    if (status == SAB_OK)
        status = read_rows(&r, pieces, err);
    sab_csv_pieces_free(pieces);
    if (status == SAB_OK)
        status = sab_csv_reading_order(&r, err);
    sab_csv_clear(&r.csv);
    sab_free(r.names);
    sab_free(r.places);
    sab_free(r.filled);
    sab_free(r.origins);
    sab_free(r.lines);
    sab_input_close(&r.file);
    if (status != SAB_OK) {
        sab_csv_table_clear(&t);
        return status;
    }
    *table = t;
    return SAB_OK;
}

void sab_csv_table_clear(struct sab_csv_table *table)
{
    if (table->filled != table->values)
        sab_free(table->filled);
    sab_free(table->values);
    sab_free(table->times);
    sab_free(table->numbers);
    sab_free(table->labels);
    sab_free(table->series);
    sab_text_set_clear(&table->names);
    memset(table, 0, sizeof *table);
}
