/* See input.h. */
#include "source/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/error.h"

enum { CHUNK = 1 << 16, FREE_NBYTES = 64 << 20, MOST_RATIO = 32 };

/* ---- a gzip, unpacked as it is read ----------------------------------------------------------------------------- */

struct gzip {
    const char *path;
    int fd;
    z_stream stream;
    unsigned char packed[CHUNK];
    int is_at_end;        /* of the file */
    size_t read_nbytes;   /* from the file so far */
    unsigned char *block; /* the content */
    size_t nbytes, cap;
    size_t most_nbytes;   /* the smaller of the caller's limit and ours */
    int is_callers_limit;
};

/* Where in the file the next byte to unpack stands. */
static size_t packed_at(const struct gzip *g)
{
    return g->read_nbytes - g->stream.avail_in;
}

/* Has bytes to unpack when there are any left. */
static int refill(struct gzip *g, struct sab_error *err)
{
    if (g->stream.avail_in > 0 || g->is_at_end)
        return SAB_OK;
    ssize_t n;
    do
        n = read(g->fd, g->packed, CHUNK);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return sab_fail(err, SAB_IO, "reading '%s' failed at byte %zu: %s", g->path, g->read_nbytes, strerror(errno));
    g->is_at_end = n == 0;
    g->read_nbytes += (size_t)n;
    g->stream.next_in = g->packed;
    g->stream.avail_in = (uInt)n;
    return SAB_OK;
}

static int fail_too_long(const struct gzip *g, struct sab_error *err)
{
    if (g->is_callers_limit)
        return sab_fail(err, SAB_FORMAT, "'%s' unpacks to more than the %zu bytes that it can need", g->path,
                        g->most_nbytes);
    return sab_fail(err, SAB_FORMAT, "'%s' unpacks to more than %zu bytes, which is suspicious for a gzip of its size; "
                    "if it is sound, unpack it first (gunzip)", g->path, g->most_nbytes);
}

/* Makes room for one byte more at least; up to one byte over the limit, since only then it is known that there is too much. */
static int grow(struct gzip *g, struct sab_error *err)
{
    if (g->nbytes < g->cap)
        return SAB_OK;
    if (g->nbytes > g->most_nbytes)
        return fail_too_long(g, err);
    size_t cap = g->cap > SIZE_MAX / 2 ? SIZE_MAX : g->cap ? 2 * g->cap : CHUNK;
    if (cap > g->most_nbytes)
        cap = g->most_nbytes + 1;
    unsigned char *block = realloc(g->block, cap);
    if (!block)
        return sab_fail(err, SAB_NOMEM, "no memory to unpack '%s' beyond byte %zu", g->path, g->nbytes);
    g->block = block;
    g->cap = cap;
    return SAB_OK;
}

static int fail_damaged(const struct gzip *g, struct sab_error *err)
{
    const char *why = g->stream.msg ? g->stream.msg : "it is not in gzip's form";
    int is_checksum = strcmp(why, "incorrect data check") == 0;
    if (is_checksum || strcmp(why, "incorrect length check") == 0) /* noticed once its four bytes were read */
        return sab_fail(err, SAB_FORMAT, "'%s': damaged gzip: the %s at byte %zu does not fit the %zu bytes unpacked",
                        g->path, is_checksum ? "checksum" : "length", packed_at(g) - 4, g->nbytes);
    return sab_fail(err, SAB_FORMAT, "'%s': damaged gzip at byte %zu (%zu bytes unpacked): %s", g->path, packed_at(g),
                    g->nbytes, why);
}

/* Unpacks one member to its end. */
static int unpack_member(struct gzip *g, struct sab_error *err)
{
    for (;;) {
        int status = refill(g, err);
        if (status == SAB_OK)
            status = grow(g, err);
        if (status != SAB_OK)
            return status;
        size_t room = g->cap - g->nbytes;
        uInt asked = room > CHUNK ? CHUNK : (uInt)room;
        g->stream.next_out = g->block + g->nbytes;
        g->stream.avail_out = asked;
        int rc = inflate(&g->stream, Z_NO_FLUSH);
        g->nbytes += asked - g->stream.avail_out;
        if (g->nbytes > g->most_nbytes)
            return fail_too_long(g, err);
        if (rc == Z_STREAM_END)
            return SAB_OK;
        if (rc == Z_MEM_ERROR)
            return sab_fail(err, SAB_NOMEM, "no memory to unpack '%s'", g->path);
        if (rc != Z_OK && rc != Z_BUF_ERROR)
            return fail_damaged(g, err);
        if (g->is_at_end && g->stream.avail_out == asked)
            return sab_fail(err, SAB_FORMAT, "'%s': truncated gzip: the file ends at byte %zu, with %zu bytes unpacked "
                            "and more to come", g->path, g->read_nbytes, g->nbytes);
    }
}

static int unpack_members(struct gzip *g, struct sab_error *err)
{
    for (;;) {
        size_t begin = packed_at(g);
        int status = unpack_member(g, err);
        if (status == SAB_OK)
            status = refill(g, err);
        if (status != SAB_OK || g->stream.avail_in == 0)
            return status;
        if (g->stream.next_in[0] != 0x1f)
            return sab_fail(err, SAB_FORMAT, "'%s': the gzip that begins at byte %zu ends at byte %zu, but something "
                            "else follows", g->path, begin, packed_at(g));
        inflateReset(&g->stream);
    }
}

