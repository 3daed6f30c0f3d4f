/* The state of a stream as plain arrays, and back. See sab_stream_get and sab_stream_set in sab.h. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "model/stream.h"

/* Rows of H numbers at a distance of `from_stride` to ones at a distance of `to_stride`. */
static void copy_rows(real *to, size_t to_stride, const real *from, size_t from_stride, size_t rows, size_t H)
{
    for (size_t r = 0; r < rows; r++)
        memcpy(to + r * to_stride, from + r * from_stride, H * sizeof *to);
}

int sab_stream_get(const struct sab_stream *s, sab_real *h, sab_real *c, sab_real *memories, int32_t *first, int32_t *since)
{
    const struct sab_model *m = s->model;
    size_t B = (size_t)s->B, H = (size_t)m->H, Hp = (size_t)m->Hp, N = m->K > 0 ? (size_t)sab_stream_carried(s) : 0;
    for (size_t l = 0; l < (size_t)m->L; l++) {
        const struct sab_carry *now = &s->layers[l].now;
        size_t before = (size_t)now->memory.ledger.n - N;
        if (h)
            copy_rows(h + l * B * H, H, now->h, Hp, B, H);
        if (c && now->c)
            copy_rows(c + l * B * H, H, now->c, Hp, B, H);
        for (size_t b = 0; b < B && memories && N > 0; b++)
            copy_rows(memories + (l * B + b) * N * H, H, now->memory.M + (b * now->memory.cap + before) * Hp, Hp, N, H);
    }
    for (int b = 0; b < s->B; b++) {
        int before = s->layers[0].now.memory.ledger.n - (int)N, at = s->layers[0].now.memory.ledger.first[b];
        if (first)
            first[b] = N > 0 && at > before ? at - before : 0;
        if (since)
            since[b] = s->since[b];
    }
    return (int)N;
}

static int check_finite(const char *name, const sab_real *x, size_t count, struct sab_error *err)
{
    for (size_t i = 0; x && i < count; i++)
        if (!isfinite(x[i]))
            return sab_fail(err, SAB_NUMERIC, "element %zu of %s is %g", i, name, (double)x[i]);
    return SAB_OK;
}

static int check(const struct sab_stream *s, int N, const sab_real *h, const sab_real *c, const sab_real *memories,
                 const int32_t *first, const int32_t *since, struct sab_error *err)
{
    const struct sab_model *m = s->model;
    const struct sab_keep *keep = &m->layers[0].remind.keep;
    int slots = m->K > 0 ? keep->slots : 0, most = m->K > 0 ? keep->k_att - 1 : 0;
    if (keep->choice && N > 0)
        return sab_fail(err, SAB_INVALID, "--keep %s: what each memory is worth is not among these arrays; sab_stream_save and _load keep "
                                          "it", keep->choice->name);
    if (N < 0 || N > slots)
        return sab_fail(err, SAB_INVALID, "a state with N = %d memories; N is in 0..%d for this model", N, slots);
    if (!c != !m->cell->has_c)
        return sab_fail(err, SAB_INVALID, "a state %s c, and --cell %s has %s", c ? "with" : "without", m->cell->name, c ? "none" : "one");
    if (!memories && N > 0)
        return sab_fail(err, SAB_INVALID, "a state of %d memories without their numbers", N);
    for (int b = 0; b < s->B; b++) {
        if (first[b] < 0 || first[b] > N)
            return sab_fail(err, SAB_INVALID, "the first memory of sequence %d is %d, not in 0..%d", b, (int)first[b], N);
        if (since[b] > 0 && m->layers[0].remind.pool.kind != SAB_POOL_LAST)
            return sab_fail(err, SAB_INVALID, "sequence %d is %d steps after its latest memory, and what --pool has of them is not among "
                                              "these arrays; sab_stream_save and _load keep it", b, (int)since[b]);
        if (since[b] > 0 && keep->choice && keep->choice->is_drawn)
            return sab_fail(err, SAB_INVALID, "--keep %s: what the next memories are worth is not among these arrays; sab_stream_save and "
                                              "_load keep it", keep->choice->name);
        if (since[b] < 0 || since[b] > most)
            return sab_fail(err, SAB_INVALID, "sequence %d is %d steps after its latest memory, not 0..%d", b, (int)since[b], most);
    }
    size_t states = (size_t)m->L * (size_t)s->B * (size_t)m->H;
    int status = check_finite("h", h, states, err);
    if (status == SAB_OK)
        status = check_finite("c", c, states, err);
    return status == SAB_OK ? check_finite("memories", memories, states * (size_t)N, err) : status;
}

static void fill_layer(struct sab_stream *s, size_t l, size_t N, const sab_real *h, const sab_real *c, const sab_real *memories,
                       const int32_t *first)
{
    const struct sab_model *m = s->model;
    struct sab_carry *now = &s->layers[l].now;
    size_t B = (size_t)s->B, H = (size_t)m->H, Hp = (size_t)m->Hp;
    copy_rows(now->h, Hp, h + l * B * H, H, B, H);
    if (c)
        copy_rows(now->c, Hp, c + l * B * H, H, B, H);
    now->memory.ledger.n = (int)N;
    for (size_t b = 0; b < B; b++) {
        now->memory.ledger.first[b] = first[b];
        if (N > 0)
            copy_rows(now->memory.M + b * (size_t)now->memory.cap * Hp, Hp, memories + (l * B + b) * N * H, H, N, H);
    }
    if (N > 0)
        sab_memory_rekey(&m->layers[l].remind, &now->memory);
}

int sab_stream_set(struct sab_stream *s, int N, const sab_real *h, const sab_real *c, const sab_real *memories,
                   const int32_t *first, const int32_t *since, struct sab_error *err)
{
    struct sab_version version;
    int status = check(s, N, h, c, memories, first, since, err);
    if (status == SAB_OK)
        status = sab_model_fetch(s->model, err);
    if (status == SAB_OK && N > 0)
        status = sab_stream_make_room(s, N, err);
    if (status)
        return status;
    sab_model_prepare(s->model, &version, NULL, 1); /* keys are computed with the weights */
    for (int l = 0; l < s->model->L; l++)
        fill_layer(s, (size_t)l, (size_t)N, h, c, memories, first);
    for (int b = 0; b < s->B; b++) {
        s->since[b] = since[b];
        s->draw[b] = 0; /* of a sequence that has only begun: see check */
    }
    return SAB_OK;
}
