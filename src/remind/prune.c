/* Scores that cannot win are not computed again.
 *
 * Between two steps no score moves by more than the query's drift, sum_k |w3_k| |v_k - before_k|. So each sequence keeps
 * of every memory the score it last had, less all drift up to then (base); with the drift up to now that is the most the
 * score can be. Those that won at the step before are scored first, and whatever cannot reach the least of them is passed
 * over. The result is the same to the bit: what is passed over lies below by more than all roundings, and what is scored
 * is scored by the same kernel. */
#include "remind/remind.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* With fewer memories, looking for those to score costs more than scoring all. */
enum { LEAST = 48 };

/* A share of the sum of |w3| and of the drift that is more than the roundings of two scores (kernels.h), of the drift, and
 * of their difference kept as a real. */
static double margin(const struct sab_remind *r)
{
    return (r->Ap / (double)SAB_LANES + 32) * 0x1p-21;
}

static int score_all(const struct sab_remind *r, const real *keys, int begin, int end, const real *query, real *a,
                     int32_t *index, struct sab_standing *standing)
{
    int n = end - begin;
    r->score->scores(r, n, keys + (size_t)begin * r->Ap, query, a);
    for (int i = 0; i < n; i++)
        index[i] = begin + i;
    if (standing) {
        memcpy(standing->base + begin, a, (size_t)n * sizeof *a);
        standing->moved = 0;
        standing->n = end;
    }
    return n;
}

/* What a base must reach for its memory to be scored; -INFINITY or NaN if nothing can be said. */
static double find_bar(const struct sab_remind *r, const real *keys, int begin, const real *query, real *a,
                       const struct sab_standing *standing)
{
    for (int i = 0; i < standing->n_winners; i++)
        if (standing->winners[i] < begin)
            return -INFINITY;
    r->score->scores_at(r, standing->n_winners, standing->winners, keys, query, a);
    double least = a[0];
    for (int i = 1; i < standing->n_winners; i++)
        least = a[i] >= least ? least : a[i];
    return least - standing->moved - margin(r) * (r->wnorm + standing->moved);
}

int sab_candidates(const struct sab_remind *r, const real *keys, int begin, int end, const real *query, real *a,
                   int32_t *index, struct sab_standing *standing)
{
    assert(0 <= begin && begin < end);
    if (!standing || !r->score->drift || r->dense_forward)
        return score_all(r, keys, begin, end, query, a, index, NULL);
    double bar = -INFINITY;
    if (end - begin >= LEAST && end - begin > r->K && standing->n_winners > 0) {
        standing->moved += r->score->drift(r, query, standing->before);
        bar = find_bar(r, keys, begin, query, a, standing);
    }
    memcpy(standing->before, query, (size_t)r->Ap * sizeof *query);
    if (!(bar > -INFINITY && bar < INFINITY)) {
        return score_all(r, keys, begin, end, query, a, index, standing);
    }
    for (; standing->n < end; standing->n++)
        standing->base[standing->n] = INFINITY;
    int n = r->kernels->find_reaching(begin, end, standing->base, (real)bar, index);
    r->score->scores_at(r, n, index, keys, query, a);
    for (int i = 0; i < n; i++)
        standing->base[index[i]] = (real)(a[i] - standing->moved);
    return n;
}

void sab_standing_settle(const struct sab_read *read, const int32_t *index, struct sab_standing *standing)
{
    assert(read->n > 0);
    standing->n_winners = read->n;
    memcpy(standing->winners, index, (size_t)read->n * sizeof *index);
}
