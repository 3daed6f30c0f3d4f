/* See digest.h. */
#include "io/digest.h"

#include <stdio.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/error.h"

struct sab_digest {
    XXH3_state_t *state; /* made by the library, so that its size is the library's own matter */
};

int sab_digest_create(struct sab_digest **out, struct sab_error *err)
{
    struct sab_digest *digest = sab_alloc(1, sizeof *digest);
    if (digest)
        digest->state = XXH3_createState();
    if (!digest || !digest->state) {
        sab_free(digest);
        return sab_fail(err, SAB_NOMEM, "no memory for a digest");
    }
    XXH3_128bits_reset(digest->state);
    *out = digest;
    return SAB_OK;
}

void sab_digest_add(struct sab_digest *digest, const void *data, size_t nbytes)
{
    if (nbytes > 0)
        XXH3_128bits_update(digest->state, data, nbytes);
}

void sab_digest_hex(const struct sab_digest *digest, char hex[SAB_DIGEST_DIGITS + 1])
{
    XXH128_hash_t hash = XXH3_128bits_digest(digest->state);
    snprintf(hex, SAB_DIGEST_DIGITS + 1, "%016llx%016llx", (unsigned long long)hash.high64, (unsigned long long)hash.low64);
}

void sab_digest_free(struct sab_digest *digest)
{
    if (digest)
        XXH3_freeState(digest->state);
    sab_free(digest);
}
