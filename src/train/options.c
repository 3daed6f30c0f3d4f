/* All options: the order in which they are told, found by name, set, read and checked together. See options.h. Must not
 * know what any of them does. */
#include "train/options.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cuda/device.h"

#define OWNER struct sab_run_options

static const struct sab_option pace[] = {
    SAB_INT64("eval-every", eval_every, SAB_RESUMES, 0, SAB_OPTION_MOST, "250", "training", NULL,
              "updates between evaluations; 0: only at the end"),
    SAB_INT("eval-size", eval_size, SAB_DECIDES, 0, 1e7, "512", "training", NULL,
            "validation sequences per evaluation, in whole batches; 0: all; text and series: always all"),
    SAB_TEXT("stop-at", stop_at, SAB_RESUMES, "", "training", NULL,
             "stop when an evaluation reaches this, such as accuracy=0.99"),
    SAB_TEXT("best", best, SAB_DECIDES, "", "training", NULL,
             "the metric by which weights are kept as the best; by default that of --stop-at, else accuracy (with "
             "--class-weights balanced_accuracy), mse, or a text's loss"),
    SAB_INT64("patience", patience, SAB_RESUMES, 0, SAB_OPTION_MOST, "0", "training", NULL,
              "evaluations without a better result before stopping; 0: never"),
    SAB_INT64("save-every", save_every, SAB_RESUMES, 0, SAB_OPTION_MOST, "1000", "training", NULL,
              "updates between checkpoints; 0: only at the end and when interrupted"),
};
static const char *const products[] = {"float", "tf32", "bf16", NULL}; /* enum sab_products */
static const struct sab_option place[] = {
    SAB_TEXT("device", device, SAB_LOCAL, "cpu", "run", NULL,
             "cpu, cuda or cuda:N; other bits than the processor's; host: a GPU's code on the processor, slow, for tests"),
    SAB_CHOICE("products", products, SAB_LOCAL, products, "float", "training", NULL,
               "with --device: what its products over many steps multiply in; sums, and all within a step, are float"),
    SAB_TEXT("from", from, SAB_DECIDES, "", "run", NULL,
             "begin with the weights of this run or model.safetensors, and read data as it does; the shape must be "
             "the same"),
    SAB_TEXT("out", out, SAB_LOCAL, "", "run", NULL,
             "run folder; by default runs/TASK-CREDIT-sSEED, or -MODEL- of other networks"),
};
static const struct sab_rows pace_rows = SAB_ROWS(pace), place_rows = SAB_ROWS(place);

/* In the order of help texts and of the files that sab has written. */
static const struct part {
    const struct sab_rows *rows;
    size_t offset; /* of the struct they belong to */
} parts[] = {
    {&sab_model_rows, offsetof(struct sab_options, model)},
    {&sab_quantiles_rows, offsetof(struct sab_options, shared)},
    {&sab_batch_rows, offsetof(struct sab_options, shared)},
    {&sab_optim_rows, offsetof(struct sab_options, optim)},
    {&sab_seed_rows, offsetof(struct sab_options, shared)},
    {&pace_rows, offsetof(struct sab_options, run)},
    {&sab_guard_rows, offsetof(struct sab_options, optim)},
    {&sab_task_rows, offsetof(struct sab_options, task)},
    {&sab_cpu_rows, offsetof(struct sab_options, shared)},
    {&place_rows, offsetof(struct sab_options, run)},
};
enum { PARTS = sizeof parts / sizeof parts[0] };

/* ---- the table ---- */

/* Row i of all, and with object (may be NULL) the struct that it belongs to. */
static const struct sab_option *row_at(int i, const struct sab_options *options, const void **object)
{
    for (int p = 0; p < PARTS && i >= 0; i -= parts[p++].rows->count)
        if (i < parts[p].rows->count) {
            if (object)
                *object = (const char *)options + parts[p].offset;
            return &parts[p].rows->rows[i];
        }
    return NULL;
}

const struct sab_option *sab_option_at(int i)
{
    return row_at(i, NULL, NULL);
}

int sab_option_count(void)
{
    int count = 0;
    for (int p = 0; p < PARTS; p++)
        count += parts[p].rows->count;
    return count;
}

int sab_option_index(const char *name)
{
    const struct sab_option *option;
    for (int i = 0; (option = sab_option_at(i)) != NULL; i++)
        if (sab_option_is_named(option, name))
            return i;
    return -1;
}

const struct sab_option *sab_option_find(const char *name)
{
    return sab_option_at(sab_option_index(name));
}

const char *sab_option_nearest(const char *name)
{
    enum { CAP = 256 };
    const char *names[CAP];
    int n = 0;
    for (; n < CAP && sab_option_at(n); n++)
        names[n] = sab_option_at(n)->name;
    return sab_text_nearest(name, names, n);
}

