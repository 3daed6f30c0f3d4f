/* A set of different texts, numbered in the order of their first coming: names of series and classes. */
#ifndef SAB_SOURCE_TEXT_SET_H
#define SAB_SOURCE_TEXT_SET_H

#include <stddef.h>
#include <stdint.h>

struct sab_text_set {
    int n;
    uint32_t *begins; /* [cap + 1] where text i begins in bytes */
    char *bytes;      /* each text ends with 0 */
    int32_t *buckets;   /* [2^bits] number of the text, or -1; at most half of them are used */
    int cap, bits;
    size_t bytes_cap;
};

/* The text's number, added if it is new; -1: no memory. Texts have no byte 0. Starts from a zeroed struct; at most
 * 2^24 texts of 4 GiB in all. */
int sab_text_set_add(struct sab_text_set *set, const char *text, size_t nbytes);

/* The text's number, or -1. */
int sab_text_set_find(const struct sab_text_set *set, const char *text, size_t nbytes);

const char *sab_text_set_at(const struct sab_text_set *set, int i);

void sab_text_set_clear(struct sab_text_set *set);

#endif
