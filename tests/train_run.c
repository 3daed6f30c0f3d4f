/* What a run leaves in its folder, and when it stops. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "io/safetensors.h"
#include "options_helper.h"
#include "train/evaluate.h"
#include "train/folder.h"
#include "train/run.h"
#include "train_helpers.h"

struct fixture {
    char dir[SAB_DIR_CAP];
    struct sab_options config;
    struct sab_error err;
    struct sab_metrics last, best;
    struct sab_outcome result; /* with these */
};

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->last.size = f->best.size = sizeof f->best;
    f->result.last = &f->last;
    f->result.best = &f->best;
    make_folder(f->dir);
    small_config(&f->config, f->dir);
}

static void end(struct fixture *f)
{
    sab_options_clear(&f->config);
    remove_folder(f->dir);
}

static int train(struct fixture *f, int resume)
{
    return sab_run_train(&f->config, resume, NULL, &f->result, &f->err);
}

static void train_ok(struct fixture *f, int resume)
{
    if (train(f, resume) != SAB_OK)
        fail_msg("%s", f->err.message);
}

static void assert_message(const struct fixture *f, const char *part)
{
    if (!strstr(f->err.message, part))
        fail_msg("expected \"%s\" in \"%s\"", part, f->err.message);
}

/* The lines of metrics.jsonl as JSON; their number. */
static int read_metrics(const struct fixture *f, const struct sab_value **lines, int cap)
{
    size_t nbytes;
    int n = 0;
    char *text = read_all(f->dir, "metrics.jsonl", &nbytes);
    assert_true(nbytes == 0 || text[nbytes - 1] == '\n');
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        assert_true(n < cap);
        if (sab_json_parse(&lines[n], line, strlen(line), NULL) != SAB_OK)
            fail_msg("not JSON: %s", line);
        n++;
    }
    free(text);
    return n;
}

static double number(const struct sab_value *line, const char *key)
{
    double value = 0;
    if (sab_value_real(sab_value_get(line, key), &value))
        fail_msg("no number under %s", key);
    return value;
}

static void test_files_of_a_run(void **unused)
{
    (void)unused;
    struct fixture f;
    begin(&f);
    train_ok(&f, 0);
    assert_int_equal(f.result.steps, 50);
    assert_int_equal(f.result.stopped_early, 0);
    assert_int_equal(strlen(f.result.weights_digest), 32);
    assert_true(f.result.seconds > 0 && f.result.seconds_per_update > 0);

    const struct sab_value *lines[16];
    int n = read_metrics(&f, lines, 16);
    assert_int_equal(n, 8); /* 7, 14, ... 49 and the end */
    double seconds = 0;
    for (int i = 0; i < n; i++) {
        assert_true(number(lines[i], "step") == (i < 7 ? 7 * (i + 1) : 50));
        assert_true(number(lines[i], "loss") > 0);
        assert_in_range((int)(100 * number(lines[i], "accuracy")), 0, 100);
        assert_true(number(lines[i], "grad_norm") > 0);
        assert_true(number(lines[i], "lr") == 0.01);
        assert_true(number(lines[i], "seconds") >= seconds);
        seconds = number(lines[i], "seconds");
        assert_null(sab_value_get(lines[i], "mse"));
        sab_json_free(lines[i]);
    }
    OPTIONS read = {0};
    assert_int_equal(sab_run_config(f.dir, &read, &f.err), SAB_OK);
    assert_same_options(&read, &f.config);
    end(&f);
}

