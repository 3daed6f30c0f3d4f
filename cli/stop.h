/* SIGINT and SIGTERM as a request to finish the update, save and leave. */
#ifndef SAB_CLI_STOP_H
#define SAB_CLI_STOP_H

#include <signal.h>

/* From now on the first of these signals sets the flag returned, and says so on stderr unless quiet; a second one has
 * its default action: it ends the process. */
const volatile sig_atomic_t *sab_stop_listen(int is_quiet);

#endif
