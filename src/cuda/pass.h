/* One recurrent layer over a stretch of steps, as the GPU's kernels see it: sizes and where everything lies.
 *
 * The batch is cut into groups of S sequences. A group is taken through by C blocks, the ranks of a cluster: rank r has the
 * units r U .. r U + U - 1 of each gate and state, the columns r W .. r W + W - 1 of keys and queries, and of the memory
 * those parts. What a rank needs of the others' units, h and hh forward, dpre and dquery backward, they write into its
 * shared memory.
 *
 * Read by C (the host form, and the driver) and by C++ (nvcc). */
#ifndef SAB_CUDA_PASS_H
#define SAB_CUDA_PASS_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/limits.h"
#include "remind/ledger.h"
#include "remind/read_kind.h"
#include "sab.h"

#ifndef SAB_KERNELS_KERNELS_H
typedef sab_real real;
#endif

#ifdef SAB_DOUBLE
#define SAB_GPU_EPSILON 0x1p-52
#else
#define SAB_GPU_EPSILON 0x1p-23f
#endif

#ifdef __CUDACC__
#define SAB_GPU_BOTH static __host__ __device__ inline
#else
#define SAB_GPU_BOTH static inline
#endif

enum {
    SAB_GPU_MOST_RANKS = 8,  /* blocks of a portable cluster */
    SAB_GPU_MOST_GROUP = 16, /* sequences of a group: 1, 2, 4, 8 or 16 */
    SAB_GPU_FEW = 2,         /* sequences of a group, up to which four lanes share a unit: with more there is work for all */
    SAB_GPU_HELD = 64,       /* weights of the state's product that a thread holds in registers, */
    SAB_GPU_HELD_ROWS = 1024, /* of so many rows at most */
    SAB_GPU_BLOCK = 32,      /* memories that are scored or passed over together (prune.inc) */
    SAB_GPU_BLOCKS = 2048    /* of those that a group's shared memory has room for, at most */
};

/* A panel of weights for a product y[c] = sum_k x[k] W(k,c): rank after rank, column after column, each column's rows together.
 * Rows are padded with 0 to a multiple of 64, and where they are held in registers to a power of two. */
struct sab_gpu_panel {
    const real *data; /* [C, cols, rows] */
    int rows, cols;   /* of one rank */
};

/* Where a rank's shared memory has what, in numbers from its begin. x: padded to what a panel's rows are. */
struct sab_gpu_layout {
    int part, part2, part3;        /* the state's, the query's and the key's product: [S, cols] */
    int query, w, wsum;            /* [S,W], [W], [1] */
    int index, alpha, n, kind, Z;  /* of the read at hand: [S,entries], [S,entries], [S] */
    int h, hh, stage, c;           /* forward: [2,S,Hx], [S,Qx], [S,G U], [S,U] */
    int masked;                    /* forward: h times its mask, as h; where there is none, h */
    int scores, picks, pick_index; /* forward: [C,S,score_room], [S,lists,K+1] */
    int best;                      /* forward: [S,K+1] the largest scores, in order */
    int ring;                      /* forward: [S,ring,W] keys of the newest memories, m at m modulo ring */
    int ranking, first;            /* forward: [threads/32,64]; [S] */
    int drift, before, wnorm;      /* forward, prune.inc: [C,S], [S,W], [1] */
    int moved, least, places;      /* likewise: doubles [S]; [S]; [S] */
    int blocks, bound;             /* likewise: [S,blocks] */
    int alive, worth;              /* forward, keep.inc: [S,alive_cap]; the number alive is in places */
    int fresh, apart, ended;       /* likewise: [S] worth of the memory at hand; [C,S,score_room]; [S] steps of each sequence */
    int bent;                      /* forward, score release2019: [2,S,Qx] what the maps of query and key are of */
    int sum, begin, top, Z_sum;    /* forward, pool.inc: [S,Qx], [S,Qx], [S], [S] of the stretch at hand */
    int less, weight;              /* likewise: [S] */
    int dots, dpool;               /* backward, pool.inc: [C,S,3], [S,U] */
    int dpre, dquery, dkey;        /* backward: [2,S,Gx], [S,Ax], [S,Ax] */
    int g, da;                     /* backward: [C,S,entries], [S,entries] */
    int ds, dhh, dh, dc, dw;       /* backward: [S,U]; dw [S,W] */
    int gates, states, losses;     /* backward, of the step to come: [S,G U], [2,S,U], [2,S,U] */
    int query_panel, key_panel;    /* where they are in shared memory */
    int end;
};

