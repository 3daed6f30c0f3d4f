/* What was understood of data, in words: lines of a label and a text, and warnings. A task's facts keep them, so that every
 * command that shows a model or its training says the same. Must not know what is said. */
#ifndef SAB_DATA_ACCOUNT_H
#define SAB_DATA_ACCOUNT_H

#include "base/json.h"
#include "base/json_out.h"
#include "sab.h"

struct sab_account_line {
    char label[16]; /* "" of a warning */
    char *text;
};

/* Starts from a zeroed struct; clear in every case. Where memory runs out, lines are missing. */
struct sab_account {
    struct sab_account_line *lines;
    int n, cap;
};

/* Texts are printed as printf has it, into at most SAB_ACCOUNT_CAP bytes; what is no printable UTF-8 becomes '?'. */
enum { SAB_ACCOUNT_CAP = 1000 };
__attribute__((format(printf, 3, 4))) void sab_account_say(struct sab_account *account, const char *label,
                                                           const char *format, ...);
__attribute__((format(printf, 2, 3))) void sab_account_warn(struct sab_account *account, const char *format, ...);

/* The line that was said last takes the place of the first one under its label. */
void sab_account_renew(struct sab_account *account);

/* Says how many `items` ("rows") each part has, and of how many the answers are scored, with a warning of parts that have
 * few. By enum sab_split; a part that has none is not there. */
struct sab_files_options;
void sab_account_parts(struct sab_account *account, const struct sab_files_options *files, const char *items,
                       const int64_t n[3], const int64_t scored[3]);

/* Says how often each class comes in the training part, and warns of parts that lack one which another part has.
 * counts: [3, n]; name(user, i, text) writes the name of class i. */
enum { SAB_CLASS_NAME_CAP = 64 };
void sab_account_classes(struct sab_account *account, const struct sab_files_options *files, int n, const int64_t *counts,
                         void (*name)(const void *user, int i, char text[SAB_CLASS_NAME_CAP]), const void *user);

/* The last part of a path: where a file lies is no matter of the account. */
const char *sab_account_file(const char *path);

/* "4,500" */
enum { SAB_COUNT_CAP = 32 };
const char *sab_account_count(int64_t n, char text[SAB_COUNT_CAP]);

/* Appends to a list of names as long as it has room: "a, b, c and 97 more" once it is closed with n names in all. */
struct sab_account_list {
    char text[400];
    size_t used;
    int shown, n;
};
void sab_account_list_add(struct sab_account_list *list, const char *name);
const char *sab_account_list_close(struct sab_account_list *list);

/* Puts all into facts, under "account" and "warnings". */
void sab_account_put(const struct sab_account *account, struct sab_json *facts);

/* Reads it back; the facts may be hostile. Facts without an account give an empty one. SAB_FORMAT. */
int sab_account_get(struct sab_account *account, const struct sab_value *facts, struct sab_error *err);

void sab_account_clear(struct sab_account *account);

#endif
