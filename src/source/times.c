/* See times.h: what texts are times, and which. */
#include "source/times.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "source/civil.h"
#include "source/number.h"

/* Numbers from here on, either way, are of that unit: in each the year 5138 begins the next. */
static const struct {
    double from, per_ms;
    int kind; /* enum sab_time_kind */
} units[] = {{1e17, 1e6, SAB_TIME_NANOS}, {1e14, 1e3, SAB_TIME_MICROS}, {1e11, 1, SAB_TIME_MILLIS}, {1e8, 1e-3, SAB_TIME_SECONDS},
             {0, 1e-3, SAB_TIME_NUMBER}};

const char *const sab_cycle_names[] = {[SAB_CYCLE_MINUTE] = "minute", [SAB_CYCLE_HOUR] = "hour", [SAB_CYCLE_WEEKDAY] = "weekday",
                                       [SAB_CYCLE_DAY] = "day", [SAB_CYCLE_MONTH] = "month", NULL};
const char *const sab_month_names[] = {"january", "february", "march",     "april",   "may",      "june",
                                       "july",    "august",   "september", "october", "november", "december"};
const char *const sab_day_names[] = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};

struct reading {
    const char *at, *end;
};

/* 1 to `most` digits; 1 where there is none. */
static int take_number(struct reading *r, int most, int *number)
{
    int n = 0;
    for (*number = 0; n < most && r->at < r->end && isdigit((unsigned char)*r->at); n++)
        *number = 10 * *number + *r->at++ - '0';
    return n == 0;
}

static int take_sign(struct reading *r, char sign)
{
    int is_there = r->at < r->end && *r->at == sign;
    r->at += is_there;
    return is_there;
}

/* Digits behind the point, as milliseconds; more than three are cut. */
static int take_fraction(struct reading *r, int64_t *ms)
{
    int64_t unit = 100;
    const char *begin = r->at;
    for (; r->at < r->end && isdigit((unsigned char)*r->at); r->at++, unit /= 10)
        *ms += unit * (*r->at - '0');
    return r->at == begin;
}

/* Z, +01:00, +0100 or +01: taken off the time. */
static int take_offset(struct reading *r, int64_t *ms)
{
    int hours, minutes = 0;
    if (take_sign(r, 'Z'))
        return 0;
    int is_west = r->at < r->end && *r->at == '-';
    if (!take_sign(r, '-') && !take_sign(r, '+'))
        return 1;
    if (take_number(r, 2, &hours))
        return 1;
    int has_colon = take_sign(r, ':');
    if (r->at < r->end && isdigit((unsigned char)*r->at) ? take_number(r, 2, &minutes) : has_colon)
        return 1;
    int64_t offset = (int64_t)hours * SAB_HOUR_MS + (int64_t)minutes * SAB_MINUTE_MS;
    *ms += is_west ? offset : -offset;
    return hours > 14 || minutes > 59;
}

/* Appends to the pattern of what was read. */
static void note(char *pattern, const char *element)
{
    if (pattern && strlen(pattern) + strlen(element) < SAB_TIME_PATTERN_CAP)
        strcat(pattern, element);
}

/* "14:00", "14:00:59", "14:00:59.5" and an offset, or "1400", "140059" where the date had no signs. */
static int take_iso_clock(struct reading *r, int is_compact, struct sab_civil *c, char *pattern)
{
    int hour, minute, second = 0;
    if (take_number(r, 2, &hour) || (!is_compact && !take_sign(r, ':')) || take_number(r, 2, &minute))
        return 1;
    note(pattern, is_compact ? "%H%M" : "%H:%M");
    if (is_compact ? r->at < r->end && isdigit((unsigned char)*r->at) : take_sign(r, ':')) {
        if (take_number(r, 2, &second))
            return 1;
        note(pattern, is_compact ? "%S" : ":%S");
        if (take_sign(r, '.') || take_sign(r, ',')) {
            if (take_fraction(r, &c->ms))
                return 1;
            note(pattern, ".%f");
        }
    }
    if (r->at < r->end) {
        if (take_offset(r, &c->ms))
            return 1;
        note(pattern, "%z");
    }
    c->ms += (int64_t)hour * SAB_HOUR_MS + (int64_t)minute * SAB_MINUTE_MS + (int64_t)second * SAB_SECOND_MS;
    return hour > 24 || minute > 59 || second > 60;
}

