/* What an evaluation found, for callers of the library: sab_evaluation_* of sab_run.h. */
#include <math.h>

#include "base/alloc.h"
#include "base/error.h"
#include "train/evaluate.h"

int sab_evaluation_create(struct sab_evaluation **out, struct sab_engine *engine, struct sab_task *task, enum sab_split split,
                          const struct sab_options *options, struct sab_error *err)
{
    struct sab_evaluation *e = sab_alloc(1, sizeof *e);
    if (!e)
        return sab_fail(err, SAB_NOMEM, "no memory for an evaluation");
    int status = sab_evaluate_fully(engine, task, split, options, e, err);
    if (status == SAB_OK)
        *out = e;
    else
        sab_evaluation_free(e);
    return status;
}

void sab_evaluation_free(struct sab_evaluation *e)
{
    if (!e)
        return;
    sab_evaluation_clear(e);
    sab_free(e);
}

double sab_evaluation_value(const struct sab_evaluation *e, int metric)
{
    return metric >= 0 && metric < SAB_METRIC_COUNT ? e->values[metric] : NAN;
}

int64_t sab_evaluation_scored(const struct sab_evaluation *e)
{
    return e->scored;
}

int64_t sab_evaluation_confusion(const struct sab_evaluation *e, int label, int answer)
{
    return e->confusion ? e->confusion[(size_t)label * (size_t)e->O + (size_t)answer] : -1;
}

/* Of a class. */
static int class_figures(const struct sab_class_counts *c, struct sab_figure figures[SAB_FIGURES_CAP])
{
    int n = 0;
    figures[n++] = (struct sab_figure){"count", (double)c->labels, 1};
    figures[n++] = (struct sab_figure){"answered", (double)c->answers, 1};
    figures[n++] = (struct sab_figure){"hits", (double)c->hits, 1};
    figures[n++] = (struct sab_figure){"recall", sab_class_recall(c), 0};
    figures[n++] = (struct sab_figure){"precision", sab_class_precision(c), 0};
    figures[n++] = (struct sab_figure){"f1", sab_class_f1(c), 0};
    return n;
}

int sab_evaluation_output(const struct sab_evaluation *e, int o, struct sab_figure figures[SAB_FIGURES_CAP])
{
    if (e->classes)
        return class_figures(&e->classes[o], figures);
    int target = o / e->quantiles.n, n = 0;
    const struct sab_target_errors *t = &e->targets[target];
    double count = (double)t->count, naive = (double)e->naive.count, unit = e->unit[target];
    figures[n++] = (struct sab_figure){"count", count, 1};
    figures[n++] = (struct sab_figure){"mse", t->squares / count, 0};
    figures[n++] = (struct sab_figure){"rmse", sqrt(t->squares / count) * unit, 0};
    figures[n++] = (struct sab_figure){"mae", t->absolute / count * unit, 0};
    figures[n++] = (struct sab_figure){"last_value_rmse", sqrt(e->naive.squares[target] / naive) * unit, 0};
    figures[n++] = (struct sab_figure){"last_value_mae", e->naive.absolute[target] / naive * unit, 0};
    figures[n++] = (struct sab_figure){"season_value_rmse", sqrt(e->season.squares[target] / (double)e->season.count) * unit, 0};
    figures[n++] = (struct sab_figure){"season_value_mae", e->season.absolute[target] / (double)e->season.count * unit, 0};
    figures[n++] = (struct sab_figure){"deviation", sqrt(t->deviations / count) * unit, 0};
    if (e->tails) {
        figures[n++] = (struct sab_figure){"level", e->quantiles.level[o % e->quantiles.n], 0};
        figures[n++] = (struct sab_figure){"not_above", (double)e->tails[o].covered / count, 0};
        figures[n++] = (struct sab_figure){"pinball", e->tails[o].pinball / count * unit, 0};
    }
    return n;
}
