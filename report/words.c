/* See words.h. */
#include "report/words.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "sab_run.h"

const char *sab_shown(const char *text)
{
    enum { BUFFERS = 8, CAP = 251 };
    static char buffers[BUFFERS][CAP];
    static unsigned next;
    return sab_text_shown(text, buffers[next++ % BUFFERS], CAP);
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

const char *sab_say_help_alone(const struct sab_option *option)
{
    char first[16] = "";
    size_t names = strspn(option->help, "abcdefghijklmnopqrstuvwxyz0123456789, ");
    size_t n = strcspn(option->help, ",: ");
    if (!option->readers || strncmp(option->help + names, ": ", 2) != 0 || n >= sizeof first)
        return option->help;
    memcpy(first, option->help, n);
    return sab_text_lists(option->readers, first) ? option->help + names + 2 : option->help;
}

void sab_say_wrapped(const char *text, int used, int column)
{
    const int WIDTH = 79;
    int at = used;
    if (at >= column) {
        putchar('\n');
        at = 0;
    }
    printf("%*s", column - at, "");
    at = column;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (at > column && at + 1 + n > WIDTH) {
            printf("\n%*s", column, "");
            at = column;
        } else if (at > column) {
            putchar(' ');
            at++;
        }
        printf("%.*s", n, text);
        at += n;
        text += n;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void say_slow(double seconds, const char *less, const char *what, va_list arguments)
{
    const double YEAR = 365.25 * 86400;
    char time[SAB_SAY_CAP], text[200];
    vsnprintf(text, sizeof text, what, arguments);
    sab_say_duration(seconds, time);
    fprintf(stderr, "%swarning: %s will take about %s; %s\n", isatty(STDERR_FILENO) ? "\r\033[K" : "", text,
            seconds > YEAR ? "a year or more" : time, less);
}

void sab_say_slow(double seconds, const char *less, const char *what, ...)
{
    const double MINUTE = 60;
    va_list arguments;
    va_start(arguments, what);
    if (seconds > MINUTE)
        say_slow(seconds, less, what, arguments);
    va_end(arguments);
}

void sab_say_slower(double seconds, double than, const char *less, const char *what, ...)
{
    va_list arguments;
    va_start(arguments, what);
    if (seconds > than)
        say_slow(seconds, less, what, arguments);
    va_end(arguments);
}

double sab_say_slow_evaluation(const struct sab_options *options, struct sab_task *task, enum sab_split split)
{
    double sequences, seconds;
    if (sab_forecast_evaluation(options, task, split, &sequences, &seconds, NULL) != SAB_OK)
        return 0;
    sab_say_slow(seconds, sab_task_facts(task) ? "a smaller --eval-size takes less" : "a smaller --eval-size or --T takes less",
                 "%.0f sequences of %d steps", sequences, sab_task_steps(task));
    return seconds;
}
