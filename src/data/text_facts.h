/* What a model keeps of its text as facts, JSON: {"task":"text","units":"chars","unknown":0,"symbols":"\n !ab..."}, and the account. A
 * byte b is written as the character U+00b, so both kinds of units are text. */
#ifndef SAB_DATA_TEXT_FACTS_H
#define SAB_DATA_TEXT_FACTS_H

#include "data/account.h"
#include "source/vocabulary.h"

/* The facts as text, with the account unless it is NULL, to be freed with sab_free; and back, with suspicion: SAB_FORMAT says what
 * is wrong. */
int sab_text_facts_print(const struct sab_vocabulary *v, const struct sab_account *account, char **json, struct sab_error *err);
int sab_text_facts_read(struct sab_vocabulary *v, const char *json, struct sab_error *err);

#endif
