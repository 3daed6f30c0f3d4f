/* See eval_print.h. */
#include "cli/eval_print.h"

#include <math.h>
#include <string.h>

#include "cli/say.h"

enum {
    ROWS_MOST = 40,     /* of a table for people */
    MISTAKES_MOST = 10, /* classes whose mistakes make a table that fits a line */
    LEVELS_MOST = 9,    /* quantiles that fit a line */
    NAME_WIDTH = 16,
    NAME_CAP = 300
};

void sab_eval_json_metrics(struct sab_json *json, const struct sab_evaluation *e)
{
    for (int id = 0; id < SAB_METRIC_COUNT; id++)
        sab_json_real(json, sab_metric_table[id].name, e->values[id]);
}

static void json_classes(struct sab_json *json, const struct sab_evaluation *e, const struct sab_answers *answers)
{
    sab_json_open(json, "classes", '[');
    for (int o = 0; o < e->O; o++) {
        const struct sab_class_counts *c = &e->classes[o];
        sab_json_open(json, NULL, '{');
        sab_json_text(json, "name", answers->names[o]);
        sab_json_int(json, "count", c->labels);
        sab_json_int(json, "answered", c->answers);
        sab_json_int(json, "hits", c->hits);
        sab_json_real(json, "recall", sab_class_recall(c));
        sab_json_real(json, "precision", sab_class_precision(c));
        sab_json_real(json, "f1", sab_class_f1(c));
        sab_json_close(json, '}');
    }
    sab_json_close(json, ']');
    if (!e->confusion)
        return;
    sab_json_open(json, "confusion", '[');
    for (int label = 0; label < e->O; label++) {
        sab_json_open(json, NULL, '[');
        for (int answer = 0; answer < e->O; answer++)
            sab_json_int(json, NULL, e->confusion[label * e->O + answer]);
        sab_json_close(json, ']');
    }
    sab_json_close(json, ']');
}

/* Of target o, its first output: its name, where it has quantiles without "_q0.1", and what its unit is. */
static void name_target(const struct sab_evaluation *e, const struct sab_answers *answers, int o, char name[NAME_CAP])
{
    snprintf(name, NAME_CAP, "%s", answers->names[o * e->quantiles.n]);
    char *level = e->tails ? strrchr(name, '_') : NULL;
    if (level)
        *level = 0;
}

static double unit_of(const struct sab_evaluation *e, const struct sab_answers *answers, int o)
{
    return answers->deviation[o * e->quantiles.n];
}

static void json_quantiles(struct sab_json *json, const struct sab_evaluation *e, int o, double unit)
{
    double n = (double)e->targets[o].count;
    sab_json_open(json, "quantiles", '[');
    for (int k = 0; k < e->quantiles.n; k++) {
        const struct sab_quantile_errors *tail = &e->tails[o * e->quantiles.n + k];
        sab_json_open(json, NULL, '{');
        sab_json_real(json, "level", e->quantiles.level[k]);
        sab_json_real(json, "not_above", (double)tail->covered / n);
        sab_json_real(json, "pinball", tail->pinball / n * unit);
        sab_json_close(json, '}');
    }
    sab_json_close(json, ']');
}

