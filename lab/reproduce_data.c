/* The tables of results on data sets. See reproduce_tables.c, whose words hold here too. */
#include "lab/reproduce_tables.h"

#include <stddef.h>

#define RECALLED(text) {text, "recalled"}
#define NONE {"", ""}

static const struct sab_table tables[] = {
    {"pixels", "images read step by step: accuracy on all test images", "eval-every=500", "",
     "Rows: MNIST, 28 steps. Permuted: MNIST pixel by pixel in a random order, 784 steps. The paper's full BPTT has "
     "90.3 % on the latter (recalled). CIFAR-10: pixel by pixel, grey, 1,024 steps, one of the set's five files, 10,000 images. Rows are "
     "called method, k-trunc, k-top.", SAB_MEASURE_ACCURACY, 1,
     SAB_FIGURE_NONE, NULL},
    {"texts", "text: bits per character of the whole test text, in one pass", "eval-every=500", "",
     "Penn Treebank: its usual parts, H = 512. text8 here is its first 6.9 of 100 million characters, not comparable "
     "with figures of others; it and Shakespeare have H = 256, 4,000 updates.",
     SAB_MEASURE_BITS, 1, SAB_FIGURE_NONE, NULL},
    {"texts-time", "text in the same time: bits per character of the test text",
     "", "",
     "As many updates as one core makes in the same time, by `--dry-run`. Seconds are a processor's, of training, evaluations and the "
     "test; memory is the process's at its peak. H = 128, batches of 32 texts, chunks of 100 characters.",
     SAB_MEASURE_BITS, 1, SAB_FIGURE_SECONDS, "Penn-Treebank", 0, 1},
    {"forecasts", "time series: mean squared error of forecasts",
     "task=csv relative=on T=96 hidden=64 batch=16 k-trunc=24 k-att=4 read-gain=0.2 clip=1 optimizer=adamw "
     "weight-decay=0.1 average=0.98 warmup=50 split=0.6,0.2,0.2 steps=200 lr=0.001 input-scale=0.3 "
     "key-scale=1 eval-every=20", "",
     "In deviations of the training part, on the last fifth of the rows, all columns. Chosen on validation data among "
     "some thirty probes.", SAB_MEASURE_MSE, 1, SAB_FIGURE_NONE, NULL},
    {"real", "real sequences: accuracy on test data, by method", "hidden=64 batch=32 eval-size=0", "",
     "What a row does not name is chosen from the data (`--settings auto`), for every method by the same rules; nothing was tuned. "
     "Digits: free spoken digits, official test takes, of `examples/spoken_digits.py`; digits-16: 16 samples a step, 240 steps, 1,500 "
     "updates; digits-half: every second sample, 1,950 steps, 1,000 updates; digits-8kHz: as recorded, 3,900 steps, 1,000 updates. Beats: "
     "MIT-BIH record 100 by `examples/mitbih.py`, where always saying \"normal\" is right in 98.2 %.",
     SAB_MEASURE_ACCURACY, 3, SAB_FIGURE_NONE, NULL, 1},
    {"real-longer", "spoken digits as recorded, more updates: accuracy, by method",
     "task=npy hidden=64 batch=32 steps=4000 eval-every=250 eval-size=0", "",
     "As digits-8kHz above, with 4,000 updates in place of 1,000. What a row does not name is chosen from the data, for "
     "every method by the same rules.",
     SAB_MEASURE_ACCURACY, 1, SAB_FIGURE_NONE, NULL, 1},
    {"real-speakers", "spoken digits of a speaker left out: accuracy, by method",
     "task=npy hidden=64 batch=32 steps=1500 eval-every=250 eval-size=0", "",
     "As digits-16 above, by `examples/spoken_digits.py --group 16 --leave SPEAKER`: the test part is all of that speaker, 500 recordings. "
     "What a row does not name is chosen from the data, for every method by the same rules.",
     SAB_MEASURE_ACCURACY, 1, SAB_FIGURE_NONE, NULL, 1},
    {"real-series", "real series: mean squared error of forecasts, by method",
     "task=csv hidden=64 batch=16 T=96 split=0.6,0.2,0.2 steps=500 eval-every=25", "",
     "In deviations of the training part, on the last fifth of the rows, all columns. What a row does not name is chosen from the data, "
     "by rules found with SAB on validation parts. Last value; a linear fit to 24 rows (`bench/learning/forecasts.py`): "
     "ETTh1 1 hour 0.2145; 0.1503, 6 hours 1.6617; 0.4076, 24 hours 0.4515; 0.4015, "
     "exchange rates 1 day 0.0042; 0.0046, 24 days 0.0539; 0.1309.",
     SAB_MEASURE_MSE, 3, SAB_FIGURE_NONE, NULL, 1},
    {"real-texts", "texts with long repeats: bits per character, by method",
     "task=text split=0.8,0.1,0.1 T=400 hidden=128 batch=16 steps=400 eval-every=100 eval-size=0", "",
     "Of the whole test part, in one pass. What a row does not name is chosen from the data, for every method by the same rules. "
     "Log: "
     "OpenStack_2k.log of Loghub (github.com/logpai/loghub), 595,119 characters, 2,000 lines. Python: modules of the standard library of "
     "Debian 12's Python 3.11, by `examples/python_source.py`. Chunks of 400 characters; the recurrent carry state, and memories, from "
     "one to the next. Columns -1000: 1,000 updates in place of 400.",
     SAB_MEASURE_BITS, 3, SAB_FIGURE_NONE, NULL, 1},
};

