/* See settings.h. The pair's share: of scores s_ij between states i and j of a sequence, the variance of what is left of s_ij when the
 * means of row i and column j are taken away, divided by the variance of all. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/task.h"
#include "forecast/settings.h"
#include "model/model.h"

static const double PAIR_SHARE = 0.018; /* of copying at --key-scale 15 */
static const double scales[] = {1, 2, 4, 6, 8, 12, 15, 20, 30};
enum { SCALES = sizeof scales / sizeof scales[0], STATES = 32, SEQUENCES = 4, STEPS = 512 };

/* What a measurement works with. */
struct work {
    struct sab_model *model;
    sab_real *outputs;       /* [T,B,H] states */
    int32_t lengths[SEQUENCES];
    double *keys, *queries;  /* [STATES,A] at scale 1 */
    double scores[STATES][STATES];
};

static double pair_share(struct work *w, const sab_real *w3, int A, double scale)
{
    double mean = 0, of_rows[STATES] = {0}, of_columns[STATES] = {0}, pair = 0, all = 0;
    for (int i = 0; i < STATES; i++)
        for (int j = 0; j < STATES; j++) {
            double score = 0;
            for (int a = 0; a < A; a++)
                score += (double)w3[a] * tanh(scale * (w->keys[i * A + a] + w->queries[j * A + a]));
            w->scores[i][j] = score;
            mean += score / (STATES * STATES);
            of_rows[i] += score / STATES;
            of_columns[j] += score / STATES;
        }
    for (int i = 0; i < STATES; i++)
        for (int j = 0; j < STATES; j++) {
            double from = w->scores[i][j] - mean, rest = from - (of_rows[i] - mean) - (of_columns[j] - mean);
            all += from * from;
            pair += rest * rest;
        }
    return all > 0 ? pair / all : 1;
}

/* out [STATES,A] = states W [H,A], of states that lie evenly in sequence b. */
static void map_states(const struct work *w, int b, int B, const sab_real *W, int A, double *out)
{
    int H = w->model->H;
    for (int i = 0; i < STATES; i++) {
        int t = (int)((i + 0.5) * w->lengths[b] / STATES);
        const sab_real *h = w->outputs + ((size_t)t * (size_t)B + (size_t)b) * (size_t)H;
        memset(out + i * A, 0, (size_t)A * sizeof *out);
        for (int k = 0; k < H; k++)
            for (int a = 0; a < A; a++)
                out[i * A + a] += (double)h[k] * (double)W[(size_t)k * (size_t)A + (size_t)a];
    }
}

static const sab_real *tensor(const struct sab_model *model, const char *name)
{
    for (int i = 0; i < sab_model_tensor_count(model); i++)
        if (strcmp(sab_model_tensor(model, i)->name, name) == 0)
            return sab_model_tensor(model, i)->data;
    return NULL;
}

/* Means over the sequences that are long enough; 0 where none is. */
static int measure(struct work *w, int B, double shares[SCALES], struct sab_error *err)
{
    int A = w->model->layers[0].remind.A, used = 0;
    w->keys = sab_alloc(STATES, (size_t)A * sizeof *w->keys);
    w->queries = sab_alloc(STATES, (size_t)A * sizeof *w->queries);
    if (!w->keys || !w->queries)
        return sab_fail(err, SAB_NOMEM, "no memory to look at the scores");
    for (int i = 0; i < SCALES; i++)
        shares[i] = 0;
    for (int b = 0; b < B; b++) {
        if (w->lengths[b] < STATES / 4)
            continue;
        map_states(w, b, B, tensor(w->model, "W1_l0"), A, w->keys);
        map_states(w, b, B, tensor(w->model, "W2_l0"), A, w->queries);
        for (int i = 0; i < SCALES; i++)
            shares[i] += pair_share(w, tensor(w->model, "w3_l0"), A, scales[i]);
        used++;
    }
    for (int i = 0; i < SCALES && used > 0; i++)
        shares[i] /= used;
    return SAB_OK;
}

/* States of one layer without a readout, whose keys are of scale 1, over the first steps of a batch. */
static int run_untrained(struct work *w, const struct sab_options *options, const struct sab_shape *shape, struct sab_batch batch,
                         struct sab_error *err)
{
    struct sab_options own = {0};
    struct sab_shape states = {.size = sizeof states, .input = shape->input, .I = shape->I, .loss = SAB_LOSS_NONE,
                               .O = options->model.hidden};
    struct sab_batch seen = {.size = sizeof seen, .T = batch.T < STEPS ? batch.T : STEPS, .B = batch.B, .ids = batch.ids,
                             .values = batch.values, .lengths = w->lengths};
    for (int b = 0; b < batch.B; b++)
        w->lengths[b] = !batch.lengths || batch.lengths[b] > seen.T ? seen.T : batch.lengths[b];
    int status = sab_options_copy(&own, options, err);
    if (status == SAB_OK)
        status = sab_options_parse(&own, "readout=off layers=1 key-scale=1 memory-slots=0 keep=recent", err);
    if (status == SAB_OK)
        status = sab_model_create(&w->model, &own, &states, err);
    sab_options_clear(&own);
    if (status != SAB_OK)
        return status;
    w->outputs = sab_alloc((size_t)seen.T * (size_t)seen.B, (size_t)states.O * sizeof *w->outputs);
    if (!w->outputs)
        return sab_fail(err, SAB_NOMEM, "no memory for the states of %d sequences of %d steps", seen.B, seen.T);
    return sab_model_evaluate(w->model, &seen, options->shared.threads, w->outputs, NULL, NULL, err);
}

/* Whether another network of this size is no burden. */
static int has_room(const struct sab_options *options, const struct sab_shape *shape)
{
    const double SMALL_NBYTES = 256 << 20;
    double H = options->model.hidden, I = shape->I;
    return 4 * H * (H + I) * sizeof(sab_real) < SMALL_NBYTES;
}

int sab_choose_key_scale(const struct sab_choices *c, struct sab_task *task, struct sab_error *err)
{
    const struct sab_model_options *o = &c->options->model;
    struct sab_batch batch = {.size = sizeof batch};
    struct work w = {0};
    double shares[SCALES];
    int k = 0;
    if (!has_room(c->options, sab_task_shape(task)) || o->credit != SAB_CREDIT_SAB || o->k_top == 0 ||
        o->score != SAB_SCORE_MLP || c->given[sab_option_index("key-scale")])
        return SAB_OK;
    int status = sab_task_batch(task, SAB_TRAIN, 0, SEQUENCES, &batch, err);
    if (status == SAB_OK)
        status = run_untrained(&w, c->options, sab_task_shape(task), batch, err);
    if (status == SAB_OK)
        status = measure(&w, batch.B, shares, err);
    while (status == SAB_OK && k < SCALES - 1 && shares[k] < PAIR_SHARE)
        k++;
    if (status == SAB_OK && shares[SCALES - 1] > 0) {
        char value[32];
        snprintf(value, sizeof value, "%g", scales[k]);
        status = sab_choose(c, "key-scale", value, "%.2g %% of the variance of an untrained network's scores is then of pairs; at 1 "
                            "it is %.2g %%", 100 * shares[k], 100 * shares[0]);
    }
    sab_free(w.keys);
    sab_free(w.queries);
    sab_free(w.outputs);
    sab_model_free(w.model);
    return status;
}
