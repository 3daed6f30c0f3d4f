/* See checkpoint.h. One list of arrays and one of scalars drive both saving and loading. */
#include "train/checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "credit/share.h"
#include "data/facts.h"
#include "data/task.h"
#include "io/safetensors.h"
#include "model/stream_rows.h"
#include "train/folder.h"
#include "train/metadata.h"
#include "train/stream_file.h"
#include "train/trainer.h"

enum { NAME_CAP = 64, PARTS = 5, BEST = 4, METRICS = 6 };

struct part {
    const char *name;
    sab_real *array; /* parallel to the model's flat weights; NULL: not in this run */
};

static void list_parts(const struct sab_trainer *trainer, const sab_real *best, struct part parts[PARTS])
{
    parts[0] = (struct part){"weights", trainer->theta};
    parts[1] = (struct part){"moment1", trainer->m};
    parts[2] = (struct part){"moment2", trainer->v};
    parts[3] = (struct part){"average", trainer->average};
    parts[BEST] = (struct part){"best", (sab_real *)best};
}

/* The scalars in the form the file has them. */
struct record {
    int64_t step, evaluated, best_step, since_best, metrics_nbytes;
    double seconds, grad_norm, last[METRICS], best[METRICS];
};

struct scalar {
    const char *name;
    int dtype;
    uint64_t count;
    size_t offset; /* in struct record */
};

#define AT(field) offsetof(struct record, field)
static const struct scalar scalars[] = {
    {"step", SAB_DTYPE_I64, 1, AT(step)},
    {"evaluated", SAB_DTYPE_I64, 1, AT(evaluated)},
    {"best_step", SAB_DTYPE_I64, 1, AT(best_step)},
    {"since_best", SAB_DTYPE_I64, 1, AT(since_best)},
    {"metrics_nbytes", SAB_DTYPE_I64, 1, AT(metrics_nbytes)},
    {"seconds", SAB_DTYPE_F64, 1, AT(seconds)},
    {"grad_norm", SAB_DTYPE_F64, 1, AT(grad_norm)},
    {"last_metrics", SAB_DTYPE_F64, METRICS, AT(last)},
    {"best_metrics", SAB_DTYPE_F64, METRICS, AT(best)},
};
enum { SCALARS = sizeof scalars / sizeof scalars[0] };

static void pack_metrics(double to[METRICS], const struct sab_metrics *from)
{
    const double values[METRICS] = {from->loss,   from->accuracy,       from->mse,
                                    from->weight, (double)from->scored, from->grad_norm};
    memcpy(to, values, sizeof values);
}

static void unpack_metrics(struct sab_metrics *to, const double from[METRICS])
{
    *to = (struct sab_metrics){.loss = from[0], .accuracy = from[1], .mse = from[2], .weight = from[3], .scored = (int64_t)from[4],
                               .grad_norm = from[5]};
}

/* Tensors that states of 0.1.0 do not have. Figures have names of their own, so that more can be added. */
struct later {
    char name[NAME_CAP];
    uint64_t count;
    double *array;
};
enum { LATER = 1 + 2 * SAB_METRIC_COUNT };

static void list_later(struct sab_run_state *state, struct later list[LATER])
{
    list[0] = (struct later){"train_loss", 2, state->train_loss};
    for (int id = 0; id < SAB_METRIC_COUNT; id++) {
        struct later *last = &list[1 + 2 * id], *best = last + 1;
        *last = (struct later){.count = 1, .array = &state->last_values[id]};
        *best = (struct later){.count = 1, .array = &state->best_values[id]};
        snprintf(last->name, sizeof last->name, "last_values.%s", sab_metric_table[id].name);
        snprintf(best->name, sizeof best->name, "best_values.%s", sab_metric_table[id].name);
    }
}

