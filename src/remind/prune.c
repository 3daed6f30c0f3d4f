/* Scores that cannot win are not computed again.
 *
 * Between two steps no score moves by more than the query's drift, sum_k |w3_k| |v_k - before_k|. So each sequence keeps
 * of every memory the score it last had, less all drift up to then (base); with the drift up to now that is the most the
 * score can be. Those that won at the step before are scored first, and whatever cannot reach the least of them is passed
 * over. The result is the same to the bit: what is passed over lies below by more than all roundings, and what is scored
 * is scored by the same kernel.
 *
 * Where the query has moved so far that many could reach it, blocks of memories are asked first. A score rises with each element of a
 * key that has a positive weight and falls with the others, so the key of a block's greatest elements, or least, has a score that
 * none of the block is above: the block's corner. */
#include "remind/remind.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* With fewer memories, looking for those to score costs more than scoring all. */
enum { LEAST = 48 };
/* One of so many, or fewer, that can reach are scored without asking blocks; and of fewer blocks none is asked. */
enum { FEW = 16, ENOUGH = 8 };
/* Where keys are unlike (noise), corners say nothing: blocks that leave more than half rest for a step, and for up to so many. */
enum { REST_MOST = 64 };

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

/* Corners of the blocks that are whole by now. */
static void make_corners(const struct sab_remind *r, const real *keys, int end, struct sab_standing *standing)
{
    const int Ap = r->Ap;
    const real *w = r->w;
    for (; (standing->n_blocks + 1) * SAB_BLOCK <= end; standing->n_blocks++) {
        const real *key = keys + (size_t)standing->n_blocks * SAB_BLOCK * Ap;
        real *corner = standing->corners + (size_t)standing->n_blocks * Ap;
        memcpy(corner, key, (size_t)Ap * sizeof *corner);
        for (int i = 1; i < SAB_BLOCK; i++)
            for (int k = 0; k < Ap; k++) {
                real x = key[(size_t)i * Ap + k], far = corner[k];
                real most = x > far ? x : far, least = x < far ? x : far;
                corner[k] = (w[k] > 0 ? most : least) + (x - x); /* a NaN stays one */
            }
    }
}

/* What the scores of the block with the highest corner say of the bar: as many of them as were selected are above it, so it may be
 * raised to the least of these. a has room for a block. */
static double raise_bar(const struct sab_remind *r, const real *keys, int first, const real *query, double bar, real *a,
                        const struct sab_standing *standing)
{
    int best = first, wanted = standing->n_winners;
    for (int block = first + 1; block < standing->n_blocks; block++)
        best = standing->highest[block] > standing->highest[best] ? block : best;
    if (wanted > SAB_BLOCK)
        return bar;
    r->score->scores(r, SAB_BLOCK, keys + (size_t)best * SAB_BLOCK * r->Ap, query, a);
    for (int i = 0; i < wanted; i++) /* the largest first */
        for (int j = i + 1; j < SAB_BLOCK; j++)
            if (a[j] > a[i]) {
                real larger = a[j];
                a[j] = a[i];
                a[i] = larger;
            }
    double raised = a[wanted - 1] - standing->moved - margin(r) * (r->wnorm + standing->moved);
    return raised > bar ? raised : bar;
}

/* Of the n memories of index, those whose blocks can reach the bar too; a base that is above what its block can reach comes down to it. */
static int ask_blocks(const struct sab_remind *r, const real *keys, int begin, int end, const real *query, double old_bar, int n,
                      real *a, int32_t *index, struct sab_standing *standing)
{
    make_corners(r, keys, end, standing);
    int first = (begin + SAB_BLOCK - 1) / SAB_BLOCK, kept = 0; /* a block that has lost some says nothing of the bar */
    r->score->scores(r, standing->n_blocks - first, standing->corners + (size_t)first * r->Ap, query, standing->highest + first);
    real bar = (real)raise_bar(r, keys, first, query, old_bar, a, standing);
    for (int j = 0; j < n; j++) {
        int i = index[j], block = i / SAB_BLOCK;
        real most = first <= block && block < standing->n_blocks ? (real)(standing->highest[block] - standing->moved) : INFINITY;
        if (most < standing->base[i])
            standing->base[i] = most;
        if (!(standing->base[i] < bar))
            index[kept++] = i;
    }
    int longer = standing->rest == 0 ? 1 : 2 * standing->rest;
    standing->rest = 2 * kept <= n ? 0 : longer < REST_MOST ? longer : REST_MOST;
    standing->rests = standing->rest;
    return kept;
}

void sab_standing_begin(struct sab_standing *standing)
{
    standing->n_winners = standing->n_blocks = standing->rest = standing->rests = 0;
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
        if (!(standing->moved < 8 * r->wnorm)) { /* what was known says nothing more, and drowns in it */
            standing->moved = 0;
            standing->n = begin;
        }
        bar = find_bar(r, keys, begin, query, a, standing);
    }
    memcpy(standing->before, query, (size_t)r->Ap * sizeof *query);
    if (!(bar > -INFINITY && bar < INFINITY)) {
        return score_all(r, keys, begin, end, query, a, index, standing);
    }
    for (; standing->n < end; standing->n++)
        standing->base[standing->n] = INFINITY;
    int n = r->kernels->find_reaching(begin, end, standing->base, (real)bar, index);
    if (n > (end - begin) / FEW && end - begin >= ENOUGH * SAB_BLOCK && standing->rests-- == 0)
        n = ask_blocks(r, keys, begin, end, query, bar, n, a, index, standing);
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
