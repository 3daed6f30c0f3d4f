/* Answers to the test part of a task's data: sab_predict of sab_run.h. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cuda/device.h"
#include "data/csv_task.h"
#include "data/task.h"
#include "model/network.h"
#include "predict/ahead.h"
#include "train/options.h"

/* What one call works with. */
struct work {
    const struct sab_options *options;
    struct sab_model *model;
    struct sab_engine *engine;
    struct sab_answers answers;
    const struct sab_task_kind *kind;
    void *state;             /* of the kind */
    int is_whole;            /* all rows are answered */
    struct sab_taker to;
    struct sab_ahead ahead;  /* n is 0: rows of the file are answered */
    int64_t sequence;        /* sequences before this batch */
};

/* The answer of a step goes out. */
static int put(struct work *w, const sab_real *y, const sab_real *x, const struct sab_place *places, int n, struct sab_error *err)
{
    sab_answers_work_out(&w->answers, y, x);
    return w->to.take(w->to.user, sab_answers_show(&w->answers, places, n), err);
}

/* ---- files of sequences ---- */

static int is_wanted(const struct sab_batch *batch, size_t position)
{
    return batch->scored ? batch->scored[position] : !batch->weight || batch->weight[position] > 0;
}

/* Answers of one whole sequence. Its steps are counted only where it has more than one answer. */
static int put_sequence(struct work *w, const struct sab_batch *batch, const sab_real *outputs, int64_t index, int b,
                        struct sab_error *err)
{
    int answers = 0, length = batch->lengths ? batch->lengths[b] : batch->T, status = SAB_OK;
    int is_csv = w->kind == &sab_task_csv;
    for (int t = 0; t < length; t++)
        answers += is_wanted(batch, (size_t)t * (size_t)batch->B + (size_t)b);
    if (answers == 0)
        return SAB_OK;
    struct sab_place places[2] = {{"sequence", NULL, w->sequence}, {"step", NULL, 0}};
    if (is_csv)
        places[0] = (struct sab_place){"series", sab_csv_task_spot(w->state, SAB_TEST, index, batch->B, b).series, 0};
    for (int t = 0; t < length && status == SAB_OK; t++) {
        size_t position = (size_t)t * (size_t)batch->B + (size_t)b;
        places[1].number = t;
        if (is_wanted(batch, position))
            status = put(w, outputs + position * (size_t)w->answers.shape->O,
                         batch->values ? batch->values + position * (size_t)w->answers.shape->I : NULL, places,
                         w->answers.has_steps ? 2 : 1, err);
    }
    w->sequence++;
    return status;
}

static int predict_sequences(struct work *w, struct sab_error *err)
{
    int B = w->options->shared.batch, status = SAB_OK;
    int64_t batches = w->kind->batches ? w->kind->batches(w->state, SAB_TEST, B) : 0;
    if (batches == 0) /* drawn data have no end: one batch of them */
        batches = 1;
    for (int64_t index = 0; index < batches && status == SAB_OK; index++) {
        struct sab_batch batch = {.size = sizeof batch};
        sab_real *outputs = NULL;
        status = w->kind->batch(w->state, SAB_TEST, index, B, NULL, &batch, err);
        if (status == SAB_OK) {
            outputs = sab_alloc((size_t)batch.T * (size_t)batch.B, (size_t)w->answers.shape->O * sizeof *outputs);
            status = outputs ? sab_engine_forward(w->engine, &batch, outputs, NULL, NULL, NULL, err)
                             : sab_fail(err, SAB_NOMEM, "no memory for the outputs of %d steps", batch.T);
        }
        for (int b = 0; b < B && status == SAB_OK; b++)
            status = put_sequence(w, &batch, outputs, index, b, err);
        sab_free(outputs);
    }
    return status;
}

/* ---- files of streams ---- */

