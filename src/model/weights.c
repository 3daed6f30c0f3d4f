/* See weights.h. */
#include "model/weights.h"

#include <math.h>
#include <stdio.h>

static void add(struct sab_model *m, const char *prefix, const char *base, const char *suffix, int role, int layer, int rows, int G,
                int cols, int transposed, int ndim)
{
    char name[sizeof m->tensors->name];
    snprintf(name, sizeof name, "%s%s%s", prefix, base, suffix);
    sab_tensors_add(m, name, role, layer, rows, G, cols, transposed, ndim);
}

/* ---- of a cell ---- */

void sab_cell_weights_add(struct sab_model *m, const char *prefix, const char *suffix, int layer, int I)
{
    int G = m->cell->G, H = m->H;
    add(m, prefix, "weight_ih", suffix, SAB_ROLE_WEIGHT_IH, layer, I, G, H, 1, 2);
    add(m, prefix, "weight_hh", suffix, SAB_ROLE_WEIGHT_HH, layer, H, G, H, 1, 2);
    add(m, prefix, "bias_ih", suffix, SAB_ROLE_BIAS_IH, layer, 1, G, H, 1, 1);
    add(m, prefix, "bias_hh", suffix, SAB_ROLE_BIAS_HH, layer, 1, G, H, 1, 1);
}

void sab_cell_weights_start(struct sab_model *m, const struct sab_tensor_spec *spec)
{
    if (spec->role == SAB_ROLE_BIAS_IH && m->config.cell == SAB_CELL_LSTM)
        for (int j = m->H; j < 2 * m->H; j++)
            m->theta[spec->offset + j] += (real)m->config.forget_bias;
}

void sab_cell_weights_point(const struct sab_model *m, int layer, int I, real *bias, struct sab_cell_weights *w)
{
    w->I = I;
    w->bias = bias;
    w->bias_h = sab_tensors_padded(m, SAB_ROLE_BIAS_HH, layer);
    w->rows_ih = sab_tensors_padded(m, SAB_ROLE_WEIGHT_IH, layer);
}

struct sab_copies sab_cell_weights_copies(struct sab_cell_weights *w, int role, int is_inner)
{
    if (role == SAB_ROLE_WEIGHT_HH)
        return (struct sab_copies){&w->hh, &w->hh_t, NULL};
    if (role != SAB_ROLE_WEIGHT_IH)
        return (struct sab_copies){0};
    return is_inner ? (struct sab_copies){.forward = &w->ih, .backward = &w->ih_t}
                    : (struct sab_copies){.forward = &w->ih, .input = &w->ih_t};
}

void sab_cell_weights_prepare(const struct sab_model *m, int layer, struct sab_cell_weights *w)
{
    const real *bias_ih = sab_tensors_padded(m, SAB_ROLE_BIAS_IH, layer);
    for (int j = 0; j < m->GHp; j++)
        w->bias[j] = bias_ih[j] + (m->cell->fused ? w->bias_h[j] : 0);
}

/* ---- of a score ---- */

void sab_score_weights_add(struct sab_model *m, const char *prefix, const char *suffix, int layer)
{
    int H = m->H, A = m->A;
    if (m->config.score == SAB_SCORE_RELEASE2019) {
        add(m, prefix, "w", suffix, SAB_ROLE_W, layer, 2, 1, H, 0, 1);
        return;
    }
    add(m, prefix, "W1", suffix, SAB_ROLE_W1, layer, H, 1, A, 0, 2);
    add(m, prefix, "W2", suffix, SAB_ROLE_W2, layer, H, 1, A, 0, 2);
    if (m->config.score == SAB_SCORE_MLP)
        add(m, prefix, "w3", suffix, SAB_ROLE_W3, layer, 1, 1, A, 0, 1);
}

void sab_score_weights_point(const struct sab_model *m, int layer, struct sab_remind *r)
{
    int score = m->config.score;
    r->kernels = m->kernels;
    r->score = sab_score_find(score);
    r->H = m->H;
    r->Hp = m->Hp;
    r->A = m->A;
    r->Ap = m->Ap;
    r->w = sab_tensors_padded(m, score == SAB_SCORE_RELEASE2019 ? SAB_ROLE_W : SAB_ROLE_W3, layer);
}

struct sab_copies sab_score_weights_copies(struct sab_remind *r, int role)
{
    if (role == SAB_ROLE_W1)
        return (struct sab_copies){&r->W1, &r->W1t, NULL};
    return role == SAB_ROLE_W2 ? (struct sab_copies){&r->W2, &r->W2t, NULL} : (struct sab_copies){0};
}

void sab_score_weights_prepare(const struct sab_model *m, struct sab_remind *r)
{
    r->wsum = 0;
    r->wnorm = 0;
    for (int k = 0; r->w && k < m->A && m->config.score == SAB_SCORE_MLP; k++) {
        r->wsum += r->w[k];
        r->wnorm += fabs((double)r->w[k]);
    }
}
