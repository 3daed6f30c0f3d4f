/* See facts.h. */
#include "data/facts.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

/* Each { [ : costs the parser less than 150 bytes, each comma (another number of a list) less than 56, each byte of text at
 * most three: 48 MiB in all. */
enum { STRUCTURE_CAP = 1 << 21, STRUCTURE_COST = 8, COMMA_COST = 3 };

static size_t structure_of(const char *facts, size_t nbytes)
{
    size_t cost = 0;
    for (size_t i = 0; i < nbytes; i++)
        cost += facts[i] == ',' ? COMMA_COST : strchr("{[:", facts[i]) && facts[i] ? STRUCTURE_COST : 0;
    return cost;
}

json_t *sab_facts_parse(const char *facts, const char *task, struct sab_error *err)
{
    size_t nbytes = strlen(facts), structure = structure_of(facts, nbytes);
    if (nbytes > SAB_FACTS_CAP || structure > STRUCTURE_CAP) {
        sab_fail(err, SAB_FORMAT, "what the model knows of its data has %zu bytes in %zu parts; at most %d in %d are "
                                  "legal", nbytes, structure / STRUCTURE_COST, SAB_FACTS_CAP, STRUCTURE_CAP / STRUCTURE_COST);
        return NULL;
    }
    json_error_t where; /* a 0 byte is a symbol that a text may have */
    json_t *root = json_loadb(facts, nbytes, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &where);
    if (!json_is_object(root)) {
        sab_fail(err, SAB_FORMAT, "what the model knows of its data is not a JSON object (byte %d)",
                 root ? 0 : where.position);
        json_decref(root);
        return NULL;
    }
    const char *owner = json_string_value(json_object_get(root, "task"));
    if (!owner || (task && strcmp(owner, task) != 0)) {
        sab_fail(err, SAB_FORMAT, "what the model knows of its data is for the task \"%.32s\", not %s",
                 owner ? owner : "", task ? task : "one that is known");
        json_decref(root);
        return NULL;
    }
    return root;
}

int sab_facts_print(const json_t *facts, char **json, struct sab_error *err)
{
    size_t nbytes = json_dumpb(facts, NULL, 0, JSON_COMPACT);
    if (nbytes == 0)
        return sab_fail(err, SAB_NOMEM, "no memory for what is known of the data");
    if (nbytes > SAB_FACTS_CAP)
        return sab_fail(err, SAB_INVALID, "what a model must know of these data has %zu bytes; it keeps at most %d",
                        nbytes, SAB_FACTS_CAP);
    char *text = sab_alloc(nbytes + 1, 1);
    if (!text || json_dumpb(facts, text, nbytes, JSON_COMPACT) != nbytes) {
        sab_free(text);
        return sab_fail(err, SAB_NOMEM, "no memory for what is known of the data");
    }
    if (structure_of(text, nbytes) > STRUCTURE_CAP) {
        sab_free(text);
        return sab_fail(err, SAB_INVALID, "what a model must know of these data (columns, classes) has more parts than the %d "
                        "that it keeps", STRUCTURE_CAP / STRUCTURE_COST);
    }
    *json = text;
    return SAB_OK;
}
