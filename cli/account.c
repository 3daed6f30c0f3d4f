/* See account.h. */
#include "cli/account.h"
#include "cli/say.h"

#include "data/account.h"
#include "data/facts.h"

/* One that is damaged is empty. */
static struct sab_account read_account(const char *facts)
{
    const struct sab_value *root = NULL;
    struct sab_account account = {0};
    if (facts && sab_facts_parse(&root, facts, NULL, NULL) == SAB_OK && sab_account_get(&account, root, NULL) != SAB_OK)
        sab_account_clear(&account);
    sab_json_free(root);
    return account;
}

void sab_account_print(FILE *to, const char *facts)
{
    struct sab_account account = read_account(facts);
    for (int i = 0; i < account.n; i++)
        if (account.lines[i].label[0])
            fprintf(to, "%-12s %s\n", sab_shown(account.lines[i].label),
                    sab_shown(account.lines[i].text));
        else
            fprintf(to, "warning: %s\n", sab_shown(account.lines[i].text));
    sab_account_clear(&account);
}

void sab_account_print_json(struct sab_json *json, const char *facts)
{
    struct sab_account account = read_account(facts);
    if (account.n > 0) {
        sab_json_open(json, "data", '{');
        for (int i = 0; i < account.n; i++)
            if (account.lines[i].label[0])
                sab_json_text(json, account.lines[i].label, account.lines[i].text);
        sab_json_close(json, '}');
        sab_json_open(json, "warnings", '[');
        for (int i = 0; i < account.n; i++)
            if (!account.lines[i].label[0])
                sab_json_text(json, NULL, account.lines[i].text);
        sab_json_close(json, ']');
    }
    sab_account_clear(&account);
}
