/* Streaming: one step at a time through the same layer code, with memories that grow. */
#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/model.h"

enum { FIRST_CAP = 64 };

struct stream_layer {
    struct sab_window window;  /* of one step */
    struct sab_memory memory;
    struct sab_records records;
    real *h, *c;               /* [S,Hp] entering the next step */
};

struct sab_stream {
    struct sab_model *model;
    int B, t;
    struct stream_layer *layers;
    struct sab_scratch scratch;
    real *y;
};

static int layer_create(const struct sab_model *m, struct stream_layer *layer, int B)
{
    size_t row = (size_t)B * m->Hp;
    struct sab_window *w = &layer->window;
    w->S = B;
    w->len = 1;
    w->h0 = layer->h = sab_alloc(row, sizeof(real));
    w->pre = sab_alloc(row * m->cell->G, sizeof(real));
    w->extra = sab_alloc(row * m->cell->n_extra, sizeof(real));
    w->hh = sab_alloc(row, sizeof(real));
    w->h = m->K > 0 ? sab_alloc(row, sizeof(real)) : w->hh;
    w->s = sab_alloc(row, sizeof(real));
    w->query = sab_alloc((size_t)B * m->Ap, sizeof(real));
    layer->records.S = layer->memory.S = B;
    layer->records.reads = sab_alloc((size_t)B, sizeof(struct sab_read));
    if (m->cell->has_c) {
        w->c0 = layer->c = sab_alloc(row, sizeof(real));
        w->c = sab_alloc(row, sizeof(real));
    }
    return w->h0 && w->pre && w->extra && w->hh && w->h && w->s && w->query && layer->records.reads &&
           (!m->cell->has_c || (w->c0 && w->c));
}

static void layer_free(struct stream_layer *layer)
{
    struct sab_window *w = &layer->window;
    if (w->h != w->hh)
        sab_free(w->h);
    real *arrays[] = {layer->h, layer->c, w->pre, w->extra, w->hh, w->s, w->c, w->query, layer->memory.M,
                      layer->memory.key, layer->records.alpha};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        sab_free(arrays[i]);
    sab_free(layer->records.reads);
    sab_free(layer->records.index);
}

/* What `memory` holds in its array old [S,cap,width], into one with room for new_cap. */
static void copy_memories(const struct sab_memory *memory, real *out, const real *old, int new_cap, int width)
{
    for (int b = 0; b < memory->S && memory->n > 0; b++)
        memcpy(out + (size_t)b * new_cap * width, old + (size_t)b * memory->cap * width,
               (size_t)memory->n * width * sizeof(real));
}

/* Room for `cap` memories, if there is less; on failure everything is as it was. */
static int memory_grow(const struct sab_model *m, struct stream_layer *layer, int cap, struct sab_error *err)
{
    struct sab_memory *memory = &layer->memory;
    const struct sab_remind *r = &m->layers[0].remind;
    size_t entries = r->dense_forward ? (size_t)cap : (size_t)r->K + 1; /* the strides of sab_records_at */
    if (memory->cap >= cap)
        return SAB_OK;
    real *M = sab_alloc((size_t)memory->S * cap, (size_t)m->Hp * sizeof *M);
    real *key = sab_alloc((size_t)memory->S * cap, (size_t)m->Ap * sizeof *key);
    real *alpha = sab_alloc(memory->S * entries, sizeof *alpha);
    int32_t *index = sab_alloc(memory->S * entries, sizeof *index);
    if (!M || !key || !alpha || !index) {
        sab_free(M), sab_free(key), sab_free(alpha), sab_free(index);
        return sab_fail(err, SAB_NOMEM, "no memory for %d memories of %d sequences", cap, memory->S);
    }
    copy_memories(memory, M, memory->M, cap, m->Hp);
    copy_memories(memory, key, memory->key, cap, m->Ap);
    sab_free(memory->M), sab_free(memory->key), sab_free(layer->records.alpha), sab_free(layer->records.index);
    memory->M = M;
    memory->key = key;
    memory->cap = cap;
    layer->records.alpha = alpha;
    layer->records.index = index;
    return SAB_OK;
}

/* Room for `cap` memories in every layer. After a failure the first layers may have it: the last one has the least. */
static int stream_grow(struct sab_stream *s, int cap, struct sab_error *err)
{
    const struct sab_model *m = s->model;
    real *scores = sab_alloc(2 * (size_t)cap + 2, sizeof *scores);
    if (!scores)
        return sab_fail(err, SAB_NOMEM, "no memory for the scores of %d memories", cap);
    sab_free(s->scratch.scores);
    s->scratch.scores = scores;
    for (int l = 0; l < m->L; l++) {
        int status = memory_grow(m, &s->layers[l], cap, err);
        if (status)
            return status;
    }
    return SAB_OK;
}

static int least_cap(const struct sab_stream *s)
{
    return s->layers[s->model->L - 1].memory.cap;
}

