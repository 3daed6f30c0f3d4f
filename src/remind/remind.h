/* The memory of past states, and reading from it.
 *
 *     key     u_i from m_i when it is written          query   v from hh_t
 *     score   a_i = score(u_i, v)                      i = 0..N-1, oldest first
 *     sparsify a -> alpha                              most are 0
 *     read    s = sum_i alpha_i m_i                    oldest first
 *
 * Rows of a layer: S sequences, each with its own memories. Steps t are 0-based here. When a memory is written, and which
 * are alive, stands in the ledger. Knows no cell, no window and no loss. */
#ifndef SAB_REMIND_REMIND_H
#define SAB_REMIND_REMIND_H

#include "base/lockstep.h"
#include "base/profile.h"
#include "kernels/row_blocks.h"
#include "remind/ledger.h"
#include "remind/pool.h"
#include "remind/read_kind.h"
#include "remind/segment.h"

struct sab_score_ops;

/* What scoring needs: the shape, the choice of score, and one layer's weights. */
struct sab_remind {
    const struct sab_kernels *kernels;
    const struct sab_score_ops *score;
    int H, Hp, A, Ap;        /* Ap: width of a key or query row */
    int K;                   /* k_top */
    struct sab_keep keep;
    struct sab_pool pool;
    int segment;             /* L: memories of a segment; 0: there are no segments */
    int sparsifier;          /* enum sab_sparsifier */
    real floor;              /* z of the relu sparsifier */
    real bound;              /* z_b: what its gradient is divided by at the least */
    int dense_forward, dense_backward;
    int mental_updates;
    struct sab_matrix W1, W2;   /* [H,Ap] */
    struct sab_matrix W1t, W2t; /* [Ap,Hp] transposed, rows 0..A-1 */
    const real *w;           /* w3 [Ap], or w_l [2,Hp] of release2019 */
    real wsum;               /* sum of w3 */
    double wnorm;            /* sum of |w3| */
    const real *gate;        /* [Hp] where what to keep is learned, else NULL */
    int keeps_rows;          /* 1: also what nobody needs any more of memories that have left, and of reads: for tests */
};

/* Gradients of one layer's attention weights, in the shapes above; each may be NULL where the score has none. ADD. */
struct sab_remind_grads {
    real *W1, *W2, *w, *gate, *pool;
};

/* ---- scores ---------------------------------------------------------------------------------------------------- */

/* A score is a pair of maps, m -> key and hh -> query, and a function of both. */
struct sab_score_ops {
    const char *name;
    int (*width)(int A); /* of a key row, before padding */
    /* x [R,Hp] -> these columns of y [R,Ap]: as key (is_query 0) or query (1). */
    void (*map)(const struct sab_remind *r, int is_query, int R, const real *x, struct sab_part part, real *y);
    /* These columns of dx [R,Hp] += gradient through the map; rows of x at a distance of x_stride, of dy at one of dy_stride. */
    void (*map_backward)(const struct sab_remind *r, int is_query, int R, const real *x, size_t x_stride, const real *dy,
                         size_t dy_stride, struct sab_part part, real *dx);
    /* Weights of the map, these columns of Ap, += from R rows of x and dy; to be called once for each row. */
    void (*map_weights)(const struct sab_remind *r, int is_query, int R, const real *x, const real *dy, struct sab_part part,
                        const struct sab_remind_grads *grads);
    /* a[0..N-1] for N key rows. */
    void (*scores)(const struct sab_remind *r, int N, const real *keys, const real *query, real *a);
    /* a[j] of key row at[j], j = 0..n-1: the same bits. */
    void (*scores_at)(const struct sab_remind *r, int n, const int32_t *at, const real *keys, const real *query, real *a);
    /* About a[j] of key row at[j], or where at is NULL of row j, and cheaper; returns how far at the most, but for roundings, from what
     * `scores` gives. May be `scores`: `estimates` tells whether it is not. NULL where drift is. */
    double (*estimate)(const struct sab_remind *r, int n, const int32_t *at, const real *keys, const real *query, real *a);
    int (*estimates)(const struct sab_remind *r);
    /* The most, but for roundings, that any score can differ between two queries; NULL where that is not known. */
    double (*drift)(const struct sab_remind *r, const real *query, const real *before);
    /* One score's gradient da to these columns of its key and the query, both before the map's elementwise function: dkey,
     * dquery ADD. */
    void (*backward)(const struct sab_remind *r, const real *key, const real *query, real da, struct sab_part part, real *dkey,
                     real *dquery, const struct sab_remind_grads *grads);
    /* dkey += what a key gets of the gradient dU of U, the mean of n key rows of which it is one; both before the map's elementwise
     * function. */
    void (*mean_backward)(const struct sab_remind *r, real n, const real *U, const real *dU, const real *key, real *dkey);
};

