/* See say.h. */
#include "cli/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/options.h"
#include "sab_run.h"

const char *sab_shown(const char *text)
{
    enum { BUFFERS = 8, CAP = 251 };
    static char buffers[BUFFERS][CAP];
    static unsigned next;
    return sab_text_shown(text, buffers[next++ % BUFFERS], CAP);
}

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

void sab_say_slow(double seconds, const char *less, const char *what, ...)
{
    const double MINUTE = 60, YEAR = 365.25 * 86400;
    char time[SAB_SAY_CAP], text[200];
    va_list arguments;
    if (!(seconds > MINUTE))
        return;
    va_start(arguments, what);
    vsnprintf(text, sizeof text, what, arguments);
    va_end(arguments);
    sab_say_duration(seconds, time);
    fprintf(stderr, "warning: %s will take about %s; %s\n", text, seconds > YEAR ? "a year or more" : time, less);
}

void sab_say_slow_evaluation(const struct sab_options *options, struct sab_task *task, enum sab_split split)
{
    double sequences, seconds;
    if (sab_forecast_evaluation(options, task, split, &sequences, &seconds, NULL) == SAB_OK)
        sab_say_slow(seconds, sab_task_facts(task) ? "a smaller --eval-size takes less" : "a smaller --eval-size or --T takes less",
                     "%.0f sequences of %d steps", sequences, sab_task_steps(task));
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
