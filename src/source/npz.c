/* See npz.h. The format is PKWARE's APPNOTE 6.3, of which this reads: one disk, methods stored and deflated, zip64.
 *
 *     local header, name, extra, content | ... | central directory: one entry a member | [zip64 end, locator] | end
 *
 * The central directory is believed, but for what can be checked: every offset and length against the archive. */
#include "source/npz.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/error.h"

enum {
    END_NBYTES = 22,
    LOCATOR_NBYTES = 20,
    END64_NBYTES = 56,
    ENTRY_NBYTES = 46,
    LOCAL_NBYTES = 30,
    COMMENT_MOST = 65535,
    ENTRIES_MOST = 100000
};

struct archive {
    const unsigned char *bytes;
    size_t nbytes;
    const char *name;
    uint64_t directory, directory_nbytes, entries;
};

struct entry {
    unsigned flags, method;
    uint32_t crc;
    uint64_t packed, unpacked, local;
    const unsigned char *name;
    size_t name_nbytes;
};

static unsigned get2(const unsigned char *p)
{
    return (unsigned)p[0] | (unsigned)p[1] << 8;
}

static uint32_t get4(const unsigned char *p)
{
    return (uint32_t)get2(p) | (uint32_t)get2(p + 2) << 16;
}

static uint64_t get8(const unsigned char *p)
{
    return (uint64_t)get4(p) | (uint64_t)get4(p + 4) << 32;
}

static int is_signed(const unsigned char *p, unsigned char a, unsigned char b)
{
    return p[0] == 'P' && p[1] == 'K' && p[2] == a && p[3] == b;
}

int sab_npz_is_zip(const unsigned char *bytes, size_t nbytes)
{
    return nbytes >= 4 && (is_signed(bytes, 3, 4) || is_signed(bytes, 5, 6));
}

/* The record that ends the archive: the last place where one fits with its comment reaching exactly to the end. */
static int find_end(const struct archive *a, size_t *end, struct sab_error *err)
{
    size_t least = a->nbytes > END_NBYTES + COMMENT_MOST ? a->nbytes - END_NBYTES - COMMENT_MOST : 0;
    for (size_t at = a->nbytes < END_NBYTES ? 0 : a->nbytes - END_NBYTES + 1; at-- > least;)
        if (is_signed(a->bytes + at, 5, 6) && get2(a->bytes + at + 20) == a->nbytes - at - END_NBYTES) {
            *end = at;
            return SAB_OK;
        }
    return sab_fail(err, SAB_FORMAT, "%s is a zip archive that is cut off or damaged: its end record is missing",
                    a->name);
}

static int find_directory(struct archive *a, struct sab_error *err)
{
    size_t end = 0;
    int status = find_end(a, &end, err);
    if (status != SAB_OK)
        return status;
    const unsigned char *p = a->bytes + end;
    size_t disk = get2(p + 4), first_disk = get2(p + 6);
    a->entries = get2(p + 10);
    a->directory_nbytes = get4(p + 12);
    a->directory = get4(p + 16);
    if (a->entries == 0xffff || a->directory_nbytes == 0xffffffff || a->directory == 0xffffffff) {
        const unsigned char *locator = p - LOCATOR_NBYTES;
        if (end < LOCATOR_NBYTES || !is_signed(locator, 6, 7))
            return sab_fail(err, SAB_FORMAT, "%s: damaged zip archive: the zip64 locator is missing at byte %zu",
                            a->name, end < LOCATOR_NBYTES ? 0 : end - LOCATOR_NBYTES);
        uint64_t at = get8(locator + 8);
        if (end < END64_NBYTES || at > end - END64_NBYTES || !is_signed(a->bytes + at, 6, 6))
            return sab_fail(err, SAB_FORMAT, "%s: damaged zip archive: no zip64 end record at byte %llu", a->name,
                            (unsigned long long)at);
        const unsigned char *q = a->bytes + at;
        disk = get4(q + 16);
        first_disk = get4(q + 20);
        a->entries = get8(q + 32);
        a->directory_nbytes = get8(q + 40);
        a->directory = get8(q + 48);
    }
    if (disk != 0 || first_disk != 0)
        return sab_fail(err, SAB_FORMAT, "%s is one part of a zip archive in several", a->name);
    if (a->directory > end || a->directory_nbytes > end - a->directory)
        return sab_fail(err, SAB_FORMAT, "%s: damaged zip archive: its directory of %llu bytes at byte %llu does not fit "
                        "into %zu", a->name, (unsigned long long)a->directory_nbytes,
                        (unsigned long long)a->directory, a->nbytes);
    if (a->entries > ENTRIES_MOST)
        return sab_fail(err, SAB_FORMAT, "%s claims %llu members; at most %d are read", a->name,
                        (unsigned long long)a->entries, ENTRIES_MOST);
    return SAB_OK;
}

