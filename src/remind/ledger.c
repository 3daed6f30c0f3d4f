/* See ledger.h; and the rules. */
#include "remind/ledger.h"

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

/* What is alive when step t begins. */
static void open_step(struct sab_ledger *l, int t)
{
    int slots = l->keep->slots;
    l->steps[t] = (struct sab_ledger_step){l->n > slots ? l->n - slots : 0, l->n};
}

void sab_ledger_begin(struct sab_ledger *l, int carried, int since)
{
    l->n = l->carried = carried;
    l->since = since;
    for (int i = 0; l->when && i < carried; i++)
        l->when[i] = l->keep->rule->before(l->keep, carried - 1 - i);
    if (l->entries)
        l->entries[0] = 0;
    open_step(l, 0);
}

void sab_ledger_end_step(struct sab_ledger *l, int t, int has_written)
{
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
    sab_ledger_begin(l, carried, 0);
    for (int t = 0; t < T; t++)
        sab_ledger_end_step(l, t, sab_ledger_is_due(l));
}
