/* See recall_run.h. */
#include "report/recall_run.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "report/heat_figure.h"
#include "report/heat_text.h"
#include "report/sequences.h"

enum { STEPS_CAP = 48 };

static int ask(const struct sab_options *options, const char *name)
{
    return (int)sab_options_number(options, name);
}

/* The options that bound how many memories a read gives weights to. */
struct most {
    int slots, k_top, k_att, zero, is_dense;
};

static struct most most_of(const struct sab_options *o)
{
    return (struct most){ask(o, "memory-slots"), ask(o, "k-top"), ask(o, "k-att"), ask(o, "zero-memory"),
                         ask(o, "credit") == SAB_CREDIT_ATTENTION || ask(o, "forward") == SAB_DENSE};
}

/* Of a read of step t, from 1. */
static int most_read(const struct most *m, int t)
{
    int written = (t - 1) / m->k_att + m->zero;
    int there = m->slots > 0 && written > m->slots ? m->slots : written;
    return m->is_dense || there < m->k_top ? there : m->k_top;
}

/* All weights are kept, and sorted in a copy. */
static int check_room(const struct sab_options *o, int T, int B, double others, struct sab_error *err)
{
    char less[40];
    const double gib = 1 << 30;
    double entries = 0, there;
    struct most most = most_of(o);
    for (int t = 1; t <= T; t++)
        entries += most_read(&most, t);
    double nbytes = others + 2 * entries * B * ask(o, "layers") * sizeof(struct sab_recall_entry);
    if (sab_memory_allows(nbytes, &there))
        return SAB_OK;
    return sab_fail(err, SAB_NOMEM, "what %d sequences of %d steps recall needs up to %.1f GiB of memory; %.1f GiB are free: fewer "
                    "--sequences%s%s need less", B, T, nbytes / gib, there / gib,
                    sab_options_less(o, "T", less, sizeof less)[0] ? " or " : "", less);
}

/* The options that leave a recurrent network without memory; NULL: it has one. */
static const char *why_without(const struct sab_options *c)
{
    switch (ask(c, "credit")) {
    case SAB_CREDIT_BPTT:
        return "--credit bptt";
    case SAB_CREDIT_TBPTT:
        return "--credit tbptt";
    default:
        return ask(c, "credit") == SAB_CREDIT_SAB && ask(c, "k-top") == 0 ? "--k-top 0" : NULL;
    }
}

int sab_recall_run_can(const struct sab_options *options)
{
    return ask(options, "model") == SAB_KIND_RECURRENT && !why_without(options);
}

int sab_recall_run_stretch(const struct sab_options *options)
{
    return ask(options, "pool") == SAB_POOL_LAST ? 1 : ask(options, "k-att");
}

static double batch_nbytes(const struct sab_recall_run *w, int B)
{
    const struct sab_shape *shape = sab_task_shape(w->task);
    double in = shape->input == SAB_INPUT_IDS ? 1 : shape->I, out = shape->loss == SAB_LOSS_CROSS_ENTROPY ? 1 : shape->O;
    return (in + out + 2) * sizeof(sab_real) * sab_task_steps(w->task) * B;
}

int sab_recall_run_take(struct sab_recall_run *w, const char *where, struct sab_error *err)
{
    char number[SAB_NUMBER_CAP];
    const struct sab_options *c = w->options;
    int layers = ask(c, "layers");
    if (ask(c, "model") != SAB_KIND_RECURRENT)
        return sab_fail(err, SAB_FORMAT, "%.200s is a %s network, which has no memory: it recalls nothing", where,
                        sab_options_value(c, "model", number));
    if (why_without(c))
        return sab_fail(err, SAB_FORMAT, "%.200s was trained without memory (%s): it recalls nothing", where, why_without(c));
    if (w->layer > layers)
        return sab_fail(err, SAB_INVALID, "--layer: %d is not in 1..%d, the layers of %.200s", w->layer, layers, where);
    int status = sab_task_create(&w->task, c, sab_model_facts(w->model), err);
    int B = status == SAB_OK ? sab_task_columns(w->task, w->split, w->sequences) : 0;
    if (status == SAB_OK)
        status = check_room(c, sab_task_steps(w->task), B, batch_nbytes(w, B), err);
    if (status == SAB_OK)
        status = sab_sequences_take(w->task, w->split, B, &w->batch, &w->index, err);
    if (status == SAB_OK && sab_model_facts(w->model))
        status = sab_answers_create(&w->answers, w->model, err);
    return status;
}

