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

static void write_line(const char *task, const struct sab_event *event, const struct sab_metrics *metrics,
                       char line[LINE_CAP])
{
    char loss[SAB_SAY_CAP], score[SAB_SAY_CAP], left[SAB_SAY_CAP], judged[SAB_SAY_CAP], also[2 * SAB_SAY_CAP] = "";
    double rate = event->seconds_per_update > 0 ? 1 / event->seconds_per_update : 0;
    sab_say_loss(metrics->loss, loss);
    sab_say_score(task, metrics, score);
    const struct sab_metric *judge = sab_metric_at(event->judged_by);
    if (event->values && !judge->is_told) {
        sab_say_loss(event->values[event->judged_by], judged);
        snprintf(also, sizeof also, "  %s %s", judge->name, judged);
    }
    sab_say_duration((double)(event->steps - event->step) * event->seconds_per_update, left);
    snprintf(line, LINE_CAP, "update %lld/%lld  loss %s  %s%s  %.*f updates/s  %s left", (long long)event->step,
             (long long)event->steps, loss, score, also, rate < 10 ? 1 : 0, rate, left);
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

int sab_progress_show(void *user, const struct sab_event *event)
{
    struct sab_progress_line *line = user;
    char text[LINE_CAP];
    if (event->evaluated) {
        sab_progress_end(line);
        write_line(line->task, event, event->metrics, text);
        fprintf(stderr, "%s%s\n", text, event->is_best ? "  best so far" : "");
        return 0;
    }
    if (!line->is_terminal)
        return 0;
    if (line->first_step < 0) {
        line->first_step = event->step;
        line->smooth = *event->metrics;
    }
    line->smooth.loss = blend(line->smooth.loss, event->metrics->loss);
    line->smooth.accuracy = blend(line->smooth.accuracy, event->metrics->accuracy);
    line->smooth.mse = blend(line->smooth.mse, event->metrics->mse);
    double now = now_s();
    if (now - line->drawn_s < REDRAW_S)
        return 0;
    line->drawn_s = now;
    write_line(line->task, event, &line->smooth, text);
    fprintf(stderr, "\r\033[K%.*s", terminal_width() - 1, text);
    fflush(stderr);
    line->is_shown = 1;
    return 0;
}
