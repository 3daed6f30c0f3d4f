/* The lock of a run's folder, that one process holds and its death releases: a file that says who holds it. Never waits. */
#ifndef SAB_IO_LOCK_H
#define SAB_IO_LOCK_H

#include "sab.h"

/* Makes the file `path` and locks it; *lock, -1 before, is given to sab_lock_release. A file
 * system without locks is no error. SAB_IO, naming the process, where another one holds it. */
int sab_lock_take(const char *path, int *lock, struct sab_error *err);
/* Removes the file too. */
void sab_lock_release(const char *path, int lock);

/* Locks an open file, trying for as long as another writer of its kind may take; 1 where it is still held then. errno says why
 * where -1 is returned, and 0 is for locked, and for a file system that has no locks. */
int sab_lock_try(int fd, int seconds);

#endif
