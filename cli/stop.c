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
    (void)number;
    stop_wanted = 1;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (!stop_is_quiet && write(STDERR_FILENO, text, sizeof text - 1) < 0)
        stop_is_quiet = 1;
    errno = saved;
}

const volatile sig_atomic_t *sab_stop_listen(int is_quiet)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    stop_wanted = 0;
    stop_is_quiet = is_quiet;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return &stop_wanted;
}
