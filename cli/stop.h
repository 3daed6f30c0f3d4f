/* SIGINT, SIGTERM, SIGHUP (a terminal lost) and SIGPIPE (a reader gone) as a request to finish the update, save and
 * leave. */
#ifndef SAB_CLI_STOP_H
#define SAB_CLI_STOP_H

#include <signal.h>

/* From now on the first of these signals sets the flag returned; SIGINT and SIGTERM say so on stderr unless quiet, and
 * a second one of these two has its default action, unless it follows at once: it ends the process. */
const volatile sig_atomic_t *sab_stop_listen(int is_quiet);
/* The same for who reads standard input: says nothing, and the input ends with the signal. */
const volatile sig_atomic_t *sab_stop_listen_reading(void);

#endif
