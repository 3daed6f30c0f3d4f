/* A shard's memory: one block, laid out in one place, counted before it is taken. */
#include "credit/shard.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "kernels/row_blocks.h"

/* Of so few memories a replay selects again, which costs some percent of its time; of more it would be most of it. */
enum { AGAIN_MOST = 64 };

static real *take_reals(struct sab_layout *layout, size_t count)
{
    return sab_layout_take(layout, count, sizeof(real));
}

/* Most memories of one sequence; 0 where there is no memory. */
static size_t most_memories(const struct sab_shard *s)
{
    const struct sab_keep *keep = &s->model->layers[0].remind.keep;
    return s->model->K > 0 ? (size_t)s->carried_cap + (size_t)keep->rule->most(keep, s->T) : 0;
}

/* Most entries that the records of one sequence hold at once. */
static size_t record_entries(const struct sab_shard *s, const struct sab_remind *r)
{
    size_t all = sab_records_count(r, s->carried_cap, s->T);
    if (s->backward && !s->reads_again)
        return all;
    return all - sab_records_count(r, s->carried_cap, s->T > s->span_len ? s->T - s->span_len : 0);
}

/* The activations of one span. */
static void lay_out_span(struct sab_layout *layout, const struct sab_shard *s, struct sab_span *w)
{
    const struct sab_model *m = s->model;
    size_t S = (size_t)s->S, row = S * m->Hp, n = s->span_len * row;
    w->S = s->S;
    w->pre = take_reals(layout, n * m->cell->G);
    w->extra = m->cell->n_extra ? take_reals(layout, n * m->cell->n_extra) : NULL;
    w->c = m->cell->has_c ? take_reals(layout, row + n) : NULL;
    w->h = take_reals(layout, row + n);
    w->hh = m->K > 0 ? take_reals(layout, n) : w->h ? w->h + row : NULL;
    w->s = m->K > 0 ? take_reals(layout, n) : NULL;
    w->query = m->K > 0 ? take_reals(layout, (size_t)s->span_len * S * m->Ap) : NULL;
}

static void lay_out_stored(struct sab_layout *layout, const struct sab_shard *s, struct sab_layer_run *run)
{
    struct sab_span *stored = sab_layout_take(layout, (size_t)s->n_stored, sizeof *stored);
    if (layout->base) {
        run->stored = stored;
        for (int i = 0; i < s->n_stored; i++)
            lay_out_span(layout, s, &run->stored[i]);
    } else { /* a plan must not need what it plans for */
        struct sab_layout one = {0};
        lay_out_span(&one, s, &(struct sab_span){0});
        sab_layout_take(layout, (size_t)s->n_stored, one.used);
    }
}

/* What prune.c keeps; NULL where it is of no use. */
static void lay_out_standing(struct sab_layout *layout, const struct sab_shard *s, struct sab_memory *memory)
{
    const struct sab_model *m = s->model;
    const struct sab_remind *r = &m->layers[0].remind;
    memory->standing = NULL;
    if (!r->score->drift || r->dense_forward || r->keep.choice)
        return;
    memory->standing = sab_layout_take(layout, (size_t)s->S, sizeof *memory->standing);
    for (int b = 0; b < s->S; b++) {
        struct sab_standing standing = {
            .base = take_reals(layout, (size_t)memory->key_rows),
            .before = take_reals(layout, (size_t)m->Ap),
            .winners = sab_layout_take(layout, (size_t)m->K + 1, sizeof *standing.winners),
            .corners = take_reals(layout, (size_t)memory->key_rows / SAB_BLOCK * m->Ap),
            .highest = take_reals(layout, (size_t)memory->key_rows / SAB_BLOCK),
        };
        if (memory->standing)
            memory->standing[b] = standing;
    }
}

