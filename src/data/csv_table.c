/* See csv_table.h. */
#include "data/csv_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/csv.h"
#include "data/csv_choose.h"
#include "data/input.h"
#include "data/number.h"

/* Texts of a column that were looked up, by their last bytes, which are often digits: most come again and again. */
enum { MEMO_SLOTS = 1024 };
struct memo {
    struct {
        struct sab_csv_field field; /* text NULL: free */
        int number;
    } slots[MEMO_SLOTS];
};

/* One file while it is read. */
struct reading {
    const char *path;
    const struct sab_config *config; /* NULL: the schema is known */
    struct sab_csv_schema *schema;
    struct sab_csv_table *table;
    struct sab_input_file file;
    struct sab_csv csv;
    struct sab_csv rows;         /* the csv where its first row of values begins */
    struct sab_csv_field *names; /* the first line */
    int n;                       /* columns */
    int *places;                 /* [schema.n] of the columns, or -1 */
    int label_place, series_place;
    int series_cap;
    int64_t *filled;             /* [S] rows of each series that the second pass has seen */
    int labels_are_numbers, labels_are_whole;
    struct memo series, labels;
};

/* ---- the first lines ---- */

static int first_line(struct reading *r, struct sab_error *err)
{
    int is_row = 0, status = sab_csv_begin(&r->csv, r->path, (const char *)r->file.data, r->file.nbytes, err);
    if (status == SAB_OK)
        status = sab_csv_next(&r->csv, &is_row, err);
    if (status == SAB_OK && !is_row)
        return sab_fail(err, SAB_FORMAT, "%s has no rows", r->path);
    if (status != SAB_OK)
        return status;
    r->n = r->csv.n;
    r->names = sab_alloc((size_t)r->n, sizeof *r->names);
    if (!r->names)
        return sab_fail(err, SAB_NOMEM, "no memory for the columns of %s", r->path);
    memcpy(r->names, r->csv.fields, (size_t)r->n * sizeof *r->names);
    return SAB_OK;
}

static int check_width(const struct reading *r, struct sab_error *err)
{
    if (r->csv.n == r->n)
        return SAB_OK;
    return sab_fail(err, SAB_FORMAT, "%s, line %lld has %d column%s; the first line has %d", r->path,
                    (long long)r->csv.line, r->csv.n, r->csv.n == 1 ? "" : "s", r->n);
}

static int has_header(const struct reading *r, const struct sab_csv_field *second)
{
    if (r->config && r->config->header != SAB_HEADER_AUTO)
        return r->config->header == SAB_HEADER_ON;
    if (!r->config && !r->schema->is_named)
        return 0;
    return !r->config || sab_csv_looks_named(r->names, second, r->n);
}

static int fail_missing(const struct reading *r, const struct sab_csv_column *column, struct sab_error *err)
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
static int find_places(struct reading *r, const struct sab_csv_head *head, struct sab_error *err)
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
    r->table->has_targets = !schema->label.number || r->label_place >= 0;
    for (int o = 0; o < schema->O; o++)
        r->table->has_targets &= r->places[schema->targets[o]] >= 0;
    return SAB_OK;
}

/* ---- columns that begin with a gap ---- */

/* Begins a pass over the rows of values. */
static void rewind_rows(struct reading *r)
{
    r->csv.at = r->rows.at;
    r->csv.next_line = r->rows.next_line;
}

/* Marks the columns that nobody reads and whose first cell holds no value: how many there are. */
static int find_gaps(const struct reading *r, const struct sab_csv_head *head, unsigned char *is_gap)
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
    for (int i = 0; i < r->n; i++)
        gaps += is_gap[i];
    return gaps;
}

static int fail_gap(const struct reading *r, int i, struct sab_error *err)
{
    char shown[48] = "";
    if (r->schema->is_named)
        sab_csv_show(&r->names[i], shown);
    return sab_fail(err, SAB_FORMAT, "%s, line %lld, column %d%s%s%s: no value is there, but line %lld has a number in this "
                    "column; fill it, or choose columns with --inputs", r->path, (long long)r->rows.next_line, i + 1,
                    *shown ? " (" : "", shown, *shown ? ")" : "", (long long)r->csv.line);
}

/* Inputs that nobody chose are the columns with a number in the first row. One that has none there and one later was most
 * likely meant, and must not be left out in silence. */
