/* The task npy: sequences from NumPy arrays, one answer a step or one a sequence, classes or values.
 *
 *     x [N,T] whole numbers: symbols 0..I-1          x [N,T] or [N,T,I] otherwise: values, standardised
 *     y [N] or [N,T] whole numbers: classes          y [N,O], [N,T] or [N,T,O] of floats: values
 *
 * A second dimension of T makes y one answer a step. In such a y of classes, -1 means no answer at this step. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/facts.h"
#include "data/npy_set.h"
#include "data/parts.h"
#include "data/scaling.h"
#include "data/shuffle.h"
#include "data/space.h"
#include "data/task.h"

enum { PARTS = 3, WIDEST = 1 << 24 };

struct state {
    struct sab_config config;
    struct sab_npy_set sets[PARTS]; /* of --data, --valid-data, --test-data; closed where there is none */
    struct {
        const struct sab_npy_set *set;
        int64_t begin, end;         /* sequences */
    } parts[PARTS];
    struct sab_shape shape;
    int is_per_step;
    int in_order;                   /* the training part is read as the others are */
    struct sab_scaling input, output; /* of values; no columns for symbols and classes */
    struct sab_space space;
};

static const char *path_of(const struct state *s, int k)
{
    return k == SAB_VALID ? s->config.valid_data : k == SAB_TEST ? s->config.test_data : s->config.data;
}

/* ---- what a model must know ---- */

/* Of the training part of x or y: of one number a sequence, or of those of its steps. */
static int64_t largest(const struct state *s, const struct sab_npy *array, int is_per_step)
{
    const struct sab_npy_set *set = &s->sets[0];
    int64_t most = -1, row = is_per_step ? set->T : 1;
    for (int64_t n = s->parts[SAB_TRAIN].begin; n < s->parts[SAB_TRAIN].end; n++)
        for (int64_t t = 0; t < (is_per_step ? sab_npy_set_length(set, n) : 1); t++) {
            int64_t v = sab_npy_int(array, n * row + t);
            most = v > most ? v : most;
        }
    return most;
}

/* Input and its width, from the training part. */
static int learn_input(struct state *s, struct sab_error *err)
{
    const struct sab_npy_set *set = &s->sets[0];
    if (set->x.ndim != 2 || !sab_npy_is_whole(&set->x)) {
        s->shape.input = SAB_INPUT_VALUES;
        s->shape.I = set->I;
        return SAB_OK;
    }
    int64_t most = largest(s, &set->x, 1);
    if (most >= WIDEST)
        return sab_fail(err, SAB_FORMAT, "%.200s: x holds the symbol %lld; whole numbers in x [N,T] are symbols below %d. "
                        "For values, save floats", s->config.data, (long long)most, WIDEST);
    s->shape.input = SAB_INPUT_IDS;
    s->shape.I = most < 1 ? 1 : (int)most + 1;
    return SAB_OK;
}

/* Loss and width of the output, from --loss and the training part. */
static int learn_output(struct state *s, struct sab_error *err)
{
    const struct sab_npy_set *set = &s->sets[0];
    const struct sab_npy *y = &set->y;
    const char *path = s->config.data;
    if (!set->has_y)
        return sab_fail(err, SAB_FORMAT, "%.200s has no array y; training needs one answer for each sequence or step",
                        path);
    s->is_per_step = y->ndim >= 2 && y->shape[1] == set->T;
    int can_be_classes = sab_npy_is_whole(y) && y->ndim == 1 + s->is_per_step;
    s->shape.loss = s->config.loss > 0 ? s->config.loss - 1
                  : can_be_classes   ? SAB_LOSS_CROSS_ENTROPY
                                     : SAB_LOSS_MSE;
    if (s->shape.loss != SAB_LOSS_CROSS_ENTROPY) {
        s->shape.O = y->ndim == 1 + s->is_per_step ? 1 : (int)y->shape[y->ndim - 1];
        return SAB_OK;
    }
    if (!can_be_classes)
        return sab_fail(err, SAB_FORMAT, "%.200s: --loss cross-entropy needs classes: a y of whole numbers, one for each "
                        "%s", path, s->is_per_step ? "step" : "sequence");
    int64_t most = largest(s, y, s->is_per_step);
    if (most < 1 || most >= WIDEST)
        return sab_fail(err, SAB_FORMAT, "%.200s: the largest class in the training part of y is %lld; classes are 0, 1, "
                        "2, ... below %d. For values, give --loss mse", path, (long long)most, WIDEST);
    s->shape.O = (int)most + 1;
    return SAB_OK;
}

