/* The writing half of file.h.
 *
 *     links are followed -> a regular file, or none:  a .tmp beside it is filled, synced, renamed; the folder is synced
 *                        -> a pipe, a device, one of our own descriptors (/dev/stdout): written into, as it comes */
#define _GNU_SOURCE
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "io/lock.h"
#include "io/system.h"

enum { LINKS_CAP = 40, TARGET_CAP = 4096, PROC_FILES = 0x9fa0 /* f_type of /proc */,
       WRITER_S = 5 /* how long another writer of the same file is waited for */ };

/* A file about to be written. */
struct target {
    const char *path; /* as the caller has it, for messages */
    char *text;       /* storage of what follows: where links lead */
    char *folder;
    char *name;
    char *tmp;        /* name + ".tmp" */
    int folder_fd;
    int fd;           /* of the .tmp, locked as long as it is open; or of what is written into */
    int is_through;   /* not a regular file: written into */
    int own_fd;       /* the descriptor of this process that it stands for, or -1 */
    int is_there;     /* a regular file that is replaced: its mode and owner stay */
    struct stat old;
};

/* ---- where the path leads --------------------------------------------------------------------------------------- */

/* Splits path into folder and name. */
static int split(struct target *t, const char *path, struct sab_error *err)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t folder_length = (size_t)(name - path), name_length = strlen(name);
    if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return sab_fail(err, SAB_INVALID, "cannot write '%s': the path must end in a file name", t->path);
    char *text = sab_alloc(folder_length + 2 * name_length + 8, 1);
    if (!text)
        return sab_fail(err, SAB_NOMEM, "no memory to write '%s'", t->path);
    t->folder = text;
    memcpy(t->folder, folder_length ? path : ".", folder_length ? folder_length : 1);
    t->name = text + strlen(text) + 1;
    memcpy(t->name, name, name_length);
    t->tmp = t->name + name_length + 1;
    memcpy(t->tmp, name, name_length);
    memcpy(t->tmp + name_length, ".tmp", 5);
    sab_free(t->text);
    t->text = text;
    return SAB_OK;
}

static int open_folder(struct target *t, struct sab_error *err)
{
    if (t->folder_fd >= 0)
        close(t->folder_fd);
    t->folder_fd = sab_sys_open(AT_FDCWD, t->folder, O_RDONLY | O_DIRECTORY);
    if (t->folder_fd < 0)
        return sab_fail(err, SAB_IO, "cannot write '%s': opening its folder failed: %s", t->path, strerror(errno));
    return SAB_OK;
}

/* 1 where the folder lists descriptors, of whatever process; *own is the one of ours that the name stands for, or -1. */
static int is_descriptor(const struct target *t, int *own)
{
    struct statfs system;
    struct stat folder, ours;
    *own = -1;
    if (fstatfs(t->folder_fd, &system) != 0 || system.f_type != PROC_FILES)
        return 0;
    char *end;
    long number = strtol(t->name, &end, 10);
    if (*end == '\0' && number >= 0 && number < 1 << 20 && fstat(t->folder_fd, &folder) == 0 &&
        stat("/proc/self/fd", &ours) == 0 && folder.st_ino == ours.st_ino && folder.st_dev == ours.st_dev)
        *own = (int)number;
    return 1;
}

/* Goes on where the link leads. */
static int follow(struct target *t, struct sab_error *err)
{
    char to[TARGET_CAP];
    ssize_t n = readlinkat(t->folder_fd, t->name, to, sizeof to - 1);
    if (n < 0 || n == sizeof to - 1)
        return sab_fail(err, SAB_IO, "cannot write '%s': reading the link failed: %s", t->path,
                        n < 0 ? strerror(errno) : strerror(ENAMETOOLONG));
    to[n] = '\0';
    if (to[0] == '/')
        return split(t, to, err);
    size_t folder_length = strlen(t->folder);
    char *joined = sab_alloc(folder_length + (size_t)n + 2, 1);
    if (!joined)
        return sab_fail(err, SAB_NOMEM, "no memory to write '%s'", t->path);
    sprintf(joined, "%s/%s", t->folder, to);
    int status = split(t, joined, err);
    sab_free(joined);
    return status;
}

