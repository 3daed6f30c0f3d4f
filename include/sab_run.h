/* sab, whole runs: the second half of the manual. What sab.h has are the objects; here is what is made of them: folders in which a
 * model is trained, stopped, resumed and read back; all figures of an evaluation; forecasts; what was understood of data.
 *
 *     sab_train_watched(...)       trains in a folder or goes on there, seen update by update, stopped when asked
 *     sab_run_options(...)         what the run was told            config.json
 *     sab_run_history(...)         what it measured as it went      metrics.jsonl
 *     sab_run_model(...)           the best weights it came to      model.safetensors
 *     sab_evaluation_create(...)   what a model reaches on a part of the data, in all and output by output
 *     sab_forecast(...)            the memory and time that a training will need
 *
 * The rules at the head of sab.h hold here too, that of sizes among them; structs that come in arrays, sab_figure and sab_place, are as
 * they are for good.
 */
#ifndef SAB_RUN_H
#define SAB_RUN_H

#include "sab.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A number under its name. */
struct sab_figure {
    const char *name;
    double value;
    int is_count; /* a whole number of things */
};

/* ---- metrics ------------------------------------------------------------------------------------------------- */

/* What an evaluation measures of a model: a row of the table that --stop-at, --best, metrics.jsonl and sab eval share. */
struct sab_metric {
    const char *name; /* "accuracy", as in stop_at NAME=... */
    int better;       /* 1: larger is better, -1: smaller; 0: says how hard the data are, not how good a model is */
    int losses;       /* where it applies: 1 << enum sab_loss for each */
    double most;      /* it lies in 0..most */
    int is_bits;      /* applies to texts only */
    int is_two;       /* of classes, where there are two */
    int is_told;      /* stands in every line of progress */
    const char *help; /* what it is, for people */
};

#define SAB_METRICS_CAP 32 /* no version has more */

/* The i-th metric, or NULL past the last; and the place of one by name ('-' taken for '_'), -1 if there is none. */
SAB_API const struct sab_metric *sab_metric_at(int i);
SAB_API int sab_metric_find(const char *name);

/* A loss in nats as bits per character; NaN for a task (by name) whose loss is not that of a text's symbols. */
SAB_API double sab_task_bits_per_char(const char *task, double loss);

/* ---- settings ------------------------------------------------------------------------------------------------ */

/* Chooses by a look at the data of a task that reads files (others: nothing) what was not given of input-scale,
 * key-scale, k-att, k-trunc, k-top, write, forget-bias, relative, clip, lr, warmup, optimizer, weight-decay and
 * average. options: those the task was made with. given [sab_option_count()]: 1 where option i stays. tell (may be
 * NULL) hears what is chosen and why. A function of options and data alone, whatever the threads. SAB_INVALID as
 * sab_model_create; options may then be half chosen. */
SAB_API int sab_settings(struct sab_options *options, struct sab_task *task, const unsigned char *given,
                         void (*tell)(void *user, const char *name, const char *value, const char *why), void *user,
                         struct sab_error *err);

/* Tells of options that are legal and hardly meant: lengths or rates that a training never reaches, scores that cannot learn. */
SAB_API void sab_advice(const struct sab_options *options, void (*tell)(void *user, const char *sentence), void *user);

/* "a smaller --batch, --T or --hidden": of the names "batch T hidden" those that task and network look at and that can be made smaller,
 * for advice that can be taken; "" where there is none. Written into text [cap], and returned. */
SAB_API const char *sab_options_less(const struct sab_options *options, const char *names, char *text, size_t cap);

/* ---- evaluations --------------------------------------------------------------------------------------------- */

struct sab_evaluation;

/* Measures as sab_evaluate does, and keeps all that was found. Frees nothing that it was given; lives on when the engine and the
 * task are gone. */
SAB_API int sab_evaluation_create(struct sab_evaluation **out, struct sab_engine *engine, struct sab_task *task,
                                  enum sab_split split, const struct sab_options *options, struct sab_error *err);
SAB_API void sab_evaluation_free(struct sab_evaluation *evaluation);

/* The value of a metric, by its place in the table; NaN where it means nothing. */
SAB_API double sab_evaluation_value(const struct sab_evaluation *evaluation, int metric);
/* Positions that were scored. */
SAB_API int64_t sab_evaluation_scored(const struct sab_evaluation *evaluation);

#define SAB_FIGURES_CAP 16 /* of one output; no version has more */

