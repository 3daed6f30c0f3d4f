/* See system.h. */
#include "io/system.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int sab_sys_open(int folder, const char *path, int flags)
{
    int fd;
    do
        fd = openat(folder, path, flags | O_CLOEXEC, 0666);
    while (fd < 0 && errno == EINTR);
    return fd;
}

int sab_sys_sync(int fd)
{
    int rc;
    do
        rc = fsync(fd);
    while (rc != 0 && errno == EINTR);
    return rc;
}

int sab_sys_truncate(int fd, off_t nbytes)
{
    int rc;
    do
        rc = ftruncate(fd, nbytes);
    while (rc != 0 && errno == EINTR);
    return rc;
}

size_t sab_sys_write(int fd, const void *data, size_t nbytes)
{
    const char *bytes = data;
    size_t done = 0;
    while (done < nbytes) {
        ssize_t n = write(fd, bytes + done, nbytes - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = ENOSPC; /* a device that takes nothing would be asked for ever */
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

size_t sab_sys_read(int fd, void *data, size_t nbytes)
{
    char *bytes = data;
    size_t done = 0;
    errno = 0;
    while (done < nbytes) {
        ssize_t n = read(fd, bytes + done, nbytes - done);
        if (n < 0 && errno == EINTR) {
            errno = 0;
            continue;
        }
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}
