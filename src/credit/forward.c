/* A shard forward: input gathered, span after span through the layers, outputs and losses. */
#include "credit/shard.h"

#include <string.h>

static void zero(real *x, size_t n)
{
    memset(x, 0, n * sizeof *x);
}

/* A memory with nothing of the sequence in it yet. */
static void begin_memory(const struct sab_model *m, int layer, struct sab_memory *memory)
{
    memset(memory->ledger.first, 0, (size_t)memory->S * sizeof *memory->ledger.first);
    sab_ledger_begin(&memory->ledger, m->zero_memories, 0);
    for (int b = 0; b < memory->S && m->zero_memories > 0; b++) {
        real *row = memory->M + (size_t)b * memory->cap * m->Hp;
        zero(row, (size_t)m->zero_memories * m->Hp);
        if (memory->ledger.alive)
            memory->ledger.worth[(size_t)b * memory->ledger.cap] = sab_memory_worth(&m->layers[layer].remind, row, row, 0);
    }
    sab_memory_rekey(&m->layers[layer].remind, memory);
}

/* to [S,Hp] of a layer: 0, or what the batch brings [layers,B,H]. */
static void take_rows(const struct sab_shard *s, int layer, const sab_real *from, real *to)
{
    const struct sab_model *m = s->model;
    zero(to, (size_t)s->S * m->Hp);
    for (int b = 0; from && b < s->S; b++)
        memcpy(to + (size_t)b * m->Hp, from + ((size_t)layer * s->work.batch->B + s->work.columns[b].b) * m->H, (size_t)m->H * sizeof *to);
}

void sab_shard_load(struct sab_shard *s, const struct sab_work *work)
{
    const struct sab_model *m = s->model;
    const struct sab_batch *batch = work->batch;
    int S = s->S;
    s->work = *work;
    s->steps = sab_work_steps(work, S); /* what lies past all of them is not taken */
    s->used_spans = (s->steps + s->span_len - 1) / s->span_len;
    s->scratch.profile = work->profile;
    s->scratch.lockstep = work->lockstep;
    memset(&s->sums, 0, sizeof s->sums);
    for (int b = 0; b < S; b++)
        s->ends[b] = work->columns[b].length;
    for (int b = 0; s->draw && b < S; b++)
        s->draw[b] = batch->state ? sab_stream_take_draw(batch->state, work->b0 + b, batch->fresh) : 0;
    for (int l = 0; l < m->L; l++) {
        struct sab_layer_run *run = &s->layers[l];
        run->records.t0 = 0;
        if (batch->output_mask)
            take_rows(s, l, batch->output_mask, run->output_mask);
        if (batch->state_mask)
            take_rows(s, l, batch->state_mask, run->state_mask);
        if (batch->state) {
            sab_stream_take(batch->state, l, work->b0, batch->fresh, run->h_start, run->c_start, &run->memory);
        } else {
            take_rows(s, l, batch->h0, run->h_start);
            if (run->c_start)
                take_rows(s, l, batch->c0, run->c_start);
            if (m->K > 0)
                begin_memory(m, l, &run->memory);
        }
        for (int b = 0; b < S && run->memory.standing; b++)
            sab_standing_begin(&run->memory.standing[b]);
        if (run->memory.stretch.sum) /* all batches begin between two stretches */
            sab_stream_clear_stretch(m, &run->memory.stretch, S);
    }
    sab_profile_lap(s->scratch.profile, SAB_PHASE_LOAD);
}

void sab_shard_leave(const struct sab_shard *s)
{
    const struct sab_model *m = s->model;
    int ends[SAB_SHARD];
    for (int b = 0; s->draw && b < s->S; b++)
        sab_stream_put_draw(s->work.batch->state, s->work.b0 + b, s->draw[b]);
    for (int l = 0; l < m->L && m->K > 0; l++) {
        const struct sab_memory *memory = &s->layers[l].memory;
        for (int b = 0; b < s->S; b++)
            ends[b] = sab_ledger_count(&memory->ledger, s->work.columns[b].length);
        sab_stream_put_memory(s->work.batch->state, l, s->work.b0, memory, ends);
        if (memory->stretch.sum)
            sab_stream_put_stretch(s->work.batch->state, l, s->work.b0, memory);
    }
}

