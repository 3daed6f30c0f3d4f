/* How a CSV file is written: what separates its columns, where it begins, how its numbers look. Told by options, or from its
 * first lines. Must not know what columns mean. */
#ifndef SAB_SOURCE_CSV_DIALECT_H
#define SAB_SOURCE_CSV_DIALECT_H

#include "sab.h"
#include "source/number.h"

struct sab_csv_field;

struct sab_csv_dialect {
    char separator;     /* ' ' stands for any number of blanks; 0: told from the first lines */
    int64_t skip_lines; /* before the table */
    int decimal_comma;  /* 1,5 is 1.5 */
    int thousands;      /* 1,000.5 is 1000.5, and 1.000,5 with a decimal comma; a blank or ' may stand there too */
};

/* Of the values of --separator, --skip-lines, --decimal-comma and --thousands. SAB_INVALID where the first is no separator. */
int sab_csv_dialect_make(struct sab_csv_dialect *dialect, const char *separator, int64_t skip_lines, int decimal_comma, int thousands,
                         struct sab_error *err);

/* The first of tab, semicolon, comma and | (the comma last where it is the decimal sign) that parts all of the first
 * lines into one number of columns above 1; else the first of these that the first line has outside of quotes; else a
 * comma. */
char sab_csv_dialect_guess(const struct sab_csv_dialect *dialect, const char *text, const char *end);

/* Whether the separator parts each of the first rows into one number of columns above 1, and there are a few rows. */
int sab_csv_dialect_is_even(const char *text, const char *end, char separator);

/* "a semicolon" */
const char *sab_csv_separator_name(char separator);

/* Reads a cell that is a number: 0 when done, 1 with *number untouched if it is anything else. */
int sab_csv_dialect_number(const struct sab_csv_dialect *dialect, const struct sab_csv_field *field,
                           struct sab_decimal *number);

/* Why a cell that is not empty is no number, as the end of a sentence: "is not a number". */
enum { SAB_CSV_WHY_CAP = 160 };
void sab_csv_dialect_why(const struct sab_csv_dialect *dialect, const struct sab_csv_field *field,
                         char why[SAB_CSV_WHY_CAP]);

/* What stands before or after the number in a cell such as $1000.67, 2.54M or 0.76%: its text, "" if the cell is nothing of
 * that kind. */
enum { SAB_CSV_SIGN_CAP = 16 };
void sab_csv_dialect_sign(const struct sab_csv_dialect *dialect, const struct sab_csv_field *field,
                          char sign[SAB_CSV_SIGN_CAP]);

#endif
