/* The ledger against what it says, worked out memory by memory: which step wrote each, which are alive at each step, and sizes. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "problem.h"
#include "remind/ledger.h"

enum { CASES = 400, MOST_T = 120, MOST_CARRIED = 12, CAP = MOST_CARRIED + MOST_T };

/* A memory in a plain list of those alive, oldest first. */
struct alive {
    int number[CAP], n;
};

static void remember(struct alive *a, int number, int slots)
{
    a->number[a->n++] = number;
    if (a->n > slots) {
        for (int i = 1; i < a->n; i++)
            a->number[i - 1] = a->number[i];
        a->n--;
    }
}

static void check_step(const struct sab_ledger *l, const struct alive *a, uint64_t seed, int t, int n)
{
    int first = l->first[0], skip = 0;
    while (skip < a->n && a->number[skip] < first)
        skip++;
    int want = a->n > skip ? a->number[skip] : n, got = sab_ledger_oldest(l, t, 0);
    if (sab_ledger_count(l, t) != n || (a->n > skip && got != want) || (a->n == skip && got < n))
        fail_msg("seed %llu step %d: %d memories from %d on, not %d from %d on", (unsigned long long)seed, t,
                 sab_ledger_count(l, t), got, n, want);
}

static void check(uint64_t seed)
{
    uint64_t state = seed;
    int k_att = problem_int(&state, 1, 9), slots = problem_int(&state, 1, 20), T = problem_int(&state, 1, MOST_T);
    int carried = problem_int(&state, 0, slots < MOST_CARRIED ? slots : MOST_CARRIED), first[1], when[CAP];
    struct sab_keep keep = {&sab_rule_periodic, k_att, problem_int(&state, 0, 2) ? slots : INT_MAX};
    struct sab_ledger_step steps[MOST_T + 1];
    size_t entries[MOST_T + 1], sum = 0;
    struct sab_ledger l = {.keep = &keep, .first = first, .steps = steps, .when = when, .entries = entries};
    struct alive alive = {.n = 0};
    first[0] = problem_int(&state, 0, carried);
    for (int i = 0; i < carried; i++)
        remember(&alive, i, keep.slots);
    sab_ledger_fill(&l, carried, T);
    int n = carried;
    for (int t = 0; t < T; t++) {
        int writes = (t + 1) % k_att == 0;
        check_step(&l, &alive, seed, t, n);
        assert_int_equal(entries[t], sum);
        sum += (size_t)alive.n;
        assert_int_equal(sab_ledger_written(&l, t), writes ? n : -1);
        if (writes) {
            assert_int_equal(when[n], t);
            remember(&alive, n++, keep.slots);
        }
        assert_int_equal(keep.rule->since(&keep, t + 1), (t + 1) % k_att);
    }
    for (int i = 0; i < carried; i++)
        assert_int_equal(when[i], -1 - (carried - 1 - i) * k_att);
    assert_int_equal(l.n, n);
    assert_int_equal(l.since, T % k_att);
    assert_int_equal(keep.rule->most(&keep, T), n - carried);
    assert_int_equal(keep.rule->sum(&keep, carried, keep.slots, T), sum);
}

static void test_as_worked_out(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= CASES; seed++)
        check(seed);
}

/* A file may claim k_att and memories whose product no int holds. */
static void test_far_past(void **unused)
{
    (void)unused;
    struct sab_keep keep = {&sab_rule_periodic, 1000000000, INT_MAX};
    assert_int_equal(keep.rule->before(&keep, 2), -2000000001);
    assert_int_equal(keep.rule->before(&keep, 3), -INT_MAX);
    assert_int_equal(keep.rule->before(&keep, 1000000000), -INT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_worked_out),
        cmocka_unit_test(test_far_past),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
