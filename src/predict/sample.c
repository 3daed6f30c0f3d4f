/* See sample.h. */
#include "predict/sample.h"

#include <math.h>
#include <stdlib.h>

static int in_order(const void *a, const void *b)
{
    const struct sab_candidate *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit > y->logit ? -1 : 1;
    return (x->symbol > y->symbol) - (x->symbol < y->symbol);
}

static int largest(const sab_real *logits, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

/* The first of the n candidates at which the sum of p reaches `share` of the sum of all, or exceeds it. */
static int find(const struct sab_candidate *order, int n, double share, int exceeds)
{
    double sum = 0, all = 0;
    for (int i = 0; i < n; i++)
        all += order[i].p;
    for (int i = 0; i < n; i++) {
        sum += order[i].p;
        if (exceeds ? sum > share * all : sum >= share * all)
            return i;
    }
    return n - 1;
}

int sab_sample(const struct sab_sampling *how, const sab_real *logits, int n, double u, struct sab_candidate *room)
{
    int best = largest(logits, n);
    if (how->temperature == 0)
        return best;
    for (int i = 0; i < n; i++) {
        room[i].symbol = i;
        room[i].logit = (double)logits[i];
        room[i].p = exp(((double)logits[i] - (double)logits[best]) / how->temperature);
    }
    qsort(room, (size_t)n, sizeof *room, in_order);
    if (how->top_k > 0 && how->top_k < n)
        n = how->top_k;
    if (how->top_p < 1)
        n = find(room, n, how->top_p, 0) + 1;
    return room[find(room, n, u, 1)].symbol;
}
