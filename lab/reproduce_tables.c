/* See reproduce_tables.h. Figures of others are seen, recalled or derived, and never anything else. All methods of a
 * column make the same number of updates at most; they stop once solved. Rows that are called "sab 5 10" have k-trunc 5,
 * k-top 10. */
#include "lab/reproduce_tables.h"

#include <stddef.h>

#define SEEN(text) {text, "seen"}
#define RECALLED(text) {text, "recalled"}
#define NONE {"", ""}

#define COPY "task=copy hidden=128 batch=64 steps=2000 eval-every=50 eval-size=512 stop-at=accuracy=0.99 "
/* Training sequences grow by 0.09 steps an update (table pace). */
#define COPY_100 COPY "T=100 curriculum=1000 "
#define COPY_200 COPY "T=200 curriculum=2000 "
#define COPY_300 COPY "T=300 curriculum=3000 steps=3000 "

/* What the others copy best with at T = 100, of 10 and 6 settings of rate, forget bias and clip; SAB's are the
 * program's. */
#define BPTT "credit=bptt lr=0.01 forget-bias=3"
#define TBPTT "credit=tbptt lr=0.01 forget-bias=1 "
/* Attention reaches every position at once: training sequences need not grow. */
#define TRANSFORMER "model=transformer layers=2 lr=0.001 clip=1 warmup=200 curriculum=0"

#define GAIN_CUE "task=cue hidden=64 k-trunc=10 batch=16 eval-every=50 stop-at=accuracy=0.99 T=200 curriculum=200 eval-size=256 steps=500"

