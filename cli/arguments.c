/* See arguments.h.
 *
 *     defaults of the table < of the command < --preset, --config, in their order < --set, --name, in theirs */
#include "cli/arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/foreign_names.h"
#include "cli/presets.h"
#include "io/file.h"
#include "sab_run.h"

enum {
    NAMES_CAP = 128,
    CONFIG_CAP = 1 << 23 /* bytes of a config.json, with every text at its longest */
};

#define COMMON(name, field, help) \
    {name, SAB_CLI_FLAG, offsetof(struct sab_cli, field), 0, 0, 1, NULL, "off", "output", help}

const struct sab_option sab_cli_common[] = {
    COMMON("json", json, "print the result as one JSON object"),
    COMMON("quiet", quiet, "say nothing but errors and the result"),
    COMMON("help", help, "this text; after a task, what concerns it"),
    COMMON("help-all", help_all, "every option, whatever the task"),
};
const int sab_cli_common_count = sizeof sab_cli_common / sizeof sab_cli_common[0];

int sab_cli_takes(const struct sab_command *command, const struct sab_option *option)
{
    return sab_text_lists(command->groups, option->group) || sab_text_lists(command->names, option->name);
}

int sab_cli_takes_config(const struct sab_command *command)
{
    return command->groups[0] != 0;
}

/* The option's place in the table; -1: there is none. */
static int place_of(const char *name)
{
    const struct sab_option *option = sab_option_find(name);
    int i = 0;
    while (option && sab_option_at(i) != option)
        i++;
    return option ? i : -1;
}

int sab_cli_given(const struct sab_cli *cli, const char *name)
{
    int i = place_of(name);
    return i >= 0 && cli->given[i];
}

int sab_cli_cpu(struct sab_options *options, struct sab_error *err)
{
    const char *cpu = getenv("SAB_CPU");
    struct sab_error why;
    if (!cpu || sab_options_set(options, "cpu", cpu, &why) == SAB_OK)
        return SAB_OK;
    return sab_fail(err, SAB_INVALID, "SAB_CPU sets %.400s", why.message);
}

int sab_cli_apply(const struct sab_cli *cli, struct sab_options *options, struct sab_error *err)
{
    int status = SAB_OK;
    for (int i = 0; i < sab_option_count() && status == SAB_OK; i++) {
        const char *name = sab_option_at(i)->name;
        char number[SAB_NUMBER_CAP];
        if (cli->given[i])
            status = sab_options_set(options, name, sab_options_value(cli->options, name, number), err);
    }
    return status;
}

/* ---- options of one command ---- */

