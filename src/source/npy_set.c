/* See npy_set.h. */
#include "source/npy_set.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"

enum { X, Y, LENGTHS, PATH_CAP = 4096, NAME_CAP = 320, WIDEST = 1 << 24 };

static const char *const names[SAB_NPY_ARRAYS] = {"x", "y", "lengths"};

static int parse(struct sab_npy_set *set, int k, const unsigned char *bytes, size_t nbytes, const char *path,
                 const char *separator, struct sab_error *err)
{
    struct sab_npy *const arrays[] = {&set->x, &set->y, &set->lengths};
    char name[NAME_CAP];
    snprintf(name, sizeof name, "%.200s%s%s%s", path, separator, *separator ? names[k] : "", *separator ? ".npy" : "");
    int status = sab_npy_parse(arrays[k], bytes, nbytes, name, err);
    set->has_y |= k == Y && status == SAB_OK;
    set->has_lengths |= k == LENGTHS && status == SAB_OK;
    return status;
}

static int open_folder(struct sab_npy_set *set, const char *path, struct sab_error *err)
{
    for (int k = 0; k < SAB_NPY_ARRAYS; k++) {
        char file[PATH_CAP];
        struct stat info;
        if (snprintf(file, sizeof file, "%s/%s.npy", path, names[k]) >= (int)sizeof file)
            return sab_fail(err, SAB_INVALID, "the path %.60s... is too long", path);
        if (stat(file, &info) != 0 && errno == ENOENT) {
            if (k == X)
                return sab_fail(err, SAB_IO, "the folder %.200s has no x.npy", path);
            continue;
        }
        int status = sab_input_open(&set->file[k], file, SIZE_MAX, err);
        if (status == SAB_OK)
            status = parse(set, k, set->file[k].data, set->file[k].nbytes, path, "/", err);
        if (status != SAB_OK)
            return status;
    }
    return SAB_OK;
}

static int open_archive(struct sab_npy_set *set, const char *path, struct sab_error *err)
{
    const struct sab_input_file *file = &set->file[0];
    size_t budget = ((size_t)64 << 20) + 2 * file->nbytes;
    for (int k = 0; k < SAB_NPY_ARRAYS; k++) {
        int is_there;
        int status = sab_npz_find(file->data, file->nbytes, path, names[k], &budget, &set->member[k], &is_there, err);
        if (status == SAB_OK && is_there)
            status = parse(set, k, set->member[k].data, set->member[k].nbytes, path, ": ", err);
        else if (status == SAB_OK && k == X)
            status = sab_fail(err, SAB_FORMAT, "%.200s has no array x; np.savez(\"%.60s\", x=..., y=...) names them", path,
                              path);
        if (status != SAB_OK)
            return status;
    }
    return SAB_OK;
}

/* ---- whether they belong together ---- */

static int check_x(struct sab_npy_set *set, const char *path, struct sab_error *err)
{
    const struct sab_npy *x = &set->x;
    char shape[128];
    sab_npy_shape_text(x, shape, sizeof shape);
    if (x->ndim != 2 && x->ndim != 3)
        return sab_fail(err, SAB_FORMAT, "%.200s: x has the shape %s; [sequences, steps, values] or [sequences, steps] is "
                        "needed", path, shape);
    if (x->count == 0)
        return sab_fail(err, SAB_FORMAT, "%.200s: x is empty: its shape is %s", path, shape);
    if (x->shape[1] > INT_MAX || (x->ndim == 3 && x->shape[2] > WIDEST))
        return sab_fail(err, SAB_FORMAT, "%.200s: x has the shape %s; at most %d steps of %d values are possible", path,
                        shape, INT_MAX, WIDEST);
    set->N = x->shape[0];
    set->T = (int)x->shape[1];
    set->I = x->ndim == 3 ? (int)x->shape[2] : 1;
    return SAB_OK;
}

static int check_y(const struct sab_npy_set *set, const char *path, struct sab_error *err)
{
    const struct sab_npy *y = &set->y;
    char shape[128];
    sab_npy_shape_text(y, shape, sizeof shape);
    if (y->ndim < 1 || y->ndim > 3 || (y->ndim == 3 && y->shape[1] != set->T) ||
        (y->ndim > 1 && (y->shape[y->ndim - 1] < 1 || y->shape[y->ndim - 1] > INT_MAX)))
        return sab_fail(err, SAB_FORMAT, "%.200s: y has the shape %s; [%lld] or [%lld, outputs] is needed for one answer "
                        "a sequence, [%lld, %d] or [%lld, %d, outputs] for one a step", path, shape, (long long)set->N,
                        (long long)set->N, (long long)set->N, set->T, (long long)set->N, set->T);
    if (y->shape[0] != set->N)
        return sab_fail(err, SAB_FORMAT, "%.200s: y is for %lld sequences (shape %s), x has %lld", path,
                        (long long)y->shape[0], shape, (long long)set->N);
    return SAB_OK;
}