static const struct sab_table tables[] = {
    {"copy", "copying: accuracy on the last ten steps, by method and length", "", "",
     "Guessing: 12.5 % (derived). A user of the released code had 62 % at T = 100 with its SAB, and 17 % with its "
     "truncated BPTT (seen). Full and truncated BPTT have the rate and forget bias that were best for them at T = 100.",
     SAB_MEASURE_ACCURACY, 2, SAB_FIGURE_CURVES, "T=100"},
    {"transfer", "copying: trained at T = 100, tested at longer ones", COPY_100, "100,200,300,400,2000,5000",
     "Beyond T = 1,000 the test has 16 sequences, 160 answers. Guessing: 12.5 % (derived).", SAB_MEASURE_ACCURACY, 2,
     SAB_FIGURE_LENGTHS, NULL},
    {"adding", "adding: mean squared error, by method and length",
     "task=adding hidden=128 batch=64 steps=3000 eval-every=100 eval-size=512 stop-at=mse=0.00003", "",
     "Always answering 1: 0.1767 (derived). Ours stop at 3e-5 on validation data.", SAB_MEASURE_MSE, 2,
     SAB_FIGURE_NONE, NULL},
    {"mental", "mental updates on and off, copying at T = 100", COPY_100 "k-top=5", "",
     "The paper: without them it still learns, but worse or slower (recalled).", SAB_MEASURE_ACCURACY, 2,
     SAB_FIGURE_NONE, NULL},
    {"keys", "how large the weights of keys and queries start, copying", COPY_100, "",
     "Rows are called k-trunc, k-top; T = 100 but where a row says another. What W1 and W2 are drawn from, in units of "
     "the usual 1/sqrt(H); the default is 15.",
     SAB_MEASURE_ACCURACY, 3, SAB_FIGURE_NONE, NULL},
    {"single", "one memory read at each step: what lets its score learn, copying", COPY_100, "",
     "Rows are called k-trunc, k-top; relu-2 is the relu sparsifier with floor 2. A softmax over one memory is 1 whatever "
     "its score, and so is relu with floor 0, the paper's form: no score learns. The paper: 58 % for 1, 1 (recalled).",
     SAB_MEASURE_ACCURACY, 3, SAB_FIGURE_NONE, NULL},
    {"sparsity", "sparse or dense reads and their gradient, copying", COPY_100 "k-trunc=5 k-top=5", "",
     "The row says how the memories are read forward / backward.", SAB_MEASURE_ACCURACY, 2, SAB_FIGURE_NONE, NULL},
    {"variants", "scores and sparsifiers, copying at T = 100", COPY_100 "k-trunc=5 k-top=5", "",
     "The paper's own form is mlp with relu, floor 0 and the state written.", SAB_MEASURE_ACCURACY, 2,
     SAB_FIGURE_NONE, NULL},
    {"bound", "the paper's sparsifier with a bound for its gradient, copying", "sparsifier=relu read-floor=0 explode=1e300", "",
     "relu with floor 0, and 4 as the least divisor of its gradient (--read-bound 4) but where a row says no bound. Rows end in k-trunc, "
     "k-top. State: the state is written, as the paper has it, rate 0.006; provisional: the state before the read is added "
     "to it. Gain 0: it is not added (--read-gain 0), so that both are the same. H=64: 32 sequences an update, rate 0.02, "
     "--beta2 0.999, and training sequences grow by 0.0225 steps an update, a quarter of the pace of the other columns.",
     SAB_MEASURE_ACCURACY, 1, SAB_FIGURE_NONE, NULL},
    {"departures", "defaults that depart from the paper, one undone at a time, copying",
     COPY_100 "k-trunc=5 k-top=5", "",
     "The last row undoes them all, together with the sparsifier (relu, floor 0) and the rate's warm-up and decay.",
     SAB_MEASURE_ACCURACY, 2, SAB_FIGURE_NONE, NULL},
    {"cells", "recurrent cells, copying", COPY_100 "k-trunc=5 k-top=5", "", "", SAB_MEASURE_ACCURACY, 2,
     SAB_FIGURE_NONE, NULL},
    {"long", "copying learned at great lengths",
     "task=copy hidden=128 eval-size=16 stop-at=accuracy=0.99 steps=3000", "",
     "From drawn weights. Training sequences grow as in the table copy, so that they are still short when the task is "
     "solved at full length. Guessing: 12.5 % (derived). The tests have 16 sequences.",
     SAB_MEASURE_ACCURACY, 2, SAB_FIGURE_NONE, NULL},
    {"pace", "how fast training sequences may grow, copying at T = 300", "k-trunc=10 k-top=10", "", "",
     SAB_MEASURE_ACCURACY, 1, SAB_FIGURE_NONE, NULL},
    {"smallest", "how little still solves copying at T = 200: cost against quality", COPY_200, "",
     "Columns relu-2 have the relu sparsifier with floor 2 (table single).",
     SAB_MEASURE_ACCURACY, 2, SAB_FIGURE_COST, NULL},
    {"keep", "which of few memories stay: accuracy, by --keep", "", "",
     "All: no limit. Copying: windows of 5, 5 reads, as in the table Copying. Cue: H = 64, windows of 10, 5 reads, 16 sequences an update; "
     "training sequences grow by a step an update, the tests have 256 sequences, at T = 10,000 16; gain 0: "
     "--read-gain 0 (table gain). Permuted: MNIST pixel by pixel, a memory at each of 784 steps, H = 64, 1,000 updates (the table Images "
     "has 9,000, with H = 128). Digits: as digits-16 in the table Real sequences, a memory at each step, up to 570 of them.",
     SAB_MEASURE_ACCURACY, 3, SAB_FIGURE_NONE, NULL},
    {"keep-adding", "which of few memories stay: adding, mean squared error, by --keep",
     "task=adding hidden=128 batch=64 k-trunc=10 k-top=10 eval-every=100 eval-size=512 stop-at=mse=0.0003 ", "",
     "All: no limit. Always answering 1: 0.1767 (derived). Runs stop at 3e-4 on validation data.", SAB_MEASURE_MSE, 3,
     SAB_FIGURE_NONE, NULL},
    {"keep-texts", "which of few memories stay: text, bits per character, by --keep", "eval-every=500", "",
     "A memory at every character, chunks of 100, whose state is carried on. All: as many as a chunk has, the newest. "
     "H = 128; Penn Treebank: 1,600 updates, Shakespeare: 1,000.", SAB_MEASURE_BITS, 3, SAB_FIGURE_NONE, NULL},
    {"gain", "what of a read enters the state: cue learned at T = 200, and longer", GAIN_CUE, "200,1000,10000",
     "Gain: G in h = hh + G s; with 0 what was recalled reaches the answer alone. All: a memory at every step, without a limit; slots: 16, "
     "which --keep chooses; stretches: --pool attention, 20 steps. H = 64, windows of 10, 5 reads, 16 sequences an update; the tests have "
     "256 sequences, beyond T = 1,000 16.", SAB_MEASURE_ACCURACY, 3, SAB_FIGURE_NONE, NULL},
    {"pool", "memories of stretches: what of k_att states a memory is made of", "k-top=5", "",
     "Rows are called --pool, k-trunc. Last: the last of the k_att states. Cue: H = 64, 16 sequences an update; the tests have 256 "
     "sequences, at T = 10,000 16; gain 0: --read-gain 0 (table gain). Copying at T = 30: H = 64, 32 sequences.",
     SAB_MEASURE_ACCURACY, 3, SAB_FIGURE_NONE, NULL},
    {"segments", "memories in groups, of which a step opens the best: accuracy", "read-gain=0", "",
     "All: every memory is scored, but for those that provably lose; groups: --segments, of 13 and 3 memories. Cue: H = 64, windows of 10, "
     "16 sequences an update, 256 in a test. Copying: windows of 5.", SAB_MEASURE_ACCURACY, 3,
     SAB_FIGURE_NONE, NULL},
    {"heat", "what is recalled while copying at T = 200 is learned", COPY_200, "",
     "The paper: diffuse early, later on the first ten positions (recalled).", SAB_MEASURE_ACCURACY, 1,
     SAB_FIGURE_MAPS, NULL},
};

