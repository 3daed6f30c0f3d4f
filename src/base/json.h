/* Reads JSON (RFC 8259), strictly: UTF-8 without a mark, no duplicate keys, nothing after the value, no lone surrogates,
 * numbers that fit their type. The text may be hostile. It is walked twice: once to check and count, once to fill ONE
 * block of just the size needed; so memory is either there for the whole or nothing has happened, and no text makes more
 * than 48 bytes per value and its own length of it.
 *
 * Functions take NULL for a value and answer as if it were of another kind. Must not know: what the text is about. */
#ifndef SAB_BASE_JSON_H
#define SAB_BASE_JSON_H

#include <stddef.h>
#include <stdint.h>

/* 24 MiB at most; the largest text of ours, a table of 4096 columns, has some 20,000. */
enum { SAB_JSON_VALUES_CAP = 1 << 19, SAB_JSON_DEPTH_CAP = 64, SAB_JSON_NUMBER_CAP = 400 };

enum sab_value_kind {
    SAB_VALUE_NULL,
    SAB_VALUE_FALSE,
    SAB_VALUE_TRUE,
    SAB_VALUE_INT,
    SAB_VALUE_REAL, /* written with a point or an exponent */
    SAB_VALUE_STRING,
    SAB_VALUE_ARRAY,
    SAB_VALUE_OBJECT
};

struct sab_value {
    enum sab_value_kind kind;
    size_t size;                  /* members of an array or object; bytes of a string */
    const char *key;              /* name in its object; NULL in an array and of the outermost */
    const struct sab_value *next; /* what follows in the same array or object; NULL at its end */
    union {
        int64_t integer;
        double real;
        const char *string;             /* UTF-8; a 0 byte follows, and others may be in it */
        const struct sab_value *first;  /* of the members */
    } as;
};

/* Why a text is refused: a piece of a sentence, and the place, which is counted from 0 in bytes and from 1 in lines and
 * columns (bytes of a line). */
struct sab_json_problem {
    size_t at;
    int line, column;
    char what[128];
};

/* *root, to be freed with sab_json_free, is the value that the text is. SAB_FORMAT, with the problem (which may be NULL),
 * or SAB_NOMEM. */
int sab_json_parse(const struct sab_value **root, const char *text, size_t nbytes, struct sab_json_problem *problem);
void sab_json_free(const struct sab_value *root);

/* The member of that name, or NULL. Takes time linear in the members. */
const struct sab_value *sab_value_get(const struct sab_value *object, const char *key);
/* The first member of an array or object, or NULL; ->next goes on. */
const struct sab_value *sab_value_first(const struct sab_value *value);
/* Members of an array or object; 0 of all else. */
size_t sab_value_size(const struct sab_value *value);
int sab_value_is(const struct sab_value *value, enum sab_value_kind kind);

/* The text of a string in which no byte is 0, else NULL. */
const char *sab_value_string(const struct sab_value *value);
/* 0 and *number where it is a whole number in least..most, else 1. */
int sab_value_int(const struct sab_value *value, int64_t least, int64_t most, int64_t *number);
/* 0 and *number where it is a number, whole or not, else 1. */
int sab_value_real(const struct sab_value *value, double *number);

/* 1 where both say the same: numbers by their value, objects with their keys in any order. */
int sab_value_equal(const struct sab_value *a, const struct sab_value *b);

#endif
