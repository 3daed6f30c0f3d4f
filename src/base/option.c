/* Reads, writes and checks the fields of structs of options through their rows. See option.h. */
#include "base/option.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

int sab_option_is_named(const struct sab_option *option, const char *name)
{
    const char *a = option->name;
    for (; *a && *name; a++, name++)
        if ((*a == '_' ? '-' : *a) != (*name == '_' ? '-' : *name))
            return 0;
    return *a == *name;
}

int sab_option_is_read_by(const struct sab_option *option, const char *reader)
{
    return option->readers && sab_text_lists(option->readers, reader);
}

static const void *field_of(const struct sab_option *option, const void *object)
{
    return (const char *)object + option->offset;
}

/* ---- setting ---- */

static void write_range(const struct sab_option *option, const char *separator, char *buf, size_t cap)
{
    if (option->kind == SAB_OPTION_CHOICE) {
        size_t used = 0;
        for (int i = 0; option->choices[i] && used < cap; i++)
            used += (size_t)snprintf(buf + used, cap - used, "%s%s", i ? separator : "", option->choices[i]);
    } else if (option->kind == SAB_OPTION_SWITCH) {
        snprintf(buf, cap, "on%soff", separator);
    } else if (option->kind == SAB_OPTION_TEXT) {
        snprintf(buf, cap, "text");
    } else {
        char low[SAB_REAL_TEXT_CAP], high[SAB_REAL_TEXT_CAP];
        if (option->kind == SAB_OPTION_REAL) {
            sab_text_from_real(option->min, low);
            sab_text_from_real(option->max, high);
        } else {
            snprintf(low, sizeof low, "%lld", (long long)option->min);
            snprintf(high, sizeof high, "%lld", (long long)option->max);
        }
        snprintf(buf, cap, "%s..%s", low, high);
    }
}

void sab_option_range(const struct sab_option *option, char *buf, size_t cap)
{
    write_range(option, "|", buf, cap);
}

static int fail_value(const struct sab_option *option, const char *value, struct sab_error *err)
{
    char range[128];
    write_range(option, ", ", range, sizeof range);
    const char *what = option->kind == SAB_OPTION_REAL                                        ? "a number in"
                     : option->kind == SAB_OPTION_CHOICE || option->kind == SAB_OPTION_SWITCH ? "one of"
                                                                                              : "a whole number in";
    return sab_fail(err, SAB_INVALID, "--%s: \"%.60s\" is not %s %s", option->name, value, what, range);
}

static int check_text(const struct sab_option *option, const char *value, size_t length, struct sab_error *err)
{
    if (length >= SAB_OPTION_CAP)
        return sab_fail(err, SAB_INVALID, "--%s: \"%.60s...\" has %zu bytes; at most %d are legal", option->name,
                        value, length, SAB_OPTION_CAP - 1);
    if (!sab_text_is_utf8(value, length))
        return sab_fail(err, SAB_INVALID, "--%s: the value is not UTF-8 text", option->name);
    return SAB_OK;
}

/* A text is the row's default itself, or of the heap. */
static void free_text(const struct sab_option *option, const char **field)
{
    if (*field != option->fallback)
        sab_free((void *)*field);
    *field = NULL;
}

static int set_text(const struct sab_option *option, const char **field, const char *value, struct sab_error *err)
{
    size_t length = strlen(value);
    int status = check_text(option, value, length, err);
    if (status != SAB_OK)
        return status;
    const char *kept = option->fallback;
    if (strcmp(value, kept) != 0) {
        char *copy = sab_alloc(length + 1, 1);
        if (!copy)
            return sab_fail(err, SAB_NOMEM, "no memory for the value of --%s", option->name);
        kept = memcpy(copy, value, length + 1);
    }
    free_text(option, field); /* last: value may be the field's own text */
    *field = kept;
    return SAB_OK;
}

static int find_choice(const struct sab_option *option, const char *value)
{
    for (int i = 0; option->choices[i]; i++)
        if (strcmp(option->choices[i], value) == 0)
            return i;
    return -1;
}

int sab_option_set(const struct sab_option *option, void *object, const char *value, struct sab_error *err)
{
    void *field = (char *)object + option->offset;
    int64_t whole = 0;
    double real;
    switch ((enum sab_option_kind)option->kind) {
    case SAB_OPTION_INT:
    case SAB_OPTION_INT64:
    case SAB_OPTION_UINT64:
        if (sab_text_to_int(value, &whole) || (double)whole < option->min || (double)whole > option->max)
            return fail_value(option, value, err);
        if (option->kind == SAB_OPTION_INT)
            *(int *)field = (int)whole;
        else
            *(int64_t *)field = whole;
        return SAB_OK;
    case SAB_OPTION_REAL:
        if (sab_text_to_real(value, &real) || real < option->min || real > option->max)
            return fail_value(option, value, err);
        *(double *)field = real == 0 ? 0 : real; /* -0 is 0 */
        return SAB_OK;
    case SAB_OPTION_CHOICE:
        whole = find_choice(option, value);
        if (whole < 0)
            return fail_value(option, value, err);
        *(int *)field = (int)whole;
        return SAB_OK;
    case SAB_OPTION_SWITCH:
        if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
            return fail_value(option, value, err);
        *(int *)field = strcmp(value, "on") == 0;
        return SAB_OK;
    case SAB_OPTION_TEXT:
        return set_text(option, field, value, err);
    }
    return SAB_INVALID;
}

