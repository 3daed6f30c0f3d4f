/* See csv_choose.h: columns by their names and numbers. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "data/csv_choose.h"
#include "source/csv.h"

void sab_csv_column_show(const struct sab_csv_column *column, char text[SAB_CSV_COLUMN_CAP])
{
    if (column->name && column->name[0])
        snprintf(text, SAB_CSV_COLUMN_CAP, "\"%.55s\"", column->name);
    else
        snprintf(text, SAB_CSV_COLUMN_CAP, "%d", column->number);
}

static int is_named(const struct sab_csv_field *field, const char *name, size_t nbytes)
{
    char text[SAB_CSV_TEXT_CAP];
    int n = sab_csv_copy(field, text);
    return n >= 0 && (size_t)n == nbytes && memcmp(text, name, nbytes) == 0;
}

int sab_csv_head_index(struct sab_csv_head *head, struct sab_error *err)
{
    head->places = head->has_header ? sab_alloc((size_t)head->n, sizeof *head->places) : NULL;
    int failed = head->has_header && !head->places;
    for (int i = 0; head->has_header && i < head->n && !failed; i++) {
        char text[SAB_CSV_TEXT_CAP];
        int known = head->index.n, nbytes = sab_csv_copy(&head->names[i], text);
        int k = nbytes < 0 ? -1 : sab_text_set_add(&head->index, text, (size_t)nbytes);
        failed = nbytes >= 0 && k < 0;
        if (k >= 0)
            head->places[k] = k == known ? i : -2;
    }
    return failed ? sab_fail(err, SAB_NOMEM, "no memory for the columns of %s", head->path) : SAB_OK;
}

void sab_csv_head_clear(struct sab_csv_head *head)
{
    sab_text_set_clear(&head->index);
    sab_free(head->places);
    head->places = NULL;
}

int sab_csv_find_name(const struct sab_csv_head *head, const char *name, size_t nbytes)
{
    int place = -1;
    if (head->places) {
        int k = sab_text_set_find(&head->index, name, nbytes);
        return k < 0 ? -1 : head->places[k];
    }
    for (int i = 0; head->has_header && i < head->n; i++)
        if (is_named(&head->names[i], name, nbytes))
            place = place == -1 ? i : -2;
    return place;
}

int sab_csv_place(const struct sab_csv_schema *schema, const struct sab_csv_column *column,
                  const struct sab_csv_head *head)
{
    if (!schema->is_named)
        return column->number <= head->n ? column->number - 1 : -1;
    return column->name ? sab_csv_find_name(head, column->name, strlen(column->name)) : -1;
}

static int fail_unknown(const struct sab_csv_head *head, const char *option, const char *item, size_t nbytes,
                        struct sab_error *err)
{
    enum { MOST = 64 };
    char texts[MOST][SAB_CSV_TEXT_CAP], known[200] = "";
    const char *names[MOST];
    int n = 0;
    char word[48];
    snprintf(word, sizeof word, "%.*s", nbytes < 40 ? (int)nbytes : 40, item);
    if (!head->has_header)
        return sab_fail(err, SAB_INVALID, "--%s: \"%s\": %.100s has no header, so columns are called 1..%d%s", option, word,
                        head->path, head->n, head->is_guess ? " (that its first line is a row is a guess: --header on)" : "");
    for (int i = 0; i < head->n && n < MOST; i++) {
        size_t used = strlen(known);
        if (sab_csv_copy(&head->names[i], texts[n]) < 0)
            continue;
        names[n] = texts[n];
        if (used + strlen(texts[n]) + 3 < sizeof known)
            snprintf(known + used, sizeof known - used, "%s%s", n ? ", " : "", texts[n]);
        n++;
    }
    const char *nearest = sab_text_nearest(word, names, n);
    if (nearest)
        return sab_fail(err, SAB_INVALID, "--%s: %.100s has no column \"%s\"; did you mean \"%.60s\"?", option, head->path,
                        word, nearest);
    return sab_fail(err, SAB_INVALID, "--%s: %.100s has no column \"%s\"; it has %s", option, head->path, word, known);
}

/* "3" or "3-5", from 1; 1 if it is neither. */
static int read_range(const char *item, size_t nbytes, int64_t *first, int64_t *last)
{
    char text[48], *dash;
    if (nbytes == 0 || nbytes >= sizeof text)
        return 1;
    memcpy(text, item, nbytes);
    text[nbytes] = 0;
    dash = strchr(text, '-');
    if (dash)
        *dash = 0;
    if (sab_text_to_int(text, first) || sab_text_to_int(dash ? dash + 1 : text, last))
        return 1;
    return 0;
}

