/* XXH3-128 digests as 32 hexadecimal digits (high half first, as xxhsum prints them): they find damage and tell results
 * apart; they do not resist forgery. */
#ifndef SAB_IO_DIGEST_H
#define SAB_IO_DIGEST_H

#include "sab.h"

#define SAB_DIGEST_DIGITS 32

/* Of bytes that arrive in pieces: create, add..., hex, free. hex may be called at any time and changes nothing.
 * create: SAB_NOMEM. */
struct sab_digest;
int sab_digest_create(struct sab_digest **out, struct sab_error *err);
void sab_digest_add(struct sab_digest *digest, const void *data, size_t nbytes);
void sab_digest_hex(const struct sab_digest *digest, char hex[SAB_DIGEST_DIGITS + 1]);
void sab_digest_free(struct sab_digest *digest);

#endif
