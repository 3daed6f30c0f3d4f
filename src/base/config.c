/* Reads and writes the fields of struct sab_config by name, through the option table. See config.h. */
#include "base/config.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

/* ---- finding ---- */

static int same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        char x = *a == '_' ? '-' : *a, y = *b == '_' ? '-' : *b;
        if (x != y)
            return 0;
    }
    return *a == *b;
}

const struct sab_option *sab_option_find(const char *name)
{
    for (int i = 0; i < sab_option_count; i++)
        if (same_name(name, sab_options[i].name))
            return &sab_options[i];
    return NULL;
}

const char *sab_option_nearest(const char *name)
{
    enum { CAP = 256 };
    const char *names[CAP];
    int n = 0;
    for (; n < sab_option_count && n < CAP; n++)
        names[n] = sab_options[n].name;
    return sab_text_nearest(name, names, n);
}

const char *sab_config_name(int i)
{
    return i >= 0 && i < sab_option_count ? sab_options[i].name : NULL;
}

static int fail_unknown(const char *name, struct sab_error *err)
{
    const char *nearest = sab_option_nearest(name);
    if (nearest)
        return sab_fail(err, SAB_INVALID, "unknown option \"%.60s\"; did you mean \"%s\"?", name, nearest);
    return sab_fail(err, SAB_INVALID, "unknown option \"%.60s\"; sab train --help lists them all", name);
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

static int set_text(const struct sab_option *option, char *field, const char *value, struct sab_error *err)
{
    size_t length = strlen(value);
    if (length >= option->cap)
        return sab_fail(err, SAB_INVALID, "--%s: \"%.60s...\" has %zu bytes; at most %zu are legal", option->name,
                        value, length, option->cap - 1);
    if (!sab_text_is_utf8(value, length))
        return sab_fail(err, SAB_INVALID, "--%s: the value is not UTF-8 text", option->name);
    memset(field, 0, option->cap);
    memcpy(field, value, length);
    return SAB_OK;
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
        while (option->choices[whole] && strcmp(option->choices[whole], value) != 0)
            whole++;
        if (!option->choices[whole])
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

int sab_config_set(struct sab_config *config, const char *name, const char *value, struct sab_error *err)
{
    const struct sab_option *option = sab_option_find(name);
    return option ? sab_option_set(option, config, value, err) : fail_unknown(name, err);
}

void sab_config_init(struct sab_config *config)
{
    memset(config, 0, sizeof *config);
    for (int i = 0; i < sab_option_count; i++)
        sab_option_set(&sab_options[i], config, sab_options[i].fallback, NULL);
}

/* ---- getting ---- */

int sab_config_get(const struct sab_config *config, const char *name, char *buf, size_t cap, struct sab_error *err)
{
    const struct sab_option *option = sab_option_find(name);
    if (!option)
        return fail_unknown(name, err);
    const void *field = (const char *)config + option->offset;
    char number[SAB_REAL_TEXT_CAP] = "";
    const char *text = number;
    switch ((enum sab_option_kind)option->kind) {
    case SAB_OPTION_INT:
        snprintf(number, sizeof number, "%d", *(const int *)field);
        break;
    case SAB_OPTION_INT64:
        snprintf(number, sizeof number, "%lld", (long long)*(const int64_t *)field);
        break;
    case SAB_OPTION_UINT64:
        snprintf(number, sizeof number, "%llu", (unsigned long long)*(const uint64_t *)field);
        break;
    case SAB_OPTION_REAL:
        sab_text_from_real(*(const double *)field, number);
        break;
    case SAB_OPTION_CHOICE:
        text = "?";
        for (int i = 0; option->choices[i]; i++)
            if (i == *(const int *)field)
                text = option->choices[i];
        break;
    case SAB_OPTION_SWITCH:
        text = *(const int *)field ? "on" : "off";
        break;
    case SAB_OPTION_TEXT:
        text = field;
        break;
    }
    size_t length = strlen(text);
    if (length >= cap)
        return sab_fail(err, SAB_INVALID, "the value of --%s needs %zu bytes; the buffer has %zu", option->name,
                        length + 1, cap);
    memcpy(buf, text, length + 1);
    return SAB_OK;
}
