/* See own.h. */
#include "train/own.h"

#include "credit/engine.h"
#include "credit/share.h"
#include "model/network.h"

static int find(void *user, int T, int B, const int32_t *lengths, int carries, uint8_t *columns, struct sab_error *err)
{
    const struct sab_engine *engine = user;
    int has_state = carries && engine->model->network->has_state; /* else each chunk is taken alone */
    return sab_share_mark(engine->share, engine->comm, T, B, lengths, has_state, columns, err);
}

int sab_own_batch(struct sab_task *task, struct sab_engine *engine, enum sab_split split, int64_t index, int B, struct sab_batch *batch,
                  struct sab_error *err)
{
    struct sab_own own = {.find = find, .user = engine};
    return sab_task_share(task, split, index, B, engine->comm ? &own : NULL, batch, err);
}
