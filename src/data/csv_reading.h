/* One CSV file while it is read into a table: the state that its parts share. csv_begin.c finds what comes before the
 * first row of values, csv_names.c numbers the texts of the columns of series and of answers, csv_table.c makes the two
 * passes over the rows, csv_pieces.c lets several threads do so. Nobody else includes this. */
#ifndef SAB_DATA_CSV_READING_H
#define SAB_DATA_CSV_READING_H

#include "data/account.h"
#include "data/csv_table.h"
#include "data/options.h"
#include "source/csv.h"
#include "source/input.h"
#include "source/number.h"

/* Texts of a column that were looked up, by their last bytes, which are often digits: most come again and again. */
enum { SAB_CSV_MEMO_PLACES = 1024 };
struct sab_csv_memo {
    struct {
        struct sab_csv_field field; /* text NULL: free */
        int number;
    } places[SAB_CSV_MEMO_PLACES];
};

/* One file while it is read. */
struct sab_csv_reading {
    const char *path;
    const struct sab_csv_dialect *dialect;
    const struct sab_task_options *config; /* NULL: the schema is known */
    int duplicates, gaps;        /* enum sab_duplicates, sab_gaps */
    struct sab_account *account; /* or NULL */
    struct sab_csv_schema *schema;
    struct sab_csv_table *table;
    struct sab_input_file file;
    struct sab_csv csv;
    const char *table_at;        /* where that line begins */
    int64_t first_line;          /* number of the line with the names, or the first row */
    struct sab_csv rows;         /* the csv where its first row of values begins */
    struct sab_csv_field *names; /* the first line */
    int n;                       /* columns */
    int *places;                 /* [schema.n] of the columns, or -1 */
    int label_place, series_place, time_place;
    int64_t *lines;              /* [rows] of the table, where there are times: where each row stands in the file */
    int series_cap;
    int last_series;             /* of the row before */
    int has_missing;             /* a value is */
    int64_t *filled;             /* [S] rows of each series that the second pass has seen */
    struct sab_decimal *origins; /* [schema.n] of the columns */
    int labels_are_numbers, labels_are_whole;
    struct sab_csv_memo series, labels;
};

/* ---- csv_begin.c ---- */

/* Reads what comes before the first row of values, and knows then which columns are read: schema, places, rows. With a
 * config, checks that no column was left out whose first cell only is missing. */
int sab_csv_reading_begin(struct sab_csv_reading *r, struct sab_error *err);

/* Begins a pass over the rows of values. */
static inline void sab_csv_reading_rewind(struct sab_csv_reading *r)
{
    r->csv.at = r->rows.at;
    r->csv.next_line = r->rows.next_line;
}

/* SAB_FORMAT unless the row just read has as many columns as the first line. */
int sab_csv_reading_check_width(const struct sab_csv_reading *r, struct sab_error *err);

/* ---- csv_table.c: from where r->csv stands to the end of what it has ---- */

/* First pass: counts rows, all and of each series, and gathers classes. */
int sab_csv_reading_count(struct sab_csv_reading *r, struct sab_error *err);

/* Second pass, once there is room: puts the values of `most` rows at the most where they belong. */
int sab_csv_reading_take(struct sab_csv_reading *r, int64_t most, struct sab_error *err);

/* Whether a column has no value yet that others could be told from. */
int sab_csv_reading_lacks_origins(const struct sab_csv_reading *r);

/* ---- csv_pieces.c ---- */

#ifndef SAB_CSV_PIECE_NBYTES /* the least: a thread is made in the time that some 4 KiB are read in; in fuzz targets files are short */
#define SAB_CSV_PIECE_NBYTES (1 << 16)
#endif
enum { SAB_CSV_PIECES_EACH = 4 }; /* pieces for each thread: one that the system holds up then holds up no more than a piece */

struct sab_csv_pieces;

/* The first pass over all rows by as many threads as there may be (0: one per processor) and as the file is worth. *pieces is for the
 * second pass, or stays NULL where one thread has to do it. */
int sab_csv_pieces_count(struct sab_csv_pieces **pieces, struct sab_csv_reading *r, int threads, struct sab_error *err);

/* The second pass; r stands before the first row. */
int sab_csv_pieces_take(struct sab_csv_pieces *pieces, struct sab_csv_reading *r, struct sab_error *err);

void sab_csv_pieces_free(struct sab_csv_pieces *pieces);

/* ---- csv_order.c ---- */

/* After the last row: puts the rows of each series in the order of their times, looks after doubles and gaps, leaves out rows
 * or adds them, and fills what is missing, all as the options say. */
int sab_csv_reading_order(struct sab_csv_reading *r, struct sab_error *err);

/* ---- csv_say.c ---- */

struct sab_csv_head;

/* Says how the file is written and which columns are left out, with warnings of what was most likely not meant. */
void sab_csv_reading_say(const struct sab_csv_reading *r, const struct sab_csv_head *head);

/* ---- csv_names.c: all of the row just read ---- */

/* One series more, of no rows yet. SAB_NOMEM. */
int sab_csv_reading_add_series(struct sab_csv_reading *r, struct sab_error *err);

/* The number of its series, which may be a new one. */
int sab_csv_reading_find_series(struct sab_csv_reading *r, int *s, struct sab_error *err);

static inline int sab_csv_reading_series(struct sab_csv_reading *r, int *s, struct sab_error *err)
{
    *s = 0;
    return r->series_place < 0 && r->table->S > 0 ? SAB_OK : sab_csv_reading_find_series(r, s, err);
}

/* Gathers its class while the schema is made. */
int sab_csv_reading_gather_class(struct sab_csv_reading *r, struct sab_error *err);

/* After the last row: decides between classes and values where that was open, and sorts classes. Numbers noted before
 * no longer hold. */
int sab_csv_reading_close_classes(struct sab_csv_reading *r, struct sab_error *err);

/* The number of its class, which the schema must have; -1 where none is there and that is allowed. */
int sab_csv_reading_find_class(struct sab_csv_reading *r, int *label, struct sab_error *err);

#endif