/* The figures of output o, in 0..O-1, of which it returns how many. Of a class, or the yes of an answer: count (positions that
 * have it), answered (that were said to), hits (both), recall, precision and f1. Of a value: count and mse, standardised; rmse and
 * mae in the units of the data; last_value_rmse and last_value_mae, which repeating the last value comes to, season_value_rmse and
 * season_value_mae that of --season rows before; deviation of the value
 * itself. Of a quantile: those of its value, of the median, and level, not_above (the share of values that are not above it) and
 * pinball (its loss, in the units of the data). NaN where there is nothing to divide by. */
SAB_API int sab_evaluation_output(const struct sab_evaluation *evaluation, int o, struct sab_figure figures[SAB_FIGURES_CAP]);

/* Positions of class `label` that were said to be `answer`; -1 where that was not kept: of values, yes-or-no answers, and more
 * than 256 classes. */
SAB_API int64_t sab_evaluation_confusion(const struct sab_evaluation *evaluation, int label, int answer);

/* ---- runs ---------------------------------------------------------------------------------------------------- */

/* A run is a folder:
 *
 *     config.json          every option, and the version that wrote it
 *     metrics.jsonl        an object a line: what each evaluation measured
 *     model.safetensors    the best weights so far, with options, shape and facts (sab_model_load)
 *     state.safetensors    all that going on needs (sab_trainer_load)
 *     lock                 while a process trains in it
 *
 * Each file is replaced as a whole, so a run that was killed at any moment can go on. */

/* What happened: an update, or (evaluated 1) an evaluation. */
struct sab_event {
    int64_t step, steps;        /* updates done, and the option steps */
    int evaluated, is_best;     /* is_best: the best evaluation so far */
    const struct sab_metrics *metrics; /* of the update's batch, or of the evaluation */
    double lr, seconds;         /* seconds spent in this run, before it was resumed too */
    double seconds_per_update;  /* of late, smoothed */
    const double *values;       /* evaluation: each metric by its place in the table, NaN where it means nothing; else NULL */
    int judged_by;              /* the metric by which weights are the best */
};

struct sab_comm; /* sab_comm.h */

/* Who watches; all but size may be 0. What is handed over lives as long as the call. */
struct sab_watch {
    size_t size;                                             /* sizeof (struct sab_watch) */
    void *user;
    void (*opened)(void *user, struct sab_task *task); /* the data are open; no update was made yet */
    void (*begun)(void *user);                               /* from here on there is something to save */
    int (*event)(void *user, const struct sab_event *event); /* other than 0: stop, as below */
    void (*notice)(void *user, const char *sentence);        /* what one should know of a run that goes on */
    const volatile int *stop; /* once it is not 0, as a signal handler may set it, the update or evaluation under way is left, the run
                                 saved, and SAB_INTERRUPTED returned */
    struct sab_comm *comm;    /* the ranks that all make this call (sab_comm.h); NULL: one. Rank 0 writes the folder; all read it to go on,
                                 and the data. Each is told of what happened, and any of them may stop the run */
    int threads;              /* instead of the option threads, where that is 0 */
    int (*settle)(void *user, struct sab_task *task, struct sab_options *options, struct sab_error *err); /* before opened, of a new run
                                 that has no --from: may set options of the network, the update, and relative, in the run's own copy, by
                                 what the data are like; on all ranks the same */
};

/* What came of it. */
struct sab_outcome {
    size_t size;                 /* sizeof (struct sab_outcome) */
    int64_t steps;               /* updates of the run */
    int64_t updates;             /* of these, made by this call */
    double seconds;              /* of the run, before it was resumed too */
    double seconds_per_update;   /* a median of this call's */
    struct sab_metrics *last;    /* set by the caller: where the last evaluation goes, and that of the weights in */
    struct sab_metrics *best;    /* model.safetensors; NULL: not wanted */
    double best_values[SAB_METRICS_CAP]; /* all of that evaluation, by place in the table */
    int64_t best_step;           /* -1: none was made */
    int judged_by;               /* the metric that made it the best */
    int stopped_early;           /* stop_at or patience */
    char weights_digest[33];     /* of the weights after the last update */
};

/* sab_train, watched; resume 1 goes on with the run in the folder. Then options must agree in all that SAB_DECIDES with its
 * config.json, and steps must not be below those made. watch and outcome may be NULL. SAB_INTERRUPTED when the watcher stopped it
 * (unless nothing was left to do) and SAB_NUMERIC leave a run that can go on, and an outcome so far. A new run that fails before
 * its first update leaves nothing. */
