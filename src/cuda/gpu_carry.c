/* State from before a batch, and after it: h and c, memories with what they are worth, and stretches that are at hand. */
#include <string.h>

#include "base/error.h"
#include "cuda/gpu_state.h"
#include "model/stream.h"

/* ---- before ---- */

/* h and c that sequences begin with, and into host_M and host_worth the memories taken over. */
static void take_state(struct sab_gpu *g, const struct sab_batch *batch, int l)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    struct sab_gpu_layer *y = &g->layers[l];
    int B = batch->B;
    size_t row = (size_t)B * m->Hp;
    struct sab_memory memory = {.S = B, .cap = g->sizes.cap, .ledger = g->ledger, .M = g->host_M};
    memory.ledger.worth = g->host_worth, memory.ledger.cap = g->sizes.cap;
    memset(g->host_h, 0, row * sizeof(real));
    memset(g->host_c, 0, row * sizeof(real));
    if (batch->state)
        sab_stream_copy(batch->state, l, 0, batch->fresh, g->host_h, y->c ? g->host_c : NULL, &memory);
    for (int b = 0; b < B && !batch->state; b++) {
        size_t from = ((size_t)l * B + b) * m->H, to = (size_t)b * m->Hp;
        if (batch->h0)
            memcpy(g->host_h + to, batch->h0 + from, (size_t)m->H * sizeof(real));
        if (batch->c0)
            memcpy(g->host_c + to, batch->c0 + from, (size_t)m->H * sizeof(real));
    }
    mc->put(mc, g->stretches > 1 ? y->h_start : y->h, g->host_h, row * sizeof(real));
    if (y->c)
        mc->put(mc, g->stretches > 1 ? y->c_start : y->c, g->host_c, row * sizeof(real));
}

/* The memories taken over: their keys are made anew, of the weights as they are now. */
static void send_memories(struct sab_gpu *g, int l, int B)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    struct sab_gpu_layer *y = &g->layers[l];
    const size_t rows = (size_t)B * g->sizes.cap;
    for (int b = 0; b < B; b++)
        g->host_first[b] = g->ledger.first[b];
    mc->put(mc, g->first, g->host_first, (size_t)B * sizeof(int32_t));
    mc->put(mc, y->M, g->host_M, rows * m->Hp * sizeof(real));
    sab_gpu_make_keys(g, l);
}

/* What they are worth, where that depends on weights as they are now, or where they are a sequence's one memory of zeros. */
static int find_worth(struct sab_gpu *g, const struct sab_batch *batch, int l, struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    const struct sab_choice *choice = m->layers[l].remind.keep.choice;
    const int cap = g->sizes.cap;
    if (batch->state && !choice->is_learned)
        return SAB_OK;
    if (choice->is_learned) {
        mc->get(mc, g->host_gate, sab_gpu_weights(g, SAB_ROLE_GATE, l), (size_t)m->Hp * sizeof(real));
        int status = mc->wait(mc, err);
        if (status)
            return status;
    }
    for (int b = 0; b < batch->B; b++)
        for (int i = 0; i < g->extent.carried; i++) {
            const size_t at = (size_t)b * cap + i;
            const real *row = g->host_M + at * m->Hp;
            g->host_worth[at] = choice->worth(m->H, row, row, g->host_gate, 0);
        }
    return SAB_OK;
}

/* What is alive when a batch begins, and of what worth. */
static int send_alive(struct sab_gpu *g, const struct sab_batch *batch, int l, struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    struct sab_gpu_layer *y = &g->layers[l];
    const int B = batch->B, carried = g->extent.carried, cap = g->sizes.cap, alive_cap = g->sizes.alive_cap;
    int status = carried > 0 ? find_worth(g, batch, l, err) : SAB_OK;
    if (status)
        return status;
    for (int b = 0; b < B; b++) {
        int n = 0;
        for (int i = batch->state ? g->ledger.first[b] : 0; i < carried; i++, n++) {
            g->host_alive[(size_t)b * alive_cap + n] = i;
            g->host_alive_worth[(size_t)b * alive_cap + n] = g->host_worth[(size_t)b * cap + i];
        }
        g->host_n_alive[b] = n;
    }
    mc->put(mc, y->alive, g->host_alive, (size_t)B * alive_cap * sizeof *y->alive);
    mc->put(mc, y->alive_worth, g->host_alive_worth, (size_t)B * alive_cap * sizeof *y->alive_worth);
    mc->put(mc, y->n_alive, g->host_n_alive, (size_t)B * sizeof *y->n_alive);
    if (y->worth)
        mc->put(mc, y->worth, g->host_worth, (size_t)B * cap * sizeof *y->worth);
    return SAB_OK;
}