/* ---- getting ---- */

const char *sab_option_value(const struct sab_option *option, const void *object, char number[SAB_REAL_TEXT_CAP])
{
    const void *field = field_of(option, object);
    switch ((enum sab_option_kind)option->kind) {
    case SAB_OPTION_INT:
        snprintf(number, SAB_REAL_TEXT_CAP, "%d", *(const int *)field);
        return number;
    case SAB_OPTION_INT64:
        snprintf(number, SAB_REAL_TEXT_CAP, "%lld", (long long)*(const int64_t *)field);
        return number;
    case SAB_OPTION_UINT64:
        snprintf(number, SAB_REAL_TEXT_CAP, "%llu", (unsigned long long)*(const uint64_t *)field);
        return number;
    case SAB_OPTION_REAL:
        sab_text_from_real(*(const double *)field, number);
        return number;
    case SAB_OPTION_CHOICE:
        for (int i = 0; option->choices[i]; i++)
            if (i == *(const int *)field)
                return option->choices[i];
        return "?";
    case SAB_OPTION_SWITCH:
        return *(const int *)field ? "on" : "off";
    case SAB_OPTION_TEXT:
        return *(const char *const *)field;
    }
    return "?";
}

double sab_option_number(const struct sab_option *option, const void *object)
{
    const void *field = field_of(option, object);
    switch ((enum sab_option_kind)option->kind) {
    case SAB_OPTION_INT:
    case SAB_OPTION_CHOICE:
    case SAB_OPTION_SWITCH:
        return *(const int *)field;
    case SAB_OPTION_INT64:
        return (double)*(const int64_t *)field;
    case SAB_OPTION_UINT64:
        return (double)*(const uint64_t *)field;
    case SAB_OPTION_REAL:
        return *(const double *)field;
    case SAB_OPTION_TEXT:
        break;
    }
    return NAN;
}

/* A field is legal when its text, read back, is: one set of rules, for text and for structs filled by hand. */
static int check(const struct sab_option *option, const void *object, struct sab_error *err)
{
    const void *field = field_of(option, object);
    char number[SAB_REAL_TEXT_CAP];
    if (option->kind == SAB_OPTION_SWITCH && *(const int *)field != 0 && *(const int *)field != 1)
        return sab_fail(err, SAB_INVALID, "--%s: %d is neither 0 (off) nor 1 (on)", option->name, *(const int *)field);
    const char *value = sab_option_value(option, object, number);
    if (option->kind == SAB_OPTION_TEXT)
        return check_text(option, value, strlen(value), err);
    struct sab_option alone = *option;
    union {
        int whole;
        int64_t wide;
        double real;
    } scratch;
    alone.offset = 0;
    return sab_option_set(&alone, &scratch, value, err);
}

/* ---- all of them ---- */

void sab_rows_init(const struct sab_rows *rows, void *object)
{
    for (int i = 0; i < rows->count; i++) {
        const struct sab_option *option = &rows->rows[i];
        if (option->kind == SAB_OPTION_TEXT)
            *(const char **)((char *)object + option->offset) = option->fallback;
        else
            sab_option_set(option, object, option->fallback, NULL);
    }
}

int sab_rows_copy(const struct sab_rows *rows, void *to, const void *from, struct sab_error *err)
{
    char number[SAB_REAL_TEXT_CAP];
    int status = SAB_OK;
    for (int i = 0; i < rows->count; i++) /* so that a failure leaves texts that can be cleared */
        if (rows->rows[i].kind == SAB_OPTION_TEXT)
            *(const char **)((char *)to + rows->rows[i].offset) = rows->rows[i].fallback;
    for (int i = 0; i < rows->count && status == SAB_OK; i++) {
        const struct sab_option *option = &rows->rows[i];
        size_t nbytes = option->kind == SAB_OPTION_INT || option->kind == SAB_OPTION_CHOICE ||
                                option->kind == SAB_OPTION_SWITCH
                            ? sizeof(int)
                            : 8; /* int64_t, uint64_t, double */
        if (option->kind == SAB_OPTION_TEXT)
            status = sab_option_set(option, to, sab_option_value(option, from, number), err);
        else
            memcpy((char *)to + option->offset, field_of(option, from), nbytes);
    }
    return status;
}

void sab_rows_clear(const struct sab_rows *rows, void *object)
{
    for (int i = 0; i < rows->count; i++)
        if (rows->rows[i].kind == SAB_OPTION_TEXT)
            free_text(&rows->rows[i], (const char **)((char *)object + rows->rows[i].offset));
}

int sab_rows_check(const struct sab_rows *rows, const void *object, struct sab_error *err)
{
    int status = SAB_OK;
    for (int i = 0; i < rows->count && status == SAB_OK; i++)
        status = check(&rows->rows[i], object, err);
    return status;
}
