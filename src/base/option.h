/* Options: a row says all that is to be known of one, and a layer that has options declares a struct of them and its
 * rows. The command line, its help, configuration files and the public sab_options_* follow from the rows. Must not know
 * what any option does, or argv.
 *
 * A text belongs to the struct that holds it: never NULL once the struct is set to its defaults, and to be copied and
 * cleared by the functions below, not by assignment. */
#ifndef SAB_BASE_OPTION_H
#define SAB_BASE_OPTION_H

#include <stddef.h>

#include "base/text.h"
#include "sab.h"

/* The rows of one struct, or of a part of it. */
struct sab_rows {
    const struct sab_option *rows;
    int count;
};
#define SAB_ROWS(rows) {rows, (int)(sizeof(rows) / sizeof(rows)[0])}

/* Whole numbers end at 2^53 - 1, so that every JSON reader keeps them exact. */
#define SAB_OPTION_MOST 9007199254740991.0

/* What a row is made with; OWNER is the struct that holds the field. readers: see struct sab_option. */
#define SAB_ROW(name, kind, field, effect, low, high, choices, fallback, group, readers, help) \
    {name, kind, offsetof(OWNER, field), effect, low, high, choices, fallback, group, help, readers}
#define SAB_INT(name, field, effect, low, high, fallback, group, readers, help) \
    SAB_ROW(name, SAB_OPTION_INT, field, effect, low, high, NULL, fallback, group, readers, help)
#define SAB_INT64(name, field, effect, low, high, fallback, group, readers, help) \
    SAB_ROW(name, SAB_OPTION_INT64, field, effect, low, high, NULL, fallback, group, readers, help)
#define SAB_UINT64(name, field, effect, low, high, fallback, group, readers, help) \
    SAB_ROW(name, SAB_OPTION_UINT64, field, effect, low, high, NULL, fallback, group, readers, help)
#define SAB_REAL(name, field, effect, low, high, fallback, group, readers, help) \
    SAB_ROW(name, SAB_OPTION_REAL, field, effect, low, high, NULL, fallback, group, readers, help)
#define SAB_CHOICE(name, field, effect, choices, fallback, group, readers, help) \
    SAB_ROW(name, SAB_OPTION_CHOICE, field, effect, 0, 0, choices, fallback, group, readers, help)
#define SAB_SWITCH(name, field, effect, fallback, group, readers, help) \
    SAB_ROW(name, SAB_OPTION_SWITCH, field, effect, 0, 1, NULL, fallback, group, readers, help)
#define SAB_TEXT(name, field, effect, fallback, group, readers, help) \
    SAB_ROW(name, SAB_OPTION_TEXT, field, effect, 0, 0, NULL, fallback, group, readers, help)

/* ---- one option of an object, the struct that its row belongs to ---- */

/* 1 if that is the option's name, "k-top" or "k_top". */
int sab_option_is_named(const struct sab_option *option, const char *name);

/* 1 if a network or task of that name looks at the option. */
int sab_option_is_read_by(const struct sab_option *option, const char *reader);

/* SAB_INVALID names the option, the value and the legal ones; SAB_NOMEM. On failure the field is as it was. */
int sab_option_set(const struct sab_option *option, void *object, const char *value, struct sab_error *err);

/* The value as text: the object's own, or written into number. */
const char *sab_option_value(const struct sab_option *option, const void *object, char number[SAB_REAL_TEXT_CAP]);

/* The value as a number: of a choice its place, of a switch 0 or 1; NaN for a text. */
double sab_option_number(const struct sab_option *option, const void *object);

/* The legal values as people read them: "0..4096", "lstm|gru|rnn", "on|off" or "text". */
void sab_option_range(const struct sab_option *option, char *buf, size_t cap);

/* ---- all options of an object ---- */

/* Sets each to its default. What the object held is not cleared: it is new. */
void sab_rows_init(const struct sab_rows *rows, void *object);

/* Makes `to`, which is new, a copy; its fields that have no row must be copied by assignment before. SAB_NOMEM leaves `to`
 * to be cleared. */
int sab_rows_copy(const struct sab_rows *rows, void *to, const void *from, struct sab_error *err);

/* Frees the texts; an object of zeros is fine. */
void sab_rows_clear(const struct sab_rows *rows, void *object);

int sab_rows_check(const struct sab_rows *rows, const void *object, struct sab_error *err);

#endif
