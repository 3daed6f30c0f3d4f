/* What a layer carries from step to step or from batch to batch: made, grown and copied. See stream_parts.h. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/stream_parts.h"

/* What grows with the memories. */
static void memories_free(struct sab_memory *memory)
{
    sab_free(memory->M), sab_free(memory->key), sab_free(memory->segments.rows);
    sab_free(memory->ledger.alive), sab_free(memory->ledger.worth), sab_free(memory->ledger.apart);
}

void sab_carry_free(struct sab_carry *carry)
{
    sab_free(carry->h);
    sab_free(carry->c);
    memories_free(&carry->memory);
    sab_free(carry->memory.ledger.first);
    sab_free(carry->memory.ledger.steps);
    sab_free(carry->memory.ledger.entries);
    sab_free(carry->memory.ledger.n_alive);
    sab_free(carry->memory.segments.opened), sab_free(carry->memory.segments.A);
    sab_free(carry->memory.stretch.sum); /* one block */
    sab_free(carry->before.sum);
    *carry = (struct sab_carry){0};
}

/* Rows of nothing, for B sequences, in one block that begins with sum. */
static int stretch_create(const struct sab_model *m, struct sab_stretch *stretch, int B)
{
    size_t rows = (size_t)B * m->Hp;
    real *block = sab_alloc(2 * rows + 2 * (size_t)B, sizeof *block);
    *stretch = block ? (struct sab_stretch){block, block + rows, block + 2 * rows, block + 2 * rows + B} : (struct sab_stretch){0};
    return block != NULL;
}

/* Room to choose among segments. */
static int segments_create(const struct sab_remind *r, struct sab_segments *segments)
{
    if (r->segment == 0)
        return 1;
    segments->opened = sab_alloc((size_t)r->K + 1, sizeof *segments->opened);
    segments->A = sab_alloc((size_t)r->K + 1, sizeof *segments->A);
    return segments->opened && segments->A;
}

int sab_carry_create(const struct sab_model *m, int layer, struct sab_carry *carry, int B)
{
    size_t row = (size_t)B * m->Hp;
    struct sab_ledger *ledger = &carry->memory.ledger;
    carry->memory.S = B;
    carry->h = sab_alloc(row, sizeof(real));
    carry->c = m->cell->has_c ? sab_alloc(row, sizeof(real)) : NULL;
    ledger->keep = &m->layers[layer].remind.keep;
    ledger->S = B;
    ledger->first = sab_alloc((size_t)B, sizeof *ledger->first);
    ledger->steps = sab_alloc(2, sizeof *ledger->steps);
    ledger->entries = sab_alloc(2, sizeof *ledger->entries);
    ledger->n_alive = sab_alloc((size_t)B, sizeof *ledger->n_alive);
    if (m->layers[layer].remind.pool.kind != SAB_POOL_LAST &&
        (!stretch_create(m, &carry->memory.stretch, B) || !stretch_create(m, &carry->before, B)))
        return 0;
    if (!segments_create(&m->layers[layer].remind, &carry->memory.segments))
        return 0;
    return carry->h && (carry->c || !m->cell->has_c) && ledger->first && ledger->steps && ledger->entries &&
           ledger->n_alive;
}

void sab_carry_copy(const struct sab_model *m, struct sab_memory *out, const struct sab_memory *in, int from, int n)
{
    for (int b = 0; b < in->S; b++) {
        size_t to_row = (size_t)b * out->cap, from_row = (size_t)b * in->cap + from;
        memmove(out->M + to_row * m->Hp, in->M + from_row * m->Hp, (size_t)n * m->Hp * sizeof(real));
        memmove(out->key + to_row * m->Ap, in->key + from_row * m->Ap, (size_t)n * m->Ap * sizeof(real));
        if (in->segments.rows && n > 0) /* all of them stay where there are segments */
            memmove(out->segments.rows + (size_t)b * out->segments.cap * m->Ap, in->segments.rows + (size_t)b * in->segments.cap * m->Ap,
                    (size_t)sab_segments_most(&m->layers[0].remind, n) * m->Ap * sizeof(real));
        if (in->ledger.worth)
            memmove(out->ledger.worth + (size_t)b * out->ledger.cap, in->ledger.worth + (size_t)b * in->ledger.cap + from,
                    (size_t)n * sizeof(real));
        out->ledger.first[b] = in->ledger.first[b] > from ? in->ledger.first[b] - from : 0;
    }
    out->ledger.n = n;
}

