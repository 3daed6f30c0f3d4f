/* What a whole configuration must satisfy: each field its range, and the fields together. See config.h. */
#include "base/config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

int sab_stop_parse(const char *text, struct sab_stop *stop, struct sab_error *err)
{
    struct sab_stop read = {"", 0, 0};
    if (*text == 0) {
        *stop = read;
        return SAB_OK;
    }
    static const struct {
        const char *metric;
        int better;
        double most;
    } metrics[] = {{"accuracy", 1, 1}, {"loss", -1, 1e300}, {"mse", -1, 1e300}};
    const char *equals = strchr(text, '=');
    for (size_t i = 0; equals && i < sizeof metrics / sizeof metrics[0]; i++) {
        size_t length = strlen(metrics[i].metric);
        if ((size_t)(equals - text) != length || memcmp(text, metrics[i].metric, length) != 0)
            continue;
        memcpy(read.metric, metrics[i].metric, length);
        read.better = metrics[i].better;
        if (sab_text_to_real(equals + 1, &read.value) || read.value < 0 || read.value > metrics[i].most) {
            char most[SAB_REAL_TEXT_CAP];
            sab_text_from_real(metrics[i].most, most);
            return sab_fail(err, SAB_INVALID, "--stop-at: \"%.60s\" is not %s=X with X in 0..%s", text, read.metric,
                            most);
        }
        *stop = read;
        return SAB_OK;
    }
    return sab_fail(err, SAB_INVALID,
                    "--stop-at: \"%.60s\" is not accuracy=X, loss=X or mse=X, such as accuracy=0.99", text);
}

int sab_memory_parse(const char *text, double *nbytes, struct sab_error *err)
{
    static const char units[] = "KMGT";
    char number[32];
    double value, unit = 1;
    size_t length = strlen(text);
    if (length == 0 || strcmp(text, "auto") == 0 || strcmp(text, "none") == 0) {
        *nbytes = text[0] == 'n' ? INFINITY : -1;
        return SAB_OK;
    }
    const char *at = length > 0 ? strchr(units, text[length - 1]) : NULL;
    if (at)
        unit = exp2(10.0 * (double)(at - units + 1));
    snprintf(number, sizeof number, "%.*s", (int)(length - (at != NULL)), text);
    if (length >= sizeof number || sab_text_to_real(number, &value) || !(value * unit >= 1))
        return sab_fail(err, SAB_INVALID, "--memory: \"%.60s\" is not a size such as 512M or 2G, and neither auto nor none",
                        text);
    *nbytes = value * unit;
    return SAB_OK;
}

/* A field is legal when its text, read back, is: one set of rules, for text and for structs filled by hand. */
static int check_field(const struct sab_config *config, const struct sab_option *option, struct sab_error *err)
{
    const char *field = (const char *)config + option->offset;
    if (option->kind == SAB_OPTION_TEXT && !memchr(field, 0, option->cap))
        return sab_fail(err, SAB_INVALID, "--%s: the text does not end within its %zu bytes", option->name,
                        option->cap);
    if (option->kind == SAB_OPTION_SWITCH && *(const int *)field != 0 && *(const int *)field != 1)
        return sab_fail(err, SAB_INVALID, "--%s: %d is neither 0 (off) nor 1 (on)", option->name, *(const int *)field);
    char text[SAB_TEXT_CAP];
    struct sab_config scratch;
    int status = sab_config_get(config, option->name, text, sizeof text, err);
    return status ? status : sab_config_set(&scratch, option->name, text, err);
}

int sab_config_check_model(const struct sab_config *config, struct sab_error *err)
{
    for (int i = 0; i < sab_option_count; i++) {
        const struct sab_option *option = &sab_options[i];
        int read = !strcmp(option->group, "model") || !strcmp(option->group, "credit") || !strcmp(option->name, "cpu");
        int status = read ? check_field(config, option, err) : SAB_OK;
        if (status != SAB_OK)
            return status;
    }
    double nbytes;
    int status = sab_memory_parse(config->memory, &nbytes, err);
    if (status != SAB_OK)
        return status;
    if (config->model == SAB_KIND_TRANSFORMER && config->hidden % config->heads != 0)
        return sab_fail(err, SAB_INVALID, "--heads %d: --hidden %d is not a multiple of it", config->heads, config->hidden);
    if (config->credit == SAB_CREDIT_SAB && config->backward == SAB_DENSE && config->forward != SAB_DENSE)
        return sab_fail(err, SAB_INVALID, "--backward dense needs --forward dense: gradient cannot reach memories that "
                                          "were not read");
    return SAB_OK;
}

int sab_config_check(const struct sab_config *config, struct sab_error *err)
{
    struct sab_stop stop;
    int status = SAB_OK;
    for (int i = 0; i < sab_option_count && status == SAB_OK; i++)
        status = check_field(config, &sab_options[i], err);
    if (status == SAB_OK)
        status = sab_config_check_model(config, err);
    if (status == SAB_OK)
        status = sab_stop_parse(config->stop_at, &stop, err);
    if (status != SAB_OK)
        return status;
    if (config->optimizer != SAB_OPTIMIZER_SGD && config->momentum != 0)
        return sab_fail(err, SAB_INVALID, "--momentum %g needs --optimizer sgd", config->momentum);
    if (config->eval_every == 0 && config->stop_at[0])
        return sab_fail(err, SAB_INVALID, "--stop-at %.60s needs evaluations on the way: --eval-every is 0",
                        config->stop_at);
    if (config->eval_every == 0 && config->patience > 0)
        return sab_fail(err, SAB_INVALID, "--patience %lld needs evaluations on the way: --eval-every is 0",
                        (long long)config->patience);
    return SAB_OK;
}
