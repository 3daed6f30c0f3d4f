/* Completions of three shells. See manual.h. Each option of each command, with its choices; words are files, but for the tasks of
 * train. */
#include <stdio.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/manual.h"
#include "sab_run.h"

/* Calls see for each option that the command takes: its own, those of the table, and common ones. */
static void each_option(const struct sab_command *command, void (*see)(const struct sab_command *, const struct sab_option *))
{
    for (int i = 0; i < command->own_count; i++)
        see(command, &command->own[i]);
    for (int i = 0; sab_option_at(i); i++)
        if (sab_cli_takes(command, sab_option_at(i)))
            see(command, sab_option_at(i));
    for (int i = 0; i < sab_cli_common_count; i++)
        see(command, &sab_cli_common[i]);
}

static void print_commands(const char *before)
{
    for (int i = 0; sab_command_at(i); i++)
        printf("%s%s", i ? " " : before, sab_command_at(i)->name);
}

static void print_tasks(void)
{
    for (int i = 0; sab_task_name(i, NULL); i++)
        printf("%s%s", i ? " " : "", sab_task_name(i, NULL));
}

/* The values of an option that has few, separated by blanks. */
static void print_choices(const struct sab_option *option)
{
    if (option->kind == SAB_OPTION_SWITCH)
        fputs("on off", stdout);
    for (int i = 0; option->kind == SAB_OPTION_CHOICE && option->choices[i]; i++)
        printf("%s%s", i ? " " : "", option->choices[i]);
}

static int has_choices(const struct sab_option *option)
{
    return option->kind == SAB_OPTION_CHOICE || option->kind == SAB_OPTION_SWITCH;
}

/* ---- bash ---- */

static void bash_name(const struct sab_command *command, const struct sab_option *option)
{
    (void)command;
    printf(" --%s", option->name);
}

static void bash_value(const struct sab_command *command, const struct sab_option *option)
{
    if (option->kind == SAB_CLI_FLAG)
        return;
    printf("    '%s --%s') ", command->name, option->name);
    if (has_choices(option)) {
        fputs("words='", stdout);
        print_choices(option);
        puts("' ;;");
    } else {
        puts(option->kind == SAB_OPTION_TEXT ? "files=1 ;;" : "return ;;");
    }
}

void sab_completion_bash(void)
{
    puts("# bash completion for sab, printed by sab manual bash\n"
         "_sab()\n{\n"
         "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words= files=\n"
         "    if [ \"$COMP_CWORD\" = 1 ]; then");
    print_commands("        mapfile -t COMPREPLY < <(compgen -W 'help version ");
    puts("' -- \"$current\")\n        return\n    fi\n    case \"${COMP_WORDS[1]} $before\" in");
    for (int i = 0; sab_command_at(i); i++)
        each_option(sab_command_at(i), bash_value);
    puts("    *)\n        case ${COMP_WORDS[1]} in");
    for (int i = 0; sab_command_at(i); i++) {
        printf("        %s) words='", sab_command_at(i)->name);
        each_option(sab_command_at(i), bash_name);
        puts("' ;;");
    }
    fputs("        help) ", stdout);
    print_commands("words='");
    puts("' ;;\n        esac\n        case $current in -*) ;; *)");
    fputs("            files=1 words=\n            if [ \"${COMP_WORDS[1]} $COMP_CWORD\" = 'train 2' ]; then files= words='", stdout);
    print_tasks();
    puts("'; fi ;;\n        esac ;;\n    esac\n"
         "    if [ -n \"$files\" ]; then\n"
         "        mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
         "        compopt -o filenames\n"
         "    else\n"
         "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
         "    fi\n}\ncomplete -F _sab sab");
}

/* ---- zsh ---- */

/* Text inside '...[...]': quotes, brackets and colons mean something there. */
static void zsh_text(const char *text)
{
    for (const char *c = text; *c; c++)
        if (*c == '\'')
            fputs("'\\''", stdout);
        else
            printf("%s%c", strchr("[]:\\", *c) ? "\\" : "", *c);
}

static void zsh_option(const struct sab_command *command, const struct sab_option *option)
{
    (void)command;
    printf("            '--%s[", option->name);
    zsh_text(option->help);
    putchar(']');
    if (has_choices(option)) {
        fputs(":value:(", stdout);
        print_choices(option);
        putchar(')');
    } else if (option->kind == SAB_OPTION_TEXT) {
        fputs(":text:_files", stdout);
    } else if (option->kind != SAB_CLI_FLAG) {
        fputs(":number: ", stdout);
    }
    puts("' \\");
}

void sab_completion_zsh(void)
{
    puts("#compdef sab\n# zsh completion for sab, printed by sab manual zsh\n"
         "_sab()\n{\n"
         "    if (( CURRENT == 2 )); then\n"
         "        local -a commands=(");
    for (int i = 0; sab_command_at(i); i++) {
        printf("            '%s:", sab_command_at(i)->name);
        zsh_text(sab_command_at(i)->summary);
        puts("'");
    }
    puts("        )\n        _describe command commands\n        return\n    fi\n    local command=$words[2]\n"
         "    shift words\n    (( CURRENT-- ))\n    case $command in");
    for (int i = 0; sab_command_at(i); i++) {
        printf("    %s)\n        _arguments \\\n", sab_command_at(i)->name);
        each_option(sab_command_at(i), zsh_option);
        if (strcmp(sab_command_at(i)->name, "train") == 0) {
            fputs("            '1:task:(", stdout);
            print_tasks();
            puts(")' ;;");
        } else {
            puts("            '*:file:_files' ;;");
        }
    }
    puts("    esac\n}\nif [ \"$funcstack[1]\" = _sab ]; then _sab \"$@\"; else compdef _sab sab; fi");
}

/* ---- fish ---- */

static void fish_text(const char *text)
{
    for (const char *c = text; *c; c++)
        printf("%s%c", *c == '\'' || *c == '\\' ? "\\" : "", *c);
}

static void fish_option(const struct sab_command *command, const struct sab_option *option)
{
    printf("complete -c sab -n '__fish_seen_subcommand_from %s' -l %s", command->name, option->name);
    if (has_choices(option)) {
        fputs(" -x -a '", stdout);
        print_choices(option);
        putchar('\'');
    } else if (option->kind != SAB_CLI_FLAG) {
        fputs(option->kind == SAB_OPTION_TEXT ? " -r" : " -x", stdout);
    }
    fputs(" -d '", stdout);
    fish_text(option->help);
    puts("'");
}

void sab_completion_fish(void)
{
    puts("# fish completion for sab, printed by sab manual fish");
    for (int i = 0; sab_command_at(i); i++) {
        printf("complete -c sab -f -n __fish_use_subcommand -a %s -d '", sab_command_at(i)->name);
        fish_text(sab_command_at(i)->summary);
        puts("'");
        each_option(sab_command_at(i), fish_option);
    }
    fputs("complete -c sab -f -n '__fish_seen_subcommand_from train' -a '", stdout);
    print_tasks();
    puts("'");
}
