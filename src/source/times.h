/* Times as data files write them, and back: ISO 8601; seconds, or thousandths, millionths or billionths of one, since 1970; plain numbers;
 * or a pattern as strptime has it. The same in every locale; names of months and days are English. A time is milliseconds since 1970 as
 * it is written (finer numbers are rounded), without a look at summer time; one with an offset from UTC is brought to UTC. Must not
 * know files. */
#ifndef SAB_SOURCE_TIMES_H
#define SAB_SOURCE_TIMES_H

#include <stddef.h>
#include <stdint.h>

#include "sab.h"

enum sab_time_kind {
    SAB_TIME_ISO,     /* any form of it is read; the pattern is for writing */
    SAB_TIME_PATTERN,
    SAB_TIME_SECONDS, /* since 1970, also with decimals */
    SAB_TIME_MILLIS,
    SAB_TIME_NUMBER,  /* counts something; its unit stands for a second */
    SAB_TIME_MICROS,
    SAB_TIME_NANOS,
    SAB_TIME_KINDS
};

#define SAB_TIME_MOST 9000000000000000 /* milliseconds from 1970, either way */
enum { SAB_TIME_PATTERN_CAP = 64, SAB_TIME_TEXT_CAP = 128, SAB_TIME_STEP_CAP = 48 };

struct sab_time_format {
    int kind; /* enum sab_time_kind */
    char pattern[SAB_TIME_PATTERN_CAP];
};

/* From one time to the next: so many months of the calendar, or milliseconds. */
struct sab_time_step {
    int months;
    int is_at_end; /* of months: times are their last days */
    int64_t ms;    /* of no meaning with months; 0 and no months: there is none */
};

/* Of people's calendars, in small letters; they may stand for their first three. */
extern const char *const sab_month_names[12];
extern const char *const sab_day_names[7];

/* The longer pattern that %F, %T, %R or %D stands for; NULL of other elements. */
const char *sab_time_whole_of(char element);

/* Checks a pattern of %Y %y %m %b %B %d %e %j %a %A %H %I %M %S %f %p %z %Z %F %T %D %R %% and other signs; a blank stands for
 * any number of them. SAB_INVALID, as the end of "--time-format: ...". */
int sab_time_set_pattern(struct sab_time_format *format, const char *pattern, struct sab_error *err);

/* Tells the format from one text: ISO 8601 ("2024-01-31", with T or a blank 14:00, 14:00:59.5, Z, +01:00; 20240131), or a
 * number. 1 if it is none of these. */
int sab_time_guess(struct sab_time_format *format, const char *text, size_t n);

/* The i-th of the forms that are common beside ISO 8601 ("%d/%m/%Y"); 1 past the last. Two may fit the same texts. */
int sab_time_common(int i, struct sab_time_format *format);

/* 0 and *ms, or 1 where the text is no such time. */
int sab_time_read(const struct sab_time_format *format, const char *text, size_t n, int64_t *ms);
void sab_time_write(const struct sab_time_format *format, int64_t ms, char text[SAB_TIME_TEXT_CAP]);

/* The time k steps later. */
int64_t sab_time_add(int64_t ms, const struct sab_time_step *step, int64_t k);
/* How many steps `to` is after `from`, where it is a whole number of them above 0; else 0. */
int64_t sab_time_steps(int64_t from, int64_t to, const struct sab_time_step *step);

/* Finds the step that at least half of many pairs of neighbours are apart. Zeroed at first; every pair is voted with, then
 * every pair is checked, then the step is asked for. Pairs that do not go forward are passed over. */
struct sab_time_vote {
    int64_t ms, ms_votes, months_votes; /* a majority's candidates */
    struct sab_time_step months;
    int64_t pairs, by_ms, by_months;    /* that agree with them */
};
void sab_time_vote(struct sab_time_vote *vote, int64_t from, int64_t to);
void sab_time_vote_check(struct sab_time_vote *vote, int64_t from, int64_t to);
struct sab_time_step sab_time_vote_end(const struct sab_time_vote *vote);

/* "1 hour", "15 minutes", "1 month", or a number where the unit is not known. */
void sab_time_show_step(const struct sab_time_format *format, const struct sab_time_step *step,
                        char text[SAB_TIME_STEP_CAP]);

/* Where a time stands in a cycle, 0 <= . < 1: of the hour, day, week (from Monday), month or year. */
enum sab_time_cycle { SAB_CYCLE_MINUTE, SAB_CYCLE_HOUR, SAB_CYCLE_WEEKDAY, SAB_CYCLE_DAY, SAB_CYCLE_MONTH };
extern const char *const sab_cycle_names[]; /* by enumerator, ended by NULL */
double sab_time_phase(int64_t ms, enum sab_time_cycle cycle);

#endif
