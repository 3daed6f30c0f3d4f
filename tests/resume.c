/* A run that was stopped, or killed, and resumed ends with the same bits as one that was left alone.
 *
 * ctest: timeout 300
 * ctest: cost 25 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/safetensors.h"
#include "options_helper.h"
#include "train/run.h"
#include "train_helpers.h"

enum { STEPS = 50 };

/* An outcome with its evaluations. */
#define MEASURED(name)                                                                              \
    struct sab_metrics name##_metrics[2] = {{.size = sizeof(struct sab_metrics)}, {.size = sizeof(struct sab_metrics)}}; \
    struct sab_outcome name = {.last = &name##_metrics[0], .best = &name##_metrics[1]}

/* Stops (or kills) the process after one update. */
struct brake {
    int64_t at;
    int kill;
};

static int watch(void *user, const struct sab_event *event)
{
    struct brake *brake = user;
    if (event->evaluated || event->step != brake->at)
        return 0;
    if (brake->kill)
        raise(SIGKILL);
    return 1;
}

static int train(const struct sab_options *config, int resume, struct brake *brake, struct sab_outcome *result)
{
    struct brake none = {.at = -1};
    struct sab_watch hooks = {.event = watch, .user = brake ? brake : &none};
    struct sab_error err = {0};
    int status = sab_run_train(config, resume, &hooks, result, &err);
    if (status != SAB_OK && status != SAB_INTERRUPTED)
        fail_msg("%s", err.message);
    return status;
}

/* Every tensor of the state but the time it took. */
static void assert_same_state(const char *a, const char *b)
{
    char path_a[2 * SAB_DIR_CAP], path_b[2 * SAB_DIR_CAP];
    struct sab_safetensors *x, *y;
    struct sab_error err = {0};
    snprintf(path_a, sizeof path_a, "%s/state.safetensors", a);
    snprintf(path_b, sizeof path_b, "%s/state.safetensors", b);
    if (sab_safetensors_open(&x, path_a, &err) || sab_safetensors_open(&y, path_b, &err))
        fail_msg("%s", err.message);
    assert_int_equal(sab_safetensors_count(x), sab_safetensors_count(y));
    for (int i = 0; i < sab_safetensors_count(x); i++) {
        const struct sab_safetensors_view *one = sab_safetensors_at(x, i);
        const struct sab_safetensors_view *other = sab_safetensors_find(y, one->name);
        if (!other)
            fail_msg("%s has no %s", path_b, one->name);
        /* Times differ, and with them the number of digits they take in metrics.jsonl. */
        if (strcmp(one->name, "seconds") == 0 || strcmp(one->name, "metrics_nbytes") == 0)
            continue;
        if (one->nbytes != other->nbytes || memcmp(one->data, other->data, one->nbytes) != 0)
            fail_msg("%s differs between %s and %s", one->name, a, b);
    }
    sab_safetensors_close(x);
    sab_safetensors_close(y);
}

static void assert_same_run(const char *a, const char *b)
{
    size_t na, nb;
    assert_same_state(a, b);
    char *x = read_all(a, "model.safetensors", &na), *y = read_all(b, "model.safetensors", &nb);
    assert_int_equal(na, nb);
    assert_memory_equal(x, y, na);
    free(x);
    free(y);
    x = read_all(a, "metrics.jsonl", &na);
    y = read_all(b, "metrics.jsonl", &nb);
    cut_number(x, "seconds");
    cut_number(y, "seconds");
    assert_string_equal(x, y);
    free(x);
    free(y);
}

/* Options that each keep something else in the state. */
static void apply(struct sab_options *config, int variant)
{
    switch (variant) {
    case 0:
        break;
    case 1:
        set(config, "optimizer", "sgd");
        set(config, "momentum", "0.9");
        set(config, "schedule", "cosine");
        set(config, "warmup", "9");
        break;
    case 2:
        set(config, "optimizer", "adamw");
        set(config, "weight-decay", "0.1");
        set(config, "average", "0.95");
        set(config, "cell", "gru");
        set(config, "fixed", "13");
        break;
    default:
        set(config, "task", "adding");
        set(config, "recompute", "on");
        set(config, "schedule", "step");
        set(config, "lr-every", "11");
        set(config, "patience", "100");
        break;
    }
}

static void test_stopped_after_every_step(void **unused)
{
    (void)unused;
    for (int variant = 0; variant < 4; variant++) {
        char whole[SAB_DIR_CAP];
        OPTIONS config = {0};
        MEASURED(expected);
        MEASURED(result);
        make_folder(whole);
        small_config(&config, whole);
        apply(&config, variant);
        config.optim.steps = STEPS;
        assert_int_equal(train(&config, 0, NULL, &expected), SAB_OK);
        for (int64_t at = 1; at <= STEPS; at++) {
            char parts[SAB_DIR_CAP];
            struct brake brake = {.at = at};
            make_folder(parts);
            set(&config, "out", parts);
            int status = train(&config, 0, &brake, &result);
            assert_int_equal(status, SAB_INTERRUPTED); /* at the last step too: its evaluation is not waited for */
            assert_int_equal(result.steps, at);
            assert_int_equal(train(&config, 1, NULL, &result), SAB_OK);
            assert_int_equal(result.steps, STEPS);
            if (strcmp(result.weights_digest, expected.weights_digest) != 0)
                fail_msg("variant %d, stopped after %d: other weights", variant, (int)at);
            assert_int_equal(result.best_step, expected.best_step);
            assert_true(result.last->loss == expected.last->loss);
            assert_true(result.best->loss == expected.best->loss);
            assert_same_run(whole, parts);
            remove_folder(parts);
        }
        remove_folder(whole);
    }
}

/* Stopped after every single update, fifty times in a row. */
static void test_stopped_all_the_time(void **unused)
{
    (void)unused;
    char whole[SAB_DIR_CAP], parts[SAB_DIR_CAP];
    OPTIONS config = {0};
    struct sab_outcome result = {0};
    make_folder(whole);
    make_folder(parts);
    small_config(&config, whole);
    set(&config, "average", "0.9");
    assert_int_equal(train(&config, 0, NULL, NULL), SAB_OK);
    set(&config, "out", parts);
    for (int64_t at = 1; at < STEPS; at++) {
        struct brake brake = {.at = at};
        assert_int_equal(train(&config, at > 1, &brake, &result), SAB_INTERRUPTED);
        assert_int_equal(result.steps, at);
    }
    assert_int_equal(train(&config, 1, NULL, NULL), SAB_OK);
    assert_same_run(whole, parts);
    remove_folder(whole);
    remove_folder(parts);
}

static volatile sig_atomic_t alarmed;

static void on_alarm(int number)
{
    (void)number;
    alarmed = 1;
}

/* Stopped at any moment, in the middle of updates and evaluations, which are left at once and made again. */
static void test_stopped_halfway(void **unused)
{
    (void)unused;
    char whole[SAB_DIR_CAP], parts[SAB_DIR_CAP];
    OPTIONS config = {0};
    struct sab_error err = {0};
    make_folder(whole);
    make_folder(parts);
    small_config(&config, whole);
    set(&config, "T", "100"); /* some milliseconds for an update, more for an evaluation */
    set(&config, "batch", "16");
    set(&config, "steps", "12");
    set(&config, "eval-every", "3");
    set(&config, "eval-size", "64");
    assert_int_equal(train(&config, 0, NULL, NULL), SAB_OK);
    set(&config, "out", parts);
    signal(SIGALRM, on_alarm);
    int status = SAB_INTERRUPTED, halts = 0;
    for (unsigned try = 0; status == SAB_INTERRUPTED && try < 400; try++) {
        struct sab_watch hooks = {.stop = &alarmed};
        struct itimerval timer = {.it_value = {0, 1000 + (try * 7919) % 20000}};
        alarmed = 0;
        setitimer(ITIMER_REAL, &timer, NULL);
        status = sab_run_train(&config, has_file(parts, "config.json"), &hooks, NULL, &err);
        setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0}}, NULL);
        halts += status == SAB_INTERRUPTED;
    }
    signal(SIGALRM, SIG_DFL);
    if (status == SAB_INTERRUPTED) /* a very slow machine: the rest in one go */
        status = train(&config, 1, NULL, NULL);
    if (status != SAB_OK)
        fail_msg("after %d stops: %s", halts, err.message);
    assert_true(halts > 0);
    assert_same_run(whole, parts);
    remove_folder(whole);
    remove_folder(parts);
}

