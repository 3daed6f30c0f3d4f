/* One block of memory for many arrays: laid out twice by the same code, first to count and then to hand out. */
#ifndef SAB_BASE_LAYOUT_H
#define SAB_BASE_LAYOUT_H

#include <stddef.h>

/* With base NULL it only counts. */
struct sab_layout {
    char *base;
    size_t used; /* bytes; saturates instead of overflowing, above SIZE_MAX/4 when no machine has so much */
};

/* The next count * size bytes of the block, on a cache line; NULL when it counts. */
void *sab_layout_take(struct sab_layout *layout, size_t count, size_t size);

#endif
