/* How a batch is cut for a machine: sequences a group, ranks, where weights live. */
#ifndef SAB_CUDA_PLAN_H
#define SAB_CUDA_PLAN_H

#include "cuda/gpu.h"

/* Fills what wish leaves 0. pass has the network's sizes, B, cap and slots. SAB_INVALID where nothing fits. */
int sab_gpu_plan_make(struct sab_machine *machine, const struct sab_gpu_pass *pass, const struct sab_gpu_plan *wish,
                      struct sab_gpu_plan *plan, struct sab_error *err);

/* The pass as cut by the plan, forward or backward: S, C, U, W, panels' sizes, held, in_shared, threads. */
void sab_gpu_plan_apply(const struct sab_gpu_plan *plan, int backward, struct sab_gpu_pass *pass);

#endif