static int read_facts(struct state *s, const char *text, struct sab_error *err)
{
    const struct sab_value *facts;
    int status = sab_facts_parse(&facts, text, "npy", err);
    if (status != SAB_OK)
        return status;
    struct sab_shape *shape = &s->shape;
    status = sab_facts_int(facts, "input", SAB_INPUT_IDS, SAB_INPUT_VALUES, &shape->input, err);
    if (status == SAB_OK)
        status = sab_facts_int(facts, "I", 1, WIDEST, &shape->I, err);
    if (status == SAB_OK)
        status = sab_facts_int(facts, "loss", SAB_LOSS_CROSS_ENTROPY, SAB_LOSS_BCE, &shape->loss, err);
    if (status == SAB_OK)
        status = sab_facts_int(facts, "O", 1, WIDEST, &shape->O, err);
    if (status == SAB_OK)
        status = sab_facts_int(facts, "per_step", 0, 1, &s->is_per_step, err);
    if (status == SAB_OK && shape->input == SAB_INPUT_VALUES)
        status = sab_scaling_get(&s->input, facts, "input", shape->I, err);
    if (status == SAB_OK && shape->loss != SAB_LOSS_CROSS_ENTROPY)
        status = sab_scaling_get(&s->output, facts, "output", shape->O, err);
    sab_json_free(facts);
    return status;
}

static int facts(const void *state, char **json, struct sab_error *err)
{
    const struct state *s = state;
    struct sab_json facts;
    sab_facts_begin(&facts, "npy");
    sab_json_int(&facts, "input", s->shape.input);
    sab_json_int(&facts, "I", s->shape.I);
    sab_json_int(&facts, "loss", s->shape.loss);
    sab_json_int(&facts, "O", s->shape.O);
    sab_json_int(&facts, "per_step", s->is_per_step);
    if (s->input.n > 0)
        sab_scaling_put(&s->input, &facts, "input");
    if (s->output.n > 0)
        sab_scaling_put(&s->output, &facts, "output");
    return sab_facts_end(&facts, json, err);
}

/* ---- whether a file fits ---- */

static int check_symbols(const struct state *s, const struct sab_npy_set *set, const char *path, struct sab_error *err)
{
    if (!sab_npy_is_whole(&set->x) || set->x.ndim != 2)
        return sab_fail(err, SAB_FORMAT, "%.200s: x must be [N,T] of whole numbers, symbols 0..%d, as in training", path,
                        s->shape.I - 1);
    for (int64_t n = 0; n < set->N; n++)
        for (int t = 0; t < sab_npy_set_length(set, n); t++) {
            int64_t v = sab_npy_int(&set->x, n * set->T + t);
            if (v < 0 || v >= s->shape.I)
                return sab_fail(err, SAB_FORMAT, "%.200s: x[%lld, %d] is %lld; the symbols of the training part are "
                                "0..%d. For values instead of symbols, save floats or [N,T,1]", path, (long long)n, t,
                                (long long)v, s->shape.I - 1);
        }
    return SAB_OK;
}

static int check_values(const struct state *s, const struct sab_npy_set *set, const char *path, struct sab_error *err)
{
    if (set->I != s->shape.I)
        return sab_fail(err, SAB_FORMAT, "%.200s: x has %d values a step; the model takes %d", path, set->I, s->shape.I);
    if (sab_npy_is_whole(&set->x))
        return SAB_OK;
    for (int64_t n = 0; n < set->N; n++)
        for (int64_t k = 0; k < (int64_t)sab_npy_set_length(set, n) * set->I; k++) {
            double v = sab_npy_real(&set->x, n * set->T * set->I + k);
            if (!(fabs(v) <= (double)3.4e38f))
                return sab_fail(err, SAB_FORMAT, "%.200s: x[%lld, %lld, %lld] is %g; a finite number below 3.4e38 is "
                                "needed", path, (long long)n, (long long)(k / set->I), (long long)(k % set->I), v);
        }
    return SAB_OK;
}

