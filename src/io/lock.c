/* See lock.h. */
#define _GNU_SOURCE
#include "io/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "io/system.h"

enum { HOLDER_CAP = 160, TRIES_PER_S = 50 };

int sab_lock_try(int fd, int seconds)
{
    const struct timespec pause = {.tv_nsec = 1000000000 / TRIES_PER_S};
    for (int n = 0;; n++) {
        int rc = flock(fd, LOCK_EX | LOCK_NB);
        if (rc == 0 || errno == ENOLCK || errno == ENOSYS || errno == EOPNOTSUPP)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -1;
        if (n >= seconds * TRIES_PER_S)
            return 1;
        nanosleep(&pause, NULL);
    }
}

/* "process 123 on HOST", as its holder wrote it; digits and what host names are made of, since others may write there. */
static void read_holder(int fd, char holder[HOLDER_CAP])
{
    ssize_t n = pread(fd, holder, HOLDER_CAP - 1, 0);
    holder[n > 0 ? n : 0] = '\0';
    holder[strspn(holder, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_ ")] = '\0';
    if (!holder[0])
        strcpy(holder, "another process");
}

/* For those who find it locked. */
static int write_holder(int fd)
{
    char host[65] = "", holder[HOLDER_CAP];
    gethostname(host, sizeof host - 1);
    int n = snprintf(holder, sizeof holder, "process %ld on %s\n", (long)getpid(), host);
    return sab_sys_truncate(fd, 0) == 0 && sab_sys_write(fd, holder, (size_t)n) == (size_t)n;
}

/* 1 if the name still stands for the open file: its holder may have removed it while we opened it. */
static int is_named(int fd, const char *path)
{
    struct stat ours, named;
    return fstat(fd, &ours) == 0 && lstat(path, &named) == 0 && ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

int sab_lock_take(const char *path, int *lock, struct sab_error *err)
{
    for (;;) {
        int fd = sab_sys_open(AT_FDCWD, path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
            return sab_fail(err, SAB_IO, "cannot lock '%s': %s", path, strerror(errno));
        struct stat info;
        if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
            close(fd);
            return sab_fail(err, SAB_IO, "cannot lock '%s': it is in the way and not a plain file", path);
        }
        int held = sab_lock_try(fd, 0);
        if (held == 0 && is_named(fd, path)) {
            if (write_holder(fd)) {
                *lock = fd;
                return SAB_OK;
            }
            sab_fail(err, SAB_IO, "cannot lock '%s': %s", path, strerror(errno));
            sab_lock_release(path, fd);
            return SAB_IO;
        }
        char holder[HOLDER_CAP];
        int cause = errno;
        read_holder(fd, holder);
        close(fd);
        if (held > 0)
            return sab_fail(err, SAB_IO, "%s holds '%s': in a folder one run is at work at a time", holder, path);
        if (held < 0)
            return sab_fail(err, SAB_IO, "cannot lock '%s': %s", path, strerror(cause));
    }
}

void sab_lock_release(const char *path, int lock)
{
    if (lock < 0)
        return;
    if (is_named(lock, path))
        unlink(path);
    close(lock);
}