static int fail_unknown(const char *name, struct sab_error *err)
{
    const char *nearest = sab_option_nearest(name);
    if (nearest)
        return sab_fail(err, SAB_INVALID, "unknown option \"%.60s\"; did you mean \"%s\"?", name, nearest);
    return sab_fail(err, SAB_INVALID, "unknown option \"%.60s\"; sab train --help lists them all", name);
}

/* ---- all options as one object ---- */

void sab_options_init(struct sab_options *options)
{
    memset(options, 0, sizeof *options);
    for (int p = 0; p < PARTS; p++)
        sab_rows_init(parts[p].rows, (char *)options + parts[p].offset);
}

void sab_options_clear(struct sab_options *options)
{
    for (int p = 0; p < PARTS; p++)
        sab_rows_clear(parts[p].rows, (char *)options + parts[p].offset);
}

int sab_options_copy(struct sab_options *to, const struct sab_options *from, struct sab_error *err)
{
    int status = SAB_OK;
    memset(to, 0, sizeof *to);
    for (int p = 0; p < PARTS && status == SAB_OK; p++)
        status = sab_rows_copy(parts[p].rows, (char *)to + parts[p].offset, (const char *)from + parts[p].offset, err);
    if (status != SAB_OK) {
        sab_options_clear(to);
        memset(to, 0, sizeof *to);
    }
    return status;
}

void sab_options_move(struct sab_options *to, struct sab_options *from)
{
    sab_options_clear(to);
    *to = *from;
    memset(from, 0, sizeof *from);
}

int sab_options_create(struct sab_options **out, struct sab_error *err)
{
    struct sab_options *options = sab_alloc(1, sizeof *options);
    if (!options)
        return sab_fail(err, SAB_NOMEM, "no memory for options");
    sab_options_init(options);
    *out = options;
    return SAB_OK;
}

int sab_options_clone(struct sab_options **out, const struct sab_options *options, struct sab_error *err)
{
    struct sab_options *clone = sab_alloc(1, sizeof *clone);
    if (!clone)
        return sab_fail(err, SAB_NOMEM, "no memory for options");
    int status = sab_options_copy(clone, options, err);
    if (status != SAB_OK) {
        sab_free(clone);
        return status;
    }
    *out = clone;
    return SAB_OK;
}

void sab_options_free(struct sab_options *options)
{
    if (!options)
        return;
    sab_options_clear(options);
    sab_free(options);
}

const char *sab_options_value_at(const struct sab_options *options, int i, char number[SAB_REAL_TEXT_CAP])
{
    const void *object = NULL;
    const struct sab_option *option = row_at(i, options, &object);
    return sab_option_value(option, object, number);
}

_Static_assert(SAB_REAL_TEXT_CAP == SAB_NUMBER_CAP, "callers have room for any number");

const char *sab_options_value(const struct sab_options *options, const char *name, char number[SAB_NUMBER_CAP])
{
    int i = sab_option_index(name);
    return i < 0 ? NULL : sab_options_value_at(options, i, number);
}

double sab_options_number(const struct sab_options *options, const char *name)
{
    const void *object = NULL;
    const struct sab_option *option = row_at(sab_option_index(name), options, &object);
    return option ? sab_option_number(option, object) : NAN;
}

int sab_options_get(const struct sab_options *options, const char *name, char *buf, size_t cap, struct sab_error *err)
{
    int i = sab_option_index(name);
    if (i < 0)
        return fail_unknown(name, err);
    char number[SAB_REAL_TEXT_CAP];
    const char *text = sab_options_value_at(options, i, number);
    size_t length = strlen(text);
    if (length >= cap)
        return sab_fail(err, SAB_INVALID, "the value of --%s needs %zu bytes; the buffer has %zu",
                        sab_option_at(i)->name, length + 1, cap);
    memcpy(buf, text, length + 1);
    return SAB_OK;
}

int sab_options_set(struct sab_options *options, const char *name, const char *value, struct sab_error *err)
{
    const void *object = NULL;
    const struct sab_option *option = row_at(sab_option_index(name), options, &object);
    return option ? sab_option_set(option, (void *)object, value, err) : fail_unknown(name, err);
}

const struct sab_option *sab_options_difference(const struct sab_options *a, const struct sab_options *b, int effect)
{
    const struct sab_option *option;
    char x[SAB_REAL_TEXT_CAP], y[SAB_REAL_TEXT_CAP];
    for (int i = 0; (option = sab_option_at(i)) != NULL; i++)
        if (option->effect <= effect &&
            strcmp(sab_options_value_at(a, i, x), sab_options_value_at(b, i, y)) != 0)
            return option;
    return NULL;
}

