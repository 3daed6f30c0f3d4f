/* See times.h: the common step of many times, by Boyer and Moore's majority vote: a candidate gains a vote from each pair that
 * agrees and loses one to each that does not, and who has none left is replaced. A majority, if there is one, is the last
 * candidate; whether it is one, the second pass tells. */
#include "source/civil.h"
#include "source/times.h"

/* So many whole months apart, on the same day of the month or on the last one; else months is 0. */
static struct sab_time_step months_between(int64_t from, int64_t to)
{
    struct sab_civil a = sab_civil_of(from), b = sab_civil_of(to);
    int64_t months = (b.year - a.year) * 12 + b.month - a.month;
    int are_last = a.day == sab_days_in(a.year, a.month) && b.day == sab_days_in(b.year, b.month);
    if (a.ms != b.ms || months < 1 || months > 1200 || (a.day != b.day && !are_last))
        return (struct sab_time_step){0};
    return (struct sab_time_step){.months = (int)months, .is_at_end = a.day != b.day || (are_last && a.day > 27)};
}

void sab_time_vote(struct sab_time_vote *vote, int64_t from, int64_t to)
{
    if (to <= from)
        return;
    if (vote->ms_votes == 0)
        vote->ms = to - from;
    vote->ms_votes += to - from == vote->ms ? 1 : -1;
    struct sab_time_step apart = months_between(from, to);
    if (vote->months_votes == 0)
        vote->months = apart;
    vote->months_votes += apart.months == vote->months.months ? 1 : -1;
    vote->months.is_at_end &= apart.is_at_end || apart.months != vote->months.months;
}

void sab_time_vote_check(struct sab_time_vote *vote, int64_t from, int64_t to)
{
    if (to <= from)
        return;
    vote->pairs++;
    vote->by_ms += to - from == vote->ms;
    vote->by_months += vote->months.months > 0 && sab_time_steps(from, to, &vote->months) == 1;
}

struct sab_time_step sab_time_vote_end(const struct sab_time_vote *vote)
{
    if (vote->by_ms > 0 && 2 * vote->by_ms >= vote->pairs && vote->by_ms >= vote->by_months)
        return (struct sab_time_step){.ms = vote->ms};
    if (vote->by_months > 0 && 2 * vote->by_months >= vote->pairs)
        return vote->months;
    return (struct sab_time_step){0};
}
