/* sab generate: continues a text, symbol by symbol, writing as it goes. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/arguments.h"
#include "cli/output.h"
#include "cli/say.h"
#include "io/file.h"
#include "report/json_process.h"
#include "report/progress.h"
#include "sab_run.h"

enum { PROMPT_CAP = 4096, PROMPT_FILE_CAP = 64 << 20 };

struct own {
    int64_t length;
    double temperature, top_p;
    int top_k;
    int64_t seed;
    const char *prompt, *prompt_file, *stop;
    const char *state, *save_state;
};

#define AT(field) offsetof(struct own, field)

static const struct sab_option own[] = {
    {"length", SAB_OPTION_INT64, AT(length), 0, 0, 1e15, NULL, "1000", "", "symbols to write"},
    {"temperature", SAB_OPTION_REAL, AT(temperature), 0, 0, 1e6, NULL, "1", "",
     "outputs are divided by it: below 1 is safer, above 1 is wilder, 0 takes the most likely symbol"},
    {"top-k", SAB_OPTION_INT, AT(top_k), 0, 0, 1e7, NULL, "0", "",
     "draw from the so many most likely symbols; 0: from all"},
    {"top-p", SAB_OPTION_REAL, AT(top_p), 0, 1e-9, 1, NULL, "1", "",
     "draw from the fewest most likely symbols whose probabilities reach this sum"},
    {"seed", SAB_OPTION_INT64, AT(seed), 0, 0, 9007199254740991.0, NULL, "1", "", "the same seed writes the same text"},
    {"prompt", SAB_OPTION_TEXT, AT(prompt), 0, 0, 0, NULL, "", "", "what comes before; it is not written"},
    {"prompt-file", SAB_OPTION_TEXT, AT(prompt_file), 0, 0, 0, NULL, "", "",
     "a file that holds the prompt; - is standard input"},
    {"stop", SAB_OPTION_TEXT, AT(stop), 0, 0, 0, NULL, "", "",
     "stop once the text ends with this; \\n is a new line"},
    {"state", SAB_OPTION_TEXT, AT(state), 0, 0, 0, NULL, "", "",
     "go on from a state saved before, as if there had been no stop; a prompt comes after it"},
    {"save-state", SAB_OPTION_TEXT, AT(save_state), 0, 0, 0, NULL, "", "",
     "save the state at the end to this file"},
};

/* Text on its way out. Flushed at the ends of characters, often enough to be watched. */
struct writer {
    FILE *kept;             /* into text; NULL: it is written as it comes. --json wants it in the end */
    char *text;
    size_t nbytes;
    size_t unflushed;
    int missing;            /* bytes of a character begun, where symbols are bytes */
    double flushed_s;
    char tail[2 * SAB_OPTION_CAP]; /* the last bytes written, for --stop */
    size_t tail_nbytes;
};

struct work {
    const struct own *o;
    const char *where;
    struct sab_model *model;
    struct sab_generator *generator;
    int is_bytes;                   /* symbols are bytes, not characters */
    int64_t written;
    int is_stopped;                 /* by --stop */
    int is_quiet;
    struct sab_progress *progress; /* NULL too where the text is read as it comes */
    char stop[SAB_OPTION_CAP];
    struct writer writer;
    double seconds;
};

/* ---- the prompt ------------------------------------------------------------------------------------------------- */

static int read_prompt_file(struct work *w, const char *path, struct sab_error *err)
{
    int is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "rb");
    if (!file)
        return sab_fail(err, SAB_IO, "cannot open %.200s: %s", path, strerror(errno));
    char *text = sab_alloc(PROMPT_FILE_CAP + 1, 1);
    size_t nbytes = text ? fread(text, 1, PROMPT_FILE_CAP + 1, file) : 0;
    int status = SAB_OK, has_mark = nbytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
    size_t mark = has_mark && !w->is_bytes ? 3 : 0; /* of byte order, none of the characters */
    if (!text)
        status = sab_fail(err, SAB_NOMEM, "no memory for the prompt");
    else if (ferror(file))
        status = sab_fail(err, SAB_IO, "cannot read %.200s: %s", path, strerror(errno));
    else if (nbytes > PROMPT_FILE_CAP)
        status = sab_fail(err, SAB_INVALID, "--prompt-file: %.200s has more than %d bytes", path, PROMPT_FILE_CAP);
    else
        status = sab_generator_read(w->generator, is_stdin ? "standard input" : path, text + mark, nbytes - mark, err);
    sab_free(text);
    if (!is_stdin)
        fclose(file);
    return status;
}

