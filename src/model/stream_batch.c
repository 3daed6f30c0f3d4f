/* A whole batch through a stream: whether it can go on with it, what it takes over, what it leaves. See stream.h. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "model/network.h"
#include "model/stream_parts.h"

int sab_stream_check_since(const struct sab_stream *s, int b, struct sab_error *err)
{
    if (s->since[b] == 0)
        return SAB_OK;
    return sab_fail(err, SAB_INVALID, "sequence %d of the carried state ends %d step%s after its last memory was written, so it "
                                      "can only begin anew: those that go on have a multiple of --k-att %d steps", b,
                    s->since[b], s->since[b] == 1 ? "" : "s", s->model->layers[0].remind.keep.k_att);
}

/* Whether memories can be carried on from here. */
static int check_carrying(const struct sab_stream *s, const uint8_t *fresh, struct sab_error *err)
{
    int status = SAB_OK;
    const struct sab_model *m = s->model;
    if (m->zero_memories)
        return sab_fail(err, SAB_INVALID, "--zero-memory on is for sequences that begin anew, not for state that is "
                                          "carried from batch to batch");
    if (m->layers[0].remind.keep.slots == INT_MAX)
        return sab_fail(err, SAB_INVALID, "--memory-slots 0 (all memories) cannot be carried from batch to batch, it "
                                          "would grow without end: choose a number in 1..1000000000");
    for (int b = 0; b < s->B && !status; b++)
        status = fresh && fresh[b] ? SAB_OK : sab_stream_check_since(s, b, err);
    return status;
}

int sab_stream_ready(struct sab_stream *s, const struct sab_model *m, const struct sab_batch *batch, struct sab_error *err)
{
    int T = batch->T;
    if (s->model != m || s->B != batch->B)
        return sab_fail(err, SAB_INVALID, "the carried state is of %s %d sequences and the batch has %d",
                        s->model == m ? "this model's" : "another model's", s->B, batch->B);
    const struct sab_keep *keep = &m->layers[0].remind.keep;
    int status = m->K > 0 ? check_carrying(s, batch->fresh, err) : SAB_OK, n = 0;
    for (int b = 0; b < s->B && m->K > 0; b++)
        s->since_next[b] = keep->rule->since(keep, batch->lengths ? batch->lengths[b] : T);
    if (m->K > 0) {
        int have = sab_stream_carried(s), more = keep->rule->most(keep, T);
        n = have > keep->slots - more ? keep->slots : have + more;
    }
    for (int l = 0; l < m->L && !status; l++) {
        struct sab_carry *next = &s->layers[l].next;
        if (!next->h && !sab_carry_create(m, l, next, s->B)) {
            sab_carry_free(next);
            return sab_fail(err, SAB_NOMEM, "no memory for the carried state of %d sequences", s->B);
        }
        next->memory.ledger.n = 0; /* nothing of it is to be kept */
        status = sab_carry_grow(m, &next->memory, n, err);
        next->memory.ledger.n = status ? 0 : n;
    }
    return status;
}

int sab_stream_carried(const struct sab_stream *s)
{
    int n = s->layers[0].now.memory.ledger.n, slots = s->model->layers[0].remind.keep.slots;
    return n < slots ? n : slots;
}

void sab_stream_copy(const struct sab_stream *s, int layer, int b0, const uint8_t *fresh, real *h, real *c,
                     struct sab_memory *memory)
{
    const struct sab_model *m = s->model;
    const struct sab_carry *now = &s->layers[layer].now;
    int carried = m->K > 0 ? sab_stream_carried(s) : 0, from = now->memory.ledger.n - carried;
    size_t row = (size_t)m->Hp;
    for (int b = 0; b < memory->S; b++) {
        int is_fresh = fresh && fresh[b0 + b], first = now->memory.ledger.first[b0 + b] - from;
        size_t at = (size_t)(b0 + b) * row;
        memory->ledger.first[b] = is_fresh ? carried : first > 0 ? first : 0;
        memset(h + b * row, 0, row * sizeof *h);
        if (c)
            memset(c + b * row, 0, row * sizeof *c);
        if (m->K > 0)
            memset(memory->M + (size_t)b * memory->cap * row, 0, (size_t)carried * row * sizeof(real));
        if (is_fresh)
            continue;
        memcpy(h + b * row, now->h + at, row * sizeof *h);
        if (c)
            memcpy(c + b * row, now->c + at, row * sizeof *c);
        const struct sab_ledger *before = &now->memory.ledger;
        if (memory->ledger.worth && carried > 0)
            memcpy(memory->ledger.worth + (size_t)b * memory->ledger.cap, before->worth + (size_t)(b0 + b) * before->cap + from,
                   (size_t)carried * sizeof(real));
        for (int i = memory->ledger.first[b]; i < carried; i++)
            memcpy(memory->M + ((size_t)b * memory->cap + i) * row,
                   now->memory.M + ((size_t)(b0 + b) * now->memory.cap + from + i) * row, row * sizeof(real));
    }
}

