/* Whole files: read at once, replaced atomically, appended to. Every message names the file.
 *
 * Must not know: what is in the files. */
#ifndef SAB_IO_FILE_H
#define SAB_IO_FILE_H

#include "sab.h"

/* Replaces (or makes) `path` so that a reader, a crash or a failure sees the old content or the new, never a mixture:
 * written to `path`.tmp in the same folder, synced, renamed, the folder synced. Writers of the same path, in any
 * process, take turns, and give up after 5 s of waiting; a .tmp left behind by a killed one is reused. The mode stays,
 * the owner where it can. On failure the old content is in place and the .tmp gone; only when the very last step,
 * syncing the folder, fails is the new content already visible. A symbolic link is followed: what it leads to is
 * written. What is no regular file, a pipe or a device, is written into as it comes; /dev/stdout and its like go on
 * where the process's own writing is. SAB_IO or SAB_NOMEM. */
int sab_file_write_atomic(const char *path, const void *data, size_t nbytes, struct sab_error *err);

/* Whether sab_file_write_atomic would find a folder that it may write to, and no folder at `path`: for work whose result
 * is written at its end. Writes nothing. SAB_INVALID, SAB_IO or SAB_NOMEM. */
int sab_file_check_writable(const char *path, struct sab_error *err);

/* The first bytes of a regular file, at most cap, into buf; *nbytes: how many the whole has. SAB_IO. */
int sab_file_peek(const char *path, void *buf, size_t cap, size_t *nbytes, struct sab_error *err);

/* Reads a regular file of at most `cap` bytes into a new block (free it with sab_free) in which a 0 byte follows the
 * data. SAB_IO when it cannot be read or is not a regular file, SAB_INVALID when it is larger than cap, SAB_NOMEM, also
 * when it is larger than the memory that is free. */
int sab_file_read(const char *path, size_t cap, void **data, size_t *nbytes, struct sab_error *err);

/* Appends to `path`, made if absent; a symbolic link is refused. On failure nothing has been added. Not synced: it survives
 * the process, perhaps not the machine. SAB_IO. */
int sab_file_append(const char *path, const void *data, size_t nbytes, struct sab_error *err);

/* Cuts `path` to nbytes where it is longer; fine if it is absent, a symbolic link is refused. SAB_IO. */
int sab_file_cut(const char *path, int64_t nbytes, struct sab_error *err);

/* Makes the folder and its parents; fine if it is there already. On failure parents made so far stay. SAB_IO,
 * SAB_INVALID (empty path) or SAB_NOMEM. */
int sab_file_make_directory(const char *path, struct sab_error *err);

#endif