SAB_API int sab_train_watched(const struct sab_options *options, int resume, const struct sab_watch *watch,
                              struct sab_outcome *outcome, struct sab_error *err);

/* The folder of the run that these options make: out, or runs/TASK-CREDIT-sSEED. buf holds cap bytes, 0 included; 4096 suffice. */
SAB_API int sab_run_folder(const struct sab_options *options, char *buf, size_t cap, struct sab_error *err);

/* The options of the run in a folder, to be freed with sab_options_free. */
SAB_API int sab_run_options(struct sab_options **out, const char *folder, struct sab_error *err);

/* Sets the options that a JSON object such as a run's config.json names. SAB_FORMAT, naming the key, leaves options as they were. */
SAB_API int sab_options_from_json(struct sab_options *options, const char *json, size_t nbytes, struct sab_error *err);

/* The model of a run, by its folder or by the file itself. */
SAB_API int sab_run_model(struct sab_model **out, const char *where, struct sab_error *err);

/* Reads the last `most` evaluations of the run in a folder (0: all), oldest first: row sees the n figures of each, step among
 * them; other than 0 from it ends the reading. A run that was just begun has none. SAB_FORMAT names the line that is no object. */
SAB_API int sab_run_history(const char *folder, int64_t most, int (*row)(void *user, const struct sab_figure *figures, int n),
                            void *user, struct sab_error *err);

/* ---- forecasts ----------------------------------------------------------------------------------------------- */

/* What a training would be and need. */
struct sab_forecast {
    size_t size;               /* sizeof (struct sab_forecast) */
    int64_t parameters;
    struct sab_shape shape;
    int sequence_steps;        /* of the longest batch */
    int has_files;             /* the task reads its data */
    int threads, shards;       /* a batch is worked on in so many parts */
    int recomputes;            /* activations are made again on the way back */
    double weights_nbytes;     /* in every layout, with optimiser, the best ones and a checkpoint */
    double gradients_nbytes, activations_nbytes;
    double budget_nbytes;      /* that the option memory leaves; infinite: any */
    double peak_nbytes;        /* resident, of the process that trains, to 10 % */
    double update_s, evaluation_s, run_s; /* seconds on this machine, mostly to a factor of 1.5; NaN with a device */
    double device_nbytes;      /* of the device's memory; 0: the processor computes */
    int device_steps;          /* that are computed at a time there */
};

/* Foretells the training that sab_train would do, from counts of the work and a glance (0.1 s) at what the machine can do. Nothing is
 * written. opened (may be NULL) sees the task, once its data are open. SAB_INVALID as sab_train; SAB_NOMEM where the memory cannot be
 * had. */
SAB_API int sab_forecast(const struct sab_options *options, void (*opened)(void *user, struct sab_task *task), void *user,
                         struct sab_forecast *out, struct sab_error *err);

/* The same of a task that is open, made with these options or settled by sab_settings: its files are not read again. */
SAB_API int sab_forecast_task(const struct sab_options *options, struct sab_task *task, struct sab_forecast *out, struct sab_error *err);

/* Of a training that is foretold to take more than an hour, the one option that makes it the shortest, its value, and the seconds it
 * would then take; name "" where it takes less, or nothing helps. Errors are those of sab_forecast. */
struct sab_shorter {
    char name[32], value[32];
    double run_s;
};
SAB_API int sab_forecast_shorter(const struct sab_options *options, const struct sab_forecast *forecast, struct sab_shorter *out,
                                 struct sab_error *err);

/* What `batches` batches of B sequences of T steps take on the processor, there and, with is_backward 1, back: *seconds, 0 where these
 * are few; *nbytes of memory beside the model's and the batch's. B = 1 and one batch: steps one by one, as of streams, at the least.
 * SAB_INVALID where no batch is of so many. */
SAB_API int sab_forecast_batches(const struct sab_model *model, int T, int B, double batches, int is_backward, int threads,
                                 double *seconds, double *nbytes, struct sab_error *err);

/* The seconds that sab_train's updates take on the processor, all at their full length; where these are few, 0. Draws a sequence. */
SAB_API int sab_forecast_training(const struct sab_options *options, struct sab_task *task, double *seconds, struct sab_error *err);

/* The sequences that sab_evaluate goes through, and the seconds it takes on the processor; where these are few they are not looked
 * into, and 0. */