/* Makes the state one as 0.1.0 wrote it. */
static void make_old(const char *dir)
{
    static const char *const keys[] = {"config", "shape", "task", "version"};
    char path[2 * SAB_DIR_CAP];
    struct sab_safetensors *file;
    struct sab_safetensors_writer *writer;
    struct sab_error err = {0};
    int left_out = 0;
    snprintf(path, sizeof path, "%s/state.safetensors", dir);
    if (sab_safetensors_open(&file, path, &err) || sab_safetensors_writer_create(&writer, &err))
        fail_msg("%s", err.message);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_int_equal(sab_safetensors_writer_metadata(writer, keys[i], sab_safetensors_metadata(file, keys[i]), &err), SAB_OK);
    for (int i = 0; i < sab_safetensors_count(file); i++) {
        const struct sab_safetensors_view *v = sab_safetensors_at(file, i);
        int is_later = strstr(v->name, "_values.") != NULL || strcmp(v->name, "train_loss") == 0;
        left_out += is_later;
        if (!is_later)
            assert_int_equal(sab_safetensors_writer_add(writer, v->name, v->dtype, v->ndim, v->shape, v->data, &err), SAB_OK);
    }
    assert_int_equal(sab_safetensors_writer_save(writer, path, &err), SAB_OK);
    assert_true(left_out > 2);
    sab_safetensors_writer_free(writer);
    sab_safetensors_close(file);
}

