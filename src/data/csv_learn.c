/* See csv_state.h: the parts of the data, and what is learned from the training part. */
#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/csv_categories.h"
#include "data/csv_state.h"

int sab_csv_cut_parts(struct sab_csv_state *s, struct sab_error *err)
{
    const struct sab_csv_table *table = &s->tables[SAB_TRAIN];
    int status = SAB_OK;
    if (!sab_csv_is_stream(s))
        return sab_parts_bounds(s->config, (uint64_t)table->S, s->bounds, err);
    s->cuts = sab_alloc((size_t)table->S, sizeof *s->cuts);
    if (!s->cuts)
        return sab_fail(err, SAB_NOMEM, "no memory for the parts of %d series", table->S);
    for (int i = 0; i < table->S && status == SAB_OK; i++) {
        uint64_t bounds[SAB_PARTS + 1] = {0};
        status = sab_parts_bounds(s->config, (uint64_t)table->series[i].rows, bounds, err);
        for (int p = 0; p < SAB_PARTS; p++)
            s->cuts[i].at[p] = (int64_t)bounds[p + 1];
    }
    return status;
}

/* Whether a row of --data, counted through all its series, is one that training may learn from. */
static int is_trained(const void *user, int64_t row)
{
    const struct sab_csv_state *s = user;
    const struct sab_csv_table *table = &s->tables[SAB_TRAIN];
    int low = 0, high = table->S - 1; /* the series that holds it: the last that begins at or before the row */
    while (low < high) {
        int middle = low + (high - low + 1) / 2;
        if (table->series[middle].begin <= row)
            low = middle;
        else
            high = middle - 1;
    }
    return row - table->series[low].begin < sab_csv_training_rows(s, low);
}

int sab_csv_learn_categories(struct sab_csv_state *s, struct sab_error *err)
{
    return sab_csv_categories_settle(&s->schema, s->tables, SAB_PARTS, is_trained, s, &s->account, err);
}

/* Rows of a series that training may learn from. */
int64_t sab_csv_training_rows(const struct sab_csv_state *s, int series)
{
    if (sab_csv_is_stream(s))
        return s->cuts[series].at[SAB_TRAIN];
    return (uint64_t)series < s->bounds[1] ? s->tables[SAB_TRAIN].series[series].rows : 0;
}

static int learn_scaling(struct sab_csv_state *s, struct sab_error *err)
{
    const struct sab_csv_table *table = &s->tables[SAB_TRAIN];
    const struct sab_csv_schema *schema = &s->schema;
    int status = sab_scaling_create(&s->columns, schema->n, err);
    if (status != SAB_OK || !s->config->values.standardise)
        return status;
    sab_scaling_begin(&s->columns);
    for (int i = 0; i < table->S; i++)
        for (int64_t row = 0; row < sab_csv_training_rows(s, i); row++)
            for (int k = 0; k < schema->n; k++) {
                double value = table->values[(table->series[i].begin + row) * schema->n + k];
                if (!isnan(value))
                    sab_scaling_add(&s->columns, k, value);
            }
    sab_scaling_end(&s->columns);
    for (int k = 0; k < schema->n; k++)
        if (schema->columns[k].is_category) {
            s->columns.mean[k] = 0;
            s->columns.deviation[k] = 1;
        }
    for (int o = 0; o < schema->O && schema->loss == SAB_LOSS_BCE; o++) {
        s->columns.mean[schema->targets[o]] = 0;
        s->columns.deviation[schema->targets[o]] = 1;
    }
    return SAB_OK;
}

static int fail_unseen(const struct sab_csv_state *s, int k, struct sab_error *err)
{
    char values[120] = "", column[SAB_CSV_COLUMN_CAP];
    sab_csv_column_show(&s->schema.label, column);
    if (s->schema.are_numbers && sab_loss_is_open(&s->config->values))
        snprintf(values, sizeof values, "its %d different whole numbers are taken for classes; if they are values, give --loss mse; "
                 "else ", s->schema.classes.n);
    return sab_fail(err, SAB_FORMAT, "%.200s, column %s: the class \"%.60s\" is not in the training part (--split %.60s, in the "
                    "order of the file): %s%s", s->config->files.data, column, sab_text_set_at(&s->schema.classes, k),
                        s->config->files.split,
                    values, sab_csv_is_stream(s) ? "another --split may have all of them"
                                                 : "if the file is sorted by class, shuffle its series");
}

/* A class that training never sees can never be told. */
static int check_classes(const struct sab_csv_state *s, struct sab_error *err)
{
    const struct sab_csv_table *table = &s->tables[SAB_TRAIN];
    int n = s->schema.classes.n, status = SAB_OK;
    unsigned char *is_seen = sab_alloc((size_t)n, 1);
    if (!is_seen)
        return sab_fail(err, SAB_NOMEM, "no memory for the classes of %.200s", s->config->files.data);
    for (int i = 0; i < table->S; i++)
        for (int64_t row = 0; row < sab_csv_training_rows(s, i); row++) {
            int32_t label = table->labels[sab_csv_is_stream(s) ? table->series[i].begin + row : i];
            if (label >= 0)
                is_seen[label] = 1;
        }
    for (int k = 0; k < n && status == SAB_OK; k++)
        if (!is_seen[k])
            status = fail_unseen(s, k, err);
    sab_free(is_seen);
    return status;
}

int sab_csv_learn(struct sab_csv_state *s, struct sab_error *err)
{
    int64_t rows = 0;
    for (int i = 0; i < s->tables[SAB_TRAIN].S; i++)
        rows += sab_csv_training_rows(s, i);
    if (rows == 0)
        return sab_parts_fail_empty(s->config, SAB_TRAIN, err);
    if (sab_csv_is_stream(s) && s->chunks == 0)
        return sab_fail(err, SAB_INVALID, "--horizon: %d rows ahead is too far for the training part of %.200s, which has "
                        "%lld rows in %d series", sab_csv_schema_ahead(&s->schema), s->config->files.data, (long long)rows,
                        s->tables[SAB_TRAIN].S);
    if (s->schema.label.number) {
        int status = check_classes(s, err);
        if (status != SAB_OK)
            return status;
    }
    return learn_scaling(s, err);
}
