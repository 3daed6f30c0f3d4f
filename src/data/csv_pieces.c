/* See csv_reading.h: rows of a long file by several threads, each its own piece of the file. What comes of it is what one would read, to
 * the bit and to the word: series are numbered in the file's order, since those of the first piece come first; and where a piece fails,
 * one reader goes on from its beginning, with all before it known. That is what happens where a piece ends within quotes, too: the piece
 * before was right, and finds that they are never closed. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/team.h"
#include "data/csv_reading.h"

enum { EACH = SAB_CSV_PIECES_EACH, MOST = 64 };

/* While rows are counted: a piece by itself, whose series are numbered by themselves. Then its part of the whole's second pass. */
struct piece {
    struct sab_csv_reading r;
    struct sab_csv_table table; /* names, rows, and series, of which `begin` is the number in the whole */
    int64_t *filled;            /* [S of the whole] rows that lie before the next one, of the series that the piece has */
    int status;
    struct sab_error error;
};

struct sab_csv_pieces {
    int n, members;
    struct piece *at;
    struct sab_team *team;
};

/* ---- where pieces begin ---- */

static int is_end(char c)
{
    return c == '\n' || c == '\r';
}

/* The first place from `at` on where a line begins after a line that is not empty, and is not empty itself; `end` if there is none. An
 * empty line is an error if lines follow, which only who reads on sees. */
static const char *line_from(const char *at, const char *end)
{
    for (; at < end; at++) {
        if (!is_end(at[-1]) || is_end(*at))
            continue;
        const char *before = at - 1 - (at[-1] == '\n' && at[-2] == '\r');
        if (!is_end(before[-1]))
            return at;
    }
    return end;
}

/* Classes and categories are gathered in the order of the file, and where a series has one answer each row is held against the one above:
 * one reader does that. */
static int needs_order(const struct sab_csv_reading *r)
{
    int gathers = r->config && r->schema->label.number;
    for (int i = 0; i < r->schema->n && r->config; i++)
        gathers |= r->schema->columns[i].is_category;
    return gathers || r->schema->goal == SAB_GOAL_SERIES;
}

/* Cuts what is to be read: how many pieces, each from begins[i] to begins[i + 1]. */
static int cut(const struct sab_csv_reading *r, int threads, const char *begins[MOST + 1])
{
    const char *begin = r->rows.at, *end = r->rows.end;
    size_t nbytes = (size_t)(end - begin), most = nbytes / SAB_CSV_PIECE_NBYTES;
    int n = threads < MOST / EACH ? threads * EACH : MOST, made = 0;
    n = (size_t)n < most ? n : (int)most;
    if (threads < 2 || n < 2 || needs_order(r))
        return 1;
    begins[0] = begin;
    for (int i = 1; i < n; i++) {
        const char *at = begin + nbytes / (size_t)n * (size_t)i;
        at = line_from(at > begins[made] + 3 ? at : begins[made] + 3, end);
        if (at < end)
            begins[++made] = at;
    }
    begins[made + 1] = end;
    return made + 1;
}

/* ---- first pass ---- */

static void count_piece(void *user, int i, int member)
{
    struct piece *p = &((struct sab_csv_pieces *)user)->at[i];
    (void)member;
    p->status = sab_csv_reading_count(&p->r, &p->error);
}

static int merge(struct sab_csv_reading *r, const struct piece *p, struct sab_error *err)
{
    int whole = 0;
    for (int s = 0; s < p->table.S; s++) {
        const char *name = r->series_place < 0 ? NULL : sab_text_set_at(&p->table.names, s);
        if (name)
            whole = sab_text_set_add(&r->table->names, name, strlen(name));
        if (whole < 0 || (whole == r->table->S && sab_csv_reading_add_series(r, err) != SAB_OK))
            return sab_fail(err, SAB_NOMEM, "no memory for the series of %s", r->path);
        r->table->series[whole].rows += p->table.series[s].rows;
        p->table.series[s].begin = whole;
    }
    r->table->rows += p->table.rows;
    return SAB_OK;
}

/* All that were read, up to one that was not, or that may have too many series; the reading then stands behind them. */
static int merge_all(struct sab_csv_reading *r, struct sab_csv_pieces *pieces, struct sab_error *err)
{
    int status = SAB_OK;
    for (int i = 0; i < pieces->n && pieces->at[i].status == SAB_OK && status == SAB_OK; i++) {
        struct piece *p = &pieces->at[i];
        if (p->table.S > SAB_CSV_SERIES_MOST - r->table->S)
            break;
        p->r.rows.next_line = r->csv.next_line;
        status = merge(r, p, err);
        r->csv.next_line += p->r.csv.next_line - 1;
        r->csv.at = p->r.csv.at;
    }
    return status;
}