/* Sizes of 4 GiB and more stand in the extra field 1, in this order, each only if its 32-bit field is full. */
static int read_zip64(struct entry *e, const unsigned char *extra, size_t nbytes)
{
    uint64_t *const fields[] = {&e->unpacked, &e->packed, &e->local};
    for (size_t at = 0; at + 4 <= nbytes;) {
        size_t length = get2(extra + at + 2);
        const unsigned char *p = extra + at + 4;
        if (length > nbytes - at - 4)
            return 1;
        if (get2(extra + at) == 1) {
            for (int k = 0; k < 3; k++) {
                if (*fields[k] != 0xffffffff)
                    continue;
                if (length < 8)
                    return 1;
                *fields[k] = get8(p);
                p += 8;
                length -= 8;
            }
            return 0;
        }
        at += 4 + length;
    }
    return e->unpacked == 0xffffffff || e->packed == 0xffffffff || e->local == 0xffffffff;
}

/* The entry at offset *at of the directory; *at moves on. */
static int read_entry(const struct archive *a, size_t *at, uint64_t number, struct entry *e, struct sab_error *err)
{
    const unsigned char *p = a->bytes + a->directory + *at;
    size_t left = a->directory_nbytes - *at;
    size_t nbytes = left < ENTRY_NBYTES ? SIZE_MAX : ENTRY_NBYTES + get2(p + 28) + get2(p + 30) + get2(p + 32);
    if (left < ENTRY_NBYTES || !is_signed(p, 1, 2) || nbytes > left)
        return sab_fail(err, SAB_FORMAT, "%s: damaged zip archive: entry %llu of its directory, at byte %llu", a->name,
                        (unsigned long long)number + 1, (unsigned long long)a->directory + *at);
    *e = (struct entry){
        .flags = get2(p + 8),
        .method = get2(p + 10),
        .crc = get4(p + 16),
        .packed = get4(p + 20),
        .unpacked = get4(p + 24),
        .local = get4(p + 42),
        .name = p + ENTRY_NBYTES,
        .name_nbytes = get2(p + 28),
    };
    if (read_zip64(e, e->name + e->name_nbytes, get2(p + 30)))
        return sab_fail(err, SAB_FORMAT, "%s: damaged zip archive: the zip64 sizes of entry %llu are missing", a->name,
                        (unsigned long long)number + 1);
    *at += nbytes;
    return SAB_OK;
}

/* Where the content of a member begins. */
static int find_content(const struct archive *a, const struct entry *e, const char *name, const unsigned char **content,
                        struct sab_error *err)
{
    const unsigned char *p = a->bytes + e->local;
    if (a->directory < LOCAL_NBYTES || e->local > a->directory - LOCAL_NBYTES || !is_signed(p, 3, 4))
        return sab_fail(err, SAB_FORMAT, "%s: damaged zip archive: the member %s.npy does not begin at byte %llu",
                        a->name, name, (unsigned long long)e->local);
    size_t left = a->directory - e->local - LOCAL_NBYTES, names = get2(p + 26) + get2(p + 28);
    if (names > left || e->packed > left - names)
        return sab_fail(err, SAB_FORMAT, "%s: damaged zip archive: the member %s.npy of %llu bytes reaches beyond the "
                        "archive", a->name, name, (unsigned long long)e->packed);
    *content = p + LOCAL_NBYTES + names;
    return SAB_OK;
}

static int inflate_all(const unsigned char *packed, size_t packed_nbytes, unsigned char *out, size_t nbytes)
{
    z_stream z = {0};
    size_t taken = 0, given = 0;
    int rc = inflateInit2(&z, -MAX_WBITS);
    if (rc != Z_OK)
        return rc;
    while (rc == Z_OK) {
        uInt in = packed_nbytes - taken > INT_MAX ? INT_MAX : (uInt)(packed_nbytes - taken);
        uInt room = nbytes - given > INT_MAX ? INT_MAX : (uInt)(nbytes - given);
        z.next_in = (unsigned char *)packed + taken;
        z.avail_in = in;
        z.next_out = out + given;
        z.avail_out = room;
        rc = inflate(&z, Z_NO_FLUSH);
        taken += in - z.avail_in;
        given += room - z.avail_out;
        if (rc == Z_OK && in == z.avail_in && room == z.avail_out)
            rc = Z_BUF_ERROR;
    }
    inflateEnd(&z);
    return rc == Z_STREAM_END && given == nbytes && taken == packed_nbytes ? Z_OK : rc == Z_MEM_ERROR ? rc : Z_DATA_ERROR;
}

