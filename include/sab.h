/* sab: recurrent networks with Sparse Attentive Backtracking (Ke et al., NeurIPS 2018, arXiv 1809.03702).
 *
 * The life of a model:
 *
 *     sab_options_create(...)        every option, with its default
 *     sab_options_parse(...)         "task=copy T=100 k-top=5"
 *     sab_task_create(...)           what to learn: makes batches, says the shape of input and output
 *     sab_model_create(...)          weights, initialised from the option seed
 *     sab_trainer_create(...)        optimiser state
 *     sab_trainer_update(...)        one update on one batch; again and again
 *     sab_evaluate(...)              loss and accuracy on a part of the data
 *     sab_model_evaluate(...)        outputs of a batch, what was recalled
 *
 * or sab_train(), which does all of it and leaves a run folder (sab_run.h has all about runs); or, with a loss and an optimiser of
 * the caller's own, an engine (docs/library.md).
 *
 * Rules that hold everywhere:
 *   - Dimensions: T steps, B sequences, I inputs, H hidden, A attention width, O outputs, N memories, K = k_top.
 *     Arrays are dense, row-major, the first index slowest; [T,B,I] is time, then sequence, then input.
 *   - A function that can fail returns an enum sab_status and, if err is not NULL, leaves one English sentence in
 *     err->message. On failure `*out` is left alone and nothing else has changed unless the comment says so.
 *   - Nothing here prints, exits, reads the environment or keeps global state. Different objects may be used from
 *     different threads at once, one object from one thread at a time; but engines, streams, sab_model_evaluate and _digest may work
 *     on one model from several threads, as long as nobody writes its weights. sab_model_gradient, and requests without grads,
 *     write the model's gradients: those one at a time.
 *   - Pointers passed in are borrowed for the call, and are not NULL where a comment does not say what NULL means; indices are in
 *     the range that it states. Wrong numbers in options, shapes, batches and enumerators are found: SAB_INVALID.
 *   - A struct that the caller makes, to be read here or filled, begins with size, and the caller sets it to sizeof that struct: so
 *     later versions can add members, at the end. A size that no version had is SAB_INVALID, an older one is served as far as
 *     it goes. Structs of the library's come as const pointers (sab_option, sab_tensor, ...); struct sab_error stays as it is.
 *   - Objects made by X_create are freed by X_free, which takes NULL. One that borrows another (a trainer, an engine, a stream its
 *     model, a tape its engine) is not used when that is gone, and is freed before it; a stream may be freed after.
 *   - The same options and seed give the same bits on one instruction set, for any number of threads; and on one GPU model.
 */
#ifndef SAB_H
#define SAB_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SAB_API __attribute__((visibility("default")))
#else
#define SAB_API
#endif

#define SAB_VERSION_MAJOR 0
#define SAB_VERSION_MINOR 1
#define SAB_VERSION_PATCH 0
#define SAB_VERSION "0.1.0"
/* SAB_VERSION of the library that is linked: a program may have been compiled with the header of another. */
SAB_API const char *sab_version(void);

/* The number type of weights and activations. Installed libraries use float; the double build exists for tests. */
#ifdef SAB_DOUBLE
typedef double sab_real;
#else
typedef float sab_real;
#endif

/* ---- errors ------------------------------------------------------------------------------------------------- */

enum sab_status {
    SAB_OK = 0,
    SAB_INVALID,     /* the caller's argument, option or combination is not legal */
    SAB_IO,          /* the system refused to open, read, write, sync or rename a file */
    SAB_FORMAT,      /* a file is damaged or not of the kind expected */
    SAB_NOMEM,       /* memory could not be had */
    SAB_NUMERIC,     /* NaN, Inf or an explosion: the message names the step, layer and tensor */
    SAB_INTERRUPTED  /* stopped on request; what was saved can be resumed */
};

struct sab_error {
    enum sab_status status;
    char message[512];
};

/* ---- options ------------------------------------------------------------------------------------------------ */