/* Segments of so many memories, and the room to choose among them. */
static void lay_out_segments(struct sab_layout *kept, struct sab_layout *scratch, const struct sab_shard *s, const struct sab_remind *r,
                             struct sab_memory *memory)
{
    struct sab_segments *segments = &memory->segments;
    segments->cap = sab_segments_most(r, memory->cap);
    segments->rows = take_reals(kept, (size_t)memory->S * segments->cap * r->Ap);
    segments->opened = sab_layout_take(scratch, (size_t)r->K + 1, sizeof *segments->opened);
    segments->A = take_reals(scratch, (size_t)r->K + 1);
    segments->back = s->backward ? take_reals(scratch, 2 * (size_t)r->Ap) : NULL;
}

/* What a ledger needs that chooses. */
static void lay_out_choice(struct sab_layout *kept, const struct sab_shard *s, struct sab_ledger *ledger, int cap)
{
    int slots = ledger->keep->slots;
    ledger->cap = cap;
    ledger->alive_cap = (slots < cap ? slots : cap) + 1;
    ledger->alive = sab_layout_take(kept, (size_t)s->S * ledger->alive_cap, sizeof *ledger->alive);
    ledger->n_alive = sab_layout_take(kept, (size_t)s->S, sizeof *ledger->n_alive);
    ledger->worth = take_reals(kept, (size_t)s->S * cap);
    ledger->apart = take_reals(kept, (size_t)ledger->alive_cap);
    ledger->ends = s->ends;
}

/* Stretches, and what the way back needs of them. */
static void lay_out_stretch(struct sab_layout *kept, struct sab_layout *scratch, const struct sab_shard *s, struct sab_memory *memory)
{
    size_t S = (size_t)s->S, Hp = (size_t)s->model->Hp;
    memory->ledger.ends = s->ends;
    memory->stretch = (struct sab_stretch){take_reals(scratch, S * Hp), take_reals(scratch, S * Hp),
                                           take_reals(scratch, S), take_reals(scratch, S)};
    memory->scale = take_reals(kept, S * memory->cap);
}

static void lay_out_memory(struct sab_layout *kept, struct sab_layout *scratch, struct sab_shard *s, int l)
{
    const struct sab_model *m = s->model;
    struct sab_layer_run *run = &s->layers[l];
    const struct sab_remind *r = &m->layers[l].remind;
    size_t S = (size_t)s->S, cap = most_memories(s), entries = record_entries(s, r);
    size_t steps = s->backward && !s->reads_again ? (size_t)s->T : (size_t)s->span_len;
    struct sab_ledger *ledger = &run->memory.ledger;
    ledger->keep = &r->keep;
    ledger->steps = sab_layout_take(kept, (size_t)s->T + 1, sizeof *ledger->steps);
    ledger->when = sab_layout_take(kept, cap, sizeof *ledger->when);
    ledger->entries = r->dense_forward ? sab_layout_take(kept, (size_t)s->T + 1, sizeof *ledger->entries) : NULL;
    if (r->keep.choice)
        lay_out_choice(kept, s, ledger, (int)cap);
    run->memory.cap = (int)cap;
    if (r->pool.kind != SAB_POOL_LAST)
        lay_out_stretch(kept, scratch, s, &run->memory);
    run->memory.M = take_reals(kept, S * cap * m->Hp);
    run->memory.key_rows = sab_memory_key_rows(r, (int)cap, r->keep.rule->most(&r->keep, s->span_len) + 1);
    run->memory.key = take_reals(kept, S * run->memory.key_rows * m->Ap);
    if (r->segment > 0)
        lay_out_segments(kept, scratch, s, r, &run->memory);
    run->memory.dM_rows = sab_memory_waiting(r, (int)cap);
    run->memory.dM = s->backward ? take_reals(scratch, S * run->memory.dM_rows * m->Hp) : NULL;
    run->memory.dkey = s->backward ? take_reals(scratch, S * cap * m->Ap) : NULL;
    run->memory.dworth = s->backward && r->gate ? take_reals(scratch, S * cap) : NULL;
    lay_out_standing(scratch, s, &run->memory);
    run->records.S = s->S;
    run->records.is_made_again = s->reads_again;
    run->records.reads = sab_layout_take(kept, steps * S, sizeof *run->records.reads);
    run->records.index = sab_layout_take(kept, entries * S, sizeof *run->records.index);
    run->records.alpha = take_reals(kept, entries * S);
    run->records.flow = s->flow ? take_reals(scratch, entries * S) : NULL;
}

