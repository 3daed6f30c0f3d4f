/* Threads that do the pieces of a job together: the caller, and helpers that wait for jobs.
 *
 * A piece is taken by whoever is free next, so a thread that the system holds up holds up no more than the piece it is at. Who waits looks
 * for SAB_TEAM_SPIN_NS at what it waits for, and then sleeps: longer looking would take time from other programs, and from
 * threads of this one that the system has not let run. Must not know what a piece is. */
#ifndef SAB_BASE_TEAM_H
#define SAB_BASE_TEAM_H

#include "sab.h"

enum { SAB_TEAM_SPIN_NS = 20000 }; /* about as long as a step of one wide sequence takes between two of its products */
enum { SAB_TEAM_SPIN_LONG_NS = 300000 }; /* between rounds of lanes, which go one after the other, is what one of them does alone */

struct sab_team;

/* Processors that this process may use; 1 where the build has no threads. */
int sab_processors(void);
/* threads, or for 0 all processors; 1 where the build has no threads. */
int sab_threads_of(int threads);

/* A team of n members, the caller of sab_team_run being the first. SAB_NOMEM says how many threads there can be. */
int sab_team_create(struct sab_team **out, int n, struct sab_error *err);
void sab_team_free(struct sab_team *team);

/* *team, which may be NULL, with at least n members, made anew if need be: also in the child of a fork, which has no threads. */
int sab_team_grow(struct sab_team **team, int n, struct sab_error *err);

/* How long helpers look for another job before they sleep, from now on. */
void sab_team_set_spin(struct sab_team *team, int ns);

/* Calls piece(user, i, member) once for each i of 0..count-1, in rising order as members become free; member, of 0..members-1, is who
 * does it, and 0 the caller. Returns when all are done, and what they wrote is seen. team may be NULL if members is 1. A piece
 * must not call sab_team_run of the same team. */
typedef void sab_piece(void *user, int i, int member);
void sab_team_run(struct sab_team *team, int members, int count, sab_piece *piece, void *user);

#endif
