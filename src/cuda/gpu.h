/* A recurrent network's updates on a machine (machine.h): weights, optimiser, activations and memories live there, batches go
 * there, and metrics come back. The same mathematics as credit/, cut otherwise: groups of sequences in clusters, and stretches of
 * as many steps as memory allows instead of spans. */
#ifndef SAB_CUDA_GPU_H
#define SAB_CUDA_GPU_H

#include <signal.h>

#include "cuda/machine.h"
#include "model/network.h"
#include "optim/options.h"

/* How a batch is cut; what is 0 is chosen. */
struct sab_gpu_plan {
    int S, C, threads, steps; /* steps of a stretch */
    int rows;                 /* of memories that each sequence has; in a wish nothing */
    int ring;                 /* memories whose keys are in shared memory; in a wish -1: none */
    int prune;                /* in a wish: memories from which on those that cannot win are not scored; -1: all always are */
    int looks;                /* in a wish 1: sab_gpu_looked will be asked */
    int held_forward, held_backward, shared_forward, shared_backward;
    double shared_nbytes[2];  /* of a block, forward and backward */
};

struct sab_gpu;

/* Counted since the side was made, not measured: bytes that the layers' kernels read and write of the machine's memory, forward and
 * backward (all windows, also those that no gradient enters). */
struct sab_gpu_counts {
    double kernel_nbytes[2];
};

/* SAB_INVALID, naming the option, for networks that are not on the GPU (yet). device is how the user called the machine. */
int sab_gpu_check(const struct sab_model_options *options, const char *device, struct sab_error *err);

/* Borrows both. SAB_INVALID as sab_gpu_check. The model's weights are taken. */
int sab_gpu_create(struct sab_gpu **out, struct sab_machine *machine, struct sab_model *model, struct sab_error *err);
void sab_gpu_free(struct sab_gpu *gpu);

/* For tests and measurements: how to cut from now on. */
void sab_gpu_wish(struct sab_gpu *gpu, const struct sab_gpu_plan *wish);
/* How the last batch was cut. */
const struct sab_gpu_plan *sab_gpu_plan(const struct sab_gpu *gpu);

const struct sab_gpu_counts *sab_gpu_counts(const struct sab_gpu *gpu);

/* Scores computed in the last batch's way there, of how many there were; with looks. */
int sab_gpu_looked(struct sab_gpu *gpu, double *computed, double *all, struct sab_error *err);

/* Where not 0: what is being computed ends after the stretch under way, with SAB_INTERRUPTED. May be NULL. */
void sab_gpu_listen(struct sab_gpu *gpu, const volatile sig_atomic_t *stop);

/* Bytes of the machine's memory that weights, optimiser and batches of that size, which take over so many memories, come to, and
 * steps of a stretch. SAB_NOMEM
 * where a batch does not fit. */
int sab_gpu_need(struct sab_gpu *gpu, const struct sab_optim_options *options, int T, int B, int carried, double *nbytes, int *steps,
                 struct sab_error *err);

/* Takes the model's weights, or gives it those of the machine. */
int sab_gpu_push(struct sab_gpu *gpu, struct sab_error *err);
int sab_gpu_pull(struct sab_gpu *gpu, struct sab_error *err);

/* The optimiser's own, laid out as theta: takes them, or gives them back. v may be NULL (sgd has none), and average. */
int sab_gpu_push_moments(struct sab_gpu *gpu, const sab_real *m, const sab_real *v, const sab_real *average, struct sab_error *err);
int sab_gpu_pull_moments(struct sab_gpu *gpu, sab_real *m, sab_real *v, sab_real *average, struct sab_error *err);

/* The last gradient, laid out as theta. */
int sab_gpu_pull_gradient(struct sab_gpu *gpu, sab_real *grads, struct sab_error *err);

/* In what follows a batch's state has been made ready (sab_stream_ready) and is left for the caller to turn.
 *
 * Shows the watcher outputs and losses: the losses are worked out here, by the processor's code. */
int sab_gpu_watch(struct sab_gpu *gpu, const struct sab_batch *batch, const struct sab_watcher *watcher, struct sab_error *err);
/* Outputs [T,B,O] (0 past a sequence's end) and metrics; each may be NULL. */
int sab_gpu_evaluate(struct sab_gpu *gpu, const struct sab_batch *batch, sab_real *outputs, struct sab_metrics *metrics,
                     struct sab_error *err);
/* The gradient of the model's loss, left on the machine; into grads [theta's layout] too unless it is NULL. Of the request (NULL: there is
 * none) total_weight, dvalues, dh0 and dc0. */
int sab_gpu_gradient(struct sab_gpu *gpu, const struct sab_batch *batch, const struct sab_request *request, sab_real *grads,
                     struct sab_metrics *metrics, struct sab_error *err);

/* One step of the optimiser with the last gradient, times scale (of clipping): moments begin at 0. SAB_NUMERIC where a result is
 * not finite; everything is then as before. */
int sab_gpu_step(struct sab_gpu *gpu, const struct sab_optim_options *options, double rate, double scale, int64_t t,
                 struct sab_error *err);

#endif
