/* What nvcc gives a kernel, by fibers: so that the GPU's own form of the kernels (lanes, shuffles, exchanges, asynchronous copies)
 * runs where there is no GPU, in tests (-DSAB_EMULATED, C++). The threads of a cluster take turns in an order drawn at random and
 * stop where a GPU's would wait for each other; so what lacks a barrier is found sooner or later, and a wait that never ends at
 * once. Shared memory begins as NaN. */
#ifndef SAB_CUDA_EMULATED_H
#define SAB_CUDA_EMULATED_H

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <map>
#include <vector>

#define __device__
#define __forceinline__ inline
#define __builtin_assume(x) ((void)(x))

namespace sab_emulated {

enum { STACK_NBYTES = 64 << 10 };

struct copy {
    void *to;
    const void *from;
    size_t nbytes;
};

struct thread {
    int block, number;
    jmp_buf here;
    ucontext_t start;
    char *stack;
    int is_begun, is_done;
    unsigned seen[32]; /* what the lanes brought to the last meeting */
    std::vector<copy> copies;
};

/* Lanes that meet: who is there, and what they bring. */
struct meeting {
    unsigned there, brought[32];
};

/* An mbarrier: a phase is complete when its one arrival and all numbers have come. */
struct arrivals {
    long missing;
    int is_told;
    unsigned complete;
};

struct block {
    float *mem;
    std::vector<thread *> threads, waiting;
    std::vector<std::map<unsigned, meeting>> warps;
    arrivals exchange[2];
};

struct cluster {
    int first_block, n_threads;
    std::vector<block> blocks;
    std::vector<thread *> ready, waiting; /* waiting: for the whole cluster */
    unsigned long long random;
    jmp_buf scheduler;
    thread *now;
    void (*run)(const void *);
    const void *given;
};

static cluster *here;

static unsigned draw(unsigned n)
{
    here->random = here->random * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(here->random >> 33) % n;
}

static block *own_block(void)
{
    return &here->blocks[(size_t)here->now->block];
}

/* Back to the scheduler, until it is this thread's turn again. */
static void pause(void)
{
    if (_setjmp(here->now->here) == 0)
        _longjmp(here->scheduler, 1);
}

static void release(std::vector<thread *> *waiting)
{
    here->ready.insert(here->ready.end(), waiting->begin(), waiting->end());
    waiting->clear();
}

static void wait_for(std::vector<thread *> *waiting, size_t all)
{
    waiting->push_back(here->now);
    if (waiting->size() == all)
        release(waiting);
    pause();
}

static void enter(void)
{
    here->run(here->given);
    here->now->is_done = 1;
    _longjmp(here->scheduler, 1);
}

/* All lanes of the mask bring x; then each sees what all brought. */
static void meet(unsigned mask, unsigned x)
{
    thread *t = here->now;
    const int lane = t->number & 31;
    meeting *m = &own_block()->warps[(size_t)t->number >> 5][mask];
    if (!(mask >> lane & 1) || (m->there >> lane & 1))
        abort();
    m->there |= 1u << lane;
    m->brought[lane] = x;
    if (m->there == mask) {
        for (int i = 0; i < 32; i++)
            if (mask >> i & 1) {
                thread *other = own_block()->threads[(size_t)(t->number & ~31) + i];
                memcpy(other->seen, m->brought, sizeof other->seen);
                here->ready.push_back(other);
            }
        m->there = 0;
    }
    pause();
}

static void complete(arrivals *a)
{
    if (a->is_told && a->missing == 0)
        a->is_told = 0, a->complete++;
}

/* A cluster of C blocks from its beginning to its end. 0, or -1: its threads wait for each other for ever. */
static int run_cluster(int first_block, int C, int threads, size_t shared_nbytes, unsigned long long seed, void (*run)(const void *),
                       const void *given)
{
    cluster c;
    c.first_block = first_block, c.n_threads = threads, c.random = seed, c.run = run, c.given = given;
    c.blocks.resize((size_t)C);
    here = &c;
    std::vector<thread> all((size_t)C * threads);
    for (int r = 0; r < C; r++) {
        block *b = &c.blocks[(size_t)r];
        b->mem = (float *)aligned_alloc(256, (shared_nbytes + 255) / 256 * 256);
        memset(b->mem, 0xff, shared_nbytes);
        memset(b->exchange, 0, sizeof b->exchange);
        b->warps.resize((size_t)threads / 32);
        for (int i = 0; i < threads; i++) {
            thread *t = &all[(size_t)r * threads + i];
            t->block = r, t->number = i, t->is_begun = t->is_done = 0;
            t->stack = (char *)malloc(STACK_NBYTES);
            b->threads.push_back(t);
            c.ready.push_back(t);
        }
    }
    volatile size_t done = 0;
    while (!c.ready.empty()) {
        size_t i = draw((unsigned)c.ready.size());
        c.now = c.ready[i];
        c.ready[i] = c.ready.back();
        c.ready.pop_back();
        if (_setjmp(c.scheduler) == 0) {
            if (c.now->is_begun)
                _longjmp(c.now->here, 1);
            c.now->is_begun = 1;
            getcontext(&c.now->start);
            c.now->start.uc_stack.ss_sp = c.now->stack;
            c.now->start.uc_stack.ss_size = STACK_NBYTES;
            c.now->start.uc_link = NULL;
            makecontext(&c.now->start, enter, 0);
            setcontext(&c.now->start);
        }
        done = done + (size_t)c.now->is_done;
    }
    for (size_t i = 0; i < all.size(); i++)
        free(all[i].stack);
    for (int r = 0; r < C; r++)
        free(c.blocks[(size_t)r].mem);
    return done == all.size() ? 0 : -1;
}

struct x_of {
    int x;
};

static x_of thread_of(void)
{
    return {here->now->number};
}

static x_of block_of(void)
{
    return {here->first_block + here->now->block};
}

static x_of threads_of(void)
{
    return {here->n_threads};
}

} // namespace sab_emulated

