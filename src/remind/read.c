/* The read: scores, sparsifier and the weighted sum, one step of S sequences; and back.
 *
 * Lanes take a sequence each, or more, and where there are fewer sequences than lanes all look for the candidates of one together, each
 * among its memories. On the way back, where gradients of several sequences go into the same weights, each has columns. */
#include "remind/remind.h"

#include <assert.h>
#include <math.h>
#include <string.h>

size_t sab_records_count(const struct sab_remind *r, int carried, int T)
{
    if (r->K == 0)
        return 0;
    return r->dense_forward ? r->keep.rule->sum(&r->keep, carried, r->keep.slots, T) : (size_t)T * (r->K + 1);
}

/* A dense read of a step takes as many entries as memories are alive. */
size_t sab_records_at(const struct sab_remind *r, const struct sab_ledger *ledger, const struct sab_records *records, int t, int b)
{
    if (!r->dense_forward)
        return ((size_t)(t - records->t0) * records->S + b) * (r->K + 1);
    const struct sab_ledger_step *step = &ledger->steps[t];
    return (ledger->entries[t] - ledger->entries[records->t0]) * records->S + (size_t)b * (step->count - step->oldest);
}

struct sab_read *sab_records_read(const struct sab_records *records, int t, int b)
{
    assert(t >= records->t0 && 0 <= b && b < records->S);
    return &records->reads[(size_t)(t - records->t0) * records->S + b];
}

/* The scores of what can be selected, as sab_candidates. Memories are counted from the first that has a key, here and in all that
 * standings know. */
static int score(const struct sab_remind *r, const struct sab_memory *memory, int b, const struct sab_alive *alive,
                 const real *query, struct sab_standing *standing, real *a, int32_t *index)
{
    const real *keys = sab_memory_keys(r, memory, b);
    if (r->segment > 0)
        return sab_segments_candidates(r, memory, b, alive->begin, alive->n, query, standing, a, index);
    if (!alive->at)
        return sab_candidates(r, keys, alive->begin, alive->begin + alive->n, query, a, index, standing);
    r->score->scores_at(r, alive->n, alive->at, keys, query, a);
    for (int j = 0; r->keep.choice->is_learned && j < alive->n; j++)
        a[j] += memory->ledger.worth[(size_t)b * memory->ledger.cap + alive->at[j]];
    memcpy(index, alive->at, (size_t)alive->n * sizeof *index);
    return alive->n;
}

/* Where lane i's memories begin: with a whole block, but for the first. */
static int lane_begin(const struct sab_alive *alive, int i, int lanes)
{
    int begin = alive->begin, end = begin + alive->n, first = begin / SAB_BLOCK, blocks = (end - 1) / SAB_BLOCK + 1 - first;
    int at = (first + (int)((int64_t)blocks * i / lanes)) * SAB_BLOCK;
    return at < begin ? begin : at < end ? at : end;
}

/* The same by all lanes; the first has the result. */
static int score_together(const struct sab_remind *r, const struct sab_memory *memory, int b, const struct sab_alive *alive,
                          const real *query, real *a, int32_t *index, struct sab_lane *lane)
{
    const real *keys = sab_memory_keys(r, memory, b);
    struct sab_standing *standing = &memory->standing[b];
    int begin = alive->begin, from = lane_begin(alive, lane->i, lane->n), to = lane_begin(alive, lane->i + 1, lane->n), n = 0;
    struct sab_question q = sab_question_of(r, keys, begin, begin + alive->n, query, a + (from - begin), standing);
    sab_question_find(r, &q, from, to, a + (from - begin), index + (from - begin), standing, &standing->findings[lane->i]);
    sab_lane_meet(lane);
    if (lane->i > 0)
        return 0;
    for (int i = 0; i < lane->n; i++) {
        int of_lane = standing->findings[i].n, at = lane_begin(alive, i, lane->n) - begin;
        memmove(a + n, a + at, (size_t)of_lane * sizeof *a);
        memmove(index + n, index + at, (size_t)of_lane * sizeof *index);
        n += of_lane;
    }
    sab_question_end(r, &q, lane->n, standing->findings, standing);
    return n;
}

/* Selects from n candidates and records it. */
static void settle(const struct sab_remind *r, struct sab_memory *memory, int t, int b, const struct sab_alive *alive, int n, const real *a,
                   const int32_t *candidates, struct sab_standing *standing, struct sab_read *read, int32_t *index, real *alpha)
{
    struct sab_ledger *ledger = &memory->ledger;
    sab_sparsify_forward(r, alive->n, n, a, read, index, alpha);
    for (int i = 0; i < read->n; i++)
        index[i] = index[i] < 0 ? ~candidates[~index[i]] : candidates[index[i]];
    if (standing)
        sab_standing_settle(read, index, standing);
    for (int i = 0; i < read->n; i++)
        index[i] += index[i] < 0 ? -memory->first_key : memory->first_key;
    for (int i = 0; ledger->alive && i < read->n; i++)
        sab_ledger_recall(ledger, t, b, sab_read_entry(index[i]), alpha[i]);
}

void sab_read_sequences(const struct sab_lane *lane, int S, int *from, int *end)
{
    int is_split = S >= lane->n;
    *from = is_split ? S * lane->i / lane->n : 0;
    *end = is_split ? S * (lane->i + 1) / lane->n : lane->i == 0 ? S : 0;
}

