/* Times out of text and back, steps between them, and where they stand in cycles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "source/times.h"

static int64_t must(const char *text)
{
    struct sab_time_format format;
    int64_t ms = -1;
    if (sab_time_guess(&format, text, strlen(text)) || sab_time_read(&format, text, strlen(text), &ms))
        fail_msg("%s is not read", text);
    return ms;
}

/* Against the C library, over all leap rules and days on both sides of 1970. */
static void days_agree_with_the_c_library(void **state)
{
    (void)state;
    for (int64_t s = -4000000000; s < 8000000000; s += 86400 * 13 + 3607) {
        time_t when = (time_t)s;
        struct tm tm;
        char expected[64], text[SAB_TIME_TEXT_CAP];
        static const char pattern[] = "%Y-%m-%d %H:%M:%S %j %a %b %y %I %p";
        struct sab_time_format format = {.kind = SAB_TIME_PATTERN};
        gmtime_r(&when, &tm);
        strftime(expected, sizeof expected, pattern, &tm);
        strcpy(format.pattern, pattern);
        sab_time_write(&format, 1000 * s, text);
        assert_string_equal(text, expected);
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S", &tm);
        if (must(expected) != 1000 * s)
            fail_msg("%s: expected %lld, got %lld", expected, (long long)(1000 * s), (long long)must(expected));
    }
}

static void forms_of_iso_8601(void **state)
{
    static const struct {
        const char *text, *pattern;
        int64_t ms;
    } cases[] = {
        {"2024-01-31", "%Y-%m-%d", 1706659200000},
        {"2024/01/31", "%Y/%m/%d", 1706659200000},
        {"2024-01", "%Y-%m", 1704067200000},
        {"20240131", "%Y%m%d", 1706659200000},
        {"20240131T1405", "%Y%m%dT%H%M", 1706709900000},
        {"2024-01-31 14:05", "%Y-%m-%d %H:%M", 1706709900000},
        {"2024-01-31T14:05:59", "%Y-%m-%dT%H:%M:%S", 1706709959000},
        {"2024-01-31 14:05:59.25", "%Y-%m-%d %H:%M:%S.%f", 1706709959250},
        {"2024-01-31T14:05Z", "%Y-%m-%dT%H:%M%z", 1706709900000},
        {"2024-01-31 14:05:00+01:30", "%Y-%m-%d %H:%M:%S%z", 1706704500000},
        {"2024-01-31 14:05:00-0200", "%Y-%m-%d %H:%M:%S%z", 1706717100000},
        {"1969-12-31 24:00", "%Y-%m-%d %H:%M", 0},
        {"2000-02-29", "%Y-%m-%d", 951782400000},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct sab_time_format format = {0};
        int64_t ms = must(cases[k].text);
        sab_time_guess(&format, cases[k].text, strlen(cases[k].text));
        if (ms != cases[k].ms || strcmp(format.pattern, cases[k].pattern) != 0)
            fail_msg("%s: expected %lld %s, got %lld %s", cases[k].text, (long long)cases[k].ms, cases[k].pattern, (long long)ms,
                     format.pattern);
    }
}

static void what_is_no_time(void **state)
{
    static const char *const texts[] = {"", "2024", "2024-13-01", "2024-02-30", "1900-02-29", "2024-01-01 25:00", "2024-01-01 10",
                                        "2024-01-01 10:60", "2024-01-01x", "2024-01-01T", "2023-00000", "d0", "2021-000", "20-01-01",
                                        "2024-01-01 10:00+", "2024-01-01 10:00:", "2024-01-01 10:00:00.", "2024/01-01", "24-1-1"};
    struct sab_time_format format;
    int64_t ms;
    (void)state;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        int is_number = strcmp(texts[k], "2024") == 0;
        int is_none = sab_time_guess(&format, texts[k], strlen(texts[k])) || sab_time_read(&format, texts[k], strlen(texts[k]), &ms);
        if (is_none == is_number)
            fail_msg("\"%s\" is taken for a time", texts[k]);
    }
}

