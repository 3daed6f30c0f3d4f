/* See csv_dialect.h. */
#include "source/csv_dialect.h"

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "source/csv.h"

static const struct {
    const char *name, *article;
    char separator;
} separators[] = {
    {"comma", "a comma", ','}, {"semicolon", "a semicolon", ';'}, {"tab", "a tab", '\t'},
    {"pipe", "the sign |", '|'}, {"space", "blanks", ' '},
};
enum { SEPARATORS = sizeof separators / sizeof separators[0], NUMBER_LONGEST = 511 };

int sab_csv_dialect_make(struct sab_csv_dialect *dialect, const char *text, int64_t skip_lines, int decimal_comma, int thousands,
                         struct sab_error *err)
{
    *dialect = (struct sab_csv_dialect){.skip_lines = skip_lines, .decimal_comma = decimal_comma, .thousands = thousands};
    for (int i = 0; i < SEPARATORS; i++)
        if (strcmp(text, separators[i].name) == 0)
            dialect->separator = separators[i].separator;
    if (!dialect->separator && text[0] && !text[1])
        dialect->separator = text[0];
    char s = dialect->separator;
    if (s ? isalnum((unsigned char)s) || strchr("\"\r\n.+-", s) || (unsigned char)s >= 0x7f : text[0] && strcmp(text, "auto"))
        return sab_fail(err, SAB_INVALID, "--separator: \"%.40s\" is not auto, comma, semicolon, tab, pipe, space or a sign that "
                        "is no letter, digit, quote, point, + or -", text);
    return SAB_OK;
}

const char *sab_csv_separator_name(char separator)
{
    for (int i = 0; i < SEPARATORS; i++)
        if (separators[i].separator == separator)
            return separators[i].article;
    return "the sign of --separator";
}

/* ---- the guess ---- */

/* Into how many columns a separator parts each of the first rows; 0 where they differ. */
static int even_columns(const char *text, const char *end, char separator, int *rows)
{
    enum { ROWS = 20 };
    struct sab_csv csv = {.path = "", .at = text, .end = end, .separator = separator};
    int n = 0, is_row = 1;
    for (*rows = 0; *rows < ROWS && is_row; *rows += is_row) {
        if (sab_csv_pass(&csv, &is_row, NULL) != SAB_OK)
            is_row = n = 0;
        if (is_row && *rows > 0 && csv.n != n)
            is_row = n = 0;
        n = is_row ? csv.n : n;
    }
    sab_csv_clear(&csv);
    return n;
}

int sab_csv_dialect_is_even(const char *text, const char *end, char separator)
{
    int rows;
    return even_columns(text, end, separator, &rows) > 1 && rows >= 3;
}

static int occurs_in_first_line(const char *text, const char *end, char separator)
{
    int is_quoted = 0;
    for (; text < end && (is_quoted || (*text != '\n' && *text != '\r')); text++) {
        is_quoted ^= *text == '"';
        if (!is_quoted && *text == separator)
            return 1;
    }
    return 0;
}

char sab_csv_dialect_guess(const struct sab_csv_dialect *dialect, const char *text, const char *end)
{
    const char *candidates = dialect->decimal_comma ? "\t;|," : "\t;,|"; /* numbers with commas may be in quotes */
    int rows;
    for (const char *c = candidates; *c; c++)
        if (even_columns(text, end, *c, &rows) > 1)
            return *c;
    for (const char *c = candidates; *c; c++)
        if (occurs_in_first_line(text, end, *c))
            return *c;
    return ',';
}

/* ---- numbers ---- */

/* Bytes of the sign between thousands that begins at text; 0 if there is none. */
static size_t group_nbytes(const struct sab_csv_dialect *dialect, const char *text, size_t n)
{
    if (n >= 1 && (*text == ' ' || *text == '\'' || *text == (dialect->decimal_comma ? '.' : ',')))
        return 1;
    if (n >= 2 && memcmp(text, "\xc2\xa0", 2) == 0) /* no-break space */
        return 2;
    return n >= 3 && memcmp(text, "\xe2\x80\xaf", 3) == 0 ? 3 : 0; /* narrow no-break space */
}

/* Three digits, and no fourth. */
static int are_three_digits(const char *text, size_t n)
{
    return n >= 3 && isdigit((unsigned char)text[0]) && isdigit((unsigned char)text[1]) && isdigit((unsigned char)text[2]) &&
           (n == 3 || !isdigit((unsigned char)text[3]));
}

