/* All options: each layer's own, held together for those who are above all layers. A layer below never sees this.
 *
 * A struct sab_options is filled by sab_options_init, _copy or one that says so, and cleared by _clear; its texts are its
 * own, so that it must not be copied by assignment, other than to hand it over. The public functions on it are in sab.h. */
#ifndef SAB_TRAIN_OPTIONS_H
#define SAB_TRAIN_OPTIONS_H

#include "base/shared.h"
#include "data/options.h"
#include "model/options.h"
#include "optim/options.h"

/* When a run looks at itself, when it ends, and where it is. */
struct sab_run_options {
    int64_t eval_every;   /* updates between evaluations; 0: only at the end */
    int eval_size;        /* validation sequences per evaluation; 0: all there are, where they have an end */
    const char *stop_at;  /* "accuracy=0.99", "loss=0.01", ...; "" never stops early */
    const char *best;     /* the metric by which weights are called best, "f1"; "": that of stop_at, or the task's own */
    int64_t patience;     /* evaluations without a better result before stopping; 0: never */
    int64_t save_every;   /* updates between checkpoints; 0: only at the end and when interrupted */
    const char *device;   /* where training computes: "cpu", "cuda", "cuda:N", "host" */
    int products;         /* enum sab_products: what a device multiplies in where products are over many steps */
    const char *from;     /* run folder or model file whose weights a new run begins with; "": drawn from seed */
    const char *out;      /* run folder; "" picks runs/TASK-CREDIT-sSEED; for other networks runs/TASK-MODEL-sSEED */
};

struct sab_options {
    struct sab_model_options model;
    struct sab_shared_options shared;
    struct sab_optim_options optim;
    struct sab_run_options run;
    struct sab_task_options task;
};

/* Sets every option to its default; *options is new. */
void sab_options_init(struct sab_options *options);
/* Makes `to`, which is new, a copy; SAB_NOMEM leaves it all zero. */
int sab_options_copy(struct sab_options *to, const struct sab_options *from, struct sab_error *err);
/* Moves what `from` holds into `to`, which is cleared before; `from` is then all zero. */
void sab_options_move(struct sab_options *to, struct sab_options *from);
/* Frees the texts; all zero is fine, and so is the struct afterwards. */
void sab_options_clear(struct sab_options *options);

/* sab_options_value of option i. */
const char *sab_options_value_at(const struct sab_options *options, int i, char number[SAB_REAL_TEXT_CAP]);

/* The place of the option among all, "k-top" or "k_top"; -1 if there is none. */
int sab_option_index(const char *name);

/* The name of the option most like a misspelt one; NULL if nothing is near. */
const char *sab_option_nearest(const char *name);

/* The first option of effect at most `effect` (SAB_DECIDES: only those that must be the same when a run is resumed) in
 * which the two differ; NULL if there is none. */
const struct sab_option *sab_options_difference(const struct sab_options *a, const struct sab_options *b, int effect);

/* Checks each option's range, but no combinations. */
int sab_options_check_ranges(const struct sab_options *options, struct sab_error *err);

/* What stop_at says. Which metrics there are is known to metric.h. */
struct sab_stop {
    char metric[32]; /* "accuracy", "loss", ...; "" never stops */
    double value;
};

/* Reads "accuracy=0.99" and the like; "" is fine. SAB_INVALID names a text of another form. */
int sab_stop_parse(const char *text, struct sab_stop *stop, struct sab_error *err);

#endif
