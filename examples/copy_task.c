/* The whole life of a model with nothing but <sab.h>: a network reads ten symbols, waits T steps, and is asked to say
 * them again. After each symbol to be said we look at which past steps it was reminded of.
 *
 *     cc copy_task.c $(pkg-config --cflags --libs sab) -o copy_task && ./copy_task
 *
 * It takes some seconds and prints the same numbers at every run. */
#include <sab.h>

#include <stdio.h>
#include <stdlib.h>

enum { MOST_UPDATES = 2000, REPORT_EVERY = 100, TEST_SEQUENCES = 200, SYMBOLS = 10, BATCH = 32 };
static const double chance = 1.0 / 8, learned = 0.99;

/* Every call that can fail says why in one sentence. */
static void must(int status, const struct sab_error *err)
{
    if (status == SAB_OK)
        return;
    fprintf(stderr, "copy_task: %s\n", err->message);
    exit(1);
}

/* Gathers, over the steps at which the network must answer, how much weight went to the steps that held the symbols. */
struct recall_count {
    int first_answer; /* 1-based step */
    double on_symbols, total;
};

static void count_read(void *user, int layer, int t, int b, int n, const int32_t *when, const sab_real *alpha,
                       const sab_real *flow)
{
    struct recall_count *count = user;
    (void)layer, (void)b, (void)flow;
    for (int i = 0; i < n && t >= count->first_answer; i++) {
        count->total += alpha[i];
        if (when[i] <= SYMBOLS)
            count->on_symbols += alpha[i];
    }
}

int main(void)
{
    struct sab_error err;
    struct sab_options *options = NULL;
    struct sab_task *task = NULL;
    struct sab_model *model = NULL, *loaded = NULL;
    struct sab_trainer *trainer = NULL;
    struct sab_batch batch = {.size = sizeof batch};
    struct sab_metrics metrics = {.size = sizeof metrics};
    const char *path = "copy_task.safetensors";

    /* What to learn, by which network, with how much memory of the past: each step may recall k_top past states, and
     * gradient runs back k_trunc steps at once. */
    must(sab_options_create(&options, &err), &err);
    must(sab_options_parse(options, "task=copy T=5 hidden=64 k-top=5 k-trunc=5 lr=8e-3 batch=32 seed=3", &err), &err);
    must(sab_options_check(options, &err), &err);

    must(sab_task_create(&task, options, NULL, &err), &err);
    must(sab_model_create(&model, options, sab_task_shape(task), &err), &err);
    must(sab_trainer_create(&trainer, model, options, &err), &err);

    /* Training: batch after batch, each made from the seed and its number alone, until it is nearly always right. */
    for (int step = 0; step < MOST_UPDATES; step++) {
        must(sab_task_batch(task, SAB_TRAIN, step, BATCH, &batch, &err), &err);
        must(sab_trainer_update(trainer, &batch, &metrics, &err), &err);
        if (step % REPORT_EVERY == 0 || metrics.accuracy >= learned)
            printf("update %4d  loss %.4f  accuracy %.3f\n", step + 1, metrics.loss, metrics.accuracy);
        if (metrics.accuracy >= learned)
            break;
    }

    /* Weights to a file and back: the digest proves that they are the same to the bit. */
    char before[33], after[33];
    sab_model_digest(model, before);
    must(sab_model_save(model, path, &err), &err);
    must(sab_model_load(&loaded, path, &err), &err);
    sab_model_digest(loaded, after);
    printf("weights %s, read back %s\n", before, after);

    /* How well does it do on sequences it has never seen, and what does it recall while it answers? */
    must(sab_task_batch(task, SAB_TEST, 0, TEST_SEQUENCES, &batch, &err), &err);
    struct recall_count count = {.first_answer = batch.T - SYMBOLS + 1};
    struct sab_recall recall = {sizeof recall, count_read, &count};
    must(sab_model_evaluate(loaded, &batch, 0, NULL, &metrics, &recall, &err), &err);
    printf("test accuracy %.3f (chance %.3f), %.0f %% of the recall on the symbols\n", metrics.accuracy, chance,
           count.total > 0 ? 100 * count.on_symbols / count.total : 0.0);

    sab_trainer_free(trainer);
    sab_model_free(loaded);
    sab_model_free(model);
    sab_task_free(task);
    sab_options_free(options);
    remove(path);
    return metrics.accuracy > 4 * chance ? 0 : 1;
}
