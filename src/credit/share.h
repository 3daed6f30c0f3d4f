/* A batch shared by ranks: which sequences are this rank's, and the sum of all ranks' gradients. See sab_comm.h.
 *
 * A rank takes whole shards, which stand one after the other in the order in which sequences are dealt; its part is a batch of its
 * own for the engine. */
#ifndef SAB_CREDIT_SHARE_H
#define SAB_CREDIT_SHARE_H

#include "comm/comm.h"
#include "credit/engine.h"

struct sab_share {
    int n_shards, first, count; /* of the whole batch; this rank's */
    int place;                  /* of this rank's first sequence in the order in which they are dealt */
    struct sab_deal deal;       /* of the whole batch */
    struct sab_batch part;      /* B 0: this rank has nothing to do */
    char *arrays;               /* of the part */
    size_t arrays_nbytes;
    real *incoming;             /* the other ranks' nodes, this rank's slice of the weights */
    size_t incoming_count;
};

/* Makes the part out of the whole batch, whose state is this rank's. SAB_NOMEM. The part holds until the next call. */
int sab_share_cut(struct sab_share *share, const struct sab_comm *comm, const struct sab_model *model,
                  const struct sab_batch *whole, struct sab_error *err);
void sab_share_clear(struct sab_share *share);

/* Sets is_own[b], of B, to 1 where sequence b of a batch with these lengths (NULL: all T) will be in this rank's part, else to 0. carries:
 * it will have a state. SAB_NOMEM. */
int sab_share_mark(struct sab_share *share, const struct sab_comm *comm, int T, int B, const int32_t *lengths, int carries,
                   uint8_t *is_own, struct sab_error *err);

/* Sequences from `place` on of rank `rank`; where they are in the batch is in share->deal.columns. */
int sab_share_sequences(int B, int ranks, int rank, int *place);

/* Collective: sab_engine_gradient of an engine with a communicator. `status` other than SAB_OK, with its message in err: this rank
 * has failed already and has no batch but its T and B; the others are told. */
int sab_share_gradient(struct sab_engine *engine, int status, const struct sab_batch *whole, const struct sab_request *request,
                       struct sab_metrics *metrics, struct sab_error *err);

#endif
