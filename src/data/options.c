/* See options.h. */
#include "data/options.h"

#define OWNER struct sab_task_options

static const char *const rewrites[] = {[SAB_REWRITE_COPY] = "copy", [SAB_REWRITE_REVERSE] = "reverse",
                                       [SAB_REWRITE_SORT] = "sort", NULL};
static const char *const symbols[] = {[SAB_SYMBOLS_ROWS] = "rows", [SAB_SYMBOLS_NUMBER] = "number", NULL};
static const char *const bys[] = {[SAB_BY_ROW] = "row", [SAB_BY_PIXEL] = "pixel", NULL};
static const char *const units[] = {[SAB_UNITS_BYTES] = "bytes", [SAB_UNITS_CHARS] = "chars", NULL};
static const char *const losses[] = {"auto", "cross-entropy", "mse", "bce", "quantile", NULL};
static const char *const goals[] = {[SAB_GOAL_FORECAST] = "forecast", [SAB_GOAL_STEP] = "step",
                                    [SAB_GOAL_SERIES] = "series", NULL};
static const char *const headers[] = {[SAB_HEADER_AUTO] = "auto", [SAB_HEADER_ON] = "on", [SAB_HEADER_OFF] = "off",
                                      NULL};
static const char *const missings[] = {[SAB_MISSING_ERROR] = "error", [SAB_MISSING_LAST] = "last",
                                       [SAB_MISSING_MASK] = "mask", [SAB_MISSING_SKIP] = "skip", NULL};
static const char *const duplicates[] = {[SAB_DUPLICATES_ERROR] = "error", [SAB_DUPLICATES_FIRST] = "first",
                                         [SAB_DUPLICATES_LAST] = "last", NULL};
static const char *const gaps[] = {[SAB_GAPS_ERROR] = "error", [SAB_GAPS_KEEP] = "keep", [SAB_GAPS_FILL] = "fill",
                                   NULL};

/* Who reads it. */
#define DRAWN "copy adding cue transduce"
#define IMAGES "idx mnist cifar10"
#define FILES IMAGES " text npy csv"

