/* The engine in a browser: a network of plain kernels that learns copying, one update a call. What the page asks for are calls of sab.h;
 * the page (demo.html) must not know more of the library than the options' names. */
#include <stddef.h>
#include <string.h>

#include "sab.h"

#define EXPORT(name) __attribute__((export_name(#name)))

enum { STEPS_CAP = 512, CLASSES_CAP = 16, SHOWN = 8 /* sequences that are looked at */ };

static struct sab_options *options;
static struct sab_task *task;
static struct sab_model *model;
static struct sab_trainer *trainer;
static struct sab_error error;
static struct sab_metrics trained = {.size = sizeof trained}, looked = {.size = sizeof looked};
static char text[512], digest[33];
static int updates, batch_size;
static float map[STEPS_CAP * STEPS_CAP];               /* [T,T], at t and the step recalled there: mean weight */
static sab_real outputs[STEPS_CAP * SHOWN * CLASSES_CAP];
static int32_t sequence[3][STEPS_CAP];                 /* of the first sequence: what is read, what is asked for or -1, the answer */

/* Where the page writes the options, as sab_options_parse reads them, before sab_demo_begin. */
EXPORT(sab_demo_text) char *sab_demo_text(void) { return text; }
EXPORT(sab_demo_text_cap) int sab_demo_text_cap(void) { return sizeof text; }

/* Begins anew; not 0: sab_demo_error has the sentence. */
EXPORT(sab_demo_begin) int sab_demo_begin(void)
{
    sab_trainer_free(trainer);
    sab_model_free(model);
    sab_task_free(task);
    sab_options_free(options);
    trainer = NULL;
    model = NULL;
    task = NULL;
    options = NULL;
    updates = 0;
    int status = sab_options_create(&options, &error);
    if (status == SAB_OK)
        status = sab_options_parse(options, text, &error);
    if (status == SAB_OK)
        status = sab_task_create(&task, options, NULL, &error);
    if (status == SAB_OK && (sab_task_steps(task) > STEPS_CAP || sab_task_shape(task)->O > CLASSES_CAP)) {
        strcpy(error.message, "this page shows sequences of at most 512 steps");
        status = SAB_INVALID;
    }
    if (status == SAB_OK)
        status = sab_model_create(&model, options, sab_task_shape(task), &error);
    if (status == SAB_OK)
        status = sab_trainer_create(&trainer, model, options, &error);
    if (status == SAB_OK)
        batch_size = (int)sab_options_number(options, "batch");
    return status;
}

EXPORT(sab_demo_update) int sab_demo_update(void)
{
    struct sab_batch batch = {.size = sizeof batch};
    int status = sab_task_batch(task, SAB_TRAIN, updates, batch_size, &batch, &error);
    if (status == SAB_OK)
        status = sab_trainer_update(trainer, &batch, &trained, &error);
    updates += status == SAB_OK;
    return status;
}

static void on_read(void *user, int layer, int t, int b, int n, const int32_t *when, const sab_real *alpha, const sab_real *flow)
{
    (void)user, (void)layer, (void)b, (void)flow;
    for (int i = 0; i < n; i++)
        if (when[i] > 0)
            map[(t - 1) * sab_task_steps(task) + when[i] - 1] += (float)alpha[i] / SHOWN;
}

/* What the network says and recalls of sequences that it does not learn from. */
EXPORT(sab_demo_look) int sab_demo_look(void)
{
    struct sab_batch batch = {.size = sizeof batch};
    const struct sab_recall recall = {sizeof recall, on_read, NULL};
    int status = sab_task_batch(task, SAB_VALID, 0, SHOWN, &batch, &error), O = sab_task_shape(task)->O;
    memset(map, 0, sizeof map);
    if (status == SAB_OK)
        status = sab_model_evaluate(model, &batch, 1, outputs, &looked, &recall, &error);
    for (int t = 0; status == SAB_OK && t < batch.T; t++) {
        const sab_real *o = outputs + (ptrdiff_t)t * batch.B * O;
        int best = 0;
        for (int i = 1; i < O; i++)
            best = o[i] > o[best] ? i : best;
        sequence[0][t] = batch.ids[t * batch.B];
        sequence[1][t] = batch.scored && !batch.scored[t * batch.B] ? -1 : batch.labels[t * batch.B];
        sequence[2][t] = best;
    }
    return status;
}

EXPORT(sab_demo_updates) int sab_demo_updates(void) { return updates; }
EXPORT(sab_demo_steps) int sab_demo_steps(void) { return sab_task_steps(task); }
EXPORT(sab_demo_train_loss) double sab_demo_train_loss(void) { return trained.loss; }
EXPORT(sab_demo_loss) double sab_demo_loss(void) { return looked.loss; }
EXPORT(sab_demo_accuracy) double sab_demo_accuracy(void) { return looked.accuracy; }
EXPORT(sab_demo_map) const float *sab_demo_map(void) { return map; }
EXPORT(sab_demo_sequence) const int32_t *sab_demo_sequence(int row) { return sequence[row]; }
EXPORT(sab_demo_error) const char *sab_demo_error(void) { return error.message; }
EXPORT(sab_demo_version) const char *sab_demo_version(void) { return sab_version(); }

/* Of all weights, as weights_digest of sab train. */
EXPORT(sab_demo_digest) const char *sab_demo_digest(void)
{
    sab_model_digest(model, digest);
    return digest;
}
