/* See space.h. All arrays lie in one block, each at a multiple of 64 bytes. */
#include "data/space.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

enum { ARRAYS = 8, ALIGN = 64 };

/* Bytes of each array in the order of the struct's pointers; 1 on overflow. */
static int measure(const struct sab_shape *shape, int T, int B, size_t nbytes[ARRAYS], size_t *total)
{
    int has_ids = shape->input == SAB_INPUT_IDS, has_labels = shape->loss == SAB_LOSS_CROSS_ENTROPY;
    const size_t each[ARRAYS] = {
        has_ids ? sizeof(int32_t) : 0,
        has_ids ? 0 : (size_t)shape->I * sizeof(sab_real),
        has_labels ? sizeof(int32_t) : 0,
        has_labels ? 0 : (size_t)shape->O * sizeof(sab_real),
        sizeof(sab_real),
        sizeof(uint8_t),
        sizeof(int32_t),
        sizeof(uint8_t),
    };
    size_t positions = (size_t)T * (size_t)B; /* two ints */
    *total = 0;
    for (int k = 0; k < ARRAYS; k++) {
        if (sab_mul_overflows(k < ARRAYS - 2 ? positions : (size_t)B, each[k], &nbytes[k]) ||
            nbytes[k] > SIZE_MAX / (2 * ARRAYS) - ALIGN)
            return 1;
        nbytes[k] = (nbytes[k] + ALIGN - 1) / ALIGN * ALIGN;
        *total += nbytes[k];
    }
    return 0;
}

int sab_space_make(struct sab_space *space, const struct sab_shape *shape, int T, int B, struct sab_error *err)
{
    size_t nbytes[ARRAYS], total;
    int overflows = measure(shape, T, B, nbytes, &total);
    if (!overflows && total > space->cap) {
        sab_space_clear(space);
        space->block = sab_alloc(total, 1);
        space->cap = space->block ? total : 0;
    } else if (!overflows) {
        memset(space->block, 0, total);
    }
    if (overflows || !space->block) {
        sab_space_clear(space);
        return sab_fail(err, SAB_NOMEM, "no memory for a batch of %d sequences of %d steps", B, T);
    }
    char *at = space->block, *array[ARRAYS];
    for (int k = 0; k < ARRAYS; k++) {
        array[k] = nbytes[k] > 0 ? at : NULL;
        at += nbytes[k];
    }
    space->T = T;
    space->B = B;
    space->ids = (void *)array[0];
    space->values = (void *)array[1];
    space->labels = (void *)array[2];
    space->targets = (void *)array[3];
    space->weight = (void *)array[4];
    space->scored = (void *)array[5];
    space->lengths = (void *)array[6];
    space->fresh = (void *)array[7];
    return SAB_OK;
}

void sab_space_clear(struct sab_space *space)
{
    sab_free(space->block);
    memset(space, 0, sizeof *space);
}

struct sab_batch sab_space_batch(const struct sab_space *space)
{
    return (struct sab_batch){
        .size = sizeof(struct sab_batch),
        .T = space->T,
        .B = space->B,
        .ids = space->ids,
        .values = space->values,
        .labels = space->labels,
        .targets = space->targets,
        .weight = space->weight,
        .scored = space->scored,
        .lengths = space->lengths,
    };
}
