/* See say.h. */
#include "cli/say.h"

#include <errno.h>
#include <math.h>
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

void sab_say_duration(double seconds, char buf[SAB_SAY_CAP])
{
    if (!(seconds >= 0) || seconds > 1e9) {
        snprintf(buf, SAB_SAY_CAP, "?");
        return;
    }
    long s = lround(seconds);
    if (seconds < 9.95)
        snprintf(buf, SAB_SAY_CAP, "%.1f s", seconds);
    else if (s < 60)
        snprintf(buf, SAB_SAY_CAP, "%ld s", s);
    else if (s < 3600)
        snprintf(buf, SAB_SAY_CAP, "%ld min %ld s", s / 60, s % 60);
    else
        snprintf(buf, SAB_SAY_CAP, "%ld h %ld min", s / 3600, s % 3600 / 60);
}

void sab_say_count(int64_t n, char buf[SAB_SAY_CAP])
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)n), to = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-')
            buf[to++] = ',';
        buf[to++] = digits[i];
    }
    buf[to] = 0;
}

void sab_say_bytes(double nbytes, char buf[SAB_SAY_CAP])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    while (nbytes >= 1024 && unit < 4) {
        nbytes /= 1024;
        unit++;
    }
    snprintf(buf, SAB_SAY_CAP, unit == 0 ? "%.0f %s" : "%.1f %s", nbytes, units[unit]);
}

void sab_say_loss(double loss, char buf[SAB_SAY_CAP])
{
    if (isnan(loss))
        snprintf(buf, SAB_SAY_CAP, "-");
    else
        snprintf(buf, SAB_SAY_CAP, fabs(loss) >= 0.001 || loss == 0 ? "%.4f" : "%.2e", loss);
}

void sab_say_score(const char *task, const struct sab_metrics *metrics, char buf[SAB_SAY_CAP])
{
    double bits = sab_task_bits_per_char(task, metrics->loss);
    if (isfinite(bits))
        snprintf(buf, SAB_SAY_CAP, "%.3f bits/char", bits);
    else if (isfinite(metrics->accuracy))
        snprintf(buf, SAB_SAY_CAP, "accuracy %.1f %%", 100 * metrics->accuracy);
    else if (isfinite(metrics->mse))
        snprintf(buf, SAB_SAY_CAP, fabs(metrics->mse) >= 0.001 ? "mse %.4f" : "mse %.2e", metrics->mse);
    else
        snprintf(buf, SAB_SAY_CAP, "loss %.4f", metrics->loss);
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
