/* What the tests of training share: temporary run folders and small configurations. */
#ifndef SAB_TESTS_TRAIN_HELPERS_H
#define SAB_TESTS_TRAIN_HELPERS_H

#include <stddef.h>

#include "train/options.h"

/* A new folder; remove_folder takes its files and itself away. */
void make_folder(char dir[SAB_DIR_CAP]);
void remove_folder(const char *dir);

/* A whole file, to be freed; fails the test when it cannot be read. */
char *read_all(const char *dir, const char *file, size_t *nbytes);
void write_all(const char *dir, const char *file, const void *data, size_t nbytes);
int has_file(const char *dir, const char *file);

/* Takes a number out of the text of a metrics.jsonl, such as "seconds": they alone differ from run to run. */
void cut_number(char *text, const char *key);

/* Copying over 3 steps with 6 hidden units, batches of 4, one thread: an update takes well below a millisecond. */
void small_config(struct sab_options *config, const char *dir);

/* Sets an option and fails the test if it is refused. */
void set(struct sab_options *config, const char *name, const char *value);

#endif
