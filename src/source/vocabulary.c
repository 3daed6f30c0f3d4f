/* See vocabulary.h. */
#include "source/vocabulary.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

uint32_t sab_units_limit(int units)
{
    return units == SAB_UNITS_BYTES ? 256 : 0x110000;
}

/* ---- making ---- */

static int fail_memory(struct sab_vocabulary *v, int n, struct sab_error *err)
{
    sab_vocabulary_clear(v);
    return sab_fail(err, SAB_NOMEM, "no memory for a vocabulary of %d symbols", n);
}

/* Numbers the codes, which ascend. */
static int number_codes(struct sab_vocabulary *v, struct sab_error *err)
{
    v->top = v->codes[v->n - 1];
    v->ids = sab_alloc((size_t)v->top + 1, sizeof *v->ids);
    if (!v->ids)
        return fail_memory(v, v->n, err);
    for (uint32_t code = 0; code <= v->top; code++)
        v->ids[code] = -1;
    for (int i = 0; i < v->n; i++)
        v->ids[v->codes[i]] = i;
    return SAB_OK;
}

int sab_vocabulary_learn(struct sab_vocabulary *v, int units, const uint64_t *counts, uint32_t top, int unknown,
                         struct sab_error *err)
{
    uint64_t least = unknown > 1 ? (uint64_t)unknown : 1;
    int n = 0;
    *v = (struct sab_vocabulary){0};
    for (uint32_t code = 0; code <= top; code++)
        n += counts[code] >= least;
    if (n == 0)
        return sab_fail(err, SAB_FORMAT, "no character occurs %llu times or more; lower --unknown",
                        (unsigned long long)least);
    *v = (struct sab_vocabulary){.units = units, .unknown = unknown};
    v->codes = sab_alloc((size_t)n, sizeof *v->codes);
    if (!v->codes)
        return fail_memory(v, n, err);
    for (uint32_t code = 0; code <= top; code++)
        if (counts[code] >= least)
            v->codes[v->n++] = code;
    return number_codes(v, err);
}

int sab_vocabulary_take(struct sab_vocabulary *v, int units, int unknown, const char *text, size_t nbytes, struct sab_error *err)
{
    int n = 0;
    for (size_t i = 0; i < nbytes; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    if (n == 0 || (uint32_t)n > sab_units_limit(units))
        return sab_fail(err, SAB_FORMAT, "\"symbols\" has %d characters; 1..%u are legal", n, sab_units_limit(units));
    *v = (struct sab_vocabulary){.units = units, .n = n, .unknown = unknown};
    v->codes = sab_alloc((size_t)n, sizeof *v->codes);
    if (!v->codes)
        return fail_memory(v, n, err);
    int status = SAB_OK;
    size_t at = 0;
    for (int i = 0; i < n && status == SAB_OK; i++) {
        at += (size_t)sab_text_decode(text + at, nbytes - at, &v->codes[i]);
        if (v->codes[i] >= sab_units_limit(units))
            status = sab_fail(err, SAB_FORMAT, "symbol %d has the code 0x%x; bytes are below 0x100", i, v->codes[i]);
        else if (i > 0 && v->codes[i] <= v->codes[i - 1])
            status = sab_fail(err, SAB_FORMAT, "symbol %d has the code 0x%x, after 0x%x; codes must ascend", i,
                              v->codes[i], v->codes[i - 1]);
    }
    if (status == SAB_OK)
        return number_codes(v, err);
    sab_vocabulary_clear(v);
    return status;
}

void sab_vocabulary_clear(struct sab_vocabulary *v)
{
    sab_free(v->codes);
    sab_free(v->ids);
    *v = (struct sab_vocabulary){0};
}

/* ---- asking ---- */

int sab_vocabulary_size(const struct sab_vocabulary *v)
{
    return v->n + (v->unknown > 0);
}

int32_t sab_vocabulary_symbol(const struct sab_vocabulary *v, uint32_t code)
{
    int32_t id = code <= v->top ? v->ids[code] : -1;
    return id < 0 && v->unknown > 0 ? v->n : id;
}

void sab_code_name(int units, uint32_t code, char buf[SAB_CODE_NAME_CAP])
{
    char text[4];
    if (units == SAB_UNITS_BYTES)
        snprintf(buf, SAB_CODE_NAME_CAP, "byte 0x%02x", code);
    else if (code < 0x20 || (code >= 0x7f && code < 0xa0))
        snprintf(buf, SAB_CODE_NAME_CAP, "U+%04X", code);
    else
        snprintf(buf, SAB_CODE_NAME_CAP, "\"%.*s\" (U+%04X)", sab_text_encode(code, text), text, code);
}
