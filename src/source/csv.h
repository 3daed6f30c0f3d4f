/* Rows and fields of comma separated text (RFC 4180): fields may stand in double quotes, a quote inside is doubled, lines
 * end with LF, CRLF or CR. Works on bytes that somebody else holds. Must not know what columns mean. */
#ifndef SAB_SOURCE_CSV_H
#define SAB_SOURCE_CSV_H

#include "sab.h"
#include "source/csv_dialect.h"

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
    int is_guess;      /* the separator was told from the first lines */
    struct sab_csv_dialect dialect;
    int64_t line;      /* where the last row began, from 1 */
    int64_t next_line;
    struct sab_csv_field *fields;
    int n, cap;
};

/* Begins where the dialect says: passes over a byte order mark, the lines to be skipped, and a line "sep=;" that names the
 * separator; else tells the separator where the dialect leaves it open. SAB_FORMAT when it is no text or too short. The
 * bytes and path are borrowed; clear in every case. */
int sab_csv_begin(struct sab_csv *csv, const char *path, const char *text, size_t nbytes,
                  const struct sab_csv_dialect *dialect, struct sab_error *err);

/* For messages about the number of columns: where the separator was a guess, " (a comma separates columns, a guess from the
 * first lines: --separator, --skip-lines)", with how many lines to skip where that can be told; else "". */
enum { SAB_CSV_GUESS_CAP = 240 };
void sab_csv_show_guess(const struct sab_csv *csv, const char *table, char text[SAB_CSV_GUESS_CAP]);
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

/* 1 or 0 of a field that says true or false, in any case; else -1. */
int sab_csv_boolean(const struct sab_csv_field *field);

/* Reads a field that is a number which float holds, or says true (1) or false (0): 0 when done; else 1, and *number may hold
 * anything. */
int sab_csv_read_number(const struct sab_csv *csv, const struct sab_csv_field *field, struct sab_decimal *number);

/* The field as a number that float holds. SAB_FORMAT says what is wrong with it, after "PATH, line 7, column COLUMN: ". */
int sab_csv_number(const struct sab_csv *csv, int i, const char *column, int knows_missing, struct sab_decimal *number,
                   struct sab_error *err);

#endif
