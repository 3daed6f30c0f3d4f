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
 * none of the block is above: the block's corner. Those that are left are estimated first, by reciprocals that are not refined:
 * who is below the best of the estimates by more than both can be wrong is passed over too.
 *
 * A step is a question, the same for all lanes (base/lockstep.h); each findings for some of the memories, and one ends it. */
#include "remind/remind.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* With fewer memories, looking for those to score costs more than scoring all. */
enum { LEAST = 48 };
/* One of so many, or fewer, that can reach are scored without asking blocks; and of fewer blocks none is asked. */
enum { FEW = 16, ENOUGH = 8 };
/* Where keys are unlike (noise), corners say nothing, and where scores are hardly different estimates do not: what leaves more than half
 * rests for a step, and for up to so many. */
enum { REST_MOST = 64 };
/* Of so many that are wanted, or more, the least is not looked for; of less than so many times as many, or fewer elements, or of narrower
 * rows, beside whose scores the looking counts, all are scored at once. */
enum { WANTED_MOST = 32, WORTH_ESTIMATING = 4, ELEMENTS = 1 << 12, NARROW = 64 };
/* Elements of scores from which on lanes share a sequence's: some microseconds, of which a meeting takes one. */
enum { WORTH_SHARING = 1 << 15 };

/* A share of the sum of |w3| and of the drift that is more than the roundings of two scores (kernels.h), of the drift, and
 * of their difference kept as a real. */
static double margin(const struct sab_remind *r)
{
    return (r->Ap / (double)SAB_LANES + 32) * 0x1p-21;
}

/* About a[j] of key row at[j], or of row j; returns how far at the most from what `scores` gives. */
static double estimate(const struct sab_remind *r, int n, const int32_t *at, const real *keys, const real *query, real *a)
{
    double error = r->score->estimate(r, n, at, keys, query, a);
    return error + margin(r) * r->wnorm;
}

/* What a base must reach for its memory to be scored; -INFINITY or NaN if nothing can be said. */
static double find_bar(const struct sab_remind *r, const struct sab_question *q, real *a, const struct sab_standing *standing)
{
    for (int i = 0; i < standing->n_winners; i++)
        if (standing->winners[i] < q->begin)
            return -INFINITY;
    r->score->scores_at(r, standing->n_winners, standing->winners, q->keys, q->query, a);
    double least = a[0];
    for (int i = 1; i < standing->n_winners; i++)
        least = a[i] >= least ? least : a[i];
    return least - q->moved - margin(r) * (r->wnorm + q->moved);
}

struct sab_question sab_question_of(const struct sab_remind *r, const real *keys, int begin, int end, const real *query, real *a,
                                    const struct sab_standing *standing)
{
    struct sab_question q = {.keys = keys, .query = query, .begin = begin, .end = end, .known = begin, .bar = -INFINITY};
    if (end - begin > r->K && standing->n_winners > 0) {
        q.moved = standing->moved + r->score->drift(r, query, standing->before);
        q.known = standing->n;
        if (!(q.moved < 8 * r->wnorm)) { /* what was known says nothing more, and drowns in it */
            q.moved = 0;
            q.known = begin;
        }
        q.bar = find_bar(r, &q, a, standing);
    }
    if (!(q.bar > -INFINITY && q.bar < INFINITY)) {
        q.bar = -INFINITY;
        q.moved = 0;
        q.known = begin;
    }
    return q;
}

