/* See document.h. The run itself; its sequences stand in document_reads.c. */
#include "report/document.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "report/document_reads.h"
#include "report/history.h"

const char *const sab_document_splits[] = {[SAB_TRAIN] = "training", [SAB_VALID] = "validation", [SAB_TEST] = "test"};

/* ---- options ---- */

static int write_options(struct sab_json *json, const struct sab_options *options, struct sab_error *err)
{
    char *value = sab_alloc(SAB_OPTION_CAP, 1);
    if (!value)
        return sab_fail(err, SAB_NOMEM, "no memory for the options of a run");
    sab_json_open(json, "options", '{');
    for (int i = 0; i < sab_option_count(); i++)
        if (sab_options_get(options, sab_option_at(i)->name, value, SAB_OPTION_CAP, NULL) == SAB_OK)
            sab_json_text(json, sab_option_at(i)->name, value);
    sab_json_close(json, '}');
    sab_json_open(json, "changed", '[');
    for (int i = 0; i < sab_option_count(); i++) {
        const struct sab_option *option = sab_option_at(i);
        if (sab_options_get(options, option->name, value, SAB_OPTION_CAP, NULL) != SAB_OK || strcmp(value, option->fallback) == 0)
            continue;
        sab_json_open(json, NULL, '[');
        sab_json_text(json, NULL, option->name);
        sab_json_text(json, NULL, value);
        sab_json_text(json, NULL, option->fallback);
        sab_json_text(json, NULL, option->help);
        sab_json_close(json, ']');
    }
    sab_json_close(json, ']');
    sab_free(value);
    return SAB_OK;
}

/* ---- what it measured as it went ---- */

static int write_history(struct sab_json *json, const char *folder, int is_folder, struct sab_error *err)
{
    struct sab_history history = {0};
    int status = is_folder ? sab_history_read(&history, folder, err) : SAB_OK;
    sab_json_open(json, "metrics", '{');
    sab_json_open(json, "columns", '[');
    for (int i = 0; i < history.columns && status == SAB_OK; i++)
        sab_json_text(json, NULL, history.names[i]);
    sab_json_close(json, ']');
    sab_json_open(json, "rows", '[');
    for (int64_t row = 0; row < history.rows && status == SAB_OK; row++) {
        sab_json_open(json, NULL, '[');
        for (int i = 0; i < history.columns; i++)
            if (isfinite(history.values[row * history.columns + i]))
                sab_json_real(json, NULL, history.values[row * history.columns + i]);
            else
                sab_json_null(json, NULL);
        sab_json_close(json, ']');
    }
    sab_json_close(json, ']');
    sab_json_close(json, '}');
    sab_history_clear(&history);
    return status;
}

/* ---- the model ---- */

struct told {
    struct sab_json *json;
    int of_warnings;
};

static void tell(void *user, const char *label, const char *text)
{
    const struct told *told = user;
    if (told->of_warnings != (label[0] == 0))
        return;
    if (told->of_warnings) {
        sab_json_text(told->json, NULL, text);
        return;
    }
    sab_json_open(told->json, NULL, '[');
    sab_json_text(told->json, NULL, label);
    sab_json_text(told->json, NULL, text);
    sab_json_close(told->json, ']');
}

static void write_model(struct sab_json *json, const struct sab_model *model)
{
    static const char *const losses[] = {
        [SAB_LOSS_CROSS_ENTROPY] = "cross_entropy", [SAB_LOSS_MSE] = "mse",           [SAB_LOSS_BCE] = "bce",
        [SAB_LOSS_NONE] = "none",                   [SAB_LOSS_QUANTILE] = "quantile",
    };
    const struct sab_shape *shape = sab_model_shape(model);
    char digest[33];
    int64_t parameters = 0;
    for (int i = 0; i < sab_model_tensor_count(model); i++)
        parameters += (int64_t)sab_model_tensor(model, i)->count;
    sab_model_digest(model, digest);
    sab_json_text(json, "digest", digest);
    sab_json_int(json, "parameters", parameters);
    sab_json_open(json, "shape", '{');
    sab_json_text(json, "input", shape->input == SAB_INPUT_IDS ? "ids" : "values");
    sab_json_int(json, "I", shape->I);
    sab_json_text(json, "loss", losses[shape->loss]);
    sab_json_int(json, "O", shape->O);
    sab_json_close(json, '}');
    sab_json_open(json, "data", '[');
    sab_facts_tell(sab_model_facts(model), tell, &(struct told){json, 0});
    sab_json_close(json, ']');
    sab_json_open(json, "warnings", '[');
    sab_facts_tell(sab_model_facts(model), tell, &(struct told){json, 1});
    sab_json_close(json, ']');
}

