/* See arrays.h. */
#include "report/arrays.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int sab_arrays_bytes(struct sab_json *json, const char *key, const uint8_t *numbers, size_t n, struct sab_error *err)
{
    char *text = sab_alloc((n + 2) / 3 * 4 + 1, 1), *to = text;
    if (!text) {
        sab_json_null(json, key);
        return sab_fail(err, SAB_NOMEM, "no memory for %zu bytes of a report", n);
    }
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t three = (uint32_t)numbers[i] << 16 | (left > 1 ? (uint32_t)numbers[i + 1] << 8 : 0) | (left > 2 ? numbers[i + 2] : 0);
        *to++ = digits[three >> 18];
        *to++ = digits[three >> 12 & 63];
        *to++ = left > 1 ? digits[three >> 6 & 63] : '=';
        *to++ = left > 2 ? digits[three & 63] : '=';
    }
    *to = 0;
    sab_json_bytes(json, key, text, (size_t)(to - text));
    sab_free(text);
    return SAB_OK;
}

/* Words of 32 bits, in the order of bytes that the format has on any machine. */
static int write_words(struct sab_json *json, const char *key, const void *words, size_t n, struct sab_error *err)
{
    uint8_t *bytes = sab_alloc(n ? n : 1, 4);
    if (!bytes) {
        sab_json_null(json, key);
        return sab_fail(err, SAB_NOMEM, "no memory for %zu numbers of a report", n);
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t word;
        memcpy(&word, (const char *)words + 4 * i, 4);
        for (int k = 0; k < 4; k++)
            bytes[4 * i + (size_t)k] = (uint8_t)(word >> 8 * k);
    }
    int status = sab_arrays_bytes(json, key, bytes, 4 * n, err);
    sab_free(bytes);
    return status;
}

int sab_arrays_int32(struct sab_json *json, const char *key, const int32_t *numbers, size_t n, struct sab_error *err)
{
    return write_words(json, key, numbers, n, err);
}

int sab_arrays_float(struct sab_json *json, const char *key, const float *numbers, size_t n, struct sab_error *err)
{
    return write_words(json, key, numbers, n, err);
}
