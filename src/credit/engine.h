/* The inside of an engine: what a batch needs while it is worked on. See sab_engine_* in sab.h.
 *
 *     crew    a full and a last (smaller) shard per worker: there and back at once, or there only
 *     tape    a shard per SAB_SHARD sequences, which stays from the way there to the way back
 *
 * Both leave a gradient per shard, which is summed in a fixed tree. */
#ifndef SAB_CREDIT_ENGINE_H
#define SAB_CREDIT_ENGINE_H

#include <pthread.h>

#include "base/lockstep.h"
#include "credit/budget.h"

/* How a batch is dealt to shards, and what each of them adds up. */
struct sab_deal {
    int B, n_shards;
    struct sab_column *columns; /* [B] shard after shard */
    struct sab_loss_sums *sums; /* [n_shards] */
};

struct sab_crew; /* crew.c */
struct sab_device; /* cuda/device.h */
struct sab_comm;   /* sab_comm.h */
struct sab_share;  /* share.h */
struct sab_team;   /* base/team.h */

struct sab_engine {
    struct sab_model *model;      /* borrowed */
    int threads;
    struct sab_team *team;        /* as many as a batch has needed so far, or NULL */
    int members;                  /* of it, that the latest batch had work for */
    struct sab_lockstep lockstep; /* of a batch that is one shard; else of one member */
    struct sab_device *device;    /* NULL: the processor */
    struct sab_comm *comm;        /* NULL: one rank */
    struct sab_share *share;      /* its part of batches; NULL before there was a comm */

    /* What who holds it may set; all may be 0. */
    const volatile sig_atomic_t *stop; /* not 0: what is being computed ends soon, with SAB_INTERRUPTED */
    struct sab_profile *profile;  /* one per worker, borrowed from who measures */
    int most_steps;               /* of any batch to come, for all that is known: memory is taken for it */
    double beside_nbytes;         /* of the budget, what is taken beside: by an optimiser */
    int together;                 /* shards that are taken step by step at once; 0: as many as sab_extent_together says */
    int lanes;                    /* that take the steps of a batch of one shard together, whatever it costs; 0: as many as pay */
    int leaves_norm;              /* 1: who wants the norm of the gradient takes it himself */
    int leaves_gradient;          /* 1: the model's gradient stays on the device, for its sab_device_step */

    double budget_nbytes;         /* what the option memory came to; 0 until the first gradient */
    int recomputed;               /* 1: the last gradient ran its windows twice */
    struct sab_crew *crew;        /* the latest, or NULL */
    real *grads;                  /* [n_shards,n_padded], room for grads_count numbers */
    size_t grads_count;
    char *scratch;                /* of the shards of tapes: a part per worker */
    size_t scratch_nbytes;
    pthread_mutex_t lock;         /* of what follows: a tape may be freed by any thread, as garbage collectors do, at any time */
    struct sab_tape *spare;       /* freed tapes of one kind, for the next forward */
    int tapes;                    /* that are alive; the engine is freed with the last */
    int is_freed;
    double tapes_nbytes;          /* of those alive and spare */
};

/* ---- crew.c ------------------------------------------------------------------------------------------------------- */

/* SAB_NOMEM. */
int sab_deal_create(struct sab_deal *deal, int B, struct sab_error *err);
void sab_deal_free(struct sab_deal *deal);
/* Longest first, among equals in the order of the batch; a batch that carries state in its own order. */
void sab_deal_columns(struct sab_deal *deal, const struct sab_batch *batch);
/* The same, of what decides it: lengths NULL where all have T steps. */
void sab_deal_lengths(struct sab_deal *deal, int T, int B, const int32_t *lengths, int carries);

/* Workers for a number of shards. */
int sab_worker_count(int threads, int n_shards);
/* A team for so many workers; where a batch is one shard of a wide network, and the engine has several threads, for those that take its
 * steps together. SAB_NOMEM. */
int sab_engine_gather(struct sab_engine *engine, int n_shards, int workers, struct sab_error *err);

/* Bytes of the batch's arrays for each step. */
double sab_batch_step_nbytes(const struct sab_model *model, const struct sab_batch *batch);
/* Memories taken over that there must be room for. */
int sab_batch_carried_cap(const struct sab_model *model, const struct sab_batch *batch, int *carried);

/* The crew for this kind of call, the one kept or a new one in its place, and a team for it. */
int sab_crew_for(struct sab_engine *engine, const struct sab_batch *batch, int backward, const struct sab_extent *want,
                 struct sab_error *err);
/* Before the first batch is made: SAB_NOMEM, with what needs less, where the machine has not what going back through B sequences of T
 * steps needs at the least. */
int sab_crew_check(const struct sab_engine *engine, int T, int B, struct sab_error *err);
void sab_crew_free(struct sab_crew *crew);
struct sab_deal *sab_crew_deal(struct sab_crew *crew);
/* All shards there, and with grads back. `common` is what the work of all has in common. */
void sab_crew_run(struct sab_engine *engine, const struct sab_work *common);

