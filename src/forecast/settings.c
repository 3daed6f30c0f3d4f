/* What the data and their length say of options that nobody gave: sab_settings of sab_run.h. Each choice is a function of options and
 * data alone, so that all ranks and threads come to the same.
 *
 *     input-scale   s^2 / (3 H) sum_i E[x_i^2], the variance of what enters a unit of the first layer, begins with 1; where values are
 *                   answered with 1/25, at which cells are nearly straight
 *     k-att         scores cost no more than products: length/2 memories of A elements against 6 G H (H + I) operations a step
 *     k-trunc       all of sequences of at most 50 steps that are each by themselves; else a quarter, within 5 to 50; k-top 10 where
 *                   sequences are long, and --write state where each is by itself: a state that holds what it recalled, and is recalled,
 *                   grows from chunk to chunk where memories go on
 *     read-gain     0.2 where values are answered: what is read then says little that the state does not, and disturbs; 0.3 of texts, where
 *                   it does so until recalls are sorted
 *     key-scale     settings_keys.c
 *     relative      on where on the training part the last value's squared error is below twice the mean's: E (y' - y)^2 = 2 (1 - r) var y,
 *                   so where the present and what is forecast go together, r > 0
 *     forget-bias   3 where only h and c remember long sequences (bptt, tbptt)
 *     the update    clip 1, lr 0.006 (a transformer 0.001), warmup 100; of small sets adamw with decay 0.1 and averaged weights
 *
 * Values that are not derived were measured: docs/decisions/017. */
#include "forecast/settings.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/csv_task.h"
#include "data/task.h"

static const double SCORE_FLOPS = 16; /* an element of a score in units of a product's operation, by bench/ceilings */
enum { LONG = 50, VERY_LONG = 150, FEW_SEQUENCES = 10000, LOOK_BATCHES = 4 };

/* Of the training part's first batches. */
struct look {
    int I;             /* products of an input: 1 where it is a symbol */
    int T;             /* steps of the longest sequence */
    int is_of_values;  /* answers are */
    int is_text;       /* a symbol is read, and state goes on */
    int is_stream;     /* state goes on from batch to batch */
    double squares;    /* sum_i E[x_i^2] */
    double length;     /* of the sequence that a step is in, in the mean over steps */
    double sequences;  /* in one pass; 0: endless */
};

int sab_choose(const struct sab_choices *c, const char *name, const char *value, const char *format, ...)
{
    char why[256], number[SAB_REAL_TEXT_CAP];
    va_list arguments;
    if (c->given[sab_option_index(name)] || strcmp(sab_options_value(c->options, name, number), value) == 0)
        return SAB_OK;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    if (c->tell)
        c->tell(c->user, name, value, why);
    return sab_options_set(c->options, name, value, NULL);
}

/* ---- what is looked at ---- */

static void add_batch(const struct sab_batch *batch, int I, double *squares, double *steps, double *steps_squared)
{
    for (int b = 0; b < batch->B; b++) {
        int length = batch->lengths ? batch->lengths[b] : batch->T;
        *steps += length;
        *steps_squared += (double)length * length;
        for (int t = 0; t < length; t++) {
            size_t at = (size_t)t * (size_t)batch->B + (size_t)b;
            for (int i = 0; i < I && batch->values; i++) {
                double x = (double)batch->values[at * (size_t)I + (size_t)i];
                *squares += x * x;
            }
            *squares += batch->values == NULL;
        }
    }
}

