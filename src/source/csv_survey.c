/* See csv_survey.h. */
#include "source/csv_survey.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "source/text_set.h"

/* A few rows prove nothing: two numbers always count up. */
enum { PAIRS_LEAST = 8, CELLS_MOST = 200000, ROWS_LEAST = 20 };

/* The first rows. */
struct sample {
    int n, rows;
    struct sab_csv_field *cells; /* [rows, n] */
    int64_t *lines;              /* [rows] */
    int *before;                 /* [rows] the row before of the same series, or -1 */
    double *values;              /* [rows] room for a column's numbers */
};

static const struct sab_csv_field *cell(const struct sample *s, int row, int column)
{
    return &s->cells[(size_t)row * (size_t)s->n + (size_t)column];
}

/* ---- the sample ---- */

/* nbytes: what is left of the file; a row takes a byte for each column at least. */
static int make_room(struct sample *s, int n, size_t nbytes)
{
    int rows = CELLS_MOST / n;
    rows = rows < ROWS_LEAST ? ROWS_LEAST : rows > SAB_CSV_SURVEY_ROWS ? SAB_CSV_SURVEY_ROWS : rows;
    if (nbytes / (size_t)n + 1 < (size_t)rows)
        rows = (int)(nbytes / (size_t)n) + 1;
    s->n = n;
    s->cells = sab_alloc((size_t)rows * (size_t)n, sizeof *s->cells);
    s->lines = sab_alloc((size_t)rows, sizeof *s->lines);
    s->before = sab_alloc((size_t)rows, sizeof *s->before);
    s->values = sab_alloc((size_t)rows, sizeof *s->values);
    return s->cells && s->lines && s->before && s->values ? rows : 0;
}

static void free_sample(struct sample *s)
{
    sab_free(s->cells);
    sab_free(s->lines);
    sab_free(s->before);
    sab_free(s->values);
}

/* Where the rows of each series were last seen. */
static int link_rows(struct sample *s, int series)
{
    struct sab_text_set names = {0};
    int *last = sab_alloc((size_t)s->rows + 1, sizeof *last), ok = last != NULL;
    for (int row = 0; row < s->rows && ok; row++) {
        int known = names.n, number = 0;
        if (series >= 0)
            number = sab_text_set_add(&names, cell(s, row, series)->text, cell(s, row, series)->nbytes);
        ok = number >= 0;
        if (!ok)
            break;
        s->before[row] = (series >= 0 ? number == known : row == 0) ? -1 : last[number];
        last[number] = row;
    }
    sab_text_set_clear(&names);
    sab_free(last);
    return ok;
}

static int take_sample(struct sample *s, const struct sab_csv *begin, int n, int series, struct sab_error *err)
{
    struct sab_csv csv = *begin;
    int rows = make_room(s, n, (size_t)(begin->end - begin->at)), is_row = 1, status = SAB_OK;
    csv.fields = NULL;
    csv.n = csv.cap = 0;
    while (rows > s->rows && (status = sab_csv_next(&csv, &is_row, err)) == SAB_OK && is_row && csv.n == n) {
        memcpy(s->cells + (size_t)s->rows * (size_t)n, csv.fields, (size_t)n * sizeof *s->cells);
        s->lines[s->rows++] = csv.line;
    }
    sab_csv_clear(&csv);
    if (status != SAB_NOMEM)
        status = SAB_OK; /* what is wrong with a row is told when the rows are read */
    if (status == SAB_OK && (rows == 0 || !link_rows(s, series)))
        status = sab_fail(err, SAB_NOMEM, "no memory for the first rows of %s", begin->path);
    return status;
}

/* ---- one column ---- */

/* The row of the first cell that holds something; rows if there is none. */
static int first_cell(const struct sample *s, int column)
{
    int row = 0;
    while (row < s->rows && sab_csv_is_missing(cell(s, row, column)))
        row++;
    return row;
}

/* By how much whole numbers go up from each row to the next, or from each row of a series to its next. */
static double count_step(const struct sample *s, const struct sab_csv_dialect *dialect, int column, int by_series)
{
    double step = 0, *values = s->values;
    int pairs = 0, is_even = 1;
    for (int row = 0; row < s->rows && is_even; row++) {
        struct sab_decimal number;
        int from = by_series ? s->before[row] : row - 1;
        is_even = sab_csv_dialect_number(dialect, cell(s, row, column), &number) == 0 && number.value == floor(number.value);
        values[row] = is_even ? number.value : 0;
        if (from < 0)
            continue;
        if (pairs++ == 0)
            step = values[row] - values[from];
        is_even &= values[row] - values[from] == step && step > 0;
    }
    return is_even && pairs >= PAIRS_LEAST ? step : 0;
}

/* Reads all cells as times of the format, gaps left out (then -1 in is_there): 0 if one is none. */
static int read_times(const struct sample *s, int column, const struct sab_time_format *format, int64_t *times,
                      unsigned char *is_there)
{
    for (int row = 0; row < s->rows; row++) {
        const struct sab_csv_field *field = cell(s, row, column);
        is_there[row] = !sab_csv_is_missing(field);
        if (is_there[row] && sab_time_read(format, field->text, field->nbytes, &times[row]))
            return 0;
    }
    return 1;
}

