/* See serve.h. One thread; browsers open connections that they do not use, so several are held. */
#include "report/serve.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

enum { CLIENTS = 16, REQUEST_CAP = 65536, LOOK_MS = 500, PATIENCE_S = 10 };

struct client {
    int fd; /* -1: free */
    char *request; /* [REQUEST_CAP] */
    size_t used;
    time_t since;
};

struct serving {
    const struct sab_server *server;
    int listener, port;
    struct client clients[CLIENTS];
};

/* ---- answers ---- */

/* Whether all of it went out. Loopback takes it at once, or the other end does not read: then it waits no longer than PATIENCE_S. */
static void send_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return;
        bytes += sent;
        n -= (size_t)sent;
    }
}

static void respond(int fd, const char *status, const char *type, const char *bytes, size_t nbytes)
{
    char head[512];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\nCache-Control: no-store\r\n"
                     "X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nCross-Origin-Resource-Policy: same-origin\r\n"
                     "Referrer-Policy: no-referrer\r\n%s\r\n",
                     status, type, nbytes, strncmp(status, "405", 3) == 0 ? "Allow: GET\r\n" : "");
    send_all(fd, head, (size_t)n);
    send_all(fd, bytes, nbytes);
}

static void refuse(int fd, const char *status)
{
    respond(fd, status, "text/plain; charset=utf-8", status, strlen(status));
}

/* 1 if the request's one header Host is this address. */
static int is_for_us(const struct serving *s, const char *headers)
{
    char ours[2][32];
    int count = 0, ok = 0;
    snprintf(ours[0], sizeof ours[0], "127.0.0.1:%d", s->port);
    snprintf(ours[1], sizeof ours[1], "localhost:%d", s->port);
    for (const char *line = headers; line && *line; line = strstr(line, "\r\n") ? strstr(line, "\r\n") + 2 : NULL) {
        if (strncasecmp(line, "host:", 5) != 0)
            continue;
        const char *value = line + 5 + strspn(line + 5, " \t");
        size_t n = strcspn(value, "\r\n");
        while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t'))
            n--;
        count++;
        for (int i = 0; i < 2; i++)
            ok |= n == strlen(ours[i]) && strncasecmp(value, ours[i], n) == 0;
    }
    return count == 1 && ok;
}

static void answer(const struct serving *s, int fd, char *request)
{
    struct sab_served served = {0};
    struct sab_error err = {0};
    char *line_end = strstr(request, "\r\n"), *path = request + 4, *end = strchr(path, ' ');
    if (strncmp(request, "GET ", 4) != 0) {
        refuse(fd, "405 Method Not Allowed");
        return;
    }
    if (!end || end > line_end || strncmp(end, " HTTP/1.", 8) != 0 || path[0] != '/') {
        refuse(fd, "400 Bad Request");
        return;
    }
    if (!is_for_us(s, line_end + 2)) {
        refuse(fd, "421 Misdirected Request");
        return;
    }
    *end = 0;
    char *query = strchr(path, '?');
    if (query)
        *query++ = 0;
    int status = s->server->answer(s->server->user, path, query ? query : "", &served, &err);
    if (status != SAB_OK)
        respond(fd, status == SAB_INVALID ? "400 Bad Request" : "500 Internal Server Error",
                "text/plain; charset=utf-8", err.message, strlen(err.message));
    else if (!served.type)
        refuse(fd, "404 Not Found");
    else if (!served.bytes)
        respond(fd, "204 No Content", served.type, "", 0);
    else
        respond(fd, "200 OK", served.type, served.bytes, served.nbytes);
    sab_free(served.bytes);
}

/* ---- connections ---- */

static void drop(struct client *c)
{
    close(c->fd);
    sab_free(c->request);
    *c = (struct client){.fd = -1};
}

static void take_client(struct serving *s)
{
    int fd = accept(s->listener, NULL, NULL);
    struct client *free_one = NULL, *oldest = &s->clients[0];
    if (fd < 0)
        return;
    for (int i = 0; i < CLIENTS; i++) {
        free_one = s->clients[i].fd < 0 ? &s->clients[i] : free_one;
        oldest = s->clients[i].since < oldest->since ? &s->clients[i] : oldest;
    }
    if (!free_one) {
        drop(oldest);
        free_one = oldest;
    }
    const struct timeval patience = {PATIENCE_S, 0};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    *free_one = (struct client){.fd = fd, .request = sab_alloc(REQUEST_CAP, 1), .since = time(NULL)};
    if (!free_one->request)
        drop(free_one);
}

