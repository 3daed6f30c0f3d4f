/* The weights as the products want them: padded, packed in panels, and packed transposed. */
#include "model/model.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

static size_t packed_count(int K, int N)
{
    return (size_t)((N + SAB_PANEL - 1) / SAB_PANEL) * SAB_PANEL * K;
}

/* W [K,N] plain rows -> panels. */
static void pack(const real *W, int K, int N, const struct sab_matrix *out)
{
    real *data = (real *)out->data;
    for (int j = 0; j < N; j += SAB_PANEL) {
        int width = N - j < SAB_PANEL ? N - j : SAB_PANEL;
        for (int k = 0; k < K; k++)
            memcpy(data + j / SAB_PANEL * out->panel + k * out->ld, W + (size_t)k * N + j, (size_t)width * sizeof *W);
    }
}

/* W [rows,N] plain rows -> panels of its transpose [N,rows]. */
static void pack_transposed(const real *W, int rows, int N, const struct sab_matrix *out)
{
    real *data = (real *)out->data;
    for (int row = 0; row < rows; row++) {
        real *column = data + row / SAB_PANEL * out->panel + row % SAB_PANEL;
        for (int k = 0; k < N; k++)
            column[k * out->ld] = W[(size_t)row * N + k];
    }
}

/* Where the packed copies of one tensor live: forward panels, then panels of the transpose. */
struct copies {
    struct sab_matrix *forward, *backward;
};

static struct copies copies_of(struct sab_model *m, const struct sab_tensor_spec *spec)
{
    struct sab_layer_weights *lw = &m->layers[spec->layer];
    switch (spec->role) {
    case SAB_ROLE_WEIGHT_IH:
        return (struct copies){&lw->ih, spec->layer > 0 ? &lw->ih_t : NULL};
    case SAB_ROLE_WEIGHT_HH:
        return (struct copies){&lw->hh, &lw->hh_t};
    case SAB_ROLE_W1:
        return (struct copies){&lw->remind.W1, &lw->remind.W1t};
    case SAB_ROLE_W2:
        return (struct copies){&lw->remind.W2, &lw->remind.W2t};
    case SAB_ROLE_V1:
        return (struct copies){&m->V1, &m->V1t};
    case SAB_ROLE_V2:
        return (struct copies){&m->V2, &m->V2t};
    default:
        return (struct copies){NULL, NULL};
    }
}

/* Lays the copies out from `next`; with NULL only counts. */
static size_t lay_out(struct sab_model *m, real *next)
{
    size_t used = 0;
    for (int i = 0; i < m->n_tensors; i++) {
        const struct sab_tensor_spec *spec = &m->tensors[i];
        struct copies copies = copies_of(m, spec);
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

static const real *padded_of(const struct sab_model *m, int role, int layer)
{
    const struct sab_tensor_spec *spec = sab_tensors_find(m, role, layer);
    return spec ? m->padded + spec->padded_offset : NULL;
}

static void point_layer(struct sab_model *m, int l)
{
    struct sab_layer_weights *lw = &m->layers[l];
    const struct sab_config *c = &m->config;
    lw->I = l == 0 ? m->shape.I : m->H;
    lw->bias = m->bias_sums + (size_t)l * m->GHp;
    lw->bias_h = padded_of(m, SAB_ROLE_BIAS_HH, l);
    lw->rows_ih = padded_of(m, SAB_ROLE_WEIGHT_IH, l);
    struct sab_remind *r = &lw->remind;
    r->kernels = m->kernels;
    r->score = sab_score_find(c->score);
    r->H = m->H;
    r->Hp = m->Hp;
    r->A = m->A;
    r->Ap = m->Ap;
    r->K = m->K;
    r->k_att = m->k_att;
    r->slots = c->memory_slots > 0 ? c->memory_slots : INT_MAX;
    r->sparsifier = c->sparsifier;
    r->floor = (real)c->read_floor;
    r->dense_forward = c->credit == SAB_CREDIT_ATTENTION || c->forward == SAB_DENSE;
    r->dense_backward = c->credit == SAB_CREDIT_ATTENTION || c->backward == SAB_DENSE;
    r->mental_updates = c->mental_updates;
    r->w = padded_of(m, c->score == SAB_SCORE_RELEASE2019 ? SAB_ROLE_W : SAB_ROLE_W3, l);
}

int sab_pack_create(struct sab_model *m, struct sab_error *err)
{
    m->layers = sab_alloc((size_t)m->L, sizeof *m->layers);
    m->padded = sab_alloc(m->n_padded, sizeof(real));
    m->bias_sums = sab_alloc((size_t)m->L * m->GHp, sizeof(real));
    if (!m->layers || !m->padded || !m->bias_sums)
        return sab_fail(err, SAB_NOMEM, "no memory for %zu weights", m->n_theta);
    for (int l = 0; l < m->L; l++)
        point_layer(m, l);
    m->b = padded_of(m, SAB_ROLE_B, 0);
    m->n_packed = lay_out(m, NULL);
    m->packed = sab_alloc(m->n_packed, sizeof(real));
    if (!m->packed)
        return sab_fail(err, SAB_NOMEM, "no memory for %zu weights", m->n_theta);
    lay_out(m, m->packed);
    return SAB_OK;
}

void sab_model_prepare(struct sab_model *m)
{
    sab_tensors_pad(m, m->theta, m->padded);
    for (int i = 0; i < m->n_tensors; i++) {
        const struct sab_tensor_spec *spec = &m->tensors[i];
        struct copies copies = copies_of(m, spec);
        int N = spec->G * sab_pad(spec->cols);
        if (copies.forward)
            pack(m->padded + spec->padded_offset, spec->rows, N, copies.forward);
        if (copies.backward)
            pack_transposed(m->padded + spec->padded_offset, spec->rows, N, copies.backward);
    }
    for (int l = 0; l < m->L; l++) {
        struct sab_layer_weights *lw = &m->layers[l];
        const real *bias_ih = padded_of(m, SAB_ROLE_BIAS_IH, l);
        for (int j = 0; j < m->GHp; j++)
            m->bias_sums[(size_t)l * m->GHp + j] = bias_ih[j] + (m->cell->fused ? lw->bias_h[j] : 0);
        struct sab_remind *r = &lw->remind;
        r->wsum = 0;
        r->wnorm = 0;
        for (int k = 0; r->w && k < m->A && m->config.score == SAB_SCORE_MLP; k++) {
            r->wsum += r->w[k];
            r->wnorm += fabs((double)r->w[k]);
        }
    }
}