SAB_API int sab_forecast_evaluation(const struct sab_options *options, struct sab_task *task, enum sab_split split,
                                    double *sequences, double *seconds, struct sab_error *err);

/* ---- models in use ------------------------------------------------------------------------------------------- */

/* Where an answer belongs: "row" 124, "series" "north", "time" "2024-05-01". */
struct sab_place {
    const char *name;
    const char *text; /* NULL: the number */
    int64_t number;
};

/* What a model says at one place, in the words and units of its data. Lives until the next one. */
struct sab_answer {
    const struct sab_place *places;
    int n_places;
    int O;
    int is_class;              /* one of O classes; else O values, or the probability of yes of each of O questions */
    const char *const *names;  /* [O] of classes, values or questions */
    const double *results;     /* [O] probabilities; values with the standardisation undone; NaN: nothing to say */
    const int *decimals;       /* [O] decimals that a value has digits for; -1 where its scale is not known */
    int best;                  /* the most probable class; -1: nothing to say, or no classes */
};

/* How a model's outputs are to be read: from its facts, it needs no data. Borrows the model. */
struct sab_answers;
SAB_API int sab_answers_create(struct sab_answers **out, const struct sab_model *model, struct sab_error *err);
SAB_API void sab_answers_free(struct sab_answers *answers);
/* The name of output o. */
SAB_API const char *sab_answers_name(const struct sab_answers *answers, int o);
/* Reads the outputs [O] of one step, whose input values were inputs [I] (not looked at where inputs are symbols). */
SAB_API const struct sab_answer *sab_answers_take(struct sab_answers *answers, const sab_real *outputs, const sab_real *inputs);

#define SAB_PLACE_CAP 128
/* Where step t, from 0, of sequence b of batch `index` of B of the split stands in a table: returns "time", and text is it as the
 * file writes times, or "row", and text is its number; "" of a row that is not in the file. NULL for tasks that are no table. */
SAB_API const char *sab_answers_place(const struct sab_answers *answers, struct sab_task *task, enum sab_split split, int64_t index,
                                      int B, int b, int t, char text[SAB_PLACE_CAP]);

/* Input value i of a step, of tables and arrays: 1, with its name ("" where it has none) and the mean and deviation by which it was
 * standardised; 0, and "", 0 and 1, of other data. */
SAB_API int sab_answers_input(const struct sab_answers *answers, int i, char name[SAB_PLACE_CAP], double *mean, double *deviation);

/* Answers the test part of the task that options name; they are the model's (sab_model_options), with data, batch, threads and
 * device as wanted. is_whole 1: every row of a series, and not only those that are scored. ahead: 0, or so many rows beyond the end
 * of each series, from forecasts where the horizon does not reach. take sees each answer in the order of the data; what it returns
 * other than SAB_OK ends all, and is returned. */
SAB_API int sab_predict(struct sab_model *model, const struct sab_options *options, int is_whole, int64_t ahead,
                        int (*take)(void *user, const struct sab_answer *answer, struct sab_error *err), void *user,
                        struct sab_error *err);

/* As sab_predict; begun (may be NULL) is told before the first answer how much there is to do: `batches` batches of B sequences of T
 * steps, or, where B is 1, so many chunks of series, step by step, and what lies ahead of them. */
SAB_API int sab_predict_watched(struct sab_model *model, const struct sab_options *options, int is_whole, int64_t ahead,
                                void (*begun)(void *user, int T, int B, double batches),
                                int (*take)(void *user, const struct sab_answer *answer, struct sab_error *err), void *user,
                                struct sab_error *err);

/* Lines of values as they come, of one series or, where a column names it, of several: each is answered with all the lines before
 * it remembered. Borrows the model and source, the name of the lines for messages. options: the model's, with those of data files
 * as the lines are written. state: "" or a file that sab_lines_save left. is_saved 1: it will be called. */
struct sab_lines;
SAB_API int sab_lines_create(struct sab_lines **out, struct sab_model *model, const struct sab_options *options, const char *source,
                             const char *state, int is_saved, struct sab_error *err);
SAB_API void sab_lines_free(struct sab_lines *lines);

/* Takes a line (its end may be there or not). The first may name columns: *is_head 1 and an answer that has names only. SAB_FORMAT
 * names the line, and whatever is not as in training; the state is then that of the line before. */
SAB_API int sab_lines_take(struct sab_lines *lines, const char *text, size_t nbytes, const struct sab_answer **answer, int *is_head,
                           struct sab_error *err);