/* pattern may be NULL. */
static int read_iso(const char *text, size_t n, int64_t *ms, char *pattern)
{
    struct reading r = {text, text + n};
    struct sab_civil c = {.day = 1};
    int year = 0, digits = 0;
    while (digits < (int)n && isdigit((unsigned char)text[digits]))
        digits++;
    int is_compact = digits == 8;
    if ((digits != 4 && !is_compact) || take_number(&r, 4, &year))
        return 1;
    char sign = *r.at;
    if (r.at == r.end || (!is_compact && sign != '-' && sign != '/'))
        return 1;
    r.at += !is_compact;
    if (take_number(&r, 2, &c.month))
        return 1;
    note(pattern, is_compact ? "%Y%m" : sign == '-' ? "%Y-%m" : "%Y/%m");
    if (is_compact || take_sign(&r, sign)) {
        if (take_number(&r, 2, &c.day))
            return 1;
        note(pattern, is_compact ? "%d" : sign == '-' ? "-%d" : "/%d");
    }
    c.year = year;
    if (r.at < r.end) {
        const char between[2] = {*r.at, 0};
        if (!take_sign(&r, 'T') && !take_sign(&r, ' '))
            return 1;
        note(pattern, between);
        if (take_iso_clock(&r, is_compact, &c, pattern))
            return 1;
    }
    return r.at != r.end || sab_civil_time(&c, ms);
}

/* The place of a name that the text begins with, whole or by three letters; -1. */
static int take_name(struct reading *r, const char *const *names, int n)
{
    for (int i = 0; i < n; i++) {
        size_t left = (size_t)(r->end - r->at), whole = strlen(names[i]), used = 0;
        if (left >= whole && strncasecmp(r->at, names[i], whole) == 0)
            used = whole;
        else if (left >= 3 && strncasecmp(r->at, names[i], 3) == 0)
            used = 3;
        r->at += used;
        if (used > 0)
            return i;
    }
    return -1;
}

/* What a pattern has told so far. */
struct parts {
    struct sab_civil civil;
    int hour, half, of_year; /* half: 0 of the day is not told, 1 am, 2 pm */
    int64_t ms;              /* minutes and less */
};

const char *sab_time_whole_of(char element)
{
    return element == 'F' ? "%Y-%m-%d" : element == 'T' ? "%H:%M:%S" : element == 'R' ? "%H:%M" : element == 'D' ? "%m/%d/%y" : NULL;
}

static int take_pattern(struct reading *r, const char *pattern, struct parts *p);

static int take_clock(struct reading *r, char element, struct parts *p)
{
    static const char *const halves[] = {"am", "pm"};
    int number = 0, failed = 0;
    switch (element) {
    case 'H':
    case 'I':
        return take_number(r, 2, &p->hour) || p->hour > (element == 'H' ? 24 : 12);
    case 'M':
    case 'S':
        failed = take_number(r, 2, &number) || number > (element == 'M' ? 59 : 60);
        p->ms += (int64_t)number * (element == 'M' ? SAB_MINUTE_MS : SAB_SECOND_MS);
        return failed;
    case 'f':
        return take_fraction(r, &p->ms);
    case 'p':
        p->half = 1 + take_name(r, halves, 2);
        return p->half == 0;
    case 'z':
        return take_offset(r, &p->ms);
    case 'Z':
        while (r->at < r->end && isalpha((unsigned char)*r->at))
            r->at++;
        return 0;
    default:
        return 1;
    }
}

static int take_date(struct reading *r, char element, struct parts *p)
{
    int number = 0, failed = 0;
    switch (element) {
    case 'Y':
        failed = take_number(r, 4, &number);
        p->civil.year = number;
        return failed;
    case 'y':
        failed = take_number(r, 2, &number);
        p->civil.year = number + (number < 69 ? 2000 : 1900);
        return failed;
    case 'm':
        return take_number(r, 2, &p->civil.month);
    case 'b':
    case 'B':
        p->civil.month = 1 + take_name(r, sab_month_names, 12);
        return p->civil.month == 0;
    case 'e':
        take_sign(r, ' ');
        return take_number(r, 2, &p->civil.day);
    case 'd':
        return take_number(r, 2, &p->civil.day);
    case 'j':
        return take_number(r, 3, &p->of_year) || p->of_year < 1 || p->of_year > 366;
    case 'a':
    case 'A':
        return take_name(r, sab_day_names, 7) < 0;
    default:
        return take_clock(r, element, p);
    }
}