static void numbers_as_times(void **state)
{
    static const struct {
        const char *text;
        int kind;
        int64_t ms;
    } cases[] = {{"1700000000", SAB_TIME_SECONDS, 1700000000000}, {"1700000000.5", SAB_TIME_SECONDS, 1700000000500},
                 {"1700000000123", SAB_TIME_MILLIS, 1700000000123}, {"17", SAB_TIME_NUMBER, 17000},
                 {"1700000000123000", SAB_TIME_MICROS, 1700000000123}, {"1700000000123000000", SAB_TIME_NANOS, 1700000000123},
                 {"-1700000000123000", SAB_TIME_MICROS, -1700000000123}};
    (void)state;
    assert_true(must("1700000000123499") == 1700000000123 && must("1700000000123400000") == 1700000000123);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct sab_time_format format = {.kind = -1};
        char text[SAB_TIME_TEXT_CAP];
        sab_time_guess(&format, cases[k].text, strlen(cases[k].text));
        assert_int_equal(format.kind, cases[k].kind);
        assert_true(must(cases[k].text) == cases[k].ms);
        sab_time_write(&format, cases[k].ms, text);
        assert_int_equal(strncmp(text, cases[k].text, strlen(cases[k].text)), 0);
    }
}

static void patterns_as_strptime(void **state)
{
    static const struct {
        const char *pattern, *text, *iso; /* iso NULL: it does not fit */
    } cases[] = {
        {"%d.%m.%Y %H:%M", "31.01.2024 14:05", "2024-01-31 14:05"}, {"%m/%d/%y", "1/31/24", "2024-01-31"},
        {"%b %d, %Y", "Jan 31, 2024", "2024-01-31"},                 {"%A %d %B %Y", "wednesday 31 JANUARY 2024", "2024-01-31"},
        {"%Y-%j", "2024-366", "2024-12-31"},                         {"%d/%m/%Y %I:%M %p", "31/01/2024 12:05 am", "2024-01-31 00:05"},
        {"%d/%m/%Y %I:%M %p", "31/01/2024 12:05 PM", "2024-01-31 12:05"}, {"%F %T", "2024-01-31 14:05:09", "2024-01-31 14:05:09"},
        {"%D %R", "01/31/69 14:05", "1969-01-31 14:05"},             {"%d.%m.%Y", "31.04.2024", NULL},
        {"%d.%m.%Y", "31.01.2024 ", NULL},                           {"%H:%M", "14:65", NULL},
        {"%m/%d/%Y", "31/01/2024", NULL},                            {"%Y%%%m", "2024%02", "2024-02-01"},
        {"%d/%m/%Y %I:%M %p", "31/01/2024 12:05 xm", NULL},          {"%d/%m/%Y %I:%M %p", "31/01/2024 12:05 p", NULL},
    };
    struct sab_error err = {0};
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct sab_time_format format;
        int64_t ms = 0;
        assert_int_equal(sab_time_set_pattern(&format, cases[k].pattern, &err), SAB_OK);
        int failed = sab_time_read(&format, cases[k].text, strlen(cases[k].text), &ms);
        if (failed != !cases[k].iso || (!failed && ms != must(cases[k].iso)))
            fail_msg("%s as %s: expected %s, got %lld", cases[k].text, cases[k].pattern, cases[k].iso ? cases[k].iso : "nothing",
                     (long long)ms);
    }
    struct sab_time_format format;
    assert_int_equal(sab_time_set_pattern(&format, "%Q", &err), SAB_INVALID);
    assert_int_equal(sab_time_set_pattern(&format, "%d %", &err), SAB_INVALID);
    int n = 0;
    for (; sab_time_common(n, &format) == 0; n++) /* each reads what it writes */
        for (int64_t ms = must("2024-01-31 00:00"), back; ms < must("2024-02-04"); ms += 86400000) {
            char text[SAB_TIME_TEXT_CAP];
            sab_time_write(&format, ms, text);
            assert_int_equal(sab_time_read(&format, text, strlen(text), &back), 0);
            assert_true(back == ms || !strstr(format.pattern, "%d"));
        }
    assert_true(n > 50);
}

