/* See reproduce_maps.h. */
#include "lab/reproduce_maps.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/recall.h"
#include "io/file.h"
#include "report/cairo.h"

/* Early is up to this update, the way up to this accuracy. */
#define EARLY_STEP 100
#define HALF_WAY 0.6

enum { EARLY, MIDDLE, END, TIMES, MODEL_CAP = 1 << 30, SEQUENCES = 16 };

static const char *const files[TIMES] = {"early.safetensors", "middle.safetensors", "model.safetensors"};

static int belongs(int time, int64_t step, double accuracy)
{
    return time == END || (time == EARLY ? step <= EARLY_STEP : accuracy < HALF_WAY);
}

static int copy(const char *from, const char *to, struct sab_error *err)
{
    void *data;
    size_t nbytes;
    int status = sab_file_read(from, MODEL_CAP, &data, &nbytes, err);
    if (status != SAB_OK)
        return status;
    status = sab_file_write_atomic(to, data, nbytes, err);
    sab_free(data);
    return status;
}

int sab_maps_keep(const char *run, const struct sab_event *progress, struct sab_error *err)
{
    char from[SAB_FILE_CAP], to[SAB_FILE_CAP];
    int status = SAB_OK;
    snprintf(from, sizeof from, "%s/%s", run, files[END]);
    for (int time = EARLY; time < END && status == SAB_OK; time++) {
        if (!belongs(time, progress->step, progress->metrics->accuracy))
            continue;
        snprintf(to, sizeof to, "%s/%s", run, files[time]);
        status = copy(from, to, err);
    }
    return status;
}

/* The evaluation of the weights kept for a time: the last that was the best so far. NULL if there is none. */
static const struct sab_measured *find(const struct sab_cell_result *result, int time)
{
    const struct sab_measured *best = NULL, *found = NULL;
    for (int i = 0; i < result->n_curve; i++) {
        const struct sab_measured *at = &result->curve[i];
        if (best && !(at->accuracy > best->accuracy || (at->accuracy == best->accuracy && at->loss < best->loss)))
            continue;
        best = at;
        if (belongs(time, at->step, at->accuracy))
            found = at;
    }
    return found;
}

int sab_maps_draw(const char *run, const char *prefix, struct sab_cell_result *result, struct sab_error *err)
{
    int status = SAB_OK;
    char version[32];
    struct sab_error why = {0};
    if (sab_cairo_check(version, &why) != SAB_OK) { /* the numbers are there all the same */
        fprintf(stderr, "sab reproduce: no maps are drawn: %s\n", why.message);
        return SAB_OK;
    }
    for (int time = EARLY; time < TIMES && status == SAB_OK; time++) {
        const struct sab_measured *at = find(result, time);
        char model[SAB_FILE_CAP], png[SAB_FILE_CAP + 32];
        if (!at || (result->n_maps > 0 && result->maps[result->n_maps - 1].step == at->step))
            continue;
        snprintf(model, sizeof model, "%s/%s", run, files[time]);
        snprintf(png, sizeof png, "%s-u%lld.png", prefix, (long long)at->step);
        status = sab_recall_picture(model, SEQUENCES, png, err);
        struct sab_cell_map *map = &result->maps[result->n_maps++];
        map->step = at->step;
        map->accuracy = at->accuracy;
        snprintf(map->png, sizeof map->png, "%s", strrchr(png, '/') + 1);
    }
    return status;
}