/* The wanted-th largest of a[0..n-1]; -INFINITY where there are not so many numbers, or too many are wanted. */
static double find_least_wanted(int n, const real *a, int wanted)
{
    real best[WANTED_MOST];
    if (wanted > WANTED_MOST)
        return -INFINITY;
    for (int i = 0; i < wanted; i++)
        best[i] = -(real)INFINITY;
    for (int i = 0; i < n; i++) {
        int at = wanted - 1;
        if (!(a[i] > best[at]))
            continue;
        for (; at > 0 && a[i] > best[at - 1]; at--)
            best[at] = best[at - 1];
        best[at] = a[i];
    }
    return best[wanted - 1];
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

/* What the scores of the block with the highest corner say of the bar: as many of them as are wanted are above it. a has room for a
 * block. */
static double raise_bar(const struct sab_remind *r, const struct sab_question *q, int first, int last, real *a,
                        const struct sab_standing *standing)
{
    int best = first;
    for (int block = first + 1; block < last; block++)
        best = standing->highest[block] > standing->highest[best] ? block : best;
    double error = estimate(r, SAB_BLOCK, NULL, q->keys + (size_t)best * SAB_BLOCK * r->Ap, q->query, a);
    double raised = find_least_wanted(SAB_BLOCK, a, standing->n_winners) - error - q->moved - margin(r) * (r->wnorm + q->moved);
    return raised > q->bar ? raised : q->bar;
}

/* Of the n memories of index, all of from .. to-1, those whose blocks can reach the bar too; a base that is above what its block can
 * reach comes down to it. */
static int ask_blocks(const struct sab_remind *r, const struct sab_question *q, int from, int to, int n, real *a, int32_t *index,
                      struct sab_standing *standing, struct sab_finding *finding)
{
    int first = (from + SAB_BLOCK - 1) / SAB_BLOCK, kept = 0; /* a block that has lost some says nothing of the bar */
    int last = to / SAB_BLOCK < standing->n_blocks ? to / SAB_BLOCK : standing->n_blocks;
    if (last - first < ENOUGH)
        return n;
    double error = estimate(r, last - first, NULL, standing->corners + (size_t)first * r->Ap, q->query, standing->highest + first);
    real bar = (real)raise_bar(r, q, first, last, a, standing);
    for (int j = 0; j < n; j++) {
        int i = index[j], block = i / SAB_BLOCK;
        real most = first <= block && block < last ? (real)(standing->highest[block] + error - q->moved) : INFINITY;
        if (most < standing->base[i])
            standing->base[i] = most;
        if (!(standing->base[i] < bar))
            index[kept++] = i;
    }
    finding->asked = n;
    finding->asked_left = kept;
    return kept;
}

/* Of the n memories of index those whose estimates do not show that they lose. */
static int pass_over(const struct sab_remind *r, const struct sab_question *q, int n, real *a, int32_t *index,
                     struct sab_standing *standing, struct sab_finding *finding)
{
    int wanted = r->K + 1, kept = 0;
    if (!r->score->estimates(r) || wanted > WANTED_MOST || n < WORTH_ESTIMATING * wanted || r->Ap < NARROW ||
        (int64_t)n * r->Ap < ELEMENTS)
        return n;
    finding->estimated = finding->estimated_left = n;
    if (standing->estimates.left > 0)
        return n;
    double error = estimate(r, n, index, q->keys, q->query, a);
    double from_these = find_least_wanted(n, a, wanted) - 2 * error, from_winners = q->bar + q->moved - error;
    real bar = (real)(from_these >= from_winners ? from_these : from_winners);
    for (int j = 0; j < n; j++) {
        int i = index[j];
        real most = (real)(a[j] + error - q->moved);
        if (!(a[j] < bar))
            index[kept++] = i;
        else if (most < standing->base[i])
            standing->base[i] = most;
    }
    return finding->estimated_left = kept;
}

int sab_question_find(const struct sab_remind *r, const struct sab_question *q, int from, int to, real *a, int32_t *index,
                        struct sab_standing *standing, struct sab_finding *finding)
{
    *finding = (struct sab_finding){0};
    for (int i = from > q->known ? from : q->known; i < to; i++)
        standing->base[i] = INFINITY;
    int n = r->kernels->find_reaching(from, to, standing->base, (real)q->bar, index);
    finding->reaching = n;
    finding->are_many = q->bar > -INFINITY && n > (to - from) / FEW;
    if (finding->are_many && standing->blocks.left == 0)
        n = ask_blocks(r, q, from, to, n, a, index, standing, finding);
    n = pass_over(r, q, n, a, index, standing, finding);
    r->score->scores_at(r, n, index, q->keys, q->query, a);
    for (int i = 0; i < n; i++)
        standing->base[index[i]] = (real)(a[i] - q->moved);
    return finding->n = n;
}

/* After a step that tried it, or would have. */
static void rest_or_go_on(struct sab_rest *rest, int tried, int left)
{
    int longer = rest->length == 0 ? 1 : 2 * rest->length;
    if (rest->left > 0) {
        rest->left--;
        return;
    }
    rest->length = 2 * left <= tried ? 0 : longer < REST_MOST ? longer : REST_MOST;
    rest->left = rest->length;
}

void sab_question_end(const struct sab_remind *r, const struct sab_question *q, int n, const struct sab_finding *findings,
                      struct sab_standing *standing)
{
    struct sab_finding all = {0};
    for (int i = 0; i < n; i++) {
        all.reaching += findings[i].reaching;
        all.are_many |= findings[i].are_many;
        all.asked += findings[i].asked;
        all.asked_left += findings[i].asked_left;
        all.estimated += findings[i].estimated;
        all.estimated_left += findings[i].estimated_left;
    }
    memcpy(standing->before, q->query, (size_t)r->Ap * sizeof *q->query);
    standing->moved = q->moved;
    standing->n = q->end;
    standing->reaching = all.reaching;
    if (all.asked > 0 || (all.are_many && standing->blocks.left > 0))
        rest_or_go_on(&standing->blocks, all.asked, all.asked_left);
    if (all.estimated > 0)
        rest_or_go_on(&standing->estimates, all.estimated, all.estimated_left);
    if (all.are_many && q->end - q->begin >= ENOUGH * SAB_BLOCK)
        make_corners(r, q->keys, q->end, standing);
}

int sab_question_is_shared(const struct sab_remind *r, int begin, int end, const struct sab_lane *lane,
                           const struct sab_standing *standing)
{
    double elements = ((double)standing->reaching + (end - begin) / SAB_BLOCK) * r->Ap;
    return lane->n > 1 && r->score->drift && !r->dense_forward && end - begin >= lane->n * (2 * SAB_BLOCK + r->K + 1) &&
        (elements >= WORTH_SHARING || lane->all->insists);
}

void sab_standing_begin(struct sab_standing *standing)
{
    standing->n_winners = standing->n_blocks = standing->reaching = 0;
    standing->blocks = standing->estimates = (struct sab_rest){0};
}

void sab_standing_shift(const struct sab_remind *r, struct sab_standing *standing, int rows)
{
    int n = standing->n > rows ? standing->n - rows : 0, blocks = standing->n_blocks - rows / SAB_BLOCK;
    memmove(standing->base, standing->base + rows, (size_t)n * sizeof *standing->base);
    standing->n = n;
    standing->n_blocks = blocks > 0 ? blocks : 0;
    memmove(standing->corners, standing->corners + (size_t)(rows / SAB_BLOCK) * r->Ap,
            (size_t)standing->n_blocks * r->Ap * sizeof *standing->corners);
    for (int i = 0; i < standing->n_winners; i++)
        standing->winners[i] -= rows;
}

int sab_candidates(const struct sab_remind *r, const real *keys, int begin, int end, const real *query, real *a,
                   int32_t *index, struct sab_standing *standing)
{
    assert(0 <= begin && begin < end);
    int keeps_standing = standing && r->score->drift && !r->dense_forward;
    if (keeps_standing && end - begin >= LEAST) {
        struct sab_finding finding;
        struct sab_question q = sab_question_of(r, keys, begin, end, query, a, standing);
        int n = sab_question_find(r, &q, begin, end, a, index, standing, &finding);
        sab_question_end(r, &q, 1, &finding, standing);
        return n;
    }
    r->score->scores(r, end - begin, keys + (size_t)begin * r->Ap, query, a);
    for (int i = 0; i < end - begin; i++)
        index[i] = begin + i;
    if (keeps_standing) {
        memcpy(standing->base + begin, a, (size_t)(end - begin) * sizeof *a);
        memcpy(standing->before, query, (size_t)r->Ap * sizeof *query);
        standing->moved = 0;
        standing->n = end;
    }
    return end - begin;
}

void sab_standing_settle(const struct sab_read *read, const int32_t *index, struct sab_standing *standing)
{
    assert(read->n > 0);
    standing->n_winners = read->n;
    memcpy(standing->winners, index, (size_t)read->n * sizeof *index);
}