static int make(struct sab_csv_pieces *pieces, const struct sab_csv_reading *r, int n, const char *const *begins)
{
    pieces->at = sab_alloc((size_t)n, sizeof *pieces->at);
    if (!pieces->at || (pieces->members > 1 && sab_team_grow(&pieces->team, pieces->members, NULL) != SAB_OK))
        return 1;
    for (pieces->n = 0; pieces->n < n; pieces->n++) {
        struct piece *p = &pieces->at[pieces->n];
        p->r = *r;
        p->r.table = &p->table;
        p->r.series_cap = 0;
        p->r.rows.at = begins[pieces->n];
        p->r.rows.end = p->r.csv.end = begins[pieces->n + 1];
        p->r.rows.next_line = 1;
        p->r.csv.fields = NULL;
        p->r.csv.n = p->r.csv.cap = 0;
        sab_csv_reading_rewind(&p->r);
    }
    return 0;
}

int sab_csv_pieces_count(struct sab_csv_pieces **out, struct sab_csv_reading *r, int threads, struct sab_error *err)
{
    const char *begins[MOST + 1];
    int n = cut(r, threads > 0 ? threads : sab_processors(), begins), status = SAB_OK;
    struct sab_csv_pieces *pieces = n < 2 ? NULL : sab_alloc(1, sizeof *pieces);
    sab_csv_reading_rewind(r);
    if (pieces)
        pieces->members = sab_threads_of(threads) < n ? sab_threads_of(threads) : n;
    if (!pieces || make(pieces, r, n, begins)) { /* one thread can read it, too */
        sab_csv_pieces_free(pieces);
        return sab_csv_reading_count(r, err);
    }
    sab_team_run(pieces->team, pieces->members, n, count_piece, pieces);
    status = merge_all(r, pieces, err);
    if (status == SAB_OK && r->csv.at == r->rows.end) {
        *out = pieces;
        return SAB_OK;
    }
    sab_csv_pieces_free(pieces);
    return status == SAB_OK ? sab_csv_reading_count(r, err) : status;
}

/* ---- second pass ---- */

static void take_piece(void *user, int i, int member)
{
    struct piece *p = &((struct sab_csv_pieces *)user)->at[i];
    (void)member;
    p->status = sab_csv_reading_take(&p->r, INT64_MAX, &p->error);
}

/* Each piece puts the rows of a series behind those of the pieces before it; the first goes on where r stands. */
static int begin_pieces(struct sab_csv_pieces *pieces, const struct sab_csv_reading *r, struct sab_error *err)
{
    size_t S = (size_t)r->table->S;
    int64_t *before = sab_alloc(S, sizeof *before); /* rows of each series in the pieces so far */
    int status = before ? SAB_OK : SAB_NOMEM;
    for (int i = 0; i < pieces->n && status == SAB_OK; i++) {
        struct piece *p = &pieces->at[i];
        p->filled = sab_alloc(S, sizeof *p->filled);
        status = p->filled ? SAB_OK : SAB_NOMEM;
        for (int s = 0; s < p->table.S && status == SAB_OK; s++) {
            const struct sab_csv_series *own = &p->table.series[s];
            p->filled[own->begin] = i == 0 ? r->filled[own->begin] : before[own->begin];
            before[own->begin] += own->rows;
        }
        p->r.table = r->table;
        p->r.origins = r->origins;
        p->r.lines = r->lines;
        p->r.filled = p->filled;
        p->r.last_series = 0;
        memset(&p->r.series, 0, sizeof p->r.series);
        sab_csv_reading_rewind(&p->r);
    }
    sab_free(before);
    if (status != SAB_OK)
        return sab_fail(err, status, "no memory for the series of %s", r->path);
    pieces->at[0].r.csv.at = r->csv.at;
    pieces->at[0].r.csv.next_line = r->csv.next_line;
    return SAB_OK;
}

int sab_csv_pieces_take(struct sab_csv_pieces *pieces, struct sab_csv_reading *r, struct sab_error *err)
{
    int status = SAB_OK;
    /* Origins are the first values of the file: who reads on must know them. */
    while (status == SAB_OK && sab_csv_reading_lacks_origins(r) && r->csv.at < pieces->at[0].r.csv.end)
        status = sab_csv_reading_take(r, 1, err);
    if (status != SAB_OK || sab_csv_reading_lacks_origins(r))
        return status == SAB_OK ? sab_csv_reading_take(r, INT64_MAX, err) : status;
    status = begin_pieces(pieces, r, err);
    if (status != SAB_OK)
        return status;
    sab_team_run(pieces->team, pieces->members, pieces->n, take_piece, pieces);
    for (int i = 0; i < pieces->n; i++) {
        r->has_missing |= pieces->at[i].r.has_missing;
        if (pieces->at[i].status != SAB_OK)
            return sab_fail(err, pieces->at[i].status, "%s", pieces->at[i].error.message);
    }
    return SAB_OK;
}

void sab_csv_pieces_free(struct sab_csv_pieces *pieces)
{
    if (!pieces)
        return;
    for (int i = 0; i < pieces->n; i++) {
        struct piece *p = &pieces->at[i];
        sab_csv_clear(&p->r.csv);
        sab_csv_table_clear(&p->table);
        sab_free(p->filled);
    }
    sab_team_free(pieces->team);
    sab_free(pieces->at);
    sab_free(pieces);
}