void sab_read_forward(const struct sab_remind *r, struct sab_memory *memory, int t, const real *query, struct sab_records *records,
                      int replay, real *s, const struct sab_read_room *room, struct sab_lane *lane, struct sab_profile *profile)
{
    struct sab_ledger *ledger = &memory->ledger;
    int Hp = r->Hp, selects = !replay || records->is_made_again, from, end;
    sab_read_sequences(lane, memory->S, &from, &end);
    for (int b = 0; b < memory->S; b++, query += r->Ap, s += Hp) {
        struct sab_alive alive = sab_ledger_alive(ledger, t, b);
        alive.begin -= memory->first_key;
        struct sab_read *read = sab_records_read(records, t, b);
        size_t at = sab_records_at(r, &memory->ledger, records, t, b);
        int32_t *index = records->index + at, *candidates = room->candidates + (size_t)b * room->candidates_stride;
        real *alpha = records->alpha + at, *a = room->scores + (size_t)b * room->scores_stride;
        const real *M = memory->M + (size_t)b * memory->cap * Hp;
        struct sab_standing *standing = memory->standing && !replay ? &memory->standing[b] : NULL; /* a replay does not go on from it */
        int is_own = from <= b && b < end, n = 0;
        int is_shared = standing && memory->S < lane->n && sab_question_is_shared(r, alive.begin, alive.begin + alive.n, lane, standing);
        assert(alive.n >= 0 && sab_ledger_count(ledger, t) <= memory->cap);
        if (is_shared)
            n = score_together(r, memory, b, &alive, query, a, candidates, lane);
        if (!is_own)
            continue;
        if (selects && alive.n > 0) {
            if (!is_shared)
                n = score(r, memory, b, &alive, query, standing, a, candidates);
            sab_profile_lap(profile, SAB_PHASE_SCORE);
            if (r->segment > 0) /* what is in no opened segment is not there to this step, and standings are of segments */
                alive.n = n, standing = NULL;
            settle(r, memory, t, b, &alive, n, a, candidates, standing, read, index, alpha);
            sab_profile_lap(profile, SAB_PHASE_SELECT);
        } else if (selects) {
            read->n = 0;
        }
        memset(s, 0, (size_t)Hp * sizeof *s);
        for (int i = 0; i < read->n; i++)
            if (alpha[i] != 0)
                r->kernels->axpy(Hp, alpha[i], M + (size_t)sab_read_entry(index[i]) * Hp, s);
        sab_profile_lap(profile, SAB_PHASE_READ);
    }
}

void sab_read_nothing(const struct sab_remind *r, int S, int t, struct sab_records *records, real *s, struct sab_lane *lane)
{
    int from, end;
    sab_read_sequences(lane, S, &from, &end);
    for (int b = from; b < end; b++)
        sab_records_read(records, t, b)->n = 0;
    if (end > from)
        memset(s + (size_t)from * r->Hp, 0, (size_t)(end - from) * r->Hp * sizeof *s);
}

void sab_read_backward(const struct sab_remind *r, const struct sab_memory *memory, int t, const real *query,
                       const struct sab_records *records, const real *s, const real *ds, struct sab_part units, struct sab_part keys,
                       real *dquery, const struct sab_remind_grads *grads, real *scratch)
{
    int Hp = r->Hp, Ap = r->Ap, is_first = units.from == 0 && units.end > 0, width = units.end - units.from;
    for (int b = 0; b < memory->S; b++, query += Ap, dquery += Ap, s += Hp, ds += Hp) {
        const struct sab_read *read = sab_records_read(records, t, b);
        size_t at = sab_records_at(r, &memory->ledger, records, t, b);
        const int32_t *index = records->index + at;
        const real *alpha = records->alpha + at;
        size_t row = (size_t)b * memory->cap;
        const real *key = sab_memory_keys(r, memory, b);
        real *g = scratch, *da = scratch + read->n;
        memset(dquery + keys.from, 0, (size_t)(keys.end - keys.from) * sizeof *dquery);
        if (records->flow && is_first) {
            real norm = (real)sqrt((double)r->kernels->dot(Hp, ds, ds));
            for (int i = 0; i < read->n; i++)
                records->flow[at + i] = index[i] < memory->ledger.carried || !r->mental_updates ? 0 : (real)fabs((double)alpha[i]) * norm;
        }
        for (int i = 0; i < read->n; i++)
            g[i] = index[i] < 0 ? 0 : r->kernels->dot(Hp, memory->M + (row + index[i]) * Hp, ds);
        sab_sparsify_backward(r, read, alpha, g, r->kernels->dot(Hp, s, ds), da);
        for (int i = 0; i < read->n; i++) {
            if (index[i] < 0)
                continue;
            size_t m = row + index[i];
            if (r->mental_updates && alpha[i] != 0)
                r->kernels->axpy(width, alpha[i], ds + units.from, sab_memory_gradient(r, memory, b, index[i]) + units.from);
            if (da[i] != 0)
                r->score->backward(r, key + (size_t)(index[i] - memory->first_key) * Ap, query, da[i], keys, memory->dkey + m * Ap, dquery,
                                   grads);
            if (memory->dworth && is_first)
                memory->dworth[m] += da[i];
        }
        if (r->segment > 0)
            sab_segments_backward(r, memory, t, b, query, read, index, da, dquery, grads);
    }
}
