/* See apart.h. */
#include "report/apart.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

int sab_apart_send(int to, const void *data, size_t n)
{
    for (const char *at = data; n > 0;) {
        ssize_t sent = write(to, at, n);
        if (sent < 0 && errno != EINTR)
            return 1;
        at += sent > 0 ? sent : 0;
        n -= sent > 0 ? (size_t)sent : 0;
    }
    return 0;
}

static void work_alone(int (*work)(void *user, int to), void *user, int seconds, int to)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGUSR1, SIGXCPU, SIGPIPE, SIGHUP, SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        signal(numbers[i], SIG_DFL);
    alarm((unsigned)seconds);
    int quiet = open("/dev/null", O_WRONLY);
    if (quiet >= 0)
        dup2(quiet, STDERR_FILENO); /* libraries print what they think */
    _exit(work(user, to));
}

static int receive(struct sab_apart *a, int from, struct sab_error *err)
{
    for (;;) {
        if (a->nbytes == a->cap) {
            size_t cap = 2 * a->cap + (1 << 16);
            unsigned char *bytes = sab_alloc(cap, 1);
            if (!bytes)
                return sab_fail(err, SAB_NOMEM, "no memory for %zu bytes", cap);
            if (a->nbytes > 0)
                memcpy(bytes, a->bytes, a->nbytes);
            sab_free(a->bytes);
            a->bytes = bytes;
            a->cap = cap;
        }
        ssize_t n = read(from, a->bytes + a->nbytes, a->cap - a->nbytes);
        if (n == 0)
            return SAB_OK;
        if (n < 0 && errno != EINTR)
            return sab_fail(err, SAB_IO, "a pipe cannot be read: %s", strerror(errno));
        a->nbytes += n > 0 ? (size_t)n : 0;
    }
}

int sab_apart_run(struct sab_apart *a, int (*work)(void *user, int to), void *user, int seconds, struct sab_error *err)
{
    int ends[2], ended = 0;
    *a = (struct sab_apart){0};
    if (pipe(ends) != 0)
        return sab_fail(err, SAB_IO, "no pipe to a process of its own: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0)
        work_alone(work, user, seconds, ends[1]);
    close(ends[1]);
    int status = child < 0 ? sab_fail(err, SAB_IO, "no process of its own: %s", strerror(errno)) : receive(a, ends[0], err);
    close(ends[0]); /* one that still writes ends with it */
    while (child > 0 && waitpid(child, &ended, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(ended))
        a->ending = strsignal(WTERMSIG(ended));
    else if (WEXITSTATUS(ended) != 0)
        a->ending = "it failed";
    return status;
}
