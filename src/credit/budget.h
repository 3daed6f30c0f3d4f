/* What a batch takes of memory, and whether the budget lets all its activations be stored. Nothing here changes a bit of a
 * result. */
#ifndef SAB_CREDIT_BUDGET_H
#define SAB_CREDIT_BUDGET_H

#include "model/network.h"

/* How a batch is cut, and what is wanted of its shards. */
struct sab_extent {
    int T, B, carried_cap; /* carried_cap: most memories taken over from the batch before */
    int workers, flow, dvalues, masks;
    int together;          /* shards that a worker takes step by step at once */
    int apart;             /* 1: the shards of a tape; 0: those of a crew, which do one after the other */
};

/* The room of a full shard of it, or of the last; S is 0 where there is no such. */
struct sab_room sab_extent_room(const struct sab_extent *extent, int is_last, int backward);

/* Shards to be taken together of a batch of B sequences, in a network like this one but with H units: several, where a step's weights are
 * large and there are enough shards for all workers. */
int sab_extent_together(const struct sab_model *model, int H, int B, int workers);

/* Threads, of so many, that take the steps of a batch of n_shards shards together, in such a network: more than one where the batch is a
 * single shard and a step has enough work. */
int sab_extent_lanes(const struct sab_model *model, int H, int n_shards, int threads);

struct sab_need {
    double activations; /* bytes, of all workers or of a tape */
    double gradients;   /* one per shard */
};

/* What a batch needs whose shards are SAB_FORWARD_ONLY, SAB_STORED or SAB_RECOMPUTED; SAB_NOMEM. */
int sab_need_count(const struct sab_model *model, const struct sab_extent *extent, int backward, struct sab_need *need,
                   struct sab_error *err);

/* What of the budget is taken before: the weights in every layout. */
double sab_held_nbytes(const struct sab_model *model);

/* Bytes of config.memory; what "auto" comes to now. config has been checked. */
double sab_budget_nbytes(const struct sab_model_options *config);

/* SAB_STORED or SAB_RECOMPUTED, as recompute says, or auto: stored where held bytes and the engine are within the budget.
 * SAB_NOMEM, naming need and budget, where the one chosen is beyond a --memory that the user has set. */
int sab_budget_choose(const struct sab_model_options *config, double budget, double held, const struct sab_need *stored,
                      const struct sab_need *recomputed, int *backward, struct sab_error *err);

#endif
