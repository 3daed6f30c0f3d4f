/* See help.h. Each option is on a line of its own that begins with two spaces, its name and its legal values. */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/arguments.h"
#include "report/words.h"
#include "sab_run.h"

enum { HELP_COLUMN = 30 };

void sab_help_range(const struct sab_option *option, char *buf, size_t cap)
{
    int is_whole = option->kind == SAB_OPTION_INT || option->kind == SAB_OPTION_INT64 || option->kind == SAB_OPTION_UINT64;
    if (is_whole && option->max >= 1e9)
        snprintf(buf, cap, "%lld or more", (long long)option->min);
    else
        sab_option_range(option, buf, cap);
}

static void print_option(const struct sab_option *option, const char *fallback)
{
    char range[128] = "", text[512];
    if (option->kind == SAB_OPTION_TEXT)
        snprintf(range, sizeof range, " TEXT");
    else if (option->kind != SAB_CLI_FLAG) {
        range[0] = ' ';
        sab_help_range(option, range + 1, sizeof range - 1);
    }
    int used = printf("  --%s%s", option->name, range);
    if (option->kind == SAB_CLI_FLAG || *fallback == 0)
        snprintf(text, sizeof text, "%s", option->help);
    else
        snprintf(text, sizeof text, "%s (default %s)", option->help, fallback);
    sab_say_wrapped(text, used, HELP_COLUMN);
}

/* The command's own default of an option of the table, or the table's. */
static const char *fallback_of(const struct sab_command *command, const struct sab_option *option, char buf[64])
{
    char key[64];
    snprintf(key, sizeof key, " %s=", option->name);
    snprintf(buf, 64, " %s", command->defaults);
    const char *at = strstr(buf, key);
    if (!at)
        return option->fallback;
    at += strlen(key);
    size_t n = strcspn(at, " ");
    memmove(buf, at, n);
    buf[n] = 0;
    return buf;
}

/* Of one task, if it is not NULL: what says that others read it is left out. */
static void print_group(const struct sab_command *command, const char *group, const char *task)
{
    int any = 0;
    char buf[64];
    for (int i = 0; i < sab_option_count(); i++) {
        const struct sab_option *option = sab_option_at(i);
        if (strcmp(option->group, group) != 0 || !sab_cli_takes(command, option))
            continue;
        if (task && (strcmp(option->name, "task") == 0 || (option->readers && !sab_text_lists(option->readers, task))))
            continue;
        if (!any)
            printf("\n%c%s:\n", group[0] - 'a' + 'A', group + 1);
        any = 1;
        struct sab_option alone = *option;
        alone.help = task ? sab_say_help_alone(option) : option->help;
        print_option(&alone, fallback_of(command, option, buf));
    }
}

/* Options of the table that a command without a configuration takes: they replace what the run it is given has. */
static void print_replacing(const struct sab_command *command)
{
    int any = 0;
    for (int i = 0; i < sab_option_count(); i++) {
        if (!sab_cli_takes(command, sab_option_at(i)))
            continue;
        if (!any)
            printf("\nIn place of what the run has:\n");
        any = 1;
        print_option(sab_option_at(i), "the run's");
    }
}

void sab_help_command(const struct sab_command *command)
{
    static const char *const groups[] = {"task", "data", "model", "credit", "training", "run"};
    printf("sab %s: %s\n\nUsage: sab %s%s%s [options]\n\n%s\nExamples:\n%s", command->name, command->summary,
           command->name, *command->words ? " " : "", command->words, command->purpose, command->examples);
    if (command->more_help)
        command->more_help();
    if (command->own_count > 0)
        printf("\nOptions:\n");
    for (int i = 0; i < command->own_count; i++)
        print_option(&command->own[i], command->own[i].fallback);
    if (!sab_cli_takes_config(command))
        print_replacing(command);
    for (size_t i = 0; i < sizeof groups / sizeof groups[0] && sab_cli_takes_config(command); i++)
        print_group(command, groups[i], NULL);
    if (sab_cli_takes_config(command)) {
        printf("\nConfiguration:\n");
        sab_say_wrapped("read options from a JSON object such as a run's config.json; options of the command line come "
                      "on top", printf("  --config FILE"), HELP_COLUMN);
        sab_say_wrapped("the same as --key value", printf("  --set key=value"), HELP_COLUMN);
    }
    printf("\nOutput:\n");
    for (int i = 0; i < sab_cli_common_count; i++)
        if (sab_cli_takes_config(command) || strcmp(sab_cli_common[i].name, "help-all") != 0)
            print_option(&sab_cli_common[i], "");
}

int sab_help_task(const struct sab_command *command, const char *task)
{
    const char *help = NULL, *name;
    int i = 0;
    while ((name = sab_task_name(i, &help)) != NULL && strcmp(name, task) != 0)
        i++;
    if (!name || !sab_cli_takes_config(command))
        return 0;
    printf("sab %s %s: %s\n\nUsage: sab %s %s [options]\n", command->name, name, help, command->name, name);
    print_group(command, "task", name);
    print_group(command, "data", name);
    sab_say_wrapped("The network, how blame travels back in time (--credit, --k-top, --k-att, --k-trunc), training and output are the same "
                  "for every task:", 0, 0);
    printf("  sab %s %s --help-all\n", command->name, name);
    return 1;
}

void sab_help_program(void)
{
    printf("sab: recurrent networks trained with Sparse Attentive Backtracking\n\n"
           "Usage: sab COMMAND [options]\n\n"
           "Learn a task in which the answer depends on what happened long ago, see which\n"
           "past moments the network recalls, and compare with (truncated) back-propagation\n"
           "through time.\n\n"
           "Begin with:\n"
           "  sab train copy --T 30 --hidden 64 --stop-at accuracy=0.99 --out runs/first\n"
           "  sab recall runs/first\n"
           "  sab eval runs/first --T 30,60,90\n\n"
           "Commands:\n");
    for (int i = 0; sab_command_at(i); i++)
        sab_say_wrapped(sab_command_at(i)->summary, printf("  %s", sab_command_at(i)->name), 15);
    printf("\nsab COMMAND --help teaches each. sab --version tells the version.\n"
           "Exit codes: 0 done, 1 failed, 2 wrong usage, 75 interrupted and resumable.\n");
}
