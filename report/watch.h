/* Runs as a page that is served and follows them while they go. */
#ifndef SAB_REPORT_WATCH_H
#define SAB_REPORT_WATCH_H

#include "report/document.h"
#include "report/serve.h"

struct sab_watched {
    const char *const *runs;
    int n;
    const struct sab_document *document;
    int port, opens;                   /* opens 1: the desktop is asked to show it */
    const volatile sig_atomic_t *stop;
    void (*say)(void *user, const char *url, int is_shown); /* is_shown: whether the desktop does show it */
    void *user;
};

/* Serves until stop. A first document that cannot be made is an error; later ones are told on the page. */
int sab_watch_runs(const struct sab_watched *watched, struct sab_error *err);

#endif
