/* See live_events.h. */
#include "report/live_events.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "io/file.h"
#include "io/png.h"
#include "report/colours.h"
#include "report/events.h"
#include "report/history.h"
#include "report/recall_run.h"
#include "report/sequences.h"

enum { SEQUENCES = 4, COLUMNS = 256, ROWS = 192, SIDE = 512 /* pixels that cells are made as large for */, FILE_CAP = 64 };

struct sab_live_events {
    const struct sab_options *options;
    char path[SAB_DIR_CAP + FILE_CAP], run[SAB_DIR_CAP];
    int goes_on, is_begun;
    struct sab_batch batch;  /* of copies; T is 0 without */
    void *copies[5];
    int n_copies;
    uint8_t *is_shown;       /* [T,B] */
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Events of a run are begun in a file of this name; one that goes on adds files. */
static void name_file(struct sab_live_events *e, int64_t step)
{
    size_t used = strlen(e->path);
    snprintf(e->path + used, sizeof e->path - used, "/events.out.tfevents.%010lld.sab", (long long)step);
}

/* What another run has told TensorBoard is not written over. */
static int check_new(const struct sab_live_events *e, const char *folder, struct sab_error *err)
{
    struct sab_live_events first = *e;
    struct stat info;
    name_file(&first, 0);
    if (lstat(first.path, &info) != 0)
        return SAB_OK;
    return sab_fail(err, SAB_INVALID,
                    "--tensorboard: %.200s holds the events of a run already; choose another folder, such as one below "
                    "it", folder);
}

int sab_live_events_open(struct sab_live_events **out, const char *folder, const struct sab_options *options,
                         int goes_on, struct sab_error *err)
{
    struct sab_live_events *e = sab_alloc(1, sizeof *e);
    if (!e)
        return sab_fail(err, SAB_NOMEM, "no memory for events");
    e->options = options;
    e->goes_on = goes_on;
    int status = strlen(folder) < SAB_DIR_CAP ? sab_file_make_directory(folder, err)
                                              : sab_fail(err, SAB_INVALID, "the path %.60s... has more than %d bytes",
                                                         folder, SAB_DIR_CAP - 1);
    if (status == SAB_OK)
        status = sab_run_folder(options, e->run, sizeof e->run, err);
    snprintf(e->path, sizeof e->path, "%s", folder);
    if (status == SAB_OK && !goes_on)
        status = check_new(e, folder, err);
    if (status == SAB_OK)
        *out = e;
    else
        sab_live_events_free(e);
    return status;
}

void sab_live_events_free(struct sab_live_events *e)
{
    for (int i = 0; e && i < e->n_copies; i++)
        sab_free(e->copies[i]);
    if (e)
        sab_free(e->is_shown);
    sab_free(e);
}

/* ---- pictures ---- */

/* A copy of an array of the batch, which the task's next one would overwrite; NULL of NULL, and without memory, when *is_full is set. */
static const void *keep(struct sab_live_events *e, const void *data, size_t count, size_t each, int *is_full)
{
    void *copy = data ? sab_alloc(count, each) : NULL;
    if (copy) {
        memcpy(copy, data, count * each);
        e->copies[e->n_copies++] = copy;
    }
    *is_full |= data && !copy;
    return copy;
}

void sab_live_events_look(struct sab_live_events *e, struct sab_task *task)
{
    struct sab_batch batch = {.size = sizeof batch};
    int64_t index;
    int is_full = 0;
    if (!sab_recall_run_can(e->options) ||
        sab_sequences_take(task, SAB_VALID, sab_task_columns(task, SAB_VALID, SEQUENCES), &batch, &index, NULL) != SAB_OK)
        return;
    size_t cells = (size_t)batch.T * (size_t)batch.B;
    struct sab_batch copy = {.size = sizeof copy, .T = batch.T, .B = batch.B};
    copy.ids = keep(e, batch.ids, cells, sizeof *batch.ids, &is_full);
    copy.values = keep(e, batch.values, cells * (size_t)sab_task_shape(task)->I, sizeof *batch.values, &is_full);
    copy.weight = keep(e, batch.weight, cells, sizeof *batch.weight, &is_full);
    copy.scored = keep(e, batch.scored, cells, sizeof *batch.scored, &is_full);
    copy.lengths = keep(e, batch.lengths, (size_t)batch.B, sizeof *batch.lengths, &is_full);
    e->is_shown = sab_alloc(cells, 1);
    for (int t = 0; t < batch.T && e->is_shown; t++)
        for (int b = 0; b < batch.B; b++)
            e->is_shown[(size_t)t * (size_t)batch.B + (size_t)b] = sab_batch_scored(&batch, t, b) != 0;
    if (!is_full && e->is_shown)
        e->batch = copy;
}

static int draw(struct sab_events *events, const struct sab_recall_map *map, double time, int64_t step, int layer, struct sab_error *err)
{
    int zoom_x = SIDE / map->columns, zoom_y = SIDE / 2 / map->rows;
    zoom_x = zoom_x < 1 ? 1 : zoom_x > 24 ? 24 : zoom_x;
    zoom_y = zoom_y < 1 ? 1 : zoom_y > 24 ? 24 : zoom_y;
    int width = map->columns * zoom_x, height = map->rows * zoom_y;
    uint8_t *rgb = sab_alloc((size_t)width * (size_t)height, 3);
    unsigned char *png = NULL;
    size_t nbytes = 0;
    char tag[32];
    if (!rgb)
        return sab_fail(err, SAB_NOMEM, "no memory for a picture of %d x %d", width, height);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            double value = map->cell[(size_t)(y / zoom_y) * (size_t)map->columns + (size_t)(x / zoom_x)];
            uint8_t *pixel = rgb + ((size_t)y * (size_t)width + (size_t)x) * 3;
            sab_colours_map(SAB_COLOURS_HEAT, map->most > 0 ? value / map->most : 0, pixel);
            if (value < 0)
                memcpy(pixel, sab_colours_below_0, 3);
        }
    int status = sab_png_encode(width, height, rgb, &png, &nbytes, err);
    snprintf(tag, sizeof tag, "recall/layer_%d", layer + 1);
    if (status == SAB_OK)
        sab_events_image(events, time, step, tag, width, height, png, nbytes);
    sab_free(png);
    sab_free(rgb);
    return status;
}