static int check_class(const struct state *s, int64_t v, const char *path, int64_t n, int t, struct sab_error *err)
{
    if (v >= (s->is_per_step ? -1 : 0) && v < s->shape.O)
        return SAB_OK;
    if (s->is_per_step)
        return sab_fail(err, SAB_FORMAT, "%.200s: y[%lld, %d] is %lld; the classes of the training part are 0..%d, and -1 "
                        "stands for no answer", path, (long long)n, t, (long long)v, s->shape.O - 1);
    return sab_fail(err, SAB_FORMAT, "%.200s: y[%lld] is %lld; the classes of the training part are 0..%d", path,
                    (long long)n, (long long)v, s->shape.O - 1);
}

static int check_target(const struct state *s, double v, const char *path, int64_t n, int64_t k, struct sab_error *err)
{
    if (!(fabs(v) <= (double)3.4e38f))
        return sab_fail(err, SAB_FORMAT, "%.200s: y of sequence %lld, number %lld of it, is %g; a finite number below "
                        "3.4e38 is needed", path, (long long)n, (long long)k, v);
    if (s->shape.loss == SAB_LOSS_BCE && (v < 0 || v > 1))
        return sab_fail(err, SAB_FORMAT, "%.200s: y of sequence %lld, number %lld of it, is %g; --loss bce needs 0..1",
                        path, (long long)n, (long long)k, v);
    return SAB_OK;
}

static int check_y(const struct state *s, const struct sab_npy_set *set, const char *path, struct sab_error *err)
{
    const struct sab_npy *y = &set->y;
    int leading = 1 + s->is_per_step, is_classes = s->shape.loss == SAB_LOSS_CROSS_ENTROPY;
    int64_t O = y->ndim == leading ? 1 : y->shape[y->ndim - 1];
    char shape[128];
    sab_npy_shape_text(y, shape, sizeof shape);
    if (y->ndim < leading || y->ndim > leading + 1 || (s->is_per_step && y->shape[1] != set->T) ||
        (is_classes ? y->ndim != leading || !sab_npy_is_whole(y) : O != s->shape.O))
        return sab_fail(err, SAB_FORMAT, "%.200s: y (shape %s) is not what the model was trained for: %s for each %s", path,
                        shape, is_classes ? "one whole number" : s->shape.O == 1 ? "one value" : "its values",
                        s->is_per_step ? "step" : "sequence");
    int status = SAB_OK;
    for (int64_t n = 0; n < set->N && status == SAB_OK; n++) {
        int64_t first = n * (s->is_per_step ? set->T : 1) * O;
        int64_t count = (s->is_per_step ? sab_npy_set_length(set, n) : 1) * O;
        for (int64_t k = 0; k < count && status == SAB_OK; k++)
            status = is_classes ? check_class(s, sab_npy_int(y, first + k), path, n, (int)k, err)
                                : check_target(s, sab_npy_real(y, first + k), path, n, k, err);
    }
    return status;
}

static int check_set(const struct state *s, int k, struct sab_error *err)
{
    const struct sab_npy_set *set = &s->sets[k];
    const char *path = path_of(s, k);
    int status = s->shape.input == SAB_INPUT_IDS ? check_symbols(s, set, path, err) : check_values(s, set, path, err);
    return status == SAB_OK && set->has_y ? check_y(s, set, path, err) : status;
}

/* ---- means and deviations ---- */

