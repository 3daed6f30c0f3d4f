/* The recurrent network's sizes, tensors and weights: cells, and what a memory is asked with. */
#include "model/recurrent.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/weights.h"

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

static void add_layer(struct sab_model *m, int l)
{
    char suffix[16], name[32];
    snprintf(suffix, sizeof suffix, "_l%d", l);
    sab_cell_weights_add(m, "", suffix, l, l == 0 ? m->shape.I : m->H);
    if (m->K == 0)
        return;
    if (m->config.keep == SAB_KEEP_LEARNED) {
        snprintf(name, sizeof name, "gate%s", suffix);
        sab_tensors_add(m, name, SAB_ROLE_GATE, l, 1, 1, m->H, 0, 1);
    }
    if (m->config.pool == SAB_POOL_ATTENTION) {
        snprintf(name, sizeof name, "pool%s", suffix);
        sab_tensors_add(m, name, SAB_ROLE_POOL, l, 1, 1, m->H, 0, 1);
    }
    sab_score_weights_add(m, "", suffix, l);
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
    else if (spec->role == SAB_ROLE_GATE || spec->role == SAB_ROLE_POOL)
        bound = 0; /* all memories are worth the same, of which the oldest leaves; all states of a stretch weigh the same */
    sab_tensors_draw(m, i, bound);
    sab_cell_weights_start(m, spec);
}

/* ---- weights as the products want them ---- */

struct sab_copies sab_recurrent_copies(struct sab_model *m, const struct sab_tensor_spec *spec)
{
    struct sab_layer_weights *lw = &m->layers[spec->layer];
    struct sab_copies copies = sab_cell_weights_copies(&lw->cell, spec->role, spec->layer > 0);
    return copies.forward ? copies : sab_score_weights_copies(&lw->remind, spec->role);
}

static void point_layer(struct sab_model *m, int l)
{
    struct sab_layer_weights *lw = &m->layers[l];
    const struct sab_model_options *c = &m->config;
    struct sab_remind *r = &lw->remind;
    sab_cell_weights_point(m, l, l == 0 ? m->shape.I : m->H, m->bias_sums + (size_t)l * m->GHp, &lw->cell);
    sab_score_weights_point(m, l, r);
    r->K = m->K;
    r->keep = sab_recurrent_keep(c);
    r->segment = m->K > 0 ? c->segments : 0;
    r->pool = (struct sab_pool){m->kernels, m->K > 0 ? c->pool : SAB_POOL_LAST, m->H, m->Hp, c->k_att, NULL};
    if (r->pool.kind == SAB_POOL_ATTENTION)
        r->pool.query = sab_tensors_padded(m, SAB_ROLE_POOL, l);
    r->sparsifier = c->sparsifier;
    r->floor = (real)c->read_floor;
    r->bound = (real)c->read_bound;
    r->dense_forward = c->credit == SAB_CREDIT_ATTENTION || c->forward == SAB_DENSE;
    r->dense_backward = c->credit == SAB_CREDIT_ATTENTION || c->backward == SAB_DENSE;
    r->mental_updates = c->mental_updates;
    r->gate = m->K > 0 && c->keep == SAB_KEEP_LEARNED ? sab_tensors_padded(m, SAB_ROLE_GATE, l) : NULL;
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
        sab_cell_weights_prepare(m, l, &m->layers[l].cell);
        sab_score_weights_prepare(m, &m->layers[l].remind);
    }
}
