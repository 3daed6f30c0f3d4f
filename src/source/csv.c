/* See csv.h. */
#include "source/csv.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

static int is_line_end(const struct sab_csv *csv)
{
    return csv->at == csv->end || *csv->at == '\n' || *csv->at == '\r';
}

static void pass_line_end(struct sab_csv *csv)
{
    if (csv->at < csv->end && *csv->at == '\r')
        csv->at += csv->at + 1 < csv->end && csv->at[1] == '\n';
    csv->at += csv->at < csv->end;
    csv->next_line++;
}

/* Passes over "sep=;" in a line of its own, as spreadsheets write it. */
static void take_named_separator(struct sab_csv *csv)
{
    const char *at = csv->at;
    if (csv->end - at < 5 || strncasecmp(at, "sep=", 4) != 0 || at[4] == '\n' || at[4] == '\r')
        return;
    csv->at = at + 5;
    if (csv->at < csv->end && *csv->at != '\n' && *csv->at != '\r') {
        csv->at = at;
        return;
    }
    pass_line_end(csv);
    if (!csv->dialect.separator)
        csv->separator = at[4];
}

static int skip_lines(struct sab_csv *csv, struct sab_error *err)
{
    for (int64_t i = 0; i < csv->dialect.skip_lines; i++) {
        if (csv->at == csv->end)
            return sab_fail(err, SAB_FORMAT, "%s has %lld lines; --skip-lines %lld leaves nothing of it", csv->path, (long long)i,
                            (long long)csv->dialect.skip_lines);
        while (csv->at < csv->end && *csv->at != '\n' && *csv->at != '\r')
            csv->at++;
        pass_line_end(csv);
    }
    return SAB_OK;
}

