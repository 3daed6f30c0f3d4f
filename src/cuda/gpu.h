/* A recurrent network's updates on a machine (machine.h): weights, optimiser, activations and memories live there, batches go
 * there, and metrics come back. The same mathematics as credit/, cut otherwise: groups of sequences in clusters, and stretches of
 * as many steps as memory allows instead of spans. */
#ifndef SAB_CUDA_GPU_H
#define SAB_CUDA_GPU_H

#include "cuda/machine.h"
#include "model/model.h"
#include "optim/options.h"

/* How a batch is cut; what is 0 is chosen. */
struct sab_gpu_plan {
    int S, C, threads, steps; /* steps of a stretch */
    int held_forward, held_backward, shared_forward, shared_backward;
    double shared_nbytes[2];  /* of a block, forward and backward */
};

struct sab_gpu;

/* Borrows both. SAB_INVALID for what is not on the GPU (yet): other networks, dense reads, release2019. */
int sab_gpu_create(struct sab_gpu **out, struct sab_machine *machine, struct sab_model *model, struct sab_error *err);
void sab_gpu_free(struct sab_gpu *gpu);

/* For tests and measurements: how to cut from now on. */
void sab_gpu_wish(struct sab_gpu *gpu, const struct sab_gpu_plan *wish);
/* How the last batch was cut. */
const struct sab_gpu_plan *sab_gpu_plan(const struct sab_gpu *gpu);

/* Takes the model's weights, or gives it those of the machine. */
int sab_gpu_push(struct sab_gpu *gpu, struct sab_error *err);
int sab_gpu_pull(struct sab_gpu *gpu, struct sab_error *err);

/* Outputs [T,B,O] (0 past a sequence's end) and metrics; each may be NULL. */
int sab_gpu_evaluate(struct sab_gpu *gpu, const struct sab_batch *batch, sab_real *outputs, struct sab_metrics *metrics,
                     struct sab_error *err);
/* The gradient of the model's loss, left on the machine; into grads [theta's layout] too unless it is NULL. */
int sab_gpu_gradient(struct sab_gpu *gpu, const struct sab_batch *batch, sab_real *grads, struct sab_metrics *metrics,
                     struct sab_error *err);

/* One step of the optimiser with the last gradient, times scale (of clipping): moments begin at 0. SAB_NUMERIC where a result is
 * not finite; everything is then as before. */
int sab_gpu_step(struct sab_gpu *gpu, const struct sab_optim_options *options, double rate, double scale, int64_t t,
                 struct sab_error *err);

#endif
