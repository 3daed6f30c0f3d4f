/* The read: scores, sparsifier and the weighted sum, one step of S sequences; and back. */
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

/* The scores of what can be selected, as sab_candidates. */
static int score(const struct sab_remind *r, const struct sab_memory *memory, int b, const struct sab_alive *alive,
                 const real *query, real *a,
                 int32_t *index)
{
    const real *keys = memory->key + (size_t)b * memory->cap * r->Ap;
    if (!alive->at)
        return sab_candidates(r, keys, alive->begin, alive->begin + alive->n, query, a, index,
                              memory->standing ? &memory->standing[b] : NULL);
    r->score->scores_at(r, alive->n, alive->at, keys, query, a);
    for (int j = 0; r->keep.choice->is_learned && j < alive->n; j++)
        a[j] += memory->ledger.worth[(size_t)b * memory->ledger.cap + alive->at[j]];
    memcpy(index, alive->at, (size_t)alive->n * sizeof *index);
    return alive->n;
}

void sab_read_forward(const struct sab_remind *r, struct sab_memory *memory, int t, const real *query,
                      struct sab_records *records, int replay, real *s, real *scratch, int32_t *candidates,
                      struct sab_profile *profile)
{
    struct sab_ledger *ledger = &memory->ledger;
    int Hp = r->Hp, Ap = r->Ap;
    for (int b = 0; b < memory->S; b++, query += Ap, s += Hp) {
        struct sab_alive alive = sab_ledger_alive(ledger, t, b);
        struct sab_read *read = sab_records_read(records, t, b);
        size_t at = sab_records_at(r, &memory->ledger, records, t, b);
        int32_t *index = records->index + at;
        real *alpha = records->alpha + at;
        const real *M = memory->M + (size_t)b * memory->cap * Hp;
        assert(alive.n >= 0 && sab_ledger_count(ledger, t) <= memory->cap);
        if (!replay && alive.n > 0) {
            int n = score(r, memory, b, &alive, query, scratch, candidates);
            sab_profile_lap(profile, SAB_PHASE_SCORE);
            sab_sparsify_forward(r, alive.n, n, scratch, read, index, alpha);
            for (int i = 0; i < read->n; i++)
                index[i] = index[i] < 0 ? ~candidates[~index[i]] : candidates[index[i]];
            if (memory->standing)
                sab_standing_settle(read, index, &memory->standing[b]);
            for (int i = 0; ledger->alive && i < read->n; i++)
                sab_ledger_recall(ledger, t, b, sab_read_entry(index[i]), alpha[i]);
            sab_profile_lap(profile, SAB_PHASE_SELECT);
        } else if (!replay) {
            read->n = 0;
        }
        memset(s, 0, (size_t)Hp * sizeof *s);
        for (int i = 0; i < read->n; i++)
            if (alpha[i] != 0)
                r->kernels->axpy(Hp, alpha[i], M + (size_t)sab_read_entry(index[i]) * Hp, s);
        sab_profile_lap(profile, SAB_PHASE_READ);
    }
}

void sab_read_backward(const struct sab_remind *r, const struct sab_memory *memory, int t, const real *query,
                       const struct sab_records *records, const real *s, const real *ds, real *dquery,
                       const struct sab_remind_grads *grads, real *scratch)
{
    int Hp = r->Hp, Ap = r->Ap;
    memset(dquery, 0, (size_t)memory->S * Ap * sizeof *dquery);
    for (int b = 0; b < memory->S; b++, query += Ap, dquery += Ap, s += Hp, ds += Hp) {
        const struct sab_read *read = sab_records_read(records, t, b);
        size_t at = sab_records_at(r, &memory->ledger, records, t, b);
        const int32_t *index = records->index + at;
        const real *alpha = records->alpha + at;
        size_t row = (size_t)b * memory->cap;
        real *g = scratch, *da = scratch + read->n;
        if (records->flow) {
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
                r->kernels->axpy(Hp, alpha[i], ds, memory->dM + m * Hp);
            if (da[i] != 0)
                r->score->backward(r, memory->key + m * Ap, query, da[i], memory->dkey + m * Ap, dquery, grads);
            if (memory->dworth)
                memory->dworth[m] += da[i];
        }
    }
}
