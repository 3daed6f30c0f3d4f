/* What the tests of the readers in src/data share. */
#ifndef SAB_TESTS_DATA_SUPPORT_H
#define SAB_TESTS_DATA_SUPPORT_H

#include <stddef.h>

/* The bytes as a gzip of one member; freed with free(). A failure ends the test program with a message. */
unsigned char *data_gzip(const void *bytes, size_t nbytes, int level, size_t *packed_nbytes);

#endif
