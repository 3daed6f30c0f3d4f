/* See options.h. */
#include "model/options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

#define OWNER struct sab_model_options

static const char *const models[] = {[SAB_KIND_RECURRENT] = "recurrent", [SAB_KIND_TRANSFORMER] = "transformer",
                                     [SAB_KIND_SEQ2SEQ] = "seq2seq", NULL};
static const char *const cells[] = {[SAB_CELL_LSTM] = "lstm", [SAB_CELL_GRU] = "gru", [SAB_CELL_RNN] = "rnn", NULL};
static const char *const credits[] = {[SAB_CREDIT_SAB] = "sab", [SAB_CREDIT_BPTT] = "bptt",
                                      [SAB_CREDIT_TBPTT] = "tbptt", [SAB_CREDIT_ATTENTION] = "attention", NULL};
static const char *const scores[] = {[SAB_SCORE_MLP] = "mlp", [SAB_SCORE_DOT] = "dot",
                                     [SAB_SCORE_RELEASE2019] = "release2019", NULL};
static const char *const sparsifiers[] = {[SAB_SPARSIFIER_RELU] = "relu", [SAB_SPARSIFIER_SOFTMAX] = "softmax",
                                          [SAB_SPARSIFIER_RELEASE2019] = "release2019", NULL};
static const char *const feeds[] = {[SAB_FEED_OWN] = "own", [SAB_FEED_LABELS] = "labels", NULL};
static const char *const positions[] = {[SAB_POSITIONS_SINUSOIDAL] = "sinusoidal", [SAB_POSITIONS_LEARNED] = "learned",
                                        NULL};
static const char *const densities[] = {[SAB_SPARSE] = "sparse", [SAB_DENSE] = "dense", NULL};
static const char *const writes[] = {[SAB_WRITE_STATE] = "state", [SAB_WRITE_PROVISIONAL] = "provisional", NULL};
static const char *const keeps[] = {[SAB_KEEP_RECENT] = "recent", [SAB_KEEP_SURPRISE] = "surprise",
                                    [SAB_KEEP_USED] = "used", [SAB_KEEP_NOVEL] = "novel",
                                    [SAB_KEEP_LEARNED] = "learned", [SAB_KEEP_RESERVOIR] = "reservoir", NULL};
static const char *const pools[] = {[SAB_POOL_LAST] = "last", [SAB_POOL_MEAN] = "mean", [SAB_POOL_ATTENTION] = "attention", NULL};
static const char *const recomputes[] = {[SAB_RECOMPUTE_OFF] = "off", [SAB_RECOMPUTE_ON] = "on",
                                         [SAB_RECOMPUTE_AUTO] = "auto", NULL};

/* Who reads it. */
#define WITH_CELLS "recurrent seq2seq"
#define ALL WITH_CELLS " transformer"

