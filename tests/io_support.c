/* See io_support.h. */
#define _GNU_SOURCE
#include "io_support.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/digest.h"
#include "io/safetensors_format.h"

static char folder[PATH_MAX - 256];
static pid_t owner;

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static void remove_folder(void)
{
    if (getpid() == owner) /* not in a forked child */
        nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void die(const char *what, const char *path)
{
    fprintf(stderr, "test set-up: %s '%s' failed\n", what, path);
    exit(99);
}

const char *io_path(const char *name)
{
    static char paths[8][PATH_MAX];
    static unsigned turn;
    if (!folder[0]) {
        const char *parent = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%s/sab-io-XXXXXX", parent && *parent ? parent : "/tmp");
        if (!mkdtemp(folder))
            die("making", folder);
        owner = getpid();
        atexit(remove_folder);
    }
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void io_put(const char *path, const void *data, size_t nbytes)
{
    /* Not emptied first: ext4 syncs a file that was emptied and written, and the tests put ten thousands. */
    int fd = open(path, O_WRONLY | O_CREAT, 0666);
    if (fd < 0 || (nbytes > 0 && pwrite(fd, data, nbytes, 0) != (ssize_t)nbytes) || truncate(path, (off_t)nbytes) != 0)
        die("writing", path);
    close(fd);
}

char *io_get(const char *path, size_t *nbytes)
{
    struct stat info;
    FILE *file = fopen(path, "rb");
    if (!file || stat(path, &info) != 0)
        die("reading", path);
    *nbytes = (size_t)info.st_size;
    char *data = calloc(*nbytes + 1, 1);
    if (!data || fread(data, 1, *nbytes, file) != *nbytes)
        die("reading", path);
    fclose(file);
    return data;
}

int io_exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

int io_holds(const char *path, const void *data, size_t nbytes)
{
    size_t have;
    char *bytes = io_get(path, &have);
    int same = have == nbytes && memcmp(bytes, data, nbytes) == 0;
    free(bytes);
    return same;
}

void io_put_safetensors(const char *path, const char *header, size_t header_nbytes, const void *payload,
                        size_t payload_nbytes)
{
    char *bytes = calloc(8 + header_nbytes + payload_nbytes, 1);
    if (!bytes)
        die("laying out", path);
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)((uint64_t)header_nbytes >> 8 * i);
    memcpy(bytes + 8, header, header_nbytes);
    if (payload_nbytes > 0)
        memcpy(bytes + 8 + header_nbytes, payload, payload_nbytes);
    io_put(path, bytes, 8 + header_nbytes + payload_nbytes);
    free(bytes);
}

void io_mend_digest(uint8_t *file, size_t nbytes)
{
    size_t prefix = sizeof SAB_DIGEST_PREFIX - 1, digits = SAB_LENGTH_NBYTES + prefix;
    char hex[SAB_DIGEST_DIGITS + 1];
    if (nbytes >= digits + SAB_DIGEST_DIGITS && memcmp(file + SAB_LENGTH_NBYTES, SAB_DIGEST_PREFIX, prefix) == 0 &&
        sab_safetensors_digest((const char *)file, nbytes, digits, hex))
        memcpy(file + digits, hex, SAB_DIGEST_DIGITS);
}
