/* See memory_file.h. */
#define _GNU_SOURCE
#include "base/memory_file.h"

#include <string.h>
#include <sys/types.h>

#include "base/alloc.h"

enum { FIRST_CAP = 4096 };

static ssize_t take(void *cookie, const char *bytes, size_t n)
{
    struct sab_memory_file *file = cookie;
    if (file->cap - file->nbytes <= n) { /* a 0 must follow */
        size_t cap = file->cap ? 2 * file->cap : FIRST_CAP;
        cap = cap - file->nbytes > n ? cap : file->nbytes + n + 1;
        char *grown = file->is_full ? NULL : sab_alloc(cap, 1);
        if (!grown) {
            file->is_full = 1;
            return 0;
        }
        if (file->nbytes > 0)
            memcpy(grown, file->bytes, file->nbytes);
        sab_free(file->bytes);
        file->bytes = grown;
        file->cap = cap;
    }
    memcpy(file->bytes + file->nbytes, bytes, n);
    file->nbytes += n;
    return (ssize_t)n;
}

FILE *sab_memory_open(struct sab_memory_file *file)
{
    const cookie_io_functions_t calls = {.write = take};
    *file = (struct sab_memory_file){0};
    return fopencookie(file, "w", calls);
}

int sab_memory_close(struct sab_memory_file *file, FILE *to)
{
    int failed = !to || ferror(to);
    failed |= to && fclose(to) != 0;
    if (!failed && !file->is_full && !file->bytes)
        take(file, "", 0); /* nothing is a text, too */
    if (!failed && !file->is_full)
        return 0;
    sab_free(file->bytes);
    *file = (struct sab_memory_file){0};
    return 1;
}