static char *metrics_without_training(const char *dir)
{
    size_t nbytes;
    char *text = read_all(dir, "metrics.jsonl", &nbytes);
    cut_number(text, "seconds");
    cut_number(text, "train_loss");
    return text;
}

/* States of 0.1.0 know three figures of each evaluation, and no losses of training: a run goes on from them as it did then. */
static void test_a_state_of_0_1_0(void **unused)
{
    (void)unused;
    static const struct {
        const char *task, *stop_at, *lr; /* at rate 0 the first evaluation stays the best */
    } cases[] = {{"copy", "", "0"}, {"adding", "", "0"}, {"copy", "accuracy=0.2", "0.02"}, {"adding", "mse=0.3", "0.02"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int64_t at = 2; at < 9; at++) {
            char whole[SAB_DIR_CAP], parts[SAB_DIR_CAP];
            OPTIONS config = {0};
            MEASURED(expected);
            MEASURED(result);
            struct brake brake = {.at = at};
            make_folder(whole);
            make_folder(parts);
            small_config(&config, whole);
            set(&config, "task", cases[i].task);
            set(&config, "stop-at", cases[i].stop_at);
            set(&config, "eval-every", "3");
            set(&config, "patience", "4");
            set(&config, "lr", cases[i].lr);
            assert_int_equal(train(&config, 0, NULL, &expected), SAB_OK);
            set(&config, "out", parts);
            if (train(&config, 0, &brake, &result) == SAB_INTERRUPTED) {
                make_old(parts);
                assert_int_equal(train(&config, 1, NULL, &result), SAB_OK);
            }
            char *a = metrics_without_training(whole), *b = metrics_without_training(parts);
            if (strcmp(a, b) != 0 || expected.best_step != result.best_step ||
                strcmp(expected.weights_digest, result.weights_digest) != 0)
                fail_msg("%s %s, stopped after %d: expected best %d, weights %s,\n%sgot %d, %s,\n%s", cases[i].task, cases[i].stop_at,
                         (int)at, (int)expected.best_step, expected.weights_digest, a, (int)result.best_step, result.weights_digest, b);
            free(a);
            free(b);
            remove_folder(whole);
            remove_folder(parts);
        }
}

/* A killed process leaves the last checkpoint (or none), a longer metrics.jsonl and a later model.safetensors. */
static void test_killed(void **unused)
{
    (void)unused;
    char whole[SAB_DIR_CAP];
    OPTIONS config = {0};
    make_folder(whole);
    small_config(&config, whole);
    assert_int_equal(train(&config, 0, NULL, NULL), SAB_OK);
    for (int64_t at = 1; at <= STEPS; at += 4) {
        char parts[SAB_DIR_CAP];
        make_folder(parts);
        set(&config, "out", parts);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct brake brake = {.at = at, .kill = 1};
            struct sab_watch hooks = {.event = watch, .user = &brake};
            sab_run_train(&config, 0, &hooks, NULL, NULL);
            _exit(0);
        }
        int how;
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
        assert_int_equal(has_file(parts, "state.safetensors"), at > 20);
        assert_int_equal(train(&config, 1, NULL, NULL), SAB_OK);
        assert_same_run(whole, parts);
        remove_folder(parts);
    }
    remove_folder(whole);
}

