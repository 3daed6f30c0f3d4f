/* A shard backward: spans newest first, layers top first, windows newest first. */
#include "credit/shard.h"

#include <string.h>

/* Marks the windows of the n steps that end with t. */
static void touch(const struct sab_shard *s, struct sab_layer_run *run, int t, int n)
{
    for (int window = (t - n + 1) / s->window_len; window <= t / s->window_len; window++)
        run->touched[window] = 1;
}

/* Marks the windows of all states that a read of memory i at step t of sequence b sends gradient to. */
static void reach(const struct sab_shard *s, struct sab_layer_run *run, const struct sab_remind *r, int t, int b, int i)
{
    const struct sab_ledger *ledger = &run->memory.ledger;
    int first = i, end = i + 1;
    if (r->segment > 0)
        sab_segments_find(r, ledger, t, b, i, &first, &end);
    for (i = first < ledger->carried ? ledger->carried : first; i < end; i++)
        touch(s, run, ledger->when[i], r->pool.kind == SAB_POOL_LAST ? 1 : r->pool.n);
}

/* Marks the windows whose memories the reads of this window sent gradient to. */
static void mark_touched(struct sab_shard *s, int layer, int window)
{
    struct sab_layer_run *run = &s->layers[layer];
    const struct sab_remind *r = &s->model->layers[layer].remind;
    const struct sab_ledger *ledger = &run->memory.ledger;
    int t0 = window * s->window_len, len = sab_shard_window_len(s, window);
    if (s->model->K == 0 || !r->mental_updates)
        return;
    for (int t = t0; t < t0 + len; t++)
        for (int b = 0; b < s->S; b++) {
            const struct sab_read *read = sab_records_read(&run->records, t, b);
            const int32_t *index = run->records.index + sab_records_at(r, ledger, &run->records, t, b);
            for (int i = 0; i < read->n; i++)
                reach(s, run, r, t, b, index[i]);
        }
}

/* The gradient that the losses of the span's windows send to h and s; s->active tells those that have some. */
static void readout_backward(struct sab_shard *s, int span, real *grads)
{
    const struct sab_model *m = s->model;
    int n = sab_shard_span_windows(s, span);
    const struct sab_span *w = &s->layers[m->L - 1].stored[s->n_stored > 1 ? span : 0];
    const real *y = sab_shard_y(s, span);
    size_t row = (size_t)s->S * m->Hp, rows = (size_t)w->len * row;
    memset(s->dh[0], 0, rows * sizeof(real));
    if (s->ds)
        memset(s->ds, 0, rows * sizeof(real));
    for (int from, end = 0; sab_shard_next_run(s->active, n, &from, &end);) {
        int first = from * s->window_len, last = end * s->window_len < w->len ? end * s->window_len : w->len;
        size_t at = first * row;
        const real *h = w->h + row + at, *read = w->s ? w->s + at : NULL, *mask = sab_shard_readout_mask(s);
        sab_shard_read_out(s, last - first, &h, &read);
        sab_readout_backward(m, (last - first) * s->S, h, read, y + (size_t)first * s->S * m->Op, s->dh[0] + at,
                             s->ds ? s->ds + at : NULL, grads);
        if (mask)
            sab_mask_rows(last - first, row, mask, s->dh[0] + at, s->dh[0] + at);
        if (mask && s->ds)
            sab_mask_rows(last - first, row, mask, s->ds + at, s->ds + at);
    }
}

/* What window 0 sends to the state that its layer began with. */
static void put_start(const struct sab_shard *s, int layer, const real *start, sab_real *to)
{
    const struct sab_model *m = s->model;
    for (int b = 0; to && b < s->S; b++)
        memcpy(to + ((size_t)layer * s->work.batch->B + s->work.columns[b].b) * m->H, start + (size_t)b * m->Hp,
               (size_t)m->H * sizeof *to);
}

/* What comes after a window of a layer. */
static void end_window(struct sab_shard *s, int l, int window, const struct sab_layer_part *part)
{
    if (part->to_start) {
        put_start(s, l, s->scratch.dcarry, s->work.dh0);
        put_start(s, l, s->scratch.dc, s->work.dc0);
    }
    mark_touched(s, l, window);
    sab_profile_lap(s->scratch.profile, SAB_PHASE_READ_BACKWARD);
    if (s->flow)
        sab_shard_report(s, l, window, 1);
}

/* The i-th window of a span in one layer, of those shards where gradient enters it; from tells which dh comes from above. */
static void backward_window(struct sab_shard *const *shards, int n, int l, int span, int i, int from)
{
    const struct sab_model *m = shards[0]->model;
    struct sab_layer_part parts[SAB_TOGETHER];
    struct sab_shard *active[SAB_TOGETHER];
    int count = 0, window = span * shards[0]->span_windows + i;
    for (int k = 0; k < n; k++) {
        struct sab_shard *s = shards[k];
        struct sab_layer_run *run = &s->layers[l];
        if (i >= sab_shard_span_windows(s, span) || !(s->active[i] |= run->touched[window]))
            continue;
        parts[count] = (struct sab_layer_part){
            .span = &run->stored[s->n_stored > 1 ? span : 0], .memory = &run->memory, .records = &run->records, .scratch = &s->scratch,
            .from = i * s->window_len, .len = sab_shard_window_len(s, window), .dh_out = s->dh[from],
            .ds_out = l == m->L - 1 ? s->ds : NULL, .to_start = window == 0 && (s->work.dh0 || s->work.dc0), .grads = s->grads};
        active[count++] = s;
    }
    if (count > 0)
        sab_layer_backward(m, l, count, parts);
    for (int k = 0; k < count; k++)
        end_window(active[k], l, window, &parts[k]);
}

