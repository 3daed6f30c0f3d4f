/* See csv_categories.h. */
#include "data/csv_categories.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/account.h"
#include "data/facts.h"

int sab_csv_category(struct sab_csv_column *column, const struct sab_csv *csv, const struct sab_csv_field *field, int is_open,
                     double *number, struct sab_error *err)
{
    char text[SAB_CSV_TEXT_CAP], shown[SAB_CSV_COLUMN_CAP];
    int nbytes = sab_csv_copy(field, text);
    int k = nbytes < 0 ? -1 : sab_text_set_find(&column->categories, text, (size_t)nbytes);
    if (k < 0 && is_open) {
        sab_csv_column_show(column, shown);
        if (nbytes < 0)
            return sab_fail(err, SAB_FORMAT, "%s, line %lld, column %s: a category of more than %d bytes, or no UTF-8", csv->path,
                            (long long)csv->line, shown, SAB_CSV_TEXT_CAP - 1);
        if (column->categories.n == SAB_CSV_CLASSES_MOST)
            return sab_fail(err, SAB_FORMAT, "%s, line %lld, column %s: more than %d categories; is the column right?", csv->path,
                            (long long)csv->line, shown, SAB_CSV_CLASSES_MOST);
        k = sab_text_set_add(&column->categories, text, (size_t)nbytes);
        if (k < 0)
            return sab_fail(err, SAB_NOMEM, "no memory for the categories of column %s", shown);
    }
    *number = k < 0 ? column->categories.n : k;
    return SAB_OK;
}

/* The cells of column k in a table, through the map [n], whose last number is what others have. */
static void number_anew(struct sab_csv_table *table, int n_columns, int k, const int *map, int n)
{
    for (int64_t row = 0; row < table->rows; row++) {
        double *cell = &table->values[row * n_columns + k];
        if (!isnan(*cell))
            *cell = map[*cell < n ? (int)*cell : n];
        cell = &table->filled[row * n_columns + k];
        if (table->filled != table->values && !isnan(*cell))
            *cell = map[*cell < n ? (int)*cell : n];
    }
}

/* map [n + 1]: 1 of each text that a training row has; becomes its new number, and that of the forgotten how many are left. */
static int keep_seen(struct sab_csv_column *column, int *map, struct sab_account *account, struct sab_error *err)
{
    struct sab_text_set kept = {0};
    struct sab_account_list forgotten = {.used = 0};
    int n = column->categories.n, status = SAB_OK, left = 0;
    char shown[SAB_CSV_COLUMN_CAP];
    for (int i = 0; i < n; i++)
        left += map[i];
    for (int i = 0; i < n && status == SAB_OK; i++) {
        const char *text = sab_text_set_at(&column->categories, i);
        if (!map[i])
            sab_account_list_add(&forgotten, text);
        map[i] = map[i] ? sab_text_set_add(&kept, text, strlen(text)) : left;
        status = map[i] < 0 ? sab_fail(err, SAB_NOMEM, "no memory for %d categories", n) : SAB_OK;
    }
    map[n] = left;
    sab_csv_column_show(column, shown);
    if (status == SAB_OK && left == 0)
        status = sab_fail(err, SAB_FORMAT, "column %s (--categories) holds nothing in the training part", shown);
    if (status != SAB_OK) {
        sab_text_set_clear(&kept);
        return status;
    }
    if (forgotten.n > 0)
        sab_account_warn(account, "column %s: no training row has %s; where they come, the column says nothing", shown,
                         sab_account_list_close(&forgotten));
    sab_text_set_clear(&column->categories);
    column->categories = kept;
    return SAB_OK;
}