#define CIFAR \
    "preset=cifar10 grey=on batch=32 k-trunc=50 input-scale=5 key-scale=1 clip=1 lr=0.006 steps=1000 eval-every=250 eval-size=1000 "

/* One method for as many updates as take the same time. */
#define SHAKESPEARE "preset=text8 data=text/tinyshakespeare.txt hidden=128 input-scale=30 eval-every=50 "
#define TREEBANK "preset=char-ptb hidden=128 eval-every=150 "
#define TEXTS_TIME(row, options, plays, treebank) \
    {"texts-time", "Shakespeare", row, SHAKESPEARE options "steps=" plays, NONE, 0, NULL}, \
    {"texts-time", "Penn-Treebank", row, TREEBANK options "steps=" treebank, NONE, 0, NULL}

/* One method on each set. */
#define REAL_DIGITS(set) "task=npy data=" set "/train.npz valid-data=" set "/valid.npz test-data=" set "/test.npz "
#define REAL_ROWS(row, options, why_not_half) \
    {"real", "digits-16", row, REAL_DIGITS("digits-16") "steps=1500 eval-every=250 " options, NONE, 0, NULL}, \
    {"real", "digits-half", row, REAL_DIGITS("digits-half") "steps=1000 eval-every=250 " options, NONE, 0, why_not_half}, \
    {"real", "digits-8kHz", row, REAL_DIGITS("digits-8kHz") "steps=1000 eval-every=250 " options, NONE, 0, why_not_half}, \
    {"real", "beats", row, REAL_DIGITS("ecg") "steps=1500 eval-every=150 " options, NONE, 0, NULL}
#define REAL_SPEAKER(speaker, row, options) \
    {"real-speakers", "speaker " speaker, row, REAL_DIGITS("digits-16-leave-" speaker) options, NONE, 0, NULL}
#define REAL_SPEAKERS(row, options) \
    REAL_SPEAKER("0", row, options), REAL_SPEAKER("1", row, options), REAL_SPEAKER("2", row, options), \
    REAL_SPEAKER("3", row, options), REAL_SPEAKER("4", row, options), REAL_SPEAKER("5", row, options)
#define DATES "time=date calendar=hour,weekday "
#define REAL_SERIES(row, options) \
    {"real-series", "ETTh1-1", row, "data=timeseries/ETTh1.csv horizon=1 " options, NONE, 0, NULL}, \
    {"real-series", "ETTh1-6", row, "data=timeseries/ETTh1.csv horizon=6 " options, NONE, 0, NULL}, \
    {"real-series", "ETTh1-24", row, "data=timeseries/ETTh1.csv horizon=24 " options, NONE, 0, NULL}, \
    {"real-series", "ETTh1-6-dates", row, "data=timeseries/ETTh1.csv horizon=6 " DATES options, NONE, 0, NULL}, \
    {"real-series", "ETTh1-24-dates", row, "data=timeseries/ETTh1.csv horizon=24 " DATES options, NONE, 0, NULL}, \
    {"real-series", "exchange-1", row, "data=timeseries/exchange_rate.txt horizon=1 " options, NONE, 0, NULL}, \
    {"real-series", "exchange-24", row, "data=timeseries/exchange_rate.txt horizon=24 " options, NONE, 0, NULL}

#define REAL_TEXTS(row, options) \
    {"real-texts", "log", row, "data=repeats/OpenStack_2k.log " options, NONE, 0, NULL}, \
    {"real-texts", "log-1000", row, "data=repeats/OpenStack_2k.log steps=1000 " options, NONE, 0, NULL}, \
    {"real-texts", "python", row, "data=repeats/python.txt " options, NONE, 0, NULL}, \
    {"real-texts", "python-1000", row, "data=repeats/python.txt steps=1000 " options, NONE, 0, NULL}

