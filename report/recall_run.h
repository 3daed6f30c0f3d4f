/* What a trained network recalls on the first test sequences: collected, then written as CSV or drawn. */
#ifndef SAB_REPORT_RECALL_RUN_H
#define SAB_REPORT_RECALL_RUN_H

#include "report/drawing.h"
#include "report/recall_log.h"
#include "report/recall_map.h"
#include "sab_run.h"

struct sab_recall_run {
    /* set by the caller, on a zeroed struct; freed here */
    struct sab_model *model;
    struct sab_options *options; /* the model's, with data as they are to be looked at */
    enum sab_split split;        /* the part of the data that is looked at */
    int sequences;               /* at most */
    int layer;                   /* from 1; 0: the top one */
    int shows_all;               /* rows are all steps, not only those whose answer counts */
    int value;                   /* enum sab_recall_value */
    int is_by_lag;               /* columns are steps back, not steps */
    struct sab_look look;        /* of figures; its texts are borrowed */
    /* found */
    struct sab_task *task;
    struct sab_batch batch;
    int64_t index;               /* of the batch */
    struct sab_answers *answers; /* where the model knows of data */
    uint8_t *is_shown;           /* [T,B] */
    struct sab_recall_log log;
    struct sab_recall_view view;
    struct sab_recall_reading reading;
    const char *row_name, *value_name;
};

/* 1 if a network of these options has a memory. */
int sab_recall_run_can(const struct sab_options *options);
/* Steps that one of its memories covers. */
int sab_recall_run_stretch(const struct sab_options *options);

/* Opens the data and takes the batch to look at. where: what messages call the model. SAB_FORMAT where it recalls nothing, SAB_INVALID
 * for a layer that it has not, SAB_NOMEM. */
int sab_recall_run_take(struct sab_recall_run *run, const char *where, struct sab_error *err);

/* Seconds that sab_recall_run_collect will take, 0 where they are few. SAB_NOMEM where the machine has not the memory. */
int sab_recall_run_forecast(const struct sab_recall_run *run, int needs_flow, double *seconds, struct sab_error *err);

/* Runs the model. needs_flow 1: the gradients too, which the value flow needs anyway. */
int sab_recall_run_collect(struct sab_recall_run *run, int needs_flow, struct sab_error *err);

int sab_recall_run_csv(struct sab_recall_run *run, const char *path, struct sab_error *err);
int sab_recall_run_draw(struct sab_recall_run *run, enum sab_picture kind, const char *path, struct sab_error *err);
/* *text is freed with sab_free. */
int sab_recall_run_text(const struct sab_recall_run *run, int unicode, char **text, struct sab_error *err);

void sab_recall_run_clear(struct sab_recall_run *run);

#endif
