/* Numbers as text, the same in every locale, and the small helpers that teaching error messages need. */
#ifndef SAB_BASE_TEXT_H
#define SAB_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Room for any number of sab_text_from_real, 0 included. */
enum { SAB_REAL_TEXT_CAP = 32 };

/* Room for a path, 0 included: more is refused by the system too. */
enum { SAB_DIR_CAP = 4096 };

/* The shortest decimal text that reads back to the same bits; "nan", "inf", "-inf" for what is no number. */
void sab_text_from_real(double value, char buf[SAB_REAL_TEXT_CAP]);

/* Reads a finite decimal number, the whole text and nothing else. 0 when done, 1 (with *value untouched) if not. */
int sab_text_to_real(const char *text, double *value);

/* Reads a whole number that fits int64_t, the whole text and nothing else. 0 when done, 1 if not. */
int sab_text_to_int(const char *text, int64_t *value);

/* 1 if the nbytes are well-formed UTF-8 (no surrogates, no overlong forms). */
int sab_text_is_utf8(const char *text, size_t nbytes);

/* The character that begins at text, of which nbytes follow: its length in bytes (1..4) with *code set, or 0 (with
 * *code untouched) where these bytes begin no well-formed character. */
int sab_text_decode(const char *text, size_t nbytes, uint32_t *code);

/* Writes a code point (no surrogate, at most 0x10ffff) as UTF-8 and returns its length in bytes. */
int sab_text_encode(uint32_t code, char buf[4]);

/* What people are shown of a text that comes from a file or an argument: what would act on a terminal or mislead its reader is
 * written out, as \n, \x1b or \u202e, and so are bytes that are no UTF-8. At most cap - 1 bytes, whole characters. Returns
 * buf. Showing what is shown already changes nothing. */
const char *sab_text_shown(const char *text, char *buf, size_t cap);

/* Writes text with its escapes \n \t \r \\ resolved into buf (strlen(text) + 1 bytes) and returns 0; for any other
 * backslash returns 1. */
int sab_text_unescape(const char *text, char *buf);

/* 1 if the words of list, separated by blanks, hold the word. */
int sab_text_lists(const char *list, const char *word);

/* Edits (insert, delete, replace, swap neighbours; each place once) that turn a into b; texts above 63 bytes count as
 * far apart (INT_MAX). '-' and '_' are the same letter. */
int sab_text_distance(const char *a, const char *b);

/* The one of names[0..n-1] to suggest for a misspelt word: the nearest, or the first that the word begins or carries on
 * ("mental", "hidden-size"); NULL if none is near. */
const char *sab_text_nearest(const char *word, const char *const *names, int n);

#endif
