/* The recurrent network's sizes, tensors and weights: cells, and what a memory is asked with. */
#include "model/recurrent.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"

/* What a credit preset makes of K and the window; 0 is one window over the whole sequence. */
void sab_recurrent_resolve(struct sab_model *m)
{
    const struct sab_model_options *c = &m->config;
    int none = c->credit == SAB_CREDIT_TBPTT || c->credit == SAB_CREDIT_BPTT;
    int whole = c->credit == SAB_CREDIT_BPTT || c->credit == SAB_CREDIT_ATTENTION;
    m->cell = sab_cell_find(c->cell);
    m->GHp = m->cell->G * m->Hp;
    m->A = c->attention_width > 0 ? c->attention_width : m->H;
    m->Ap = sab_pad(sab_score_find(c->score)->width(m->A));
    m->K = none ? 0 : c->credit == SAB_CREDIT_ATTENTION && c->k_top == 0 ? 1 : c->k_top;
    m->has_V2 = m->K > 0;
    m->k_trunc = whole ? 0 : c->k_trunc;
    m->write = c->write;
    m->gain = (real)c->read_gain;
    m->zero_memories = m->K > 0 && c->zero_memory;
}

struct sab_keep sab_recurrent_keep(const struct sab_model_options *c)
{
    return (struct sab_keep){&sab_rule_periodic, sab_choice_find(c->keep), c->k_att, c->memory_slots > 0 ? c->memory_slots : INT_MAX};
}

/* ---- tensors ---- */

static void add(struct sab_model *m, const char *base, int role, int l, int rows, int G, int cols, int transposed, int ndim)
{
    char name[32];
    snprintf(name, sizeof name, "%s_l%d", base, l);
    sab_tensors_add(m, name, role, l, rows, G, cols, transposed, ndim);
}

static void add_layer(struct sab_model *m, int l)
{
    int G = m->cell->G, H = m->H, A = m->A, I = l == 0 ? m->shape.I : H;
    add(m, "weight_ih", SAB_ROLE_WEIGHT_IH, l, I, G, H, 1, 2);
    add(m, "weight_hh", SAB_ROLE_WEIGHT_HH, l, H, G, H, 1, 2);
    add(m, "bias_ih", SAB_ROLE_BIAS_IH, l, 1, G, H, 1, 1);
    add(m, "bias_hh", SAB_ROLE_BIAS_HH, l, 1, G, H, 1, 1);
    if (m->K == 0)
        return;
    if (m->config.keep == SAB_KEEP_LEARNED)
        add(m, "gate", SAB_ROLE_GATE, l, 1, 1, H, 0, 1);
    if (m->config.score == SAB_SCORE_RELEASE2019) {
        add(m, "w", SAB_ROLE_W, l, 2, 1, H, 0, 1);
        return;
    }
    add(m, "W1", SAB_ROLE_W1, l, H, 1, A, 0, 2);
    add(m, "W2", SAB_ROLE_W2, l, H, 1, A, 0, 2);
    if (m->config.score == SAB_SCORE_MLP)
        add(m, "w3", SAB_ROLE_W3, l, 1, 1, A, 0, 1);
}

void sab_recurrent_add_tensors(struct sab_model *m)
{
    for (int l = 0; l < m->L; l++)
        add_layer(m, l);
}

/* Uniform within PyTorch's 1/sqrt(H) but for the scales of config. */
void sab_recurrent_start(struct sab_model *m, int i)
{
    const struct sab_tensor_spec *spec = &m->tensors[i];
    double bound = 1 / sqrt(m->H);
    if (spec->role == SAB_ROLE_WEIGHT_IH && spec->layer == 0)
        bound = m->config.input_scale * bound;
    else if (spec->role == SAB_ROLE_W1 || spec->role == SAB_ROLE_W2)
        bound = m->config.key_scale * bound;
    else if (spec->role == SAB_ROLE_W3)
        bound = m->config.score_scale / sqrt(m->A);
    else if (spec->role == SAB_ROLE_W)
        bound = m->config.score_scale * bound;
    else if (spec->role == SAB_ROLE_GATE)
        bound = 0; /* all memories are worth the same, of which the oldest leaves */
    sab_tensors_draw(m, i, bound);
    if (spec->role == SAB_ROLE_BIAS_IH && m->config.cell == SAB_CELL_LSTM)
        for (int j = m->H; j < 2 * m->H; j++)
            m->theta[spec->offset + j] += (real)m->config.forget_bias;
}

