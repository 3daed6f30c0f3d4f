/* See stop.h. */
#include "cli/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A signal handler has no other way to be told anything. */
static volatile sig_atomic_t stop_wanted;
static volatile sig_atomic_t stop_is_quiet;

static volatile sig_atomic_t stop_input = -1; /* an input that is at its end, for who waits for more; -1: nobody does */
static volatile sig_atomic_t stop_is_asked; /* by SIGINT or SIGTERM, at this moment: */
static struct timespec stop_asked_at;

/* timeout(1) and others send a signal to a process and once more to its group: within this time it is the same one. */
static int is_echo(void)
{
    const long long ECHO_NS = 200000000;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - stop_asked_at.tv_sec) * 1000000000LL + now.tv_nsec - stop_asked_at.tv_nsec < ECHO_NS;
}

static void on_signal(int number)
{
    static const char text[] = "\nsab: stopping and saving; once more to quit at once\n";
    int saved = errno, is_request = number == SIGINT || number == SIGTERM;
    stop_wanted = 1;
    if (stop_input >= 0)
        dup2(stop_input, STDIN_FILENO); /* a read that is about to begin must not wait either */
    if (is_request && stop_is_asked && !is_echo()) {
        signal(number, SIG_DFL);
        raise(number); /* comes when this handler returns */
    } else if (is_request && !stop_is_asked) {
        clock_gettime(CLOCK_MONOTONIC, &stop_asked_at);
        stop_is_asked = 1;
        /* A closed pipe and a lost terminal are not written to. */
        if (!stop_is_quiet && write(STDERR_FILENO, text, sizeof text - 1) < 0)
            stop_is_quiet = 1;
    }
    errno = saved;
}

static const volatile sig_atomic_t *listen_to(int is_quiet, int flags)
{
    struct sigaction action, before;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = flags;
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    stop_wanted = stop_is_asked = 0;
    stop_is_quiet = is_quiet;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL); /* how clusters say that the time is nearly up */
    sigaction(SIGXCPU, &action, NULL); /* likewise; it comes again every second, and never quits at once */
    /* Ctrl-C also ends the `tee` that we write to, and what we say then must not end us before we have saved. */
    sigaction(SIGPIPE, &action, NULL);
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN) /* nohup has it ignored */
        sigaction(SIGHUP, &action, NULL);
    return &stop_wanted;
}

const volatile sig_atomic_t *sab_stop_listen(int is_quiet)
{
    return listen_to(is_quiet, SA_RESTART);
}

const volatile sig_atomic_t *sab_stop_listen_reading(void)
{
    if (stop_input < 0)
        stop_input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return listen_to(1, 0);
}