int sab_csv_dialect_number(const struct sab_csv_dialect *dialect, const struct sab_csv_field *field,
                           struct sab_decimal *number)
{
    const char *text = field->text;
    size_t n = field->nbytes, used = 0;
    char plain[NUMBER_LONGEST];
    if (!dialect->decimal_comma && !dialect->thousands)
        return sab_decimal_read(text, n, number);
    int digits = 0, has_point = 0;
    for (size_t i = 0; i < n;) {
        size_t group = dialect->thousands && digits > 0 && digits <= 3 && !has_point ? group_nbytes(dialect, text + i, n - i) : 0;
        if (group > 0 && are_three_digits(text + i + group, n - i - group)) {
            i += group;
            digits = 0;
            continue;
        }
        if (used == sizeof plain || (dialect->decimal_comma && text[i] == '.'))
            return 1;
        int is_point = text[i] == (dialect->decimal_comma ? ',' : '.');
        has_point |= is_point;
        digits = isdigit((unsigned char)text[i]) ? digits + 1 : 0;
        plain[used++] = is_point ? '.' : text[i];
        i++;
    }
    return sab_decimal_read(plain, used, number);
}

/* Letters before a number make a name of it (d0, Q3), but for a currency's three capitals. */
static int is_name(const char *text, size_t n)
{
    size_t letters = 0, capitals = 0;
    for (size_t i = 0; i < n; i++) {
        letters += isalpha((unsigned char)text[i]) != 0;
        capitals += isupper((unsigned char)text[i]) != 0;
    }
    return letters > 0 && !(letters == 3 && capitals == 3);
}

void sab_csv_dialect_sign(const struct sab_csv_dialect *dialect, const struct sab_csv_field *field,
                          char sign[SAB_CSV_SIGN_CAP])
{
    struct sab_decimal number;
    size_t n = field->nbytes, before = 0, after = n;
    sign[0] = 0;
    if (n == 0)
        return;
    while (before < n && !isdigit((unsigned char)field->text[before]) && !strchr("+-.,", field->text[before]))
        before++;
    while (after > before && !isdigit((unsigned char)field->text[after - 1]))
        after--;
    size_t length = before > 0 ? before : n - after;
    struct sab_csv_field inner = {.text = field->text + before, .nbytes = after - before};
    if ((before > 0) == (after < n) || length >= SAB_CSV_SIGN_CAP || is_name(field->text, before) ||
        sab_csv_dialect_number(dialect, &inner, &number))
        return;
    const char *from = before > 0 ? field->text : field->text + after;
    while (length > 0 && *from == ' ') {
        from++;
        length--;
    }
    memcpy(sign, from, length);
    while (length > 0 && sign[length - 1] == ' ')
        length--;
    sign[length] = 0;
    if (!sab_text_is_utf8(sign, length))
        sign[0] = 0;
}

void sab_csv_dialect_why(const struct sab_csv_dialect *dialect, const struct sab_csv_field *field, char why[SAB_CSV_WHY_CAP])
{
    struct sab_csv_dialect other = *dialect;
    struct sab_decimal number = {0};
    char sign[SAB_CSV_SIGN_CAP];
    int is_number = sab_csv_dialect_number(dialect, field, &number) == 0;
    other.decimal_comma = !dialect->decimal_comma;
    int is_turned = sab_csv_dialect_number(&other, field, &number) == 0;
    other = *dialect;
    other.thousands = 1;
    int is_grouped = sab_csv_dialect_number(&other, field, &number) == 0;
    other.decimal_comma = other.thousands = 1;
    int is_both = sab_csv_dialect_number(&other, field, &number) == 0;
    sab_csv_dialect_sign(dialect, field, sign);
    if (is_number)
        strcpy(why, "is beyond the largest number, 3.4e38");
    else if (is_turned && is_grouped && !dialect->thousands && !dialect->decimal_comma)
        strcpy(why, "is not a number; the decimal sign is a point: --decimal-comma on, or --thousands on if it parts thousands");
    else if (is_turned)
        snprintf(why, SAB_CSV_WHY_CAP, "is not a number; the decimal sign is a %s (--decimal-comma %s: a %s)",
                 dialect->decimal_comma ? "comma" : "point", dialect->decimal_comma ? "off" : "on",
                 dialect->decimal_comma ? "point" : "comma");
    else if (is_grouped)
        strcpy(why, "is not a number; --thousands on reads signs between thousands");
    else if (is_both)
        strcpy(why, "is not a number; --decimal-comma on and --thousands on read it");
    else if (sign[0])
        snprintf(why, SAB_CSV_WHY_CAP, "is not a number, for \"%s\" stands beside it; take that away from the cells", sign);
    else
        strcpy(why, "is not a number");
}