static void look_at_times(const struct sample *s, const int64_t *times, const unsigned char *is_there,
                          struct sab_csv_irregular *found)
{
    struct sab_time_vote vote = {0};
    for (int pass = 0; pass < 2; pass++)
        for (int row = 0; row < s->rows; row++) {
            int from = s->before[row];
            if (from >= 0 && is_there[row] && is_there[from])
                (pass ? sab_time_vote_check : sab_time_vote)(&vote, times[from], times[row]);
        }
    found->step = sab_time_vote_end(&vote);
    for (int row = 0; row < s->rows; row++) {
        int from = s->before[row];
        if (from < 0 || !is_there[row] || !is_there[from])
            continue;
        int is_double = times[row] == times[from], is_back = times[row] < times[from];
        int has_step = found->step.ms > 0 || found->step.months > 0;
        int is_gap = !is_double && !is_back && has_step && sab_time_steps(times[from], times[row], &found->step) != 1;
        if (is_double && found->doubles++ == 0)
            found->double_line = s->lines[row];
        if (is_back && found->backs++ == 0)
            found->back_line = s->lines[row];
        if (is_gap && found->gaps++ == 0) {
            found->gap_line = s->lines[row];
            found->gap_from = times[from];
            found->gap_to = times[row];
        }
        found->forwards += !is_double && !is_back;
    }
}

/* Numbers are times where they are whole, lie in the years since 1990, and do not jump about. */
static int are_plausible(const struct sample *s, const int64_t *times, const unsigned char *is_there,
                         const struct sab_csv_finding *found)
{
    static const int64_t from = 631152000000, to = 4102444800000; /* 1990, 2100 */
    const struct sab_csv_irregular *i = &found->irregular;
    for (int row = 0; row < s->rows; row++)
        if (!is_there[row] || times[row] < from || times[row] > to || times[row] % (found->format.kind == SAB_TIME_SECONDS ? 1000 : 1) != 0)
            return 0;
    return (i->step.ms > 0 || i->step.months > 0 || i->backs > i->forwards) &&
           (i->backs == 0 || i->forwards == 0) && i->forwards + i->backs >= PAIRS_LEAST;
}

/* Tries a format; on success the finding holds it. */
static int try_times(const struct sample *s, int column, const struct sab_time_format *format, int64_t *times,
                     unsigned char *is_there, struct sab_csv_finding *found)
{
    if (!read_times(s, column, format, times, is_there))
        return 0;
    if (!found->is_time)
        found->format = *format;
    found->is_time = 1;
    return 1;
}

static void find_times(const struct sample *s, int column, int64_t *times, unsigned char *is_there,
                       struct sab_csv_finding *found)
{
    const struct sab_csv_field *first = &found->example;
    struct sab_time_format format;
    int64_t ms;
    if (sab_time_guess(&format, first->text, first->nbytes) == 0 && format.kind != SAB_TIME_NUMBER)
        try_times(s, column, &format, times, is_there, found);
    int is_iso = found->is_time;
    for (int i = 0; !is_iso && found->kind == SAB_CSV_TEXTS && sab_time_common(i, &format) == 0; i++) {
        int is_known = found->is_time;
        if (sab_time_read(&format, first->text, first->nbytes, &ms) == 0)
            found->is_ambiguous |= try_times(s, column, &format, times, is_there, found) && is_known;
    }
    if (!found->is_time || !read_times(s, column, &found->format, times, is_there))
        return;
    look_at_times(s, times, is_there, &found->irregular);
    found->is_time = found->kind == SAB_CSV_TEXTS || are_plausible(s, times, is_there, found);
}

static void look_at_column(const struct sample *s, const struct sab_csv_dialect *dialect, int column, int64_t *times,
                           unsigned char *is_there, struct sab_csv_finding *found)
{
    struct sab_decimal number;
    int row = first_cell(s, column);
    *found = (struct sab_csv_finding){.kind = SAB_CSV_EMPTY};
    if (row == s->rows)
        return;
    found->example = *cell(s, row, column);
    found->kind = sab_csv_dialect_number(dialect, &found->example, &number) == 0 ? SAB_CSV_NUMBERS
                : sab_csv_boolean(&found->example) >= 0                        ? SAB_CSV_BOOLEANS
                                                                                 : SAB_CSV_TEXTS;
    if (found->kind == SAB_CSV_NUMBERS) {
        found->count_step = count_step(s, dialect, column, 0);
        if (found->count_step == 0)
            found->count_step = count_step(s, dialect, column, 1);
    }
    if (found->kind == SAB_CSV_NUMBERS || found->kind == SAB_CSV_TEXTS)
        find_times(s, column, times, is_there, found);
}

int sab_csv_survey_make(struct sab_csv_survey *survey, const struct sab_csv *begin, int n, int series, struct sab_error *err)
{
    struct sample s = {.n = n};
    *survey = (struct sab_csv_survey){.n = n};
    survey->columns = sab_alloc((size_t)n, sizeof *survey->columns);
    int status = survey->columns ? take_sample(&s, begin, n, series, err)
                                 : sab_fail(err, SAB_NOMEM, "no memory for the columns of %s", begin->path);
    int64_t *times = sab_alloc((size_t)s.rows + 1, sizeof *times);
    unsigned char *is_there = sab_alloc((size_t)s.rows + 1, 1);
    if (status == SAB_OK && (!times || !is_there))
        status = sab_fail(err, SAB_NOMEM, "no memory for the first rows of %s", begin->path);
    survey->rows = s.rows;
    for (int i = 0; i < n && status == SAB_OK; i++)
        look_at_column(&s, &begin->dialect, i, times, is_there, &survey->columns[i]);
    sab_free(times);
    sab_free(is_there);
    free_sample(&s);
    return status;
}

void sab_csv_survey_clear(struct sab_csv_survey *survey)
{
    sab_free(survey->columns);
    *survey = (struct sab_csv_survey){0};
}