/* Lines taken so far, the last included that failed. */
SAB_API int64_t sab_lines_count(const struct sab_lines *lines);
/* The state after the last answer, written atomically. SAB_INVALID where there was none. */
SAB_API int sab_lines_save(const struct sab_lines *lines, const char *path, struct sab_error *err);

/* Continues texts, for models of the task text. Borrows the model and name, what messages call it. state: "" or a file that
 * sab_generator_save left. */
struct sab_generator;
SAB_API int sab_generator_create(struct sab_generator **out, struct sab_model *model, const char *name, const char *state,
                                 struct sab_error *err);
SAB_API void sab_generator_free(struct sab_generator *generator);

/* Reads what comes before; source names it in messages. SAB_INVALID, naming line and column, where the model does not know a
 * character. */
SAB_API int sab_generator_read(struct sab_generator *generator, const char *source, const char *text, size_t nbytes,
                               struct sab_error *err);

/* How a symbol is drawn: p = exp(output / temperature), over the symbols kept. */
struct sab_sampling {
    size_t size;        /* sizeof (struct sab_sampling) */
    double temperature; /* 0: the most likely symbol */
    int top_k;          /* keeps the so many most likely; 0: all */
    double top_p;       /* then the fewest of these whose p reach this share, in (0, 1] */
    uint64_t seed;      /* the same seed draws the same text */
};

/* Draws the next symbol and reads it: *nbytes bytes of UTF-8, or one byte where the model's units are bytes. */
SAB_API int sab_generator_next(struct sab_generator *generator, const struct sab_sampling *how, char text[4], int *nbytes,
                               struct sab_error *err);
/* The state, written atomically: a generator that goes on from it writes what this one would. */
SAB_API int sab_generator_save(struct sab_generator *generator, const char *path, struct sab_error *err);

/* ---- weights from PyTorch ------------------------------------------------------------------------------------ */

/* A safetensors file with the state dict of an nn.LSTM, nn.GRU or nn.RNN and what stands around it: a linear layer becomes the
 * readout, an embedding is multiplied into the input's weights. Borrows path. prefix: that of the cell's names, "lstm."; "": the only
 * one. SAB_FORMAT where there is no such network, or one that sab does not have; SAB_INVALID where several fit. */
struct sab_foreign;
SAB_API int sab_foreign_open(struct sab_foreign **out, const char *path, const char *prefix, struct sab_error *err);
SAB_API void sab_foreign_close(struct sab_foreign *foreign);

/* Sets cell, hidden and layers as the file has them. */
SAB_API int sab_foreign_options(const struct sab_foreign *foreign, struct sab_options *options, struct sab_error *err);

/* A model with these weights; options must agree with the file. linear, embedding: what these layers are called, "": those that
 * fit, where sizes leave no choice. What the network has beside is drawn anew. */
SAB_API int sab_foreign_model(struct sab_foreign *foreign, struct sab_model **out, const struct sab_options *options,
                              const struct sab_shape *shape, const char *linear, const char *embedding, struct sab_error *err);

/* Tells where each tensor of the model made last came from (origin "taken", "zero" or "drawn"), then of each of the file that has
 * no place in it ("left"). */
SAB_API void sab_foreign_tell(const struct sab_foreign *foreign, const struct sab_model *model,
                              void (*tensor)(void *user, const char *origin, const char *name, const char *from), void *user);

/* ---- data ---------------------------------------------------------------------------------------------------- */

/* The i-th task by name, and in *help (may be NULL) what it is; NULL past the last. */
SAB_API const char *sab_task_name(int i, const char **help);

/* Has the training part read from now on as the others are: each sequence once, in the order of the file. */
SAB_API void sab_task_read_in_order(struct sab_task *task);

/* Whether accuracy and mse count step t of sequence b of a batch. */
SAB_API int sab_batch_scored(const struct sab_batch *batch, int t, int b);

/* The most of B sequences at a time that batches of the split have a use for: of few long series, not more than there are. */
SAB_API int sab_task_columns(const struct sab_task *task, enum sab_split split, int B);

/* What was understood of data, as facts (of a task or a model; may be NULL) tell it: line sees a label ("inputs") and a text
 * ("load, temp"); of a warning the label is "". Facts that are damaged tell nothing. */
SAB_API void sab_facts_tell(const char *facts, void (*line)(void *user, const char *label, const char *text), void *user);

#ifdef __cplusplus
}
#endif
#endif
