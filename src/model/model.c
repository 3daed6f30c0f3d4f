/* Making a model, and what the public header says of its tensors. */
#include "model/network.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "base/sized.h"
#include "base/text.h"
#include "model/options.h"

/* With these and the ranges of the options no product of two widths overflows an int, and none of three a size_t. */
enum { MOST_SYMBOLS = 1 << 24 };

static int check_shape(const struct sab_shape *shape, struct sab_error *err)
{
    if (shape->input != SAB_INPUT_IDS && shape->input != SAB_INPUT_VALUES)
        return sab_fail(err, SAB_INVALID, "input kind %d is neither %d (ids) nor %d (values)", shape->input,
                        SAB_INPUT_IDS, SAB_INPUT_VALUES);
    if (shape->loss < SAB_LOSS_CROSS_ENTROPY || shape->loss > SAB_LOSS_QUANTILE)
        return sab_fail(err, SAB_INVALID, "loss %d is none of %d (cross entropy), %d (mse), %d (binary cross entropy), %d "
                        "(none), %d (quantile)", shape->loss, SAB_LOSS_CROSS_ENTROPY, SAB_LOSS_MSE, SAB_LOSS_BCE, SAB_LOSS_NONE,
                        SAB_LOSS_QUANTILE);
    if (shape->I < 1 || shape->I > MOST_SYMBOLS)
        return sab_fail(err, SAB_INVALID, "input size I = %d is not in 1..%d", shape->I, MOST_SYMBOLS);
    if (shape->O < 1 || shape->O > MOST_SYMBOLS)
        return sab_fail(err, SAB_INVALID, "output size O = %d is not in 1..%d", shape->O, MOST_SYMBOLS);
    return SAB_OK;
}

static int check_outputs(const struct sab_model *m, struct sab_error *err)
{
    if (m->has_readout || m->O == m->H || (m->has_V2 && m->O == 2 * m->H))
        return SAB_OK;
    char and_s[64] = "";
    if (m->has_V2)
        snprintf(and_s, sizeof and_s, ", or %d with what was recalled beside it", 2 * m->H);
    return sab_fail(err, SAB_INVALID, "--readout off: the outputs are the hidden state, so their number O is --hidden, %d%s; it is "
                                      "%d", m->H, and_s, m->O);
}

static int take_quantiles(struct sab_model *m, const struct sab_shared_options *shared, struct sab_error *err)
{
    if (m->shape.loss != SAB_LOSS_QUANTILE)
        return SAB_OK;
    int status = sab_quantiles_parse(shared->quantiles, &m->quantiles, err);
    if (status == SAB_OK && m->O % m->quantiles.n != 0)
        return sab_fail(err, SAB_INVALID, "--quantiles %.60s: output size O = %d is no multiple of %d, one output for each quantile of a "
                        "target", shared->quantiles, m->O, m->quantiles.n);
    return status;
}

static int fail_cpu(struct sab_error *err)
{
    char names[64] = "auto";
    for (int i = 0; sab_kernels_at(i); i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), ", %s", sab_kernels_at(i)->name);
    return sab_fail(err, SAB_INVALID, "--cpu: this processor or build does not have that instruction set; it has %s",
                    names);
}

/* What callers see of the tensors; data and grad come with the weights. */
static int show_tensors(struct sab_model *m, struct sab_error *err)
{
    m->shown = sab_alloc((size_t)m->n_tensors, sizeof *m->shown);
    if (!m->shown)
        return sab_fail(err, SAB_NOMEM, "no memory for a model");
    for (int i = 0; i < m->n_tensors; i++) {
        const struct sab_tensor_spec *spec = &m->tensors[i];
        m->shown[i] = (struct sab_tensor){
            .name = spec->name,
            .ndim = spec->ndim,
            .shape = {spec->shape[0], spec->shape[1]},
            .count = spec->count,
        };
    }
    return SAB_OK;
}

