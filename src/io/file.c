/* The reading and appending half of file.h, and folders. */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "io/system.h"

/* O_NONBLOCK: a named pipe must be refused, not waited for. */
static int open_regular(const char *path, int flags, struct stat *info, int *fd, struct sab_error *err)
{
    int opened = sab_sys_open(AT_FDCWD, path, flags | O_NONBLOCK);
    if (opened < 0)
        return sab_fail(err, SAB_IO, "cannot open '%s': %s", path,
                        errno == ELOOP && flags & O_NOFOLLOW ? "it is a link, which is not followed here" : strerror(errno));
    int status = SAB_OK;
    if (fstat(opened, info) != 0)
        status = sab_fail(err, SAB_IO, "cannot open '%s': %s", path, strerror(errno));
    else if (!S_ISREG(info->st_mode))
        status = sab_fail(err, SAB_IO, "cannot open '%s': it is %s, not a regular file", path,
                          S_ISDIR(info->st_mode) ? "a folder" : "a pipe or device");
    if (status == SAB_OK)
        *fd = opened;
    else
        close(opened);
    return status;
}

int sab_file_peek(const char *path, void *buf, size_t cap, size_t *nbytes, struct sab_error *err)
{
    struct stat info;
    int fd = -1;
    int status = open_regular(path, O_RDONLY, &info, &fd, err);
    if (status != SAB_OK)
        return status;
    size_t want = (uint64_t)info.st_size < cap ? (size_t)info.st_size : cap;
    if (sab_sys_read(fd, buf, want) < want)
        status = sab_fail(err, SAB_IO, "reading the first %zu bytes of '%s' failed: %s", want, path,
                          errno ? strerror(errno) : "it became shorter meanwhile");
    *nbytes = (size_t)info.st_size;
    close(fd);
    return status;
}

int sab_file_read(const char *path, size_t cap, void **data, size_t *nbytes, struct sab_error *err)
{
    struct stat info;
    int fd = -1;
    int status = open_regular(path, O_RDONLY, &info, &fd, err);
    if (status != SAB_OK)
        return status;
    char *block = NULL;
    if ((uint64_t)info.st_size > cap || (uint64_t)info.st_size >= SIZE_MAX) {
        status = sab_fail(err, SAB_INVALID, "'%s' has %lld bytes, more than the %zu allowed here", path,
                          (long long)info.st_size, cap);
        goto done;
    }
    size_t size = (size_t)info.st_size;
    double there;
    if (!sab_memory_allows((double)size, &there)) {
        status = sab_fail(err, SAB_NOMEM, "no memory for the %zu bytes of '%s': %.0f are free", size, path, there);
        goto done;
    }
    block = sab_alloc(size + 1, 1);
    if (!block) {
        status = sab_fail(err, SAB_NOMEM, "no memory for the %zu bytes of '%s'", size, path);
        goto done;
    }
    size_t got = sab_sys_read(fd, block, size);
    if (got < size) {
        status = sab_fail(err, SAB_IO, "reading '%s' ended at byte %zu of %zu: %s", path, got, size,
                          errno ? strerror(errno) : "it became shorter meanwhile");
        goto done;
    }
    *data = block;
    *nbytes = size;
    block = NULL;
done:
    sab_free(block);
    close(fd);
    return status;
}

int sab_file_append(const char *path, const void *data, size_t nbytes, struct sab_error *err)
{
    struct stat info;
    int fd = -1;
    int status = open_regular(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, &info, &fd, err);
    if (status != SAB_OK)
        return status;
    size_t done = sab_sys_write(fd, data, nbytes);
    if (done < nbytes) {
        int cause = errno;
        int restored = sab_sys_truncate(fd, info.st_size) == 0;
        status = sab_fail(err, SAB_IO, "cannot append %zu bytes to '%s': %s%s", nbytes, path, strerror(cause),
                          restored ? "" : "; a part of them stayed");
    }
    if (close(fd) != 0 && status == SAB_OK && errno != EINTR)
        status = sab_fail(err, SAB_IO, "cannot append %zu bytes to '%s': %s", nbytes, path, strerror(errno));
    return status;
}

int sab_file_cut(const char *path, int64_t nbytes, struct sab_error *err)
{
    struct stat info;
    int fd = -1;
    if (lstat(path, &info) != 0 && errno == ENOENT)
        return SAB_OK;
    int status = open_regular(path, O_WRONLY | O_NOFOLLOW, &info, &fd, err);
    if (status != SAB_OK)
        return status;
    if (info.st_size > nbytes && sab_sys_truncate(fd, (off_t)nbytes) != 0)
        status = sab_fail(err, SAB_IO, "cannot shorten '%s' to %lld bytes: %s", path, (long long)nbytes, strerror(errno));
    close(fd);
    return status;
}

/* One folder whose parent is there. */
static int make_one(const char *path, struct sab_error *err)
{
    struct stat info;
    if (mkdir(path, 0777) == 0)
        return SAB_OK;
    int cause = errno;
    if (stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode))
            return SAB_OK;
        cause = ENOTDIR;
    }
    return sab_fail(err, SAB_IO, "cannot make the folder '%s': %s", path,
                    cause == ENOTDIR ? "it, or a folder above it, is a file" : strerror(cause));
}

int sab_file_make_directory(const char *path, struct sab_error *err)
{
    size_t length = strlen(path);
    if (length == 0)
        return sab_fail(err, SAB_INVALID, "cannot make a folder: its path is empty");
    char *prefix = sab_alloc(length + 1, 1);
    if (!prefix)
        return sab_fail(err, SAB_NOMEM, "no memory to make the folder '%s'", path);
    int status = SAB_OK;
    for (size_t i = 0; i < length && status == SAB_OK; i++) {
        prefix[i] = path[i];
        int ends_component = path[i] != '/' && (path[i + 1] == '/' || path[i + 1] == '\0');
        if (ends_component)
            status = make_one(prefix, err);
    }
    sab_free(prefix);
    return status;
}
