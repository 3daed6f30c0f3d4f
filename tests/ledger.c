/* The ledger against what it says, worked out memory by memory: which step wrote each, which are alive at each step, and sizes. */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/random.h"
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
    struct sab_alive alive = sab_ledger_alive(l, t, 0);
    int want = a->n > skip ? a->number[skip] : n, got = alive.begin;
    assert_int_equal(alive.n, a->n > skip ? a->n - skip : n - got);
    if (sab_ledger_count(l, t) != n || (a->n > skip && got != want) || (a->n == skip && got < n))
        fail_msg("seed %llu step %d: %d memories from %d on, not %d from %d on", (unsigned long long)seed, t,
                 sab_ledger_count(l, t), got, n, want);
}

static void check(uint64_t seed)
{
    uint64_t state = seed;
    int k_att = problem_int(&state, 1, 9), slots = problem_int(&state, 1, 20), T = problem_int(&state, 1, MOST_T);
    int carried = problem_int(&state, 0, slots < MOST_CARRIED ? slots : MOST_CARRIED), first[1], when[CAP];
    struct sab_keep keep = {&sab_rule_periodic, NULL, k_att, problem_int(&state, 0, 2) ? slots : INT_MAX};
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

/* A rule that chooses: of a random worth, against a list of all that were ever written from which the least is crossed out. */
static void check_choice(uint64_t seed)
{
    uint64_t state = seed;
    int slots = problem_int(&state, 1, 9), T = problem_int(&state, 1, MOST_T), carried = problem_int(&state, 0, slots);
    int keeping = problem_int(&state, 0, 1) ? SAB_KEEP_SURPRISE : SAB_KEEP_USED, first[1], n_alive[1], when[CAP], is_alive[CAP] = {0};
    int ends[1] = {problem_int(&state, 1, T)};
    int32_t list[CAP + 1];
    sab_real worth[CAP];
    sab_real want[CAP];
    struct sab_keep keep = {&sab_rule_periodic, sab_choice_find(keeping), 1, slots};
    struct sab_ledger_step steps[MOST_T + 1];
    struct sab_ledger l = {.keep = &keep, .S = 1, .first = first, .steps = steps, .when = when, .cap = CAP, .alive_cap = CAP + 1,
                           .alive = list, .n_alive = n_alive, .worth = worth, .ends = ends};
    first[0] = problem_int(&state, 0, carried);
    for (int i = 0; i < carried; i++)
        want[i] = worth[i] = (sab_real)problem_uniform(&state), is_alive[i] = i >= first[0];
    sab_ledger_begin(&l, carried, 0);
    for (int t = 0; t < T; t++) {
        struct sab_alive alive = sab_ledger_alive(&l, t, 0);
        int n = 0;
        for (int i = 0; i < carried + t; i++)
            if (is_alive[i] && alive.at[n++] != i)
                fail_msg("seed %llu step %d: memory %d is alive, and in its place is %d", (unsigned long long)seed, t, i, alive.at[n - 1]);
        assert_int_equal(alive.n, n);
        assert_true(n <= slots);
        if (n > 0) {
            int i = alive.at[problem_int(&state, 0, n - 1)];
            sab_ledger_recall(&l, t, 0, i, (sab_real)-0.25);
            want[i] += t < ends[0] && keeping == SAB_KEEP_USED ? (sab_real)0.25 : 0;
        }
        sab_real one = (sab_real)problem_uniform(&state);
        sab_ledger_admit(&l, t, 0, one);
        sab_ledger_end_step(&l, t, 1);
        if (t >= ends[0])
            continue;
        int newest = carried + t, least = newest, there = n + 1;
        for (int i = 0; i < newest; i++)
            want[i] *= keeping == SAB_KEEP_USED && is_alive[i] ? (sab_real)(1 - 1.0 / slots) : 1;
        is_alive[newest] = 1, want[newest] = one;
        for (int i = newest; i >= 0; i--)
            least = is_alive[i] && want[i] <= want[least] ? i : least;
        if (there > slots)
            is_alive[least] = 0;
    }
}

static void test_the_least_leaves(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= CASES; seed++)
        check_choice(seed);
}

