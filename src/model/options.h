/* What a network is, and how blame travels back in it: the options of the groups "model" and "credit". */
#ifndef SAB_MODEL_OPTIONS_H
#define SAB_MODEL_OPTIONS_H

#include "base/option.h"

struct sab_model_options {
    int model;            /* enum sab_kind */
    int cell;             /* enum sab_cell */
    int hidden;           /* H */
    int layers;
    int attention_width;  /* A; 0 means A = H */
    int score;            /* enum sab_score */
    int sparsifier;       /* enum sab_sparsifier */
    double read_floor;    /* z in alpha = r / max(sum r, z) of the relu sparsifier; 0 is the paper's */
    double read_bound;    /* least divisor of the relu sparsifier's gradient, sum r or z being less; the read is as it is, the
                             gradient biased where it holds; 0: exact */
    double read_gain;     /* G in h = hh + G s; 1 is the paper's */
    int write;            /* enum sab_write: what enters the memory, h (the paper's) or hh */
    int zero_memory;      /* 1: the memory begins with one zero vector, as in the 2019 release; not for carried state */
    int readout;          /* 1: y = h V1 + s V2 + b; 0: the outputs are h, or h and s; seq2seq always has one */
    int decoder_attention; /* seq2seq: 1: the decoder attends to all states of the source */
    int decoder_feed;     /* seq2seq: enum sab_feed */
    double forget_bias;   /* added to the LSTM forget gate's bias_ih at initialisation */
    double input_scale;   /* weight_ih of layer 0 starts uniform in +-input_scale/sqrt(H) */
    double key_scale;     /* recurrent: W1 and W2 start uniform in +-key_scale/sqrt(H) */
    double score_scale;   /* w3 (or w) starts uniform in +-score_scale/sqrt(A) */
    int heads;            /* transformer: of attention; hidden is a multiple of them */
    int positions;        /* transformer: enum sab_positions */
    int context;          /* transformer: how many positions are learned, the most steps of a batch */
    /* credit */
    int credit;           /* enum sab_credit */
    int k_top;            /* K: memories recalled per step */
    int k_att;            /* a memory is written every k_att steps */
    int pool;             /* enum sab_pooling: what of the k_att states a memory is made of */
    int segments;         /* memories of a segment, of which a step scores the sums first; 0: all memories are scored */
    int memory_slots;     /* most memories a step can read; 0: all */
    int keep;             /* enum sab_keeping: which memory leaves; other than the oldest needs memory_slots */
    int k_trunc;          /* steps per window */
    int mental_updates;   /* 1: gradient enters the recalled states; 0: they are constants */
    int forward;          /* enum sab_density */
    int backward;         /* enum sab_density; dense needs forward dense */
    int recompute;        /* enum sab_recompute: on keeps window starts only and replays each window in the backward pass */
    const char *memory;   /* what training may take, "512M": weights, optimiser, a batch and its gradients (the
                             program and its files come on top); "auto": a quarter of what the machine has free when
                             the first gradient is asked for, 2 GiB at the most; "none": any. Decides recompute auto;
                             a size that is never enough is an error */
};

extern const struct sab_rows sab_model_rows;

/* Checks ranges and combinations. */
int sab_model_options_check(const struct sab_model_options *options, struct sab_error *err);

/* Reads "512M" (K, M, G, T: powers of 1024), "auto" (or nothing) or "none": bytes, -1 for auto, INFINITY for none.
 * SAB_INVALID names the text and what is legal. */
int sab_memory_parse(const char *text, double *nbytes, struct sab_error *err);

#endif