struct sab_gpu_pass {
    int B, S, C;                 /* S sequences a group, C ranks */
    int H, Hp, G, U;             /* U = Hp / C */
    int A, Ap, W;                /* W = Ap / C */
    int shift_U, shift_W;        /* of which these are powers of two, or -1 */
    int K, slots;
    int cap, base;               /* rows of memories that a sequence has, and the number of the memory in the first */
    int K_lanes;                 /* the power of two that is K + 1 or more */
    int cell, score, sparsifier, write, mental_updates; /* enums of sab.h */
    int keep, pool, k_att;       /* likewise; steps of a stretch */
    int is_dense, is_dense_back; /* reads are of all memories; and all get gradient, or the K largest alone */
    int memories;                /* of the batch, in all */
    int alive_cap;               /* where the rule chooses: places of memories that are alive, and one more */
    int fused, has_c;
    int is_masked;               /* 1: the state's product takes h times its mask (dropout) */
    real gain, floor, bound, score_scale;
    real fade, recalled;         /* of the rule (remind/ledger.h) */
    int t0, len;                 /* steps of this stretch; t0 counts from the batch's first step */
    int window_len, n_windows;   /* steps per window; windows of the whole batch */
    int replay;                  /* 1: reads are taken from the records */
    int writes;                  /* 0: memories are there already */
    int held;                    /* 1: the state's product has its weights in registers */
    int in_shared;               /* 1: the panels of the other products are copied to shared memory */
    int score_room;              /* scores of one sequence that there is room for; in shared memory unless `scores` is given */
    int threads;                 /* of a block; a multiple of 32 */
    int prune;                   /* with so many memories or more, those that cannot win are not scored; 0: all always are */
    int ring;                    /* memories whose keys are in shared memory: a power of two, or 0 */
    struct sab_gpu_layout at;    /* filled at the launch: read from constant memory it takes no registers */

    /* weights */
    struct sab_gpu_panel state;  /* forward W_hh [H, G U]; backward its transpose [G Hp, U] */
    struct sab_gpu_panel query;  /* forward W2 [H, W]; backward its transpose [Ap, U]; of release2019 half of w, the others 0 */
    struct sab_gpu_panel key;    /* W1, likewise */
    const real *bias_h;          /* [G Hp] of the state's product, where the cell is not fused; NULL */
    const real *h_mask;          /* [B,Hp] where is_masked */
    const real *w;               /* [Ap] w3 of mlp, else NULL */
    const real *gate, *pool_query; /* [Hp], NULL where nothing asks */

    /* activations of the stretch, [len or len+1, B, width] */
    real *pre;                   /* [len,B,G Hp] input's product with biases; then the gates */
    real *extra;                 /* [len,B,Hp] gru */
    real *c, *h;                 /* [len+1,B,Hp]: the state entering comes first */
    real *hh, *s;                /* [len,B,Hp]; hh is h[1..] where there is no memory */
    real *query_out;             /* [len,B,Ap] */

    /* the memory, and records of all steps of the batch */
    const struct sab_ledger_step *steps; /* [T+1] the ledger's, NULL where there is no memory */
    const int32_t *when;         /* [memories of the batch] likewise */
    const int32_t *first;        /* [B] */
    real *M, *keys;              /* [B,cap,Hp], [B,cap,Ap] */
    real *dM, *dkeys;            /* NULL forward */
    int32_t *read_n, *read_kind; /* [T,B] */
    real *read_Z;                /* [T,B] */
    int32_t *index;              /* [T,B,entries] rising, but for the threshold, which is the last; complemented: it gets no gradient */
    real *alpha;                 /* [T,B,entries] */
    real *scores;                /* [groups,C,S,score_room] or NULL; as many again where distances of memories are asked for */
    int32_t *looked;             /* [T,B] memories that were scored, or NULL: nobody asks */
    const int32_t *ends;         /* [B] steps of each sequence, after which what it keeps stays as it is; NULL: all steps */
    int32_t *alive, *n_alive;    /* [B,alive_cap], [B] from stretch to stretch, where the rule chooses; else NULL */
    real *alive_worth;           /* [B,alive_cap] likewise */
    const real *drawn;           /* [len,B] worth of a memory written then, where it is drawn */
    real *worth;                 /* [B,cap] when it was written, where what to keep is learned */
    real *sum, *begin, *top, *Z_sum; /* [B,Hp], [B,Hp], [B], [B]: a stretch of states that goes on in the next call */
    real *scale;                 /* [B,cap] of each memory's stretch, where it is pooled by attention */

