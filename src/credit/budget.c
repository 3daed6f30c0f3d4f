/* See budget.h. */
#include "credit/budget.h"

#include <math.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/lockstep.h"
#include "model/options.h"

struct sab_room sab_extent_room(const struct sab_extent *x, int is_last, int backward)
{
    return (struct sab_room){
        .S = is_last ? x->B % SAB_SHARD : x->B >= SAB_SHARD ? SAB_SHARD : 0,
        .T = x->T,
        .carried_cap = x->carried_cap,
        .backward = backward,
        .flow = x->flow,
        .apart = x->apart,
        .dvalues = x->dvalues,
        .masks = x->masks,
    };
}

int sab_extent_together(const struct sab_model *m, int H, int B, int workers)
{
    const double shared_nbytes = 8 << 20; /* of smaller weights, what all processors share holds enough */
    int n_shards = (B - 1) / SAB_SHARD + 1, each = (n_shards - 1) / workers + 1;
    if (!m->network->step_numbers || m->network->step_numbers(m, H) * sizeof(real) < shared_nbytes)
        return 1;
    return each < SAB_TOGETHER ? each : SAB_TOGETHER;
}

/* A step takes some microseconds, and to meet costs one: so from weights of 1 MiB on; and units for each lane to have tiles of. */
enum { LOCKSTEP_NBYTES = 1 << 20, LANE_UNITS = 128 };

int sab_extent_lanes(const struct sab_model *m, int H, int n_shards, int threads)
{
    double nbytes = m->network->step_numbers ? m->network->step_numbers(m, H) * sizeof(real) : 0;
    int most = sab_pad(H) / LANE_UNITS;
    most = most < SAB_LOCKSTEP_MOST ? most : SAB_LOCKSTEP_MOST;
    if (n_shards > 1 || nbytes < LOCKSTEP_NBYTES || most < 1)
        return 1;
    return threads < most ? threads : most;
}

int sab_need_count(const struct sab_model *m, const struct sab_extent *x, int backward, struct sab_need *need,
                   struct sab_error *err)
{
    struct sab_blocks blocks[2] = {0};
    int n_shards = (x->B - 1) / SAB_SHARD + 1, status = SAB_OK;
    for (int is_last = 0; is_last < 2 && status == SAB_OK; is_last++) {
        struct sab_room room = sab_extent_room(x, is_last, backward);
        if (room.S > 0)
            status = m->network->shard_create(NULL, m, &room, &blocks[is_last], err);
    }
    double kept[2] = {(double)blocks[0].kept_nbytes, (double)blocks[1].kept_nbytes};
    double scratch[2] = {(double)blocks[0].scratch_nbytes, (double)blocks[1].scratch_nbytes};
    *need = (struct sab_need){
        .activations = x->apart ? kept[0] * (x->B / SAB_SHARD) + kept[1] + (scratch[0] > scratch[1] ? scratch[0]
                                                                            : scratch[1]) * x->workers * x->together
                                : ((kept[0] + scratch[0]) * x->together + kept[1] + scratch[1]) * x->workers,
        .gradients = backward ? (double)n_shards * (double)m->n_padded * sizeof(real) : 0,
    };
    return status;
}

double sab_held_nbytes(const struct sab_model *m)
{
    double weights = 2 * (double)m->n_theta + (double)m->n_padded + (double)m->n_packed; /* theta has a gradient */
    return weights * sizeof(real);
}

/* Of "auto": on a machine with much memory others work too, and running windows again takes a seventh more time (H = 128, measured). */
static const double AUTO_MOST = 2147483648.0;

double sab_budget_nbytes(const struct sab_model_options *config)
{
    double nbytes = INFINITY;
    sab_memory_parse(config->memory, &nbytes, NULL);
    return nbytes < 0 ? fmin(sab_memory_free_nbytes() / 4, AUTO_MOST) : nbytes;
}

static double mib(double nbytes)
{
    return nbytes / (1 << 20);
}

int sab_budget_choose(const struct sab_model_options *config, double budget, double held, const struct sab_need *stored,
                      const struct sab_need *recomputed, int *backward, struct sab_error *err)
{
    double all = held + stored->activations + stored->gradients;
    double least = held + recomputed->activations + recomputed->gradients;
    /* one window over all steps gains nothing by being run again */
    int is_stored = config->recompute == SAB_RECOMPUTE_OFF ||
                    (config->recompute == SAB_RECOMPUTE_AUTO && (all <= budget || all <= least));
    double limit;
    *backward = is_stored ? SAB_STORED : SAB_RECOMPUTED;
    sab_memory_parse(config->memory, &limit, NULL);
    if (limit < 0 || (is_stored ? all : least) <= budget)
        return SAB_OK;
    if (least <= budget)
        return sab_fail(err, SAB_NOMEM, "--memory %s: training needs %.1f MiB with --recompute off, and %.1f MiB without "
                                        "that", config->memory, mib(all), mib(least));
    return sab_fail(err, SAB_NOMEM, "--memory %s: training needs %.1f MiB at least; a smaller --batch or fewer "
                                    "--threads may need less", config->memory, mib(least));
}