#define AT_1000 "T=1000 batch=64 curriculum=10000 eval-every=50"
#define AT_5000 "T=5000 batch=16 curriculum=50000 eval-every=100"
#define AT_10000 "T=10000 batch=16 curriculum=100000 eval-every=100"
#define AT_LENGTHS(row, options, at100, at200, at300, seeds) \
    {"copy", "T=100", row, COPY_100 options, at100, seeds, NULL}, \
    {"copy", "T=200", row, COPY_200 options, at200, seeds, NULL}, \
    {"copy", "T=300", row, COPY_300 options, at300, seeds, NULL}
#define TRANSFER(row, options, paper, seeds) {"transfer", "", row, options, paper, seeds, NULL}
#define ADDING(row, options, at200, at400) \
    {"adding", "T=200", row, options " T=200", at200, 0, NULL}, \
    {"adding", "T=400", row, options " T=400", at400, 0, NULL}
#define MENTAL(row, options) \
    {"mental", "mental=on", row, options, NONE, 0, NULL}, \
    {"mental", "mental=off", row, options " mental-updates=off", NONE, 0, NULL}
#define KEYS_AT(scale, row, options) {"keys", "key-scale=" scale, row, options " key-scale=" scale, NONE, 0, NULL}
#define KEYS(row, options) KEYS_AT("1", row, options), KEYS_AT("5", row, options), KEYS_AT("15", row, options)
#define KEYS_1_15(row, options) KEYS_AT("1", row, options), KEYS_AT("15", row, options)
#define SINGLE(row, options) \
    {"single", "softmax", row, options, NONE, 0, NULL}, \
    {"single", "relu-2", row, options " sparsifier=relu read-floor=2", NONE, 0, NULL}, \
    {"single", "relu-40", row, options " sparsifier=relu read-floor=40", NONE, 0, NULL}
#define BOUND_SLOW "write=state hidden=64 batch=32 lr=0.02 beta2=0.999 eval-size=256 steps=4000 "
#define BOUND_STATE(row, options) \
    {"bound", "T=100 H=64", row, COPY_100 options BOUND_SLOW "curriculum=4000", NONE, 3, NULL}, \
    {"bound", "T=200 H=64", row, COPY_200 options BOUND_SLOW "curriculum=8000", NONE, 3, NULL}, \
    {"bound", "T=300 H=64", row, COPY_300 options BOUND_SLOW "curriculum=12000", NONE, 3, NULL}
#define BOUND_GAIN_0 "read-gain=0 read-bound=4"
#define BOUND_ROWS(reads, options) \
    BOUND_STATE("state, " reads, options "read-bound=4 "), \
    {"bound", "T=100", "gain 0, " reads, COPY_100 options BOUND_GAIN_0, NONE, 0, NULL}, \
    {"bound", "T=200", "gain 0, " reads, COPY_200 options BOUND_GAIN_0, NONE, 0, NULL}, \
    {"bound", "T=300", "gain 0, " reads, COPY_300 options BOUND_GAIN_0, NONE, 0, NULL}
