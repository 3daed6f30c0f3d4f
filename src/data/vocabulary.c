/* See vocabulary.h. */
#include "data/vocabulary.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/facts.h"

static const char task_name[] = "text";
static const char *const unit_names[] = {"bytes", "chars"};

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

/* ---- as JSON ---- */

int sab_vocabulary_write(const struct sab_vocabulary *v, const struct sab_account *account, char **json,
                         struct sab_error *err)
{
    char *symbols = sab_alloc((size_t)v->n, 4);
    size_t nbytes = 0;
    for (int i = 0; symbols && i < v->n; i++)
        nbytes += (size_t)sab_text_encode(v->codes[i], symbols + nbytes);
    if (!symbols)
        return sab_fail(err, SAB_NOMEM, "no memory for a vocabulary of %d symbols as text", v->n);
    struct sab_json facts;
    sab_facts_begin(&facts, task_name);
    sab_json_text(&facts, "units", unit_names[v->units]);
    sab_json_int(&facts, "unknown", v->unknown);
    sab_json_bytes(&facts, "symbols", symbols, nbytes);
    sab_free(symbols);
    if (account)
        sab_account_put(account, &facts);
    return sab_facts_end(&facts, json, err);
}

/* The symbols one after another: all must be below the limit and ascend. */
static int read_symbols(struct sab_vocabulary *v, int units, int unknown, const struct sab_value *symbols,
                        struct sab_error *err)
{
    const char *text = symbols->as.string; /* in which a 0 byte is a symbol like any other */
    size_t nbytes = symbols->size;
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

static int read_object(struct sab_vocabulary *v, const struct sab_value *object, struct sab_error *err)
{
    const struct sab_value *units = sab_value_get(object, "units"), *unknown = sab_value_get(object, "unknown");
    const struct sab_value *symbols = sab_value_get(object, "symbols");
    const char *unit_name = sab_value_string(units);
    int64_t least;
    size_t words = (sab_value_get(object, "account") != NULL) + (size_t)(sab_value_get(object, "warnings") != NULL);
    if (!units || !unknown || !symbols || sab_value_size(object) != 4 + words)
        return sab_fail(err, SAB_FORMAT, "the keys must be task, units, unknown and symbols");
    int kind = -1;
    for (int i = 0; i < 2 && unit_name; i++)
        if (strcmp(unit_name, unit_names[i]) == 0)
            kind = i;
    if (kind < 0)
        return sab_fail(err, SAB_FORMAT, "\"units\" is neither \"bytes\" nor \"chars\"");
    if (sab_value_int(unknown, 0, SAB_UNKNOWN_MOST, &least))
        return sab_fail(err, SAB_FORMAT, "\"unknown\" is not a whole number in 0..%d", SAB_UNKNOWN_MOST);
    if (!sab_value_is(symbols, SAB_VALUE_STRING))
        return sab_fail(err, SAB_FORMAT, "\"symbols\" is no text");
    return read_symbols(v, kind, (int)least, symbols, err);
}

int sab_vocabulary_read(struct sab_vocabulary *v, const char *facts, struct sab_error *err)
{
    struct sab_error why = {0};
    *v = (struct sab_vocabulary){0};
    const struct sab_value *object;
    int status = sab_facts_parse(&object, facts, task_name, err);
    if (status != SAB_OK)
        return status;
    status = read_object(v, object, &why);
    sab_json_free(object);
    return status == SAB_OK ? SAB_OK : sab_fail(err, status, "the vocabulary that the model kept: %s", why.message);
}
