/* Evaluation of data with an end: all of it counts once, or no more than was asked for; an absent part is an error. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "train/evaluate.h"

enum { N = 50, VALID = 30, SIDE = 3 }; /* 10 to train, 30 to validate, 10 to test */

static char folder[] = "/tmp/sab-evaluate-XXXXXX", images[64], labels[64];

static void put(const char *path, const unsigned char *head, size_t head_nbytes, size_t each, int modulus)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite(head, 1, head_nbytes, file);
    for (size_t i = 0; i < N * each; i++)
        putc((int)(i * 37 % 101 + i / each) % modulus, file);
    assert_int_equal(fclose(file), 0);
}

static int begin(void **unused)
{
    (void)unused;
    assert_non_null(mkdtemp(folder));
    snprintf(images, sizeof images, "%s/a-images-idx3-ubyte", folder);
    snprintf(labels, sizeof labels, "%s/a-labels-idx1-ubyte", folder);
    put(images, (const unsigned char[]){0, 0, 8, 3, 0, 0, 0, N, 0, 0, 0, SIDE, 0, 0, 0, SIDE}, 16, SIDE * SIDE, 251);
    put(labels, (const unsigned char[]){0, 0, 8, 1, 0, 0, 0, N}, 8, 1, 3);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    unlink(images);
    unlink(labels);
    return rmdir(folder);
}

struct setup {
    struct sab_options config;
    struct sab_task *task;
    struct sab_model *model;
};

static void make(struct setup *s, const char *split)
{
    struct sab_error err;
    sab_options_init(&s->config);
    s->config.model.hidden = 4;
    sab_options_set(&s->config, "task", "idx", NULL);
    sab_options_set(&s->config, "data", images, NULL);
    sab_options_set(&s->config, "split", split, NULL);
    if (sab_task_create(&s->task, &s->config, NULL, &err) ||
        sab_model_create(&s->model, &s->config, sab_task_shape(s->task), &err))
        fail_msg("%s", err.message);
}

static void clear(struct setup *s)
{
    sab_task_free(s->task);
    sab_model_free(s->model);
    sab_options_clear(&s->config);
}

/* With an engine of its own. */
static int evaluate_on(struct sab_model *model, struct sab_task *task, enum sab_split split, const struct sab_options *config,
                       struct sab_metrics *metrics, struct sab_error *err)
{
    struct sab_engine *engine;
    assert_int_equal(sab_engine_create(&engine, model, config->shared.threads, err), SAB_OK);
    int status = sab_evaluate(engine, task, split, config, metrics, err);
    sab_engine_free(engine);
    return status;
}

static struct sab_metrics measure(struct setup *s, enum sab_split split, int batch, int size)
{
    struct sab_metrics metrics = {.size = sizeof metrics};
    struct sab_error err;
    s->config.shared.batch = batch;
    s->config.run.eval_size = size;
    if (evaluate_on(s->model, s->task, split, &s->config, &metrics, &err))
        fail_msg("%s", err.message);
    return metrics;
}

static void test_all_counts_once(void **unused)
{
    (void)unused;
    struct setup s;
    make(&s, "0.2,0.6,0.2");
    struct sab_metrics whole = measure(&s, SAB_VALID, VALID, 0);
    assert_int_equal(whole.scored, VALID);
    static const int batches[] = {1, 7, 8, 29, 31, 64};
    for (int k = 0; k < 6; k++) {
        struct sab_metrics parts = measure(&s, SAB_VALID, batches[k], 0);
        assert_int_equal(parts.scored, VALID);
        assert_true(fabs(parts.loss - whole.loss) < 1e-6 && fabs(parts.accuracy - whole.accuracy) < 1e-12);
        parts = measure(&s, SAB_VALID, batches[k], 1000);
        assert_int_equal(parts.scored, VALID);
    }
    assert_int_equal(measure(&s, SAB_TEST, 8, 0).scored, 10);
    assert_int_equal(measure(&s, SAB_TRAIN, 5, 0).scored, 10);
    clear(&s);
}

static void test_no_more_than_asked_for(void **unused)
{
    (void)unused;
    struct setup s;
    make(&s, "0.2,0.6,0.2");
    assert_int_equal(measure(&s, SAB_VALID, 8, 20).scored, 16); /* whole batches */
    assert_int_equal(measure(&s, SAB_VALID, 8, 5).scored, 5);
    assert_int_equal(measure(&s, SAB_VALID, 8, 8).scored, 8);
    struct sab_metrics first = measure(&s, SAB_VALID, 8, 8), again = measure(&s, SAB_VALID, 4, 8);
    assert_true(fabs(first.loss - again.loss) < 1e-6);
    clear(&s);
}

static void test_absent_part(void **unused)
{
    (void)unused;
    struct setup s;
    struct sab_metrics metrics = {.size = sizeof metrics};
    struct sab_error err = {0};
    make(&s, "0.4,0.6,0");
    for (int size = 0; size <= 8; size += 8) {
        s.config.run.eval_size = size;
        assert_int_equal(evaluate_on(s.model, s.task, SAB_TEST, &s.config, &metrics, &err), SAB_INVALID);
        assert_non_null(strstr(err.message, "no test images"));
    }
    clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_counts_once),
        cmocka_unit_test(test_no_more_than_asked_for),
        cmocka_unit_test(test_absent_part),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