/* What the weights in the run's folder recall of the sequences that were kept: a picture of each layer, answers below each other. */
static int add_pictures(struct sab_live_events *e, struct sab_events *events, double time, int64_t step, struct sab_error *err)
{
    struct sab_model *model = NULL;
    struct sab_recall_log log = {0};
    struct sab_recall recall = sab_recall_log_collect(&log);
    int status = sab_run_model(&model, e->run, err);
    if (status == SAB_OK)
        status = sab_model_evaluate(model, &e->batch, 1, NULL, NULL, &recall, err);
    if (status == SAB_OK)
        status = sab_recall_log_sort(&log, err);
    log.stretch = status == SAB_OK ? sab_recall_run_stretch(sab_model_options(model)) : 1;
    int layers = status == SAB_OK ? (int)sab_options_number(sab_model_options(model), "layers") : 0;
    for (int layer = 0; layer < layers && status == SAB_OK; layer++) {
        const struct sab_recall_view view = {.T = e->batch.T, .sequences = e->batch.B, .layer = layer, .is_shown = e->is_shown,
                                             .rows_cap = ROWS, .columns_cap = COLUMNS};
        struct sab_recall_map map;
        status = sab_recall_map_make(&map, &log, &view, err);
        if (status == SAB_OK)
            status = draw(events, &map, time, step, layer, err);
        sab_recall_map_clear(&map);
    }
    sab_recall_log_clear(&log);
    sab_model_free(model);
    return status;
}

/* ---- lines ---- */

struct adding {
    struct sab_events *events;
    double time;
    int64_t step;
};

static int add_row(void *user, const struct sab_figure *figures, int n)
{
    const struct adding *a = user;
    for (int i = 0; i < n; i++)
        if (strcmp(figures[i].name, "step") != 0 && strcmp(figures[i].name, "seconds") != 0 && isfinite(figures[i].value))
            sab_events_scalar(a->events, a->time, a->step, figures[i].name, figures[i].value);
    return 0;
}

/* Names the file by the first update that it tells of, so that files follow each other, and begins it. */
static int begin(struct sab_live_events *e, struct sab_events *events, double time, int64_t step, struct sab_error *err)
{
    name_file(e, e->goes_on ? step : 0);
    sab_events_begin(events, time);
    struct sab_options *options = NULL; /* as the run has them: some were chosen by a look at the data */
    int status = sab_run_options(&options, e->run, err);
    if (status == SAB_OK)
        sab_events_options(events, time, options);
    sab_options_free(options);
    e->is_begun = 1;
    return status == SAB_OK ? sab_file_cut(e->path, 0, err) : status;
}

int sab_live_events_add(struct sab_live_events *e, const struct sab_event *event, struct sab_error *err)
{
    struct sab_events events = {0};
    struct adding adding = {&events, now_s(), event->step};
    int status = e->is_begun ? SAB_OK : begin(e, &events, adding.time, event->step, err);
    if (status == SAB_OK)
        status = sab_run_history(e->run, 1, add_row, &adding, err);
    if (status == SAB_OK && event->is_best && e->batch.T > 0)
        status = add_pictures(e, &events, adding.time, event->step, err);
    if (status == SAB_OK && events.is_full)
        status = sab_fail(err, SAB_NOMEM, "no memory for the events of an evaluation");
    if (status == SAB_OK)
        status = sab_file_append(e->path, events.bytes, events.nbytes, err);
    sab_events_clear(&events);
    return status;
}