enum sab_kind { SAB_KIND_RECURRENT, SAB_KIND_TRANSFORMER, SAB_KIND_SEQ2SEQ }; /* the latter two are what it is compared with */
enum sab_cell { SAB_CELL_LSTM, SAB_CELL_GRU, SAB_CELL_RNN };
enum sab_credit { SAB_CREDIT_SAB, SAB_CREDIT_BPTT, SAB_CREDIT_TBPTT, SAB_CREDIT_ATTENTION };
/* Of memory m and state hh: w3 . tanh(m W1 + hh W2), both products clipped to +-21.5; (m W1) . (hh W2) / sqrt(A);
 * w . tanh([hh ; m]). */
enum sab_score { SAB_SCORE_MLP, SAB_SCORE_DOT, SAB_SCORE_RELEASE2019 };
enum sab_sparsifier { SAB_SPARSIFIER_RELU, SAB_SPARSIFIER_SOFTMAX, SAB_SPARSIFIER_RELEASE2019 };
enum sab_positions { SAB_POSITIONS_SINUSOIDAL, SAB_POSITIONS_LEARNED }; /* how a Transformer knows the order of steps */
enum sab_density { SAB_SPARSE, SAB_DENSE };
/* What a decoder is fed in an evaluation, the answers it gave or the labels; where a gradient is wanted, always labels. */
enum sab_feed { SAB_FEED_OWN, SAB_FEED_LABELS };
enum sab_write { SAB_WRITE_STATE, SAB_WRITE_PROVISIONAL };
/* Which memory leaves when there are more than memory_slots: the oldest, or that of least worth. */
enum sab_keeping { SAB_KEEP_RECENT, SAB_KEEP_SURPRISE, SAB_KEEP_USED, SAB_KEEP_NOVEL, SAB_KEEP_LEARNED, SAB_KEEP_RESERVOIR };
/* Of k_att states a memory is made of: the last, their mean, or the mean weighted by a learned query. */
enum sab_pooling { SAB_POOL_LAST, SAB_POOL_MEAN, SAB_POOL_ATTENTION };
/* What the way back needs of the way there: stored, replayed, or whichever fits the memory; same bits. */
enum sab_recompute { SAB_RECOMPUTE_OFF, SAB_RECOMPUTE_ON, SAB_RECOMPUTE_AUTO };
enum sab_optimizer { SAB_OPTIMIZER_ADAM, SAB_OPTIMIZER_ADAMW, SAB_OPTIMIZER_SGD };
/* Instruction sets; the fastest that the processor has is SAB_CPU_AUTO. */
enum sab_cpu { SAB_CPU_AUTO, SAB_CPU_REF, SAB_CPU_SSE2, SAB_CPU_AVX2, SAB_CPU_AVX512, SAB_CPU_NEON };
enum sab_rewrite { SAB_REWRITE_COPY, SAB_REWRITE_REVERSE, SAB_REWRITE_SORT }; /* of a source, the answers of the task transduce */
enum sab_by { SAB_BY_ROW, SAB_BY_PIXEL }; /* what of an image each step has */
enum sab_units { SAB_UNITS_BYTES, SAB_UNITS_CHARS };
/* What a table of rows is to teach: values some rows ahead, the answer of each row, one answer for each series. */
enum sab_goal { SAB_GOAL_FORECAST, SAB_GOAL_STEP, SAB_GOAL_SERIES };
enum sab_header { SAB_HEADER_AUTO, SAB_HEADER_ON, SAB_HEADER_OFF };
/* What becomes of cells without a value, of rows with the time of another, and of times that have no row. */
enum sab_missing { SAB_MISSING_ERROR, SAB_MISSING_LAST, SAB_MISSING_MASK, SAB_MISSING_SKIP };
enum sab_duplicates { SAB_DUPLICATES_ERROR, SAB_DUPLICATES_FIRST, SAB_DUPLICATES_LAST };
enum sab_gaps { SAB_GAPS_ERROR, SAB_GAPS_KEEP, SAB_GAPS_FILL };
/* How copying shows its symbols: each as a row of weight_ih, or its number as the one input, as in the 2019 release. */
enum sab_symbols { SAB_SYMBOLS_ROWS, SAB_SYMBOLS_NUMBER };
enum sab_schedule { SAB_SCHEDULE_CONSTANT, SAB_SCHEDULE_COSINE, SAB_SCHEDULE_STEP };

/* Every option of the program, under the same names (k-top is --k-top, and k_top will do). */
struct sab_options;