/* Inputs of tables and arrays: name, mean and deviation of each that is shown. */
static void write_inputs(struct sab_json *json, const struct sab_answers *answers, int I)
{
    enum { INPUTS_MOST = 32 };
    char name[SAB_PLACE_CAP];
    double mean, deviation;
    if (!sab_answers_input(answers, 0, name, &mean, &deviation))
        return;
    sab_json_open(json, "inputs", '[');
    for (int i = 0; i < I && i < INPUTS_MOST; i++) {
        sab_answers_input(answers, i, name, &mean, &deviation);
        sab_json_open(json, NULL, '[');
        sab_json_text(json, NULL, name);
        sab_json_real(json, NULL, mean);
        sab_json_real(json, NULL, deviation);
        sab_json_close(json, ']');
    }
    sab_json_close(json, ']');
}

/* How the steps of an image are its pixels, where they stand in their places. */
static void write_image(struct sab_json *json, const struct sab_model *model, const struct sab_options *options)
{
    const char *facts = sab_model_facts(model);
    const struct sab_value *root = NULL;
    int64_t rows, cols, channels;
    char number[SAB_NUMBER_CAP];
    if (!facts || sab_json_parse(&root, facts, strlen(facts), NULL) != SAB_OK)
        return;
    if (sab_value_int(sab_value_get(root, "rows"), 1, 4096, &rows) == 0 &&
        sab_value_int(sab_value_get(root, "cols"), 1, 4096, &cols) == 0 &&
        sab_value_int(sab_value_get(root, "channels"), 1, 3, &channels) == 0 && sab_options_number(options, "permute") == 0) {
        sab_json_open(json, "image", '{');
        sab_json_int(json, "rows", rows);
        sab_json_int(json, "cols", cols);
        sab_json_int(json, "channels", sab_options_number(options, "grey") != 0 ? 1 : channels);
        sab_json_text(json, "by", sab_options_value(options, "by", number));
        sab_json_close(json, '}');
    }
    sab_json_free(root);
}

/* What outputs are called; and symbols of a text, which are the same. */
static int write_names(struct sab_json *json, const struct sab_model *model, const struct sab_options *options, struct sab_error *err)
{
    enum { NAMES_MOST = 4096 };
    const struct sab_shape *shape = sab_model_shape(model);
    struct sab_answers *answers;
    char task[16] = "";
    int status = sab_answers_create(&answers, model, err);
    if (status != SAB_OK)
        return status;
    if (shape->O > NAMES_MOST) {
        sab_answers_free(answers);
        return SAB_OK;
    }
    int is_text = sab_options_get(options, "task", task, sizeof task, NULL) == SAB_OK && strcmp(task, "text") == 0;
    for (int of_inputs = 0; of_inputs <= (is_text && shape->I == shape->O); of_inputs++) {
        sab_json_open(json, of_inputs ? "inputNames" : "outputNames", '[');
        for (int o = 0; o < shape->O; o++)
            sab_json_text(json, NULL, sab_answers_name(answers, o));
        sab_json_close(json, ']');
    }
    if (shape->input == SAB_INPUT_VALUES) {
        write_inputs(json, answers, shape->I);
        write_image(json, model, options);
    }
    sab_answers_free(answers);
    return SAB_OK;
}

static void write_outputs(struct sab_json *json, const struct sab_evaluation *e, const struct sab_shape *shape)
{
    struct sab_figure figures[SAB_FIGURES_CAP];
    int is_confused = sab_evaluation_confusion(e, 0, 0) >= 0;
    sab_json_open(json, "outputs", '[');
    for (int o = 0; o < shape->O; o++) {
        int n = sab_evaluation_output(e, o, figures);
        sab_json_open(json, NULL, '{');
        for (int i = 0; i < n; i++)
            if (isfinite(figures[i].value))
                sab_json_real(json, figures[i].name, figures[i].value);
            else
                sab_json_null(json, figures[i].name);
        sab_json_close(json, '}');
    }
    sab_json_close(json, ']');
    if (!is_confused)
        return;
    sab_json_open(json, "confusion", '[');
    for (int label = 0; label < shape->O; label++) {
        sab_json_open(json, NULL, '[');
        for (int answer = 0; answer < shape->O; answer++)
            sab_json_int(json, NULL, sab_evaluation_confusion(e, label, answer));
        sab_json_close(json, ']');
    }
    sab_json_close(json, ']');
}

static void write_evaluation(struct sab_json *json, const struct sab_evaluation *e, const struct sab_shape *shape, enum sab_split split)
{
    enum { OUTPUTS_MOST = 256 };
    sab_json_open(json, "evaluation", '{');
    sab_json_text(json, "split", sab_document_splits[split]);
    sab_json_int(json, "scored", sab_evaluation_scored(e));
    sab_json_open(json, "figures", '[');
    for (int i = 0; sab_metric_at(i); i++)
        if (isfinite(sab_evaluation_value(e, i))) {
            sab_json_open(json, NULL, '{');
            sab_json_text(json, "name", sab_metric_at(i)->name);
            sab_json_real(json, "value", sab_evaluation_value(e, i));
            sab_json_text(json, "help", sab_metric_at(i)->help);
            sab_json_close(json, '}');
        }
    sab_json_close(json, ']');
    if (shape->O <= OUTPUTS_MOST)
        write_outputs(json, e, shape);
    sab_json_close(json, '}');
}

