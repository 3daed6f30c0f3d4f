/* The recurrent network as one of the networks: its weights are the model layer's, how it runs is credit's. */
#include "credit/cost.h"
#include "credit/shard.h"
#include "model/recurrent.h"

static int create(void **out, const struct sab_model *m, const struct sab_room *room, struct sab_blocks *blocks,
                  struct sab_error *err)
{
    struct sab_shard *shard;
    int status = sab_shard_create(out ? &shard : NULL, m, room, blocks, err);
    if (status == SAB_OK && out)
        *out = shard;
    return status;
}

static void attach(void *shard, const struct sab_room *room, void *work)
{
    sab_shard_attach(shard, room, work);
}

static void destroy(void *shard)
{
    sab_shard_free(shard);
}

/* The state's product; those of a read are smaller. */
static double step_numbers(const struct sab_model *m, int H)
{
    return (double)m->cell->G * sab_pad(H) * sab_pad(H);
}

static void forward(void *const *shards, int n, const struct sab_work *works, struct sab_loss_sums *sums)
{
    struct sab_shard *all[SAB_TOGETHER] = {0};
    for (int k = 0; k < n; k++) {
        all[k] = shards[k];
        sab_shard_load(all[k], &works[k]);
    }
    sab_shard_forward(all, n);
    for (int k = 0; k < n; k++) {
        if (works[k].batch->state && !sab_work_is_stopped(&works[k]))
            sab_shard_leave(all[k]);
        sums[k] = all[k]->sums;
    }
}

static void backward(void *const *shards, int n, const struct sab_work *works, real *grads)
{
    struct sab_shard *all[SAB_TOGETHER] = {0};
    for (int k = 0; k < n; k++) {
        all[k] = shards[k];
        all[k]->work = works[k];
        all[k]->scratch.profile = works[k].profile;
        all[k]->scratch.lockstep = works[k].lockstep;
        all[k]->grads = grads + (size_t)k * all[k]->model->n_padded;
    }
    sab_shard_backward(all, n);
}

const struct sab_network sab_network_recurrent = {
    .name = "recurrent",
    .has_state = 1,
    .can_recall = 1,
    .step_numbers = step_numbers,
    .resolve = sab_recurrent_resolve,
    .add_tensors = sab_recurrent_add_tensors,
    .start = sab_recurrent_start,
    .create = sab_recurrent_create,
    .copies = sab_recurrent_copies,
    .prepare = sab_recurrent_prepare,
    .shard_create = create,
    .shard_attach = attach,
    .shard_free = destroy,
    .shards_forward = forward,
    .shards_backward = backward,
    .count = sab_recurrent_count,
};