enum sab_option_kind {
    SAB_OPTION_INT,    /* whole numbers of 32 bits, */
    SAB_OPTION_INT64,  /* of 64, */
    SAB_OPTION_UINT64, /* and of 64 without a sign */
    SAB_OPTION_REAL,   /* finite double */
    SAB_OPTION_CHOICE, /* one of several names */
    SAB_OPTION_SWITCH, /* "on" or "off" */
    SAB_OPTION_TEXT    /* UTF-8, less than SAB_OPTION_CAP bytes */
};

/* What an option has to do with a run's result, the more the less. */
enum sab_option_effect {
    SAB_DECIDES, /* decides it: a resumed run keeps the option */
    SAB_RESUMES, /* may decide it, and may be another when a run is resumed */
    SAB_COSTS,   /* time and memory only */
    SAB_LOCAL    /* belongs to the machine and not to the run: no file of a model has it */
};

/* What is to be known of an option. */
struct sab_option {
    const char *name;            /* as on the command line, "k-top"; in config.json the same with underscores */
    int kind;                    /* enum sab_option_kind */
    size_t offset;               /* sab's own */
    int effect;                  /* enum sab_option_effect */
    double min, max;             /* numbers: the legal range, ends included; whole numbers are exact in a double */
    const char *const *choices;  /* choice: NULL-terminated, in the order of the enumerators; else NULL */
    const char *fallback;        /* the default as text */
    const char *group;           /* "model", "credit", "training", "task", "data" or "run" */
    const char *help;            /* one line, no full stop */
    const char *readers;         /* the networks (groups model and credit) or tasks (task and data) that look at it, separated
                                    by blanks; NULL: all do */
};

/* The i-th option, or NULL past the last; and by name, NULL if there is none. */
SAB_API const struct sab_option *sab_option_at(int i);
SAB_API const struct sab_option *sab_option_find(const char *name);
SAB_API int sab_option_count(void);

#define SAB_OPTION_CAP (1 << 16) /* bytes of any option's text, 0 included */
#define SAB_FACTS_CAP (3 << 20) /* bytes of sab_model_facts; escaped, they fit the header of a model's file */

/* Each option with its default. */
SAB_API int sab_options_create(struct sab_options **out, struct sab_error *err);
SAB_API int sab_options_clone(struct sab_options **out, const struct sab_options *options, struct sab_error *err);
SAB_API void sab_options_free(struct sab_options *options);

/* Sets an option from text. SAB_INVALID, naming the value and the legal range or the nearest known name, leaves options as
 * they were. Combinations are checked by sab_options_check. */
SAB_API int sab_options_set(struct sab_options *options, const char *name, const char *value, struct sab_error *err);

/* Sets several, "task=copy T=5 k-top=5": all or, on failure, none. A value with blanks stands in quotes of either kind. */
SAB_API int sab_options_parse(struct sab_options *options, const char *text, struct sab_error *err);

/* Writes the option's value as text that sab_options_set reads back to the same bits; buf holds cap bytes, 0 included.
 * SAB_INVALID for an unknown name or a buffer too small (SAB_OPTION_CAP always suffices). */
SAB_API int sab_options_get(const struct sab_options *options, const char *name, char *buf, size_t cap,
                            struct sab_error *err);

/* The same text without a copy: the option's own, or written into number. NULL: there is no such option. */
#define SAB_NUMBER_CAP 32
SAB_API const char *sab_options_value(const struct sab_options *options, const char *name, char number[SAB_NUMBER_CAP]);
/* The value as a number, exactly: of a choice its enumerator, of a switch 0 or 1. NaN for texts and unknown names. */
SAB_API double sab_options_number(const struct sab_options *options, const char *name);

/* Checks ranges and combinations of all. */
SAB_API int sab_options_check(const struct sab_options *options, struct sab_error *err);

/* ---- data ---------------------------------------------------------------------------------------------------- */

enum sab_input { SAB_INPUT_IDS, SAB_INPUT_VALUES };
/* Classes; values; O yes-or-no answers, each a logit (binary cross entropy); none but the caller's own: batches bring no
 * answers, and the way back begins with sab_request.doutputs; or the quantiles that the option quantiles lists, Q of them: outputs
 * o Q .. o Q + Q - 1 are those of target o, which stands Q times in a batch's targets (pinball loss). */
