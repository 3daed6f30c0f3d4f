/* See answers.h. */
#include "report/answers.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json_out.h"
#include "base/text.h"
#include "io/file.h"
#include "io/npy_header.h"

enum { NAME_CAP = 258, NUMBER_CAP = 40 };

int sab_answers_file_open(struct sab_answers_file *o, int format, int has_probabilities, const char *path, struct sab_error *err)
{
    o->format = format;
    o->has_probabilities = has_probabilities;
    o->path = path;
    o->to = path[0] ? sab_memory_open(&o->file) : stdout;
    return o->to ? SAB_OK : sab_fail(err, SAB_NOMEM, "no memory for the answers");
}

/* ---- words ---- */

/* As RFC 4180 has it: in quotes where that is needed, and where readers would drop a blank. */
static void print_field(FILE *to, const char *text)
{
    size_t n = strlen(text);
    if (!strpbrk(text, ",;\t\"\r\n") && (n == 0 || (text[0] != ' ' && text[n - 1] != ' '))) {
        fputs(text, to);
        return;
    }
    putc('"', to);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', to);
        putc(*text, to);
    }
    putc('"', to);
}

static void print_head(const struct sab_answers_file *o, const struct sab_answer *a)
{
    for (int i = 0; i < a->n_places; i++) {
        print_field(o->to, a->places[i].name);
        putc(',', o->to);
    }
    if (a->is_class)
        fputs("class", o->to);
    for (int k = 0; k < a->O && (!a->is_class || o->has_probabilities); k++) {
        if (k > 0 || a->is_class)
            putc(',', o->to);
        char name[NAME_CAP];
        snprintf(name, sizeof name, a->is_class ? "p_%s" : "%s", a->names[k]);
        print_field(o->to, name);
    }
    putc('\n', o->to);
}

/* Probabilities, and values whose scale is not known, have seven digits: more than float has. Others have the digits of
 * their deviation, and those of their level before them. */
static void number_text(const struct sab_answer *a, int k, char text[NUMBER_CAP])
{
    double value = a->results[k];
    int digits = 7;
    text[0] = 0;
    if (isnan(value))
        return;
    if (a->decimals[k] >= 0 && value != 0) {
        double needed = floor(log10(fabs(value))) + 1 + a->decimals[k];
        digits = needed < 1 ? 1 : needed > 17 ? 17 : (int)needed;
    }
    snprintf(text, NUMBER_CAP, "%.*g", digits, value);
}

static void print_csv(const struct sab_answers_file *o, const struct sab_answer *a)
{
    for (int i = 0; i < a->n_places; i++) {
        if (a->places[i].text)
            print_field(o->to, a->places[i].text);
        else
            fprintf(o->to, "%lld", (long long)a->places[i].number);
        putc(',', o->to);
    }
    if (a->is_class && a->best >= 0)
        print_field(o->to, a->names[a->best]);
    for (int k = 0; k < a->O && (!a->is_class || o->has_probabilities); k++) {
        if (k > 0 || a->is_class)
            putc(',', o->to);
        char text[NUMBER_CAP];
        number_text(a, k, text);
        fputs(text, o->to);
    }
    putc('\n', o->to);
}

static void print_json(const struct sab_answers_file *o, const struct sab_answer *a)
{
    struct sab_json json = {.to = o->to};
    int has_list = a->is_class && o->has_probabilities;
    sab_json_open(&json, NULL, '{');
    for (int i = 0; i < a->n_places; i++) {
        if (a->places[i].text)
            sab_json_text(&json, a->places[i].name, a->places[i].text);
        else
            sab_json_int(&json, a->places[i].name, a->places[i].number);
    }
    if (a->is_class && a->best >= 0)
        sab_json_text(&json, "class", a->names[a->best]);
    if (has_list)
        sab_json_open(&json, "probabilities", '{');
    for (int k = 0; k < a->O && (!a->is_class || has_list); k++) {
        char text[NUMBER_CAP];
        number_text(a, k, text);
        sab_json_real(&json, a->names[k], text[0] ? atof(text) : NAN);
    }
    if (has_list)
        sab_json_close(&json, '}');
    sab_json_close(&json, '}');
}

void sab_answers_file_print(struct sab_answers_file *o, const struct sab_answer *answer, int is_head)
{
    if (o->format == SAB_ANSWERS_JSONL && !is_head)
        print_json(o, answer);
    else if (o->format != SAB_ANSWERS_JSONL && is_head)
        print_head(o, answer);
    else if (!is_head)
        print_csv(o, answer);
}

/* ---- numbers ---- */

/* The number that a class is called, or its place where classes have other names. */
static double number_of_class(const struct sab_answer *a)
{
    double value = 0;
    return sab_text_to_real(a->names[a->best], &value) == 0 ? value : a->best;
}

static int add_numbers(struct sab_answers_file *o, const struct sab_answer *a, struct sab_error *err)
{
    int is_alone = a->is_class && !o->has_probabilities;
    o->width = is_alone ? 1 : a->O;
    if (o->count == o->cap) {
        int64_t cap = o->cap ? 2 * o->cap : 1024;
        double *numbers = sab_alloc((size_t)cap, (size_t)o->width * sizeof *numbers);
        if (!numbers)
            return sab_fail(err, SAB_NOMEM, "no memory for %lld answers", (long long)cap);
        if (o->count > 0)
            memcpy(numbers, o->numbers, (size_t)o->count * (size_t)o->width * sizeof *numbers);
        sab_free(o->numbers);
        o->numbers = numbers;
        o->cap = cap;
    }
    double *row = o->numbers + o->count * o->width;
    for (int k = 0; k < o->width; k++)
        row[k] = is_alone ? number_of_class(a) : a->results[k];
    o->count++;
    return SAB_OK;
}

int sab_answers_file_put(void *user, const struct sab_answer *answer, struct sab_error *err)
{
    struct sab_answers_file *o = user;
    if (o->format == SAB_ANSWERS_NPY)
        return add_numbers(o, answer, err);
    if (o->count == 0)
        sab_answers_file_print(o, answer, 1);
    sab_answers_file_print(o, answer, 0);
    o->count++;
    return SAB_OK;
}

static int write_numbers(const struct sab_answers_file *o, struct sab_error *err)
{
    const int64_t shape[2] = {o->count, o->width};
    char header[SAB_NPY_HEADER_CAP];
    size_t n = sab_npy_header(header, "f8", o->width > 1 ? 2 : 1, shape);
    int ok = fwrite(header, 1, n, o->to) == n;
    ok &= fwrite(o->numbers, sizeof *o->numbers * (size_t)o->width, (size_t)o->count, o->to) == (size_t)o->count;
    return ok ? SAB_OK : sab_fail(err, SAB_IO, "writing the answers failed: %s", strerror(errno));
}

int sab_answers_file_close(struct sab_answers_file *o, int status, struct sab_error *err)
{
    if (status == SAB_OK && o->format == SAB_ANSWERS_NPY)
        status = write_numbers(o, err);
    sab_free(o->numbers);
    if (!o->to || o->to == stdout)
        return status;
    if (sab_memory_close(&o->file, o->to) != 0 && status == SAB_OK)
        status = sab_fail(err, SAB_NOMEM, "no memory for the answers");
    if (status == SAB_OK)
        status = sab_file_write_atomic(o->path, o->file.bytes, o->file.nbytes, err);
    sab_free(o->file.bytes);
    return status;
}
