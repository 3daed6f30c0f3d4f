/* See stop.h. */
#include "cli/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/command.h"

/* A signal handler has no other way to be told anything. */
static volatile sig_atomic_t stop_wanted;
static volatile sig_atomic_t stop_is_quiet;

static volatile sig_atomic_t stop_holds; /* there is something to save first */
static volatile sig_atomic_t stop_input = -1; /* an input that is at its end, for who waits for more; -1: nobody does */
static volatile sig_atomic_t stop_is_asked; /* by a signal that says so, at this moment: */
static struct timespec stop_asked_at;

/* timeout(1) and others send a signal to a process and once more to its group: within this time it is the same one. */
static int is_echo(void)
{
    const long long ECHO_NS = 200000000;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - stop_asked_at.tv_sec) * 1000000000LL + now.tv_nsec - stop_asked_at.tv_nsec < ECHO_NS;
}

/* Not by stdio, which the signal may have interrupted, and not where it must wait: the next signal would wait too. */
static void say(const char *text)
{
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (!stop_is_quiet && poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) && write(STDERR_FILENO, text, strlen(text)) < 0)
        stop_is_quiet = 1;
}

static void on_signal(int number)
{
    int saved = errno, is_gone = number == SIGHUP || number == SIGPIPE; /* a lost terminal, a closed pipe: nobody reads */
    int is_last = number == SIGINT || number == SIGTERM; /* its second one; batch systems send the others again and again */
    stop_wanted = 1;
    if (stop_input >= 0)
        dup2(stop_input, STDIN_FILENO); /* a read that is about to begin must not wait either */
    if (!stop_holds) {
        if (!is_gone)
            say("\nsab: interrupted; nothing is lost, and the same command goes on\n");
        _exit(SAB_EXIT_INTERRUPTED);
    }
    if (is_last && stop_is_asked && !is_echo()) {
        signal(number, SIG_DFL);
        raise(number); /* comes when this handler returns */
    } else if (!is_gone && !stop_is_asked) {
        clock_gettime(CLOCK_MONOTONIC, &stop_asked_at);
        stop_is_asked = 1;
        say("\nsab: stopping and saving; Ctrl-C or SIGTERM once more quits at once\n");
    }
    errno = saved;
}

static const volatile sig_atomic_t *listen_to(int is_quiet, int holds, int flags)
{
    /* SIGUSR1: what clusters are asked to send before their SIGKILL; SIGXCPU: a limit of processor time is near. */
    static const int numbers[] = {SIGINT, SIGTERM, SIGUSR1, SIGXCPU, SIGPIPE, SIGHUP};
    enum { COUNT = sizeof numbers / sizeof numbers[0] };
    struct sigaction action, before;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = flags;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < COUNT; i++)
        sigaddset(&action.sa_mask, numbers[i]);
    stop_wanted = stop_is_asked = 0;
    stop_is_quiet = is_quiet;
    stop_holds = holds;
    /* SIGPIPE among them: Ctrl-C also ends the `tee` that we write to, and what we say then must not end us before we have
     * saved. nohup has SIGHUP ignored. */
    for (int i = 0; i < COUNT; i++)
        if (sigaction(numbers[i], NULL, &before) == 0 && (numbers[i] != SIGHUP || before.sa_handler != SIG_IGN))
            sigaction(numbers[i], &action, NULL);
    return &stop_wanted;
}

const volatile sig_atomic_t *sab_stop_listen(int is_quiet)
{
    return listen_to(is_quiet, 0, SA_RESTART);
}

void sab_stop_hold(int holds)
{
    stop_holds = holds;
}

const volatile sig_atomic_t *sab_stop_listen_reading(void)
{
    if (stop_input < 0)
        stop_input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return listen_to(1, 1, 0);
}