/* Opens the folder that the file is in, behind all links. */
static int enter(struct target *t, struct sab_error *err)
{
    struct stat info;
    int status = split(t, t->path, err);
    for (int links = 0; status == SAB_OK; links++) {
        status = open_folder(t, err);
        if (status != SAB_OK)
            return status;
        t->is_through = is_descriptor(t, &t->own_fd);
        if (t->is_through || fstatat(t->folder_fd, t->name, &info, AT_SYMLINK_NOFOLLOW) != 0)
            return SAB_OK;
        if (!S_ISLNK(info.st_mode))
            break;
        status = links < LINKS_CAP ? follow(t, err)
                                   : sab_fail(err, SAB_IO, "cannot write '%s': %s", t->path, strerror(ELOOP));
    }
    if (status != SAB_OK)
        return status;
    if (S_ISDIR(info.st_mode))
        return sab_fail(err, SAB_IO, "cannot write '%s': it is a folder", t->path);
    t->is_there = S_ISREG(info.st_mode);
    t->is_through = !t->is_there;
    t->old = info;
    return SAB_OK;
}

static void leave(struct target *t)
{
    if (t->fd >= 0)
        close(t->fd); /* synced if it was filled, so nothing is left to fail */
    if (t->folder_fd >= 0)
        close(t->folder_fd);
    sab_free(t->text);
}

/* A number that was closed may meanwhile be our folder's. */
static int is_own_open(const struct target *t)
{
    if (t->own_fd != t->folder_fd && fcntl(t->own_fd, F_GETFD) >= 0)
        return 1;
    errno = EBADF;
    return 0;
}

/* ---- into what is no regular file ------------------------------------------------------------------------------- */

static int write_through(struct target *t, const void *data, size_t nbytes, struct sab_error *err)
{
    if (t->own_fd < 0)
        t->fd = sab_sys_open(t->folder_fd, t->name, O_WRONLY | O_APPEND | O_NOCTTY);
    else if (is_own_open(t))
        t->fd = fcntl(t->own_fd, F_DUPFD_CLOEXEC, 0);
    if (t->fd < 0)
        return sab_fail(err, SAB_IO, "cannot write '%s': %s", t->path, strerror(errno));
    size_t done = sab_sys_write(t->fd, data, nbytes);
    if (done < nbytes)
        return sab_fail(err, SAB_IO, "cannot write '%s': writing failed at byte %zu of %zu: %s", t->path, done, nbytes,
                        strerror(errno));
    return SAB_OK;
}

/* ---- atomic replacement ----------------------------------------------------------------------------------------- */

/* Opens and locks the temporary file. While we waited for the lock, its owner may have renamed it away: then the name
 * stands for another file, or for none, and we begin again. */
static int open_tmp(struct target *t, struct sab_error *err)
{
    for (;;) {
        struct stat ours, named;
        t->fd = sab_sys_open(t->folder_fd, t->tmp, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK);
        if (t->fd < 0)
            return sab_fail(err, SAB_IO, "cannot write '%s': opening the .tmp beside it failed: %s", t->path,
                            strerror(errno));
        int held = sab_lock_try(t->fd, WRITER_S); /* where a file system has no locks, one writer at a time is the caller's matter */
        if (held > 0)
            return sab_fail(err, SAB_IO, "cannot write '%s': another process has held the .tmp beside it for %d s", t->path,
                            WRITER_S);
        if (held < 0 || fstat(t->fd, &ours) != 0)
            return sab_fail(err, SAB_IO, "cannot write '%s': locking the .tmp beside it failed: %s", t->path,
                            strerror(errno));
        if (!S_ISREG(ours.st_mode) || ours.st_nlink > 1)
            return sab_fail(err, SAB_IO, "cannot write '%s': the .tmp beside it is in the way and not a plain file",
                            t->path);
        if (fstatat(t->folder_fd, t->tmp, &named, AT_SYMLINK_NOFOLLOW) == 0 && named.st_ino == ours.st_ino &&
            named.st_dev == ours.st_dev)
            return SAB_OK;
        close(t->fd);
        t->fd = -1;
    }
}

