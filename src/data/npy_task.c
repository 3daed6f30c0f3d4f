/* The task npy: sequences from NumPy arrays, one answer a step or one a sequence, classes or values.
 *
 *     x [N,T] whole numbers: symbols 0..I-1          x [N,T] or [N,T,I] otherwise: values, standardised
 *     y [N] or [N,T] whole numbers: classes          y [N,O], [N,T] or [N,T,O] of floats: values
 *
 * A second dimension of T makes y one answer a step. In such a y of classes, -1 means no answer at this step. */
#include "base/alloc.h"
#include "base/error.h"
#include "data/npy_state.h"
#include "data/shuffle.h"
#include "data/task.h"

static void destroy(void *state)
{
    struct sab_npy_state *s = state;
    for (int k = 0; k < SAB_PARTS; k++)
        sab_npy_set_close(&s->sets[k]);
    sab_scaling_clear(&s->input);
    sab_scaling_clear(&s->output);
    sab_npy_classes_clear(&s->classes);
    sab_class_weights_clear(&s->class_weights);
    sab_account_clear(&s->account);
    sab_arrays_clear(&s->arrays);
    sab_free(s);
}

static int open_sets(struct sab_npy_state *s, struct sab_error *err)
{
    uint64_t bounds[SAB_PARTS + 1] = {0};
    int status = SAB_OK;
    for (int k = 0; k < SAB_PARTS && status == SAB_OK; k++)
        if (sab_parts_own(s->config, k)[0])
            status = sab_npy_set_open(&s->sets[k], sab_parts_own(s->config, k), err);
    if (status == SAB_OK)
        status = sab_parts_bounds(s->config, (uint64_t)s->sets[0].N, bounds, err);
    if (status != SAB_OK)
        return status;
    for (int k = 0; k < SAB_PARTS; k++) {
        int has_own = k > 0 && sab_parts_own(s->config, k)[0];
        s->parts[k].set = &s->sets[has_own ? k : 0];
        s->parts[k].begin = has_own ? 0 : (int64_t)bounds[k];
        s->parts[k].end = has_own ? s->sets[k].N : (int64_t)bounds[k + 1];
    }
    return SAB_OK;
}

static int prepare(struct sab_npy_state *s, const char *known, struct sab_error *err)
{
    int status = known ? sab_npy_read_facts(s, known, err) : SAB_OK;
    if (status == SAB_OK && !known && !s->config->files.data[0])
        status = sab_fail(err, SAB_INVALID, "--data: the task npy needs a file: an .npz with x and y, or a folder with "
                          "x.npy and y.npy");
    if (status == SAB_OK)
        status = open_sets(s, err);
    if (status == SAB_OK && !known && s->parts[SAB_TRAIN].begin == s->parts[SAB_TRAIN].end)
        status = sab_parts_fail_empty(s->config, SAB_TRAIN, err);
    if (status == SAB_OK && !known)
        status = sab_npy_learn_input(s, err);
    if (status == SAB_OK && !known)
        status = sab_npy_learn_output(s, err);
    if (status == SAB_OK)
        status = sab_class_weights_check(s->config->values.class_weights, s->shape.loss, err);
    for (int k = 0; k < SAB_PARTS && status == SAB_OK; k++)
        if (sab_parts_own(s->config, k)[0])
            status = sab_npy_check_set(s, k, err);
    if (status == SAB_OK && !known)
        status = sab_npy_learn_scaling(s, err);
    if (status == SAB_OK && s->config->files.data[0])
        status = sab_npy_account(s, err);
    return status;
}

static int create(void **state, struct sab_shape *shape, const struct sab_task_options *config,
                  const struct sab_shared_options *shared, const char *known, struct sab_error *err)
{
    struct sab_npy_state *s = sab_alloc(1, sizeof *s);
    if (!s)
        return sab_fail(err, SAB_NOMEM, "no memory for the task npy");
    s->config = config;
    s->shared = shared;
    s->is_known = known != NULL;
    int status = prepare(s, known, err);
    if (status != SAB_OK) {
        destroy(s);
        return status;
    }
    *shape = s->shape;
    *state = s;
    return SAB_OK;
}

static int steps(const void *state)
{
    const struct sab_npy_state *s = state;
    int most = 1;
    for (int k = 0; k < SAB_PARTS; k++)
        most = s->sets[k].T > most ? s->sets[k].T : most;
    return most;
}

static int64_t batches(const void *state, enum sab_split split, int B)
{
    const struct sab_npy_state *s = state;
    return (s->parts[split].end - s->parts[split].begin + B - 1) / B;
}

/* The sequence in column b of a batch, or -1 past the end of a part. */
static int64_t sequence_at(const struct sab_npy_state *s, enum sab_split split, int64_t index, int B, int b)
{
    uint64_t n = (uint64_t)(s->parts[split].end - s->parts[split].begin), at = (uint64_t)index * (uint64_t)B + (uint64_t)b;
    if (split == SAB_TRAIN && !s->in_order)
        at = sab_shuffle(s->shared->seed, at / n, at % n, n);
    return at < n ? s->parts[split].begin + (int64_t)at : -1;
}

