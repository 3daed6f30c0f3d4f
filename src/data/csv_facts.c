/* See csv_facts.h. */
#include "data/csv_facts.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/csv.h"
#include "data/csv_choose.h"
#include "data/facts.h"

/* ---- writing ---- */

static json_t *column_json(const struct sab_csv_column *column)
{
    if (column->number == 0)
        return json_null();
    return column->name ? json_pack("[i, s]", column->number, column->name) : json_pack("[i]", column->number);
}

static json_t *ints_json(const int *numbers, int n)
{
    json_t *list = json_array();
    for (int i = 0; list && i < n; i++)
        json_array_append_new(list, json_integer(numbers[i]));
    return list;
}

int sab_csv_facts_print(const struct sab_csv_schema *schema, const struct sab_scaling *columns, char **json,
                        struct sab_error *err)
{
    json_t *list = json_array(), *origins = json_array(), *classes = json_array();
    for (int i = 0; i < schema->n; i++) {
        json_array_append_new(list, column_json(&schema->columns[i]));
        json_array_append_new(origins, json_real(schema->columns[i].origin));
    }
    for (int i = 0; i < schema->classes.n; i++)
        json_array_append_new(classes, json_string(sab_text_set_at(&schema->classes, i)));
    json_t *facts = json_pack("{s:s, s:i, s:i, s:i, s:b, s:b, s:i, s:o*, s:o*, s:o*, s:o*, s:o*, s:o*, s:o*}", "task", "csv", "goal",
                              schema->goal, "loss", schema->loss, "horizon", schema->horizon, "relative", schema->present != NULL, "named", schema->is_named,
                              "file_columns", schema->n_columns, "columns", list, "column_origin", origins, "inputs",
                              ints_json(schema->inputs, schema->I), "targets", ints_json(schema->targets, schema->O),
                              "label", column_json(&schema->label), "series", column_json(&schema->series), "classes",
                              classes);
    /* A list cut short by lack of memory must not be kept. */
    int is_whole = facts && json_array_size(json_object_get(facts, "columns")) == (size_t)schema->n &&
                   json_array_size(json_object_get(facts, "column_origin")) == (size_t)schema->n &&
                   json_array_size(json_object_get(facts, "classes")) == (size_t)schema->classes.n &&
                   json_array_size(json_object_get(facts, "inputs")) == (size_t)schema->I &&
                   json_array_size(json_object_get(facts, "targets")) == (size_t)schema->O &&
                   sab_scaling_put(columns, facts, "column") == 0;
    int status = is_whole ? sab_facts_print(facts, json, err)
                          : sab_fail(err, SAB_NOMEM, "no memory for what is known of the data");
    json_decref(facts);
    return status;
}

/* ---- reading ---- */

static int fail_damaged(const char *key, struct sab_error *err)
{
    return sab_fail(err, SAB_FORMAT, "what the model knows of its data is damaged at \"%s\"", key);
}

static int get_int(const json_t *facts, const char *key, int least, int most, int *value, struct sab_error *err)
{
    const json_t *number = json_object_get(facts, key);
    json_int_t v = json_integer_value(number);
    if (!json_is_integer(number) || v < least || v > most)
        return fail_damaged(key, err);
    *value = (int)v;
    return SAB_OK;
}

/* [number] or [number, name] */
static int get_column(const json_t *json, const char *key, int is_named, struct sab_csv_column *column,
                      struct sab_error *err)
{
    const json_t *number = json_array_get(json, 0);
    const char *name = json_string_value(json_array_get(json, 1));
    json_int_t v = json_integer_value(number);
    if (!json_is_integer(number) || v < 1 || v > SAB_CSV_COLUMNS_MOST + 1 || is_named != (name != NULL) ||
        (name && strlen(name) >= SAB_CSV_TEXT_CAP))
        return fail_damaged(key, err);
    column->number = (int)v;
    if (!name)
        return SAB_OK;
    column->name = sab_alloc(strlen(name) + 1, 1);
    if (!column->name)
        return sab_fail(err, SAB_NOMEM, "no memory for what the model knows of its data");
    strcpy(column->name, name);
    return SAB_OK;
}

static int get_columns(struct sab_csv_schema *schema, const json_t *facts, struct sab_error *err)
{
    const json_t *list = json_object_get(facts, "columns");
    size_t n = json_array_size(list);
    if (n < 1 || n > SAB_CSV_COLUMNS_MOST)
        return fail_damaged("columns", err);
    schema->columns = sab_alloc(n, sizeof *schema->columns);
    if (!schema->columns)
        return sab_fail(err, SAB_NOMEM, "no memory for what the model knows of its data");
    int status = SAB_OK;
    for (size_t i = 0; i < n && status == SAB_OK; i++) {
        status = get_column(json_array_get(list, i), "columns", schema->is_named, &schema->columns[i], err);
        schema->n++;
    }
    return status;
}

