/* See lockstep.h. */
#include "base/lockstep.h"

#include <assert.h>
#ifndef SAB_NO_THREADS
#include <sched.h>
#endif
#include <time.h>

#include "base/team.h"

enum {
    COME_NS = 50000,          /* so long helpers may take to come: about what waking one takes */
    PATIENCE = 1000,          /* looks at another lane, some 20 us, before it is held up */
    JUDGE_NS = 5000000,       /* so much time shows whether lanes pay */
    ALONE_NS = 10000000,      /* at first, and at the most, where they do not */
    ALONE_MOST_NS = 640000000
};

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void pause_once(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void give_way(void)
{
#ifndef SAB_NO_THREADS
    sched_yield();
#endif
}

static int has_come(const struct sab_lockstep *all, int i, uint32_t met)
{
    return (int32_t)(atomic_load_explicit(&all->at[i].met, memory_order_acquire) - met) >= 0;
}

/* The system has given the other lane's processor to somebody else, who may need this one. */
static void wait_long(struct sab_lockstep *all, int i, uint32_t met)
{
    int64_t begin = now_ns();
    while (!has_come(all, i, met))
        give_way();
    atomic_fetch_add_explicit(&all->lost_ns, now_ns() - begin, memory_order_relaxed);
}

void sab_lane_meet(struct sab_lane *lane)
{
    struct sab_lockstep *all = lane->all;
    if (lane->n == 1)
        return;
    uint32_t met = ++lane->met;
    atomic_store_explicit(&all->at[lane->i].met, met, memory_order_release);
    for (int i = 0; i < lane->n; i++) {
        int looks = 0;
        for (; i != lane->i && looks < PATIENCE && !has_come(all, i, met); looks++)
            pause_once();
        if (looks == PATIENCE)
            wait_long(all, i, met);
    }
}

/* The caller: with those who have come. */
static void lead(struct sab_lockstep *all)
{
    if (atomic_load(&all->lanes) > 0) /* the piece of a helper that did not come */
        return;
    int64_t begin = now_ns(), now = begin;
    for (; atomic_load(&all->gate) < all->members - 1 && (now < begin + COME_NS || all->insists); now = now_ns())
        pause_once();
    atomic_fetch_add_explicit(&all->lost_ns, now - begin, memory_order_relaxed);
    int lanes = 1 + atomic_exchange(&all->gate, -1);
    atomic_store(&all->lanes, lanes);
    all->work(all->user, &(struct sab_lane){.i = 0, .n = lanes, .all = all});
}

static void follow(struct sab_lockstep *all)
{
    int before = atomic_load(&all->gate);
    while (before >= 0 && !atomic_compare_exchange_weak(&all->gate, &before, before + 1))
        ;
    if (before < 0)
        return;
    for (int looks = 0; atomic_load(&all->lanes) == 0; looks++) {
        pause_once();
        if (looks > PATIENCE)
            give_way();
    }
    all->work(all->user, &(struct sab_lane){.i = before + 1, .n = atomic_load(&all->lanes), .all = all});
}

/* One for each member, and a helper that has one stays with it until the caller leads: so the caller gets one. */
static void take_part(void *user, int i, int member)
{
    (void)i;
    if (member == 0)
        lead(user);
    else
        follow(user);
}

/* After a round that began then: what was lost counts with what was spent, of a round that was done alone in the end with what was lost. */
static void judge(struct sab_lockstep *all, int64_t begin, int64_t lost_before)
{
    int64_t now = now_ns(), lost = atomic_load(&all->lost_ns);
    all->spent_ns += atomic_load(&all->lanes) > 1 ? now - begin : lost - lost_before;
    if (all->spent_ns < JUDGE_NS)
        return;
    int pays = all->insists || lost < all->spent_ns / 3; /* two lanes gain some 40 % of the time at best */
    int64_t longer = all->alone_ns < ALONE_NS ? ALONE_NS : all->alone_ns < ALONE_MOST_NS ? 2 * all->alone_ns : ALONE_MOST_NS;
    all->alone_ns = pays ? all->alone_ns / 2 : longer;
    all->alone_until = pays ? 0 : now + all->alone_ns;
    all->spent_ns = 0;
    atomic_store(&all->lost_ns, 0);
    sab_team_set_spin(all->team, pays ? SAB_TEAM_SPIN_LONG_NS : SAB_TEAM_SPIN_NS);
}

void sab_lockstep_run(struct sab_lockstep *all, sab_lane_work *work, void *user)
{
    if (!all || all->members < 2 || (all->alone_until > 0 && now_ns() < all->alone_until)) {
        work(user, &(struct sab_lane){.i = 0, .n = 1, .all = all});
        return;
    }
    assert(all->members <= SAB_LOCKSTEP_MOST);
    all->work = work;
    all->user = user;
    atomic_store(&all->gate, 0);
    atomic_store(&all->lanes, 0);
    for (int i = 0; i < all->members; i++)
        atomic_store_explicit(&all->at[i].met, 0, memory_order_relaxed);
    int64_t begin = now_ns(), lost_before = atomic_load(&all->lost_ns);
    sab_team_run(all->team, all->members, all->members, take_part, all);
    judge(all, begin, lost_before);
}
