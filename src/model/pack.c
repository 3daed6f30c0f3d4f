/* The weights as the products want them: padded, packed in panels, and packed transposed. */
#include "model/network.h"

#include <assert.h>
#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/error.h"

static size_t packed_count(int K, int N)
{
    return (size_t)((N + SAB_PANEL - 1) / SAB_PANEL) * SAB_PANEL * K;
}

/* W [K,N] plain rows -> panels, of rows first .. end-1. */
static void pack(const real *W, int first, int end, int N, const struct sab_matrix *out)
{
    real *data = (real *)out->data;
    for (int j = 0; j < N; j += SAB_PANEL) {
        int width = N - j < SAB_PANEL ? N - j : SAB_PANEL;
        for (int k = first; k < end; k++)
            memcpy(data + j / SAB_PANEL * out->panel + k * out->ld, W + (size_t)k * N + j, (size_t)width * sizeof *W);
    }
}

/* W [rows,N] plain rows -> panels of its transpose [N,rows], of rows begin .. rows-1. */
static void pack_transposed(const real *W, int begin, int rows, int N, const struct sab_matrix *out)
{
    enum { ROWS = 16, COLUMNS = 16 }; /* a tile is in few lines of memory on both sides, of which a cache holds so many at one distance */
    real *data = (real *)out->data;
    for (int first = begin; first < rows; first += ROWS)
        for (int from = 0; from < N; from += COLUMNS) {
            int end = rows - first < ROWS ? rows : first + ROWS, to = N - from < COLUMNS ? N : from + COLUMNS;
            for (int row = first; row < end; row++) {
                real *column = data + row / SAB_PANEL * out->panel + row % SAB_PANEL;
                for (int k = from; k < to; k++)
                    column[k * out->ld] = W[(size_t)row * N + k];
            }
        }
}

static struct sab_copies copies_of(struct sab_model *m, const struct sab_tensor_spec *spec)
{
    switch (spec->role) {
    case SAB_ROLE_V1:
        return (struct sab_copies){&m->V1, &m->V1t, NULL};
    case SAB_ROLE_V2:
        return (struct sab_copies){&m->V2, &m->V2t, NULL};
    case SAB_ROLE_B:
        return (struct sab_copies){0};
    default:
        return m->network->copies(m, spec);
    }
}

/* Lays the copies out from `next`; with NULL only counts. */
static size_t lay_out(struct sab_model *m, real *next)
{
    size_t used = 0;
    for (int i = 0; i < m->n_tensors; i++) {
        const struct sab_tensor_spec *spec = &m->tensors[i];
        struct sab_copies copies = copies_of(m, spec);
        int N = spec->G * sab_pad(spec->cols);
        if (copies.forward) {
            *copies.forward = (struct sab_matrix){next ? next + used : NULL, SAB_PANEL,
                                                  (ptrdiff_t)spec->rows * SAB_PANEL};
            used += packed_count(spec->rows, N);
        }
        if (copies.backward) {
            *copies.backward = (struct sab_matrix){next ? next + used : NULL, SAB_PANEL, (ptrdiff_t)N * SAB_PANEL};
            used += packed_count(N, spec->rows);
        }
    }
    return used;
}

int sab_pack_create(struct sab_model *m, struct sab_error *err)
{
    m->padded = sab_alloc(m->n_padded, sizeof(real));
    if (!m->padded)
        return sab_fail(err, SAB_NOMEM, "no memory for %zu weights", m->n_theta);
    int status = m->network->create(m, err);
    if (status != SAB_OK)
        return status;
    m->b = sab_tensors_padded(m, SAB_ROLE_B, 0);
    m->n_packed = lay_out(m, NULL);
    m->packed = sab_alloc(m->n_packed, sizeof(real));
    if (!m->packed)
        return sab_fail(err, SAB_NOMEM, "no memory for %zu weights", m->n_theta);
    size_t used = lay_out(m, m->packed);
    assert(used == m->n_packed);
    (void)used;
    return SAB_OK;
}

static void pack_rows(void *user, const struct sab_tensor_spec *spec, int first, int end)
{
    struct sab_model *m = user;
    const real *W = m->padded + spec->padded_offset;
    struct sab_copies copies = copies_of(m, spec);
    int N = spec->G * sab_pad(spec->cols);
    sab_tensors_pad_rows(spec, m->theta, first, end, m->padded);
    if (copies.forward)
        pack(W, first, end, N, copies.forward);
    if (copies.backward)
        pack_transposed(W, first, end, N, copies.backward);
    if (copies.input && m->packed_input)
        pack_transposed(W, first, end, N, copies.input);
}

static void pack_all(struct sab_model *m, struct sab_team *team, int members)
{
    sab_tensors_by_rows(m, team, members, pack_rows, m);
    if (m->network->prepare)
        m->network->prepare(m);
}

struct sab_version sab_model_version(const struct sab_model *m)
{
    XXH128_hash_t hash = XXH3_128bits(m->theta, m->n_theta * sizeof *m->theta);
    return (struct sab_version){hash.high64, hash.low64};
}

void sab_model_prepare(struct sab_model *m, struct sab_version *version, struct sab_team *team, int members)
{
    sab_model_fetch(m, NULL); /* callers that must know whether this fails have called it themselves */
    *version = sab_model_version(m);
    pthread_mutex_lock(&m->lock);
    if (!m->is_packed || m->packed_version.high != version->high || m->packed_version.low != version->low)
        pack_all(m, team, members);
    m->packed_version = *version;
    m->is_packed = 1;
    pthread_mutex_unlock(&m->lock);
}

int sab_model_prepare_input(struct sab_model *m, struct sab_error *err)
{
    pthread_mutex_lock(&m->lock);
    size_t used = 0;
    for (int i = 0; i < m->n_tensors && !m->packed_input; i++)
        if (copies_of(m, &m->tensors[i]).input)
            used += packed_count(m->tensors[i].G * sab_pad(m->tensors[i].cols), m->tensors[i].rows);
    real *next = used > 0 ? sab_alloc(used, sizeof(real)) : NULL;
    int status = used > 0 && !next ? sab_fail(err, SAB_NOMEM, "no memory for %zu weights", used) : SAB_OK;
    if (next)
        m->packed_input = next;
    for (int i = 0; i < m->n_tensors && next; i++) {
        const struct sab_tensor_spec *spec = &m->tensors[i];
        struct sab_copies copies = copies_of(m, spec);
        int N = spec->G * sab_pad(spec->cols);
        if (!copies.input)
            continue;
        *copies.input = (struct sab_matrix){next, SAB_PANEL, (ptrdiff_t)N * SAB_PANEL};
        next += packed_count(N, spec->rows);
        pack_transposed(m->padded + spec->padded_offset, 0, spec->rows, N, copies.input);
    }
    pthread_mutex_unlock(&m->lock);
    return status;
}
