/* See watch.h. */
#include "cli/watch.h"

#include <stdio.h>

#include "cli/say.h"
#include "cli/stop.h"
#include "report/json_process.h"
#include "report/watch.h"

/* Says where the page is: at once, for who reads it through a pipe. */
static void say(void *user, const char *url, int is_shown)
{
    const struct sab_cli *cli = user;
    if (cli->json) {
        struct sab_json json = {.to = stdout};
        sab_json_open(&json, NULL, '{');
        sab_json_text(&json, "url", url);
        sab_json_process(&json);
        sab_json_close(&json, '}');
    } else {
        printf("%s%s\n", url, cli->quiet ? "" : is_shown ? "  is open in your browser; Ctrl-C ends it"
               : "  open it in a browser; Ctrl-C ends it");
    }
    fflush(stdout);
}

int sab_cli_watch(const struct sab_cli *cli, const struct sab_document *document, int port, int opens)
{
    struct sab_error err = {0};
    const struct sab_watched watched = {cli->words, cli->n_words, document, port, opens, sab_stop_listen_reading(), say, (void *)cli};
    int status = sab_watch_runs(&watched, &err);
    return status == SAB_OK ? SAB_EXIT_DONE : sab_say_error(cli->command->name, status, &err);
}
