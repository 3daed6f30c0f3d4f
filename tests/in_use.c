/* Models in use by the public headers alone: answers in words and units, files and lines that give the same, texts that go on. */
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

#include <sab_run.h>

static struct sab_error err;

static void must(int status)
{
    if (status != SAB_OK)
        fail_msg("status %d: %s", status, err.message);
}

static char folder[] = "/tmp/sab_in_use_XXXXXX";

static const char *file(const char *name)
{
    static char path[2][128];
    static int i;
    snprintf(path[i ^= 1], sizeof path[0], "%s/%s", folder, name);
    return path[i];
}

/* A model after a few updates, and what it knows. */
static struct sab_model *learn(const char *text)
{
    struct sab_options *options;
    struct sab_task *task;
    struct sab_model *model;
    struct sab_trainer *trainer;
    struct sab_batch batch = {.size = sizeof batch};
    must(sab_options_create(&options, &err));
    must(sab_options_parse(options, text, &err));
    must(sab_options_parse(options, "hidden=8 batch=2 warmup=0 threads=1", &err));
    must(sab_task_create(&task, options, NULL, &err));
    must(sab_task_settle(task, options, &err));
    must(sab_model_create(&model, options, sab_task_shape(task), &err));
    must(sab_model_set_facts(model, sab_task_facts(task), &err));
    must(sab_trainer_create(&trainer, model, options, &err));
    for (int i = 0; i < 5; i++) {
        must(sab_task_batch(task, SAB_TRAIN, i, 2, &batch, &err));
        must(sab_trainer_update(trainer, &batch, NULL, &err));
    }
    sab_trainer_free(trainer);
    sab_task_free(task);
    sab_options_free(options);
    return model;
}

enum { ROWS = 60, HORIZON = 3 };

struct answers {
    int n;
    double results[ROWS][HORIZON];
};

static int take(void *user, const struct sab_answer *answer, struct sab_error *e)
{
    struct answers *all = user;
    (void)e;
    assert_int_equal(answer->O, HORIZON);
    assert_false(answer->is_class);
    assert_int_equal(answer->best, -1);
    assert_string_equal(answer->names[1], "load+2");
    assert_string_equal(answer->places[0].name, "row");
    assert_int_equal(answer->places[0].number, all->n + 1);
    memcpy(all->results[all->n++], answer->results, HORIZON * sizeof(double));
    return all->n == ROWS + 1 ? SAB_INTERRUPTED : SAB_OK;
}

static int stop_at_once(void *user, const struct sab_answer *answer, struct sab_error *e)
{
    (void)user, (void)answer, (void)e;
    return SAB_INTERRUPTED;
}

