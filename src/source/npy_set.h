/* A set of sequences as NumPy arrays: x [N,T,I] or [N,T], y, lengths, out of one .npz file, a folder of .npy files, or
 * (x alone) one .npy file. Without lengths, steps of x at the end of a sequence that hold nothing but NaN are none.
 * Checks that they belong together; what they mean for a model is npy_task.c's. */
#ifndef SAB_SOURCE_NPY_SET_H
#define SAB_SOURCE_NPY_SET_H

#include "source/input.h"
#include "source/npy.h"
#include "source/npz.h"

enum { SAB_NPY_ARRAYS = 3 };

struct sab_npy_set {
    struct sab_npy x, y, lengths;
    int has_y, has_lengths;
    int64_t N;
    int T; /* second dimension of x */
    int I; /* third dimension of x; 1 where it has two */
    int32_t *ends; /* [N] steps of each sequence, where steps of NaN pad x and there are no lengths; else NULL */
    struct sab_input_file file[SAB_NPY_ARRAYS];
    struct sab_npz_member member[SAB_NPY_ARRAYS];
};

/* SAB_IO, SAB_FORMAT, SAB_NOMEM name the file and the array. On failure *set is left alone. */
int sab_npy_set_open(struct sab_npy_set *set, const char *path, struct sab_error *err);

/* Takes a zeroed struct too. */
void sab_npy_set_close(struct sab_npy_set *set);

/* Steps of sequence n: 1..T. */
int sab_npy_set_length(const struct sab_npy_set *set, int64_t n);

#endif
