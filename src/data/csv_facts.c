/* See csv_facts.h. */
#include "data/csv_facts.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/csv_categories.h"
#include "data/csv_choose.h"
#include "data/facts.h"
#include "source/csv.h"

/* ---- writing ---- */

/* [number] or [number, name]; null where there is none */
static void put_column(struct sab_json *facts, const char *key, const struct sab_csv_column *column)
{
    if (column->number == 0) {
        sab_json_null(facts, key);
        return;
    }
    sab_json_open(facts, key, '[');
    sab_json_int(facts, NULL, column->number);
    if (column->name)
        sab_json_text(facts, NULL, column->name);
    sab_json_close(facts, ']');
}

static void put_ints(struct sab_json *facts, const char *key, const int *numbers, int n)
{
    sab_json_open(facts, key, '[');
    for (int i = 0; i < n; i++)
        sab_json_int(facts, NULL, numbers[i]);
    sab_json_close(facts, ']');
}

static void put_time(struct sab_json *facts, const struct sab_csv_schema *schema)
{
    if (schema->time.number == 0)
        return;
    put_column(facts, "time", &schema->time);
    sab_json_int(facts, "time_kind", schema->time_format.kind);
    sab_json_text(facts, "time_pattern", schema->time_format.pattern);
    sab_json_int(facts, "step_months", schema->step.months);
    sab_json_bool(facts, "step_at_end", schema->step.is_at_end);
    sab_json_int(facts, "step_ms", schema->step.ms);
    put_ints(facts, "calendar", schema->calendar, schema->n_calendar);
}

int sab_csv_facts_print(const struct sab_csv_schema *schema, const struct sab_scaling *columns,
                        const struct sab_account *account, const struct sab_class_weights *weights, char **json,
                        struct sab_error *err)
{
    struct sab_json facts;
    sab_facts_begin(&facts, "csv");
    sab_json_int(&facts, "goal", schema->goal);
    sab_json_int(&facts, "loss", schema->loss);
    put_ints(&facts, "horizons", schema->horizons, schema->H);
    sab_json_bool(&facts, "relative", schema->present != NULL);
    sab_json_bool(&facts, "named", schema->is_named);
    sab_json_int(&facts, "file_columns", schema->n_columns);
    sab_json_open(&facts, "columns", '[');
    for (int i = 0; i < schema->n; i++)
        put_column(&facts, NULL, &schema->columns[i]);
    sab_json_close(&facts, ']');
    sab_json_open(&facts, "column_origin", '[');
    for (int i = 0; i < schema->n; i++)
        sab_json_real(&facts, NULL, schema->columns[i].origin);
    sab_json_close(&facts, ']');
    put_ints(&facts, "inputs", schema->inputs, schema->I);
    put_ints(&facts, "targets", schema->targets, schema->O);
    sab_csv_categories_put(schema, &facts);
    put_column(&facts, "label", &schema->label);
    put_column(&facts, "series", &schema->series);
    put_time(&facts, schema);
    sab_json_int(&facts, "missing", schema->missing);
    sab_json_open(&facts, "classes", '[');
    for (int i = 0; i < schema->classes.n; i++)
        sab_json_text(&facts, NULL, sab_text_set_at(&schema->classes, i));
    sab_json_close(&facts, ']');
    sab_json_bool(&facts, "are_numbers", schema->are_numbers);
    sab_class_weights_put(weights, &facts);
    sab_scaling_put(columns, &facts, "column");
    sab_account_put(account, &facts);
    return sab_facts_end(&facts, json, err);
}

/* ---- reading ---- */

/* [number] or [number, name] */
static int get_column(const struct sab_value *json, const char *key, int is_named, struct sab_csv_column *column,
                      struct sab_error *err)
{
    const struct sab_value *number = sab_value_first(json);
    const char *name = number ? sab_value_string(number->next) : NULL;
    int64_t v;
    if (sab_value_int(number, 1, SAB_CSV_COLUMNS_MOST + 1, &v) || is_named != (name != NULL) ||
        (name && strlen(name) >= SAB_CSV_TEXT_CAP))
        return sab_facts_damaged(key, err);
    column->number = (int)v;
    if (!name)
        return SAB_OK;
    column->name = sab_alloc(strlen(name) + 1, 1);
    if (!column->name)
        return sab_fail(err, SAB_NOMEM, "no memory for what the model knows of its data");
    strcpy(column->name, name);
    return SAB_OK;
}

static int get_columns(struct sab_csv_schema *schema, const struct sab_value *facts, struct sab_error *err)
{
    const struct sab_value *list = sab_value_get(facts, "columns"), *column = sab_value_first(list);
    size_t n = sab_value_size(list);
    if (n < 1 || n > SAB_CSV_COLUMNS_MOST)
        return sab_facts_damaged("columns", err);
    schema->columns = sab_alloc(n, sizeof *schema->columns);
    if (!schema->columns)
        return sab_fail(err, SAB_NOMEM, "no memory for what the model knows of its data");
    int status = SAB_OK;
    for (size_t i = 0; i < n && status == SAB_OK; i++, column = column->next) {
        status = get_column(column, "columns", schema->is_named, &schema->columns[i], err);
        schema->n++;
    }
    return status;
}

