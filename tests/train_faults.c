/* A run meets each failure of the system in turn: every message is there, nothing leaks, and the run that is left can
 * be resumed to the same bits. The n-th call of write, fsync, renameat, or of the library's own allocator is refused,
 * for every n.
 *
 * ctest: wrap write fsync renameat sab_alloc sab_evaluate_fully
 * ctest: timeout 300
 * ctest: cost 15 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "options_helper.h"
#include "train/evaluate.h"
#include "train/run.h"
#include "train_helpers.h"

enum fault { NONE, WRITE, FSYNC, RENAME, ALLOC, EVALUATION };
static enum fault fault;
static int64_t calls_left;

static int is_refused(enum fault kind)
{
    return fault == kind && calls_left-- == 0;
}

ssize_t __real_write(int fd, const void *data, size_t nbytes);
ssize_t __wrap_write(int fd, const void *data, size_t nbytes);
ssize_t __wrap_write(int fd, const void *data, size_t nbytes)
{
    errno = ENOSPC;
    return is_refused(WRITE) ? -1 : __real_write(fd, data, nbytes);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    errno = EIO;
    return is_refused(FSYNC) ? -1 : __real_fsync(fd);
}

int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    errno = EACCES;
    return is_refused(RENAME) ? -1 : __real_renameat(from_fd, from, to_fd, to);
}

void *__real_sab_alloc(size_t count, size_t size);
void *__wrap_sab_alloc(size_t count, size_t size);
void *__wrap_sab_alloc(size_t count, size_t size)
{
    return is_refused(ALLOC) ? NULL : __real_sab_alloc(count, size);
}

int __real_sab_evaluate_fully(struct sab_engine *engine, struct sab_task *task, enum sab_split split,
                              const struct sab_options *config, struct sab_evaluation *evaluation, struct sab_error *err);
int __wrap_sab_evaluate_fully(struct sab_engine *engine, struct sab_task *task, enum sab_split split,
                              const struct sab_options *config, struct sab_evaluation *evaluation, struct sab_error *err);
int __wrap_sab_evaluate_fully(struct sab_engine *engine, struct sab_task *task, enum sab_split split,
                              const struct sab_options *config, struct sab_evaluation *evaluation, struct sab_error *err)
{
    int status = __real_sab_evaluate_fully(engine, task, split, config, evaluation, err);
    if (status != SAB_OK || !is_refused(EVALUATION))
        return status;
    snprintf(err->message, sizeof err->message, "the loss is not finite");
    return err->status = SAB_NUMERIC;
}

static void make_config(struct sab_options *config, const char *dir)
{
    small_config(config, dir);
    config->optim.steps = 12;
    config->run.eval_every = 4;
    config->run.save_every = 5;
    set(config, "average", "0.9");
}

/* What a run should come to. */
struct expected {
    char digest[33];
    char *metrics; /* metrics.jsonl without times */
};

static char *read_metrics(const char *dir)
{
    size_t nbytes;
    char *text = read_all(dir, "metrics.jsonl", &nbytes);
    cut_number(text, "seconds");
    return text;
}

/* Trains with the n-th call refused; 0 when there was no such call any more. */
static int meet(enum fault kind, int64_t n, const struct expected *expected)
{
    char dir[SAB_DIR_CAP];
    OPTIONS config = {0};
    struct sab_outcome result = {0};
    struct sab_error err = {0};
    make_folder(dir);
    make_config(&config, dir);
    fault = kind;
    calls_left = n;
    int status = sab_run_train(&config, 0, NULL, &result, &err);
    int was_met = calls_left < 0;
    fault = NONE;
    if (!was_met) {
        assert_int_equal(status, SAB_OK);
        remove_folder(dir);
        return 0;
    }
    if (status != (kind == ALLOC ? SAB_NOMEM : SAB_IO))
        fail_msg("fault %d, call %d: status %d, \"%s\"", kind, (int)n, status, err.message);
    assert_int_equal(err.status, status);
    if (kind != ALLOC && !strstr(err.message, dir))
        fail_msg("fault %d, call %d: no file in \"%s\"", kind, (int)n, err.message);
    if (has_file(dir, "state.safetensors") && !strstr(err.message, "can be resumed"))
        fail_msg("fault %d, call %d: expected \"can be resumed\" in \"%s\"", kind, (int)n, err.message);
    /* Whatever is left is either nothing at all or a run that resumes to the same weights and the same figures. */
    status = sab_run_train(&config, has_file(dir, "config.json"), NULL, &result, &err);
    if (status != SAB_OK)
        fail_msg("fault %d, call %d: afterwards %s", kind, (int)n, err.message);
    char *metrics = read_metrics(dir);
    if (strcmp(result.weights_digest, expected->digest) != 0 || strcmp(metrics, expected->metrics) != 0)
        fail_msg("fault %d, call %d, \"%s\": expected weights %s and\n%sgot %s and\n%s", kind, (int)n, err.message,
                 expected->digest, expected->metrics, result.weights_digest, metrics);
    free(metrics);
    remove_folder(dir);
    return 1;
}

static void meet_all(enum fault kind, int least)
{
    char dir[SAB_DIR_CAP];
    OPTIONS config = {0};
    struct sab_outcome result = {0};
    struct expected expected;
    int64_t n = 0;
    make_folder(dir);
    make_config(&config, dir);
    assert_int_equal(sab_run_train(&config, 0, NULL, &result, NULL), SAB_OK);
    memcpy(expected.digest, result.weights_digest, sizeof expected.digest);
    expected.metrics = read_metrics(dir);
    remove_folder(dir);
    while (meet(kind, n, &expected))
        n++;
    free(expected.metrics);
    assert_true(n >= least);
}

/* 1 configuration, 3 evaluations (a line each, a model for each that is better) and 3 states; a model and a state more
 * may be due. */
static void test_write(void **unused)
{
    (void)unused;
    meet_all(WRITE, 8);
}

static void test_fsync(void **unused)
{
    (void)unused;
    meet_all(FSYNC, 10);
}

static void test_rename(void **unused)
{
    (void)unused;
    meet_all(RENAME, 5);
}

static void test_alloc(void **unused)
{
    (void)unused;
    meet_all(ALLOC, 40);
}

/* An evaluation whose numbers are bad would be as bad once more: a resumed run goes on with the next update, and does not take
 * what was not measured for a goal reached. */
static void test_evaluation(void **unused)
{
    (void)unused;
    char dir[SAB_DIR_CAP], text[64];
    OPTIONS config = {0};
    struct sab_outcome result = {0};
    struct sab_error err = {0};
    make_folder(dir);
    make_config(&config, dir);
    set(&config, "stop-at", "loss=0.001");
    for (int step = 4; step <= 12; step += 4) {
        fault = EVALUATION;
        calls_left = 0;
        int status = sab_run_train(&config, step > 4, NULL, &result, &err);
        fault = NONE;
        snprintf(text, sizeof text, "evaluation after update %d: ", step);
        if (status != SAB_NUMERIC || !strstr(err.message, text))
            fail_msg("expected \"%s\", got status %d, \"%s\"", text, status, err.message);
        snprintf(text, sizeof text, "saved as it was after update %d and can be resumed", step);
        if (!strstr(err.message, text))
            fail_msg("expected \"%s\" in \"%s\"", text, err.message);
    }
    assert_int_equal(sab_run_train(&config, 1, NULL, &result, &err), SAB_OK); /* the end asks for it again */
    assert_int_equal(result.best_step, 12);
    remove_folder(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_fsync),
        cmocka_unit_test(test_rename),
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_evaluation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
