/* The counts, from the equations of layer.c, read.c, readout.c and their backward forms. */
#include "credit/cost.h"

#include <string.h>

#include "credit/shard.h"

/* What one layer reads and writes over a sequence of T steps. */
struct reads {
    double written, queries; /* memories; steps that have one to read */
    double scored, entries;  /* over all steps: memories compared, memories read */
};

/* Scores of a step at the mean of `memories` memories: full segments, K of them and the newest. */
static double segmented(const struct sab_remind *r, double memories)
{
    double opened = (r->K + 0.5) * r->segment;
    return memories / r->segment + (opened < memories ? opened : memories);
}

static struct reads count_reads(const struct sab_model *m, int T)
{
    struct reads n = {0};
    if (m->K == 0)
        return n;
    const struct sab_remind *r = &m->layers[0].remind;
    const struct sab_keep *keep = &r->keep;
    n.written = keep->rule->most(keep, T);
    n.queries = (double)keep->rule->sum(keep, 0, 1, T);
    n.scored = (double)keep->rule->sum(keep, 0, keep->slots, T);
    if (r->segment > 0)
        n.scored = segmented(r, n.scored / T) * T;
    n.entries = r->dense_forward || keep->slots < m->K ? n.scored : (double)keep->rule->sum(keep, 0, m->K, T);
    return n;
}

static double width(const struct sab_model *m)
{
    return m->layers[0].remind.score->width(m->A);
}

/* Functions in a cell, and numbers of its backward pass: gates twice, dhh, hh or h_prev, and c three times. */
static double cell_functions(const struct sab_model *m)
{
    return m->cell->G + (m->cell->has_c ? 1 : 0);
}

static double cell_numbers(const struct sab_model *m)
{
    return 2 * m->cell->G + 2 + (m->cell->has_c ? 3 : 0);
}

static void count_forward(const struct sab_model *m, int layer, double R, double B, const struct reads *n, double again,
                          struct sab_cost *cost)
{
    double H = m->H, GH = m->cell->G * H, A = width(m), I = layer == 0 ? m->shape.I : H, numbers = sizeof(real);
    int mlp = m->config.score == SAB_SCORE_MLP;
    if (layer == 0 && m->shape.input == SAB_INPUT_IDS)
        cost->nbytes[SAB_PHASE_INPUT] += again * 3 * GH * R * numbers;
    else
        cost->flops[SAB_PHASE_INPUT] += again * 2 * I * GH * R;
    cost->flops[SAB_PHASE_STATE] += again * 2 * H * GH * R;
    cost->elements[SAB_PHASE_CELL] += again * cell_functions(m) * H * R;
    cost->flops[SAB_PHASE_MAP] += 2 * H * A * (n->written + again * n->queries) * B;
    cost->elements[SAB_PHASE_SCORE] += mlp ? n->scored * A * B : 0;
    cost->flops[SAB_PHASE_SCORE] += mlp ? 0 : 2 * n->scored * A * B;
    cost->elements[SAB_PHASE_SELECT] += n->scored * B;
    cost->nbytes[SAB_PHASE_READ] += again * (n->entries * H * B + (m->K > 0 ? 3 * H * R : 0)) * numbers;
}

static void count_backward(const struct sab_model *m, int layer, double R, double B, double windows,
                           const struct reads *n, struct sab_cost *cost)
{
    double H = m->H, GH = m->cell->G * H, A = width(m), I = layer == 0 ? m->shape.I : H, numbers = sizeof(real);
    double maps = 2 * H * A * (n->queries + (m->config.mental_updates ? n->written : 0)) * B;
    cost->nbytes[SAB_PHASE_READ_BACKWARD] += n->entries * 3 * (H + A) * B * numbers;
    cost->flops[SAB_PHASE_MAP_BACKWARD] += maps;
    cost->nbytes[SAB_PHASE_CELL_BACKWARD] += cell_numbers(m) * H * R * numbers;
    cost->flops[SAB_PHASE_STATE_BACKWARD] += 2 * H * GH * (R - windows * B);
    cost->flops[SAB_PHASE_WEIGHTS] += 2 * H * GH * R + 2 * H * A * (n->queries + n->written) * B;
    if (layer > 0 || m->shape.input == SAB_INPUT_VALUES)
        cost->flops[SAB_PHASE_WEIGHTS] += 2 * I * GH * R;
    if (layer > 0)
        cost->flops[SAB_PHASE_WEIGHTS] += 2 * H * GH * R;
}

void sab_recurrent_count(const struct sab_model *m, int T, int B, double reached, int recomputed, struct sab_cost *cost)
{
    double R = (double)T * B;
    int len = m->k_trunc > 0 && m->k_trunc < T ? m->k_trunc : T;
    double windows = (T + len - 1) / len, again = 1 + (recomputed ? reached : 0);
    struct reads n = count_reads(m, T);
    for (int l = 0; l < m->L; l++)
        count_forward(m, l, R, B, &n, again, cost);
    double readout = m->has_readout * 2 * (double)m->H * m->O * (m->K > 0 ? 2 : 1) * R;
    cost->flops[SAB_PHASE_READOUT] = again * readout;
    if (!(reached > 0))
        return;
    struct sab_cost back = {0};
    for (int l = 0; l < m->L; l++)
        count_backward(m, l, R, B, windows, &n, &back);
    for (int phase = 0; phase < SAB_PHASE_COUNT; phase++) {
        cost->flops[phase] += reached * back.flops[phase];
        cost->nbytes[phase] += reached * back.nbytes[phase];
    }
    cost->flops[SAB_PHASE_READOUT] += 2 * readout;
    cost->nbytes[SAB_PHASE_LOAD] += m->L * n.written * (m->Hp + m->Ap) * B * sizeof(real);
}

void sab_cost_count(const struct sab_model *m, int T, int B, double reached, int recomputed, struct sab_cost *cost)
{
    double numbers = sizeof(real);
    int shards = (B - 1) / SAB_SHARD + 1;
    memset(cost, 0, sizeof *cost);
    m->network->count(m, T, B, reached, recomputed, cost);
    cost->nbytes[SAB_PHASE_PACK] = ((double)m->n_theta + 3 * (double)m->n_padded) * numbers;
    cost->nbytes[SAB_PHASE_LOAD] +=
        (double)T * B * (m->shape.input == SAB_INPUT_IDS ? sizeof(int32_t) : m->shape.I * numbers);
    if (!(reached > 0))
        return;
    cost->nbytes[SAB_PHASE_LOAD] += shards * (double)m->n_padded * numbers;
    cost->nbytes[SAB_PHASE_REDUCE] = (3.0 * (shards - 1) * m->n_padded + 2 * (double)m->n_theta) * numbers;
    cost->nbytes[SAB_PHASE_OPTIMISER] = 7 * (double)m->n_theta * numbers;
}

double sab_cost_flops(const struct sab_cost *cost)
{
    double sum = 0;
    for (int phase = 0; phase < SAB_PHASE_COUNT; phase++)
        sum += cost->flops[phase];
    return sum;
}