static void resolve(struct sab_model *m)
{
    m->network = sab_network_find(m->config.model);
    m->L = m->config.layers;
    m->H = m->config.hidden;
    m->Hp = sab_pad(m->H);
    m->O = m->shape.O;
    m->Op = sab_pad(m->O);
    m->has_readout = m->config.readout || m->config.model == SAB_KIND_SEQ2SEQ; /* whose answers are fed back */
    if (m->network->resolve)
        m->network->resolve(m);
}

int sab_model_outline(struct sab_model **out, const struct sab_model_options *config,
                      const struct sab_shared_options *shared, const struct sab_shape *shape, struct sab_error *err)
{
    struct sab_shape whole;
    int status = sab_model_options_check(config, err);
    if (!status)
        status = sab_rows_check(&sab_cpu_rows, shared, err);
    if (!status)
        status = sab_sized_take(&sab_shape_sized, &whole, shape, err);
    if (!status)
        status = check_shape(&whole, err);
    if (status)
        return status;
    const struct sab_kernels *kernels = sab_kernels_choose(shared->cpu);
    if (!kernels)
        return fail_cpu(err);
    struct sab_model *m = sab_alloc(1, sizeof *m);
    if (!m)
        return sab_fail(err, SAB_NOMEM, "no memory for a model");
    m->seed = shared->seed;
    m->shape = whole;
    m->kernels = kernels;
    pthread_mutex_init(&m->lock, NULL);
    status = sab_rows_copy(&sab_model_rows, &m->config, config, err);
    if (!status) {
        resolve(m);
        status = check_outputs(m, err);
    }
    if (!status)
        status = take_quantiles(m, shared, err);
    if (!status)
        status = sab_tensors_build(m, err);
    if (!status)
        status = show_tensors(m, err);
    if (status) {
        sab_model_free(m);
        return status;
    }
    *out = m;
    return SAB_OK;
}

static int check_room(const struct sab_model *m, struct sab_error *err)
{
    const double gib = 1 << 30;
    double need = (double)(m->n_theta + m->n_padded) * sizeof(real), there;
    if (sab_memory_allows(need, &there))
        return SAB_OK;
    return sab_fail(err, SAB_NOMEM, "a network of %d inputs and %d outputs with these options has %zu weights, which need %.1f "
                    "GiB of memory; %.1f GiB are free", m->shape.I, m->shape.O, m->n_theta, need / gib, there / gib);
}

int sab_model_build(struct sab_model **out, const struct sab_model_options *config,
                    const struct sab_shared_options *shared, const struct sab_shape *shape, struct sab_error *err)
{
    struct sab_model *m;
    int status = sab_model_outline(&m, config, shared, shape, err);
    if (status)
        return status;
    status = check_room(m, err);
    if (!status) {
        m->theta = sab_alloc(m->n_theta, sizeof(real));
        m->grad = sab_alloc(m->n_theta, sizeof(real));
        m->hash = XXH3_createState();
    }
    if (!status && (!m->theta || !m->grad || !m->hash))
        status = sab_fail(err, SAB_NOMEM, "no memory for %zu weights", m->n_theta);
    for (int i = 0; !status && i < m->n_tensors; i++) {
        m->shown[i].data = m->theta + m->tensors[i].offset;
        m->shown[i].grad = m->grad + m->tensors[i].offset;
    }
    m->flat = (struct sab_flat){m->theta, m->grad, m->n_theta};
    if (!status)
        status = sab_pack_create(m, err);
    if (status) {
        sab_model_free(m);
        return status;
    }
    sab_tensors_init(m);
    *out = m;
    return SAB_OK;
}

void sab_model_free(struct sab_model *m)
{
    if (!m)
        return;
    XXH3_freeState(m->hash);
    if (m->origin)
        m->origin_free(m->origin);
    sab_rows_clear(&sab_model_rows, &m->config);
    sab_free(m->facts);
    sab_free(m->tensors);
    sab_free(m->shown);
    sab_free(m->theta);
    sab_free(m->grad);
    sab_free(m->padded);
    sab_free(m->packed);
    sab_free(m->packed_input);
    sab_free(m->bias_sums);
    sab_free(m->layers);
    sab_free(m->own);
    pthread_mutex_destroy(&m->lock);
    sab_free(m);
}

