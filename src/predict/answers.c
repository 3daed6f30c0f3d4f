/* See answers.h. */
#include "predict/answers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "data/csv_facts.h"
#include "data/csv_task.h"
#include "data/facts.h"
#include "data/task.h"
#include "data/text_facts.h"
#include "train/options.h"

enum { NAME_CAP = 256 };

static int is_classes(const struct sab_answers *a)
{
    return a->shape->loss == SAB_LOSS_CROSS_ENTROPY;
}

static int set_name(struct sab_answers *a, int o, const char *name, struct sab_error *err)
{
    a->names[o] = sab_alloc(strlen(name) + 1, 1);
    if (!a->names[o])
        return sab_fail(err, SAB_NOMEM, "no memory for the names of outputs");
    strcpy(a->names[o], name);
    return SAB_OK;
}

static int is_values(const struct sab_answers *a)
{
    return a->shape->loss == SAB_LOSS_MSE || a->shape->loss == SAB_LOSS_QUANTILE;
}

/* Of output o, "_q0.9"; nothing where there are no quantiles. */
static void put_level(const struct sab_answers *a, int o, char *name, size_t cap)
{
    char level[SAB_REAL_TEXT_CAP];
    if (a->shape->loss != SAB_LOSS_QUANTILE)
        return;
    sab_text_from_real(a->quantiles.level[o % a->quantiles.n], level);
    snprintf(name, cap, "_q%s", level);
}

/* Targets are called as in the file; forecasts with how many rows ahead they are, and their quantile: "OT+24_q0.9". */
static int name_csv(struct sab_answers *a, int o, struct sab_error *err)
{
    const struct sab_csv_schema *schema = &a->schema;
    char name[NAME_CAP];
    if (is_classes(a))
        return set_name(a, o, sab_text_set_at(&schema->classes, o), err);
    int value = o / a->quantiles.n, k = schema->targets[value / schema->H];
    int used = schema->columns[k].name ? snprintf(name, sizeof name, "%s", schema->columns[k].name)
                                       : snprintf(name, sizeof name, "column%d", schema->columns[k].number);
    if (schema->goal == SAB_GOAL_FORECAST)
        used += snprintf(name + used, sizeof name - (size_t)used, "+%d", schema->horizons[value % schema->H]);
    put_level(a, o, name + used, sizeof name - (size_t)used);
    a->origin[o] = schema->columns[k].origin;
    a->mean[o] = a->columns.mean[k];
    a->deviation[o] = a->columns.deviation[k];
    return set_name(a, o, name, err);
}

static int name_plain(struct sab_answers *a, int o, const char *class, struct sab_error *err)
{
    char name[NAME_CAP];
    if (is_classes(a))
        snprintf(name, sizeof name, "%d", o);
    else {
        int used = snprintf(name, sizeof name, a->shape->O == a->quantiles.n ? "y" : "y%d", o / a->quantiles.n);
        put_level(a, o, name + used, sizeof name - (size_t)used);
    }
    return set_name(a, o, is_classes(a) && class ? class : name, err);
}

/* Symbols are called as they are written, those that would break a line or are no text by their code. */
static int name_symbol(struct sab_answers *a, int o, const struct sab_vocabulary *v, struct sab_error *err)
{
    char name[SAB_CODE_NAME_CAP] = "unknown";
    uint32_t code = o < v->n ? v->codes[o] : 0;
    int is_plain = code >= ' ' && (code < 0x7f || (code >= 0xa0 && v->units == SAB_UNITS_CHARS));
    if (o < v->n && is_plain)
        name[sab_text_encode(code, name)] = 0;
    else if (o < v->n)
        sab_code_name(v->units, code, name);
    return set_name(a, o, name, err);
}

static int name_text(struct sab_answers *a, const char *known, struct sab_error *err)
{
    struct sab_vocabulary vocabulary;
    int status = sab_text_facts_read(&vocabulary, known, err), symbols = a->shape->O;
    if (status == SAB_OK && sab_vocabulary_size(&vocabulary) != symbols)
        status = sab_fail(err, SAB_FORMAT, "what the model knows of its data is for another model: %d symbols, %d outputs",
                          sab_vocabulary_size(&vocabulary), symbols);
    a->has_steps = 1;
    for (int o = 0; o < symbols && status == SAB_OK; o++)
        status = name_symbol(a, o, &vocabulary, err);
    sab_vocabulary_clear(&vocabulary);
    return status;
}

