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

/* ---- the task --------------------------------------------------------------------------------------------------- */

static void text_destroy(void *state)
{
    struct sab_text_state *text = state;
    if (!text)
        return;
    for (int s = 0; s < SAB_PARTS; s++) {
        sab_passage_clear(&text->parts[s].passage);
        sab_input_close(&text->files[s]);
    }
    sab_vocabulary_clear(&text->vocabulary);
    sab_account_clear(&text->account);
    sab_arrays_clear(&text->arrays);
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
    text->shape = (struct sab_shape){.input = SAB_INPUT_IDS, .I = symbols, .loss = SAB_LOSS_CROSS_ENTROPY, .O = symbols};
    *shape = text->shape;
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

/* Column b gets chunk j, or nothing where the part has no such chunk: first its length, then what is in it. */
static void measure_column(struct sab_text_state *text, const struct sab_passage *p, int64_t j, int b, int is_first)
{
    const struct sab_arrays *arrays = &text->arrays;
    size_t B = (size_t)arrays->B;
    int fresh = 1, length = 0;
    if (j < p->n_chunks)
        length = sab_passage_read(p, &text->vocabulary, j, NULL, NULL, 0, &fresh);
    arrays->fresh[b] = (uint8_t)(fresh || is_first);
    arrays->lengths[b] = length > 0 ? length : 1;
    for (int t = 0; t < length; t++)
        arrays->weight[(size_t)t * B + (size_t)b] = 1;
}

static void fill_column(struct sab_text_state *text, const struct sab_passage *p, int64_t j, int b)
{
    const struct sab_arrays *arrays = &text->arrays;
    int fresh;
    if (j < p->n_chunks)
        sab_passage_read(p, &text->vocabulary, j, arrays->ids + b, arrays->labels + b, (size_t)arrays->B, &fresh);
}

static int text_batch(void *state, enum sab_split split, int64_t index, int B, const struct sab_own *own,
                      struct sab_batch *batch, struct sab_error *err)
{
    struct sab_text_state *text = state;
    const uint8_t *is_own;
    const struct sab_text_part *part = &text->parts[split];
    const struct sab_passage *p = &part->passage;
    if (!part->file)
        return sab_fail(err, SAB_INVALID, "there is no %s part of the text: name a file with %s", sab_parts_names[split],
                        sab_parts_options[split]);
    int64_t columns = text_batches(text, split, B), pass = 0, first = 0;
    int status = sab_text_check_length(text, split, is_drawn(text, split) ? B : 1, err);
    if (status == SAB_OK)
        status = sab_input_check(part->file, err);
    if (status == SAB_OK)
        status = sab_arrays_make(&text->arrays, &text->shape, text->T, B, err);
    if (status != SAB_OK)
        return status;
    if (is_drawn(text, split)) {
        int64_t left_over = p->n_chunks - columns * B; /* less than B */
        pass = index / columns;
        index %= columns;
        first = sab_random_below(text->seed, SAB_FOR_TRAIN, (uint64_t)pass, 0, (uint32_t)left_over + 1);
    }
    for (int b = 0; b < B; b++)
        measure_column(text, p, first + b * columns + index, b, index == 0);
    status = sab_own_find(own, text->T, B, text->arrays.lengths, 1, &is_own, err);
    if (status != SAB_OK)
        return status;
    for (int b = 0; b < B; b++)
        if (!is_own || is_own[b])
            fill_column(text, p, first + b * columns + index, b);
    *batch = sab_arrays_batch(&text->arrays);
    batch->fresh = text->arrays.fresh;
    batch->scored = NULL; /* whatever weighs */
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