/* Evaluations without a better result are counted on across a stop. */
static void test_patience_is_kept(void **unused)
{
    (void)unused;
    for (int64_t at = 1; at < 16; at++) {
        char dir[SAB_DIR_CAP];
        OPTIONS config = {0};
        struct sab_outcome result = {0};
        struct brake brake = {.at = at};
        make_folder(dir);
        small_config(&config, dir);
        config.optim.lr = 0; /* the first evaluation, after update 4, stays the best */
        config.run.eval_every = 4;
        config.run.patience = 3;
        assert_int_equal(train(&config, 0, &brake, &result), SAB_INTERRUPTED);
        assert_int_equal(train(&config, 1, NULL, &result), SAB_OK);
        assert_int_equal(result.best_step, 4);
        assert_int_equal(result.steps, 16);
        assert_int_equal(result.stopped_early, 1);
        remove_folder(dir);
    }
}

/* Fewer updates first, more later: the same as all at once, where the schedule does not depend on their number. The
 * evaluation at an end that is none of the schedule's chooses no weights of the longer run. */
static void prolong(const char *eval_every, int64_t first, int *chosen)
{
    char whole[SAB_DIR_CAP], parts[SAB_DIR_CAP];
    OPTIONS config = {0};
    MEASURED(all);
    MEASURED(some);
    make_folder(whole);
    make_folder(parts);
    small_config(&config, whole);
    set(&config, "lr", "0.5"); /* what is best comes early and at random */
    set(&config, "eval-every", eval_every);
    assert_int_equal(train(&config, 0, NULL, &all), SAB_OK);
    set(&config, "out", parts);
    config.optim.steps = first;
    assert_int_equal(train(&config, 0, NULL, &some), SAB_OK);
    assert_int_equal(some.steps, first);
    *chosen += some.best_step == first && some.best->accuracy > all.best->accuracy;
    config.optim.steps = STEPS;
    config.shared.threads = 2;
    assert_int_equal(train(&config, 1, NULL, &some), SAB_OK);
    assert_string_equal(some.weights_digest, all.weights_digest);
    if (some.best_step != all.best_step)
        fail_msg("--eval-every %s, prolonged after %d: the best is of update %d, of %d when never stopped", eval_every,
                 (int)first, (int)some.best_step, (int)all.best_step);
    assert_same_run(whole, parts);
    /* Finished: nothing to do, the same answer. */
    assert_int_equal(train(&config, 1, NULL, &some), SAB_OK);
    assert_string_equal(some.weights_digest, all.weights_digest);
    assert_true(some.last->loss == all.last->loss && some.best_step == all.best_step);
    assert_same_run(whole, parts);
    remove_folder(whole);
    remove_folder(parts);
}

static void test_prolonged(void **unused)
{
    (void)unused;
    static const char *const every[] = {"0", "7", "11"};
    int chosen = 0; /* ends whose evaluation was better than all of the longer run */
    for (int i = 0; i < 3; i++)
        for (int64_t first = 15; first <= 30; first++)
            prolong(every[i], first, &chosen);
    if (chosen <= 3)
        fail_msg("%d ends were better than all of the longer run", chosen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stopped_after_every_step),
        cmocka_unit_test(test_stopped_all_the_time),
        cmocka_unit_test(test_stopped_halfway),
        cmocka_unit_test(test_a_state_of_0_1_0),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_patience_is_kept),
        cmocka_unit_test(test_prolonged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