int sab_csv_find_item(const struct sab_csv_head *head, const char *option, const char *item, size_t nbytes, int *first,
                     int *last, struct sab_error *err)
{
    int64_t from, to;
    int place = sab_csv_find_name(head, item, nbytes);
    if (place == -2)
        return sab_fail(err, SAB_INVALID, "--%s: several columns of %.100s are called \"%.*s\"; rename them", option,
                        head->path, nbytes < 40 ? (int)nbytes : 40, item);
    *first = *last = place;
    if (place >= 0)
        return SAB_OK;
    if (read_range(item, nbytes, &from, &to))
        return fail_unknown(head, option, item, nbytes, err);
    if (from < 1 || to < from || to > head->n)
        return sab_fail(err, SAB_INVALID, "--%s: %.*s: the columns of %.100s are 1..%d", option,
                        nbytes < 40 ? (int)nbytes : 40, item, head->path, head->n);
    *first = (int)from - 1;
    *last = (int)to - 1;
    return SAB_OK;
}

int sab_csv_find_list(const struct sab_csv_head *head, const char *option, const char *list, unsigned char *is_chosen,
                     struct sab_error *err)
{
    for (const char *at = list;; at++) {
        size_t nbytes = strcspn(at, ",");
        int first = 0, last = 0, status = sab_csv_find_item(head, option, at, nbytes, &first, &last, err);
        if (status != SAB_OK)
            return status;
        memset(is_chosen + first, 1, (size_t)(last - first) + 1);
        at += nbytes;
        if (*at == 0)
            return SAB_OK;
    }
}

int sab_csv_choose_format(struct sab_time_format *format, const char *pattern, const struct sab_csv_head *head, int place,
                          struct sab_error *err)
{
    const struct sab_csv_finding *found = &head->survey->columns[place];
    const struct sab_csv_field *first = &found->example;
    char shown[48];
    if (strcmp(pattern, "auto") != 0 && pattern[0])
        return sab_time_set_pattern(format, pattern, err);
    if (sab_time_guess(format, first->text, first->nbytes) == 0)
        return SAB_OK;
    sab_csv_show(first, shown);
    if (!found->is_time)
        return sab_fail(err, SAB_INVALID, "--time: column %d of %.200s holds \"%s\", which is no time in ISO 8601 and no number; "
                        "--time-format says how it is written", place + 1, head->path, shown);
    return sab_fail(err, SAB_INVALID, "--time: column %d of %.200s holds \"%s\": --time-format \"%s\" reads it%s", place + 1, head->path,
                    shown, found->format.pattern, found->is_ambiguous ? ", if the day comes first" : "");
}

int sab_csv_schema_ahead(const struct sab_csv_schema *schema)
{
    return schema->goal == SAB_GOAL_FORECAST ? schema->horizons[schema->H - 1] : 0;
}

int sab_csv_schema_outputs(const struct sab_csv_schema *schema)
{
    return schema->label.number ? schema->classes.n : schema->O * schema->H * schema->Q;
}

int sab_csv_schema_set_quantiles(struct sab_csv_schema *schema, const char *quantiles, struct sab_error *err)
{
    struct sab_quantiles read = {.n = 1};
    int status = schema->loss == SAB_LOSS_QUANTILE ? sab_quantiles_parse(quantiles, &read, err) : SAB_OK;
    schema->Q = read.n;
    return status;
}

int sab_csv_schema_set_horizons(struct sab_csv_schema *schema, const char *list, struct sab_error *err)
{
    schema->horizons = sab_alloc(SAB_CSV_HORIZONS_MOST, sizeof *schema->horizons);
    if (!schema->horizons)
        return sab_fail(err, SAB_NOMEM, "no memory for horizons");
    for (const char *at = list;; at++) {
        size_t nbytes = strcspn(at, ",");
        int64_t from, to;
        int is_sound = read_range(at, nbytes, &from, &to) == 0 && from >= 1 && to >= from && to <= SAB_CSV_HORIZON_LONGEST &&
                       (schema->H == 0 || from > schema->horizons[schema->H - 1]) &&
                       to - from < SAB_CSV_HORIZONS_MOST - schema->H;
        if (!is_sound)
            return sab_fail(err, SAB_INVALID, "--horizon: \"%.60s\" is not a number of rows in 1..%d, nor several of them that ascend, "
                            "%d at most, such as 1-24 or 1,6,24", list, SAB_CSV_HORIZON_LONGEST, SAB_CSV_HORIZONS_MOST);
        for (int64_t h = from; h <= to; h++)
            schema->horizons[schema->H++] = (int)h;
        at += nbytes;
        if (*at == 0)
            return SAB_OK;
    }
}

void sab_csv_schema_clear(struct sab_csv_schema *schema)
{
    for (int i = 0; i < schema->n; i++) {
        sab_free(schema->columns[i].name);
        sab_text_set_clear(&schema->columns[i].categories);
    }
    sab_free(schema->columns);
    sab_free(schema->inputs);
    sab_free(schema->targets);
    sab_free(schema->horizons);
    sab_free(schema->present);
    sab_free(schema->label.name);
    sab_free(schema->series.name);
    sab_free(schema->time.name);
    sab_text_set_clear(&schema->classes);
    memset(schema, 0, sizeof *schema);
}
