/* What reader and writer of safetensors files must agree on. Internal to the two. */
#ifndef SAB_IO_SAFETENSORS_FORMAT_H
#define SAB_IO_SAFETENSORS_FORMAT_H

#include <stddef.h>
#include <stdint.h>

/* The header of every file written here begins with these bytes, then come the digits. The fixed place lets a damaged
 * key be told from an absent one. */
#define SAB_DIGEST_KEY "sab_digest"
#define SAB_DIGEST_PREFIX "{\"" SAB_METADATA_KEY "\":{\"" SAB_DIGEST_KEY "\":\""
#define SAB_DIGEST_ZEROS "00000000000000000000000000000000"
#define SAB_METADATA_KEY "__metadata__"

enum {
    SAB_LENGTH_NBYTES = 8,       /* of the number before the header */
    SAB_PAYLOAD_ALIGN = 64,      /* our headers are padded with spaces to this */

    SAB_HEADER_CAP = 8 << 20     /* and SAB_JSON_VALUES_CAP values: parsing takes 32 MiB at most, the views 8 */
};

/* *nbytes = product of shape * bytes per element; returns 1 on overflow or a
 * dimension above INT64_MAX, else 0. */
int sab_safetensors_nbytes(int dtype, int ndim, const uint64_t *shape, size_t *nbytes);

/* The digits the file ought to carry: `digits` is where in it they stand. Returns 0 where there is no memory. */
int sab_safetensors_digest(const char *file, size_t nbytes, size_t digits, char hex[33]);

#endif
