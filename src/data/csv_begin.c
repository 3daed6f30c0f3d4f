/* See csv_reading.h: what comes before the first row of values. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/csv_choose.h"
#include "data/csv_reading.h"

/* ---- the first lines ---- */

static int first_line(struct sab_csv_reading *r, struct sab_error *err)
{
    int is_row = 0, status = sab_csv_begin(&r->csv, r->path, (const char *)r->file.data, r->file.nbytes, r->dialect, err);
    r->table_at = r->csv.at;
    if (status == SAB_OK)
        status = sab_csv_next(&r->csv, &is_row, err);
    if (status == SAB_OK && !is_row)
        return sab_fail(err, SAB_FORMAT, "%s has no rows", r->path);
    if (status != SAB_OK)
        return status;
    r->n = r->csv.n;
    r->first_line = r->csv.line;
    r->names = sab_alloc((size_t)r->n, sizeof *r->names);
    if (!r->names)
        return sab_fail(err, SAB_NOMEM, "no memory for the columns of %s", r->path);
    memcpy(r->names, r->csv.fields, (size_t)r->n * sizeof *r->names);
    return SAB_OK;
}

int sab_csv_reading_check_width(const struct sab_csv_reading *r, struct sab_error *err)
{
    if (r->csv.n == r->n)
        return SAB_OK;
    char guess[SAB_CSV_GUESS_CAP], first[40] = "the first line";
    if (r->first_line > 1)
        snprintf(first, sizeof first, "line %lld", (long long)r->first_line);
    sab_csv_show_guess(&r->csv, r->table_at, guess);
    return sab_fail(err, SAB_FORMAT, "%s, line %lld has %d column%s; %s has %d%s", r->path, (long long)r->csv.line, r->csv.n,
                    r->csv.n == 1 ? "" : "s", first, r->n, guess);
}

static int has_header(const struct sab_csv_reading *r, const struct sab_csv_field *second)
{
    if (r->config && r->config->csv.header != SAB_HEADER_AUTO)
        return r->config->csv.header == SAB_HEADER_ON;
    if (!r->config && !r->schema->is_named)
        return 0;
    return !r->config || sab_csv_looks_named(r->dialect, r->names, second, r->n);
}

static int fail_missing(const struct sab_csv_reading *r, const struct sab_csv_column *column, struct sab_error *err)
{
    char shown[SAB_CSV_COLUMN_CAP];
    sab_csv_column_show(column, shown);
    if (r->schema->is_named)
        return sab_fail(err, SAB_FORMAT, "%s has no column %s, or several; the model was trained with it, and the first "
                        "line must name the columns", r->path, shown);
    return sab_fail(err, SAB_FORMAT, "%s has %d column%s; the model was trained with column %s of %d", r->path, r->n,
                    r->n == 1 ? "" : "s", shown, r->schema->n_columns);
}

/* Where the columns are in this file. Those of the answers may be missing where the schema is known. */
static int find_places(struct sab_csv_reading *r, const struct sab_csv_head *head, struct sab_error *err)
{
    const struct sab_csv_schema *schema = r->schema;
    r->places = sab_alloc((size_t)schema->n + 1, sizeof *r->places);
    if (!r->places)
        return sab_fail(err, SAB_NOMEM, "no memory for the columns of %s", r->path);
    for (int i = 0; i < schema->n; i++)
        r->places[i] = sab_csv_place(schema, &schema->columns[i], head);
    for (int i = 0; i < schema->I; i++)
        if (r->places[schema->inputs[i]] < 0)
            return fail_missing(r, &schema->columns[schema->inputs[i]], err);
    r->label_place = schema->label.number ? sab_csv_place(schema, &schema->label, head) : -1;
    r->series_place = schema->series.number ? sab_csv_place(schema, &schema->series, head) : -1;
    if (schema->series.number && r->series_place < 0)
        return fail_missing(r, &schema->series, err);
    r->time_place = schema->time.number ? sab_csv_place(schema, &schema->time, head) : -1;
    if (schema->time.number && r->time_place < 0)
        return fail_missing(r, &schema->time, err);
    r->table->has_targets = !schema->label.number || r->label_place >= 0;
    for (int o = 0; o < schema->O; o++)
        r->table->has_targets &= r->places[schema->targets[o]] >= 0;
    return SAB_OK;
}

/* ---- columns that begin with a gap ---- */

/* Marks the columns that nobody reads and whose first cell holds no value: how many there are. */
static int find_gaps(const struct sab_csv_reading *r, const struct sab_csv_head *head, unsigned char *is_gap)
{
    int gaps = 0;
    for (int i = 0; i < r->n; i++)
        is_gap[i] = sab_csv_is_missing(&head->row[i]);
    for (int k = 0; k < r->schema->n; k++)
        is_gap[r->places[k]] = 0;
    if (r->label_place >= 0)
        is_gap[r->label_place] = 0;
    if (r->series_place >= 0)
        is_gap[r->series_place] = 0;
    if (r->time_place >= 0)
        is_gap[r->time_place] = 0;
    for (int i = 0; i < r->n; i++)
        gaps += is_gap[i];
    return gaps;
}