/* ---- where steps stand in a table ---- */

/* Times hold commas only where --time-format has them. */
static void write_places(void *user, const struct sab_recall_entry *e, FILE *to)
{
    const struct sab_recall_run *w = user;
    char at[SAB_PLACE_CAP], when[SAB_PLACE_CAP] = "";
    sab_answers_place(w->answers, w->task, w->split, w->index, w->batch.B, e->sequence, e->t - 1, at);
    if (e->when > 0) /* 0: the memory that was there before any step */
        sab_answers_place(w->answers, w->task, w->split, w->index, w->batch.B, e->sequence, e->when - 1, when);
    const char *quote = strchr(at, ',') ? "\"" : "";
    fprintf(to, ",%d,%s%s%s,%s%s%s", e->t - e->when, quote, at, quote, quote, when, quote);
}

int sab_recall_run_csv(struct sab_recall_run *w, const char *path, struct sab_error *err)
{
    char at[SAB_PLACE_CAP];
    const char *name = w->answers ? sab_answers_place(w->answers, w->task, w->split, w->index, w->batch.B, 0, 0, at) : NULL;
    int has_times = name && strcmp(name, "time") == 0;
    struct sab_recall_places places = {has_times ? ",lag,time,when_time" : ",lag,row,when_row", write_places, w};
    return sab_recall_log_csv(&w->log, name ? &places : NULL, path, err);
}

/* Which steps of which sequences are shown: those whose answer counts, or all up to a sequence's end. */
static int find_rows(struct sab_recall_run *w, struct sab_error *err)
{
    const struct sab_batch *batch = &w->batch;
    w->row_name = w->shows_all ? "step" : "answer step";
    w->value_name = w->value == SAB_RECALL_FLOW ? "flow" : "weight";
    w->is_shown = sab_alloc((size_t)batch->T, (size_t)batch->B);
    if (!w->is_shown)
        return sab_fail(err, SAB_NOMEM, "no memory for %d steps of %d sequences", batch->T, batch->B);
    for (int t = 0; t < batch->T; t++)
        for (int b = 0; b < batch->B; b++) {
            int is_there = !batch->lengths || t < batch->lengths[b];
            w->is_shown[(size_t)t * (size_t)batch->B + (size_t)b] = w->shows_all ? is_there : sab_batch_scored(batch, t, b) != 0;
        }
    return SAB_OK;
}

/* Beside what is kept of the reads: the batch, and what the model works with. */
int sab_recall_run_forecast(const struct sab_recall_run *w, int needs_flow, double *seconds, struct sab_error *err)
{
    double back_s = 0, nbytes, back_nbytes = 0;
    int T = w->batch.T, B = w->batch.B, status = sab_forecast_batches(w->model, T, B, 1, 0, 1, seconds, &nbytes, err);
    if (status == SAB_OK && (needs_flow || w->value == SAB_RECALL_FLOW))
        status = sab_forecast_batches(w->model, T, B, 1, 1, 1, &back_s, &back_nbytes, err);
    *seconds += back_s;
    return status == SAB_OK ? check_room(w->options, T, B, back_nbytes > nbytes ? back_nbytes : nbytes, err) : status;
}

