/* The ledger of a layer's memories: when each was written, and which are alive at each step.
 *
 * A memory's name is its number: those taken over from before step 0 come first, oldest first, then those written, in order.
 * It is the memory's row too, in values, keys and gradients, and no other memory gets it as long as the ledger goes on: a
 * memory that has left is read no more, and the way back still finds it. Steps t are 0-based.
 *
 * Read by C, and by C++ (nvcc), for the arrays.
 *
 * Only the way there asks a rule, once each step. Replays, the way back, reports and devices read what is written here. */
#ifndef SAB_REMIND_LEDGER_H
#define SAB_REMIND_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "sab.h"

struct sab_rule;
struct sab_choice;

/* How memories are kept. */
struct sab_keep {
    const struct sab_rule *rule;
    const struct sab_choice *choice; /* NULL: the oldest leaves */
    int k_att;
    int slots; /* most memories that are alive at once; INT_MAX: all */
};

/* When a memory is written. `since` counts steps since the latest memory, or from the sequence's begin: 0 right after. */
struct sab_rule {
    const char *name;
    /* Whether the next step writes. */
    int (*is_due)(const struct sab_keep *keep, int since);
    /* What `since` is after so many steps that began at 0. */
    int (*since)(const struct sab_keep *keep, int64_t steps);
    /* The step that wrote the j-th newest, from 0, of the memories taken over: negative. */
    int (*before)(const struct sab_keep *keep, int j);

    /* Sizes, of sequences of T steps that begin with since 0. */

    /* Most memories they write. */
    int (*most)(const struct sab_keep *keep, int T);
    /* The sum over all steps of the memories there are, `most` of them at most, where `carried` were taken over. */
    size_t (*sum)(const struct sab_keep *keep, int carried, int most, int T);
};

/* A memory every k_att steps. */
extern const struct sab_rule sab_rule_periodic;

/* Which leaves when there are more than slots: that of least worth, of several the oldest. */
struct sab_choice {
    const char *name;
    /* What a memory m [H] is worth when it is written, h [H] being the state that its step began with, gate [H] the weights that
     * learn it, or NULL where nothing is learned, and draw a hash of the sequence's inputs up to then. */
    sab_real (*worth)(int H, const sab_real *m, const sab_real *h, const sab_real *gate, uint64_t draw);
    /* With every memory written, the worth of those before is multiplied by this. */
    sab_real (*fade)(const struct sab_keep *keep);
    /* A read adds its weight, without its sign, times this. */
    sab_real recalled;
    /* Whether a memory is worth no more than how far it is from the nearest of the others. */
    int is_apart;
    /* Whether what a memory is worth is added to its score, through which the gate gets its gradient. */
    int is_learned;
    /* Whether worth looks at draw. */
    int is_drawn;
};

/* |m - other|^2 of two states [H]. */
sab_real sab_ledger_distance(int H, const sab_real *m, const sab_real *other);

/* Of enum sab_keeping; NULL for SAB_KEEP_RECENT. */
const struct sab_choice *sab_choice_find(int keeping);

/* When step t begins: count is the number of the next memory to be written, and count - oldest are alive at most; where nothing
 * chooses, those are oldest .. count - 1. */
struct sab_ledger_step {
    int32_t oldest, count;
};

struct sab_ledger {
    const struct sab_keep *keep;
    int S;
    int carried;                   /* memories from before step 0; they carry no gradient back */
    int n;                         /* memories in all */
    int since;
    int *first;                    /* [S] the oldest memory that is the sequence's own; rows before it are 0 */
    struct sab_ledger_step *steps; /* [T+1] */
    int32_t *when;                 /* [carried + most] the step that wrote it, negative for one taken over; or NULL: nobody asks */
    size_t *entries;               /* [T+1] memories alive at all steps before; or NULL, likewise */
    /* where the rule chooses; else NULL */
    int cap, alive_cap;            /* rows of worth, and places of alive, that a sequence has */
    int32_t *alive;                /* [S,alive_cap] now, rising; slots + 1, or one more than there can be memories */
    int *n_alive;                  /* [S] */
    sab_real *worth;               /* [S,cap] */
    sab_real *apart;               /* [alive_cap] how far the one to be admitted is from each that is alive, where the choice asks */
    const int *ends;               /* [S] steps of each sequence, after which nothing of it changes; NULL: it has no end */
};

/* What sequence b can read: memories at[0..n-1], rising, or where at is NULL begin .. begin + n - 1. */
struct sab_alive {
    int begin, n;
    const int32_t *at;
};

/* Begins at step 0 with so many memories. */
void sab_ledger_begin(struct sab_ledger *ledger, int carried, int since);
/* Whether the step at hand is to write memory number n. */
static inline int sab_ledger_is_due(const struct sab_ledger *ledger)
{
    return ledger->keep->rule->is_due(ledger->keep, ledger->since);
}
/* Ends step t, which has written one or not. */
void sab_ledger_end_step(struct sab_ledger *ledger, int t, int has_written);
/* Memory number n is written at step t, with that worth for sequence b: it enters the alive, and if they are too many one leaves.
 * Where the choice asks for it, `apart` has been filled. */
void sab_ledger_admit(struct sab_ledger *ledger, int t, int b, sab_real worth);
/* Step t recalled memory i of sequence b. */
static inline void sab_ledger_recall(struct sab_ledger *ledger, int t, int b, int i, sab_real alpha)
{
    if (!ledger->ends || t < ledger->ends[b])
        ledger->worth[(size_t)b * ledger->cap + i] += ledger->keep->choice->recalled * (alpha < 0 ? -alpha : alpha);
}
/* Begins with so many and goes through T steps at once; not where the rule chooses. */
void sab_ledger_fill(struct sab_ledger *ledger, int carried, int T);

/* Memories there are when step t begins. */
static inline int sab_ledger_count(const struct sab_ledger *ledger, int t)
{
    return ledger->steps[t].count;
}

/* At step t, the one at hand where the rule chooses. */
static inline struct sab_alive sab_ledger_alive(const struct sab_ledger *ledger, int t, int b)
{
    int begin = ledger->steps[t].oldest > ledger->first[b] ? ledger->steps[t].oldest : ledger->first[b];
    struct sab_alive range = {begin, ledger->steps[t].count - begin, NULL};
    if (!ledger->alive)
        return range;
    struct sab_alive chosen = {0, ledger->n_alive[b], ledger->alive + (size_t)b * ledger->alive_cap};
    return chosen;
}

/* The memory that step t has written, or -1. */
static inline int sab_ledger_written(const struct sab_ledger *ledger, int t)
{
    return ledger->steps[t + 1].count > ledger->steps[t].count ? ledger->steps[t].count : -1;
}

#endif
