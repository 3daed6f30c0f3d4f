/* See csv_reading.h: numbers for the texts of a column. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/csv_choose.h"
#include "data/csv_reading.h"
#include "source/number.h"

static int place_of(const struct sab_csv_field *field)
{
    unsigned sum = 0;
    for (size_t i = field->nbytes > 4 ? field->nbytes - 4 : 0; i < field->nbytes; i++)
        sum = 10 * sum + (unsigned char)field->text[i];
    return (int)(sum % SAB_CSV_MEMO_PLACES);
}

/* The number that was noted of a field with the same text, or -1. */
static int recall(const struct sab_csv_memo *memo, const struct sab_csv_field *field)
{
    const struct sab_csv_field *known = &memo->places[place_of(field)].field;
    if (!known->text || known->nbytes != field->nbytes || known->is_quoted != field->is_quoted ||
        memcmp(known->text, field->text, field->nbytes) != 0)
        return -1;
    return memo->places[place_of(field)].number;
}

static void note(struct sab_csv_memo *memo, const struct sab_csv_field *field, int number)
{
    int place = place_of(field);
    memo->places[place].field = *field;
    memo->places[place].number = number;
}

static int copy_name(struct sab_csv_reading *r, int place, const struct sab_csv_column *column, char text[SAB_CSV_TEXT_CAP],
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

int sab_csv_reading_add_series(struct sab_csv_reading *r, struct sab_error *err)
{
    struct sab_csv_table *table = r->table;
    if (table->S < r->series_cap) {
        table->series[table->S++] = (struct sab_csv_series){0};
        return SAB_OK;
    }
    int cap = r->series_cap ? 2 * r->series_cap : 16;
    struct sab_csv_series *series = sab_alloc((size_t)cap, sizeof *series);
    if (!series)
        return sab_fail(err, SAB_NOMEM, "no memory for the series of %s", r->path);
    if (table->S > 0)
        memcpy(series, table->series, (size_t)table->S * sizeof *series);
    sab_free(table->series);
    table->series = series;
    r->series_cap = cap;
    table->series[table->S++] = (struct sab_csv_series){0};
    return SAB_OK;
}

/* Rows of one series often follow on each other, or those of all series in turn: then no search is needed. */
static int guess_series(const struct sab_csv_reading *r, const struct sab_csv_field *field)
{
    const struct sab_text_set *names = &r->table->names;
    for (int guess = r->last_series; guess <= r->last_series + 1 && names->n > 0 && !field->is_quoted; guess++) {
        int i = guess < names->n ? guess : 0;
        if (names->begins[i + 1] - names->begins[i] == field->nbytes + 1 &&
            memcmp(sab_text_set_at(names, i), field->text, field->nbytes) == 0)
            return i;
    }
    return -1;
}

int sab_csv_reading_find_series(struct sab_csv_reading *r, int *s, struct sab_error *err)
{
    struct sab_csv_table *table = r->table;
    *s = r->series_place < 0 ? 0 : guess_series(r, &r->csv.fields[r->series_place]);
    if (*s < 0)
        *s = recall(&r->series, &r->csv.fields[r->series_place]);
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
    r->last_series = *s;
    if (*s < table->S)
        return SAB_OK;
    if (*s == SAB_CSV_SERIES_MOST)
        return sab_fail(err, SAB_FORMAT, "%s, line %lld: more than %d series", r->path, (long long)r->csv.line,
                        SAB_CSV_SERIES_MOST);
    return sab_csv_reading_add_series(r, err);
}

int sab_csv_reading_gather_class(struct sab_csv_reading *r, struct sab_error *err)
{
    const struct sab_csv_field *field = &r->csv.fields[r->label_place];
    struct sab_text_set *classes = &r->schema->classes;
    char text[SAB_CSV_TEXT_CAP];
    struct sab_decimal decimal = {0};
    if (recall(&r->labels, field) >= 0 || (r->schema->missing != SAB_MISSING_ERROR && sab_csv_is_missing(field)))
        return SAB_OK;
    int is_number = sab_csv_dialect_number(&r->csv.dialect, field, &decimal) == 0;
    int is_open = r->schema->loss == SAB_CSV_LOSS_OPEN;
    r->labels_are_numbers &= is_number;
    r->labels_are_whole &= is_number && decimal.value == floor(decimal.value);
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
        return sab_fail(err, SAB_FORMAT, "%s, line %lld: more than %d classes%s", r->path, (long long)r->csv.line, SAB_CSV_CLASSES_MOST,
                        r->labels_are_numbers && sab_loss_is_open(&r->config->values) ? "; for values, give --loss mse"
                                                                                      : ": is the column right?");
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
static int sort_classes(struct sab_csv_reading *r, struct sab_error *err)
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

int sab_csv_reading_close_classes(struct sab_csv_reading *r, struct sab_error *err)
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
    schema->are_numbers = schema->loss == SAB_CSV_LOSS_OPEN && r->labels_are_numbers;
    schema->loss = SAB_LOSS_CROSS_ENTROPY;
    sab_csv_column_show(&schema->label, shown);
    if (schema->classes.n == 0)
        return sab_fail(err, SAB_FORMAT, "%s: the column %s of answers holds none", r->path, shown);
    if (schema->classes.n < 2)
        return sab_fail(err, SAB_FORMAT, "%s: the column %s of answers holds one class only, \"%.40s\"", r->path, shown,
                        sab_text_set_at(&schema->classes, 0));
    return sort_classes(r, err);
}

int sab_csv_reading_find_class(struct sab_csv_reading *r, int *label, struct sab_error *err)
{
    const struct sab_csv_schema *schema = r->schema;
    const struct sab_csv_field *field = &r->csv.fields[r->label_place];
    *label = recall(&r->labels, field);
    if (*label >= 0 || (schema->missing != SAB_MISSING_ERROR && sab_csv_is_missing(field)))
        return SAB_OK;
    char text[SAB_CSV_TEXT_CAP], shown[SAB_CSV_COLUMN_CAP];
    int status = copy_name(r, r->label_place, &schema->label, text, err);
    if (status != SAB_OK)
        return status;
    *label = sab_text_set_find(&schema->classes, text, strlen(text));
    if (*label < 0) {
        sab_csv_column_show(&schema->label, shown);
        return sab_fail(err, SAB_FORMAT, "%s, line %lld, column %s: \"%.40s\" is not one of the %d classes that the "
                        "model knows", r->path, (long long)r->csv.line, shown, text, schema->classes.n);
    }
    note(&r->labels, field, *label);
    return SAB_OK;
}
