/* The ONE table of tensors: names, shapes, layouts and how each starts. */
#include "model/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/random.h"

enum { FLAT_ALIGN = 16 }; /* numbers; tensors begin on cache lines */

static size_t round_up(size_t n)
{
    return (n + FLAT_ALIGN - 1) / FLAT_ALIGN * FLAT_ALIGN;
}

/* Appends a row. shape1 0: one dimension. */
static void add(struct sab_model *m, const char *base, int role, int layer, int rows, int G, int cols, int transposed,
                int shape0, int shape1)
{
    struct sab_tensor_spec *spec = &m->tensors[m->n_tensors++];
    if (role < SAB_ROLE_V1)
        snprintf(spec->name, sizeof spec->name, "%s_l%d", base, layer);
    else
        snprintf(spec->name, sizeof spec->name, "%s", base);
    spec->role = role;
    spec->layer = layer;
    spec->rows = rows;
    spec->G = G;
    spec->cols = cols;
    spec->transposed = transposed;
    spec->ndim = shape1 ? 2 : 1;
    spec->shape[0] = shape0;
    spec->shape[1] = shape1;
    spec->count = (size_t)shape0 * (shape1 ? shape1 : 1);
    spec->offset = m->n_theta;
    spec->padded_offset = m->n_padded;
    m->n_theta += round_up(spec->count);
    m->n_padded += (size_t)rows * G * sab_pad(cols);
}

static void add_layer(struct sab_model *m, int l)
{
    int G = m->cell->G, H = m->H, A = m->A, I = l == 0 ? m->shape.I : H;
    add(m, "weight_ih", SAB_ROLE_WEIGHT_IH, l, I, G, H, 1, G * H, I);
    add(m, "weight_hh", SAB_ROLE_WEIGHT_HH, l, H, G, H, 1, G * H, H);
    add(m, "bias_ih", SAB_ROLE_BIAS_IH, l, 1, G, H, 1, G * H, 0);
    add(m, "bias_hh", SAB_ROLE_BIAS_HH, l, 1, G, H, 1, G * H, 0);
    if (m->K == 0)
        return;
    if (m->config.score == SAB_SCORE_RELEASE2019) {
        add(m, "w", SAB_ROLE_W, l, 2, 1, H, 0, 2 * H, 0);
        return;
    }
    add(m, "W1", SAB_ROLE_W1, l, H, 1, A, 0, H, A);
    add(m, "W2", SAB_ROLE_W2, l, H, 1, A, 0, H, A);
    if (m->config.score == SAB_SCORE_MLP)
        add(m, "w3", SAB_ROLE_W3, l, 1, 1, A, 0, A, 0);
}

int sab_tensors_build(struct sab_model *m, struct sab_error *err)
{
    m->tensors = sab_alloc((size_t)m->L * 7 + 3, sizeof *m->tensors);
    if (!m->tensors)
        return sab_fail(err, SAB_NOMEM, "no memory for the table of tensors");
    for (int l = 0; l < m->L; l++)
        add_layer(m, l);
    add(m, "V1", SAB_ROLE_V1, 0, m->H, 1, m->O, 0, m->H, m->O);
    if (m->K > 0)
        add(m, "V2", SAB_ROLE_V2, 0, m->H, 1, m->O, 0, m->H, m->O);
    add(m, "b", SAB_ROLE_B, 0, 1, 1, m->O, 0, m->O, 0);
    return SAB_OK;
}

const struct sab_tensor_spec *sab_tensors_find(const struct sab_model *m, int role, int layer)
{
    for (int i = 0; i < m->n_tensors; i++)
        if (m->tensors[i].role == role && m->tensors[i].layer == layer)
            return &m->tensors[i];
    return NULL;
}

/* Copies between the two layouts of one tensor, towards padded or back. */
static void convert(const struct sab_tensor_spec *spec, real *theta, real *padded, int towards_padded)
{
    int colsp = sab_pad(spec->cols), N = spec->G * colsp;
    for (int row = 0; row < spec->rows; row++)
        for (int g = 0; g < spec->G; g++)
            for (int c = 0; c < spec->cols; c++) {
                size_t flat = spec->transposed ? ((size_t)g * spec->cols + c) * spec->rows + row
                                               : ((size_t)row * spec->G + g) * spec->cols + c;
                size_t pad = (size_t)row * N + g * colsp + c;
                if (towards_padded)
                    padded[pad] = theta[flat];
                else
                    theta[flat] = padded[pad];
            }
}

void sab_tensors_pad(const struct sab_model *m, const real *theta, real *padded)
{
    for (int i = 0; i < m->n_tensors; i++)
        convert(&m->tensors[i], (real *)theta + m->tensors[i].offset, padded + m->tensors[i].padded_offset, 1);
}

void sab_tensors_unpad(const struct sab_model *m, const real *padded, real *theta)
{
    for (int i = 0; i < m->n_tensors; i++)
        convert(&m->tensors[i], theta + m->tensors[i].offset, (real *)padded + m->tensors[i].padded_offset, 0);
}

/* Half-width of the uniform distribution a tensor starts from: PyTorch's 1/sqrt(H) but for the scales of config. */
static double init_bound(const struct sab_model *m, const struct sab_tensor_spec *spec)
{
    double bound = 1 / sqrt(m->H);
    if (spec->role == SAB_ROLE_WEIGHT_IH && spec->layer == 0)
        return m->config.input_scale * bound;
    if (spec->role == SAB_ROLE_W3)
        return m->config.score_scale / sqrt(m->A);
    if (spec->role == SAB_ROLE_W)
        return m->config.score_scale * bound;
    return bound;
}

void sab_tensors_init(struct sab_model *m)
{
    for (int i = 0; i < m->n_tensors; i++) {
        const struct sab_tensor_spec *spec = &m->tensors[i];
        real *data = m->theta + spec->offset;
        double bound = init_bound(m, spec);
        for (size_t j = 0; j < spec->count; j++)
            data[j] = (real)(bound * (2 * sab_random_uniform(m->config.seed, SAB_STREAM_WEIGHTS, (uint64_t)i << 32 | j >> 16,
                                                             (uint32_t)(j & 0xffff)) - 1));
        if (spec->role == SAB_ROLE_BIAS_IH && m->config.cell == SAB_CELL_LSTM)
            for (int j = m->H; j < 2 * m->H; j++)
                data[j] += (real)m->config.forget_bias;
    }
}