int sab_stream_create(struct sab_stream **out, struct sab_model *m, int B, struct sab_error *err)
{
    int most = INT_MAX / (m->GHp > m->Ap ? m->GHp : m->Ap); /* a layer's rows of one step are counted in int */
    if (B < 1 || B > most)
        return sab_fail(err, SAB_INVALID, "a stream of B = %d sequences; B is in 1..%d for this model", B, most);
    struct sab_stream *s = sab_alloc(1, sizeof *s);
    int status = s ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory for a stream");
    if (status)
        return status;
    s->model = m;
    s->B = B;
    s->layers = sab_alloc((size_t)m->L, sizeof *s->layers);
    s->scratch.pre_h = sab_alloc((size_t)B * m->GHp, sizeof(real));
    s->scratch.key = sab_alloc((size_t)B * m->Ap, sizeof(real));
    s->y = sab_alloc((size_t)B * m->Op, sizeof(real));
    int ok = s->layers && s->scratch.pre_h && s->scratch.key && s->y;
    for (int l = 0; ok && l < m->L; l++)
        ok = layer_create(m, &s->layers[l], B);
    if (!ok)
        status = sab_fail(err, SAB_NOMEM, "no memory for a stream of %d sequences", B);
    else if (m->K > 0)
        status = stream_grow(s, FIRST_CAP, err);
    if (status) {
        sab_stream_free(s);
        return status;
    }
    sab_model_prepare(m);
    *out = s;
    return SAB_OK;
}

void sab_stream_free(struct sab_stream *s)
{
    if (!s)
        return;
    for (int l = 0; s->layers && l < s->model->L; l++)
        layer_free(&s->layers[l]);
    sab_free(s->layers);
    sab_free(s->scratch.pre_h);
    sab_free(s->scratch.key);
    sab_free(s->scratch.scores);
    sab_free(s->y);
    sab_free(s);
}

int sab_stream_clone(struct sab_stream **out, const struct sab_stream *s, struct sab_error *err)
{
    const struct sab_model *m = s->model;
    size_t row = (size_t)s->B * m->Hp * sizeof(real);
    struct sab_stream *copy;
    int status = sab_stream_create(&copy, s->model, s->B, err);
    if (status)
        return status;
    if (m->K > 0 && (status = stream_grow(copy, least_cap(s), err))) {
        sab_stream_free(copy);
        return status;
    }
    copy->t = s->t;
    for (int l = 0; l < m->L; l++) {
        const struct stream_layer *from = &s->layers[l];
        struct stream_layer *to = &copy->layers[l];
        memcpy(to->h, from->h, row);
        if (m->cell->has_c)
            memcpy(to->c, from->c, row);
        to->memory.n = from->memory.n;
        if (m->K > 0) {
            copy_memories(&from->memory, to->memory.M, from->memory.M, to->memory.cap, m->Hp);
            copy_memories(&from->memory, to->memory.key, from->memory.key, to->memory.cap, m->Ap);
        }
    }
    *out = copy;
    return SAB_OK;
}

static int check_input(const struct sab_stream *s, const int32_t *ids, const sab_real *values, struct sab_error *err)
{
    const struct sab_shape *shape = &s->model->shape;
    if ((shape->input == SAB_INPUT_IDS) != (ids != NULL) || (ids != NULL) == (values != NULL))
        return sab_fail(err, SAB_INVALID, "the model takes %s as input and nothing else",
                        shape->input == SAB_INPUT_IDS ? "ids" : "values");
    for (int b = 0; ids && b < s->B; b++)
        if (ids[b] < 0 || ids[b] >= shape->I)
            return sab_fail(err, SAB_INVALID, "input symbol %d of sequence %d is not in 0..%d", ids[b], b,
                            shape->I - 1);
    if (s->t == INT_MAX)
        return sab_fail(err, SAB_INVALID, "a stream ends after %d steps", INT_MAX);
    return SAB_OK;
}

int sab_stream_step(struct sab_stream *s, const int32_t *ids, const sab_real *values, sab_real *outputs,
                    struct sab_error *err)
{
    const struct sab_model *m = s->model;
    int status = check_input(s, ids, values, err);
    if (!status && m->K > 0 && s->layers[0].memory.n == least_cap(s))
        status = stream_grow(s, least_cap(s) > INT_MAX / 2 ? INT_MAX : 2 * least_cap(s), err);
    if (status)
        return status;
    size_t row = (size_t)s->B * m->Hp * sizeof(real);
    for (int l = 0; l < m->L; l++) {
        struct stream_layer *layer = &s->layers[l];
        struct sab_window *w = &layer->window;
        w->t0 = layer->records.t0 = s->t;
        w->ids = l == 0 ? ids : NULL;
        w->x = l == 0 ? values : s->layers[l - 1].window.h;
        w->x_stride = l == 0 ? m->shape.I : m->Hp;
        sab_layer_forward(m, l, w, &layer->memory, &layer->records, 0, &s->scratch);
        memcpy(layer->h, w->h, row);
        if (m->cell->has_c)
            memcpy(layer->c, w->c, row);
    }
    s->t++;
    const struct sab_window *top = &s->layers[m->L - 1].window;
    sab_readout_forward(m, s->B, top->h, m->K > 0 ? top->s : NULL, s->y);
    for (int b = 0; b < s->B; b++)
        memcpy(outputs + (size_t)b * m->O, s->y + (size_t)b * m->Op, (size_t)m->O * sizeof *outputs);
    return SAB_OK;
}
