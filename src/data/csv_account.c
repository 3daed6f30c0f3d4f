/* See csv_state.h: what a CSV task learns, in words. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/csv_state.h"
#include "data/sentinel.h"

enum { ITEM_CAP = 160 };

static void name_of(const struct sab_csv_column *column, char name[SAB_CSV_COLUMN_CAP])
{
    if (column->name && column->name[0])
        snprintf(name, SAB_CSV_COLUMN_CAP, "%.60s", column->name);
    else
        snprintf(name, SAB_CSV_COLUMN_CAP, "column %d", column->number);
}

static const char *names_of(const struct sab_csv_schema *schema, const int *which, int n, struct sab_account_list *list)
{
    *list = (struct sab_account_list){.used = 0};
    for (int i = 0; i < n; i++) {
        char name[SAB_CSV_COLUMN_CAP + 32];
        name_of(&schema->columns[which[i]], name);
        if (schema->columns[which[i]].is_category) {
            size_t used = strlen(name);
            snprintf(name + used, sizeof name - used, " (%d categories)", schema->columns[which[i]].categories.n);
        }
        sab_account_list_add(list, name);
    }
    return sab_account_list_close(list);
}

/* ---- what is read, what is answered ---- */

static void say_inputs(struct sab_csv_state *s)
{
    const struct sab_csv_schema *schema = &s->schema;
    struct sab_account_list list, calendar = {.used = 0};
    names_of(schema, schema->inputs, schema->I, &list);
    for (int i = 0; i < schema->n_calendar; i++)
        sab_account_list_add(&calendar, sab_cycle_names[schema->calendar[i]]);
    sab_account_say(&s->account, "inputs", "%s%s%s%s", list.text, schema->missing == SAB_MISSING_MASK
                    ? ", of each whether it is there" : "",
                    schema->n_calendar ? "; sine and cosine of " : "", schema->n_calendar ? sab_account_list_close(&calendar) : "");
}

/* "1 row", "1 to 24 rows", "1, 6, 24 rows" */
static void show_horizons(const struct sab_csv_schema *schema, char text[120])
{
    const int *h = schema->horizons;
    size_t used = 0;
    if (schema->H > 2 && h[schema->H - 1] - h[0] == schema->H - 1) {
        snprintf(text, 120, "each of %d to %d rows", h[0], h[schema->H - 1]);
        return;
    }
    for (int i = 0; i < schema->H && used < 80; i++)
        used += (size_t)snprintf(text + used, 120 - used, "%s%d", i ? ", " : "", h[i]);
    snprintf(text + used, 120 - used, "%s", used >= 80 ? ", ... rows" : h[schema->H - 1] == 1 ? " row" : " rows");
}

static const char *of_quantiles(const struct sab_csv_state *s)
{
    return s->schema.Q > 1 ? ", of each the quantiles " : "";
}

void sab_csv_account_answers(struct sab_csv_state *s)
{
    const struct sab_csv_schema *schema = &s->schema;
    const char *each = schema->goal == SAB_GOAL_SERIES ? "series" : "row";
    struct sab_account_list list;
    char name[SAB_CSV_COLUMN_CAP];
    if (schema->goal == SAB_GOAL_FORECAST) {
        char rows[120];
        show_horizons(schema, rows);
        sab_account_say(&s->account, "targets", "%s, %s ahead%s%s%.200s", names_of(schema, schema->targets, schema->O, &list), rows,
                        schema->present ? ", learned as changes from the present" : "", of_quantiles(s),
                        schema->Q > 1 ? s->shared->quantiles : "");
    } else if (schema->label.number == 0) {
        sab_account_say(&s->account, "answers", "%s for each %s, as values%s%s%.200s",
                        names_of(schema, schema->targets, schema->O, &list), each, schema->loss == SAB_LOSS_BCE ? " in 0..1" : "",
                        of_quantiles(s), schema->Q > 1 ? s->shared->quantiles : "");
    } else {
        name_of(&schema->label, name);
        sab_account_say(&s->account, "answers", "%s for each %s, one of %d classes%s", name, each, schema->classes.n,
                        !schema->are_numbers ? "" : sab_loss_is_open(&s->config->values)
                            ? ", for all are whole numbers (--loss mse takes them for values)" : ", for all are whole numbers");
    }
}

static void say_scaling(struct sab_csv_state *s)
{
    struct sab_account_list list = {.used = 0};
    if (!s->config->values.standardise) {
        sab_account_say(&s->account, "scaling", "none: values as they are");
        return;
    }
    for (int k = 0; k < s->schema.n; k++) {
        char name[SAB_CSV_COLUMN_CAP], text[ITEM_CAP];
        if (s->schema.columns[k].is_category)
            continue;
        name_of(&s->schema.columns[k], name);
        double digits = 3 - floor(log10(s->columns.deviation[k])); /* four of the deviation */
        int decimals = digits < 0 ? 0 : digits > 15 ? 15 : (int)digits;
        snprintf(text, sizeof text, "%s mean %.*f deviation %.*f", name, decimals,
                 s->schema.columns[k].origin + s->columns.mean[k], decimals, s->columns.deviation[k]);
        sab_account_list_add(&list, text);
    }
    sab_account_say(&s->account, "scaling", "%s", sab_account_list_close(&list));
}

/* ---- rows ---- */

/* The rows of a part in a series of its table: begin <= row < end. */
static void rows_of(const struct sab_csv_state *s, enum sab_split split, int series, int64_t *begin, int64_t *end)
{
    *begin = 0;
    *end = sab_csv_table_of(s, split)->series[series].rows;
    if (sab_csv_has_own(s, split))
        return;
    if (sab_csv_is_stream(s)) {
        *begin = split == SAB_TRAIN ? 0 : s->cuts[series].at[split - 1];
        *end = s->cuts[series].at[split];
    } else if ((uint64_t)series < s->bounds[split] || (uint64_t)series >= s->bounds[split + 1]) {
        *end = 0;
    }
}

