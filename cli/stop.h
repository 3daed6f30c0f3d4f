/* SIGINT, SIGTERM, SIGUSR1 and SIGXCPU (as batch systems send), SIGHUP (a terminal lost) and SIGPIPE (a reader gone) as a
 * request to break off what is computed, save and leave. */
#ifndef SAB_CLI_STOP_H
#define SAB_CLI_STOP_H

#include <signal.h>

/* From now on the first of these signals ends the process at once with SAB_EXIT_INTERRUPTED, as long as there is nothing
 * to save; but while sab_stop_hold says that there is, it sets the flag returned. All say so on stderr, unless quiet or
 * where nobody reads. A second SIGINT or SIGTERM has its default action, unless it follows at once: it ends the process. */
const volatile sig_atomic_t *sab_stop_listen(int is_quiet);
void sab_stop_hold(int holds);
/* For who reads standard input and has something to save: says nothing, and the input ends with the signal. */
const volatile sig_atomic_t *sab_stop_listen_reading(void);

#endif