static const struct sab_option rows[] = {
    SAB_CHOICE("model", model, SAB_DECIDES, models, "recurrent", "model", ALL,
               "kind of network; credit and recompute mean something to the recurrent one only, a transformer has no "
               "cell or score"),
    SAB_CHOICE("cell", cell, SAB_DECIDES, cells, "lstm", "model", WITH_CELLS, "recurrent cell"),
    SAB_INT("hidden", hidden, SAB_DECIDES, 1, 16384, "128", "model", ALL,
            "H: width of the hidden state"),
    SAB_INT("layers", layers, SAB_DECIDES, 1, 16, "1", "model", ALL,
            "layers, one above the other; of a transformer, blocks"),
    SAB_INT("attention-width", attention_width, SAB_DECIDES, 0, 16384, "0", "model", WITH_CELLS,
            "A: width of the score's hidden layer; 0 is H"),
    SAB_CHOICE("score", score, SAB_DECIDES, scores, "mlp", "model", WITH_CELLS,
               "how a memory is compared with the present; mlp is the paper's"),
    SAB_CHOICE("sparsifier", sparsifier, SAB_DECIDES, sparsifiers, "softmax", "model", "recurrent",
               "how scores become k_top weights; relu is the paper's, release2019 the authors' code's"),
    SAB_REAL("read-floor", read_floor, SAB_DECIDES, 0, 1e6, "1", "model", "recurrent",
             "relu: least divisor of the weights, bounds the gradient; 0 is the paper's"),
    SAB_REAL("read-bound", read_bound, SAB_DECIDES, 0, 1e6, "0", "model", "recurrent",
             "relu: least divisor of the gradient alone, the read stays as it is; the gradient is biased; 0: exact"),
    SAB_REAL("read-gain", read_gain, SAB_DECIDES, 0, 1e6, "1", "model", "recurrent",
             "G in h = hh + G s; 1 is the paper's; 0: what is read reaches the outputs alone"),
    SAB_CHOICE("write", write, SAB_DECIDES, writes, "provisional", "model", "recurrent",
               "what enters the memory: the state h (the paper's) or hh, before the read is added"),
    SAB_SWITCH("zero-memory", zero_memory, SAB_DECIDES, "off", "model", "recurrent",
               "the memory begins with one zero vector, as in the authors' code"),
    SAB_SWITCH("readout", readout, SAB_DECIDES, "on", "model", "recurrent transformer",
               "outputs are linear in the hidden state; off: they are the state itself, of a network used as a layer"),
    SAB_SWITCH("decoder-attention", decoder_attention, SAB_DECIDES, "on", "model", "seq2seq",
               "seq2seq: the decoder attends to all states of the source, by --score; off: it has the last state only"),
    SAB_CHOICE("decoder-feed", decoder_feed, SAB_DECIDES, feeds, "own", "model", "seq2seq",
               "seq2seq: what a decoder's step in an evaluation is told of the step before, its own answer or the "
               "label"),
    SAB_REAL("forget-bias", forget_bias, SAB_DECIDES, -100, 100, "0", "model", WITH_CELLS,
             "added to the LSTM forget gate's bias at the start"),
    SAB_REAL("input-scale", input_scale, SAB_DECIDES, 0, 1e6, "10", "model", WITH_CELLS,
             "the first input weights start uniform in +-input_scale/sqrt(H)"),
    SAB_REAL("key-scale", key_scale, SAB_DECIDES, 0, 1e6, "15", "model", "recurrent",
             "the weights of keys and queries, W1 and W2, start uniform in +-key_scale/sqrt(H)"),
    SAB_REAL("score-scale", score_scale, SAB_DECIDES, 0, 1e6, "1", "model", WITH_CELLS,
             "the score's last weights start uniform in +-score_scale/sqrt(A)"),
    SAB_INT("heads", heads, SAB_DECIDES, 1, 1024, "4", "model", "transformer",
            "transformer: heads of attention; --hidden is a multiple of them"),
    SAB_CHOICE("positions", positions, SAB_DECIDES, positions, "sinusoidal", "model", "transformer",
               "transformer: sines and cosines of the step (any length), or learned"),
    SAB_INT("context", context, SAB_DECIDES, 1, 1e7, "1024", "model", "transformer",
            "transformer: positions that are learned, the most steps of a sequence"),

    SAB_CHOICE("credit", credit, SAB_DECIDES, credits, "sab", "credit", "recurrent", "how blame travels back in time"),
    SAB_INT("k-top", k_top, SAB_DECIDES, 0, 4096, "5", "credit", "recurrent", "K: memories recalled at each step"),
    SAB_INT("k-att", k_att, SAB_DECIDES, 1, 1e9, "1", "credit", "recurrent", "a memory is written every so many steps"),
    SAB_CHOICE("pool", pool, SAB_DECIDES, pools, "last", "credit", "recurrent",
               "what a memory is made of: the last of the --k-att states, their mean, or the mean weighted by a learned query; the "
               "gradient enters all of them"),
    SAB_INT("segments", segments, SAB_DECIDES, 0, 1e9, "0", "credit", "recurrent",
            "memories in groups of so many: a step scores what each group amounts to, then the memories of the k_top best groups "
            "and of the newest; about the root of their number costs least; 0: all memories are scored"),
    SAB_INT("memory-slots", memory_slots, SAB_DECIDES, 0, 1e9, "0", "credit", "recurrent",
            "most memories a step can read, the oldest leaves first unless --keep says otherwise; 0: all (carried state: "
            "as many as a batch writes)"),
    SAB_CHOICE("keep", keep, SAB_DECIDES, keeps, "recent", "credit", "recurrent",
               "which memories stay in the --memory-slots: the newest, those at whose step the state moved most, those "
               "recalled most, those least like the others, those that a learned gate prefers, or a fair sample of all"),
    SAB_INT("k-trunc", k_trunc, SAB_DECIDES, 1, 1e9, "5", "credit", "recurrent",
            "steps per window of truncated back-propagation"),
    SAB_SWITCH("mental-updates", mental_updates, SAB_DECIDES, "on", "credit", "recurrent",
               "gradient enters the recalled states"),
    SAB_CHOICE("forward", forward, SAB_DECIDES, densities, "sparse", "credit", "recurrent",
               "read the k_top memories or all of them"),
    SAB_CHOICE("backward", backward, SAB_DECIDES, densities, "sparse", "credit", "recurrent",
               "send gradient to the k_top memories or to all of them"),
    SAB_CHOICE("recompute", recompute, SAB_COSTS, recomputes, "auto", "credit", "recurrent",
               "keep little and replay each window on the way back: less memory, same bits; auto: where --memory asks "
               "for it"),
    SAB_TEXT("memory", memory, SAB_COSTS, "auto", "credit", ALL,
             "what training may take, such as 512M or 2G; auto: a quarter of what is free, 2G at the most; none: no limit"),
};

