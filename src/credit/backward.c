/* A shard backward: windows newest first, layers top first. */
#include "credit/shard.h"

#include <string.h>

static int has_loss(const struct sab_shard *s, int window)
{
    int t0 = window * s->window_len, len = sab_shard_window_len(s, window);
    for (int t = t0; t < t0 + len; t++)
        for (int b = 0; b < s->S; b++)
            if (sab_batch_weight(s->batch, t, s->columns[b].b) > 0)
                return 1;
    return 0;
}

/* Marks the windows whose memories the reads of this window sent gradient to. */
static void mark_touched(struct sab_shard *s, int layer, int window)
{
    struct sab_layer_run *run = &s->layers[layer];
    const struct sab_remind *r = &s->model->layers[layer].remind;
    int t0 = window * s->window_len, len = sab_shard_window_len(s, window);
    if (s->model->K == 0 || !r->mental_updates)
        return;
    for (int t = t0; t < t0 + len; t++)
        for (int b = 0; b < s->S; b++) {
            const struct sab_read *read = sab_records_read(&run->records, t, b);
            const int32_t *index = run->records.index + sab_records_at(r, &run->records, t, b);
            for (int i = 0; i < read->n; i++)
                if (index[i] >= run->memory.carried)
                    run->touched[sab_memory_when(r, run->memory.carried, index[i]) / s->window_len] = 1;
        }
}

/* One window, from the first layer that gradient reaches down to the lowest. */
static void backward_window(struct sab_shard *s, int window, int loss, real *grads)
{
    const struct sab_model *m = s->model;
    int slot = s->n_slots > 1 ? window : 0, R = sab_shard_window_len(s, window) * s->S;
    int from = 0; /* dh[from] holds the gradient entering the current layer */
    if (s->n_slots == 1)
        sab_shard_window(s, window, 1);
    else
        sab_shard_input(s, window);
    const struct sab_window *top = &s->layers[m->L - 1].slots[slot];
    if (loss) {
        sab_readout_backward(m, R, top->h, top->s, s->y + (size_t)slot * s->window_len * s->S * m->Op, s->dh[from], s->ds,
                             grads);
    } else {
        memset(s->dh[from], 0, (size_t)R * m->Hp * sizeof(real));
        if (s->ds)
            memset(s->ds, 0, (size_t)R * m->Hp * sizeof(real));
    }
    sab_profile_lap(s->scratch.profile, SAB_PHASE_READOUT);
    int active = loss;
    for (int l = m->L - 1; l >= 0; l--) {
        struct sab_layer_run *run = &s->layers[l];
        active |= run->touched[window];
        if (!active)
            continue; /* nothing came from above either: dh[from] is still 0 */
        sab_layer_backward(m, l, &run->slots[slot], &run->memory, &run->records, s->dh[from], l == m->L - 1 ? s->ds : NULL,
                           grads, l > 0 ? s->dh[1 - from] : NULL, &s->scratch);
        mark_touched(s, l, window);
        sab_profile_lap(s->scratch.profile, SAB_PHASE_READ_BACKWARD);
        if (s->flow)
            sab_shard_report(s, l, window, 1);
        from = 1 - from;
    }
}

void sab_shard_backward(struct sab_shard *s, real *grads)
{
    const struct sab_model *m = s->model;
    for (int window = s->used_windows - 1; window >= 0; window--) {
        int loss = has_loss(s, window), reached = loss;
        for (int l = 0; l < m->L; l++)
            reached |= s->layers[l].touched[window];
        if (reached)
            backward_window(s, window, loss, grads);
    }
    for (int l = 0; l < m->L && m->K > 0; l++) {
        struct sab_remind_grads rg = sab_layer_remind_grads(m, l, grads);
        sab_memory_weights(&m->layers[l].remind, &s->layers[l].memory, &rg);
    }
    sab_profile_lap(s->scratch.profile, SAB_PHASE_WEIGHTS);
}
