/* See recall_log.h. */
#include "report/recall_log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/memory_file.h"
#include "base/text.h"
#include "io/file.h"

enum { FIRST_CAP = 4096 };

void sab_recall_log_clear(struct sab_recall_log *log)
{
    sab_free(log->entries);
    *log = (struct sab_recall_log){0};
}

int sab_recall_from(const struct sab_recall_log *log, int when)
{
    return log->stretch > 1 && when >= log->stretch ? when - log->stretch + 1 : when;
}

static int make_room(struct sab_recall_log *log)
{
    size_t cap = log->cap ? 2 * log->cap : FIRST_CAP;
    struct sab_recall_entry *entries = sab_alloc(cap, sizeof *entries);
    if (!entries)
        return 1;
    if (log->count)
        memcpy(entries, log->entries, log->count * sizeof *entries);
    sab_free(log->entries);
    log->entries = entries;
    log->cap = cap;
    return 0;
}

static void on_read(void *user, int layer, int t, int b, int n, const int32_t *when, const sab_real *alpha,
                    const sab_real *flow)
{
    struct sab_recall_log *log = user;
    (void)flow;
    for (int i = 0; i < n && !log->is_full && !log->is_bad; i++) {
        if (alpha[i] == 0)
            continue;
        if (!isfinite(alpha[i])) {
            log->bad = (struct sab_recall_entry){layer, b, t, when[i], alpha[i], 0};
            log->is_bad = 1;
            return;
        }
        log->is_full = log->count == log->cap && make_room(log);
        if (!log->is_full)
            log->entries[log->count++] = (struct sab_recall_entry){layer, b, t, when[i], alpha[i], 0};
    }
}

struct sab_recall sab_recall_log_collect(struct sab_recall_log *log)
{
    log->is_sorted = 0;
    return (struct sab_recall){sizeof(struct sab_recall), on_read, log};
}

static int compare_entries(const void *left, const void *right)
{
    const struct sab_recall_entry *a = left, *b = right;
    if (a->layer != b->layer)
        return a->layer < b->layer ? -1 : 1;
    if (a->sequence != b->sequence)
        return a->sequence < b->sequence ? -1 : 1;
    if (a->t != b->t)
        return a->t < b->t ? -1 : 1;
    return (a->when > b->when) - (a->when < b->when);
}

int sab_recall_log_sort(struct sab_recall_log *log, struct sab_error *err)
{
    if (log->is_full)
        return sab_fail(err, SAB_NOMEM, "no memory for more than %zu recalled weights; take fewer or shorter sequences", log->count);
    if (log->is_bad)
        return sab_fail(err, SAB_NUMERIC, "layer %d, step %d of sequence %d recalls step %d with weight %g: nothing can be "
                                          "shown of a network whose numbers overflow", log->bad.layer + 1, log->bad.t,
                        log->bad.sequence + 1, log->bad.when, (double)log->bad.alpha);
    if (log->count)
        qsort(log->entries, log->count, sizeof *log->entries, compare_entries);
    log->is_sorted = 1;
    return SAB_OK;
}

static void on_flow(void *user, int layer, int t, int b, int n, const int32_t *when, const sab_real *alpha,
                    const sab_real *flow)
{
    struct sab_recall_log *log = user;
    (void)alpha;
    for (int i = 0; i < n && flow && log->count; i++) {
        struct sab_recall_entry key = {layer, b, t, when[i], 0, 0};
        struct sab_recall_entry *entry = bsearch(&key, log->entries, log->count, sizeof key, compare_entries);
        if (entry)
            entry->flow = flow[i];
    }
}

struct sab_recall sab_recall_log_flow(struct sab_recall_log *log)
{
    log->has_flow = 1;
    return (struct sab_recall){sizeof(struct sab_recall), on_flow, log};
}

int sab_recall_log_csv(const struct sab_recall_log *log, const struct sab_recall_places *places, const char *path,
                       struct sab_error *err)
{
    struct sab_memory_file file;
    FILE *to = sab_memory_open(&file);
    if (!to)
        return sab_fail(err, SAB_NOMEM, "no memory for %zu lines of %.200s", log->count, path);
    fprintf(to, "sequence,layer,t,when,alpha,flow%s%s\n", log->stretch > 1 ? ",from" : "", places ? places->names : "");
    for (size_t i = 0; i < log->count; i++) {
        const struct sab_recall_entry *e = &log->entries[i];
        char alpha[SAB_REAL_TEXT_CAP], flow[SAB_REAL_TEXT_CAP] = "";
        sab_text_from_real((double)e->alpha, alpha);
        if (log->has_flow)
            sab_text_from_real((double)e->flow, flow);
        fprintf(to, "%d,%d,%d,%d,%s,%s", e->sequence + 1, e->layer + 1, e->t, e->when, alpha, flow);
        if (log->stretch > 1)
            fprintf(to, ",%d", sab_recall_from(log, e->when));
        if (places)
            places->write(places->user, e, to);
        putc('\n', to);
    }
    if (sab_memory_close(&file, to) != 0)
        return sab_fail(err, SAB_NOMEM, "no memory for %zu lines of %.200s", log->count, path);
    int status = sab_file_write_atomic(path, file.bytes, file.nbytes, err);
    sab_free(file.bytes);
    return status;
}
