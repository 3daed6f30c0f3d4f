/* See csv_state.h: which rows the columns of batches hold. */
#include "data/csv_state.h"
#include "data/shuffle.h"

/* ---- streams ---- */

/* All targets of a row that counts lie in the part, the nearest and the farthest. */
struct sab_csv_walk sab_csv_walk_of(const struct sab_csv_state *s, enum sab_split split, int series)
{
    int64_t ahead = sab_csv_schema_ahead(&s->schema), nearest = ahead > 0 ? s->schema.horizons[0] : 0;
    if (sab_csv_has_own(s, split)) {
        int64_t rows = s->tables[split].series[series].rows;
        return (struct sab_csv_walk){.end = rows, .first = 0, .last = rows};
    }
    const int64_t *cuts = s->cuts[series].at;
    int64_t from = split == SAB_TRAIN ? 0 : cuts[split - 1];
    struct sab_csv_walk w = {.first = from > nearest ? from - nearest : 0, .last = cuts[split], .end = cuts[split] - ahead};
    if (w.end <= w.first || from == cuts[split])
        w.end = 0; /* nothing that counts */
    return w;
}

/* Chunks of T rows, the last maybe shorter: state is carried from the end of full ones only. Those of the training begin
 * `phase` rows later where there are as many. */
static int64_t skipped(const struct sab_csv_walk *w, int64_t phase)
{
    return w->end > phase ? phase : 0;
}

static int64_t chunks_in(const struct sab_csv_walk *w, int64_t phase, int64_t T)
{
    return w->end > 0 ? (w->end - skipped(w, phase) + T - 1) / T : 0;
}


static struct sab_csv_chunk chunk_at(const struct sab_csv_walk *w, int series, int64_t number, int64_t phase, int64_t T)
{
    struct sab_csv_chunk c = {.series = series, .is_first = number == 0, .walk = *w};
    c.begin = skipped(w, phase) + number * T;
    c.length = (int)(w->end - c.begin < T ? w->end - c.begin : T);
    return c;
}

/* With few chunks, columns would start at the same places: their chunks are then shifted against each other. */
static int64_t phase_of(const struct sab_csv_state *s, int B, int b)
{
    return s->chunks / 4 >= B ? 0 : (int64_t)b * s->config->T / B;
}

static int64_t count_chunks(const struct sab_csv_state *s, int64_t phase)
{
    int64_t sum = 0;
    for (int i = 0; i < s->tables[SAB_TRAIN].S; i++) {
        struct sab_csv_walk w = sab_csv_walk_of(s, SAB_TRAIN, i);
        sum += chunks_in(&w, phase, s->config->T);
    }
    return sum;
}

/* Numbers the chunks of the training part, where no column is shifted. */
void sab_csv_number_chunks(struct sab_csv_state *s)
{
    s->chunks = 0;
    for (int i = 0; i < s->tables[SAB_TRAIN].S; i++) {
        struct sab_csv_walk w = sab_csv_walk_of(s, SAB_TRAIN, i);
        s->cuts[i].chunks_before = s->chunks;
        s->chunks += chunks_in(&w, 0, s->config->T);
    }
}

