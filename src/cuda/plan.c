/* See plan.h. The choice is that of the least time by a rough count: clocks of a step, times how often the machine must be
 * filled. It need not be exact, only the same each time, since results depend on it in their last bits. */
#include "cuda/plan.h"

#include <limits.h>
#include <math.h>

#include "base/error.h"

enum { THREADS = 512 };

static int shift_of(int n)
{
    for (int shift = 0; shift < 31; shift++)
        if (1 << shift == n)
            return shift;
    return -1;
}

void sab_gpu_plan_apply(const struct sab_gpu_plan *plan, int backward, struct sab_gpu_pass *p)
{
    p->S = plan->S;
    p->C = plan->C;
    p->threads = plan->threads;
    p->U = p->Hp / p->C;
    p->W = p->Ap / p->C;
    p->held = backward ? plan->held_backward : plan->held_forward;
    p->in_shared = backward ? plan->shared_backward : plan->shared_forward;
    p->state.rows = sab_gpu_pad64(backward ? p->G * p->Hp : p->Hp);
    if (p->held) {
        int rows = 64;
        while (rows < p->state.rows)
            rows *= 2;
        p->state.rows = rows;
    }
    p->state.cols = backward ? p->U : p->G * p->U;
    p->query.rows = p->key.rows = sab_gpu_pad64(backward ? p->Ap : p->Hp);
    p->query.cols = p->key.cols = backward ? p->U : p->W;
    p->ring = backward ? 0 : plan->ring;
    if (backward || p->S * sab_gpu_blocks(p) > SAB_GPU_BLOCKS)
        p->prune = 0;
    p->shift_U = shift_of(p->U);
    p->shift_W = shift_of(p->W);
    for (p->K_lanes = 1; p->K_lanes < p->K + 1; p->K_lanes *= 2)
        ;
    p->score_scale = p->score == SAB_SCORE_DOT && p->K > 0 ? (real)(1 / sqrt((double)p->A)) : 1;
}

/* Whether the threads' registers have room for the state's product. */
static int can_hold(const struct sab_gpu_pass *p)
{
    return p->state.rows <= SAB_GPU_HELD_ROWS && (long)p->state.rows * p->state.cols <= (long)SAB_GPU_HELD * p->threads;
}

/* Keys of the newest memories where shared memory is left: streamed from L2 they take most of a long sequence's step. Returns what
 * the block then has. */
static size_t place_ring(struct sab_machine *machine, struct sab_gpu_pass *p, struct sab_gpu_plan *plan, const struct sab_gpu_plan *wish,
                         size_t nbytes)
{
    const size_t each = (size_t)p->S * p->W * sizeof(real), room = machine->shared_nbytes - nbytes;
    int most = sab_gpu_scores(p) + 1, ring = 2;
    if (p->K == 0 || wish->ring < 0)
        return nbytes;
    if (wish->ring > 0 && wish->ring < most)
        most = wish->ring;
    while (ring < most && (size_t)ring * 2 * each <= room)
        ring *= 2;
    if ((size_t)ring * each > room)
        return nbytes;
    p->ring = plan->ring = ring;
    return (size_t)sab_gpu_lay_out(p, 0).end * sizeof(real);
}

/* Places weights: registers and shared memory first. Returns 0 where it does not fit. */
static int place(struct sab_machine *machine, const struct sab_gpu_pass *sizes, struct sab_gpu_plan *plan, const struct sab_gpu_plan *wish,
                 int backward)
{
    struct sab_gpu_pass p = *sizes;
    int *held = backward ? &plan->held_backward : &plan->held_forward;
    int *shared = backward ? &plan->shared_backward : &plan->shared_forward;
    *held = p.G * p.Hp <= SAB_GPU_HELD_ROWS;
    *shared = p.K > 0;
    sab_gpu_plan_apply(plan, backward, &p);
    *held = *held && can_hold(&p) && !(wish->held_forward < 0);
    for (; *shared >= 0; --*shared) {
        sab_gpu_plan_apply(plan, backward, &p);
        p.scores = sab_gpu_scores_are_global(&p) ? (real *)&p : NULL; /* to be laid out, not to be read */
        size_t nbytes = (size_t)sab_gpu_lay_out(&p, backward).end * sizeof(real);
        if (nbytes > machine->shared_nbytes || (*shared && wish->shared_forward < 0))
            continue;
        if (!backward)
            nbytes = place_ring(machine, &p, plan, wish, nbytes);
        plan->shared_nbytes[backward] = (double)nbytes;
        return machine->clusters(machine, backward, &p, plan->threads, nbytes);
    }
    return 0;
}

/* Clocks of a step, forward and back. */
static double step_clocks(const struct sab_gpu_pass *p, const struct sab_gpu_plan *plan)
{
    double C = plan->C, S = plan->S, state = (double)p->G * p->Hp * p->Hp / C, maps = p->K > 0 ? 2.0 * p->Hp * p->Ap / C : 0;
    double clocks = 0;
    for (int backward = 0; backward < 2; backward++) {
        int held = backward ? plan->held_backward : plan->held_forward;
        int shared = backward ? plan->shared_backward : plan->shared_forward;
        /* 128 bytes a clock of shared memory, some 48 from L2; products take some times the clocks of their arithmetic, more
         * where their weights are not in registers (measured on an H200: docs/gpu.md). */
        double read = (held ? 0 : state / 12) + (shared ? maps / 32 : maps / 12);
        double work = S * ((held ? 1.5 : 4) * state + 3 * maps) / 128;
        clocks += 2500 + 150 * S + (C > 1 ? 800 + 50 * C : 0) + (read > work ? read : work);
    }
    return clocks;
}

int sab_gpu_plan_make(struct sab_machine *machine, const struct sab_gpu_pass *sizes, const struct sab_gpu_plan *wish,
                      struct sab_gpu_plan *plan, struct sab_error *err)
{
    double least = 0;
    *plan = (struct sab_gpu_plan){0};
    for (int C = 1; C <= SAB_GPU_MOST_RANKS; C *= 2)
        for (int S = 1; S <= SAB_GPU_MOST_GROUP; S *= 2) {
            struct sab_gpu_plan one = {.S = S, .C = C, .threads = wish->threads > 0 ? wish->threads : THREADS};
            if ((wish->S > 0 && S != wish->S) || (wish->C > 0 && C != wish->C) || sizes->Hp / C % 4 != 0 ||
                (sizes->K > 0 && sizes->Ap / C % 4 != 0) || (S > 1 && S / 2 >= sizes->B))
                continue;
            int forward = place(machine, sizes, &one, wish, 0), backward = place(machine, sizes, &one, wish, 1);
            int at_once = forward < backward ? forward : backward;
            if (at_once == 0)
                continue;
            int groups = (sizes->B + S - 1) / S, waves = (groups + at_once - 1) / at_once;
            double clocks = waves * step_clocks(sizes, &one);
            if (plan->S == 0 || clocks < least) {
                *plan = one;
                least = clocks;
            }
        }
    if (plan->S == 0)
        return sab_fail(err, SAB_INVALID, "--hidden %d with --k-top %d and --memory-slots %d does not fit this device's shared memory",
                        sizes->H, sizes->K, sizes->slots == INT_MAX ? 0 : sizes->slots);
    return SAB_OK;
}
