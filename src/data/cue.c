/* Cue: one early event decides an answer asked for much later, with nothing but noise between.
 *
 *     step     1 .. E .. T/10 .. T-1     T        E uniform in 1..max(1, T/10)
 *     input    noise  event  noise     query
 *     target                           which event it was
 *
 * The events are symbols of their own (ids 0..classes-1), so the network can notice one when it comes, without knowing
 * that it will matter; eight noise symbols, drawn anew at each step, keep the hidden state busy, so that the event
 * cannot just be held by doing nothing; the query is one symbol, the same for all, and says nothing about the answer.
 * So the event is the only informative step, and its place varies: the answer must come from a memory found by what it
 * holds and not by when it was written. I = classes + 9, O = classes; only the last step is in the loss. Without
 * memory the best loss is ln(classes), accuracy 1/classes. */
#include "data/synthetic.h"

enum { NOISE = 8 };

/* Lane 0 draws the event, lane 1 its step, lane 2 + t the noise of step t. */
enum { STREAM_OF_NOISE = 2 };

static struct sab_shape cue_shape(const struct sab_task_options *config)
{
    return (struct sab_shape){.input = SAB_INPUT_IDS, .I = config->drawn.classes + NOISE + 1,
                              .loss = SAB_LOSS_CROSS_ENTROPY, .O = config->drawn.classes};
}

static void cue_fill(const struct sab_draw *draw, struct sab_column *column)
{
    size_t B = (size_t)column->B;
    uint32_t T = (uint32_t)draw->T, classes = (uint32_t)draw->classes, early = T / 10 ? T / 10 : 1;
    for (uint32_t t = 0; t + 1 < T; t++)
        column->ids[t * B] = (int32_t)(classes + sab_random_below(draw->seed, draw->purpose, draw->index,
                                                                  STREAM_OF_NOISE + t, NOISE));
    int32_t event = (int32_t)sab_random_below(draw->seed, draw->purpose, draw->index, 0, classes);
    column->ids[sab_random_below(draw->seed, draw->purpose, draw->index, 1, early) * B] = event;
    column->ids[(T - 1) * B] = (int32_t)(classes + NOISE);
    column->labels[(T - 1) * B] = event;
}

static const struct sab_synthetic cue = {
    .least_T = 2,
    .times_T = 1,
    .extra_steps = 0,
    .scored_last = 1,
    .weighs_all = 0,
    .shape = cue_shape,
    .fill = cue_fill,
};

static int cue_create(void **state, struct sab_shape *shape, const struct sab_task_options *config,
                      const struct sab_shared_options *shared, const char *facts, struct sab_error *err)
{
    (void)facts;
    return sab_synthetic_create(state, shape, config, shared, &cue, err);
}

const struct sab_task_kind sab_task_cue = {
    .name = "cue",
    .help = "name at step T the one event of the first T/10 steps of noise",
    .create = cue_create,
    SAB_SYNTHETIC_METHODS,
};
