/* The system's calls on files, whole and uninterrupted. Internal to io/. */
#ifndef SAB_IO_SYSTEM_H
#define SAB_IO_SYSTEM_H

#include <stddef.h>
#include <sys/types.h>

/* Closed on exec; what is made may be read and written as far as the umask allows. */
int sab_sys_open(int folder, const char *path, int flags);
int sab_sys_sync(int fd);
int sab_sys_truncate(int fd, off_t nbytes);
/* Returns the bytes written: fewer than nbytes only with errno set. */
size_t sab_sys_write(int fd, const void *data, size_t nbytes);
/* Returns the bytes read: fewer than nbytes at the end of the file (errno 0) or on an error (errno set). */
size_t sab_sys_read(int fd, void *data, size_t nbytes);

#endif
