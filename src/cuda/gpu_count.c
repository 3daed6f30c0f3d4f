/* What a batch asks of a machine, counted and not measured: bytes of global memory that the layers' kernels read and write. Weights,
 * which they load once, are not among them; keys are counted as if no score were passed over. */
#include "base/alloc.h"
#include "base/error.h"
#include "cuda/gpu_state.h"

/* Of one step of one sequence that has `alive` memories to score and writes one or not; is_part: it is part of one, where several are. */
static double step_nbytes(const struct sab_gpu_pass *p, int backward, double alive, int writes, int is_part)
{
    const double Hp = p->Hp, G = p->G, Ap = p->Ap, K = p->K > 0 ? sab_gpu_entries(p) : 0, reads = alive < K ? alive : K;
    const double record = p->K > 0 ? 3 + 2 * reads : 0; /* numbers of 32 bits, as all here */
    double numbers;
    if (backward) { /* gates, states, gradients in; dpre out; and of the read: values, keys and what is added to both gradients */
        numbers = 2 * G * Hp + 2 * Hp + Hp + (p->fused ? 0 : G * Hp);
        numbers += p->K > 0 ? 2 * Ap + record + reads * (3 * Ap + (p->mental_updates ? 3 * Hp : Hp)) : 0;
        numbers += writes && p->mental_updates ? Hp + Ap : 0; /* the gradient of what it wrote */
        numbers += !is_part || !p->mental_updates ? 0 : p->pool == SAB_POOL_ATTENTION ? 6 * Hp : p->pool == SAB_POOL_MEAN ? Hp : 0;
        numbers += p->keep == SAB_KEEP_LEARNED ? 2 * reads : 0;
    } else { /* the input's product in; gates, c, h, hh and s out; scores read all keys */
        numbers = 2 * G * Hp + Hp * (1 + (p->has_c != 0) + (p->cell == SAB_CELL_GRU)) + (p->K > 0 ? 2 * Hp + Ap + record : 0);
        numbers += alive * Ap + reads * Hp + (writes ? Hp + Ap + (p->keep == SAB_KEEP_NOVEL ? alive * Hp : 0) : 0);
    }
    return numbers * sizeof(real);
}

void sab_gpu_count(struct sab_gpu *g, const struct sab_gpu_pass *p, int backward)
{
    for (int i = 0; i < p->len; i++) {
        const struct sab_ledger_step *step = p->K > 0 && g->ledger.steps ? &g->ledger.steps[p->t0 + i] : NULL;
        const double alive = step ? step->count - step->oldest : 0;
        const int writes = step && step[1].count > step->count && (backward || p->writes), is_part = step && step->count < p->memories;
        g->counts.kernel_nbytes[backward] += p->B * step_nbytes(p, backward, alive, writes, is_part);
    }
}

int sab_gpu_looked(struct sab_gpu *g, double *computed, double *all, struct sab_error *err)
{
    const int T = g->extent.T, B = g->sizes.B;
    const size_t n = (size_t)T * B;
    int32_t *looked = sab_alloc(n, sizeof *looked);
    int status = looked ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory for counts of %d steps", T);
    *computed = *all = 0;
    for (int l = 0; l < g->model->L && g->sizes.K > 0 && !status; l++) {
        if ((status = g->machine->get(g->machine, looked, g->layers[l].looked, n * sizeof *looked)) != SAB_OK)
            status = g->machine->wait(g->machine, err);
        for (int t = 0; t < T && !status; t++) {
            const int there = g->ledger.steps[t].count - g->ledger.steps[t].oldest;
            const int is_pruned = g->sizes.prune > 0 && there >= g->sizes.prune;
            for (int b = 0; b < B; b++)
                *computed += is_pruned ? looked[(size_t)t * B + b] : there, *all += there;
        }
    }
    sab_free(looked);
    return status;
}

const struct sab_gpu_counts *sab_gpu_counts(const struct sab_gpu *g)
{
    return &g->counts;
}