/* What stands after a % of the pattern. */
static int take_element(struct reading *r, char element, struct parts *p)
{
    const char *whole = sab_time_whole_of(element);
    return whole ? take_pattern(r, whole, p) : element == '%' ? !take_sign(r, '%') : take_date(r, element, p);
}

static int take_pattern(struct reading *r, const char *pattern, struct parts *p)
{
    for (; *pattern; pattern++) {
        if (*pattern == ' ') {
            while (take_sign(r, ' '))
                ;
        } else if (*pattern != '%' ? !take_sign(r, *pattern) : take_element(r, *++pattern, p)) {
            return 1;
        }
    }
    return 0;
}

static int read_pattern(const char *pattern, const char *text, size_t n, int64_t *ms)
{
    struct reading r = {text, text + n};
    struct parts p = {.civil = {.year = 1970, .month = 1, .day = 1}};
    if (take_pattern(&r, pattern, &p) || r.at != r.end)
        return 1;
    if (p.half > 0)
        p.hour = p.hour % 12 + (p.half == 2 ? 12 : 0);
    p.civil.ms = p.ms + (int64_t)p.hour * SAB_HOUR_MS;
    if (sab_civil_time(&p.civil, ms))
        return 1;
    *ms += p.of_year > 0 ? (int64_t)(p.of_year - 1) * SAB_DAY_MS : 0;
    return 0;
}

int sab_time_read(const struct sab_time_format *format, const char *text, size_t n, int64_t *ms)
{
    double value;
    if (n == 0)
        return 1;
    if (format->kind == SAB_TIME_ISO)
        return read_iso(text, n, ms, NULL);
    if (format->kind == SAB_TIME_PATTERN)
        return read_pattern(format->pattern, text, n, ms);
    if (sab_number_read(text, n, &value))
        return 1;
    int u = 0;
    while (units[u].kind != format->kind)
        u++;
    value = nearbyint(value / units[u].per_ms);
    if (!(fabs(value) <= (double)SAB_TIME_MOST))
        return 1;
    *ms = (int64_t)value;
    return 0;
}

int sab_time_guess(struct sab_time_format *format, const char *text, size_t n)
{
    int64_t ms;
    double value;
    struct sab_time_format f = {.kind = SAB_TIME_ISO};
    if (n > 0 && read_iso(text, n, &ms, f.pattern) == 0) {
        *format = f;
        return 0;
    }
    if (sab_number_read(text, n, &value))
        return 1;
    int u = 0;
    while (fabs(value) < units[u].from)
        u++;
    *format = (struct sab_time_format){.kind = units[u].kind};
    return 0;
}

int sab_time_common(int i, struct sab_time_format *format)
{
    static const char *const dates[] = {
        "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%b %d, %Y", "%d %b %Y",
        "%d-%b-%Y", "%d-%b-%y", "%b %Y", "%a %b %d %Y", "%a, %d %b %Y",
    };
    static const char *const clocks[] = {"", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", "T%H:%M:%S"};
    enum { DATES = sizeof dates / sizeof *dates, CLOCKS = sizeof clocks / sizeof *clocks };
    if (i >= DATES * CLOCKS)
        return 1;
    *format = (struct sab_time_format){.kind = SAB_TIME_PATTERN};
    snprintf(format->pattern, SAB_TIME_PATTERN_CAP, "%s%s", dates[i % DATES], clocks[i / DATES]);
    return 0;
}

int sab_time_set_pattern(struct sab_time_format *format, const char *pattern, struct sab_error *err)
{
    static const char elements[] = "YymbBdejaAHIMSfpzZ%FTDR";
    if (strlen(pattern) >= SAB_TIME_PATTERN_CAP)
        return sab_fail(err, SAB_INVALID, "--time-format: a pattern has less than %d bytes", SAB_TIME_PATTERN_CAP);
    for (const char *at = pattern; *at; at++)
        if (*at == '%' && (!*++at || !strchr(elements, *at)))
            return sab_fail(err, SAB_INVALID, "--time-format: \"%.60s\": behind %% stands one of %s", pattern, elements);
    *format = (struct sab_time_format){.kind = SAB_TIME_PATTERN};
    strcpy(format->pattern, pattern);
    return SAB_OK;
}
