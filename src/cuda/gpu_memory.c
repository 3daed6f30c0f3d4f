/* Rows of memories from stretch to stretch. Each sequence has as many rows as there are memories; or, where --memory-slots bounds
 * what can be read and there are several stretches, as many as one stretch can read or write, the oldest of them first, and from
 * stretch to stretch
 *
 *     forward     rows that the next stretch can read are kept for it (M_start, keys_start) and become its first
 *     backward    a stretch that is run again begins with those, and writes its memories again; gradients of the memories that it began
 *                 with go on to the stretch before (dM_end, dkeys_end), and those of its own are complete
 *
 * so that the memory that is needed does not grow with the sequence. */
#include <limits.h>

#include "cuda/gpu_state.h"

int sab_gpu_memory_rows(struct sab_gpu *g, int T, int steps)
{
    const struct sab_keep *keep = &g->model->layers[0].remind.keep;
    const int stretches = (T + steps - 1) / steps;
    g->slides = 0;
    /* Where a rule chooses, what is alive may be of any age; states would have to be pooled again from the middle of a stretch. */
    if (g->model->K == 0 || stretches == 1 || keep->slots == INT_MAX || g->extent.has_state || g->model->zero_memories ||
        sab_gpu_chooses(&g->sizes) || sab_gpu_is_pooled(&g->sizes))
        return g->memories;
    const double rows = (double)keep->slots + steps / keep->k_att + 2;
    g->slides = 2 * rows + (double)stretches * keep->slots < 2.0 * g->memories;
    return g->slides ? (int)rows : g->memories;
}

int sab_gpu_memory_base(const struct sab_gpu *g, int stretch)
{
    return g->slides ? g->ledger.steps[stretch * g->steps].oldest : 0;
}

/* Memories that a stretch begins with: in its first rows. */
static int begun(const struct sab_gpu *g, int stretch)
{
    const struct sab_ledger_step *step = &g->ledger.steps[stretch * g->steps];
    return step->count - step->oldest;
}

/* n rows of each sequence, of `width` numbers, from row `from_first` on to row `to_first` on; without `from` they become 0. */
static void move(struct sab_gpu *g, int n, int width, real *to, int to_rows, int to_first, const real *from, int from_rows, int from_first)
{
    struct sab_gpu_rows rows = {.n = n, .m = g->sizes.B, .width = from ? width : 0, .to_width = width,
                                .to = to + (size_t)to_first * width, .to_i = (size_t)width, .to_j = (size_t)to_rows * width,
                                .from = from ? from + (size_t)from_first * width : NULL, .from_i = (size_t)width,
                                .from_j = (size_t)from_rows * width};
    g->machine->rows(g->machine, &rows);
}

/* Where what a stretch begins with is kept. */
static real *start_of(const struct sab_gpu *g, real *starts, int stretch, int width)
{
    return starts + (size_t)stretch * g->sizes.B * g->sizes.slots * width;
}

void sab_gpu_memory_open(struct sab_gpu *g, int l, int stretch)
{
    const struct sab_gpu_layer *y = &g->layers[l];
    const int cap = g->sizes.cap, slots = g->sizes.slots, Hp = g->sizes.Hp, Ap = g->sizes.Ap, n = g->slides ? begun(g, stretch) : 0;
    if (n == 0)
        return;
    move(g, n, Hp, y->M, cap, 0, start_of(g, y->M_start, stretch, Hp), slots, 0);
    move(g, n, Ap, y->keys, cap, 0, start_of(g, y->keys_start, stretch, Ap), slots, 0);
}

void sab_gpu_memory_close(struct sab_gpu *g, int l, int stretch)
{
    const struct sab_gpu_layer *y = &g->layers[l];
    const int cap = g->sizes.cap, slots = g->sizes.slots, Hp = g->sizes.Hp, Ap = g->sizes.Ap, next = stretch + 1;
    const int n = g->slides && next < g->stretches ? begun(g, next) : 0;
    if (n == 0)
        return;
    const int first = sab_gpu_memory_base(g, next) - sab_gpu_memory_base(g, stretch);
    move(g, n, Hp, start_of(g, y->M_start, next, Hp), slots, 0, y->M, cap, first);
    move(g, n, Ap, start_of(g, y->keys_start, next, Ap), slots, 0, y->keys, cap, first);
}

void sab_gpu_make_keys(struct sab_gpu *g, int l)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    const struct sab_gpu_layer *y = &g->layers[l];
    const size_t rows = (size_t)g->sizes.cap * g->sizes.B;
    if (g->bent) {
        mc->bend(mc, rows * m->Hp, y->M, g->bent);
        mc->zero(mc, y->keys, rows * m->Ap * sizeof(real));
        mc->gemm(mc, 0, 0, (int)rows, 1, m->H, g->bent, m->Hp, sab_gpu_weights(g, SAB_ROLE_W, l) + m->Hp, 1, 0, y->keys, m->Ap);
        return;
    }
    mc->gemm(mc, 0, 0, (int)rows, m->Ap, m->H, y->M, m->Hp, sab_gpu_weights(g, SAB_ROLE_W1, l), m->Ap, 0, y->keys, m->Ap);
    if (m->config.score == SAB_SCORE_MLP)
        mc->exp2x(mc, rows * m->Ap, y->keys);
}

static void key_products(struct sab_gpu *g, int B, int l)
{
    const struct sab_gpu_layer *y = &g->layers[l];
    const struct sab_model *m = g->model;
    const size_t rows = (size_t)g->sizes.cap * B;
    if (g->bent) {
        g->machine->bend(g->machine, rows * m->Hp, y->M, g->bent);
        g->machine->gemm(g->machine, 1, 0, m->H, 1, (int)rows, g->bent, m->Hp, y->dkeys, m->Ap, 1,
                         sab_gpu_gradient_of(g, SAB_ROLE_W, l) + m->Hp, 1);
        return;
    }
    g->machine->gemm(g->machine, 1, 0, m->H, m->Ap, (int)rows, y->M, m->Hp, y->dkeys, m->Ap, 1,
                     sab_gpu_gradient_of(g, SAB_ROLE_W1, l), m->Ap);
}

void sab_gpu_memory_back(struct sab_gpu *g, int B, int stretch)
{
    const struct sab_model *m = g->model;
    const int cap = g->sizes.cap, slots = g->sizes.slots, Hp = m->Hp, Ap = m->Ap;
    if (m->K == 0 || (stretch > 0 && !g->slides))
        return;
    for (int l = 0; l < m->L; l++) {
        const struct sab_gpu_layer *y = &g->layers[l];
        const int n = stretch > 0 ? begun(g, stretch) : 0;
        if (n > 0) {
            move(g, n, Hp, y->dM_end, slots, 0, y->dM, cap, 0);
            move(g, n, Ap, y->dkeys_end, slots, 0, y->dkeys, cap, 0);
            move(g, n, Ap, y->dkeys, cap, 0, NULL, 0, 0);
        }
        key_products(g, B, l);
        if (stretch == 0)
            continue;
        g->machine->zero(g->machine, y->dM, (size_t)cap * B * Hp * sizeof(real));
        g->machine->zero(g->machine, y->dkeys, (size_t)cap * B * Ap * sizeof(real));
        const int first = sab_gpu_memory_base(g, stretch) - sab_gpu_memory_base(g, stretch - 1);
        if (n > 0) {
            move(g, n, Hp, y->dM, cap, first, y->dM_end, slots, 0);
            move(g, n, Ap, y->dkeys, cap, first, y->dkeys_end, slots, 0);
        }
    }
}