/* The figures that can be told from a state of 0.1.0, which has three. */
static void values_of(const struct sab_metrics *metrics, const char *task, double values[SAB_METRIC_COUNT])
{
    for (int id = 0; id < SAB_METRIC_COUNT; id++)
        values[id] = NAN;
    values[SAB_METRIC_LOSS] = metrics->loss;
    values[SAB_METRIC_BITS] = sab_task_bits_per_char(task, metrics->loss);
    values[SAB_METRIC_ACCURACY] = metrics->accuracy;
    values[SAB_METRIC_MSE] = metrics->mse;
}

/* ---- saving ---- */

static int add_tensors(struct sab_safetensors_writer *writer, const struct sab_trainer *trainer,
                       const struct part *part, struct sab_error *err)
{
    for (int i = 0; i < sab_model_tensor_count(trainer->model); i++) {
        struct sab_tensor tensor = *sab_model_tensor(trainer->model, i);
        const uint64_t shape[2] = {(uint64_t)tensor.shape[0], (uint64_t)tensor.shape[1]};
        char name[NAME_CAP];
        snprintf(name, sizeof name, "%s.%s", part->name, tensor.name);
        int status = sab_safetensors_writer_add(writer, name, SAB_DTYPE_REAL, tensor.ndim, shape,
                                                part->array + (tensor.data - trainer->theta), err);
        if (status != SAB_OK)
            return status;
    }
    return SAB_OK;
}

/* ---- the state between batches, where ranks hold a part each ---- */

/* Bytes of the sequences that a rank has. */
static size_t part_nbytes(const struct sab_trainer *trainer, int rank, int *place)
{
    int n = sab_share_sequences(trainer->carried_B, trainer->engine->comm->ranks, rank, place);
    return (size_t)n * sab_stream_row_nbytes(trainer->carried);
}

/* Collective: all sequences of the state, on rank 0; *whole is NULL on the others. */
static int gather_carried(const struct sab_trainer *trainer, struct sab_stream **whole, struct sab_error *err)
{
    struct sab_comm *comm = trainer->engine->comm;
    int first = 0, own = sab_comm_sequences(comm, trainer->carried_B, &first), B = comm->rank == 0 ? trainer->carried_B : own, n = 0;
    size_t nbytes = sab_stream_row_nbytes(trainer->carried);
    char *rows = sab_alloc((size_t)(B > 0 ? B : 1), nbytes);
    struct sab_parcel *parcels = sab_alloc((size_t)comm->ranks, sizeof *parcels);
    int status = rows && parcels ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory to save the state of %d sequences", B);
    if (status == SAB_OK && comm->rank == 0)
        status = sab_stream_like(whole, trainer->carried, B, err);
    status = sab_comm_agree(comm, status, 0, "", err);
    if (status == SAB_OK)
        sab_stream_take_rows(trainer->carried, 0, own, rows);
    for (int r = comm->rank == 0 ? 1 : comm->ranks, place; r < comm->ranks && status == SAB_OK; r++) {
        size_t part = part_nbytes(trainer, r, &place);
        if (part > 0)
            parcels[n++] = (struct sab_parcel){r, rows + (size_t)place * nbytes, part};
    }
    if (comm->rank > 0 && own > 0)
        parcels[0] = (struct sab_parcel){0, rows, (size_t)own * nbytes};
    if (status == SAB_OK)
        status = comm->rank == 0 ? sab_comm_exchange(comm, NULL, 0, parcels, n, err)
                                 : sab_comm_exchange(comm, parcels, own > 0, NULL, 0, err);
    if (status == SAB_OK && comm->rank == 0)
        sab_stream_put_rows(*whole, 0, B, rows);
    sab_free(rows);
    sab_free(parcels);
    return status;
}

