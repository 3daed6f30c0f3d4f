/* What a caller gives to an engine is checked before anything is computed. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/sized.h"
#include "credit/engine.h"

/* Steps of a batch, and sequences: S T rows of a shard are counted in int. */
enum { MOST_ROWS = INT_MAX / (2 * SAB_SHARD) };

static int check_values(const struct sab_model *m, const struct sab_batch *batch, struct sab_error *err)
{
    size_t I = (size_t)m->shape.I;
    for (int t = 0; t < batch->T; t++)
        for (int b = 0; b < batch->B; b++) {
            const real *x = batch->values + ((size_t)t * batch->B + b) * I;
            unsigned bad = 0;
            if (batch->lengths && t >= batch->lengths[b])
                continue;
            for (size_t i = 0; i < I; i++)
                bad |= !isfinite(x[i]);
            for (size_t i = 0; bad && i < I; i++)
                if (!isfinite(x[i]))
                    return sab_fail(err, SAB_NUMERIC, "input value %zu at step %d of sequence %d is %g", i, t + 1, b, (double)x[i]);
        }
    return SAB_OK;
}

static int check_numbers(const struct sab_model *m, const struct sab_batch *batch, struct sab_error *err)
{
    for (int t = 0; t < batch->T; t++)
        for (int b = 0; b < batch->B; b++) {
            size_t at = (size_t)t * batch->B + b;
            if (batch->lengths && t >= batch->lengths[b])
                continue;
            if (batch->ids && (batch->ids[at] < 0 || batch->ids[at] >= m->shape.I))
                return sab_fail(err, SAB_INVALID, "input symbol %d at step %d of sequence %d is not in 0..%d",
                                batch->ids[at], t + 1, b, m->shape.I - 1);
            if (batch->labels && (sab_batch_weight(batch, t, b) > 0 || sab_batch_scored(batch, t, b)) &&
                (batch->labels[at] < 0 || batch->labels[at] >= m->O))
                return sab_fail(err, SAB_INVALID, "label %d at step %d of sequence %d is not in 0..%d",
                                batch->labels[at], t + 1, b, m->O - 1);
            if (!(sab_batch_weight(batch, t, b) >= 0 && isfinite(sab_batch_weight(batch, t, b))))
                return sab_fail(err, SAB_INVALID, "weight %g at step %d of sequence %d is negative or not finite",
                                (double)sab_batch_weight(batch, t, b), t + 1, b);
        }
    return SAB_OK;
}

static int check_answers(const struct sab_model *m, const struct sab_batch *batch, struct sab_error *err)
{
    for (int t = 0; t < batch->T; t++)
        for (int b = 0; b < batch->B; b++) {
            const real *target = batch->targets + ((size_t)t * batch->B + b) * m->O;
            if (!(sab_batch_weight(batch, t, b) > 0) && !sab_batch_scored(batch, t, b))
                continue;
            for (int o = 0; o < m->O; o++)
                if (!(target[o] >= 0 && target[o] <= 1))
                    return sab_fail(err, SAB_INVALID, "target %g of output %d at step %d of sequence %d is not in 0..1",
                                    (double)target[o], o, t + 1, b);
        }
    return SAB_OK;
}

/* The state that the batch begins with. */
static int check_state(const struct sab_model *m, const struct sab_batch *batch, struct sab_error *err)
{
    if (batch->fresh && !batch->state)
        return sab_fail(err, SAB_INVALID, "the batch says which sequences are fresh but brings no state that others go on "
                                          "from");
    if (sab_batch_has_masks(batch) && m->network != &sab_network_recurrent)
        return sab_fail(err, SAB_INVALID, "the batch brings masks of states, which --model %s does not have", m->network->name);
    if (!batch->h0 && !batch->c0 && !batch->hn && !batch->cn)
        return SAB_OK;
    if (batch->state && (batch->h0 || batch->c0))
        return sab_fail(err, SAB_INVALID, "the batch brings h0 or c0 and a state too: it can begin with one only");
    if (!m->network->has_state)
        return sab_fail(err, SAB_INVALID, "--model %s has no state that h0, c0, hn or cn could be", m->network->name);
    if ((batch->c0 || batch->cn) && !m->cell->has_c)
        return sab_fail(err, SAB_INVALID, "the batch brings %s, and --cell %s has no c", batch->c0 ? "c0" : "cn", m->cell->name);
    return SAB_OK;
}