/* ---- engine.c ----------------------------------------------------------------------------------------------------- */

/* Room for a gradient of n_shards shards; SAB_NOMEM. */
int sab_engine_make_room(struct sab_engine *engine, int n_shards, struct sab_error *err);
/* The batch is checked; the weights are made ready for it. */
struct sab_version sab_engine_prepare(struct sab_engine *engine);
static inline int sab_engine_is_stopped(const struct sab_engine *engine)
{
    return engine->stop && *engine->stop;
}
/* sab_engine_forward for who wants to see outputs and losses where they arise. */
int sab_engine_watch(struct sab_engine *engine, const struct sab_batch *batch, const struct sab_watcher *watcher,
                     struct sab_error *err);
/* The profile of a worker, or NULL. */
struct sab_profile *sab_engine_profile(const struct sab_engine *engine, int worker);
/* sab_budget_choose for a crew or a tape beside all that there is already, and a batch's arrays. */
int sab_engine_choose(struct sab_engine *engine, double data_nbytes, const struct sab_need *stored,
                      const struct sab_need *recomputed, int *backward, struct sab_error *err);
/* Whether such a need is within the budget beside all that. */
int sab_engine_allows(struct sab_engine *engine, double data_nbytes, const struct sab_need *need);
/* Shards to be taken together of a batch of B sequences; where reads are told, in order, one. */
int sab_engine_together(const struct sab_engine *engine, int B, int workers, int tells_reads);
/* SAB_INTERRUPTED: a batch that was left half done has no result. */
int sab_engine_check_stopped(const struct sab_engine *engine, struct sab_error *err);
/* What the way back of all shards has in common; what the request asks for is cleared. */
struct sab_work sab_request_work(const struct sab_request *request, const struct sab_model *model,
                                 const struct sab_batch *batch, double scale);

/* ---- outcome.c ---------------------------------------------------------------------------------------------------- */

/* Sums the shards' gradients up and leaves them where the request wants them. SAB_NOMEM. */
int sab_engine_reduce(struct sab_engine *engine, int n_shards, int workers, const struct sab_request *request,
                      struct sab_error *err);
/* Its two halves, for who adds in between: the engine's `count` gradients are those of shards `first` and on, of which each node of
 * this rank becomes the sum (tree.h); and the first gradient goes where the request wants it. */
int sab_engine_add_nodes(struct sab_engine *engine, int n_shards, int first, int count, int ranks, int workers,
                         struct sab_error *err);
void sab_engine_leave_sum(struct sab_engine *engine, const struct sab_request *request);
/* SAB_NUMERIC, naming the tensor, where what the request asked for is not finite; *norm is of the weights' gradient. */
int sab_engine_judge(const struct sab_engine *engine, const struct sab_request *request, double *norm,
                     struct sab_error *err);
/* The same of the loss, where there is one. */
int sab_engine_judge_loss(const struct sab_engine *engine, const struct sab_metrics *metrics, struct sab_error *err);
struct sab_metrics sab_deal_metrics(const struct sab_deal *deal, const struct sab_model *model);

/* ---- device.c: a checked batch where the engine has a device ----------------------------------------------------- */

/* Either outputs and metrics (each may be NULL), or what the watcher sees. */
int sab_engine_device_forward(struct sab_engine *engine, const struct sab_batch *batch, sab_real *outputs,
                              struct sab_metrics *metrics, const struct sab_watcher *watcher, struct sab_error *err);
int sab_engine_device_gradient(struct sab_engine *engine, const struct sab_batch *batch, const struct sab_request *request,
                               struct sab_metrics *metrics, struct sab_error *err);

/* ---- tape.c ------------------------------------------------------------------------------------------------------- */

/* sab_engine_forward of a checked batch with a tape. */
int sab_tape_forward(struct sab_engine *engine, const struct sab_batch *batch, sab_real *outputs,
                     struct sab_metrics *metrics, const struct sab_recall *recall, struct sab_tape **tape,
                     struct sab_error *err);
/* Frees the spare ones; the engine's lock is held. */
void sab_tapes_drop(struct sab_engine *engine);
/* What is left of an engine that is freed and has no tapes. */
void sab_engine_end(struct sab_engine *engine);

/* ---- batch_check.c ------------------------------------------------------------------------------------------------------ */

int sab_batch_check(const struct sab_model *model, const struct sab_batch *batch, struct sab_error *err);
/* Whether the model has a loss and the batch answers for it. */
int sab_batch_check_loss(const struct sab_model *model, const struct sab_batch *batch, struct sab_error *err);
/* Fills the local copy; *weight is what the loss is divided by: the request's, or else the batch's own. */
int sab_request_check(const struct sab_model *model, const struct sab_batch *batch, const struct sab_request *request,
                      struct sab_request *copy, double *weight, struct sab_error *err);

#endif
