/* Threads that do pieces of work together: each piece once, whoever sleeps or comes late.
 *
 * ctest: only threads */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/team.h"

enum { PIECES = 64, MEMBERS = 4 };

struct tally {
    int done[PIECES]; /* how often each was done: one thread at a time writes each */
    int worst;        /* greatest number of a member */
    int64_t sum[MEMBERS];
};

static void count(void *user, int i, int member)
{
    struct tally *t = user;
    t->done[i]++;
    t->sum[member] += i + 1;
}

static void nap(long ns)
{
    nanosleep(&(struct timespec){0, ns}, NULL);
}

/* The sum tells too whether what pieces wrote is seen when the run returns. */
static void run_and_judge(struct sab_team *team, int members, int pieces, int job)
{
    struct tally t = {{0}};
    int64_t sum = 0;
    sab_team_run(team, members, pieces, count, &t);
    for (int i = 0; i < PIECES; i++)
        if (t.done[i] != (i < pieces))
            fail_msg("job %d of %d pieces on %d members: piece %d was done %d times", job, pieces, members, i, t.done[i]);
    for (int i = 0; i < MEMBERS; i++) {
        sum += t.sum[i];
        if (i >= members && t.sum[i])
            fail_msg("job %d on %d members: member %d took part", job, members, i);
    }
    assert_int_equal(sum, (int64_t)pieces * (pieces + 1) / 2);
}

static struct sab_team *team_of(int n)
{
    struct sab_team *team = NULL;
    struct sab_error err;
    if (sab_team_grow(&team, n, &err) != SAB_OK)
        fail_msg("%s", err.message);
    return team;
}

static void every_piece_is_done_once(void **state)
{
    (void)state;
    struct sab_team *team = team_of(MEMBERS);
    for (int job = 0; job < 20000; job++)
        run_and_judge(team, 1 + job % MEMBERS, job * 7 % (PIECES + 1), job);
    sab_team_free(team);
    run_and_judge(NULL, 1, 5, 0);
}

/* Longer than anybody looks before sleeping, before a job and within its pieces. */
static void slow(void *user, int i, int member)
{
    nap(i % 3 ? 0 : 3L * SAB_TEAM_SPIN_NS);
    count(user, i, member);
}

static void sleepers_wake(void **state)
{
    (void)state;
    struct sab_team *team = team_of(MEMBERS);
    for (int job = 0; job < 100; job++) {
        struct tally t = {{0}};
        nap(job % 2 ? 5L * SAB_TEAM_SPIN_NS : 0);
        sab_team_run(team, MEMBERS, 9, slow, &t);
        assert_int_equal(t.sum[0] + t.sum[1] + t.sum[2] + t.sum[3], 45);
    }
    sab_team_free(team);
}

/* A fork's child has no helpers, and waiting for them would never end. */
static void a_child_has_a_team_of_its_own(void **state)
{
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* it allows a child no threads */
#endif
    struct sab_team *team = team_of(2);
    struct sab_error err;
    run_and_judge(team, 2, 9, 0);
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        struct tally t = {{0}};
        if (sab_team_grow(&team, 2, &err) != SAB_OK)
            _exit(1);
        sab_team_run(team, 2, 9, count, &t);
        sab_team_free(team);
        _exit(t.sum[0] + t.sum[1] == 45 ? 0 : 2);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    run_and_judge(team, 2, 9, 1);
    sab_team_free(team);
}

static void end_well(int number)
{
    (void)number;
    _exit(7);
}

static void touch(void *user, int i, int member)
{
    (void)i;
    if (member > 0)
        ((volatile char *)user)[0] = 1;
    else
        nap(1000000);
}

/* What a helper reads of a mapped file that was cut is told by who handles SIGBUS, as what the caller reads is. */
static void a_helper_meets_a_handler(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        signal(SIGBUS, end_well);
        FILE *file = tmpfile(); /* empty: no page of it is there */
        char *page = file ? mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0) : MAP_FAILED;
        if (page == MAP_FAILED)
            _exit(1);
        for (struct sab_team *team = team_of(2);;)
            sab_team_run(team, 2, 9, touch, page);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 7)
        fail_msg("expected exit code 7, from the handler; got status %#x", status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_piece_is_done_once),
        cmocka_unit_test(sleepers_wake),
        cmocka_unit_test(a_child_has_a_team_of_its_own),
        cmocka_unit_test(a_helper_meets_a_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
