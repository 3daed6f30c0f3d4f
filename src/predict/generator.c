/* A text continued, symbol by symbol: sab_generator_* of sab_run.h.
 *
 *     opening -> [what comes before] -> ... last -> step -> outputs -> sample -> it is the new last
 *
 * The last symbol has been told but not yet read by the network. A state file keeps both the stream and this symbol,
 * so that going on from it is as if it had never stopped. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/random.h"
#include "base/sized.h"
#include "data/text_facts.h"
#include "predict/generate_state.h"
#include "predict/sample.h"
#include "train/options.h"

struct sab_generator {
    struct sab_model *model;
    const char *name;
    const struct sab_text_options *text;
    struct sab_vocabulary vocabulary;
    struct sab_stream *stream;
    sab_real *outputs;            /* [O] */
    struct sab_candidate *room;   /* [O] */
    struct sab_generate_state at; /* last: the next symbol to be read; -1: none yet */
};

static int make(struct sab_generator *g, const char *state, struct sab_error *err)
{
    const struct sab_options *options = sab_model_options(g->model);
    const char *facts = sab_model_facts(g->model);
    struct sab_error why = {0};
    g->text = &options->task.text;
    g->at.last = -1;
    if (strcmp(options->task.task, "text") != 0 || !facts)
        return sab_fail(err, SAB_INVALID, "%.200s was trained on the task %s; only text can be continued", g->name, options->task.task);
    int status = sab_text_facts_read(&g->vocabulary, facts, &why);
    if (status != SAB_OK)
        return sab_fail(err, status, "%.200s: %.250s", g->name, why.message);
    const struct sab_shape *shape = sab_model_shape(g->model);
    int symbols = sab_vocabulary_size(&g->vocabulary);
    if (shape->input != SAB_INPUT_IDS || shape->loss != SAB_LOSS_CROSS_ENTROPY || shape->I != symbols ||
        shape->O != symbols)
        return sab_fail(err, SAB_FORMAT, "%.200s: the vocabulary has %d symbols, the network reads %d and writes %d",
                        g->name, symbols, shape->I, shape->O);
    g->outputs = sab_alloc((size_t)symbols, sizeof *g->outputs);
    g->room = sab_alloc((size_t)symbols, sizeof *g->room);
    if (!g->outputs || !g->room)
        return sab_fail(err, SAB_NOMEM, "no memory for %d symbols", symbols);
    return state[0] ? sab_generate_state_load(state, g->model, &g->stream, &g->at, err)
                    : sab_stream_create(&g->stream, g->model, 1, err);
}

int sab_generator_create(struct sab_generator **out, struct sab_model *model, const char *name, const char *state,
                         struct sab_error *err)
{
    struct sab_generator *g = sab_alloc(1, sizeof *g);
    if (!g)
        return sab_fail(err, SAB_NOMEM, "no memory for a text");
    g->model = model;
    g->name = name;
    int status = make(g, state, err);
    if (status == SAB_OK)
        *out = g;
    else
        sab_generator_free(g);
    return status;
}

void sab_generator_free(struct sab_generator *g)
{
    if (!g)
        return;
    sab_stream_free(g->stream);
    sab_vocabulary_clear(&g->vocabulary);
    sab_free(g->outputs);
    sab_free(g->room);
    sab_free(g);
}

/* ---- the network ------------------------------------------------------------------------------------------------ */

/* Reads the last symbol; then the outputs are about the next. */
static int step(struct sab_generator *g, struct sab_error *err)
{
    int status = sab_stream_step(g->stream, &g->at.last, NULL, g->outputs, err);
    for (int i = 0; status == SAB_OK && i < g->vocabulary.n; i++)
        if (!isfinite(g->outputs[i]))
            status = sab_fail(err, SAB_NUMERIC, "symbol %lld: output %d of the network is not finite",
                              (long long)g->at.read + 1, i);
    g->at.read += status == SAB_OK;
    return status;
}