static int put_row(struct work *w, const struct sab_csv_spot *spot, int t, const sab_real *y, const sab_real *x,
                   struct sab_error *err)
{
    const struct sab_csv_schema *schema = &w->answers.schema;
    struct sab_place places[3];
    char time[SAB_TIME_TEXT_CAP];
    int64_t row = spot->numbers ? spot->numbers[t] : spot->row + t + 1;
    int n = 0;
    if (w->ahead.n > 0) {
        sab_answers_work_out(&w->answers, y, x);
        sab_ahead_take(&w->ahead, row, spot->times ? &spot->times[t] : NULL);
        return SAB_OK;
    }
    if (row == 0) /* of a row that is not in the file */
        return SAB_OK;
    if (spot->series)
        places[n++] = (struct sab_place){"series", spot->series, 0};
    places[n++] = (struct sab_place){w->kind == &sab_task_csv ? "row" : "step", NULL, row};
    if (spot->times) {
        sab_time_write(&schema->time_format, spot->times[t], time);
        places[n++] = (struct sab_place){schema->time.name && schema->time.name[0] ? schema->time.name : "time", time, 0};
    }
    return put(w, y, x, places, n, err);
}

/* Outputs [length,O] of a chunk of one series: by a step, with what the stream remembers; of a network without state, the
 * chunk alone. */
static int answer_chunk(struct work *w, struct sab_stream *stream, struct sab_batch *batch, int length, sab_real *outputs,
                        struct sab_error *err)
{
    int I = w->answers.shape->I, O = w->answers.shape->O, status = SAB_OK;
    if (!stream) {
        batch->fresh = NULL;
        return sab_engine_forward(w->engine, batch, outputs, NULL, NULL, NULL, err);
    }
    for (int t = 0; t < length && status == SAB_OK; t++)
        status = sab_stream_step(stream, batch->ids ? batch->ids + t : NULL,
                                 batch->values ? batch->values + (size_t)t * (size_t)I : NULL,
                                 outputs + (size_t)t * (size_t)O, err);
    return status;
}

static int end_series(struct work *w, struct sab_stream *stream, const char *series, struct sab_error *err)
{
    return w->ahead.n > 0 ? sab_ahead_put(&w->ahead, stream, series, &w->to, err) : SAB_OK;
}

/* One series after the other: the same bits as training's chunks with carried state. */
static int predict_stream(struct work *w, struct sab_error *err)
{
    struct sab_stream *stream = NULL;
    const char *series = NULL;
    int has_state = sab_network_find(w->options->model.model)->has_state;
    int64_t batches = w->kind->batches(w->state, SAB_TEST, 1), steps = 0;
    int status = SAB_OK, I = w->answers.shape->I, O = w->answers.shape->O;
    for (int64_t index = 0; index < batches && status == SAB_OK; index++) {
        struct sab_batch batch = {.size = sizeof batch};
        status = w->kind->batch(w->state, SAB_TEST, index, 1, NULL, &batch, err);
        if (status == SAB_OK && batch.fresh[0] && stream)
            status = end_series(w, stream, series, err);
        if (status == SAB_OK && batch.fresh[0]) {
            sab_ahead_begin(&w->ahead);
            sab_stream_free(stream);
            stream = NULL;
            steps = 0;
            status = has_state ? sab_stream_create(&stream, w->model, 1, err) : SAB_OK;
        }
        if (status != SAB_OK)
            break;
        struct sab_csv_spot spot = {.row = steps};
        if (w->kind == &sab_task_csv)
            spot = sab_csv_task_spot(w->state, SAB_TEST, index, 1, 0);
        series = spot.series;
        int length = batch.lengths ? batch.lengths[0] : batch.T;
        sab_real *outputs = sab_alloc((size_t)batch.T, (size_t)O * sizeof *outputs);
        status = outputs ? answer_chunk(w, stream, &batch, length, outputs, err)
                         : sab_fail(err, SAB_NOMEM, "no memory for the outputs of %d steps", batch.T);
        for (int t = 0; t < length && status == SAB_OK; t++)
            if (w->is_whole || is_wanted(&batch, (size_t)t))
                status = put_row(w, &spot, t, outputs + (size_t)t * (size_t)O,
                                 batch.values ? batch.values + (size_t)t * (size_t)I : NULL, err);
        sab_free(outputs);
        steps += length;
    }
    if (status == SAB_OK && stream)
        status = end_series(w, stream, series, err);
    sab_stream_free(stream);
    return status;
}