static void json_targets(struct sab_json *json, const struct sab_evaluation *e, const struct sab_answers *answers)
{
    sab_json_open(json, "targets", '[');
    for (int o = 0; o < e->n_targets; o++) {
        const struct sab_target_errors *t = &e->targets[o];
        double n = (double)t->count, m = (double)e->naive.count, unit = unit_of(e, answers, o);
        char name[NAME_CAP];
        name_target(e, answers, o, name);
        sab_json_open(json, NULL, '{');
        sab_json_text(json, "name", name);
        sab_json_int(json, "count", t->count);
        sab_json_real(json, "mse", t->squares / n);
        sab_json_real(json, "rmse", sqrt(t->squares / n) * unit);
        sab_json_real(json, "mae", t->absolute / n * unit);
        sab_json_real(json, "last_value_rmse", sqrt(e->naive.squares[o] / m) * unit);
        sab_json_real(json, "last_value_mae", e->naive.absolute[o] / m * unit);
        if (e->season.count > 0) {
            sab_json_real(json, "season_value_rmse", sqrt(e->season.squares[o] / (double)e->season.count) * unit);
            sab_json_real(json, "season_value_mae", e->season.absolute[o] / (double)e->season.count * unit);
        }
        sab_json_real(json, "deviation", sqrt(t->deviations / n) * unit);
        if (e->tails)
            json_quantiles(json, e, o, unit);
        sab_json_close(json, '}');
    }
    sab_json_close(json, ']');
}

void sab_eval_json_details(struct sab_json *json, const struct sab_evaluation *e, const struct sab_answers *answers)
{
    if (e->O > SAB_CONFUSION_MOST)
        return;
    if (e->classes)
        json_classes(json, e, answers);
    else
        json_targets(json, e, answers);
}

/* ---- for people ------------------------------------------------------------------------------------------------- */

/* Bytes of at most `width` characters of UTF-8, and how many characters that are. */
static int cut_name(const char *name, int width, int *characters)
{
    int n = 0, count = 0;
    for (; name[n] && (count < width || ((unsigned char)name[n] & 0xc0) == 0x80); n++)
        count += ((unsigned char)name[n] & 0xc0) != 0x80;
    *characters = count;
    return n;
}

/* A name in a column of `width`; to_left: before its blanks. */
static void print_name(const char *name, int width, int to_left)
{
    const char *shown = sab_shown(name);
    int characters, n = cut_name(shown, width, &characters);
    printf("%*s%.*s%*s", to_left ? 0 : width - characters, "", n, shown, to_left ? width - characters : 0, "");
}

static void print_share(double share, int width)
{
    if (isnan(share))
        printf("%*s", width, "-");
    else
        printf("%*.1f %%", width - 2, 100 * share);
}

static void print_classes(const struct sab_evaluation *e, const struct sab_answers *answers)
{
    printf("\n%-*s %10s %10s %10s %10s\n", NAME_WIDTH, e->loss == SAB_LOSS_BCE ? "yes to" : "class", "count", "recall",
           "precision", "F1");
    for (int o = 0; o < e->O; o++) {
        const struct sab_class_counts *c = &e->classes[o];
        print_name(answers->names[o], NAME_WIDTH, 1);
        printf(" %10lld ", (long long)c->labels);
        print_share(sab_class_recall(c), 10);
        putchar(' ');
        print_share(sab_class_precision(c), 10);
        if (isnan(sab_class_f1(c)))
            printf(" %10s\n", "-");
        else
            printf(" %10.3f\n", sab_class_f1(c));
    }
}

static void print_mistakes(const struct sab_evaluation *e, const struct sab_answers *answers)
{
    int width = e->O > 6 ? 6 : 9;
    printf("\n%-*s", NAME_WIDTH, "is \\ was called");
    for (int answer = 0; answer < e->O; answer++) {
        putchar(' ');
        print_name(answers->names[answer], width - 1, 0);
    }
    for (int label = 0; label < e->O; label++) {
        putchar('\n');
        print_name(answers->names[label], NAME_WIDTH, 1);
        for (int answer = 0; answer < e->O; answer++)
            printf("%*lld", width, (long long)e->confusion[label * e->O + answer]);
    }
    putchar('\n');
}

static void print_number(double value)
{
    if (isnan(value))
        printf(" %11s", "-");
    else
        printf(" %11.5g", value);
}

