/* See account.h. */
#include "data/account.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "data/facts.h"
#include "data/parts.h"
#include "sab_run.h"

/* So few answers tell one network from another by chance only. */
enum { FEW = 30, LINES_MOST = 256 };

static void make_printable(char *text)
{
    for (size_t n = strlen(text), i = 0; i < n;) {
        uint32_t code = 0;
        int length = sab_text_decode(text + i, n - i, &code);
        if (length == 0 || code < ' ' || (code >= 0x7f && code < 0xa0)) {
            length = length ? length : 1;
            memset(text + i, '?', (size_t)length);
        }
        i += (size_t)length;
    }
}

static int grow(struct sab_account *account)
{
    int cap = account->cap ? 2 * account->cap : 16;
    struct sab_account_line *lines = sab_alloc((size_t)cap, sizeof *lines);
    if (!lines)
        return 1;
    if (account->n > 0)
        memcpy(lines, account->lines, (size_t)account->n * sizeof *lines);
    sab_free(account->lines);
    account->lines = lines;
    account->cap = cap;
    return 0;
}

static void add(struct sab_account *account, const char *label, const char *text)
{
    struct sab_account_line line = {.text = sab_alloc(strlen(text) + 1, 1)};
    if (!line.text || (account->n == account->cap && grow(account))) {
        sab_free(line.text);
        return;
    }
    snprintf(line.label, sizeof line.label, "%s", label);
    strcpy(line.text, text);
    account->lines[account->n++] = line;
}

void sab_account_say(struct sab_account *account, const char *label, const char *format, ...)
{
    char text[SAB_ACCOUNT_CAP];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    make_printable(text);
    add(account, label, text);
}

void sab_account_warn(struct sab_account *account, const char *format, ...)
{
    char text[SAB_ACCOUNT_CAP];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    make_printable(text);
    add(account, "", text);
}

void sab_account_renew(struct sab_account *account)
{
    int last = account->n - 1, i = 0;
    while (i < last && strcmp(account->lines[i].label, account->lines[last].label) != 0)
        i++;
    if (i >= last)
        return;
    sab_free(account->lines[i].text);
    account->lines[i].text = account->lines[last].text;
    account->n = last;
}

const char *sab_account_count(int64_t n, char text[SAB_COUNT_CAP])
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)n), used = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = 0;
    return text;
}

/* What can give a part other data; nothing more can be said of one that has a file of its own. */
static const char *advice(const struct sab_files_options *files, int split)
{
    const char *own = split == SAB_VALID ? files->valid_data : files->test_data;
    return own[0] ? "" : split == SAB_VALID ? "; --split or --valid-data gives it others" : "; --split or --test-data gives it others";
}

void sab_account_parts(struct sab_account *account, const struct sab_files_options *files, const char *items,
                       const int64_t n[3], const int64_t scored[3])
{
    char text[400] = "";
    for (int p = SAB_TRAIN; p <= SAB_TEST; p++) {
        char all[SAB_COUNT_CAP], some[SAB_COUNT_CAP];
        size_t used = strlen(text);
        sab_account_count(n[p], all);
        sab_account_count(scored[p], some);
        snprintf(text + used, sizeof text - used, "%s%s %s%s%s", p ? ", " : "", all, sab_parts_names[p], p ? "" : " ", p ? "" : items);
        used = strlen(text);
        if (n[p] != scored[p])
            snprintf(text + used, sizeof text - used, " (%s scored)", some);
        if (p != SAB_TRAIN && scored[p] > 0 && scored[p] < FEW)
            sab_account_warn(account, "the %s part has only %s scored answer%s: a figure on it is mostly chance%s",
                             sab_parts_names[p], some,
                             scored[p] == 1 ? "" : "s", advice(files, p));
    }
    sab_account_say(account, "parts", "%s", text);
}

static int64_t sum_of(const int64_t *counts, int n)
{
    int64_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += counts[i];
    return sum;
}

