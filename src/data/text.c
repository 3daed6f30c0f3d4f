/* Text: the next symbol of a text, from all that came before it.
 *
 * Each part (train, valid, test) is a passage cut into M chunks of T steps (passage.h). B columns go through it side by
 * side, each through a run of neighbouring chunks, and state and memories are carried from chunk to chunk:
 *
 *     column 0   | chunk 0 | chunk 1 | ... | chunk C-1 |      fresh at chunk 0 and where a document begins
 *     column 1   | chunk C | ...
 *
 * Training: C = M / B rounded down; each pass over the text begins some chunks later, fewer than B, drawn from the seed
 * and the number of the pass, so that passes differ in where columns begin and what is left out. Other parts: C is
 * M / B rounded up, and columns that have come to the end have weight 0: every symbol but the first of the part is predicted
 * once, and each column but the first starts cold in the middle of the text.
 *
 * Files are mapped, not read, and chunks are encoded when they are asked for. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/random.h"
#include "data/task.h"
#include "data/text_facts.h"
#include "data/text_state.h"

static const char *const sab_text_part_options[SAB_TEXT_PARTS] = {"--data", "--valid-data", "--test-data"};

/* ---- the task --------------------------------------------------------------------------------------------------- */

static void free_arrays(struct sab_text_state *text)
{
    sab_free(text->ids), sab_free(text->labels), sab_free(text->lengths), sab_free(text->weight), sab_free(text->fresh);
    text->ids = text->labels = text->lengths = NULL;
    text->weight = NULL;
    text->fresh = NULL;
    text->cap = 0;
}

static void text_destroy(void *state)
{
    struct sab_text_state *text = state;
    if (!text)
        return;
    for (int s = 0; s < SAB_TEXT_PARTS; s++) {
        sab_passage_clear(&text->parts[s].passage);
        sab_input_close(&text->files[s]);
    }
    sab_vocabulary_clear(&text->vocabulary);
    sab_account_clear(&text->account);
    free_arrays(text);
    sab_free(text->separator);
    sab_free(text);
}

static int text_create(void **state, struct sab_shape *shape, const struct sab_task_options *config,
                       const struct sab_shared_options *shared, const char *facts, struct sab_error *err)
{
    struct sab_text_state *text = sab_alloc(1, sizeof *text);
    if (!text)
        return sab_fail(err, SAB_NOMEM, "no memory for a text");
    int status = sab_text_open(text, config, shared, facts, err);
    if (status != SAB_OK) {
        text_destroy(text);
        return status;
    }
    int symbols = sab_vocabulary_size(&text->vocabulary);
    *shape = (struct sab_shape){.input = SAB_INPUT_IDS, .I = symbols, .loss = SAB_LOSS_CROSS_ENTROPY, .O = symbols};
    *state = text;
    return SAB_OK;
}

static int is_drawn(const struct sab_text_state *text, enum sab_split split)
{
    return split == SAB_TRAIN && !text->in_order;
}

static void text_read_in_order(void *state)
{
    ((struct sab_text_state *)state)->in_order = 1;
}

static int64_t text_batches(const void *state, enum sab_split split, int B)
{
    const struct sab_text_state *text = state;
    int64_t chunks = text->parts[split].passage.n_chunks;
    return is_drawn(text, split) ? chunks / B : (chunks + B - 1) / B;
}

static int make_room(struct sab_text_state *text, int B, struct sab_error *err)
{
    size_t positions;
    if (B <= text->cap)
        return SAB_OK;
    if (sab_mul_overflows((size_t)text->T, (size_t)B, &positions))
        return sab_fail(err, SAB_NOMEM, "a batch of %d sequences of %d steps is too large to address", B, text->T);
    free_arrays(text);
    text->ids = sab_alloc(positions, sizeof *text->ids);
    text->labels = sab_alloc(positions, sizeof *text->labels);
    text->weight = sab_alloc(positions, sizeof *text->weight);
    text->lengths = sab_alloc((size_t)B, sizeof *text->lengths);
    text->fresh = sab_alloc((size_t)B, sizeof *text->fresh);
    if (!text->ids || !text->labels || !text->weight || !text->lengths || !text->fresh) {
        free_arrays(text);
        return sab_fail(err, SAB_NOMEM, "no memory for a batch of %d sequences of %d steps", B, text->T);
    }
    text->cap = B;
    return SAB_OK;
}

/* Column b gets chunk j, or nothing where the part has no such chunk. */
static void fill_column(struct sab_text_state *text, const struct sab_passage *p, int64_t j, int B, int b, int is_first)
{
    int fresh = 1, length = 0;
    if (j < p->n_chunks)
        length = sab_passage_read(p, &text->vocabulary, j, text->ids + b, text->labels + b, (size_t)B, &fresh);
    text->fresh[b] = (uint8_t)(fresh || is_first);
    text->lengths[b] = length > 0 ? length : 1;
    for (int t = 0; t < text->T; t++) {
        size_t at = (size_t)t * (size_t)B + (size_t)b;
        text->weight[at] = t < length;
        if (t >= length)
            text->ids[at] = text->labels[at] = 0;
    }
}

static int text_batch(void *state, enum sab_split split, int64_t index, int B, struct sab_batch *batch,
                      struct sab_error *err)
{
    struct sab_text_state *text = state;
    const struct sab_text_part *part = &text->parts[split];
    const struct sab_passage *p = &part->passage;
    if (!part->file)
        return sab_fail(err, SAB_INVALID, "there is no %s part of the text: name a file with %s", sab_text_part_names[split],
                        sab_text_part_options[split]);
    int64_t columns = text_batches(text, split, B), pass = 0, first = 0;
    int status = sab_text_check_length(text, split, is_drawn(text, split) ? B : 1, err);
    if (status == SAB_OK)
        status = sab_input_check(part->file, err);
    if (status == SAB_OK)
        status = make_room(text, B, err);
    if (status != SAB_OK)
        return status;
    if (is_drawn(text, split)) {
        int64_t left_over = p->n_chunks - columns * B; /* less than B */
        pass = index / columns;
        index %= columns;
        first = sab_random_below(text->seed, SAB_STREAM_TRAIN, (uint64_t)pass, 0, (uint32_t)left_over + 1);
    }
    for (int b = 0; b < B; b++)
        fill_column(text, p, first + b * columns + index, B, b, index == 0);
    *batch = (struct sab_batch){
        .size = sizeof(struct sab_batch),
        .T = text->T,
        .B = B,
        .ids = text->ids,
        .labels = text->labels,
        .weight = text->weight,
        .lengths = text->lengths,
        .fresh = text->fresh,
    };
    return SAB_OK;
}

static int text_facts(const void *state, char **json, struct sab_error *err)
{
    const struct sab_text_state *text = state;
    return sab_text_facts_print(&text->vocabulary, &text->account, json, err);
}

const struct sab_task_kind sab_task_text = {
    .name = "text",
    .help = "the next byte or character of a text, --data FILE",
    .counts_bits = 1,
    .create = text_create,
    .destroy = text_destroy,
    .batches = text_batches,
    .batch = text_batch,
    .read_in_order = text_read_in_order,
    .facts = text_facts,
};
