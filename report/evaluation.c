/* See evaluation.h. */
#include "report/evaluation.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum {
    ROWS_MOST = 40,     /* of a table for people */
    MISTAKES_MOST = 10, /* classes whose mistakes make a table that fits a line */
    LEVELS_MOST = 9,    /* quantiles that fit a line */
    DETAILS_MOST = 256, /* outputs of which each is told in JSON */
    NAME_WIDTH = 16,
    NAME_CAP = 300,
    SHOWN_CAP = 251
};

static double value(const struct sab_evaluation *e, const char *metric)
{
    return sab_evaluation_value(e, sab_metric_find(metric));
}

static double figure(const struct sab_evaluation *e, int o, const char *name)
{
    struct sab_figure figures[SAB_FIGURES_CAP];
    int n = sab_evaluation_output(e, o, figures);
    for (int i = 0; i < n; i++)
        if (strcmp(figures[i].name, name) == 0)
            return figures[i].value;
    return NAN;
}

static int is_values(const struct sab_shape *shape)
{
    return shape->loss == SAB_LOSS_MSE || shape->loss == SAB_LOSS_QUANTILE;
}

/* Quantiles of each value: outputs up to where the levels begin again; 1 where there are none. */
static int count_levels(const struct sab_evaluation *e, int O)
{
    int n = 1;
    while (n < O && figure(e, n, "level") > figure(e, n - 1, "level"))
        n++;
    return n;
}

/* The name of a value, of its first output, where it has quantiles without "_q0.1". */
static void name_target(const struct sab_evaluation *e, const struct sab_answers *answers, int o, char name[NAME_CAP])
{
    snprintf(name, NAME_CAP, "%s", sab_answers_name(answers, o));
    char *level = isnan(figure(e, o, "level")) ? NULL : strrchr(name, '_');
    if (level)
        *level = 0;
}

void sab_eval_json_metrics(struct sab_json *json, const struct sab_evaluation *e)
{
    for (int i = 0; sab_metric_at(i); i++)
        sab_json_real(json, sab_metric_at(i)->name, sab_evaluation_value(e, i));
}

/* The outputs o to o + n - 1, each a quantile of one value. */
static void json_quantiles(struct sab_json *json, const struct sab_evaluation *e, int o, int n)
{
    sab_json_open(json, "quantiles", '[');
    for (int k = o; k < o + n; k++) {
        sab_json_open(json, NULL, '{');
        sab_json_real(json, "level", figure(e, k, "level"));
        sab_json_real(json, "not_above", figure(e, k, "not_above"));
        sab_json_real(json, "pinball", figure(e, k, "pinball"));
        sab_json_close(json, '}');
    }
    sab_json_close(json, ']');
}

/* A class, or a value of so many levels. */
static void json_output(struct sab_json *json, const struct sab_evaluation *e, int o, int levels, const char *name)
{
    struct sab_figure figures[SAB_FIGURES_CAP];
    int n = sab_evaluation_output(e, o, figures);
    sab_json_open(json, NULL, '{');
    sab_json_text(json, "name", name);
    for (int i = 0; i < n && strcmp(figures[i].name, "level") != 0; i++)
        if (figures[i].is_count)
            sab_json_int(json, figures[i].name, (int64_t)figures[i].value);
        else if (strncmp(figures[i].name, "season_", 7) != 0 || !isnan(figures[i].value))
            sab_json_real(json, figures[i].name, figures[i].value);
    if (!isnan(figure(e, o, "level")))
        json_quantiles(json, e, o, levels);
    sab_json_close(json, '}');
}

static void json_confusion(struct sab_json *json, const struct sab_evaluation *e, int O)
{
    sab_json_open(json, "confusion", '[');
    for (int label = 0; label < O; label++) {
        sab_json_open(json, NULL, '[');
        for (int answer = 0; answer < O; answer++)
            sab_json_int(json, NULL, sab_evaluation_confusion(e, label, answer));
        sab_json_close(json, ']');
    }
    sab_json_close(json, ']');
}

void sab_eval_json_details(struct sab_json *json, const struct sab_evaluation *e, const struct sab_shape *shape,
                           const struct sab_answers *answers)
{
    if (shape->O > DETAILS_MOST)
        return;
    int levels = count_levels(e, shape->O);
    sab_json_open(json, is_values(shape) ? "targets" : "classes", '[');
    for (int o = 0; o < shape->O; o += levels) {
        char name[NAME_CAP];
        name_target(e, answers, o, name);
        json_output(json, e, o, levels, name);
    }
    sab_json_close(json, ']');
    if (sab_evaluation_confusion(e, 0, 0) >= 0)
        json_confusion(json, e, shape->O);
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
    char shown[SHOWN_CAP];
    int characters, n = cut_name(sab_text_shown(name, shown, sizeof shown), width, &characters);
    printf("%*s%.*s%*s", to_left ? 0 : width - characters, "", n, shown, to_left ? width - characters : 0, "");
}

static void print_share(double share, int width)
{
    if (isnan(share))
        printf("%*s", width, "-");
    else
        printf("%*.1f %%", width - 2, 100 * share);
}