static int look_at(struct sab_task *task, int B, struct look *look, struct sab_error *err)
{
    const struct sab_shape *shape = sab_task_shape(task);
    double squares = 0, steps = 0, steps_squared = 0;
    int64_t batches = sab_task_batches(task, SAB_TRAIN, B);
    int status = SAB_OK;
    *look = (struct look){.I = shape->input == SAB_INPUT_IDS ? 1 : shape->I, .T = sab_task_steps(task), .sequences = (double)batches * B,
                            .is_of_values = shape->loss == SAB_LOSS_MSE || shape->loss == SAB_LOSS_QUANTILE};
    for (int64_t i = 0; i < LOOK_BATCHES && status == SAB_OK; i++) {
        struct sab_batch batch = {.size = sizeof batch};
        status = sab_task_batch(task, SAB_TRAIN, i, B, &batch, err);
        if (status != SAB_OK)
            return status;
        add_batch(&batch, shape->I, &squares, &steps, &steps_squared);
        look->is_stream = batch.fresh != NULL;
        look->is_text = look->is_stream && shape->input == SAB_INPUT_IDS;
    }
    look->squares = squares / steps;
    look->length = look->is_stream ? look->T : steps_squared / steps;
    return status;
}

/* ---- what is chosen ---- */

static int choose_input_scale(const struct sab_choices *c, const struct look *look)
{
    char value[32];
    if (!(look->squares > 0) || !isfinite(look->squares))
        return SAB_OK;
    double variance = look->is_of_values ? 0.04 : 1;
    double scale = fmin(fmax(sqrt(3 * c->options->model.hidden * variance / look->squares), 0.1), 100);
    snprintf(value, sizeof value, "%.2g", scale);
    return sab_choose(c, "input-scale", value, "the squares of a step's inputs sum to %.3g: what enters a unit then has variance %g%s",
                      look->squares, variance, look->is_of_values ? ", since values are answered" : "");
}

static int choose_memories(const struct sab_choices *c, const struct look *look)
{
    static const int gates[] = {[SAB_CELL_LSTM] = 4, [SAB_CELL_GRU] = 3, [SAB_CELL_RNN] = 1};
    const struct sab_model_options *o = &c->options->model;
    double H = o->hidden, A = o->attention_width > 0 ? o->attention_width : H;
    double products = 6 * gates[o->cell] * H * (H + look->I), scores = 0.5 * look->length * A * SCORE_FLOPS;
    char value[32];
    int k_att = (int)fmin(fmax(ceil(scores / products), 1), look->T);
    while (look->is_stream && look->T % k_att != 0)
        k_att++;
    snprintf(value, sizeof value, "%d", k_att);
    int status = sab_choose(c, "k-att", value, "in sequences of %.0f steps, scores of all states would take %.2g times as long as products",
                            look->length, scores / products);
    if (status == SAB_OK && look->is_of_values)
        status = sab_choose(c, "read-gain", "0.2", "where values are answered, smaller reads forecast better");
    if (status == SAB_OK && look->is_text)
        status = sab_choose(c, "read-gain", "0.3", "of texts, smaller reads learn sooner");
    if (status == SAB_OK && look->length >= VERY_LONG)
        status = sab_choose(c, "k-top", "10", "sequences of %.0f steps", look->length);
    if (status == SAB_OK && look->length >= VERY_LONG && !look->is_stream)
        status = sab_choose(c, "write", "state", "sequences of %.0f steps", look->length);
    return status;
}

static int choose_credit(const struct sab_choices *c, const struct look *look)
{
    const struct sab_model_options *o = &c->options->model;
    int is_whole = !look->is_stream && look->T <= LONG, status = SAB_OK;
    int k_trunc = is_whole ? look->T : (int)fmin(fmax(look->length / 4, 5), 50);
    char value[32];
    if (o->credit == SAB_CREDIT_SAB || o->credit == SAB_CREDIT_TBPTT) {
        snprintf(value, sizeof value, "%d", k_trunc);
        status = is_whole ? sab_choose(c, "k-trunc", value, "one window: no sequence has more than %d steps", LONG)
                          : sab_choose(c, "k-trunc", value, "a quarter of %.0f steps, within 5 to 50", look->length);
    }
    if (status == SAB_OK && o->credit == SAB_CREDIT_SAB && o->k_top > 0)
        status = choose_memories(c, look);
    if (status == SAB_OK && look->length > LONG && o->cell == SAB_CELL_LSTM &&
        (o->credit == SAB_CREDIT_BPTT || o->credit == SAB_CREDIT_TBPTT))
        status = sab_choose(c, "forget-bias", "3", "without memories, c alone remembers %.0f steps", look->length);
    return status;
}

