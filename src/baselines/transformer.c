/* The Transformer as one of the networks: sizes, tensors, how they start, where they are packed, what a step costs. */
#include "baselines/transformer.h"

#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"

/* ---- tensors ---- */

static int head_width(const struct sab_model *m)
{
    return m->H / m->config.heads;
}

static void add(struct sab_model *m, const char *name, int role, int l, int rows, int G, int cols, int transposed, int ndim)
{
    char whole[48];
    snprintf(whole, sizeof whole, "layers.%d.%s", l, name);
    sab_tensors_add(m, whole, role, l, rows, G, cols, transposed, ndim);
}

static void add_tensors(struct sab_model *m)
{
    int H = m->H, F = 4 * H, n = m->config.heads, D = head_width(m);
    sab_tensors_add(m, "embedding", SAB_ROLE_EMBEDDING, 0, m->shape.I, 1, H, 0, 2);
    if (m->shape.input == SAB_INPUT_VALUES)
        sab_tensors_add(m, "embedding_bias", SAB_ROLE_EMBEDDING_BIAS, 0, 1, 1, H, 0, 1);
    if (m->config.positions == SAB_POSITIONS_LEARNED)
        sab_tensors_add(m, "positions", SAB_ROLE_POSITIONS, 0, m->config.context, 1, H, 0, 2);
    for (int l = 0; l < m->L; l++) {
        add(m, "self_attn.in_proj_weight", SAB_ROLE_QKV, l, H, 3 * n, D, 1, 2);
        add(m, "self_attn.in_proj_bias", SAB_ROLE_QKV_BIAS, l, 1, 3 * n, D, 1, 1);
        add(m, "self_attn.out_proj.weight", SAB_ROLE_OUT, l, H, n, D, 0, 2); /* a row per output: heads are columns */
        add(m, "self_attn.out_proj.bias", SAB_ROLE_OUT_BIAS, l, 1, 1, H, 0, 1);
        add(m, "linear1.weight", SAB_ROLE_FF1, l, H, 1, F, 1, 2);
        add(m, "linear1.bias", SAB_ROLE_FF1_BIAS, l, 1, 1, F, 0, 1);
        add(m, "linear2.weight", SAB_ROLE_FF2, l, F, 1, H, 1, 2);
        add(m, "linear2.bias", SAB_ROLE_FF2_BIAS, l, 1, 1, H, 0, 1);
        add(m, "norm1.weight", SAB_ROLE_NORM1, l, 1, 1, H, 0, 1);
        add(m, "norm1.bias", SAB_ROLE_NORM1_BIAS, l, 1, 1, H, 0, 1);
        add(m, "norm2.weight", SAB_ROLE_NORM2, l, 1, 1, H, 0, 1);
        add(m, "norm2.bias", SAB_ROLE_NORM2_BIAS, l, 1, 1, H, 0, 1);
    }
    sab_tensors_add(m, "norm.weight", SAB_ROLE_NORM, 0, 1, 1, H, 0, 1);
    sab_tensors_add(m, "norm.bias", SAB_ROLE_NORM_BIAS, 0, 1, 1, H, 0, 1);
}

/* Maps start uniform as Glorot and Bengio 2010 have it (PyTorch's and the first Transformer's choice), the two that write
 * to the residual stream smaller by sqrt(2 L) (GPT-2); embeddings have variance 1 at a symbol (PyTorch's), positions 1/2,
 * as the sinusoids have; biases are 0, gains 1. */
static void start(struct sab_model *m, int i)
{
    const struct sab_tensor_spec *spec = &m->tensors[i];
    double H = m->H, residual = 1 / sqrt(2.0 * m->L);
    switch (spec->role) {
    case SAB_ROLE_EMBEDDING:
        sab_tensors_draw(m, i, sqrt(m->shape.input == SAB_INPUT_IDS ? 3 : 3.0 / m->shape.I));
        return;
    case SAB_ROLE_POSITIONS:
        sab_tensors_draw(m, i, sqrt(1.5));
        return;
    case SAB_ROLE_QKV:
        sab_tensors_draw(m, i, sqrt(6 / (H + 3 * H)));
        return;
    case SAB_ROLE_OUT:
        sab_tensors_draw(m, i, residual * sqrt(6 / (H + H)));
        return;
    case SAB_ROLE_FF1:
        sab_tensors_draw(m, i, sqrt(6 / (H + 4 * H)));
        return;
    case SAB_ROLE_FF2:
        sab_tensors_draw(m, i, residual * sqrt(6 / (4 * H + H)));
        return;
    case SAB_ROLE_NORM1:
    case SAB_ROLE_NORM2:
    case SAB_ROLE_NORM:
        for (size_t j = 0; j < spec->count; j++)
            m->theta[spec->offset + j] = 1;
        return;
    default: /* biases stay 0 */
        return;
    }
}

/* ---- weights ---- */

static struct sab_copies copies(struct sab_model *m, const struct sab_tensor_spec *spec)
{
    struct sab_transformer *net = m->own;
    struct sab_block_weights *w = &net->blocks[spec->layer];
    switch (spec->role) {
    case SAB_ROLE_EMBEDDING:
        return m->shape.input == SAB_INPUT_IDS ? (struct sab_copies){0}
                                               : (struct sab_copies){.forward = &net->values.W, .input = &net->values.Wt};
    case SAB_ROLE_QKV:
        return (struct sab_copies){&w->qkv.W, &w->qkv.Wt, NULL};
    case SAB_ROLE_OUT: /* the tensor is the map's transpose */
        return (struct sab_copies){&w->out.Wt, &w->out.W, NULL};
    case SAB_ROLE_FF1:
        return (struct sab_copies){&w->ff1.W, &w->ff1.Wt, NULL};
    case SAB_ROLE_FF2:
        return (struct sab_copies){&w->ff2.W, &w->ff2.Wt, NULL};
    default:
        return (struct sab_copies){0};
    }
}

