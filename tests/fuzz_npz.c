/* Any bytes as an .npz file of a data set, for libFuzzer: no crash, no overrun, nothing unpacked beyond the promise, and
 * what opens can be read to its last element. The mutator mends checksums, which no mutation would meet by chance.
 *
 *     ctest: tier hours
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "fuzzing.h"
#include "source/npy_set.h"


static size_t get(const uint8_t *p, int n)
{
    return n == 0 ? 0 : p[0] | get(p + 1, n - 1) << 8;
}

static void mend(uint8_t *data, size_t nbytes)
{
    for (size_t at = 0; nbytes >= 46 && at <= nbytes - 46; at++) {
        uint8_t *entry = data + at;
        if (memcmp(entry, "PK\1\2", 4) != 0)
            continue;
        size_t packed = get(entry + 20, 4), local = get(entry + 42, 4);
        if (local > nbytes || nbytes - local < 30)
            continue;
        size_t content = local + 30 + get(data + local + 26, 2) + get(data + local + 28, 2);
        if (get(entry + 10, 2) != 0 || content > nbytes || packed > nbytes - content)
            continue;
        uint32_t crc = (uint32_t)crc32(0, data + content, (uInt)packed);
        for (int k = 0; k < 4; k++)
            entry[16 + k] = (uint8_t)(crc >> 8 * k);
    }
}

/* ---- an archive taken apart, one member of it changed, and put together again: packed or not, all sums right ---- */

enum { MEMBERS = 4, MEMBER_CAP = 1 << 14, NAME_CAP = 24 };

struct member {
    char name[NAME_CAP];
    uint8_t bytes[MEMBER_CAP];
    size_t nbytes;
};

static uint8_t *set(uint8_t *p, int n, size_t value)
{
    for (int k = 0; k < n; k++)
        p[k] = (uint8_t)(value >> 8 * k);
    return p + n;
}

/* What unpacks as far as it does; 0: no member. */
static int take_apart(const uint8_t *data, size_t nbytes, struct member members[MEMBERS])
{
    int n = 0;
    for (size_t at = 0; nbytes >= 46 && at <= nbytes - 46 && n < MEMBERS; at++) {
        const uint8_t *entry = data + at;
        struct member *m = &members[n];
        size_t packed = get(entry + 20, 4), name = get(entry + 28, 2), local = get(entry + 42, 4);
        if (memcmp(entry, "PK\1\2", 4) != 0 || local > nbytes || nbytes - local < 30 || name >= NAME_CAP || name > nbytes - at - 46)
            continue;
        size_t content = local + 30 + get(data + local + 26, 2) + get(data + local + 28, 2);
        if (content > nbytes || packed > nbytes - content)
            continue;
        memset(m->name, 0, NAME_CAP);
        memcpy(m->name, entry + 46, name);
        z_stream z = {.next_in = (uint8_t *)data + content, .avail_in = (uInt)packed, .next_out = m->bytes, .avail_out = MEMBER_CAP};
        if (get(entry + 10, 2) == 0) {
            m->nbytes = packed < MEMBER_CAP ? packed : MEMBER_CAP;
            memcpy(m->bytes, data + content, m->nbytes);
        } else if (inflateInit2(&z, -MAX_WBITS) == Z_OK) {
            inflate(&z, Z_FINISH);
            m->nbytes = z.total_out;
            inflateEnd(&z);
        }
        n++;
    }
    return n;
}

