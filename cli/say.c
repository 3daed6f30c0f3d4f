/* See say.h. */
#include "cli/say.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/options.h"
#include "sab_run.h"

int sab_say_error(const char *command, int status, const struct sab_error *err)
{
    fprintf(stderr, "sab %s: %s\n", command, err->message);
    return status == SAB_OK            ? SAB_EXIT_DONE
         : status == SAB_INVALID     ? SAB_EXIT_USAGE
         : status == SAB_INTERRUPTED ? SAB_EXIT_INTERRUPTED
                                     : SAB_EXIT_FAILED;
}

int sab_say_flush(const char *command, int code)
{
    errno = 0;
    if ((fflush(stdout) == 0 && !ferror(stdout)) || code == SAB_EXIT_FAILED || code == SAB_EXIT_USAGE)
        return code; /* what failed has been told */
    fprintf(stderr, "sab %s: the result could not be written to standard output: %s\n", command,
            errno ? strerror(errno) : "write error");
    return SAB_EXIT_FAILED;
}

void sab_say_network(const struct sab_options *options)
{
    int is_recurrent = sab_cli_int(options, "model") == SAB_KIND_RECURRENT, layers = sab_cli_int(options, "layers");
    printf("network      %s, %d layer%s of %d", sab_cli_text(options, is_recurrent ? "cell" : "model"), layers, layers == 1 ? "" : "s",
           sab_cli_int(options, "hidden"));
    if (is_recurrent)
        printf(", credit %s", sab_cli_text(options, "credit"));
    if (is_recurrent && sab_cli_int(options, "credit") == SAB_CREDIT_SAB)
        printf(" (k-top %d, k-att %d, k-trunc %d)", sab_cli_int(options, "k-top"), sab_cli_int(options, "k-att"),
               sab_cli_int(options, "k-trunc"));
    printf("\n");
}
