/* The encoder-decoder (--model seq2seq): a recurrent network reads a sequence's source, a second one, with weights of its
 * own, goes on from its last state and answers.
 *
 * Where the source ends is data: at the first scored step of each sequence; a sequence in which nothing is scored is all
 * source. Row (t, b) is step t of sequence b. Knows no window, no span and no memory that is written: credit is all of
 * it, back through time. */
#ifndef SAB_BASELINES_SEQ2SEQ_H
#define SAB_BASELINES_SEQ2SEQ_H

#include "model/network.h"

/* The two networks, encoder and decoder, have tensors of the same roles; which of the two has one is its `layer` in the table of tensors.
 * A row beyond its sequence's end is on neither side: SAB_PAST, and nothing is computed for it. */
enum { SAB_ENCODER, SAB_DECODER, SAB_PAST };

enum { SAB_ROLE_ANSWER = SAB_ROLE_COUNT, SAB_ROLE_CONTEXT };

/* model->own */
struct sab_seq2seq {
    struct sab_cell_weights side[2];
    const real *rows_answer;              /* [O,GHp] one row per symbol answered */
    int attends;
    struct sab_matrix context, context_t; /* [H,GHp] and its transpose */
    struct sab_remind remind;             /* the score, its weights; keys are the encoder's states, queries the decoder's */
};

struct sab_seq2seq_shard {
    const struct sab_model *model;
    int S, T, backward, apart;
    const struct sab_work *work;
    int steps;         /* of its longest sequence */
    int *source;       /* [S] steps of the source */
    int *length;       /* [S] */
    int32_t *ids;      /* [T,S] or NULL */
    real *values;      /* [T,S,I] or NULL */
    real *dvalues;     /* [T,S,pad(I)] or NULL */
    int32_t *fed;      /* [T,S] the answer that enters the decoder; -1: none */
    real *h, *c;       /* [1+T,S,Hp] 0, then that of each step; c where the cell has one */
    real *pre;         /* [T,S,GHp] becomes the gates */
    real *pre_h;       /* [S,GHp] where the cell is not fused */
    real *extra;       /* [T,S,n_extra*Hp] */
    real *y, *context; /* [T,S,Op], [T,S,Hp] */
    real *query;       /* [T,S,Ap] */
    real *M, *key;     /* [S,T,Hp], [S,T,Ap] the source's states and their keys */
    real *alpha;       /* [T] */
    real *dh, *dc;     /* [S,Hp] */
    real *dcarry;      /* [S,Hp] from the step after, to h */
    real *dy;                  /* [T,S,Op] gradient of y; in its place unless apart */
    real *dh_out, *dcontext;   /* [T,S,Hp] from the readout; dcontext: and from the cell */
    real *dpre, *dpre_h;       /* [T,S,GHp]; one where the cell is fused */
    real *dquery, *dM, *dkey;  /* as query, M, key */
    real *dalpha;              /* [T] */
};

/* Consecutive rows on one side: rows p = t S + b from .. from+n-1. */
struct sab_seq2seq_run {
    int side, from, n;
};

/* Replaces a run by the next one, which ends at row `end` at most; returns 0 when there is none. Begin with n = 0. Rows beyond their
 * sequence's end are in no run. */
int sab_seq2seq_next(const struct sab_seq2seq_shard *shard, int end, struct sab_seq2seq_run *run);

/* alpha [source of b] of the decoder's row p. */
void sab_seq2seq_weigh(const struct sab_seq2seq_shard *shard, int p, real *alpha);

void sab_seq2seq_forward(struct sab_seq2seq_shard *shard, const struct sab_work *work, struct sab_loss_sums *sums);
/* After forward; grads [n_padded] ADD. */
void sab_seq2seq_backward(struct sab_seq2seq_shard *shard, const struct sab_work *work, real *grads);

static inline const struct sab_seq2seq *sab_seq2seq_of(const struct sab_model *model)
{
    return model->own;
}

#endif
