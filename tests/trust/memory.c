/* A library to preload: the TRUST_AT-th allocation of the program fails (1 is the first, 0: none), with TRUST_STICKY=1 all after it
 * too. At exit the number of allocations is written to the file TRUST_COUNT. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern void *__libc_malloc(size_t nbytes);
extern void *__libc_calloc(size_t count, size_t nbytes);
extern void *__libc_realloc(void *block, size_t nbytes);
extern void *__libc_memalign(size_t alignment, size_t nbytes);

static atomic_long count;
static long at = -1, sticky;

static int fails(void)
{
    if (at < 0) {
        at = getenv("TRUST_AT") ? strtol(getenv("TRUST_AT"), NULL, 10) : 0;
        sticky = getenv("TRUST_STICKY") ? strtol(getenv("TRUST_STICKY"), NULL, 10) : 0;
    }
    long n = atomic_fetch_add(&count, 1) + 1;
    if (at == 0 || (sticky ? n < at : n != at))
        return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t nbytes)
{
    return fails() ? NULL : __libc_malloc(nbytes);
}

void *calloc(size_t n, size_t nbytes)
{
    return fails() ? NULL : __libc_calloc(n, nbytes);
}

void *realloc(void *block, size_t nbytes)
{
    return fails() ? NULL : __libc_realloc(block, nbytes);
}

void *aligned_alloc(size_t alignment, size_t nbytes)
{
    return fails() ? NULL : __libc_memalign(alignment, nbytes);
}

void *memalign(size_t alignment, size_t nbytes)
{
    return fails() ? NULL : __libc_memalign(alignment, nbytes);
}

int posix_memalign(void **block, size_t alignment, size_t nbytes)
{
    void *made = fails() ? NULL : __libc_memalign(alignment, nbytes);
    if (!made)
        return ENOMEM;
    *block = made;
    return 0;
}

__attribute__((destructor)) static void tell(void)
{
    char text[32];
    const char *path = getenv("TRUST_COUNT");
    int fd = path && at == 0 ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666) : -1;
    if (fd >= 0 && write(fd, text, (size_t)snprintf(text, sizeof text, "%ld", atomic_load(&count))) > 0)
        close(fd);
}
