/* Writing to the memory, and the gradient of what was written. */
#include "remind/remind.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static int is_learned(const struct sab_remind *r)
{
    return r->keep.choice && r->keep.choice->is_learned;
}

real sab_memory_worth(const struct sab_remind *r, const real *m, const real *h, uint64_t draw)
{
    return r->keep.choice->worth(r->H, m, h, r->gate, draw);
}

static void make_keys(const struct sab_remind *r, const struct sab_memory *memory, int b, int from, int n, real *out)
{
    const real *m = memory->M + ((size_t)b * memory->cap + from) * r->Hp;
    r->score->map(r, 0, n, m, (struct sab_part){0, r->Ap}, out);
}

/* Twice the slots, so that they move up once in as many memories. */
int sab_memory_key_rows(const struct sab_remind *r, int most, int written)
{
    int64_t rows = 2 * ((int64_t)r->keep.slots + SAB_BLOCK) + written;
    return r->keeps_rows || r->keep.choice || rows >= most ? most : (int)rows;
}

/* Room for the key of another memory: those alive move up. */
static void move_keys(const struct sab_remind *r, struct sab_memory *memory)
{
    int rows = (memory->ledger.n - r->keep.slots - memory->first_key) / SAB_BLOCK * SAB_BLOCK;
    if (memory->key_rows == 0 || memory->ledger.n - memory->first_key < memory->key_rows)
        return;
    assert(rows > 0);
    for (int b = 0; b < memory->S; b++) {
        real *keys = sab_memory_keys(r, memory, b);
        memmove(keys, keys + (size_t)rows * r->Ap, (size_t)(memory->key_rows - rows) * r->Ap * sizeof *keys);
        if (memory->standing)
            sab_standing_shift(r, &memory->standing[b], rows);
    }
    memory->first_key += rows;
}

void sab_memory_bring_keys(const struct sab_remind *r, struct sab_memory *memory, int begin, int end)
{
    int is_there = begin >= memory->first_key && end <= memory->first_key + memory->key_rows; /* `end` rises where one goes back twice */
    if (is_there || memory->key_rows == 0)
        return;
    assert(end - begin <= memory->key_rows && end <= memory->ledger.n);
    memory->first_key = end > memory->key_rows ? end - memory->key_rows : 0;
    for (int b = 0; b < memory->S; b++)
        make_keys(r, memory, b, memory->first_key, end - memory->first_key, sab_memory_keys(r, memory, b));
}

void sab_memory_copy_keys(const struct sab_remind *r, const struct sab_memory *memory, int b, int from, int n, real *out)
{
    if (from < memory->first_key)
        make_keys(r, memory, b, from, n, out);
    else
        memcpy(out, sab_memory_keys(r, memory, b) + (size_t)(from - memory->first_key) * r->Ap, (size_t)n * r->Ap * sizeof *out);
}

void sab_memory_rekey(const struct sab_remind *r, struct sab_memory *memory)
{
    memory->first_key = 0;
    for (int b = 0; b < memory->S && memory->ledger.n > 0; b++) {
        size_t row = (size_t)b * memory->cap;
        make_keys(r, memory, b, 0, memory->ledger.n, sab_memory_keys(r, memory, b));
        for (int i = 0; r->segment > 0 && i < memory->ledger.n; i++)
            sab_segments_add(r, memory, b, i);
        for (int i = 0; is_learned(r) && i < memory->ledger.n; i++)
            memory->ledger.worth[(size_t)b * memory->ledger.cap + i] = sab_memory_worth(r, memory->M + (row + i) * r->Hp, NULL, 0);
    }
}

static void write(const struct sab_remind *r, struct sab_memory *memory, const real *m, int has_keys, real *scratch)
{
    int Hp = r->Hp, Ap = r->Ap;
    if (!has_keys)
        r->score->map(r, 0, memory->S, m, (struct sab_part){0, Ap}, scratch);
    assert(memory->ledger.n < memory->cap);
    move_keys(r, memory);
    for (int b = 0; b < memory->S; b++) {
        size_t row = (size_t)b * memory->cap + memory->ledger.n, key = (size_t)(memory->ledger.n - memory->first_key);
        memcpy(memory->M + row * Hp, m + (size_t)b * Hp, (size_t)Hp * sizeof *m);
        memcpy(sab_memory_keys(r, memory, b) + key * Ap, scratch + (size_t)b * Ap, (size_t)Ap * sizeof *m);
        if (r->segment > 0)
            sab_segments_add(r, memory, b, memory->ledger.n);
    }
}

/* How far m is from each memory of sequence b that is alive. */
static void measure(const struct sab_remind *r, struct sab_memory *memory, int t, int b, const real *m)
{
    struct sab_alive alive = sab_ledger_alive(&memory->ledger, t, b);
    for (int i = 0; i < alive.n; i++) {
        const real *other = memory->M + ((size_t)b * memory->cap + alive.at[i]) * r->Hp;
        memory->ledger.apart[i] = sab_ledger_distance(r->H, m, other);
    }
}

/* The states e of a step that began with h are part of a stretch, which becomes a memory where that is due. Of a sequence that ended
 * before, nobody reads that memory, and on the way back none of its states weighs anything. */
static void pool(const struct sab_remind *r, struct sab_memory *memory, int t, int is_due, const real *e, const real *h)
{
    const struct sab_ledger *ledger = &memory->ledger;
    for (int b = 0; b < memory->S; b++, e += r->Hp, h += r->Hp) {
        int has_ended = ledger->ends && t >= ledger->ends[b];
        real scale = (real)INFINITY;
        if (!has_ended)
            sab_stretch_add(&r->pool, &memory->stretch, b, ledger->since == 0, e, h);
        if (!has_ended && is_due)
            scale = sab_stretch_close(&r->pool, &memory->stretch, b);
        if (is_due && memory->scale)
            memory->scale[(size_t)b * memory->cap + ledger->n] = scale;
    }
}

