/* The functions of sab.h that take all options: each hands the layer below what is that layer's own. */
#include "data/task.h"
#include "model/model.h"
#include "train/options.h"

const char *sab_version(void)
{
    return SAB_VERSION;
}

int sab_model_create(struct sab_model **out, const struct sab_options *options, const struct sab_shape *shape,
                     struct sab_error *err)
{
    struct sab_options *origin;
    struct sab_model *model;
    int status = sab_options_clone(&origin, options, err);
    if (status != SAB_OK)
        return status;
    status = sab_model_build(&model, &options->model, &options->shared, shape, err);
    if (status != SAB_OK) {
        sab_options_free(origin);
        return status;
    }
    model->origin = origin;
    model->origin_free = sab_options_free;
    *out = model;
    return SAB_OK;
}

const struct sab_options *sab_model_options(const struct sab_model *model)
{
    return model->origin;
}

int sab_task_create(struct sab_task **out, const struct sab_options *options, const char *facts, struct sab_error *err)
{
    return sab_task_open(out, &options->task, &options->shared, facts, err);
}
