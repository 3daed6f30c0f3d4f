/* SHA-256 (FIPS 180-4): what public data sets are told apart by, since anyone has sha256sum. */
#ifndef SAB_IO_SHA256_H
#define SAB_IO_SHA256_H

#include <stddef.h>

/* The digest as 64 hexadecimal digits. */
void sab_sha256(const unsigned char *data, size_t nbytes, char hex[65]);

#endif