/* ---- all of it ---- */

static int open_task(struct work *w, struct sab_error *err)
{
    const struct sab_options *c = w->options;
    struct sab_shape shape;
    for (int i = 0; sab_task_kind_at(i); i++)
        if (strcmp(sab_task_kind_at(i)->name, c->task.task) == 0)
            w->kind = sab_task_kind_at(i);
    if (!w->kind)
        return sab_fail(err, SAB_FORMAT, "the model was trained for a task \"%.32s\", which this version does not know", c->task.task);
    int status = w->kind->create(&w->state, &shape, &c->task, &c->shared, sab_model_facts(w->model), err);
    if (status == SAB_OK && (shape.input != w->answers.shape->input || shape.I != w->answers.shape->I ||
                             shape.O != w->answers.shape->O || shape.loss != w->answers.shape->loss))
        status = sab_fail(err, SAB_FORMAT, "the data have another shape than the model");
    return status;
}

/* Tells the caller how many answers to expect; rows ahead are counted once, though each series has them. */
static void tell(struct work *w, const struct sab_batch *first, int64_t ahead, void (*begun)(void *user, int T, int B, double batches))
{
    int B = first->fresh ? 1 : w->options->shared.batch;
    int64_t batches = w->kind->batches ? w->kind->batches(w->state, SAB_TEST, B) : 0;
    if (begun)
        begun(w->to.user, first->T, B, (batches > 0 ? (double)batches : 1) + (double)ahead / first->T);
}

static int predict(struct work *w, int64_t ahead, void (*begun)(void *user, int T, int B, double batches), struct sab_error *err)
{
    const char *device = w->options->run.device;
    struct sab_batch first = {.size = sizeof first};
    int status = sab_answers_make(&w->answers, w->model, err);
    if (status == SAB_OK && ahead > 0)
        status = sab_ahead_create(&w->ahead, &w->answers, ahead, err);
    if (status == SAB_OK && ahead > 0 && !w->model->network->has_state)
        status = sab_fail(err, SAB_INVALID, "--ahead needs a network with a running state; this one is a %s", w->model->network->name);
    if (status == SAB_OK)
        status = open_task(w, err);
    if (status == SAB_OK)
        status = sab_engine_create(&w->engine, w->model, w->options->shared.threads, err);
    if (status == SAB_OK)
        status = sab_engine_set_device(w->engine, device, err);
    if (status == SAB_OK)
        status = w->kind->batch(w->state, SAB_TEST, 0, 1, NULL, &first, err);
    if (status == SAB_OK && first.fresh && !sab_device_is_cpu(device))
        return sab_fail(err, SAB_INVALID, "--device %.32s: rows of a series, which carry state, are answered on the processor only",
                        device);
    if (status != SAB_OK)
        return status;
    tell(w, &first, ahead, begun);
    return first.fresh ? predict_stream(w, err) : predict_sequences(w, err);
}

int sab_predict_watched(struct sab_model *model, const struct sab_options *options, int is_whole, int64_t ahead,
                        void (*begun)(void *user, int T, int B, double batches),
                        int (*take)(void *user, const struct sab_answer *answer, struct sab_error *err), void *user,
                        struct sab_error *err)
{
    struct work w = {.options = options, .model = model, .is_whole = is_whole, .to = {take, user}};
    int status = predict(&w, ahead, begun, err);
    if (w.state)
        w.kind->destroy(w.state);
    sab_ahead_clear(&w.ahead);
    sab_engine_free(w.engine);
    sab_answers_clear(&w.answers);
    return status;
}

int sab_predict(struct sab_model *model, const struct sab_options *options, int is_whole, int64_t ahead,
                int (*take)(void *user, const struct sab_answer *answer, struct sab_error *err), void *user, struct sab_error *err)
{
    return sab_predict_watched(model, options, is_whole, ahead, NULL, take, user, err);
}
