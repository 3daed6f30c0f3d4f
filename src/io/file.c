/* See file.h. */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

/* ---- the system's calls, whole and uninterrupted --------------------------------------------------------------- */

static int open_retry(int folder, const char *path, int flags)
{
    int fd;
    do
        fd = openat(folder, path, flags | O_CLOEXEC, 0666);
    while (fd < 0 && errno == EINTR);
    return fd;
}

static int sync_retry(int fd)
{
    int rc;
    do
        rc = fsync(fd);
    while (rc != 0 && errno == EINTR);
    return rc;
}

static int truncate_retry(int fd, off_t nbytes)
{
    int rc;
    do
        rc = ftruncate(fd, nbytes);
    while (rc != 0 && errno == EINTR);
    return rc;
}

/* Returns the bytes written: fewer than nbytes only with errno set. */
static size_t write_all(int fd, const void *data, size_t nbytes)
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

/* Returns the bytes read: fewer than nbytes at the end of the file (errno 0) or on an error (errno set). */
static size_t read_all(int fd, void *data, size_t nbytes)
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

/* ---- atomic replacement ----------------------------------------------------------------------------------------- */

struct replacement {
    const char *path;
    const char *name; /* the last component, in path */
    char *text;       /* storage of folder and tmp */
    char *folder;
    char *tmp;        /* name + ".tmp" */
    int folder_fd;
    int fd;           /* locked as long as it is open */
};

static int replacement_split(struct replacement *r, struct sab_error *err)
{
    const char *slash = strrchr(r->path, '/');
    size_t folder_length = slash ? (size_t)(slash - r->path) + 1 : 0;
    r->name = r->path + folder_length;
    if (*r->name == '\0' || strcmp(r->name, ".") == 0 || strcmp(r->name, "..") == 0)
        return sab_fail(err, SAB_INVALID, "cannot write '%s': the path must end in a file name", r->path);
    size_t name_length = strlen(r->name);
    r->text = sab_alloc(folder_length + name_length + 8, 1);
    if (!r->text)
        return sab_fail(err, SAB_NOMEM, "no memory to write '%s'", r->path);
    r->folder = r->text;
    memcpy(r->folder, folder_length ? r->path : ".", folder_length ? folder_length : 1);
    r->tmp = r->text + strlen(r->folder) + 1;
    memcpy(r->tmp, r->name, name_length);
    memcpy(r->tmp + name_length, ".tmp", 5);
    return SAB_OK;
}

/* Some network file systems have no locks: there, one writer at a time is the caller's matter. */
static int lock_wait(int fd)
{
    int rc;
    do
        rc = flock(fd, LOCK_EX);
    while (rc != 0 && errno == EINTR);
    return rc != 0 && errno != ENOLCK && errno != ENOSYS && errno != EOPNOTSUPP ? -1 : 0;
}

/* Opens and locks the temporary file. While we waited for the lock, its owner may have renamed it away: then the name
 * stands for another file, or for none, and we begin again. */
static int replacement_open(struct replacement *r, struct sab_error *err)
{
    for (;;) {
        struct stat ours, named;
        r->fd = open_retry(r->folder_fd, r->tmp, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK);
        if (r->fd < 0)
            return sab_fail(err, SAB_IO, "cannot write '%s': opening the .tmp beside it failed: %s", r->path,
                            strerror(errno));
        if (lock_wait(r->fd) != 0 || fstat(r->fd, &ours) != 0)
            return sab_fail(err, SAB_IO, "cannot write '%s': locking the .tmp beside it failed: %s", r->path,
                            strerror(errno));
        if (!S_ISREG(ours.st_mode) || ours.st_nlink > 1)
            return sab_fail(err, SAB_IO, "cannot write '%s': the .tmp beside it is in the way and not a plain file",
                            r->path);
        if (fstatat(r->folder_fd, r->tmp, &named, AT_SYMLINK_NOFOLLOW) == 0 && named.st_ino == ours.st_ino &&
            named.st_dev == ours.st_dev)
            return SAB_OK;
        close(r->fd);
        r->fd = -1;
    }
}

