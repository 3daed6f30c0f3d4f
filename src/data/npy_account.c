/* See npy_state.h: what was understood of the arrays, in words. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/npy_state.h"
#include "data/sentinel.h"

static void say_files(struct sab_npy_state *s)
{
    const struct sab_npy_set *set = &s->sets[0];
    char x[128], y[128] = "";
    int least = set->T, most = 0;
    int64_t padded = 0;
    sab_npy_shape_text(&set->x, x, sizeof x);
    if (set->has_y)
        sab_npy_shape_text(&set->y, y, sizeof y);
    sab_account_say(&s->account, "file", "%.200s: x %s%s%s%s", sab_account_file(s->config->files.data), x, set->has_y ? ", y " : "", y,
                    set->has_lengths ? ", lengths" : "");
    for (int64_t n = 0; n < set->N; n++) {
        int length = sab_npy_set_length(set, n);
        least = length < least ? length : least;
        most = length > most ? length : most;
        padded += length < set->T;
    }
    char all[SAB_COUNT_CAP], some[SAB_COUNT_CAP], range[48];
    snprintf(range, sizeof range, least == most ? "%d" : "%d to %d", least, most);
    sab_account_say(&s->account, "sequences", "%s of %s steps%s%s%s", sab_account_count(set->N, all), range,
                    set->ends ? "; " : "", set->ends ? sab_account_count(padded, some) : "",
                    set->ends ? " end before steps of NaN, which pad them" : set->has_lengths ? ", as lengths says" : "");
}

static void say_shape(struct sab_npy_state *s)
{
    const struct sab_shape *shape = &s->shape;
    const char *each = s->is_per_step ? "step" : "sequence";
    int is_scaled = s->config->values.standardise && sab_npy_is_scaled(s);
    if (shape->input == SAB_INPUT_IDS)
        sab_account_say(&s->account, "inputs", "symbols 0..%d, since x [N,T] holds whole numbers", shape->I - 1);
    else
        sab_account_say(&s->account, "inputs", "%d value%s a step, %s", shape->I, shape->I == 1 ? "" : "s",
                        s->config->values.standardise ? "standardised" : "as they are");
    if (shape->loss == SAB_LOSS_CROSS_ENTROPY)
        sab_account_say(&s->account, "answers", "one of %d classes for each %s, since y holds whole numbers%s", shape->O, each,
                        sab_loss_is_open(&s->config->values) ? " (--loss mse takes them for values)" : "");
    else
        sab_account_say(&s->account, "answers", "%d %s for each %s%s%s%.200s", s->targets,
                        shape->loss == SAB_LOSS_BCE ? "in 0..1" : s->targets == 1 ? "value" : "values", each,
                        is_scaled ? ", standardised" : "", s->Q > 1 ? ", of each the quantiles " : "",
                        s->Q > 1 ? s->shared->quantiles : "");
}

static void name_class(const void *user, int i, char text[SAB_CLASS_NAME_CAP])
{
    snprintf(text, SAB_CLASS_NAME_CAP, "%lld", (long long)sab_npy_classes_at(user, i));
}

/* Answers of each part, and of each class, counts [parts, O] (or NULL). */
static void count_answers(const struct sab_npy_state *s, int64_t scored[SAB_PARTS], int64_t *counts)
{
    for (int p = 0; p < SAB_PARTS; p++) {
        const struct sab_npy_set *set = s->parts[p].set;
        for (int64_t n = s->parts[p].begin; n < s->parts[p].end; n++) {
            int answers = s->is_per_step ? sab_npy_set_length(set, n) : 1;
            for (int t = 0; t < answers && counts && set->has_y; t++) {
                int k = sab_npy_classes_find(&s->classes, sab_npy_int(&set->y, s->is_per_step ? n * set->T + t : n));
                scored[p] += k >= 0;
                if (k >= 0)
                    counts[(int64_t)p * s->shape.O + k]++;
            }
            scored[p] += counts || !set->has_y ? 0 : answers;
        }
    }
}

/* Of the training part's x or y, as its scaling was learned. */
static void warn_of_sentinels(struct sab_npy_state *s, const struct sab_scaling *scaling, const struct sab_npy *array, int is_y)
{
    const struct sab_npy_set *set = &s->sets[0];
    const char *advice = is_y || set->has_lengths ? "if it stands for a missing value, another should stand there"
        : "if it stands for a missing value, another should stand there; if it pads sequences, `lengths` says where they end";
    int n, is_per_step = !is_y || s->is_per_step, width = scaling->n;
    struct sab_sentinel_search *searches = sab_sentinel_begin(scaling, &n);
    for (int64_t i = s->parts[SAB_TRAIN].begin; i < s->parts[SAB_TRAIN].end && n > 0; i++) {
        int64_t first = i * (is_per_step ? set->T : 1) * width, count = is_per_step ? sab_npy_set_length(set, i) : 1;
        for (int64_t at = 0; at < count; at++)
            for (int k = 0; k < n; k++)
                sab_sentinel_look(&searches[k], sab_npy_real(array, first + at * width + searches[k].column));
    }
    for (int k = 0; k < n; k++) {
        char name[32];
        snprintf(name, sizeof name, width == 1 ? "%s" : is_per_step ? "%s[:,:,%d]" : "%s[:,%d]", is_y ? "y" : "x", searches[k].column);
        sab_sentinel_end(&searches[k], &s->account, name, 0, is_per_step ? "steps" : "sequences", advice);
    }
    sab_free(searches);
}

int sab_npy_account(struct sab_npy_state *s, struct sab_error *err)
{
    int64_t sequences[SAB_PARTS], scored[SAB_PARTS] = {0}, *counts = NULL;
    int is_classes = s->shape.loss == SAB_LOSS_CROSS_ENTROPY, status = SAB_OK;
    if (is_classes)
        counts = sab_alloc((size_t)s->shape.O * SAB_PARTS, sizeof *counts);
    if (is_classes && !counts)
        return sab_fail(err, SAB_NOMEM, "no memory to count the answers of %.200s", s->config->files.data);
    sab_account_clear(&s->account);
    say_files(s);
    say_shape(s);
    count_answers(s, scored, counts);
    for (int p = 0; p < SAB_PARTS; p++)
        sequences[p] = s->parts[p].end - s->parts[p].begin;
    if (is_classes) {
        sab_account_classes(&s->account, &s->config->files, s->shape.O, counts, name_class, &s->classes);
        sab_class_weights_clear(&s->class_weights);
        status = sab_class_weights_make(&s->class_weights, s->config->values.class_weights, s->shape.O, counts, name_class,
                                        &s->classes, err);
        sab_class_weights_say(&s->class_weights, &s->account, name_class, &s->classes);
    }
    sab_account_parts(&s->account, &s->config->files, "sequences", sequences, s->is_per_step ? scored : sequences);
    warn_of_sentinels(s, &s->input, &s->sets[0].x, 0);
    warn_of_sentinels(s, &s->output, &s->sets[0].y, 1);
    sab_free(counts);
    return status;
}
