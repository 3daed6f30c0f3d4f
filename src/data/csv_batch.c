/* See csv_state.h: batches, and what answers that need no training would cost. */
#include <math.h>

#include "data/csv_inputs.h"
#include "data/csv_state.h"

/* Of a cell, standardised; NaN where there is none. */
static double value_at(const struct sab_csv_state *s, const struct sab_csv_table *table, int64_t row, int column)
{
    double value = table->values[row * s->schema.n + column];
    return (value - s->columns.mean[column]) / s->columns.deviation[column];
}

/* From what is known in one row to what another holds, in the same units; NaN where that is missing. Where nothing is known yet the
 * network's input is 0, the mean, and what is predicted is added to that: so the change is from there, too. */
static double change_between(const struct sab_csv_state *s, const struct sab_csv_table *table, int64_t from, int64_t to, int column)
{
    double before = table->filled[from * s->schema.n + column], after = table->values[to * s->schema.n + column];
    return isnan(before) ? value_at(s, table, to, column) : (after - before) / s->columns.deviation[column];
}

/* How many rows ahead value o is, of O H that are forecast. */
static int64_t ahead_of(const struct sab_csv_schema *schema, int o)
{
    return schema->goal == SAB_GOAL_FORECAST ? schema->horizons[o % schema->H] : 0;
}

/* The o-th value that is right at a row of the table; NaN where there is none. */
static double target_at(const struct sab_csv_state *s, const struct sab_csv_table *table, int64_t row, int o)
{
    int k = s->schema.targets[o / s->schema.H];
    int64_t later = row + ahead_of(&s->schema, o);
    return s->schema.present ? change_between(s, table, row, later, k) : value_at(s, table, later, k);
}

int sab_csv_is_answered(const struct sab_csv_state *s, const struct sab_csv_table *table, int series, int64_t row)
{
    int64_t at = table->series[series].begin + row;
    if (table->labels && s->schema.label.number)
        return table->labels[s->schema.goal == SAB_GOAL_SERIES ? series : at] >= 0;
    for (int o = 0; o < s->schema.O * s->schema.H && table->has_targets; o++)
        if (isnan(target_at(s, table, at, o)))
            return 0;
    return 1;
}

/* is_weighed: classes count by their weights. */
static void fill_column(struct sab_csv_state *s, const struct sab_csv_table *table, const struct sab_csv_chunk *c, int b,
                        int is_weighed, int is_own)
{
    const struct sab_csv_schema *schema = &s->schema;
    struct sab_arrays *arrays = &s->arrays;
    int64_t ahead = sab_csv_schema_ahead(schema), offset = table->series[c->series].begin;
    int outputs = schema->O * schema->H * schema->Q;
    size_t I = (size_t)s->shape.I;
    for (int t = 0; t < c->length; t++) {
        size_t position = (size_t)t * (size_t)arrays->B + (size_t)b;
        int64_t row = c->begin + t, at = offset + row;
        if (is_own)
            sab_csv_inputs(schema, &s->columns, table->values + at * schema->n, table->filled + at * schema->n,
                           table->times ? table->times[at] : 0, arrays->values + position * I);
        if (row < c->walk.first || row + ahead >= c->walk.last || !sab_csv_is_answered(s, table, c->series, row))
            continue;
        arrays->weight[position] = 1;
        arrays->scored[position] = 1;
        if (!table->has_targets)
            continue;
        if (arrays->labels)
            arrays->labels[position] = table->labels[schema->goal == SAB_GOAL_SERIES ? c->series : at];
        if (arrays->labels && is_weighed)
            arrays->weight[position] = sab_class_weights_at(&s->class_weights, arrays->labels[position]);
        for (int o = 0; o < outputs && is_own; o++)
            arrays->targets[position * (size_t)outputs + (size_t)o] = (sab_real)target_at(s, table, at, o / schema->Q);
    }
}

