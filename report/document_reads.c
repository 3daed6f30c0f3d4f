/* See document_reads.h. */
#include "report/document_reads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "report/arrays.h"
#include "report/own_sequence.h"
#include "report/recall_log.h"
#include "report/recall_run.h"
#include "report/sequences.h"

enum {
    CHANNELS_MOST = 96,          /* input values of a step that are shown: a row of an image in colour */
    READS_MOST = 16,             /* memories of a read that are kept, the strongest */
    NUMBERS_MOST = 16 * 1000000  /* of inputs and outputs: longer sequences are shown up to there */
};

/* What is shown of one batch. */
struct shown {
    struct sab_model *model;
    const struct sab_shape *shape;
    struct sab_task *task;
    struct sab_answers *answers;
    enum sab_split split;
    struct sab_batch batch;
    int64_t index;     /* of the batch */
    sab_real *outputs; /* [T,B,O] */
    struct sab_recall_log log;
    int32_t *whole; /* room for a column of the batch as whole numbers, numbers, bytes: [T] */
    float *numbers; /* [T * widest] */
    uint8_t *bytes; /* [T] */
};

static int length_of(const struct sab_batch *batch, int b)
{
    return batch->lengths ? batch->lengths[b] : batch->T;
}

/* ---- sequences ---- */

static const int32_t *whole_column(const struct shown *s, const int32_t *all, int b, int length)
{
    for (int t = 0; t < length; t++)
        s->whole[t] = all[(size_t)t * (size_t)s->batch.B + (size_t)b];
    return s->whole;
}

/* The first `width` of `each` numbers a step. */
static const float *number_column(const struct shown *s, const sab_real *all, int b, int length, int each, int width)
{
    for (int t = 0; t < length; t++)
        for (int i = 0; i < width; i++)
            s->numbers[t * width + i] = (float)all[((size_t)t * (size_t)s->batch.B + (size_t)b) * (size_t)each + (size_t)i];
    return s->numbers;
}

/* The same of values that answer, in the units of the data. */
static const float *value_column(const struct shown *s, const sab_real *all, int b, int length, int width)
{
    size_t B = (size_t)s->batch.B, O = (size_t)s->shape->O, I = (size_t)s->shape->I;
    for (int t = 0; t < length; t++) {
        size_t i = (size_t)t * B + (size_t)b;
        const struct sab_answer *answer = sab_answers_take(s->answers, all + i * O, s->batch.values ? s->batch.values + i * I : NULL);
        for (int o = 0; o < width; o++)
            s->numbers[t * width + o] = (float)answer->results[o];
    }
    return s->numbers;
}

/* The times of a table's rows, or their numbers, where the sequence is not too long for that. */
static void write_times(struct sab_json *json, const struct shown *s, int b, int length)
{
    enum { TIMES_MOST = 20000 };
    char at[SAB_PLACE_CAP];
    if (length > TIMES_MOST || !s->task || !sab_answers_place(s->answers, s->task, s->split, s->index, s->batch.B, b, 0, at))
        return;
    sab_json_open(json, "times", '[');
    for (int t = 0; t < length; t++) {
        sab_answers_place(s->answers, s->task, s->split, s->index, s->batch.B, b, t, at);
        sab_json_text(json, NULL, at);
    }
    sab_json_close(json, ']');
}

static const int32_t *answers(const struct shown *s, int b, int length)
{
    int O = s->shape->O;
    for (int t = 0; t < length; t++) {
        const sab_real *y = s->outputs + ((size_t)t * (size_t)s->batch.B + (size_t)b) * (size_t)O;
        int best = 0;
        for (int o = 1; o < O; o++)
            best = y[o] > y[best] ? o : best;
        s->whole[t] = best;
    }
    return s->whole;
}

