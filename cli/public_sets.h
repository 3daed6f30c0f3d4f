/* The public data sets that sab knows by name. Adding one is a row of the table. */
#ifndef SAB_CLI_PUBLIC_SETS_H
#define SAB_CLI_PUBLIC_SETS_H

#include <stdint.h>

struct sab_public_file {
    const char *name;   /* below the set's folder; .gz may follow */
    int64_t nbytes;     /* unpacked */
    const char *sha256; /* of the unpacked content; NULL: not known */
};

enum { SAB_PUBLIC_FILES_CAP = 6 };

struct sab_public_set {
    const char *name;
    const char *what;    /* one line */
    const char *licence; /* one line */
    const char *origin;  /* where users get it */
    const char *folder;  /* what --data finds the files below */
    struct sab_public_file files[SAB_PUBLIC_FILES_CAP + 1]; /* ends with a NULL name */
    const char *options; /* what reads it, after `sab train`; NULL: nothing does as yet */
};

/* The i-th set, or NULL past the last. */
const struct sab_public_set *sab_public_set_at(int i);

#endif
