/* A batch on its way to the machine, a stretch at a time, and what comes back of it: outputs, and the state it leaves. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cuda/gpu_state.h"
#include "model/stream.h"

/* Rows from .. of a stretch as the machine takes them, where all sequences are as long as the batch. */
static void gather_whole(struct sab_gpu *g, const struct sab_batch *batch, size_t from, size_t R)
{
    int I = g->model->shape.I, has_loss = batch->labels || batch->targets;
    if (batch->ids)
        memcpy(g->host_ids, batch->ids + from, R * sizeof(int32_t));
    else
        memcpy(g->host_values, batch->values + from * I, R * I * sizeof(real));
    for (size_t r = 0; r < R; r++)
        g->host_weight[r] = !has_loss ? 0 : batch->weight ? batch->weight[from + r] : 1;
    for (size_t r = 0; r < R; r++)
        g->host_scored[r] = has_loss && (batch->scored ? batch->scored[from + r] : g->host_weight[r] > 0);
    if (batch->labels) /* read only where they count */
        memcpy(g->host_labels, batch->labels + from, R * sizeof(int32_t));
}

/* The same where some end before: nothing past a sequence's end is read. */
static void gather_ends(struct sab_gpu *g, const struct sab_batch *batch, int t0, int len)
{
    int B = batch->B, I = g->model->shape.I;
    for (int i = 0; i < len; i++)
        for (int b = 0; b < B; b++) {
            size_t to = (size_t)i * B + b, from = (size_t)t0 * B + to;
            int past = t0 + i >= batch->lengths[b];
            if (batch->ids)
                g->host_ids[to] = past ? 0 : batch->ids[from];
            else if (past)
                memset(g->host_values + to * I, 0, (size_t)I * sizeof(real));
            else
                memcpy(g->host_values + to * I, batch->values + from * I, (size_t)I * sizeof(real));
            g->host_weight[to] = batch->labels || batch->targets ? sab_batch_weight(batch, t0 + i, b) : 0;
            g->host_scored[to] = (batch->labels || batch->targets) && sab_batch_scored(batch, t0 + i, b);
            if (batch->labels)
                g->host_labels[to] = past ? 0 : batch->labels[from];
        }
}

/* Sends inputs, labels and weights of a stretch. */
void sab_gpu_send(struct sab_gpu *g, const struct sab_batch *batch, int stretch)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    int t0 = stretch * g->steps, len = sab_gpu_stretch_len(g, stretch), I = m->shape.I;
    size_t R = (size_t)len * batch->B, at = (size_t)t0 * batch->B;
    if (batch->lengths)
        gather_ends(g, batch, t0, len);
    else
        gather_whole(g, batch, at, R);
    if (batch->ids)
        mc->put(mc, g->ids, g->host_ids, R * sizeof(int32_t));
    else
        mc->put(mc, g->values, g->host_values, R * I * sizeof(real));
    if (batch->labels)
        mc->put(mc, g->labels, g->host_labels, R * sizeof(int32_t));
    if (batch->targets)
        mc->put(mc, g->targets, batch->targets + at * m->O, R * m->O * sizeof(real));
    mc->put(mc, g->weight, g->host_weight, R * sizeof(real));
    mc->put(mc, g->scored, g->host_scored, R);
}

/* [L,B,H] into [L,B,Hp] of the machine; NULL where there is none. */
static real *send_mask(struct sab_gpu *g, int B, const real *from, real *to)
{
    const struct sab_model *m = g->model;
    const size_t rows = (size_t)m->L * B;
    if (!from)
        return NULL;
    memset(g->host_mask, 0, rows * m->Hp * sizeof(real));
    for (size_t i = 0; i < rows; i++)
        memcpy(g->host_mask + i * m->Hp, from + i * m->H, (size_t)m->H * sizeof(real));
    g->machine->put(g->machine, to, g->host_mask, rows * m->Hp * sizeof(real));
    return to;
}

