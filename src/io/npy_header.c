/* See npy_header.h. */
#include "io/npy_header.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

size_t sab_npy_header(char buf[SAB_NPY_HEADER_CAP], const char *type, int ndim, const int64_t *shape)
{
    char *text = buf + 10;
    size_t cap = SAB_NPY_HEADER_CAP - 10;
    size_t used = (size_t)snprintf(text, cap, "{'descr': '<%s', 'fortran_order': False, 'shape': (", type);
    for (int d = 0; d < ndim; d++)
        used += (size_t)snprintf(text + used, cap - used, "%" PRId64 ", ", shape[d]);
    used += (size_t)snprintf(text + used, cap - used, "), }");
    size_t total = (10 + used + 1 + 63) / 64 * 64;
    memset(text + used, ' ', total - 10 - used - 1);
    buf[total - 1] = '\n';
    memcpy(buf, "\x93NUMPY\x01\x00", 8);
    buf[8] = (char)((total - 10) & 255);
    buf[9] = (char)((total - 10) >> 8);
    return total;
}