void sab_memory_step(const struct sab_remind *r, struct sab_memory *memory, int t, const real *e, const real *h, const uint64_t *draws,
                     int has_keys, real *scratch)
{
    int is_due = sab_ledger_is_due(&memory->ledger), is_pooled = r->pool.kind != SAB_POOL_LAST;
    if (is_pooled)
        pool(r, memory, t, is_due, e, h);
    const real *m = is_pooled ? memory->stretch.sum : e;
    h = is_pooled ? memory->stretch.begin : h;
    if (is_due)
        write(r, memory, m, has_keys && !is_pooled, scratch);
    for (int b = 0; is_due && memory->ledger.alive && b < memory->S; b++, m += r->Hp, h += r->Hp) {
        if (r->keep.choice->is_apart)
            measure(r, memory, t, b, m);
        sab_ledger_admit(&memory->ledger, t, b, sab_memory_worth(r, m, h, draws ? draws[b] : 0));
    }
    sab_ledger_end_step(&memory->ledger, t, is_due);
}

/* The gradient of gate . m of memory i from that of its worth, log sigmoid(gate . m). */
static real gate_gradient(const struct sab_memory *memory, int b, int i)
{
    real dworth = memory->dworth[(size_t)b * memory->cap + i];
    return dworth == 0 ? 0 : dworth * (real)-expm1((double)memory->ledger.worth[(size_t)b * memory->ledger.cap + i]);
}

/* At the step that writes memory i, i - slots to i - 1 are alive, and on the way back the row of i is then free for i - slots - 1. */
int sab_memory_waiting(const struct sab_remind *r, int most)
{
    int takes_turns = !r->keeps_rows && !r->keep.choice && r->pool.kind == SAB_POOL_LAST && r->keep.slots < most;
    return takes_turns ? r->keep.slots + 1 : most;
}

/* Those columns of the row of memory i, which nobody needs any more, become another's. */
static void leave_row(const struct sab_remind *r, const struct sab_memory *memory, int i, struct sab_part part)
{
    for (int b = 0; memory->dM_rows < memory->cap && b < memory->S; b++)
        memset(sab_memory_gradient(r, memory, b, i) + part.from, 0, (size_t)(part.end - part.from) * sizeof(real));
}

void sab_memory_backward(const struct sab_remind *r, const struct sab_memory *memory, int i, struct sab_part part, real *dm)
{
    int Hp = r->Hp, n = part.end - part.from;
    size_t cap = (size_t)memory->cap;
    assert(0 <= i && i < memory->ledger.n);
    for (int b = 0; b < memory->S; b++)
        memcpy(dm + (size_t)b * Hp + part.from, sab_memory_gradient(r, memory, b, i) + part.from, (size_t)n * sizeof *dm);
    r->score->map_backward(r, 0, memory->S, memory->M + (size_t)i * Hp, cap * Hp, memory->dkey + (size_t)i * r->Ap, cap * r->Ap, part, dm);
    for (int b = 0; is_learned(r) && b < memory->S; b++)
        r->kernels->axpy(n, gate_gradient(memory, b, i), r->gate + part.from, dm + (size_t)b * Hp + part.from);
}

/* dm [S,Hp] = the gradient of memory i, which is complete; the first step to ask for it, the last of its stretch, completes it in dM. */
static void complete(const struct sab_remind *r, const struct sab_memory *memory, int i, int is_first, real *dm)
{
    size_t row = (size_t)r->Hp * sizeof *dm;
    if (is_first)
        sab_memory_backward(r, memory, i, (struct sab_part){0, r->Hp}, dm);
    for (int b = 0; b < memory->S; b++) {
        real *here = dm + (size_t)b * r->Hp, *there = sab_memory_gradient(r, memory, b, i);
        memcpy(is_first ? there : here, is_first ? here : there, row);
    }
}

int sab_memory_step_backward(const struct sab_remind *r, const struct sab_memory *memory, int t, const real *e, struct sab_part part,
                             real *de, const struct sab_remind_grads *grads)
{
    int written = sab_ledger_written(&memory->ledger, t), next = sab_ledger_count(&memory->ledger, t);
    int i = r->pool.kind == SAB_POOL_LAST ? written : next < memory->ledger.n ? next : -1;
    if (i < 0 || !r->mental_updates)
        return 0;
    if (r->pool.kind == SAB_POOL_LAST) {
        sab_memory_backward(r, memory, i, part, de);
        leave_row(r, memory, i, part);
        return 1;
    }
    assert(part.from == 0 && part.end == r->Hp);
    complete(r, memory, i, i == written, de);
    for (int b = 0; b < memory->S; b++, e += r->Hp, de += r->Hp) {
        size_t row = (size_t)b * memory->cap + i;
        sab_stretch_backward(&r->pool, e, memory->M + row * r->Hp, memory->scale[row], de, de, grads->pool);
    }
    return 1;
}

void sab_memory_weights(const struct sab_remind *r, const struct sab_memory *memory, struct sab_part part,
                        const struct sab_remind_grads *grads)
{
    for (int b = 0; b < memory->S; b++) {
        size_t row = (size_t)b * memory->cap;
        r->score->map_weights(r, 0, memory->ledger.n, memory->M + row * r->Hp, memory->dkey + row * r->Ap, part, grads);
        for (int i = 0; is_learned(r) && part.from == 0 && part.end > 0 && i < memory->ledger.n; i++)
            if (gate_gradient(memory, b, i) != 0)
                r->kernels->axpy(r->Hp, gate_gradient(memory, b, i), memory->M + (row + i) * r->Hp, grads->gate);
    }
}