static int fail_gap(const struct sab_csv_reading *r, int i, struct sab_error *err)
{
    char shown[48] = "";
    if (r->schema->is_named)
        sab_csv_show(&r->names[i], shown);
    return sab_fail(err, SAB_FORMAT, "%s, line %lld, column %d%s%s%s: no value is there, but line %lld has a number in this "
                    "column; fill it, choose what becomes of it with --missing, or choose other columns with --inputs",
                        r->path, (long long)r->rows.next_line, i + 1,
                    *shown ? " (" : "", shown, *shown ? ")" : "", (long long)r->csv.line);
}

/* Inputs that nobody chose are the columns with a number in the first row. One that has none there and one later was most
 * likely meant, and must not be left out in silence. */
static int check_gaps(struct sab_csv_reading *r, const struct sab_csv_head *head, struct sab_error *err)
{
    int is_row = 1, status = SAB_OK;
    if (!r->config || r->config->csv.inputs[0] || !head->row || r->schema->missing != SAB_MISSING_ERROR)
        return SAB_OK;
    unsigned char *is_gap = sab_alloc((size_t)r->n, 1);
    if (!is_gap)
        return sab_fail(err, SAB_NOMEM, "no memory for the columns of %s", r->path);
    int gaps = find_gaps(r, head, is_gap);
    sab_csv_reading_rewind(r);
    while (gaps > 0 && status == SAB_OK) {
        status = sab_csv_next(&r->csv, &is_row, err);
        if (status != SAB_OK || !is_row || r->csv.n != r->n)
            break;
        for (int i = 0; i < r->n && status == SAB_OK; i++) {
            const struct sab_csv_field *field = &r->csv.fields[i];
            struct sab_decimal number;
            if (!is_gap[i] || sab_csv_is_missing(field))
                continue;
            if (sab_csv_dialect_number(r->dialect, field, &number) == 0)
                status = fail_gap(r, i, err);
            is_gap[i] = 0;
            gaps--;
        }
    }
    sab_free(is_gap);
    return status;
}

/* ---- what comes before the rows ---- */

/* Where the column of the series is, or -1; that an option names none is told when columns are chosen. */
static int series_place(const struct sab_csv_reading *r, const struct sab_csv_head *head)
{
    int first = -1, last;
    if (!r->config)
        return r->schema->series.number ? sab_csv_place(r->schema, &r->schema->series, head) : -1;
    if (r->config->csv.series[0] &&
        sab_csv_find_item(head, "series", r->config->csv.series, strlen(r->config->csv.series), &first, &last, NULL) != SAB_OK)
        return -1;
    return first;
}

int sab_csv_reading_begin(struct sab_csv_reading *r, struct sab_error *err)
{
    int is_row = 0, status = first_line(r, err);
    if (status != SAB_OK)
        return status;
    struct sab_csv second = r->csv;
    status = sab_csv_next(&second, &is_row, err);
    r->csv.fields = second.fields; /* they may have moved */
    r->csv.cap = second.cap;
    if (status != SAB_OK)
        return status;
    struct sab_csv_head head = {.path = r->path, .n = r->n, .names = r->names, .dialect = r->dialect};
    int is_even = is_row && second.n == r->n;
    head.has_header = has_header(r, is_even ? second.fields : NULL);
    head.is_guess = r->config && r->config->csv.header == SAB_HEADER_AUTO;
    head.row = !head.has_header ? r->names : is_even ? second.fields : NULL;
    if (head.has_header && !is_row)
        return sab_fail(err, SAB_FORMAT, "%s has a header and no rows", r->path);
    if (head.has_header && !is_even) {
        r->csv.line = second.line;
        r->csv.n = second.n;
        return sab_csv_reading_check_width(r, err);
    }
    r->rows = r->csv;
    if (!head.has_header) {
        r->rows.at = r->table_at;
        r->rows.next_line = r->first_line;
    }
    struct sab_csv_survey survey = {0};
    status = sab_csv_head_index(&head, err);
    if (status == SAB_OK && (r->config || r->account)) {
        status = sab_csv_survey_make(&survey, &r->rows, r->n, series_place(r, &head), err);
        head.survey = &survey;
    }
    if (status == SAB_OK && r->config)
        status = sab_csv_choose(r->schema, r->config, &head, err);
    if (status == SAB_OK)
        status = find_places(r, &head, err);
    if (status == SAB_OK)
        status = check_gaps(r, &head, err);
    if (status == SAB_OK && r->account)
        sab_csv_reading_say(r, &head);
    sab_csv_survey_clear(&survey);
    sab_csv_head_clear(&head);
    return status;
}
