/* Reading the facts about data that a model kept. They may come from a hostile file, so their size and structure are
 * checked before they are parsed. */
#ifndef SAB_DATA_FACTS_H
#define SAB_DATA_FACTS_H

#include <jansson.h>

#include "sab.h"

/* The facts as an object, to be freed with json_decref; NULL and an error where they are not what the task `task` wrote:
 * SAB_FORMAT when they are no JSON object, too large, or their key "task" is not `task`
 * (NULL: is no text); SAB_NOMEM. Parsing takes less than 64 MiB. */
json_t *sab_facts_parse(const char *facts, const char *task, struct sab_error *err);

/* The object as the text that struct sab_task_kind's facts() gives: freed with sab_free. SAB_NOMEM; SAB_INVALID when
 * it is larger than a model can keep. */
int sab_facts_print(const json_t *facts, char **json, struct sab_error *err);

#endif
