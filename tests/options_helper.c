/* See options_helper.h. */
#include "options_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct sab_options copy_of(const struct sab_options *options)
{
    struct sab_options copy;
    struct sab_error err;
    if (sab_options_copy(&copy, options, &err) != SAB_OK)
        fail_msg("%s", err.message);
    return copy;
}

void set_option(struct sab_options *options, const char *name, const char *value)
{
    struct sab_error err;
    if (sab_options_set(options, name, value, &err) != SAB_OK)
        fail_msg("%s", err.message);
}

void assert_same_options(const struct sab_options *a, const struct sab_options *b)
{
    char x[SAB_REAL_TEXT_CAP], y[SAB_REAL_TEXT_CAP];
    const struct sab_option *differs = sab_options_difference(a, b, SAB_LOCAL);
    if (differs)
        fail_msg("--%s: %.200s and %.200s", differs->name, sab_options_value(a, differs->name, x),
                 sab_options_value(b, differs->name, y));
}
