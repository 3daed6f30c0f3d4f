/* See stream_file.h, and sab_stream_save and sab_stream_load in sab.h. */
#include "train/stream_file.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "io/safetensors.h"
#include "model/stream.h"
#include "optim/optim.h"
#include "train/metadata.h"

enum { NAME_CAP = 32 };

static const char weights_key[] = "weights"; /* the digest of the model that a state belongs to */

static void name_tensor(char name[NAME_CAP], char what, int layer)
{
    snprintf(name, NAME_CAP, "stream.%c_l%d", what, layer);
}

/* Rows of H numbers at a distance of Hp. */
static void copy_rows(real *to, size_t to_stride, const real *from, size_t from_stride, size_t rows, size_t H)
{
    for (size_t r = 0; r < rows; r++)
        memcpy(to + r * to_stride, from + r * from_stride, H * sizeof(real));
}

/* ---- writing ---- */

static int add(struct sab_safetensors_writer *writer, char what, int layer, int ndim, const uint64_t *shape,
               const real *data, struct sab_error *err)
{
    char name[NAME_CAP];
    name_tensor(name, what, layer);
    return sab_safetensors_writer_add(writer, name, SAB_DTYPE_REAL, ndim, shape, data, err);
}

/* Layer l's stretches: sums, the states they began with, and attention's two numbers. */
static int add_stretch(struct sab_safetensors_writer *writer, const struct sab_stream *s, int l, real **next, struct sab_error *err)
{
    const struct sab_stretch *stretch = &s->layers[l].now.memory.stretch;
    size_t B = (size_t)s->B, H = (size_t)s->model->H, Hp = (size_t)s->model->Hp;
    const uint64_t states[2] = {B, H}, numbers[2] = {2, B};
    copy_rows(*next, H, stretch->sum, Hp, B, H);
    int status = add(writer, 'p', l, 2, states, *next, err);
    *next += B * H;
    copy_rows(*next, H, stretch->begin, Hp, B, H);
    if (status == SAB_OK)
        status = add(writer, 'b', l, 2, states, *next, err);
    *next += B * H;
    memcpy(*next, stretch->top, B * sizeof(real));
    memcpy(*next + B, stretch->Z, B * sizeof(real));
    if (status == SAB_OK)
        status = add(writer, 'z', l, 2, numbers, *next, err);
    *next += 2 * B;
    return status;
}

/* Layer l's tensors from `next` on, which moves past them. */
static int add_layer(struct sab_safetensors_writer *writer, const struct sab_stream *s, int l, size_t N, real **next,
                     struct sab_error *err)
{
    const struct sab_model *m = s->model;
    const struct sab_carry *now = &s->layers[l].now;
    size_t B = (size_t)s->B, H = (size_t)m->H, Hp = (size_t)m->Hp;
    const uint64_t state[2] = {B, H}, memory[3] = {B, N, H};
    copy_rows(*next, H, now->h, Hp, B, H);
    int status = add(writer, 'h', l, 2, state, *next, err);
    *next += B * H;
    if (status == SAB_OK && m->cell->has_c) {
        copy_rows(*next, H, now->c, Hp, B, H);
        status = add(writer, 'c', l, 2, state, *next, err);
        *next += B * H;
    }
    if (status == SAB_OK && now->memory.stretch.sum)
        status = add_stretch(writer, s, l, next, err);
    if (status != SAB_OK || m->K == 0)
        return status;
    for (size_t b = 0; b < B; b++)
        copy_rows(*next + b * N * H, H, now->memory.M + (b * now->memory.cap + now->memory.ledger.n - N) * Hp, Hp, N, H);
    status = add(writer, 'm', l, 3, memory, *next, err);
    *next += B * N * H;
    const struct sab_ledger *ledger = &now->memory.ledger;
    if (status != SAB_OK || !ledger->keep->choice)
        return status;
    for (size_t b = 0; b < B && N > 0; b++)
        memcpy(*next + b * N, ledger->worth + b * ledger->cap + ledger->n - N, N * sizeof(real));
    status = add(writer, 'w', l, 2, memory, *next, err);
    *next += B * N;
    return status;
}

