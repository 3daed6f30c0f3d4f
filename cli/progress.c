/* See progress.h. */
#include "cli/progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/say.h"

enum { LINE_CAP = 256 };
#define REDRAW_S 0.1  /* ten times a second reads as moving */
#define SMOOTHING 0.05 /* of the batch's loss: about the last twenty updates */

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void sab_progress_init(struct sab_progress_line *line, const char *task)
{
    *line = (struct sab_progress_line){.task = task, .is_terminal = isatty(STDERR_FILENO), .first_step = -1};
}

static void write_line(const char *task, const struct sab_progress *progress, const struct sab_metrics *metrics,
                       char line[LINE_CAP])
{
    char loss[SAB_SAY_CAP], score[SAB_SAY_CAP], left[SAB_SAY_CAP], judged[SAB_SAY_CAP], also[2 * SAB_SAY_CAP] = "";
    double rate = progress->seconds_per_update > 0 ? 1 / progress->seconds_per_update : 0;
    sab_say_loss(metrics->loss, loss);
    sab_say_score(task, metrics, score);
    if (progress->values && !sab_metric_table[progress->judged_by].is_told) {
        sab_say_loss(progress->values[progress->judged_by], judged);
        snprintf(also, sizeof also, "  %s %s", sab_metric_table[progress->judged_by].name, judged);
    }
    sab_say_duration((double)(progress->steps - progress->step) * progress->seconds_per_update, left);
    snprintf(line, LINE_CAP, "update %lld/%lld  loss %s  %s%s  %.*f updates/s  %s left", (long long)progress->step,
             (long long)progress->steps, loss, score, also, rate < 10 ? 1 : 0, rate, left);
}

static int terminal_width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

void sab_progress_end(struct sab_progress_line *line)
{
    if (line->is_shown)
        fputs("\r\033[K", stderr);
    line->is_shown = 0;
}

static double blend(double old, double new)
{
    return isfinite(old) ? old + SMOOTHING * (new - old) : new;
}

void sab_progress_show(void *user, const struct sab_progress *progress)
{
    struct sab_progress_line *line = user;
    char text[LINE_CAP];
    if (progress->evaluated) {
        sab_progress_end(line);
        write_line(line->task, progress, &progress->metrics, text);
        fprintf(stderr, "%s%s\n", text, progress->is_best ? "  best so far" : "");
        return;
    }
    if (!line->is_terminal)
        return;
    if (line->first_step < 0) {
        line->first_step = progress->step;
        line->smooth = progress->metrics;
    }
    line->smooth.loss = blend(line->smooth.loss, progress->metrics.loss);
    line->smooth.accuracy = blend(line->smooth.accuracy, progress->metrics.accuracy);
    line->smooth.mse = blend(line->smooth.mse, progress->metrics.mse);
    double now = now_s();
    if (now - line->drawn_s < REDRAW_S)
        return;
    line->drawn_s = now;
    write_line(line->task, progress, &line->smooth, text);
    fprintf(stderr, "\r\033[K%.*s", terminal_width() - 1, text);
    fflush(stderr);
    line->is_shown = 1;
}