/* The state of those sequences that end within a span. */
static void leave_ended(const struct sab_shard *s, int layer, const struct sab_span *w)
{
    const struct sab_batch *batch = s->work.batch;
    size_t H = (size_t)s->model->H;
    for (int b = 0; b < s->S; b++) {
        int steps = s->work.columns[b].length - w->t0;
        size_t at = ((size_t)steps * s->S + b) * s->model->Hp, to = ((size_t)layer * batch->B + s->work.columns[b].b) * H;
        if (steps < 1 || steps > w->len)
            continue;
        if (batch->state)
            sab_stream_put_state(batch->state, layer, s->work.b0 + b, w->h + at, w->c ? w->c + at : NULL);
        if (batch->hn)
            memcpy(batch->hn + to, w->h + at, H * sizeof(real));
        if (batch->cn)
            memcpy(batch->cn + to, w->c + at, H * sizeof(real));
    }
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

int sab_shard_window_len(const struct sab_shard *s, int window)
{
    return least(s->window_len, s->steps - window * s->window_len);
}

int sab_shard_span_len(const struct sab_shard *s, int span)
{
    return least(s->span_len, s->steps - span * s->span_len);
}

int sab_shard_span_windows(const struct sab_shard *s, int span)
{
    return (sab_shard_span_len(s, span) + s->window_len - 1) / s->window_len;
}

int sab_shard_has_gradient(const struct sab_shard *s, int window)
{
    return sab_work_has_gradient(&s->work, s->model, s->S, window * s->window_len, sab_shard_window_len(s, window));
}

real *sab_shard_y(const struct sab_shard *s, int span)
{
    return s->y + (s->n_stored > 1 && !s->apart ? (size_t)span : 0) * s->span_len * s->S * s->model->Op;
}

int sab_shard_next_run(const unsigned char *active, int n, int *from, int *end)
{
    for (*from = *end; *from < n && !active[*from]; ++*from)
        ;
    for (*end = *from; *end < n && active[*end]; ++*end)
        ;
    return *from < n;
}

/* Points the place of a span's activations at its input, and at the masks. */
static void point_input(const struct sab_shard *s, int layer, int at)
{
    const struct sab_model *m = s->model;
    struct sab_span *w = &s->layers[layer].stored[at];
    w->ids = layer > 0 ? NULL : s->ids;
    w->x = layer > 0 ? s->layers[layer - 1].stored[at].h + (size_t)s->S * m->Hp : s->values;
    w->x_stride = layer > 0 ? m->Hp : m->shape.I;
    w->x_mask = layer > 0 && s->work.batch->output_mask ? s->layers[layer - 1].output_mask : NULL;
    w->h_mask = s->work.batch->state_mask ? s->layers[layer].state_mask : NULL;
    w->draws = s->draws;
}

/* And at the state entering it. */
static struct sab_span *point_span(struct sab_shard *s, int layer, int span)
{
    const struct sab_model *m = s->model;
    struct sab_layer_run *run = &s->layers[layer];
    int at = s->n_stored > 1 ? span : 0;
    struct sab_span *w = &run->stored[at];
    size_t row = (size_t)s->S * m->Hp, start = (s->backward ? (size_t)span : 0) * row;
    w->t0 = span * s->span_len;
    w->len = sab_shard_span_len(s, span);
    memcpy(w->h, run->h_start + start, row * sizeof *w->h);
    if (w->c)
        memcpy(w->c, run->c_start + start, row * sizeof *w->c);
    point_input(s, layer, at);
    return w;
}

void sab_shard_input(struct sab_shard *s, int span)
{
    sab_work_input(&s->work, s->model, s->S, span * s->span_len, sab_shard_span_len(s, span), s->ids, s->values);
    point_input(s, 0, s->n_stored > 1 ? span : 0);
    sab_profile_lap(s->scratch.profile, SAB_PHASE_LOAD);
}

/* The state leaving a span enters the next one. */
static void pass_state(struct sab_shard *s, int layer, int span, const struct sab_span *w)
{
    struct sab_layer_run *run = &s->layers[layer];
    size_t n = (size_t)s->S * s->model->Hp, last = w->len * n;
    size_t start = (s->backward ? (size_t)span + 1 : 0) * n;
    if (span + 1 == s->used_spans)
        return;
    memcpy(run->h_start + start, w->h + last, n * sizeof(real));
    if (w->c)
        memcpy(run->c_start + start, w->c + last, n * sizeof(real));
}

const real *sab_shard_readout_mask(const struct sab_shard *s)
{
    return s->work.batch->output_mask && s->model->has_readout ? s->layers[s->model->L - 1].output_mask : NULL;
}

void sab_shard_read_out(const struct sab_shard *s, int len, const real **h, const real **read)
{
    const real *mask = sab_shard_readout_mask(s), **from[2] = {h, read};
    for (int i = 0; mask && i < 2; i++)
        if (*from[i]) {
            sab_mask_rows(len, (size_t)s->S * s->model->Hp, mask, *from[i], s->scratch.masked[i]);
            *from[i] = s->scratch.masked[i];
        }
}

/* Readout and losses of steps t0 .. t0+len-1 of span w, y [len,S,Op]. */
static void outputs(struct sab_shard *s, const struct sab_span *w, int t0, int len, int becomes_gradient, real *y,
                    struct sab_loss_sums *sums)
{
    const struct sab_model *m = s->model;
    size_t row = (size_t)s->S * m->Hp, from = (size_t)(t0 - w->t0) * row;
    const real *h = w->h + row + from, *read = w->s ? w->s + from : NULL;
    sab_shard_read_out(s, len, &h, &read);
    sab_readout_forward(m, len * s->S, h, read, y);
    sab_work_losses(&s->work, m, s->S, t0, len, becomes_gradient, y, sums);
}

static int is_scored(const struct sab_shard *s, int t0, int len)
{
    for (int t = t0; t < t0 + len; t++)
        for (int b = 0; b < s->S; b++)
            if (sab_batch_scored(s->work.batch, t, s->work.columns[b].b))
                return 1;
    return 0;
}

/* Outputs of those windows of a span that somebody asks for; y ends as the gradient where one is wanted now. Sums count
 * once, not in a replay. */
static void span_outputs(struct sab_shard *s, int span, int replay)
{
    const struct sab_model *m = s->model;
    int first = span * s->span_windows;
    const struct sab_span *w = &s->layers[m->L - 1].stored[s->n_stored > 1 ? span : 0];
    real *y = sab_shard_y(s, span);
    struct sab_loss_sums spare = {0};
    for (int i = 0; i < sab_shard_span_windows(s, span); i++) {
        int window = first + i, t0 = window * s->window_len, len = sab_shard_window_len(s, window);
        if (s->work.outputs || sab_shard_has_gradient(s, window) || (!replay && is_scored(s, t0, len)))
            outputs(s, w, t0, len, s->backward && !s->apart,
                    y + (size_t)(t0 - w->t0) * s->S * m->Op, replay ? &spare : &s->sums);
    }
}

void sab_shard_doutputs(struct sab_shard *s, int span)
{
    const struct sab_model *m = s->model;
    const struct sab_span *w = &s->layers[m->L - 1].stored[s->n_stored > 1 ? span : 0];
    struct sab_loss_sums spare = {0};
    for (int i = 0; i < sab_shard_span_windows(s, span); i++) {
        int window = span * s->span_windows + i, t0 = window * s->window_len, len = sab_shard_window_len(s, window);
        real *y = s->y + (size_t)(t0 - w->t0) * s->S * m->Op;
        if (s->active[i] && s->work.doutputs)
            sab_work_doutputs(&s->work, m, s->S, t0, len, y);
        else if (s->active[i])
            outputs(s, w, t0, len, 1, y, &spare);
    }
}

void sab_shard_report(struct sab_shard *s, int layer, int window, int reverse)
{
    const struct sab_layer_run *run = &s->layers[layer];
    const struct sab_remind *r = &s->model->layers[layer].remind;
    int t0 = window * s->window_len, len = sab_shard_window_len(s, window);
    if (!s->work.recall || s->model->K == 0)
        return;
    for (int i = 0; i < len; i++)
        for (int b = 0; b < s->S; b++) {
            int t = reverse ? t0 + len - 1 - i : t0 + i;
            if (t >= s->work.columns[b].length)
                continue;
            const struct sab_read *read = sab_records_read(&run->records, t, b);
            size_t at = sab_records_at(r, &run->memory.ledger, &run->records, t, b);
            int32_t when[4096];
            for (int first = 0; first < read->n; first += 4096) {
                int n = read->n - first < 4096 ? read->n - first : 4096;
                for (int k = 0; k < n; k++)
                    when[k] = run->memory.ledger.when[sab_read_entry(run->records.index[at + first + k])] + 1;
                s->work.recall->read(s->work.recall->user, layer, t + 1, s->work.columns[b].b, n, when, run->records.alpha + at + first,
                                run->records.flow ? run->records.flow + at + first : NULL);
            }
        }
}

/* Draws of a span, on the way there: up to each sequence's end. */
static void draw(struct sab_shard *s, int span)
{
    size_t I = (size_t)s->model->shape.I;
    for (int i = 0; i < sab_shard_span_len(s, span); i++)
        for (int b = 0; b < s->S; b++) {
            size_t at = (size_t)i * s->S + b;
            if (span * s->span_len + i < s->ends[b])
                s->draw[b] = sab_draws(s->model, s->draw[b], s->ids ? s->ids + at : NULL, s->values ? s->values + at * I : NULL);
            s->draws[at] = s->draw[b];
        }
}

/* What comes after a layer: the state goes on, is left where a sequence ends, and reads are told. */
static void end_layer(struct sab_shard *s, int l, int span, int replay)
{
    const struct sab_span *w = &s->layers[l].stored[s->n_stored > 1 ? span : 0];
    if (!replay)
        pass_state(s, l, span, w);
    if (!replay)
        leave_ended(s, l, w);
    if (!s->backward || (s->apart && !replay))
        for (int i = 0; i < sab_shard_span_windows(s, span); i++)
            sab_shard_report(s, l, span * s->span_windows + i, 0);
}

/* The steps of a span at which what a layer reads reaches something, as sab_layer_part has them. */
static const unsigned char *find_asked(struct sab_shard *s, int layer, int span)
{
    const struct sab_model *m = s->model;
    int t0 = span * s->span_len, len = sab_shard_span_len(s, span), is_top = layer == m->L - 1;
    if (sab_reads_go_on(m) || s->work.outputs || s->work.recall || s->apart) /* whoever takes outputs apart says later which */
        return NULL;
    for (int i = 0; i < len; i++)
        s->asked[i] = is_top && (sab_work_has_gradient(&s->work, m, s->S, t0 + i, 1) || is_scored(s, t0 + i, 1));
    return s->asked;
}

void sab_shard_span(struct sab_shard *const *shards, int n, int span, int replay)
{
    const struct sab_model *m = shards[0]->model;
    for (int k = 0; k < n; k++) {
        sab_shard_input(shards[k], span);
        if (shards[k]->draws && !replay)
            draw(shards[k], span);
    }
    for (int l = 0; l < m->L; l++) {
        struct sab_layer_part parts[SAB_TOGETHER];
        for (int k = 0; k < n; k++) {
            struct sab_shard *s = shards[k];
            struct sab_layer_run *run = &s->layers[l];
            parts[k] = (struct sab_layer_part){.span = point_span(s, l, span), .memory = &run->memory,
                                               .records = &run->records, .scratch = &s->scratch,
                                               .asked = find_asked(s, l, span)};
            if (!s->backward || s->reads_again)
                run->records.t0 = parts[k].span->t0;
        }
        sab_layer_forward(m, l, n, parts, replay);
        for (int k = 0; k < n; k++)
            end_layer(shards[k], l, span, replay);
    }
    for (int k = 0; k < n; k++)
        if (!shards[k]->apart || !replay)
            span_outputs(shards[k], span, replay);
    sab_profile_lap(shards[0]->scratch.profile, SAB_PHASE_READOUT);
}

void sab_shard_forward(struct sab_shard *const *shards, int n)
{
    for (int span = 0, count = n; count > 0 && !sab_work_is_stopped(&shards[0]->work); span++) {
        struct sab_shard *going[SAB_TOGETHER];
        count = 0;
        for (int k = 0; k < n; k++)
            if (span < shards[k]->used_spans)
                going[count++] = shards[k];
        if (count > 0)
            sab_shard_span(going, count, span, 0);
    }
}
