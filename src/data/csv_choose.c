/* See csv_choose.h: the schema, from options and the first lines. */
#include "data/csv_choose.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "source/csv.h"
#include "source/number.h"

static int is_number(const struct sab_csv_dialect *dialect, const struct sab_csv_field *field)
{
    struct sab_decimal number;
    return sab_csv_dialect_number(dialect, field, &number) == 0;
}

/* 2019, 2020, 2021 over numbers that are no years. */
static int are_years(const struct sab_csv_dialect *dialect, const struct sab_csv_field *first,
                     const struct sab_csv_field *second, int n)
{
    double last = 0;
    int years = 0, others = 0;
    for (int i = 0; i < n; i++) {
        struct sab_decimal year, below;
        if (sab_csv_dialect_number(dialect, &first[i], &year))
            continue;
        if (year.decimals != 0 || year.value < 1800 || year.value > 2200 || (years > 0 && year.value != last + 1))
            return 0;
        last = year.value;
        years++;
        others += sab_csv_dialect_number(dialect, &second[i], &below) == 0 && (below.value < 1800 || below.value > 2200);
    }
    return years > 1 && others > 0;
}

int sab_csv_looks_named(const struct sab_csv_dialect *dialect, const struct sab_csv_field *first,
                        const struct sab_csv_field *second, int n)
{
    int numbers = 0;
    for (int i = 0; i < n; i++) {
        numbers += is_number(dialect, &first[i]);
        if (second && !sab_csv_is_missing(&first[i]) && !is_number(dialect, &first[i]) && is_number(dialect, &second[i]))
            return 1;
    }
    return numbers == 0 || (second && are_years(dialect, first, second, n));
}

static int name_column(struct sab_csv_column *column, const struct sab_csv_head *head, int place, struct sab_error *err)
{
    char text[SAB_CSV_TEXT_CAP];
    column->number = place + 1;
    if (!head->has_header)
        return SAB_OK;
    int n = sab_csv_copy(&head->names[place], text);
    if (n < 0)
        return sab_fail(err, SAB_FORMAT, "%s: the name of column %d is longer than %d bytes or not UTF-8 (as which any editor saves a "
                        "file)", head->path, place + 1, SAB_CSV_TEXT_CAP - 1);
    if (sab_csv_find_name(head, text, (size_t)n) != place)
        return sab_fail(err, SAB_FORMAT,
                        "%s: several columns are called \"%.60s\"; rename them, or choose others by --inputs and "
                        "--targets",
                        head->path, text);
    column->name = sab_alloc((size_t)n + 1, 1);
    if (!column->name)
        return sab_fail(err, SAB_NOMEM, "no memory for the columns of %s", head->path);
    memcpy(column->name, text, (size_t)n + 1);
    return SAB_OK;
}

struct choice {
    unsigned char *is_input, *is_target, *is_category; /* [n] of values, or of both; of texts */
    int inputs, targets, label, series, time; /* numbers of columns; places or -1 */
};

static int count(const unsigned char *marks, int n)
{
    int sum = 0;
    for (int i = 0; i < n; i++)
        sum += marks[i];
    return sum;
}

/* The one column that an option names: its place, or -1 where the option is "". */
static int choose_one(const struct sab_csv_head *head, const char *option, const char *name, int *place, struct sab_error *err)
{
    int last = -1;
    *place = -1;
    if (!name[0])
        return SAB_OK;
    int status = sab_csv_find_item(head, option, name, strlen(name), place, &last, err);
    if (status == SAB_OK && last != *place)
        return sab_fail(err, SAB_INVALID, "--%s: \"%.40s\" is more than one column", option, name);
    return status;
}