int sab_csv_begin(struct sab_csv *csv, const char *path, const char *text, size_t nbytes,
                  const struct sab_csv_dialect *dialect, struct sab_error *err)
{
    *csv = (struct sab_csv){.path = path, .at = text, .end = text + nbytes, .next_line = 1, .dialect = *dialect,
                            .separator = dialect->separator};
    if (nbytes >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
        return sab_fail(err, SAB_FORMAT, "%s is text in UTF-16; save it as UTF-8", path);
    const char *zero = memchr(text, 0, nbytes);
    if (zero && zero - text < 2 && nbytes >= 4 && !text[zero - text + 2] && text[1 - (zero - text)] && text[3 - (zero - text)])
        return sab_fail(err, SAB_FORMAT, "%s seems to be text in UTF-16, for every other byte is 0; save it as UTF-8", path);
    if (zero)
        return sab_fail(err, SAB_FORMAT, "%s is not a text file: byte %zu is 0", path, (size_t)(zero - text));
    if (nbytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        csv->at += 3;
    int status = skip_lines(csv, err);
    if (status != SAB_OK)
        return status;
    take_named_separator(csv);
    csv->is_guess = csv->separator == 0;
    if (csv->is_guess)
        csv->separator = sab_csv_dialect_guess(dialect, csv->at, csv->end);
    return SAB_OK;
}

/* The least number of further lines to skip so that every row of what follows has the same number of columns, more than one; 0 where no
 * number below MOST does. */
static int lines_before_table(const struct sab_csv *csv, const char *table)
{
    enum { MOST = 30 };
    struct sab_csv rest = {.at = table, .end = csv->end};
    for (int skipped = 1; skipped < MOST && rest.at < rest.end; skipped++) {
        while (rest.at < rest.end && *rest.at != '\n' && *rest.at != '\r')
            rest.at++;
        pass_line_end(&rest);
        char separator = sab_csv_dialect_guess(&csv->dialect, rest.at, rest.end);
        if (sab_csv_dialect_is_even(rest.at, rest.end, separator))
            return skipped;
    }
    return 0;
}

void sab_csv_show_guess(const struct sab_csv *csv, const char *table, char text[SAB_CSV_GUESS_CAP])
{
    text[0] = 0;
    if (!csv->is_guess)
        return;
    int skipped = lines_before_table(csv, table);
    size_t used = (size_t)snprintf(text, SAB_CSV_GUESS_CAP, " (that %s separate%s columns is a guess: --separator names another",
                                   sab_csv_separator_name(csv->separator), csv->separator == ' ' ? "" : "s");
    if (skipped > 0)
        snprintf(text + used, SAB_CSV_GUESS_CAP - used, "; --skip-lines %lld begins behind the first lines, which are no table)",
                 (long long)csv->dialect.skip_lines + skipped);
    else
        snprintf(text + used, SAB_CSV_GUESS_CAP - used, ", --skip-lines passes over lines before the table)");
}

void sab_csv_clear(struct sab_csv *csv)
{
    sab_free(csv->fields);
    csv->fields = NULL;
    csv->n = csv->cap = 0;
}

static int make_room(struct sab_csv *csv, struct sab_error *err)
{
    if (csv->n < csv->cap)
        return SAB_OK;
    if (csv->n == SAB_CSV_COLUMNS_MOST)
        return sab_fail(err, SAB_FORMAT, "%s, line %lld: more than %d columns", csv->path, (long long)csv->line,
                        SAB_CSV_COLUMNS_MOST);
    int cap = csv->cap ? 2 * csv->cap : 16;
    cap = cap < SAB_CSV_COLUMNS_MOST ? cap : SAB_CSV_COLUMNS_MOST;
    struct sab_csv_field *fields = sab_alloc((size_t)cap, sizeof *fields);
    if (!fields)
        return sab_fail(err, SAB_NOMEM, "no memory for the columns of %s", csv->path);
    if (csv->n > 0)
        memcpy(fields, csv->fields, (size_t)csv->n * sizeof *fields);
    sab_free(csv->fields);
    csv->fields = fields;
    csv->cap = cap;
    return SAB_OK;
}

static int is_blank(const struct sab_csv *csv, char c)
{
    return c == ' ' || (c == '\t' && csv->separator != '\t'); /* also where blanks separate: any number of them is one */
}

static void pass_blanks(struct sab_csv *csv)
{
    while (csv->at < csv->end && is_blank(csv, *csv->at))
        csv->at++;
}

/* From behind the opening quote to behind the closing one and the blanks that follow it. */
static int read_quoted(struct sab_csv *csv, struct sab_csv_field *field, struct sab_error *err)
{
    int64_t line = csv->next_line;
    *field = (struct sab_csv_field){.text = csv->at, .is_quoted = 1};
    for (;; csv->at++) {
        if (csv->at == csv->end)
            return sab_fail(err, SAB_FORMAT, "%s, line %lld, column %d: the quote that opens here is never closed",
                            csv->path, (long long)line, csv->n + 1);
        if (*csv->at == '\n' || (*csv->at == '\r' && (csv->at + 1 == csv->end || csv->at[1] != '\n')))
            csv->next_line++;
        if (*csv->at != '"')
            continue;
        if (csv->at + 1 < csv->end && csv->at[1] == '"')
            csv->at++;
        else
            break;
    }
    field->nbytes = (size_t)(csv->at++ - field->text);
    pass_blanks(csv);
    if (!is_line_end(csv) && *csv->at != csv->separator && !(csv->separator == ' ' && csv->at[-1] != '"'))
        return sab_fail(err, SAB_FORMAT, "%s, line %lld, column %d: text follows the closing quote; a quote inside "
                        "quotes is written twice", csv->path, (long long)csv->next_line, csv->n + 1);
    return SAB_OK;
}

/* The first place from `at` on with a byte that ends an unquoted field, or `end`: eight bytes at a time while there are as many. A byte of
 * x ^ (b, b, ...) is 0 where x has b, and the lowest of the bytes that (y - 1...) & ~y & 0x80... marks is the lowest 0 of y. */
static inline const char *field_end(const char *at, const char *end, char separator)
{
    const uint64_t ones = UINT64_MAX / 255, tops = ones * 128, separators = ones * (unsigned char)separator;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (; end - at >= 8; at += 8) {
        uint64_t x;
        memcpy(&x, at, sizeof x);
        uint64_t s = x ^ separators, n = x ^ ones * '\n', r = x ^ ones * '\r';
        uint64_t hits = (((s - ones) & ~s) | ((n - ones) & ~n) | ((r - ones) & ~r)) & tops;
        if (hits)
            return at + __builtin_ctzll(hits) / 8;
    }
#endif
    while (at < end && *at != separator && *at != '\n' && *at != '\r')
        at++;
    return at;
}

/* The place in the text is kept apart from csv: it then stays in a register, which is worth a third of the time. */
static inline int read_field(struct sab_csv *csv, struct sab_csv_field *field, struct sab_error *err)
{
    const char *at = csv->at, *const end = csv->end, separator = csv->separator;
    while (at < end && (*at == ' ' || (*at == '\t' && separator != '\t')))
        at++;
    if (at < end && *at == '"') {
        csv->at = at + 1;
        return read_quoted(csv, field, err);
    }
    const char *begin = at;
    csv->at = at = field_end(at, end, separator);
    while (at > begin && is_blank(csv, at[-1]))
        at--;
    *field = (struct sab_csv_field){.text = begin, .nbytes = (size_t)(at - begin)};
    return SAB_OK;
}

/* Passes over empty lines. If a row follows them, the first of them is an error. */
static int pass_empty_lines(struct sab_csv *csv, struct sab_error *err)
{
    int64_t first = csv->next_line;
    int any = 0;
    while (csv->at < csv->end && (*csv->at == '\n' || *csv->at == '\r')) {
        pass_line_end(csv);
        any = 1;
    }
    if (any && csv->at < csv->end)
        return sab_fail(err, SAB_FORMAT, "%s, line %lld is empty, and lines with values follow it", csv->path,
                        (long long)first);
    return SAB_OK;
}

int sab_csv_next(struct sab_csv *csv, int *is_row, struct sab_error *err)
{
    int status = pass_empty_lines(csv, err);
    *is_row = status == SAB_OK && csv->at < csv->end;
    if (!*is_row)
        return status;
    csv->line = csv->next_line;
    csv->n = 0;
    for (;;) {
        status = make_room(csv, err);
        if (status == SAB_OK)
            status = read_field(csv, &csv->fields[csv->n], err);
        if (status != SAB_OK) {
            *is_row = 0;
            return status;
        }
        csv->n++;
        if (csv->separator == ' ')
            pass_blanks(csv);
        if (is_line_end(csv))
            break;
        csv->at += csv->separator != ' ';
    }
    pass_line_end(csv);
    return SAB_OK;
}

int sab_csv_pass(struct sab_csv *csv, int *is_row, struct sab_error *err)
{
    const char *at = csv->at, *const end = csv->end, separator = csv->separator;
    int64_t n = 1;
    if (at == end || *at == '\n' || *at == '\r' || separator == ' ')
        return sab_csv_next(csv, is_row, err);
    for (; at < end && *at != '\n' && *at != '\r'; at++) {
        if (*at == '"')
            return sab_csv_next(csv, is_row, err);
        n += *at == separator;
    }
    if (n > SAB_CSV_COLUMNS_MOST)
        return sab_csv_next(csv, is_row, err);
    csv->line = csv->next_line;
    csv->n = (int)n;
    csv->at = at;
    pass_line_end(csv);
    *is_row = 1;
    return SAB_OK;
}

int sab_csv_copy(const struct sab_csv_field *field, char text[SAB_CSV_TEXT_CAP])
{
    int n = 0;
    for (size_t i = 0; i < field->nbytes; i++) {
        if (n == SAB_CSV_TEXT_CAP - 1)
            return -1;
        text[n++] = field->text[i];
        if (field->is_quoted && field->text[i] == '"')
            i++;
    }
    text[n] = 0;
    return sab_text_is_utf8(text, (size_t)n) ? n : -1;
}

void sab_csv_show(const struct sab_csv_field *field, char text[48])
{
    size_t n = field->nbytes < 40 ? field->nbytes : 40;
    for (size_t i = 0; i < n; i++)
        text[i] = field->text[i] >= ' ' && field->text[i] <= '~' ? field->text[i] : '?';
    strcpy(text + n, field->nbytes > n ? "..." : "");
}

static int is_word(const struct sab_csv_field *field, const char *const *words)
{
    for (; *words; words++)
        if (strlen(*words) == field->nbytes && strncasecmp(*words, field->text, field->nbytes) == 0)
            return 1;
    return 0;
}

int sab_csv_is_missing(const struct sab_csv_field *field)
{
    static const char *const missing[] = {"", "nan", "na", "n/a", "null", "none", "nil", "?", "-", ".", "#n/a", NULL};
    return is_word(field, missing);
}

int sab_csv_boolean(const struct sab_csv_field *field)
{
    if (field->nbytes == 4 && strncasecmp(field->text, "true", 4) == 0)
        return 1;
    return field->nbytes == 5 && strncasecmp(field->text, "false", 5) == 0 ? 0 : -1;
}

int sab_csv_read_number(const struct sab_csv *csv, const struct sab_csv_field *field, struct sab_decimal *number)
{
    if (sab_csv_dialect_number(&csv->dialect, field, number) == 0)
        return fabs(number->value) > FLT_MAX;
    int truth = sab_csv_boolean(field);
    *number = (struct sab_decimal){.mantissa = truth, .value = truth};
    return truth < 0;
}

int sab_csv_number(const struct sab_csv *csv, int i, const char *column, int knows_missing, struct sab_decimal *number,
                   struct sab_error *err)
{
    static const char *const endless[] = {"inf", "+inf", "-inf", "infinity", "+infinity", "-infinity", NULL};
    const struct sab_csv_field *field = &csv->fields[i];
    char shown[48], why[SAB_CSV_WHY_CAP];
    if (sab_csv_read_number(csv, field, number) == 0)
        return SAB_OK;
    sab_csv_show(field, shown);
    sab_csv_dialect_why(&csv->dialect, field, why);
    if (sab_csv_is_missing(field))
        return sab_fail(err, SAB_FORMAT, "%s, line %lld, column %s: %s%s%s, a number is expected; %s", csv->path, (long long)csv->line,
                        column, field->nbytes ? "\"" : "the cell is empty", shown, field->nbytes ? "\" is a missing value" : "",
                        knows_missing ? "fill it, remove the row, or train with --missing last, mask or skip"
                                      : "fill it or remove the row");
    return sab_fail(err, SAB_FORMAT, "%s, line %lld, column %s: \"%s\" %s", csv->path, (long long)csv->line, column,
                    shown, is_word(field, endless) ? "is beyond the largest number, 3.4e38" : why);
}