static int check_gaps(struct reading *r, const struct sab_csv_head *head, struct sab_error *err)
{
    int is_row = 1, status = SAB_OK;
    if (!r->config || r->config->inputs[0] || !head->row)
        return SAB_OK;
    unsigned char *is_gap = sab_alloc((size_t)r->n, 1);
    if (!is_gap)
        return sab_fail(err, SAB_NOMEM, "no memory for the columns of %s", r->path);
    int gaps = find_gaps(r, head, is_gap);
    rewind_rows(r);
    while (gaps > 0 && status == SAB_OK) {
        status = sab_csv_next(&r->csv, &is_row, err);
        if (status != SAB_OK || !is_row || r->csv.n != r->n)
            break;
        for (int i = 0; i < r->n && status == SAB_OK; i++) {
            const struct sab_csv_field *field = &r->csv.fields[i];
            double value;
            if (!is_gap[i] || sab_csv_is_missing(field))
                continue;
            if (sab_number_read(field->text, field->nbytes, &value) == 0)
                status = fail_gap(r, i, err);
            is_gap[i] = 0;
            gaps--;
        }
    }
    sab_free(is_gap);
    return status;
}

/* ---- what comes before the rows ---- */

/* Reads what comes before the first row of values, and knows then which columns are read. */
static int begin(struct reading *r, struct sab_error *err)
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
    struct sab_csv_head head = {.path = r->path, .n = r->n, .names = r->names};
    int is_even = is_row && second.n == r->n;
    head.has_header = has_header(r, is_even ? second.fields : NULL);
    head.row = !head.has_header ? r->names : is_even ? second.fields : NULL;
    if (head.has_header && !is_row)
        return sab_fail(err, SAB_FORMAT, "%s has a header and no rows", r->path);
    if (head.has_header && !is_even) {
        r->csv.line = second.line;
        r->csv.n = second.n;
        return check_width(r, err);
    }
    status = sab_csv_head_index(&head, err);
    if (status == SAB_OK && r->config)
        status = sab_csv_choose(r->schema, r->config, &head, err);
    if (status == SAB_OK)
        status = find_places(r, &head, err);
    sab_csv_head_clear(&head);
    r->rows = r->csv;
    if (!head.has_header) {
        char separator = r->csv.separator;
        struct sab_csv again;
        sab_csv_begin(&again, r->path, (const char *)r->file.data, r->file.nbytes, err);
        r->rows.at = again.at;
        r->rows.next_line = again.next_line;
        r->rows.separator = separator;
    }
    return status == SAB_OK ? check_gaps(r, &head, err) : status;
}

/* ---- first pass: form, series, classes ---- */

static int slot_of(const struct sab_csv_field *field)
{
    unsigned sum = 0;
    for (size_t i = field->nbytes > 4 ? field->nbytes - 4 : 0; i < field->nbytes; i++)
        sum = 10 * sum + (unsigned char)field->text[i];
    return (int)(sum % MEMO_SLOTS);
}

/* The number that was noted of a field with the same text, or -1. */
static int recall(const struct memo *memo, const struct sab_csv_field *field)
{
    const struct sab_csv_field *known = &memo->slots[slot_of(field)].field;
    if (!known->text || known->nbytes != field->nbytes || known->is_quoted != field->is_quoted ||
        memcmp(known->text, field->text, field->nbytes) != 0)
        return -1;
    return memo->slots[slot_of(field)].number;
}

static void note(struct memo *memo, const struct sab_csv_field *field, int number)
{
    int slot = slot_of(field);
    memo->slots[slot].field = *field;
    memo->slots[slot].number = number;
}

static int copy_name(struct reading *r, int place, const struct sab_csv_column *column, char text[SAB_CSV_TEXT_CAP],
                     struct sab_error *err)
{
    char shown[SAB_CSV_COLUMN_CAP];
    int n = sab_csv_copy(&r->csv.fields[place], text);
    if (n > 0)
        return SAB_OK;
    sab_csv_column_show(column, shown);
    if (n < 0)
        return sab_fail(err, SAB_FORMAT, "%s, line %lld, column %s: a text of more than %d bytes, or not UTF-8", r->path,
                        (long long)r->csv.line, shown, SAB_CSV_TEXT_CAP - 1);
    return sab_fail(err, SAB_FORMAT, "%s, line %lld, column %s: the cell is empty", r->path, (long long)r->csv.line, shown);
}