/* The column of the times, how they are written, and what of the calendar becomes an input. */
static int choose_time(struct sab_csv_schema *schema, struct choice *c, const struct sab_task_options *config,
                       const struct sab_csv_head *head, struct sab_error *err)
{
    const char *const *names = sab_cycle_names;
    int status = choose_one(head, "time", config->csv.time, &c->time, err);
    if (status == SAB_OK && c->time >= 0 && c->time == c->series)
        return sab_fail(err, SAB_INVALID, "--time: column %d says which series a row belongs to (--series)", c->time + 1);
    if (status == SAB_OK && c->time >= 0)
        status = sab_csv_choose_format(&schema->time_format, config->csv.time_format, head, c->time, err);
    for (const char *at = config->csv.calendar; *at && status == SAB_OK; at += *at == ',') {
        size_t nbytes = strcspn(at, ",");
        int k = 0, is_known = 0;
        while (names[k] && (strlen(names[k]) != nbytes || memcmp(names[k], at, nbytes) != 0))
            k++;
        for (int i = 0; i < schema->n_calendar; i++)
            is_known |= schema->calendar[i] == k;
        if (!names[k] || is_known)
            status = sab_fail(err, SAB_INVALID, "--calendar: \"%.60s\" is not a list of minute, hour, weekday, day, month, each "
                              "once", config->csv.calendar);
        else
            schema->calendar[schema->n_calendar++] = k;
        at += nbytes;
    }
    if (status == SAB_OK && schema->n_calendar > 0 && c->time < 0)
        return sab_fail(err, SAB_INVALID, "--calendar %.60s needs --time: the column of the times", config->csv.calendar);
    if (status == SAB_OK && schema->n_calendar > 0 && schema->time_format.kind == SAB_TIME_NUMBER)
        return sab_fail(err, SAB_INVALID, "--calendar %.60s: the times of column %d are plain numbers, of no calendar",
                        config->csv.calendar, c->time + 1);
    return status;
}

/* "1,5" in the first row, where another sign separates columns and a point is the decimal sign. */
static int has_decimal_comma(const struct sab_csv_head *head, int i)
{
    struct sab_csv_dialect other = *head->dialect;
    other.decimal_comma = other.thousands = 1;
    return head->row && !head->dialect->decimal_comma && !is_number(head->dialect, &head->row[i]) &&
           is_number(&other, &head->row[i]);
}

static int fail_no_number(const struct choice *c, const struct sab_csv_head *head, int is_forecast, struct sab_error *err)
{
    char shown[48] = "", sign[SAB_CSV_SIGN_CAP], why[192] = "";
    for (int i = 0; i < head->n && !why[0]; i++) {
        const struct sab_csv_field *example = &head->survey->columns[i].example;
        sab_csv_dialect_sign(head->dialect, example, sign);
        sab_csv_show(example, shown);
        if (sign[0])
            snprintf(why, sizeof why, "; the cells of column %d have \"%s\" beside a number: \"%s\"", i + 1, sign, shown);
    }
    sab_csv_show(&head->survey->columns[0].example, shown);
    if (head->n == 1 && strchr(shown, ' '))
        return sab_fail(err, SAB_FORMAT, "%s: the one column holds no numbers but \"%s\": tabs, semicolons, commas or | separate "
                        "columns, and blanks with --separator space", head->path, shown);
    int has_texts = 0;
    for (int i = 0; i < head->n; i++)
        has_texts |= head->survey->columns[i].kind == SAB_CSV_TEXTS && !c->is_target[i] && i != c->series && i != c->time;
    return sab_fail(err, SAB_FORMAT, "%s: no column%s holds numbers, the first one \"%s\"%s; it was read as %d column%s "
                    "(--separator, --skip-lines)%s", head->path,
                    c->series >= 0 || c->time >= 0 || !is_forecast ? " beside --series, --time and --targets" : "", shown, why, head->n,
                    head->n == 1 ? "" : "s", has_texts && !is_forecast ? "; --categories makes inputs of texts" : "");
}

/* Columns of numbers, or of true and false. Those that only count up, or are times, are no values, unless there are no others. */
static void mark_values(struct choice *c, const struct sab_csv_head *head, int is_forecast)
{
    int values = 0;
    for (int pass = 0; pass < 2 && values == 0; pass++)
        for (int i = 0; i < head->n; i++) {
            const struct sab_csv_finding *found = &head->survey->columns[i];
            int is_value = found->kind == SAB_CSV_NUMBERS || found->kind == SAB_CSV_BOOLEANS;
            int is_free = i != c->series && i != c->time && (is_forecast || !c->is_target[i]);
            c->is_input[i] = is_value && is_free && (pass == 1 || (found->count_step == 0 && !found->is_time) ||
                                                     (is_forecast && c->is_target[i]));
            values += c->is_input[i];
        }
}