static int threads_of(const struct sab_options *options)
{
    char text[32];
    int64_t threads = 0;
    if (sab_options_get(options, "threads", text, sizeof text, NULL) == SAB_OK)
        sab_text_to_int(text, &threads);
    return (int)threads;
}

/* What the model does on its data: figures, sequences, reads. */
static int write_work(struct sab_json *json, struct sab_model *model, const struct sab_options *options,
                      const struct sab_document *document, struct sab_error *err)
{
    struct sab_task *task = NULL;
    struct sab_engine *engine = NULL;
    struct sab_evaluation *evaluation = NULL;
    int status = sab_task_create(&task, options, sab_model_facts(model), err);
    if (status == SAB_OK)
        status = sab_engine_create(&engine, model, threads_of(options), err);
    if (status == SAB_OK && document->split == SAB_TRAIN)
        sab_task_read_in_order(task);
    if (status == SAB_OK && document->measures)
        document->measures(document->user, options, task, document->split);
    if (status == SAB_OK)
        status = sab_evaluation_create(&evaluation, engine, task, document->split, options, err);
    if (status == SAB_OK)
        write_evaluation(json, evaluation, sab_model_shape(model), document->split);
    if (status == SAB_OK)
        status = sab_document_reads(json, model, task, document, err);
    sab_evaluation_free(evaluation);
    sab_engine_free(engine);
    sab_task_free(task);
    return status;
}

/* ---- all of it ---- */

static int write_run(struct sab_json *json, const char *where, int is_folder, struct sab_model *model, struct sab_options *options,
                     const struct sab_document *document, struct sab_error *err)
{
    struct sab_error why = {0};
    int status = write_options(json, options, err);
    if (status == SAB_OK)
        status = write_history(json, where, is_folder, err);
    if (status != SAB_OK || !model)
        return status;
    write_model(json, model);
    status = write_names(json, model, options, err);
    if (status != SAB_OK)
        return status;
    status = document->settle(document->user, where, options, &why);
    if (status == SAB_OK)
        status = write_work(json, model, options, document, &why);
    if (status == SAB_NOMEM || status == SAB_NUMERIC)
        return sab_fail(err, status, "%.200s: %.300s", where, why.message);
    if (why.message[0])
        sab_json_text(json, "note", why.message);
    return SAB_OK;
}

static int see_any(void *user, const struct sab_figure *figures, int n)
{
    (void)figures;
    (void)n;
    return *(int *)user = 1;
}

/* Whether the run in a folder was begun and no more: before its first evaluation it has no model. */
static int is_just_begun(const char *folder)
{
    int any = 0;
    return sab_run_history(folder, 1, see_any, &any, NULL) == SAB_OK && !any;
}

/* Opens the run in a folder, or the model in a file: *model is NULL where there is none yet. */
static int open_run(const char *where, int *is_folder, struct sab_options **options, struct sab_model **model, struct sab_error *err)
{
    struct stat info;
    if (stat(where, &info) != 0)
        return sab_fail(err, SAB_IO, "cannot open %.200s: %s", where, strerror(errno));
    *is_folder = S_ISDIR(info.st_mode);
    int status = *is_folder ? sab_run_options(options, where, err) : SAB_OK;
    if (status != SAB_OK)
        return status;
    status = sab_run_model(model, where, err);
    if (status == SAB_IO && *is_folder && is_just_begun(where))
        return SAB_OK;
    return status == SAB_OK && !*is_folder ? sab_options_clone(options, sab_model_options(*model), err) : status;
}

int sab_document_run(struct sab_json *json, const char *where, const struct sab_document *document, struct sab_error *err)
{
    struct sab_model *model = NULL;
    struct sab_options *options = NULL;
    int is_folder = 0, status = open_run(where, &is_folder, &options, &model, err);
    if (status == SAB_OK) {
        sab_json_open(json, NULL, '{');
        sab_json_text(json, "name", where);
        status = write_run(json, where, is_folder, model, options, document, err);
        sab_json_close(json, '}');
    }
    sab_options_free(options);
    sab_model_free(model);
    return status;
}

int sab_document_write(struct sab_json *json, const char *const *runs, int n, const struct sab_document *document, const char *stamp,
                       struct sab_error *err)
{
    int status = SAB_OK;
    sab_json_open(json, NULL, '{');
    sab_json_text(json, "version", sab_version());
    if (stamp)
        sab_json_text(json, "stamp", stamp);
    sab_json_open(json, "runs", '[');
    for (int i = 0; i < n && status == SAB_OK; i++)
        status = sab_document_run(json, runs[i], document, err);
    sab_json_close(json, ']');
    sab_json_close(json, '}');
    return status;
}

int sab_document_own(struct sab_json *json, const char *where, const char *text, struct sab_error *err)
{
    struct sab_model *model = NULL;
    int status = sab_run_model(&model, where, err);
    sab_json_open(json, NULL, '{');
    if (status == SAB_OK)
        status = sab_document_reads_own(json, model, text, err);
    sab_json_close(json, '}');
    sab_model_free(model);
    return status;
}
