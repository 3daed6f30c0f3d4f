/* A library to preload: a file that the program maps, and whose name ends with TRUST_CUT, is cut to nothing right afterwards. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void *mmap(void *address, size_t nbytes, int protection, int flags, int fd, off_t offset)
{
    static void *(*next)(void *, size_t, int, int, int, off_t);
    char link[64], path[4096] = "";
    const char *wanted = getenv("TRUST_CUT");
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "mmap");
    void *mapped = next(address, nbytes, protection, flags, fd, offset);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = fd >= 0 && wanted ? readlink(link, path, sizeof path - 1) : -1;
    if (n >= (ssize_t)strlen(wanted ? wanted : "") && strcmp(path + n - strlen(wanted), wanted) == 0 && truncate(path, 0) != 0)
        perror(path);
    return mapped;
}
