/* Any bytes as an .npz file of a data set, for libFuzzer: no crash, no overrun, nothing unpacked beyond the promise, and
 * what opens can be read to its last element. The mutator mends checksums, which no mutation would meet by chance.
 *
 *     ctest: tier hours
 */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "data/npy_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t nbytes);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t nbytes, size_t cap, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t nbytes, size_t cap);

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

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t nbytes, size_t cap, unsigned seed)
{
    nbytes = LLVMFuzzerMutate(data, nbytes, cap);
    if (seed % 8 != 0)
        mend(data, nbytes);
    return nbytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t nbytes)
{
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        fd = memfd_create("input", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, nbytes, 0) != (ssize_t)nbytes)
        abort();
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
