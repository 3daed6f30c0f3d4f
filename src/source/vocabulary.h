/* The symbols of a text: which bytes or characters it is made of, and their numbers.
 *
 * Symbols are numbered 0..n-1 by ascending code, so the same set has the same numbers whatever the order of the text.
 * With unknown > 0, symbol n stands for all other codes: those that the training part has fewer than `unknown` times,
 * and those it has not at all.
 *
 * Must not know files, batches. */
#ifndef SAB_SOURCE_VOCABULARY_H
#define SAB_SOURCE_VOCABULARY_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "sab.h"

enum { SAB_UNKNOWN_MOST = 1000000000 };

struct sab_vocabulary {
    int units;        /* enum sab_units */
    int n;            /* symbols without the unknown one */
    int unknown;
    uint32_t *codes;  /* [n], ascending */
    uint32_t top;     /* the largest of the codes */
    int32_t *ids;     /* [top + 1] the symbol of each code, -1 for none */
};

/* Codes are below this: 256 or 0x110000. */
uint32_t sab_units_limit(int units);

/* The vocabulary of a text that has each code counts[code] times and none above top. SAB_NOMEM; SAB_FORMAT where no
 * code is frequent enough. On failure *v is as sab_vocabulary_clear leaves it. */
int sab_vocabulary_learn(struct sab_vocabulary *v, int units, const uint64_t *counts, uint32_t top, int unknown,
                         struct sab_error *err);
/* The vocabulary whose symbols, but for the unknown one, stand one after another in the text, a byte b as the character U+00b: all below
 * the limit, ascending, or SAB_FORMAT. SAB_NOMEM. On failure as before. */
int sab_vocabulary_take(struct sab_vocabulary *v, int units, int unknown, const char *text, size_t nbytes, struct sab_error *err);
void sab_vocabulary_clear(struct sab_vocabulary *v);

/* Number of symbols, the unknown one included. */
int sab_vocabulary_size(const struct sab_vocabulary *v);

/* The symbol of a code below the limit; -1 where there is none for it. */
int32_t sab_vocabulary_symbol(const struct sab_vocabulary *v, uint32_t code);

enum { SAB_CODE_NAME_CAP = 32 };

/* A code as people read it: "é" (U+00E9), or byte 0xe9. */
void sab_code_name(int units, uint32_t code, char buf[SAB_CODE_NAME_CAP]);

/* The code that begins at text, of which nbytes follow: its length in bytes, or 0 where no character begins. */
static inline int sab_code_at(int units, const unsigned char *text, size_t nbytes, uint32_t *code)
{
    if (nbytes > 0 && (units == SAB_UNITS_BYTES || text[0] < 0x80)) {
        *code = text[0];
        return 1;
    }
    return sab_text_decode((const char *)text, nbytes, code);
}

#endif