/* `reservoir`: of T memories each of the first and the last stays in slots / T of many sequences. */
static void test_reservoir_is_a_fair_sample(void **unused)
{
    (void)unused;
    enum { SLOTS = 5, N = 40, SEQUENCES = 8000 };
    int stays[N] = {0};
    for (uint64_t sequence = 0; sequence < SEQUENCES; sequence++) {
        int first[1] = {0}, n_alive[1];
        int32_t list[N + 1];
        uint64_t draw = sab_random_mix(0, sequence);
        sab_real worth[N];
        struct sab_keep keep = {&sab_rule_periodic, sab_choice_find(SAB_KEEP_RESERVOIR), 1, SLOTS};
        struct sab_ledger_step steps[N + 1];
        struct sab_ledger l = {.keep = &keep, .S = 1, .first = first, .steps = steps, .cap = N, .alive_cap = N + 1, .alive = list,
                               .n_alive = n_alive, .worth = worth};
        sab_ledger_begin(&l, 0, 0);
        for (int t = 0; t < N; t++) {
            draw = sab_random_mix(draw, 7); /* the same input at every step */
            sab_ledger_admit(&l, t, 0, keep.choice->worth(0, NULL, NULL, NULL, draw));
            sab_ledger_end_step(&l, t, 1);
        }
        assert_int_equal(n_alive[0], SLOTS);
        for (int i = 0; i < SLOTS; i++)
            stays[list[i]]++;
    }
    /* the first two numbers of SplitMix64 from 0 on */
    assert_true(sab_random_mix(0, 0) == 0xe220a8397b1dcdaf && sab_random_mix(0x9e3779b97f4a7c15, 0) == 0x6e789e6aa1b965f4);
    /* of a binomial; 40 counts within 5 of it: 1 in 40,000 fails */
    double p = (double)SLOTS / N, deviation = sqrt(SEQUENCES * p * (1 - p));
    for (int i = 0; i < N; i++)
        if (fabs(stays[i] - SEQUENCES * p) > 5 * deviation)
            fail_msg("memory %d of %d stays in %d of %d sequences, where %.0f +- %.0f are expected", i, N, stays[i], SEQUENCES,
                     SEQUENCES * p, 5 * deviation);
}

/* `novel`, of points on a line, against its definition: who is worth what is looked up among all that ever were. */
static void check_novel(uint64_t seed)
{
    uint64_t state = seed;
    int slots = problem_int(&state, 1, 6), T = problem_int(&state, 1, MOST_T), first[1] = {0}, n_alive[1], is_alive[CAP] = {0};
    int32_t list[CAP + 1];
    sab_real worth[CAP], apart[CAP + 1], want[CAP], place[CAP];
    struct sab_keep keep = {&sab_rule_periodic, sab_choice_find(SAB_KEEP_NOVEL), 1, slots};
    struct sab_ledger_step steps[MOST_T + 1];
    struct sab_ledger l = {.keep = &keep, .S = 1, .first = first, .steps = steps, .cap = CAP, .alive_cap = CAP + 1,
                           .alive = list, .n_alive = n_alive, .worth = worth, .apart = apart};
    sab_ledger_begin(&l, 0, 0);
    for (int t = 0; t < T; t++) {
        place[t] = (sab_real)problem_int(&state, -20, 20); /* whole numbers: many are equally far */
        struct sab_alive alive = sab_ledger_alive(&l, t, 0);
        for (int i = 0; i < alive.n; i++)
            apart[i] = (place[t] - place[alive.at[i]]) * (place[t] - place[alive.at[i]]);
        sab_ledger_admit(&l, t, 0, place[t] * place[t]);
        sab_ledger_end_step(&l, t, 1);

        int least = t, n = 1;
        want[t] = place[t] * place[t], is_alive[t] = 1;
        for (int i = 0; i < t; i++) {
            sab_real far = (place[t] - place[i]) * (place[t] - place[i]);
            if (is_alive[i])
                n++, want[i] = far < want[i] ? far : want[i], want[t] = far < want[t] ? far : want[t];
        }
        for (int i = t; i >= 0; i--)
            least = is_alive[i] && want[i] <= want[least] ? i : least;
        if (n > slots)
            is_alive[least] = 0;
        want[t] = place[t] * place[t];
        for (int i = 0; i < t; i++)
            if (is_alive[i] && (place[t] - place[i]) * (place[t] - place[i]) < want[t])
                want[t] = (place[t] - place[i]) * (place[t] - place[i]);
        alive = sab_ledger_alive(&l, t + 1, 0);
        for (int i = 0, at = 0; i <= t; i++)
            if (is_alive[i] && (at >= alive.n || alive.at[at++] != i || worth[i] != want[i]))
                fail_msg("seed %llu step %d: memory %d of place %g is worth %g, not %g, or has left", (unsigned long long)seed, t, i,
                         (double)place[i], (double)worth[i], (double)want[i]);
    }
}

static void test_the_like_leave(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= CASES; seed++)
        check_novel(seed);
}

/* A file may claim k_att and memories whose product no int holds. */
static void test_far_past(void **unused)
{
    (void)unused;
    struct sab_keep keep = {&sab_rule_periodic, NULL, 1000000000, INT_MAX};
    assert_int_equal(keep.rule->before(&keep, 2), -2000000001);
    assert_int_equal(keep.rule->before(&keep, 3), -INT_MAX);
    assert_int_equal(keep.rule->before(&keep, 1000000000), -INT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_worked_out),
        cmocka_unit_test(test_the_least_leaves), cmocka_unit_test(test_reservoir_is_a_fair_sample),
        cmocka_unit_test(test_the_like_leave),
        cmocka_unit_test(test_far_past),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
