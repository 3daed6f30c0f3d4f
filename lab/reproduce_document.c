/* See reproduce_document.h. */
#include "lab/reproduce_document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/memory_file.h"
#include "io/file.h"
#include "lab/reproduce_figure.h"

enum { DOCUMENT_CAP = 8 << 20, NAME_CAP = 64 };

/* What one call works with. */
struct work {
    const char *document, *results;
    char link[SAB_FILE_CAP]; /* the folder of results as the document names it */
    FILE *to;
    int tables;
};

/* ---- what stands in a block ---- */

static void print_maps(const struct work *w, const struct sab_table_results *loaded)
{
    for (int i = 0; i < loaded->n_cells; i++)
        for (int k = 0; k < loaded->cells[i].n; k++) {
            const struct sab_cell_result *result = &loaded->cells[i].list[k];
            for (int m = 0; m < result->n_maps; m++)
                fprintf(w->to, "\n![update %lld, %.1f %%](%s/%s/%s)\n\n"
                               "*Seed %llu, the best weights up to update %lld: accuracy %.1f %%.*\n",
                        (long long)result->maps[m].step, 100 * result->maps[m].accuracy, w->link, loaded->table->name,
                        result->maps[m].png, (unsigned long long)result->seed, (long long)result->maps[m].step,
                        100 * result->maps[m].accuracy);
        }
}

static int any_result(const struct sab_table_results *loaded)
{
    for (int i = 0; i < loaded->n_cells; i++)
        if (loaded->cells[i].n > 0)
            return 1;
    return 0;
}

static int write_block(struct work *w, const struct sab_table *table, struct sab_error *err)
{
    struct sab_table_results loaded;
    char path[SAB_FILE_CAP];
    int drawn = 0;
    int status = sab_table_results_load(table, w->results, 0, &loaded, err);
    if (snprintf(path, sizeof path, "%s/%s.svg", w->results, table->name) >= (int)sizeof path && status == SAB_OK)
        status = sab_fail(err, SAB_INVALID, "the folder's name \"%.60s...\" is too long", w->results);
    if (status == SAB_OK)
        status = sab_table_draw(&loaded, path, &drawn, err);
    if (status == SAB_OK) {
        fputc('\n', w->to);
        sab_table_print(w->to, &loaded);
        if (any_result(&loaded))
            fprintf(w->to, "\nEvery run, with its command, seed, digest and curve: [%s/%s](%s/%s). "
                           "To rerun: `sab reproduce %s`.\n",
                    w->link, table->name, w->link, table->name, table->name);
        if (drawn)
            fprintf(w->to, "\n![%s](%s/%s.svg)\n", sab_table_figure_title(table), w->link, table->name);
        print_maps(w, &loaded);
        fputc('\n', w->to);
        w->tables++;
    }
    sab_table_results_clear(&loaded);
    return status;
}

/* ---- the document ---- */

/* The results' folder from the document's: what they share in front is left out. */
static void find_link(struct work *w)
{
    const char *slash = strrchr(w->document, '/');
    size_t n = slash ? (size_t)(slash - w->document) + 1 : 0;
    snprintf(w->link, sizeof w->link, "%s", strncmp(w->document, w->results, n) == 0 ? w->results + n : w->results);
    size_t length = strlen(w->link);
    if (length > 1 && w->link[length - 1] == '/')
        w->link[length - 1] = 0;
    if (length == 0)
        strcpy(w->link, ".");
}

/* The name in a line "<!-- WORD NAME -->"; 0 where the line is none. */
static int read_mark(const char *line, const char *word, char name[NAME_CAP])
{
    char start[32], end[8] = "";
    snprintf(start, sizeof start, "<!-- %s ", word);
    if (strncmp(line, start, strlen(start)) != 0)
        return 0;
    return sscanf(line + strlen(start), "%63s %7s", name, end) == 2 && strcmp(end, "-->") == 0;
}

/* Past the end of the line. */
static const char *skip_line(const char *at)
{
    at += strcspn(at, "\n");
    return at + (*at == '\n');
}

static int fill(struct work *w, const char *text, struct sab_error *err)
{
    int number = 1;
    for (const char *at = text; *at; number++) {
        char name[NAME_CAP], other[NAME_CAP];
        const char *next = skip_line(at);
        fwrite(at, 1, (size_t)(next - at), w->to);
        int begin = number, is_mark = read_mark(at, "table", name);
        at = next;
        if (!is_mark)
            continue;
        const struct sab_table *table;
        struct sab_error why = {0};
        int status = sab_table_find(name, &table, &why);
        if (status != SAB_OK)
            return sab_fail(err, SAB_FORMAT, "%.250s, line %d: %.200s", w->document, begin, why.message);
        while (*at && !read_mark(at, "end", other)) {
            if (read_mark(at, "table", other))
                return sab_fail(err, SAB_FORMAT, "%.250s, line %d: the table %s begins before <!-- end %s -->",
                                w->document, number + 1, other, name);
            at = skip_line(at);
            number++;
        }
        if (!*at || strcmp(name, other) != 0)
            return sab_fail(err, SAB_FORMAT, "%.250s, line %d: the table %s has no line <!-- end %s -->", w->document,
                            begin, name, name);
        status = write_block(w, table, err);
        if (status != SAB_OK)
            return status;
    }
    return SAB_OK;
}

int sab_reproduce_document(const char *document, const char *results, int *tables, struct sab_error *err)
{
    struct work w = {.document = document, .results = results};
    void *before;
    struct sab_memory_file after;
    size_t n_before;
    int status = sab_file_read(document, DOCUMENT_CAP, &before, &n_before, err);
    if (status != SAB_OK)
        return status;
    find_link(&w);
    w.to = sab_memory_open(&after);
    if (w.to)
        status = fill(&w, before, err);
    if (sab_memory_close(&after, w.to) != 0)
        status = sab_fail(err, SAB_NOMEM, "no memory for %.250s", document);
    if (status == SAB_OK && (after.nbytes != n_before || memcmp(before, after.bytes, n_before) != 0))
        status = sab_file_write_atomic(document, after.bytes, after.nbytes, err);
    sab_free(before);
    sab_free(after.bytes);
    *tables = w.tables;
    return status;
}