static void read_in_order(void *state)
{
    ((struct sab_npy_state *)state)->in_order = 1;
}

static void fill_input(struct sab_npy_state *s, const struct sab_npy_set *set, int64_t n, int b)
{
    struct sab_arrays *arrays = &s->arrays;
    int I = s->shape.I;
    for (int t = 0; t < arrays->lengths[b]; t++) {
        size_t position = (size_t)t * (size_t)arrays->B + (size_t)b;
        int64_t from = (n * set->T + t) * set->I;
        if (arrays->ids) {
            arrays->ids[position] = (int32_t)sab_npy_int(&set->x, from);
            continue;
        }
        for (int i = 0; i < I; i++)
            arrays->values[position * (size_t)I + (size_t)i] =
                (sab_real)((sab_npy_real(&set->x, from + i) - s->input.mean[i]) / s->input.deviation[i]);
    }
}

/* is_weighed: classes count by their weights. */
static void fill_output(struct sab_npy_state *s, const struct sab_npy_set *set, int64_t n, int b, int is_weighed, int is_own)
{
    struct sab_arrays *arrays = &s->arrays;
    int O = s->shape.O;
    for (int t = s->is_per_step ? 0 : arrays->lengths[b] - 1; t < arrays->lengths[b]; t++) {
        size_t position = (size_t)t * (size_t)arrays->B + (size_t)b;
        int64_t answer = s->is_per_step ? n * set->T + t : n;
        int label = set->has_y && arrays->labels ? sab_npy_classes_find(&s->classes, sab_npy_int(&set->y, answer)) : 0;
        if (arrays->labels)
            arrays->labels[position] = label < 0 ? 0 : label;
        for (int o = 0; o < O && set->has_y && arrays->targets && is_own; o++) {
            int target = o / s->Q;
            arrays->targets[position * (size_t)O + (size_t)o] =
                (sab_real)((sab_npy_real(&set->y, answer * s->targets + target) - s->output.mean[target]) / s->output.deviation[target]);
        }
        arrays->weight[position] = label < 0 ? 0 : is_weighed ? sab_class_weights_at(&s->class_weights, label) : 1;
        arrays->scored[position] = label >= 0;
    }
}

static int check_files(const struct sab_npy_set *set, struct sab_error *err)
{
    int status = SAB_OK;
    for (int k = 0; k < SAB_NPY_ARRAYS && status == SAB_OK; k++)
        if (set->file[k].data)
            status = sab_input_check(&set->file[k], err);
    return status;
}

static int batch(void *state, enum sab_split split, int64_t index, int B, const struct sab_own *own, struct sab_batch *batch,
                 struct sab_error *err)
{
    struct sab_npy_state *s = state;
    const struct sab_npy_set *set = s->parts[split].set;
    const uint8_t *is_own = NULL;
    int longest = 1;
    if (s->parts[split].begin == s->parts[split].end)
        return sab_parts_fail_empty(s->config, split, err);
    int status = check_files(set, err);
    if (status != SAB_OK)
        return status;
    for (int b = 0; b < B; b++) {
        int64_t n = sequence_at(s, split, index, B, b);
        int length = n < 0 ? 1 : sab_npy_set_length(set, n);
        longest = length > longest ? length : longest;
    }
    status = sab_arrays_make(&s->arrays, &s->shape, longest, B, err);
    for (int b = 0; b < B && status == SAB_OK; b++) {
        int64_t n = sequence_at(s, split, index, B, b);
        s->arrays.lengths[b] = n < 0 ? 1 : sab_npy_set_length(set, n);
    }
    if (status == SAB_OK)
        status = sab_own_find(own, longest, B, s->arrays.lengths, 0, &is_own, err);
    for (int b = 0; b < B && status == SAB_OK; b++) {
        int64_t n = sequence_at(s, split, index, B, b);
        if (n < 0)
            continue;
        if (!is_own || is_own[b])
            fill_input(s, set, n, b);
        fill_output(s, set, n, b, split == SAB_TRAIN && !s->in_order, !is_own || is_own[b]);
    }
    if (status != SAB_OK)
        return status;
    *batch = sab_arrays_batch(&s->arrays);
    if (!set->has_y) {
        batch->labels = NULL;
        batch->targets = NULL;
    }
    return SAB_OK;
}

static double unit(const void *state, int o)
{
    const struct sab_npy_state *s = state;
    return s->output.n > 0 ? s->output.deviation[o] : 1;
}

const struct sab_task_kind sab_task_npy = {
    .name = "npy",
    .help = "sequences as NumPy arrays: x, y in an .npz or a folder",
    .create = create,
    .destroy = destroy,
    .steps = steps,
    .batches = batches,
    .batch = batch,
    .read_in_order = read_in_order,
    .unit = unit,
    .facts = sab_npy_facts,
};
