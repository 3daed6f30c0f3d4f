/* See segment.h. */
#include "remind/segment.h"

#include <assert.h>
#include <string.h>

#include "remind/remind.h"

static int least(int a, int b)
{
    return a < b ? a : b;
}

int sab_segments_most(const struct sab_remind *r, int memories)
{
    return memories / r->segment + 1;
}

/* U of n memories from that of the first n - 1, which are none where n is 1. */
static void join(const struct sab_remind *r, int n, const real *key, real *U)
{
    for (int k = 0; k < r->Ap; k++)
        U[k] = n == 1 ? key[k] : U[k] + (key[k] - U[k]) / (real)n;
}

static const real *key_of(const struct sab_remind *r, const struct sab_memory *memory, int b, int i)
{
    return sab_memory_keys(r, memory, b) + (size_t)i * r->Ap;
}

static real *row_of(const struct sab_remind *r, const struct sab_memory *memory, int b, int j)
{
    assert(0 <= j && j < memory->segments.cap);
    return memory->segments.rows + ((size_t)b * memory->segments.cap + j) * r->Ap;
}

void sab_segments_add(const struct sab_remind *r, struct sab_memory *memory, int b, int i)
{
    int at = i - memory->ledger.first[b];
    if (at >= 0)
        join(r, at % r->segment + 1, key_of(r, memory, b, i), row_of(r, memory, b, at / r->segment));
}

void sab_segments_restore(const struct sab_remind *r, struct sab_memory *memory)
{
    for (int b = 0; b < memory->S; b++) {
        int n = memory->ledger.n - memory->ledger.first[b];
        for (int i = memory->ledger.n - (n > 0 ? n % r->segment : 0); i < memory->ledger.n; i++)
            sab_segments_add(r, memory, b, i);
    }
}

/* The K best of the full segments, rising, into opened, and their A; returns how many. */
static int choose(const struct sab_remind *r, const struct sab_memory *memory, int b, int n, const real *query,
                  struct sab_standing *standing, real *a, int32_t *index)
{
    const struct sab_segments *s = &memory->segments;
    const real *rows = row_of(r, memory, b, 0);
    if (n <= r->K) {
        r->score->scores(r, n, rows, query, s->A);
        for (int j = 0; j < n; j++)
            s->opened[j] = j;
        return n;
    }
    n = sab_candidates(r, rows, 0, n, query, a, index, standing);
    sab_largest(n, a, r->K, s->opened);
    sab_sort_rising(r->K, s->opened);
    for (int j = 0; j < r->K; j++) {
        s->A[j] = a[s->opened[j]];
        s->opened[j] = index[s->opened[j]];
    }
    if (standing)
        sab_standing_settle(&(struct sab_read){.n = r->K}, s->opened, standing);
    return r->K;
}

int sab_segments_candidates(const struct sab_remind *r, const struct sab_memory *memory, int b, int begin, int n, const real *query,
                            struct sab_standing *standing, real *a, int32_t *index)
{
    const struct sab_segments *s = &memory->segments;
    int L = r->segment, full = n / L, count = 0, opened = choose(r, memory, b, full, query, standing, a, index);
    if (n % L > 0) {
        s->opened[opened] = full;
        r->score->scores(r, 1, row_of(r, memory, b, full), query, &s->A[opened++]);
    }
    for (int j = 0; j < opened; j++) {
        int first = s->opened[j] * L, m = least(L, n - first);
        r->score->scores(r, m, key_of(r, memory, b, begin + first), query, a + count);
        for (int i = 0; i < m; i++, count++) {
            a[count] += s->A[j];
            index[count] = begin + first + i;
        }
    }
    return count;
}

void sab_segments_find(const struct sab_remind *r, const struct sab_ledger *ledger, int t, int b, int i, int *first, int *end)
{
    int begin = ledger->first[b];
    *first = begin + (i - begin) / r->segment * r->segment;
    *end = least(*first + r->segment, sab_ledger_count(ledger, t));
}

/* U of memories first .. end - 1 as it was: that of a full segment is there still. */
static const real *amount(const struct sab_remind *r, const struct sab_memory *memory, int b, int first, int end, real *scratch)
{
    if (end - first == r->segment)
        return row_of(r, memory, b, (first - memory->ledger.first[b]) / r->segment);
    for (int i = first; i < end; i++)
        join(r, i - first + 1, key_of(r, memory, b, i), scratch);
    return scratch;
}

/* From dA of the segment of memories first .. end - 1. */
static void segment_backward(const struct sab_remind *r, const struct sab_memory *memory, int b, int first, int end, const real *query,
                             real dA, real *dquery, const struct sab_remind_grads *grads)
{
    real *dU = memory->segments.back, n = (real)(end - first);
    const real *U = amount(r, memory, b, first, end, dU + r->Ap);
    memset(dU, 0, (size_t)r->Ap * sizeof *dU);
    r->score->backward(r, U, query, dA, (struct sab_part){0, r->Ap}, dU, dquery, grads);
    for (int i = first; i < end; i++)
        r->score->mean_backward(r, n, U, dU, key_of(r, memory, b, i), memory->dkey + ((size_t)b * memory->cap + i) * r->Ap);
}

void sab_segments_backward(const struct sab_remind *r, const struct sab_memory *memory, int t, int b, const real *query,
                           const struct sab_read *read, const int32_t *index, const real *da, real *dquery,
                           const struct sab_remind_grads *grads)
{
    for (int i = 0; i < read->n; i++) {
        int first, end, is_first = 1;
        real dA = 0;
        sab_segments_find(r, &memory->ledger, t, b, index[i], &first, &end);
        for (int k = 0; k < read->n; k++) {
            int is_of = first <= index[k] && index[k] < end;
            dA += is_of ? da[k] : 0;
            is_first &= k >= i || !is_of;
        }
        if (is_first && dA != 0)
            segment_backward(r, memory, b, first, end, query, dA, dquery, grads);
    }
}