const struct sab_score_ops *sab_score_find(int score);

/* ---- the memory ------------------------------------------------------------------------------------------------ */

enum { SAB_BLOCK = 32 }; /* memories that a bound is kept of together, for prune.c */

/* What came of a question to some of the memories. */
struct sab_finding {
    int n;                                /* that can be selected */
    int reaching, are_many;               /* by their base; too many */
    int asked, asked_left;                /* whose blocks were asked, and could reach too */
    int estimated, estimated_left;        /* which were estimated, and may win */
};

/* What passes over too few memories to be worth its time rests for some of the steps that would try it. */
struct sab_rest {
    int length, left; /* how long now, and how much of it is left */
};

/* What is known of one sequence's scores from the step before, for prune.c. */
struct sab_standing {
    real *base;        /* [cap] of each memory its last score less `moved` then; of the newest not yet known */
    real *before;      /* [Ap] the query */
    int32_t *winners;  /* [K+1] what was selected */
    int n_winners, n;  /* 0: nothing is known; memories in base */
    double moved;      /* drift since `base` began */
    real *corners;     /* [cap / SAB_BLOCK,Ap] of each whole block the key that no score of its memories can be above */
    real *highest;     /* [cap / SAB_BLOCK] the scores of these */
    int n_blocks;      /* that have corners */
    struct sab_rest blocks, estimates; /* where they said little */
    int reaching;      /* memories that the step before could not pass over by their base */
    struct sab_finding findings[SAB_LOCKSTEP_MOST]; /* of lanes, while they look */
};

/* What a step asks of a sequence's memories: which of begin .. end-1 can be selected. */
struct sab_question {
    const real *keys, *query;
    int begin, end, known; /* memories whose base is known come before `known` */
    double moved, bar;     /* as standing->moved from now on; what a base must reach, -INFINITY: nothing is known */
};

struct sab_memory {
    int S, cap;    /* sequences; memories each has room for */
    struct sab_ledger ledger;
    real *M;       /* [S,cap,Hp] */
    int key_rows;  /* that there are of keys for each sequence: 0, of all memories, or of those that were alive lately */
    int first_key; /* the memory that the first of them is of */
    real *key;     /* [S,key_rows or cap,Ap] */
    struct sab_standing *standing; /* [S], or NULL: all scores are computed at each step */
    struct sab_segments segments; /* where memories are in segments; standing is then of these */
    int dM_rows;   /* that dM has for each sequence: all of cap, or as many as can wait for their gradient at once, taken in turn */
    real *dM;      /* [S,dM_rows,Hp]; NULL where no gradient is wanted */
    real *dkey;    /* [S,cap,Ap] */
    real *dworth;  /* [S,cap] where what to keep is learned, else NULL */
    struct sab_stretch stretch; /* the states since the latest memory, where a memory is made of several */
    real *scale;   /* [S,cap] of each memory's stretch, for the way back; NULL where there is none */
};

/* Rows of keys that memories of which there are `most` need, and their keys of some steps that write `written` of them. */
int sab_memory_key_rows(const struct sab_remind *r, int most, int written);
static inline real *sab_memory_keys(const struct sab_remind *r, const struct sab_memory *memory, int b)
{
    return memory->key + (size_t)b * (memory->key_rows > 0 ? memory->key_rows : memory->cap) * r->Ap;
}
/* Way back: makes the keys of memories begin .. end-1 be there, of which those from `end` on are needed no more. */
void sab_memory_bring_keys(const struct sab_remind *r, struct sab_memory *memory, int begin, int end);
/* out [n,Ap] = the keys of memories from .. from+n-1 of sequence b. */
void sab_memory_copy_keys(const struct sab_remind *r, const struct sab_memory *memory, int b, int from, int n, real *out);