/* What the facts of other tasks may hold: names of classes, scalings of values. Tasks may share their form (mnist, idx). */
static int name_all_plain(struct sab_answers *a, const char *known, struct sab_error *err)
{
    const struct sab_value *facts = NULL;
    struct sab_scaling output = {0};
    int64_t per_step = 0;
    int status = known ? sab_facts_parse(&facts, known, NULL, err) : SAB_OK;
    const struct sab_value *class = sab_value_first(sab_value_get(facts, "classes"));
    a->has_steps = !known || (sab_value_int(sab_value_get(facts, "per_step"), 0, 1, &per_step) == 0 && per_step);
    if (status == SAB_OK && sab_value_get(facts, "output_mean"))
        status = sab_scaling_get(&output, facts, "output", a->shape->O / a->quantiles.n, err);
    if (status == SAB_OK && sab_value_get(facts, "input_mean"))
        status = sab_scaling_get(&a->input, facts, "input", a->shape->I, err);
    for (int o = 0; o < a->shape->O && status == SAB_OK; o++) {
        if (output.n > 0) {
            a->mean[o] = output.mean[o / a->quantiles.n];
            a->deviation[o] = output.deviation[o / a->quantiles.n];
        }
        status = name_plain(a, o, sab_value_string(class), err);
        class = class ? class->next : NULL;
    }
    sab_scaling_clear(&output);
    sab_json_free(facts);
    return status;
}

static int make_room(struct sab_answers *a, struct sab_error *err)
{
    size_t O = (size_t)a->shape->O;
    a->names = sab_alloc(O, sizeof *a->names);
    a->mean = sab_alloc(O, sizeof *a->mean);
    a->deviation = sab_alloc(O, sizeof *a->deviation);
    a->origin = sab_alloc(O, sizeof *a->origin);
    a->decimals = sab_alloc(O, sizeof *a->decimals);
    a->results = sab_alloc(O, sizeof *a->results);
    if (!a->names || !a->mean || !a->deviation || !a->origin || !a->decimals || !a->results)
        return sab_fail(err, SAB_NOMEM, "no memory for the names of %d outputs", a->shape->O);
    for (size_t o = 0; o < O; o++)
        a->deviation[o] = 1;
    return SAB_OK;
}

/* How many decimals a value has digits for whose deviation is this: seven digits of the deviation, more than float has. */
static int decimals_of(double deviation)
{
    double decimals = 6 - floor(log10(deviation));
    return decimals < 0 ? 0 : decimals > 300 ? 300 : (int)decimals;
}

/* Whether the scale of an output's values is known: they were standardised. */
static int has_scale(const struct sab_answers *a, int o)
{
    return is_values(a) && (a->deviation[o] != 1 || a->mean[o] != 0 || a->origin[o] != 0);
}

/* To be called when means and deviations are known. */
static void find_decimals(struct sab_answers *a)
{
    for (int o = 0; o < a->shape->O; o++)
        a->decimals[o] = has_scale(a, o) ? decimals_of(a->deviation[o]) : -1;
}

int sab_answers_make_targets(struct sab_answers *a, struct sab_shape *shape, const struct sab_answers *from,
                               struct sab_error *err)
{
    const struct sab_csv_schema *schema = &from->schema;
    *shape = (struct sab_shape){sizeof(struct sab_shape), SAB_INPUT_VALUES, 1, SAB_LOSS_MSE, schema->O};
    *a = (struct sab_answers){.shape = shape, .quantiles = {.n = 1}};
    int status = make_room(a, err);
    for (int o = 0; o < schema->O && status == SAB_OK; o++) {
        int like = o * schema->H * schema->Q;
        char name[NAME_CAP];
        snprintf(name, sizeof name, "%s", from->names[like]);
        *strrchr(name, '+') = 0; /* the horizon */
        a->mean[o] = from->mean[like];
        a->deviation[o] = from->deviation[like];
        a->origin[o] = from->origin[like];
        status = set_name(a, o, name, err);
    }
    if (status == SAB_OK)
        find_decimals(a);
    return status;
}

/* Names and scales, by the task. */
static int read_facts(struct sab_answers *a, const char *task, const char *known, const char *levels, struct sab_error *err)
{
    if (strcmp(task, "text") == 0 && known)
        return name_text(a, known, err);
    if (strcmp(task, "csv") != 0 || !known)
        return name_all_plain(a, known, err);
    int status = sab_csv_facts_read(&a->schema, &a->columns, NULL, NULL, known, err);
    if (status == SAB_OK)
        status = sab_csv_schema_set_quantiles(&a->schema, levels, err);
    if (status == SAB_OK && (sab_csv_schema_inputs(&a->schema) != a->shape->I || a->schema.loss != a->shape->loss ||
                             a->shape->O != sab_csv_schema_outputs(&a->schema)))
        status = sab_fail(err, SAB_FORMAT, "what the model knows of its data is for another model");
    for (int o = 0; o < a->shape->O && status == SAB_OK; o++)
        status = name_csv(a, o, err);
    return status;
}

int sab_answers_make(struct sab_answers *a, const struct sab_model *model, struct sab_error *err)
{
    const struct sab_options *options = sab_model_options(model);
    *a = (struct sab_answers){.shape = sab_model_shape(model), .quantiles = {.n = 1}};
    int status = make_room(a, err);
    if (status == SAB_OK && a->shape->loss == SAB_LOSS_QUANTILE)
        status = sab_quantiles_parse(options->shared.quantiles, &a->quantiles, err);
    if (status == SAB_OK)
        status = read_facts(a, options->task.task, sab_model_facts(model), options->shared.quantiles, err);
    if (status == SAB_OK)
        find_decimals(a);
    return status;
}

