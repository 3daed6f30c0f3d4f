/* Configurations on the stack of a test. */
#ifndef SAB_TESTS_OPTIONS_HELPER_H
#define SAB_TESTS_OPTIONS_HELPER_H

#include "train/options.h"

/* Declares variables that are cleared at the end of their block; they begin as = {0} or as what a function returns. */
#define OPTIONS __attribute__((cleanup(sab_options_clear))) struct sab_options

struct sab_options copy_of(const struct sab_options *options);

/* Fails the test where the value is not legal. */
void set_option(struct sab_options *options, const char *name, const char *value);

/* Fails the test, naming the first option that differs and both values. */
void assert_same_options(const struct sab_options *a, const struct sab_options *b);

#endif