void sab_account_classes(struct sab_account *account, const struct sab_files_options *files, int n, const int64_t *counts,
                         void (*name)(const void *user, int i, char text[SAB_CLASS_NAME_CAP]), const void *user)
{
    struct sab_account_list list = {.used = 0};
    for (int i = 0; i < n; i++) {
        char text[SAB_CLASS_NAME_CAP], number[SAB_COUNT_CAP], item[SAB_CLASS_NAME_CAP + SAB_COUNT_CAP + 8];
        name(user, i, text);
        snprintf(item, sizeof item, "%s: %s", text, sab_account_count(counts[i], number));
        sab_account_list_add(&list, item);
    }
    sab_account_say(account, "classes", "%d; in the training part %s", n, sab_account_list_close(&list));
    for (int p = SAB_VALID; p <= SAB_TEST; p++) {
        struct sab_account_list missing = {.used = 0};
        for (int i = 0; i < n; i++) {
            char text[SAB_CLASS_NAME_CAP];
            name(user, i, text);
            if (counts[(size_t)p * (size_t)n + (size_t)i] == 0)
                sab_account_list_add(&missing, text);
        }
        if (missing.n > 0 && sum_of(counts + (size_t)p * (size_t)n, n) > 0)
            sab_account_warn(account, "the %s part has no answer of the class%s %s: it cannot tell how well %s found%s",
                             sab_parts_names[p], missing.n == 1 ? "" : "es", sab_account_list_close(&missing),
                             missing.n == 1 ? "it is" : "they are", advice(files, p));
    }
}

const char *sab_account_file(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

void sab_account_list_add(struct sab_account_list *list, const char *name)
{
    size_t nbytes = strlen(name);
    if (list->shown == list->n && list->used + nbytes + 2 < sizeof list->text - 40) {
        list->used += (size_t)sprintf(list->text + list->used, "%s%s", list->n ? ", " : "", name);
        list->shown++;
    }
    list->n++;
}

const char *sab_account_list_close(struct sab_account_list *list)
{
    char more[SAB_COUNT_CAP];
    if (list->shown < list->n)
        sprintf(list->text + list->used, " and %s more", sab_account_count(list->n - list->shown, more));
    return list->text;
}

void sab_account_put(const struct sab_account *account, struct sab_json *facts)
{
    sab_json_open(facts, "account", '[');
    for (int i = 0; i < account->n; i++) {
        if (!account->lines[i].label[0])
            continue;
        sab_json_open(facts, NULL, '[');
        sab_json_text(facts, NULL, account->lines[i].label);
        sab_json_text(facts, NULL, account->lines[i].text);
        sab_json_close(facts, ']');
    }
    sab_json_close(facts, ']');
    sab_json_open(facts, "warnings", '[');
    for (int i = 0; i < account->n; i++)
        if (!account->lines[i].label[0])
            sab_json_text(facts, NULL, account->lines[i].text);
    sab_json_close(facts, ']');
}

/* What a hostile file says must not reach a terminal as it is. */
static int take(struct sab_account *account, const char *label, const struct sab_value *value)
{
    char text[SAB_ACCOUNT_CAP];
    const char *found = sab_value_string(value);
    if (!found || !label || strlen(found) >= sizeof text || strlen(label) >= sizeof account->lines->label ||
        account->n == LINES_MOST)
        return 1;
    strcpy(text, found);
    make_printable(text);
    for (const char *at = label; *at; at++)
        if (*at != ' ' && (*at < 'a' || *at > 'z'))
            return 1;
    add(account, label, text);
    return 0;
}

int sab_account_get(struct sab_account *account, const struct sab_value *facts, struct sab_error *err)
{
    const struct sab_value *lines = sab_value_get(facts, "account"), *warnings = sab_value_get(facts, "warnings");
    for (const struct sab_value *pair = sab_value_first(lines); pair; pair = pair->next) {
        const struct sab_value *label = sab_value_first(pair);
        const char *name = sab_value_string(label);
        if (!name || !*name || take(account, name, label->next))
            return sab_facts_damaged("account", err);
    }
    for (const struct sab_value *text = sab_value_first(warnings); text; text = text->next)
        if (take(account, "", text))
            return sab_facts_damaged("warnings", err);
    return SAB_OK;
}

void sab_account_clear(struct sab_account *account)
{
    for (int i = 0; i < account->n; i++)
        sab_free(account->lines[i].text);
    sab_free(account->lines);
    *account = (struct sab_account){0};
}

void sab_facts_tell(const char *facts, void (*line)(void *user, const char *label, const char *text), void *user)
{
    const struct sab_value *root = NULL;
    struct sab_account account = {0};
    int status = facts ? sab_facts_parse(&root, facts, NULL, NULL) : SAB_INVALID;
    if (status == SAB_OK)
        status = sab_account_get(&account, root, NULL);
    for (int i = 0; status == SAB_OK && i < account.n; i++)
        line(user, account.lines[i].label, account.lines[i].text);
    sab_account_clear(&account);
    sab_json_free(root);
}
