/* See ledger.h; and the rules. */
#include "remind/ledger.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "remind/draw.h"

static int is_due(const struct sab_keep *keep, int since)
{
    return since + 1 == keep->k_att;
}

static int since(const struct sab_keep *keep, int64_t steps)
{
    return (int)(steps % keep->k_att);
}

static int before(const struct sab_keep *keep, int j)
{
    int64_t step = -(int64_t)j * keep->k_att - 1;
    return step < -INT32_MAX ? -INT32_MAX : (int)step;
}

static int most(const struct sab_keep *keep, int T)
{
    return T / keep->k_att;
}

/* Rising by one every k_att steps from `carried` on until T0, level after. */
static size_t sum(const struct sab_keep *keep, int carried, int most, int T)
{
    size_t k = (size_t)keep->k_att, c = (size_t)carried, level = (size_t)most, T0 = (size_t)T;
    if (c >= level)
        return T0 * level;
    if (T0 / k >= level - c)
        T0 = k * (level - c);
    size_t q = T0 / k, rest = T0 % k;
    return c * T0 + (q > 0 ? k * (q * (q - 1) / 2) : 0) + rest * q + ((size_t)T - T0) * level;
}

const struct sab_rule sab_rule_periodic = {"periodic", is_due, since, before, most, sum};

/* ---- which leaves ---- */

sab_real sab_ledger_distance(int H, const sab_real *m, const sab_real *other)
{
    sab_real sum = 0;
    for (int k = 0; k < H; k++)
        sum += (m[k] - other[k]) * (m[k] - other[k]);
    return sum;
}

/* How far the state moved. */
static sab_real moved(int H, const sab_real *m, const sab_real *h, const sab_real *gate, uint64_t draw)
{
    (void)gate, (void)draw;
    return sab_ledger_distance(H, m, h);
}

static sab_real nothing(const struct sab_keep *keep)
{
    (void)keep;
    return 1;
}

/* As if recalled once: what is never recalled leaves by its age. */
static sab_real once(int H, const sab_real *m, const sab_real *h, const sab_real *gate, uint64_t draw)
{
    (void)H, (void)m, (void)h, (void)gate, (void)draw;
    return 1;
}

static sab_real by_slots(const struct sab_keep *keep)
{
    return (sab_real)(1 - 1.0 / keep->slots);
}

static sab_real size(int H, const sab_real *m, const sab_real *h, const sab_real *gate, uint64_t draw)
{
    (void)h, (void)gate, (void)draw;
    sab_real sum = 0;
    for (int k = 0; k < H; k++)
        sum += m[k] * m[k];
    return sum;
}

/* log sigmoid(gate . m), without overflow. */
static sab_real log_gate(int H, const sab_real *m, const sab_real *h, const sab_real *gate, uint64_t draw)
{
    (void)h, (void)draw;
    double x = 0;
    for (int k = 0; k < H; k++)
        x += (double)gate[k] * (double)m[k];
    return (sab_real)((x < 0 ? x : 0) - log1p(exp(x < 0 ? x : -x)));
}

static sab_real drawn(int H, const sab_real *m, const sab_real *h, const sab_real *gate, uint64_t draw)
{
    (void)H, (void)m, (void)h, (void)gate;
    return sab_draw_worth(draw);
}

const struct sab_choice *sab_choice_find(int keeping)
{
    static const struct sab_choice choices[] = {
        [SAB_KEEP_SURPRISE] = {"surprise", moved, nothing, 0, 0, 0, 0},
        [SAB_KEEP_USED] = {"used", once, by_slots, 1, 0, 0, 0},
        [SAB_KEEP_NOVEL] = {"novel", size, nothing, 0, 1, 0, 0},
        [SAB_KEEP_LEARNED] = {"learned", log_gate, nothing, 0, 0, 1, 0},
        [SAB_KEEP_RESERVOIR] = {"reservoir", drawn, nothing, 0, 0, 0, 1},
    };
    return keeping == SAB_KEEP_RECENT ? NULL : &choices[keeping];
}

/* The least of `one` and apart[0..n-1], without place `but`. */
static sab_real nearest(sab_real one, const sab_real *apart, int n, int but)
{
    for (int i = 0; i < n; i++)
        one = i != but && apart[i] < one ? apart[i] : one;
    return one;
}

void sab_ledger_admit(struct sab_ledger *l, int t, int b, sab_real worth)
{
    int32_t *alive = l->alive + (size_t)b * l->alive_cap;
    int n = l->n_alive[b], least = 0;
    sab_real *worths = l->worth + (size_t)b * l->cap, fade = l->keep->choice->fade(l->keep);
    assert(0 <= b && b < l->S && l->n < l->cap && n < l->alive_cap);
    if (l->ends && t >= l->ends[b])
        return;
    for (int i = 0; i < n; i++)
        worths[alive[i]] *= fade;
    for (int i = 0; l->keep->choice->is_apart && i < n; i++)
        worths[alive[i]] = l->apart[i] < worths[alive[i]] ? l->apart[i] : worths[alive[i]];
    worths[l->n] = l->keep->choice->is_apart ? nearest(worth, l->apart, n, -1) : worth;
    alive[n++] = l->n;
    for (int i = 1; i < n; i++)
        least = worths[alive[i]] < worths[alive[least]] ? i : least;
    if (n > l->keep->slots) {
        n--;
        if (l->keep->choice->is_apart && least < n) /* the others of the one that left may be nearer to something, which is not looked up */
            worths[l->n] = nearest(worth, l->apart, n, least);
        memmove(alive + least, alive + least + 1, (size_t)(n - least) * sizeof *alive);
    }
    l->n_alive[b] = n;
}

/* ---- step after step ---- */

/* What is alive when step t begins. */
static void open_step(struct sab_ledger *l, int t)
{
    int slots = l->keep->slots;
    l->steps[t] = (struct sab_ledger_step){l->n > slots ? l->n - slots : 0, l->n};
}

void sab_ledger_begin(struct sab_ledger *l, int carried, int since)
{
    assert(carried >= 0 && since >= 0);
    l->n = l->carried = carried;
    l->since = since;
    for (int i = 0; l->when && i < carried; i++)
        l->when[i] = l->keep->choice ? -1 : l->keep->rule->before(l->keep, carried - 1 - i);
    if (l->entries)
        l->entries[0] = 0;
    for (int b = 0; l->alive && b < l->S; b++) {
        l->n_alive[b] = 0;
        for (int i = l->first[b]; i < carried; i++)
            l->alive[(size_t)b * l->alive_cap + l->n_alive[b]++] = i;
    }
    open_step(l, 0);
}

void sab_ledger_end_step(struct sab_ledger *l, int t, int has_written)
{
    assert(l->steps[t].count == l->n);
    if (has_written && l->when)
        l->when[l->n] = t;
    l->n += has_written;
    l->since = has_written ? 0 : l->since + 1;
    if (l->entries)
        l->entries[t + 1] = l->entries[t] + (size_t)(l->steps[t].count - l->steps[t].oldest);
    open_step(l, t + 1);
}

void sab_ledger_fill(struct sab_ledger *l, int carried, int T)
{
    assert(!l->alive);
    sab_ledger_begin(l, carried, 0);
    for (int t = 0; t < T; t++)
        sab_ledger_end_step(l, t, sab_ledger_is_due(l));
}