#define ONCE(table, row, options) {table, "T=100", row, options, NONE, 0, NULL}
/* The paper clips gradients of any size: so do we where its form is run. */
#define VARIANTS(row, options) \
    {"variants", "softmax", row, options " sparsifier=softmax", NONE, 0, NULL}, \
    {"variants", "relu-1", row, options " sparsifier=relu read-floor=1", NONE, 0, NULL}, \
    {"variants", "relu-0", row, options " sparsifier=relu read-floor=0 write=state explode=1e300", NONE, 0, NULL}
#define SMALLEST(row, options) \
    {"smallest", "k-top=1", row, options " k-top=1", NONE, 0, NULL}, \
    {"smallest", "k-top=1 relu-2", row, options " k-top=1 sparsifier=relu read-floor=2", NONE, 0, NULL}, \
    {"smallest", "k-top=2", row, options " k-top=2", NONE, 0, NULL}, \
    {"smallest", "k-top=5", row, options " k-top=5", NONE, 0, NULL}

/* With and without reads that enter the state. */
#define GAINS(row, options) \
    {"gain", "", row ", gain 1", options, NONE, 0, NULL}, \
    {"gain", "", row ", gain 0", options " read-gain=0", NONE, 0, NULL}

/* One rule of --keep on each task; `all` has no limit. */
#define KEEP_COPY COPY_100 "k-trunc=5 k-top=5 read-gain=0 "
#define KEEP_COPY_300 COPY_300 "k-trunc=5 k-top=5 read-gain=0 "
#define KEEP_CUE "task=cue hidden=64 k-trunc=10 batch=16 eval-every=50 stop-at=accuracy=0.99 "
#define KEEP_CUE_LONG KEEP_CUE "eval-size=16 steps=1000 read-gain=0 "
#define KEEP_DIGITS \
    "task=npy data=digits-16/train.npz valid-data=digits-16/valid.npz test-data=digits-16/test.npz hidden=64 batch=32 steps=1500 " \
    "eval-every=250 eval-size=0 input-scale=3.6 k-trunc=50 k-top=10 write=state key-scale=2 clip=1 lr=0.006 warmup=100 " \
    "optimizer=adamw weight-decay=0.1 average=0.98 "
#define KEEP_TEXT "preset=text8 data=text/tinyshakespeare.txt hidden=128 input-scale=30 steps=1000 "
#define KEEPS_AT(table, column, common, slots, all) \
    {table, column, "all", common all, NONE, 0, NULL}, \
    {table, column, "recent", common slots, NONE, 0, NULL}, \
    {table, column, "surprise", common slots " keep=surprise", NONE, 0, NULL}, \
    {table, column, "used", common slots " keep=used", NONE, 0, NULL}, \
    {table, column, "novel", common slots " keep=novel", NONE, 0, NULL}, \
    {table, column, "learned", common slots " keep=learned", NONE, 0, NULL}, \
    {table, column, "reservoir", common slots " keep=reservoir", NONE, 0, NULL}

/* With all memories scored, and in groups of so many. */
#define SEGMENTS_AT(column, common, of) \
    {"segments", column, "all", common, NONE, 0, NULL}, \
    {"segments", column, "groups", common "segments=" of, NONE, 0, NULL}

/* One way to make memories of k_att states; what costs most with windows of ten alone. */
#define POOL_CUE "task=cue hidden=64 batch=16 eval-every=50 stop-at=accuracy=0.99 "
#define POOL_SHORT COPY "hidden=64 batch=32 steps=1500 T=30 curriculum=300 "
#define POOL_CUE_LONG POOL_CUE "T=10000 k-att=100 curriculum=10000 eval-size=16 steps=1000 read-gain=0 "
#define POOL(row, options) \
    {"pool", "cue T=200 k-att=20", row, POOL_CUE options " T=200 k-att=20 curriculum=200 eval-size=256 steps=500", NONE, 0, NULL}, \
    {"pool", "copying T=30 k-att=5", row, POOL_SHORT options " k-att=5", NONE, 0, NULL}
#define POOL_LONG(row, options) \
    {"pool", "cue T=1000 k-att=20", row, POOL_CUE options " T=1000 k-att=20 curriculum=1000 eval-size=256 steps=1000", NONE, 0, NULL}, \
    {"pool", "cue T=10000 k-att=100, gain 0", row, POOL_CUE_LONG options, NONE, 0, NULL}, \
    {"pool", "copying T=100 k-att=5", row, COPY_100 options " k-att=5", NONE, 0, NULL}, \
    {"pool", "copying T=100 k-att=10", row, COPY_100 options " k-att=10", NONE, 0, NULL}