int sab_stream_add(struct sab_safetensors_writer *writer, const struct sab_stream *s, void **room,
                   struct sab_error *err)
{
    const struct sab_model *m = s->model;
    const uint64_t one = 1, B = (uint64_t)s->B;
    size_t N = m->K > 0 ? (size_t)sab_stream_carried(s) : 0;
    size_t stretch = s->layers[0].now.memory.stretch.sum ? 2 * (size_t)m->H + 2 : 0;
    size_t numbers = (size_t)m->L * B * (m->H * (1 + (m->cell->has_c ? 1 : 0) + N) + (m->K > 0 ? N : 0) + stretch);
    int64_t *steps = sab_alloc(sizeof *steps + numbers * sizeof(real) + 2 * B * sizeof(int32_t) + B * sizeof(int64_t), 1);
    *room = steps;
    if (!steps)
        return sab_fail(err, SAB_NOMEM, "no memory to save the state of %d sequences", s->B);
    int64_t *draw = steps + 1;
    real *next = (real *)(draw + B);
    int32_t *first = (int32_t *)(next + numbers), *since = first + B;
    *steps = s->t;
    for (int b = 0; b < s->B; b++) {
        int before = s->layers[0].now.memory.ledger.n - (int)N, at = s->layers[0].now.memory.ledger.first[b];
        first[b] = at > before ? at - before : 0;
        since[b] = s->since[b];
        memcpy(&draw[b], &s->draw[b], sizeof draw[b]);
    }
    int status = sab_safetensors_writer_add(writer, "stream.steps", SAB_DTYPE_I64, 1, &one, steps, err);
    if (status == SAB_OK)
        status = sab_safetensors_writer_add(writer, "stream.first", SAB_DTYPE_I32, 1, &B, first, err);
    if (status == SAB_OK)
        status = sab_safetensors_writer_add(writer, "stream.since", SAB_DTYPE_I32, 1, &B, since, err);
    if (status == SAB_OK && sab_draws_are_used(m))
        status = sab_safetensors_writer_add(writer, "stream.draw", SAB_DTYPE_I64, 1, &B, draw, err);
    for (int l = 0; l < m->L && status == SAB_OK; l++)
        status = add_layer(writer, s, l, N, &next, err);
    if (status != SAB_OK) {
        sab_free(*room);
        *room = NULL;
    }
    return status;
}

static int check_carry(const struct sab_stream *s, int layer, const char *path, struct sab_error *err)
{
    const struct sab_model *m = s->model;
    const struct sab_carry *now = &s->layers[layer].now;
    size_t states = (size_t)s->B * (size_t)m->Hp, n = m->K > 0 ? (size_t)now->memory.ledger.n * (size_t)m->Hp : 0;
    int is_finite = sab_optim_is_finite(now->h, states) && (!m->cell->has_c || sab_optim_is_finite(now->c, states));
    for (int b = 0; b < s->B && is_finite && n > 0; b++)
        is_finite = sab_optim_is_finite(now->memory.M + (size_t)b * (size_t)now->memory.cap * (size_t)m->Hp, n);
    return is_finite ? SAB_OK
                     : sab_fail(err, SAB_NUMERIC, "%.300s is not written: the state of layer %d is not finite", path, layer);
}

int sab_stream_save(const struct sab_stream *stream, const char *path, struct sab_error *err)
{
    struct sab_safetensors_writer *writer;
    void *room = NULL;
    char digest[33];
    int status = SAB_OK;
    for (int l = 0; l < stream->model->L && status == SAB_OK; l++)
        status = check_carry(stream, l, path, err); /* it could not be loaded again */
    if (status == SAB_OK)
        status = sab_safetensors_writer_create(&writer, err);
    if (status != SAB_OK)
        return status;
    sab_model_digest(stream->model, digest);
    status = sab_metadata_add(writer, sab_model_options(stream->model), stream->model, err);
    if (status == SAB_OK)
        status = sab_safetensors_writer_metadata(writer, weights_key, digest, err);
    if (status == SAB_OK)
        status = sab_stream_add(writer, stream, &room, err);
    if (status == SAB_OK)
        status = sab_safetensors_writer_save(writer, path, err);
    sab_safetensors_writer_free(writer);
    sab_free(room);
    return status;
}

