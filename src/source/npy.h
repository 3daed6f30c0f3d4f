/* NumPy's .npy: an array as a view of bytes that somebody else holds. The header is parsed with suspicion; pickled
 * objects, which run code, are refused. Must not know files, zip archives or what an array is for.
 *
 *     "\x93NUMPY" major minor | header length, 2 bytes (version 1) or 4 (2, 3), little endian | header | elements
 *     header: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } padded with spaces, ends with a newline */
#ifndef SAB_SOURCE_NPY_H
#define SAB_SOURCE_NPY_H

#include "sab.h"

enum { SAB_NPY_DIMENSIONS = 8 };

/* An array; row-major. */
struct sab_npy {
    const unsigned char *data; /* borrowed, of any alignment */
    char kind;                 /* 'f', 'i', 'u' or 'b' (bool) */
    int item_nbytes;           /* 1, 2, 4, 8 */
    int is_swapped;            /* 1: the other byte order than this machine's */
    int ndim;
    int64_t shape[SAB_NPY_DIMENSIONS];
    int64_t count;             /* product of shape */
};

/* The array in bytes[0..nbytes-1], which must end where the array does. name is for messages. SAB_FORMAT. */
int sab_npy_parse(struct sab_npy *array, const unsigned char *bytes, size_t nbytes, const char *name,
                  struct sab_error *err);

/* Element i of 0..count-1 as a double; whole numbers beyond 2^53 are rounded. */
double sab_npy_real(const struct sab_npy *array, int64_t i);

/* Element i of an array of whole numbers (kind i, u, b); unsigned ones beyond int64 give INT64_MAX. */
int64_t sab_npy_int(const struct sab_npy *array, int64_t i);

/* 1: whole numbers (i, u, b). */
int sab_npy_is_whole(const struct sab_npy *array);

/* "[3, 4]" */
void sab_npy_shape_text(const struct sab_npy *array, char *buf, size_t cap);

#endif