static const struct sab_option rows[] = {
    SAB_TEXT("task", task, SAB_DECIDES, "copy", "task", NULL, "what to learn"),
    SAB_INT("T", T, SAB_DECIDES, 1, 1e8, "100", "task", DRAWN " text csv",
            "length of the task; copying sequences have T+20 steps, transduce up to 2 T + 1; text and series are cut "
            "into chunks of T"),
    SAB_INT64("curriculum", drawn.curriculum, SAB_DECIDES, 0, SAB_OPTION_MOST, "1000", "task", DRAWN,
              "updates over which training sequences grow from T/10 to T; 0: always T"),
    SAB_INT64("fixed", drawn.fixed, SAB_DECIDES, 0, SAB_OPTION_MOST, "0", "task", DRAWN,
              "train on this many sequences again and again; 0: always fresh ones"),
    SAB_INT("classes", drawn.classes, SAB_DECIDES, 2, 1024, "8", "task", "cue", "cue: number of different events"),
    SAB_CHOICE("rewrite", drawn.rewrite, SAB_DECIDES, rewrites, "reverse", "task", "transduce",
               "transduce: the source is to be answered as it is, reversed or sorted"),
    SAB_CHOICE("symbols", drawn.symbols, SAB_DECIDES, symbols, "rows", "task", "copy",
               "copy: a symbol is a row of weights, or one number, as in the authors' code"),

    SAB_TEXT("data", files.data, SAB_RESUMES, "", "data", FILES,
             "file or folder that the task reads; looked for in $SAB_DATA too"),
    SAB_TEXT("valid-data", files.valid_data, SAB_RESUMES, "", "data", FILES,
             "what to evaluate on while training; by default a part of --data"),
    SAB_TEXT("test-data", files.test_data, SAB_RESUMES, "", "data", FILES,
             "what sab eval measures on; by default a part of --data"),
    SAB_TEXT("split", files.split, SAB_DECIDES, "0.9,0.05,0.05", "data", FILES,
             "fractions of --data that are train, valid and test, in the order of the file"),
    SAB_CHOICE("by", images.by, SAB_DECIDES, bys, "row", "data", IMAGES,
               "images: a step is a row of pixels, or one pixel"),
    SAB_UINT64("permute", images.permute, SAB_DECIDES, 0, SAB_OPTION_MOST, "0", "data", IMAGES,
               "images: pixels in a random order, the same for all, drawn from this seed; 0: as they are"),
    SAB_SWITCH("grey", images.grey, SAB_DECIDES, "off", "data", "cifar10", "cifar10: grey instead of three colours"),
    SAB_CHOICE("units", text.units, SAB_DECIDES, units, "chars", "data", "text",
               "text: symbols are bytes, or characters of UTF-8"),
    SAB_INT("unknown", text.unknown, SAB_DECIDES, 0, 1e9, "0", "data", "text",
            "text: one symbol for characters seen fewer times than this, and for unseen ones; 0: unseen ones are an "
            "error"),
    SAB_TEXT("reset-at", text.reset_at, SAB_DECIDES, "", "data", "text",
             "text: a document ends with this, such as \\n\\n, and nothing is carried over; by default never"),
    SAB_CHOICE("loss", values.loss, SAB_DECIDES, losses, "auto", "data", "npy csv",
               "npy, csv: what the outputs are judged by; auto: cross-entropy for classes, mse for values; quantile: each "
               "of --quantiles of a value, by its pinball loss"),
    SAB_SWITCH("standardise", values.standardise, SAB_DECIDES, "on", "data", "npy csv",
               "npy, csv: scale values to mean 0, deviation 1 of the training part"),
    SAB_TEXT("class-weights", values.class_weights, SAB_DECIDES, "", "data", "npy csv",
             "npy, csv: what each class counts in the loss of training, such as 1,20; balanced: all classes the same in sum"),
    SAB_CHOICE("goal", csv.goal, SAB_DECIDES, goals, "forecast", "data", "csv",
               "csv: forecast values, or learn a column of answers for each step or each series"),
    SAB_TEXT("horizon", csv.horizon, SAB_DECIDES, "1", "data", "csv",
             "csv: how many rows ahead is forecast: 6, or several, as 1-24 or 1,6,24"),
    SAB_INT64("season", csv.season, SAB_RESUMES, 0, 1e9, "0", "data", "csv",
              "csv: rows of a cycle, such as 24 of hours: evaluations compare with the value of that many rows before, too"),
    SAB_SWITCH("relative", csv.relative, SAB_DECIDES, "off", "data", "csv",
               "csv: learn the change from the present value, so that a network that says nothing repeats the last "
               "one"),
    SAB_TEXT("inputs", csv.inputs, SAB_DECIDES, "", "data", "csv",
             "csv: columns by name or number, such as price,4-6; by default all that hold numbers"),
    SAB_TEXT("categories", csv.categories, SAB_DECIDES, "", "data", "csv",
             "csv: columns of texts that are inputs, too: one input for each text that the training part has"),
    SAB_TEXT("targets", csv.targets, SAB_DECIDES, "", "data", "csv",
             "csv: columns to forecast (by default the inputs), or of answers"),
    SAB_TEXT("series", csv.series, SAB_DECIDES, "", "data", "csv",
             "csv: the column that names the series of each row; by default it is one series"),
    SAB_CHOICE("header", csv.header, SAB_DECIDES, headers, "auto", "data", "csv",
               "csv: whether the first line names the columns"),
    SAB_TEXT("separator", csv.separator, SAB_DECIDES, "auto", "data", "csv",
             "csv: what separates columns: comma, semicolon, tab, pipe, space (any number of them), or one sign"),
    SAB_INT("skip-lines", csv.skip_lines, SAB_DECIDES, 0, 1e9, "0", "data", "csv", "csv: lines before the table"),
    SAB_SWITCH("decimal-comma", csv.decimal_comma, SAB_DECIDES, "off", "data", "csv", "csv: numbers are written 1,5"),
    SAB_SWITCH("thousands", csv.thousands, SAB_DECIDES, "off", "data", "csv",
               "csv: thousands are parted, as in 1,000.5 or 1 000.5"),
    SAB_CHOICE("missing", csv.missing, SAB_DECIDES, missings, "error", "data", "csv",
               "csv: cells without a value; last: as the value before, no target; mask: and an input that says so; skip "
               "the row"),
    SAB_TEXT("time", csv.time, SAB_DECIDES, "", "data", "csv",
             "csv: the column of times, by which the rows of each series are put in order and checked"),
    SAB_TEXT("time-format", csv.time_format, SAB_DECIDES, "auto", "data", "csv",
             "csv: how times are written, as strptime has it (%d.%m.%Y %H:%M); auto: ISO 8601, or seconds, ms, us "
             "or ns since 1970"),
    SAB_CHOICE("duplicates", csv.duplicates, SAB_DECIDES, duplicates, "error", "data", "csv",
               "csv: of rows that have the same --time, which is kept"),
    SAB_CHOICE("gaps", csv.gaps, SAB_DECIDES, gaps, "error", "data", "csv",
               "csv: where --time leaves out steps; keep: rows follow on each other; fill: rows are added, as --missing "
               "says"),
    SAB_TEXT("calendar", csv.calendar, SAB_DECIDES, "", "data", "csv",
             "csv: inputs (sine and cosine) that tell the time: any of minute, hour, weekday, day, month"),
};

const struct sab_rows sab_task_rows = SAB_ROWS(rows);

int sab_loss_of(const struct sab_values_options *options)
{
    static const int kinds[] = {-1, SAB_LOSS_CROSS_ENTROPY, SAB_LOSS_MSE, SAB_LOSS_BCE, SAB_LOSS_QUANTILE}; /* as losses */
    return kinds[options->loss];
}

int sab_loss_is_open(const struct sab_values_options *options)
{
    return options->loss == 0 && !options->class_weights[0];
}
