/* The task csv: rows of numbers, one a time step.
 *
 *     forecast   at row t, the values of row t + horizon         step     at row t, that row's answer
 *     series     at the last row of a series, its answer
 *
 * forecast and step read series as streams, in chunks of T rows whose state is carried on. Training: column b starts at its
 * own place, b/B through the data, and goes round and round. Validation, test, and the training part in order: each series
 * has a column to itself and is read once, from its first row to the end of the part. Rows before the part have weight 0:
 * they only bring the state up, as they would where answers are asked for one by one. So the result does not depend on B.
 * series reads whole series like any other set of sequences. */
#include "data/csv_task.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/csv_facts.h"
#include "data/parts.h"
#include "data/shuffle.h"
#include "data/space.h"
#include "data/task.h"

enum { PARTS = 3 };

/* Rows of each part in a series: part p is cuts[p - 1] <= row < cuts[p], with cuts[-1] = 0. */
struct cuts {
    int64_t at[PARTS];
    int64_t chunks_before; /* of the series before this one in the training part */
};

/* Where a batch of an evaluation is: the B series from `first` on are read in the n batches from `begin` on. */
struct group {
    int split, B, first;
    int64_t begin, n;
};

struct state {
    struct sab_config config;
    struct sab_csv_schema schema;
    struct sab_scaling columns;
    struct sab_csv_table tables[PARTS]; /* of --data, --valid-data, --test-data */
    struct cuts *cuts;                  /* [S] of the series of --data; only where series are streams */
    uint64_t bounds[PARTS + 1];         /* series of --data in each part; only where series are sequences */
    struct sab_shape shape;
    struct sab_space space;
    int64_t chunks;                     /* of T rows in the training part */
    int in_order;                       /* the training part is read as the others are */
    struct group group;                 /* of the batch that was last asked for; B is 0 before the first */
};

static int is_stream(const struct state *s)
{
    return s->schema.goal != SAB_GOAL_SERIES;
}

static int has_own(const struct state *s, enum sab_split split)
{
    return s->tables[split].S > 0 && split != SAB_TRAIN;
}

static const struct sab_csv_table *table_of(const struct state *s, enum sab_split split)
{
    return &s->tables[has_own(s, split) ? split : SAB_TRAIN];
}

/* ---- streams ---- */

/* What is read of one series for a part: inputs of rows 0..end-1, of which those from `first` on count if their target,
 * horizon rows later, is below `last`. */
struct walk {
    int64_t end, first, last;
};

static struct walk walk_of(const struct state *s, enum sab_split split, int series)
{
    int64_t ahead = s->schema.goal == SAB_GOAL_FORECAST ? s->schema.horizon : 0;
    if (has_own(s, split)) {
        int64_t rows = s->tables[split].series[series].rows;
        return (struct walk){.end = rows, .first = 0, .last = rows};
    }
    const int64_t *cuts = s->cuts[series].at;
    int64_t from = split == SAB_TRAIN ? 0 : cuts[split - 1];
    struct walk w = {.first = from > ahead ? from - ahead : 0, .last = cuts[split], .end = cuts[split] - ahead};
    if (w.end <= w.first || from == cuts[split])
        w.end = 0; /* nothing that counts */
    return w;
}

/* Chunks of T rows, the last maybe shorter: state is carried from the end of full ones only. Those of the training begin
 * `phase` rows later where there are as many. */
static int64_t skipped(const struct walk *w, int64_t phase)
{
    return w->end > phase ? phase : 0;
}

static int64_t chunks_in(const struct walk *w, int64_t phase, int64_t T)
{
    return w->end > 0 ? (w->end - skipped(w, phase) + T - 1) / T : 0;
}

/* A chunk of one series. */
struct chunk {
    int series; /* -1: none */
    int64_t begin;
    int length, is_first;
    struct walk walk;
};

static struct chunk chunk_at(const struct walk *w, int series, int64_t number, int64_t phase, int64_t T)
{
    struct chunk c = {.series = series, .is_first = number == 0, .walk = *w};
    c.begin = skipped(w, phase) + number * T;
    c.length = (int)(w->end - c.begin < T ? w->end - c.begin : T);
    return c;
}

/* With few chunks, columns would start at the same places: their chunks are then shifted against each other. */
static int64_t phase_of(const struct state *s, int B, int b)
{
    return s->chunks / 4 >= B ? 0 : (int64_t)b * s->config.T / B;
}