/* model.safetensors holds the weights of the best evaluation, to the bit. */
static void check_best(struct fixture *f)
{
    char path[2 * SAB_DIR_CAP];
    struct sab_model *model;
    struct sab_task *task;
    struct sab_metrics metrics = {.size = sizeof metrics};
    struct sab_engine *engine;
    snprintf(path, sizeof path, "%s/model.safetensors", f->dir);
    if (sab_model_load(&model, path, &f->err) != SAB_OK)
        fail_msg("%s", f->err.message);
    assert_int_equal(sab_task_create(&task, sab_model_options(model), sab_model_facts(model), &f->err), SAB_OK);
    assert_int_equal(sab_engine_create(&engine, model, 1, &f->err), SAB_OK);
    assert_int_equal(sab_evaluate(engine, task, SAB_VALID, &f->config, &metrics, &f->err), SAB_OK);
    sab_engine_free(engine);
    assert_true(metrics.loss == f->result.best->loss);
    sab_task_free(task);
    sab_model_free(model);
}

/* A rate at which training falls apart: the best is not the last. */
static void set_unsteady(struct sab_options *config)
{
    config->optim.lr = 0.2;
    config->optim.steps = 200;
    set(config, "stop-at", "loss=0");
}

static void test_best_is_kept(void **unused)
{
    (void)unused;
    for (int average = 0; average <= 1; average++) {
        struct fixture f;
        begin(&f);
        set_unsteady(&f.config);
        set(&f.config, "average", average ? "0.5" : "0");
        train_ok(&f, 0);
        assert_true(f.result.best_step < f.result.steps);
        check_best(&f);
        const struct sab_value *lines[64];
        int n = read_metrics(&f, lines, 64), best = 0;
        for (int i = 1; i < n; i++)
            if (number(lines[i], "loss") < number(lines[best], "loss"))
                best = i;
        assert_true(number(lines[best], "step") == (double)f.result.best_step);
        assert_true(number(lines[best], "loss") == f.result.best->loss);
        for (int i = 0; i < n; i++)
            sab_json_free(lines[i]);
        end(&f);
    }
}

/* The state holds the best weights too, so that a later or lost model.safetensors does not matter. */
static void test_best_comes_back_with_the_state(void **unused)
{
    (void)unused;
    struct fixture f;
    begin(&f);
    set_unsteady(&f.config);
    train_ok(&f, 0);
    assert_true(f.result.best_step < f.result.steps);
    size_t n_before, n_after;
    char *before = read_all(f.dir, "model.safetensors", &n_before);
    write_all(f.dir, "model.safetensors", "from another time", 17);
    train_ok(&f, 1);
    char *after = read_all(f.dir, "model.safetensors", &n_after);
    assert_int_equal(n_before, n_after);
    assert_memory_equal(before, after, n_before);
    check_best(&f);
    free(before);
    free(after);
    end(&f);
}

static void test_average_is_what_is_measured(void **unused)
{
    (void)unused;
    struct fixture plain, averaged;
    begin(&plain);
    begin(&averaged);
    set(&averaged.config, "average", "0.9");
    train_ok(&plain, 0);
    train_ok(&averaged, 0);
    assert_string_equal(plain.result.weights_digest, averaged.result.weights_digest);
    assert_true(plain.result.last->loss != averaged.result.last->loss);
    check_best(&averaged);
    end(&plain);
    end(&averaged);
}

static void test_mse_task(void **unused)
{
    (void)unused;
    struct fixture f;
    begin(&f);
    set(&f.config, "task", "adding");
    train_ok(&f, 0);
    assert_true(isnan(f.result.best->accuracy));
    assert_true(f.result.best->mse > 0);
    check_best(&f);
    const struct sab_value *lines[16];
    int n = read_metrics(&f, lines, 16);
    for (int i = 0; i < n; i++) {
        assert_null(sab_value_get(lines[i], "accuracy"));
        assert_true(number(lines[i], "mse") > 0);
        sab_json_free(lines[i]);
    }
    end(&f);
}