static void hear(const struct serving *s, struct client *c)
{
    ssize_t n = recv(c->fd, c->request + c->used, REQUEST_CAP - 1 - c->used, MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    c->used += n > 0 ? (size_t)n : 0;
    c->request[c->used] = 0;
    if (strlen(c->request) == c->used && strstr(c->request, "\r\n\r\n"))
        answer(s, c->fd, c->request);
    else if (n > 0 && c->used < REQUEST_CAP - 1 && strlen(c->request) == c->used)
        return; /* more comes */
    else if (n > 0)
        refuse(c->fd, c->used == REQUEST_CAP - 1 ? "431 Request Header Fields Too Large" : "400 Bad Request");
    drop(c);
}

static void look(struct serving *s)
{
    struct pollfd polled[CLIENTS + 1];
    for (int i = 0; i < CLIENTS; i++)
        polled[i] = (struct pollfd){.fd = s->clients[i].fd, .events = POLLIN};
    polled[CLIENTS] = (struct pollfd){.fd = s->listener, .events = POLLIN};
    int n = poll(polled, CLIENTS + 1, LOOK_MS);
    for (int i = 0; i < CLIENTS; i++)
        if (n > 0 && s->clients[i].fd >= 0 && polled[i].revents)
            hear(s, &s->clients[i]);
        else if (s->clients[i].fd >= 0 && time(NULL) - s->clients[i].since > PATIENCE_S)
            drop(&s->clients[i]);
    if (n > 0 && polled[CLIENTS].revents)
        take_client(s);
}

static int listen_here(struct serving *s, struct sab_error *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->server->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t nbytes = sizeof address;
    const int on = 1;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->listener < 0)
        return sab_fail(err, SAB_IO, "no socket to serve from: %s", strerror(errno));
    setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(s->listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(s->listener, CLIENTS) != 0 ||
        getsockname(s->listener, (struct sockaddr *)&address, &nbytes) != 0)
        return sab_fail(err, SAB_IO, "port %d of 127.0.0.1 cannot be had: %s", s->server->port, strerror(errno));
    s->port = ntohs(address.sin_port);
    return SAB_OK;
}

int sab_serve(const struct sab_server *server, struct sab_error *err)
{
    struct serving s = {.server = server, .listener = -1};
    char url[48];
    for (int i = 0; i < CLIENTS; i++)
        s.clients[i].fd = -1;
    int status = listen_here(&s, err);
    if (status == SAB_OK) {
        snprintf(url, sizeof url, "http://127.0.0.1:%d/", s.port);
        server->ready(server->user, url);
        while (!*server->stop)
            look(&s);
    }
    for (int i = 0; i < CLIENTS; i++)
        if (s.clients[i].fd >= 0)
            drop(&s.clients[i]);
    if (s.listener >= 0)
        close(s.listener);
    return status;
}

/* ---- helpers ---- */

int sab_serve_open(const char *url)
{
    int ended = 0;
    pid_t child = fork();
    if (child == 0) {
        int nowhere = open("/dev/null", O_RDWR);
        for (int fd = 0; fd < 3 && nowhere >= 0; fd++)
            dup2(nowhere, fd);
        execlp("xdg-open", "xdg-open", url, (char *)NULL);
        _exit(127);
    }
    while (child > 0 && waitpid(child, &ended, 0) < 0 && errno == EINTR)
        ;
    return child < 0 || ended != 0;
}

static int digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

char *sab_serve_value(const char *query, const char *name)
{
    size_t length = strlen(name);
    while (*query && (strncmp(query, name, length) != 0 || query[length] != '=')) {
        query += strcspn(query, "&");
        query += *query == '&';
    }
    if (!*query)
        return NULL;
    const char *at = query + length + 1, *end = at + strcspn(at, "&");
    char *value = sab_alloc((size_t)(end - at) + 1, 1), *to = value;
    for (; value && at < end; at++)
        if (*at == '%' && end - at > 2 && digit(at[1]) >= 0 && digit(at[2]) >= 0) {
            *to++ = (char)(digit(at[1]) * 16 + digit(at[2]));
            at += 2;
        } else {
            *to++ = *at == '+' ? ' ' : *at;
        }
    return value;
}