static void print_classes(const struct sab_evaluation *e, const struct sab_shape *shape, const struct sab_answers *answers)
{
    printf("\n%-*s %10s %10s %10s %10s\n", NAME_WIDTH, shape->loss == SAB_LOSS_BCE ? "yes to" : "class", "count", "recall",
           "precision", "F1");
    for (int o = 0; o < shape->O; o++) {
        double f1 = figure(e, o, "f1");
        print_name(sab_answers_name(answers, o), NAME_WIDTH, 1);
        printf(" %10.0f ", figure(e, o, "count"));
        print_share(figure(e, o, "recall"), 10);
        putchar(' ');
        print_share(figure(e, o, "precision"), 10);
        if (isnan(f1))
            printf(" %10s\n", "-");
        else
            printf(" %10.3f\n", f1);
    }
}

static void print_mistakes(const struct sab_evaluation *e, int O, const struct sab_answers *answers)
{
    int width = O > 6 ? 6 : 9;
    printf("\n%-*s", NAME_WIDTH, "is \\ was called");
    for (int answer = 0; answer < O; answer++) {
        putchar(' ');
        print_name(sab_answers_name(answers, answer), width - 1, 0);
    }
    for (int label = 0; label < O; label++) {
        putchar('\n');
        print_name(sab_answers_name(answers, label), NAME_WIDTH, 1);
        for (int answer = 0; answer < O; answer++)
            printf("%*lld", width, (long long)sab_evaluation_confusion(e, label, answer));
    }
    putchar('\n');
}

static void print_number(double x)
{
    if (isnan(x))
        printf(" %11s", "-");
    else
        printf(" %11.5g", x);
}

static void print_targets(const struct sab_evaluation *e, int O, int levels, const struct sab_answers *answers)
{
    int has_last = !isnan(figure(e, 0, "last_value_rmse"));
    printf("\n%*s%s\n", NAME_WIDTH + 34, "", has_last ? "     always the last value" : " always their mean");
    printf("%-*s %8s %11s %11s %11s%s\n", NAME_WIDTH, "target", "count", "RMSE", "MAE", "RMSE",
           has_last ? "         MAE" : "");
    for (int o = 0; o < O; o += levels) {
        char name[NAME_CAP];
        name_target(e, answers, o, name);
        print_name(name, NAME_WIDTH, 1);
        printf(" %8.0f", figure(e, o, "count"));
        print_number(figure(e, o, "rmse"));
        print_number(figure(e, o, "mae"));
        print_number(figure(e, o, has_last ? "last_value_rmse" : "deviation"));
        if (has_last)
            print_number(figure(e, o, "last_value_mae"));
        putchar('\n');
    }
}

static void print_season(const struct sab_evaluation *e, int O, int levels, const struct sab_answers *answers)
{
    printf("\n%-*s %8s %11s %11s\n", NAME_WIDTH, "a season before", "", "RMSE", "MAE");
    for (int o = 0; o < O; o += levels) {
        char name[NAME_CAP];
        name_target(e, answers, o, name);
        print_name(name, NAME_WIDTH, 1);
        printf(" %8s", "");
        print_number(figure(e, o, "season_value_rmse"));
        print_number(figure(e, o, "season_value_mae"));
        putchar('\n');
    }
}

/* Of each quantile the share of values that are not above it, which should be its level, and its pinball loss. */
static void print_quantiles(const struct sab_evaluation *e, int O, int levels, const struct sab_answers *answers)
{
    printf("\nshare of values that are not above the quantile; below, its pinball loss\n%-*s", NAME_WIDTH, "target");
    for (int k = 0; k < levels; k++)
        printf(" %10g", figure(e, k, "level"));
    putchar('\n');
    for (int o = 0; o < O; o += levels) {
        char name[NAME_CAP];
        name_target(e, answers, o, name);
        print_name(name, NAME_WIDTH, 1);
        for (int k = o; k < o + levels; k++) {
            putchar(' ');
            print_share(figure(e, k, "not_above"), 10);
        }
        printf("\n%*s", NAME_WIDTH, "");
        for (int k = o; k < o + levels; k++)
            printf(" %10.4g", figure(e, k, "pinball"));
        putchar('\n');
    }
    printf("\nbetween the lowest and the highest: %.1f %% (they say %.1f %%)\n", 100 * value(e, "coverage"),
           100 * (figure(e, levels - 1, "level") - figure(e, 0, "level")));
}

void sab_eval_print_details(const struct sab_evaluation *e, const struct sab_shape *shape, const struct sab_answers *answers)
{
    if (shape->O > ROWS_MOST)
        return;
    if (is_values(shape)) {
        int levels = count_levels(e, shape->O);
        print_targets(e, shape->O, levels, answers);
        if (!isnan(figure(e, 0, "season_value_rmse")))
            print_season(e, shape->O, levels, answers);
        if (levels > 1 && levels <= LEVELS_MOST)
            print_quantiles(e, shape->O, levels, answers);
        return;
    }
    print_classes(e, shape, answers);
    printf("\nmean recall (balanced accuracy) %.1f %%, mean F1 %.3f", 100 * value(e, "balanced_accuracy"), value(e, "f1"));
    if (!isnan(value(e, "auc")))
        printf(", AUC %.3f", value(e, "auc"));
    putchar('\n');
    if (sab_evaluation_confusion(e, 0, 0) >= 0 && shape->O <= MISTAKES_MOST)
        print_mistakes(e, shape->O, answers);
}
