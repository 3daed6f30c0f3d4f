/* See npy_state.h: whether a file fits. */
#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "data/npy_state.h"

static int check_symbols(const struct sab_npy_state *s, const struct sab_npy_set *set, const char *path, struct sab_error *err)
{
    if (!sab_npy_is_whole(&set->x) || set->x.ndim != 2)
        return sab_fail(err, SAB_FORMAT, "%.200s: x must be [N,T] of whole numbers, symbols 0..%d, as in training", path,
                        s->shape.I - 1);
    for (int64_t n = 0; n < set->N; n++)
        for (int t = 0; t < sab_npy_set_length(set, n); t++) {
            int64_t v = sab_npy_int(&set->x, n * set->T + t);
            if (v < 0 || v >= s->shape.I)
                return sab_fail(err, SAB_FORMAT, "%.200s: x[%lld, %d] is %lld; the symbols of the training part are "
                                "0..%d. For values instead of symbols, save floats or [N,T,1]", path, (long long)n, t,
                                (long long)v, s->shape.I - 1);
        }
    return SAB_OK;
}

static int check_values(const struct sab_npy_state *s, const struct sab_npy_set *set, const char *path, struct sab_error *err)
{
    if (set->I != s->shape.I)
        return sab_fail(err, SAB_FORMAT, "%.200s: x has %d values a step; the model takes %d", path, set->I, s->shape.I);
    if (sab_npy_is_whole(&set->x))
        return SAB_OK;
    for (int64_t n = 0; n < set->N; n++)
        for (int64_t k = 0; k < (int64_t)sab_npy_set_length(set, n) * set->I; k++) {
            double v = sab_npy_real(&set->x, n * set->T * set->I + k);
            if (!(fabs(v) <= (double)3.4e38f))
                return sab_fail(err, SAB_FORMAT, "%.200s: x[%lld, %lld, %lld] is %g; a finite number below 3.4e38 is "
                                "needed%s", path, (long long)n, (long long)(k / set->I), (long long)(k % set->I), v,
                                !isnan(v)        ? ""
                                : set->has_lengths ? "; `lengths` says that the sequence is longer"
                                                   : "; only steps of NaN alone at the end of a sequence are taken for "
                                                     "its end");
        }
    return SAB_OK;
}

static int check_class(const struct sab_npy_state *s, int64_t v, const char *path, int64_t n, int t, struct sab_error *err)
{
    if (sab_npy_classes_find(&s->classes, v) >= 0 || (s->is_per_step && v == SAB_NPY_NO_ANSWER))
        return SAB_OK;
    char at[48], known[80];
    int64_t first = sab_npy_classes_at(&s->classes, 0), last = sab_npy_classes_at(&s->classes, s->classes.n - 1);
    snprintf(at, sizeof at, s->is_per_step ? "%lld, %d" : "%lld", (long long)n, t);
    if (s->classes.values)
        snprintf(known, sizeof known, "%d whole numbers of %lld..%lld", s->classes.n, (long long)first, (long long)last);
    else
        snprintf(known, sizeof known, "0..%lld", (long long)last);
    return sab_fail(err, SAB_FORMAT, "%.200s: y[%s] is %lld; the classes of the training part are %s%s%s%s", path, at, (long long)v, known,
                    s->is_per_step ? ", and -1 stands for no answer" : "",
                    sab_loss_is_open(&s->config->values) ? ". If these are values, train with --loss mse" : "",
                    path == s->config->files.data && !s->is_known ? "; if the file is sorted by class, shuffle it" : "");
}

static int check_target(const struct sab_npy_state *s, double v, const char *path, int64_t n, int64_t k, struct sab_error *err)
{
    if (!(fabs(v) <= (double)3.4e38f))
        return sab_fail(err, SAB_FORMAT, "%.200s: y of sequence %lld, number %lld of it, is %g; a finite number below "
                        "3.4e38 is needed", path, (long long)n, (long long)k, v);
    if (s->shape.loss == SAB_LOSS_BCE && (v < 0 || v > 1))
        return sab_fail(err, SAB_FORMAT, "%.200s: y of sequence %lld, number %lld of it, is %g; --loss bce needs 0..1",
                        path, (long long)n, (long long)k, v);
    return SAB_OK;
}

static int check_y(const struct sab_npy_state *s, const struct sab_npy_set *set, const char *path, struct sab_error *err)
{
    const struct sab_npy *y = &set->y;
    int leading = 1 + s->is_per_step, is_classes = s->shape.loss == SAB_LOSS_CROSS_ENTROPY;
    int64_t O = y->ndim == leading ? 1 : y->shape[y->ndim - 1];
    char shape[128];
    sab_npy_shape_text(y, shape, sizeof shape);
    if (y->ndim < leading || y->ndim > leading + 1 || (s->is_per_step && y->shape[1] != set->T) ||
        (is_classes ? O != 1 || !sab_npy_is_whole(y) : O != s->targets))
        return sab_fail(err, SAB_FORMAT, "%.200s: y (shape %s) is not what the model was trained for: %s for each %s", path,
                        shape, is_classes ? "one whole number" : s->targets == 1 ? "one value" : "its values",
                        s->is_per_step ? "step" : "sequence");
    int status = SAB_OK;
    for (int64_t n = 0; n < set->N && status == SAB_OK; n++) {
        int64_t first = n * (s->is_per_step ? set->T : 1) * O;
        int64_t count = (s->is_per_step ? sab_npy_set_length(set, n) : 1) * O;
        for (int64_t k = 0; k < count && status == SAB_OK; k++)
            status = is_classes ? check_class(s, sab_npy_int(y, first + k), path, n, (int)k, err)
                                : check_target(s, sab_npy_real(y, first + k), path, n, k, err);
    }
    return status;
}

int sab_npy_check_set(const struct sab_npy_state *s, int k, struct sab_error *err)
{
    const struct sab_npy_set *set = &s->sets[k];
    const char *path = sab_parts_own(s->config, k);
    int status = s->shape.input == SAB_INPUT_IDS ? check_symbols(s, set, path, err) : check_values(s, set, path, err);
    return status == SAB_OK && set->has_y ? check_y(s, set, path, err) : status;
}