/* ---- reading ---- */

/* The tensor, of that type and shape; a dimension of UINT64_MAX may be anything. */
static const struct sab_safetensors_view *find(struct sab_safetensors *file, const char *path, const char *name,
                                               int dtype, int ndim, const uint64_t *shape, struct sab_error *err)
{
    const struct sab_safetensors_view *view = sab_safetensors_find(file, name);
    int agrees = view && view->dtype == dtype && view->ndim == ndim;
    for (int d = 0; agrees && d < ndim; d++)
        agrees = shape[d] == UINT64_MAX || view->shape[d] == shape[d];
    if (agrees)
        return view;
    sab_fail(err, SAB_FORMAT, view ? "%s: the tensor \"%s\" has not the type and shape that this model needs"
                                   : "%s has no tensor \"%s\"; it is not a state of this model", path, name);
    return NULL;
}

static int read_rows(struct sab_safetensors *file, const char *path, const struct sab_stream *s, char what, int layer,
                     int ndim, const uint64_t *shape, real *to, size_t rows_each, size_t stride_each,
                     struct sab_error *err)
{
    const struct sab_model *m = s->model;
    size_t H = (size_t)m->H, Hp = (size_t)m->Hp;
    char name[NAME_CAP];
    name_tensor(name, what, layer);
    const struct sab_safetensors_view *view = find(file, path, name, SAB_DTYPE_REAL, ndim, shape, err);
    if (!view)
        return SAB_FORMAT;
    const real *from = view->data;
    for (size_t i = 0; i < view->nbytes / sizeof(real); i++)
        if (!isfinite(from[i]))
            return sab_fail(err, SAB_FORMAT, "%s: element %zu of the tensor \"%s\" is not finite", path, i, name);
    for (size_t b = 0; b < (size_t)s->B; b++)
        copy_rows(to + b * stride_each * Hp, Hp, from + b * rows_each * H, H, rows_each, H);
    return SAB_OK;
}

/* What each memory is worth. */
static int read_worth(struct sab_safetensors *file, const char *path, const struct sab_stream *s, int l, const uint64_t shape[2],
                      struct sab_error *err)
{
    struct sab_ledger *ledger = &s->layers[l].now.memory.ledger;
    char name[NAME_CAP];
    name_tensor(name, 'w', l);
    const struct sab_safetensors_view *view = find(file, path, name, SAB_DTYPE_REAL, 2, shape, err);
    if (!view)
        return SAB_FORMAT;
    const real *from = view->data;
    for (size_t i = 0; i < view->nbytes / sizeof(real); i++)
        if (!isfinite(from[i]))
            return sab_fail(err, SAB_FORMAT, "%s: element %zu of the tensor \"%s\" is not finite", path, i, name);
    for (size_t b = 0; b < (size_t)s->B && shape[1] > 0; b++)
        memcpy(ledger->worth + b * ledger->cap, from + b * shape[1], shape[1] * sizeof(real));
    return SAB_OK;
}

static int read_stretch(struct sab_safetensors *file, const char *path, const struct sab_stream *s, int l, struct sab_error *err)
{
    const struct sab_stretch *stretch = &s->layers[l].now.memory.stretch;
    const uint64_t states[2] = {(uint64_t)s->B, (uint64_t)s->model->H}, numbers[2] = {2, (uint64_t)s->B};
    size_t B = (size_t)s->B;
    char name[NAME_CAP];
    int status = read_rows(file, path, s, 'p', l, 2, states, stretch->sum, 1, 1, err);
    if (status == SAB_OK)
        status = read_rows(file, path, s, 'b', l, 2, states, stretch->begin, 1, 1, err);
    if (status != SAB_OK)
        return status;
    name_tensor(name, 'z', l);
    const struct sab_safetensors_view *view = find(file, path, name, SAB_DTYPE_REAL, 2, numbers, err);
    if (!view)
        return SAB_FORMAT;
    if (!sab_optim_is_finite(view->data, 2 * B))
        return sab_fail(err, SAB_FORMAT, "%s: a number of the tensor \"%s\" is not finite", path, name);
    memcpy(stretch->top, view->data, B * sizeof(real));
    memcpy(stretch->Z, (const real *)view->data + B, B * sizeof(real));
    return SAB_OK;
}

