/* The rows of the option table, in the order of the fields of struct sab_config. See config.h. */
#include "base/config.h"

static const char *const models[] = {"recurrent", "transformer", "seq2seq", NULL};
static const char *const cells[] = {"lstm", "gru", "rnn", NULL};
static const char *const credits[] = {"sab", "bptt", "tbptt", "attention", NULL};
static const char *const scores[] = {"mlp", "dot", "release2019", NULL};
static const char *const sparsifiers[] = {"relu", "softmax", "release2019", NULL};
static const char *const feeds[] = {"own", "labels", NULL};
static const char *const positions[] = {"sinusoidal", "learned", NULL};
static const char *const densities[] = {"sparse", "dense", NULL};
static const char *const writes[] = {"state", "provisional", NULL};
static const char *const recomputes[] = {"off", "on", "auto", NULL};
static const char *const optimizers[] = {"adam", "adamw", "sgd", NULL};
static const char *const cpus[] = {"auto", "ref", "sse2", "avx2", "avx512", "neon", NULL};
static const char *const rewrites[] = {"copy", "reverse", "sort", NULL};
static const char *const bys[] = {"row", "pixel", NULL};
static const char *const units[] = {"bytes", "chars", NULL};
static const char *const losses[] = {"auto", "cross-entropy", "mse", "bce", NULL};
static const char *const goals[] = {"forecast", "step", "series", NULL};
static const char *const headers[] = {"auto", "on", "off", NULL};
static const char *const missings[] = {"error", "last", "mask", "skip", NULL};
static const char *const duplicates[] = {"error", "first", "last", NULL};
static const char *const gaps[] = {"error", "keep", "fill", NULL};
static const char *const symbols[] = {"rows", "number", NULL};
static const char *const schedules[] = {"constant", "cosine", "step", NULL};

/* Whole numbers end at 2^53 - 1, so that every JSON reader keeps them exact. */
#define MOST 9007199254740991.0

#define AT(field) offsetof(struct sab_config, field)
#define SIZE(field) sizeof(((struct sab_config *)0)->field)
#define INT(name, field, low, high, fallback, group, help) \
    {name, SAB_OPTION_INT, AT(field), 0, low, high, NULL, fallback, group, help}
#define INT64(name, field, low, high, fallback, group, help) \
    {name, SAB_OPTION_INT64, AT(field), 0, low, high, NULL, fallback, group, help}
#define UINT64(name, field, low, high, fallback, group, help) \
    {name, SAB_OPTION_UINT64, AT(field), 0, low, high, NULL, fallback, group, help}
#define REAL(name, field, low, high, fallback, group, help) \
    {name, SAB_OPTION_REAL, AT(field), 0, low, high, NULL, fallback, group, help}
#define CHOICE(name, field, choices, fallback, group, help) \
    {name, SAB_OPTION_CHOICE, AT(field), 0, 0, 0, choices, fallback, group, help}
#define SWITCH(name, field, fallback, group, help) \
    {name, SAB_OPTION_SWITCH, AT(field), 0, 0, 1, NULL, fallback, group, help}
#define TEXT(name, field, fallback, group, help) \
    {name, SAB_OPTION_TEXT, AT(field), SIZE(field), 0, 0, NULL, fallback, group, help}

