/* Writes JSON, on one line unless told otherwise: objects, lists, numbers, texts. Keys come in the order written. It goes
 * to a stream, or into memory that grows. Must not know files, nor what it writes about. */
#ifndef SAB_BASE_JSON_OUT_H
#define SAB_BASE_JSON_OUT_H

#include <stdint.h>
#include <stdio.h>

enum { SAB_JSON_OUT_DEPTH = 65 }; /* as deep as the reader reads */

struct sab_json {
    FILE *to;       /* NULL: into memory, which sab_json_take hands over */
    int depth;
    int any[SAB_JSON_OUT_DEPTH]; /* something was written at this depth */
    int lines;      /* entries down to this depth begin a line of their own; 0: all is one line */
    int indent;     /* blanks before such a line at each depth, and closing brackets have lines too; 0: 1, and they have not */
    int is_compact; /* no blanks, and no end of line */
    char *bytes;    /* memory: what was written so far */
    size_t used, cap;
    int is_full;    /* memory: it ran out, and what was written is lost */
    int is_altered; /* a text was no UTF-8 */
};

/* key is NULL inside a list and for the outermost object. Closing the outermost ends a line. */
void sab_json_open(struct sab_json *json, const char *key, char bracket);
void sab_json_close(struct sab_json *json, char bracket);
/* Bytes that are no UTF-8 are replaced by '?'. */
void sab_json_text(struct sab_json *json, const char *key, const char *text);
/* The same of nbytes bytes, among which 0 may be. */
void sab_json_bytes(struct sab_json *json, const char *key, const char *text, size_t nbytes);
void sab_json_int(struct sab_json *json, const char *key, int64_t value);
/* The shortest decimal that reads back to the same bits; nothing at all for NaN and Inf. */
void sab_json_real(struct sab_json *json, const char *key, double value);
void sab_json_bool(struct sab_json *json, const char *key, int value);
void sab_json_null(struct sab_json *json, const char *key);
/* A number that is written already. */
void sab_json_number(struct sab_json *json, const char *key, const char *number);

/* What was written into memory, as a text freed with sab_free, its length in *nbytes (which may be NULL); NULL where memory
 * ran out. Must be called, also to give the memory back. */
char *sab_json_take(struct sab_json *json, size_t *nbytes);

#endif