    /* backward */
    const real *dh_out, *ds_out; /* [len,B,Hp]; ds_out may be NULL */
    real *dpre, *dpre_h;         /* [len,B,G Hp], zero where no gradient goes; the same array where fused */
    real *dquery;                /* [len,B,Ap], zero likewise */
    real *dw;                    /* [groups,Ap] ADD: of w3, a group alone */
    real *dpool;                 /* [groups,Hp] ADD: of pool_query, likewise */
    real *dworth;                /* [C,B,cap] ADD: each rank has all of it */
    unsigned char *touched;      /* [groups,C,n_windows] */
    const unsigned char *active_in; /* [groups,n_windows] 1: gradient comes from above or the loss */
    unsigned char *active_out;   /* [groups,n_windows] */
    real *dh0, *dc0;             /* [B,Hp] NULL, or what the first window sends to the state entering the batch */
};

SAB_GPU_BOTH int sab_gpu_groups(const struct sab_gpu_pass *p)
{
    return (p->B + p->S - 1) / p->S;
}

SAB_GPU_BOTH int sab_gpu_pad64(int n)
{
    return (n + 63) / 64 * 64;
}

/* Most scores of one sequence that a step can need. */
SAB_GPU_BOTH int sab_gpu_scores(const struct sab_gpu_pass *p)
{
    return p->cap < p->slots ? p->cap : p->slots;
}

/* Most entries of a read. */
SAB_GPU_BOTH int sab_gpu_entries(const struct sab_gpu_pass *p)
{
    return p->is_dense ? p->score_room : p->K + 1;
}

/* Whether a rule chooses which memory leaves. */
SAB_GPU_BOTH int sab_gpu_chooses(const struct sab_gpu_pass *p)
{
    return p->keep != SAB_KEEP_RECENT;
}

/* Whether a memory is made of several states. */
SAB_GPU_BOTH int sab_gpu_is_pooled(const struct sab_gpu_pass *p)
{
    return p->pool != SAB_POOL_LAST;
}

/* Whether a group's scores go to global memory: where they are too many for a block's shared memory to have beside the rest. */
SAB_GPU_BOTH int sab_gpu_scores_are_global(const struct sab_gpu_pass *p)
{
    return (size_t)p->score_room * p->C * p->S * sizeof(real) > (size_t)32 << 10;
}

/* Into how many lists the scores of one sequence are cut at most, to look for the largest: as many as lanes can merge. */
SAB_GPU_BOTH int sab_gpu_lists(const struct sab_gpu_pass *p)
{
    int lists = (p->score_room + 127) / 128;
    return p->K >= 64 || lists < 1 ? 1 : lists < 32 ? lists : 32;
}

/* Blocks of memories of one sequence. */
SAB_GPU_BOTH int sab_gpu_blocks(const struct sab_gpu_pass *p)
{
    return p->score_room / SAB_GPU_BLOCK + 1;
}

SAB_GPU_BOTH int sab_gpu_take(struct sab_gpu_layout *l, int n)
{
    int at = l->end;
    l->end += (n + 3) / 4 * 4; /* 16 bytes, what a copy of four numbers needs */
    return at;
}

/* What a rule that chooses needs forward, and states that are pooled. */
SAB_GPU_BOTH void sab_gpu_lay_out_kept(struct sab_gpu_layout *l, const struct sab_gpu_pass *p)
{
    const int S = p->S, Qx = p->query.rows, is_pooled = sab_gpu_is_pooled(p);
    if (sab_gpu_chooses(p)) {
        l->places = sab_gpu_take(l, S);
        l->alive = sab_gpu_take(l, S * p->alive_cap);
        l->worth = sab_gpu_take(l, S * p->alive_cap);
        l->fresh = sab_gpu_take(l, S);
        l->apart = sab_gpu_take(l, p->keep != SAB_KEEP_NOVEL || p->scores ? 0 : p->C * S * p->score_room);
    }
    if (sab_gpu_chooses(p) || is_pooled)
        l->ended = sab_gpu_take(l, S);
    if (is_pooled) {
        l->sum = sab_gpu_take(l, S * Qx);
        l->begin = sab_gpu_take(l, S * Qx);
        l->top = sab_gpu_take(l, S);
        l->Z_sum = sab_gpu_take(l, S);
        l->less = sab_gpu_take(l, S);
        l->weight = sab_gpu_take(l, S);
    }
}

