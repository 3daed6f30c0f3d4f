/* Whole numbers as classes: those that the training part has, in their order. */
#ifndef SAB_DATA_NPY_CLASSES_H
#define SAB_DATA_NPY_CLASSES_H

#include "base/json.h"
#include "base/json_out.h"
#include "sab.h"

enum { SAB_NPY_CLASSES_MOST = 1 << 16 };

struct sab_npy_classes {
    int n;
    int64_t *values; /* [n] ascending; NULL: 0..n-1 */
    int cap;
};

/* Adds a label, where it is new; starts from a zeroed struct. 1: no memory, or there are SAB_NPY_CLASSES_MOST already. */
int sab_npy_classes_add(struct sab_npy_classes *classes, int64_t label);

/* After the last one: 0..n-1 need no list. */
void sab_npy_classes_settle(struct sab_npy_classes *classes);

/* The number of a label, or -1. */
int sab_npy_classes_find(const struct sab_npy_classes *classes, int64_t label);

int64_t sab_npy_classes_at(const struct sab_npy_classes *classes, int i);

/* Puts them into facts as "classes", a list of texts, unless they are 0..n-1. */
void sab_npy_classes_put(const struct sab_npy_classes *classes, struct sab_json *facts);

/* Reads n of them back; the facts may be hostile. SAB_FORMAT, SAB_NOMEM. */
int sab_npy_classes_get(struct sab_npy_classes *classes, const struct sab_value *facts, int n, struct sab_error *err);

void sab_npy_classes_clear(struct sab_npy_classes *classes);

#endif
