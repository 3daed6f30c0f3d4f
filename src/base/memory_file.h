/* A stream into memory that tells when memory ran out. The C library's own, open_memstream, drops what it has no room for and
 * still closes well. */
#ifndef SAB_BASE_MEMORY_FILE_H
#define SAB_BASE_MEMORY_FILE_H

#include <stddef.h>
#include <stdio.h>

struct sab_memory_file {
    char *bytes; /* after closing: what was written, a 0 byte after it; freed with sab_free */
    size_t nbytes, cap;
    int is_full;
};

/* NULL without memory. The block must stay where it is until the stream is closed. */
FILE *sab_memory_open(struct sab_memory_file *file);
/* 0 where all that was written is there; else 1, and nothing is. to may be NULL, as sab_memory_open returns it: 1. */
int sab_memory_close(struct sab_memory_file *file, FILE *to);

#endif
