/* What people who come from other programs write for our options. */
#ifndef SAB_CLI_FOREIGN_NAMES_H
#define SAB_CLI_FOREIGN_NAMES_H

/* A sentence without its full stop about the option that does what other programs call `name`; NULL: not known. */
const char *sab_foreign_name_hint(const char *name);

#endif
