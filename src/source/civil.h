/* Days of the proleptic Gregorian calendar. */
#ifndef SAB_SOURCE_CIVIL_H
#define SAB_SOURCE_CIVIL_H

#include <stdint.h>

enum {
    SAB_SECOND_MS = 1000,
    SAB_MINUTE_MS = 60 * SAB_SECOND_MS,
    SAB_HOUR_MS = 60 * SAB_MINUTE_MS,
    SAB_DAY_MS = 24 * SAB_HOUR_MS
};

struct sab_civil {
    int64_t year;
    int month, day; /* from 1 */
    int64_t ms;     /* of the day; may lie outside of it */
};

/* Days since 1970-01-01. */
int64_t sab_days_of(int64_t year, int month, int day);
int sab_days_in(int64_t year, int month);

struct sab_civil sab_civil_of(int64_t ms);
/* 0 and *ms where there is such a day. */
int sab_civil_time(const struct sab_civil *c, int64_t *ms);

/* From 0, a Monday. */
int sab_weekday_of(int64_t days);

int64_t sab_floor_divide(int64_t a, int64_t b);

#endif
