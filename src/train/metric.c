/* See metric.h. */
#include "train/metric.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

enum {
    CLASSES = 1 << SAB_LOSS_CROSS_ENTROPY,
    ANSWERS = 1 << SAB_LOSS_BCE,
    QUANTILES = 1 << SAB_LOSS_QUANTILE,
    VALUES = 1 << SAB_LOSS_MSE | QUANTILES,
    ALL = CLASSES | ANSWERS | VALUES
};

const struct sab_metric sab_metric_table[SAB_METRIC_COUNT] = {
    [SAB_METRIC_LOSS] = {"loss", -1, ALL, 1e300, 0, 0, 0, "the loss that training lessens"},
    [SAB_METRIC_BITS] = {"bits_per_char", -1, CLASSES, 1e300, 1, 0, 1, "the loss in bits"},
    [SAB_METRIC_ACCURACY] = {"accuracy", 1, CLASSES | ANSWERS, 1, 0, 0, 1, "share of right answers"},
    [SAB_METRIC_BASE_ACCURACY] = {"base_accuracy", 0, CLASSES | ANSWERS, 1, 0, 0, 0, "accuracy of always the commonest answer"},
    [SAB_METRIC_BALANCED_ACCURACY] = {"balanced_accuracy", 1, CLASSES | ANSWERS, 1, 0, 0, 0, "mean of the classes' recalls"},
    [SAB_METRIC_LEAST_RECALL] = {"least_recall", 1, CLASSES | ANSWERS, 1, 0, 0, 0, "recall of the class that is found least"},
    [SAB_METRIC_F1] = {"f1", 1, CLASSES | ANSWERS, 1, 0, 0, 0, "mean of the classes' F1"},
    [SAB_METRIC_AUC] = {"auc", 1, CLASSES | ANSWERS, 1, 0, 1, 0, "how often the second class is ranked above the first"},
    [SAB_METRIC_MSE] = {"mse", -1, VALUES, 1e300, 0, 0, 1, "mean squared error, standardised"},
    [SAB_METRIC_RMSE] = {"rmse", -1, VALUES, 1e300, 0, 0, 0, "root mean squared error in the units of the data"},
    [SAB_METRIC_MAE] = {"mae", -1, VALUES, 1e300, 0, 0, 0, "mean absolute error in the units of the data"},
    [SAB_METRIC_LAST_VALUE_MSE] = {"last_value_mse", 0, VALUES, 1e300, 0, 0, 0, "mse of repeating the last value"},
    [SAB_METRIC_SEASON_VALUE_MSE] = {"season_value_mse", 0, VALUES, 1e300, 0, 0, 0, "mse of repeating the value --season rows before"},
    [SAB_METRIC_COVERAGE] = {"coverage", 0, QUANTILES, 1, 0, 0, 0, "share of values between the lowest and highest quantile"},
};

_Static_assert(SAB_METRIC_COUNT <= SAB_METRICS_CAP, "callers have room for so many");

const struct sab_metric *sab_metric_at(int i)
{
    return i >= 0 && i < SAB_METRIC_COUNT ? &sab_metric_table[i] : NULL;
}

int sab_metric_find(const char *name)
{
    for (int id = 0; id < SAB_METRIC_COUNT; id++) {
        const char *at = sab_metric_table[id].name, *given = name;
        while (*at && (*at == *given || (*at == '_' && *given == '-')))
            at++, given++;
        if (*at == 0 && *given == 0)
            return id;
    }
    return -1;
}

int sab_metric_applies(enum sab_metric_id id, const struct sab_shape *shape, int is_text)
{
    assert(id < SAB_METRIC_COUNT);
    const struct sab_metric *metric = &sab_metric_table[id];
    int has_two = shape->loss != SAB_LOSS_CROSS_ENTROPY || shape->O == 2;
    return (metric->losses >> shape->loss & 1) && (!metric->is_bits || is_text) && (!metric->is_two || has_two);
}