static int open_gzip(struct sab_input_file *in, const char *path, int fd, size_t file_nbytes, size_t most_nbytes,
                     struct sab_error *err)
{
    size_t ours = file_nbytes > (SIZE_MAX - FREE_NBYTES) / MOST_RATIO ? SIZE_MAX - 1
                                                                      : FREE_NBYTES + MOST_RATIO * file_nbytes;
    struct gzip *g = calloc(1, sizeof *g);
    if (!g)
        return sab_fail(err, SAB_NOMEM, "no memory to unpack '%s'", path);
    g->path = path;
    g->fd = fd;
    g->is_callers_limit = most_nbytes <= ours;
    g->most_nbytes = g->is_callers_limit ? most_nbytes : ours;
    enum { GZIP_WINDOW = 15 + 16 }; /* zlib's way to ask for a gzip and nothing else */
    int status = SAB_NOMEM;
    if (inflateInit2(&g->stream, GZIP_WINDOW) != Z_OK) {
        sab_fail(err, SAB_NOMEM, "no memory to unpack '%s'", path);
    } else {
        status = unpack_members(g, err);
        inflateEnd(&g->stream);
    }
    if (status == SAB_OK && g->nbytes == 0)
        status = sab_fail(err, SAB_FORMAT, "'%s' is a gzip of nothing: it unpacks to 0 bytes", path);
    if (status == SAB_OK) {
        unsigned char *exact = realloc(g->block, g->nbytes);
        in->data = exact ? exact : g->block;
        in->nbytes = g->nbytes;
        in->is_unpacked = 1;
    } else {
        free(g->block);
    }
    free(g);
    return status;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static int map(struct sab_input_file *in, const char *path, int fd, const struct stat *info, size_t most_nbytes,
               struct sab_error *err)
{
    size_t nbytes = (size_t)info->st_size;
    if (nbytes > most_nbytes)
        return sab_fail(err, SAB_FORMAT, "'%s' has %zu bytes, more than the %zu that it can need", path, nbytes,
                        most_nbytes);
    void *data = mmap(NULL, nbytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return sab_fail(err, SAB_IO, "mapping the %zu bytes of '%s' failed: %s", nbytes, path, strerror(errno));
    in->data = data;
    in->nbytes = nbytes;
    in->fd = fd;
    in->modified_s = info->st_mtim.tv_sec;
    in->modified_ns = info->st_mtim.tv_nsec;
    return SAB_OK;
}

/* O_NONBLOCK: a named pipe must be refused, not waited for. */
static int open_regular(const char *path, int *fd, struct stat *info, struct sab_error *err)
{
    do
        *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    while (*fd < 0 && errno == EINTR);
    if (*fd < 0 || fstat(*fd, info) != 0)
        return sab_fail(err, SAB_IO, "cannot open '%s': %s", path, strerror(errno));
    if (!S_ISREG(info->st_mode))
        return sab_fail(err, SAB_IO, "cannot open '%s': it is %s, not a regular file", path,
                        S_ISDIR(info->st_mode) ? "a folder" : "a pipe or device");
    if (info->st_size == 0)
        return sab_fail(err, SAB_FORMAT, "'%s' is empty: it has 0 bytes", path);
    if ((uintmax_t)info->st_size > SIZE_MAX)
        return sab_fail(err, SAB_NOMEM, "'%s' has %lld bytes, more than can be addressed", path,
                        (long long)info->st_size);
    return SAB_OK;
}

int sab_input_open(struct sab_input_file *in, const char *path, size_t most_nbytes, struct sab_error *err)
{
    struct sab_input_file opened = {.fd = -1};
    struct stat info;
    unsigned char magic[2] = {0, 0};
    int fd;
    int status = open_regular(path, &fd, &info, err);
    if (status != SAB_OK)
        goto failed;
    opened.path = strdup(path);
    if (!opened.path) {
        status = sab_fail(err, SAB_NOMEM, "no memory to open '%s'", path);
        goto failed;
    }
    if (pread(fd, magic, 2, 0) < 0)
        status = sab_fail(err, SAB_IO, "reading '%s' failed at byte 0: %s", path, strerror(errno));
    else if (magic[0] == 0x1f && magic[1] == 0x8b)
        status = open_gzip(&opened, path, fd, (size_t)info.st_size, most_nbytes, err);
    else
        status = map(&opened, path, fd, &info, most_nbytes, err);
    if (status != SAB_OK)
        goto failed;
    if (opened.is_unpacked)
        close(fd);
    *in = opened;
    return SAB_OK;
failed:
    if (fd >= 0)
        close(fd);
    free(opened.path);
    return status;
}

void sab_input_close(struct sab_input_file *in)
{
    if (!in->data)
        return;
    if (in->is_unpacked) {
        free((void *)(uintptr_t)in->data);
    } else {
        munmap((void *)(uintptr_t)in->data, in->nbytes);
        close(in->fd);
    }
    free(in->path);
    *in = (struct sab_input_file){.fd = -1};
}

int sab_input_check(const struct sab_input_file *in, struct sab_error *err)
{
    struct stat now;
    if (in->is_unpacked)
        return SAB_OK;
    if (fstat(in->fd, &now) != 0)
        return sab_fail(err, SAB_IO, "cannot look after '%s': %s", in->path, strerror(errno));
    if ((uintmax_t)now.st_size != in->nbytes)
        return sab_fail(err, SAB_IO, "'%s' had %zu bytes when it was opened and has %lld now: it must not change while "
                        "it is in use", in->path, in->nbytes, (long long)now.st_size);
    if (now.st_mtim.tv_sec != in->modified_s || now.st_mtim.tv_nsec != in->modified_ns)
        return sab_fail(err, SAB_IO, "'%s' was written to since it was opened: it must not change while it is in use",
                        in->path);
    return SAB_OK;
}

const char *sab_input_byte(const struct sab_input_file *in)
{
    return in->is_unpacked ? "unpacked byte" : "byte";
}