/* Models of before version 2 have none: all 0. */
static int get_origins(struct sab_csv_schema *schema, const struct sab_value *facts, struct sab_error *err)
{
    const struct sab_value *list = sab_value_get(facts, "column_origin"), *number = sab_value_first(list);
    if (list && sab_value_size(list) != (size_t)schema->n)
        return sab_facts_damaged("column_origin", err);
    for (int i = 0; list && i < schema->n; i++, number = number->next)
        if (sab_value_real(number, &schema->columns[i].origin) || !(fabs(schema->columns[i].origin) <= FLT_MAX))
            return sab_facts_damaged("column_origin", err);
    return SAB_OK;
}

static int get_ints(const struct sab_value *facts, const char *key, int below, int **numbers, int *n, struct sab_error *err)
{
    const struct sab_value *list = sab_value_get(facts, key), *number = sab_value_first(list);
    size_t count = sab_value_size(list);
    if (!sab_value_is(list, SAB_VALUE_ARRAY) || count > (size_t)below)
        return sab_facts_damaged(key, err);
    *numbers = sab_alloc(count, sizeof **numbers);
    if (!*numbers)
        return sab_fail(err, SAB_NOMEM, "no memory for what the model knows of its data");
    for (size_t i = 0; i < count; i++, number = number->next) {
        int64_t v;
        if (sab_value_int(number, 0, below - 1, &v))
            return sab_facts_damaged(key, err);
        (*numbers)[i] = (int)v;
    }
    *n = (int)count;
    return SAB_OK;
}

static int get_classes(struct sab_csv_schema *schema, const struct sab_value *facts, struct sab_error *err)
{
    const struct sab_value *list = sab_value_get(facts, "classes"), *class = sab_value_first(list);
    size_t n = sab_value_size(list);
    if (!sab_value_is(list, SAB_VALUE_ARRAY) || n > SAB_CSV_CLASSES_MOST)
        return sab_facts_damaged("classes", err);
    for (size_t i = 0; i < n; i++, class = class->next) {
        const char *text = sab_value_string(class);
        if (!text || strlen(text) >= SAB_CSV_TEXT_CAP)
            return sab_facts_damaged("classes", err);
        int at = sab_text_set_add(&schema->classes, text, strlen(text));
        if (at < 0)
            return sab_fail(err, SAB_NOMEM, "no memory for what the model knows of its data");
        if (at != (int)i)
            return sab_facts_damaged("classes", err);
    }
    return SAB_OK;
}

/* A model of before there could be several has one number. */
static int get_horizons(struct sab_csv_schema *schema, const struct sab_value *facts, struct sab_error *err)
{
    const struct sab_value *list = sab_value_get(facts, "horizons"), *one = sab_value_get(facts, "horizon");
    size_t n = list ? sab_value_size(list) : 1;
    if (n < 1 || n > SAB_CSV_HORIZONS_MOST)
        return sab_facts_damaged("horizons", err);
    schema->horizons = sab_alloc(n, sizeof *schema->horizons);
    if (!schema->horizons)
        return sab_fail(err, SAB_NOMEM, "no memory for what the model knows of its data");
    for (const struct sab_value *number = list ? sab_value_first(list) : one; schema->H < (int)n; number = number->next) {
        int64_t h, least = schema->H > 0 ? schema->horizons[schema->H - 1] + 1 : 1;
        if (sab_value_int(number, least, SAB_CSV_HORIZON_LONGEST, &h))
            return sab_facts_damaged(list ? "horizons" : "horizon", err);
        schema->horizons[schema->H++] = (int)h;
    }
    return SAB_OK;
}

static int get_time(struct sab_csv_schema *schema, const struct sab_value *facts, struct sab_error *err)
{
    const char *pattern = sab_value_string(sab_value_get(facts, "time_pattern"));
    const struct sab_value *cycles = sab_value_get(facts, "calendar"), *cycle = sab_value_first(cycles);
    int status = get_column(sab_value_get(facts, "time"), "time", schema->is_named, &schema->time, err);
    if (status == SAB_OK && (!pattern || sab_time_set_pattern(&schema->time_format, pattern, NULL) != SAB_OK))
        status = sab_facts_damaged("time_pattern", err);
    if (status == SAB_OK)
        status = sab_facts_int(facts, "time_kind", SAB_TIME_ISO, SAB_TIME_KINDS - 1, &schema->time_format.kind, err);
    if (status == SAB_OK)
        status = sab_facts_int(facts, "step_months", 0, 1200, &schema->step.months, err);
    schema->step.is_at_end = sab_value_is(sab_value_get(facts, "step_at_end"), SAB_VALUE_TRUE);
    if (status == SAB_OK && sab_value_int(sab_value_get(facts, "step_ms"), 0, SAB_TIME_MOST, &schema->step.ms))
        status = sab_facts_damaged("step_ms", err);
    if (status == SAB_OK && sab_value_size(cycles) > SAB_CSV_CYCLES)
        status = sab_facts_damaged("calendar", err);
    for (; cycle && status == SAB_OK; cycle = cycle->next) {
        int64_t c;
        if (sab_value_int(cycle, 0, SAB_CSV_CYCLES - 1, &c))
            status = sab_facts_damaged("calendar", err);
        else
            schema->calendar[schema->n_calendar++] = (int)c;
    }
    return status;
}

