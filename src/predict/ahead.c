/* See ahead.h. */
#include "predict/ahead.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/csv_inputs.h"

static int outputs_of(const struct sab_ahead *a)
{
    return a->answers->shape->O;
}

/* What reading rows ahead needs: all their inputs. */
static int check_inputs(const struct sab_ahead *a, struct sab_error *err)
{
    const struct sab_csv_schema *schema = &a->answers->schema;
    char name[SAB_CSV_COLUMN_CAP];
    for (int i = 0; i < schema->I; i++) {
        int is_target = 0;
        for (int o = 0; o < schema->O; o++)
            is_target |= schema->targets[o] == schema->inputs[i];
        if (is_target)
            continue;
        sab_csv_column_show(&schema->columns[schema->inputs[i]], name);
        return sab_fail(err, SAB_INVALID, "--ahead %lld: the input %s is not forecast, so what it will be is not known; at most %d "
                        "rows ahead are forecast from what is%s", (long long)a->n, name, a->longest,
                        schema->columns[schema->inputs[i]].is_category ? "" : ". Training with all inputs among --targets goes farther");
    }
    if (schema->n_calendar > 0 && schema->step.ms == 0 && schema->step.months == 0)
        return sab_fail(err, SAB_INVALID, "--ahead %lld: the times of the training data have no common step, so those of the rows "
                        "ahead are not known; at most %d rows ahead are possible", (long long)a->n, a->longest);
    return SAB_OK;
}

int sab_ahead_create(struct sab_ahead *a, struct sab_answers *answers, int64_t n, struct sab_error *err)
{
    const struct sab_csv_schema *schema = &answers->schema;
    a->n = n;
    a->answers = answers;
    if (schema->n == 0 || schema->goal != SAB_GOAL_FORECAST || 
        (answers->shape->loss != SAB_LOSS_MSE && answers->shape->loss != SAB_LOSS_QUANTILE))
        return sab_fail(err, SAB_INVALID, "--ahead is for models that forecast values of a CSV file (--goal forecast, --loss mse or "
                        "quantile)");
    a->longest = sab_csv_schema_ahead(schema);
    int status = n > a->longest ? check_inputs(a, err) : SAB_OK;
    if (status == SAB_OK)
        status = sab_answers_make_targets(&a->targets, &a->shape, answers, err);
    if (status != SAB_OK)
        return status;
    a->kept = sab_alloc((size_t)a->longest, (size_t)outputs_of(a) * sizeof *a->kept);
    a->future = sab_alloc((size_t)n, (size_t)schema->O * sizeof *a->future);
    a->row = sab_alloc((size_t)schema->n, sizeof *a->row);
    a->inputs = sab_alloc((size_t)answers->shape->I, sizeof *a->inputs);
    a->outputs = sab_alloc((size_t)outputs_of(a), sizeof *a->outputs);
    return a->kept && a->future && a->row && a->inputs && a->outputs
               ? SAB_OK
               : sab_fail(err, SAB_NOMEM, "no memory for %lld rows ahead", (long long)n);
}

void sab_ahead_clear(struct sab_ahead *a)
{
    if (a->targets.shape)
        sab_answers_clear(&a->targets);
    sab_free(a->kept);
    sab_free(a->future);
    sab_free(a->row);
    sab_free(a->inputs);
    sab_free(a->outputs);
    *a = (struct sab_ahead){0};
}

void sab_ahead_begin(struct sab_ahead *a)
{
    a->rows = 0;
    a->number = 0;
}

/* Keeps the results that the answers hold, as those of row `rows`. */
static void keep(struct sab_ahead *a, int64_t rows)
{
    memcpy(a->kept + rows % a->longest * outputs_of(a), a->answers->results, (size_t)outputs_of(a) * sizeof *a->kept);
}

void sab_ahead_take(struct sab_ahead *a, int64_t number, const int64_t *time)
{
    a->rows++;
    a->number = number > 0 ? number : a->number;
    a->has_time = time != NULL;
    a->time = time ? *time : 0;
    keep(a, a->rows);
}

/* What is forecast (of quantiles, the median) of target o for the k-th row after the last, from the latest of the rows
 * up to the `base`-th after it. */
static double forecast(const struct sab_ahead *a, int64_t k, int64_t base, int o)
{
    const struct sab_csv_schema *schema = &a->answers->schema;
    int j = 0;
    while (schema->horizons[j] < k - base)
        j++;
    int64_t row = a->rows + k - schema->horizons[j];
    return row < 1 ? NAN : a->kept[row % a->longest * outputs_of(a) + (o * schema->H + j) * schema->Q + a->answers->quantiles.median];
}

static int64_t time_of(const struct sab_ahead *a, int64_t k)
{
    return a->has_time ? sab_time_add(a->time, &a->answers->schema.step, k) : 0;
}

/* Reads the k-th row after the last, whose values are forecasts. */
static int read_row(struct sab_ahead *a, struct sab_stream *stream, int64_t k, struct sab_error *err)
{
    const struct sab_csv_schema *schema = &a->answers->schema;
    for (int c = 0; c < schema->n; c++)
        a->row[c] = NAN;
    for (int o = 0; o < schema->O; o++)
        a->row[schema->targets[o]] = a->future[(k - 1) * schema->O + o] - schema->columns[schema->targets[o]].origin;
    sab_csv_inputs(schema, &a->answers->columns, a->row, a->row, time_of(a, k), a->inputs);
    int status = sab_stream_step(stream, NULL, a->inputs, a->outputs, err);
    if (status == SAB_OK) {
        sab_answers_work_out(a->answers, a->outputs, a->inputs);
        keep(a, a->rows + k);
    }
    return status;
}

static int put_row(struct sab_ahead *a, const char *series, int64_t k, const struct sab_taker *to,
                   struct sab_error *err)
{
    const struct sab_csv_schema *schema = &a->answers->schema;
    struct sab_place places[3];
    char time[SAB_TIME_TEXT_CAP] = "";
    int n = 0;
    if (series)
        places[n++] = (struct sab_place){"series", series, 0};
    places[n++] = (struct sab_place){"row", NULL, a->number + k};
    if (schema->step.ms > 0 || schema->step.months > 0)
        sab_time_write(&schema->time_format, time_of(a, k), time);
    if (a->has_time)
        places[n++] = (struct sab_place){schema->time.name && schema->time.name[0] ? schema->time.name : "time", time, 0};
    memcpy(a->targets.results, a->future + (k - 1) * schema->O, (size_t)schema->O * sizeof *a->future);
    return to->take(to->user, sab_answers_show(&a->targets, places, n), err);
}

int sab_ahead_put(struct sab_ahead *a, struct sab_stream *stream, const char *series, const struct sab_taker *to,
                  struct sab_error *err)
{
    const struct sab_csv_schema *schema = &a->answers->schema;
    int status = SAB_OK;
    for (int64_t base = 0; base < a->n && status == SAB_OK; base += a->longest) {
        int64_t end = a->n - base < a->longest ? a->n : base + a->longest;
        for (int64_t k = base + 1; k <= end && status == SAB_OK; k++) {
            for (int o = 0; o < schema->O; o++)
                a->future[(k - 1) * schema->O + o] = forecast(a, k, base, o);
            status = put_row(a, series, k, to, err);
        }
        for (int64_t k = base + 1; k <= end && end < a->n && status == SAB_OK; k++)
            status = read_row(a, stream, k, err);
    }
    return status;
}
