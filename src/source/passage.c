/* See passage.h. */
#include "source/passage.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

enum { CHUNKS_PER_START = 16 };

/* The unit at offset `at`, which is inside the passage and, once it is open, well formed. Returns its length. */
static size_t unit_at(const struct sab_passage *p, size_t at, uint32_t *code)
{
    return (size_t)sab_code_at(p->units, p->data + at, p->end - at, code);
}

/* Does the text up to offset `at` end with the separator? */
static int ends_document(const struct sab_passage *p, size_t at)
{
    size_t n = p->separator_nbytes;
    return n > 0 && at - p->begin >= n && p->data[at - 1] == (unsigned char)p->separator[n - 1] &&
           memcmp(p->data + at - n, p->separator, n) == 0;
}

/* ---- opening ---- */

static int add_start(struct sab_passage *p, size_t at)
{
    if (p->starts_count == p->starts_cap) {
        size_t cap = p->starts_cap ? 2 * p->starts_cap : 64;
        size_t *starts = sab_alloc(cap, sizeof *starts);
        if (!starts)
            return 1;
        if (p->starts_count > 0)
            memcpy(starts, p->starts, p->starts_count * sizeof *starts);
        sab_free(p->starts);
        p->starts = starts;
        p->starts_cap = cap;
    }
    p->starts[p->starts_count++] = at;
    return 0;
}

int sab_passage_open(struct sab_passage *p, const unsigned char *data, size_t begin, size_t end, uint64_t *counts,
                     struct sab_error *err)
{
    p->data = data;
    p->begin = begin;
    p->end = end;
    p->n_units = p->n_chunks = 0;
    p->top = 0;
    p->n_documents = end > begin;
    int t = p->T; /* steps of the chunk so far; T: the next unit that is an input begins a chunk */
    for (size_t at = begin; at < end;) {
        uint32_t code;
        size_t length = unit_at(p, at, &code), next = at + length;
        if (length == 0) {
            p->bad_at = at;
            return SAB_FORMAT;
        }
        counts[code]++;
        p->top = code > p->top ? code : p->top;
        p->n_units++;
        int ends = at > begin && ends_document(p, next);
        if (ends && next < end)
            p->n_documents++;
        if (ends)
            t = p->T;
        if (next < end && t == p->T) {
            if (p->n_chunks % CHUNKS_PER_START == 0 && add_start(p, at))
                return sab_fail(err, SAB_NOMEM, "no memory for the index of a text of %zu bytes", end - begin);
            p->n_chunks++;
            t = 0;
        }
        t++;
        at = next;
    }
    return SAB_OK;
}

void sab_passage_clear(struct sab_passage *p)
{
    sab_free(p->starts);
    p->starts = NULL;
    p->starts_count = p->starts_cap = 0;
}

/* ---- reading ---- */

/* Walks over the chunk whose first input is at *at and leaves *at at the next chunk's; with ids, fills it. */
static int walk(const struct sab_passage *p, const struct sab_vocabulary *v, size_t *at, int32_t *ids,
                int32_t *labels, size_t stride)
{
    uint32_t code = 0;
    int t = 0;
    size_t next = *at + unit_at(p, *at, &code);
    while (t < p->T && next < p->end) {
        size_t step = (size_t)t++ * stride;
        if (ids)
            ids[step] = sab_vocabulary_symbol(v, code);
        *at = next;
        next += unit_at(p, next, &code);
        if (ids)
            labels[step] = sab_vocabulary_symbol(v, code);
        if (ends_document(p, next))
            break;
    }
    return t;
}

int sab_passage_read(const struct sab_passage *p, const struct sab_vocabulary *v, int64_t j, int32_t *ids,
                     int32_t *labels, size_t stride, int *fresh)
{
    size_t at;
    assert(0 <= j && j < p->n_chunks);
    if (p->units == SAB_UNITS_BYTES && p->separator_nbytes == 0) {
        at = p->begin + (size_t)j * (size_t)p->T;
        *fresh = j == 0;
        if (!ids) /* no byte need be looked at */
            return p->end - at - 1 < (size_t)p->T ? (int)(p->end - at - 1) : p->T;
    } else {
        at = p->starts[j / CHUNKS_PER_START];
        for (int64_t k = j % CHUNKS_PER_START; k > 0; k--)
            walk(p, v, &at, NULL, NULL, 0);
    }
    uint32_t code;
    *fresh = j == 0 || ends_document(p, at + unit_at(p, at, &code));
    return walk(p, v, &at, ids, labels, stride);
}

int sab_passage_find_unknown(const struct sab_passage *p, const struct sab_vocabulary *v, uint32_t *code,
                             int64_t *line, int64_t *column)
{
    *line = *column = 1;
    for (size_t at = 0; at < p->begin;) { /* what stands before a passage has been read as one too */
        size_t length = (size_t)sab_code_at(p->units, p->data + at, p->begin - at, code);
        int is_mark = at == 0 && *code == 0xfeff; /* of byte order */
        *column = *code == '\n' ? 1 : *column + !is_mark;
        *line += *code == '\n';
        at += length ? length : 1;
    }
    for (size_t at = p->begin; at < p->end; at += unit_at(p, at, code)) {
        unit_at(p, at, code);
        if (sab_vocabulary_symbol(v, *code) < 0)
            return 1;
        *column = *code == '\n' ? 1 : *column + 1;
        *line += *code == '\n';
    }
    return 0;
}