static int64_t count_chunks(const struct state *s, int64_t phase)
{
    int64_t sum = 0;
    for (int i = 0; i < s->tables[SAB_TRAIN].S; i++) {
        struct walk w = walk_of(s, SAB_TRAIN, i);
        sum += chunks_in(&w, phase, s->config.T);
    }
    return sum;
}

/* Numbers the chunks of the training part, where no column is shifted. */
static void number_chunks(struct state *s)
{
    s->chunks = 0;
    for (int i = 0; i < s->tables[SAB_TRAIN].S; i++) {
        struct walk w = walk_of(s, SAB_TRAIN, i);
        s->cuts[i].chunks_before = s->chunks;
        s->chunks += chunks_in(&w, 0, s->config.T);
    }
}

/* The series that has a chunk of the training part where no column is shifted: the last that begins at or before it. */
static int series_of_chunk(const struct state *s, int64_t number)
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

static struct chunk training_chunk(const struct state *s, int64_t index, int B, int b)
{
    int64_t phase = phase_of(s, B, b), T = s->config.T;
    int64_t count = phase == 0 ? s->chunks : count_chunks(s, phase);
    int64_t number = (count / B * b + count % B * b / B + index % count) % count;
    int first = phase == 0 ? series_of_chunk(s, number) : 0;
    number -= phase == 0 ? s->cuts[first].chunks_before : 0;
    for (int i = first;; i++) {
        struct walk w = walk_of(s, SAB_TRAIN, i);
        int64_t n = chunks_in(&w, phase, T);
        if (number < n) {
            struct chunk c = chunk_at(&w, i, number, phase, T);
            c.is_first |= index == 0;
            return c;
        }
        number -= n;
    }
}

/* The batches that the B series from `first` on need. */
static int64_t group_batches(const struct state *s, enum sab_split split, int first, int B)
{
    int64_t most = 0;
    for (int i = first; i < table_of(s, split)->S && i - first < B; i++) {
        struct walk w = walk_of(s, split, i);
        int64_t n = chunks_in(&w, 0, s->config.T);
        most = n > most ? n : most;
    }
    return most;
}

/* The group of batch `index`, below batches(). Batches are asked for in their order, so the group before is near. */
static struct group find_group(const struct state *s, enum sab_split split, int64_t index, int B)
{
    struct group g = s->group;
    if (g.B != B || g.split != (int)split || g.begin > index)
        g = (struct group){.split = (int)split, .B = B, .n = group_batches(s, split, 0, B)};
    while (index >= g.begin + g.n && g.first < table_of(s, split)->S) {
        g.begin += g.n;
        g.first += B;
        g.n = group_batches(s, split, g.first, B);
    }
    return g;
}

static struct chunk evaluation_chunk(const struct state *s, enum sab_split split, int64_t index, int B, int b)
{
    struct group g = find_group(s, split, index, B);
    int first = g.first, S = table_of(s, split)->S;
    index -= g.begin;
    if (b >= S - first)
        return (struct chunk){.series = -1};
    struct walk w = walk_of(s, split, first + b);
    if (index >= chunks_in(&w, 0, s->config.T))
        return (struct chunk){.series = -1};
    return chunk_at(&w, first + b, index, 0, s->config.T);
}

/* ---- sequences ---- */

static int64_t sequence_count(const struct state *s, enum sab_split split)
{
    return has_own(s, split) ? s->tables[split].S : (int64_t)(s->bounds[split + 1] - s->bounds[split]);
}

/* The order of training is drawn anew in each pass. */
static int is_drawn(const struct state *s, enum sab_split split)
{
    return split == SAB_TRAIN && !s->in_order;
}

/* A whole series as one chunk. */
static struct chunk sequence_chunk(const struct state *s, enum sab_split split, int64_t index, int B, int b)
{
    uint64_t n = (uint64_t)sequence_count(s, split), at = (uint64_t)index * (uint64_t)B + (uint64_t)b;
    if (is_drawn(s, split))
        at = sab_shuffle(s->config.seed, at / n, at % n, n);
    if (at >= n)
        return (struct chunk){.series = -1};
    int series = (int)((has_own(s, split) ? 0 : s->bounds[split]) + at);
    struct walk w = {.end = table_of(s, split)->series[series].rows};
    w.first = w.end - 1;
    w.last = w.end;
    return chunk_at(&w, series, 0, 0, w.end);
}

