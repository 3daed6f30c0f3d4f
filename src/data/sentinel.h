/* The one value that makes up nearly all of a column's deviation: -9999, 1e36 and the like, which stand for no value. All others then look
 * alike to a network. Looked for in columns whose scaling was learned, in one more pass over the values of those that may hold one.
 *
 *     share = p (v - m)^2 / ((1 - p) s^2)     of the variance s^2 about the mean m, what lies between the value v, which is the part p
 *                                             of all, and the mean of the rest */
#ifndef SAB_DATA_SENTINEL_H
#define SAB_DATA_SENTINEL_H

#include <math.h>

#include "data/account.h"
#include "data/scaling.h"

struct sab_sentinel_search {
    int column;
    double mean, deviation;
    int64_t rows;
    struct { /* the least and the largest value, and what is left without it */
        double value, rest_least, rest_most;
        int64_t times;
    } ends[2];
};

/* The columns that may hold one, *n of them, in their order: an array to be freed by sab_free(), NULL where there is none (or no memory: it
 * is for words only). Every value of theirs is to be looked at. A scaling that was read has none. */
struct sab_sentinel_search *sab_sentinel_begin(const struct sab_scaling *scaling, int *n);

/* NaN is no value. */
static inline void sab_sentinel_look(struct sab_sentinel_search *search, double value)
{
    if (isnan(value))
        return;
    search->rows++;
    for (int k = 0; k < 2; k++) {
        if (value == search->ends[k].value) {
            search->ends[k].times++;
            continue;
        }
        search->ends[k].rest_least = value < search->ends[k].rest_least ? value : search->ends[k].rest_least;
        search->ends[k].rest_most = value > search->ends[k].rest_most ? value : search->ends[k].rest_most;
    }
}

/* Warns of one that was found, "NAME: the value VALUE, in 3 of 270 training ROWS, ...; ADVICE", where values stand as differences from
 * origin. */
void sab_sentinel_end(const struct sab_sentinel_search *search, struct sab_account *account, const char *name, double origin,
                      const char *rows, const char *advice);

#endif
