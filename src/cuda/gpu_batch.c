/* A batch on its way to the machine, a stretch at a time, and the outputs that come back of it. */
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

/* What memories written in a stretch are worth, where that is drawn: of each sequence's inputs up to its end, stretch after stretch. */
static void send_drawn(struct sab_gpu *g, const struct sab_batch *batch, int t0, int len)
{
    const struct sab_model *m = g->model;
    const struct sab_choice *choice = m->layers[0].remind.keep.choice;
    const size_t B = (size_t)batch->B, I = (size_t)m->shape.I;
    for (int i = 0; i < len; i++)
        for (size_t b = 0; b < B; b++) {
            const size_t at = i * B + b, from = (size_t)t0 * B + at;
            if (!batch->lengths || t0 + i < batch->lengths[b])
                g->host_draw[b] = sab_draws(m, g->host_draw[b], batch->ids ? batch->ids + from : NULL,
                                            batch->ids ? NULL : batch->values + from * I);
            g->host_drawn[at] = choice->worth(m->H, NULL, NULL, NULL, g->host_draw[b]);
        }
    g->machine->put(g->machine, g->drawn, g->host_drawn, (size_t)len * B * sizeof(real));
}

/* Sends inputs, labels and weights of a stretch. */
void sab_gpu_send(struct sab_gpu *g, const struct sab_batch *batch, int stretch, int replay)
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
    if (g->drawn && !replay)
        send_drawn(g, batch, t0, len);
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
