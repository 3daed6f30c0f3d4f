/* See account.h. */
#include "report/account.h"

#include "base/text.h"
#include "sab_run.h"

enum { SHOWN_CAP = 251 };

static void print_line(void *user, const char *label, const char *text)
{
    char name[SHOWN_CAP], shown[SHOWN_CAP];
    sab_text_shown(text, shown, sizeof shown);
    if (label[0])
        fprintf(user, "%-12s %s\n", sab_text_shown(label, name, sizeof name), shown);
    else
        fprintf(user, "warning: %s\n", shown);
}

void sab_account_print(FILE *to, const char *facts)
{
    sab_facts_tell(facts, print_line, to);
}

struct part {
    struct sab_json *json;
    int n, is_warnings;
};

static void count(void *user, const char *label, const char *text)
{
    (void)label, (void)text;
    ((struct part *)user)->n++;
}

static void print_member(void *user, const char *label, const char *text)
{
    struct part *part = user;
    if (part->is_warnings != !label[0])
        return;
    sab_json_text(part->json, label[0] ? label : NULL, text);
}

void sab_account_print_json(struct sab_json *json, const char *facts)
{
    struct part part = {.json = json};
    sab_facts_tell(facts, count, &part);
    if (part.n == 0)
        return;
    sab_json_open(json, "data", '{');
    sab_facts_tell(facts, print_member, &part);
    sab_json_close(json, '}');
    part.is_warnings = 1;
    sab_json_open(json, "warnings", '[');
    sab_facts_tell(facts, print_member, &part);
    sab_json_close(json, ']');
}
