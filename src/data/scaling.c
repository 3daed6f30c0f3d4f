/* See scaling.h. Mean and deviation in one pass, as Welford's update has it:
 *     d = x - m;   m += d / n;   q += d (x - m);   deviation = sqrt(q / n) */
#include "data/scaling.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

int sab_scaling_create(struct sab_scaling *scaling, int n, struct sab_error *err)
{
    struct sab_scaling s = {.n = n};
    s.count = sab_alloc((size_t)n, sizeof *s.count);
    s.mean = sab_alloc((size_t)n, sizeof *s.mean);
    s.deviation = sab_alloc((size_t)n, sizeof *s.deviation);
    s.least = sab_alloc((size_t)n, sizeof *s.least);
    s.most = sab_alloc((size_t)n, sizeof *s.most);
    if (!s.count || !s.mean || !s.deviation || !s.least || !s.most) {
        sab_scaling_clear(&s);
        return sab_fail(err, SAB_NOMEM, "no memory for the means of %d columns", n);
    }
    for (int i = 0; i < n; i++)
        s.deviation[i] = 1;
    *scaling = s;
    return SAB_OK;
}

void sab_scaling_clear(struct sab_scaling *scaling)
{
    sab_free(scaling->count);
    sab_free(scaling->mean);
    sab_free(scaling->deviation);
    sab_free(scaling->least);
    sab_free(scaling->most);
    memset(scaling, 0, sizeof *scaling);
}

void sab_scaling_begin(struct sab_scaling *scaling)
{
    memset(scaling->count, 0, (size_t)scaling->n * sizeof *scaling->count);
    memset(scaling->mean, 0, (size_t)scaling->n * sizeof *scaling->mean);
    memset(scaling->deviation, 0, (size_t)scaling->n * sizeof *scaling->deviation);
    for (int i = 0; i < scaling->n; i++) {
        scaling->least[i] = INFINITY;
        scaling->most[i] = -INFINITY;
    }
}

void sab_scaling_add(struct sab_scaling *scaling, int i, double value)
{
    assert(0 <= i && i < scaling->n && isfinite(value));
    double difference = value - scaling->mean[i];
    scaling->count[i]++;
    scaling->mean[i] += difference / (double)scaling->count[i];
    scaling->deviation[i] += difference * (value - scaling->mean[i]);
    scaling->least[i] = value < scaling->least[i] ? value : scaling->least[i];
    scaling->most[i] = value > scaling->most[i] ? value : scaling->most[i];
}

void sab_scaling_end(struct sab_scaling *scaling)
{
    for (int i = 0; i < scaling->n; i++) {
        double deviation = scaling->count[i] > 0 ? sqrt(scaling->deviation[i] / (double)scaling->count[i]) : 0;
        double smallest = 1e-12 * fabs(scaling->mean[i]); /* what is left of equal values by rounding */
        scaling->deviation[i] = deviation > smallest && isfinite(1 / deviation) ? deviation : 1;
    }
}

static void put_list(struct sab_json *facts, const char *name, const char *what, const double *numbers, int n)
{
    char key[64];
    snprintf(key, sizeof key, "%s_%s", name, what);
    sab_json_open(facts, key, '[');
    for (int i = 0; i < n; i++)
        sab_json_real(facts, NULL, numbers[i]);
    sab_json_close(facts, ']');
}

void sab_scaling_put(const struct sab_scaling *scaling, struct sab_json *facts, const char *name)
{
    put_list(facts, name, "mean", scaling->mean, scaling->n);
    put_list(facts, name, "deviation", scaling->deviation, scaling->n);
}

static int get_list(const struct sab_value *facts, const char *name, const char *what, double *numbers, int n,
                    struct sab_error *err)
{
    char key[64];
    snprintf(key, sizeof key, "%s_%s", name, what);
    const struct sab_value *list = sab_value_get(facts, key), *number = sab_value_first(list);
    if (!sab_value_is(list, SAB_VALUE_ARRAY) || list->size != (size_t)n)
        return sab_fail(err, SAB_FORMAT, "what the model knows of its data is damaged: \"%s\" is not a list of %d "
                        "numbers", key, n);
    for (int i = 0; i < n; i++, number = number->next)
        if (sab_value_real(number, &numbers[i]))
            return sab_fail(err, SAB_FORMAT, "what the model knows of its data is damaged: \"%s\"[%d] is not a number",
                            key, i);
    return SAB_OK;
}

int sab_scaling_get(struct sab_scaling *scaling, const struct sab_value *facts, const char *name, int n,
                    struct sab_error *err)
{
    struct sab_scaling s = {0};
    int status = sab_scaling_create(&s, n, err);
    if (status == SAB_OK)
        status = get_list(facts, name, "mean", s.mean, n, err);
    if (status == SAB_OK)
        status = get_list(facts, name, "deviation", s.deviation, n, err);
    for (int i = 0; i < n && status == SAB_OK; i++)
        if (!(s.deviation[i] > 0))
            status = sab_fail(err, SAB_FORMAT, "what the model knows of its data is damaged: \"%s_deviation\"[%d] is not "
                              "above 0", name, i);
    if (status != SAB_OK) {
        sab_scaling_clear(&s);
        return status;
    }
    *scaling = s;
    return SAB_OK;
}
