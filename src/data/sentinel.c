/* See sentinel.h. */
#include "data/sentinel.h"

#include <math.h>

#include "base/alloc.h"

/* A column is looked at again if one of its ends lies far off, or if so much of its variance is that of its two ends: it is
 * (most - mean) (mean - least) at the most, and that where all values are one of them. */
static const double FAR = 3, OF_ENDS = 0.5;
static const double SHARE = 0.9; /* "nearly all" */
static const double APART = 5;   /* times the range of the rest: a value of their kind is no sentinel, however rare */

static int may_hold_one(const struct sab_scaling *scaling, int i)
{
    double least = scaling->least[i], most = scaling->most[i], mean = scaling->mean[i], deviation = scaling->deviation[i];
    return most > least && (most - mean > FAR * deviation || mean - least > FAR * deviation ||
                            deviation * deviation > OF_ENDS * (most - mean) * (mean - least));
}

struct sab_sentinel_search *sab_sentinel_begin(const struct sab_scaling *scaling, int *n)
{
    struct sab_sentinel_search *searches = NULL;
    *n = 0;
    for (int i = 0; i < scaling->n; i++) {
        if (!may_hold_one(scaling, i))
            continue;
        if (!searches && !(searches = sab_alloc((size_t)scaling->n, sizeof *searches)))
            return NULL;
        struct sab_sentinel_search *search = &searches[(*n)++];
        *search = (struct sab_sentinel_search){.column = i, .mean = scaling->mean[i], .deviation = scaling->deviation[i]};
        for (int k = 0; k < 2; k++) {
            search->ends[k].value = k ? scaling->most[i] : scaling->least[i];
            search->ends[k].rest_least = INFINITY;
            search->ends[k].rest_most = -INFINITY;
        }
    }
    return searches;
}

void sab_sentinel_end(const struct sab_sentinel_search *search, struct sab_account *account, const char *name, double origin,
                      const char *rows, const char *advice)
{
    for (int k = 0; k < 2; k++) {
        double value = search->ends[k].value, least = search->ends[k].rest_least, most = search->ends[k].rest_most;
        double p = (double)search->ends[k].times / (double)search->rows, apart = (value - search->mean) / search->deviation;
        double share = p * apart * apart / (1 - p), gap = fmin(fabs(value - least), fabs(value - most));
        char times[SAB_COUNT_CAP], all[SAB_COUNT_CAP];
        if (!(share > SHARE) || !(most > least) || gap < APART * (most - least))
            continue;
        sab_account_count(search->ends[k].times, times);
        sab_account_count(search->rows, all);
        sab_account_warn(account, "%s: the value %.9g, in %s of %s training %s, makes %.3g %% of the deviation; %s", name, origin + value,
                         times, all, rows, fmin(100 * share, 100), advice);
        return;
    }
}
