/* See shape.h. */
#include "cuda/shape.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/layout.h"

/* What does not change of a shape, into it. */
static void lay_out_shape(struct sab_layout *at, struct sab_gpu_shape *s)
{
    const size_t alive = sab_gpu_chooses(&s->sizes) ? (size_t)s->B : 0;
    s->steps = sab_layout_take(at, (size_t)s->T + 1, sizeof *s->steps);
    s->when = sab_layout_take(at, (size_t)s->sizes.cap + 1, sizeof *s->when);
    s->n_alive = sab_layout_take(at, alive, sizeof *s->n_alive);
    s->worth = sab_layout_take(at, alive > 0, sizeof *s->worth);
}

/* A memory of zeros is worth the same whatever the weights are. */
static int worth_of_zeros(const struct sab_model *m, real *worth, struct sab_error *err)
{
    real *zeros = sab_alloc((size_t)m->H, sizeof *zeros);
    if (!zeros)
        return sab_fail(err, SAB_NOMEM, "no memory for a state of %d units", m->H);
    *worth = m->layers[0].remind.keep.choice->worth(m->H, zeros, zeros, zeros, 0);
    sab_free(zeros);
    return SAB_OK;
}

static int fill(const struct sab_gpu *g, struct sab_gpu_shape *s, struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    struct sab_layout count = {0};
    lay_out_shape(&count, s);
    char *here = sab_alloc(count.used, 1);
    if (!here)
        return sab_fail(err, SAB_NOMEM, "no memory for the ledger of %d steps", s->T);
    struct sab_layout layout = {.base = here};
    lay_out_shape(&layout, s);
    struct sab_ledger ledger = {.keep = &m->layers[0].remind.keep, .steps = s->steps, .when = s->when};
    sab_ledger_fill(&ledger, s->N + m->zero_memories, s->T);
    s->left = m->zero_memories ? 0 : ledger.n < s->sizes.slots ? ledger.n : s->sizes.slots;
    for (int b = 0; b < s->B && sab_gpu_chooses(&s->sizes); b++)
        s->n_alive[b] = m->zero_memories;
    int status = sab_gpu_chooses(&s->sizes) ? worth_of_zeros(m, s->worth, err) : SAB_OK;
    if (!status)
        status = mc->take(mc, &s->block, count.used, err);
    if (!status) {
        layout = (struct sab_layout){.base = s->block};
        lay_out_shape(&layout, s);
        mc->put(mc, s->block, here, count.used);
        status = mc->wait(mc, err);
    }
    sab_free(here);
    return status;
}

static void release(struct sab_gpu_shape *s, struct sab_machine *machine)
{
    if (s->block)
        machine->give(machine, s->block);
    sab_free(s);
}

static int make(struct sab_gpu_shape **out, struct sab_gpu *g, int T, int B, int N, int masks, struct sab_error *err)
{
    int status = sab_gpu_cut(g, T, B, N + g->model->zero_memories, masks, err);
    if (status)
        return status;
    struct sab_gpu_shape *s = sab_alloc(1, sizeof *s);
    if (!s)
        return sab_fail(err, SAB_NOMEM, "no memory for a shape of %d steps", T);
    *s = (struct sab_gpu_shape){.T = T, .B = B, .N = N, .masks = masks, .plan = g->plan, .sizes = g->sizes, .groups = g->groups,
                                .window_len = g->window_len, .n_windows = g->n_windows};
    status = g->model->K > 0 ? fill(g, s, err) : SAB_OK;
    if (status) {
        struct sab_error told;
        g->machine->wait(g->machine, &told); /* the same again: the next call begins without it */
        release(s, g->machine);
        return status;
    }
    *out = s;
    return SAB_OK;
}

int sab_gpu_shape_take(struct sab_gpu_shape **out, struct sab_gpu_shape **list, struct sab_gpu *g, int T, int B, int N, int masks,
                       struct sab_error *err)
{
    struct sab_gpu_shape *s = *list;
    while (s && (s->T != T || s->B != B || s->N != N || s->masks != masks))
        s = s->next;
    if (!s) {
        int status = make(&s, g, T, B, N, masks, err);
        if (status)
            return status;
        s->next = *list;
        *list = s;
    }
    g->plan = s->plan, g->sizes = s->sizes, g->groups = s->groups, g->window_len = s->window_len, g->n_windows = s->n_windows;
    g->ledger_steps = s->steps, g->when = s->when;
    g->extent = (struct sab_gpu_extent){.T = T, .B = B, .carried = N + g->model->zero_memories, .backward = 1, .masks = masks};
    *out = s;
    return SAB_OK;
}

void sab_gpu_shapes_free(struct sab_gpu_shape *list, struct sab_machine *machine)
{
    for (struct sab_gpu_shape *next; list; list = next) {
        next = list->next;
        release(list, machine);
    }
}