SAB_GPU_BOTH struct sab_gpu_layout sab_gpu_lay_out(const struct sab_gpu_pass *p, int backward)
{
    struct sab_gpu_layout l = {0};
    const int S = p->S, U = p->U, W = p->W, C = p->C, K1 = p->K + 1, entries = sab_gpu_entries(p);
    l.part = sab_gpu_take(&l, S * p->state.cols);
    if (backward) {
        l.dpre = sab_gpu_take(&l, 2 * S * p->state.rows);
        l.ds = sab_gpu_take(&l, S * U);
        l.dhh = sab_gpu_take(&l, S * U);
        l.dh = sab_gpu_take(&l, S * U);
        l.dc = sab_gpu_take(&l, S * U);
        l.gates = sab_gpu_take(&l, S * p->G * U);
        l.states = sab_gpu_take(&l, 2 * S * U);
        l.losses = sab_gpu_take(&l, 2 * S * U);
    } else {
        l.h = sab_gpu_take(&l, 2 * S * p->state.rows);
        l.masked = p->is_masked ? sab_gpu_take(&l, 2 * S * p->state.rows) : l.h;
        l.stage = sab_gpu_take(&l, S * p->state.cols);
        l.c = sab_gpu_take(&l, S * U);
    }
    if (p->K == 0)
        return l;
    l.part2 = sab_gpu_take(&l, S * p->query.cols);
    l.part3 = sab_gpu_take(&l, S * p->key.cols);
    l.query = sab_gpu_take(&l, S * W);
    l.w = sab_gpu_take(&l, W);
    l.wsum = sab_gpu_take(&l, 1);
    l.index = sab_gpu_take(&l, S * entries);
    l.alpha = sab_gpu_take(&l, S * entries);
    l.n = sab_gpu_take(&l, S);
    l.kind = sab_gpu_take(&l, S);
    l.Z = sab_gpu_take(&l, S);
    if (backward) {
        l.dquery = sab_gpu_take(&l, S * p->query.rows);
        l.dkey = sab_gpu_take(&l, S * p->key.rows);
        l.g = sab_gpu_take(&l, C * S * entries);
        l.da = sab_gpu_take(&l, S * entries);
        l.dw = sab_gpu_take(&l, S * W);
        if (p->pool == SAB_POOL_ATTENTION) {
            l.dots = sab_gpu_take(&l, C * S * 3);
            l.dpool = sab_gpu_take(&l, S * U);
        }
    } else {
        l.hh = sab_gpu_take(&l, S * p->query.rows);
        l.bent = sab_gpu_take(&l, p->score == SAB_SCORE_RELEASE2019 ? 2 * S * p->query.rows : 0);
        l.scores = sab_gpu_take(&l, p->scores ? 0 : C * S * p->score_room);
        l.picks = sab_gpu_take(&l, S * sab_gpu_lists(p) * K1);
        l.pick_index = sab_gpu_take(&l, S * sab_gpu_lists(p) * K1);
        l.best = sab_gpu_take(&l, S * K1);
        l.ranking = sab_gpu_take(&l, p->threads / 32 * 64);
        l.first = sab_gpu_take(&l, S);
        l.ring = sab_gpu_take(&l, S * p->ring * W);
        if (p->prune > 0) {
            l.drift = sab_gpu_take(&l, C * S);
            l.before = sab_gpu_take(&l, S * W);
            l.wnorm = sab_gpu_take(&l, 1);
            l.moved = sab_gpu_take(&l, 2 * S);
            l.least = sab_gpu_take(&l, S);
            l.places = sab_gpu_take(&l, S);
            l.blocks = sab_gpu_take(&l, S * sab_gpu_blocks(p));
            l.bound = sab_gpu_take(&l, S * sab_gpu_blocks(p));
        }
        sab_gpu_lay_out_kept(&l, p);
    }
    if (p->in_shared) {
        l.query_panel = sab_gpu_take(&l, p->query.rows * p->query.cols);
        l.key_panel = sab_gpu_take(&l, p->key.rows * p->key.cols);
    }
    return l;
}

#endif