static int read_symbol(struct sab_generator *g, int32_t symbol, struct sab_error *err)
{
    int status = g->at.last >= 0 ? step(g, err) : SAB_OK;
    if (status == SAB_OK)
        g->at.last = symbol;
    return status;
}

/* ---- what comes before ------------------------------------------------------------------------------------------ */

static int32_t symbol_of_last(const struct sab_generator *g, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t nbytes = strlen(text);
    uint32_t code = 0;
    for (size_t at = 0, length; at < nbytes; at += length)
        if ((length = (size_t)sab_code_at(g->vocabulary.units, s + at, nbytes - at, &code)) == 0)
            return -1;
    return nbytes ? sab_vocabulary_symbol(&g->vocabulary, code) : -1;
}

/* What a text begins with when nobody says: the end of the separator, as in training where documents are set apart;
 * else a new line, else the first symbol there is. */
static void open_text(struct sab_generator *g)
{
    char separator[SAB_OPTION_CAP];
    int32_t symbol = -1;
    if (g->at.last >= 0)
        return;
    if (sab_text_unescape(g->text->reset_at, separator) == 0)
        symbol = symbol_of_last(g, separator);
    if (symbol < 0)
        symbol = sab_vocabulary_symbol(&g->vocabulary, '\n');
    g->at.last = symbol < 0 || symbol == g->vocabulary.n ? 0 : symbol;
}

int sab_generator_read(struct sab_generator *g, const char *source, const char *text, size_t nbytes, struct sab_error *err)
{
    int units = g->vocabulary.units, status = SAB_OK;
    long long line = 1, column = 1;
    if (g->text->reset_at[0])
        open_text(g);
    for (size_t at = 0, length; at < nbytes && status == SAB_OK; at += length) {
        uint32_t code;
        char name[SAB_CODE_NAME_CAP];
        length = (size_t)sab_code_at(units, (const unsigned char *)text + at, nbytes - at, &code);
        if (length == 0)
            return sab_fail(err, SAB_INVALID, "%s: byte offset %zu: 0x%02x begins no UTF-8 character", source, at,
                            (unsigned char)text[at]);
        int32_t symbol = sab_vocabulary_symbol(&g->vocabulary, code);
        if (symbol < 0) {
            sab_code_name(units, code, name);
            return sab_fail(err, SAB_INVALID, "%s: line %lld, column %lld: %s is not among the %d symbols that %.200s "
                                              "knows",
                            source, line, column, name, g->vocabulary.n, g->name);
        }
        status = read_symbol(g, symbol, err);
        column = code == '\n' ? 1 : column + 1;
        line += code == '\n';
    }
    return status;
}

/* ---- what comes next -------------------------------------------------------------------------------------------- */

/* The unknown symbol, which stands for no character, is the last and never drawn. */
int sab_generator_next(struct sab_generator *g, const struct sab_sampling *sampling, char text[4], int *nbytes, struct sab_error *err)
{
    struct sab_sampling how;
    int status = sab_sized_take(&sab_sampling_sized, &how, sampling, err);
    if (status != SAB_OK)
        return status;
    open_text(g);
    status = step(g, err);
    if (status != SAB_OK)
        return status;
    double u = sab_random_uniform(how.seed, SAB_FOR_GENERATE, (uint64_t)g->at.read, 0);
    g->at.last = sab_sample(&how, g->outputs, g->vocabulary.n, u, g->room);
    uint32_t code = g->vocabulary.codes[g->at.last];
    text[0] = (char)code;
    *nbytes = g->vocabulary.units == SAB_UNITS_CHARS ? sab_text_encode(code, text) : 1;
    return SAB_OK;
}

int sab_generator_save(struct sab_generator *g, const char *path, struct sab_error *err)
{
    open_text(g);
    return sab_generate_state_save(path, g->model, g->stream, &g->at, err);
}