static int choose_relative(const struct sab_choices *c, struct sab_task *task, struct sab_error *err)
{
    void *state = sab_task_state(task, &sab_task_csv);
    int O = sab_task_shape(task)->O;
    double last = 0;
    struct sab_quantiles quantiles = {.n = 1};
    if (!state || !c->options->task.values.standardise || !sab_csv_could_be_relative(state))
        return SAB_OK;
    if (sab_task_shape(task)->loss == SAB_LOSS_QUANTILE && sab_quantiles_parse(c->options->shared.quantiles, &quantiles, err) != SAB_OK)
        return SAB_INVALID;
    double *squares = sab_alloc(2 * (size_t)O, sizeof *squares);
    if (!squares)
        return sab_fail(err, SAB_NOMEM, "no memory for %d targets", O);
    int64_t count = sab_task_naive(task, SAB_TRAIN, 0, squares, squares + O);
    for (int o = 0; o < O && count > 0; o++) /* of quantiles, the targets stand before 0s */
        last += squares[o] / (double)count * quantiles.n / O;
    sab_free(squares);
    if (count == 0 || !(last < 2))
        return SAB_OK;
    int status = sab_choose(c, "relative", "on", "on the training part the last value's squared error is %.2g of the mean's; 2 would be "
                            "chance", last);
    return status == SAB_OK && c->options->task.csv.relative ? sab_task_make_relative(task, err) : status;
}

/* Does not look at --steps, so that a run that is prolonged later makes the same choices. */
static int choose_update(const struct sab_choices *c, const struct look *look)
{
    int is_transformer = c->options->model.model == SAB_KIND_TRANSFORMER;
    int status = sab_choose(c, "clip", "1", "0.1 is for copying");
    if (status == SAB_OK)
        status = sab_choose(c, "lr", is_transformer ? "0.001" : "0.006", is_transformer ? "as on copying"
                            : "learns sooner than 0.003 on speech, text and series");
    if (status == SAB_OK)
        status = sab_choose(c, "warmup", "100", "what is read from files needs no longer");
    if (!(look->sequences < FEW_SEQUENCES) || c->given[sab_option_index("optimizer")] || c->given[sab_option_index("weight-decay")])
        return status;
    if (status == SAB_OK)
        status = sab_choose(c, "optimizer", "adamw", "%.0f training sequences are few", look->sequences);
    if (status == SAB_OK)
        status = sab_choose(c, "weight-decay", "0.1", "so that what only one sequence teaches is forgotten");
    if (status == SAB_OK)
        status = sab_choose(c, "average", "0.98", "the mean of the last fifty weights or so is better than the last ones");
    return status;
}

int sab_settings(struct sab_options *options, struct sab_task *task, const unsigned char *given,
                 void (*tell)(void *user, const char *name, const char *value, const char *why), void *user, struct sab_error *err)
{
    struct sab_choices c = {options, given, tell, user};
    struct look look;
    int is_recurrent = options->model.model == SAB_KIND_RECURRENT;
    if (!sab_task_facts(task)) /* what draws its data has the defaults, which were found on it */
        return SAB_OK;
    int status = look_at(task, options->shared.batch, &look, err);
    if (status == SAB_OK && options->model.model != SAB_KIND_TRANSFORMER)
        status = choose_input_scale(&c, &look);
    if (status == SAB_OK && is_recurrent)
        status = choose_credit(&c, &look);
    if (status == SAB_OK && is_recurrent)
        status = sab_choose_key_scale(&c, task, err);
    if (status == SAB_OK)
        status = choose_relative(&c, task, err);
    if (status == SAB_OK && look.sequences > 0)
        status = choose_update(&c, &look);
    return status == SAB_OK ? sab_options_check(options, err) : status;
}
