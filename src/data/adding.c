/* Adding: the sum of two marked numbers among T.
 *
 * Channel 0 holds T numbers uniform in [0,1), channel 1 is 1 at two steps, one in each half, else 0. At the last step
 * the target is the sum of the two marked numbers; only this step is in the loss. Always answering 1 has a mean squared
 * error of 1/6, because the sum has variance 2/12. */
#include "data/synthetic.h"

/* Lanes 0 and 1 draw the marks, lane 2 + t the number of step t. */
enum { NUMBERS = 2 };

static struct sab_shape adding_shape(const struct sab_task_options *config)
{
    (void)config;
    return (struct sab_shape){.input = SAB_INPUT_VALUES, .I = 2, .loss = SAB_LOSS_MSE, .O = 1};
}

static void adding_fill(const struct sab_draw *draw, struct sab_column *column)
{
    size_t step = (size_t)column->B * 2;
    uint32_t T = (uint32_t)draw->T, half = T / 2;
    for (uint32_t t = 0; t < T; t++)
        column->values[t * step] =
            (sab_real)sab_random_uniform(draw->seed, draw->purpose, draw->index, NUMBERS + t);
    size_t first = sab_random_below(draw->seed, draw->purpose, draw->index, 0, half);
    size_t second = half + sab_random_below(draw->seed, draw->purpose, draw->index, 1, T - half);
    column->values[first * step + 1] = 1;
    column->values[second * step + 1] = 1;
    column->targets[(size_t)(T - 1) * (size_t)column->B] =
        column->values[first * step] + column->values[second * step];
}

static const struct sab_synthetic adding = {
    .least_T = 2,
    .times_T = 1,
    .extra_steps = 0,
    .scored_last = 1,
    .weighs_all = 0,
    .shape = adding_shape,
    .fill = adding_fill,
};

static int adding_create(void **state, struct sab_shape *shape, const struct sab_task_options *config,
                         const struct sab_shared_options *shared, const char *facts, struct sab_error *err)
{
    (void)facts;
    return sab_synthetic_create(state, shape, config, shared, &adding, err);
}

const struct sab_task_kind sab_task_adding = {
    .name = "adding",
    .help = "add the two marked ones of T numbers",
    .create = adding_create,
    SAB_SYNTHETIC_METHODS,
};