static void lay_out_layer(struct sab_layout *kept, struct sab_layout *scratch, struct sab_shard *s, int l)
{
    const struct sab_model *m = s->model;
    struct sab_layer_run *run = &s->layers[l];
    size_t row = (size_t)s->S * m->Hp, starts = s->backward ? (size_t)s->n_spans : 1;
    run->h_start = take_reals(kept, starts * row);
    run->c_start = m->cell->has_c ? take_reals(kept, starts * row) : NULL;
    run->output_mask = s->masks ? take_reals(kept, row) : NULL;
    run->state_mask = s->masks ? take_reals(kept, row) : NULL;
    run->touched = sab_layout_take(scratch, (size_t)s->n_windows, 1);
    run->memory.S = s->S;
    run->memory.ledger.S = s->S;
    run->memory.ledger.first = s->first;
    if (m->K > 0)
        lay_out_memory(kept, scratch, s, l);
    lay_out_stored(s->backward == SAB_STORED ? kept : scratch, s, run);
}

/* Scores and candidates on the way there; on the way back two numbers for each entry of a read, dense or of each lane. */
static void lay_out_read(struct sab_layout *layout, const struct sab_shard *s, struct sab_read_room *read)
{
    size_t most = most_memories(s), slots = (size_t)s->model->layers[0].remind.keep.slots, S = (size_t)s->S, K = (size_t)s->model->K;
    size_t alive = most < slots ? most : slots, lanes = SAB_LOCKSTEP_MOST * 2 * (K + 1);
    read->scores_stride = 2 * alive + K + 2;
    read->candidates_stride = alive + 1;
    read->scores = take_reals(layout, S * read->scores_stride > lanes ? S * read->scores_stride : lanes);
    read->candidates = sab_layout_take(layout, S * read->candidates_stride, sizeof *read->candidates);
}

static void lay_out_scratch(struct sab_layout *layout, struct sab_shard *s)
{
    const struct sab_model *m = s->model;
    struct sab_scratch *scratch = &s->scratch;
    size_t S = (size_t)s->S, row = S * m->Hp, len = (size_t)s->span_len;
    scratch->pre_h = take_reals(layout, S * m->GHp);
    scratch->key = take_reals(layout, S * m->Ap);
    lay_out_read(layout, s, &scratch->read);
    for (int i = 0; i < 2; i++)
        scratch->masked[i] = s->masks ? take_reals(layout, len * row) : NULL;
    if (!s->backward)
        return;
    real **rows[] = {&scratch->dh, &scratch->ds, &scratch->dm, &scratch->dc, &scratch->dcarry, &scratch->dhh};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        *rows[i] = take_reals(layout, row);
    scratch->dpre = take_reals(layout, len * S * m->GHp);
    scratch->dpre_h = m->cell->fused ? scratch->dpre : take_reals(layout, len * S * m->GHp);
    scratch->together = take_reals(layout, sab_outer_room(len * S, m->H > m->shape.I ? m->H : m->shape.I));
    scratch->dquery = m->K > 0 ? take_reals(layout, len * S * m->Ap) : NULL;
    for (int i = 0; i < 2; i++)
        s->dh[i] = take_reals(layout, len * row);
    s->ds = m->K > 0 ? take_reals(layout, len * row) : NULL;
    s->dx = s->dvalues ? take_reals(layout, len * S * sab_pad(m->shape.I)) : NULL;
}