const struct sab_option sab_options[] = {
    CHOICE("model", model, models, "recurrent", "model",
           "kind of network; credit and recompute mean something to the recurrent one only, a transformer has no cell or score"),
    CHOICE("cell", cell, cells, "lstm", "model", "recurrent cell"),
    INT("hidden", hidden, 1, 16384, "128", "model", "H: width of the hidden state"),
    INT("layers", layers, 1, 16, "1", "model", "layers, one above the other; of a transformer, blocks"),
    INT("attention-width", attention_width, 0, 16384, "0", "model", "A: width of the score's hidden layer; 0 is H"),
    CHOICE("score", score, scores, "mlp", "model", "how a memory is compared with the present; mlp is the paper's"),
    CHOICE("sparsifier", sparsifier, sparsifiers, "softmax", "model",
           "how scores become k_top weights; relu is the paper's, release2019 the authors' code's"),
    REAL("read-floor", read_floor, 0, 1e6, "1", "model",
         "relu: least divisor of the weights, bounds the gradient; 0 is the paper's"),
    REAL("read-bound", read_bound, 0, 1e6, "0", "model",
         "relu: least divisor of the gradient alone, the read stays as it is; the gradient is biased; 0: exact"),
    REAL("read-gain", read_gain, 0, 1e6, "1", "model", "G in h = hh + G s; 1 is the paper's"),
    CHOICE("write", write, writes, "provisional", "model",
           "what enters the memory: the state h (the paper's) or hh, before the read is added"),
    SWITCH("zero-memory", zero_memory, "off", "model",
           "the memory begins with one zero vector, as in the authors' code"),
    SWITCH("decoder-attention", decoder_attention, "on", "model",
           "seq2seq: the decoder attends to all states of the source, by --score; off: it has the last state only"),
    CHOICE("decoder-feed", decoder_feed, feeds, "own", "model",
           "seq2seq: what a decoder's step in an evaluation is told of the step before, its own answer or the label"),
    REAL("forget-bias", forget_bias, -100, 100, "0", "model", "added to the LSTM forget gate's bias at the start"),
    REAL("input-scale", input_scale, 0, 1e6, "10", "model",
         "the first input weights start uniform in +-input_scale/sqrt(H)"),
    REAL("key-scale", key_scale, 0, 1e6, "15", "model",
         "the weights of keys and queries, W1 and W2, start uniform in +-key_scale/sqrt(H)"),
    REAL("score-scale", score_scale, 0, 1e6, "1", "model",
         "the score's last weights start uniform in +-score_scale/sqrt(A)"),
    INT("heads", heads, 1, 1024, "4", "model", "transformer: heads of attention; --hidden is a multiple of them"),
    CHOICE("positions", positions, positions, "sinusoidal", "model",
           "transformer: sines and cosines of the step (any length), or learned"),
    INT("context", context, 1, 1e7, "1024", "model", "transformer: positions that are learned, the most steps of a sequence"),

    CHOICE("credit", credit, credits, "sab", "credit", "how blame travels back in time"),
    INT("k-top", k_top, 0, 4096, "5", "credit", "K: memories recalled at each step"),
    INT("k-att", k_att, 1, 1e9, "1", "credit", "a memory is written every so many steps"),
    INT("memory-slots", memory_slots, 0, 1e9, "0", "credit",
        "most memories a step can read, the oldest leaves first; 0: all (carried state: as many as a batch writes)"),
    INT("k-trunc", k_trunc, 1, 1e9, "5", "credit", "steps per window of truncated back-propagation"),
    SWITCH("mental-updates", mental_updates, "on", "credit", "gradient enters the recalled states"),
    CHOICE("forward", forward, densities, "sparse", "credit", "read the k_top memories or all of them"),
    CHOICE("backward", backward, densities, "sparse", "credit",
           "send gradient to the k_top memories or to all of them"),
    CHOICE("recompute", recompute, recomputes, "auto", "credit",
           "keep little and replay each window on the way back: less memory, same bits; auto: where --memory asks for it"),
    TEXT("memory", memory, "auto", "credit",
         "what training may take, such as 512M or 2G; auto: a quarter of what is free; none: no limit"),

    INT("batch", batch, 1, 1e6, "64", "training", "B: sequences per update, and at a time in evaluations"),
    INT64("steps", steps, 0, MOST, "5000", "training", "updates"),
    CHOICE("optimizer", optimizer, optimizers, "adam", "training", "update rule"),
    REAL("lr", lr, 0, 1e6, "0.003", "training", "peak learning rate"),
    REAL("beta1", beta1, 0, 0.999999999, "0.9", "training", "adam: decay of the mean of gradients"),
    REAL("beta2", beta2, 0, 0.999999999, "0.99", "training", "adam: decay of the mean of squared gradients"),
    REAL("eps", eps, 1e-30, 1, "1e-08", "training", "adam: added to the root of the mean of squared gradients"),
    REAL("momentum", momentum, 0, 0.999999999, "0", "training", "sgd: momentum"),
    REAL("weight-decay", weight_decay, 0, 1e6, "0", "training",
         "adam, sgd: L2 term in the gradient; adamw: decoupled decay"),
    REAL("clip", clip, 0, 1e300, "0.1", "training", "largest global gradient norm; 0 turns clipping off"),
    CHOICE("schedule", schedule, schedules, "cosine", "training", "how the learning rate changes over time"),
    INT64("warmup", warmup, 0, MOST, "200", "training", "updates in which the rate rises from 0 to its peak"),
    REAL("lr-final", lr_final, 0, 1, "0.01", "training", "cosine: the last rate as a fraction of lr"),
    INT64("lr-every", lr_every, 1, MOST, "1000", "training", "step: the rate is multiplied by lr_decay this often"),
    REAL("lr-decay", lr_decay, 0, 1, "0.5", "training", "step: the factor"),
    REAL("average", average, 0, 0.999999999, "0", "training",
         "decay of the moving average of the weights that is evaluated and kept; 0 turns it off"),
    UINT64("seed", seed, 0, MOST, "1", "training", "decides the first weights and the data"),
    INT("threads", threads, 0, 4096, "0", "training",
        "threads; 0 is one per processor; the result is the same for any"),
    INT64("eval-every", eval_every, 0, MOST, "250", "training", "updates between evaluations; 0: only at the end"),
    INT("eval-size", eval_size, 0, 1e7, "512", "training",
        "validation sequences per evaluation, in whole batches; 0: all; text and series: always all"),
    TEXT("stop-at", stop_at, "", "training", "stop when an evaluation reaches this, such as accuracy=0.99"),
    INT64("patience", patience, 0, MOST, "0", "training",
          "evaluations without a better result before stopping; 0: never"),
    INT64("save-every", save_every, 0, MOST, "1000", "training",
          "updates between checkpoints; 0: only at the end and when interrupted"),
    REAL("explode", explode, 1e-6, 1e300, "1e+12", "training", "a gradient norm above this stops the run"),

    TEXT("task", task, "copy", "task", "what to learn"),
    INT("T", T, 1, 1e8, "100", "task",
        "length of the task; copying sequences have T+20 steps, transduce up to 2 T + 1; text and series are cut into chunks of T"),
    INT64("curriculum", curriculum, 0, MOST, "1000", "task",
          "updates over which training sequences grow from T/10 to T; 0: always T"),
    INT64("fixed", fixed, 0, MOST, "0", "task", "train on this many sequences again and again; 0: always fresh ones"),
    INT("classes", classes, 2, 1024, "8", "task", "cue: number of different events"),
    CHOICE("rewrite", rewrite, rewrites, "reverse", "task",
           "transduce: the source is to be answered as it is, reversed or sorted"),
    CHOICE("symbols", symbols, symbols, "rows", "task",
           "copy: a symbol is a row of weights, or one number, as in the authors' code"),

    TEXT("data", data, "", "data", "file or folder that the task reads; looked for in $SAB_DATA too"),
    TEXT("valid-data", valid_data, "", "data", "what to evaluate on while training; by default a part of --data"),
    TEXT("test-data", test_data, "", "data", "what sab eval measures on; by default a part of --data"),
    TEXT("split", split, "0.9,0.05,0.05", "data",
         "fractions of --data that are train, valid and test, in the order of the file"),
    CHOICE("by", by, bys, "row", "data", "images: a step is a row of pixels, or one pixel"),
    UINT64("permute", permute, 0, MOST, "0", "data",
           "images: pixels in a random order, the same for all, drawn from this seed; 0: as they are"),
    SWITCH("grey", grey, "off", "data", "cifar10: grey instead of three colours"),
    CHOICE("units", units, units, "chars", "data", "text: symbols are bytes, or characters of UTF-8"),
    INT("unknown", unknown, 0, 1e9, "0", "data",
        "text: one symbol for characters seen fewer times than this, and for unseen ones; 0: unseen ones are an error"),
    TEXT("reset-at", reset_at, "", "data",
         "text: a document ends with this, such as \\n\\n, and nothing is carried over; by default never"),
    CHOICE("loss", loss, losses, "auto", "data",
           "npy, csv: what the outputs are judged by; auto: cross-entropy for classes, mse for values"),
    SWITCH("standardise", standardise, "on", "data",
           "npy, csv: scale values to mean 0, deviation 1 of the training part"),
    CHOICE("goal", goal, goals, "forecast", "data",
           "csv: forecast values, or learn a column of answers for each step or each series"),
    TEXT("horizon", horizon, "1", "data", "csv: how many rows ahead is forecast: 6, or several, as 1-24 or 1,6,24"),
    SWITCH("relative", relative, "off", "data",
           "csv: learn the change from the present value, so that a network that says nothing repeats the last one"),
    TEXT("inputs", inputs, "", "data",
         "csv: columns by name or number, such as price,4-6; by default all that hold numbers"),
    TEXT("targets", targets, "", "data", "csv: columns to forecast (by default the inputs), or of answers"),
    TEXT("series", series, "", "data", "csv: the column that names the series of each row; by default it is one series"),
    CHOICE("header", header, headers, "auto", "data", "csv: whether the first line names the columns"),
    TEXT("separator", separator, "auto", "data",
         "csv: what separates columns: comma, semicolon, tab, pipe, space (any number of them), or one sign"),
    INT("skip-lines", skip_lines, 0, 1e9, "0", "data", "csv: lines before the table"),
    SWITCH("decimal-comma", decimal_comma, "off", "data", "csv: numbers are written 1,5"),
    SWITCH("thousands", thousands, "off", "data", "csv: thousands are parted, as in 1,000.5 or 1 000.5"),
    CHOICE("missing", missing, missings, "error", "data",
           "csv: cells without a value; last: as the value before, no target; mask: and an input that says so; skip the row"),
    TEXT("time", time, "", "data", "csv: the column of times, by which the rows of each series are put in order and checked"),
    TEXT("time-format", time_format, "auto", "data",
         "csv: how times are written, as strptime has it (%d.%m.%Y %H:%M); auto: ISO 8601, or seconds or milliseconds since 1970"),
    CHOICE("duplicates", duplicates, duplicates, "error", "data", "csv: of rows that have the same --time, which is kept"),
    CHOICE("gaps", gaps, gaps, "error", "data",
           "csv: where --time leaves out steps; keep: rows follow on each other; fill: rows are added, as --missing says"),
    TEXT("calendar", calendar, "", "data",
         "csv: inputs (sine and cosine) that tell the time: any of minute, hour, weekday, day, month"),

    CHOICE("cpu", cpu, cpus, "auto", "run", "instruction set; auto is the fastest here; SAB_CPU sets it too"),
    TEXT("from", from, "", "run",
         "begin with the weights of this run or model.safetensors, and read data as it does; the shape must be the same"),
    TEXT("out", out, "", "run", "run folder; by default runs/TASK-CREDIT-sSEED, or -MODEL- of other networks"),
};

const int sab_option_count = (int)(sizeof sab_options / sizeof sab_options[0]);