int sab_batch_check_loss(const struct sab_model *m, const struct sab_batch *batch, struct sab_error *err)
{
    int is_class = m->shape.loss == SAB_LOSS_CROSS_ENTROPY;
    if (m->shape.loss == SAB_LOSS_NONE)
        return sab_fail(err, SAB_INVALID, "the model has no loss of its own: a gradient of its outputs must be given (doutputs), and "
                                          "labels or targets cannot");
    if (is_class ? batch->labels != NULL : batch->targets != NULL)
        return SAB_OK;
    return sab_fail(err, SAB_INVALID, "the model's loss needs %s and no other", is_class ? "labels" : "targets");
}

int sab_batch_check(const struct sab_model *m, const struct sab_batch *batch, struct sab_error *err)
{
    if (batch->T < 1 || batch->B < 1 || batch->T > MOST_ROWS || batch->B > MOST_ROWS)
        return sab_fail(err, SAB_INVALID, "a batch of T = %d steps and B = %d sequences; both are in 1..%d", batch->T,
                        batch->B, MOST_ROWS);
    if ((m->shape.input == SAB_INPUT_IDS) != (batch->ids != NULL) || (batch->ids != NULL) == (batch->values != NULL))
        return sab_fail(err, SAB_INVALID, "the model takes %s as input and the batch brings %s",
                        m->shape.input == SAB_INPUT_IDS ? "ids" : "values",
                        batch->ids && batch->values ? "both ids and values"
                        : batch->ids                ? "ids"
                        : batch->values             ? "values"
                                                    : "neither ids nor values");
    int status = SAB_OK;
    if (batch->labels && batch->targets)
        status = sab_fail(err, SAB_INVALID, "the model's loss needs %s and no other",
                          m->shape.loss == SAB_LOSS_CROSS_ENTROPY ? "labels" : "targets");
    else if (batch->labels || batch->targets)
        status = sab_batch_check_loss(m, batch, err);
    if (status == SAB_OK)
        status = check_state(m, batch, err);
    for (int b = 0; batch->lengths && b < batch->B && status == SAB_OK; b++)
        if (batch->lengths[b] < 1 || batch->lengths[b] > batch->T)
            status = sab_fail(err, SAB_INVALID, "length %d of sequence %d is not in 1..%d", batch->lengths[b], b, batch->T);
    if (status == SAB_OK)
        status = sab_model_check_steps(m, batch->T, err);
    if (status == SAB_OK)
        status = check_numbers(m, batch, err);
    if (status == SAB_OK && batch->values)
        status = check_values(m, batch, err);
    return status == SAB_OK && m->shape.loss == SAB_LOSS_BCE && batch->targets ? check_answers(m, batch, err) : status;
}

static double sum_weights(const struct sab_batch *batch)
{
    double sum = 0;
    for (int t = 0; t < batch->T; t++)
        for (int b = 0; b < batch->B; b++)
            sum += sab_batch_weight(batch, t, b);
    return sum;
}

int sab_request_check(const struct sab_model *m, const struct sab_batch *batch, const struct sab_request *request,
                      struct sab_request *copy, double *weight, struct sab_error *err)
{
    struct sab_recall recall;
    *copy = (struct sab_request){.size = sizeof *copy};
    int status = sab_sized_take(&sab_request_sized, copy, request, err);
    if (status == SAB_OK)
        status = sab_sized_take(&sab_recall_sized, &recall, copy->recall, err);
    if (status != SAB_OK)
        return status;
    if (copy->dvalues && m->shape.input == SAB_INPUT_IDS)
        return sab_fail(err, SAB_INVALID, "dvalues: the model takes ids as input, which have no gradient");
    if ((copy->dh0 || copy->dc0) && !m->network->has_state)
        return sab_fail(err, SAB_INVALID, "--model %s has no state whose gradient dh0 or dc0 could be", m->network->name);
    if (copy->dc0 && !m->cell->has_c)
        return sab_fail(err, SAB_INVALID, "dc0: --cell %s has no c", m->cell->name);
    if (!(copy->total_weight >= 0 && isfinite(copy->total_weight)))
        return sab_fail(err, SAB_INVALID, "total_weight %g is negative or not finite", copy->total_weight);
    *weight = copy->total_weight;
    if (copy->doutputs)
        return SAB_OK;
    status = sab_batch_check_loss(m, batch, err);
    if (status == SAB_OK && *weight == 0)
        *weight = sum_weights(batch);
    if (status == SAB_OK && !(*weight > 0))
        return sab_fail(err, SAB_INVALID, "every position of the batch has weight 0, so there is no loss");
    return status;
}
