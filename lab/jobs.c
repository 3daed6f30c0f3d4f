/* See jobs.h. */
#define _GNU_SOURCE /* pipe2 */
#include "lab/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/stop.h"

enum { LINE_CAP = 1024, PAUSE_MS = 200 };

/* What a process leaves in its pipe when its piece is done: less than a pipe takes at once. */
struct report {
    int status, is_taken;
    struct sab_error err;
};

struct process {
    pid_t id; /* 0: none */
    int piece;
    int said, reports; /* the ends of its pipes that we read */
    char line[LINE_CAP];
    size_t line_n;
};

/* What is left to do, in order: pieces that are taken go to the end. */
struct queue {
    int *pieces; /* [count], a ring */
    int *looks;  /* [count], by piece: how often it was begun */
    int first, n;
    int n_taken; /* at its end: those found taken since a piece was last done */
};

struct state {
    const struct sab_jobs *jobs;
    struct queue queue;
    struct process *processes; /* [at_once] */
    struct pollfd *ready;      /* [at_once] */
    int running;
    int is_ending; /* the others have been asked to stop */
    int has_waited;
    int status;    /* what came first */
    struct sab_error *err;
};

/* ---- the queue ---- */

/* A line of a piece's process after its name; the name alone where it begins. */
static void say_line(const struct state *s, int piece, const char *line)
{
    char name[SAB_JOB_NAME_CAP], text[SAB_JOB_NAME_CAP + LINE_CAP + 2];
    s->jobs->name(s->jobs->user, piece, name);
    snprintf(text, sizeof text, "%s%s%s", name, line[0] ? ": " : "", line);
    if (line[0] || !s->jobs->quiet)
        sab_progress_say(s->jobs->progress, text);
}

static int take(struct state *s)
{
    int piece = s->queue.pieces[s->queue.first];
    s->queue.first = (s->queue.first + 1) % s->jobs->count;
    s->queue.n--;
    if (s->queue.looks[piece]++ == 0)
        say_line(s, piece, "");
    return piece;
}

static void put_back(struct state *s, int piece)
{
    s->queue.pieces[(s->queue.first + s->queue.n++) % s->jobs->count] = piece;
    s->queue.n_taken++;
}

/* 1 if all that is left is taken; after a while it may be asked again. */
static int must_wait(const struct state *s)
{
    return s->queue.n > 0 && s->queue.n_taken == s->queue.n;
}

static void wait_for_others(struct state *s)
{
    static const struct timespec pause = {0, PAUSE_MS * 1000000};
    if (!s->has_waited && !s->jobs->quiet)
        sab_progress_say(s->jobs->progress, "waiting: another process is at what is left");
    s->has_waited = 1;
    nanosleep(&pause, NULL);
    s->queue.n_taken = 0;
}

/* ---- in a process of its own ---- */

static void work(const struct state *s, int piece, int said, int reports)
{
    struct report report;
    memset(&report, 0, sizeof report);
    dup2(said, STDERR_FILENO);
    close(said); /* the pipe ends with stderr */
    report.status = s->jobs->run(s->jobs->user, piece, &report.is_taken, &report.err);
    fflush(stderr);
    ssize_t n = write(reports, &report, sizeof report);
    _exit(n == (ssize_t)sizeof report ? 0 : 1);
}

/* ---- here ---- */

static int begin(struct state *s, struct process *p, int piece)
{
    int said[2], reports[2];
    sigset_t all, before;
    if (pipe2(said, O_CLOEXEC) != 0)
        return sab_fail(s->err, SAB_IO, "cannot make a pipe: %s", strerror(errno));
    if (pipe2(reports, O_CLOEXEC) != 0) {
        close(said[0]), close(said[1]);
        return sab_fail(s->err, SAB_IO, "cannot make a pipe: %s", strerror(errno));
    }
    fflush(NULL); /* what stands in buffers is not to be written twice */
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before); /* until the new one listens for itself */
    pid_t parent = getpid(), id = fork();
    if (id == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
            _exit(SAB_EXIT_INTERRUPTED);
        sab_stop_listen(1);
        sigprocmask(SIG_SETMASK, &before, NULL);
        work(s, piece, said[1], reports[1]);
    }
    int why = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(said[1]), close(reports[1]);
    if (id < 0) {
        close(said[0]), close(reports[0]);
        return sab_fail(s->err, SAB_IO, "cannot make a process: %s", strerror(why));
    }
    *p = (struct process){.id = id, .piece = piece, .said = said[0], .reports = reports[0]};
    s->running++;
    return SAB_OK;
}

/* Passes on what a process says, line by line; 0 when it has closed its end. */
static int hear(struct state *s, struct process *p)
{
    char text[LINE_CAP];
    ssize_t n = read(p->said, text, sizeof text);
    if (n < 0 && errno == EINTR)
        return 1;
    for (ssize_t i = 0; i < n; i++) {
        if (text[i] != '\n' && p->line_n < LINE_CAP - 1) {
            p->line[p->line_n++] = text[i];
            continue;
        }
        p->line[p->line_n] = 0;
        say_line(s, p->piece, p->line);
        p->line_n = 0;
        if (text[i] != '\n')
            p->line[p->line_n++] = text[i];
    }
    return n > 0;
}

