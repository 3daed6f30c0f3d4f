/* A batch that ranks share: of every task, a rank's own sequences are as they are alone, what the loss is divided by is everybody's, and
 * the inputs of the others are not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "csv_support.h"
#include "data/task.h"
#include "io_support.h"
#include "options_helper.h"

enum { B = 7, ASKED_AGAIN = 3 };

/* Columns 2, 3 and 5 are own, and what was asked is kept. */
struct asked {
    int times, T, carries, has_lengths, fails;
};

static int find(void *user, int T, int n, const int32_t *lengths, int carries, uint8_t *columns, struct sab_error *err)
{
    struct asked *asked = user;
    asked->times++;
    asked->T = T;
    asked->carries = carries;
    asked->has_lengths = lengths != NULL;
    assert_int_equal(n, B);
    for (int b = 0; b < B; b++)
        columns[b] = b == 2 || b == 3 || b == 5;
    return asked->fails ? sab_fail(err, SAB_NOMEM, "no memory, as asked") : SAB_OK;
}

static int is_own(int b)
{
    return b == 2 || b == 3 || b == 5;
}

/* Rows [T, B, nbytes]: equal in the columns that are own, or in all; *others counts the columns elsewhere that differ. */
static void compare(const char *what, int64_t index, const void *whole, const void *part, int T, size_t nbytes, int in_all, int *others)
{
    for (int t = 0; t < T && whole; t++)
        for (int b = 0; b < B; b++) {
            size_t at = ((size_t)t * B + (size_t)b) * nbytes;
            int differs = memcmp((const char *)whole + at, (const char *)part + at, nbytes) != 0;
            if (differs && (in_all || is_own(b)))
                fail_msg("%s of sequence %d, step %d of batch %lld differ", what, b, t, (long long)index);
            *others += differs;
        }
}

/* Batches of a task alone and shared; returns how many positions of inputs and targets were left out. */
static int check(struct sab_task *alone, struct sab_task *shared, struct asked *asked)
{
    struct sab_own own = {.find = find, .user = asked};
    struct sab_error err = {0};
    const struct sab_shape *shape = sab_task_shape(alone);
    int others = 0;
    for (int64_t index = 0; index < ASKED_AGAIN; index++) {
        struct sab_batch whole = {.size = sizeof whole}, part = {.size = sizeof part};
        if (sab_task_batch(alone, SAB_TRAIN, index, B, &whole, &err) != SAB_OK ||
            sab_task_share(shared, SAB_TRAIN, index, B, &own, &part, &err) != SAB_OK)
            fail_msg("%s", err.message);
        assert_int_equal(whole.T, part.T);
        int T = whole.T, none = 0;
        compare("lengths", index, whole.lengths, part.lengths, 1, sizeof *whole.lengths, 1, &none);
        compare("fresh", index, whole.fresh, part.fresh, 1, 1, 1, &none);
        compare("weights", index, whole.weight, part.weight, T, sizeof *whole.weight, 1, &none);
        compare("scores", index, whole.scored, part.scored, T, 1, 1, &none);
        compare("labels", index, whole.labels, part.labels, T, sizeof *whole.labels, 0, &none);
        compare("inputs", index, whole.ids, part.ids, T, sizeof *whole.ids, 0, &others);
        compare("inputs", index, whole.values, part.values, T, (size_t)shape->I * sizeof(sab_real), 0, &others);
        compare("targets", index, whole.targets, part.targets, T, (size_t)shape->O * sizeof(sab_real), 0, &others);
    }
    asked->fails = 1;
    struct sab_batch part = {.size = sizeof part};
    int fails = sab_task_share(shared, SAB_TRAIN, 0, B, &own, &part, &err) != SAB_OK;
    assert_int_equal(fails, asked->times > 0);
    return others;
}

static struct sab_task *drawn(const char *name)
{
    OPTIONS config = {0};
    struct sab_task *task = NULL;
    struct sab_error err = {0};
    sab_options_init(&config);
    set_option(&config, "task", name);
    set_option(&config, "T", "12");
    if (sab_task_create(&task, &config, NULL, &err) != SAB_OK)
        fail_msg("%s: %s", name, err.message);
    return task;
}

static void tasks_that_draw(void **unused)
{
    static const char *const names[] = {"copy", "adding", "cue"};
    (void)unused;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct sab_task *alone = drawn(names[i]), *shared = drawn(names[i]);
        struct asked asked = {0};
        int others = check(alone, shared, &asked);
        if (others == 0)
            fail_msg("%s: the others' inputs were read", names[i]);
        assert_int_equal(asked.has_lengths, 0);
        sab_task_free(alone);
        sab_task_free(shared);
    }
}

/* How long its sequences are is known when they are drawn. */
static void transduce_draws_all(void **unused)
{
    (void)unused;
    struct sab_task *alone = drawn("transduce"), *shared = drawn("transduce");
    struct asked asked = {0};
    assert_int_equal(check(alone, shared, &asked), 0);
    assert_int_equal(asked.times, 0);
    sab_task_free(alone);
    sab_task_free(shared);
}

static struct sab_task *of_text(const char *name, const char *separator)
{
    OPTIONS config = {0};
    struct sab_task *task = NULL;
    struct sab_error err = {0};
    char text[4001];
    for (int i = 0; i < 4000; i++)
        text[i] = i % 97 == 96 ? '\n' : (char)('a' + (i * i + i / 7) % 26);
    io_put(io_path(name), text, 4000);
    sab_options_init(&config);
    set_option(&config, "task", "text");
    set_option(&config, "T", "15");
    set_option(&config, "batch", "7");
    set_option(&config, "data", io_path(name));
    if (separator)
        set_option(&config, "separator", separator);
    if (sab_task_create(&task, &config, NULL, &err) != SAB_OK)
        fail_msg("%s", err.message);
    return task;
}

static void texts(void **unused)
{
    static const char *const separators[] = {NULL, "\\n"};
    (void)unused;
    for (int k = 0; k < 2; k++) {
        struct sab_task *alone = of_text(k ? "a" : "c", separators[k]), *shared = of_text(k ? "b" : "d", separators[k]);
        struct asked asked = {0};
        assert_true(check(alone, shared, &asked) > 0);
        assert_int_equal(asked.carries, 1);
        assert_int_equal(asked.has_lengths, 1);
        sab_task_free(alone);
        sab_task_free(shared);
    }
}

static void tables(void **unused)
{
    static const char *const options[] = {"goal=forecast horizon=2 inputs=t,u targets=u split=1,0,0",
                                          "goal=series series=s inputs=t targets=u split=1,0,0",
                                          "goal=step series=s inputs=t targets=u split=1,0,0"};
    char text[16384], *at = text;
    (void)unused;
    at += sprintf(at, "s,t,u\n");
    for (int i = 0; i < 600; i++)
        at += sprintf(at, "%d,%d,%d.5\n", i / 20, i % 31, i / 20 % 9);
    for (size_t k = 0; k < sizeof options / sizeof options[0]; k++) {
        struct sab_task *alone = csv_must(text, options[k]), *shared = csv_must(text, options[k]);
        struct asked asked = {0};
        if (check(alone, shared, &asked) == 0)
            fail_msg("%s: the others' inputs were read", options[k]);
        assert_int_equal(asked.has_lengths, 1);
        sab_task_free(alone);
        sab_task_free(shared);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_that_draw),
        cmocka_unit_test(transduce_draws_all),
        cmocka_unit_test(texts),
        cmocka_unit_test(tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
