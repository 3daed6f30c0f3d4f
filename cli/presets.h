/* Named settings for `sab train --preset NAME`. Adding one is a row of the table. */
#ifndef SAB_CLI_PRESETS_H
#define SAB_CLI_PRESETS_H

#include "sab.h"

struct sab_preset {
    const char *name;
    const char *source;  /* one line: what it is, and where its numbers are from */
    const char *options; /* "task=copy T=100 k-top=5": rows of the option table */
};

/* The i-th preset, or NULL past the last. */
const struct sab_preset *sab_preset_at(int i);

/* Sets options as the rows of tables have them, "preset=copy-100 k-top=5"; what is wrong with one leaves config as it was. */
int sab_preset_options(const char *pairs, struct sab_options *options, struct sab_error *err);

/* Sets the options of the preset. SAB_INVALID suggests the nearest name and leaves config as it was. */
int sab_preset_apply(const char *name, struct sab_options *options, struct sab_error *err);

/* All of them on stdout, as lines or as one JSON object. */
void sab_preset_list(int as_json);

#endif