static int grow_series(struct reading *r, struct sab_error *err)
{
    struct sab_csv_table *table = r->table;
    if (table->S < r->series_cap)
        return SAB_OK;
    int cap = r->series_cap ? 2 * r->series_cap : 16;
    struct sab_csv_series *series = sab_alloc((size_t)cap, sizeof *series);
    if (!series)
        return sab_fail(err, SAB_NOMEM, "no memory for the series of %s", r->path);
    if (table->S > 0)
        memcpy(series, table->series, (size_t)table->S * sizeof *series);
    sab_free(table->series);
    table->series = series;
    r->series_cap = cap;
    return SAB_OK;
}

/* The number of the series of the row just read. */
static int find_series(struct reading *r, int *s, struct sab_error *err)
{
    struct sab_csv_table *table = r->table;
    *s = r->series_place < 0 ? 0 : recall(&r->series, &r->csv.fields[r->series_place]);
    if (*s < 0) {
        char text[SAB_CSV_TEXT_CAP];
        int status = copy_name(r, r->series_place, &r->schema->series, text, err);
        if (status != SAB_OK)
            return status;
        *s = sab_text_set_add(&table->names, text, strlen(text));
        if (*s < 0)
            return sab_fail(err, SAB_NOMEM, "no memory for the series of %s", r->path);
        note(&r->series, &r->csv.fields[r->series_place], *s);
    }
    if (*s < table->S)
        return SAB_OK;
    if (*s == SAB_CSV_SERIES_MOST)
        return sab_fail(err, SAB_FORMAT, "%s, line %lld: more than %d series", r->path, (long long)r->csv.line,
                        SAB_CSV_SERIES_MOST);
    int status = grow_series(r, err);
    if (status == SAB_OK)
        table->series[table->S++] = (struct sab_csv_series){0};
    return status;
}

static inline int series_of(struct reading *r, int *s, struct sab_error *err)
{
    *s = 0;
    return r->series_place < 0 && r->table->S > 0 ? SAB_OK : find_series(r, s, err);
}

/* Gathers the texts of a column of answers while the schema is made. */
static int gather_class(struct reading *r, struct sab_error *err)
{
    const struct sab_csv_field *field = &r->csv.fields[r->label_place];
    struct sab_text_set *classes = &r->schema->classes;
    char text[SAB_CSV_TEXT_CAP];
    double value = 0;
    if (recall(&r->labels, field) >= 0)
        return SAB_OK;
    int is_number = sab_number_read(field->text, field->nbytes, &value) == 0;
    int is_open = r->schema->loss == SAB_CSV_LOSS_OPEN;
    r->labels_are_numbers &= is_number;
    r->labels_are_whole &= is_number && value == floor(value);
    if (is_open && r->labels_are_numbers && (!r->labels_are_whole || classes->n > SAB_CSV_NUMBERS_AS_CLASSES_MOST))
        return SAB_OK;
    int status = copy_name(r, r->label_place, &r->schema->label, text, err);
    if (status != SAB_OK)
        return status;
    int number = sab_text_set_add(classes, text, strlen(text));
    if (number < 0)
        return sab_fail(err, SAB_NOMEM, "no memory for the classes of %s", r->path);
    note(&r->labels, field, number);
    if (classes->n > SAB_CSV_CLASSES_MOST)
        return sab_fail(err, SAB_FORMAT, "%s, line %lld: more than %d classes; for values, give --loss mse", r->path,
                        (long long)r->csv.line, SAB_CSV_CLASSES_MOST);
    return SAB_OK;
}

static int compare_texts(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    double u = 0, v = 0;
    if (sab_number_read(x, strlen(x), &u) == 0 && sab_number_read(y, strlen(y), &v) == 0 && u != v)
        return u < v ? -1 : 1;
    return strcmp(x, y);
}

