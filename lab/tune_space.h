/* The settings that sab tune tries: a small product of axes, in an order drawn by the seed. Must not know how they are tried. */
#ifndef SAB_LAB_TUNE_SPACE_H
#define SAB_LAB_TUNE_SPACE_H

#include "sab.h"

enum { SAB_TUNE_AXES_CAP = 8, SAB_TUNE_CHOICES = 3 };

/* An option and what it is tried with. The first choice, "", leaves it as it is. */
struct sab_tune_axis {
    const char *name;
    const char *needs;    /* "optimizer=adamw": where that holds of what is chosen; NULL: always */
    int is_factor;        /* choices are factors of the chosen value */
    const char *choices[SAB_TUNE_CHOICES];
};

/* The axes of a search: of the whole table those whose option nobody gave and the network of `options` reads. */
struct sab_tune_space {
    const struct sab_tune_axis *axes[SAB_TUNE_AXES_CAP];
    int n;
    uint64_t seed;
};

const struct sab_tune_axis *sab_tune_axis_at(int i); /* of the whole table; NULL past the last */

void sab_tune_space_make(struct sab_tune_space *space, const struct sab_options *options, const unsigned char *given, uint64_t seed);
/* How many settings there are. */
int sab_tune_space_size(const struct sab_tune_space *space);
/* Setting i of 0..size-1 on top of what was chosen; the 0th changes nothing. SAB_INVALID where an option refuses its value. */
int sab_tune_space_apply(const struct sab_tune_space *space, int i, struct sab_options *options, struct sab_error *err);

#endif
