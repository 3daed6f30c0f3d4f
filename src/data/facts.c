/* See facts.h. */
#include "data/facts.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

int sab_facts_parse(const struct sab_value **out, const char *facts, const char *task, struct sab_error *err)
{
    size_t nbytes = strlen(facts);
    if (nbytes > SAB_FACTS_CAP)
        return sab_fail(err, SAB_FORMAT, "what the model knows of its data has %zu bytes; at most %d are legal", nbytes,
                        SAB_FACTS_CAP);
    struct sab_json_problem problem;
    const struct sab_value *root;
    int status = sab_json_parse(&root, facts, nbytes, &problem);
    if (status == SAB_NOMEM)
        return sab_fail(err, SAB_NOMEM, "no memory for what the model knows of its data");
    if (status != SAB_OK)
        return sab_fail(err, SAB_FORMAT, "what the model knows of its data is not legal JSON: byte %zu: %s", problem.at,
                        problem.what);
    const char *owner = sab_value_string(sab_value_get(root, "task"));
    if (!sab_value_is(root, SAB_VALUE_OBJECT))
        status = sab_fail(err, SAB_FORMAT, "what the model knows of its data is not a JSON object");
    else if (!owner || (task && strcmp(owner, task) != 0))
        status = sab_fail(err, SAB_FORMAT, "what the model knows of its data is for the task \"%.32s\", not %s",
                          owner ? owner : "", task ? task : "one that is known");
    if (status == SAB_OK)
        *out = root;
    else
        sab_json_free(root);
    return status;
}

int sab_facts_loss(const struct sab_value *facts, int *loss, struct sab_error *err)
{
    int status = sab_facts_int(facts, "loss", SAB_LOSS_CROSS_ENTROPY, SAB_LOSS_QUANTILE, loss, err);
    return status == SAB_OK && *loss == SAB_LOSS_NONE ? sab_facts_damaged("loss", err) : status;
}

int sab_facts_damaged(const char *key, struct sab_error *err)
{
    return sab_fail(err, SAB_FORMAT, "what the model knows of its data is damaged at \"%s\"", key);
}

int sab_facts_int(const struct sab_value *facts, const char *key, int least, int most, int *value, struct sab_error *err)
{
    int64_t number;
    if (sab_value_int(sab_value_get(facts, key), least, most, &number))
        return sab_facts_damaged(key, err);
    *value = (int)number;
    return SAB_OK;
}

void sab_facts_begin(struct sab_json *json, const char *task)
{
    *json = (struct sab_json){.is_compact = 1};
    sab_json_open(json, NULL, '{');
    sab_json_text(json, "task", task);
}

int sab_facts_end(struct sab_json *json, char **text, struct sab_error *err)
{
    size_t nbytes;
    sab_json_close(json, '}');
    char *whole = sab_json_take(json, &nbytes);
    if (!whole)
        return sab_fail(err, SAB_NOMEM, "no memory for what is known of the data");
    const struct sab_value *back;
    struct sab_json_problem problem;
    int status = SAB_OK;
    if (json->is_altered)
        status = sab_fail(err, SAB_INVALID, "a name in the data is not UTF-8 text");
    else if (nbytes > SAB_FACTS_CAP)
        status = sab_fail(err, SAB_INVALID, "what a model must know of these data (columns, classes) has %zu bytes; it keeps at "
                                            "most %d", nbytes, SAB_FACTS_CAP);
    else if ((status = sab_json_parse(&back, whole, nbytes, &problem)) == SAB_OK)
        sab_json_free(back); /* and so it can be read back */
    else if (status == SAB_NOMEM)
        sab_fail(err, SAB_NOMEM, "no memory for what is known of the data");
    else
        status = sab_fail(err, SAB_INVALID, "what a model must know of these data (columns, classes) cannot be kept: %s",
                          problem.what);
    if (status != SAB_OK) {
        sab_free(whole);
        return status;
    }
    *text = whole;
    return SAB_OK;
}

/* Words about the data, which say where they were and not what they are. */
static int is_account(const struct sab_value *member)
{
    return strcmp(member->key, "account") == 0 || strcmp(member->key, "warnings") == 0;
}

static int hold_equal(const struct sab_value *x, const struct sab_value *y)
{
    int members = 0, is_equal = 1;
    for (const struct sab_value *m = sab_value_first(x); m && is_equal; m = m->next) {
        members += !is_account(m);
        is_equal = is_account(m) || sab_value_equal(m, sab_value_get(y, m->key));
    }
    for (const struct sab_value *m = sab_value_first(y); m; m = m->next)
        members -= !is_account(m);
    return is_equal && members == 0;
}

int sab_facts_equal(const char *a, const char *b)
{
    if (!a || !b || strcmp(a, b) == 0)
        return a && b ? 1 : a == b;
    const struct sab_value *x = NULL, *y = NULL;
    int status = sab_json_parse(&x, a, strlen(a), NULL);
    if (status == SAB_OK)
        status = sab_json_parse(&y, b, strlen(b), NULL);
    int is_equal = status == SAB_OK && sab_value_is(x, SAB_VALUE_OBJECT) && sab_value_is(y, SAB_VALUE_OBJECT) && hold_equal(x, y);
    sab_json_free(x);
    sab_json_free(y);
    return status == SAB_NOMEM ? -1 : is_equal;
}