/* ---- weights as the products want them ---- */

struct sab_copies sab_recurrent_copies(struct sab_model *m, const struct sab_tensor_spec *spec)
{
    struct sab_layer_weights *lw = &m->layers[spec->layer];
    switch (spec->role) {
    case SAB_ROLE_WEIGHT_IH:
        return spec->layer > 0 ? (struct sab_copies){.forward = &lw->ih, .backward = &lw->ih_t}
                               : (struct sab_copies){.forward = &lw->ih, .input = &lw->ih_t};
    case SAB_ROLE_WEIGHT_HH:
        return (struct sab_copies){&lw->hh, &lw->hh_t, NULL};
    case SAB_ROLE_W1:
        return (struct sab_copies){&lw->remind.W1, &lw->remind.W1t, NULL};
    case SAB_ROLE_W2:
        return (struct sab_copies){&lw->remind.W2, &lw->remind.W2t, NULL};
    default:
        return (struct sab_copies){0};
    }
}

static void point_layer(struct sab_model *m, int l)
{
    struct sab_layer_weights *lw = &m->layers[l];
    const struct sab_model_options *c = &m->config;
    lw->I = l == 0 ? m->shape.I : m->H;
    lw->bias = m->bias_sums + (size_t)l * m->GHp;
    lw->bias_h = sab_tensors_padded(m, SAB_ROLE_BIAS_HH, l);
    lw->rows_ih = sab_tensors_padded(m, SAB_ROLE_WEIGHT_IH, l);
    struct sab_remind *r = &lw->remind;
    r->kernels = m->kernels;
    r->score = sab_score_find(c->score);
    r->H = m->H;
    r->Hp = m->Hp;
    r->A = m->A;
    r->Ap = m->Ap;
    r->K = m->K;
    r->keep = sab_recurrent_keep(c);
    r->sparsifier = c->sparsifier;
    r->floor = (real)c->read_floor;
    r->bound = (real)c->read_bound;
    r->dense_forward = c->credit == SAB_CREDIT_ATTENTION || c->forward == SAB_DENSE;
    r->dense_backward = c->credit == SAB_CREDIT_ATTENTION || c->backward == SAB_DENSE;
    r->mental_updates = c->mental_updates;
    r->gate = m->K > 0 && c->keep == SAB_KEEP_LEARNED ? sab_tensors_padded(m, SAB_ROLE_GATE, l) : NULL;
    r->w = sab_tensors_padded(m, c->score == SAB_SCORE_RELEASE2019 ? SAB_ROLE_W : SAB_ROLE_W3, l);
}

int sab_recurrent_create(struct sab_model *m, struct sab_error *err)
{
    m->layers = sab_alloc((size_t)m->L, sizeof *m->layers);
    m->bias_sums = sab_alloc((size_t)m->L * m->GHp, sizeof(real));
    if (!m->layers || !m->bias_sums)
        return sab_fail(err, SAB_NOMEM, "no memory for %zu weights", m->n_theta);
    for (int l = 0; l < m->L; l++)
        point_layer(m, l);
    return SAB_OK;
}

void sab_recurrent_prepare(struct sab_model *m)
{
    for (int l = 0; l < m->L; l++) {
        struct sab_layer_weights *lw = &m->layers[l];
        const real *bias_ih = sab_tensors_padded(m, SAB_ROLE_BIAS_IH, l);
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