static void test_stop_at(void **unused)
{
    (void)unused;
    struct fixture f;
    begin(&f);
    f.config.optim.steps = 1000;
    f.config.run.eval_every = 5;
    set(&f.config, "stop-at", "loss=2.1");
    train_ok(&f, 0);
    assert_int_equal(f.result.stopped_early, 1);
    assert_true(f.result.steps > 0 && f.result.steps < 1000 && f.result.steps % 5 == 0);
    assert_true(f.result.last->loss <= 2.1);
    /* Resumed, it is still done; without the mark, it goes on. */
    int64_t steps = f.result.steps;
    train_ok(&f, 1);
    assert_int_equal(f.result.steps, steps);
    assert_int_equal(f.result.stopped_early, 1);
    f.config.optim.steps = steps + 10;
    set(&f.config, "stop-at", "");
    train_ok(&f, 1);
    assert_int_equal(f.result.steps, steps + 10);
    assert_int_equal(f.result.stopped_early, 0);

    set(&f.config, "stop-at", "mse=0.1");
    assert_int_equal(train(&f, 1), SAB_INVALID);
    assert_message(&f, "the task copy is not measured by mse here, but by loss, accuracy,");
    end(&f);
}

static void test_patience(void **unused)
{
    (void)unused;
    struct fixture f;
    begin(&f);
    f.config.optim.lr = 0; /* nothing ever gets better */
    f.config.optim.steps = 1000;
    f.config.run.eval_every = 2;
    f.config.run.patience = 3;
    train_ok(&f, 0);
    assert_int_equal(f.result.stopped_early, 1);
    assert_int_equal(f.result.best_step, 2);
    assert_int_equal(f.result.steps, 8);
    end(&f);
}

static void test_no_steps(void **unused)
{
    (void)unused;
    struct fixture f;
    begin(&f);
    f.config.optim.steps = 0;
    train_ok(&f, 0);
    assert_int_equal(f.result.steps, 0);
    assert_int_equal(f.result.best_step, 0);
    check_best(&f);
    assert_true(has_file(f.dir, "state.safetensors"));
    end(&f);
}

/* A run that begins with another's weights: not trained it is that run, trained it goes on from there, and a model of
 * another shape is refused before anything is written. */
static void test_from(void **unused)
{
    (void)unused;
    struct fixture first, second;
    begin(&first), begin(&second);
    train_ok(&first, 0);
    set_option(&second.config, "from", first.dir);
    second.config.optim.steps = 0;
    second.config.shared.seed = 9;
    train_ok(&second, 0);
    struct sab_model *a, *b;
    char path[2 * SAB_DIR_CAP], x[33], y[33];
    snprintf(path, sizeof path, "%s/model.safetensors", first.dir);
    assert_int_equal(sab_model_load(&a, path, &first.err), SAB_OK);
    snprintf(path, sizeof path, "%s/model.safetensors", second.dir);
    assert_int_equal(sab_model_load(&b, path, &first.err), SAB_OK);
    sab_model_digest(a, x), sab_model_digest(b, y);
    assert_string_equal(x, y);
    sab_model_free(a), sab_model_free(b);
    second.config.optim.steps = 5;
    train_ok(&second, 1);
    assert_int_equal(second.result.steps, 5);
    remove_folder(second.dir);
    make_folder(second.dir);
    snprintf(path, sizeof path, "%.200s/run", second.dir);
    set_option(&second.config, "out", path);
    second.config.model.hidden++;
    assert_int_equal(train(&second, 0), SAB_INVALID);
    assert_message(&second, "its tensor weight_ih_l0");
    assert_false(has_file(second.dir, "run/config.json"));
    end(&first), end(&second);
}

static void test_interrupted(void **unused)
{
    (void)unused;
    struct fixture f;
    volatile sig_atomic_t stop = 1;
    struct sab_watch hooks = {.stop = &stop};
    begin(&f);
    assert_int_equal(sab_run_train(&f.config, 0, &hooks, &f.result, &f.err), SAB_INTERRUPTED);
    assert_message(&f, "interrupted after update 0; the run in ");
    assert_message(&f, "can be resumed");
    assert_int_equal(f.err.status, SAB_INTERRUPTED);
    assert_true(has_file(f.dir, "state.safetensors"));
    train_ok(&f, 1);
    assert_int_equal(f.result.steps, 50);
    end(&f);
}

