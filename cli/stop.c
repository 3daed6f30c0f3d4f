/* See stop.h. */
#include "cli/stop.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* A signal handler has no other way to be told anything. */
static volatile sig_atomic_t stop_wanted;
static volatile sig_atomic_t stop_is_quiet;

static void on_signal(int number)
{
    static const char text[] = "\nsab: finishing this update, then saving; once more to quit at once\n";
    int saved = errno;
    stop_wanted = 1;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    /* A closed pipe and a lost terminal are not written to. */
    int can_tell = number == SIGINT || number == SIGTERM;
    if (can_tell && !stop_is_quiet && write(STDERR_FILENO, text, sizeof text - 1) < 0)
        stop_is_quiet = 1;
    errno = saved;
}

static const volatile sig_atomic_t *listen_to(int is_quiet, int flags)
{
    struct sigaction action, before;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = flags;
    sigemptyset(&action.sa_mask);
    stop_wanted = 0;
    stop_is_quiet = is_quiet;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
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
    return listen_to(1, 0);
}