/* Classes come in the order of their names: of numbers, or of bytes. */
static int sort_classes(struct reading *r, struct sab_error *err)
{
    struct sab_text_set *classes = &r->schema->classes, sorted = {0};
    const char **texts = sab_alloc((size_t)classes->n, sizeof *texts);
    int ok = texts != NULL;
    for (int i = 0; ok && i < classes->n; i++)
        texts[i] = sab_text_set_at(classes, i);
    if (ok)
        qsort(texts, (size_t)classes->n, sizeof *texts, compare_texts);
    for (int i = 0; ok && i < classes->n; i++)
        ok = sab_text_set_add(&sorted, texts[i], strlen(texts[i])) == i;
    sab_free(texts);
    if (!ok) {
        sab_text_set_clear(&sorted);
        return sab_fail(err, SAB_NOMEM, "no memory for the classes of %s", r->path);
    }
    sab_text_set_clear(classes);
    *classes = sorted;
    return SAB_OK;
}

/* Decides between classes and values where that was open. */
static int close_classes(struct reading *r, struct sab_error *err)
{
    struct sab_csv_schema *schema = r->schema;
    char shown[SAB_CSV_COLUMN_CAP];
    int are_values = r->labels_are_numbers && (!r->labels_are_whole ||
                                               schema->classes.n > SAB_CSV_NUMBERS_AS_CLASSES_MOST);
    if (schema->loss == SAB_CSV_LOSS_OPEN && are_values) {
        r->places[schema->n] = r->label_place;
        r->label_place = -1;
        sab_text_set_clear(&schema->classes);
        sab_csv_choose_value(schema);
        return SAB_OK;
    }
    schema->loss = SAB_LOSS_CROSS_ENTROPY;
    sab_csv_column_show(&schema->label, shown);
    if (schema->classes.n < 2)
        return sab_fail(err, SAB_FORMAT, "%s: the column %s of answers holds one class only, \"%.40s\"", r->path, shown,
                        sab_text_set_at(&schema->classes, 0));
    return sort_classes(r, err);
}

static int count_rows(struct reading *r, struct sab_error *err)
{
    int gathers = r->config && r->schema->label.number, needs_fields = gathers || r->series_place >= 0, is_row, status;
    r->labels_are_numbers = r->labels_are_whole = 1;
    rewind_rows(r);
    for (;;) {
        int s = 0;
        status = needs_fields ? sab_csv_next(&r->csv, &is_row, err) : sab_csv_pass(&r->csv, &is_row, err);
        if (status != SAB_OK || !is_row)
            break;
        status = check_width(r, err);
        if (status == SAB_OK)
            status = series_of(r, &s, err);
        if (status == SAB_OK && gathers)
            status = gather_class(r, err);
        if (status != SAB_OK)
            return status;
        r->table->series[s].rows++;
        r->table->rows++;
    }
    return status == SAB_OK && gathers ? close_classes(r, err) : status;
}

/* ---- second pass: values ---- */

static int make_room(struct reading *r, struct sab_error *err)
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
    if (!sab_mul_overflows(rows, (size_t)schema->n, &cells))
        table->values = sab_alloc(cells, sizeof *table->values);
    if (r->label_place >= 0)
        table->labels = sab_alloc(schema->goal == SAB_GOAL_SERIES ? (size_t)table->S : rows, sizeof *table->labels);
    if (!r->filled || !table->values || (r->label_place >= 0 && !table->labels))
        return sab_fail(err, SAB_NOMEM, "no memory for the %lld rows of %s", (long long)table->rows, r->path);
    return SAB_OK;
}

/* A series has one answer, which every row of it repeats. */
static int fail_several(const struct reading *r, const struct sab_csv_column *column, int s, struct sab_error *err)
{
    char shown[SAB_CSV_COLUMN_CAP];
    sab_csv_column_show(column, shown);
    return sab_fail(err, SAB_FORMAT, "%s, line %lld, column %s: another answer than in the rows above of the series "
                    "\"%.40s\"; --goal series needs one for each series", r->path, (long long)r->csv.line, shown,
                    sab_text_set_at(&r->table->names, s));
}

