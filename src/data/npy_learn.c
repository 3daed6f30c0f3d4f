/* See npy_state.h: what a model must know of its data. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/facts.h"
#include "data/npy_state.h"

/* Of the training part of x. */
static int64_t largest_symbol(const struct sab_npy_state *s)
{
    const struct sab_npy_set *set = &s->sets[0];
    int64_t most = -1;
    for (int64_t n = s->parts[SAB_TRAIN].begin; n < s->parts[SAB_TRAIN].end; n++)
        for (int64_t t = 0; t < sab_npy_set_length(set, n); t++) {
            int64_t v = sab_npy_int(&set->x, n * set->T + t);
            most = v > most ? v : most;
        }
    return most;
}

/* The classes that the training part of y has. */
static int learn_classes(struct sab_npy_state *s, struct sab_error *err)
{
    const struct sab_npy_set *set = &s->sets[0];
    const char *path = s->config->files.data, *for_values = sab_loss_is_open(&s->config->values) ? "; for values, give --loss mse" : "";
    for (int64_t n = s->parts[SAB_TRAIN].begin; n < s->parts[SAB_TRAIN].end; n++)
        for (int64_t t = 0; t < (s->is_per_step ? sab_npy_set_length(set, n) : 1); t++) {
            int64_t label = sab_npy_int(&set->y, s->is_per_step ? n * set->T + t : n);
            if ((s->is_per_step && label == SAB_NPY_NO_ANSWER) || sab_npy_classes_add(&s->classes, label) == 0)
                continue;
            if (s->classes.n == SAB_NPY_CLASSES_MOST)
                return sab_fail(err, SAB_FORMAT, "%.200s: y has more than %d different whole numbers, each of which would be a "
                                "class%s", path, SAB_NPY_CLASSES_MOST, for_values);
            return sab_fail(err, SAB_NOMEM, "no memory for the classes of %.200s", path);
        }
    if (s->classes.n < 2)
        return sab_fail(err, SAB_FORMAT, "%.200s: the training part of y has %s%s; two classes at least are needed%s%s", path,
                        s->classes.n == 1 ? "one class only" : "no answers", s->is_per_step ? " (-1 stands for no answer at a step)" : "",
                        for_values, s->classes.n == 1 ? "; if the file is sorted by class, shuffle it" : "");
    sab_npy_classes_settle(&s->classes);
    s->shape.O = s->classes.n;
    s->Q = 1;
    return SAB_OK;
}

/* Input and its width, from the training part. */
int sab_npy_learn_input(struct sab_npy_state *s, struct sab_error *err)
{
    const struct sab_npy_set *set = &s->sets[0];
    if (set->x.ndim != 2 || !sab_npy_is_whole(&set->x)) {
        s->shape.input = SAB_INPUT_VALUES;
        s->shape.I = set->I;
        return SAB_OK;
    }
    int64_t most = largest_symbol(s);
    if (most >= SAB_NPY_WIDEST)
        return sab_fail(err, SAB_FORMAT, "%.200s: x holds the symbol %lld; whole numbers in x [N,T] are symbols below %d. "
                        "For values, save floats", s->config->files.data, (long long)most, SAB_NPY_WIDEST);
    s->shape.input = SAB_INPUT_IDS;
    s->shape.I = most < 1 ? 1 : (int)most + 1;
    return SAB_OK;
}

int sab_npy_learn_quantiles(struct sab_npy_state *s, struct sab_error *err)
{
    struct sab_quantiles quantiles = {.n = 1};
    int status = s->shape.loss == SAB_LOSS_QUANTILE ? sab_quantiles_parse(s->shared->quantiles, &quantiles, err) : SAB_OK;
    s->Q = quantiles.n;
    if (status == SAB_OK && s->targets > SAB_NPY_WIDEST / s->Q)
        return sab_fail(err, SAB_FORMAT, "%.200s: %d values with %d quantiles each are more outputs than %d", s->config->files.data,
                        s->targets, s->Q, SAB_NPY_WIDEST);
    s->shape.O = s->targets * s->Q;
    return status;
}

