/* Weights as a file: sab_model_save and sab_model_load of sab.h. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "io/safetensors.h"
#include "sab.h"
#include "train/metadata.h"

int sab_model_save(const struct sab_model *model, const char *path, struct sab_error *err)
{
    struct sab_safetensors_writer *writer;
    int status = sab_safetensors_writer_create(&writer, err);
    if (status != SAB_OK)
        return status;
    status = sab_metadata_add(writer, sab_model_config(model), model, err);
    for (int i = 0; i < sab_model_tensor_count(model) && status == SAB_OK; i++) {
        struct sab_tensor tensor = sab_model_tensor(model, i);
        const uint64_t shape[2] = {(uint64_t)tensor.shape[0], (uint64_t)tensor.shape[1]};
        status =
            sab_safetensors_writer_add(writer, tensor.name, SAB_DTYPE_REAL, tensor.ndim, shape, tensor.data, err);
    }
    if (status == SAB_OK)
        status = sab_safetensors_writer_save(writer, path, err);
    sab_safetensors_writer_free(writer);
    return status;
}

/* A few bytes of metadata can ask for a model of any size. Before memory is taken for it, the file must hold at least
 * the numbers that the largest tensors of such a model have. */
static int check_size(struct sab_safetensors *file, const char *path, const struct sab_config *config,
                      const struct sab_shape *shape, struct sab_error *err)
{
    double gates = config->cell == SAB_CELL_LSTM ? 4 : config->cell == SAB_CELL_GRU ? 3 : 1;
    double H = config->hidden, A = config->attention_width ? config->attention_width : H;
    int has_memory = config->credit == SAB_CREDIT_ATTENTION || (config->credit == SAB_CREDIT_SAB && config->k_top > 0);
    double need = config->layers * gates * H * H + gates * H * shape->I + H * shape->O;
    if (has_memory && config->score != SAB_SCORE_RELEASE2019)
        need += config->layers * 2 * H * A;
    double have = 0;
    for (int i = 0; i < sab_safetensors_count(file); i++)
        have += (double)sab_safetensors_at(file, i)->nbytes / sizeof(float);
    if (have < need)
        return sab_fail(err, SAB_FORMAT, "%s holds %.0f weights; its configuration needs more than %.0f", path, have,
                        need);
    return SAB_OK;
}

/* Copies a file's tensor into the model's, converting between float and double. */
static int read_tensor(struct sab_safetensors *file, const char *path, const struct sab_tensor *tensor,
                       struct sab_error *err)
{
    const struct sab_safetensors_view *view = sab_safetensors_find(file, tensor->name);
    if (!view)
        return sab_fail(err, SAB_FORMAT, "%s has no tensor \"%s\", which its configuration needs", path, tensor->name);
    if (view->dtype != SAB_DTYPE_F32 && view->dtype != SAB_DTYPE_F64)
        return sab_fail(err, SAB_FORMAT, "%s: the tensor \"%s\" is neither F32 nor F64", path, tensor->name);
    int agrees = view->ndim == tensor->ndim;
    for (int d = 0; agrees && d < tensor->ndim; d++)
        agrees = view->shape[d] == (uint64_t)tensor->shape[d];
    if (!agrees)
        return sab_fail(err, SAB_FORMAT,
                        "%s: the tensor \"%s\" has %d dimensions from %llu; the model needs %d from %d", path,
                        tensor->name, view->ndim, view->ndim ? (unsigned long long)view->shape[0] : 0ull,
                        tensor->ndim, tensor->shape[0]);
    for (size_t j = 0; j < tensor->count; j++) {
        float single;
        double number;
        if (view->dtype == SAB_DTYPE_F32) {
            memcpy(&single, (const char *)view->data + j * sizeof single, sizeof single);
            number = single;
        } else {
            memcpy(&number, (const char *)view->data + j * sizeof number, sizeof number);
        }
        tensor->data[j] = (sab_real)number;
        if (!isfinite(tensor->data[j]))
            return sab_fail(err, SAB_FORMAT, "%s: element %zu of the tensor \"%s\" is not finite", path, j,
                            tensor->name);
    }
    return SAB_OK;
}

/* A tensor the model has no place for means that the configuration is not this file's. */
static int check_names(struct sab_safetensors *file, const char *path, const struct sab_model *model,
                       struct sab_error *err)
{
    for (int i = 0; i < sab_safetensors_count(file); i++) {
        const char *name = sab_safetensors_at(file, i)->name;
        int is_known = 0;
        for (int k = 0; k < sab_model_tensor_count(model) && !is_known; k++)
            is_known = strcmp(name, sab_model_tensor(model, k).name) == 0;
        if (!is_known)
            return sab_fail(err, SAB_FORMAT, "%s: the tensor \"%.60s\" has no place in a model of its configuration",
                            path, name);
    }
    return SAB_OK;
}

static int read_model(struct sab_model **out, struct sab_safetensors *file, const char *path, struct sab_error *err)
{
    struct sab_config config;
    struct sab_shape shape;
    int status = sab_metadata_read(file, path, &config, &shape, err);
    if (status == SAB_OK)
        status = check_size(file, path, &config, &shape, err);
    struct sab_model *model = NULL;
    if (status == SAB_OK)
        status = sab_model_create(&model, &config, &shape, err);
    if (status != SAB_OK)
        return status;
    status = check_names(file, path, model, err);
    struct sab_error why = {0};
    if (status == SAB_OK && sab_model_set_facts(model, sab_metadata_facts(file), &why) != SAB_OK)
        status = sab_fail(err, why.status == SAB_NOMEM ? SAB_NOMEM : SAB_FORMAT, "%s: %.400s", path, why.message);
    for (int i = 0; i < sab_model_tensor_count(model) && status == SAB_OK; i++) {
        struct sab_tensor tensor = sab_model_tensor(model, i);
        status = read_tensor(file, path, &tensor, err);
    }
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