/* The series that has a chunk of the training part where no column is shifted: the last that begins at or before it. */
static int series_of_chunk(const struct sab_csv_state *s, int64_t number)
{
    int low = 0, high = s->tables[SAB_TRAIN].S;
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        if (s->cuts[middle].chunks_before <= number)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static struct sab_csv_chunk training_chunk(const struct sab_csv_state *s, int64_t index, int B, int b)
{
    int64_t phase = phase_of(s, B, b), T = s->config->T;
    int64_t count = phase == 0 ? s->chunks : count_chunks(s, phase);
    int64_t number = (count / B * b + count % B * b / B + index % count) % count;
    int first = phase == 0 ? series_of_chunk(s, number) : 0;
    number -= phase == 0 ? s->cuts[first].chunks_before : 0;
    for (int i = first;; i++) {
        struct sab_csv_walk w = sab_csv_walk_of(s, SAB_TRAIN, i);
        int64_t n = chunks_in(&w, phase, T);
        if (number < n) {
            struct sab_csv_chunk c = chunk_at(&w, i, number, phase, T);
            c.is_first |= index == 0;
            return c;
        }
        number -= n;
    }
}

/* The batches that the B series from `first` on need. */
static int64_t group_batches(const struct sab_csv_state *s, enum sab_split split, int first, int B)
{
    int64_t most = 0;
    for (int i = first; i < sab_csv_table_of(s, split)->S && i - first < B; i++) {
        struct sab_csv_walk w = sab_csv_walk_of(s, split, i);
        int64_t n = chunks_in(&w, 0, s->config->T);
        most = n > most ? n : most;
    }
    return most;
}

/* The group of batch `index`, below batches(). Batches are asked for in their order, so the group before is near. */
struct sab_csv_group sab_csv_find_group(const struct sab_csv_state *s, enum sab_split split, int64_t index, int B)
{
    struct sab_csv_group g = s->group;
    if (g.B != B || g.split != (int)split || g.begin > index)
        g = (struct sab_csv_group){.split = (int)split, .B = B, .n = group_batches(s, split, 0, B)};
    while (index >= g.begin + g.n && g.first < sab_csv_table_of(s, split)->S) {
        g.begin += g.n;
        g.first += B;
        g.n = group_batches(s, split, g.first, B);
    }
    return g;
}

static struct sab_csv_chunk evaluation_chunk(const struct sab_csv_state *s, enum sab_split split, int64_t index, int B, int b)
{
    struct sab_csv_group g = sab_csv_find_group(s, split, index, B);
    int first = g.first, S = sab_csv_table_of(s, split)->S;
    index -= g.begin;
    if (b >= S - first)
        return (struct sab_csv_chunk){.series = -1};
    struct sab_csv_walk w = sab_csv_walk_of(s, split, first + b);
    if (index >= chunks_in(&w, 0, s->config->T))
        return (struct sab_csv_chunk){.series = -1};
    return chunk_at(&w, first + b, index, 0, s->config->T);
}

/* ---- sequences ---- */

static int64_t sequence_count(const struct sab_csv_state *s, enum sab_split split)
{
    return sab_csv_has_own(s, split) ? s->tables[split].S : (int64_t)(s->bounds[split + 1] - s->bounds[split]);
}

/* The order of training is drawn anew in each pass. */
int sab_csv_is_drawn(const struct sab_csv_state *s, enum sab_split split)
{
    return split == SAB_TRAIN && !s->in_order;
}

/* A whole series as one chunk. */
static struct sab_csv_chunk sequence_chunk(const struct sab_csv_state *s, enum sab_split split, int64_t index, int B, int b)
{
    uint64_t n = (uint64_t)sequence_count(s, split), at = (uint64_t)index * (uint64_t)B + (uint64_t)b;
    if (sab_csv_is_drawn(s, split))
        at = sab_shuffle(s->shared->seed, at / n, at % n, n);
    if (at >= n)
        return (struct sab_csv_chunk){.series = -1};
    int series = (int)((sab_csv_has_own(s, split) ? 0 : s->bounds[split]) + at);
    struct sab_csv_walk w = {.end = sab_csv_table_of(s, split)->series[series].rows};
    w.first = w.end - 1;
    w.last = w.end;
    return chunk_at(&w, series, 0, 0, w.end);
}

/* ---- batches ---- */

struct sab_csv_chunk sab_csv_find_chunk(const struct sab_csv_state *s, enum sab_split split, int64_t index, int B, int b)
{
    return !sab_csv_is_stream(s)         ? sequence_chunk(s, split, index, B, b)
         : sab_csv_is_drawn(s, split) ? training_chunk(s, index, B, b)
                              : evaluation_chunk(s, split, index, B, b);
}

int64_t sab_csv_batches(const void *state, enum sab_split split, int B)
{
    const struct sab_csv_state *s = state;
    if (!sab_csv_is_stream(s))
        return (sequence_count(s, split) + B - 1) / B;
    if (sab_csv_is_drawn(s, split))
        return (s->chunks + B - 1) / B;
    int64_t sum = 0;
    for (int first = 0; first < sab_csv_table_of(s, split)->S; first += B) {
        sum += group_batches(s, split, first, B);
        if (first > sab_csv_table_of(s, split)->S - B)
            break;
    }
    return sum;
}

/* Whether batches() is above 0, at once where batches were asked for before. */
int sab_csv_has_batches(const struct sab_csv_state *s, enum sab_split split, int B)
{
    return (s->group.B == B && s->group.split == (int)split) || sab_csv_batches(s, split, B) > 0;
}
