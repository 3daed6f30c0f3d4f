/* Transduce: a source of n symbols, then the same symbols rewritten: copied, reversed or sorted (--rewrite).
 *
 *     step     1..n       n+1     n+2..2n+1        n uniform in max(1, T/2)..T, for each sequence its own
 *     input    the source  9       8 (blank)
 *     target                       the answers
 *
 * The source is drawn from eight kinds, ids 0..7, so I = 10, and the answers are of these, O = 8. Only the answers are in
 * the loss. The sequences of a batch have unlike lengths: nothing past the end of one is ever read. Copying without
 * memory has accuracy 1/8 and loss ln 8; sorting is easier to guess, for the order says much. */
#include "data/synthetic.h"

enum { KINDS = 8, BLANK = KINDS, MARKER };

/* Lane 0 draws n, lane 1 + t the symbol of step t. */
enum { STREAM_OF_SYMBOLS = 1 };

static struct sab_shape transduce_shape(const struct sab_task_options *config)
{
    (void)config;
    return (struct sab_shape){.input = SAB_INPUT_IDS, .I = MARKER + 1, .loss = SAB_LOSS_CROSS_ENTROPY, .O = KINDS};
}

/* The n answers, rows B apart: count[k] is how often kind k is in the source. */
static void sorted(const uint32_t *count, size_t B, int32_t *answers)
{
    size_t t = 0;
    for (int32_t kind = 0; kind < KINDS; kind++)
        for (uint32_t i = 0; i < count[kind]; i++)
            answers[t++ * B] = kind;
}

static void transduce_fill(const struct sab_draw *draw, struct sab_column *column)
{
    size_t B = (size_t)column->B;
    uint32_t T = (uint32_t)draw->T, least = T / 2 ? T / 2 : 1, count[KINDS] = {0};
    uint32_t n = least + sab_random_below(draw->seed, draw->purpose, draw->index, 0, T - least + 1);
    int32_t *answers = column->labels + (n + 1) * B;
    for (uint32_t t = 0; t < n; t++) {
        uint32_t kind = sab_random_below(draw->seed, draw->purpose, draw->index, STREAM_OF_SYMBOLS + t, KINDS);
        count[kind]++;
        column->ids[t * B] = (int32_t)kind;
        column->ids[(n + 1 + t) * B] = BLANK;
        answers[(draw->rewrite == SAB_REWRITE_REVERSE ? n - 1 - t : t) * B] = (int32_t)kind;
    }
    column->ids[n * B] = MARKER;
    if (draw->rewrite == SAB_REWRITE_SORT)
        sorted(count, B, answers);
    column->length = (int)(2 * n + 1);
    column->scored_last = (int)n;
}

static const struct sab_synthetic transduce = {
    .least_T = 1,
    .times_T = 2,
    .extra_steps = 1,
    .weighs_all = 0,
    .is_ragged = 1,
    .shape = transduce_shape,
    .fill = transduce_fill,
};

static int transduce_create(void **state, struct sab_shape *shape, const struct sab_task_options *config,
                            const struct sab_shared_options *shared, const char *facts, struct sab_error *err)
{
    (void)facts;
    return sab_synthetic_create(state, shape, config, shared, &transduce, err);
}

const struct sab_task_kind sab_task_transduce = {
    .name = "transduce",
    .help = "copy, reverse or sort up to T symbols (--rewrite)",
    .create = transduce_create,
    SAB_SYNTHETIC_METHODS,
};
