/* A shard backward: spans newest first, layers top first, windows newest first. */
#include "credit/shard.h"

#include <string.h>

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
                if (index[i] >= ledger->carried)
                    run->touched[ledger->when[index[i]] / s->window_len] = 1;
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
        sab_readout_backward(m, (last - first) * s->S, w->h + row + at, w->s ? w->s + at : NULL,
                             y + (size_t)first * s->S * m->Op, s->dh[0] + at, s->ds ? s->ds + at : NULL, grads);
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

/* One layer over the windows of a span that gradient enters. */
static void backward_layer(struct sab_shard *s, int l, int span, const real *dh, real *dx, real *grads)
{
    const struct sab_model *m = s->model;
    struct sab_layer_run *run = &s->layers[l];
    const struct sab_span *w = &run->stored[s->n_stored > 1 ? span : 0];
    int n = sab_shard_span_windows(s, span), first = span * s->span_windows;
    for (int i = n - 1; i >= 0; i--) {
        if (!(s->active[i] |= run->touched[first + i]))
            continue;
        int to_start = first + i == 0 && (s->work.dh0 || s->work.dc0);
        sab_layer_backward(m, l, w, i * s->window_len, sab_shard_window_len(s, first + i), &run->memory, &run->records, dh,
                           l == m->L - 1 ? s->ds : NULL, to_start, grads, &s->scratch);
        if (to_start) {
            put_start(s, l, s->scratch.dcarry, s->work.dh0);
            put_start(s, l, s->scratch.dc, s->work.dc0);
        }
        mark_touched(s, l, first + i);
        sab_profile_lap(s->scratch.profile, SAB_PHASE_READ_BACKWARD);
        if (s->flow)
            sab_shard_report(s, l, first + i, 1);
    }
    if (dx)
        memset(dx, 0, (size_t)w->len * s->S * (l > 0 ? m->Hp : sab_pad(m->shape.I)) * sizeof *dx);
    for (int from, end = 0; sab_shard_next_run(s->active, n, &from, &end);) {
        int t = from * s->window_len, last = end * s->window_len < w->len ? end * s->window_len : w->len;
        sab_layer_products(m, l, w, t, last - t, grads, dx, &s->scratch);
    }
    if (l == 0 && dx)
        sab_work_dvalues(&s->work, m, s->S, w->t0, w->len, dx, sab_pad(m->shape.I));
}

static void begin(struct sab_shard *s)
{
    const struct sab_model *m = s->model;
    for (int l = 0; l < m->L; l++) {
        struct sab_layer_run *run = &s->layers[l];
        memset(run->touched, 0, (size_t)s->n_windows);
        if (m->K == 0)
            continue;
        memset(run->memory.dM, 0, (size_t)s->S * run->memory.cap * m->Hp * sizeof(real));
        memset(run->memory.dkey, 0, (size_t)s->S * run->memory.cap * m->Ap * sizeof(real));
        if (run->memory.dworth)
            memset(run->memory.dworth, 0, (size_t)s->S * run->memory.cap * sizeof(real));
    }
    sab_profile_lap(s->scratch.profile, SAB_PHASE_LOAD);
}

/* Makes the span's activations and input be there. */
static void bring_back(struct sab_shard *s, int span)
{
    int is_there = !s->apart && span == s->used_spans - 1; /* the newest still is, and so is its input */
    if (s->backward == SAB_RECOMPUTED && !is_there)
        sab_shard_span(s, span, 1);
    else if (s->n_stored > 1 || !is_there)
        sab_shard_input(s, span);
    if (s->apart)
        sab_shard_doutputs(s, span);
}

void sab_shard_backward(struct sab_shard *s, const struct sab_work *work, real *grads)
{
    const struct sab_model *m = s->model;
    s->work = *work;
    s->scratch.profile = work->profile;
    begin(s);
    for (int span = s->used_spans - 1; span >= 0 && !sab_work_is_stopped(work); span--) {
        int first = span * s->span_windows, reached = 0;
        for (int i = 0; i < sab_shard_span_windows(s, span); i++) {
            reached |= s->active[i] = (unsigned char)sab_shard_has_gradient(s, first + i);
            for (int l = 0; l < m->L; l++)
                reached |= s->layers[l].touched[first + i];
        }
        if (!reached)
            continue;
        bring_back(s, span);
        readout_backward(s, span, grads);
        sab_profile_lap(s->scratch.profile, SAB_PHASE_READOUT);
        for (int l = m->L - 1, from = 0; l >= 0; l--, from = 1 - from)
            backward_layer(s, l, span, s->dh[from], l > 0 ? s->dh[1 - from] : s->work.dvalues ? s->dx : NULL, grads);
    }
    for (int l = 0; l < m->L && m->K > 0; l++) {
        struct sab_remind_grads rg = sab_layer_remind_grads(m, l, grads);
        sab_memory_weights(&m->layers[l].remind, &s->layers[l].memory, &rg);
    }
    sab_profile_lap(s->scratch.profile, SAB_PHASE_WEIGHTS);
}