/* Models of before version 2 have none: all 0. */
static int get_origins(struct sab_csv_schema *schema, const json_t *facts, struct sab_error *err)
{
    const json_t *list = json_object_get(facts, "column_origin");
    if (list && json_array_size(list) != (size_t)schema->n)
        return fail_damaged("column_origin", err);
    for (int i = 0; list && i < schema->n; i++) {
        const json_t *number = json_array_get(list, (size_t)i);
        schema->columns[i].origin = json_number_value(number);
        if (!json_is_number(number) || !(fabs(schema->columns[i].origin) <= FLT_MAX))
            return fail_damaged("column_origin", err);
    }
    return SAB_OK;
}

static int get_ints(const json_t *facts, const char *key, int below, int **numbers, int *n, struct sab_error *err)
{
    const json_t *list = json_object_get(facts, key);
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > (size_t)below)
        return fail_damaged(key, err);
    *numbers = sab_alloc(count, sizeof **numbers);
    if (!*numbers)
        return sab_fail(err, SAB_NOMEM, "no memory for what the model knows of its data");
    for (size_t i = 0; i < count; i++) {
        const json_t *number = json_array_get(list, i);
        json_int_t v = json_integer_value(number);
        if (!json_is_integer(number) || v < 0 || v >= below)
            return fail_damaged(key, err);
        (*numbers)[i] = (int)v;
    }
    *n = (int)count;
    return SAB_OK;
}

static int get_classes(struct sab_csv_schema *schema, const json_t *facts, struct sab_error *err)
{
    const json_t *list = json_object_get(facts, "classes");
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n > SAB_CSV_CLASSES_MOST)
        return fail_damaged("classes", err);
    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text || strlen(text) >= SAB_CSV_TEXT_CAP)
            return fail_damaged("classes", err);
        int at = sab_text_set_add(&schema->classes, text, strlen(text));
        if (at < 0)
            return sab_fail(err, SAB_NOMEM, "no memory for what the model knows of its data");
        if (at != (int)i)
            return fail_damaged("classes", err);
    }
    return SAB_OK;
}

/* What must agree with each other. */
static int check(const struct sab_csv_schema *schema, struct sab_error *err)
{
    int is_classes = schema->loss == SAB_LOSS_CROSS_ENTROPY;
    if (schema->I < 1)
        return fail_damaged("inputs", err);
    if (is_classes ? schema->O != 0 : schema->O < 1)
        return fail_damaged("targets", err);
    if (is_classes != (schema->classes.n >= 2) || (!is_classes && schema->classes.n > 0))
        return fail_damaged("classes", err);
    if (is_classes != (schema->label.number > 0) || (is_classes && schema->goal == SAB_GOAL_FORECAST))
        return fail_damaged("label", err);
    if (schema->goal == SAB_GOAL_SERIES && schema->series.number == 0)
        return fail_damaged("series", err);
    return SAB_OK;
}

static int read_all(struct sab_csv_schema *schema, struct sab_scaling *columns, const json_t *facts,
                    struct sab_error *err)
{
    int status = get_int(facts, "goal", SAB_GOAL_FORECAST, SAB_GOAL_SERIES, &schema->goal, err);
    if (status == SAB_OK)
        status = get_int(facts, "loss", SAB_LOSS_CROSS_ENTROPY, SAB_LOSS_BCE, &schema->loss, err);
    if (status == SAB_OK)
        status = get_int(facts, "horizon", 1, 1000000, &schema->horizon, err);
    if (status == SAB_OK)
        status = get_int(facts, "file_columns", 1, SAB_CSV_COLUMNS_MOST, &schema->n_columns, err);
    schema->is_named = json_is_true(json_object_get(facts, "named"));
    if (status == SAB_OK)
        status = get_columns(schema, facts, err);
    if (status == SAB_OK)
        status = get_origins(schema, facts, err);
    if (status == SAB_OK)
        status = get_ints(facts, "inputs", schema->n, &schema->inputs, &schema->I, err);
    if (status == SAB_OK)
        status = get_ints(facts, "targets", schema->n, &schema->targets, &schema->O, err);
    const json_t *label = json_object_get(facts, "label"), *series = json_object_get(facts, "series");
    if (status == SAB_OK && !json_is_null(label))
        status = get_column(label, "label", schema->is_named, &schema->label, err);
    if (status == SAB_OK && !json_is_null(series))
        status = get_column(series, "series", schema->is_named, &schema->series, err);
    if (status == SAB_OK)
        status = get_classes(schema, facts, err);
    if (status == SAB_OK)
        status = check(schema, err);
    if (status == SAB_OK && json_is_true(json_object_get(facts, "relative")) &&
        sab_csv_choose_relative(schema, NULL) != SAB_OK)
        status = fail_damaged("relative", err);
    return status == SAB_OK ? sab_scaling_get(columns, facts, "column", schema->n, err) : status;
}

int sab_csv_facts_read(struct sab_csv_schema *schema, struct sab_scaling *columns, const char *json,
                       struct sab_error *err)
{
    json_t *facts = sab_facts_parse(json, "csv", err);
    if (!facts)
        return SAB_FORMAT;
    int status = read_all(schema, columns, facts, err);
    json_decref(facts);
    return status;
}