/* Rows of a file, the same rows as lines, and lines with a stop between them say the same, in the units of the data. */
static void test_rows_and_lines(void **unused)
{
    (void)unused;
    FILE *f = fopen(file("load.csv"), "w");
    fputs("load,temp\n", f);
    for (int i = 0; i < ROWS; i++)
        fprintf(f, "%.3f,%.3f\n", 1000 + 50 * sin(i / 3.0), 10 * cos(i / 5.0));
    fclose(f);
    char options_text[256];
    snprintf(options_text, sizeof options_text, "task=csv data=%s targets=load inputs=load,temp horizon=1-3 T=10", file("load.csv"));
    struct sab_model *model = learn(options_text);
    struct sab_options *options;
    struct answers rows = {0};
    must(sab_options_clone(&options, sab_model_options(model), &err));
    must(sab_options_set(options, "test-data", file("load.csv"), &err));
    must(sab_options_parse(options, "data= valid-data=", &err));
    must(sab_predict(model, options, 1, 0, take, &rows, &err));
    assert_int_equal(rows.n, ROWS);
    assert_in_range((int)rows.results[ROWS - 1][0], 500, 1500);
    assert_int_equal(sab_predict(model, options, 1, 0, stop_at_once, NULL, &err), SAB_INTERRUPTED);

    char line[64];
    struct sab_lines *lines;
    const struct sab_answer *answer;
    int is_head;
    must(sab_lines_create(&lines, model, sab_model_options(model), "lines", "", 1, &err));
    assert_int_equal(sab_lines_save(lines, file("state"), &err), SAB_INVALID);
    must(sab_lines_take(lines, "load,temp\n", 10, &answer, &is_head, &err));
    assert_true(is_head);
    for (int i = 0; i < ROWS; i++) {
        if (i == ROWS / 2) {
            must(sab_lines_save(lines, file("state"), &err));
            sab_lines_free(lines);
            must(sab_lines_create(&lines, model, sab_model_options(model), "lines", file("state"), 0, &err));
        }
        int n = snprintf(line, sizeof line, "%.3f,%.3f", 1000 + 50 * sin(i / 3.0), 10 * cos(i / 5.0));
        must(sab_lines_take(lines, line, (size_t)n, &answer, &is_head, &err));
        assert_false(is_head);
        for (int o = 0; o < HORIZON; o++)
            if (answer->results[o] != rows.results[i][o])
                fail_msg("row %d, %s: %.17g as a line, %.17g in the file", i + 1, answer->names[o], answer->results[o], rows.results[i][o]);
    }
    assert_int_equal(sab_lines_take(lines, "1,x", 3, &answer, &is_head, &err), SAB_FORMAT);
    assert_non_null(strstr(err.message, "lines, line 31"));
    sab_lines_free(lines);
    sab_options_free(options);
    sab_model_free(model);
}

static void generate(struct sab_generator *g, uint64_t seed, int n, char *text)
{
    const struct sab_sampling how = {sizeof how, 1, 0, 1, seed};
    int nbytes;
    for (int i = 0; i < n; i++) {
        must(sab_generator_next(g, &how, text + i, &nbytes, &err));
        assert_int_equal(nbytes, 1);
    }
    text[n] = 0;
}

/* A text depends on seed and opening alone, and goes on from its state as if it had never stopped. */
static void test_text_goes_on(void **unused)
{
    (void)unused;
    enum { N = 40 };
    FILE *f = fopen(file("text"), "w");
    for (int i = 0; i < 300; i++)
        fprintf(f, "line %d\n", i * i);
    fclose(f);
    char options_text[256], whole[N + 4], again[N + 4], other[N + 4];
    snprintf(options_text, sizeof options_text, "task=text data=%s T=10 units=bytes", file("text"));
    struct sab_model *model = learn(options_text);
    struct sab_generator *g;
    struct sab_answers *answers;
    must(sab_answers_create(&answers, model, &err));
    assert_true(strlen(sab_answers_name(answers, 0)) > 0);
    sab_answers_free(answers);
    for (int round = 0; round < 3; round++) {
        must(sab_generator_create(&g, model, "the model", "", &err));
        must(sab_generator_read(g, "prompt", "line 4", 6, &err));
        generate(g, round == 2 ? 2 : 1, round == 1 ? N / 2 : N, round == 0 ? whole : round == 1 ? again : other);
        if (round == 1) {
            must(sab_generator_save(g, file("half"), &err));
            sab_generator_free(g);
            must(sab_generator_create(&g, model, "the model", file("half"), &err));
            generate(g, 1, N - N / 2, again + N / 2);
        }
        sab_generator_free(g);
    }
    assert_string_equal(whole, again);
    assert_string_not_equal(whole, other);
    must(sab_generator_create(&g, model, "the model", "", &err));
    assert_int_equal(sab_generator_read(g, "prompt", "line\nl#", 7, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "prompt: line 2, column 2"));
    assert_non_null(strstr(err.message, "the model knows"));
    sab_generator_free(g);
    sab_model_free(model);
    model = learn("task=copy T=5");
    assert_int_equal(sab_generator_create(&g, model, "it", "", &err), SAB_INVALID);
    sab_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_and_lines),
        cmocka_unit_test(test_text_goes_on),
    };
    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    static const char *const names[] = {"load.csv", "state", "text", "half"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        remove(file(names[i]));
    rmdir(folder);
    return failed;
}