static int learn_scaling(struct state *s, struct sab_error *err)
{
    const struct sab_npy_set *set = &s->sets[0];
    int I = s->shape.I, O = s->shape.O, status = SAB_OK;
    int is_on = s->config.standardise, has_values = s->shape.input == SAB_INPUT_VALUES;
    if (has_values)
        status = sab_scaling_create(&s->input, I, err);
    if (status == SAB_OK && s->shape.loss != SAB_LOSS_CROSS_ENTROPY)
        status = sab_scaling_create(&s->output, O, err);
    if (status != SAB_OK)
        return status;
    int is_scaled = is_on && s->shape.loss == SAB_LOSS_MSE;
    if (is_on && has_values)
        sab_scaling_begin(&s->input);
    if (is_scaled)
        sab_scaling_begin(&s->output);
    for (int64_t n = s->parts[SAB_TRAIN].begin; n < s->parts[SAB_TRAIN].end; n++) {
        int64_t steps = sab_npy_set_length(set, n), answers = s->is_per_step ? steps : 1;
        int64_t first = n * (s->is_per_step ? set->T : 1) * O;
        for (int64_t k = 0; is_on && has_values && k < steps * I; k++)
            sab_scaling_add(&s->input, (int)(k % I), sab_npy_real(&set->x, n * set->T * I + k));
        for (int64_t k = 0; is_scaled && k < answers * O; k++)
            sab_scaling_add(&s->output, (int)(k % O), sab_npy_real(&set->y, first + k));
    }
    if (is_on && has_values)
        sab_scaling_end(&s->input);
    if (is_scaled)
        sab_scaling_end(&s->output);
    return SAB_OK;
}

/* ---- the task ---- */

static void destroy(void *state)
{
    struct state *s = state;
    for (int k = 0; k < PARTS; k++)
        sab_npy_set_close(&s->sets[k]);
    sab_scaling_clear(&s->input);
    sab_scaling_clear(&s->output);
    sab_space_clear(&s->space);
    sab_free(s);
}

static int open_sets(struct state *s, struct sab_error *err)
{
    uint64_t bounds[PARTS + 1] = {0};
    int status = SAB_OK;
    for (int k = 0; k < PARTS && status == SAB_OK; k++)
        if (path_of(s, k)[0])
            status = sab_npy_set_open(&s->sets[k], path_of(s, k), err);
    if (status == SAB_OK)
        status = sab_parts_bounds(&s->config, (uint64_t)s->sets[0].N, bounds, err);
    if (status != SAB_OK)
        return status;
    for (int k = 0; k < PARTS; k++) {
        int has_own = k > 0 && path_of(s, k)[0];
        s->parts[k].set = &s->sets[has_own ? k : 0];
        s->parts[k].begin = has_own ? 0 : (int64_t)bounds[k];
        s->parts[k].end = has_own ? s->sets[k].N : (int64_t)bounds[k + 1];
    }
    return SAB_OK;
}

static int prepare(struct state *s, const char *known, struct sab_error *err)
{
    int status = known ? read_facts(s, known, err) : SAB_OK;
    if (status == SAB_OK && !known && !s->config.data[0])
        status = sab_fail(err, SAB_INVALID, "--data: the task npy needs a file: an .npz with x and y, or a folder with "
                          "x.npy and y.npy");
    if (status == SAB_OK)
        status = open_sets(s, err);
    if (status == SAB_OK && !known && s->parts[SAB_TRAIN].begin == s->parts[SAB_TRAIN].end)
        status = sab_parts_fail_empty(&s->config, SAB_TRAIN, err);
    if (status == SAB_OK && !known)
        status = learn_input(s, err);
    if (status == SAB_OK && !known)
        status = learn_output(s, err);
    for (int k = 0; k < PARTS && status == SAB_OK; k++)
        if (path_of(s, k)[0])
            status = check_set(s, k, err);
    if (status == SAB_OK && !known)
        status = learn_scaling(s, err);
    return status;
}

static int create(void **state, struct sab_shape *shape, const struct sab_config *config, const char *known,
                  struct sab_error *err)
{
    struct state *s = sab_alloc(1, sizeof *s);
    if (!s)
        return sab_fail(err, SAB_NOMEM, "no memory for the task npy");
    s->config = *config;
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
    const struct state *s = state;
    int most = 1;
    for (int k = 0; k < PARTS; k++)
        most = s->sets[k].T > most ? s->sets[k].T : most;
    return most;
}

