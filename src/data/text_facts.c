/* See text_facts.h. */
#include "data/text_facts.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/facts.h"

static const char task_name[] = "text";
static const char *const unit_names[] = {[SAB_UNITS_BYTES] = "bytes", [SAB_UNITS_CHARS] = "chars"};

int sab_text_facts_print(const struct sab_vocabulary *v, const struct sab_account *account, char **json, struct sab_error *err)
{
    char *symbols = sab_alloc((size_t)v->n, 4);
    size_t nbytes = 0;
    for (int i = 0; symbols && i < v->n; i++)
        nbytes += (size_t)sab_text_encode(v->codes[i], symbols + nbytes);
    if (!symbols)
        return sab_fail(err, SAB_NOMEM, "no memory for a vocabulary of %d symbols as text", v->n);
    struct sab_json facts;
    sab_facts_begin(&facts, task_name);
    sab_json_text(&facts, "units", unit_names[v->units]);
    sab_json_int(&facts, "unknown", v->unknown);
    sab_json_bytes(&facts, "symbols", symbols, nbytes);
    sab_free(symbols);
    if (account)
        sab_account_put(account, &facts);
    return sab_facts_end(&facts, json, err);
}

static int read_object(struct sab_vocabulary *v, const struct sab_value *object, struct sab_error *err)
{
    const struct sab_value *units = sab_value_get(object, "units"), *unknown = sab_value_get(object, "unknown");
    const struct sab_value *symbols = sab_value_get(object, "symbols");
    const char *unit_name = sab_value_string(units);
    int64_t least;
    size_t words = (sab_value_get(object, "account") != NULL) + (size_t)(sab_value_get(object, "warnings") != NULL);
    if (!units || !unknown || !symbols || sab_value_size(object) != 4 + words)
        return sab_fail(err, SAB_FORMAT, "the keys must be task, units, unknown and symbols");
    int kind = -1;
    for (int i = 0; i < 2 && unit_name; i++)
        if (strcmp(unit_name, unit_names[i]) == 0)
            kind = i;
    if (kind < 0)
        return sab_fail(err, SAB_FORMAT, "\"units\" is neither \"bytes\" nor \"chars\"");
    if (sab_value_int(unknown, 0, SAB_UNKNOWN_MOST, &least))
        return sab_fail(err, SAB_FORMAT, "\"unknown\" is not a whole number in 0..%d", SAB_UNKNOWN_MOST);
    if (!sab_value_is(symbols, SAB_VALUE_STRING))
        return sab_fail(err, SAB_FORMAT, "\"symbols\" is no text");
    return sab_vocabulary_take(v, kind, (int)least, symbols->as.string, symbols->size, err);
}

int sab_text_facts_read(struct sab_vocabulary *v, const char *facts, struct sab_error *err)
{
    struct sab_error why = {0};
    *v = (struct sab_vocabulary){0};
    const struct sab_value *object;
    int status = sab_facts_parse(&object, facts, task_name, err);
    if (status != SAB_OK)
        return status;
    status = read_object(v, object, &why);
    sab_json_free(object);
    return status == SAB_OK ? SAB_OK : sab_fail(err, status, "the vocabulary that the model kept: %s", why.message);
}