#define threadIdx (sab_emulated::thread_of())
#define blockIdx (sab_emulated::block_of())
#define blockDim (sab_emulated::threads_of())

static inline void __syncthreads(void)
{
    sab_emulated::wait_for(&sab_emulated::own_block()->waiting, sab_emulated::own_block()->threads.size());
}

static inline void __syncwarp(unsigned mask = 0xffffffffu)
{
    sab_emulated::meet(mask, 0);
}

template <typename number> static inline number __shfl_sync(unsigned mask, number x, int from)
{
    unsigned bits;
    memcpy(&bits, &x, sizeof bits);
    sab_emulated::meet(mask, bits);
    if (!(mask >> (from & 31) & 1))
        abort();
    memcpy(&x, &sab_emulated::here->now->seen[from & 31], sizeof bits);
    return x;
}

template <typename number> static inline number __shfl_xor_sync(unsigned mask, number x, int with)
{
    return __shfl_sync(mask, x, (sab_emulated::here->now->number & 31) ^ with);
}

static inline unsigned __ballot_sync(unsigned mask, int is_true)
{
    unsigned votes = 0;
    sab_emulated::meet(mask, is_true != 0);
    for (int i = 0; i < 32; i++)
        if (mask >> i & 1)
            votes |= sab_emulated::here->now->seen[i] << i;
    return votes;
}

static inline unsigned __reduce_max_sync(unsigned mask, unsigned x)
{
    sab_emulated::meet(mask, x);
    for (int i = 0; i < 32; i++)
        if ((mask >> i & 1) && sab_emulated::here->now->seen[i] > x)
            x = sab_emulated::here->now->seen[i];
    return x;
}

static inline unsigned __reduce_min_sync(unsigned mask, unsigned x)
{
    return ~__reduce_max_sync(mask, ~x);
}

struct float4 {
    float x, y, z, w;
};

static inline int __popc(unsigned x)
{
    return __builtin_popcount(x);
}

static inline int __ffs(int x)
{
    return __builtin_ffs(x);
}

static inline int __clz(int x)
{
    return x ? __builtin_clz((unsigned)x) : 32;
}

static inline unsigned max(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static inline float __fdividef(float a, float b)
{
    return a / b;
}

static inline float __uint_as_float(unsigned x)
{
    float y;
    memcpy(&y, &x, sizeof y);
    return y;
}

static inline unsigned __float_as_uint(float x)
{
    unsigned y;
    memcpy(&y, &x, sizeof y);
    return y;
}

#define __expf expf

/* At once or, as often, only when it is waited for. */
static inline void __pipeline_memcpy_async(void *to, const void *from, size_t nbytes)
{
    if (sab_emulated::draw(2))
        memcpy(to, from, nbytes);
    else
        sab_emulated::here->now->copies.push_back({to, from, nbytes});
}

static inline void __pipeline_commit(void)
{
}

static inline void __pipeline_wait_prior(int)
{
    for (const sab_emulated::copy &c : sab_emulated::here->now->copies)
        memcpy(c.to, c.from, c.nbytes);
    sab_emulated::here->now->copies.clear();
}

#endif
