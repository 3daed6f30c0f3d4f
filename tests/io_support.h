/* What the tests of src/io share: a folder of their own, whole files written and read without the code under test. */
#ifndef SAB_TESTS_IO_SUPPORT_H
#define SAB_TESTS_IO_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

/* The path of `name` in this process's temporary folder, which is removed at exit. One of eight buffers in turn. */
const char *io_path(const char *name);

/* Without syncing; a failure ends the test program with a message. */
void io_put(const char *path, const void *data, size_t nbytes);
/* Freed with free(); a 0 byte follows. */
char *io_get(const char *path, size_t *nbytes);

/* 1 if there is something of that name. */
int io_exists(const char *path);
/* 1 if the file holds exactly these bytes. */
int io_holds(const char *path, const void *data, size_t nbytes);

/* Writes a safetensors file, header length first. */
void io_put_safetensors(const char *path, const char *header, size_t header_nbytes, const void *payload,
                        size_t payload_nbytes);

/* Makes the digest of a safetensors file of ours that was changed the right one; nothing where it has no place for one. */
void io_mend_digest(uint8_t *file, size_t nbytes);

#endif