static size_t offset_of(const struct sab_model *m, int role, int layer)
{
    const struct sab_tensor_spec *spec = sab_tensors_find(m, role, layer);
    return spec ? spec->padded_offset : 0;
}

/* Biases and gains follow their weights in the enumeration of roles. */
static struct sab_linear linear_of(const struct sab_model *m, int role, int layer)
{
    return (struct sab_linear){.b = sab_tensors_padded(m, role + 1, layer), .dW = offset_of(m, role, layer),
                               .db = offset_of(m, role + 1, layer)};
}

static struct sab_norm norm_of(const struct sab_model *m, int role, int layer)
{
    return (struct sab_norm){sab_tensors_padded(m, role, layer), sab_tensors_padded(m, role + 1, layer),
                             offset_of(m, role, layer), offset_of(m, role + 1, layer)};
}

static int create(struct sab_model *m, struct sab_error *err)
{
    struct sab_transformer *net = sab_alloc(1, sizeof *net + (size_t)m->L * sizeof net->blocks[0]);
    if (!net)
        return sab_fail(err, SAB_NOMEM, "no memory for %zu weights", m->n_theta);
    net->heads = m->config.heads;
    net->D = head_width(m);
    net->Dp = sab_pad(net->D);
    net->A = net->heads * net->Dp;
    net->F = 4 * m->H;
    net->Fp = sab_pad(net->F);
    net->rows = sab_tensors_padded(m, SAB_ROLE_EMBEDDING, 0);
    net->values = linear_of(m, SAB_ROLE_EMBEDDING, 0);
    net->positions = sab_tensors_padded(m, SAB_ROLE_POSITIONS, 0);
    net->norm = norm_of(m, SAB_ROLE_NORM, 0);
    for (int l = 0; l < m->L; l++)
        net->blocks[l] = (struct sab_block_weights){
            .qkv = linear_of(m, SAB_ROLE_QKV, l),
            .out = linear_of(m, SAB_ROLE_OUT, l),
            .ff1 = linear_of(m, SAB_ROLE_FF1, l),
            .ff2 = linear_of(m, SAB_ROLE_FF2, l),
            .norm1 = norm_of(m, SAB_ROLE_NORM1, l),
            .norm2 = norm_of(m, SAB_ROLE_NORM2, l),
        };
    m->own = net;
    return SAB_OK;
}

static int check_steps(const struct sab_model *m, int T, struct sab_error *err)
{
    if (m->config.positions == SAB_POSITIONS_LEARNED && T > m->config.context)
        return sab_fail(err, SAB_INVALID, "sequences of %d steps are longer than the %d learned positions of --context", T,
                        m->config.context);
    return SAB_OK;
}

/* ---- cost ---- */

/* The phases are the recurrent network's: here STATE stands for the products with weights, MAP for attention, CELL for gelu, the norms and
 * the exponentials. */
static void count(const struct sab_model *m, int T, int B, double reached, int recomputed, struct sab_cost *cost)
{
    double R = (double)T * B, H = m->H, pairs = 0.5 * T * (T + 1.0) * B, readout = m->has_readout * 2 * H * m->O * R;
    double input = m->shape.input == SAB_INPUT_VALUES ? 2 * m->shape.I * H * R : 0;
    double maps = m->L * 2 * 12 * H * H * R, attention = m->L * 2 * H * pairs; /* of one product of pairs */
    double functions = m->L * (4 * H * R + m->config.heads * pairs);
    (void)recomputed;
    cost->flops[SAB_PHASE_INPUT] += input;
    cost->nbytes[SAB_PHASE_INPUT] += 3 * H * R * sizeof(real);
    cost->flops[SAB_PHASE_STATE] += maps;
    cost->flops[SAB_PHASE_MAP] += 2 * attention;
    cost->elements[SAB_PHASE_CELL] += functions;
    cost->flops[SAB_PHASE_READOUT] += readout;
    if (!(reached > 0))
        return;
    cost->flops[SAB_PHASE_STATE_BACKWARD] += maps;
    cost->flops[SAB_PHASE_WEIGHTS] += maps + input;
    cost->flops[SAB_PHASE_MAP_BACKWARD] += 5 * attention; /* with the scores, which are made again */
    cost->nbytes[SAB_PHASE_CELL_BACKWARD] += m->L * (4 * 4 + 2 * 6) * H * R * sizeof(real);
    cost->flops[SAB_PHASE_READOUT] += 2 * readout;
}

const struct sab_network sab_network_transformer = {
    .name = "transformer",
    .add_tensors = add_tensors,
    .start = start,
    .create = create,
    .copies = copies,
    .check_steps = check_steps,
    .shard_create = sab_transformer_shard_create,
    .shard_free = sab_transformer_shard_free,
    .shards_forward = sab_transformer_shards_forward,
    .shards_backward = sab_transformer_shards_backward,
    .count = count,
};
