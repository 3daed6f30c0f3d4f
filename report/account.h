/* What was understood of data (data/account.h), as the facts of a task or model keep it, for people and programs. */
#ifndef SAB_REPORT_ACCOUNT_H
#define SAB_REPORT_ACCOUNT_H

#include <stdio.h>

#include "base/json_out.h"

/* Prints a line for each thing understood ("inputs       load, temp") and one for each warning. facts: NULL or what has no
 * account prints nothing. */
void sab_account_print(FILE *to, const char *facts);

/* The same as the keys "data" (label to text) and "warnings". */
void sab_account_print_json(struct sab_json *json, const char *facts);

#endif
