/* Memory with checked sizes. All blocks are zeroed and aligned for the widest vectors (64 bytes). */
#ifndef SAB_BASE_ALLOC_H
#define SAB_BASE_ALLOC_H

#include <stddef.h>

/* count * size bytes, zeroed; NULL when there is no memory or the product overflows. A count of 0 gives a valid block.
 * Free with sab_free. */
void *sab_alloc(size_t count, size_t size);
void sab_free(void *block);

/* Bytes that this process could take without harm to others, as the system tells (Linux); INFINITY where it does not. */
double sab_memory_free_nbytes(void);

/* 1 if so much may be allocated: Linux kills the process that takes the last of its memory, so what does not fit is
 * refused before. Fills *free_nbytes where the answer is 0. */
int sab_memory_allows(double nbytes, double *free_nbytes);

/* *out = a * b; returns 0, or 1 on overflow with *out untouched. */
int sab_mul_overflows(size_t a, size_t b, size_t *out);

#endif
