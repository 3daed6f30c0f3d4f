/* What the tests of tasks and readers share. */
#ifndef SAB_TESTS_DATA_SUPPORT_H
#define SAB_TESTS_DATA_SUPPORT_H

#include "train/options.h"

/* The bytes as a gzip of one member; freed with free(). A failure ends the test program with a message. */
unsigned char *data_gzip(const void *bytes, size_t nbytes, int level, size_t *packed_nbytes);

/* The options of a task that draws its data, without a curriculum. */
struct sab_options data_drawn_options(const char *task, int T);

/* The task, and a batch of it: a failure fails the test. */
struct sab_task *data_task(const struct sab_options *options, const char *facts);
struct sab_batch data_batch(struct sab_task *task, enum sab_split split, int64_t index, int B);

#endif
