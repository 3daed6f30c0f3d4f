/* The facts about data that a model keeps, as JSON: written by the task that learned them, read back from what may be a
 * hostile file, and compared. */
#ifndef SAB_DATA_FACTS_H
#define SAB_DATA_FACTS_H

#include "base/json.h"
#include "base/json_out.h"
#include "sab.h"

/* *out = the facts as an object, to be freed with sab_json_free. SAB_FORMAT when they are no JSON object, too large, or their
 * key "task" is not `task` (NULL: is no text); SAB_NOMEM. Takes less than 32 MiB. */
int sab_facts_parse(const struct sab_value **out, const char *facts, const char *task, struct sab_error *err);

/* SAB_FORMAT, naming the key, unless the facts have a whole number in least..most under it. */
int sab_facts_int(const struct sab_value *facts, const char *key, int least, int most, int *value, struct sab_error *err);
/* The same of the loss of a task, which is any but that of the caller's own. */
int sab_facts_loss(const struct sab_value *facts, int *loss, struct sab_error *err);
/* The sentence of a fact that is not as its task wrote it; returns SAB_FORMAT. */
int sab_facts_damaged(const char *key, struct sab_error *err);

/* Begins the object with the key "task"; sab_json_... goes on. */
void sab_facts_begin(struct sab_json *json, const char *task);
/* Ends it: *text is what struct sab_task_kind's facts() gives, freed with sab_free. SAB_NOMEM; SAB_INVALID when it is larger
 * than a model can keep, or one of its texts is no UTF-8. */
int sab_facts_end(struct sab_json *json, char **text, struct sab_error *err);

/* 1 where both say the same, but for the account (account.h), whatever version of sab wrote them; NULL is no facts. -1 without memory. */
int sab_facts_equal(const char *a, const char *b);

#endif