static const struct sab_option *find_in(const struct sab_option *table, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

static int fail_unknown(const struct sab_command *command, const char *name, struct sab_error *err)
{
    const char *names[NAMES_CAP];
    int n = 0;
    for (int i = 0; i < sab_cli_common_count; i++)
        names[n++] = sab_cli_common[i].name;
    for (int i = 0; i < command->own_count; i++)
        names[n++] = command->own[i].name;
    if (sab_cli_takes_config(command)) {
        names[n++] = "config";
        names[n++] = "set";
    }
    for (int i = 0; i < sab_option_count() && n < NAMES_CAP; i++)
        if (sab_cli_takes(command, sab_option_at(i)))
            names[n++] = sab_option_at(i)->name;
    if (sab_option_find(name) || strcmp(name, "config") == 0 || strcmp(name, "set") == 0)
        return sab_fail(err, SAB_INVALID, "sab %s does not take --%s; sab %s --help lists what it takes",
                        command->name, name, command->name);
    const char *nearest = sab_text_nearest(name, names, n), *hint = sab_cli_takes_config(command) ? sab_foreign_name_hint(name) : NULL;
    if (hint)
        return sab_fail(err, SAB_INVALID, "unknown option --%.60s; %s", name, hint);
    if (nearest)
        return sab_fail(err, SAB_INVALID, "unknown option --%.60s; did you mean --%s?", name, nearest);
    return sab_fail(err, SAB_INVALID, "unknown option --%.60s; sab %s --help lists them all", name, command->name);
}

/* Sets a field of the command's own block. A flag is no option of the table: it takes no value. */
static int set_own(const struct sab_option *option, void *block, const char *value, struct sab_error *err)
{
    if (option->kind != SAB_CLI_FLAG)
        return sab_option_set(option, block, value, err);
    *(int *)((char *)block + option->offset) = strcmp(value, "off") != 0;
    return SAB_OK;
}

/* Sets an option of the table, if it is one that the command takes. */
static int set_config(struct sab_cli *cli, const char *name, const char *value, struct sab_error *err)
{
    const struct sab_option *option = sab_option_find(name);
    if (!option || !sab_cli_takes(cli->command, option))
        return fail_unknown(cli->command, name, err);
    int status = sab_options_set(cli->options, name, value, err);
    if (status == SAB_OK)
        cli->given[place_of(name)] = 1;
    return status;
}

static int set_pair(struct sab_cli *cli, const char *pair, struct sab_error *err)
{
    char name[64];
    const char *equals = strchr(pair, '=');
    if (!equals || equals == pair || (size_t)(equals - pair) >= sizeof name)
        return sab_fail(err, SAB_INVALID, "--set: \"%.60s\" is not key=value, such as k-top=5", pair);
    memcpy(name, pair, (size_t)(equals - pair));
    name[equals - pair] = 0;
    return set_config(cli, name, equals + 1, err);
}

const char *sab_cli_own(const struct sab_cli *cli, const char *name)
{
    char number[SAB_REAL_TEXT_CAP]; /* a text needs none */
    return sab_option_value(find_in(cli->command->own, cli->command->own_count, name), cli->own, number);
}

int sab_cli_set_own(const struct sab_cli *cli, const char *name, const char *value, struct sab_error *err)
{
    return set_own(find_in(cli->command->own, cli->command->own_count, name), cli->own, value, err);
}

static int set_option(struct sab_cli *cli, const char *name, const char *value, struct sab_error *err)
{
    const struct sab_option *own = find_in(cli->command->own, cli->command->own_count, name);
    if (own)
        return set_own(own, cli->own, value, err);
    if (sab_cli_takes_config(cli->command) && strcmp(name, "set") == 0)
        return set_pair(cli, value, err);
    if (sab_cli_takes_config(cli->command) && strcmp(name, "config") == 0)
        return SAB_OK; /* read before all others */
    return set_config(cli, name, value, err);
}

/* ---- the line ---- */

/* Takes one argument, and the next if it is its value. */
struct item {
    char name[64];      /* "" for a word */
    const char *value;  /* NULL for a flag */
};

static int is_flag(const struct sab_command *command, const char *name)
{
    const struct sab_option *option = find_in(sab_cli_common, sab_cli_common_count, name);
    if (!option)
        option = find_in(command->own, command->own_count, name);
    return option && option->kind == SAB_CLI_FLAG;
}

static int is_known(const struct sab_command *command, const char *name)
{
    const struct sab_option *option = sab_option_find(name);
    return (option && sab_cli_takes(command, option)) || find_in(command->own, command->own_count, name) ||
           find_in(sab_cli_common, sab_cli_common_count, name) ||
           (sab_cli_takes_config(command) && (strcmp(name, "config") == 0 || strcmp(name, "set") == 0));
}

static int next_item(const struct sab_command *command, int n, char **arguments, int *at, struct item *item,
                     struct sab_error *err)
{
    const char *text = arguments[(*at)++];
    *item = (struct item){"", text};
    if (strcmp(text, "-h") == 0)
        text = "--help";
    if (text[0] != '-' || text[1] == 0)
        return SAB_OK;
    if (text[1] != '-')
        return sab_fail(err, SAB_INVALID, "unknown option %.60s; options begin with two dashes", text);
    const char *equals = strchr(text, '=');
    size_t length = equals ? (size_t)(equals - text) - 2 : strlen(text) - 2;
    snprintf(item->name, sizeof item->name, "%.*s", (int)(length < sizeof item->name ? length : sizeof item->name - 1),
             text + 2);
    if (length == 0)
        return sab_fail(err, SAB_INVALID, "\"%.60s\" is not an option", text);
    if (!is_known(command, item->name))
        return fail_unknown(command, item->name, err);
    item->value = equals ? equals + 1 : NULL;
    if (is_flag(command, item->name))
        return equals ? sab_fail(err, SAB_INVALID, "--%s takes no value", item->name) : SAB_OK;
    if (!equals) {
        if (*at >= n || strncmp(arguments[*at], "--", 2) == 0) {
            char range[128] = "text";
            const struct sab_option *option = find_in(command->own, command->own_count, item->name);
            if (!option)
                option = sab_option_find(item->name);
            if (option)
                sab_option_range(option, range, sizeof range);
            return sab_fail(err, SAB_INVALID, "--%s needs a value: %s", item->name, range);
        }
        item->value = arguments[(*at)++];
    }
    return SAB_OK;
}

static int read_config(struct sab_cli *cli, const char *path, struct sab_error *err)
{
    void *data;
    size_t nbytes;
    struct sab_error why;
    int status = sab_file_read(path, CONFIG_CAP, &data, &nbytes, err);
    if (status != SAB_OK)
        return status;
    status = sab_options_from_json(cli->options, data, nbytes, &why);
    sab_free(data);
    cli->has_config_file = 1;
    return status == SAB_OK ? SAB_OK : sab_fail(err, status, "%.180s: %.300s", path, why.message);
}

static int take_item(struct sab_cli *cli, const struct item *item, struct sab_error *err)
{
    const struct sab_command *command = cli->command;
    if (item->name[0]) {
        const struct sab_option *common = find_in(sab_cli_common, sab_cli_common_count, item->name);
        if (common)
            return set_own(common, cli, "on", err);
        return set_option(cli, item->name, item->value ? item->value : "on", err);
    }
    if (cli->n_words >= command->words_most) {
        if (command->words_most == 0)
            return sab_fail(err, SAB_INVALID, "sab %s takes no word, and \"%.60s\" is one", command->name, item->value);
        return sab_fail(err, SAB_INVALID, "\"%.60s\" is one word too many: sab %s %s", item->value, command->name,
                        command->words);
    }
    cli->words[cli->n_words++] = item->value;
    return SAB_OK;
}

static int set_defaults(struct sab_cli *cli, struct sab_error *err)
{
    const struct sab_command *command = cli->command;
    int status = sab_options_create(&cli->options, err);
    if (status != SAB_OK)
        return status;
    cli->given = sab_alloc((size_t)sab_option_count(), 1);
    cli->own = sab_alloc(1, command->own_nbytes + 1);
    if (!cli->given || !cli->own)
        return sab_fail(err, SAB_NOMEM, "no memory for the command line");
    sab_rows_init(&(struct sab_rows){command->own, command->own_count}, cli->own);
    status = sab_options_parse(cli->options, command->defaults, err);
    if (status != SAB_OK || !sab_cli_takes_config(command))
        return status;
    cli->given[place_of("cpu")] = getenv("SAB_CPU") != NULL;
    return sab_cli_cpu(cli->options, err);
}

int sab_cli_parse(struct sab_cli *cli, const struct sab_command *command, int n, char **arguments,
                  struct sab_error *err)
{
    *cli = (struct sab_cli){.command = command};
    struct item item;
    int status = set_defaults(cli, err);
    for (int at = 0; status == SAB_OK && at < n && !cli->help;) {
        status = next_item(command, n, arguments, &at, &item, err);
        cli->help_all = strcmp(item.name, "help-all") == 0;
        cli->help = cli->help_all || strcmp(item.name, "help") == 0;
        if (!item.name[0] && !cli->words[0])
            cli->words[0] = item.value; /* what help is about */
        if (status == SAB_OK && strcmp(item.name, "config") == 0)
            status = read_config(cli, item.value, err);
        if (status == SAB_OK && strcmp(item.name, "preset") == 0)
            status = sab_preset_apply(item.value, cli->options, err);
    }
    for (int at = 0; status == SAB_OK && at < n && !cli->help;) {
        status = next_item(command, n, arguments, &at, &item, err);
        if (status == SAB_OK)
            status = take_item(cli, &item, err);
    }
    if (status != SAB_OK || cli->help)
        return status;
    if (cli->n_words < command->words_least)
        return sab_fail(err, SAB_INVALID, "sab %s needs %s; sab %s --help shows examples", command->name,
                        command->words, command->name);
    return SAB_OK;
}

void sab_cli_clear(struct sab_cli *cli)
{
    if (cli->own)
        sab_rows_clear(&(struct sab_rows){cli->command->own, cli->command->own_count}, cli->own);
    sab_options_free(cli->options);
    sab_free(cli->given);
    sab_free(cli->own);
    cli->options = NULL;
    cli->given = NULL;
    cli->own = NULL;
}
