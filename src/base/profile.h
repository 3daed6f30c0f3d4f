/* Where the time goes: ticks per phase, counted by each worker for itself.
 *
 * A worker calls sab_profile_start where its work begins and sab_profile_lap where a phase ends: the time since the
 * call before is that phase's, so a boundary costs one reading of the clock and nothing is counted twice or forgotten.
 * With NULL nothing is read and nothing counted.
 *
 * A tick is the processor's counter of constant rate: reading it takes 10 ns on an x86 virtual machine where
 * clock_gettime takes 22, and a selection among 60 scores takes 100. Elsewhere it is a nanosecond. Whoever wants
 * seconds measures ticks per second beside it. Must not know what a phase does. */
#ifndef SAB_BASE_PROFILE_H
#define SAB_BASE_PROFILE_H

#include <stdint.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#elif !defined(__aarch64__)
#include <time.h>
#endif

/* In the words of the recurrent network. Of the Transformer: input is its embedding, state its products of rows, cell norms
 * and gelu, map attention; likewise backward. */
enum sab_phase {
    SAB_PHASE_DATA,            /* making and checking a batch */
    SAB_PHASE_PACK,            /* weights brought into the layouts of the products */
    SAB_PHASE_LOAD,            /* a shard's input copied, its state and its memories' gradients cleared */
    SAB_PHASE_INPUT,           /* bias + x W_ih over a window */
    SAB_PHASE_STATE,           /* h_{t-1} W_hh */
    SAB_PHASE_CELL,            /* the cell's function of its pre-activations */
    SAB_PHASE_MAP,             /* keys and queries; memories written */
    SAB_PHASE_SCORE,
    SAB_PHASE_SELECT,
    SAB_PHASE_READ,            /* s = sum alpha m, h = hh + G s */
    SAB_PHASE_READOUT,         /* readout and loss, forward and backward */
    SAB_PHASE_READ_BACKWARD,   /* of the entries read: values, weights, scores */
    SAB_PHASE_MAP_BACKWARD,    /* of keys and queries to states */
    SAB_PHASE_CELL_BACKWARD,
    SAB_PHASE_STATE_BACKWARD,  /* dpre W_hh^T */
    SAB_PHASE_WEIGHTS,         /* weight gradients, and the gradient of a layer's input */
    SAB_PHASE_REDUCE,          /* the sum of the shards' gradients */
    SAB_PHASE_OPTIMISER,       /* norm, guard, clip, update */
    SAB_PHASE_COUNT
};

/* One worker's; on a cache line of its own. */
struct sab_profile {
    _Alignas(64) uint64_t ticks[SAB_PHASE_COUNT];
    uint64_t last;
    uint64_t rows_backward; /* steps of sequences of layers that the backward pass went through: it skips windows */
};

static inline uint64_t sab_ticks(void)
{
#if defined(__x86_64__)
    return __rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
#endif
}

static inline void sab_profile_start(struct sab_profile *profile)
{
    if (profile)
        profile->last = sab_ticks();
}

static inline void sab_profile_lap(struct sab_profile *profile, enum sab_phase phase)
{
    if (!profile)
        return;
    uint64_t now = sab_ticks();
    profile->ticks[phase] += now - profile->last;
    profile->last = now;
}

#endif