/* ---- batches ---- */

static struct chunk find_chunk(const struct state *s, enum sab_split split, int64_t index, int B, int b)
{
    return !is_stream(s)         ? sequence_chunk(s, split, index, B, b)
         : is_drawn(s, split) ? training_chunk(s, index, B, b)
                              : evaluation_chunk(s, split, index, B, b);
}

static int64_t batches(const void *state, enum sab_split split, int B)
{
    const struct state *s = state;
    if (!is_stream(s))
        return (sequence_count(s, split) + B - 1) / B;
    if (is_drawn(s, split))
        return (s->chunks + B - 1) / B;
    int64_t sum = 0;
    for (int first = 0; first < table_of(s, split)->S; first += B) {
        sum += group_batches(s, split, first, B);
        if (first > table_of(s, split)->S - B)
            break;
    }
    return sum;
}

/* Whether batches() is above 0, at once where batches were asked for before. */
static int has_batches(const struct state *s, enum sab_split split, int B)
{
    return (s->group.B == B && s->group.split == (int)split) || batches(s, split, B) > 0;
}

/* Standardised. */
static double value_at(const struct state *s, const struct sab_csv_table *table, int64_t row, int column)
{
    double value = table->values[row * s->schema.n + column];
    return (value - s->columns.mean[column]) / s->columns.deviation[column];
}

/* From one row to another, in the same units. */
static double change_between(const struct state *s, const struct sab_csv_table *table, int64_t from, int64_t to, int column)
{
    const double *values = table->values + column;
    return (values[to * s->schema.n] - values[from * s->schema.n]) / s->columns.deviation[column];
}

static void fill_column(struct state *s, const struct sab_csv_table *table, const struct chunk *c, int b)
{
    const struct sab_csv_schema *schema = &s->schema;
    struct sab_space *space = &s->space;
    int64_t ahead = schema->goal == SAB_GOAL_FORECAST ? schema->horizon : 0, offset = table->series[c->series].begin;
    for (int t = 0; t < c->length; t++) {
        size_t position = (size_t)t * (size_t)space->B + (size_t)b;
        int64_t row = c->begin + t;
        for (int i = 0; i < schema->I; i++)
            space->values[position * (size_t)schema->I + (size_t)i] =
                (sab_real)value_at(s, table, offset + row, schema->inputs[i]);
        if (row < c->walk.first || row + ahead >= c->walk.last)
            continue;
        space->weight[position] = 1;
        space->scored[position] = 1;
        if (!table->has_targets)
            continue;
        if (space->labels)
            space->labels[position] = table->labels[schema->goal == SAB_GOAL_SERIES ? c->series : offset + row];
        for (int o = 0; o < schema->O; o++) {
            int k = schema->targets[o];
            space->targets[position * (size_t)schema->O + (size_t)o] =
                (sab_real)(schema->present ? change_between(s, table, offset + row, offset + row + ahead, k)
                                           : value_at(s, table, offset + row + ahead, k));
        }
    }
}

static int batch(void *state, enum sab_split split, int64_t index, int B, struct sab_batch *batch, struct sab_error *err)
{
    struct state *s = state;
    const struct sab_csv_table *table = table_of(s, split);
    int longest = is_stream(s) ? s->config.T : 1;
    if (table->S == 0 || !has_batches(s, split, B))
        return sab_parts_fail_empty(&s->config, split, err);
    if (is_stream(s) && !is_drawn(s, split))
        s->group = find_group(s, split, index, B);
    for (int b = 0; b < B && !is_stream(s); b++) {
        struct chunk c = find_chunk(s, split, index, B, b);
        longest = c.length > longest ? c.length : longest;
    }
    int status = sab_space_make(&s->space, &s->shape, longest, B, err);
    if (status != SAB_OK)
        return status;
    for (int b = 0; b < B; b++) {
        struct chunk c = find_chunk(s, split, index, B, b);
        s->space.lengths[b] = c.series < 0 ? 1 : c.length;
        s->space.fresh[b] = c.series < 0 || c.is_first;
        if (c.series >= 0)
            fill_column(s, table, &c, b);
    }
    *batch = sab_space_batch(&s->space);
    if (is_stream(s))
        batch->fresh = s->space.fresh;
    if (!table->has_targets) {
        batch->labels = NULL;
        batch->targets = NULL;
    }
    return SAB_OK;
}