static void print_targets(const struct sab_evaluation *e, const struct sab_answers *answers)
{
    int has_last = e->naive.count > 0;
    printf("\n%*s%s\n", NAME_WIDTH + 34, "", has_last ? "     always the last value" : "  always the mean");
    printf("%-*s %8s %11s %11s %11s%s\n", NAME_WIDTH, "target", "count", "RMSE", "MAE", "RMSE",
           has_last ? "         MAE" : "");
    for (int o = 0; o < e->n_targets; o++) {
        const struct sab_target_errors *t = &e->targets[o];
        double n = (double)t->count, m = (double)e->naive.count, unit = unit_of(e, answers, o);
        char name[NAME_CAP];
        name_target(e, answers, o, name);
        print_name(name, NAME_WIDTH, 1);
        printf(" %8lld", (long long)t->count);
        print_number(sqrt(t->squares / n) * unit);
        print_number(t->absolute / n * unit);
        print_number(has_last ? sqrt(e->naive.squares[o] / m) * unit : sqrt(t->deviations / n) * unit);
        if (has_last)
            print_number(e->naive.absolute[o] / m * unit);
        putchar('\n');
    }
}

static void print_season(const struct sab_evaluation *e, const struct sab_answers *answers)
{
    double m = (double)e->season.count;
    printf("\n%-*s %8s %11s %11s\n", NAME_WIDTH, "a season before", "", "RMSE", "MAE");
    for (int o = 0; o < e->n_targets; o++) {
        char name[NAME_CAP];
        name_target(e, answers, o, name);
        print_name(name, NAME_WIDTH, 1);
        printf(" %8s", "");
        print_number(sqrt(e->season.squares[o] / m) * unit_of(e, answers, o));
        print_number(e->season.absolute[o] / m * unit_of(e, answers, o));
        putchar('\n');
    }
}

/* Of each quantile the share of values that are not above it, which should be its level, and its pinball loss. */
static void print_quantiles(const struct sab_evaluation *e, const struct sab_answers *answers)
{
    printf("\nshare of values that are not above the quantile; below, its pinball loss\n%-*s", NAME_WIDTH, "target");
    for (int k = 0; k < e->quantiles.n; k++)
        printf(" %10g", e->quantiles.level[k]);
    putchar('\n');
    for (int o = 0; o < e->n_targets; o++) {
        const struct sab_quantile_errors *tails = &e->tails[o * e->quantiles.n];
        double n = (double)e->targets[o].count;
        char name[NAME_CAP];
        name_target(e, answers, o, name);
        print_name(name, NAME_WIDTH, 1);
        for (int k = 0; k < e->quantiles.n; k++) {
            putchar(' ');
            print_share((double)tails[k].covered / n, 10);
        }
        printf("\n%*s", NAME_WIDTH, "");
        for (int k = 0; k < e->quantiles.n; k++)
            printf(" %10.4g", tails[k].pinball / n * unit_of(e, answers, o));
        putchar('\n');
    }
    printf("\nbetween the lowest and the highest: %.1f %% (they say %.1f %%)\n", 100 * e->values[SAB_METRIC_COVERAGE],
           100 * (e->quantiles.level[e->quantiles.n - 1] - e->quantiles.level[0]));
}

void sab_eval_print_details(const struct sab_evaluation *e, const struct sab_answers *answers)
{
    if (e->O > ROWS_MOST)
        return;
    if (!e->classes) {
        print_targets(e, answers);
        if (e->season.count > 0)
            print_season(e, answers);
        if (e->tails && e->quantiles.n > 1 && e->quantiles.n <= LEVELS_MOST)
            print_quantiles(e, answers);
        return;
    }
    print_classes(e, answers);
    printf("\nmean recall (balanced accuracy) %.1f %%, mean F1 %.3f", 100 * e->values[SAB_METRIC_BALANCED_ACCURACY],
           e->values[SAB_METRIC_F1]);
    if (!isnan(e->values[SAB_METRIC_AUC]))
        printf(", AUC %.3f", e->values[SAB_METRIC_AUC]);
    putchar('\n');
    if (e->confusion && e->O <= MISTAKES_MOST)
        print_mistakes(e, answers);
}
