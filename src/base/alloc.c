/* See alloc.h. */
#define _DEFAULT_SOURCE /* madvise */
#include "base/alloc.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

/* Weights of wide networks, and what belongs to them, ask for large pages: products go through rows that lie pages apart, more of them
 * than a processor has addresses at hand. Smaller blocks gain nothing, and getting large pages takes a millisecond for each MiB. */
enum { ALIGN = 64, PAGE = 2 << 20, LARGE = 32 << 20 };

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
    size_t align = nbytes >= LARGE && nbytes <= SIZE_MAX - PAGE ? PAGE : ALIGN;
    nbytes = (nbytes + ALIGN) / ALIGN * ALIGN;
    void *block = aligned_alloc(align, (nbytes + align - 1) / align * align);
#if defined(MADV_HUGEPAGE)
    if (block && align == PAGE)
        madvise(block, nbytes, MADV_HUGEPAGE); /* a system without them says no */
#endif
    if (block)
        memset(block, 0, nbytes);
    return block;
}

/* The number after `key` in a small file of the system; INFINITY without one ("max" in a control group is none). */
static double system_number(const char *path, const char *key)
{
    double number = INFINITY;
    char line[128];
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0 && sscanf(line + strlen(key), "%lf", &number) == 1)
            break;
    if (file)
        fclose(file);
    return number;
}

double sab_memory_free_nbytes(void)
{
    double machine = 1024 * system_number("/proc/meminfo", "MemAvailable:");
    double most = system_number("/sys/fs/cgroup/memory.max", "");
    double group = isfinite(most) ? most - system_number("/sys/fs/cgroup/memory.current", "") : INFINITY;
    return machine < group ? machine : group > 0 ? group : 0;
}

int sab_memory_allows(double nbytes, double *free_nbytes)
{
    const double small = 256 << 20; /* is always allowed: asking the system takes longer than most calls */
    return nbytes <= small || nbytes <= (*free_nbytes = sab_memory_free_nbytes());
}

void sab_free(void *block)
{
    free(block);
}
