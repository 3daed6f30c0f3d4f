/* One step of a stream, through the layer code that batches go through: sab_stream_step of sab.h. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "model/network.h"
#include "model/stream_parts.h"

/* Room for one more memory. A stream of bounded memory keeps up to twice its slots and then drops the older half; where the rule
 * chooses it keeps the alive alone. */
static int make_room(struct sab_stream *s, struct sab_error *err)
{
    const struct sab_model *m = s->model;
    int n = s->layers[0].now.memory.ledger.n, slots = m->layers[0].remind.keep.slots, status = SAB_OK;
    int most = m->layers[0].remind.keep.choice ? slots + 1 : slots > INT_MAX / 2 ? INT_MAX : 2 * slots;
    int cap = n < SAB_STREAM_FIRST_CAP ? SAB_STREAM_FIRST_CAP : n > most / 2 ? most : 2 * n;
    if (cap > most)
        cap = most;
    for (int l = 0; l < m->L && !status; l++) {
        struct sab_memory *memory = &s->layers[l].now.memory;
        if (n >= most)
            sab_carry_copy(m, memory, memory, n - slots, slots);
        else if (n == memory->cap)
            status = sab_carry_grow(m, memory, cap, err);
    }
    return status ? status : sab_stream_grow_room(s, s->layers[0].now.memory.cap, err);
}

/* After a step of a stream: where one has left, what is alive moves together. */
static void drop_dead(const struct sab_model *m, struct sab_memory *memory)
{
    int slots = memory->ledger.keep->slots;
    if (!memory->ledger.alive || memory->ledger.n <= slots)
        return;
    for (int b = 0; b < memory->S; b++)
        sab_carry_put_alive(m, memory, b, memory, b, slots);
    memory->ledger.n = slots;
}

static int check_input(const struct sab_stream *s, const int32_t *ids, const sab_real *values, struct sab_error *err)
{
    const struct sab_shape *shape = &s->model->shape;
    if ((shape->input == SAB_INPUT_IDS) != (ids != NULL) || (ids != NULL) == (values != NULL))
        return sab_fail(err, SAB_INVALID, "the model takes %s as input and nothing else",
                        shape->input == SAB_INPUT_IDS ? "ids" : "values");
    for (int b = 0; ids && b < s->B; b++)
        if (ids[b] < 0 || ids[b] >= shape->I)
            return sab_fail(err, SAB_INVALID, "input symbol %d of sequence %d is not in 0..%d", ids[b], b,
                            shape->I - 1);
    for (int i = 0; values && i < s->B * shape->I; i++)
        if (!isfinite(values[i]))
            return sab_fail(err, SAB_NUMERIC, "input value %d of sequence %d is %g", i % shape->I, i / shape->I, (double)values[i]);
    return SAB_OK;
}

/* A step that led out of the numbers' range is taken back. */
static int check_step(struct sab_stream *s, struct sab_error *err)
{
    const struct sab_model *m = s->model;
    size_t row = (size_t)s->B * m->Hp * sizeof(real);
    int status = SAB_OK;
    for (int l = 0; l < m->L && !status; l++)
        status = sab_stream_check_finite(s, l, s->layers[l].now.h, err);
    for (int l = 0; l < m->L && status; l++) {
        struct sab_carry *now = &s->layers[l].now;
        memcpy(now->h, s->layers[l].span.h, row);
        if (m->cell->has_c)
            memcpy(now->c, s->layers[l].span.c, row);
        if (now->before.sum)
            sab_stream_copy_stretch(m, &now->memory.stretch, 0, &now->before, s->B);
        struct sab_ledger *ledger = &now->memory.ledger;
        ledger->n = ledger->carried;
        if (now->memory.segments.rows)
            sab_segments_restore(&m->layers[l].remind, &now->memory);
        if (ledger->worth)
            memcpy(ledger->worth, ledger->worth + (size_t)s->B * ledger->cap, (size_t)s->B * ledger->cap * sizeof(real));
    }
    return status;
}

/* Through layer l. The step is one of its own, in which all memories are carried ones; is_asked: as sab_layer_part has it. */
static void step_layer(struct sab_stream *s, int l, const int32_t *ids, const sab_real *values, unsigned char is_asked)
{
    const struct sab_model *m = s->model;
    size_t n = (size_t)s->B * m->Hp, row = n * sizeof(real);
    struct sab_carry *now = &s->layers[l].now;
    struct sab_span *w = &s->layers[l].span;
    struct sab_ledger *ledger = &now->memory.ledger;
    if (ledger->worth)
        memcpy(ledger->worth + (size_t)s->B * ledger->cap, ledger->worth, (size_t)s->B * ledger->cap * sizeof(real));
    if (now->before.sum)
        sab_stream_copy_stretch(m, &now->before, 0, &now->memory.stretch, s->B);
    if (m->K > 0)
        sab_ledger_begin(ledger, ledger->n, s->since[0]);
    memcpy(w->h, now->h, row);
    if (m->cell->has_c)
        memcpy(w->c, now->c, row);
    w->ids = l == 0 ? ids : NULL;
    w->x = l == 0 ? values : s->layers[l - 1].now.h;
    w->x_stride = l == 0 ? m->shape.I : m->Hp;
    w->draws = s->draw_next;
    sab_layer_forward(m, l, 1, &(struct sab_layer_part){.span = w, .memory = &now->memory, .records = &s->records,
                                                        .scratch = &s->scratch, .asked = &is_asked}, 0);
    memcpy(now->h, w->h + n, row);
    if (m->cell->has_c)
        memcpy(now->c, w->c + n, row);
}

int sab_stream_step(struct sab_stream *s, const int32_t *ids, const sab_real *values, sab_real *outputs,
                    struct sab_error *err)
{
    const struct sab_model *m = s->model;
    int status = check_input(s, ids, values, err);
    for (int b = 1; b < s->B && !status; b++)
        if (s->since[b] != s->since[0])
            status = sab_stream_check_since(s, s->since[b] > 0 ? b : 0, err);
    if (!status && m->K > 0)
        status = make_room(s, err);
    if (status)
        return status;
    for (int b = 0; sab_draws_are_used(m) && b < s->B; b++)
        s->draw_next[b] = sab_draws(m, s->draw[b], ids ? ids + b : NULL, values ? values + (size_t)b * m->shape.I : NULL);
    for (int l = 0; l < m->L; l++)
        step_layer(s, l, ids, values, sab_reads_go_on(m) || (outputs && l == m->L - 1));
    status = check_step(s, err);
    if (status)
        return status;
    s->t++;
    memcpy(s->draw, s->draw_next, (size_t)s->B * sizeof *s->draw);
    for (int b = 0; b < s->B && m->K > 0; b++)
        s->since[b] = s->layers[0].now.memory.ledger.since;
    for (int l = 0; l < m->L; l++)
        drop_dead(m, &s->layers[l].now.memory);
    const struct sab_stream_layer *top = &s->layers[m->L - 1];
    sab_readout_forward(m, s->B, top->now.h, m->K > 0 ? top->span.s : NULL, s->y);
    for (int b = 0; b < s->B && outputs; b++)
        memcpy(outputs + (size_t)b * m->O, s->y + (size_t)b * m->Op, (size_t)m->O * sizeof *outputs);
    return SAB_OK;
}