/* The products of a span's windows in one layer; dx, unless it is NULL, is what goes to the layer below or to the input. */
static void span_products(struct sab_shard *s, int l, int span, real *dx)
{
    const struct sab_model *m = s->model;
    const struct sab_span *w = &s->layers[l].stored[s->n_stored > 1 ? span : 0];
    int n = sab_shard_span_windows(s, span);
    if (dx)
        memset(dx, 0, (size_t)w->len * s->S * (l > 0 ? m->Hp : sab_pad(m->shape.I)) * sizeof *dx);
    for (int from, end = 0; sab_shard_next_run(s->active, n, &from, &end);) {
        int t = from * s->window_len, last = end * s->window_len < w->len ? end * s->window_len : w->len;
        sab_layer_products(m, l, w, t, last - t, s->grads, dx, &s->scratch);
    }
    if (l == 0 && dx)
        sab_work_dvalues(&s->work, m, s->S, w->t0, w->len, dx, sab_pad(m->shape.I));
}

static void backward_layer(struct sab_shard *const *shards, int n, int l, int span, int from)
{
    for (int i = shards[0]->span_windows - 1; i >= 0; i--)
        backward_window(shards, n, l, span, i, from);
    for (int k = 0; k < n; k++) {
        struct sab_shard *s = shards[k];
        span_products(s, l, span, l > 0 ? s->dh[1 - from] : s->work.dvalues ? s->dx : NULL);
    }
}

static void begin(struct sab_shard *s)
{
    const struct sab_model *m = s->model;
    for (int l = 0; l < m->L; l++) {
        struct sab_layer_run *run = &s->layers[l];
        memset(run->touched, 0, (size_t)s->n_windows);
        if (m->K == 0)
            continue;
        memset(run->memory.dM, 0, (size_t)s->S * run->memory.dM_rows * m->Hp * sizeof(real));
        memset(run->memory.dkey, 0, (size_t)s->S * run->memory.cap * m->Ap * sizeof(real));
        if (run->memory.dworth)
            memset(run->memory.dworth, 0, (size_t)s->S * run->memory.cap * sizeof(real));
    }
    sab_profile_lap(s->scratch.profile, SAB_PHASE_LOAD);
}

/* Makes the span's activations and input be there. */
static void bring_back(struct sab_shard *const *shards, int n, int span)
{
    struct sab_shard *again[SAB_TOGETHER];
    int count = 0;
    for (int k = 0; k < n; k++) {
        struct sab_shard *s = shards[k];
        int is_there = !s->apart && span == s->used_spans - 1; /* the newest still is, and so is its input */
        if (s->backward == SAB_RECOMPUTED && !is_there)
            again[count++] = s;
        else if (s->n_stored > 1 || !is_there)
            sab_shard_input(s, span);
    }
    if (count > 0)
        sab_shard_span(again, count, span, 1);
    for (int k = 0; k < n; k++)
        if (shards[k]->apart)
            sab_shard_doutputs(shards[k], span);
}

/* Whether gradient enters the span; s->active tells the windows that get some from their own losses. */
static int is_reached(struct sab_shard *s, int span)
{
    int first = span * s->span_windows, reached = 0;
    for (int i = 0; span < s->used_spans && i < sab_shard_span_windows(s, span); i++) {
        reached |= s->active[i] = (unsigned char)sab_shard_has_gradient(s, first + i);
        for (int l = 0; l < s->model->L; l++)
            reached |= s->layers[l].touched[first + i];
    }
    return reached;
}

void sab_shard_backward(struct sab_shard *const *shards, int n)
{
    const struct sab_model *m = shards[0]->model;
    int spans = 0;
    for (int k = 0; k < n; k++) {
        begin(shards[k]);
        spans = shards[k]->used_spans > spans ? shards[k]->used_spans : spans;
    }
    for (int span = spans - 1; span >= 0 && !sab_work_is_stopped(&shards[0]->work); span--) {
        struct sab_shard *reached[SAB_TOGETHER];
        int count = 0;
        for (int k = 0; k < n; k++)
            if (is_reached(shards[k], span))
                reached[count++] = shards[k];
        if (count == 0)
            continue;
        bring_back(reached, count, span);
        for (int k = 0; k < count; k++)
            readout_backward(reached[k], span, reached[k]->grads);
        sab_profile_lap(shards[0]->scratch.profile, SAB_PHASE_READOUT);
        for (int l = m->L - 1, from = 0; l >= 0; l--, from = 1 - from)
            backward_layer(reached, count, l, span, from);
    }
    for (int k = 0; k < n; k++)
        for (int l = 0; l < m->L && m->K > 0; l++)
            sab_layer_memory_weights(m, l, &shards[k]->layers[l].memory, shards[k]->grads, &shards[k]->scratch);
    sab_profile_lap(shards[0]->scratch.profile, SAB_PHASE_WEIGHTS);
}
