/* What was recalled: one entry for each weight of each read, as sab_model_evaluate and sab_model_gradient report them,
 * and the CSV of it. Must not know models, only the callback of sab.h. */
#ifndef SAB_REPORT_RECALL_LOG_H
#define SAB_REPORT_RECALL_LOG_H

#include <stdio.h>

#include "sab.h"

struct sab_recall_entry {
    int32_t layer, sequence, t, when; /* layer and sequence from 0, steps from 1 */
    sab_real alpha;
    sab_real flow; /* norm of the gradient through this read's value; 0 where none came back */
};

struct sab_recall_log {
    struct sab_recall_entry *entries; /* rising (layer, sequence, t, when) after sab_recall_log_sort */
    size_t count, cap;
    int is_sorted;
    int is_full;        /* memory ran out: entries are missing */
    int is_bad;         /* a weight is NaN or infinite: the first one is `bad`, and nothing was kept from there on */
    struct sab_recall_entry bad;
    int has_flow;
    int stretch;        /* steps that a memory covers (--pool): `when` is the last of them; 0 as 1 */
};

/* The first step of what a memory covers whose last step is `when`. */
int sab_recall_from(const struct sab_recall_log *log, int when);

/* A log of nothing is all zero. */
void sab_recall_log_clear(struct sab_recall_log *log);

/* Collect entries: give the result to sab_model_evaluate, then sort. Weights of 0 (a threshold that was looked at) are
 * left out. */
struct sab_recall sab_recall_log_collect(struct sab_recall_log *log);
/* SAB_NOMEM if entries are missing; SAB_NUMERIC, naming layer, step and sequence, if a weight is not finite. */
int sab_recall_log_sort(struct sab_recall_log *log, struct sab_error *err);
/* Fill in flow: give the result to sab_model_gradient with the same batch, after sorting. */
struct sab_recall sab_recall_log_flow(struct sab_recall_log *log);

/* Further columns that say where a step stands in the data: their names, ",lag,time", and what is in them, ",24,2024-01-02". */
struct sab_recall_places {
    const char *names;
    void (*write)(void *user, const struct sab_recall_entry *entry, FILE *to);
    void *user;
};

/* Lines "sequence,layer,t,when,alpha,flow", all counted from 1, written atomically; flow is empty where it was not
 * filled in. places: NULL for none. */
int sab_recall_log_csv(const struct sab_recall_log *log, const struct sab_recall_places *places, const char *path,
                       struct sab_error *err);

#endif
