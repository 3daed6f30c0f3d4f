/* See faults.h. */
#include "cli/faults.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"

/* A line of /proc/self/maps, "FROM-TO PERMISSIONS OFFSET DEVICE INODE   PATH", as it is read; signal handlers have no stdio. */
struct line {
    char text[4096 + 128];
    size_t used;
};

static const char *read_hex(const char *at, uintptr_t *number)
{
    static const char digits[] = "0123456789abcdef";
    *number = 0;
    for (const char *digit; *at && (digit = strchr(digits, *at)); at++)
        *number = *number << 4 | (uintptr_t)(digit - digits);
    return at;
}

/* The file that the line says is mapped at the address, or NULL. */
static char *file_at(struct line *line, uintptr_t address)
{
    uintptr_t from, to;
    const char *at = read_hex(line->text, &from);
    read_hex(*at == '-' ? at + 1 : at, &to);
    return from <= address && address < to ? strchr(line->text, '/') : NULL;
}

static char *find_file(struct line *line, uintptr_t address)
{
    char block[1024], *found = NULL;
    ssize_t n;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    while (!found && fd >= 0 && (n = read(fd, block, sizeof block)) > 0)
        for (ssize_t i = 0; i < n && !found; i++) {
            int is_end = block[i] == '\n';
            if (is_end || line->used < sizeof line->text - 1)
                line->text[is_end ? line->used : line->used++] = is_end ? 0 : block[i];
            if (is_end) {
                found = file_at(line, address);
                line->used = 0;
            }
        }
    return found;
}

static void say(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        return; /* nobody is there to be told */
}

/* A page of a mapped file that is no longer there, or that the disk could not give. */
static void on_bus_error(int number, siginfo_t *info, void *context)
{
    static struct line line;
    char *path = info->si_code == BUS_ADRERR ? find_file(&line, (uintptr_t)info->si_addr) : NULL;
    (void)context;
    if (!path) { /* our own mistake, or the machine's: it comes again when this handler returns */
        signal(number, SIG_DFL);
        return;
    }
    for (char *c = path; *c; c++)
        *c = (unsigned char)*c < ' ' || (unsigned char)*c > '~' ? '?' : *c; /* it may hold what a terminal would obey */
    say(isatty(STDERR_FILENO) ? "\nsab: '" : "sab: '"); /* a line of progress may stand there */
    say(path);
    say("' became shorter while it was read, or its disk failed: it must not change while it is in use. What was saved before "
        "is kept\n");
    _exit(SAB_EXIT_FAILED);
}

void sab_faults_catch(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
    signal(SIGXFSZ, SIG_IGN); /* writing fails instead, which is told */
}