/* ---- "task=copy T=5" ---- */

/* The next pair of the text at *at: its name, and its value with quotes taken off, both ended by 0 in room, which holds
 * the whole text. */
static int next_pair(const char **at, char *room, const char **name, const char **value, struct sab_error *err)
{
    const char *from = *at;
    char *to = room;
    *name = room;
    *value = NULL;
    for (char quote = 0; *from && (quote || !strchr(" \t\n", *from)); from++) {
        if (*from == quote)
            quote = 0;
        else if (!quote && *value && (*from == '"' || *from == '\''))
            quote = *from;
        else if (*from == '=' && !*value)
            *to++ = 0, *value = to;
        else
            *to++ = *from;
        if (quote && !from[1])
            return sab_fail(err, SAB_INVALID, "the value of \"%.60s\" has no closing %c", *name, quote);
    }
    *to = 0;
    if (!*value || !**name)
        return sab_fail(err, SAB_INVALID, "\"%.60s\" is not name=value, such as k-top=5", *name);
    *at = from;
    return SAB_OK;
}

int sab_options_parse(struct sab_options *options, const char *text, struct sab_error *err)
{
    struct sab_options read;
    char *room = sab_alloc(strlen(text) + 1, 1);
    if (!room)
        return sab_fail(err, SAB_NOMEM, "no memory for options");
    int status = sab_options_copy(&read, options, err);
    for (const char *at = text, *name, *value; status == SAB_OK && *(at += strspn(at, " \t\n"));) {
        status = next_pair(&at, room, &name, &value, err);
        if (status == SAB_OK)
            status = sab_options_set(&read, name, value, err);
    }
    sab_free(room);
    if (status == SAB_OK)
        sab_options_move(options, &read);
    sab_options_clear(&read);
    return status;
}

/* ---- checks ---- */

int sab_options_check_ranges(const struct sab_options *options, struct sab_error *err)
{
    int status = SAB_OK;
    for (int p = 0; p < PARTS && status == SAB_OK; p++)
        status = sab_rows_check(parts[p].rows, (const char *)options + parts[p].offset, err);
    return status;
}

int sab_stop_parse(const char *text, struct sab_stop *stop, struct sab_error *err)
{
    struct sab_stop read = {"", 0};
    size_t length = strcspn(text, "=");
    if (text[0] == 0) {
        *stop = read;
        return SAB_OK;
    }
    if (text[length] != '=' || length == 0 || length >= sizeof read.metric ||
        sab_text_to_real(text + length + 1, &read.value))
        return sab_fail(err, SAB_INVALID, "--stop-at: \"%.60s\" is not the name of a metric, = and a number, such as "
                                          "accuracy=0.99", text);
    memcpy(read.metric, text, length);
    *stop = read;
    return SAB_OK;
}

static int check_run(const struct sab_run_options *run, struct sab_error *err)
{
    struct sab_stop stop;
    int status = sab_stop_parse(run->stop_at, &stop, err);
    if (status != SAB_OK)
        return status;
    if (run->eval_every == 0 && run->stop_at[0])
        return sab_fail(err, SAB_INVALID, "--stop-at %.60s needs evaluations on the way: --eval-every is 0", run->stop_at);
    if (run->eval_every == 0 && run->patience > 0)
        return sab_fail(err, SAB_INVALID, "--patience %lld needs evaluations on the way: --eval-every is 0",
                        (long long)run->patience);
    return SAB_OK;
}

int sab_options_check(const struct sab_options *options, struct sab_error *err)
{
    int status = sab_options_check_ranges(options, err);
    if (status == SAB_OK)
        status = sab_model_options_check(&options->model, err);
    if (status == SAB_OK)
        status = sab_optim_options_check(&options->optim, err);
    if (status == SAB_OK)
        status = check_run(&options->run, err);
    if (status == SAB_OK)
        status = sab_device_check(options->run.device, err);
    if (status == SAB_OK && sab_device_is_cpu(options->run.device) && options->run.products != SAB_PRODUCTS_FLOAT)
        status = sab_fail(err, SAB_INVALID, "--products %s is for a --device; the processor multiplies in its own numbers",
                          products[options->run.products]);
    if (status == SAB_OK && !sab_device_is_cpu(options->run.device))
        status = sab_gpu_check(&options->model, options->run.device, err);
    if (status == SAB_OK && !sab_device_is_cpu(options->run.device) && options->task.values.class_weights[0])
        status = sab_fail(err, SAB_INVALID, "--class-weights %.60s: --device %.32s cannot weigh classes; train on the processor",
                          options->task.values.class_weights, options->run.device);
    return status;
}