/* All steps at once: a ledger's times do not depend on what a rule chooses. */
static void send_ledger(struct sab_gpu *g, const struct sab_batch *batch)
{
    struct sab_machine *mc = g->machine;
    sab_ledger_fill(&g->ledger, g->extent.carried, batch->T);
    mc->put(mc, g->ledger_steps, g->ledger.steps, ((size_t)batch->T + 1) * sizeof *g->ledger_steps);
    mc->put(mc, g->when, g->ledger.when, (size_t)g->ledger.n * sizeof *g->when);
    g->ends = batch->lengths && (sab_gpu_chooses(&g->sizes) || sab_gpu_is_pooled(&g->sizes)) ? g->end_room : NULL;
    if (g->ends)
        mc->put(mc, g->end_room, batch->lengths, (size_t)batch->B * sizeof *g->end_room);
    for (int b = 0; g->drawn && b < batch->B; b++)
        g->host_draw[b] = batch->state ? sab_stream_take_draw(batch->state, b, batch->fresh) : 0;
}

void sab_gpu_begin_back(struct sab_gpu *g, int l, int B)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    struct sab_gpu_layer *y = &g->layers[l];
    const size_t cap = (size_t)g->sizes.cap * B;
    mc->zero(mc, y->touched, (size_t)g->groups * g->plan.C * g->n_windows);
    mc->zero(mc, y->active, (size_t)g->groups * g->n_windows);
    if (m->K == 0)
        return;
    mc->zero(mc, y->dM, cap * m->Hp * sizeof(real));
    mc->zero(mc, y->dkeys, cap * m->Ap * sizeof(real));
    mc->zero(mc, y->dw, (size_t)g->groups * m->Ap * sizeof(real));
    if (y->dpool)
        mc->zero(mc, y->dpool, (size_t)g->groups * m->Hp * sizeof(real));
    if (y->dworth)
        mc->zero(mc, y->dworth, cap * g->plan.C * sizeof(real));
}

static int begin_layer(struct sab_gpu *g, const struct sab_batch *batch, int l, struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    struct sab_gpu_layer *y = &g->layers[l];
    const size_t row = (size_t)batch->B * m->Hp * sizeof(real);
    const int carried = m->K > 0 ? g->extent.carried : 0, is_taken = batch->state || batch->h0 || batch->c0;
    if (carried > 0)
        memset(g->host_M, 0, (size_t)g->sizes.cap * row);
    if (is_taken)
        take_state(g, batch, l);
    else
        mc->zero(mc, g->stretches > 1 ? y->h_start : y->h, row);
    if (y->c && !is_taken)
        mc->zero(mc, g->stretches > 1 ? y->c_start : y->c, row);
    if (carried > 0)
        send_memories(g, l, batch->B);
    return m->K > 0 && sab_gpu_chooses(&g->sizes) ? send_alive(g, batch, l, err) : SAB_OK;
}

int sab_gpu_begin(struct sab_gpu *g, const struct sab_batch *batch, int backward, struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    int status = SAB_OK;
    sab_gpu_pack_weights(g);
    mc->zero(mc, g->sums, 24 * sizeof *g->sums);
    sab_gpu_send_masks(g, batch);
    if (g->model->K > 0)
        send_ledger(g, batch);
    for (int l = 0; l < g->model->L && !status; l++) {
        status = begin_layer(g, batch, l, err);
        if (backward)
            sab_gpu_begin_back(g, l, batch->B);
    }
    return status;
}

/* ---- after ---- */

/* What layer l of sequence b ends with, to whoever asks. */
static void put_end(struct sab_gpu *g, const struct sab_batch *batch, int l, int b)
{
    const struct sab_model *m = g->model;
    const size_t row = (size_t)b * m->Hp, to = ((size_t)l * batch->B + b) * m->H, nbytes = (size_t)m->H * sizeof(real);
    const real *c = g->layers[l].c ? g->host_c + row : NULL;
    if (batch->state)
        sab_stream_put_state(batch->state, l, b, g->host_h + row, c);
    if (batch->hn)
        memcpy(batch->hn + to, g->host_h + row, nbytes);
    if (batch->cn && c)
        memcpy(batch->cn + to, c, nbytes);
}

/* The state of those sequences that end within a stretch. */
static int leave_ended(struct sab_gpu *g, const struct sab_batch *batch, int stretch, struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    int t0 = stretch * g->steps, B = batch->B, status = SAB_OK;
    size_t row = (size_t)B * m->Hp;
    for (int i = 1; i <= sab_gpu_stretch_len(g, stretch); i++) {
        int ended = !batch->lengths && t0 + i == batch->T;
        for (int b = 0; b < B && batch->lengths; b++)
            ended += batch->lengths[b] == t0 + i;
        for (int l = 0; l < m->L && ended && !status; l++) {
            const struct sab_gpu_layer *y = &g->layers[l];
            mc->get(mc, g->host_h, y->h + i * row, row * sizeof(real));
            if (y->c)
                mc->get(mc, g->host_c, y->c + i * row, row * sizeof(real));
            status = mc->wait(mc, err);
            for (int b = 0; b < B && !status; b++)
                if (!batch->lengths || batch->lengths[b] == t0 + i)
                    put_end(g, batch, l, b);
        }
    }
    return status;
}

