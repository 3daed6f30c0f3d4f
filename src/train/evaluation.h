/* What the outputs of one part of the data say beside its answers: counts and errors over the scored positions. Each
 * sequence is summed up alone, in the order of its steps, and sequences are added in their order; counts are whole numbers.
 * So no figure depends on threads, and none on how many sequences a batch holds where batches only cut a row of sequences. Nor on
 * ranks: each takes its part of a batch through, and then all have what came of every sequence (evaluation_ranks.c).
 * Must not know tasks. */
#ifndef SAB_TRAIN_EVALUATION_H
#define SAB_TRAIN_EVALUATION_H

#include "credit/share.h"
#include "train/metric.h"

enum {
    SAB_CONFUSION_MOST = 256,  /* classes whose mistakes are told apart */
    SAB_RANKED_MOST = 1 << 24  /* positions that are ranked for the AUC */
};

/* A class, or the "yes" of one of several answers. */
struct sab_class_counts {
    int64_t labels, answers, hits; /* positions that have it, that were said to, and both */
};

/* One target, in the units of training. */
struct sab_target_errors {
    double squares, absolute;   /* sums of errors */
    double mean, deviations;    /* of the target itself: its mean, and the sum of squared differences from it */
    int64_t count;
};

/* One quantile of a target, in the units of training. Outputs that cross are taken in their order. */
struct sab_quantile_errors {
    double pinball;             /* sum of losses */
    int64_t covered;            /* targets that are not above it */
};

/* What forecasts without training cost: see struct sab_task_kind. */
struct sab_naive_errors {
    int64_t count;              /* 0: there are none */
    double *squares, *absolute; /* [targets] */
};

/* Logits of yes-or-no answers and what was right, for the AUC. */
struct sab_ranked {
    float logit;
    int32_t is_yes;
};

struct sab_ranking {
    struct sab_ranked *at;
    size_t n, cap;
    int is_full; /* more came than are kept: nothing can be said */
};

struct sab_evaluation {
    int loss, O;
    int n_targets;                   /* O, or O / Q where each has Q quantiles */
    struct sab_quantiles quantiles;  /* of the loss of these; else n is 1 */
    double values[SAB_METRIC_COUNT]; /* NaN where they mean nothing; those that the task knows are the caller's to fill in */
    double weight;
    int64_t scored;
    struct sab_class_counts *classes; /* [O]; NULL for values */
    struct sab_target_errors *targets; /* [n_targets] of values, where they have quantiles of the median; NULL for others */
    struct sab_quantile_errors *tails; /* [O] of quantiles; NULL for others */
    double *unit;                     /* [n_targets] the size of a target's unit of training in the units of the data; 1 unless the
                                         caller says so */
    struct sab_naive_errors naive;    /* of the last value; arrays where there are targets, the caller's to fill in */
    struct sab_naive_errors season;   /* and of that of a season before, where there is one */
    int64_t *confusion;               /* [O,O] of a label said to be another; NULL but for classes, and few of them */

    /* while it goes on */
    int B, T;                         /* room */
    const struct sab_batch *batch;
    struct sab_watcher watcher;
    struct sab_loss_sums *sums;       /* [B] of each sequence, as all of these: in the order of the batch; on several ranks in that */
    struct sab_target_errors *columns; /* [B,n_targets] in which they are dealt, this rank's from share->place on */
    struct sab_quantile_errors *tail_columns; /* [B,O] */
    int32_t *answers;                 /* [T,B] of classes */
    sab_real *logits;                 /* [T,B,ranks] */
    int ranks;                        /* rankings: 1 of two classes, O of yes-or-no answers, else 0 */
    struct sab_ranking *rankings;     /* [ranks] */
    struct sab_loss_sums all;
    struct sab_share *share;          /* NULL: one rank */
    int *order;                       /* [B] on several: where each of the batch's sequences stands in sums and columns */
};

/* Starts from any struct. quantiles: the model's, looked at where the loss is of these. SAB_NOMEM; clear in every case. */
int sab_evaluation_begin(struct sab_evaluation *e, const struct sab_shape *shape, const struct sab_quantiles *quantiles,
                         struct sab_error *err);
void sab_evaluation_clear(struct sab_evaluation *e);

/* Takes one batch, which must hold until the call returns, through the engine; on several ranks, this rank's part of it. */
int sab_evaluation_batch(struct sab_evaluation *e, struct sab_engine *engine, const struct sab_batch *batch,
                         struct sab_error *err);

/* Collective, after each batch: brings together what came of its sequences. */
int sab_evaluation_share(struct sab_evaluation *e, struct sab_comm *comm, struct sab_error *err);
/* Collective, after the last: brings the counts and rankings of all ranks together. */
int sab_evaluation_total(struct sab_evaluation *e, struct sab_comm *comm, struct sab_error *err);

/* After the last batch. */
int sab_evaluation_end(struct sab_evaluation *e, struct sab_error *err);

struct sab_metrics sab_evaluation_metrics(const struct sab_evaluation *e);

/* Recall, precision and F1 of a class; NaN where they are of nothing. */
double sab_class_recall(const struct sab_class_counts *c);
double sab_class_precision(const struct sab_class_counts *c);
double sab_class_f1(const struct sab_class_counts *c);

#endif