enum sab_loss { SAB_LOSS_CROSS_ENTROPY, SAB_LOSS_MSE, SAB_LOSS_BCE, SAB_LOSS_NONE, SAB_LOSS_QUANTILE };

/* What enters and leaves a model. */
struct sab_shape {
    size_t size; /* sizeof (struct sab_shape) */
    int input;   /* enum sab_input */
    int I;       /* number of symbols, or width of the value vectors */
    int loss;    /* enum sab_loss */
    int O;       /* classes, or width of the target vectors; with the option readout off, H: the outputs are then the hidden
                    state h of the last layer, or, where it has a memory, 2H: h and what was recalled, s */
};

/* One batch. Exactly one of ids and values, and one of labels and targets (both may be NULL to run without a loss). */
struct sab_batch {
    size_t size;              /* sizeof (struct sab_batch); to be set for sab_task_batch too */
    int T, B;
    const int32_t *ids;       /* [T,B], 0..I-1 */
    const sab_real *values;   /* [T,B,I] */
    const int32_t *labels;    /* [T,B], 0..O-1; read only where the weight is not 0 or scored is 1 */
    const sab_real *targets;  /* [T,B,O]; for yes-or-no answers 0..1 where the position counts */
    const sab_real *weight;   /* [T,B] >= 0, each position's share in the loss; NULL: 1 everywhere */
    const uint8_t *scored;    /* [T,B], 1 where accuracy and mse count; NULL: where the weight is not 0 */
    const int32_t *lengths;   /* [B], 1..T; what stands past the end is never read, counts for nothing; NULL: T */
    const uint8_t *fresh;     /* [B] 0: the sequence goes on from where column b of the batch before ended, its length
                                 there; with a memory, a multiple of k_att. 1: it begins anew. NULL with a state: all go on */
    struct sab_stream *state; /* of B sequences: h, c and memories that the batch starts from and leaves behind; memories are
                                 constants to the gradient; untouched on failure. NULL: all begin anew */
    const sab_real *h0, *c0;  /* [layers,B,H] what sequences begin with where there is no state; NULL: 0 */
    sab_real *hn, *cn;        /* [layers,B,H] h and c where each ended are left here, on the CPU; NULL: not wanted */
    const sab_real *output_mask, *state_mask; /* [layers,B,H] dropout's factors of each sequence (docs/math/dropout.md): of h before the
                                 next layer or the readout, and before weight_hh; NULL: 1. Recurrent networks, on the CPU */
};

/* loss = sum(weight * l) / sum(weight); l is cross entropy in nats, or the mean over O of squared errors, of binary
 * cross entropies in nats or of pinball losses. */
struct sab_metrics {
    size_t size;       /* sizeof (struct sab_metrics), set by the caller before the call that fills the rest */
    double loss;
    double accuracy;   /* fraction of scored positions whose largest logit is the label; of yes-or-no answers, fraction of
                          (scored position, output) pairs with logit > 0 just where target > 0.5; NaN for mse */
    double mse;        /* mean squared error on the scored positions, of the median of quantiles; NaN for the other losses */
    double weight;     /* sum of weights */
    int64_t scored;    /* number of scored positions */
    double grad_norm;  /* global norm before clipping; 0 where no gradient was computed */
};

struct sab_stream;

/* ---- model --------------------------------------------------------------------------------------------------- */

struct sab_model;

/* A named tensor of the model. Names and layouts of the cells are PyTorch's (weight_ih_l0 [G*H,I] with gate order
 * i f g o, or r z n; weight_hh_l0 [G*H,H]; bias_ih_l0, bias_hh_l0 [G*H]), then per layer with memory W1_l0 [H,A],
 * W2_l0 [H,A], w3_l0 [A] (mlp), W1_l0, W2_l0 (dot) or w_l0 [2H] (release2019: hidden, then memory), and, unless the
 * option readout is off, the readout V1 [H,O], V2 [H,O] (with memory), b [O]. An encoder-decoder has
 * encoder.weight_ih_l0, decoder.weight_ih_l0, ..., decoder.weight_answer [G*H,O], decoder.weight_context [G*H,H],
 * attention.W1, W2, w3 or w; context enters V2. A Transformer has embedding [I,H] (and embedding_bias [H] for values),
 * positions [context,H] if learned, layers.N.* and norm.* as PyTorch's nn.TransformerEncoder has them, V1 and b. */
