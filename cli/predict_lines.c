/* See predict_lines.h. */
#include "cli/predict_lines.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/stop.h"

static int take_line(struct sab_lines *lines, struct sab_answers_file *output, const char *text, size_t nbytes, struct sab_error *err)
{
    const struct sab_answer *answer;
    int is_head, status = sab_lines_take(lines, text, nbytes, &answer, &is_head, err);
    if (status == SAB_OK)
        sab_answers_file_print(output, answer, is_head);
    if (fflush(stdout) != 0 && status == SAB_OK)
        status = sab_fail(err, SAB_IO, "writing to standard output failed: %s", strerror(errno));
    return status;
}

/* stop: NULL, or set when it is to end. A line that has not come whole by then is not looked at. */
static int each_line(struct sab_lines *lines, struct sab_answers_file *output, const volatile sig_atomic_t *stop,
                     struct sab_error *err)
{
    char *text = NULL;
    size_t cap = 0;
    int status = SAB_OK;
    while (status == SAB_OK) {
        errno = 0;
        ssize_t n = stop && *stop ? -1 : getline(&text, &cap, stdin);
        if (n < 1 || (stop && *stop && text[n - 1] != '\n'))
            break;
        status = take_line(lines, output, text, (size_t)n, err);
    }
    long long last = (long long)sab_lines_count(lines);
    if (status == SAB_OK && stop && *stop)
        status = sab_fail(err, SAB_INTERRUPTED, "interrupted after line %lld", last);
    else if (status == SAB_OK && !feof(stdin)) /* a line that memory had no room for is no end, and sets no error */
        status = sab_fail(err, errno == ENOMEM ? SAB_NOMEM : SAB_IO, "reading standard input failed after line %lld: %s",
                          last, strerror(errno));
    free(text);
    return status;
}

/* What ended the lines: their end, a line that cannot be read, or a signal. The state is of the last line answered. */
static int save_state(const struct sab_lines *lines, const char *to, int ended, struct sab_error *err)
{
    struct sab_error why = {0};
    if (!*to || (ended != SAB_OK && ended != SAB_FORMAT && ended != SAB_INTERRUPTED))
        return ended;
    int status = sab_lines_save(lines, to, &why);
    if (status == SAB_INVALID && ended != SAB_OK) /* no line, no state: what ended it is told */
        return ended;
    if (status != SAB_OK)
        return sab_fail(err, status, "%s", why.message);
    if (ended == SAB_INTERRUPTED)
        sab_fail(err, ended, "interrupted after line %lld; --state %.200s goes on", (long long)sab_lines_count(lines), to);
    return ended;
}

int sab_predict_lines(struct sab_model *model, const struct sab_options *options, struct sab_answers_file *output,
                      const char *state_from, const char *state_to, struct sab_error *err)
{
    struct sab_lines *lines = NULL;
    int status = sab_lines_create(&lines, model, options, "standard input", state_from, *state_to != 0, err);
    if (status == SAB_OK)
        status = save_state(lines, state_to, each_line(lines, output, *state_to ? sab_stop_listen_reading() : NULL, err), err);
    sab_lines_free(lines);
    return status;
}