static const struct sab_table_cell cells[] = {
    {"pixels", "rows", "sab 28 5", "preset=mnist-rows", NONE, 0, NULL},
    {"pixels", "rows", "sab 5 5", "preset=mnist-rows k-trunc=5", NONE, 0, NULL},
    {"pixels", "rows", "tbptt 5", "preset=mnist-rows k-trunc=5 credit=tbptt", NONE, 0, NULL},
    {"pixels", "permuted", "sab 50 10", "preset=pmnist", RECALLED("94.2 %"), 0, NULL},
    {"pixels", "permuted", "tbptt 50", "preset=pmnist credit=tbptt write=provisional k-top=5 k-att=1", NONE, 0, NULL},
    {"pixels", "CIFAR-10", "sab 50 10", CIFAR "k-top=10 k-att=20 write=state", NONE, 0, NULL},
    {"pixels", "CIFAR-10", "tbptt 50", CIFAR "credit=tbptt k-top=5 k-att=1 forget-bias=3", NONE, 0, NULL},
    {"pixels", "CIFAR-10", "bptt", CIFAR "credit=bptt k-top=5 k-att=1 forget-bias=3", NONE, 0, NULL},

    {"texts", "Penn-Treebank", "sab 20 5", "preset=char-ptb steps=9000", RECALLED("1.43 to 1.37"), 0, NULL},
    {"texts", "Penn-Treebank", "bptt", "preset=char-ptb steps=9000 credit=bptt", RECALLED("1.36"), 0, NULL},
    {"texts", "text8-part", "sab 20 5", "preset=text8 data=text/text8.first6877825 hidden=256 input-scale=30 steps=4000",
     NONE, 0, NULL},
    {"texts", "text8-part", "bptt",
     "preset=text8 data=text/text8.first6877825 hidden=256 input-scale=30 steps=4000 credit=bptt", NONE, 0, NULL},
    {"texts", "Shakespeare", "sab 20 5",
     "preset=text8 data=text/tinyshakespeare.txt hidden=256 input-scale=30 steps=4000", NONE, 0, NULL},
    {"texts", "Shakespeare", "bptt",
     "preset=text8 data=text/tinyshakespeare.txt hidden=256 input-scale=30 steps=4000 credit=bptt", NONE, 0, NULL},

    TEXTS_TIME("bptt", "credit=bptt ", "1600", "4800"),
    TEXTS_TIME("tbptt 20", "credit=tbptt ", "1600", "4800"),
    TEXTS_TIME("sab 20 5", "", "1000", "3000"),

    {"forecasts", "mse", "ETTh1 1 hour",
     "data=timeseries/ETTh1.csv hidden=48 steps=2000 lr=0.003 input-scale=0.5 eval-every=100", NONE, 0, NULL},
    {"forecasts", "mse", "ETTh1 6 hours", "data=timeseries/ETTh1.csv horizon=6 steps=400", NONE, 0, NULL},
    {"forecasts", "mse", "ETTh1 24 hours", "data=timeseries/ETTh1.csv horizon=24", NONE, 0, NULL},
    {"forecasts", "mse", "exchange 1 day", "data=timeseries/exchange_rate.txt hidden=32", NONE, 0, NULL},
    {"forecasts", "mse", "exchange 24 days", "data=timeseries/exchange_rate.txt hidden=32 horizon=24", NONE, 0, NULL},

    REAL_ROWS("sab", "credit=sab", NULL),
    REAL_ROWS("sab, no mental updates", "credit=sab mental-updates=off", NULL),
    REAL_ROWS("tbptt, same windows", "credit=tbptt", NULL),
    REAL_ROWS("bptt", "credit=bptt", NULL),
    REAL_ROWS("dense attention", "credit=attention", NULL),
    REAL_ROWS("transformer", "model=transformer layers=2", "each update compares all pairs of up to 9,131 or 18,262 steps"),

    {"real-longer", "digits-8kHz", "sab", REAL_DIGITS("digits-8kHz") "credit=sab", NONE, 0, NULL},
    {"real-longer", "digits-8kHz", "tbptt, same windows", REAL_DIGITS("digits-8kHz") "credit=tbptt", NONE, 0, NULL},

    REAL_SPEAKERS("sab", "credit=sab"),
    REAL_SPEAKERS("tbptt, same windows", "credit=tbptt"),

    REAL_SERIES("sab", "credit=sab"),
    REAL_SERIES("tbptt, same windows", "credit=tbptt"),
    REAL_SERIES("bptt", "credit=bptt"),
    REAL_SERIES("dense attention", "credit=attention"),
    REAL_SERIES("transformer", "model=transformer layers=2"),

    REAL_TEXTS("sab", "credit=sab"),
    REAL_TEXTS("sab, no mental updates", "credit=sab mental-updates=off"),
    REAL_TEXTS("tbptt, same windows", "credit=tbptt"),
    REAL_TEXTS("bptt", "credit=bptt"),
    REAL_TEXTS("dense attention", "credit=attention"),
    REAL_TEXTS("transformer", "model=transformer layers=2"),
};

const struct sab_table_list sab_data_tables = {tables, sizeof tables / sizeof tables[0], cells, sizeof cells / sizeof cells[0]};