void sab_gpu_send_masks(struct sab_gpu *g, const struct sab_batch *batch)
{
    g->output_mask = send_mask(g, batch->B, batch->output_mask, g->mask_room[0]);
    g->state_mask = send_mask(g, batch->B, batch->state_mask, g->mask_room[1]);
}

/* Which windows have a loss, group by group; returns the sum of the weights. */
double sab_gpu_send_windows(struct sab_gpu *g, const struct sab_batch *batch)
{
    size_t n = (size_t)g->groups * g->n_windows;
    double sum = 0;
    memset(g->host_has_loss, 0, n);
    for (int t = 0; t < batch->T; t++) {
        unsigned char *window = g->host_has_loss + t / g->window_len;
        for (int b0 = 0, group = 0; b0 < batch->B; b0 += g->plan.S, group++) {
            double of_group = 0;
            for (int b = b0; b < batch->B && b < b0 + g->plan.S; b++)
                of_group += (double)sab_batch_weight(batch, t, b);
            sum += of_group;
            window[(size_t)group * g->n_windows] |= of_group > 0;
        }
    }
    g->machine->put(g->machine, g->has_loss, g->host_has_loss, n);
    return sum;
}

/* Rows of a stretch by their ids, in segments of at most 128 that have one id each. */
int sab_gpu_sort_ids(struct sab_gpu *g, int R)
{
    int I = g->model->shape.I, segments = 0;
    size_t *count = g->count_ids, sum = 0;
    memset(count, 0, ((size_t)I + 1) * sizeof *count);
    for (int r = 0; r < R; r++)
        count[g->host_ids[r]]++;
    for (int i = 0; i < I; i++) {
        size_t n = count[i];
        count[i] = sum;
        for (size_t from = 0; from < n; from += 128) {
            g->host_from[segments] = (int32_t)(sum + from);
            g->host_id[segments++] = i;
        }
        sum += n;
    }
    g->host_from[segments] = R;
    for (int r = 0; r < R; r++)
        g->host_order[count[g->host_ids[r]]++] = r;
    struct sab_machine *mc = g->machine;
    mc->put(mc, g->order, g->host_order, (size_t)R * sizeof(int32_t));
    mc->put(mc, g->from, g->host_from, ((size_t)segments + 1) * sizeof(int32_t));
    mc->put(mc, g->id, g->host_id, (size_t)segments * sizeof(int32_t));
    return segments;
}

/* ---- state from before a batch, and after it ---- */

/* h and c that sequences begin with, and the memories taken over: their keys are made anew, of the weights as they are now. */
static void take_state(struct sab_gpu *g, const struct sab_batch *batch, int l)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    struct sab_gpu_layer *y = &g->layers[l];
    int B = batch->B, carried = g->extent.carried;
    size_t row = (size_t)B * m->Hp, rows = (size_t)B * g->sizes.cap;
    struct sab_memory memory = {.S = B, .cap = g->sizes.cap, .ledger = g->ledger, .M = g->host_M};
    memset(g->host_h, 0, row * sizeof(real));
    memset(g->host_c, 0, row * sizeof(real));
    if (batch->state)
        memset(g->host_M, 0, rows * m->Hp * sizeof(real));
    if (batch->state)
        sab_stream_copy(batch->state, l, 0, batch->fresh, g->host_h, y->c ? g->host_c : NULL, &memory);
    for (int b = 0; b < B && !batch->state; b++) {
        size_t from = ((size_t)l * B + b) * m->H, to = (size_t)b * m->Hp;
        if (batch->h0)
            memcpy(g->host_h + to, batch->h0 + from, (size_t)m->H * sizeof(real));
        if (batch->c0)
            memcpy(g->host_c + to, batch->c0 + from, (size_t)m->H * sizeof(real));
    }
    mc->put(mc, g->stretches > 1 ? y->h_start : y->h, g->host_h, row * sizeof(real));
    if (y->c)
        mc->put(mc, g->stretches > 1 ? y->c_start : y->c, g->host_c, row * sizeof(real));
    if (carried == 0)
        return;
    for (int b = 0; b < B; b++)
        g->host_first[b] = g->ledger.first[b];
    mc->put(mc, g->first, g->host_first, (size_t)B * sizeof(int32_t));
    mc->put(mc, y->M, g->host_M, rows * m->Hp * sizeof(real));
    mc->gemm(mc, 0, 0, (int)rows, m->Ap, m->H, y->M, m->Hp, sab_gpu_weights(g, SAB_ROLE_W1, l), m->Ap, 0, y->keys, m->Ap);
    if (m->config.score == SAB_SCORE_MLP)
        mc->exp2x(mc, rows * m->Ap, y->keys);
}

