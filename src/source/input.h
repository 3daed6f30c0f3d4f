/* A data file as bytes: a plain file is mapped, a gzip (told by its first two bytes) is unpacked into memory.
 *
 * What is promised: nothing is allocated because of a size that a file claims, only for bytes that were truly unpacked,
 * and never more than twice those. A gzip is refused as soon as it unpacks to more than `most_nbytes`, or to more than
 * 64 MiB + 32 x its size (honest text and pictures pack less than 32 to 1; the message says to unpack such a file
 * first: plain, it is mapped and takes no memory). A plain file allocates nothing.
 *
 * Files that change: a gzip is read once, while it is opened. A mapped file must be left alone while it is open;
 * replacing it by renaming is harmless. sab_input_check finds one that was rewritten or shortened, so that a reader
 * which calls it before each use stops with a message. A file shortened between that call and the read raises SIGBUS, as
 * with every mapping: a library without global state cannot catch it. The program does (cli/faults.h).
 *
 * Must not know: what is in the files. */
#ifndef SAB_SOURCE_INPUT_H
#define SAB_SOURCE_INPUT_H

#include <sys/types.h>
#include <time.h>

#include "sab.h"

struct sab_input_file {
    const unsigned char *data; /* the content: never NULL once open */
    size_t nbytes;             /* >= 1 */
    char *path;                /* a copy, for messages */
    int is_unpacked;           /* 1: it was a gzip */
    int fd;                    /* of a mapped file, else -1 */
    time_t modified_s;         /* as the mapped file was when it was opened */
    long modified_ns;
};

/* Opens a regular file. most_nbytes: how many bytes of content the caller's format can need; SIZE_MAX where it sets no
 * limit. SAB_IO: it cannot be read, or is a folder, pipe or device. SAB_FORMAT: it is empty, longer than most_nbytes, a
 * truncated or damaged gzip, or a gzip with something behind it (several gzip members are one content). SAB_NOMEM.
 * Every message names the file, those about a gzip the byte. On failure *in is untouched. */
int sab_input_open(struct sab_input_file *in, const char *path, size_t most_nbytes, struct sab_error *err);

/* Takes a zeroed struct too. */
void sab_input_close(struct sab_input_file *in);

/* SAB_IO if a mapped file was written to or changed its size since it was opened. */
int sab_input_check(const struct sab_input_file *in, struct sab_error *err);

/* The word before an offset into `data` in a message: "byte", or "unpacked byte" for what was a gzip. */
const char *sab_input_byte(const struct sab_input_file *in);

#endif