static int unpack(const struct archive *a, const struct entry *e, const char *name, const unsigned char *content,
                  size_t *budget, struct sab_npz_member *member, struct sab_error *err)
{
    if (e->unpacked > *budget)
        return sab_fail(err, SAB_FORMAT, "%s: the member %s.npy unpacks to %llu bytes; with what else is unpacked, more "
                        "than 64 MiB + 2 x the archive. Save it with np.savez, without compression: then it is mapped",
                        a->name, name, (unsigned long long)e->unpacked);
    unsigned char *out = sab_alloc(e->unpacked, 1);
    if (!out)
        return sab_fail(err, SAB_NOMEM, "no memory for the %llu bytes of %s.npy in %s", (unsigned long long)e->unpacked,
                        name, a->name);
    int rc = inflate_all(content, e->packed, out, e->unpacked);
    if (rc != Z_OK) {
        sab_free(out);
        return rc == Z_MEM_ERROR ? sab_fail(err, SAB_NOMEM, "no memory to unpack %s.npy in %s", name, a->name)
                                 : sab_fail(err, SAB_FORMAT, "%s: the compressed member %s.npy is damaged", a->name, name);
    }
    *budget -= e->unpacked;
    *member = (struct sab_npz_member){.data = out, .nbytes = e->unpacked, .owned = out};
    return SAB_OK;
}

static void forget(struct sab_npz_member *member, int *is_there)
{
    sab_free(member->owned);
    *member = (struct sab_npz_member){0};
    *is_there = 0;
}

static uint32_t crc_of(const unsigned char *bytes, size_t nbytes)
{
    uLong crc = crc32(0, NULL, 0);
    for (size_t done = 0; done < nbytes;) {
        uInt n = nbytes - done > INT_MAX ? INT_MAX : (uInt)(nbytes - done);
        crc = crc32(crc, bytes + done, n);
        done += n;
    }
    return (uint32_t)crc;
}

static int read_member(const struct archive *a, const struct entry *e, const char *name, size_t *budget,
                       struct sab_npz_member *member, struct sab_error *err)
{
    const unsigned char *content = NULL;
    if (e->flags & 1)
        return sab_fail(err, SAB_FORMAT, "%s: the member %s.npy is encrypted", a->name, name);
    if (e->method != 0 && e->method != 8)
        return sab_fail(err, SAB_FORMAT, "%s: the member %s.npy is compressed by method %u; stored and deflated ones are "
                        "read (np.savez, np.savez_compressed)", a->name, name, e->method);
    int status = find_content(a, e, name, &content, err);
    if (status != SAB_OK)
        return status;
    struct sab_npz_member m = {.data = content, .nbytes = e->packed};
    if (e->method == 8) {
        status = unpack(a, e, name, content, budget, &m, err);
        if (status != SAB_OK)
            return status;
    } else if (e->packed != e->unpacked) {
        return sab_fail(err, SAB_FORMAT, "%s: the stored member %s.npy has two sizes, %llu and %llu bytes", a->name, name,
                        (unsigned long long)e->packed, (unsigned long long)e->unpacked);
    }
    if (crc_of(m.data, m.nbytes) != e->crc) {
        sab_free(m.owned);
        return sab_fail(err, SAB_FORMAT, "%s: the member %s.npy is damaged: its checksum differs", a->name, name);
    }
    *member = m;
    return SAB_OK;
}

int sab_npz_find(const unsigned char *bytes, size_t nbytes, const char *name_in_messages, const char *name,
                 size_t *budget_nbytes, struct sab_npz_member *member, int *is_there, struct sab_error *err)
{
    struct archive a = {.bytes = bytes, .nbytes = nbytes, .name = name_in_messages};
    char file[64];
    int length = snprintf(file, sizeof file, "%s.npy", name);
    int status = find_directory(&a, err);
    size_t at = 0;
    *is_there = 0;
    for (uint64_t k = 0; status == SAB_OK && k < a.entries; k++) {
        struct entry e = {0};
        status = read_entry(&a, &at, k, &e, err);
        if (status != SAB_OK || e.name_nbytes != (size_t)length || memcmp(e.name, file, e.name_nbytes) != 0)
            continue;
        if (*is_there) {
            forget(member, is_there);
            return sab_fail(err, SAB_FORMAT, "%s has two members %s", a.name, file);
        }
        status = read_member(&a, &e, name, budget_nbytes, member, err);
        *is_there = status == SAB_OK;
    }
    if (status != SAB_OK && *is_there)
        forget(member, is_there);
    return status;
}
