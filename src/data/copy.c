/* Copying: remember ten symbols over a gap of T steps.
 *
 *     step     1..10        T-1 steps   1 step   10 steps
 *     input    symbols 1..8    0          9         0
 *     target        0          0          0      the ten symbols
 *
 * The input has I = 10 symbols, or (--symbols number) is the symbol as one real number. The answers are 0 and 1..8, so
 * O = 9: the marker is never an answer. The loss is over all T+20 steps, accuracy over the last ten. Without memory the
 * best loss is 10 ln 8 / (T+20), accuracy 1/8. */
#include "data/synthetic.h"

enum { SYMBOLS = 8, LENGTH = 10, MARKER = 9 };

static struct sab_shape copy_shape(const struct sab_task_options *config)
{
    int is_number = config->drawn.symbols == SAB_SYMBOLS_NUMBER;
    return (struct sab_shape){.input = is_number ? SAB_INPUT_VALUES : SAB_INPUT_IDS, .I = is_number ? 1 : MARKER + 1,
                              .loss = SAB_LOSS_CROSS_ENTROPY, .O = SYMBOLS + 1};
}

static void show(const struct sab_column *column, size_t t, int32_t symbol)
{
    if (column->ids)
        column->ids[t * (size_t)column->B] = symbol;
    else
        column->values[t * (size_t)column->B] = (sab_real)symbol;
}

static void copy_fill(const struct sab_draw *draw, struct sab_column *column)
{
    size_t B = (size_t)column->B, answer = (size_t)draw->T + LENGTH;
    for (uint32_t t = 0; t < LENGTH; t++) {
        int32_t symbol = 1 + (int32_t)sab_random_below(draw->seed, draw->purpose, draw->index, t, SYMBOLS);
        show(column, t, symbol);
        column->labels[(answer + t) * B] = symbol;
    }
    show(column, answer - 1, MARKER);
}

static const struct sab_synthetic copy = {
    .least_T = 1,
    .times_T = 1,
    .extra_steps = 2 * LENGTH,
    .scored_last = LENGTH,
    .weighs_all = 1,
    .shape = copy_shape,
    .fill = copy_fill,
};

static int copy_create(void **state, struct sab_shape *shape, const struct sab_task_options *config,
                       const struct sab_shared_options *shared, const char *facts, struct sab_error *err)
{
    (void)facts;
    return sab_synthetic_create(state, shape, config, shared, &copy, err);
}

const struct sab_task_kind sab_task_copy = {
    .name = "copy",
    .help = "repeat ten symbols after a gap of T steps",
    .create = copy_create,
    SAB_SYNTHETIC_METHODS,
};
