/* Work done in a process of its own, for libraries that end the process, or never end, where memory runs out: then their result alone is
 * missing. */
#ifndef SAB_REPORT_APART_H
#define SAB_REPORT_APART_H

#include "sab.h"

struct sab_apart {
    unsigned char *bytes; /* what the work sent; freed with sab_free */
    size_t nbytes, cap;
    const char *ending;   /* NULL: it ended well, returning 0; else how, in words */
};

/* Runs work in a copy of this process, with signals as they are by default, no messages on stderr and an end after `seconds`. What it sends
 * with sab_apart_send(to, ...) is collected. SAB_IO, SAB_NOMEM where this process has no room; that the other one failed is its ending. */
int sab_apart_run(struct sab_apart *apart, int (*work)(void *user, int to), void *user, int seconds, struct sab_error *err);

/* 0, or 1 where nobody listens any more. */
int sab_apart_send(int to, const void *data, size_t nbytes);

#endif
