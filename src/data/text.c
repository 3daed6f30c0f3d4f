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
#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/random.h"
#include "base/text.h"
#include "data/input.h"
#include "data/passage.h"
#include "data/split.h"
#include "data/task.h"

enum { PARTS = SAB_TEST + 1 };

static const char *const part_names[PARTS] = {"training", "validation", "test"};
static const char *const part_options[PARTS] = {"--data", "--valid-data", "--test-data"};

struct part {
    struct sab_passage passage;
    const struct sab_input_file *file; /* NULL: there is no such part */
};

struct text {
    int T, batch, unknown, learns;
    int in_order; /* the training part is read as the others are */
    uint64_t seed;
    char *separator; /* between documents; "" where there is none */
    struct sab_vocabulary vocabulary;
    struct sab_input_file files[PARTS];
    struct part parts[PARTS];
    uint64_t *counts; /* of the codes of one part, while they are opened */
    /* one batch */
    int cap; /* B the arrays have room for */
    int32_t *ids, *labels, *lengths;
    sab_real *weight;
    uint8_t *fresh;
};

/* ---- options ---------------------------------------------------------------------------------------------------- */

static int take_options(struct text *text, const struct sab_task_options *config,
                        const struct sab_shared_options *shared, struct sab_error *err)
{
    text->T = config->T;
    text->batch = shared->batch;
    text->unknown = config->text.unknown;
    text->seed = shared->seed;
    text->separator = sab_alloc(strlen(config->text.reset_at) + 1, 1);
    if (!text->separator)
        return sab_fail(err, SAB_NOMEM, "no memory for a text");
    if (sab_text_unescape(config->text.reset_at, text->separator))
        return sab_fail(err, SAB_INVALID, "--reset-at: \"%.60s\" has a backslash that is not one of \\n \\t \\r \\\\",
                        config->text.reset_at);
    for (int s = 0; s < PARTS; s++) {
        struct sab_passage *passage = &text->parts[s].passage;
        passage->units = config->text.units;
        passage->T = config->T;
        passage->separator = text->separator;
        passage->separator_nbytes = strlen(text->separator);
    }
    return SAB_OK;
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static int open_files(struct text *text, const struct sab_task_options *config, struct sab_error *err)
{
    const char *const paths[PARTS] = {config->files.data, config->files.valid_data, config->files.test_data};
    int status = SAB_OK;
    if (text->learns && !config->files.data[0])
        return sab_fail(err, SAB_INVALID, "the task text needs --data FILE");
    for (int s = 0; s < PARTS && status == SAB_OK; s++)
        if (paths[s][0])
            status = sab_input_open(&text->files[s], paths[s], SIZE_MAX, err);
    return status;
}

/* A cut must not part the bytes of a character. */
static size_t whole_character(const struct sab_input_file *file, int units, size_t at)
{
    for (int k = 0; k < 3 && units == SAB_UNITS_CHARS && at < file->nbytes && (file->data[at] & 0xc0) == 0x80; k++)
        at++;
    return at;
}

/* A byte order mark says that a file is UTF-8 and is none of its characters. */
static size_t mark_nbytes(const struct sab_input_file *file, int units)
{
    int has_mark = units == SAB_UNITS_CHARS && file->nbytes >= 3 && memcmp(file->data, "\xef\xbb\xbf", 3) == 0;
    return has_mark ? 3 : 0;
}

/* Which bytes of which file each part is. What --split gives to a part that has a file of its own goes to the part
 * before it. */
static int place_parts(struct text *text, const struct sab_task_options *config, struct sab_error *err)
{
    const struct sab_input_file *data = &text->files[SAB_TRAIN];
    uint64_t bounds[PARTS + 1] = {0};
    int status = data->data ? sab_split_bounds(config->files.split, data->nbytes, bounds, err) : SAB_OK;
    if (status != SAB_OK)
        return status;
    for (int s = PARTS - 1; s > SAB_TRAIN; s--)
        if (text->files[s].data)
            bounds[s] = bounds[s + 1];
    for (int s = 0; s < PARTS; s++) {
        struct part *part = &text->parts[s];
        const struct sab_input_file *file = s > SAB_TRAIN && text->files[s].data ? &text->files[s] : data;
        part->passage.end = file->nbytes;
        if (file == data) {
            part->passage.begin = data->data ? whole_character(data, config->text.units, (size_t)bounds[s]) : 0;
            part->passage.end = data->data ? whole_character(data, config->text.units, (size_t)bounds[s + 1]) : 0;
        }
        if (part->passage.begin == 0 && file->data)
            part->passage.begin = mark_nbytes(file, config->text.units);
        part->file = part->passage.end > part->passage.begin ? file : NULL;
    }
    if (text->learns && !text->parts[SAB_TRAIN].file)
        return sab_fail(err, SAB_INVALID, "--split: \"%.60s\" leaves no training part of '%s'", config->files.split,
                        data->path);
    return SAB_OK;
}

/* ---- reading the parts once ------------------------------------------------------------------------------------- */

static int fail_utf8(const struct part *part, struct sab_error *err)
{
    const struct sab_input_file *file = part->file;
    const unsigned char *s = file->data + part->passage.bad_at;
    if (s == file->data && file->nbytes >= 2 && ((s[0] == 0xff && s[1] == 0xfe) || (s[0] == 0xfe && s[1] == 0xff)))
        return sab_fail(err, SAB_FORMAT, "'%s' is UTF-16; convert it to UTF-8", file->path);
    return sab_fail(err, SAB_FORMAT, "'%s': %s offset %zu: 0x%02x begins no UTF-8 character; --units bytes takes any "
                                     "file",
                    file->path, sab_input_byte(file), part->passage.bad_at, s[0]);
}

/* The last of what may be wrong with a part: symbols that the vocabulary does not have. */
static int check_symbols(const struct text *text, const struct part *part, struct sab_error *err)
{
    uint32_t code = 0, top = part->passage.top;
    int64_t line, column;
    char name[SAB_CODE_NAME_CAP];
    while (code <= top && (text->counts[code] == 0 || sab_vocabulary_symbol(&text->vocabulary, code) >= 0))
        code++;
    if (code > top || !sab_passage_find_unknown(&part->passage, &text->vocabulary, &code, &line, &column))
        return SAB_OK;
    sab_code_name(text->vocabulary.units, code, name);
    if (text->learns)
        return sab_fail(err, SAB_FORMAT, "'%s': line %lld, column %lld: %s is not among the %d symbols of the training "
                                         "part; training with --unknown 1 or more makes room for such",
                        part->file->path, (long long)line, (long long)column, name, text->vocabulary.n);
    return sab_fail(err, SAB_FORMAT, "'%s': line %lld, column %lld: %s is not among the %d symbols of the model's vocabulary, "
                                     "which stays as it was trained; replace such characters in the text, or begin a new network "
                                     "whose own --unknown 1 makes room for them",
                    part->file->path, (long long)line, (long long)column, name, text->vocabulary.n);
}

static int check_length(const struct text *text, int s, int columns, struct sab_error *err)
{
    const struct part *part = &text->parts[s];
    const struct sab_passage *p = &part->passage;
    if (p->n_units <= text->T)
        return sab_fail(err, SAB_FORMAT, "'%s': the %s part has %lld symbols; one chunk of --T %d needs %d",
                        part->file->path, part_names[s], (long long)p->n_units, text->T, text->T + 1);
    if (s == SAB_TRAIN && p->n_chunks < columns)
        return sab_fail(err, SAB_FORMAT, "'%s': the training part has %lld symbols, which make %lld chunks of at most "
                                         "--T %d; --batch %d needs one for each of its %d sequences",
                        part->file->path, (long long)p->n_units, (long long)p->n_chunks, text->T, columns, columns);
    return SAB_OK;
}

static int open_part(struct text *text, int s, struct sab_error *err)
{
    struct part *part = &text->parts[s];
    struct sab_passage *p = &part->passage;
    if (!part->file)
        return SAB_OK;
    memset(text->counts, 0, sab_units_limit(p->units) * sizeof *text->counts);
    int status = sab_passage_open(p, part->file->data, p->begin, p->end, text->counts, err);
    if (status == SAB_FORMAT)
        return fail_utf8(part, err);
    if (status == SAB_OK)
        status = check_length(text, s, text->batch, err);
    if (status == SAB_OK && s == SAB_TRAIN && text->learns) {
        struct sab_error why = {0};
        status = sab_vocabulary_learn(&text->vocabulary, p->units, text->counts, p->top, text->unknown, &why);
        if (status != SAB_OK)
            sab_fail(err, status, "'%s': %s", part->file->path, why.message);
    }
    if (status == SAB_OK)
        status = check_symbols(text, part, err);
    if (status == SAB_OK && s == SAB_TRAIN && text->separator[0] && p->n_documents < 2)
        status = sab_fail(err, SAB_INVALID, "--reset-at: \"%.60s\" occurs nowhere in the training part of '%s'",
                          text->separator, part->file->path);
    return status;
}

static int open_parts(struct text *text, const struct sab_task_options *config, const char *facts, struct sab_error *err)
{
    static const char *const units[] = {"bytes", "chars"};
    int status = facts ? sab_vocabulary_read(&text->vocabulary, facts, err) : SAB_OK;
    if (status == SAB_OK && facts && text->vocabulary.units != config->text.units)
        status = sab_fail(err, SAB_INVALID, "--units %s: the model was trained on %s", units[config->text.units],
                          units[text->vocabulary.units]);
    if (status != SAB_OK)
        return status;
    text->counts = sab_alloc(sab_units_limit(config->text.units), sizeof *text->counts);
    if (!text->counts)
        return sab_fail(err, SAB_NOMEM, "no memory to count the symbols of a text");
    for (int s = 0; s < PARTS && status == SAB_OK; s++)
        status = open_part(text, s, err);
    sab_free(text->counts);
    text->counts = NULL;
    return status;
}

/* ---- the task --------------------------------------------------------------------------------------------------- */

static void free_arrays(struct text *text)
{
    sab_free(text->ids), sab_free(text->labels), sab_free(text->lengths), sab_free(text->weight), sab_free(text->fresh);
    text->ids = text->labels = text->lengths = NULL;
    text->weight = NULL;
    text->fresh = NULL;
    text->cap = 0;
}

static void text_destroy(void *state)
{
    struct text *text = state;
    if (!text)
        return;
    for (int s = 0; s < PARTS; s++) {
        sab_passage_clear(&text->parts[s].passage);
        sab_input_close(&text->files[s]);
    }
    sab_vocabulary_clear(&text->vocabulary);
    free_arrays(text);
    sab_free(text->separator);
    sab_free(text);
}

static int text_create(void **state, struct sab_shape *shape, const struct sab_task_options *config,
                       const struct sab_shared_options *shared, const char *facts, struct sab_error *err)
{
    struct text *text = sab_alloc(1, sizeof *text);
    if (!text)
        return sab_fail(err, SAB_NOMEM, "no memory for a text");
    text->learns = !facts;
    int status = take_options(text, config, shared, err);
    if (status == SAB_OK)
        status = open_files(text, config, err);
    if (status == SAB_OK)
        status = place_parts(text, config, err);
    if (status == SAB_OK)
        status = open_parts(text, config, facts, err);
    if (status != SAB_OK) {
        text_destroy(text);
        return status;
    }
    int symbols = sab_vocabulary_size(&text->vocabulary);
    *shape = (struct sab_shape){SAB_INPUT_IDS, symbols, SAB_LOSS_CROSS_ENTROPY, symbols};
    *state = text;
    return SAB_OK;
}

static int is_drawn(const struct text *text, enum sab_split split)
{
    return split == SAB_TRAIN && !text->in_order;
}

static void text_read_in_order(void *state)
{
    ((struct text *)state)->in_order = 1;
}

static int64_t text_batches(const void *state, enum sab_split split, int B)
{
    const struct text *text = state;
    int64_t chunks = text->parts[split].passage.n_chunks;
    return is_drawn(text, split) ? chunks / B : (chunks + B - 1) / B;
}

static int make_room(struct text *text, int B, struct sab_error *err)
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
static void fill_column(struct text *text, const struct sab_passage *p, int64_t j, int B, int b, int is_first)
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
    struct text *text = state;
    const struct part *part = &text->parts[split];
    const struct sab_passage *p = &part->passage;
    if (!part->file)
        return sab_fail(err, SAB_INVALID, "there is no %s part of the text: name a file with %s", part_names[split],
                        part_options[split]);
    int64_t columns = text_batches(text, split, B), pass = 0, first = 0;
    int status = check_length(text, split, is_drawn(text, split) ? B : 1, err);
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
    return sab_vocabulary_write(&((const struct text *)state)->vocabulary, json, err);
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