static int read_layer(struct sab_safetensors *file, const char *path, struct sab_stream *s, int l, int N,
                      struct sab_error *err)
{
    const struct sab_model *m = s->model;
    struct sab_carry *now = &s->layers[l].now;
    const uint64_t state[2] = {(uint64_t)s->B, (uint64_t)m->H}, memory[3] = {(uint64_t)s->B, (uint64_t)N, (uint64_t)m->H};
    int status = read_rows(file, path, s, 'h', l, 2, state, now->h, 1, 1, err);
    if (status == SAB_OK && m->cell->has_c)
        status = read_rows(file, path, s, 'c', l, 2, state, now->c, 1, 1, err);
    if (status == SAB_OK && now->memory.stretch.sum)
        status = read_stretch(file, path, s, l, err);
    if (status == SAB_OK && m->K > 0)
        status = read_rows(file, path, s, 'm', l, 3, memory, now->memory.M, (size_t)N, (size_t)now->memory.cap, err);
    if (status == SAB_OK && m->layers[l].remind.keep.choice && m->K > 0)
        status = read_worth(file, path, s, l, memory, err);
    if (status == SAB_OK && N > 0)
        sab_memory_rekey(&m->layers[l].remind, &now->memory);
    return status;
}

/* Number of memories in the file: at most what a model of so many slots keeps, and no more bytes than the file has. */
static int count_memories(struct sab_safetensors *file, const char *path, const struct sab_model *m, uint64_t B, int *N,
                          struct sab_error *err)
{
    const uint64_t shape[3] = {B, UINT64_MAX, (uint64_t)m->H};
    char name[NAME_CAP];
    *N = 0;
    if (m->K == 0)
        return SAB_OK;
    name_tensor(name, 'm', 0);
    const struct sab_safetensors_view *view = find(file, path, name, SAB_DTYPE_REAL, 3, shape, err);
    if (!view)
        return SAB_FORMAT;
    if (view->shape[1] > (uint64_t)m->layers[0].remind.keep.slots)
        return sab_fail(err, SAB_FORMAT, "%s holds %llu memories; this model's memory has %d slots", path,
                        (unsigned long long)view->shape[1], m->layers[0].remind.keep.slots);
    *N = (int)view->shape[1];
    return SAB_OK;
}

static int fill(struct sab_stream *s, struct sab_safetensors *file, const char *path, int N, const int32_t *first,
                struct sab_error *err)
{
    for (int b = 0; b < s->B; b++)
        if (first[b] < 0 || first[b] > N)
            return sab_fail(err, SAB_FORMAT, "%s: the first memory of sequence %d is %d, not in 0..%d", path, b, first[b],
                            N);
    int status = sab_stream_make_room(s, N, err);
    for (int l = 0; l < s->model->L && status == SAB_OK; l++) {
        s->layers[l].now.memory.ledger.n = N;
        memcpy(s->layers[l].now.memory.ledger.first, first, (size_t)s->B * sizeof *first);
        status = read_layer(file, path, s, l, N, err);
    }
    return status;
}

/* Steps since each sequence's latest memory; files written before they were kept leave all where the steps taken are. */
static int read_since(struct sab_stream *s, struct sab_safetensors *file, const char *path, struct sab_error *err)
{
    const uint64_t B = (uint64_t)s->B;
    const struct sab_keep *keep = &s->model->layers[0].remind.keep;
    for (int b = 0; b < s->B && s->model->K > 0; b++)
        s->since[b] = keep->rule->since(keep, s->t);
    if (!sab_safetensors_find(file, "stream.since"))
        return SAB_OK;
    const struct sab_safetensors_view *view = find(file, path, "stream.since", SAB_DTYPE_I32, 1, &B, err);
    const int32_t *since = view ? view->data : NULL;
    for (int b = 0; b < s->B && since; b++) {
        if (since[b] < 0 || since[b] >= keep->k_att || (since[b] > 0 && s->model->K == 0))
            return sab_fail(err, SAB_FORMAT, "%s: sequence %d is %d steps past its latest memory, not in 0..%d", path, b,
                            since[b], s->model->K > 0 ? keep->k_att - 1 : 0);
        s->since[b] = since[b];
    }
    return view ? SAB_OK : SAB_FORMAT;
}

