/* See team.h.
 *
 * A job is published as a ticket, its number and how many pieces are left to take. Who takes one counts the ticket down; that
 * succeeds only while the job is alive, so whatever was read of it before then is of that job. A job's end is another count: pieces
 * that are not done. Where somebody sleeps, both flag and ticket are read and written in one order that all threads see, so
 * that either the sleeper sees the change or who made it sees the sleeper. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "base/team.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

struct sab_team {
    int n;
    pid_t process;                     /* whose threads they are */
    struct helper *helpers;            /* [n - 1] */
    pthread_mutex_t lock;              /* of falling asleep and waking */
    pthread_cond_t has_job, has_ended;
    sab_piece *_Atomic piece;
    void *_Atomic user;
    _Atomic int count, members;
    _Atomic int is_over, spin_ns;
    _Atomic int sleepers, is_caller_asleep;
    _Alignas(64) _Atomic uint64_t ticket; /* number of the job << 32 | pieces not taken */
    _Alignas(64) _Atomic int undone;
};

struct helper {
    struct sab_team *team;
    int member;
    pthread_t thread;
};

int sab_processors(void)
{
#ifdef SAB_NO_THREADS
    return 1;
#elif defined(__linux__)
    cpu_set_t own;
    if (sched_getaffinity(0, sizeof own, &own) == 0 && CPU_COUNT(&own) > 0)
        return CPU_COUNT(&own);
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

int sab_threads_of(int threads)
{
    assert(threads >= 0);
#ifdef SAB_NO_THREADS
    (void)threads;
    return 1;
#else
    return threads > 0 ? threads : sab_processors();
#endif
}

/* ---- pieces ---- */

static uint32_t job_of(const struct sab_team *t)
{
    return (uint32_t)(atomic_load(&t->ticket) >> 32);
}

static void do_pieces(struct sab_team *t, int member)
{
    for (;;) {
        uint64_t ticket = atomic_load(&t->ticket);
        int left = (int)(uint32_t)ticket, count = atomic_load_explicit(&t->count, memory_order_relaxed);
        sab_piece *piece = atomic_load_explicit(&t->piece, memory_order_relaxed);
        void *user = atomic_load_explicit(&t->user, memory_order_relaxed);
        if (left == 0 || member >= atomic_load_explicit(&t->members, memory_order_relaxed))
            return;
        if (!atomic_compare_exchange_weak(&t->ticket, &ticket, ticket - 1))
            continue;
        piece(user, count - left, member);
        if (atomic_fetch_sub(&t->undone, 1) == 1 && atomic_load(&t->is_caller_asleep)) {
            pthread_mutex_lock(&t->lock);
            pthread_cond_signal(&t->has_ended);
            pthread_mutex_unlock(&t->lock);
        }
    }
}

/* ---- waiting ---- */

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void pause_briefly(void)
{
    for (int i = 0; i < 8; i++)
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("yield");
#else
        atomic_signal_fence(memory_order_seq_cst);
#endif
}

static int has_another(const struct sab_team *t, uint32_t seen)
{
    return job_of(t) != seen || atomic_load(&t->is_over);
}

static int has_ended(const struct sab_team *t)
{
    return atomic_load(&t->undone) == 0;
}

static void wait_for_another(struct sab_team *t, uint32_t seen)
{
    for (int64_t begin = now_ns(); now_ns() < begin + atomic_load_explicit(&t->spin_ns, memory_order_relaxed); pause_briefly())
        if (has_another(t, seen))
            return;
    pthread_mutex_lock(&t->lock);
    atomic_fetch_add(&t->sleepers, 1);
    while (!has_another(t, seen))
        pthread_cond_wait(&t->has_job, &t->lock);
    atomic_fetch_sub(&t->sleepers, 1);
    pthread_mutex_unlock(&t->lock);
}

static void wait_for_end(struct sab_team *t)
{
    for (int64_t end = 0, now = 0; now <= end; pause_briefly()) {
        if (has_ended(t))
            return;
        now = now_ns();
        end = end ? end : now + SAB_TEAM_SPIN_NS;
    }
    pthread_mutex_lock(&t->lock);
    atomic_store(&t->is_caller_asleep, 1);
    while (!has_ended(t))
        pthread_cond_wait(&t->has_ended, &t->lock);
    atomic_store(&t->is_caller_asleep, 0);
    pthread_mutex_unlock(&t->lock);
}

static void wake_helpers(struct sab_team *t)
{
    if (atomic_load(&t->sleepers) == 0)
        return;
    pthread_mutex_lock(&t->lock);
    pthread_cond_broadcast(&t->has_job);
    pthread_mutex_unlock(&t->lock);
}

static void *help(void *arg)
{
    const struct helper *h = arg;
    struct sab_team *t = h->team;
    for (uint32_t seen = 0; !atomic_load(&t->is_over); wait_for_another(t, seen)) {
        seen = job_of(t);
        do_pieces(t, h->member);
    }
    return NULL;
}

void sab_team_set_spin(struct sab_team *t, int ns)
{
    atomic_store_explicit(&t->spin_ns, ns, memory_order_relaxed);
}

void sab_team_run(struct sab_team *t, int members, int count, sab_piece *piece, void *user)
{
    if (members < 2 || count < 2) {
        for (int i = 0; i < count; i++)
            piece(user, i, 0);
        return;
    }
    assert(t && members <= t->n && has_ended(t));
    atomic_store_explicit(&t->piece, piece, memory_order_relaxed);
    atomic_store_explicit(&t->user, user, memory_order_relaxed);
    atomic_store_explicit(&t->count, count, memory_order_relaxed);
    atomic_store_explicit(&t->members, members, memory_order_relaxed);
    atomic_store(&t->undone, count);
    atomic_store(&t->ticket, (uint64_t)(job_of(t) + 1) << 32 | (uint32_t)count);
    wake_helpers(t);
    do_pieces(t, 0);
    wait_for_end(t);
}

/* ---- its life ---- */

/* Signals are the caller's: helpers take none, but for those of what they do themselves. Where such a one is blocked no handler is
 * asked: a data file that was cut would end the process without a word. */
static int start(struct sab_team *t, int *started)
{
    static const int own[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL};
    sigset_t all, before;
    int refused = 0;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        sigdelset(&all, own[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (*started = 1; *started < t->n && !refused; *started += !refused) {
        struct helper *h = &t->helpers[*started - 1];
        *h = (struct helper){.team = t, .member = *started};
        refused = pthread_create(&h->thread, NULL, help, h);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return refused;
}

int sab_team_create(struct sab_team **out, int n, struct sab_error *err)
{
    int started;
    struct sab_team *t = sab_alloc(1, sizeof *t);
    if (t)
        t->helpers = sab_alloc((size_t)n, sizeof *t->helpers);
    if (!t || !t->helpers) {
        sab_free(t);
        return sab_fail(err, SAB_NOMEM, "no memory for %d threads", n);
    }
    t->n = n;
    t->spin_ns = SAB_TEAM_SPIN_NS;
    t->process = getpid();
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->has_job, NULL);
    pthread_cond_init(&t->has_ended, NULL);
    int refused = start(t, &started);
    if (!refused) {
        *out = t;
        return SAB_OK;
    }
    t->n = started;
    sab_team_free(t);
    return sab_fail(err, SAB_NOMEM, "of %d threads the system gives %d (%s): --threads %d goes with these, or a higher limit of "
                                    "processes or memory", n, started, strerror(refused), started);
}

void sab_team_free(struct sab_team *t)
{
    if (!t)
        return;
    if (t->process == getpid()) {
        atomic_store(&t->is_over, 1);
        wake_helpers(t);
        for (int i = 0; i < t->n - 1; i++)
            pthread_join(t->helpers[i].thread, NULL);
        pthread_cond_destroy(&t->has_job);
        pthread_cond_destroy(&t->has_ended);
        pthread_mutex_destroy(&t->lock);
    }
    sab_free(t->helpers);
    sab_free(t);
}

int sab_team_grow(struct sab_team **team, int n, struct sab_error *err)
{
    struct sab_team *t = *team;
    if (n < 2 || (t && t->n >= n && t->process == getpid()))
        return SAB_OK;
    *team = NULL;
    sab_team_free(t);
    return sab_team_create(team, n, err);
}
