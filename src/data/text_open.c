/* See text_state.h: the files of a text, and what is learned from reading them once. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "data/facts.h"
#include "data/text_facts.h"
#include "data/text_state.h"

/* ---- options ---------------------------------------------------------------------------------------------------- */

static int take_options(struct sab_text_state *text, const struct sab_task_options *config,
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
    for (int s = 0; s < SAB_PARTS; s++) {
        struct sab_passage *passage = &text->parts[s].passage;
        passage->units = config->text.units;
        passage->T = config->T;
        passage->separator = text->separator;
        passage->separator_nbytes = strlen(text->separator);
    }
    return SAB_OK;
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static int open_files(struct sab_text_state *text, const struct sab_task_options *config, struct sab_error *err)
{
    int status = SAB_OK;
    if (text->learns && !config->files.data[0])
        return sab_fail(err, SAB_INVALID, "the task text needs --data FILE");
    for (int s = 0; s < SAB_PARTS && status == SAB_OK; s++)
        if (sab_parts_own(config, s)[0])
            status = sab_input_open(&text->files[s], sab_parts_own(config, s), SIZE_MAX, err);
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

/* Which bytes of which file each part is. */
static int place_parts(struct sab_text_state *text, const struct sab_task_options *config, struct sab_error *err)
{
    const struct sab_input_file *data = &text->files[SAB_TRAIN];
    uint64_t bounds[SAB_PARTS + 1] = {0};
    int status = data->data ? sab_parts_bounds(config, data->nbytes, bounds, err) : SAB_OK;
    if (status != SAB_OK)
        return status;
    for (int s = 0; s < SAB_PARTS; s++) {
        struct sab_text_part *part = &text->parts[s];
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

static int fail_utf8(const struct sab_text_state *text, const struct sab_text_part *part, struct sab_error *err)
{
    const struct sab_input_file *file = part->file;
    const unsigned char *s = file->data + part->passage.bad_at;
    if (s == file->data && file->nbytes >= 2 && ((s[0] == 0xff && s[1] == 0xfe) || (s[0] == 0xfe && s[1] == 0xff)))
        return sab_fail(err, SAB_FORMAT, "'%s' is UTF-16; convert it to UTF-8", file->path);
    return sab_fail(err, SAB_FORMAT, "'%s': %s offset %zu: 0x%02x begins no UTF-8 character; %s", file->path, sab_input_byte(file),
                    part->passage.bad_at, s[0], text->learns ? "--units bytes takes any file" : "the model was trained on characters");
}

/* The last of what may be wrong with a part: symbols that the vocabulary does not have. */
static int check_symbols(const struct sab_text_state *text, const struct sab_text_part *part, struct sab_error *err)
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

int sab_text_check_length(const struct sab_text_state *text, int s, int columns, struct sab_error *err)
{
    const struct sab_text_part *part = &text->parts[s];
    const struct sab_passage *p = &part->passage;
    if (p->n_units <= text->T)
        return sab_fail(err, SAB_FORMAT, "'%s': the %s part has %lld symbols; one chunk of --T %d needs %d",
                        part->file->path, sab_parts_names[s], (long long)p->n_units, text->T, text->T + 1);
    if (s == SAB_TRAIN && p->n_chunks < columns)
        return sab_fail(err, SAB_FORMAT, "'%s': the training part has %lld symbols, which make %lld chunks of at most "
                                         "--T %d; --batch %d needs one for each of its %d sequences",
                        part->file->path, (long long)p->n_units, (long long)p->n_chunks, text->T, columns, columns);
    return SAB_OK;
}

static int open_part(struct sab_text_state *text, int s, struct sab_error *err)
{
    struct sab_text_part *part = &text->parts[s];
    struct sab_passage *p = &part->passage;
    if (!part->file)
        return SAB_OK;
    memset(text->counts, 0, sab_units_limit(p->units) * sizeof *text->counts);
    int status = sab_passage_open(p, part->file->data, p->begin, p->end, text->counts, err);
    if (status == SAB_FORMAT)
        return fail_utf8(text, part, err);
    if (status == SAB_OK)
        status = sab_text_check_length(text, s, text->batch, err);
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

static int open_parts(struct sab_text_state *text, const struct sab_task_options *config, const char *facts, struct sab_error *err)
{
    static const char *const units[] = {[SAB_UNITS_BYTES] = "bytes", [SAB_UNITS_CHARS] = "chars"};
    int status = facts ? sab_text_facts_read(&text->vocabulary, facts, err) : SAB_OK;
    if (status == SAB_OK && facts && text->vocabulary.units != config->text.units)
        status = sab_fail(err, SAB_INVALID, "--units %s: the model was trained on %s", units[config->text.units],
                          units[text->vocabulary.units]);
    if (status != SAB_OK)
        return status;
    text->counts = sab_alloc(sab_units_limit(config->text.units), sizeof *text->counts);
    if (!text->counts)
        return sab_fail(err, SAB_NOMEM, "no memory to count the symbols of a text");
    for (int s = 0; s < SAB_PARTS && status == SAB_OK; s++)
        status = open_part(text, s, err);
    sab_free(text->counts);
    text->counts = NULL;
    return status;
}

/* ---- words -------------------------------------------------------------------------------------------------------- */

/* The symbols one after the other, those that are no signs by their codes. */
static void say_symbols(struct sab_text_state *text, const char *units)
{
    const struct sab_vocabulary *v = &text->vocabulary;
    struct sab_account_list list = {.used = 0};
    for (int i = 0; i < v->n; i++) {
        char name[SAB_CODE_NAME_CAP] = "";
        int is_sign = v->codes[i] > ' ' && (v->codes[i] < 0x7f || (v->codes[i] >= 0xa0 && v->units == SAB_UNITS_CHARS));
        if (is_sign)
            name[sab_text_encode(v->codes[i], name)] = 0;
        else
            sab_code_name(v->units, v->codes[i], name);
        sab_account_list_add(&list, name);
    }
    sab_account_say(&text->account, "symbols", "%d different %s%s: %s", v->n, units,
                    v->unknown > 0 ? " and one for all others" : "", sab_account_list_close(&list));
}

static void say_all(struct sab_text_state *text, const struct sab_task_options *config)
{
    static const char *const units[] = {[SAB_UNITS_BYTES] = "bytes", [SAB_UNITS_CHARS] = "characters"};
    const char *unit = units[text->vocabulary.units];
    char nbytes[SAB_COUNT_CAP];
    int64_t n[SAB_PARTS];
    for (int s = 0; s < SAB_PARTS; s++)
        n[s] = text->parts[s].file ? text->parts[s].passage.n_units : 0;
    sab_account_clear(&text->account);
    sab_account_say(&text->account, "file", "%.200s: %s bytes", sab_account_file(config->files.data),
                    sab_account_count((int64_t)text->files[SAB_TRAIN].nbytes, nbytes));
    say_symbols(text, unit);
    sab_account_parts(&text->account, &config->files, unit, n, n);
}

/* ---- all of it ---------------------------------------------------------------------------------------------------- */

static int read_account(struct sab_text_state *text, const char *facts, struct sab_error *err)
{
    const struct sab_value *object;
    int status = sab_facts_parse(&object, facts, "text", err);
    if (status != SAB_OK)
        return status;
    status = sab_account_get(&text->account, object, err);
    sab_json_free(object);
    return status;
}

int sab_text_open(struct sab_text_state *text, const struct sab_task_options *config,
                  const struct sab_shared_options *shared, const char *facts, struct sab_error *err)
{
    text->learns = !facts;
    int status = take_options(text, config, shared, err);
    if (status == SAB_OK)
        status = open_files(text, config, err);
    if (status == SAB_OK)
        status = place_parts(text, config, err);
    if (status == SAB_OK)
        status = open_parts(text, config, facts, err);
    if (status == SAB_OK && config->files.data[0])
        say_all(text, config);
    else if (status == SAB_OK && facts)
        status = read_account(text, facts, err);
    return status;
}
