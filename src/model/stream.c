/* Streams made, copied and freed: sab_stream_* of sab.h. */
#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/network.h"
#include "model/stream_parts.h"

int sab_stream_grow_room(struct sab_stream *s, int cap, struct sab_error *err)
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
    sab_free(s->scratch.read.scores), sab_free(s->scratch.read.candidates), sab_free(s->records.alpha), sab_free(s->records.index);
    s->scratch.read.scores = scores;
    s->scratch.read.candidates = candidates;
    s->records.alpha = alpha;
    s->records.index = index;
    s->room = cap;
    return SAB_OK;
}

int sab_stream_make_room(struct sab_stream *s, int cap, struct sab_error *err)
{
    int status = SAB_OK;
    for (int l = 0; l < s->model->L && !status; l++)
        status = sab_carry_grow(s->model, &s->layers[l].now.memory, cap, err);
    return status ? status : sab_stream_grow_room(s, cap, err);
}

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
    return sab_carry_create(m, l, &layer->now, B) && w->pre && w->extra && w->hh && w->h && w->s && w->query &&
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
    sab_carry_free(&layer->now);
    sab_carry_free(&layer->next);
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
    if (m->K > 0 && m->layers[0].remind.segment > 0)
        carry += (double)sab_segments_most(&m->layers[0].remind, memories) * m->Ap;
    return B * (m->L * (span + 2 * carry) + m->GHp + m->Ap + m->Op) * sizeof(real);
}

/* What a stream of zeros holds for B sequences; 0 without memory. */
static int allocate(struct sab_stream *s, struct sab_model *m, int B)
{
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
    int ok = s->since && s->since_next && s->draw && s->draw_next && s->layers && s->records.reads &&
        s->scratch.pre_h && s->scratch.key && s->y;
    for (int l = 0; ok && l < m->L; l++)
        ok = layer_create(m, l, &s->layers[l], B);
    return ok;
}

/* The memories of zeros that sequences begin with, whose rows are zero already. */
static void begin_memories(struct sab_stream *s)
{
    const struct sab_model *m = s->model;
    for (int l = 0; l < m->L && m->zero_memories; l++) {
        struct sab_memory *memory = &s->layers[l].now.memory;
        memory->ledger.n = m->zero_memories;
        for (int b = 0; memory->ledger.worth && b < s->B; b++) {
            const real *row = memory->M + (size_t)b * memory->cap * m->Hp;
            memory->ledger.worth[(size_t)b * memory->ledger.cap] = sab_memory_worth(&m->layers[l].remind, row, row, 0);
        }
        sab_memory_rekey(&m->layers[l].remind, memory);
    }
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
    if (!allocate(s, m, B))
        status = sab_fail(err, SAB_NOMEM, "no memory for a stream of %d sequences", B);
    else
        status = sab_model_fetch(m, err);
    if (!status && m->zero_memories)
        status = sab_stream_make_room(s, SAB_STREAM_FIRST_CAP, err);
    if (status) {
        sab_stream_free(s);
        return status;
    }
    sab_model_prepare(m, &version, NULL, 1);
    begin_memories(s);
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
    sab_free(s->scratch.read.scores);
    sab_free(s->scratch.read.candidates);
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
        status = sab_carry_grow(m, &to->memory, from->memory.ledger.n, err);
        if (!status && from->memory.ledger.n > 0)
            sab_carry_copy(m, &to->memory, &from->memory, 0, from->memory.ledger.n);
    }
    if (!status)
        status = sab_stream_grow_room(copy, copy->layers[0].now.memory.cap, err);
    if (status) {
        sab_stream_free(copy);
        return status;
    }
    *out = copy;
    return SAB_OK;
}