int sab_csv_batch(void *state, enum sab_split split, int64_t index, int B, const struct sab_own *own, struct sab_batch *batch,
                  struct sab_error *err)
{
    struct sab_csv_state *s = state;
    const struct sab_csv_table *table = sab_csv_table_of(s, split);
    const uint8_t *is_own = NULL;
    int longest = sab_csv_is_stream(s) ? s->config->T : 1;
    if (table->S == 0 || !sab_csv_has_batches(s, split, B))
        return sab_parts_fail_empty(s->config, split, err);
    if (sab_csv_is_stream(s) && !sab_csv_is_drawn(s, split))
        s->group = sab_csv_find_group(s, split, index, B);
    for (int b = 0; b < B && !sab_csv_is_stream(s); b++) {
        struct sab_csv_chunk c = sab_csv_find_chunk(s, split, index, B, b);
        longest = c.length > longest ? c.length : longest;
    }
    int status = sab_arrays_make(&s->arrays, &s->shape, longest, B, err);
    if (status != SAB_OK)
        return status;
    for (int b = 0; b < B; b++) {
        struct sab_csv_chunk c = sab_csv_find_chunk(s, split, index, B, b);
        s->arrays.lengths[b] = c.series < 0 ? 1 : c.length;
        s->arrays.fresh[b] = c.series < 0 || c.is_first;
    }
    status = sab_own_find(own, longest, B, s->arrays.lengths, sab_csv_is_stream(s), &is_own, err);
    for (int b = 0; b < B && status == SAB_OK; b++) {
        struct sab_csv_chunk c = sab_csv_find_chunk(s, split, index, B, b);
        if (c.series >= 0)
            fill_column(s, table, &c, b, split == SAB_TRAIN && !s->in_order, !is_own || is_own[b]);
    }
    if (status != SAB_OK)
        return status;
    *batch = sab_arrays_batch(&s->arrays);
    if (sab_csv_is_stream(s))
        batch->fresh = s->arrays.fresh;
    if (!table->has_targets) {
        batch->labels = NULL;
        batch->targets = NULL;
    }
    return SAB_OK;
}

struct sab_csv_spot sab_csv_task_spot(const void *state, enum sab_split split, int64_t index, int B, int b)
{
    const struct sab_csv_state *s = state;
    const struct sab_csv_table *table = sab_csv_table_of(s, split);
    struct sab_csv_chunk c = sab_csv_find_chunk(s, split, index, B, b);
    if (c.series < 0)
        return (struct sab_csv_spot){.row = -1};
    int64_t at = table->series[c.series].begin + c.begin;
    return (struct sab_csv_spot){table->names.n > 0 ? sab_text_set_at(&table->names, c.series) : NULL, c.begin,
                                 table->numbers ? table->numbers + at : NULL, table->times ? table->times + at : NULL};
}

int64_t sab_csv_naive(const void *state, enum sab_split split, int64_t season, double *squares, double *absolute)
{
    const struct sab_csv_state *s = state;
    const struct sab_csv_schema *schema = &s->schema;
    const struct sab_csv_table *table = sab_csv_table_of(s, split);
    int64_t count = 0;
    if (schema->goal != SAB_GOAL_FORECAST || schema->loss == SAB_LOSS_BCE || !table->has_targets)
        return 0;
    for (int i = 0; i < table->S; i++) {
        struct sab_csv_walk w = sab_csv_walk_of(s, split, i);
        int64_t offset = table->series[i].begin;
        for (int64_t row = w.first; row < w.end && row + sab_csv_schema_ahead(schema) < w.last; row++) {
            if (!sab_csv_is_answered(s, table, i, row))
                continue;
            count++;
            for (int o = 0; o < schema->O * schema->H; o++) {
                int64_t ahead = ahead_of(schema, o), back = season > 0 ? (ahead + season - 1) / season * season : 0;
                int64_t like = back > 0 && row + ahead >= back ? row + ahead - back : row;
                int k = schema->targets[o / schema->H];
                double change = change_between(s, table, offset + like, offset + row + ahead, k);
                squares[o] += change * change;
                absolute[o] += fabs(change);
            }
        }
    }
    return count;
}