/* Loss and width of the output, from --loss and the training part. */
int sab_npy_learn_output(struct sab_npy_state *s, struct sab_error *err)
{
    const struct sab_npy_set *set = &s->sets[0];
    const struct sab_npy *y = &set->y;
    const char *path = s->config->files.data;
    if (!set->has_y)
        return sab_fail(err, SAB_FORMAT, "%.200s has no array y; training needs one answer for each sequence or step",
                        path);
    s->is_per_step = y->ndim >= 2 && y->shape[1] == set->T;
    int is_single = y->ndim == 1 + s->is_per_step || y->shape[1 + s->is_per_step] == 1;
    int can_be_classes = sab_npy_is_whole(y) && is_single;
    int asked = sab_loss_of(&s->config->values);
    s->shape.loss = asked >= 0 ? asked : can_be_classes ? SAB_LOSS_CROSS_ENTROPY : SAB_LOSS_MSE;
    if (s->shape.loss != SAB_LOSS_CROSS_ENTROPY) {
        s->targets = y->ndim == 1 + s->is_per_step ? 1 : (int)y->shape[y->ndim - 1];
        return sab_npy_learn_quantiles(s, err);
    }
    if (!can_be_classes)
        return sab_fail(err, SAB_FORMAT, "%.200s: --loss cross-entropy needs classes: a y of whole numbers, one for each "
                        "%s", path, s->is_per_step ? "step" : "sequence");
    return learn_classes(s, err);
}

int sab_npy_read_facts(struct sab_npy_state *s, const char *text, struct sab_error *err)
{
    const struct sab_value *facts;
    int status = sab_facts_parse(&facts, text, "npy", err);
    if (status != SAB_OK)
        return status;
    struct sab_shape *shape = &s->shape;
    status = sab_facts_int(facts, "input", SAB_INPUT_IDS, SAB_INPUT_VALUES, &shape->input, err);
    if (status == SAB_OK)
        status = sab_facts_int(facts, "I", 1, SAB_NPY_WIDEST, &shape->I, err);
    if (status == SAB_OK)
        status = sab_facts_loss(facts, &shape->loss, err);
    if (status == SAB_OK)
        status = sab_facts_int(facts, "O", 1, SAB_NPY_WIDEST, &s->targets, err);
    if (status == SAB_OK)
        status = sab_npy_learn_quantiles(s, err);
    if (status == SAB_OK)
        status = sab_facts_int(facts, "per_step", 0, 1, &s->is_per_step, err);
    if (status == SAB_OK && shape->input == SAB_INPUT_VALUES)
        status = sab_scaling_get(&s->input, facts, "input", shape->I, err);
    if (status == SAB_OK && shape->loss != SAB_LOSS_CROSS_ENTROPY)
        status = sab_scaling_get(&s->output, facts, "output", s->targets, err);
    if (status == SAB_OK && shape->loss == SAB_LOSS_CROSS_ENTROPY)
        status = sab_npy_classes_get(&s->classes, facts, shape->O, err);
    if (status == SAB_OK && shape->loss == SAB_LOSS_CROSS_ENTROPY)
        status = sab_class_weights_get(&s->class_weights, facts, shape->O, err);
    if (status == SAB_OK)
        status = sab_account_get(&s->account, facts, err);
    sab_json_free(facts);
    return status;
}

int sab_npy_facts(const void *state, char **json, struct sab_error *err)
{
    const struct sab_npy_state *s = state;
    struct sab_json facts;
    sab_facts_begin(&facts, "npy");
    sab_json_int(&facts, "input", s->shape.input);
    sab_json_int(&facts, "I", s->shape.I);
    sab_json_int(&facts, "loss", s->shape.loss);
    sab_json_int(&facts, "O", s->shape.O / s->Q);
    sab_json_int(&facts, "per_step", s->is_per_step);
    if (s->input.n > 0)
        sab_scaling_put(&s->input, &facts, "input");
    if (s->output.n > 0)
        sab_scaling_put(&s->output, &facts, "output");
    sab_npy_classes_put(&s->classes, &facts);
    sab_class_weights_put(&s->class_weights, &facts);
    sab_account_put(&s->account, &facts);
    return sab_facts_end(&facts, json, err);
}

/* ---- means and deviations ---- */

int sab_npy_learn_scaling(struct sab_npy_state *s, struct sab_error *err)
{
    const struct sab_npy_set *set = &s->sets[0];
    int I = s->shape.I, O = s->targets, status = SAB_OK;
    int is_on = s->config->values.standardise, has_values = s->shape.input == SAB_INPUT_VALUES;
    if (has_values)
        status = sab_scaling_create(&s->input, I, err);
    if (status == SAB_OK && s->shape.loss != SAB_LOSS_CROSS_ENTROPY)
        status = sab_scaling_create(&s->output, O, err);
    if (status != SAB_OK)
        return status;
    int is_scaled = is_on && sab_npy_is_scaled(s);
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