static const struct sab_table_cell cells[] = {
    AT_LENGTHS("bptt", BPTT, RECALLED("99.8 %"), RECALLED("56.0 %"), RECALLED("35.9 %"), 0),
    AT_LENGTHS("tbptt 1", TBPTT "k-trunc=1", NONE, NONE, NONE, 0),
    AT_LENGTHS("tbptt 5", TBPTT "k-trunc=5", SEEN("31 %"), NONE, NONE, 0),
    AT_LENGTHS("tbptt 10", TBPTT "k-trunc=10", NONE, NONE, NONE, 0),
    AT_LENGTHS("tbptt 20", TBPTT "k-trunc=20", NONE, NONE, NONE, 0),
    AT_LENGTHS("attention", "credit=attention", RECALLED("100 %"), RECALLED("100 %"), RECALLED("100 %"), 0),
    AT_LENGTHS("sab 1 1", "k-trunc=1 k-top=1", RECALLED("58 %"), NONE, NONE, 3),
    AT_LENGTHS("sab 1 5", "k-trunc=1 k-top=5", NONE, NONE, NONE, 3),
    AT_LENGTHS("sab 5 5", "k-trunc=5 k-top=5", SEEN("100 %"), NONE, NONE, 3),
    AT_LENGTHS("sab 10 10", "k-trunc=10 k-top=10", RECALLED("about 100 %"), RECALLED("about 100 %"),
               RECALLED("about 99 %"), 3),
    {"copy", "T=100", "release2019", COPY "preset=release2019", NONE, 0, NULL},
    {"copy", "T=200", "release2019", COPY "preset=release2019 T=200", NONE, 0, NULL},
    {"copy", "T=300", "release2019", COPY "preset=release2019 T=300 steps=3000", NONE, 0, NULL},

    AT_LENGTHS("seq2seq", "model=seq2seq decoder-attention=off", NONE, NONE, NONE, 0),
    AT_LENGTHS("seq2seq attention", "model=seq2seq", NONE, NONE, NONE, 0),
    AT_LENGTHS("transformer", TRANSFORMER, NONE, NONE, NONE, 0),

    TRANSFER("bptt", BPTT, RECALLED("; 34 %; 25 %; 21 %; 12 %; 12 %"), 0),
    TRANSFER("tbptt 5", TBPTT "k-trunc=5", NONE, 0),
    TRANSFER("tbptt 20", TBPTT "k-trunc=20", NONE, 0),
    TRANSFER("attention", "credit=attention", RECALLED("; 52 %; 28 %; 20 %; 12 %; out of memory"), 0),
    TRANSFER("sab 5 5", "k-trunc=5 k-top=5", RECALLED("; 95 %; 83 %; 75 %; 47 %; 41 %"), 3),
    TRANSFER("sab 10 10", "k-trunc=10 k-top=10", NONE, 3),
    TRANSFER("seq2seq attention", "model=seq2seq", NONE, 0),
    TRANSFER("transformer", TRANSFORMER, NONE, 0),
    TRANSFER("release2019", "preset=release2019", NONE, 0),

    ADDING("bptt", BPTT, RECALLED("4.6e-6"), RECALLED("1.6e-7")),
    ADDING("tbptt 10", TBPTT "k-trunc=10", NONE, NONE),
    ADDING("sab 10 10", "k-trunc=10 k-top=10", RECALLED("2e-6"), NONE),

    MENTAL("k-trunc=1", "k-trunc=1"),
    MENTAL("k-trunc=5", "k-trunc=5"),
    MENTAL("k-trunc=10", "k-trunc=10"),
    MENTAL("k-trunc=20", "k-trunc=20"),

    KEYS("sab 1 5", "k-trunc=1 k-top=5"),
    KEYS("sab 10 5", "k-trunc=10 k-top=5"),
    KEYS("sab 20 5", "k-trunc=20 k-top=5"),
    KEYS_1_15("sab 5 5, T=200", "k-trunc=5 k-top=5 T=200 curriculum=2000"),
    KEYS_1_15("sab 5 5, T=300", "k-trunc=5 k-top=5 T=300 curriculum=3000 steps=3000"),

    SINGLE("sab 1 1", "k-trunc=1 k-top=1"),
    {"single", "softmax 6,000 updates", "sab 1 1", "k-trunc=1 k-top=1 steps=6000", NONE, 0, NULL},
    {"single", "relu-40 6,000 updates", "sab 1 1", "k-trunc=1 k-top=1 steps=6000 sparsifier=relu read-floor=40", NONE, 0,
     NULL},
    SINGLE("sab 5 1", "k-trunc=5 k-top=1"),
    SINGLE("sab 5 1, T=200", "k-trunc=5 k-top=1 T=200 curriculum=2000"),

    ONCE("sparsity", "sparse/sparse", "forward=sparse backward=sparse"),
    ONCE("sparsity", "dense/sparse", "forward=dense backward=sparse"),
    ONCE("sparsity", "dense/dense", "forward=dense backward=dense"),

    VARIANTS("mlp", "score=mlp"),
    VARIANTS("dot", "score=dot"),
    VARIANTS("release2019", "score=release2019"),

    BOUND_ROWS("5 5", "k-trunc=5 k-top=5 "),
    BOUND_STATE("state, 5 5, no bound", "k-trunc=5 k-top=5 "),
    BOUND_ROWS("10 10", "k-trunc=10 k-top=10 "),
    {"bound", "T=100 6,000 updates", "state, 5 5", COPY_100 "k-trunc=5 k-top=5 write=state read-bound=4 lr=0.006 steps=6000", NONE, 0,
     NULL},
    ONCE("bound", "provisional, 5 5", COPY_100 "k-trunc=5 k-top=5 read-bound=4"),
    ONCE("bound", "gain 0, 5 5, no bound", COPY_100 "k-trunc=5 k-top=5 read-gain=0"),

    ONCE("departures", "defaults", ""),
    ONCE("departures", "clip=1", "clip=1"),
    ONCE("departures", "curriculum=0", "curriculum=0"),
    ONCE("departures", "input-scale=1", "input-scale=1"),
    ONCE("departures", "key-scale=1", "key-scale=1"),
    ONCE("departures", "lr=0.001", "lr=0.001"),
    ONCE("departures", "beta2=0.999", "beta2=0.999"),
    ONCE("departures", "write=state", "write=state"),
    ONCE("departures", "all",
         "clip=1 curriculum=0 input-scale=1 key-scale=1 lr=0.001 warmup=0 schedule=constant beta2=0.999 write=state "
         "sparsifier=relu read-floor=0 explode=1e300"),

    ONCE("cells", "lstm", "cell=lstm"),
    ONCE("cells", "gru", "cell=gru read-gain=0.5"),
    ONCE("cells", "rnn", "cell=rnn"),

    {"long", "T=1000", "sab 5 5", "k-trunc=5 k-top=5 " AT_1000, NONE, 0, NULL},
    {"long", "T=1000", "sab 10 10", "k-trunc=10 k-top=10 " AT_1000, NONE, 0, NULL},
    {"long", "T=5000", "sab 5 5", "k-trunc=5 k-top=5 " AT_5000, NONE, 0, NULL},
    {"long", "T=5000", "sab 10 10", "k-trunc=10 k-top=10 " AT_5000, NONE, 0, NULL},
    {"long", "T=10000", "sab 5 5", "k-trunc=5 k-top=5 " AT_10000, NONE, 0, NULL},

    {"pace", "T=300", "grows in 1,000 updates", COPY "T=300 curriculum=1000", NONE, 0, NULL},
    {"pace", "T=300", "grows in 3,000 updates", COPY_300, NONE, 0, NULL},

    SMALLEST("k-trunc=1", "k-trunc=1"),
    SMALLEST("k-trunc=2", "k-trunc=2"),
    SMALLEST("k-trunc=5", "k-trunc=5"),
    SMALLEST("k-trunc=5 k-att=2", "k-trunc=5 k-att=2"),
    SMALLEST("k-trunc=5 k-att=5", "k-trunc=5 k-att=5"),
    SMALLEST("k-trunc=5 k-att=10", "k-trunc=5 k-att=10"),

    KEEPS_AT("keep", "copying T=100, 20 slots, gain 0", KEEP_COPY, "memory-slots=20", ""),
    {"keep", "copying T=300, 20 slots, gain 0", "all", KEEP_COPY_300, NONE, 0, NULL},
    {"keep", "copying T=300, 20 slots, gain 0", "novel", KEEP_COPY_300 "memory-slots=20 keep=novel", NONE, 0, NULL},
    {"keep", "copying T=300, 20 slots, gain 0", "learned", KEEP_COPY_300 "memory-slots=20 keep=learned", NONE, 0, NULL},
    KEEPS_AT("keep", "copying T=300, 40 slots, gain 0", KEEP_COPY_300, "memory-slots=40", ""),
    KEEPS_AT("keep", "cue T=200, 16 slots", KEEP_CUE "T=200 curriculum=200 eval-size=256 steps=500 ", "memory-slots=16", ""),
    KEEPS_AT("keep", "cue T=1000, 16 slots", KEEP_CUE "T=1000 curriculum=1000 eval-size=256 steps=1000 ", "memory-slots=16", ""),
    KEEPS_AT("keep", "cue T=10000, 16 slots, gain 0", KEEP_CUE_LONG "T=10000 curriculum=10000 ", "memory-slots=16", ""),
    KEEPS_AT("keep", "permuted, 50 slots", "preset=pmnist hidden=64 k-att=1 steps=1000 eval-every=250 ", "memory-slots=50", ""),
    KEEPS_AT("keep", "digits, 24 slots", KEEP_DIGITS, "memory-slots=24", ""),

    KEEPS_AT("keep-adding", "T=100, 10 slots", "T=100 steps=1500 ", "memory-slots=10", ""),
    {"keep-adding", "T=400, 16 slots", "all", "T=400 steps=3000", NONE, 0, NULL},
    {"keep-adding", "T=400, 16 slots", "novel", "T=400 steps=3000 memory-slots=16 keep=novel", NONE, 0, NULL},
    {"keep-adding", "T=400, 16 slots", "learned", "T=400 steps=3000 memory-slots=16 keep=learned", NONE, 0, NULL},

    KEEPS_AT("keep-texts", "Penn-Treebank, 10 slots", "preset=char-ptb hidden=128 k-att=1 steps=1600 ", "memory-slots=10",
             "memory-slots=100"),
    KEEPS_AT("keep-texts", "Shakespeare, 10 slots", KEEP_TEXT "k-att=1 ", "memory-slots=10", "memory-slots=100"),

    GAINS("all", "k-att=1"),
    GAINS("slots novel", "memory-slots=16 keep=novel"),
    GAINS("slots used", "memory-slots=16 keep=used"),
    GAINS("slots learned", "memory-slots=16 keep=learned"),
    GAINS("slots reservoir", "memory-slots=16 keep=reservoir"),
    GAINS("stretches", "k-att=20 pool=attention"),

    POOL("last 1", "pool=last k-trunc=1"),
    POOL("mean 1", "pool=mean k-trunc=1"),
    POOL("attention 1", "pool=attention k-trunc=1"),
    POOL("last 10", "pool=last k-trunc=10"),
    POOL("mean 10", "pool=mean k-trunc=10"),
    POOL("attention 10", "pool=attention k-trunc=10"),
    POOL_LONG("last 10", "pool=last k-trunc=10"),
    POOL_LONG("mean 10", "pool=mean k-trunc=10"),
    POOL_LONG("attention 10", "pool=attention k-trunc=10"),

    SEGMENTS_AT("cue T=1000", KEEP_CUE "T=1000 curriculum=1000 eval-size=256 steps=500 ", "13"),
    SEGMENTS_AT("copying T=100", COPY_100 "k-trunc=5 steps=1000 ", "3"),

    {"heat", "T=200", "sab 10 10", "k-trunc=10 k-top=10", NONE, 0, NULL},
};

enum { TABLES = sizeof tables / sizeof tables[0], CELLS = sizeof cells / sizeof cells[0] };

const struct sab_table *sab_table_at(int i)
{
    const struct sab_table_list *more = &sab_data_tables;
    return i >= 0 && i < TABLES ? &tables[i] : i >= TABLES && i < TABLES + more->n_tables ? &more->tables[i - TABLES] : NULL;
}

const struct sab_table_cell *sab_table_cell_at(int i)
{
    const struct sab_table_list *more = &sab_data_tables;
    return i >= 0 && i < CELLS ? &cells[i] : i >= CELLS && i < CELLS + more->n_cells ? &more->cells[i - CELLS] : NULL;
}
