/* What is said of data: lines kept in order however many, and words that fit their number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "data/account.h"
#include "options_helper.h"

static void test_lines_stay(void **unused)
{
    (void)unused;
    enum { LINES = 100 };
    struct sab_account account = {0};
    for (int i = 0; i < LINES; i++)
        sab_account_say(&account, "line", "number %d", i);
    assert_int_equal(account.n, LINES);
    for (int i = 0; i < LINES; i++) {
        char want[32];
        snprintf(want, sizeof want, "number %d", i);
        assert_string_equal(account.lines[i].text, want);
        assert_string_equal(account.lines[i].label, "line");
    }
    sab_account_clear(&account);
}

/* How many items each part has, and scored answers where they are fewer; few of them are warned of, but in the training part. */
static void test_parts(void **unused)
{
    (void)unused;
    static const struct {
        int64_t n[3], scored[3];
        const char *text, *warning;
    } cases[] = {
        {{7000, 200, 300}, {6000, 200, 300}, "7,000 training rows (6,000 scored), 200 validation, 300 test", NULL},
        {{7, 0, 0}, {7, 0, 0}, "7 training rows, 0 validation, 0 test", NULL},
        {{700, 1, 300}, {700, 1, 250}, "700 training rows, 1 validation, 300 test (250 scored)",
         "the validation part has only 1 scored answer: "},
        {{700, 200, 3}, {700, 200, 2}, "700 training rows, 200 validation, 3 test (2 scored)",
         "the test part has only 2 scored answers: "},
    };
    OPTIONS config = {0};
    sab_options_init(&config);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct sab_account account = {0};
        sab_account_parts(&account, &config.task.files, "rows", cases[k].n, cases[k].scored);
        assert_int_equal(account.n, cases[k].warning ? 2 : 1);
        assert_string_equal(account.lines[account.n - 1].text, cases[k].text);
        if (cases[k].warning && strncmp(account.lines[0].text, cases[k].warning, strlen(cases[k].warning)) != 0)
            fail_msg("case %zu: expected %s, got %s", k, cases[k].warning, account.lines[0].text);
        sab_account_clear(&account);
    }
}

static void name(const void *user, int i, char text[SAB_CLASS_NAME_CAP])
{
    (void)user;
    snprintf(text, SAB_CLASS_NAME_CAP, "%c", 'a' + i);
}

/* Classes that a part lacks, in words for one and for several; a part that has no answers lacks none. */
static void test_classes_that_are_missing(void **unused)
{
    (void)unused;
    static const struct {
        int64_t counts[3][3];
        const char *warning; /* NULL: none */
    } cases[] = {
        {{{5, 5, 5}, {1, 1, 1}, {1, 1, 1}}, NULL},
        {{{5, 5, 5}, {1, 0, 1}, {1, 1, 1}}, "the validation part has no answer of the class b: it cannot tell how well it is found"},
        {{{5, 5, 5}, {1, 1, 1}, {0, 0, 9}}, "the test part has no answer of the classes a, b: it cannot tell how well they are found"},
        {{{5, 5, 5}, {1, 1, 1}, {0, 0, 0}}, NULL},
    };
    OPTIONS config = {0};
    sab_options_init(&config);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct sab_account account = {0};
        sab_account_classes(&account, &config.task.files, 3, cases[k].counts[0], name, NULL);
        const char *got = account.n > 1 ? account.lines[1].text : NULL;
        assert_string_equal(account.lines[0].text, "3; in the training part a: 5, b: 5, c: 5");
        if (!got != !cases[k].warning || (got && strncmp(got, cases[k].warning, strlen(cases[k].warning)) != 0))
            fail_msg("case %zu: expected %s, got %s", k, cases[k].warning ? cases[k].warning : "no warning", got ? got : "none");
        sab_account_clear(&account);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_stay),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_classes_that_are_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
