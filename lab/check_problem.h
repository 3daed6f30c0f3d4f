/* A random problem for checking gradients: a batch and weights, both functions of the configuration and its seed. */
#ifndef SAB_LAB_CHECK_PROBLEM_H
#define SAB_LAB_CHECK_PROBLEM_H

#include "train/options.h"

struct sab_check_spec {
    struct sab_shape shape;
    int ragged;          /* lengths 1..T instead of T */
    int mask;            /* weights 0, 1 and between instead of 1 */
    int start;           /* a random initial state instead of 0 */
    int parts;           /* batches that go on from each other, of which the last has the loss; 1: just that one */
    double param_scale;  /* every weight is uniform in +-param_scale/sqrt(H) */
};

struct sab_check_problem {
    struct sab_model *model;
    int parts;
    struct sab_batch batch; /* its arrays belong to the problem; of several parts as sab_check_problem_part cuts them */
    sab_real *doutputs;     /* [T,B,O] where the model has no loss: the loss is sum(doutputs . outputs), up to each end */
    sab_real *dvalues;      /* [T,B,I], [L,B,H] answers; NULL where the batch has no such input */
    sab_real *dh0, *dc0;
};

/* T and B are config->task.T and config->shared.batch, of each part. Clear in every case. */
int sab_check_problem_make(struct sab_check_problem *problem, const struct sab_options *config,
                           const struct sab_check_spec *spec, struct sab_error *err);
/* Part i of 0..parts-1, without a state. */
struct sab_batch sab_check_problem_part(const struct sab_check_problem *problem, int i);
void sab_check_problem_clear(struct sab_check_problem *problem);

/* Gradients of the weights into the model's tensors, and the others; outputs [T,B,O] and *loss. */
int sab_check_problem_solve(struct sab_check_problem *problem, int threads, sab_real *outputs, double *loss,
                            struct sab_error *err);
/* The loss of outputs, summed in double. */
double sab_check_loss(const struct sab_check_problem *problem, const sab_real *outputs);

/* Writes the problem and the answers that are in the model's gradient as one safetensors file:
 *     x         I32 [T,B] or real [T,B,I]         y        labels I32 [T,B] or targets real [T,B,O]
 *     weight    real [T,B]                        lengths  I32 [B]; steps past the end count for nothing
 *     fresh     U8 [parts,B] of several parts: 1 where a sequence begins anew; x is then [parts*T,...], lengths [parts,B]
 *     scored    U8 [T,B], 1 from the step on where a decoder begins; only of a network that has one
 *     outputs   real [T,B,O]                      loss     real [1]
 *     param.NAME, grad.NAME                       for each tensor of the model
 *     h0, c0    real [L,B,H] of a random start    dh0, dc0, dvalues [T,B,I]  their gradient and that of real x
 *     output_mask, state_mask real [L,B,H] of --dropout and --dropout-recurrent
 *     doutputs  real [T,B,O] instead of y where the model has no loss
 * with config, shape and version as metadata. */
int sab_check_problem_export(const struct sab_check_problem *problem, const sab_real *outputs, sab_real loss,
                             const char *path, struct sab_error *err);

#endif
