/* Writes JSON, on one line unless told otherwise: objects, lists, numbers, texts. Keys come in the order written. Must not know files. */
#ifndef SAB_CLI_JSON_OUT_H
#define SAB_CLI_JSON_OUT_H

#include <stdint.h>
#include <stdio.h>

#include "sab.h"

struct sab_json {
    FILE *to;
    int depth;
    int any[16]; /* something was written at this depth */
    int lines;   /* entries down to this depth begin a line of their own; 0: all is one line */
};

/* key is NULL inside a list and for the outermost object. Closing the outermost ends a line. */
void sab_json_open(struct sab_json *json, const char *key, char bracket);
void sab_json_close(struct sab_json *json, char bracket);
/* Bytes that are no UTF-8 are replaced by '?'. */
void sab_json_text(struct sab_json *json, const char *key, const char *text);
void sab_json_int(struct sab_json *json, const char *key, int64_t value);
/* The shortest decimal that reads back to the same bits; nothing at all for NaN and Inf. */
void sab_json_real(struct sab_json *json, const char *key, double value);
void sab_json_bool(struct sab_json *json, const char *key, int value);

/* The keys loss, bits_per_char, accuracy, mse: those that apply to the task. */
void sab_json_metrics(struct sab_json *json, const char *task, const struct sab_metrics *metrics);
/* The keys peak_rss_bytes and version. */
void sab_json_process(struct sab_json *json);

#endif
