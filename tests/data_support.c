/* See data_support.h. */
#include "data_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

unsigned char *data_gzip(const void *bytes, size_t nbytes, int level, size_t *packed_nbytes)
{
    z_stream stream = {0};
    uLong cap = 0;
    unsigned char *packed = NULL;
    int ok = deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK;
    if (ok) {
        cap = deflateBound(&stream, (uLong)nbytes);
        packed = malloc(cap);
        stream.next_in = (unsigned char *)(size_t)bytes;
        stream.avail_in = (uInt)nbytes;
        stream.next_out = packed;
        stream.avail_out = (uInt)cap;
        ok = packed && deflate(&stream, Z_FINISH) == Z_STREAM_END;
    }
    if (!ok) {
        fprintf(stderr, "test set-up: packing %zu bytes failed\n", nbytes);
        exit(99);
    }
    *packed_nbytes = stream.total_out;
    deflateEnd(&stream);
    return packed;
}