struct sab_tensor {
    const char *name;
    int ndim;
    int shape[2];
    size_t count;      /* product of shape */
    sab_real *data;    /* may be written; the next call that computes sees the change */
    sab_real *grad;    /* as the last sab_model_gradient left it */
};

/* A model for the given shape (I and O in 1..2^24), weights drawn from the seed. Uses the options of the groups model
 * and credit, seed and cpu, and keeps a copy of all. SAB_INVALID where these do not go together, or where this processor or
 * build lacks cpu. */
SAB_API int sab_model_create(struct sab_model **out, const struct sab_options *options, const struct sab_shape *shape,
                             struct sab_error *err);
SAB_API void sab_model_free(struct sab_model *model);

SAB_API int sab_model_tensor_count(const struct sab_model *model);
/* i in 0..count-1; lives, as its pointers do, as long as the model. */
SAB_API const struct sab_tensor *sab_model_tensor(const struct sab_model *model, int i);
SAB_API const struct sab_shape *sab_model_shape(const struct sab_model *model);
SAB_API const struct sab_options *sab_model_options(const struct sab_model *model);

/* What the model knows of the data it was trained on (a vocabulary, means and deviations), as sab_task_facts gave it:
 * a JSON object, or NULL. Saved and loaded with the weights. Belongs to the model until the facts are set again. */
SAB_API const char *sab_model_facts(const struct sab_model *model);
/* Keeps a copy of the facts; NULL for none. SAB_INVALID when they are longer than SAB_FACTS_CAP bytes or no JSON object in
 * UTF-8. */
SAB_API int sab_model_set_facts(struct sab_model *model, const char *facts, struct sab_error *err);

/* Digest of the weights: XXH3-128 over all tensors in table order, as 32 hexadecimal digits. */
SAB_API void sab_model_digest(const struct sab_model *model, char hex[33]);

/* Sees each read as it is made, in order of t for each layer and sequence: n memories written at steps when[0..n-1]
 * (1-based; with --pool the last of the k_att steps that one covers) were recalled at step t (1-based) with weights
 * alpha[0..n-1]. A read of more than 4096 memories comes in several calls. The relu sparsifier's threshold comes last, with
 * alpha 0. Memories from before the batch have a step of 0 or less: how long ago; 0 where --keep chooses among them. */
struct sab_recall {
    size_t size; /* sizeof (struct sab_recall) */
    void (*read)(void *user, int layer, int t, int b, int n, const int32_t *when, const sab_real *alpha,
                 const sab_real *flow);
    void *user;
};

/* Forward only, with an engine for this one call: who calls often keeps an engine (below). outputs [T,B,O] (logits or values;
 * 0 past a sequence's end), metrics, recall: each may be NULL; recall: one thread, flow NULL. threads: sab_engine_create. */
SAB_API int sab_model_evaluate(struct sab_model *model, const struct sab_batch *batch, int threads, sab_real *outputs,
                               struct sab_metrics *metrics, const struct sab_recall *recall, struct sab_error *err);

/* Forward and backward: overwrites every tensor's grad with d loss / d tensor, cut as the options say. SAB_NUMERIC,
 * naming the layer and tensor, when the loss or a gradient is not finite; grad and metrics then hold what was computed.
 * With recall (may be NULL), reads are reported in reverse order of t, without those of windows that no gradient
 * reaches, and flow[i] is the norm of the gradient that recalled state i receives through this read's value. */
SAB_API int sab_model_gradient(struct sab_model *model, const struct sab_batch *batch, int threads,
                               struct sab_metrics *metrics, const struct sab_recall *recall, struct sab_error *err);

/* ---- engine -------------------------------------------------------------------------------------------------- */

/* What a batch needs while it is worked on: activations, gradients, threads. Borrows its model, which must outlive it and
 * its tapes; several engines may share one. threads: how many at most; 0 is one per processor. */
struct sab_engine;
SAB_API int sab_engine_create(struct sab_engine **out, struct sab_model *model, int threads, struct sab_error *err);
/* Tapes that are alive may be freed after it; nothing else may be done with them. */
SAB_API void sab_engine_free(struct sab_engine *engine);

