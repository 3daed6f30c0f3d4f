/* See progress.h. */
#include "report/progress.h"

#include <langinfo.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "report/words.h"

enum { LINE_CAP = 512, BAR = 14, WHAT_CAP = 120 };
#define REDRAW_S 0.1   /* ten times a second reads as moving */
#define SMOOTHING 0.05 /* of the batch's loss: about the last twenty updates */
#define FIRST_S 1.0    /* what is done sooner needs no line */
#define PLAIN_S 60.0   /* between lines where there is no terminal */

double sab_progress_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int is_unicode(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static int terminal_width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

/* Writes as much of the text as fits on a line, whole characters. */
static void put_line(const char *text)
{
    int columns = 0, most = terminal_width() - 1;
    size_t n = 0;
    while (text[n] && (columns < most || ((unsigned char)text[n] & 0xc0) == 0x80))
        columns += ((unsigned char)text[n++] & 0xc0) != 0x80;
    fprintf(stderr, "\r\033[K%.*s", (int)n, text);
    fflush(stderr);
}

void sab_progress_bar(double share, int width, int unicode, char *buf)
{
    static const char *const eighths[] = {" ", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a", "\u2589", "\u2588"};
    double filled = (share > 0 ? share < 1 ? share : 1 : 0) * width;
    buf[0] = 0;
    for (int i = 0; i < width; i++) {
        double part = filled - i;
        int level = part >= 1 ? 8 : part > 0 ? (int)(8 * part) : 0;
        strcat(buf, unicode ? eighths[level] : level >= 4 ? "#" : ".");
    }
}

/* ---- training ---- */

void sab_progress_init(struct sab_progress_line *line, const char *task)
{
    *line = (struct sab_progress_line){.task = task, .is_terminal = isatty(STDERR_FILENO), .is_unicode = is_unicode(), .first_step = -1,
                                       .each = 1};
}

/* Takes the loss of an update into the sparkline: where it is full, two of its losses become one. */
static void add_loss(struct sab_progress_line *line, double loss)
{
    if (!isfinite(loss))
        return;
    if (line->n_losses > 0 && line->in_last < line->each) {
        double *last = &line->losses[line->n_losses - 1];
        *last += (loss - *last) / (double)++line->in_last;
        return;
    }
    if (line->n_losses == SAB_SPARKS) {
        for (int i = 0; i < SAB_SPARKS / 2; i++)
            line->losses[i] = (line->losses[2 * i] + line->losses[2 * i + 1]) / 2;
        line->n_losses = SAB_SPARKS / 2;
        line->each *= 2;
    }
    line->losses[line->n_losses++] = loss;
    line->in_last = 1;
}

static void write_sparks(const struct sab_progress_line *line, char buf[3 * SAB_SPARKS + 1])
{
    static const char *const levels[] = {"\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588"};
    double least = INFINITY, most = -INFINITY;
    buf[0] = 0;
    for (int i = 0; i < line->n_losses; i++) {
        least = fmin(least, line->losses[i]);
        most = fmax(most, line->losses[i]);
    }
    for (int i = 0; i < line->n_losses; i++)
        strcat(buf, levels[most > least ? (int)(7 * (line->losses[i] - least) / (most - least)) : 0]);
}

/* is_moving: with bar and sparkline. */
static void write_line(const struct sab_progress_line *line, const struct sab_event *event,
                       const struct sab_metrics *metrics, int is_moving,
                       char text[LINE_CAP])
{
    char loss[SAB_SAY_CAP], score[SAB_SAY_CAP], left[SAB_SAY_CAP], judged[SAB_SAY_CAP], also[2 * SAB_SAY_CAP] = "";
    char bar[3 * BAR + 3] = "", sparks[3 * SAB_SPARKS + 2] = "";
    double rate = event->seconds_per_update > 0 ? 1 / event->seconds_per_update : 0;
    sab_say_loss(metrics->loss, loss);
    sab_say_score(line->task, metrics, score);
    const struct sab_metric *judge = sab_metric_at(event->judged_by);
    if (event->values && !judge->is_told) {
        sab_say_loss(event->values[event->judged_by], judged);
        snprintf(also, sizeof also, "  %s %s", judge->name, judged);
    }
    if (is_moving) {
        sab_progress_bar((double)event->step / (double)event->steps, BAR, line->is_unicode, bar + 2);
        memcpy(bar, "  ", 2);
        if (line->is_unicode && line->n_losses > 1) {
            sparks[0] = ' ';
            write_sparks(line, sparks + 1);
        }
    }
    sab_say_duration((double)(event->steps - event->step) * event->seconds_per_update, left);
    snprintf(text, LINE_CAP, "update %lld/%lld%s  loss %s%s  %s%s  %.*f updates/s  %s left", (long long)event->step,
             (long long)event->steps,
             bar, loss, sparks, score, also, rate < 10 ? 1 : 0, rate, left);
}

void sab_progress_end(struct sab_progress_line *line)
{
    if (line->is_shown)
        fputs("\r\033[K", stderr);
    line->is_shown = 0;
}

static double blend(double old, double new)
{
    return !isfinite(new) ? old : isfinite(old) ? old + SMOOTHING * (new - old) : new;
}

int sab_progress_show(void *user, const struct sab_event *event)
{
    struct sab_progress_line *line = user;
    char text[LINE_CAP];
    if (event->evaluated) {
        sab_progress_end(line);
        write_line(line, event, event->metrics, 0, text);
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
    add_loss(line, event->metrics->loss);
    double now = sab_progress_clock();
    if (now - line->drawn_s < REDRAW_S)
        return 0;
    line->drawn_s = now;
    write_line(line, event, &line->smooth, 1, text);
    put_line(text);
    line->is_shown = 1;
    return 0;
}

/* ---- other work ---- */

struct sab_progress {
    char what[WHAT_CAP];
    double begin_s, expected_s;
    int is_terminal, is_unicode;
    pthread_t thread;
    pthread_mutex_t mutex; /* of what is below */
    pthread_cond_t changed;
    double share, first;   /* NaN: nobody said; what was said first */
    int has_begun, is_ending, is_shown;
};

static void draw(struct sab_progress *p)
{
    double gone = sab_progress_clock() - p->begin_s, share = p->share;
    char bar[3 * BAR + 1], text[LINE_CAP], spent[SAB_SAY_CAP], left[SAB_SAY_CAP];
    if (isnan(share) && p->expected_s > 0)
        share = gone / p->expected_s < 0.99 ? gone / p->expected_s : 0.99; /* what was foretold may be wrong */
    sab_say_duration(gone, spent);
    if (isnan(share)) {
        snprintf(text, sizeof text, "%s  %s", p->what, spent);
    } else {
        sab_progress_bar(share, BAR, p->is_unicode, bar);
        double done = share - p->first;
        sab_say_duration(isnan(p->share) ? fmax(0, p->expected_s - gone) : done > 0 ? gone * (1 - share) / done : NAN, left);
        snprintf(text, sizeof text, "%s  %s %3.0f %%  %s, about %s left", p->what, bar, 100 * share, spent, left);
    }
    if (p->is_terminal)
        put_line(text);
    else
        fprintf(stderr, "%s\n", text);
    p->is_shown = 1;
}

static void *watch(void *user)
{
    struct sab_progress *p = user;
    double wait = p->is_terminal ? FIRST_S : PLAIN_S;
    pthread_mutex_lock(&p->mutex);
    p->has_begun = 1;
    pthread_cond_signal(&p->changed);
    while (!p->is_ending) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        double at = (double)until.tv_nsec * 1e-9 + wait;
        until.tv_sec += (time_t)at;
        until.tv_nsec = (long)((at - floor(at)) * 1e9);
        while (!p->is_ending && pthread_cond_timedwait(&p->changed, &p->mutex, &until) == 0)
            ;
        if (!p->is_ending)
            draw(p);
        wait = p->is_terminal ? 2 * REDRAW_S : PLAIN_S;
    }
    pthread_mutex_unlock(&p->mutex);
    return NULL;
}

struct sab_progress *sab_progress_begin(const char *what, double expected_s, int is_quiet)
{
    sigset_t all, before;
    pthread_condattr_t steady;
    struct sab_progress *p = is_quiet ? NULL : sab_alloc(1, sizeof *p);
    if (!p)
        return NULL;
    snprintf(p->what, sizeof p->what, "%s", what);
    p->begin_s = sab_progress_clock();
    p->expected_s = expected_s;
    p->share = p->first = NAN;
    p->is_terminal = isatty(STDERR_FILENO);
    p->is_unicode = is_unicode();
    pthread_mutex_init(&p->mutex, NULL);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&p->changed, &steady);
    pthread_condattr_destroy(&steady);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for who works */
    int failed = pthread_create(&p->thread, NULL, watch, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        sab_free(p);
        return NULL;
    }
    /* A thread that is still being made may hold an allocator's lock, for which the child of a fork (apart.c) would wait without end. */
    pthread_mutex_lock(&p->mutex);
    while (!p->has_begun)
        pthread_cond_wait(&p->changed, &p->mutex);
    pthread_mutex_unlock(&p->mutex);
    return p;
}

void sab_progress_at(struct sab_progress *p, double share)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->mutex);
    p->share = share;
    if (isnan(p->first))
        p->first = share;
    pthread_mutex_unlock(&p->mutex);
}

void sab_progress_say(struct sab_progress *p, const char *line)
{
    if (p)
        pthread_mutex_lock(&p->mutex);
    fprintf(stderr, "%s%s\n", p && p->is_shown && p->is_terminal ? "\r\033[K" : "", line);
    if (p)
        pthread_mutex_unlock(&p->mutex);
}

double sab_progress_finish(struct sab_progress *p)
{
    if (!p)
        return 0;
    pthread_mutex_lock(&p->mutex);
    p->is_ending = 1;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->mutex);
    pthread_join(p->thread, NULL);
    if (p->is_shown && p->is_terminal) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    double seconds = sab_progress_clock() - p->begin_s;
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->mutex);
    sab_free(p);
    return seconds;
}

void sab_progress_drop(struct sab_progress **p)
{
    sab_progress_finish(*p);
    *p = NULL;
}