void sab_answers_clear(struct sab_answers *a)
{
    for (int o = 0; a->names && o < a->shape->O; o++)
        sab_free(a->names[o]);
    sab_free(a->names);
    sab_free(a->mean);
    sab_free(a->deviation);
    sab_free(a->origin);
    sab_free(a->decimals);
    sab_free(a->results);
    sab_csv_schema_clear(&a->schema);
    sab_scaling_clear(&a->columns);
    sab_scaling_clear(&a->input);
    memset(a, 0, sizeof *a);
}

/* A standardised value in the units of the data. It is rounded to the decimals that it has digits for before the origin is
 * added: a constant added to the data then moves it by that constant and by nothing else. */
static double undo_scaling(const struct sab_answers *a, int o, double value)
{
    double scale = pow(10, a->decimals[o]);
    value = value * a->deviation[o] + a->mean[o];
    double rounded = nearbyint(value * scale) / scale;
    return (a->decimals[o] >= 0 && isfinite(rounded) ? rounded : value) + a->origin[o];
}

/* Quantiles that cross are taken in their order. */
static void sort_quantiles(struct sab_answers *a)
{
    int n = a->quantiles.n;
    for (int i = 0; i < a->shape->O; i++)
        for (int k = i; k % n > 0 && a->results[k - 1] > a->results[k]; k--) {
            double value = a->results[k];
            a->results[k] = a->results[k - 1];
            a->results[k - 1] = value;
        }
}

void sab_answers_work_out(struct sab_answers *a, const sab_real *y, const sab_real *x)
{
    double sum = 0;
    a->best = 0;
    for (int o = 1; o < a->shape->O; o++)
        if (y[o] > y[a->best])
            a->best = o;
    for (int o = 0; o < a->shape->O; o++) {
        double v = (double)y[o] + (a->schema.present ? (double)x[a->schema.present[o / a->quantiles.n / a->schema.H]] : 0);
        a->results[o] = is_classes(a)                        ? exp(v - (double)y[a->best])
                      : a->shape->loss == SAB_LOSS_BCE ? 1 / (1 + exp(-v))
                                                             : undo_scaling(a, o, v);
        sum += a->results[o];
    }
    for (int o = 0; o < a->shape->O && is_classes(a); o++)
        a->results[o] /= sum;
    sort_quantiles(a);
}

void sab_answers_work_out_none(struct sab_answers *a)
{
    a->best = -1;
    for (int o = 0; o < a->shape->O; o++)
        a->results[o] = NAN;
}

const struct sab_answer *sab_answers_show(struct sab_answers *a, const struct sab_place *places, int n)
{
    a->shown = (struct sab_answer){
        .places = places,
        .n_places = n,
        .O = a->shape->O,
        .is_class = is_classes(a),
        .names = (const char *const *)a->names,
        .results = a->results,
        .decimals = a->decimals,
        .best = is_classes(a) ? a->best : -1,
    };
    return &a->shown;
}

/* ---- for callers of the library ---- */

int sab_answers_create(struct sab_answers **out, const struct sab_model *model, struct sab_error *err)
{
    struct sab_answers *a = sab_alloc(1, sizeof *a);
    if (!a)
        return sab_fail(err, SAB_NOMEM, "no memory for the names of outputs");
    int status = sab_answers_make(a, model, err);
    if (status == SAB_OK)
        *out = a;
    else
        sab_answers_free(a);
    return status;
}

void sab_answers_free(struct sab_answers *a)
{
    if (!a)
        return;
    sab_answers_clear(a);
    sab_free(a);
}

const char *sab_answers_name(const struct sab_answers *a, int o)
{
    return a->names[o];
}

const struct sab_answer *sab_answers_take(struct sab_answers *a, const sab_real *outputs, const sab_real *inputs)
{
    sab_answers_work_out(a, outputs, inputs);
    return sab_answers_show(a, NULL, 0);
}

_Static_assert((int)SAB_TIME_TEXT_CAP <= SAB_PLACE_CAP, "callers have room for any time");

const char *sab_answers_place(const struct sab_answers *a, struct sab_task *task, enum sab_split split, int64_t index, int B, int b,
                              int t, char text[SAB_PLACE_CAP])
{
    void *state = sab_task_state(task, &sab_task_csv);
    text[0] = 0;
    if (!state || a->schema.n == 0)
        return NULL;
    struct sab_csv_spot spot = sab_csv_task_spot(state, split, index, B, b);
    int64_t row = spot.numbers ? spot.numbers[t] : spot.row + t + 1;
    if (spot.times)
        sab_time_write(&a->schema.time_format, spot.times[t], text);
    else if (row > 0)
        snprintf(text, SAB_PLACE_CAP, "%lld", (long long)row);
    return spot.times ? "time" : "row";
}
