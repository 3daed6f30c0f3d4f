/* See sequences.h. */
#include "report/sequences.h"

#include "sab_run.h"

/* Sequences, from the first on, up to the last with a step that counts; at least one. */
static int count_filled(const struct sab_batch *batch)
{
    int filled = 1;
    for (int b = 1; b < batch->B; b++)
        for (int t = 0; t < batch->T && filled <= b; t++)
            if (!batch->weight || batch->weight[(size_t)t * (size_t)batch->B + (size_t)b] > 0)
                filled = b + 1;
    return filled;
}

int64_t sab_sequences_scored(const struct sab_batch *batch)
{
    int64_t count = 0;
    for (int t = 0; t < batch->T; t++)
        for (int b = 0; b < batch->B; b++)
            count += sab_batch_scored(batch, t, b) != 0;
    return count;
}

/* The first batch; where nothing in it counts, as in rows of a series before its test part, the one with most that does. */
static int64_t find_batch(struct sab_task *task, enum sab_split split, int B)
{
    int64_t best = 0, most = 0, n = sab_task_batches(task, split, B);
    struct sab_batch batch = {.size = sizeof batch};
    for (int64_t i = 0; i < n && most < (int64_t)B * sab_task_steps(task); i++) {
        if (sab_task_batch(task, split, i, B, &batch, NULL) != SAB_OK)
            return 0;
        int64_t count = sab_sequences_scored(&batch);
        if (count > most) {
            most = count;
            best = i;
        }
        if (i == 0 && most > 0)
            return 0;
    }
    return best;
}

int sab_sequences_take(struct sab_task *task, enum sab_split split, int B, struct sab_batch *batch, int64_t *index,
                       struct sab_error *err)
{
    *index = find_batch(task, split, B);
    batch->size = sizeof *batch;
    int status = sab_task_batch(task, split, *index, B, batch, err);
    if (status == SAB_OK && *index == 0 && count_filled(batch) < B) /* others would thin out the mean */
        status = sab_task_batch(task, split, 0, count_filled(batch), batch, err);
    batch->fresh = NULL;
    return status;
}
