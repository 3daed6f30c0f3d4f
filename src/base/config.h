/* THE option table: one row for every field of struct sab_config. The command line, its help and manual page, the
 * configuration files and the public sab_config_* functions all read it; a new option is one field in sab.h and one row
 * here. Must not know what the options do, which tasks exist, or argv. */
#ifndef SAB_BASE_CONFIG_H
#define SAB_BASE_CONFIG_H

#include <stddef.h>

#include "sab.h"

enum sab_option_kind {
    SAB_OPTION_INT,     /* int */
    SAB_OPTION_INT64,   /* int64_t */
    SAB_OPTION_UINT64,  /* uint64_t */
    SAB_OPTION_REAL,    /* double, finite */
    SAB_OPTION_CHOICE,  /* int: index into choices */
    SAB_OPTION_SWITCH,  /* int: on is 1, off is 0 */
    SAB_OPTION_TEXT     /* char[cap], UTF-8, ends with 0 */
};

struct sab_option {
    const char *name;            /* as on the command line, "k-top"; the field is the same with underscores */
    int kind;                    /* enum sab_option_kind */
    size_t offset;               /* of the field in the object: for rows of sab_options, struct sab_config */
    size_t cap;                  /* text: bytes of the field, 0 included */
    double min, max;             /* numbers: the legal range, ends included; whole numbers are exact in a double */
    const char *const *choices;  /* choice: NULL-terminated, index = enumerator; else NULL */
    const char *fallback;        /* the default as text */
    const char *group;           /* "model", "credit", "training", "task", "data" or "run" */
    const char *help;            /* one line, no full stop */
};

extern const struct sab_option sab_options[];
extern const int sab_option_count;

/* The row of an option, "k-top" or "k_top"; NULL if there is none. */
const struct sab_option *sab_option_find(const char *name);

/* The name of the option most like a misspelt one; NULL if nothing is near. */
const char *sab_option_nearest(const char *name);

/* Sets the field of an option in the object that the table describes: struct sab_config for rows of sab_options, the
 * caller's own struct for a table of the caller's. SAB_INVALID names the option, the value and the legal ones, and
 * leaves the field alone. */
int sab_option_set(const struct sab_option *option, void *object, const char *value, struct sab_error *err);

/* The legal values as people read them: "0..4096", "lstm|gru|rnn", "on|off" or "text". */
void sab_option_range(const struct sab_option *option, char *buf, size_t cap);

/* Checks what a model reads of a configuration: the groups "model" and "credit", and cpu. The other fields may hold
 * anything. */
int sab_config_check_model(const struct sab_config *config, struct sab_error *err);

/* What stop_at says. better is +1 when larger is better (accuracy), -1 when smaller is (loss, mse). */
struct sab_stop {
    char metric[16]; /* "accuracy", "loss" or "mse"; "" never stops */
    int better;
    double value;
};

/* Reads "accuracy=0.99" and the like; "" is fine. SAB_INVALID names the text and what is legal. */
int sab_stop_parse(const char *text, struct sab_stop *stop, struct sab_error *err);

/* Reads "512M" (K, M, G, T: powers of 1024), "auto" (or nothing) or "none": bytes, -1 for auto, INFINITY for none. SAB_INVALID names the
 * text and what is legal. */
int sab_memory_parse(const char *text, double *nbytes, struct sab_error *err);

#endif
