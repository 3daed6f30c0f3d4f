/* Streaming: what the past leaves behind, one step at a time through the same layer code, or a whole batch at once. */
#include "model/stream.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/network.h"

enum { FIRST_CAP = 64 };

/* ---- what is carried ---- */

/* What grows with the memories. */
static void memories_free(struct sab_memory *memory)
{
    sab_free(memory->M), sab_free(memory->key);
    sab_free(memory->ledger.alive), sab_free(memory->ledger.worth), sab_free(memory->ledger.apart);
}

static void carry_free(struct sab_carry *carry)
{
    sab_free(carry->h);
    sab_free(carry->c);
    memories_free(&carry->memory);
    sab_free(carry->memory.ledger.first);
    sab_free(carry->memory.ledger.steps);
    sab_free(carry->memory.ledger.entries);
    sab_free(carry->memory.ledger.n_alive);
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

/* Its ledger is that of one step at a time. */
static int carry_create(const struct sab_model *m, int layer, struct sab_carry *carry, int B)
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
    return carry->h && (carry->c || !m->cell->has_c) && ledger->first && ledger->steps && ledger->entries &&
           ledger->n_alive;
}

/* Memories of all sequences, rows from .. from+n-1 of `in` to rows 0 .. n-1 of `out`, which may be the same. */
static void copy_memories(const struct sab_model *m, struct sab_memory *out, const struct sab_memory *in, int from, int n)
{
    for (int b = 0; b < in->S; b++) {
        size_t to_row = (size_t)b * out->cap, from_row = (size_t)b * in->cap + from;
        memmove(out->M + to_row * m->Hp, in->M + from_row * m->Hp, (size_t)n * m->Hp * sizeof(real));
        memmove(out->key + to_row * m->Ap, in->key + from_row * m->Ap, (size_t)n * m->Ap * sizeof(real));
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

/* Room for `cap` memories, if there is less; on failure everything is as it was. */
static int memory_grow(const struct sab_model *m, struct sab_memory *memory, int cap, struct sab_error *err)
{
    if (memory->cap >= cap)
        return SAB_OK;
    struct sab_memory larger = *memory;
    larger.cap = cap;
    larger.M = sab_alloc((size_t)memory->S * cap, (size_t)m->Hp * sizeof(real));
    larger.key = sab_alloc((size_t)memory->S * cap, (size_t)m->Ap * sizeof(real));
    larger.ledger.alive = NULL, larger.ledger.worth = NULL, larger.ledger.apart = NULL;
    if (!choice_create(&larger.ledger, cap) || !larger.M || !larger.key) {
        memories_free(&larger);
        return sab_fail(err, SAB_NOMEM, "no memory for %d memories of %d sequences", cap, memory->S);
    }
    if (memory->ledger.n > 0)
        copy_memories(m, &larger, memory, 0, memory->ledger.n);
    memories_free(memory);
    *memory = larger;
    return SAB_OK;
}

/* Room in the scratch and records that reads of so many memories need. */
static int room_grow(struct sab_stream *s, int cap, struct sab_error *err)
{
    const struct sab_remind *r = &s->model->layers[0].remind;
    size_t entries = r->dense_forward ? (size_t)cap : (size_t)r->K + 1; /* the strides of sab_records_at */
    if (s->room >= cap)
        return SAB_OK;
    real *scores = sab_alloc(2 * (size_t)cap + 2, sizeof *scores);
    real *alpha = sab_alloc(s->B * entries, sizeof *alpha);
    int32_t *index = sab_alloc(s->B * entries, sizeof *index), *candidates = sab_alloc((size_t)cap, sizeof *candidates);
    if (!scores || !alpha || !index || !candidates) {
        sab_free(scores), sab_free(alpha), sab_free(index), sab_free(candidates);
        return sab_fail(err, SAB_NOMEM, "no memory for the scores of %d memories", cap);
    }
    sab_free(s->scratch.scores), sab_free(s->scratch.candidates), sab_free(s->records.alpha), sab_free(s->records.index);
    s->scratch.scores = scores;
    s->scratch.candidates = candidates;
    s->records.alpha = alpha;
    s->records.index = index;
    s->room = cap;
    return SAB_OK;
}

/* Room for one more memory. A stream of bounded memory keeps up to twice its slots and then drops the older half; where the rule
 * chooses it keeps the alive alone. */
static int make_room(struct sab_stream *s, struct sab_error *err)
{
    const struct sab_model *m = s->model;
    int n = s->layers[0].now.memory.ledger.n, slots = m->layers[0].remind.keep.slots, status = SAB_OK;
    int most = m->layers[0].remind.keep.choice ? slots + 1 : slots > INT_MAX / 2 ? INT_MAX : 2 * slots;
    int cap = n < FIRST_CAP ? FIRST_CAP : n > most / 2 ? most : 2 * n;
    if (cap > most)
        cap = most;
    for (int l = 0; l < m->L && !status; l++) {
        struct sab_memory *memory = &s->layers[l].now.memory;
        if (n >= most)
            copy_memories(m, memory, memory, n - slots, slots);
        else if (n == memory->cap)
            status = memory_grow(m, memory, cap, err);
    }
    return status ? status : room_grow(s, s->layers[0].now.memory.cap, err);
}

int sab_stream_make_room(struct sab_stream *s, int cap, struct sab_error *err)
{
    int status = SAB_OK;
    for (int l = 0; l < s->model->L && !status; l++)
        status = memory_grow(s->model, &s->layers[l].now.memory, cap, err);
    return status ? status : room_grow(s, cap, err);
}

/* ---- a whole batch ---- */

/* Whether sequence b is at a step from which memories can be carried on. */
static int check_since(const struct sab_stream *s, int b, struct sab_error *err)
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
        status = fresh && fresh[b] ? SAB_OK : check_since(s, b, err);
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
        if (!next->h && !carry_create(m, l, next, s->B)) {
            carry_free(next);
            return sab_fail(err, SAB_NOMEM, "no memory for the carried state of %d sequences", s->B);
        }
        next->memory.ledger.n = 0; /* nothing of it is to be kept */
        status = memory_grow(m, &next->memory, n, err);
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

/* The alive of sequence b, the newest last, to rows .. n - 1 of sequence `to` of `out`; rows of 0 come before them. Both may be the
 * same memory: no row moves up. */
static void put_alive(const struct sab_model *m, struct sab_memory *out, int to, const struct sab_memory *in, int b, int n)
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

/* After a step of a stream: where one has left, what is alive moves together. */
static void drop_dead(const struct sab_model *m, struct sab_memory *memory)
{
    int slots = memory->ledger.keep->slots;
    if (!memory->ledger.alive || memory->ledger.n <= slots)
        return;
    for (int b = 0; b < memory->S; b++)
        put_alive(m, memory, b, memory, b, slots);
    memory->ledger.n = slots;
}

/* The newest of each sequence come last; where it has fewer than the batch leaves, rows of 0 come before them. */
void sab_stream_put_memory(struct sab_stream *s, int layer, int b0, const struct sab_memory *memory, const int *ends)
{
    struct sab_memory *next = &s->layers[layer].next.memory;
    size_t Hp = (size_t)s->model->Hp, Ap = (size_t)s->model->Ap;
    for (int b = 0; b < memory->S; b++) {
        if (memory->ledger.alive) {
            put_alive(s->model, next, b0 + b, memory, b, next->ledger.n);
            continue;
        }
        int count = next->ledger.n, from = ends[b] - count, skip = from < 0 ? -from : 0, n = count - skip;
        int first = memory->ledger.first[b] - from;
        size_t to = (size_t)(b0 + b) * next->cap, at = (size_t)b * memory->cap + (size_t)(from + skip);
        memset(next->M + to * Hp, 0, (size_t)skip * Hp * sizeof(real));
        memset(next->key + to * Ap, 0, (size_t)skip * Ap * sizeof(real));
        to += (size_t)skip;
        memcpy(next->M + to * Hp, memory->M + at * Hp, (size_t)n * Hp * sizeof(real));
        memcpy(next->key + to * Ap, memory->key + at * Ap, (size_t)n * Ap * sizeof(real));
        next->ledger.first[b0 + b] = first > 0 ? first : 0;
    }
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

void sab_stream_put_stretch(struct sab_stream *s, int layer, int b0, const struct sab_memory *memory)
{
    sab_stream_copy_stretch(s->model, &s->layers[layer].next.memory.stretch, b0, &memory->stretch, memory->S);
}

static int check_finite(const struct sab_stream *s, int layer, const real *h, struct sab_error *err)
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
        status = check_finite(s, l, s->layers[l].next.h, err);
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

/* ---- the stream ---- */

static int layer_create(const struct sab_model *m, int l, struct sab_stream_layer *layer, int B)
{
    size_t row = (size_t)B * m->Hp;
    struct sab_span *w = &layer->span;
    w->S = B;
    w->len = 1;
    w->pre = sab_alloc(row * m->cell->G, sizeof(real));
    w->extra = sab_alloc(row * m->cell->n_extra, sizeof(real));
    w->h = sab_alloc(2 * row, sizeof(real));
    w->hh = m->K > 0 ? sab_alloc(row, sizeof(real)) : w->h ? w->h + row : NULL;
    w->s = sab_alloc(row, sizeof(real));
    w->query = sab_alloc((size_t)B * m->Ap, sizeof(real));
    w->c = m->cell->has_c ? sab_alloc(2 * row, sizeof(real)) : NULL;
    return carry_create(m, l, &layer->now, B) && w->pre && w->extra && w->hh && w->h && w->s && w->query &&
           (!m->cell->has_c || w->c);
}

static void layer_free(struct sab_stream_layer *layer, int has_memory)
{
    struct sab_span *w = &layer->span;
    if (has_memory)
        sab_free(w->hh);
    real *arrays[] = {w->pre, w->extra, w->h, w->s, w->c, w->query};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        sab_free(arrays[i]);
    carry_free(&layer->now);
    carry_free(&layer->next);
}

double sab_stream_state_nbytes(const struct sab_model *m, int B, int memories)
{
    double choice = m->layers[0].remind.keep.choice ? memories : 0;
    double stretch = m->layers[0].remind.pool.kind == SAB_POOL_LAST ? 0 : 2 * (double)m->H + 2;
    return (double)B * m->L * (m->H * (1 + m->cell->has_c + (double)memories) + choice + stretch) * sizeof(real);
}

double sab_stream_nbytes(const struct sab_model *m, int B, int memories)
{
    double span = (double)m->GHp + (double)m->cell->n_extra * m->Hp + (m->K > 0 ? 4 : 3) * (double)m->Hp + m->Ap +
                  (m->cell->has_c ? 2 : 0) * (double)m->Hp;
    double carry = (1 + m->cell->has_c) * (double)m->Hp + (double)memories * (m->Hp + m->Ap + (m->layers[0].remind.keep.choice ? 3 : 0));
    carry += m->layers[0].remind.pool.kind == SAB_POOL_LAST ? 0 : 4 * (double)m->Hp + 4;
    return B * (m->L * (span + 2 * carry) + m->GHp + m->Ap + m->Op) * sizeof(real);
}

int sab_stream_create(struct sab_stream **out, struct sab_model *m, int B, struct sab_error *err)
{
    if (!m->network->has_state)
        return sab_fail(err, SAB_INVALID, "--model %s has no running state: it takes whole sequences, not one step after "
                                          "another", m->network->name);
    int most = INT_MAX / (m->GHp > m->Ap ? m->GHp : m->Ap); /* a layer's rows of one step are counted in int */
    if (B < 1 || B > most)
        return sab_fail(err, SAB_INVALID, "a stream of B = %d sequences; B is in 1..%d for this model", B, most);
    struct sab_version version;
    struct sab_stream *s = sab_alloc(1, sizeof *s);
    int status = s ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory for a stream");
    if (status)
        return status;
    s->model = m;
    s->layer_count = m->L;
    s->has_memory = m->K > 0;
    s->B = B;
    s->since = sab_alloc((size_t)B, sizeof *s->since);
    s->since_next = sab_alloc((size_t)B, sizeof *s->since_next);
    s->draw = sab_alloc((size_t)B, sizeof *s->draw);
    s->draw_next = sab_alloc((size_t)B, sizeof *s->draw_next);
    s->layers = sab_alloc((size_t)m->L, sizeof *s->layers);
    s->records.S = B;
    s->records.reads = sab_alloc((size_t)B, sizeof *s->records.reads);
    s->scratch.pre_h = sab_alloc((size_t)B * m->GHp, sizeof(real));
    s->scratch.key = sab_alloc((size_t)B * m->Ap, sizeof(real));
    s->y = sab_alloc((size_t)B * m->Op, sizeof(real));
    int ok = s->since && s->since_next && s->draw && s->draw_next && s->layers && s->records.reads && s->scratch.pre_h && s->scratch.key && s->y;
    for (int l = 0; ok && l < m->L; l++)
        ok = layer_create(m, l, &s->layers[l], B);
    if (!ok)
        status = sab_fail(err, SAB_NOMEM, "no memory for a stream of %d sequences", B);
    else
        status = sab_model_fetch(m, err);
    if (!status && m->zero_memories)
        status = sab_stream_make_room(s, FIRST_CAP, err);
    if (status) {
        sab_stream_free(s);
        return status;
    }
    sab_model_prepare(m, &version);
    for (int l = 0; l < m->L && m->zero_memories; l++) { /* the block is zeroed */
        struct sab_memory *memory = &s->layers[l].now.memory;
        memory->ledger.n = m->zero_memories;
        for (int b = 0; memory->ledger.worth && b < B; b++) {
            const real *row = memory->M + (size_t)b * memory->cap * m->Hp;
            memory->ledger.worth[(size_t)b * memory->ledger.cap] = sab_memory_worth(&m->layers[l].remind, row, row, 0);
        }
        sab_memory_rekey(&m->layers[l].remind, &s->layers[l].now.memory);
    }
    *out = s;
    return SAB_OK;
}

void sab_stream_free(struct sab_stream *s)
{
    if (!s)
        return;
    for (int l = 0; s->layers && l < s->layer_count; l++)
        layer_free(&s->layers[l], s->has_memory);
    sab_free(s->layers);
    sab_free(s->since);
    sab_free(s->since_next);
    sab_free(s->draw);
    sab_free(s->draw_next);
    sab_free(s->scratch.pre_h);
    sab_free(s->scratch.key);
    sab_free(s->scratch.scores);
    sab_free(s->scratch.candidates);
    sab_free(s->records.reads);
    sab_free(s->records.index);
    sab_free(s->records.alpha);
    sab_free(s->y);
    sab_free(s);
}

int sab_stream_clone(struct sab_stream **out, const struct sab_stream *s, struct sab_error *err)
{
    const struct sab_model *m = s->model;
    size_t row = (size_t)s->B * m->Hp * sizeof(real);
    struct sab_stream *copy;
    int status = sab_stream_create(&copy, s->model, s->B, err);
    if (status)
        return status;
    copy->t = s->t;
    memcpy(copy->since, s->since, (size_t)s->B * sizeof *s->since);
    memcpy(copy->draw, s->draw, (size_t)s->B * sizeof *s->draw);
    for (int l = 0; l < m->L && !status; l++) {
        const struct sab_carry *from = &s->layers[l].now;
        struct sab_carry *to = &copy->layers[l].now;
        memcpy(to->h, from->h, row);
        if (m->cell->has_c)
            memcpy(to->c, from->c, row);
        if (from->memory.stretch.sum)
            sab_stream_copy_stretch(m, &to->memory.stretch, 0, &from->memory.stretch, s->B);
        status = memory_grow(m, &to->memory, from->memory.ledger.n, err);
        if (!status && from->memory.ledger.n > 0)
            copy_memories(m, &to->memory, &from->memory, 0, from->memory.ledger.n);
    }
    if (!status)
        status = room_grow(copy, copy->layers[0].now.memory.cap, err);
    if (status) {
        sab_stream_free(copy);
        return status;
    }
    *out = copy;
    return SAB_OK;
}

static int check_input(const struct sab_stream *s, const int32_t *ids, const sab_real *values, struct sab_error *err)
{
    const struct sab_shape *shape = &s->model->shape;
    if ((shape->input == SAB_INPUT_IDS) != (ids != NULL) || (ids != NULL) == (values != NULL))
        return sab_fail(err, SAB_INVALID, "the model takes %s as input and nothing else",
                        shape->input == SAB_INPUT_IDS ? "ids" : "values");
    for (int b = 0; ids && b < s->B; b++)
        if (ids[b] < 0 || ids[b] >= shape->I)
            return sab_fail(err, SAB_INVALID, "input symbol %d of sequence %d is not in 0..%d", ids[b], b,
                            shape->I - 1);
    for (int i = 0; values && i < s->B * shape->I; i++)
        if (!isfinite(values[i]))
            return sab_fail(err, SAB_NUMERIC, "input value %d of sequence %d is %g", i % shape->I, i / shape->I, (double)values[i]);
    return SAB_OK;
}

/* A step that led out of the numbers' range is taken back. */
static int check_step(struct sab_stream *s, struct sab_error *err)
{
    const struct sab_model *m = s->model;
    size_t row = (size_t)s->B * m->Hp * sizeof(real);
    int status = SAB_OK;
    for (int l = 0; l < m->L && !status; l++)
        status = check_finite(s, l, s->layers[l].now.h, err);
    for (int l = 0; l < m->L && status; l++) {
        struct sab_carry *now = &s->layers[l].now;
        memcpy(now->h, s->layers[l].span.h, row);
        if (m->cell->has_c)
            memcpy(now->c, s->layers[l].span.c, row);
        if (now->before.sum)
            sab_stream_copy_stretch(m, &now->memory.stretch, 0, &now->before, s->B);
        struct sab_ledger *ledger = &now->memory.ledger;
        ledger->n = ledger->carried;
        if (ledger->worth)
            memcpy(ledger->worth, ledger->worth + (size_t)s->B * ledger->cap, (size_t)s->B * ledger->cap * sizeof(real));
    }
    return status;
}

int sab_stream_step(struct sab_stream *s, const int32_t *ids, const sab_real *values, sab_real *outputs,
                    struct sab_error *err)
{
    const struct sab_model *m = s->model;
    int status = check_input(s, ids, values, err);
    for (int b = 1; b < s->B && !status; b++)
        if (s->since[b] != s->since[0])
            status = check_since(s, s->since[b] > 0 ? b : 0, err);
    if (!status && m->K > 0)
        status = make_room(s, err);
    if (status)
        return status;
    size_t n = (size_t)s->B * m->Hp, row = n * sizeof(real);
    for (int b = 0; sab_draws_are_used(m) && b < s->B; b++)
        s->draw_next[b] = sab_draws(m, s->draw[b], ids ? ids + b : NULL, values ? values + (size_t)b * m->shape.I : NULL);
    for (int l = 0; l < m->L; l++) {
        struct sab_carry *now = &s->layers[l].now;
        struct sab_span *w = &s->layers[l].span;
        /* A step of its own, in which all memories are carried ones. */
        struct sab_ledger *ledger = &now->memory.ledger;
        if (ledger->worth)
            memcpy(ledger->worth + (size_t)s->B * ledger->cap, ledger->worth, (size_t)s->B * ledger->cap * sizeof(real));
        if (now->before.sum)
            sab_stream_copy_stretch(m, &now->before, 0, &now->memory.stretch, s->B);
        if (m->K > 0)
            sab_ledger_begin(ledger, ledger->n, s->since[0]);
        memcpy(w->h, now->h, row);
        if (m->cell->has_c)
            memcpy(w->c, now->c, row);
        w->ids = l == 0 ? ids : NULL;
        w->x = l == 0 ? values : s->layers[l - 1].now.h;
        w->x_stride = l == 0 ? m->shape.I : m->Hp;
        w->draws = s->draw_next;
        sab_layer_forward(m, l, 1, &(struct sab_layer_part){.span = w, .memory = &now->memory, .records = &s->records, .scratch = &s->scratch}, 0);
        memcpy(now->h, w->h + n, row);
        if (m->cell->has_c)
            memcpy(now->c, w->c + n, row);
    }
    status = check_step(s, err);
    if (status)
        return status;
    s->t++;
    memcpy(s->draw, s->draw_next, (size_t)s->B * sizeof *s->draw);
    for (int b = 0; b < s->B && m->K > 0; b++)
        s->since[b] = s->layers[0].now.memory.ledger.since;
    for (int l = 0; l < m->L; l++)
        drop_dead(m, &s->layers[l].now.memory);
    const struct sab_stream_layer *top = &s->layers[m->L - 1];
    sab_readout_forward(m, s->B, top->now.h, m->K > 0 ? top->span.s : NULL, s->y);
    for (int b = 0; b < s->B && outputs; b++)
        memcpy(outputs + (size_t)b * m->O, s->y + (size_t)b * m->Op, (size_t)m->O * sizeof *outputs);
    return SAB_OK;
}