const struct sab_rows sab_model_rows = SAB_ROWS(rows);

int sab_memory_parse(const char *text, double *nbytes, struct sab_error *err)
{
    static const char units[] = "KMGT";
    char number[32];
    double value, unit = 1;
    size_t length = strlen(text);
    if (length == 0 || strcmp(text, "auto") == 0 || strcmp(text, "none") == 0) {
        *nbytes = text[0] == 'n' ? INFINITY : -1;
        return SAB_OK;
    }
    const char *at = length > 0 ? strchr(units, text[length - 1]) : NULL;
    if (at)
        unit = exp2(10.0 * (double)(at - units + 1));
    snprintf(number, sizeof number, "%.*s", (int)(length - (at != NULL)), text);
    if (length >= sizeof number || sab_text_to_real(number, &value) || !(value * unit >= 1))
        return sab_fail(err, SAB_INVALID, "--memory: \"%.60s\" is not a size such as 512M or 2G, and neither auto nor "
                                          "none", text);
    *nbytes = value * unit;
    return SAB_OK;
}

int sab_model_options_check(const struct sab_model_options *options, struct sab_error *err)
{
    double nbytes;
    int status = sab_rows_check(&sab_model_rows, options, err);
    if (status == SAB_OK)
        status = sab_memory_parse(options->memory, &nbytes, err);
    if (status != SAB_OK)
        return status;
    if (options->model == SAB_KIND_TRANSFORMER && options->hidden % options->heads != 0)
        return sab_fail(err, SAB_INVALID, "--heads %d: --hidden %d is not a multiple of it", options->heads,
                        options->hidden);
    if (options->keep != SAB_KEEP_RECENT && options->memory_slots == 0)
        return sab_fail(err, SAB_INVALID, "--keep %s chooses which memory leaves, and with --memory-slots 0 none does: choose a number "
                                          "in 1..1000000000", keeps[options->keep]);
    if (options->segments > 0 && options->memory_slots > 0)
        return sab_fail(err, SAB_INVALID, "--segments %d chooses among all memories, and with --memory-slots %d only those stay: "
                                          "one of them must be 0", options->segments, options->memory_slots);
    if (options->segments > 0 && (options->credit == SAB_CREDIT_ATTENTION || options->forward == SAB_DENSE))
        return sab_fail(err, SAB_INVALID, "--segments %d opens a few groups of memories, and %s reads all: choose 0", options->segments,
                        options->forward == SAB_DENSE ? "--forward dense" : "--credit attention");
    if (options->credit == SAB_CREDIT_SAB && options->backward == SAB_DENSE && options->forward != SAB_DENSE)
        return sab_fail(err, SAB_INVALID, "--backward dense needs --forward dense: gradient cannot reach memories that "
                                          "were not read");
    return SAB_OK;
}
