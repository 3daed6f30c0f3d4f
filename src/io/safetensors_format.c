/* See safetensors_format.h and, for the types, safetensors.h. */
#include "io/safetensors_format.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "io/digest.h"
#include "io/safetensors.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "payloads are used as they lie in the file: little-endian"
#endif

static const struct {
    const char *name;
    size_t nbytes;
} dtypes[] = {
    [SAB_DTYPE_U8] = {"U8", 1},   [SAB_DTYPE_I32] = {"I32", 4}, [SAB_DTYPE_I64] = {"I64", 8},
    [SAB_DTYPE_F32] = {"F32", 4}, [SAB_DTYPE_F64] = {"F64", 8},
};

const char *sab_dtype_name(int dtype)
{
    assert(dtype >= SAB_DTYPE_U8 && dtype <= SAB_DTYPE_F64);
    return dtypes[dtype].name;
}

size_t sab_dtype_nbytes(int dtype)
{
    assert(dtype >= SAB_DTYPE_U8 && dtype <= SAB_DTYPE_F64);
    return dtypes[dtype].nbytes;
}

int sab_safetensors_nbytes(int dtype, int ndim, const uint64_t *shape, size_t *nbytes)
{
    size_t product = sab_dtype_nbytes(dtype);
    for (int d = 0; d < ndim; d++)
        if (shape[d] > INT64_MAX || sab_mul_overflows(product, (size_t)shape[d], &product))
            return 1;
    *nbytes = product;
    return 0;
}

int sab_safetensors_digest(const char *file, size_t nbytes, size_t digits, char hex[33])
{
    _Static_assert(sizeof SAB_DIGEST_ZEROS == SAB_DIGEST_DIGITS + 1, "as many zeros as digits");
    struct sab_digest *digest;
    if (sab_digest_create(&digest, NULL) != 0)
        return 0;
    size_t after = digits + SAB_DIGEST_DIGITS;
    sab_digest_add(digest, file, digits);
    sab_digest_add(digest, SAB_DIGEST_ZEROS, SAB_DIGEST_DIGITS);
    sab_digest_add(digest, file + after, nbytes - after);
    sab_digest_hex(digest, hex);
    sab_digest_free(digest);
    return 1;
}
