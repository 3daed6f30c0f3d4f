/* See safetensors_format.h and, for the types, safetensors.h. */
#include "io/safetensors_format.h"

#include <assert.h>
#include <math.h>
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
    [SAB_DTYPE_F32] = {"F32", 4}, [SAB_DTYPE_F64] = {"F64", 8}, [SAB_DTYPE_F16] = {"F16", 2},
    [SAB_DTYPE_BF16] = {"BF16", 2},
};

const char *sab_dtype_name(int dtype)
{
    assert(dtype >= 0 && dtype < SAB_DTYPE_COUNT);
    return dtypes[dtype].name;
}

size_t sab_dtype_nbytes(int dtype)
{
    assert(dtype >= 0 && dtype < SAB_DTYPE_COUNT);
    return dtypes[dtype].nbytes;
}

int sab_dtype_is_real(int dtype)
{
    return dtype == SAB_DTYPE_F16 || dtype == SAB_DTYPE_BF16 || dtype == SAB_DTYPE_F32 || dtype == SAB_DTYPE_F64;
}

/* 1 bit of sign, 5 of exponent, 10 of fraction. */
static double from_half(unsigned bits)
{
    int exponent = (int)(bits >> 10 & 31), fraction = (int)(bits & 1023);
    double size = exponent == 0    ? ldexp(fraction, -24)
                  : exponent == 31 ? (fraction ? NAN : INFINITY)
                                   : ldexp(1024 + fraction, exponent - 25);
    return bits >> 15 ? -size : size;
}

double sab_safetensors_number(const struct sab_safetensors_view *view, size_t j)
{
    const char *at = (const char *)view->data + j * sab_dtype_nbytes(view->dtype);
    assert(sab_dtype_is_real(view->dtype) && j < view->nbytes / sab_dtype_nbytes(view->dtype));
    uint16_t half;
    uint32_t bits;
    float single;
    double number;
    switch (view->dtype) {
    case SAB_DTYPE_F16:
        memcpy(&half, at, sizeof half);
        return from_half(half);
    case SAB_DTYPE_BF16: /* the upper half of a float */
        memcpy(&half, at, sizeof half);
        bits = (uint32_t)half << 16;
        memcpy(&single, &bits, sizeof single);
        return single;
    case SAB_DTYPE_F32:
        memcpy(&single, at, sizeof single);
        return single;
    default:
        memcpy(&number, at, sizeof number);
        return number;
    }
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