/* The state of those sequences that end within a stretch. */
static int leave_ended(struct sab_gpu *g, const struct sab_batch *batch, int stretch, struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    int t0 = stretch * g->steps, B = batch->B, status = SAB_OK;
    size_t row = (size_t)B * m->Hp;
    for (int i = 1; i <= sab_gpu_stretch_len(g, stretch); i++) {
        int ended = !batch->lengths && t0 + i == batch->T;
        for (int b = 0; b < B && batch->lengths; b++)
            ended += batch->lengths[b] == t0 + i;
        for (int l = 0; l < m->L && ended && !status; l++) {
            const struct sab_gpu_layer *y = &g->layers[l];
            mc->get(mc, g->host_h, y->h + i * row, row * sizeof(real));
            if (y->c)
                mc->get(mc, g->host_c, y->c + i * row, row * sizeof(real));
            status = mc->wait(mc, err);
            for (int b = 0; b < B && !status; b++)
                if (!batch->lengths || batch->lengths[b] == t0 + i)
                    sab_stream_put_state(batch->state, l, b, g->host_h + (size_t)b * m->Hp, y->c ? g->host_c + (size_t)b * m->Hp : NULL);
        }
    }
    return status;
}

static int leave_memories(struct sab_gpu *g, const struct sab_batch *batch, struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    int B = batch->B, carried = g->extent.carried, status = SAB_OK;
    size_t rows = (size_t)B * g->sizes.cap;
    struct sab_memory memory = {.S = B, .cap = g->sizes.cap, .ledger = g->ledger, .M = g->host_M, .key = g->host_keys};
    for (int b = 0; b < B; b++) {
        g->ledger.first[b] = carried > 0 ? g->host_first[b] : 0;
        g->host_ends[b] = sab_ledger_count(&g->ledger, batch->lengths ? batch->lengths[b] : batch->T);
    }
    for (int l = 0; l < m->L && !status; l++) {
        mc->get(mc, g->host_M, g->layers[l].M, rows * m->Hp * sizeof(real));
        mc->get(mc, g->host_keys, g->layers[l].keys, rows * m->Ap * sizeof(real));
        status = mc->wait(mc, err);
        if (!status)
            sab_stream_put_memory(batch->state, l, 0, &memory, g->host_ends);
    }
    return status;
}

/* After a stretch forward: what it leaves for the next batch. */
int sab_gpu_leave(struct sab_gpu *g, const struct sab_batch *batch, int stretch, struct sab_error *err)
{
    int status = batch->state ? leave_ended(g, batch, stretch, err) : SAB_OK;
    if (!status && batch->state && g->model->K > 0 && stretch == g->stretches - 1)
        status = leave_memories(g, batch, err);
    return status;
}

/* All steps at once: rules that look at states are refused. */
static void send_ledger(struct sab_gpu *g, const struct sab_batch *batch)
{
    struct sab_machine *mc = g->machine;
    sab_ledger_fill(&g->ledger, g->extent.carried, batch->T);
    mc->put(mc, g->ledger_steps, g->ledger.steps, ((size_t)batch->T + 1) * sizeof *g->ledger_steps);
    mc->put(mc, g->when, g->ledger.when, (size_t)g->ledger.n * sizeof *g->when);
}