/* Of those, the rows whose answers are scored. */
static int64_t scored_rows(const struct sab_csv_state *s, enum sab_split split, int series)
{
    const struct sab_csv_table *table = sab_csv_table_of(s, split);
    if (!sab_csv_is_stream(s))
        return sab_csv_is_answered(s, table, series, table->series[series].rows - 1);
    struct sab_csv_walk w = sab_csv_walk_of(s, split, series);
    int64_t end = w.end < w.last - sab_csv_schema_ahead(&s->schema) ? w.end : w.last - sab_csv_schema_ahead(&s->schema), n = 0;
    if (table->filled == table->values && !table->labels)
        return end > w.first ? end - w.first : 0;
    for (int64_t row = w.first; row < end; row++)
        n += sab_csv_is_answered(s, table, series, row);
    return n;
}

static void say_series(struct sab_csv_state *s)
{
    const struct sab_csv_table *table = &s->tables[SAB_TRAIN];
    char all[SAB_COUNT_CAP], low[SAB_COUNT_CAP], high[SAB_COUNT_CAP];
    int64_t least = table->rows, most = 0;
    for (int i = 0; i < table->S; i++) {
        least = table->series[i].rows < least ? table->series[i].rows : least;
        most = table->series[i].rows > most ? table->series[i].rows : most;
    }
    if (s->schema.series.number == 0)
        return;
    sab_account_say(&s->account, "series", "%s, of %s%s%s rows each", sab_account_count(table->S, all),
                    sab_account_count(least, low), least == most ? "" : " to ", least == most ? "" : sab_account_count(most, high));
}

static void name_class(const void *user, int i, char text[SAB_CLASS_NAME_CAP])
{
    snprintf(text, SAB_CLASS_NAME_CAP, "%.60s", sab_text_set_at(user, i));
}

/* How often each class comes in each part, and what it weighs. */
static int say_classes(struct sab_csv_state *s, struct sab_error *err)
{
    int n = s->schema.classes.n;
    int64_t *counts = sab_alloc((size_t)n * SAB_PARTS, sizeof *counts);
    if (!counts)
        return sab_fail(err, SAB_NOMEM, "no memory to count the answers of %.200s", s->config->files.data);
    for (int p = 0; p < SAB_PARTS; p++) {
        const struct sab_csv_table *table = sab_csv_table_of(s, p);
        for (int i = 0; i < table->S && table->labels; i++) {
            int64_t begin, end;
            rows_of(s, p, i, &begin, &end);
            for (int64_t row = begin; row < (sab_csv_is_stream(s) ? end : end > 0); row++) {
                int32_t label = table->labels[sab_csv_is_stream(s) ? table->series[i].begin + row : i];
                if (label >= 0)
                    counts[p * n + label]++;
            }
        }
    }
    sab_account_classes(&s->account, &s->config->files, n, counts, name_class, &s->schema.classes);
    sab_class_weights_clear(&s->class_weights);
    int status = sab_class_weights_make(&s->class_weights, s->config->values.class_weights, n, counts, name_class, &s->schema.classes,
                                        err);
    sab_class_weights_say(&s->class_weights, &s->account, name_class, &s->schema.classes);
    sab_free(counts);
    return status;
}

static void say_parts(struct sab_csv_state *s)
{
    int64_t n[SAB_PARTS] = {0}, scored[SAB_PARTS] = {0};
    for (int p = 0; p < SAB_PARTS; p++)
        for (int i = 0; i < sab_csv_table_of(s, p)->S; i++) {
            int64_t begin, end;
            rows_of(s, p, i, &begin, &end);
            if (end <= begin)
                continue;
            n[p] += sab_csv_is_stream(s) ? end - begin : 1;
            scored[p] += scored_rows(s, p, i);
        }
    sab_account_parts(&s->account, &s->config->files, sab_csv_is_stream(s) ? "rows" : "series", n, scored);
}

/* ---- sentinels ---- */

static void warn_of_sentinels(struct sab_csv_state *s)
{
    const struct sab_csv_table *table = &s->tables[SAB_TRAIN];
    const char *advice = s->schema.missing == SAB_MISSING_ERROR
        ? "if it stands for a missing value, empty those cells and choose --missing last, mask or skip"
        : "if it stands for a missing value, empty those cells";
    int n;
    struct sab_sentinel_search *searches = sab_sentinel_begin(&s->columns, &n);
    for (int i = 0; i < table->S && n > 0; i++)
        for (int64_t row = 0; row < sab_csv_training_rows(s, i); row++)
            for (int k = 0; k < n; k++)
                sab_sentinel_look(&searches[k], table->values[(table->series[i].begin + row) * s->schema.n + searches[k].column]);
    for (int k = 0; k < n; k++) {
        const struct sab_csv_column *column = &s->schema.columns[searches[k].column];
        char name[SAB_CSV_COLUMN_CAP];
        name_of(column, name);
        if (!column->is_category)
            sab_sentinel_end(&searches[k], &s->account, name, column->origin, "rows", advice);
    }
    sab_free(searches);
}

int sab_csv_account(struct sab_csv_state *s, struct sab_error *err)
{
    say_inputs(s);
    sab_csv_account_answers(s);
    say_series(s);
    int status = s->schema.classes.n > 0 && s->tables[SAB_TRAIN].labels ? say_classes(s, err) : SAB_OK;
    say_parts(s);
    say_scaling(s);
    warn_of_sentinels(s);
    return status;
}
