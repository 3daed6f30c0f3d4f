/* See civil.h, and times.h for steps and cycles. Years are counted from March, so that the leap day is a year's last. */
#include "source/civil.h"

#include "source/times.h"

int64_t sab_floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Days since 1970-01-01. 719468 of them lie between 0000-03-01 and that. */
int64_t sab_days_of(int64_t year, int month, int day)
{
    int64_t y = year - (month < 3), era = sab_floor_divide(y, 400), of_era = y - 400 * era;
    int64_t of_year = (153 * (month + (month < 3 ? 9 : -3)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int sab_days_in(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && is_leap);
}

struct sab_civil sab_civil_of(int64_t ms)
{
    int64_t days = sab_floor_divide(ms, SAB_DAY_MS), shifted = days + 719468, era = sab_floor_divide(shifted, 146097);
    int64_t day = shifted - era * 146097;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t of_year = day - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
    struct sab_civil c = {.year = year + era * 400 + (month >= 10), .ms = ms - days * SAB_DAY_MS};
    c.month = (int)(month < 10 ? month + 3 : month - 9);
    c.day = (int)(of_year - (153 * month + 2) / 5 + 1);
    return c;
}

int sab_civil_time(const struct sab_civil *c, int64_t *ms)
{
    if (c->month < 1 || c->month > 12 || c->day < 1 || c->day > sab_days_in(c->year, c->month))
        return 1;
    *ms = sab_days_of(c->year, c->month, c->day) * SAB_DAY_MS + c->ms;
    return 0;
}

int sab_weekday_of(int64_t days)
{
    return (int)((days % 7 + 7 + 3) % 7); /* 1970 began on a Thursday */
}

/* ---- steps and cycles ---- */

int64_t sab_time_add(int64_t ms, const struct sab_time_step *step, int64_t k)
{
    if (step->months == 0)
        return ms + k * step->ms;
    struct sab_civil c = sab_civil_of(ms);
    int64_t months = c.year * 12 + c.month - 1 + k * step->months, later = ms;
    c.year = sab_floor_divide(months, 12);
    c.month = (int)(months - c.year * 12) + 1;
    c.day = step->is_at_end || c.day > sab_days_in(c.year, c.month) ? sab_days_in(c.year, c.month) : c.day;
    sab_civil_time(&c, &later);
    return later;
}

int64_t sab_time_steps(int64_t from, int64_t to, const struct sab_time_step *step)
{
    int64_t k = 0;
    if (step->months > 0) {
        struct sab_civil a = sab_civil_of(from), b = sab_civil_of(to);
        k = ((b.year - a.year) * 12 + b.month - a.month) / step->months;
    } else if (step->ms > 0) {
        k = (to - from) / step->ms;
    }
    return k > 0 && sab_time_add(from, step, k) == to ? k : 0;
}

double sab_time_phase(int64_t ms, enum sab_time_cycle cycle)
{
    struct sab_civil c = sab_civil_of(ms);
    int64_t days = sab_floor_divide(ms, SAB_DAY_MS), year = sab_days_of(c.year, 1, 1);
    double day = (double)c.ms / SAB_DAY_MS;
    switch (cycle) {
    case SAB_CYCLE_MINUTE:
        return (double)(c.ms % SAB_HOUR_MS) / SAB_HOUR_MS;
    case SAB_CYCLE_HOUR:
        return day;
    case SAB_CYCLE_WEEKDAY:
        return (sab_weekday_of(days) + day) / 7;
    case SAB_CYCLE_DAY:
        return (c.day - 1 + day) / sab_days_in(c.year, c.month);
    default:
        return ((double)(days - year) + day) / (double)(sab_days_of(c.year + 1, 1, 1) - year);
    }
}
