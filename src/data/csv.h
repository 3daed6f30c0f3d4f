/* Rows and fields of comma separated text (RFC 4180): fields may stand in double quotes, a quote inside is doubled, lines
 * end with LF, CRLF or CR. Works on bytes that somebody else holds. Must not know what columns mean. */
#ifndef SAB_DATA_CSV_H
#define SAB_DATA_CSV_H

#include "data/number.h"
#include "sab.h"

enum {
    SAB_CSV_COLUMNS_MOST = 100000,
    SAB_CSV_TEXT_CAP = 201 /* a name or label, 0 included */
};

struct sab_csv_field {
    const char *text; /* without quotes; unquoted, without spaces around it */
    size_t nbytes;
    int is_quoted;
};

struct sab_csv {
    const char *path;  /* for messages */
    const char *at, *end;
    char separator;
    int64_t line;      /* where the last row began, from 1 */
    int64_t next_line;
    struct sab_csv_field *fields;
    int n, cap;
};

/* Begins at the first line: passes over a byte order mark, and tells the separator (tab, semicolon or comma, the first
 * of these that the first line has outside of quotes). SAB_FORMAT when it is no text. The bytes and path are borrowed;
 * clear in every case. */
int sab_csv_begin(struct sab_csv *csv, const char *path, const char *text, size_t nbytes, struct sab_error *err);
void sab_csv_clear(struct sab_csv *csv);

/* Reads the next row into fields[0..n-1], which hold until the next call; *is_row is 0 past the last. Empty lines at the
 * end are none; others are an error. SAB_FORMAT, SAB_NOMEM. */
int sab_csv_next(struct sab_csv *csv, int *is_row, struct sab_error *err);

/* Passes over the next row as sab_csv_next does, but may tell only n, how many fields it has, and not what is in them. */
int sab_csv_pass(struct sab_csv *csv, int *is_row, struct sab_error *err);

/* Copies a name or label, its doubled quotes made single: its length, or -1 if it is longer than SAB_CSV_TEXT_CAP - 1
 * bytes or not UTF-8. */
int sab_csv_copy(const struct sab_csv_field *field, char text[SAB_CSV_TEXT_CAP]);

/* The field for a message: short, printable. */
void sab_csv_show(const struct sab_csv_field *field, char text[48]);

/* Whether the field is empty or one of the words for a missing value, such as NaN. */
int sab_csv_is_missing(const struct sab_csv_field *field);

/* The field as a number that float holds. SAB_FORMAT says what is wrong with it, after "PATH, line 7, column COLUMN: ". */
int sab_csv_number(const struct sab_csv *csv, int i, const char *column, struct sab_decimal *number,
                   struct sab_error *err);

#endif