/* What must agree with each other. */
static int check(const struct sab_csv_schema *schema, struct sab_error *err)
{
    int is_classes = schema->loss == SAB_LOSS_CROSS_ENTROPY;
    if (schema->I < 1)
        return sab_facts_damaged("inputs", err);
    if (is_classes ? schema->O != 0 : schema->O < 1)
        return sab_facts_damaged("targets", err);
    if (is_classes != (schema->classes.n >= 2) || (!is_classes && schema->classes.n > 0))
        return sab_facts_damaged("classes", err);
    if (is_classes != (schema->label.number > 0) || (is_classes && schema->goal == SAB_GOAL_FORECAST))
        return sab_facts_damaged("label", err);
    if (schema->goal == SAB_GOAL_SERIES && schema->series.number == 0)
        return sab_facts_damaged("series", err);
    return SAB_OK;
}

static int read_all(struct sab_csv_schema *schema, struct sab_scaling *columns, const struct sab_value *facts,
                    struct sab_error *err)
{
    int status = sab_facts_int(facts, "goal", SAB_GOAL_FORECAST, SAB_GOAL_SERIES, &schema->goal, err);
    if (status == SAB_OK)
        status = sab_facts_loss(facts, &schema->loss, err);
    if (status == SAB_OK)
        status = get_horizons(schema, facts, err);
    if (status == SAB_OK)
        status = sab_facts_int(facts, "file_columns", 1, SAB_CSV_COLUMNS_MOST, &schema->n_columns, err);
    schema->is_named = sab_value_is(sab_value_get(facts, "named"), SAB_VALUE_TRUE);
    if (status == SAB_OK)
        status = get_columns(schema, facts, err);
    if (status == SAB_OK)
        status = get_origins(schema, facts, err);
    if (status == SAB_OK)
        status = get_ints(facts, "inputs", schema->n, &schema->inputs, &schema->I, err);
    if (status == SAB_OK)
        status = get_ints(facts, "targets", schema->n, &schema->targets, &schema->O, err);
    const struct sab_value *label = sab_value_get(facts, "label"), *series = sab_value_get(facts, "series");
    if (status == SAB_OK && !sab_value_is(label, SAB_VALUE_NULL))
        status = get_column(label, "label", schema->is_named, &schema->label, err);
    if (status == SAB_OK && !sab_value_is(series, SAB_VALUE_NULL))
        status = get_column(series, "series", schema->is_named, &schema->series, err);
    if (status == SAB_OK && sab_value_get(facts, "time"))
        status = get_time(schema, facts, err);
    if (status == SAB_OK && sab_value_get(facts, "missing")) /* before there was a choice, they were errors */
        status = sab_facts_int(facts, "missing", SAB_MISSING_ERROR, SAB_MISSING_SKIP, &schema->missing, err);
    if (status == SAB_OK)
        status = get_classes(schema, facts, err);
    if (status == SAB_OK)
        status = sab_csv_categories_get(schema, facts, err);
    schema->are_numbers = sab_value_is(sab_value_get(facts, "are_numbers"), SAB_VALUE_TRUE);
    if (status == SAB_OK)
        status = check(schema, err);
    if (status == SAB_OK && sab_value_is(sab_value_get(facts, "relative"), SAB_VALUE_TRUE) &&
        sab_csv_choose_relative(schema, NULL) != SAB_OK)
        status = sab_facts_damaged("relative", err);
    return status == SAB_OK ? sab_scaling_get(columns, facts, "column", schema->n, err) : status;
}

int sab_csv_facts_read(struct sab_csv_schema *schema, struct sab_scaling *columns, struct sab_account *account,
                       struct sab_class_weights *weights, const char *json, struct sab_error *err)
{
    const struct sab_value *facts;
    int status = sab_facts_parse(&facts, json, "csv", err);
    if (status != SAB_OK)
        return status;
    status = read_all(schema, columns, facts, err);
    if (status == SAB_OK && account)
        status = sab_account_get(account, facts, err);
    if (status == SAB_OK && weights)
        status = sab_class_weights_get(weights, facts, schema->classes.n, err);
    sab_json_free(facts);
    return status;
}
