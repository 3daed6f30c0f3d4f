/* See layout.h. */
#include "base/layout.h"

#include <stdint.h>

#include "base/alloc.h"

void *sab_layout_take(struct sab_layout *layout, size_t count, size_t size)
{
    size_t nbytes;
    if (sab_mul_overflows(count, size, &nbytes) || nbytes > SIZE_MAX / 2 - layout->used) {
        layout->used = SIZE_MAX / 2;
        return NULL;
    }
    char *at = layout->base ? layout->base + layout->used : NULL;
    layout->used += (nbytes + 63) / 64 * 64;
    return at;
}