/* Where the engine computes from now on: "cpu" (as it begins), "cuda" or "cuda:N", the N-th GPU, in builds with CUDA; or "host", the
 * GPU's code in its form for the processor, for tests. On a device, weights that were written here are seen by the next call as
 * ever; its forward has no tape and no recall, its gradient fills request's grads or the model's tensors and nothing else. Bits differ
 * between devices. SAB_INVALID, and the engine stays where it was, where this build or machine has no such device, or the model
 * needs what it cannot do. */
SAB_API int sab_engine_set_device(struct sab_engine *engine, const char *device, struct sab_error *err);

/* What is kept of a forward for the way back: activations, or, as the option recompute of the model says, only what they
 * can be made again from; the same bits. Several can be alive at once. */
struct sab_tape;

/* Forward. outputs [T,B,O] (logits or values; 0 past a sequence's end), metrics, recall and tape may each be NULL. With
 * recall, one thread is used and flow is NULL. A tape borrows the batch's arrays until it is freed. The batch's state goes on. */
SAB_API int sab_engine_forward(struct sab_engine *engine, const struct sab_batch *batch, sab_real *outputs,
                               struct sab_metrics *metrics, const struct sab_recall *recall, struct sab_tape **tape,
                               struct sab_error *err);

/* What a way back begins with and leaves; all but size may be 0. Arrays are overwritten unless told otherwise. */
struct sab_request {
    size_t size;                /* sizeof (struct sab_request) */
    const sab_real *doutputs;   /* [T,B,O] gradient of the outputs, not read past a sequence's end; NULL: of the model's own
                                   loss with the batch's answers */
    double total_weight;        /* what the own loss is divided by, where the batch is a part of something larger; 0: the
                                   sum of the batch's weights */
    int add;                    /* 1: gradients of weights are added to what is there */
    sab_real *grads;            /* gradients of weights, laid out as sab_model_flat has them; NULL: into the model's tensors */
    sab_real *dvalues;          /* [T,B,I] gradient of the input values */
    sab_real *dh0, *dc0;        /* [layers,B,H] gradient of the state that sequences began with; only the first window of
                                   k_trunc steps sends some. c as h, where the cell has one */
    const struct sab_recall *recall; /* reads in reverse order of t, without those of windows that no gradient reaches;
                                   flow[i] is the norm of the gradient that recalled state i receives through this read's value */
};

/* The way back of a tape, cut as the model's credit options say; it can be gone again with other requests, and tapes in any
 * order. SAB_INVALID where the weights are not those of its forward. SAB_NUMERIC, naming the tensor, when a gradient of
 * weights is not finite: what was asked for then holds what was computed. */
SAB_API int sab_tape_backward(struct sab_tape *tape, const struct sab_request *request, struct sab_error *err);
/* By any thread, whatever the engine or its other tapes do meanwhile. */
SAB_API void sab_tape_free(struct sab_tape *tape);

/* Forward and way back of the model's own loss at once: the bits of sab_engine_forward and sab_tape_backward, in less time and
 * memory. request may be NULL and has no doutputs. The batch's state goes on unless SAB_NUMERIC says that loss or gradient are
 * not finite. */
SAB_API int sab_engine_gradient(struct sab_engine *engine, const struct sab_batch *batch,
                                const struct sab_request *request, struct sab_metrics *metrics, struct sab_error *err);

/* All weights and their gradients, each in one array: tensor by tensor, each at theta + (data - theta); the gaps between them
 * are 0. Live as long as the model. */
struct sab_flat {
    sab_real *theta, *grad;
    size_t count;
};
SAB_API const struct sab_flat *sab_model_flat(struct sab_model *model);

/* ---- streaming ----------------------------------------------------------------------------------------------- */

/* The running state of B sequences, for networks that have one (--model recurrent): hidden state, cell state, memories,
 * starting from nothing. Borrows the model, whose weights must not change between steps; as the state of batches
 * (sab_batch.state, which needs memory_slots where there is a memory) it outlives them. Memories grow with the steps
 * taken, up to twice memory_slots if that is set. */