static int take_label(struct reading *r, int s, int64_t row, struct sab_error *err)
{
    const struct sab_csv_schema *schema = r->schema;
    const struct sab_csv_field *field = &r->csv.fields[r->label_place];
    int label = recall(&r->labels, field);
    if (label < 0) {
        char text[SAB_CSV_TEXT_CAP], shown[SAB_CSV_COLUMN_CAP];
        int status = copy_name(r, r->label_place, &schema->label, text, err);
        if (status != SAB_OK)
            return status;
        label = sab_text_set_find(&schema->classes, text, strlen(text));
        if (label < 0) {
            sab_csv_column_show(&schema->label, shown);
            return sab_fail(err, SAB_FORMAT, "%s, line %lld, column %s: \"%.40s\" is not one of the %d classes that the "
                            "model knows", r->path, (long long)r->csv.line, shown, text, schema->classes.n);
        }
        note(&r->labels, field, label);
    }
    int64_t at = schema->goal == SAB_GOAL_SERIES ? s : row;
    if (schema->goal == SAB_GOAL_SERIES && r->filled[s] > 0 && r->table->labels[at] != label)
        return fail_several(r, &schema->label, s, err);
    r->table->labels[at] = label;
    return SAB_OK;
}

static int take_values(struct reading *r, int64_t row, struct sab_error *err)
{
    const struct sab_csv_schema *schema = r->schema;
    float *values = r->table->values + row * schema->n;
    for (int i = 0; i < schema->n; i++) {
        double value = 0;
        char shown[SAB_CSV_COLUMN_CAP];
        if (r->places[i] < 0)
            continue;
        const struct sab_csv_field *field = &r->csv.fields[r->places[i]];
        if (sab_number_read(field->text, field->nbytes, &value) != 0 || !isfinite((float)value)) {
            sab_csv_column_show(&schema->columns[i], shown);
            return sab_csv_number(&r->csv, r->places[i], shown, &value, err);
        }
        values[i] = (float)value;
    }
    return SAB_OK;
}

static int check_targets(const struct reading *r, int s, int64_t row, struct sab_error *err)
{
    const struct sab_csv_schema *schema = r->schema;
    const float *values = r->table->values + row * schema->n;
    char shown[SAB_CSV_COLUMN_CAP];
    for (int o = 0; o < schema->O && r->table->has_targets; o++) {
        float value = values[schema->targets[o]];
        if (schema->goal == SAB_GOAL_SERIES && r->filled[s] > 0 && value != values[schema->targets[o] - schema->n])
            return fail_several(r, &schema->columns[schema->targets[o]], s, err);
        if (schema->loss == SAB_LOSS_BCE && (value < 0 || value > 1)) {
            sab_csv_column_show(&schema->columns[schema->targets[o]], shown);
            return sab_fail(err, SAB_FORMAT, "%s, line %lld, column %s: %g is not in 0..1, which --loss bce needs", r->path,
                            (long long)r->csv.line, shown, (double)value);
        }
    }
    return SAB_OK;
}

static int read_rows(struct reading *r, struct sab_error *err)
{
    int is_row, status = make_room(r, err);
    memset(&r->labels, 0, sizeof r->labels); /* classes were sorted */
    rewind_rows(r);
    while (status == SAB_OK) {
        int s = 0;
        status = sab_csv_next(&r->csv, &is_row, err);
        if (status != SAB_OK || !is_row)
            break;
        status = series_of(r, &s, err);
        if (status != SAB_OK)
            break;
        int64_t row = r->table->series[s].begin + r->filled[s];
        status = take_values(r, row, err);
        if (status == SAB_OK)
            status = check_targets(r, s, row, err);
        if (status == SAB_OK && r->label_place >= 0)
            status = take_label(r, s, row, err);
        r->filled[s]++;
    }
    return status;
}

int sab_csv_table_read(struct sab_csv_table *table, const char *path, struct sab_csv_schema *schema,
                       const struct sab_config *config, struct sab_error *err)
{
    struct sab_csv_table t = {0};
    struct reading r = {.path = path, .config = config, .schema = schema, .table = &t};
    int status = sab_input_open(&r.file, path, SIZE_MAX, err);
    if (status != SAB_OK)
        return status;
    status = begin(&r, err);
    if (status == SAB_OK)
        status = count_rows(&r, err);
    if (status == SAB_OK)
        status = read_rows(&r, err);
    sab_csv_clear(&r.csv);
    sab_free(r.names);
    sab_free(r.places);
    sab_free(r.filled);
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
    sab_free(table->values);
    sab_free(table->labels);
    sab_free(table->series);
    sab_text_set_clear(&table->names);
    memset(table, 0, sizeof *table);
}
