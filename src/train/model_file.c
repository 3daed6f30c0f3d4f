/* Weights as a file: sab_model_save and sab_model_load of sab.h. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "io/safetensors.h"
#include "model/model.h"
#include "train/metadata.h"

/* What could not be loaded again is not saved. */
static int check_finite(const struct sab_model *model, const char *path, struct sab_error *err)
{
    for (int i = 0; i < sab_model_tensor_count(model); i++) {
        struct sab_tensor tensor = *sab_model_tensor(model, i);
        for (size_t j = 0; j < tensor.count; j++)
            if (!isfinite(tensor.data[j]))
                return sab_fail(err, SAB_NUMERIC, "%.300s is not written: element %zu of the tensor %s is not finite", path, j,
                                tensor.name);
    }
    return SAB_OK;
}

int sab_model_save(const struct sab_model *model, const char *path, struct sab_error *err)
{
    struct sab_safetensors_writer *writer;
    int status = sab_model_fetch((struct sab_model *)model, err);
    if (status == SAB_OK)
        status = check_finite(model, path, err);
    if (status == SAB_OK)
        status = sab_safetensors_writer_create(&writer, err);
    if (status != SAB_OK)
        return status;
    status = sab_metadata_add(writer, sab_model_options(model), model, err);
    for (int i = 0; i < sab_model_tensor_count(model) && status == SAB_OK; i++) {
        struct sab_tensor tensor = *sab_model_tensor(model, i);
        const uint64_t shape[2] = {(uint64_t)tensor.shape[0], (uint64_t)tensor.shape[1]};
        status =
            sab_safetensors_writer_add(writer, tensor.name, SAB_DTYPE_REAL, tensor.ndim, shape, tensor.data, err);
    }
    if (status == SAB_OK)
        status = sab_safetensors_writer_save(writer, path, err);
    sab_safetensors_writer_free(writer);
    return status;
}

/* The file's view of a tensor, which must be as the model's table has it. */
static int find_tensor(struct sab_safetensors *file, const char *path, const struct sab_tensor_spec *spec,
                       const struct sab_safetensors_view **out, struct sab_error *err)
{
    const struct sab_safetensors_view *view = sab_safetensors_find(file, spec->name);
    if (!view)
        return sab_fail(err, SAB_FORMAT, "%s has no tensor \"%s\", which its configuration needs", path, spec->name);
    if (!sab_dtype_is_real(view->dtype))
        return sab_fail(err, SAB_FORMAT, "%s: the tensor \"%s\" has %s where real numbers are needed", path, spec->name,
                        sab_dtype_name(view->dtype));
    int agrees = view->ndim == spec->ndim;
    for (int d = 0; agrees && d < spec->ndim; d++)
        agrees = view->shape[d] == (uint64_t)spec->shape[d];
    if (!agrees)
        return sab_fail(err, SAB_FORMAT,
                        "%s: the tensor \"%s\" has %d dimensions from %llu; the model needs %d from %d", path,
                        spec->name, view->ndim, view->ndim ? (unsigned long long)view->shape[0] : 0ull, spec->ndim,
                        spec->shape[0]);
    *out = view;
    return SAB_OK;
}

/* Copies a file's tensor into the model's, converting between types. */
static int read_tensor(struct sab_safetensors *file, const char *path, const struct sab_model *model, int i,
                       struct sab_error *err)
{
    struct sab_tensor tensor = *sab_model_tensor(model, i);
    const struct sab_safetensors_view *view;
    int status = find_tensor(file, path, &model->tensors[i], &view, err);
    for (size_t j = 0; status == SAB_OK && j < tensor.count; j++) {
        tensor.data[j] = (sab_real)sab_safetensors_number(view, j);
        if (!isfinite(tensor.data[j]))
            status = sab_fail(err, SAB_FORMAT, "%s: element %zu of the tensor \"%s\" is not finite", path, j, tensor.name);
    }
    return status;
}

/* A tensor the model has no place for means that the configuration is not this file's. */
static int check_names(struct sab_safetensors *file, const char *path, const struct sab_model *model,
                       struct sab_error *err)
{
    for (int i = 0; i < sab_safetensors_count(file); i++) {
        const char *name = sab_safetensors_at(file, i)->name;
        int is_known = 0;
        for (int k = 0; k < model->n_tensors && !is_known; k++)
            is_known = strcmp(name, model->tensors[k].name) == 0;
        if (!is_known)
            return sab_fail(err, SAB_FORMAT, "%s: the tensor \"%.60s\" has no place in a model of its configuration",
                            path, name);
    }
    return SAB_OK;
}

/* A few bytes of metadata can ask for a model of any size. Before memory is taken for it, the file must hold its
 * tensors. */
static int check_tensors(struct sab_safetensors *file, const char *path, const struct sab_options *config,
                         const struct sab_shape *shape, struct sab_error *err)
{
    struct sab_model *outline;
    const struct sab_safetensors_view *view;
    int status = sab_model_outline(&outline, &config->model, &config->shared, shape, err);
    if (status != SAB_OK)
        return status;
    status = check_names(file, path, outline, err);
    for (int i = 0; i < outline->n_tensors && status == SAB_OK; i++)
        status = find_tensor(file, path, &outline->tensors[i], &view, err);
    sab_model_free(outline);
    return status;
}

static int read_model(struct sab_model **out, struct sab_safetensors *file, const char *path, struct sab_error *err)
{
    struct sab_options config;
    struct sab_shape shape;
    int status = sab_metadata_read(file, path, &config, &shape, err);
    if (status != SAB_OK)
        return status;
    status = check_tensors(file, path, &config, &shape, err);
    struct sab_model *model = NULL;
    if (status == SAB_OK)
        status = sab_model_create(&model, &config, &shape, err);
    sab_options_clear(&config);
    if (status != SAB_OK)
        return status;
    struct sab_error why = {0};
    if (sab_model_set_facts(model, sab_metadata_facts(file), &why) != SAB_OK)
        status = sab_fail(err, why.status == SAB_NOMEM ? SAB_NOMEM : SAB_FORMAT, "%s: %.400s", path, why.message);
    for (int i = 0; i < model->n_tensors && status == SAB_OK; i++)
        status = read_tensor(file, path, model, i, err);
    if (status != SAB_OK) {
        sab_model_free(model);
        return status;
    }
    *out = model;
    return SAB_OK;
}

int sab_model_load(struct sab_model **out, const char *path, struct sab_error *err)
{
    struct sab_safetensors *file;
    int status = sab_safetensors_open(&file, path, err);
    if (status != SAB_OK)
        return status;
    status = read_model(out, file, path, err);
    sab_safetensors_close(file);
    return status;
}
