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

    /* These two bound what parsing a header can allocate by 64 MiB. Text: the parser holds a token at most three times
     * (its buffer, that buffer's predecessor or the value, the copy of a key), 3 x 8 MiB. Structure: each { [ : , costs
     * less than 150 bytes (the two of {"a": are the worst, 288), 262144 x 150 = 37.5 MiB. A test measures both. */
    SAB_HEADER_CAP = 8 << 20,
    SAB_STRUCTURE_CAP = 262144
};

/* What a header holds, seen without parsing: its delimiters { [ : , outside of strings, and the bytes that all its
 * strings, keys included, make once decoded. Right for well-formed JSON; of anything else, some number. */
struct sab_header_extent {
    size_t structure;
    size_t text_nbytes;
};
struct sab_header_extent sab_safetensors_measure(const char *header, size_t nbytes);

/* *nbytes = product of shape * bytes per element; returns 1 on overflow or a
 * dimension above INT64_MAX, else 0. */
int sab_safetensors_nbytes(int dtype, int ndim, const uint64_t *shape, size_t *nbytes);

/* The digits the file ought to carry: `digits` is where in it they stand. Returns 0 where there is no memory. */
int sab_safetensors_digest(const char *file, size_t nbytes, size_t digits, char hex[33]);

/* A copy of text for a message: at most cap-1 bytes, whatever is not printable ASCII as '?'. Returns buf. */
const char *sab_safetensors_shown(char *buf, size_t cap, const char *text);

#endif
