/* A long CSV file that several threads read: the same tables to the bit, and the same words about what is wrong, as one thread has.
 * Files are drawn: how lines end, gaps, columns without a value for long, series in turn or one after the other, and what is wrong.
 *
 *     ctest: processors 2
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csv_support.h"
#include "data/csv_reading.h"
#include "data/csv_state.h"
#include "data/csv_task.h"
#include "data/task.h"
#include "io_support.h"
#include "options_helper.h"
#include "sab.h"

enum { ROWS = 20000, LINE_CAP = 96 }; /* some 300 to 700 KiB */

static uint64_t drawn;

static unsigned draw(unsigned n)
{
    drawn = drawn * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(drawn >> 33) % n;
}

struct plan {
    const char *line_end;
    int series, in_turn; /* 0: there is no column of them */
    int empty;           /* one cell in so many; 0: none */
    int late;            /* row of the first value of column b */
    int times;
    int is_quoted;       /* names of series are, and hold a line's end */
    int threads, is_empty_at_cut; /* an empty line stands where the second piece would begin */
    const char *wrong;   /* what stands in place of a row */
    int wrong_row;       /* ROWS: nowhere */
};

static struct plan draw_plan(void)
{
    static const char *const line_ends[] = {"\n", "\r\n", "\r"};
    static const char *const wrongs[] = {"", "1,2,3,4,5,6", "x,y,z", "\"", "\"a\",2,3", "1e99,1,1", "1,true,2", "s0,1,2,,"};
    struct plan p = {.line_end = line_ends[draw(3)], .series = draw(4) ? (int)draw(3000) : 0, .in_turn = (int)draw(2),
                     .empty = draw(2) ? 2 + (int)draw(50) : 0, .times = draw(3) == 0, .wrong = wrongs[draw(8)], .wrong_row = ROWS};
    if (p.empty && draw(2))
        p.late = draw(3) ? (int)draw(ROWS) : ROWS;
    if (draw(2))
        p.wrong_row = (int)draw(ROWS);
    p.is_quoted = p.series && draw(4) == 0;
    p.threads = 2 + (int)draw(5);
    p.is_empty_at_cut = draw(6) == 0;
    return p;
}

/* Doubles the first line's end from one n-th of the rows on. */
static size_t put_empty_line(char *text, size_t nbytes, size_t n, const char *line_end)
{
    char *begin = strstr(text, line_end) + strlen(line_end), *at = strstr(begin + (nbytes - (size_t)(begin - text)) / n, line_end);
    memmove(at + strlen(line_end), at, nbytes - (size_t)(at - text));
    return nbytes + strlen(line_end);
}

static char *write_table(const struct plan *p, size_t *nbytes)
{
    char *text = malloc((size_t)ROWS * LINE_CAP), *at = text;
    assert_non_null(text);
    at += sprintf(at, "%s%sa,b%s", p->times ? "when," : "", p->series ? "id," : "", p->line_end);
    for (int i = 0; i < ROWS; i++) {
        if (i == p->wrong_row) {
            at += sprintf(at, "%s%s", p->wrong, p->line_end);
            continue;
        }
        if (p->times)
            at += sprintf(at, "%d,", 1000000000 + 60 * i);
        if (p->series) {
            int series = p->in_turn ? i % p->series : draw(20) ? i * p->series / ROWS : (int)draw((unsigned)p->series);
            at += sprintf(at, p->is_quoted ? "\"s\n%d\"," : "s%d,", series);
        }
        at += p->empty && draw((unsigned)p->empty) == 0 ? sprintf(at, ",") : sprintf(at, "%d.%d,", draw(1000), draw(1000));
        at += i < p->late ? sprintf(at, "%s", "") : sprintf(at, "%d", draw(100000));
        at += sprintf(at, "%s", p->line_end);
    }
    *nbytes = (size_t)(at - text);
    size_t pieces = (size_t)p->threads * SAB_CSV_PIECES_EACH, most = *nbytes / SAB_CSV_PIECE_NBYTES;
    if (p->is_empty_at_cut)
        *nbytes = put_empty_line(text, *nbytes, pieces < most ? pieces : most, p->line_end);
    return text;
}

