/* See columns.h. */
#include "predict/columns.h"

#include "base/error.h"
#include "data/csv_choose.h"

static const struct sab_csv_schema *schema_of(const struct sab_answers *a)
{
    return a->schema.n > 0 ? &a->schema : NULL;
}

/* Inputs alone, in their order; or the columns as they were in training. */
static int find_by_number(struct sab_line_columns *c, const struct sab_answers *a, const struct sab_csv *line,
                          struct sab_error *err)
{
    const struct sab_csv_schema *schema = schema_of(a);
    int has_series = schema && schema->series.number, needs_time = schema && schema->n_calendar > 0;
    c->width = line->n;
    if (line->n == c->I && !has_series && !needs_time) {
        for (int i = 0; i < c->I; i++)
            c->places[i] = i;
        return SAB_OK;
    }
    if ((has_series || needs_time) && line->n != schema->n_columns)
        return sab_fail(err, SAB_FORMAT, "%s, line 1 has %d column%s; the model needs the %s%s%s and its %d input%s: all %d columns "
                        "that it was trained with, or a first line with names", line->path, line->n, line->n == 1 ? "" : "s",
                        has_series ? "name of the series" : "", has_series && needs_time ? ", the " : "", needs_time ? "time" : "",
                        c->I, c->I == 1 ? "" : "s", schema->n_columns);
    if (!schema || line->n != schema->n_columns)
        return sab_fail(err, SAB_FORMAT, "%s, line 1 has %d column%s; the model needs its %d input%s%s", line->path, line->n,
                        line->n == 1 ? "" : "s", c->I, c->I == 1 ? "" : "s",
                        schema ? ", all columns that it was trained with, or a first line with their names" : "");
    for (int i = 0; i < c->I; i++)
        c->places[i] = schema->columns[schema->inputs[i]].number - 1;
    c->series_place = has_series ? schema->series.number - 1 : -1;
    c->time_place = schema->time.number - 1;
    return SAB_OK;
}

static int find_by_name(struct sab_line_columns *c, const struct sab_answers *a, const struct sab_csv *line, int *is_named,
                        struct sab_error *err)
{
    const struct sab_csv_schema *schema = schema_of(a);
    struct sab_csv_head head = {.path = line->path, .has_header = 1, .n = line->n, .names = line->fields};
    *is_named = 0;
    if (!schema || !schema->is_named)
        return SAB_OK;
    int status = sab_csv_head_index(&head, err), found = status == SAB_OK;
    for (int i = 0; i < c->I && found; i++)
        found = (c->places[i] = sab_csv_place(schema, &schema->columns[schema->inputs[i]], &head)) >= 0;
    if (found && schema->series.number)
        found = (c->series_place = sab_csv_place(schema, &schema->series, &head)) >= 0;
    if (found && schema->time.number)
        found = (c->time_place = sab_csv_place(schema, &schema->time, &head)) >= 0 || schema->n_calendar == 0;
    sab_csv_head_clear(&head);
    if (found)
        c->width = line->n;
    *is_named = found;
    return status;
}

int sab_line_columns_find(struct sab_line_columns *columns, const struct sab_answers *answers, const struct sab_csv *line,
                          int *is_named, struct sab_error *err)
{
    int status = find_by_name(columns, answers, line, is_named, err);
    return status != SAB_OK || *is_named ? status : find_by_number(columns, answers, line, err);
}

void sab_line_columns_show(const struct sab_line_columns *columns, const struct sab_answers *answers, int i,
                           char text[SAB_CSV_COLUMN_CAP])
{
    const struct sab_csv_schema *schema = schema_of(answers);
    struct sab_csv_column unnamed = {.number = columns->places[i] + 1};
    sab_csv_column_show(schema ? &schema->columns[schema->inputs[i]] : &unnamed, text);
}
