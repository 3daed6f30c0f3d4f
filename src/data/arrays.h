/* The arrays of a batch that a reader fills. Must not know files. */
#ifndef SAB_DATA_ARRAYS_H
#define SAB_DATA_ARRAYS_H

#include "sab.h"

/* The arrays are as struct sab_batch describes them; those that the shape has no use for are NULL. */
struct sab_arrays {
    int T, B;
    int32_t *ids;
    sab_real *values;
    int32_t *labels;
    sab_real *targets;
    sab_real *weight;
    uint8_t *scored;
    int32_t *lengths;
    uint8_t *fresh;
    size_t cap; /* bytes of block */
    void *block;
};

/* Room for T steps of B sequences, all zero; what a smaller call before had is lost. SAB_NOMEM leaves it empty, and
 * says what needs less, before anything is taken where the machine has not so much. Starts from a zeroed struct. */
int sab_arrays_make(struct sab_arrays *arrays, const struct sab_shape *shape, int T, int B, struct sab_error *err);
void sab_arrays_clear(struct sab_arrays *arrays);

/* All of it as a batch: fresh is NULL, the caller sets it where sequences go on. */
struct sab_batch sab_arrays_batch(const struct sab_arrays *arrays);

#endif