static int64_t batches(const void *state, enum sab_split split, int B)
{
    const struct state *s = state;
    return (s->parts[split].end - s->parts[split].begin + B - 1) / B;
}

/* The sequence in column b of a batch, or -1 past the end of a part. */
static int64_t sequence_at(const struct state *s, enum sab_split split, int64_t index, int B, int b)
{
    uint64_t n = (uint64_t)(s->parts[split].end - s->parts[split].begin), at = (uint64_t)index * (uint64_t)B + (uint64_t)b;
    if (split == SAB_TRAIN && !s->in_order)
        at = sab_shuffle(s->config.seed, at / n, at % n, n);
    return at < n ? s->parts[split].begin + (int64_t)at : -1;
}

static void read_in_order(void *state)
{
    ((struct state *)state)->in_order = 1;
}

static void fill_input(struct state *s, const struct sab_npy_set *set, int64_t n, int b)
{
    struct sab_space *space = &s->space;
    int I = s->shape.I;
    for (int t = 0; t < space->lengths[b]; t++) {
        size_t position = (size_t)t * (size_t)space->B + (size_t)b;
        int64_t from = (n * set->T + t) * set->I;
        if (space->ids) {
            space->ids[position] = (int32_t)sab_npy_int(&set->x, from);
            continue;
        }
        for (int i = 0; i < I; i++)
            space->values[position * (size_t)I + (size_t)i] =
                (sab_real)((sab_npy_real(&set->x, from + i) - s->input.mean[i]) / s->input.deviation[i]);
    }
}

static void fill_output(struct state *s, const struct sab_npy_set *set, int64_t n, int b)
{
    struct sab_space *space = &s->space;
    int O = s->shape.O;
    for (int t = s->is_per_step ? 0 : space->lengths[b] - 1; t < space->lengths[b]; t++) {
        size_t position = (size_t)t * (size_t)space->B + (size_t)b;
        int64_t answer = s->is_per_step ? n * set->T + t : n;
        int64_t label = set->has_y && space->labels ? sab_npy_int(&set->y, answer) : 0;
        if (space->labels)
            space->labels[position] = label < 0 ? 0 : (int32_t)label;
        for (int o = 0; o < O && set->has_y && space->targets; o++)
            space->targets[position * (size_t)O + (size_t)o] =
                (sab_real)((sab_npy_real(&set->y, answer * O + o) - s->output.mean[o]) / s->output.deviation[o]);
        space->weight[position] = label >= 0;
        space->scored[position] = label >= 0;
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

static int batch(void *state, enum sab_split split, int64_t index, int B, struct sab_batch *batch, struct sab_error *err)
{
    struct state *s = state;
    const struct sab_npy_set *set = s->parts[split].set;
    int longest = 1;
    if (s->parts[split].begin == s->parts[split].end)
        return sab_parts_fail_empty(&s->config, split, err);
    int status = check_files(set, err);
    if (status != SAB_OK)
        return status;
    for (int b = 0; b < B; b++) {
        int64_t n = sequence_at(s, split, index, B, b);
        int length = n < 0 ? 1 : sab_npy_set_length(set, n);
        longest = length > longest ? length : longest;
    }
    status = sab_space_make(&s->space, &s->shape, longest, B, err);
    for (int b = 0; b < B && status == SAB_OK; b++) {
        int64_t n = sequence_at(s, split, index, B, b);
        s->space.lengths[b] = n < 0 ? 1 : sab_npy_set_length(set, n);
        if (n < 0)
            continue;
        fill_input(s, set, n, b);
        fill_output(s, set, n, b);
    }
    if (status != SAB_OK)
        return status;
    *batch = sab_space_batch(&s->space);
    if (!set->has_y) {
        batch->labels = NULL;
        batch->targets = NULL;
    }
    return SAB_OK;
}

const struct sab_task_kind sab_task_npy = {
    .name = "npy",
    .help = "sequences as NumPy arrays: x, y in an .npz or a folder",
    .reads = "data valid-data test-data split loss standardise",
    .create = create,
    .destroy = destroy,
    .steps = steps,
    .batches = batches,
    .batch = batch,
    .read_in_order = read_in_order,
    .facts = facts,
};
