/* See fuzzing.h. */
#define _GNU_SOURCE
#include "fuzzing.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Inputs are small: what was freed need not be kept for long, and pages need not go back to the system between two of them. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=1:thread_local_quarantine_size_kb=64:malloc_context_size=1:release_to_os_interval_ms=-1";
}

void fuzz_require(int is_true, const char *what)
{
    if (!is_true) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

const char *fuzz_put(int which, const uint8_t *data, size_t nbytes)
{
    static struct {
        int is_open, fd;
        char path[64];
    } files[FUZZ_FILES];
    if (!files[which].is_open) {
        files[which].fd = memfd_create("input", 0);
        fuzz_require(files[which].fd >= 0, "a file in memory");
        snprintf(files[which].path, sizeof files[which].path, "/proc/self/fd/%d", files[which].fd);
        files[which].is_open = 1;
    }
    fuzz_require(pwrite(files[which].fd, data, nbytes, 0) == (ssize_t)nbytes && ftruncate(files[which].fd, (off_t)nbytes) == 0,
                 "writing the input failed");
    return files[which].path;
}
