/* A page served to a browser on this machine: HTTP on 127.0.0.1, and nothing else. Only GET is answered, and only where the request names
 * this address as its host, so that no page from elsewhere can read it under a name of its own. Must not know what is served. */
#ifndef SAB_REPORT_SERVE_H
#define SAB_REPORT_SERVE_H

#include <signal.h>

#include "sab.h"

struct sab_served {
    const char *type; /* "text/html; charset=utf-8"; NULL: there is no such page */
    char *bytes;      /* freed with sab_free; NULL: nothing is new (204) */
    size_t nbytes;
};

struct sab_server {
    int port;         /* 0: any that is free */
    const volatile sig_atomic_t *stop; /* ends it, once it is not 0 */
    void (*ready)(void *user, const char *url);
    /* path begins with "/"; query is what follows the "?", or "". SAB_INVALID: 400 with the sentence; other failures: 500. */
    int (*answer)(void *user, const char *path, const char *query, struct sab_served *served, struct sab_error *err);
    void *user;
};

/* Serves until stop. SAB_IO where the port cannot be had, SAB_NOMEM. */
int sab_serve(const struct sab_server *server, struct sab_error *err);

/* Asks the desktop to show url: 0, or 1 where it has no way to. */
int sab_serve_open(const char *url);

/* The value of name in a query, %XX and + resolved, as a text freed with sab_free; NULL where it is not there or memory ran out. */
char *sab_serve_value(const char *query, const char *name);

#endif