/* The state of a file, which is of all sequences, becomes this rank's part of it. */
static int take_part(struct sab_stream **state, const struct sab_comm *comm, struct sab_error *err)
{
    struct sab_stream *whole = *state, *part;
    int first, n = sab_comm_sequences(comm, whole->B, &first);
    char *rows = sab_alloc((size_t)(n > 0 ? n : 1), sab_stream_row_nbytes(whole));
    int status = rows ? sab_stream_like(&part, whole, n > 0 ? n : 1, err)
                      : sab_fail(err, SAB_NOMEM, "no memory for the state of %d sequences", n);
    if (status == SAB_OK) {
        sab_stream_take_rows(whole, first, n, rows);
        sab_stream_put_rows(part, 0, n, rows);
        sab_stream_free(whole);
        *state = part;
    }
    sab_free(rows);
    return status;
}

double sab_state_nbytes(const struct sab_optim_options *config, double count)
{
    return (2 + (config->optimizer != SAB_OPTIMIZER_SGD ? 2 : 1) + (config->average > 0)) * count * sizeof(sab_real);
}

/* With the state between batches, which may be NULL. */
static int write_state(const char *path, struct sab_trainer *trainer, const struct sab_run_state *state, const sab_real *best,
                       const struct sab_stream *carried, struct sab_error *err)
{
    struct record record = {.step = trainer->step,
                            .evaluated = state->evaluated,
                            .best_step = state->best_step,
                            .since_best = state->since_best,
                            .metrics_nbytes = state->metrics_nbytes,
                            .seconds = state->seconds,
                            .grad_norm = state->grad_norm};
    pack_metrics(record.last, &state->last);
    pack_metrics(record.best, &state->best);
    struct sab_run_state copy = *state;
    struct later later[LATER];
    struct part parts[PARTS];
    list_later(&copy, later);
    list_parts(trainer, state->best_step >= 0 ? best : NULL, parts);
    struct sab_safetensors_writer *writer;
    void *room = NULL;
    int status = sab_trainer_fetch(trainer, err);
    if (status == SAB_OK)
        status = sab_safetensors_writer_create(&writer, err);
    if (status != SAB_OK)
        return status;
    status = sab_metadata_add(writer, &trainer->config, trainer->model, err);
    for (int i = 0; i < PARTS && status == SAB_OK; i++)
        if (parts[i].array)
            status = add_tensors(writer, trainer, &parts[i], err);
    for (int i = 0; i < SCALARS && status == SAB_OK; i++)
        status = sab_safetensors_writer_add(writer, scalars[i].name, scalars[i].dtype, 1, &scalars[i].count,
                                            (const char *)&record + scalars[i].offset, err);
    for (int i = 0; i < LATER && status == SAB_OK; i++)
        status = sab_safetensors_writer_add(writer, later[i].name, SAB_DTYPE_F64, 1, &later[i].count, later[i].array, err);
    if (status == SAB_OK && carried)
        status = sab_stream_add(writer, carried, &room, err);
    if (status == SAB_OK)
        status = sab_safetensors_writer_save(writer, path, err);
    sab_safetensors_writer_free(writer);
    sab_free(room);
    return status;
}

int sab_state_save(const char *path, struct sab_trainer *trainer, const struct sab_run_state *state,
                   const sab_real *best, struct sab_error *err)
{
    struct sab_comm *comm = trainer->engine->comm;
    struct sab_stream *whole = NULL;
    if (!comm)
        return write_state(path, trainer, state, best, trainer->carried, err);
    int status = trainer->carried ? gather_carried(trainer, &whole, err) : SAB_OK;
    if (status == SAB_OK && comm->rank == 0)
        status = write_state(path, trainer, state, best, whole, err);
    sab_stream_free(whole);
    return sab_comm_agree(comm, status, 0, "", err);
}

/* ---- loading ---- */

/* The file's tensor of that name with that type and shape, or NULL and an error. */
static const struct sab_safetensors_view *find(struct sab_safetensors *file, const char *path, const char *name,
                                               int dtype, int ndim, const uint64_t *shape, struct sab_error *err)
{
    const struct sab_safetensors_view *view = sab_safetensors_find(file, name);
    if (!view)
        sab_fail(err, SAB_FORMAT, "%s has no tensor \"%s\"; it is not the state of this run", path, name);
    else if (view->dtype != dtype || view->ndim != ndim || memcmp(view->shape, shape, (size_t)ndim * sizeof *shape))
        sab_fail(err, SAB_FORMAT, "%s: the tensor \"%s\" has not the type and shape that this run needs", path, name);
    else
        return view;
    return NULL;
}