static void read_in_order(void *state)
{
    ((struct state *)state)->in_order = 1;
}

static int columns(const void *state, enum sab_split split)
{
    return is_stream(state) ? table_of(state, split)->S : 0;
}

struct sab_csv_spot sab_csv_task_spot(const void *state, int64_t index, int B, int b)
{
    const struct state *s = state;
    const struct sab_csv_table *table = table_of(s, SAB_TEST);
    struct chunk c = find_chunk(s, SAB_TEST, index, B, b);
    if (c.series < 0)
        return (struct sab_csv_spot){.row = -1};
    return (struct sab_csv_spot){table->names.n > 0 ? sab_text_set_at(&table->names, c.series) : NULL, c.begin};
}

/* Saying that nothing changes: each target's present value. */
static double naive(const void *state, enum sab_split split)
{
    const struct state *s = state;
    const struct sab_csv_schema *schema = &s->schema;
    const struct sab_csv_table *table = table_of(s, split);
    double sum = 0, n = 0;
    if (schema->goal != SAB_GOAL_FORECAST || schema->loss != SAB_LOSS_MSE || !table->has_targets)
        return NAN;
    for (int i = 0; i < table->S; i++) {
        struct walk w = walk_of(s, split, i);
        int64_t offset = table->series[i].begin;
        for (int64_t row = w.first; row < w.end && row + schema->horizon < w.last; row++)
            for (int o = 0; o < schema->O; o++, n++) {
                double change = change_between(s, table, offset + row, offset + row + schema->horizon, schema->targets[o]);
                sum += change * change;
            }
    }
    return n > 0 ? sum / n : NAN;
}

static int steps(const void *state)
{
    const struct state *s = state;
    int64_t most = 1;
    if (is_stream(s))
        return s->config.T;
    for (int k = 0; k < PARTS; k++)
        for (int i = 0; i < s->tables[k].S; i++)
            most = s->tables[k].series[i].rows > most ? s->tables[k].series[i].rows : most;
    return (int)most;
}

/* ---- making the task ---- */

static const char *path_of(const struct state *s, int k)
{
    return k == SAB_VALID ? s->config.valid_data : k == SAB_TEST ? s->config.test_data : s->config.data;
}

static int cut_parts(struct state *s, struct sab_error *err)
{
    const struct sab_csv_table *table = &s->tables[SAB_TRAIN];
    int status = SAB_OK;
    if (!is_stream(s))
        return sab_parts_bounds(&s->config, (uint64_t)table->S, s->bounds, err);
    s->cuts = sab_alloc((size_t)table->S, sizeof *s->cuts);
    if (!s->cuts)
        return sab_fail(err, SAB_NOMEM, "no memory for the parts of %d series", table->S);
    for (int i = 0; i < table->S && status == SAB_OK; i++) {
        uint64_t bounds[PARTS + 1] = {0};
        status = sab_parts_bounds(&s->config, (uint64_t)table->series[i].rows, bounds, err);
        for (int p = 0; p < PARTS; p++)
            s->cuts[i].at[p] = (int64_t)bounds[p + 1];
    }
    return status;
}

/* Rows of a series that training may learn from. */
static int64_t training_rows(const struct state *s, int series)
{
    if (is_stream(s))
        return s->cuts[series].at[SAB_TRAIN];
    return (uint64_t)series < s->bounds[1] ? s->tables[SAB_TRAIN].series[series].rows : 0;
}

static int learn_scaling(struct state *s, struct sab_error *err)
{
    const struct sab_csv_table *table = &s->tables[SAB_TRAIN];
    const struct sab_csv_schema *schema = &s->schema;
    int status = sab_scaling_create(&s->columns, schema->n, err);
    if (status != SAB_OK || !s->config.standardise)
        return status;
    sab_scaling_begin(&s->columns);
    for (int i = 0; i < table->S; i++)
        for (int64_t row = 0; row < training_rows(s, i); row++)
            for (int k = 0; k < schema->n; k++)
                sab_scaling_add(&s->columns, k, table->values[(table->series[i].begin + row) * schema->n + k]);
    sab_scaling_end(&s->columns);
    for (int o = 0; o < schema->O && schema->loss == SAB_LOSS_BCE; o++) {
        s->columns.mean[schema->targets[o]] = 0;
        s->columns.deviation[schema->targets[o]] = 1;
    }
    return SAB_OK;
}