static int choose_inputs(struct choice *c, const struct sab_task_options *config, const struct sab_csv_head *head,
                         struct sab_error *err)
{
    int is_forecast = config->csv.goal == SAB_GOAL_FORECAST;
    if (config->csv.inputs[0]) {
        int status = sab_csv_find_list(head, "inputs", config->csv.inputs, c->is_input, err);
        if (status != SAB_OK)
            return status;
    } else {
        mark_values(c, head, is_forecast);
        for (int i = 0; i < head->n; i++)
            if (has_decimal_comma(head, i))
                return sab_fail(err, SAB_FORMAT, "%s: column %d holds \"%.*s\", and the decimal sign is a point; --decimal-comma "
                                "on and --thousands on tell what commas and points in numbers mean; if it is no number, choose "
                                "columns with --inputs", head->path, i + 1, (int)head->row[i].nbytes, head->row[i].text);
    }
    int status = SAB_OK;
    if (config->csv.categories[0])
        status = sab_csv_find_list(head, "categories", config->csv.categories, c->is_category, err);
    for (int i = 0; i < head->n && status == SAB_OK; i++) {
        if (c->is_category[i] && c->is_target[i])
            return sab_fail(err, SAB_INVALID, "--categories: column %d is one of --targets; categories are inputs only (--goal step or "
                            "series learns classes)", i + 1);
        if (c->is_category[i] && i == c->time)
            return sab_fail(err, SAB_INVALID, "--categories: column %d holds the times (--time); --calendar makes inputs of them", i + 1);
        c->is_input[i] = c->is_input[i] && !c->is_category[i];
    }
    if (status != SAB_OK)
        return status;
    if (c->time >= 0 && (c->is_input[c->time] || c->is_target[c->time]))
        return sab_fail(err, SAB_INVALID, "--%s: column %d holds the times (--time); --calendar makes inputs of them",
                        c->is_input[c->time] ? "inputs" : "targets", c->time + 1);
    if (c->series >= 0 && c->is_input[c->series])
        return sab_fail(err, SAB_INVALID, "--inputs: column %d says which series a row belongs to (--series)",
                        c->series + 1);
    for (int i = 0; i < head->n && !is_forecast; i++)
        if (c->is_input[i] && c->is_target[i])
            return sab_fail(err, SAB_INVALID, "--inputs: column %d holds the answers (--targets); it cannot be an input "
                            "too", i + 1);
    return count(c->is_input, head->n) + count(c->is_category, head->n) > 0 ? SAB_OK : fail_no_number(c, head, is_forecast, err);
}

static int choose_targets(struct choice *c, const struct sab_task_options *config, const struct sab_csv_head *head,
                          struct sab_error *err)
{
    static const char *const goals[] = {"forecast", "step", "series"};
    if (config->csv.targets[0]) {
        int status = sab_csv_find_list(head, "targets", config->csv.targets, c->is_target, err);
        if (status != SAB_OK)
            return status;
    } else if (config->csv.goal != SAB_GOAL_FORECAST) {
        return sab_fail(err, SAB_INVALID, "--goal %s needs --targets: the column of the answers", goals[config->csv.goal]);
    }
    if (config->csv.goal == SAB_GOAL_SERIES && c->series < 0)
        return sab_fail(err, SAB_INVALID, "--goal series needs --series: the column that names the series of each row");
    return SAB_OK;
}

/* What the answers are judged by, as far as that can be told from the options. */
static int choose_loss(struct sab_csv_schema *schema, struct choice *c, const struct sab_task_options *config, int n,
                       struct sab_error *err)
{
    c->targets = count(c->is_target, n);
    c->label = -1;
    int asked = sab_loss_of(&config->values);
    schema->loss = asked >= 0 ? asked : SAB_LOSS_MSE;
    if (config->csv.goal == SAB_GOAL_FORECAST) {
        if (schema->loss == SAB_LOSS_CROSS_ENTROPY)
            return sab_fail(err, SAB_INVALID, "--loss cross-entropy: forecasts are values, not classes; --goal step learns "
                            "classes");
        return SAB_OK;
    }
    if (config->values.loss == 0 && c->targets == 1)
        schema->loss = SAB_CSV_LOSS_OPEN;
    if (schema->loss == SAB_LOSS_CROSS_ENTROPY && c->targets != 1)
        return sab_fail(err, SAB_INVALID, "--loss cross-entropy takes one column of classes; --targets names %d",
                        c->targets);
    if (schema->loss == SAB_LOSS_CROSS_ENTROPY || schema->loss == SAB_CSV_LOSS_OPEN)
        for (int i = 0; i < n; i++)
            if (c->is_target[i])
                c->label = i;
    return SAB_OK;
}

