/* What commands ask of options, by name (sab_options_number, _value): a name that is none is a mistake of ours. */
#ifndef SAB_CLI_OPTIONS_H
#define SAB_CLI_OPTIONS_H

#include "sab.h"

/* A whole number, the enumerator of a choice, or 0 and 1 of a switch. */
static inline int sab_cli_int(const struct sab_options *options, const char *name)
{
    return (int)(int64_t)sab_options_number(options, name);
}

static inline int64_t sab_cli_int64(const struct sab_options *options, const char *name)
{
    return (int64_t)sab_options_number(options, name);
}

/* A text, or the name of a choice or switch: the option's own, until it is set again. */
static inline const char *sab_cli_text(const struct sab_options *options, const char *name)
{
    char number[SAB_NUMBER_CAP];
    return sab_options_value(options, name, number);
}

#endif
