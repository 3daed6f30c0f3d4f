/* Members of a team that go through one loop together, each doing its part of every step: lanes.
 *
 * What a step costs lies between a microsecond and some hundred, so lanes wait for each other by looking, and begin only with members
 * that are at hand. On a machine whose processors others use too, one that the system holds up holds up all: where more of
 * the time is lost by that than is gained, rounds are done alone for a while. How many lanes there are must therefore change no result.
 * Must not know what a step is. */
#ifndef SAB_BASE_LOCKSTEP_H
#define SAB_BASE_LOCKSTEP_H

#include <stdatomic.h>
#include <stdint.h>

struct sab_team;

enum { SAB_LOCKSTEP_MOST = 8 };

/* Lane i of n. */
struct sab_lane {
    int i, n;
    uint32_t met; /* how often so far */
    struct sab_lockstep *all;
};

typedef void sab_lane_work(void *user, struct sab_lane *lane);

struct sab_lockstep {
    struct sab_team *team;  /* of at least so many members */
    int members;            /* up to SAB_LOCKSTEP_MOST; below 2: always alone */
    int insists;            /* 1: waits for all members, and never goes alone: for tests */
    int64_t spent_ns;       /* in rounds since the last judgement */
    int64_t alone_ns, alone_until; /* how long the next time; until when now */
    sab_lane_work *work;
    void *user;
    _Alignas(64) _Atomic int gate;  /* helpers that have come; below 0: too late */
    _Alignas(64) _Atomic int lanes; /* 0: not yet known */
    _Atomic int64_t lost_ns;        /* by waiting, of spent_ns */
    struct {
        _Alignas(64) _Atomic uint32_t met;
    } at[SAB_LOCKSTEP_MOST];
};

/* Calls work(user, lane) in each lane, at the same time, and returns when all have. lockstep may be NULL: there is one lane. */
void sab_lockstep_run(struct sab_lockstep *lockstep, sab_lane_work *work, void *user);

/* Returns when all lanes have come here as often as this one; what they wrote before is seen. */
void sab_lane_meet(struct sab_lane *lane);

/* The lane's part of `width` columns, in groups of `group`: from .. end-1. */
static inline void sab_lane_part(const struct sab_lane *lane, int width, int group, int *from, int *end)
{
    *from = (int)((int64_t)(width / group) * lane->i / lane->n) * group;
    *end = (int)((int64_t)(width / group) * (lane->i + 1) / lane->n) * group;
}

#endif