static void test_public_function(void **unused)
{
    (void)unused;
    struct fixture f, same;
    struct sab_metrics best = {.size = sizeof best};
    begin(&f);
    begin(&same);
    train_ok(&f, 0);
    assert_int_equal(sab_train(&same.config, &best, &same.err), SAB_OK);
    assert_true(best.loss == f.result.best->loss);
    assert_true(has_file(same.dir, "model.safetensors"));
    assert_int_equal(sab_train(&same.config, NULL, NULL), SAB_INVALID);
    end(&f);
    end(&same);
}

struct seen {
    int updates, evaluations, bests;
    int64_t last;
    double seconds;
};

static int watch(void *user, const struct sab_event *event)
{
    struct seen *seen = user;
    assert_int_equal(event->steps, 50);
    assert_true(event->seconds >= seen->seconds);
    seen->seconds = event->seconds;
    if (event->evaluated) {
        seen->evaluations++;
        seen->bests += event->is_best;
        assert_int_equal(event->step, seen->last);
    } else {
        seen->updates++;
        assert_int_equal(event->step, seen->last + 1);
        assert_true(event->metrics->grad_norm > 0);
        assert_true(event->lr == 0.01);
        assert_true(event->seconds_per_update > 0);
    }
    seen->last = event->step;
    return 0;
}

static void test_progress(void **unused)
{
    (void)unused;
    struct fixture f;
    struct seen seen = {0};
    struct sab_watch hooks = {.event = watch, .user = &seen};
    begin(&f);
    assert_int_equal(sab_run_train(&f.config, 0, &hooks, NULL, &f.err), SAB_OK);
    assert_int_equal(seen.updates, 50);
    assert_int_equal(seen.evaluations, 8);
    assert_true(seen.bests >= 1);
    end(&f);
}

/* A model's bytes depend on what was computed, not on where or on how many threads. */
static void test_model_bytes_are_reproducible(void **unused)
{
    (void)unused;
    struct fixture a, b;
    begin(&a);
    begin(&b);
    b.config.shared.threads = 2;
    train_ok(&a, 0);
    train_ok(&b, 0);
    size_t na, nb;
    char *x = read_all(a.dir, "model.safetensors", &na), *y = read_all(b.dir, "model.safetensors", &nb);
    assert_int_equal(na, nb);
    assert_memory_equal(x, y, na);
    free(x);
    free(y);
    end(&a);
    end(&b);
}

/* Figures stand in the state by name, one number each. */
static void test_state_has_one_number_a_figure(void **unused)
{
    (void)unused;
    struct fixture f;
    char path[SAB_PATH_CAP];
    struct sab_safetensors *file;
    begin(&f);
    train_ok(&f, 0);
    sab_folder_path(f.dir, "state.safetensors", path);
    if (sab_safetensors_open(&file, path, &f.err) != SAB_OK)
        fail_msg("%s", f.err.message);
    for (int id = 0; id < 2 * SAB_METRIC_COUNT; id++) {
        char name[80];
        snprintf(name, sizeof name, "%s_values.%s", id % 2 ? "best" : "last", sab_metric_table[id / 2].name);
        const struct sab_safetensors_view *view = sab_safetensors_find(file, name);
        if (!view || view->nbytes != sizeof(double))
            fail_msg("%s has %zu bytes, expected %zu", name, view ? view->nbytes : 0, sizeof(double));
    }
    sab_safetensors_close(file);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_of_a_run),
        cmocka_unit_test(test_best_is_kept),
        cmocka_unit_test(test_state_has_one_number_a_figure),
        cmocka_unit_test(test_best_comes_back_with_the_state),
        cmocka_unit_test(test_average_is_what_is_measured),
        cmocka_unit_test(test_mse_task),
        cmocka_unit_test(test_stop_at),
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_no_steps),
        cmocka_unit_test(test_from),
        cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_public_function),
        cmocka_unit_test(test_model_bytes_are_reproducible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
