/* The task csv: rows of numbers, one a time step.
 *
 *     forecast   at row t, the values of rows t + horizons       step     at row t, that row's answer
 *     series     at the last row of a series, its answer
 *
 * forecast and step read series as streams, in chunks of T rows whose state is carried on. Training: column b starts at its
 * own place, b/B through the data, and goes round and round. Validation, test, and the training part in order: each series
 * has a column to itself and is read once, from its first row to the end of the part. Rows before the part have weight 0:
 * they only bring the state up, as they would where answers are asked for one by one. So the result does not depend on B.
 * series reads whole series like any other set of sequences. */
#include "data/csv_task.h"

#include "base/alloc.h"
#include "base/error.h"
#include "data/csv_choose.h"
#include "data/csv_facts.h"
#include "data/csv_state.h"
#include "data/task.h"
#include "source/csv_dialect.h"

static void read_in_order(void *state)
{
    ((struct sab_csv_state *)state)->in_order = 1;
}

int sab_csv_could_be_relative(const void *state)
{
    const struct sab_csv_state *s = state;
    const struct sab_csv_schema *schema = &s->schema;
    int known = 0;
    for (int o = 0; o < schema->O; o++)
        for (int i = 0; i < schema->I; i++)
            known += schema->inputs[i] == schema->targets[o];
    return known == schema->O && schema->goal == SAB_GOAL_FORECAST && !schema->present &&
           (schema->loss == SAB_LOSS_MSE || schema->loss == SAB_LOSS_QUANTILE);
}

int sab_csv_make_relative(void *state, struct sab_error *err)
{
    struct sab_csv_state *s = state;
    if (!sab_csv_could_be_relative(s))
        return SAB_OK;
    int status = sab_csv_choose_relative(&s->schema, err);
    if (status != SAB_OK)
        return status;
    sab_csv_account_answers(s);
    sab_account_renew(&s->account);
    return SAB_OK;
}

static int columns(const void *state, enum sab_split split)
{
    return sab_csv_is_stream(state) ? sab_csv_table_of(state, split)->S : 0;
}

static int steps(const void *state)
{
    const struct sab_csv_state *s = state;
    int64_t most = 1;
    if (sab_csv_is_stream(s))
        return s->config->T;
    for (int k = 0; k < SAB_PARTS; k++)
        for (int i = 0; i < s->tables[k].S; i++)
            most = s->tables[k].series[i].rows > most ? s->tables[k].series[i].rows : most;
    return (int)most;
}

static double unit(const void *state, int o)
{
    const struct sab_csv_state *s = state;
    int target = o / s->schema.H; /* an output may be a class, of a column that is no value */
    return target < s->schema.O ? s->columns.deviation[s->schema.targets[target]] : 1;
}

/* ---- making the task ---- */

static int prepare(struct sab_csv_state *s, const char *known, struct sab_error *err)
{
    struct sab_csv_dialect dialect;
    int status = sab_csv_dialect_make(&dialect, s->config->csv.separator, s->config->csv.skip_lines,
                                      s->config->csv.decimal_comma, s->config->csv.thousands, err);
    if (status != SAB_OK)
        return status;
    if (!known && !s->config->files.data[0])
        return sab_fail(err, SAB_INVALID, "--data: the task csv needs a file");
    if (known)
        status = sab_csv_facts_read(&s->schema, &s->columns, &s->account, &s->class_weights, known, err);
    if (s->config->files.data[0])
        sab_account_clear(&s->account); /* it is made anew, of these data */
    for (int k = 0; k < SAB_PARTS && status == SAB_OK; k++)
        if (sab_parts_own(s->config, k)[0])
            status = sab_csv_table_read(&s->tables[k], sab_parts_own(s->config, k), &s->schema, &dialect, s->config, known || k > 0,
                                        s->shared->threads, k == 0 ? &s->account : NULL, err);
    if (status == SAB_OK)
        status = sab_csv_cut_parts(s, err);
    if (status == SAB_OK && !known)
        status = sab_csv_learn_categories(s, err);
    if (status != SAB_OK)
        return status;
    if (sab_csv_is_stream(s))
        sab_csv_number_chunks(s);
    status = sab_csv_schema_set_quantiles(&s->schema, s->shared->quantiles, err);
    if (status != SAB_OK)
        return status;
    const struct sab_csv_schema *schema = &s->schema;
    s->shape = (struct sab_shape){.input = SAB_INPUT_VALUES, .I = sab_csv_schema_inputs(schema), .loss = schema->loss,
                                  .O = sab_csv_schema_outputs(schema)};
    status = sab_class_weights_check(s->config->values.class_weights, schema->loss, err);
    if (status == SAB_OK && !known)
        status = sab_csv_learn(s, err);
    return status == SAB_OK && s->config->files.data[0] ? sab_csv_account(s, err) : status;
}

static void destroy(void *state)
{
    struct sab_csv_state *s = state;
    for (int k = 0; k < SAB_PARTS; k++)
        sab_csv_table_clear(&s->tables[k]);
    sab_csv_schema_clear(&s->schema);
    sab_scaling_clear(&s->columns);
    sab_account_clear(&s->account);
    sab_class_weights_clear(&s->class_weights);
    sab_arrays_clear(&s->arrays);
    sab_free(s->cuts);
    sab_free(s);
}

static int create(void **state, struct sab_shape *shape, const struct sab_task_options *config,
                  const struct sab_shared_options *shared, const char *known, struct sab_error *err)
{
    struct sab_csv_state *s = sab_alloc(1, sizeof *s);
    if (!s)
        return sab_fail(err, SAB_NOMEM, "no memory for the task csv");
    s->config = config;
    s->shared = shared;
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
    const struct sab_csv_state *s = state;
    return sab_csv_facts_print(&s->schema, &s->columns, &s->account, &s->class_weights, json, err);
}

const struct sab_task_kind sab_task_csv = {
    .name = "csv",
    .help = "rows of numbers, one a time step: forecasts, or answers",
    .create = create,
    .destroy = destroy,
    .steps = steps,
    .batches = sab_csv_batches,
    .batch = sab_csv_batch,
    .columns = columns,
    .read_in_order = read_in_order,
    .naive = sab_csv_naive,
    .unit = unit,
    .facts = facts,
};
