/* See metadata.h. */
#include "train/metadata.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "io/safetensors.h"
#include "train/config_json.h"

static const char facts_key[] = "data";

const char *sab_metadata_facts(struct sab_safetensors *file)
{
    return sab_safetensors_metadata(file, facts_key);
}

int sab_metadata_add(struct sab_safetensors_writer *writer, const struct sab_options *config,
                     const struct sab_model *model, struct sab_error *err)
{
    struct sab_options kept;
    struct sab_error why = {0};
    int status = sab_options_copy(&kept, config, err);
    for (int i = 0; status == SAB_OK && sab_option_at(i); i++)
        if (sab_option_at(i)->effect >= SAB_LOCAL)
            status = sab_options_set(&kept, sab_option_at(i)->name, sab_option_at(i)->fallback, err);
    if (status != SAB_OK)
        return status;
    char *config_json = sab_config_to_json(&kept, &why);
    char *shape_json = config_json ? sab_shape_to_json(sab_model_shape(model), &why) : NULL;
    status = shape_json ? SAB_OK : sab_fail(err, why.status, "%s", why.message);
    if (status == SAB_OK)
        status = sab_safetensors_writer_metadata(writer, "config", config_json, err);
    if (status == SAB_OK)
        status = sab_safetensors_writer_metadata(writer, "shape", shape_json, err);
    if (status == SAB_OK)
        status = sab_safetensors_writer_metadata(writer, "task", kept.task.task, err);
    if (status == SAB_OK)
        status = sab_safetensors_writer_metadata(writer, "version", SAB_VERSION, err);
    if (status == SAB_OK && sab_model_facts(model))
        status = sab_safetensors_writer_metadata(writer, facts_key, sab_model_facts(model), err);
    sab_free(config_json);
    sab_free(shape_json);
    sab_options_clear(&kept);
    return status;
}

int sab_metadata_read(struct sab_safetensors *file, const char *path, struct sab_options *config,
                      struct sab_shape *shape, struct sab_error *err)
{
    const char *config_json = sab_safetensors_metadata(file, "config");
    const char *shape_json = sab_safetensors_metadata(file, "shape");
    if (!config_json || !shape_json)
        return sab_fail(err, SAB_FORMAT,
                        "%s has no \"%s\" in its metadata, so it is not a model of sab (sab import makes one of "
                        "PyTorch's weights)", path,
                        config_json ? "shape" : "config");
    struct sab_options read_config;
    struct sab_shape read_shape;
    struct sab_error why = {0};
    sab_options_init(&read_config);
    int status = sab_config_from_json(&read_config, config_json, strlen(config_json), &why);
    if (status == SAB_OK)
        status = sab_model_options_check(&read_config.model, &why);
    if (status == SAB_OK)
        status = sab_shape_from_json(&read_shape, shape_json, strlen(shape_json), &why);
    if (status != SAB_OK) {
        sab_options_clear(&read_config);
        return sab_fail(err, status == SAB_NOMEM ? SAB_NOMEM : SAB_FORMAT, "%.200s: %.300s", path, why.message);
    }
    *config = read_config;
    *shape = read_shape;
    return SAB_OK;
}
