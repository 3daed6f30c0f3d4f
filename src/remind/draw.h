/* What a reservoir keeps (--keep reservoir): a hash of a sequence's inputs, step after step, and what a memory is worth by it.
 *
 * Read by C, and by C++ (nvcc): what is kept on a GPU is what is kept on the processor. */
#ifndef SAB_REMIND_DRAW_H
#define SAB_REMIND_DRAW_H

#include <stdint.h>
#include <string.h>

#include "base/random.h"
#include "sab.h"

/* Of the steps before, 0 at a sequence's begin, and one more: its id, or where that is NULL its values x [I]. */
SAB_RANDOM_FN uint64_t sab_draw_next(uint64_t before, const int32_t *id, const sab_real *x, int I)
{
    if (id)
        return sab_random_mix(before, (uint64_t)*id);
    for (int k = 0; k < I; k++) {
        double value = (double)x[k] + 0.0; /* there is one 0 */
        uint64_t word;
        memcpy(&word, &value, sizeof word);
        before = sab_random_mix(before, word);
    }
    return before;
}

/* Uniform in [0, 1), in steps that a float has. Of numbers drawn for all memories so far those with the largest are a fair sample. */
SAB_RANDOM_FN sab_real sab_draw_worth(uint64_t draw)
{
    return (sab_real)((double)(sab_random_mix(draw, 0) >> 40) * 0x1p-24);
}

#endif
