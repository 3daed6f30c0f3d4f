/* See alloc.h. */
#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

int sab_mul_overflows(size_t a, size_t b, size_t *out)
{
    if (b != 0 && a > SIZE_MAX / b)
        return 1;
    *out = a * b;
    return 0;
}

void *sab_alloc(size_t count, size_t size)
{
    size_t nbytes;
    if (sab_mul_overflows(count, size, &nbytes) || nbytes > SIZE_MAX - ALIGN)
        return NULL;
    nbytes = (nbytes + ALIGN) / ALIGN * ALIGN;
    void *block = aligned_alloc(ALIGN, nbytes);
    if (block)
        memset(block, 0, nbytes);
    return block;
}

void sab_free(void *block)
{
    free(block);
}