static int begin(struct work *w, struct sab_error *err)
{
    const struct own *o = w->o;
    int status = sab_run_model(&w->model, w->where, err);
    if (status != SAB_OK)
        return status;
    w->is_bytes = (int)sab_options_number(sab_model_options(w->model), "units") == SAB_UNITS_BYTES;
    status = sab_generator_create(&w->generator, w->model, w->where, o->state, err);
    if (status == SAB_OK && o->prompt[0] && o->prompt_file[0])
        return sab_fail(err, SAB_INVALID, "--prompt and --prompt-file cannot both be given");
    if (status == SAB_OK && o->prompt[0])
        status = sab_generator_read(w->generator, "--prompt", o->prompt, strlen(o->prompt), err);
    if (status == SAB_OK && o->prompt_file[0])
        status = read_prompt_file(w, o->prompt_file, err);
    return status;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static int put(struct writer *to, struct sab_error *err, const char *text, size_t n)
{
    enum { FLUSH_NBYTES = 32768 };
    const double FLUSH_S = 0.05;
    fwrite(text, 1, n, stdout);
    to->unflushed += n;
    if (to->missing > 0)
        return SAB_OK;
    double now = sab_progress_clock();
    if (now - to->flushed_s < FLUSH_S && to->unflushed < FLUSH_NBYTES)
        return SAB_OK;
    to->flushed_s = now;
    to->unflushed = 0;
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout))
        return sab_fail(err, SAB_IO, "standard output: %s", errno ? strerror(errno) : "write error");
    return SAB_OK;
}

/* A byte that begins a character of several makes the others missing, one that follows is one less. */
static void count_missing(struct writer *to, unsigned char byte)
{
    if (byte >= 0xc2 && byte <= 0xf4)
        to->missing = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    else
        to->missing = (byte & 0xc0) == 0x80 && to->missing > 0 ? to->missing - 1 : 0;
}

static int write_symbol(struct work *w, const char *text, int nbytes, struct sab_error *err)
{
    struct writer *to = &w->writer;
    size_t n = (size_t)nbytes, stop = strlen(w->stop);
    if (w->is_bytes)
        count_missing(to, (unsigned char)text[0]);
    int status = to->kept ? SAB_OK : put(to, err, text, n);
    if (to->kept && fwrite(text, 1, n, to->kept) != n)
        status = sab_fail(err, SAB_NOMEM, "no memory for a text of %lld symbols", (long long)w->written);
    if (to->tail_nbytes + n > sizeof to->tail) {
        size_t half = sizeof to->tail / 2;
        memmove(to->tail, to->tail + to->tail_nbytes - half, half);
        to->tail_nbytes = half;
    }
    memcpy(to->tail + to->tail_nbytes, text, n);
    to->tail_nbytes += n;
    w->is_stopped = stop > 0 && to->tail_nbytes >= stop &&
                    memcmp(to->tail + to->tail_nbytes - stop, w->stop, stop) == 0;
    return status;
}

static int generate(struct work *w, struct sab_error *err)
{
    const struct sab_sampling how = {sizeof how, w->o->temperature, w->o->top_k, w->o->top_p, (uint64_t)w->o->seed};
    const double SOON_S = 2;
    double begun = sab_progress_clock();
    int status = SAB_OK, nbytes, is_moving = w->progress && isatty(STDERR_FILENO);
    sab_progress_at(w->progress, 0);
    for (double next = SOON_S; status == SAB_OK && w->written < w->o->length && !w->is_stopped;) {
        char text[4];
        status = sab_generator_next(w->generator, &how, text, &nbytes, err);
        if (status != SAB_OK)
            break;
        w->written++;
        status = write_symbol(w, text, nbytes, err);
        if (w->written % 64 == 0)
            sab_progress_at(w->progress, (double)w->written / (double)w->o->length);
        /* once: by now it is known how fast it goes */
        if (!w->is_quiet && !is_moving && w->written % 64 == 0 && sab_progress_clock() - begun > next) {
            next = INFINITY;
            sab_say_slow((sab_progress_clock() - begun) / (double)w->written * (double)(w->o->length - w->written),
                         "a smaller --length takes less",
                         "%lld symbols", (long long)w->o->length);
        }
    }
    w->seconds = sab_progress_clock() - begun;
    return status;
}

/* ---- the command ------------------------------------------------------------------------------------------------ */