static int fill_columns(struct sab_csv_schema *schema, const struct choice *c, const struct sab_csv_head *head,
                        struct sab_error *err)
{
    size_t room = (size_t)head->n + 1; /* one more for a label that turns out to be a value */
    schema->columns = sab_alloc(room, sizeof *schema->columns);
    schema->inputs = sab_alloc(room, sizeof *schema->inputs);
    schema->targets = sab_alloc(room, sizeof *schema->targets);
    if (!schema->columns || !schema->inputs || !schema->targets)
        return sab_fail(err, SAB_NOMEM, "no memory for the columns of %s", head->path);
    int is_forecast = schema->goal == SAB_GOAL_FORECAST, all = is_forecast && c->targets == 0, status = SAB_OK;
    for (int i = 0; i < head->n && status == SAB_OK; i++) {
        int is_target = i != c->label && (all ? c->is_input[i] : c->is_target[i]);
        if (c->is_input[i])
            schema->inputs[schema->I++] = schema->n;
        if (is_target)
            schema->targets[schema->O++] = schema->n;
        if (c->is_input[i] || is_target)
            status = name_column(&schema->columns[schema->n++], head, i, err);
    }
    for (int i = 0; i < head->n && status == SAB_OK; i++)
        if (c->is_category[i]) {
            schema->columns[schema->n].is_category = 1;
            schema->inputs[schema->I++] = schema->n;
            status = name_column(&schema->columns[schema->n++], head, i, err);
        }
    if (status == SAB_OK && c->label >= 0)
        status = name_column(&schema->label, head, c->label, err);
    if (status == SAB_OK && c->series >= 0)
        status = name_column(&schema->series, head, c->series, err);
    if (status == SAB_OK && c->time >= 0)
        status = name_column(&schema->time, head, c->time, err);
    return status;
}

int sab_csv_choose(struct sab_csv_schema *schema, const struct sab_task_options *config, const struct sab_csv_head *head,
                   struct sab_error *err)
{
    struct choice c = {.is_input = sab_alloc((size_t)head->n, 1), .is_target = sab_alloc((size_t)head->n, 1),
                       .is_category = sab_alloc((size_t)head->n, 1)};
    int status = c.is_input && c.is_target && c.is_category ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory for columns");
    schema->goal = config->csv.goal;
    schema->is_named = head->has_header;
    schema->n_columns = head->n;
    schema->missing = config->csv.missing;
    if (status == SAB_OK)
        status = sab_csv_schema_set_horizons(schema, config->csv.goal == SAB_GOAL_FORECAST ? config->csv.horizon : "1", err);
    if (status == SAB_OK)
        status = choose_one(head, "series", config->csv.series, &c.series, err);
    if (status == SAB_OK)
        status = choose_time(schema, &c, config, head, err);
    if (status == SAB_OK)
        status = choose_targets(&c, config, head, err);
    if (status == SAB_OK)
        status = choose_inputs(&c, config, head, err);
    if (status == SAB_OK)
        status = choose_loss(schema, &c, config, head->n, err);
    if (status == SAB_OK)
        status = fill_columns(schema, &c, head, err);
    if (status == SAB_OK && config->csv.relative)
        status = sab_csv_choose_relative(schema, err);
    sab_free(c.is_input);
    sab_free(c.is_target);
    sab_free(c.is_category);
    return status;
}

void sab_csv_choose_value(struct sab_csv_schema *schema)
{
    schema->loss = SAB_LOSS_MSE;
    schema->targets[schema->O++] = schema->n;
    schema->columns[schema->n++] = schema->label;
    schema->label = (struct sab_csv_column){0};
}

int sab_csv_choose_relative(struct sab_csv_schema *schema, struct sab_error *err)
{
    int *places = sab_alloc((size_t)schema->n, sizeof *places), status = SAB_OK; /* of columns among the inputs, from 1 */
    schema->present = sab_alloc((size_t)schema->O + 1, sizeof *schema->present);
    if (!places || !schema->present)
        status = sab_fail(err, SAB_NOMEM, "no memory for columns");
    else if (schema->goal != SAB_GOAL_FORECAST || (schema->loss != SAB_LOSS_MSE && schema->loss != SAB_LOSS_QUANTILE))
        status = sab_fail(err, SAB_INVALID, "--relative is for --goal forecast with --loss mse or quantile");
    for (int i = 0; i < schema->I && status == SAB_OK; i++)
        places[schema->inputs[i]] = i + 1;
    for (int o = 0; o < schema->O && status == SAB_OK; o++) {
        char shown[SAB_CSV_COLUMN_CAP];
        schema->present[o] = places[schema->targets[o]] - 1;
        sab_csv_column_show(&schema->columns[schema->targets[o]], shown);
        if (schema->present[o] < 0)
            status = sab_fail(err, SAB_INVALID, "--relative: the target %s is not among --inputs, so its present value is "
                              "not known", shown);
    }
    sab_free(places);
    return status;
}