/* The new file is as its predecessor was: whose, and who may do what. Where the owner cannot be kept, the rights are
 * those of the new owner. */
static void keep_mode(const struct target *t)
{
    struct stat ours;
    if (!t->is_there || fstat(t->fd, &ours) != 0)
        return;
    if ((ours.st_uid == t->old.st_uid && ours.st_gid == t->old.st_gid) ||
        fchown(t->fd, t->old.st_uid, t->old.st_gid) == 0 || fchown(t->fd, (uid_t)-1, t->old.st_gid) == 0)
        fchmod(t->fd, t->old.st_mode & 0777);
    else
        fchmod(t->fd, t->old.st_mode & 0707); /* another group must not have the rights of the old one */
}

static int fill_tmp(struct target *t, const void *data, size_t nbytes, struct sab_error *err)
{
    if (sab_sys_truncate(t->fd, 0) != 0)
        return sab_fail(err, SAB_IO, "cannot write '%s': emptying the .tmp beside it failed: %s", t->path,
                        strerror(errno));
    keep_mode(t);
    size_t done = sab_sys_write(t->fd, data, nbytes);
    if (done < nbytes)
        return sab_fail(err, SAB_IO, "cannot write '%s': writing failed at byte %zu of %zu: %s", t->path, done, nbytes,
                        strerror(errno));
    if (sab_sys_sync(t->fd) != 0)
        return sab_fail(err, SAB_IO, "cannot write '%s': syncing %zu bytes failed: %s", t->path, nbytes,
                        strerror(errno));
    if (renameat(t->folder_fd, t->tmp, t->folder_fd, t->name) != 0)
        return sab_fail(err, SAB_IO, "cannot write '%s': renaming the .tmp beside it failed: %s", t->path,
                        strerror(errno));
    return SAB_OK;
}

static int replace(struct target *t, const void *data, size_t nbytes, struct sab_error *err)
{
    int status = open_tmp(t, err);
    if (status != SAB_OK)
        return status;
    status = fill_tmp(t, data, nbytes, err);
    if (status != SAB_OK)
        unlinkat(t->folder_fd, t->tmp, 0);
    /* Folders that cannot be synced at all say EINVAL. */
    else if (sab_sys_sync(t->folder_fd) != 0 && errno != EINVAL)
        status = sab_fail(err, SAB_IO, "'%s' was written, but syncing its folder failed: %s", t->path, strerror(errno));
    return status;
}

/* ---- public ----------------------------------------------------------------------------------------------------- */

int sab_file_write_atomic(const char *path, const void *data, size_t nbytes, struct sab_error *err)
{
    struct target t = {.path = path, .folder_fd = -1, .fd = -1, .own_fd = -1};
    int status = enter(&t, err);
    if (status == SAB_OK)
        status = t.is_through ? write_through(&t, data, nbytes, err) : replace(&t, data, nbytes, err);
    leave(&t);
    return status;
}

int sab_file_check_writable(const char *path, struct sab_error *err)
{
    struct target t = {.path = path, .folder_fd = -1, .fd = -1, .own_fd = -1};
    int status = enter(&t, err);
    if (status == SAB_OK && t.is_through) {
        if (t.own_fd >= 0 ? !is_own_open(&t) : faccessat(t.folder_fd, t.name, W_OK, AT_EACCESS) != 0)
            status = sab_fail(err, SAB_IO, "cannot write '%s': %s", path, strerror(errno));
    } else if (status == SAB_OK && faccessat(t.folder_fd, ".", W_OK | X_OK, AT_EACCESS) != 0) {
        status = sab_fail(err, SAB_IO, "cannot write '%s': its folder: %s", path, strerror(errno));
    }
    leave(&t);
    return status;
}