/* Rows of dM that the way back needs for memories of which there are `most`. */
int sab_memory_waiting(const struct sab_remind *r, int most);
static inline real *sab_memory_gradient(const struct sab_remind *r, const struct sab_memory *memory, int b, int i)
{
    int row = memory->dM_rows == memory->cap ? i : i % memory->dM_rows;
    return memory->dM + ((size_t)b * memory->dM_rows + row) * r->Hp;
}

/* Ends step t of the way there, which began with h [S,Hp]: e [S,Hp], the state at hand, or what it and those before it are pooled to,
 * becomes a memory with its keys where one is due; scratch [S,Ap], with has_keys the keys of e. There must be room. draws [S], as
 * sab_span has them, or NULL. */
void sab_memory_step(const struct sab_remind *r, struct sab_memory *memory, int t, const real *e, const real *h, const uint64_t *draws,
                     int has_keys, real *scratch);

/* What memory m is worth that is written at a step that began with h. */
real sab_memory_worth(const struct sab_remind *r, const real *m, const real *h, uint64_t draw);

/* Makes all keys anew from the memories, and what depends on weights of what they are worth. */
void sab_memory_rekey(const struct sab_remind *r, struct sab_memory *memory);

/* These columns of dm [S,Hp] = gradient of memory i as state: its value's and, through its key, its scores'. */
void sab_memory_backward(const struct sab_remind *r, const struct sab_memory *memory, int i, struct sab_part part, real *dm);

/* de [S,Hp] = gradient of the states e [S,Hp] of step t through the memory that they are part of; returns 0, and leaves de alone, where
 * there is none. Of memories that are the last states, these columns; of others all. Steps newest first: the last of a stretch
 * completes its dM. grads ADD. */
int sab_memory_step_backward(const struct sab_remind *r, const struct sab_memory *memory, int t, const real *e, struct sab_part part,
                             real *de, const struct sab_remind_grads *grads);

/* Weight gradients of all keys, these columns of Ap, once the gradients of all memories are complete; and of the gate, which goes
 * with the first. */
void sab_memory_weights(const struct sab_remind *r, const struct sab_memory *memory, struct sab_part part,
                        const struct sab_remind_grads *grads);

/* ---- the read -------------------------------------------------------------------------------------------------- */

/* What one read selected: entries by rising index, but for the threshold. n 0: there was nothing to read. */
struct sab_read {
    int32_t n;
    int32_t kind;
    real Z;
};

/* The memory that an entry names. */
static inline int32_t sab_read_entry(int32_t index)
{
    return index < 0 ? ~index : index;
}

/* The reads of S sequences from step t0 on. */
struct sab_records {
    int S, t0;
    int is_made_again;      /* 1: they are of one span, and a replay selects again */
    struct sab_read *reads; /* [T,S] */
    int32_t *index;
    real *alpha;
    real *flow;             /* NULL, or room for what sab_read_backward reports: |alpha_i ds| */
};

/* Entries that steps 0..T-1 of one sequence need. */
size_t sab_records_count(const struct sab_remind *r, int carried, int T);
/* The read of sequence b at step t, and where its entries begin in index, alpha and flow. Dense reads need the ledger's entries. */
struct sab_read *sab_records_read(const struct sab_records *records, int t, int b);
size_t sab_records_at(const struct sab_remind *r, const struct sab_ledger *ledger, const struct sab_records *records, int t, int b);

/* The memories of begin..end-1 that can be selected, rising, into index, and their scores into a; returns how many: all of
 * them unless there are more than K and reads are sparse. standing may be NULL. sab_standing_begin makes it forget
 * what it knows of another batch, sab_standing_settle tells it what was selected. */