static int write_sequence(struct sab_json *json, const struct shown *s, int b, struct sab_error *err)
{
    const struct sab_batch *batch = &s->batch;
    int length = length_of(batch, b), O = s->shape->O, I = s->shape->I;
    size_t n = (size_t)length;
    int channels = I < CHANNELS_MOST ? I : CHANNELS_MOST, status = SAB_OK;
    sab_json_open(json, NULL, '{');
    sab_json_int(json, "length", length);
    write_times(json, s, b, length);
    if (batch->ids)
        status = sab_arrays_int32(json, "ids", whole_column(s, batch->ids, b, length), n, err);
    if (batch->values && status == SAB_OK) {
        sab_json_int(json, "channels", channels);
        status = sab_arrays_float(json, "values", number_column(s, batch->values, b, length, I, channels), n * (size_t)channels, err);
    }
    for (int t = 0; t < length; t++)
        s->bytes[t] = (uint8_t)sab_batch_scored(batch, t, b) != 0;
    if (status == SAB_OK)
        status = sab_arrays_bytes(json, "scored", s->bytes, n, err);
    if (batch->labels && status == SAB_OK) {
        status = sab_arrays_int32(json, "labels", whole_column(s, batch->labels, b, length), n, err);
    }
    if (s->shape->loss == SAB_LOSS_CROSS_ENTROPY && status == SAB_OK)
        status = sab_arrays_int32(json, "answers", answers(s, b, length), n, err);
    const sab_real *const pairs[] = {batch->targets, s->outputs};
    static const char *const keys[] = {"targets", "outputs"};
    int width = O < CHANNELS_MOST ? O : CHANNELS_MOST;
    if (batch->targets)
        sab_json_int(json, "targetCount", width);
    for (int i = 0; i < 2 && batch->targets && status == SAB_OK; i++) {
        status = sab_arrays_float(json, keys[i], value_column(s, pairs[i], b, length, width), n * (size_t)width, err);
    }
    sab_json_close(json, '}');
    return status;
}

/* ---- reads ---- */

static int falling(const void *a, const void *b)
{
    double x = fabs((double)((const struct sab_recall_entry *)a)->alpha), y = fabs((double)((const struct sab_recall_entry *)b)->alpha);
    return x < y ? 1 : x > y ? -1 : 0;
}

/* The reads of one layer in the form of report/page/reads.js. Entries from..to of the log are the layer's. */
static int write_layer(struct sab_json *json, const struct shown *s, size_t from, size_t to, struct sab_error *err)
{
    size_t T = (size_t)s->batch.T, B = (size_t)s->batch.B, kept = 0, n = to - from;
    int is_cut = 0;
    int32_t *first = sab_alloc(B * T + 1, sizeof *first), *when = sab_alloc(n ? n : 1, sizeof *when);
    float *alpha = sab_alloc(n ? n : 1, sizeof *alpha), *flow = sab_alloc(n ? n : 1, sizeof *flow);
    int status = first && when && alpha && flow ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory for %zu reads of a report", n);
    size_t at = from;
    for (size_t i = 0; i < B * T && status == SAB_OK; i++) {
        int32_t b = (int32_t)(i / T), t = (int32_t)(i % T) + 1;
        size_t begin = at;
        while (at < to && s->log.entries[at].sequence == b && s->log.entries[at].t == t)
            at++;
        if (at - begin > READS_MOST) {
            is_cut = 1;
            qsort(s->log.entries + begin, at - begin, sizeof *s->log.entries, falling);
        }
        first[i] = (int32_t)kept;
        for (size_t k = begin; k < at && k < begin + READS_MOST; k++, kept++) {
            when[kept] = s->log.entries[k].when;
            alpha[kept] = (float)s->log.entries[k].alpha;
            flow[kept] = (float)s->log.entries[k].flow;
        }
    }
    sab_json_open(json, NULL, '{');
    if (status == SAB_OK) {
        first[B * T] = (int32_t)kept;
        if (is_cut)
            sab_json_int(json, "kept", READS_MOST);
        status = sab_arrays_int32(json, "first", first, B * T + 1, err);
    }
    if (status == SAB_OK)
        status = sab_arrays_int32(json, "when", when, kept, err);
    if (status == SAB_OK)
        status = sab_arrays_float(json, "alpha", alpha, kept, err);
    if (status == SAB_OK && s->log.has_flow)
        status = sab_arrays_float(json, "flow", flow, kept, err);
    sab_json_close(json, '}');
    sab_free(first);
    sab_free(when);
    sab_free(alpha);
    sab_free(flow);
    return status;
}

