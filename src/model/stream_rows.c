/* See stream_rows.h. A row is two numbers, a third where the rule draws, then of each layer h, c where the cell has one,
 * and the memories that are carried:
 *
 *     first | since | draw | h_l0 [Hp] | c_l0 [Hp] | stretch_l0 [2 Hp + 2] where memories are made of several states |
 *     m_l0 [N,Hp] | worth_l0 [N] where the rule chooses | h_l1 ... */
#include "model/stream_rows.h"

#include <string.h>

static size_t carried(const struct sab_stream *s)
{
    return s->has_memory ? (size_t)sab_stream_carried(s) : 0;
}

size_t sab_stream_row_nbytes(const struct sab_stream *s)
{
    const struct sab_model *m = s->model;
    size_t worth = s->has_memory && m->layers[0].remind.keep.choice ? carried(s) : 0;
    size_t numbers = (size_t)m->L * ((size_t)m->Hp * (1 + (m->cell->has_c ? 1 : 0) + carried(s)) + worth);
    numbers += s->layers[0].now.memory.stretch.sum ? (size_t)m->L * (2 * (size_t)m->Hp + 2) : 0;
    return 2 * sizeof(int32_t) + (sab_draws_are_used(m) ? sizeof *s->draw : 0) + numbers * sizeof(real);
}

int sab_stream_like(struct sab_stream **out, const struct sab_stream *s, int B, struct sab_error *err)
{
    struct sab_stream *like;
    int N = (int)carried(s), status = sab_stream_create(&like, s->model, B, err);
    if (status == SAB_OK && s->has_memory)
        status = sab_stream_make_room(like, N, err);
    if (status != SAB_OK)
        return status;
    for (int l = 0; l < s->model->L && s->has_memory; l++)
        like->layers[l].now.memory.ledger.n = N;
    like->t = s->t;
    *out = like;
    return SAB_OK;
}

/* Bytes between an array of the stream and the row, which is moved on. */
static void move(void *array, char **row, size_t nbytes, int is_put)
{
    if (is_put)
        memcpy(array, *row, nbytes);
    else
        memcpy(*row, array, nbytes);
    *row += nbytes;
}

static void move_row(const struct sab_stream *s, int b, char *row, int is_put)
{
    const struct sab_model *m = s->model;
    size_t Hp = (size_t)m->Hp, N = carried(s), at = (size_t)b;
    struct sab_memory *memory = &s->layers[0].now.memory;
    int before = memory->ledger.n - (int)N, first = memory->ledger.first[b] > before ? memory->ledger.first[b] - before : 0;
    int32_t numbers[2] = {s->has_memory ? first : 0, s->since[b]};
    move(numbers, &row, sizeof numbers, is_put);
    s->since[b] = numbers[1];
    if (sab_draws_are_used(m))
        move(&s->draw[b], &row, sizeof s->draw[b], is_put);
    for (int l = 0; l < m->L; l++) {
        struct sab_carry *now = &s->layers[l].now;
        move(now->h + at * Hp, &row, Hp * sizeof(real), is_put);
        if (m->cell->has_c)
            move(now->c + at * Hp, &row, Hp * sizeof(real), is_put);
        const struct sab_stretch *stretch = &now->memory.stretch;
        if (stretch->sum) {
            move(stretch->sum + at * Hp, &row, Hp * sizeof(real), is_put);
            move(stretch->begin + at * Hp, &row, Hp * sizeof(real), is_put);
            move(stretch->top + at, &row, sizeof(real), is_put);
            move(stretch->Z + at, &row, sizeof(real), is_put);
        }
        if (N > 0)
            move(now->memory.M + (at * (size_t)now->memory.cap + (size_t)now->memory.ledger.n - N) * Hp, &row,
                 N * Hp * sizeof(real), is_put);
        struct sab_ledger *ledger = &now->memory.ledger;
        if (N > 0 && ledger->worth)
            move(ledger->worth + at * (size_t)ledger->cap + (size_t)ledger->n - N, &row, N * sizeof(real), is_put);
        if (is_put)
            now->memory.ledger.first[b] = numbers[0];
    }
}

void sab_stream_take_rows(const struct sab_stream *s, int b0, int n, char *rows)
{
    for (int b = 0; b < n; b++)
        move_row(s, b0 + b, rows + (size_t)b * sab_stream_row_nbytes(s), 0);
}

void sab_stream_put_rows(struct sab_stream *s, int b0, int n, const char *rows)
{
    for (int b = 0; b < n; b++)
        move_row(s, b0 + b, (char *)rows + (size_t)b * sab_stream_row_nbytes(s), 1);
}
