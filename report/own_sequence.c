/* See own_sequence.h. */
#include "report/own_sequence.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

void sab_own_sequence_clear(struct sab_own_sequence *own)
{
    sab_free(own->ids);
    sab_free(own->values);
    sab_free(own->weight);
    *own = (struct sab_own_sequence){0};
}

/* The symbol whose name is these n bytes of UTF-8, or the code point, as names of control characters are; -1: none. */
static int find_symbol(const struct sab_answers *answers, int O, const char *at, size_t n, uint32_t code)
{
    char point[16];
    snprintf(point, sizeof point, "U+%04X", (unsigned)code);
    for (int o = 0; o < O; o++) {
        const char *name = sab_answers_name(answers, o);
        if ((strlen(name) == n && memcmp(name, at, n) == 0) || strcmp(name, point) == 0)
            return o;
    }
    return -1;
}

static int read_characters(struct sab_own_sequence *own, int O, const struct sab_answers *answers, const char *text, struct sab_error *err)
{
    for (size_t left = strlen(text), n; left > 0; text += n, left -= n) {
        uint32_t code = 0;
        char shown[16];
        n = (size_t)sab_text_decode(text, left, &code);
        if (n == 0)
            return sab_fail(err, SAB_INVALID, "character %d is no UTF-8", own->batch.T + 1);
        if (own->batch.T == SAB_OWN_STEPS)
            return sab_fail(err, SAB_INVALID, "the text has more than %d characters", SAB_OWN_STEPS);
        int id = find_symbol(answers, O, text, n, code);
        snprintf(shown, sizeof shown, "%.*s", (int)n, text);
        if (id < 0)
            return sab_fail(err, SAB_INVALID, "character %d, \"%s\", is none that the model was trained on", own->batch.T + 1, shown);
        own->ids[own->batch.T++] = id;
    }
    return SAB_OK;
}

enum { WORD_CAP = 64 };

/* The next number of a row, up to a blank, a comma or the row's end; 0, or 1: there is none. What is too long for a number ends with
 * three dots, which no number has. */
static int next_word(const char **at, char word[WORD_CAP])
{
    *at += strspn(*at, " ,\t\r");
    size_t n = strcspn(*at, " ,\t\r\n;");
    snprintf(word, WORD_CAP, n < WORD_CAP ? "%.*s" : "%.*s...", n < WORD_CAP ? (int)n : WORD_CAP - 4, *at);
    *at += n;
    return n == 0;
}

static int read_symbols(struct sab_own_sequence *own, int I, const char *at, struct sab_error *err)
{
    for (char word[WORD_CAP];; at += strspn(at, ";\n")) {
        int64_t id;
        if (next_word(&at, word)) {
            if (!*at)
                return SAB_OK;
            continue;
        }
        if (own->batch.T == SAB_OWN_STEPS)
            return sab_fail(err, SAB_INVALID, "there are more than %d symbols", SAB_OWN_STEPS);
        if (sab_text_to_int(word, &id) != 0 || id < 0 || id >= I)
            return sab_fail(err, SAB_INVALID, "step %d, \"%s\", is not a symbol, 0..%d", own->batch.T + 1, word, I - 1);
        own->ids[own->batch.T++] = (int32_t)id;
    }
}

static int read_rows(struct sab_own_sequence *own, int I, const char *at, struct sab_error *err)
{
    for (; *at; at += strspn(at, ";\n")) {
        char word[WORD_CAP];
        int n = 0;
        for (double value; !next_word(&at, word); n++) {
            if (own->batch.T == SAB_OWN_STEPS)
                return sab_fail(err, SAB_INVALID, "there are more than %d steps", SAB_OWN_STEPS);
            if (n >= I || sab_text_to_real(word, &value) != 0)
                break;
            own->values[(size_t)own->batch.T * (size_t)I + (size_t)n] = (sab_real)value;
        }
        if (n != I || word[0])
            return sab_fail(err, SAB_INVALID, "step %d is not %d number%s; steps are apart by ';'%s%s%s",
                            own->batch.T + 1, I, I == 1 ? "" : "s",
                            word[0] ? ": \"" : "", word, word[0] ? "\"" : "");
        own->batch.T++;
    }
    return SAB_OK;
}

int sab_own_sequence_read(struct sab_own_sequence *own, const struct sab_model *model, const struct sab_answers *answers, const char *text,
                          struct sab_error *err)
{
    const struct sab_shape *shape = sab_model_shape(model);
    char number[SAB_NUMBER_CAP];
    int is_ids = shape->input == SAB_INPUT_IDS;
    int is_text = strcmp(sab_options_value(sab_model_options(model), "task", number), "text") == 0;
    *own = (struct sab_own_sequence){.batch = {.size = sizeof own->batch, .B = 1}};
    if (sab_model_facts(model) && !is_text)
        return sab_fail(err, SAB_INVALID, "sequences of this model are read from files: sab recall RUN --data FILE --open");
    own->weight = sab_alloc(SAB_OWN_STEPS, sizeof *own->weight);
    if (is_ids)
        own->ids = sab_alloc(SAB_OWN_STEPS, sizeof *own->ids);
    else
        own->values = sab_alloc(SAB_OWN_STEPS, (size_t)shape->I * sizeof *own->values);
    if (!own->weight || (is_ids ? !own->ids : !own->values))
        return sab_fail(err, SAB_NOMEM, "no memory for a sequence of %d steps", SAB_OWN_STEPS);
    own->batch.ids = own->ids;
    own->batch.values = own->values;
    own->batch.weight = own->weight;
    int status = is_text && answers ? read_characters(own, shape->O, answers, text, err)
               : is_ids             ? read_symbols(own, shape->I, text, err)
                                    : read_rows(own, shape->I, text, err);
    if (status == SAB_OK && own->batch.T == 0)
        status = sab_fail(err, SAB_INVALID, "the sequence has no step");
    return status;
}
