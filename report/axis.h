/* Where values stand along an axis, and round numbers on it. */
#ifndef SAB_REPORT_AXIS_H
#define SAB_REPORT_AXIS_H

struct sab_axis {
    int is_log;
    double least, most; /* values; above 0 where is_log */
    double from, to;    /* where these two stand */
};

enum { SAB_TICKS_CAP = 64 };

double sab_axis_place(const struct sab_axis *axis, double value);

/* The smallest of 1, 2 and 5 times a power of ten that is at least x > 0. */
double sab_axis_round(double x);

/* Round numbers within the axis, rising, about `count`: 1, 2 or 5 times a power of ten apart, whole ones only if is_whole; on a logarithmic
 * axis powers of ten, with 2 and 5 times these where that leaves few. Returns how many. */
int sab_axis_ticks(const struct sab_axis *axis, int count, int is_whole, double ticks[SAB_TICKS_CAP]);

#endif