/* What has become of a process that has closed its pipe. */
static int end(struct state *s, struct process *p, int *is_taken, struct sab_error *err)
{
    struct report report = {0};
    int code = 0;
    ssize_t n = read(p->reports, &report, sizeof report);
    while (waitpid(p->id, &code, 0) < 0 && errno == EINTR)
        continue;
    close(p->said), close(p->reports);
    p->id = 0;
    s->running--;
    if (n == (ssize_t)sizeof report) {
        *is_taken = report.is_taken;
        *err = report.err;
        return report.status;
    }
    if (WIFEXITED(code) && WEXITSTATUS(code) == SAB_EXIT_INTERRUPTED) /* it had nothing to save */
        return sab_fail(err, SAB_INTERRUPTED, "interrupted");
    char name[SAB_JOB_NAME_CAP];
    s->jobs->name(s->jobs->user, p->piece, name);
    return sab_fail(err, SAB_IO, "%s: its process has ended, %s %d, and has left no word", name,
                    WIFSIGNALED(code) ? "by signal" : "with code", WIFSIGNALED(code) ? WTERMSIG(code) : WEXITSTATUS(code));
}

static void settle(struct state *s, int piece, int status, int is_taken, const struct sab_error *err)
{
    if (status == SAB_OK && is_taken) {
        put_back(s, piece);
    } else if (status == SAB_OK) {
        s->queue.n_taken = 0;
        if (s->jobs->done)
            s->jobs->done(s->jobs->user, piece);
    } else if (s->status == SAB_OK) {
        s->status = status;
        if (s->err)
            *s->err = *err;
    }
}

static void ask_to_stop(struct state *s)
{
    for (int i = 0; i < s->jobs->at_once && !s->is_ending; i++)
        if (s->processes[i].id)
            kill(s->processes[i].id, SIGTERM);
    s->is_ending = 1;
}

/* Waits until somebody says something or is done, or a little time has passed. */
static void attend(struct state *s)
{
    int n = s->jobs->at_once;
    for (int i = 0; i < n; i++)
        s->ready[i] = (struct pollfd){.fd = s->processes[i].id ? s->processes[i].said : -1, .events = POLLIN};
    if (poll(s->ready, (nfds_t)n, PAUSE_MS) <= 0)
        return;
    for (int i = 0; i < n; i++) {
        struct process *p = &s->processes[i];
        struct sab_error err = {0};
        int is_taken = 0;
        if (s->ready[i].fd < 0 || !s->ready[i].revents || hear(s, p))
            continue;
        int status = end(s, p, &is_taken, &err);
        settle(s, p->piece, status, is_taken, &err);
    }
}

static void run_side_by_side(struct state *s)
{
    sab_stop_hold(1);
    for (;;) {
        int may_begin = s->status == SAB_OK && !*s->jobs->stop;
        for (int i = 0; i < s->jobs->at_once && may_begin && s->queue.n > 0 && !must_wait(s); i++)
            if (!s->processes[i].id)
                may_begin = (s->status = begin(s, &s->processes[i], take(s))) == SAB_OK;
        if (s->running == 0 && (!may_begin || s->queue.n == 0))
            break;
        if (!may_begin)
            ask_to_stop(s);
        if (s->running == 0)
            wait_for_others(s);
        else
            attend(s);
    }
    sab_stop_hold(0);
}

static void run_one_by_one(struct state *s)
{
    while (s->queue.n > 0 && s->status == SAB_OK && !*s->jobs->stop) {
        struct sab_error err = {0};
        int is_taken = 0, piece = take(s);
        int status = s->jobs->run(s->jobs->user, piece, &is_taken, &err);
        settle(s, piece, status, is_taken, &err);
        if (must_wait(s))
            wait_for_others(s);
    }
}

int sab_jobs_run(const struct sab_jobs *jobs, struct sab_error *err)
{
    struct state s = {.jobs = jobs, .err = err};
    if (jobs->count == 0)
        return SAB_OK;
    s.queue.pieces = sab_alloc(2 * (size_t)jobs->count, sizeof *s.queue.pieces);
    s.processes = sab_alloc((size_t)jobs->at_once, sizeof *s.processes);
    s.ready = sab_alloc((size_t)jobs->at_once, sizeof *s.ready);
    if (!s.queue.pieces || !s.processes || !s.ready) {
        s.status = sab_fail(err, SAB_NOMEM, "no memory for %d pieces of work, %d at a time", jobs->count, jobs->at_once);
    } else {
        s.queue.looks = s.queue.pieces + jobs->count;
        for (s.queue.n = 0; s.queue.n < jobs->count; s.queue.n++)
            s.queue.pieces[s.queue.n] = s.queue.n;
        if (jobs->at_once > 1)
            run_side_by_side(&s);
        else
            run_one_by_one(&s);
        if (s.status == SAB_OK && s.queue.n > 0)
            s.status = sab_fail(err, SAB_INTERRUPTED, "interrupted");
    }
    sab_free(s.queue.pieces);
    sab_free(s.processes);
    sab_free(s.ready);
    return s.status;
}