int sab_candidates(const struct sab_remind *r, const real *keys, int begin, int end, const real *query, real *a,
                   int32_t *index, struct sab_standing *standing);
/* The same by several lanes: each makes the question, with room for K+1 numbers in a, and findings for its memories from .. to-1, rising,
 * with room for as many in a and index; when all have, one ends it. Only where sab_question_is_shared. */
int sab_question_is_shared(const struct sab_remind *r, int begin, int end, const struct sab_lane *lane,
                           const struct sab_standing *standing);
struct sab_question sab_question_of(const struct sab_remind *r, const real *keys, int begin, int end, const real *query, real *a,
                                    const struct sab_standing *standing);
int sab_question_find(const struct sab_remind *r, const struct sab_question *question, int from, int to, real *a, int32_t *index,
                        struct sab_standing *standing, struct sab_finding *finding);
void sab_question_end(const struct sab_remind *r, const struct sab_question *question, int n, const struct sab_finding *findings,
                      struct sab_standing *standing);
void sab_standing_begin(struct sab_standing *standing);
/* What was memory `rows`, a multiple of SAB_BLOCK, is now the first. */
void sab_standing_shift(const struct sab_remind *r, struct sab_standing *standing, int rows);
void sab_standing_settle(const struct sab_read *read, const int32_t *index, struct sab_standing *standing);

/* The indices of the k <= n largest of a[0..n-1], largest first, of equal ones the first; and n indices sorted. */
void sab_largest(int n, const real *a, int k, int32_t *index);
void sab_sort_rising(int n, int32_t *index);

/* Fills read, index and alpha of a step that has N >= 1 memories from the scores a[0..n-1] of its n candidates, as
 * sab_candidates finds them; index counts candidates. index and alpha have room for sab_sparsify_cap(r, N) entries. */
int sab_sparsify_cap(const struct sab_remind *r, int N);
void sab_sparsify_forward(const struct sab_remind *r, int N, int n, const real *a, struct sab_read *read,
                          int32_t *index, real *alpha);
/* da[0..n-1] from g_i = m_i . ds and sds = s . ds. With a bound, that of the relu sparsifier is biased. */
void sab_sparsify_backward(const struct sab_remind *r, const struct sab_read *read, const real *alpha, const real *g,
                           real sds, real *da);

/* Room for the scores and candidates of each sequence; of all, one after the other, where strides are 0 and there is one lane. */
struct sab_read_room {
    real *scores;           /* [S,scores_stride] at least as many as memories can be alive, and K+1 */
    int32_t *candidates;    /* [S,candidates_stride] as many as memories can be alive */
    size_t scores_stride, candidates_stride;
};

/* The sequences, from .. end-1, whose reads are the lane's: some each, or all the first one's. */
void sab_read_sequences(const struct sab_lane *lane, int S, int *from, int *end);

/* s [S,Hp] of step t, of the lane's sequences: scores, sparsifies and records, or with replay takes what the records say, unless they are
 * made again. query [S,Ap] is
 * whole. All lanes call it; they may meet. profile may be NULL. */
void sab_read_forward(const struct sab_remind *r, struct sab_memory *memory, int t, const real *query, struct sab_records *records,
                      int replay, real *s, const struct sab_read_room *room, struct sab_lane *lane, struct sab_profile *profile);

/* The same where nothing is to be read: s is 0, and the records say so. */
void sab_read_nothing(const struct sab_remind *r, int S, int t, struct sab_records *records, real *s, struct sab_lane *lane);

/* From ds [S,Hp] and s [S,Hp], of these units and columns of keys, of which who has the first unit has the first: dquery [S,Ap] (before its
 * map's elementwise function), overwritten; memory->dM, dkey and grads ADD. scratch: room for 2 sab_sparsify_cap(r, N), each lane its
 * own. */
void sab_read_backward(const struct sab_remind *r, const struct sab_memory *memory, int t, const real *query,
                       const struct sab_records *records, const real *s, const real *ds, struct sab_part units, struct sab_part keys,
                       real *dquery, const struct sab_remind_grads *grads, real *scratch);

#endif