static void steps_of_the_clock_and_of_the_calendar(void **state)
{
    static const struct sab_time_step hour = {.ms = 3600000}, month = {.months = 1}, end = {.months = 1, .is_at_end = 1},
                                      year = {.months = 12}, none = {0};
    static const struct {
        const struct sab_time_step *step;
        const char *from, *to;
        int64_t steps;
    } cases[] = {
        {&hour, "2024-01-31 23:00", "2024-02-01 01:00", 2}, {&hour, "2024-01-31 23:00", "2024-02-01 01:30", 0},
        {&hour, "2024-02-01", "2024-01-31", 0},             {&month, "2024-01-01", "2025-03-01", 14},
        {&month, "2024-01-01", "2024-01-02", 0},            {&month, "2024-01-31", "2024-02-29", 1},
        {&end, "2024-01-31", "2024-06-30", 5},              {&end, "2024-02-29", "2024-03-31", 1},
        {&year, "2019-07-01", "2024-07-01", 5},             {&none, "2024-01-01", "2024-01-02", 0},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        int64_t from = must(cases[k].from), to = must(cases[k].to), steps = sab_time_steps(from, to, cases[k].step);
        if (steps != cases[k].steps || (steps > 0 && sab_time_add(from, cases[k].step, steps) != to))
            fail_msg("%s to %s: expected %lld steps, got %lld", cases[k].from, cases[k].to, (long long)cases[k].steps,
                     (long long)steps);
    }
    char text[SAB_TIME_STEP_CAP];
    struct sab_time_format iso = {.kind = SAB_TIME_ISO}, number = {.kind = SAB_TIME_NUMBER};
    static const struct {
        struct sab_time_step step;
        const char *text;
    } shown[] = {{{.ms = 900000}, "15 minutes"}, {{.ms = 86400000}, "1 day"}, {{.ms = 604800000}, "1 week"},
                 {{.months = 3}, "3 months"},    {{.months = 12}, "1 year"},  {{.ms = 500}, "0.5 seconds"}};
    for (size_t k = 0; k < sizeof shown / sizeof *shown; k++) {
        sab_time_show_step(&iso, &shown[k].step, text);
        assert_string_equal(text, shown[k].text);
    }
    sab_time_show_step(&number, &shown[0].step, text);
    assert_string_equal(text, "900");
}

static void phases_of_cycles(void **state)
{
    int64_t wednesday_noon = must("2024-01-31 12:00"), before = must("1969-12-29 18:00"); /* a Monday */
    (void)state;
    assert_true(sab_time_phase(wednesday_noon, SAB_CYCLE_HOUR) == 0.5);
    assert_true(fabs(sab_time_phase(wednesday_noon, SAB_CYCLE_WEEKDAY) - 2.5 / 7) < 1e-15);
    assert_true(fabs(sab_time_phase(wednesday_noon, SAB_CYCLE_DAY) - 30.5 / 31) < 1e-15);
    assert_true(fabs(sab_time_phase(wednesday_noon, SAB_CYCLE_MONTH) - 30.5 / 366) < 1e-15);
    assert_true(sab_time_phase(before, SAB_CYCLE_HOUR) == 0.75);
    assert_true(fabs(sab_time_phase(before, SAB_CYCLE_WEEKDAY) - 0.75 / 7) < 1e-15);
    assert_true(sab_time_phase(must("2024-01-31 12:15"), SAB_CYCLE_MINUTE) == 0.25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_agree_with_the_c_library),
        cmocka_unit_test(forms_of_iso_8601),
        cmocka_unit_test(what_is_no_time),
        cmocka_unit_test(numbers_as_times),
        cmocka_unit_test(patterns_as_strptime),
        cmocka_unit_test(steps_of_the_clock_and_of_the_calendar),
        cmocka_unit_test(phases_of_cycles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