static int read_by(struct sab_task **task, const struct plan *p, int threads, const char *path, struct sab_error *err)
{
    OPTIONS config = {0};
    csv_configure(&config, "split=1,0,0 horizon=1 inputs=a,b targets=a duplicates=first gaps=keep T=2");
    set_option(&config, "data", path);
    config.task.values.standardise = 1; /* values are differences from the first of their column */
    config.shared.threads = threads;
    if (p->empty)
        set_option(&config, "missing", "last");
    if (p->series)
        set_option(&config, "series", "id");
    if (p->times)
        set_option(&config, "time", "when");
    return sab_task_create(task, &config, NULL, err);
}

static void compare(const char *what, const void *a, const void *b, size_t nbytes, unsigned seed)
{
    if (nbytes > 0 && memcmp(a, b, nbytes) != 0)
        fail_msg("seed %u: %s: expected what one thread has, got others", seed, what);
}

static void compare_tables(const struct sab_csv_state *a, const struct sab_csv_state *b, unsigned seed)
{
    const struct sab_csv_table *x = &a->tables[SAB_TRAIN], *y = &b->tables[SAB_TRAIN];
    size_t rows = (size_t)x->rows;
    if (x->rows != y->rows || x->S != y->S || x->names.n != y->names.n)
        fail_msg("seed %u: expected %lld rows, %d series and %d names, got %lld, %d and %d", seed, (long long)x->rows, x->S, x->names.n,
                 (long long)y->rows, y->S, y->names.n);
    compare("values", x->values, y->values, rows * (size_t)a->schema.n * sizeof *x->values, seed);
    compare("filled", x->filled, y->filled, rows * (size_t)a->schema.n * sizeof *x->filled, seed);
    compare("times", x->times, y->times, x->times ? rows * sizeof *x->times : 0, seed);
    compare("numbers", x->numbers, y->numbers, x->numbers ? rows * sizeof *x->numbers : 0, seed);
    compare("series", x->series, y->series, (size_t)x->S * sizeof *x->series, seed);
    for (int s = 0; s < x->names.n; s++)
        assert_string_equal(sab_text_set_at(&x->names, s), sab_text_set_at(&y->names, s));
    for (int k = 0; k < a->schema.n; k++)
        compare("origin", &a->schema.columns[k].origin, &b->schema.columns[k].origin, sizeof a->schema.columns[k].origin, seed);
}

static void several_threads_read_what_one_does(void **state)
{
    int read = 0, refused = 0;
    (void)state;
    for (unsigned seed = 1; seed <= 60; seed++) {
        size_t nbytes;
        drawn = seed;
        struct plan p = draw_plan();
        char *text = write_table(&p, &nbytes);
        io_put(io_path("a.csv"), text, nbytes);
        struct sab_task *one = NULL, *several = NULL;
        struct sab_error said_by_one = {0}, said_by_several = {0};
        int status = read_by(&one, &p, 1, io_path("a.csv"), &said_by_one);
        int got = read_by(&several, &p, p.threads, io_path("a.csv"), &said_by_several);
        if (status != got || strcmp(said_by_one.message, said_by_several.message) != 0)
            fail_msg("seed %u: expected %d, \"%s\", got %d, \"%s\"", seed, status, said_by_one.message, got, said_by_several.message);
        if (status == SAB_OK) {
            compare_tables(sab_task_state(one, &sab_task_csv), sab_task_state(several, &sab_task_csv), seed);
            assert_string_equal(sab_task_facts(one), sab_task_facts(several));
        }
        read += status == SAB_OK;
        refused += status != SAB_OK;
        sab_task_free(one);
        sab_task_free(several);
        free(text);
    }
    if (read < 20 || refused < 15)
        fail_msg("expected 20 files read and 15 refused at the least, got %d and %d", read, refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(several_threads_read_what_one_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