/* Checks the tensors of a part and, if copy, brings them in. */
static int read_tensors(struct sab_safetensors *file, const char *path, const struct sab_trainer *trainer,
                        const struct part *part, int copy, struct sab_error *err)
{
    for (int i = 0; i < sab_model_tensor_count(trainer->model); i++) {
        struct sab_tensor tensor = *sab_model_tensor(trainer->model, i);
        const uint64_t shape[2] = {(uint64_t)tensor.shape[0], (uint64_t)tensor.shape[1]};
        char name[NAME_CAP];
        snprintf(name, sizeof name, "%s.%s", part->name, tensor.name);
        const struct sab_safetensors_view *view = find(file, path, name, SAB_DTYPE_REAL, tensor.ndim, shape, err);
        if (!view)
            return SAB_FORMAT;
        if (copy)
            memcpy(part->array + (tensor.data - trainer->theta), view->data, view->nbytes);
    }
    return SAB_OK;
}

static int read_scalars(struct sab_safetensors *file, const char *path, struct record *record, struct sab_error *err)
{
    for (int i = 0; i < SCALARS; i++) {
        const struct scalar *scalar = &scalars[i];
        const struct sab_safetensors_view *view =
            find(file, path, scalar->name, scalar->dtype, 1, &scalar->count, err);
        if (!view)
            return SAB_FORMAT;
        memcpy((char *)record + scalar->offset, view->data, view->nbytes);
    }
    if (record->step < 0 || record->evaluated < -1 || record->best_step < -1 || record->since_best < 0 ||
        record->metrics_nbytes < 0 || !(record->seconds >= 0))
        return sab_fail(err, SAB_FORMAT, "%s: a counter is negative", path);
    return SAB_OK;
}

/* After last and best. A figure that the file lacks is no number; the losses of a state of 0.1.0 are not known until the next
 * evaluation. */
static int read_later(struct sab_safetensors *file, const char *path, const struct sab_trainer *trainer,
                      struct sab_run_state *state, struct sab_error *err)
{
    struct later later[LATER];
    list_later(state, later);
    values_of(&state->last, trainer->config.task.task, state->last_values);
    values_of(&state->best, trainer->config.task.task, state->best_values);
    state->train_loss[0] = NAN;
    for (int i = 0; i < LATER; i++) {
        if (!sab_safetensors_find(file, later[i].name))
            continue;
        const struct sab_safetensors_view *view = find(file, path, later[i].name, SAB_DTYPE_F64, 1, &later[i].count, err);
        if (!view)
            return SAB_FORMAT;
        memcpy(later[i].array, view->data, view->nbytes);
    }
    return SAB_OK;
}

/* The state repeats the options that decide the result: config.json may have been edited since it was written. */
static int check_config(struct sab_safetensors *file, const char *path, const struct sab_trainer *trainer,
                        struct sab_options *made_with, struct sab_error *err)
{
    struct sab_options read = {0};
    struct sab_shape shape;
    if (!sab_safetensors_metadata(file, "config"))
        return SAB_OK;
    int status = sab_metadata_read(file, path, &read, &shape, err);
    if (status == SAB_OK)
        sab_options_move(made_with, &read);
    return status == SAB_OK ? sab_folder_keeps(made_with, &trainer->config, path, err) : status;
}

static int check_facts(struct sab_safetensors *file, const char *path, const struct sab_trainer *trainer, struct sab_error *err)
{
    int is_equal = sab_facts_equal(sab_metadata_facts(file), sab_model_facts(trainer->model));
    if (is_equal < 0)
        return sab_fail(err, SAB_NOMEM, "no memory to compare the facts of %s", path);
    if (!is_equal)
        return sab_fail(err, SAB_INVALID, "the training data are not those that the run began with: what %s knows of "
                                          "them does not fit", path);
    return SAB_OK;
}