SAB_API int sab_stream_create(struct sab_stream **out, struct sab_model *model, int B, struct sab_error *err);
SAB_API void sab_stream_free(struct sab_stream *stream);
/* An independent copy of the state. */
SAB_API int sab_stream_clone(struct sab_stream **out, const struct sab_stream *stream, struct sab_error *err);
/* Returns N, the memories that a batch takes over; copies what is not NULL: h and c [layers,B,H], memories [layers,B,N,H], the oldest
 * first, first [B], the first that is the sequence's own (0..N), since [B], steps since its latest was written (0..k_att-1). And the
 * way back; c and memories NULL where there are none. SAB_INVALID or SAB_NUMERIC leave the stream alone, SAB_NOMEM too. */
SAB_API int sab_stream_get(const struct sab_stream *stream, sab_real *h, sab_real *c, sab_real *memories, int32_t *first, int32_t *since);
SAB_API int sab_stream_set(struct sab_stream *stream, int N, const sab_real *h, const sab_real *c, const sab_real *memories,
                           const int32_t *first, const int32_t *since, struct sab_error *err);
/* The state as a file (safetensors), written atomically, and back, for a model of the same weights (SAB_FORMAT for any
 * other): a stream that goes on to the bit. SAB_NUMERIC where the state is not finite. */
SAB_API int sab_stream_save(const struct sab_stream *stream, const char *path, struct sab_error *err);
SAB_API int sab_stream_load(struct sab_stream **out, struct sab_model *model, const char *path, struct sab_error *err);
/* One step: ids [B] or values [B,I] (the other NULL) -> outputs [B,O] (NULL: not wanted), the same bits as a whole sequence gives.
 * After a failure (SAB_NUMERIC, when an input or the state that came of it is not finite; SAB_INVALID, also when batches left
 * sequences at unlike steps since their latest memory; SAB_NOMEM) the step can be
 * taken again. */
SAB_API int sab_stream_step(struct sab_stream *stream, const int32_t *ids, const sab_real *values, sab_real *outputs,
                            struct sab_error *err);

/* ---- tasks --------------------------------------------------------------------------------------------------- */

struct sab_task;

/* The task named by the option task, over the files named by data and its fellows. With facts NULL, as for
 * training, what must be known of the data is learned from their training part. With the facts of a model, the data must
 * fit them: the same symbols, classes, columns; then data may be "", and what is not there is an error of
 * sab_task_batch only. SAB_IO, SAB_FORMAT name the file, and the line, column or byte. */
SAB_API int sab_task_create(struct sab_task **out, const struct sab_options *options, const char *facts,
                            struct sab_error *err);
SAB_API void sab_task_free(struct sab_task *task);
SAB_API const struct sab_shape *sab_task_shape(const struct sab_task *task);

/* What a model of this task must keep, for sab_model_set_facts: a JSON object that lives as long as the task, or NULL
 * where there is nothing to know. */
SAB_API const char *sab_task_facts(const struct sab_task *task);

/* The most steps that a batch of the task has. */
SAB_API int sab_task_steps(const struct sab_task *task);

/* Sets the options that are left to the task, for the model that will be made of them: where batches of training go on from
 * each other (text, long series) memories need an end, and memory_slots 0 becomes as many as a batch writes. SAB_INVALID when T
 * is then no multiple of k_att. */
SAB_API int sab_task_settle(struct sab_task *task, struct sab_options *options, struct sab_error *err);

/* Training learns from the first, chooses its best weights by the second, and never sees the third. */
enum sab_split { SAB_TRAIN, SAB_VALID, SAB_TEST };

/* Batches of B sequences (B >= 1) in one pass over the split; 0 where it has no end, as with tasks that draw their
 * data. */
SAB_API int64_t sab_task_batches(const struct sab_task *task, enum sab_split split, int B);

/* Batch number `index` of B sequences, a pure function of (options, files, split, index, B): nothing is remembered
 * between calls. For training, index is the number of the update, 0 and on without end: the sequences come in a new
 * order in each pass, and are shorter than T while the curriculum lasts. The other splits have 0..batches-1, in the
 * order of the file; the last may hold sequences of weight 0. The arrays belong to the task and hold until its next
 * call. Batches that go on from each other set fresh: sab_trainer_update keeps their state, sab_model_evaluate wants a stream in
 * batch->state, and sab_task_settle must have seen the model's options. SAB_INVALID also where the data have no such split. */