static int replacement_fill(struct replacement *r, const void *data, size_t nbytes, struct sab_error *err)
{
    if (truncate_retry(r->fd, 0) != 0)
        return sab_fail(err, SAB_IO, "cannot write '%s': emptying the .tmp beside it failed: %s", r->path,
                        strerror(errno));
    size_t done = write_all(r->fd, data, nbytes);
    if (done < nbytes)
        return sab_fail(err, SAB_IO, "cannot write '%s': writing failed at byte %zu of %zu: %s", r->path, done, nbytes,
                        strerror(errno));
    if (sync_retry(r->fd) != 0)
        return sab_fail(err, SAB_IO, "cannot write '%s': syncing %zu bytes failed: %s", r->path, nbytes,
                        strerror(errno));
    if (renameat(r->folder_fd, r->tmp, r->folder_fd, r->name) != 0)
        return sab_fail(err, SAB_IO, "cannot write '%s': renaming the .tmp beside it failed: %s", r->path,
                        strerror(errno));
    return SAB_OK;
}

/* Opens the folder, where nothing that cannot be replaced may have the name. */
static int replacement_enter(struct replacement *r, struct sab_error *err)
{
    int status = replacement_split(r, err);
    if (status != SAB_OK)
        return status;
    struct stat old;
    r->folder_fd = open_retry(AT_FDCWD, r->folder, O_RDONLY | O_DIRECTORY);
    if (r->folder_fd < 0)
        return sab_fail(err, SAB_IO, "cannot write '%s': opening its folder failed: %s", r->path, strerror(errno));
    if (fstatat(r->folder_fd, r->name, &old, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(old.st_mode))
        return sab_fail(err, SAB_IO, "cannot write '%s': it is a folder", r->path);
    return SAB_OK;
}

static void replacement_leave(struct replacement *r)
{
    if (r->fd >= 0)
        close(r->fd); /* synced if it was filled, so nothing is left to fail */
    if (r->folder_fd >= 0)
        close(r->folder_fd);
    sab_free(r->text);
}

int sab_file_write_atomic(const char *path, const void *data, size_t nbytes, struct sab_error *err)
{
    struct replacement r = {.path = path, .folder_fd = -1, .fd = -1};
    int status = replacement_enter(&r, err);
    if (status == SAB_OK)
        status = replacement_open(&r, err);
    if (status == SAB_OK) {
        status = replacement_fill(&r, data, nbytes, err);
        if (status != SAB_OK)
            unlinkat(r.folder_fd, r.tmp, 0);
        /* Folders that cannot be synced at all say EINVAL. */
        else if (sync_retry(r.folder_fd) != 0 && errno != EINVAL)
            status = sab_fail(err, SAB_IO, "'%s' was written, but syncing its folder failed: %s", path,
                              strerror(errno));
    }
    replacement_leave(&r);
    return status;
}

int sab_file_check_writable(const char *path, struct sab_error *err)
{
    struct replacement r = {.path = path, .folder_fd = -1, .fd = -1};
    int status = replacement_enter(&r, err);
    if (status == SAB_OK && faccessat(r.folder_fd, ".", W_OK | X_OK, AT_EACCESS) != 0)
        status = sab_fail(err, SAB_IO, "cannot write '%s': its folder: %s", path, strerror(errno));
    replacement_leave(&r);
    return status;
}

/* ---- reading, appending, folders -------------------------------------------------------------------------------- */

/* O_NONBLOCK: a named pipe must be refused, not waited for. */
static int open_regular(const char *path, int flags, struct stat *info, int *fd, struct sab_error *err)
{
    int opened = open_retry(AT_FDCWD, path, flags | O_NONBLOCK);
    if (opened < 0)
        return sab_fail(err, SAB_IO, "cannot open '%s': %s", path, strerror(errno));
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

int sab_file_read(const char *path, size_t cap, void **data, size_t *nbytes, struct sab_error *err)
{
    struct stat info;
    int fd;
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
    block = sab_alloc(size + 1, 1);
    if (!block) {
        status = sab_fail(err, SAB_NOMEM, "no memory for the %zu bytes of '%s'", size, path);
        goto done;
    }
    size_t got = read_all(fd, block, size);
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
    int fd;
    int status = open_regular(path, O_WRONLY | O_CREAT | O_APPEND, &info, &fd, err);
    if (status != SAB_OK)
        return status;
    size_t done = write_all(fd, data, nbytes);
    if (done < nbytes) {
        int cause = errno;
        int restored = truncate_retry(fd, info.st_size) == 0;
        status = sab_fail(err, SAB_IO, "cannot append %zu bytes to '%s': %s%s", nbytes, path, strerror(cause),
                          restored ? "" : "; a part of them stayed");
    }
    if (close(fd) != 0 && status == SAB_OK && errno != EINTR)
        status = sab_fail(err, SAB_IO, "cannot append %zu bytes to '%s': %s", nbytes, path, strerror(errno));
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
