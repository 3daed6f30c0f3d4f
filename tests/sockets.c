/* See sockets.h. */
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"

struct line {
    const struct sab_parcel *parcels;
    int n, at;   /* the parcel under way */
    size_t done; /* bytes of it */
};

struct place {
    int sockets[SAB_SOCKETS_MOST]; /* to each other rank */
    int ranks;
};

/* The next parcel of the line for that rank, or NULL. */
static const struct sab_parcel *next_parcel(struct line *line, int rank)
{
    while (line->at < line->n && line->parcels[line->at].rank != rank)
        line->at++;
    return line->at < line->n ? &line->parcels[line->at] : NULL;
}

/* As much as goes without waiting; -1 where the other is gone. */
static int move_bytes(int socket, int is_send, struct line *line, int rank)
{
    const struct sab_parcel *parcel;
    while ((parcel = next_parcel(line, rank)) != NULL) {
        char *data = (char *)parcel->data + line->done;
        size_t left = parcel->nbytes - line->done;
        ssize_t n = is_send ? send(socket, data, left, MSG_NOSIGNAL | MSG_DONTWAIT) : recv(socket, data, left, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            return 0;
        if (n <= 0)
            return -1;
        line->done += (size_t)n;
        if (line->done < parcel->nbytes)
            continue;
        line->done = 0;
        line->at++;
    }
    return 0;
}

static int exchange(void *user, const struct sab_parcel *sends, int n_sends, const struct sab_parcel *receives, int n_receives)
{
    struct place *place = user;
    struct line out[SAB_SOCKETS_MOST], in[SAB_SOCKETS_MOST];
    for (int r = 0; r < place->ranks; r++) {
        out[r] = (struct line){.parcels = sends, .n = n_sends};
        in[r] = (struct line){.parcels = receives, .n = n_receives};
    }
    for (;;) {
        struct pollfd waits[SAB_SOCKETS_MOST];
        int open = 0;
        for (int r = 0; r < place->ranks; r++) {
            short events = (short)((next_parcel(&out[r], r) ? POLLOUT : 0) | (next_parcel(&in[r], r) ? POLLIN : 0));
            waits[r] = (struct pollfd){.fd = events ? place->sockets[r] : -1, .events = events};
            open += events != 0;
        }
        if (open == 0)
            return 0;
        if (poll(waits, (nfds_t)place->ranks, 20000) <= 0 && errno != EINTR)
            return 1;
        for (int r = 0; r < place->ranks; r++)
            if (waits[r].revents && (move_bytes(place->sockets[r], 1, &out[r], r) || move_bytes(place->sockets[r], 0, &in[r], r)))
                return 1;
    }
}

int sab_sockets_run(int ranks, void (*body)(struct sab_comm *comm, void *user, void *answer), void *user, void *answers,
                    size_t nbytes)
{
    int pairs[SAB_SOCKETS_MOST][SAB_SOCKETS_MOST], pipes[SAB_SOCKETS_MOST][2], whole = 0;
    pid_t pids[SAB_SOCKETS_MOST];
    memset(answers, 0, (size_t)ranks * nbytes);
    for (int i = 0; i < ranks; i++)
        for (int j = 0; j < i; j++) {
            int both[2];
            if (socketpair(AF_UNIX, SOCK_STREAM, 0, both) != 0)
                return -1;
            pairs[i][j] = both[0];
            pairs[j][i] = both[1];
        }
    for (int r = 0; r < ranks; r++) {
        if (pipe(pipes[r]) != 0 || (pids[r] = fork()) < 0)
            return -1;
        if (pids[r] > 0)
            continue;
        struct place place = {.ranks = ranks};
        for (int i = 0; i < ranks; i++)
            for (int j = 0; j < ranks; j++)
                if (i != j && i != r)
                    close(pairs[i][j]); /* so that the end of their owner is seen */
        for (int i = 0; i < ranks; i++)
            place.sockets[i] = i == r ? -1 : pairs[r][i];
        struct sab_comm comm = {.size = sizeof comm, .rank = r, .ranks = ranks, .exchange = exchange, .user = &place};
        char *answer = sab_alloc(nbytes, 1);
        body(&comm, user, answer);
        _exit(write(pipes[r][1], answer, nbytes) != (ssize_t)nbytes);
    }
    for (int i = 0; i < ranks; i++)
        for (int j = 0; j < ranks; j++)
            if (i != j)
                close(pairs[i][j]);
    for (int r = 0; r < ranks; r++) {
        int status;
        close(pipes[r][1]);
        ssize_t n = read(pipes[r][0], (char *)answers + (size_t)r * nbytes, nbytes);
        close(pipes[r][0]);
        waitpid(pids[r], &status, 0);
        whole += n == (ssize_t)nbytes;
    }
    return whole;
}
