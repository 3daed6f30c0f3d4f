/* From scores to weights. Equal scores: the older memory wins.
 *
 * relu      thr = (K+1)-th largest a; r_i = max(a_i - thr, 0); alpha_i = r_i / max(Z, z), Z = sum r
 *           The way back divides by max(Z, z, z_b) instead: where z_b holds, the gradient is not that of the read.
 * softmax   alpha = softmax over the K largest
 * N <= K: softmax over all.
 * release2019   the authors' code: thr = K-th largest a, so that K-1 weights are left; N <= K: alpha = a. Dense forward:
 *               softmax over all; dense backward keeps them all, sparse the K largest.
 *
 * Which of these holds is decided by N, how many memories there are. The scores given are those of n candidates: fewer
 * than N where N > K and the others cannot be among the largest. */
#include "remind/remind.h"

#include <assert.h>
#include <math.h>

int sab_sparsify_cap(const struct sab_remind *r, int N)
{
    if (r->dense_forward)
        return N;
    return N < r->K + 1 ? N : r->K + 1;
}

void sab_largest(int n, const real *a, int k, int32_t *index)
{
    int have = 0;
    assert(k <= n);
    for (int i = 0; i < n; i++) {
        if (have == k && !(a[i] > a[index[k - 1]]))
            continue;
        int at = have < k ? have++ : k - 1;
        for (; at > 0 && a[i] > a[index[at - 1]]; at--)
            index[at] = index[at - 1];
        index[at] = i;
    }
}

void sab_sort_rising(int n, int32_t *index)
{
    for (int i = 1; i < n; i++) {
        int32_t x = index[i];
        int at = i;
        for (; at > 0 && index[at - 1] > x; at--)
            index[at] = index[at - 1];
        index[at] = x;
    }
}

/* alpha = softmax of a over the n entries of index, summed in their order. */
static void softmax(int n, const real *a, const int32_t *index, real *alpha)
{
    real top = a[sab_read_entry(index[0])];
    for (int i = 1; i < n; i++)
        top = a[sab_read_entry(index[i])] > top ? a[sab_read_entry(index[i])] : top;
    real sum = 0;
    for (int i = 0; i < n; i++) {
        alpha[i] = (real)exp((double)(a[sab_read_entry(index[i])] - top));
        sum += alpha[i];
    }
    for (int i = 0; i < n; i++)
        alpha[i] /= sum;
}

/* All N memories; with more than K of them and a sparse backward pass, the K largest get gradient. */
static void select_all(const struct sab_remind *r, int N, const real *a, struct sab_read *read, int32_t *index,
                       real *alpha)
{
    int part = !r->dense_backward && N > r->K;
    if (part) {
        sab_largest(N, a, r->K, index);
        for (int i = 0; i < N; i++)
            alpha[i] = 0;
        for (int i = 0; i < r->K; i++)
            alpha[index[i]] = 1;
    }
    for (int i = 0; i < N; i++)
        index[i] = part && alpha[i] == 0 ? ~i : i;
    softmax(N, a, index, alpha);
    read->n = N;
    read->kind = part ? SAB_READ_PART : SAB_READ_SOFTMAX;
    read->Z = 1;
}

/* K weights; the threshold is the largest of the others. */
static void select_relu(const struct sab_remind *r, int K, int n, const real *a, struct sab_read *read, int32_t *index,
                        real *alpha)
{
    sab_largest(n, a, K + 1, index);
    real threshold = a[index[K]];
    sab_sort_rising(K, index);
    real Z = 0;
    for (int i = 0; i < K; i++) {
        alpha[i] = a[index[i]] - threshold;
        Z += alpha[i];
    }
    alpha[K] = 0;
    read->n = K + 1;
    read->kind = Z < r->floor ? SAB_READ_FLOOR : SAB_READ_RELU;
    read->Z = Z < r->floor ? r->floor : Z;
    for (int i = 0; i < K; i++)
        alpha[i] = read->Z > 0 ? alpha[i] / read->Z : 0;
}

/* Scores as they are. */
static void select_raw(int N, const real *a, struct sab_read *read, int32_t *index, real *alpha)
{
    for (int i = 0; i < N; i++) {
        index[i] = i;
        alpha[i] = a[i];
    }
    read->n = N;
    read->kind = SAB_READ_RAW;
    read->Z = 1;
}

void sab_sparsify_forward(const struct sab_remind *r, int N, int n, const real *a, struct sab_read *read,
                          int32_t *index, real *alpha)
{
    int is_release = r->sparsifier == SAB_SPARSIFIER_RELEASE2019;
    assert(1 <= n && n <= N && (n == N || (N > r->K && !r->dense_forward)));
    if (r->dense_forward || (N <= r->K && !is_release)) {
        select_all(r, N, a, read, index, alpha);
    } else if (N <= r->K) {
        select_raw(N, a, read, index, alpha);
    } else if (is_release || r->sparsifier == SAB_SPARSIFIER_RELU) {
        select_relu(r, r->K - is_release, n, a, read, index, alpha);
    } else {
        sab_largest(n, a, r->K, index);
        sab_sort_rising(r->K, index);
        softmax(r->K, a, index, alpha);
        read->n = r->K;
        read->kind = SAB_READ_SOFTMAX;
        read->Z = 1;
    }
}

void sab_sparsify_backward(const struct sab_remind *r, const struct sab_read *read, const real *alpha, const real *g,
                           real sds, real *da)
{
    int n = read->n;
    if (read->kind == SAB_READ_RAW) {
        for (int i = 0; i < n; i++)
            da[i] = g[i];
        return;
    }
    if (read->kind == SAB_READ_SOFTMAX || read->kind == SAB_READ_PART) {
        real mean = sds;
        if (read->kind == SAB_READ_SOFTMAX) {
            mean = 0;
            for (int i = 0; i < n; i++)
                mean += alpha[i] * g[i];
        }
        for (int i = 0; i < n; i++)
            da[i] = alpha[i] * (g[i] - mean);
        return;
    }
    real mean = 0;
    if (read->kind == SAB_READ_RELU)
        for (int i = 0; i < n - 1; i++)
            mean += alpha[i] * g[i];
    real sum = 0, divisor = read->Z < r->bound ? r->bound : read->Z;
    for (int i = 0; i < n - 1; i++) {
        da[i] = alpha[i] > 0 ? (g[i] - mean) / divisor : 0;
        sum += da[i];
    }
    da[n - 1] = -sum;
}