static int settle_column(struct sab_csv_schema *schema, int k, struct sab_csv_table *tables, int n_tables,
                         int (*is_seen)(const void *user, int64_t row), const void *user, struct sab_account *account,
                         struct sab_error *err)
{
    int n = schema->columns[k].categories.n;
    int *map = sab_alloc((size_t)n + 1, sizeof *map);
    if (!map)
        return sab_fail(err, SAB_NOMEM, "no memory for %d categories", n);
    for (int64_t row = 0; row < tables[0].rows; row++) {
        double cell = tables[0].values[row * schema->n + k];
        if (cell < n && is_seen(user, row))
            map[(int)cell] = 1;
    }
    int status = keep_seen(&schema->columns[k], map, account, err);
    for (int i = 0; i < n_tables && status == SAB_OK; i++)
        number_anew(&tables[i], schema->n, k, map, n);
    sab_free(map);
    return status;
}

int sab_csv_categories_settle(struct sab_csv_schema *schema, struct sab_csv_table *tables, int n_tables,
                              int (*is_seen)(const void *user, int64_t row), const void *user, struct sab_account *account,
                              struct sab_error *err)
{
    int status = SAB_OK;
    for (int k = 0; k < schema->n && status == SAB_OK; k++)
        if (schema->columns[k].is_category)
            status = settle_column(schema, k, tables, n_tables, is_seen, user, account, err);
    return status;
}

void sab_csv_categories_put(const struct sab_csv_schema *schema, struct sab_json *facts)
{
    int any = 0;
    for (int k = 0; k < schema->n; k++) {
        const struct sab_csv_column *column = &schema->columns[k];
        if (!column->is_category)
            continue;
        if (!any)
            sab_json_open(facts, "categories", '[');
        any = 1;
        sab_json_open(facts, NULL, '[');
        sab_json_int(facts, NULL, k);
        for (int i = 0; i < column->categories.n; i++)
            sab_json_text(facts, NULL, sab_text_set_at(&column->categories, i));
        sab_json_close(facts, ']');
    }
    if (any)
        sab_json_close(facts, ']');
}

/* Of one column; those of a schema are its last inputs, and none of its targets. */
static int get_column(struct sab_csv_schema *schema, const struct sab_value *list, struct sab_error *err)
{
    const struct sab_value *item = sab_value_first(list);
    int64_t k;
    size_t n = sab_value_size(list);
    if (!sab_value_is(list, SAB_VALUE_ARRAY) || n < 2 || n > SAB_CSV_CLASSES_MOST + 1 || sab_value_int(item, 0, schema->n - 1, &k) ||
        schema->columns[k].is_category)
        return sab_facts_damaged("categories", err);
    struct sab_csv_column *column = &schema->columns[k];
    column->is_category = 1;
    for (item = item->next; item; item = item->next) {
        const char *text = sab_value_string(item);
        int known = column->categories.n;
        if (!text || strlen(text) >= SAB_CSV_TEXT_CAP)
            return sab_facts_damaged("categories", err);
        int at = sab_text_set_add(&column->categories, text, strlen(text));
        if (at < 0)
            return sab_fail(err, SAB_NOMEM, "no memory for what the model knows of its data");
        if (at != known)
            return sab_facts_damaged("categories", err);
    }
    return SAB_OK;
}

int sab_csv_categories_get(struct sab_csv_schema *schema, const struct sab_value *facts, struct sab_error *err)
{
    const struct sab_value *list = sab_value_get(facts, "categories");
    int status = !list || sab_value_is(list, SAB_VALUE_ARRAY) ? SAB_OK : sab_facts_damaged("categories", err);
    for (const struct sab_value *item = sab_value_first(list); item && status == SAB_OK; item = item->next)
        status = get_column(schema, item, err);
    for (int i = 1; i < schema->I && status == SAB_OK; i++)
        if (schema->columns[schema->inputs[i - 1]].is_category > schema->columns[schema->inputs[i]].is_category)
            status = sab_facts_damaged("categories", err);
    for (int o = 0; o < schema->O && status == SAB_OK; o++)
        if (schema->columns[schema->targets[o]].is_category)
            status = sab_facts_damaged("categories", err);
    return status;
}