/* The metric by which weights are called best where nothing else was asked for; is_weighed: classes are, in training. */
static enum sab_metric_id default_of(const struct sab_shape *shape, int is_text, int is_weighed)
{
    if (is_weighed) /* by accuracy, a model that always gives the commonest class may be the best: what the weights
                       are there to avoid */
        return SAB_METRIC_BALANCED_ACCURACY;
    return is_text || shape->loss == SAB_LOSS_QUANTILE ? SAB_METRIC_LOSS : shape->loss == SAB_LOSS_MSE ? SAB_METRIC_MSE
        : SAB_METRIC_ACCURACY;
}

int sab_metric_is_better(enum sab_metric_id id, const double *values, const double *others)
{
    double x = values[id], y = others[id];
    if (isnan(x) != isnan(y))
        return isnan(y);
    if (!isnan(x) && x != y)
        return sab_metric_table[id].better > 0 ? x > y : x < y;
    return values[SAB_METRIC_LOSS] < others[SAB_METRIC_LOSS];
}

/* The names that can be asked for, "loss, accuracy, ...". */
static void list(const struct sab_shape *shape, int is_text, char *text, size_t cap)
{
    size_t used = 0;
    *text = 0;
    for (int id = 0; id < SAB_METRIC_COUNT && used < cap; id++)
        if (sab_metric_table[id].better != 0 && sab_metric_applies((enum sab_metric_id)id, shape, is_text))
            used += (size_t)snprintf(text + used, cap - used, "%s%s", used ? ", " : "", sab_metric_table[id].name);
}

static int find(const char *option, const char *text, const char *name, const char *task, const struct sab_shape *shape,
                int is_text, enum sab_metric_id *id, struct sab_error *err)
{
    int found = sab_metric_find(name);
    char known[256];
    list(shape, is_text, known, sizeof known);
    if (found < 0 || sab_metric_table[found].better == 0)
        return sab_fail(err, SAB_INVALID, "--%s %.60s: there is no metric \"%.32s\" to be better in; the task %s is measured by %s",
                        option, text, name, task, known);
    if (!sab_metric_applies((enum sab_metric_id)found, shape, is_text))
        return sab_fail(err, SAB_INVALID, "--%s %.60s: the task %s is not measured by %s here, but by %s", option, text, task,
                        sab_metric_table[found].name, known);
    *id = (enum sab_metric_id)found;
    return SAB_OK;
}

int sab_judge_make(struct sab_judge *judge, const struct sab_options *options, const struct sab_shape *shape, int is_text,
                   struct sab_error *err)
{
    int is_weighed = options->task.values.class_weights[0] != 0;
    struct sab_judge made = {.best = default_of(shape, is_text, is_weighed), .stop = -1};
    struct sab_stop stop;
    int status = sab_stop_parse(options->run.stop_at, &stop, err);
    if (status == SAB_OK && stop.metric[0]) {
        status = find("stop-at", options->run.stop_at, stop.metric, options->task.task, shape, is_text, &made.best, err);
        made.stop = (int)made.best;
        made.bound = stop.value;
        double most = sab_metric_table[made.best].most;
        if (status == SAB_OK && !(stop.value >= 0 && stop.value <= most)) {
            char text[SAB_REAL_TEXT_CAP];
            sab_text_from_real(most, text);
            return sab_fail(err, SAB_INVALID, "--stop-at %.60s: %s is in 0..%s", options->run.stop_at, stop.metric, text);
        }
    }
    if (status == SAB_OK && options->run.best[0])
        status = find("best", options->run.best, options->run.best, options->task.task, shape, is_text, &made.best, err);
    if (status == SAB_OK)
        *judge = made;
    return status;
}

int sab_judge_stops(const struct sab_judge *judge, const double *values)
{
    if (judge->stop < 0)
        return 0;
    double value = values[judge->stop];
    return sab_metric_table[judge->stop].better > 0 ? value >= judge->bound : value <= judge->bound;
}
