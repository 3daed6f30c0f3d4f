/* See npy_classes.h. */
#include "data/npy_classes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "data/facts.h"

/* How many values lie below the label. */
static int place_of(const struct sab_npy_classes *classes, int64_t label)
{
    int low = 0, high = classes->n;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (classes->values[middle] < label)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int grow(struct sab_npy_classes *classes)
{
    int cap = classes->cap ? 2 * classes->cap : 64;
    int64_t *values = sab_alloc((size_t)cap, sizeof *values);
    if (!values)
        return 1;
    if (classes->n > 0)
        memcpy(values, classes->values, (size_t)classes->n * sizeof *values);
    sab_free(classes->values);
    classes->values = values;
    classes->cap = cap;
    return 0;
}

int sab_npy_classes_add(struct sab_npy_classes *classes, int64_t label)
{
    int at = place_of(classes, label);
    if (at < classes->n && classes->values[at] == label)
        return 0;
    if (classes->n == SAB_NPY_CLASSES_MOST || (classes->n == classes->cap && grow(classes)))
        return 1;
    memmove(classes->values + at + 1, classes->values + at, (size_t)(classes->n - at) * sizeof *classes->values);
    classes->values[at] = label;
    classes->n++;
    return 0;
}

void sab_npy_classes_settle(struct sab_npy_classes *classes)
{
    if (classes->n == 0 || classes->values[0] != 0 || classes->values[classes->n - 1] != classes->n - 1)
        return;
    sab_free(classes->values);
    classes->values = NULL;
    classes->cap = 0;
}

int sab_npy_classes_find(const struct sab_npy_classes *classes, int64_t label)
{
    if (!classes->values)
        return label >= 0 && label < classes->n ? (int)label : -1;
    int at = place_of(classes, label);
    return at < classes->n && classes->values[at] == label ? at : -1;
}

int64_t sab_npy_classes_at(const struct sab_npy_classes *classes, int i)
{
    return classes->values ? classes->values[i] : i;
}

void sab_npy_classes_put(const struct sab_npy_classes *classes, struct sab_json *facts)
{
    if (!classes->values)
        return;
    sab_json_open(facts, "classes", '[');
    for (int i = 0; i < classes->n; i++) {
        char text[24];
        snprintf(text, sizeof text, "%" PRId64, classes->values[i]);
        sab_json_text(facts, NULL, text);
    }
    sab_json_close(facts, ']');
}

int sab_npy_classes_get(struct sab_npy_classes *classes, const struct sab_value *facts, int n, struct sab_error *err)
{
    const struct sab_value *list = sab_value_get(facts, "classes"), *item = sab_value_first(list);
    *classes = (struct sab_npy_classes){.n = list ? 0 : n};
    int status = list && (!sab_value_is(list, SAB_VALUE_ARRAY) || sab_value_size(list) != (size_t)n)
                     ? sab_facts_damaged("classes", err)
                     : SAB_OK;
    for (; list && item && status == SAB_OK; item = item->next) {
        const char *text = sab_value_string(item);
        int64_t label = 0;
        if (!text || sab_text_to_int(text, &label) || (classes->n > 0 && label <= classes->values[classes->n - 1]))
            status = sab_facts_damaged("classes", err);
        else if (sab_npy_classes_add(classes, label))
            status = sab_fail(err, SAB_NOMEM, "no memory for %d classes", n);
    }
    if (status != SAB_OK)
        sab_npy_classes_clear(classes);
    return status;
}

void sab_npy_classes_clear(struct sab_npy_classes *classes)
{
    sab_free(classes->values);
    *classes = (struct sab_npy_classes){0};
}
