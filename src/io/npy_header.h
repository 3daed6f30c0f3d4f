/* The header of a NumPy file (.npy) to be written; data/npy.h reads such files. */
#ifndef SAB_IO_NPY_HEADER_H
#define SAB_IO_NPY_HEADER_H

#include <stddef.h>
#include <stdint.h>

/* Writes the header of a version 1.0 file of little-endian elements ("f4", "i8") into buf: its length, a multiple of 64, is
 * returned; elements follow. */
enum { SAB_NPY_HEADER_CAP = 256 };
size_t sab_npy_header(char buf[SAB_NPY_HEADER_CAP], const char *type, int ndim, const int64_t *shape);

#endif