SAB_API int sab_task_batch(struct sab_task *task, enum sab_split split, int64_t index, int B, struct sab_batch *batch,
                           struct sab_error *err);

/* ---- training ------------------------------------------------------------------------------------------------ */

struct sab_trainer;

/* Optimiser state for the model; borrows it. Uses the options of the group training, and device. Where that is not "cpu", the weights are
 * newer on the device after an update and come here when they are asked for: what sab_model_tensor or sab_model_flat gave may be
 * read and written until the next update; after that, call it again. The tensors' gradients are then left alone. */
SAB_API int sab_trainer_create(struct sab_trainer **out, struct sab_model *model, const struct sab_options *options,
                               struct sab_error *err);
SAB_API void sab_trainer_free(struct sab_trainer *trainer);
/* One update: gradient, clip, optimiser, schedule, average. On SAB_NUMERIC (NaN, Inf, explosion) the weights and the
 * optimiser are as before the call. Where all weights are 0 the gradient is. */
SAB_API int sab_trainer_update(struct sab_trainer *trainer, const struct sab_batch *batch, struct sab_metrics *metrics,
                               struct sab_error *err);
/* Updates done so far. */
SAB_API int64_t sab_trainer_step(const struct sab_trainer *trainer);

/* An update in two parts: the gradient of the batch into the model's tensors, request as for sab_engine_gradient (NULL, or add and
 * total_weight, for an update on several batches); then clip, optimiser, schedule and average from what stands in the tensors,
 * which the caller may have put there too. *grad_norm, before clipping, may be NULL. A state that batches carry goes on with the
 * gradient, whatever becomes of the update. SAB_NUMERIC from apply leaves weights and optimiser as they were. SAB_INVALID with a
 * device, which takes updates whole. */
SAB_API int sab_trainer_gradient(struct sab_trainer *trainer, const struct sab_batch *batch, const struct sab_request *request,
                                 struct sab_metrics *metrics, struct sab_error *err);
SAB_API int sab_trainer_apply(struct sab_trainer *trainer, double *grad_norm, struct sab_error *err);

/* The learning rate of the next update; and from now on, instead of the schedule's (0: the schedule's again). A rate that was set is not
 * saved. */
SAB_API double sab_trainer_rate(const struct sab_trainer *trainer);
SAB_API int sab_trainer_set_rate(struct sab_trainer *trainer, double rate, struct sab_error *err);

/* The engine that the trainer works with: whoever evaluates with it between updates needs no memory of their own. */
SAB_API struct sab_engine *sab_trainer_engine(struct sab_trainer *trainer);

/* Weights, optimiser, updates done and the state between batches as a file (state.safetensors of a run), written atomically, and back
 * into a trainer whose options agree in all that SAB_DECIDES (else SAB_INVALID): training goes on to the bit. On failure nothing
 * has changed. */
SAB_API int sab_trainer_save(struct sab_trainer *trainer, const char *path, struct sab_error *err);
SAB_API int sab_trainer_load(struct sab_trainer *trainer, const char *path, struct sab_error *err);

/* Measures the model of an engine on the first eval_size sequences of a part of the data, the option batch at a time: the same
 * ones at each call. With eval_size 0, and where state goes on from batch to batch, all of it. SAB_NUMERIC when the loss is not
 * finite. */
SAB_API int sab_evaluate(struct sab_engine *engine, struct sab_task *task, enum sab_split split,
                         const struct sab_options *options, struct sab_metrics *metrics, struct sab_error *err);

/* All of the above: trains the task until steps or stop_at and leaves the run folder out, which must not
 * hold a run yet. best, if not NULL, gets the evaluation of the weights in its model.safetensors. On SAB_NUMERIC the folder
 * can be resumed (sab train --resume). */
SAB_API int sab_train(const struct sab_options *options, struct sab_metrics *best, struct sab_error *err);

/* Weights and options as safetensors (model.safetensors of a run), written atomically. SAB_NUMERIC, naming the tensor, where a
 * weight is not finite. */
SAB_API int sab_model_save(const struct sab_model *model, const char *path, struct sab_error *err);
SAB_API int sab_model_load(struct sab_model **out, const char *path, struct sab_error *err);

#ifdef __cplusplus
}
#endif
#endif