/* What a ledger that chooses needs for so many; worth has as much again, for what it was before a step. */
static int choice_create(struct sab_ledger *ledger, int cap)
{
    if (!ledger->keep->choice)
        return 1;
    ledger->cap = cap;
    ledger->alive_cap = cap + 1;
    ledger->alive = sab_alloc((size_t)ledger->S * ledger->alive_cap, sizeof *ledger->alive);
    ledger->worth = sab_alloc(2 * (size_t)ledger->S * cap, sizeof *ledger->worth);
    ledger->apart = sab_alloc((size_t)ledger->alive_cap, sizeof *ledger->apart);
    return ledger->alive && ledger->worth && ledger->apart;
}

/* And segments. */
static int segment_rows_create(const struct sab_model *m, struct sab_memory *memory)
{
    const struct sab_remind *r = &m->layers[0].remind;
    if (r->segment == 0)
        return 1;
    memory->segments.cap = sab_segments_most(r, memory->cap);
    memory->segments.rows = sab_alloc((size_t)memory->S * memory->segments.cap, (size_t)m->Ap * sizeof(real));
    return memory->segments.rows != NULL;
}

int sab_carry_grow(const struct sab_model *m, struct sab_memory *memory, int cap, struct sab_error *err)
{
    if (memory->cap >= cap)
        return SAB_OK;
    struct sab_memory larger = *memory;
    larger.cap = cap;
    larger.M = sab_alloc((size_t)memory->S * cap, (size_t)m->Hp * sizeof(real));
    larger.key = sab_alloc((size_t)memory->S * cap, (size_t)m->Ap * sizeof(real));
    larger.ledger.alive = NULL, larger.ledger.worth = NULL, larger.ledger.apart = NULL;
    larger.segments.rows = NULL;
    if (!choice_create(&larger.ledger, cap) || !segment_rows_create(m, &larger) || !larger.M || !larger.key) {
        memories_free(&larger);
        return sab_fail(err, SAB_NOMEM, "no memory for %d memories of %d sequences", cap, memory->S);
    }
    if (memory->ledger.n > 0)
        sab_carry_copy(m, &larger, memory, 0, memory->ledger.n);
    memories_free(memory);
    *memory = larger;
    return SAB_OK;
}

void sab_carry_put_alive(const struct sab_model *m, struct sab_memory *out, int to, const struct sab_memory *in, int b, int n)
{
    struct sab_alive alive = sab_ledger_alive(&in->ledger, 0, b);
    size_t Hp = (size_t)m->Hp, Ap = (size_t)m->Ap;
    int skip = n - alive.n;
    out->ledger.first[to] = skip;
    if (n == 0)
        return;
    for (int j = 0; j < alive.n; j++) {
        size_t row = (size_t)to * out->cap + skip + j, from = (size_t)b * in->cap + alive.at[j];
        if (out == in && row == from)
            continue;
        memmove(out->M + row * Hp, in->M + from * Hp, Hp * sizeof(real));
        memmove(out->key + row * Ap, in->key + from * Ap, Ap * sizeof(real));
        out->ledger.worth[(size_t)to * out->ledger.cap + skip + j] = in->ledger.worth[(size_t)b * in->ledger.cap + alive.at[j]];
    }
    memset(out->M + (size_t)to * out->cap * Hp, 0, (size_t)skip * Hp * sizeof(real));
    memset(out->key + (size_t)to * out->cap * Ap, 0, (size_t)skip * Ap * sizeof(real));
    memset(out->ledger.worth + (size_t)to * out->ledger.cap, 0, (size_t)skip * sizeof(real));
}

void sab_stream_clear_stretch(const struct sab_model *m, const struct sab_stretch *stretch, int S)
{
    size_t row = (size_t)S * m->Hp * sizeof(real), number = (size_t)S * sizeof(real);
    memset(stretch->sum, 0, row), memset(stretch->begin, 0, row);
    memset(stretch->top, 0, number), memset(stretch->Z, 0, number);
}

void sab_stream_copy_stretch(const struct sab_model *m, const struct sab_stretch *to, int b, const struct sab_stretch *from, int S)
{
    size_t at = (size_t)b * m->Hp, row = (size_t)S * m->Hp * sizeof(real), number = (size_t)S * sizeof(real);
    memcpy(to->sum + at, from->sum, row), memcpy(to->begin + at, from->begin, row);
    memcpy(to->top + b, from->top, number), memcpy(to->Z + b, from->Z, number);
}