static size_t pack(const struct member *m, int packs, uint8_t *to, size_t cap)
{
    z_stream z = {.next_in = (uint8_t *)m->bytes, .avail_in = (uInt)m->nbytes, .next_out = to, .avail_out = (uInt)cap};
    if (!packs) {
        memcpy(to, m->bytes, m->nbytes);
        return m->nbytes;
    }
    if (deflateInit2(&z, 1, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    deflate(&z, Z_FINISH);
    deflateEnd(&z);
    return z.total_out;
}

/* A header of a member, in its place (local) or in the directory. */
static uint8_t *put_header(uint8_t *p, const struct member *m, int packs, size_t packed, size_t place, int is_local)
{
    size_t name = strlen(m->name);
    p = set(p, 4, is_local ? 0x04034b50 : 0x02014b50);
    p = is_local ? set(p, 2, 20) : set(set(p, 2, 20), 2, 20);
    p = set(set(set(p, 2, 0), 2, packs ? 8 : 0), 4, 0);
    p = set(set(set(p, 4, crc32(0, m->bytes, (uInt)m->nbytes)), 4, packed), 4, m->nbytes);
    p = set(set(p, 2, name), 2, 0);
    if (!is_local)
        p = set(set(set(set(set(p, 2, 0), 2, 0), 2, 0), 4, 0), 4, place);
    memcpy(p, m->name, name);
    return p + name;
}

static size_t put_together(const struct member *members, int n, unsigned packs, uint8_t *data)
{
    uint8_t *p = data, directory[MEMBERS * (46 + NAME_CAP)], *d = directory;
    for (int i = 0; i < n; i++) {
        static uint8_t packed[2 * MEMBER_CAP];
        size_t place = (size_t)(p - data), size = pack(&members[i], packs >> i & 1, packed, sizeof packed);
        p = put_header(p, &members[i], packs >> i & 1, size, 0, 1);
        memcpy(p, packed, size);
        p += size;
        d = put_header(d, &members[i], packs >> i & 1, size, place, 0);
    }
    size_t begin = (size_t)(p - data), size = (size_t)(d - directory);
    memcpy(p, directory, size);
    p = set(set(set(p + size, 4, 0x06054b50), 2, 0), 2, 0);
    p = set(set(set(set(set(p, 2, (size_t)n), 2, (size_t)n), 4, size), 4, begin), 2, 0);
    return (size_t)(p - data);
}

/* Changes an array: any bytes, or its header alone, whose length stays right. */
static void change(struct member *m, unsigned seed)
{
    size_t cap = MEMBER_CAP - 64;
    if (seed % 3 != 0 || m->nbytes < 12) {
        m->nbytes = LLVMFuzzerMutate(m->bytes, m->nbytes < cap ? m->nbytes : cap, cap);
        return;
    }
    size_t header = get(m->bytes + 8, 2), most = m->nbytes - 10;
    header = header < most ? header : most;
    uint8_t text[4096];
    size_t kept = header < 2048 ? header : 2048, rest = m->nbytes - 10 - header;
    memcpy(text, m->bytes + 10, kept);
    size_t n = LLVMFuzzerMutate(text, kept, 2048);
    rest = rest < cap - 10 - n ? rest : cap - 10 - n;
    memmove(m->bytes + 10 + n, m->bytes + 10 + header, rest);
    memcpy(m->bytes + 10, text, n);
    set(m->bytes + 8, 2, n);
    m->nbytes = 10 + n + rest;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t nbytes, size_t cap, unsigned seed)
{
    static struct member members[MEMBERS];
    static uint8_t whole[MEMBERS * (2 * MEMBER_CAP + 256)];
    int n = seed % 4 == 0 ? 0 : take_apart(data, nbytes, members);
    if (n > 0) {
        change(&members[seed / 4 % (unsigned)n], seed / 64);
        size_t made = put_together(members, n, seed / 16 % 16, whole);
        if (made <= cap) {
            memcpy(data, whole, made);
            return made;
        }
    }
    nbytes = LLVMFuzzerMutate(data, nbytes, cap);
    if (seed % 8 != 0)
        mend(data, nbytes);
    return nbytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t nbytes)
{
    const char *path = fuzz_put(0, data, nbytes);
    struct sab_npy_set set;
    struct sab_error err = {0};
    int status = sab_npy_set_open(&set, path, &err);
    if (status != SAB_OK) {
        if (!err.message[0])
            abort();
        return 0;
    }
    double sum = 0;
    for (int64_t i = 0; i < set.x.count; i++)
        sum += sab_npy_real(&set.x, i);
    for (int64_t i = 0; set.has_y && i < set.y.count; i++)
        sum += sab_npy_real(&set.y, i);
    for (int64_t n = 0; n < set.N; n++)
        if (sab_npy_set_length(&set, n) < 1 || sab_npy_set_length(&set, n) > set.T)
            abort();
    sab_npy_set_close(&set);
    return sum == 0.125; /* so that it is read */
}
