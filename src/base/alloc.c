/* See alloc.h. */
#include "base/alloc.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
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
