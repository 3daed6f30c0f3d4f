/* The table of public data sets. Checksums are of the files as they are known to work, unpacked. */
#include "cli/public_sets.h"

#include <stddef.h>

static const struct sab_public_set sets[] = {
    {
        .name = "mnist",
        .what = "70,000 handwritten digits of 28 x 28 grey pixels: 60,000 to train, 10,000 to test",
        .licence = "no licence text",
        .origin = "LeCun, Cortes, Burges: yann.lecun.com/exdb/mnist",
        .folder = "mnist",
        .files = {
            {"train-images-idx3-ubyte", 47040016,
             "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
            {"train-labels-idx1-ubyte", 60008,
             "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
            {"t10k-images-idx3-ubyte", 7840016,
             "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
            {"t10k-labels-idx1-ubyte", 10008,
             "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"},
        },
        .options = "mnist --data mnist",
    },
    {
        .name = "fashion-mnist",
        .what = "70,000 pieces of clothing, in the same form as mnist",
        .licence = "MIT",
        .origin = "Debian: apt-get install dataset-fashion-mnist; github.com/zalandoresearch/fashion-mnist",
        .folder = "fashion-mnist",
        .files = {
            {"train-images-idx3-ubyte", 47040016,
             "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"},
            {"train-labels-idx1-ubyte", 60008,
             "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"},
            {"t10k-images-idx3-ubyte", 7840016,
             "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"},
            {"t10k-labels-idx1-ubyte", 10008,
             "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"},
        },
        .options = "idx --data fashion-mnist",
    },
    {
        .name = "cifar10",
        .what = "60,000 colour pictures of 32 x 32 pixels in ten classes, the binary version",
        .licence = "no licence text",
        .origin = "Krizhevsky: www.cs.toronto.edu/~kriz/cifar.html",
        .folder = "cifar10",
        .files = {
            {"data_batch_1.bin", 30730000,
             "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"},
            {"data_batch_2.bin", 30730000, NULL},
            {"data_batch_3.bin", 30730000, NULL},
            {"data_batch_4.bin", 30730000, NULL},
            {"data_batch_5.bin", 30730000, NULL},
            {"test_batch.bin", 30730000,
             "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"},
        },
        .options = "cifar10 --data cifar10",
    },
    {
        .name = "ptb",
        .what = "Penn Treebank by characters: one byte a symbol, 50 symbols, blanks written _",
        .licence = "Wall Street Journal text, for research only",
        .origin = "Mikolov's character version, the blanks between its symbols taken out",
        .folder = "ptb",
        .files = {
            {"char.train.txt", 5017482,
             "ffc4b7caef8cf464ea9a9d05a5ec61d16191f799cf36a1f6ea6ca5c9a5c20a75"},
            {"char.valid.txt", 393042,
             "a33484a2818b6ae220f64885d3612a53ee7bcb88641502cd3bff5315753de8ef"},
            {"char.test.txt", 442423,
             "496bdba98e4394704f822691a9c4053060a839e370a97759b45028b2a8ebec74"},
        },
        .options = "text --data ptb/char.train.txt"
                   " --valid-data ptb/char.valid.txt --test-data ptb/char.test.txt",
    },
    {
        .name = "text8",
        .what = "the first 100 million characters of cleaned Wikipedia text: a to z and blanks",
        .licence = "GFDL",
        .origin = "Mahoney: mattmahoney.net/dc/textdata.html",
        .folder = "text",
        .files = {
            {"text8", 100000000, NULL},
        },
        .options = "text --data text/text8 --split 0.9,0.05,0.05",
    },
    {
        .name = "tinyshakespeare",
        .what = "1.1 million characters of plays",
        .licence = "public domain",
        .origin = "Karpathy: github.com/karpathy/char-rnn",
        .folder = "text",
        .files = {
            {"tinyshakespeare.txt", 1115394,
             "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"},
        },
        .options = "text --data text/tinyshakespeare.txt",
    },
    {
        .name = "openstack-log",
        .what = "2,000 lines of a cloud's log, which say the same again and again",
        .licence = "free for research, where Loghub is cited",
        .origin = "Loghub, OpenStack: github.com/logpai/loghub",
        .folder = "repeats",
        .files = {{"OpenStack_2k.log", 595119, "025a1bc64ff5b2ef4a4bda6c4ad5c5c5f18478b71cd1ad2b0676e01625629f2f"}},
        .options = "text --data repeats/OpenStack_2k.log",
    },
    {
        .name = "etth1",
        .what = "electricity transformer: 17,420 hours of 7 values, with dates",
        .licence = "CC BY-ND 4.0",
        .origin = "github.com/zhouhaoyi/ETDataset",
        .folder = "timeseries",
        .files = {
            {"ETTh1.csv", 2589657,
             "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066"},
        },
        .options = "csv --data timeseries/ETTh1.csv --split 0.495982,0.165327,0.165327",
    },
    {
        .name = "exchange-rate",
        .what = "exchange rates of eight countries, 7,588 days",
        .licence = "no licence text; offered for research",
        .origin = "github.com/laiguokun/multivariate-time-series-data",
        .folder = "timeseries",
        .files = {
            {"exchange_rate.txt", 546336,
             "0127465b51e3cd3c360f8eb2be30cfd294689a2a55903eb8245aafc396626c7f"},
        },
        .options = "csv --data timeseries/exchange_rate.txt --header off",
    },
    {
        .name = "mit-bih-100",
        .what = "electrocardiogram: 650,000 samples of two leads, with the kind of each beat",
        .licence = "ODC-By 1.0",
        .origin = "MIT-BIH Arrhythmia Database, record 100: physionet.org/content/mitdb",
        .folder = "timeseries",
        .files = {
            {"100.dat", 1950000,
             "b2ea3c250e56e48f4b7b90697832b8ecd1afa1e0bb31f2dcfea4ed6e1075a639"},
            {"100.hea", 166,
             "95fbdda0454fffae1a2dab1a5ac53e924ae97691c028cdd3ee82f2446b73c066"},
            {"100.atr", 4558,
             "8d8a5349fb16638ebbf649f1779d12e96d91b736b2aafe59db43719ae583d471"},
        },
        .options = NULL,
    },
};

const struct sab_public_set *sab_public_set_at(int i)
{
    return i >= 0 && i < (int)(sizeof sets / sizeof sets[0]) ? &sets[i] : NULL;
}