/* A class that training never sees can never be told: most likely the file is sorted by class. */
static int check_classes(const struct state *s, struct sab_error *err)
{
    const struct sab_csv_table *table = &s->tables[SAB_TRAIN];
    int n = s->schema.classes.n, status = SAB_OK;
    unsigned char *is_seen = sab_alloc((size_t)n, 1);
    if (!is_seen)
        return sab_fail(err, SAB_NOMEM, "no memory for the classes of %.200s", s->config.data);
    for (int i = 0; i < table->S; i++)
        for (int64_t row = 0; row < training_rows(s, i); row++)
            is_seen[table->labels[is_stream(s) ? table->series[i].begin + row : i]] = 1;
    for (int k = 0; k < n && status == SAB_OK; k++)
        if (!is_seen[k])
            status = sab_fail(err, SAB_FORMAT, "%.200s: the class \"%.60s\" is not in the training part (--split %.60s, in "
                              "the order of the file); if the file is sorted by class, shuffle it", s->config.data,
                              sab_text_set_at(&s->schema.classes, k), s->config.split);
    sab_free(is_seen);
    return status;
}

static int learn(struct state *s, struct sab_error *err)
{
    int64_t rows = 0;
    for (int i = 0; i < s->tables[SAB_TRAIN].S; i++)
        rows += training_rows(s, i);
    if (rows == 0)
        return sab_parts_fail_empty(&s->config, SAB_TRAIN, err);
    if (is_stream(s) && s->chunks == 0)
        return sab_fail(err, SAB_INVALID, "--horizon: %d rows ahead is too far for the training part of %.200s, which has "
                        "%lld rows in %d series", s->schema.horizon, s->config.data, (long long)rows,
                        s->tables[SAB_TRAIN].S);
    if (s->schema.label.number) {
        int status = check_classes(s, err);
        if (status != SAB_OK)
            return status;
    }
    return learn_scaling(s, err);
}

static int prepare(struct state *s, const char *known, struct sab_error *err)
{
    int status = SAB_OK;
    if (!known && !s->config.data[0])
        return sab_fail(err, SAB_INVALID, "--data: the task csv needs a file");
    if (known)
        status = sab_csv_facts_read(&s->schema, &s->columns, known, err);
    for (int k = 0; k < PARTS && status == SAB_OK; k++)
        if (path_of(s, k)[0])
            status = sab_csv_table_read(&s->tables[k], path_of(s, k), &s->schema, !known && k == 0 ? &s->config : NULL,
                                        err);
    if (status == SAB_OK)
        status = cut_parts(s, err);
    if (status != SAB_OK)
        return status;
    if (is_stream(s))
        number_chunks(s);
    const struct sab_csv_schema *schema = &s->schema;
    s->shape = (struct sab_shape){SAB_INPUT_VALUES, schema->I, schema->loss, schema->label.number ? schema->classes.n
                                                                                                 : schema->O};
    return known ? SAB_OK : learn(s, err);
}

static void destroy(void *state)
{
    struct state *s = state;
    for (int k = 0; k < PARTS; k++)
        sab_csv_table_clear(&s->tables[k]);
    sab_csv_schema_clear(&s->schema);
    sab_scaling_clear(&s->columns);
    sab_space_clear(&s->space);
    sab_free(s->cuts);
    sab_free(s);
}

static int create(void **state, struct sab_shape *shape, const struct sab_config *config, const char *known,
                  struct sab_error *err)
{
    struct state *s = sab_alloc(1, sizeof *s);
    if (!s)
        return sab_fail(err, SAB_NOMEM, "no memory for the task csv");
    s->config = *config;
    int status = prepare(s, known, err);
    if (status != SAB_OK) {
        destroy(s);
        return status;
    }
    *shape = s->shape;
    *state = s;
    return SAB_OK;
}

static int facts(const void *state, char **json, struct sab_error *err)
{
    const struct state *s = state;
    return sab_csv_facts_print(&s->schema, &s->columns, json, err);
}

const struct sab_task_kind sab_task_csv = {
    .name = "csv",
    .help = "rows of numbers, one a time step: forecasts, or answers",
    .reads = "T data valid-data test-data split loss standardise goal horizon relative inputs targets series header",
    .create = create,
    .destroy = destroy,
    .steps = steps,
    .batches = batches,
    .batch = batch,
    .columns = columns,
    .read_in_order = read_in_order,
    .naive = naive,
    .facts = facts,
};
