/* What would make a long training short: sab_forecast_shorter of sab_run.h. */
#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "sab_run.h"
#include "train/options.h"

static const double LIMIT_S = 3600;

static void say(struct sab_shorter *out, const char *name, int64_t value, double run_s)
{
    snprintf(out->name, sizeof out->name, "%s", name);
    snprintf(out->value, sizeof out->value, "%lld", (long long)value);
    out->run_s = run_s;
}

/* Memories written more rarely, twice as rarely each time, until the run fits or little is gained. */
static int try_memories(const struct sab_options *options, const struct sab_forecast *is, struct sab_shorter *out, struct sab_error *err)
{
    struct sab_options own = {0};
    struct sab_forecast next = {.size = sizeof next};
    double before_s = is->run_s;
    int T = is->sequence_steps, status = sab_options_copy(&own, options, err);
    for (int k_att = 2 * own.model.k_att; status == SAB_OK && k_att <= T / 4 && before_s > LIMIT_S; k_att *= 2) {
        while (k_att < T && T % k_att != 0) /* as chunks that go on from each other need it */
            k_att++;
        own.model.k_att = k_att;
        status = sab_forecast(&own, NULL, NULL, &next, err);
        if (status != SAB_OK || next.run_s > 0.8 * before_s)
            break;
        before_s = next.run_s;
        if (before_s < is->run_s / 2)
            say(out, "k-att", k_att, before_s);
    }
    sab_options_clear(&own);
    return status;
}

int sab_forecast_shorter(const struct sab_options *options, const struct sab_forecast *forecast, struct sab_shorter *out,
                         struct sab_error *err)
{
    const struct sab_model_options *o = &options->model;
    double updates_s = (double)options->optim.steps * forecast->update_s, evaluations_s = forecast->run_s - updates_s;
    int64_t every = options->run.eval_every;
    int status = SAB_OK;
    *out = (struct sab_shorter){.run_s = forecast->run_s};
    if (!(forecast->run_s > LIMIT_S))
        return SAB_OK;
    if (every > 0 && evaluations_s > updates_s) {
        int64_t rarely = every * (int64_t)ceil(evaluations_s / fmax(updates_s / 4, LIMIT_S / 4));
        say(out, "eval-every", rarely, updates_s + evaluations_s * (double)every / (double)rarely);
    }
    if (!out->name[0] && o->model == SAB_KIND_RECURRENT && o->credit == SAB_CREDIT_SAB && o->k_top > 0)
        status = try_memories(options, forecast, out, err);
    if (status == SAB_OK && !out->name[0] && forecast->update_s < LIMIT_S)
        say(out, "steps", (int64_t)((double)options->optim.steps * LIMIT_S / forecast->run_s), LIMIT_S);
    return status;
}