/* What is alive of layer l, and of what worth, into the memory's ledger. */
static void fetch_alive(struct sab_gpu *g, int l, struct sab_memory *memory)
{
    struct sab_machine *mc = g->machine;
    const struct sab_gpu_layer *y = &g->layers[l];
    const size_t B = (size_t)memory->S, alive_cap = (size_t)g->sizes.alive_cap;
    struct sab_ledger *ledger = &memory->ledger;
    mc->get(mc, g->host_alive, y->alive, B * alive_cap * sizeof *y->alive);
    mc->get(mc, g->host_alive_worth, y->alive_worth, B * alive_cap * sizeof *y->alive_worth);
    mc->get(mc, g->host_n_alive, y->n_alive, B * sizeof *y->n_alive);
    ledger->alive = g->host_alive, ledger->n_alive = g->host_n_alive, ledger->alive_cap = g->sizes.alive_cap;
    ledger->worth = g->host_worth, ledger->cap = g->sizes.cap;
}

/* What fetch_alive has asked for is there: worth by memory, as the ledger has it. */
static void spread_worth(struct sab_gpu *g, int B)
{
    for (int b = 0; b < B; b++)
        for (int i = 0; i < g->host_n_alive[b]; i++) {
            const size_t at = (size_t)b * g->sizes.alive_cap + i;
            g->host_worth[(size_t)b * g->sizes.cap + g->host_alive[at]] = g->host_alive_worth[at];
        }
}

static void fetch_stretch(struct sab_gpu *g, int l, int B)
{
    struct sab_machine *mc = g->machine;
    const struct sab_gpu_layer *y = &g->layers[l];
    const size_t row = (size_t)B * g->sizes.Hp * sizeof(real), number = (size_t)B * sizeof(real);
    mc->get(mc, g->host_stretch.sum, y->sum, row);
    mc->get(mc, g->host_stretch.begin, y->begin, row);
    mc->get(mc, g->host_stretch.top, y->top, number);
    mc->get(mc, g->host_stretch.Z, y->Z_sum, number);
}

static int leave_memories(struct sab_gpu *g, const struct sab_batch *batch, struct sab_error *err)
{
    struct sab_machine *mc = g->machine;
    const struct sab_model *m = g->model;
    int B = batch->B, carried = g->extent.carried, status = SAB_OK;
    size_t rows = (size_t)B * g->sizes.cap;
    struct sab_memory memory = {.S = B, .cap = g->sizes.cap, .ledger = g->ledger, .M = g->host_M, .key = g->host_keys};
    for (int b = 0; b < B; b++) {
        g->ledger.first[b] = carried > 0 ? g->host_first[b] : 0;
        g->host_ends[b] = sab_ledger_count(&g->ledger, batch->lengths ? batch->lengths[b] : batch->T);
    }
    for (int l = 0; l < m->L && !status; l++) {
        mc->get(mc, g->host_M, g->layers[l].M, rows * m->Hp * sizeof(real));
        mc->get(mc, g->host_keys, g->layers[l].keys, rows * m->Ap * sizeof(real));
        if (sab_gpu_chooses(&g->sizes))
            fetch_alive(g, l, &memory);
        if (sab_gpu_is_pooled(&g->sizes))
            fetch_stretch(g, l, B);
        status = mc->wait(mc, err);
        if (!status && sab_gpu_chooses(&g->sizes))
            spread_worth(g, B);
        if (!status)
            sab_stream_put_memory(batch->state, l, 0, &memory, g->host_ends);
        if (!status && sab_gpu_is_pooled(&g->sizes)) {
            memory.stretch = g->host_stretch;
            sab_stream_put_stretch(batch->state, l, 0, &memory);
        }
    }
    for (int b = 0; b < B && g->drawn && !status; b++)
        sab_stream_put_draw(batch->state, b, g->host_draw[b]);
    return status;
}

/* After a stretch forward: what it leaves for the next batch. */
int sab_gpu_leave(struct sab_gpu *g, const struct sab_batch *batch, int stretch, struct sab_error *err)
{
    int status = batch->state || batch->hn || batch->cn ? leave_ended(g, batch, stretch, err) : SAB_OK;
    if (!status && batch->state && g->model->K > 0 && stretch == g->stretches - 1)
        status = leave_memories(g, batch, err);
    return status;
}
