/* A batch as a shard sees it: inputs gathered, outputs and losses served. */
#include "model/network.h"

#include <assert.h>
#include <string.h>

real sab_batch_weight(const struct sab_batch *batch, int t, int b)
{
    if (batch->lengths && t >= batch->lengths[b])
        return 0;
    return batch->weight ? batch->weight[(size_t)t * batch->B + b] : 1;
}

int sab_batch_scored(const struct sab_batch *batch, int t, int b)
{
    if (batch->lengths && t >= batch->lengths[b])
        return 0;
    if (batch->scored)
        return batch->scored[(size_t)t * batch->B + b];
    return sab_batch_weight(batch, t, b) > 0;
}

int sab_batch_has_masks(const struct sab_batch *batch)
{
    return batch->output_mask || batch->state_mask;
}

int sab_work_steps(const struct sab_work *work, int S)
{
    assert(S > 0);
    int steps = 0;
    for (int b = 0; b < S; b++)
        steps = work->columns[b].length > steps ? work->columns[b].length : steps;
    return steps;
}

void sab_work_input(const struct sab_work *work, const struct sab_model *m, int S, int t0, int len, int32_t *ids,
                    real *values)
{
    const struct sab_batch *batch = work->batch;
    size_t I = (size_t)m->shape.I;
    for (int i = 0; i < len; i++)
        for (int b = 0; b < S; b++) {
            const struct sab_column *column = &work->columns[b];
            size_t from = (size_t)(t0 + i) * batch->B + column->b, to = (size_t)i * S + b;
            int past = t0 + i >= column->length; /* what stands there is not read */
            if (ids)
                ids[to] = past ? 0 : batch->ids[from];
            else if (past)
                memset(values + to * I, 0, I * sizeof *values);
            else
                memcpy(values + to * I, batch->values + from * I, I * sizeof *values);
        }
}

void sab_work_doutputs(const struct sab_work *work, const struct sab_model *m, int S, int t0, int len, real *dy)
{
    size_t O = (size_t)m->O, pads = (size_t)(m->Op - m->O);
    for (int t = t0; t < t0 + len; t++)
        for (int b = 0; b < S; b++, dy += m->Op) {
            const struct sab_column *column = &work->columns[b];
            if (t < column->length)
                memcpy(dy, work->doutputs + ((size_t)t * work->batch->B + column->b) * O, O * sizeof *dy);
            else
                memset(dy, 0, O * sizeof *dy);
            memset(dy + O, 0, pads * sizeof *dy);
        }
}

void sab_work_dvalues(const struct sab_work *work, const struct sab_model *m, int S, int t0, int len, const real *dx,
                      int stride)
{
    size_t I = (size_t)m->shape.I;
    for (int t = t0; t < t0 + len; t++)
        for (int b = 0; b < S; b++, dx += stride)
            if (t < work->columns[b].length)
                memcpy(work->dvalues + ((size_t)t * work->batch->B + work->columns[b].b) * I, dx, I * sizeof *dx);
}

int sab_work_has_gradient(const struct sab_work *work, const struct sab_model *m, int S, int t0, int len)
{
    const struct sab_batch *batch = work->batch;
    for (int t = t0; t < t0 + len; t++)
        for (int b = 0; b < S; b++) {
            const struct sab_column *column = &work->columns[b];
            if (!work->doutputs && sab_batch_weight(batch, t, column->b) > 0)
                return 1;
            const real *dy = work->doutputs ? work->doutputs + ((size_t)t * batch->B + column->b) * m->O : NULL;
            for (int o = 0; dy && t < column->length && o < m->O; o++)
                if (dy[o] != 0) /* what is no number is not 0 */
                    return 1;
        }
    return 0;
}

void sab_work_losses(const struct sab_work *work, const struct sab_model *m, int S, int t0, int len, int backward,
                     real *y, struct sab_loss_sums *sums)
{
    const struct sab_batch *batch = work->batch;
    for (int t = t0; t < t0 + len; t++)
        for (int b = 0; b < S; b++, y += m->Op) {
            const struct sab_column *column = &work->columns[b];
            size_t at = (size_t)t * batch->B + column->b;
            if (work->outputs && t < column->length)
                memcpy(work->outputs + at * m->O, y, (size_t)m->O * sizeof *y);
            if (work->watcher && t < column->length)
                work->watcher->row(work->watcher->user, t, column->b, y);
            if (batch->labels || batch->targets)
                sab_loss_row(m, y, batch->labels ? batch->labels[at] : 0,
                             batch->targets ? batch->targets + at * m->O : NULL,
                             sab_batch_weight(batch, t, column->b), sab_batch_scored(batch, t, column->b), work->scale,
                             backward ? y : NULL, work->watcher ? &work->watcher->sums[column->b] : sums);
        }
}
