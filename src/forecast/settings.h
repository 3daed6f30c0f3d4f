/* Choosing options from data: what sab_settings (settings.c) is made of. */
#ifndef SAB_FORECAST_SETTINGS_H
#define SAB_FORECAST_SETTINGS_H

#include "train/options.h"

struct sab_choices {
    struct sab_options *options;
    const unsigned char *given; /* [sab_option_count()] 1: stays */
    void (*tell)(void *user, const char *name, const char *value, const char *why);
    void *user;
};

/* Sets an option that nobody gave to a value that it has not, and tells why. */
__attribute__((format(printf, 4, 5))) int sab_choose(const struct sab_choices *c, const char *name, const char *value,
                                                     const char *why, ...);

/* The least key-scale at which the pair's share of the scores' variance (docs/decisions/011), measured on the states of an untrained
 * network, is that of copying at --key-scale 15. After the other options of the network. */
int sab_choose_key_scale(const struct sab_choices *c, struct sab_task *task, struct sab_error *err);

#endif