int sab_recall_run_collect(struct sab_recall_run *w, int needs_flow, struct sab_error *err)
{
    struct sab_recall recall = sab_recall_log_collect(&w->log);
    w->log.stretch = sab_recall_run_stretch(w->options);
    int status = sab_model_evaluate(w->model, &w->batch, 1, NULL, NULL, &recall, err);
    if (status == SAB_OK)
        status = sab_recall_log_sort(&w->log, err);
    if (status == SAB_OK && (needs_flow || w->value == SAB_RECALL_FLOW)) {
        recall = sab_recall_log_flow(&w->log);
        status = sab_model_gradient(w->model, &w->batch, 1, NULL, &recall, err);
    }
    if (status == SAB_OK)
        status = find_rows(w, err);
    w->view = (struct sab_recall_view){
        .T = w->batch.T,
        .sequences = w->batch.B,
        .layer = (w->layer > 0 ? w->layer : ask(w->options, "layers")) - 1,
        .value = w->value,
        .is_by_lag = w->is_by_lag,
        .is_shown = w->is_shown,
    };
    return status == SAB_OK ? sab_recall_read(&w->reading, &w->log, &w->view, err) : status;
}

/* ---- showing ---- */

/* How long the sequences are: "T = 100" of a task that is drawn, where T is its name for that, "20 steps" or "3 to 20 steps". */
static void say_steps(const struct sab_recall_run *w, char text[STEPS_CAP])
{
    const struct sab_batch *batch = &w->batch;
    int least = batch->T, most = 1;
    for (int b = 0; b < batch->B; b++) {
        int length = batch->lengths ? batch->lengths[b] : batch->T;
        least = length < least ? length : least;
        most = length > most ? length : most;
    }
    if (!sab_task_facts(w->task))
        snprintf(text, STEPS_CAP, "T = %d", ask(w->options, "T"));
    else if (least < most)
        snprintf(text, STEPS_CAP, "%d to %d steps", least, most);
    else
        snprintf(text, STEPS_CAP, "%d steps", most);
}

/* The time or row of a step, where the map is of one sequence of a table. */
static const char *say_place(void *user, int step, char *text)
{
    const struct sab_recall_run *w = user;
    if (step > w->batch.T)
        return NULL; /* the last column may be wider than what is left */
    return sab_answers_place(w->answers, w->task, w->split, w->index, w->batch.B, 0, step - 1, text) ? text : NULL;
}

int sab_recall_run_draw(struct sab_recall_run *w, enum sab_picture kind, const char *path, struct sab_error *err)
{
    char number[SAB_NUMBER_CAP], title[128], steps[STEPS_CAP];
    struct sab_recall_view view = w->view;
    struct sab_recall_map map;
    int is_one = view.sequences == 1;
    view.rows_cap = SAB_HEAT_FIGURE_ROWS;
    view.columns_cap = SAB_HEAT_FIGURE_COLUMNS;
    say_steps(w, steps);
    int used = snprintf(title, sizeof title, "task %s, %s, layer %d, ", sab_options_value(w->options, "task", number),
                        steps, view.layer + 1);
    snprintf(title + used, sizeof title - (size_t)used, is_one ? "one sequence" : "mean over %d sequences", view.sequences);
    int status = sab_recall_map_make(&map, &w->log, &view, err);
    if (status == SAB_OK)
        status = sab_heat_figure_draw(&(struct sab_heat_figure){&map, title, w->row_name, w->value_name,
                                                                is_one && w->answers ? say_place : NULL, w}, &w->look, kind, path, err);
    sab_recall_map_clear(&map);
    return status;
}

int sab_recall_run_text(const struct sab_recall_run *w, int unicode, char **text, struct sab_error *err)
{
    struct sab_recall_view view = w->view;
    struct sab_recall_map map;
    view.rows_cap = SAB_HEAT_TEXT_ROWS;
    view.columns_cap = SAB_HEAT_TEXT_COLUMNS;
    int status = sab_recall_map_make(&map, &w->log, &view, err);
    if (status != SAB_OK)
        return status;
    *text = sab_heat_text(&map, w->row_name, w->value_name, unicode, err);
    sab_recall_map_clear(&map);
    return *text ? SAB_OK : SAB_NOMEM;
}

void sab_recall_run_clear(struct sab_recall_run *w)
{
    sab_recall_log_clear(&w->log);
    sab_answers_free(w->answers);
    sab_free(w->is_shown);
    sab_task_free(w->task);
    sab_model_free(w->model);
    sab_options_free(w->options);
}
