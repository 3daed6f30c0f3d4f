/* See arrays.h. All arrays lie in one block, each at a multiple of 64 bytes. */
#include "data/arrays.h"

#include <assert.h>
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

static int check_room(double nbytes, int T, int B, struct sab_error *err)
{
    const double gib = 1 << 30;
    double there;
    if (sab_memory_allows(nbytes, &there))
        return SAB_OK;
    return sab_fail(err, SAB_NOMEM, "a batch of %d sequences of %d steps needs %.1f GiB of memory; %.1f GiB are free: %sshorter "
                    "sequences need less", B, T, nbytes / gib, there / gib, B > 1 ? "a smaller --batch or " : "");
}

int sab_arrays_make(struct sab_arrays *arrays, const struct sab_shape *shape, int T, int B, struct sab_error *err)
{
    size_t nbytes[ARRAYS], total;
    assert(T > 0 && B > 0);
    int overflows = measure(shape, T, B, nbytes, &total);
    if (!overflows && total > arrays->cap) {
        sab_arrays_clear(arrays);
        int status = check_room((double)total, T, B, err);
        if (status != SAB_OK)
            return status;
        arrays->block = sab_alloc(total, 1);
        arrays->cap = arrays->block ? total : 0;
    } else if (!overflows) {
        memset(arrays->block, 0, total);
    }
    if (overflows || !arrays->block) {
        sab_arrays_clear(arrays);
        return sab_fail(err, SAB_NOMEM, "no memory for a batch of %d sequences of %d steps; %sshorter sequences need less", B, T,
                        B > 1 ? "a smaller --batch or " : "");
    }
    char *at = arrays->block, *array[ARRAYS];
    for (int k = 0; k < ARRAYS; k++) {
        array[k] = nbytes[k] > 0 ? at : NULL;
        at += nbytes[k];
    }
    arrays->T = T;
    arrays->B = B;
    arrays->ids = (void *)array[0];
    arrays->values = (void *)array[1];
    arrays->labels = (void *)array[2];
    arrays->targets = (void *)array[3];
    arrays->weight = (void *)array[4];
    arrays->scored = (void *)array[5];
    arrays->lengths = (void *)array[6];
    arrays->fresh = (void *)array[7];
    return SAB_OK;
}

void sab_arrays_clear(struct sab_arrays *arrays)
{
    sab_free(arrays->block);
    memset(arrays, 0, sizeof *arrays);
}

struct sab_batch sab_arrays_batch(const struct sab_arrays *arrays)
{
    return (struct sab_batch){
        .size = sizeof(struct sab_batch),
        .T = arrays->T,
        .B = arrays->B,
        .ids = arrays->ids,
        .values = arrays->values,
        .labels = arrays->labels,
        .targets = arrays->targets,
        .weight = arrays->weight,
        .scored = arrays->scored,
        .lengths = arrays->lengths,
    };
}