static int write_recall(struct sab_json *json, const struct shown *s, enum sab_split split, struct sab_error *err)
{
    size_t at = 0, count = s->log.count;
    int status = SAB_OK;
    if (count == 0) {
        sab_json_text(json, "recallNote", "This network recalled nothing: it has no memory, or none of its reads had weight.");
        return SAB_OK;
    }
    sab_json_open(json, "recall", '{');
    if (sab_recall_run_stretch(sab_model_options(s->model)) > 1)
        sab_json_int(json, "stretch", sab_recall_run_stretch(sab_model_options(s->model)));
    sab_json_text(json, "split", sab_document_splits[split]);
    sab_json_int(json, "T", s->batch.T);
    sab_json_open(json, "layers", '[');
    for (int layer = 0; at < count && status == SAB_OK; layer++) {
        size_t from = at;
        while (at < count && s->log.entries[at].layer == layer)
            at++;
        status = write_layer(json, s, from, at, err);
    }
    sab_json_close(json, ']');
    sab_json_close(json, '}');
    return status;
}

/* ---- all of it ---- */

static int run_batch(struct shown *s, struct sab_error *err)
{
    struct sab_recall recall = sab_recall_log_collect(&s->log);
    int status = sab_model_evaluate(s->model, &s->batch, 1, s->outputs, NULL, &recall, err);
    if (status == SAB_OK)
        status = sab_recall_log_sort(&s->log, err);
    if (status == SAB_OK && s->log.count > 0 && sab_sequences_scored(&s->batch) > 0) {
        recall = sab_recall_log_flow(&s->log);
        status = sab_model_gradient(s->model, &s->batch, 1, NULL, &recall, err);
    }
    return status;
}

static int make_room(struct shown *s, struct sab_error *err)
{
    size_t T = (size_t)s->batch.T, B = (size_t)s->batch.B, O = (size_t)s->shape->O, I = (size_t)s->shape->I;
    size_t widest = O > I ? O : I;
    if (T * (O > CHANNELS_MOST ? CHANNELS_MOST : O) > NUMBERS_MOST)
        return sab_fail(err, SAB_INVALID, "sequences of %zu steps are longer than a report shows", T);
    s->outputs = sab_alloc(T * B * O, sizeof *s->outputs);
    s->whole = sab_alloc(T, sizeof *s->whole);
    s->numbers = sab_alloc(T * (widest < CHANNELS_MOST ? widest : CHANNELS_MOST), sizeof *s->numbers);
    s->bytes = sab_alloc(T, 1);
    return s->outputs && s->whole && s->numbers && s->bytes
               ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory for %zu sequences of %zu steps in a report", B, T);
}

/* Runs the batch and writes what is shown of it. */
static int write_shown(struct sab_json *json, struct shown *s, enum sab_split split, struct sab_error *err)
{
    int status = make_room(s, err);
    if (status == SAB_OK)
        status = run_batch(s, err);
    if (status == SAB_OK) {
        sab_json_open(json, "sequences", '[');
        for (int b = 0; b < s->batch.B && status == SAB_OK; b++)
            status = write_sequence(json, s, b, err);
        sab_json_close(json, ']');
    }
    return status == SAB_OK ? write_recall(json, s, split, err) : status;
}

static void clear(struct shown *s)
{
    sab_answers_free(s->answers);
    sab_recall_log_clear(&s->log);
    sab_free(s->outputs);
    sab_free(s->whole);
    sab_free(s->numbers);
    sab_free(s->bytes);
}

int sab_document_reads(struct sab_json *json, struct sab_model *model, struct sab_task *task, const struct sab_document *document,
                       struct sab_error *err)
{
    struct shown s = {.model = model, .shape = sab_model_shape(model), .task = task, .split = document->split};
    int B = sab_task_columns(task, document->split, document->sequences);
    int status = sab_sequences_take(task, document->split, B, &s.batch, &s.index, err);
    if (status == SAB_OK)
        status = sab_answers_create(&s.answers, model, err);
    if (status == SAB_OK)
        status = write_shown(json, &s, document->split, err);
    clear(&s);
    return status;
}

int sab_document_reads_own(struct sab_json *json, struct sab_model *model, const char *text, struct sab_error *err)
{
    struct shown s = {.model = model, .shape = sab_model_shape(model)};
    struct sab_own_sequence own;
    int status = sab_answers_create(&s.answers, model, err);
    if (status == SAB_OK) {
        status = sab_own_sequence_read(&own, model, s.answers, text, err);
        s.batch = own.batch;
        if (status == SAB_OK)
            status = write_shown(json, &s, SAB_TEST, err);
        sab_own_sequence_clear(&own);
    }
    clear(&s);
    return status;
}
