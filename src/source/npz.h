/* NumPy's .npz: arrays by name out of a zip archive that is already in memory. Stored members are views of the archive,
 * deflated ones are inflated. Must not know files or what the arrays are for. */
#ifndef SAB_SOURCE_NPZ_H
#define SAB_SOURCE_NPZ_H

#include "sab.h"

/* One member's content. */
struct sab_npz_member {
    const unsigned char *data;
    size_t nbytes;
    void *owned; /* what was inflated, to be freed with sab_free; NULL where data is within the archive */
};

/* 1: the bytes begin like a zip archive. */
int sab_npz_is_zip(const unsigned char *bytes, size_t nbytes);

/* The member NAME.npy of the archive; *is_there is 0, and nothing else happens, where it has none. name_in_messages is
 * the archive's. A member that inflates to more than *budget_nbytes is refused; what is inflated is taken off it.
 * SAB_FORMAT, SAB_NOMEM. */
int sab_npz_find(const unsigned char *bytes, size_t nbytes, const char *name_in_messages, const char *name,
                 size_t *budget_nbytes, struct sab_npz_member *member, int *is_there, struct sab_error *err);

#endif