static int read_draw(struct sab_stream *s, struct sab_safetensors *file, const char *path, struct sab_error *err)
{
    const uint64_t B = (uint64_t)s->B;
    if (!sab_draws_are_used(s->model))
        return SAB_OK;
    const struct sab_safetensors_view *view = find(file, path, "stream.draw", SAB_DTYPE_I64, 1, &B, err);
    if (!view)
        return SAB_FORMAT;
    memcpy(s->draw, view->data, (size_t)s->B * sizeof *s->draw);
    return SAB_OK;
}

int sab_stream_read(struct sab_stream **out, struct sab_safetensors *file, const char *path, struct sab_model *model,
                    struct sab_error *err)
{
    const uint64_t one = 1, any = UINT64_MAX;
    struct sab_stream *s = NULL;
    int N;
    *out = NULL;
    if (!sab_safetensors_find(file, "stream.steps"))
        return SAB_OK;
    const struct sab_safetensors_view *steps = find(file, path, "stream.steps", SAB_DTYPE_I64, 1, &one, err);
    const struct sab_safetensors_view *first = steps ? find(file, path, "stream.first", SAB_DTYPE_I32, 1, &any, err) : NULL;
    if (!first)
        return SAB_FORMAT;
    int64_t t;
    memcpy(&t, steps->data, sizeof t);
    if (t < 0 || first->shape[0] < 1 || first->shape[0] > INT_MAX)
        return sab_fail(err, SAB_FORMAT, "%s: a state of %llu sequences after %lld steps", path,
                        (unsigned long long)first->shape[0], (long long)t);
    int status = count_memories(file, path, model, first->shape[0], &N, err);
    if (status == SAB_OK)
        status = sab_stream_create(&s, model, (int)first->shape[0], err);
    if (status == SAB_OK)
        status = fill(s, file, path, N, first->data, err);
    if (status == SAB_OK) {
        s->t = t;
        status = read_since(s, file, path, err);
        if (status == SAB_OK)
            status = read_draw(s, file, path, err);
    }
    if (status != SAB_OK) {
        sab_stream_free(s);
        return status;
    }
    *out = s;
    return SAB_OK;
}

static int check_weights(const struct sab_safetensors *file, const char *path, const struct sab_model *model,
                         struct sab_error *err)
{
    const char *weights = sab_safetensors_metadata(file, weights_key);
    char digest[33];
    if (!weights)
        return sab_fail(err, SAB_FORMAT, "%.300s does not say which network's state it is: no stream was saved there",
                        path);
    sab_model_digest(model, digest);
    if (strcmp(weights, digest) != 0)
        return sab_fail(err, SAB_FORMAT, "%.300s is the state of another network: its weights are %.32s, these %s", path,
                        weights, digest);
    return SAB_OK;
}

int sab_stream_load(struct sab_stream **out, struct sab_model *model, const char *path, struct sab_error *err)
{
    struct sab_safetensors *file;
    struct sab_stream *stream = NULL;
    int status = sab_safetensors_open(&file, path, err);
    if (status != SAB_OK)
        return status;
    if (sab_safetensors_find(file, "stream.steps"))
        status = check_weights(file, path, model, err);
    if (status == SAB_OK)
        status = sab_stream_read(&stream, file, path, model, err);
    sab_safetensors_close(file);
    if (status == SAB_OK && !stream)
        status = sab_fail(err, SAB_FORMAT, "%s holds no state of a stream", path);
    if (status == SAB_OK)
        *out = stream;
    return status;
}
