/* See class_weights.h. */
#include "data/class_weights.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "data/facts.h"

static const double MOST = 1e6; /* of a weight: more is a slip, and what comes of it must stay far from the end of floats */

static int make_room(struct sab_class_weights *weights, int n, struct sab_error *err)
{
    weights->of = sab_alloc((size_t)n, sizeof *weights->of);
    weights->n = n;
    return weights->of ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory for the weights of %d classes", n);
}

/* Divides them by their mean over the answers. */
static void normalise(struct sab_class_weights *weights, const double *given, const int64_t *counts)
{
    double sum = 0, weighed = 0;
    for (int i = 0; i < weights->n; i++) {
        sum += (double)counts[i];
        weighed += (double)counts[i] * given[i];
    }
    for (int i = 0; i < weights->n; i++)
        weights->of[i] = counts[i] > 0 ? (sab_real)(given[i] * sum / weighed) : 1;
}

/* How many numbers the list has; -1 where one of them is not above 0 and at most MOST. The first n are kept. */
static int read_list(const char *text, double *given, int n)
{
    int count = 0;
    for (const char *at = text;; at++, count++) {
        char number[32];
        double value;
        size_t length = strcspn(at, ",");
        snprintf(number, sizeof number, "%.*s", length < sizeof number ? (int)length : 0, at);
        if (sab_text_to_real(number, &value) || !(value > 0 && value <= MOST))
            return -1;
        if (count < n)
            given[count] = value;
        at += length;
        if (*at == 0)
            return count + 1;
    }
}

static int fail_count(const char *text, int count, int n, void (*name)(const void *user, int i, char text[SAB_CLASS_NAME_CAP]),
                      const void *user, struct sab_error *err)
{
    struct sab_account_list list = {.used = 0};
    if (count < 0)
        return sab_fail(err, SAB_INVALID, "--class-weights \"%.60s\" is neither balanced nor a list of numbers above 0 and up to "
                        "1000000, such as 1,20", text);
    for (int i = 0; i < n; i++) {
        char item[SAB_CLASS_NAME_CAP];
        name(user, i, item);
        sab_account_list_add(&list, item);
    }
    return sab_fail(err, SAB_INVALID, "--class-weights %.60s: a list of %d for %d classes; one number is needed for each, in this "
                    "order: %.200s", text, count, n, sab_account_list_close(&list));
}

int sab_class_weights_make(struct sab_class_weights *weights, const char *text, int n, const int64_t *counts,
                           void (*name)(const void *user, int i, char text[SAB_CLASS_NAME_CAP]), const void *user,
                           struct sab_error *err)
{
    *weights = (struct sab_class_weights){0};
    if (!text[0])
        return SAB_OK;
    int status = make_room(weights, n, err), count = n;
    double *given = status == SAB_OK ? sab_alloc((size_t)n, sizeof *given) : NULL;
    if (status == SAB_OK && !given)
        status = sab_fail(err, SAB_NOMEM, "no memory for the weights of %d classes", n);
    if (status == SAB_OK && strcmp(text, "balanced") == 0)
        for (int i = 0; i < n; i++)
            given[i] = counts[i] > 0 ? 1 / (double)counts[i] : 1;
    else if (status == SAB_OK)
        count = read_list(text, given, n);
    if (status == SAB_OK && count != n)
        status = fail_count(text, count, n, name, user, err);
    if (status == SAB_OK)
        normalise(weights, given, counts);
    else
        sab_class_weights_clear(weights);
    sab_free(given);
    return status;
}

int sab_class_weights_check(const char *text, int loss, struct sab_error *err)
{
    if (!text[0] || loss == SAB_LOSS_CROSS_ENTROPY)
        return SAB_OK;
    return sab_fail(err, SAB_INVALID, "--class-weights %.60s: the answers are %s, and only classes have weights", text,
                    loss == SAB_LOSS_BCE ? "yes or no each (--loss bce)" : "values");
}

void sab_class_weights_say(const struct sab_class_weights *weights, struct sab_account *account,
                           void (*name)(const void *user, int i, char text[SAB_CLASS_NAME_CAP]), const void *user)
{
    struct sab_account_list list = {.used = 0};
    for (int i = 0; i < weights->n && weights->of; i++) {
        char text[SAB_CLASS_NAME_CAP], item[SAB_CLASS_NAME_CAP + 24];
        name(user, i, text);
        snprintf(item, sizeof item, "%s: %.4g", text, (double)weights->of[i]);
        sab_account_list_add(&list, item);
    }
    if (weights->of)
        sab_account_say(account, "weights", "of classes, in the loss of training alone: %s", sab_account_list_close(&list));
}

void sab_class_weights_put(const struct sab_class_weights *weights, struct sab_json *facts)
{
    if (!weights->of)
        return;
    sab_json_open(facts, "class_weights", '[');
    for (int i = 0; i < weights->n; i++)
        sab_json_real(facts, NULL, (double)weights->of[i]);
    sab_json_close(facts, ']');
}

int sab_class_weights_get(struct sab_class_weights *weights, const struct sab_value *facts, int n, struct sab_error *err)
{
    const struct sab_value *list = sab_value_get(facts, "class_weights"), *number = sab_value_first(list);
    *weights = (struct sab_class_weights){0};
    if (!list)
        return SAB_OK;
    if (!sab_value_is(list, SAB_VALUE_ARRAY) || n < 1 || sab_value_size(list) != (size_t)n)
        return sab_facts_damaged("class_weights", err);
    int status = make_room(weights, n, err);
    for (int i = 0; i < n && status == SAB_OK; i++, number = number->next) {
        double value;
        if (sab_value_real(number, &value) || !(value > 0 && value <= 1e30))
            status = sab_facts_damaged("class_weights", err);
        else
            weights->of[i] = (sab_real)value;
    }
    if (status != SAB_OK)
        sab_class_weights_clear(weights);
    return status;
}

void sab_class_weights_clear(struct sab_class_weights *weights)
{
    sab_free(weights->of);
    *weights = (struct sab_class_weights){0};
}