static void lay_out(struct sab_layout *kept, struct sab_layout *scratch, struct sab_shard *s)
{
    const struct sab_model *m = s->model;
    size_t steps = (size_t)s->span_len * s->S;
    s->first = sab_layout_take(kept, (size_t)s->S, sizeof *s->first);
    s->ends = sab_layout_take(kept, (size_t)s->S, sizeof *s->ends);
    s->draw = sab_draws_are_used(m) ? sab_layout_take(scratch, (size_t)s->S, sizeof *s->draw) : NULL;
    s->draws = sab_draws_are_used(m) ? sab_layout_take(scratch, steps, sizeof *s->draws) : NULL;
    s->ids = m->shape.input == SAB_INPUT_IDS ? sab_layout_take(scratch, steps, sizeof *s->ids) : NULL;
    s->values = m->shape.input == SAB_INPUT_VALUES ? take_reals(scratch, steps * m->shape.I) : NULL;
    s->y = take_reals(scratch, (s->apart ? 1 : s->n_stored) * steps * m->Op);
    s->active = sab_layout_take(scratch, (size_t)s->span_windows, 1);
    s->asked = sab_layout_take(scratch, (size_t)s->span_len, 1);
    lay_out_scratch(scratch, s);
    for (int l = 0; l < m->L; l++)
        lay_out_layer(kept, scratch, s, l);
}

static void sizes(struct sab_shard *s)
{
    const struct sab_model *m = s->model;
    int len = m->k_trunc > 0 && m->k_trunc < s->T ? m->k_trunc : s->T;
    if (!s->backward) /* no windows: any cut gives the same bits */
        len = s->T < SAB_SPAN ? s->T : SAB_SPAN;
    s->window_len = len;
    s->n_windows = (s->T + len - 1) / len;
    s->span_windows = len < SAB_SPAN ? SAB_SPAN / len : 1;
    if (s->span_windows > s->n_windows)
        s->span_windows = s->n_windows;
    s->span_len = s->span_windows * len;
    s->n_spans = (s->n_windows + s->span_windows - 1) / s->span_windows;
    s->n_stored = s->backward == SAB_STORED ? s->n_spans : 1;
    const struct sab_remind *r = m->K > 0 ? &m->layers[0].remind : NULL;
    s->reads_again = r && s->backward == SAB_RECOMPUTED && s->n_spans > 1 && !r->keeps_rows && !r->keep.choice &&
        r->keep.slots <= AGAIN_MOST;
}

int sab_shard_create(struct sab_shard **out, const struct sab_model *model, const struct sab_room *room,
                     struct sab_blocks *blocks, struct sab_error *err)
{
    struct sab_shard *s = sab_alloc(1, sizeof *s);
    if (!s)
        return sab_fail(err, SAB_NOMEM, "no memory for a shard");
    s->model = model;
    s->S = room->S;
    s->T = room->T;
    s->carried_cap = room->carried_cap;
    s->backward = room->backward;
    s->flow = room->flow;
    s->apart = room->apart;
    s->dvalues = room->dvalues;
    s->masks = room->masks;
    sizes(s);
    s->layers = sab_alloc((size_t)model->L, sizeof *s->layers);
    if (!s->layers) {
        sab_shard_free(s);
        return sab_fail(err, SAB_NOMEM, "no memory for a shard");
    }
    struct sab_layout kept = {.base = out ? blocks->kept : NULL}, scratch = {.base = out ? blocks->scratch : NULL};
    lay_out(&kept, &scratch, s);
    s->kept = kept.base;
    blocks->kept_nbytes = kept.used;
    blocks->scratch_nbytes = scratch.used;
    if (out)
        *out = s;
    else
        sab_shard_free(s);
    return SAB_OK;
}

void sab_shard_attach(struct sab_shard *s, const struct sab_room *room, void *block)
{
    struct sab_layout kept = {.base = s->kept}, scratch = {.base = block};
    s->flow = room->flow;
    s->dvalues = room->dvalues;
    lay_out(&kept, &scratch, s);
}

void sab_shard_free(struct sab_shard *s)
{
    if (!s)
        return;
    sab_free(s->layers);
    sab_free(s);
}