static int check_lengths(const struct sab_npy_set *set, const char *path, struct sab_error *err)
{
    const struct sab_npy *lengths = &set->lengths;
    char shape[128];
    sab_npy_shape_text(lengths, shape, sizeof shape);
    if (!sab_npy_is_whole(lengths))
        return sab_fail(err, SAB_FORMAT, "%.200s: lengths are not whole numbers; save them as integers", path);
    if (lengths->ndim != 1 || lengths->shape[0] != set->N)
        return sab_fail(err, SAB_FORMAT, "%.200s: lengths have the shape %s; [%lld] is needed, one for each sequence",
                        path, shape, (long long)set->N);
    for (int64_t n = 0; n < set->N; n++) {
        int64_t length = sab_npy_int(lengths, n);
        if (length < 1 || length > set->T)
            return sab_fail(err, SAB_FORMAT, "%.200s: lengths[%lld] is %lld; it must be in 1..%d, the steps of x", path,
                            (long long)n, (long long)length, set->T);
    }
    return SAB_OK;
}

/* Steps of sequence n before those at its end that hold NaN alone. */
static int steps_before_nan(const struct sab_npy_set *set, int64_t n)
{
    int t = set->T;
    for (; t > 0; t--)
        for (int i = 0; i < set->I; i++)
            if (!isnan(sab_npy_real(&set->x, (n * set->T + t - 1) * set->I + i)))
                return t;
    return 0;
}

static int find_ends(struct sab_npy_set *set, const char *path, struct sab_error *err)
{
    for (int64_t n = 0; n < set->N; n++) {
        int steps = steps_before_nan(set, n);
        if (steps == 0)
            return sab_fail(err, SAB_FORMAT, "%.200s: x[%lld] holds nothing but NaN; a sequence needs one step at least", path,
                            (long long)n);
        if (steps == set->T && !set->ends)
            continue;
        if (!set->ends) {
            set->ends = sab_alloc((size_t)set->N, sizeof *set->ends);
            if (!set->ends)
                return sab_fail(err, SAB_NOMEM, "no memory for the lengths of %.200s", path);
            for (int64_t k = 0; k < n; k++)
                set->ends[k] = set->T;
        }
        set->ends[n] = steps;
    }
    return SAB_OK;
}

int sab_npy_set_open(struct sab_npy_set *set, const char *path, struct sab_error *err)
{
    struct sab_npy_set s = {0};
    struct stat info;
    int is_folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    int status = is_folder ? open_folder(&s, path, err) : sab_input_open(&s.file[0], path, SIZE_MAX, err);
    if (status == SAB_OK && !is_folder)
        status = sab_npz_is_zip(s.file[0].data, s.file[0].nbytes)
                     ? open_archive(&s, path, err)
                     : parse(&s, X, s.file[0].data, s.file[0].nbytes, path, "", err);
    if (status == SAB_OK)
        status = check_x(&s, path, err);
    if (status == SAB_OK && s.has_y)
        status = check_y(&s, path, err);
    if (status == SAB_OK && s.has_lengths)
        status = check_lengths(&s, path, err);
    else if (status == SAB_OK && !sab_npy_is_whole(&s.x))
        status = find_ends(&s, path, err);
    if (status != SAB_OK) {
        sab_npy_set_close(&s);
        return status;
    }
    *set = s;
    return SAB_OK;
}

void sab_npy_set_close(struct sab_npy_set *set)
{
    for (int k = 0; k < SAB_NPY_ARRAYS; k++) {
        sab_free(set->member[k].owned);
        sab_input_close(&set->file[k]);
    }
    sab_free(set->ends);
    memset(set, 0, sizeof *set);
}

int sab_npy_set_length(const struct sab_npy_set *set, int64_t n)
{
    return set->has_lengths ? (int)sab_npy_int(&set->lengths, n) : set->ends ? set->ends[n] : set->T;
}