void sab_stream_take(const struct sab_stream *s, int layer, int b0, const uint8_t *fresh, real *h, real *c,
                     struct sab_memory *memory)
{
    sab_stream_copy(s, layer, b0, fresh, h, c, memory);
    if (s->model->K == 0)
        return;
    sab_ledger_begin(&memory->ledger, sab_stream_carried(s), 0);
    sab_memory_rekey(&s->model->layers[layer].remind, memory);
}

uint64_t sab_stream_take_draw(const struct sab_stream *s, int b, const uint8_t *fresh)
{
    return fresh && fresh[b] ? 0 : s->draw[b];
}

void sab_stream_put_draw(struct sab_stream *s, int b, uint64_t draw)
{
    s->draw_next[b] = draw;
}

void sab_stream_put_state(struct sab_stream *s, int layer, int b, const real *h, const real *c)
{
    struct sab_carry *next = &s->layers[layer].next;
    size_t row = (size_t)s->model->Hp;
    memcpy(next->h + (size_t)b * row, h, row * sizeof *h);
    if (c)
        memcpy(next->c + (size_t)b * row, c, row * sizeof *c);
}

/* The newest of each sequence come last; where it has fewer than the batch leaves, rows of 0 come before them. */
void sab_stream_put_memory(struct sab_stream *s, int layer, int b0, const struct sab_memory *memory, const int *ends)
{
    struct sab_memory *next = &s->layers[layer].next.memory;
    const struct sab_remind *r = &s->model->layers[layer].remind;
    size_t Hp = (size_t)s->model->Hp, Ap = (size_t)s->model->Ap;
    for (int b = 0; b < memory->S; b++) {
        if (memory->ledger.alive) {
            sab_carry_put_alive(s->model, next, b0 + b, memory, b, next->ledger.n);
            continue;
        }
        int count = next->ledger.n, from = ends[b] - count, skip = from < 0 ? -from : 0, n = count - skip;
        int first = memory->ledger.first[b] - from;
        size_t to = (size_t)(b0 + b) * next->cap, at = (size_t)b * memory->cap + (size_t)(from + skip);
        memset(next->M + to * Hp, 0, (size_t)skip * Hp * sizeof(real));
        memset(next->key + to * Ap, 0, (size_t)skip * Ap * sizeof(real));
        to += (size_t)skip;
        memcpy(next->M + to * Hp, memory->M + at * Hp, (size_t)n * Hp * sizeof(real));
        sab_memory_copy_keys(r, memory, b, from + skip, n, next->key + to * Ap);
        next->ledger.first[b0 + b] = first > 0 ? first : 0;
    }
}

void sab_stream_put_stretch(struct sab_stream *s, int layer, int b0, const struct sab_memory *memory)
{
    sab_stream_copy_stretch(s->model, &s->layers[layer].next.memory.stretch, b0, &memory->stretch, memory->S);
}

int sab_stream_check_finite(const struct sab_stream *s, int layer, const real *h, struct sab_error *err)
{
    for (int b = 0; b < s->B; b++)
        for (int k = 0; k < s->model->H; k++)
            if (!isfinite(h[(size_t)b * s->model->Hp + k]))
                return sab_fail(err, SAB_NUMERIC, "the state of sequence %d in layer %d is not finite; it stays as it was", b, layer);
    return SAB_OK;
}

int sab_stream_check(const struct sab_stream *s, struct sab_error *err)
{
    int status = SAB_OK;
    for (int l = 0; l < s->model->L && status == SAB_OK; l++)
        status = sab_stream_check_finite(s, l, s->layers[l].next.h, err);
    return status;
}

void sab_stream_turn(struct sab_stream *s, int T)
{
    for (int l = 0; l < s->model->L; l++) {
        struct sab_carry now = s->layers[l].now;
        s->layers[l].now = s->layers[l].next;
        s->layers[l].next = now;
    }
    int *since = s->since;
    s->since = s->since_next;
    s->since_next = since;
    uint64_t *draw = s->draw;
    s->draw = s->draw_next;
    s->draw_next = draw;
    s->t += T;
}
