/* See times.h: times and steps as text. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "source/civil.h"
#include "source/times.h"

/* The number that an element of two digits shows, or -1. */
static int two_digits(char element, const struct sab_civil *c)
{
    int hour = (int)(c->ms / SAB_HOUR_MS);
    return element == 'm'   ? c->month
           : element == 'd' ? c->day
           : element == 'H' ? hour
           : element == 'I' ? (hour + 11) % 12 + 1
           : element == 'M' ? (int)(c->ms / SAB_MINUTE_MS % 60)
           : element == 'S' ? (int)(c->ms / SAB_SECOND_MS % 60)
           : element == 'y' ? (int)(c->year % 100)
                            : -1;
}

/* Names of days and months: a and b cut to three letters, A and B whole. */
static void write_name(char element, const struct sab_civil *c, int64_t days, char *to, size_t left)
{
    const char *name = element == 'a' || element == 'A' ? sab_day_names[sab_weekday_of(days)] : sab_month_names[c->month - 1];
    snprintf(to, left, "%.*s", element == 'a' || element == 'b' ? 3 : 9, name);
    to[0] = (char)toupper((unsigned char)to[0]);
}

static void write_pattern(const char *pattern, int64_t ms, char *text, size_t cap)
{
    struct sab_civil c = sab_civil_of(ms);
    int64_t days = sab_floor_divide(ms, SAB_DAY_MS);
    for (; *pattern && strlen(text) + 12 < cap; pattern++) {
        char *to = text + strlen(text);
        size_t left = cap - strlen(text);
        if (*pattern != '%') {
            to[0] = *pattern;
            to[1] = 0;
            continue;
        }
        char element = *++pattern;
        int number = two_digits(element, &c);
        if (number >= 0)
            snprintf(to, left, "%02d", number);
        else if (element == 'Y')
            snprintf(to, left, "%04lld", (long long)c.year);
        else if (element == 'e')
            snprintf(to, left, "%d", c.day);
        else if (element == 'j')
            snprintf(to, left, "%03d", (int)(days - sab_days_of(c.year, 1, 1)) + 1);
        else if (element == 'f')
            snprintf(to, left, "%03d", (int)(c.ms % SAB_SECOND_MS));
        else if (element == 'p')
            snprintf(to, left, "%s", c.ms < 12 * (int64_t)SAB_HOUR_MS ? "AM" : "PM");
        else if (element == 'z')
            snprintf(to, left, "+00:00");
        else if (element == 'Z')
            snprintf(to, left, "UTC");
        else if (element == '%')
            snprintf(to, left, "%%");
        else if (sab_time_whole_of(element))
            write_pattern(sab_time_whole_of(element), ms, text, cap);
        else
            write_name(element, &c, days, to, left);
    }
}

void sab_time_write(const struct sab_time_format *format, int64_t ms, char text[SAB_TIME_TEXT_CAP])
{
    text[0] = 0;
    if (format->kind == SAB_TIME_ISO || format->kind == SAB_TIME_PATTERN)
        write_pattern(format->pattern, ms, text, SAB_TIME_TEXT_CAP);
    else if (format->kind == SAB_TIME_MILLIS)
        snprintf(text, SAB_TIME_TEXT_CAP, "%lld", (long long)ms);
    else if (format->kind == SAB_TIME_MICROS || format->kind == SAB_TIME_NANOS)
        snprintf(text, SAB_TIME_TEXT_CAP, "%lld%s", (long long)ms, ms == 0 ? "" : format->kind == SAB_TIME_MICROS ? "000" : "000000");
    else if (ms % SAB_SECOND_MS == 0)
        snprintf(text, SAB_TIME_TEXT_CAP, "%lld", (long long)(ms / SAB_SECOND_MS));
    else
        snprintf(text, SAB_TIME_TEXT_CAP, "%.3f", (double)ms / SAB_SECOND_MS);
}

void sab_time_show_step(const struct sab_time_format *format, const struct sab_time_step *step, char text[SAB_TIME_STEP_CAP])
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"week", 7 * (int64_t)SAB_DAY_MS}, {"day", SAB_DAY_MS}, {"hour", SAB_HOUR_MS},
                 {"minute", SAB_MINUTE_MS}, {"second", SAB_SECOND_MS}};
    if (step->months > 0) {
        int is_year = step->months % 12 == 0, n = is_year ? step->months / 12 : step->months;
        snprintf(text, SAB_TIME_STEP_CAP, "%d %s%s", n, is_year ? "year" : "month", n == 1 ? "" : "s");
        return;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units && format->kind != SAB_TIME_NUMBER; i++)
        if (step->ms > 0 && step->ms % units[i].ms == 0) {
            long long n = (long long)(step->ms / units[i].ms);
            snprintf(text, SAB_TIME_STEP_CAP, "%lld %s%s", n, units[i].name, n == 1 ? "" : "s");
            return;
        }
    snprintf(text, SAB_TIME_STEP_CAP, "%g%s", (double)step->ms / SAB_SECOND_MS, format->kind == SAB_TIME_NUMBER ? "" : " seconds");
}
