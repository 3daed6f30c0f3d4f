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

static void forward(void *shard, const struct sab_work *work, struct sab_loss_sums *sums)
{
    struct sab_shard *s = shard;
    sab_shard_load(s, work);
    sab_shard_forward(s);
    if (work->batch->state && !sab_work_is_stopped(work))
        sab_shard_leave(s);
    *sums = s->sums;
}

static void backward(void *shard, const struct sab_work *work, real *grads)
{
    sab_shard_backward(shard, work, grads);
}

const struct sab_network sab_network_recurrent = {
    .name = "recurrent",
    .has_state = 1,
    .can_recall = 1,
    .resolve = sab_recurrent_resolve,
    .add_tensors = sab_recurrent_add_tensors,
    .start = sab_recurrent_start,
    .create = sab_recurrent_create,
    .copies = sab_recurrent_copies,
    .prepare = sab_recurrent_prepare,
    .shard_create = create,
    .shard_attach = attach,
    .shard_free = destroy,
    .shard_forward = forward,
    .shard_backward = backward,
    .count = sab_recurrent_count,
};