int sab_model_tensor_count(const struct sab_model *m)
{
    return m->n_tensors;
}

int sab_model_fetch(struct sab_model *m, struct sab_error *err)
{
    pthread_mutex_lock(&m->lock);
    int status = m->ahead ? m->catch_up(m->ahead, err) : SAB_OK;
    if (status == SAB_OK)
        m->ahead = NULL;
    pthread_mutex_unlock(&m->lock);
    return status;
}

void sab_model_set_ahead(struct sab_model *m, void *ahead, int (*catch_up)(void *ahead, struct sab_error *err))
{
    pthread_mutex_lock(&m->lock);
    m->ahead = ahead;
    m->catch_up = catch_up;
    pthread_mutex_unlock(&m->lock);
}

const struct sab_tensor *sab_model_tensor(const struct sab_model *m, int i)
{
    assert(0 <= i && i < m->n_tensors);
    sab_model_fetch((struct sab_model *)m, NULL); /* the weights do not change, they only come from the device: const
                                                     for the caller */
    return &m->shown[i];
}

const struct sab_shape *sab_model_shape(const struct sab_model *m)
{
    return &m->shape;
}

const char *sab_model_facts(const struct sab_model *m)
{
    return m->facts;
}

static int check_object(const char *facts, size_t nbytes, struct sab_error *err)
{
    const struct sab_value *root = NULL;
    struct sab_json_problem problem;
    int status = sab_json_parse(&root, facts, nbytes, &problem);
    int is_object = status == SAB_OK && sab_value_is(root, SAB_VALUE_OBJECT);
    sab_json_free(root);
    if (status == SAB_NOMEM)
        return sab_fail(err, SAB_NOMEM, "no memory to read %zu bytes of facts about data", nbytes);
    if (is_object)
        return SAB_OK;
    return sab_fail(err, SAB_INVALID, "the facts about data are no JSON object%s%s", status == SAB_OK ? "" : ": ",
                    status == SAB_OK ? "" : problem.what);
}

int sab_model_set_facts(struct sab_model *m, const char *facts, struct sab_error *err)
{
    size_t nbytes = facts ? strlen(facts) : 0;
    if (nbytes > SAB_FACTS_CAP)
        return sab_fail(err, SAB_INVALID, "the facts about data have %zu bytes; a model keeps at most %d", nbytes,
                        SAB_FACTS_CAP);
    if (facts && !sab_text_is_utf8(facts, nbytes))
        return sab_fail(err, SAB_INVALID, "the facts about data are not UTF-8 text");
    int status = facts ? check_object(facts, nbytes, err) : SAB_OK;
    if (status != SAB_OK)
        return status;
    char *copy = facts ? sab_alloc(nbytes + 1, 1) : NULL;
    if (facts && !copy)
        return sab_fail(err, SAB_NOMEM, "no memory for %zu bytes of facts about data", nbytes);
    if (facts)
        memcpy(copy, facts, nbytes);
    sab_free(m->facts);
    m->facts = copy;
    return SAB_OK;
}

int sab_model_check_steps(const struct sab_model *m, int T, struct sab_error *err)
{
    return m->network->check_steps ? m->network->check_steps(m, T, err) : SAB_OK;
}

const struct sab_flat *sab_model_flat(struct sab_model *m)
{
    sab_model_fetch(m, NULL);
    return &m->flat;
}

void sab_model_digest(const struct sab_model *m, char hex[33])
{
    struct sab_model *mine = (struct sab_model *)m; /* one buffer for the digest, used by one thread at a time */
    sab_model_fetch(mine, NULL);
    pthread_mutex_lock(&mine->lock);
    XXH3_128bits_reset(m->hash);
    for (int i = 0; i < m->n_tensors; i++)
        XXH3_128bits_update(m->hash, m->theta + m->tensors[i].offset, m->tensors[i].count * sizeof(real));
    XXH128_hash_t hash = XXH3_128bits_digest(m->hash);
    pthread_mutex_unlock(&mine->lock);
    snprintf(hex, 33, "%016llx%016llx", (unsigned long long)hash.high64, (unsigned long long)hash.low64);
}
