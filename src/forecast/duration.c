/* See duration.h.
 *
 *     seconds = sum over phases of flops / (share * peak) + functions, scores and bytes at theirs
 *
 * The shares are what sab bench shows with AVX-512 on two cores, H = 64..512; narrow networks fill fewer registers. Scores
 * that are passed over (remind/prune.c) are counted as if computed, so long sequences come out too slow. */
#include "forecast/duration.h"

/* The share of its ceiling that each phase reaches. */
static const double shares[SAB_PHASE_COUNT] = {
    [SAB_PHASE_DATA] = 1,           [SAB_PHASE_PACK] = 0.3,           [SAB_PHASE_LOAD] = 1,
    [SAB_PHASE_INPUT] = 0.7,        [SAB_PHASE_STATE] = 0.9,          [SAB_PHASE_CELL] = 0.8,
    [SAB_PHASE_MAP] = 0.65,         [SAB_PHASE_SCORE] = 1,            [SAB_PHASE_SELECT] = 1,
    [SAB_PHASE_READ] = 1.2,         [SAB_PHASE_READOUT] = 0.2,        [SAB_PHASE_READ_BACKWARD] = 1.1,
    [SAB_PHASE_MAP_BACKWARD] = 0.7, [SAB_PHASE_CELL_BACKWARD] = 1,    [SAB_PHASE_STATE_BACKWARD] = 0.95,
    [SAB_PHASE_WEIGHTS] = 0.68,     [SAB_PHASE_REDUCE] = 1,           [SAB_PHASE_OPTIMISER] = 0.25,
};

/* A score costs as much as so many elements more: its sum is folded, and it is compared. */
enum { ELEMENTS_PER_SCORE = 60 };

struct sab_duration sab_duration_of(const struct sab_cost *cost, const struct sab_ceilings *top)
{
    struct sab_duration sum = {0};
    for (int phase = 0; phase < SAB_PHASE_COUNT; phase++) {
        sum.products_s += cost->flops[phase] / (shares[phase] * top->flops);
        sum.rest_s += cost->nbytes[phase] / (shares[phase] * top->nbytes);
    }
    sum.rest_s += cost->elements[SAB_PHASE_CELL] / (shares[SAB_PHASE_CELL] * top->functions);
    sum.rest_s += (cost->elements[SAB_PHASE_SCORE] + ELEMENTS_PER_SCORE * cost->elements[SAB_PHASE_SELECT]) / top->scores;
    return sum;
}

double sab_duration_clock_s(struct sab_duration work, double H, double balance)
{
    double narrow = H < 128 ? (1 + 24 / H) / (1 + 24.0 / 128) : 1;
    return balance * (narrow * work.products_s + work.rest_s);
}
