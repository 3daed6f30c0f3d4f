/* Forecasts beyond the last row of a series. A row after it has the value that was forecast for it in the latest row with a
 * forecast of it among those that are known; where that reaches no farther, rows whose inputs are such forecasts are read, and
 * it goes on from there:
 *
 *     --horizon 6, 12 rows ahead     known ... r-5 .. r | r+1 .. r+6 | r+7 .. r+12
 *                                              forecast:   ^ from r-5 .. r   ^ from r+1 .. r+6, read with their forecasts */
#ifndef SAB_PREDICT_AHEAD_H
#define SAB_PREDICT_AHEAD_H

#include "predict/answers.h"

/* Who sees answers: as in sab_predict. */
struct sab_taker {
    int (*take)(void *user, const struct sab_answer *answer, struct sab_error *err);
    void *user;
};

struct sab_ahead {
    int64_t n;                   /* rows beyond the last */
    struct sab_answers *answers; /* of the rows that are known */
    struct sab_answers targets;  /* of rows ahead: one value for each target */
    struct sab_shape shape;      /* of those */
    int longest;                 /* horizon */
    double *kept;                /* [longest, outputs] results of the latest rows; row r, from 1, at r % longest */
    double *future;              /* [n, targets] */
    double *row;                 /* [schema.n] */
    sab_real *inputs, *outputs;  /* of one step */
    int64_t rows;                /* of the series so far */
    int64_t number, time;        /* of the last of them, in the file */
    int has_time;
};

/* SAB_INVALID where the model forecasts no values, or n reaches beyond the horizon and an input is not forecast. Starts from a
 * zeroed struct; clear in every case. The answers must outlive it. */
int sab_ahead_create(struct sab_ahead *ahead, struct sab_answers *answers, int64_t n, struct sab_error *err);
void sab_ahead_clear(struct sab_ahead *ahead);

/* A series begins. */
void sab_ahead_begin(struct sab_ahead *ahead);

/* The answers have taken the next row of the series: its number in the file (0: it is not there), and its time, or NULL. */
void sab_ahead_take(struct sab_ahead *ahead, int64_t number, const int64_t *time);

/* Tells the rows beyond the last that was taken, from the stream that has read it. series: its name, or NULL. */
int sab_ahead_put(struct sab_ahead *ahead, struct sab_stream *stream, const char *series, const struct sab_taker *to,
                  struct sab_error *err);

#endif