void sab_gpu_begin_back(struct sab_gpu *g, int l, int B)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    struct sab_gpu_layer *y = &g->layers[l];
    const size_t cap = (size_t)g->sizes.cap * B;
    mc->zero(mc, y->touched, (size_t)g->groups * g->plan.C * g->n_windows);
    mc->zero(mc, y->active, (size_t)g->groups * g->n_windows);
    if (m->K == 0)
        return;
    mc->zero(mc, y->dM, cap * m->Hp * sizeof(real));
    mc->zero(mc, y->dkeys, cap * m->Ap * sizeof(real));
    mc->zero(mc, y->dw, (size_t)g->groups * m->Ap * sizeof(real));
}

/* What a batch begins with. */
void sab_gpu_begin(struct sab_gpu *g, const struct sab_batch *batch, int backward)
{
    int B = batch->B, is_taken = batch->state || batch->h0 || batch->c0;
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    size_t row = (size_t)B * m->Hp * sizeof(real);
    sab_gpu_pack_weights(g);
    mc->zero(mc, g->sums, 24 * sizeof *g->sums);
    sab_gpu_send_masks(g, batch);
    if (m->K > 0)
        send_ledger(g, batch);
    for (int l = 0; l < m->L; l++) {
        struct sab_gpu_layer *y = &g->layers[l];
        if (is_taken)
            take_state(g, batch, l);
        else
            mc->zero(mc, g->stretches > 1 ? y->h_start : y->h, row);
        if (y->c && !is_taken)
            mc->zero(mc, g->stretches > 1 ? y->c_start : y->c, row);
        if (backward)
            sab_gpu_begin_back(g, l, B);
    }
}

/* ---- outputs ---- */

/* Outputs of a stretch, [len,B,Op], to be freed. */
int sab_gpu_fetch_rows(struct sab_gpu *g, int stretch, real **out, struct sab_error *err)
{
    size_t count = (size_t)sab_gpu_stretch_len(g, stretch) * g->extent.B * g->model->Op;
    real *rows = sab_alloc(count, sizeof *rows);
    if (!rows)
        return sab_fail(err, SAB_NOMEM, "no memory for the outputs of %d sequences", g->extent.B);
    g->machine->get(g->machine, rows, g->y, count * sizeof *rows);
    int status = g->machine->wait(g->machine, err);
    if (status)
        sab_free(rows);
    else
        *out = rows;
    return status;
}

/* Into the batch's [T,B,O], 0 past the ends. */
void sab_gpu_put_outputs(const struct sab_gpu *g, const struct sab_batch *batch, int stretch, const real *rows, real *outputs)
{
    const struct sab_model *m = g->model;
    int t0 = stretch * g->steps, B = batch->B;
    for (int i = 0; i < sab_gpu_stretch_len(g, stretch); i++)
        for (int b = 0; b < B; b++) {
            real *to = outputs + ((size_t)(t0 + i) * B + b) * m->O;
            if (batch->lengths && t0 + i >= batch->lengths[b])
                memset(to, 0, (size_t)m->O * sizeof *to);
            else
                memcpy(to, rows + ((size_t)i * B + b) * m->Op, (size_t)m->O * sizeof *to);
        }
}

/* To the watcher, each sequence in the order of its steps, and its losses. */
void sab_gpu_show(const struct sab_gpu *g, const struct sab_batch *batch, int stretch, const real *rows,
                 const struct sab_watcher *watcher)
{
    const struct sab_model *m = g->model;
    int t0 = stretch * g->steps, B = batch->B, has_loss = batch->labels || batch->targets;
    for (int b = 0; b < B; b++)
        for (int i = 0; i < sab_gpu_stretch_len(g, stretch) && (!batch->lengths || t0 + i < batch->lengths[b]); i++) {
            size_t at = (size_t)(t0 + i) * B + b;
            const real *y = rows + ((size_t)i * B + b) * m->Op;
            watcher->row(watcher->user, t0 + i, b, y);
            if (has_loss)
                sab_loss_row(m, y, batch->labels ? batch->labels[at] : 0, batch->targets ? batch->targets + at * m->O : NULL,
                             sab_batch_weight(batch, t0 + i, b), sab_batch_scored(batch, t0 + i, b), 0, NULL, &watcher->sums[b]);
        }
}