static void print_json(const struct work *w)
{
    struct sab_json json = {.to = stdout};
    char digest[33];
    sab_model_digest(w->model, digest);
    sab_json_open(&json, NULL, '{');
    sab_json_text(&json, "task", "text");
    sab_json_text(&json, "text", w->writer.text ? w->writer.text : "");
    sab_json_int(&json, "length", w->written);
    sab_json_bool(&json, "stopped", w->is_stopped);
    sab_json_int(&json, "seed", w->o->seed);
    sab_json_real(&json, "seconds", w->seconds);
    sab_json_text(&json, "weights_digest", digest);
    sab_json_text(&json, "out", w->where);
    sab_json_process(&json);
    sab_json_close(&json, '}');
}

static void print_summary(const struct work *w)
{
    char count[SAB_SAY_CAP], time[SAB_SAY_CAP], rate[SAB_SAY_CAP];
    sab_say_count(w->written, count);
    sab_say_duration(w->seconds, time);
    sab_say_count(w->seconds > 0 ? llround((double)w->written / w->seconds) : 0, rate);
    fflush(stdout);
    fprintf(stderr, "\n%s %s in %s, %s a second\n", count,
            w->is_bytes ? "bytes" : "characters", time, rate);
}

static int run(struct sab_cli *cli)
{
    struct work w = {.o = cli->own, .where = cli->words[0]};
    struct sab_error err = {0};
    double there;
    int status = SAB_OK;
    w.is_quiet = cli->quiet;
    if (sab_text_unescape(w.o->stop, w.stop))
        status = sab_fail(&err, SAB_INVALID, "--stop: \"%.60s\" has a backslash that is not one of \\n \\t \\r \\\\",
                          w.o->stop);
    if (status == SAB_OK)
        status = sab_cli_no_output("save-state", w.o->save_state, "the text", &err);
    if (status == SAB_OK && w.o->save_state[0])
        status = sab_file_check_writable(w.o->save_state, &err);
    if (status == SAB_OK && cli->json && !sab_memory_allows((double)w.o->length, &there))
        status = sab_fail(&err, SAB_NOMEM, "--json keeps the whole text, of %lld symbols, in memory, of which %.1f GiB are free: a smaller "
                          "--length, or no --json", (long long)w.o->length, there / (1 << 30));
    if (status == SAB_OK && cli->json && !(w.writer.kept = open_memstream(&w.writer.text, &w.writer.nbytes)))
        status = sab_fail(&err, SAB_NOMEM, "no memory for the text");
    w.progress = sab_progress_begin("generate", 0, cli->quiet || (!cli->json && isatty(STDOUT_FILENO)));
    if (status == SAB_OK)
        status = begin(&w, &err);
    if (status == SAB_OK)
        status = generate(&w, &err);
    sab_progress_finish(w.progress);
    if (status == SAB_OK && w.o->save_state[0])
        status = sab_generator_save(w.generator, w.o->save_state, &err);
    if (w.writer.kept && fclose(w.writer.kept) != 0 && status == SAB_OK)
        status = sab_fail(&err, SAB_NOMEM, "no memory for a text of %lld symbols", (long long)w.written);
    if (status == SAB_OK && cli->json)
        print_json(&w);
    else if (status == SAB_OK && !cli->quiet)
        print_summary(&w);
    sab_generator_free(w.generator);
    sab_model_free(w.model);
    free(w.writer.text);
    return status == SAB_OK ? SAB_EXIT_DONE : sab_say_error("generate", status, &err);
}

const struct sab_command sab_command_generate = {
    .name = "generate",
    .words = "RUN",
    .words_least = 1,
    .words_most = 1,
    .summary = "continue a text",
    .purpose =
        "Writes text as the network of a run of the task text expects it to go on,\n"
        "symbol by symbol, to standard output. The prompt is read first and not written.\n"
        "Without one, the text begins as after a new line (or after the end of\n"
        "--reset-at, where documents were set apart in training). The same seed, prompt\n"
        "and options write the same text.\n",
    .examples =
        "  sab generate runs/text-sab-s1 --length 500 --temperature 0.7\n"
        "  sab generate runs/text-sab-s1 --prompt 'ROMEO:' --stop '\\n\\n'\n"
        "  sab generate runs/text-sab-s1 --prompt-file - --top-p 0.9 <opening.txt\n"
        "  sab generate runs/text-sab-s1 --save-state half\n"
        "  sab generate runs/text-sab-s1 --state half\n",
    .groups = "",
    .names = "",
    .defaults = "",
    .own = own,
    .own_count = sizeof own / sizeof own[0],
    .own_nbytes = sizeof(struct own),
    .run = run,
};