/* Where the run stood, as numbers. */
static int read_run(struct sab_safetensors *file, const char *path, const struct sab_trainer *trainer, struct record *record,
                    struct sab_run_state *state, struct sab_error *err)
{
    int status = read_scalars(file, path, record, err);
    if (status != SAB_OK)
        return status;
    *state = (struct sab_run_state){.evaluated = record->evaluated,
                                    .best_step = record->best_step,
                                    .since_best = record->since_best,
                                    .metrics_nbytes = record->metrics_nbytes,
                                    .seconds = record->seconds,
                                    .grad_norm = record->grad_norm};
    unpack_metrics(&state->last, record->last);
    unpack_metrics(&state->best, record->best);
    return read_later(file, path, trainer, state, err);
}

/* All tensors are looked at before the first is copied. */
static int read_parts(struct sab_safetensors *file, const char *path, struct sab_trainer *trainer, sab_real *best, struct sab_error *err)
{
    struct part parts[PARTS];
    list_parts(trainer, best, parts);
    int status = SAB_OK;
    for (int copy = 0; copy <= 1; copy++)
        for (int i = 0; i < PARTS && status == SAB_OK; i++)
            if (parts[i].array)
                status = read_tensors(file, path, trainer, &parts[i], copy, err);
    return status;
}

static int read_state(struct sab_safetensors *file, const char *path, struct sab_trainer *trainer,
                      struct sab_run_state *state, sab_real *best, struct sab_options *made_with, struct sab_error *err)
{
    struct record record;
    struct sab_run_state read;
    struct sab_stream *carried = NULL;
    if (!sab_safetensors_has_digest(file))
        return sab_fail(err, SAB_FORMAT, "%s carries no digest, so it cannot be trusted to be whole", path);
    int status = check_config(file, path, trainer, made_with, err);
    if (status == SAB_OK)
        status = check_facts(file, path, trainer, err);
    if (status == SAB_OK)
        status = read_run(file, path, trainer, &record, &read, err);
    if (status == SAB_OK)
        status = sab_trainer_fetch(trainer, err); /* the weights here are the newest from now on, not the device's */
    if (status == SAB_OK)
        status = sab_stream_read(&carried, file, path, trainer->model, err);
    int B = carried ? carried->B : 0;
    if (carried && trainer->engine->comm)
        status = take_part(&carried, trainer->engine->comm, err);
    if (status == SAB_OK)
        status = read_parts(file, path, trainer, record.best_step >= 0 ? best : NULL, err);
    if (status != SAB_OK) {
        sab_stream_free(carried);
        return status;
    }
    sab_stream_free(trainer->carried);
    trainer->carried = carried;
    trainer->carried_B = B;
    trainer->step = record.step;
    *state = read;
    return SAB_OK;
}

int sab_state_load(const char *path, struct sab_trainer *trainer, struct sab_run_state *state, sab_real *best,
                   struct sab_options *made_with, struct sab_error *err)
{
    struct sab_safetensors *file;
    int status = sab_safetensors_open(&file, path, err);
    if (status != SAB_OK)
        return status;
    status = read_state(file, path, trainer, state, best, made_with, err);
    sab_safetensors_close(file);
    return status;
}

/* ---- of a trainer alone ---- */

int sab_trainer_save(struct sab_trainer *trainer, const char *path, struct sab_error *err)
{
    const struct sab_run_state none = {.evaluated = -1, .best_step = -1};
    return sab_state_save(path, trainer, &none, NULL, err);
}

int sab_trainer_load(struct sab_trainer *trainer, const char *path, struct sab_error *err)
{
    struct sab_run_state state;
    struct sab_options made_with;
    sab_options_init(&made_with);
    int status = sab_state_load(path, trainer, &state, NULL, &made_with, err);
    sab_options_clear(&made_with);
    return status;
}
