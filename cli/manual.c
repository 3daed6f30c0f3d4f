/* sab manual, and the page of it. See manual.h. */
#include "cli/manual.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/arguments.h"
#include "cli/help.h"
#include "cli/say.h"
#include "report/option_json.h"

/* Prints a word so that mdoc takes none of it for a command: backslashes are written out, a sign that asks for one at the start of a
 * line is covered. */
static void print_word(const char *word, int n, int is_line_start)
{
    if (is_line_start && (*word == '.' || *word == '\''))
        fputs("\\&", stdout);
    for (int i = 0; i < n; i++)
        if (word[i] == '\\')
            fputs("\\e", stdout);
        else
            putchar(word[i]);
}

/* Prints text in short lines, each sentence on a line of its own, as mdoc wants it; a blank line parts paragraphs. */
static void print_text(const char *text)
{
    enum { WIDTH = 78 };
    int column = 0, is_end = 0;
    while (*text) {
        int n = (int)strcspn(text, " \n");
        const char *after = text + n + strspn(text + n, " \n");
        if (n > 0) {
            if (column > 0 && (is_end || column + 1 + n > WIDTH)) {
                putchar('\n');
                column = 0;
            } else if (column > 0) {
                putchar(' ');
                column++;
            }
            print_word(text, n, column == 0);
            column += n;
            is_end = strchr(".!?", text[n - 1]) != NULL;
        }
        if (strncmp(text + n, "\n\n", 2) == 0 && *after) {
            fputs("\n.Pp\n", stdout);
            column = 0;
        }
        text = after;
    }
    putchar('\n');
}

/* The same of a macro's arguments, of which quotes make one. */
static void print_argument(const char *text)
{
    putchar('"');
    for (const char *c = text; *c; c++)
        fputs(*c == '"' ? "\\(dq" : *c == '\\' ? "\\e" : (char[2]){*c, 0}, stdout);
    putchar('"');
}

static void print_literal(const char *text)
{
    puts(".Bd -literal -offset indent");
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        print_word(line, (int)strcspn(line, "\n"), 1);
        putchar('\n');
    }
    puts(".Ed");
}

static void print_option(const struct sab_option *option, const char *fallback)
{
    char range[256] = "";
    printf(".It Fl -%s", option->name);
    if (option->kind != SAB_CLI_FLAG) {
        if (option->kind == SAB_OPTION_TEXT)
            snprintf(range, sizeof range, "text");
        else
            sab_help_range(option, range, sizeof range);
        fputs(" Ar ", stdout);
        print_argument(range);
    }
    putchar('\n');
    print_text(option->help);
    if (option->kind != SAB_CLI_FLAG && *fallback) {
        fputs(".Pq default ", stdout);
        print_argument(fallback);
        putchar('\n');
    }
}

static void print_group(const char *group)
{
    printf(".Ss %c%s\n.Bl -tag -width Ds\n", group[0] - 'a' + 'A', group + 1);
    for (int i = 0; sab_option_at(i); i++)
        if (strcmp(sab_option_at(i)->group, group) == 0)
            print_option(sab_option_at(i), sab_option_at(i)->fallback);
    puts(".El");
}

/* Which options of the table the command takes, by group and by name. */
static void print_takes(const struct sab_command *command)
{
    if (!command->groups[0] && !command->names[0])
        return;
    puts(".Pp\nOf the options below it takes");
    if (command->groups[0])
        printf("those of the groups %s%s\n", command->groups, command->names[0] ? ", and" : ".");
    for (const char *name = command->names; *name;) {
        int n = (int)strcspn(name, " ");
        const char *next = name + n + strspn(name + n, " ");
        printf(".Fl -%.*s %s\n", n, name, *next ? "," : ".");
        name = next;
    }
}

static void print_command(const struct sab_command *command)
{
    printf(".Ss sab %s\n.Bd -literal -offset indent\nsab %s %s%s[options]\n.Ed\n.Pp\n", command->name, command->name, command->words,
           *command->words ? " " : "");
    print_text(command->purpose);
    print_literal(command->examples);
    if (command->own_count > 0) {
        puts(".Bl -tag -width Ds");
        for (int i = 0; i < command->own_count; i++)
            print_option(&command->own[i], command->own[i].fallback);
        puts(".El");
    }
    print_takes(command);
}

void sab_manual_page(void)
{
    static const char *const groups[] = {"task", "data", "model", "credit", "training", "run"};
    puts(".\\\" Printed by sab manual man, from the tables of commands and options.\n"
         ".Dd November 27, 2026\n.Dt SAB 1\n.Os\n"
         ".Sh NAME\n.Nm sab\n.Nd recurrent networks trained with Sparse Attentive Backtracking\n"
         ".Sh SYNOPSIS\n.Nm\n.Ar command\n.Op Ar words\n.Op Fl -option Ar value ...\n"
         ".Sh DESCRIPTION\n"
         "Trains recurrent networks that are reminded of a few of their past states at\n"
         "each step; the gradient goes back only through these reminders and a few steps\n"
         "around them, so that a network learns from what happened thousands of steps\n"
         "ago.\nThe commands:\n.Bl -tag -width Ds");
    for (int i = 0; sab_command_at(i); i++) {
        printf(".It Cm %s\n", sab_command_at(i)->name);
        print_text(sab_command_at(i)->summary);
    }
    puts(".El\n.Sh COMMANDS");
    for (int i = 0; sab_command_at(i); i++)
        print_command(sab_command_at(i));
    puts(".Ss All commands\n.Bl -tag -width Ds");
    for (int i = 0; i < sab_cli_common_count; i++)
        print_option(&sab_cli_common[i], "");
    puts(".El\n.Sh OPTIONS\nThey are checked, kept in a run's\n.Pa config.json ,\nand may be given as\n.Fl -set Ar "
         "key=value\nor in a file,\n"
         ".Fl -config Ar file .");
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        print_group(groups[i]);
    puts(".Sh ENVIRONMENT\n.Bl -tag -width Ds\n"
         ".It Ev SAB_CPU\nThe default of\n.Fl -cpu .\n"
         ".It Ev SAB_DATA\nA folder in which names of data are looked for that are not found from here.\n.El\n"
         ".Sh FILES\nA run is a folder:\n.Bl -tag -width Ds\n"
         ".It Pa config.json\nevery option, and the version that wrote it\n"
         ".It Pa metrics.jsonl\nan object a line: what each evaluation measured\n"
         ".It Pa model.safetensors\nthe best weights so far, with all that using them needs\n"
         ".It Pa state.safetensors\nall that going on needs\n.El\n"
         ".Sh EXIT STATUS\n.Bl -tag -width Ds\n.It 0\ndone\n.It 1\nfailed: a sentence on standard error says why\n"
         ".It 2\nwrong usage\n.It 75\ninterrupted; the run is saved and can be resumed\n.El\n"
         ".Sh SEE ALSO\n.Lk https://arxiv.org/abs/1809.03702 \"Sparse Attentive Backtracking\"");
}

/* ---- the command ---- */

static const struct format {
    const char *name;
    void (*print)(void);
} formats[] = {
    {"man", sab_manual_page},
    {"bash", sab_completion_bash},
    {"zsh", sab_completion_zsh},
    {"fish", sab_completion_fish},
};

/* The same tables as data. */
static void print_json(void)
{
    struct sab_json json = {.to = stdout};
    sab_json_open(&json, NULL, '{');
    sab_json_open(&json, "commands", '[');
    for (int i = 0; sab_command_at(i); i++) {
        const struct sab_command *command = sab_command_at(i);
        sab_json_open(&json, NULL, '{');
        sab_json_text(&json, "name", command->name);
        sab_json_text(&json, "words", command->words);
        sab_json_text(&json, "summary", command->summary);
        sab_json_text(&json, "purpose", command->purpose);
        sab_json_text(&json, "groups", command->groups);
        sab_json_text(&json, "names", command->names);
        sab_json_open(&json, "options", '[');
        for (int k = 0; k < command->own_count; k++)
            sab_option_json(&json, &command->own[k]);
        sab_json_close(&json, ']');
        sab_json_close(&json, '}');
    }
    sab_json_close(&json, ']');
    sab_json_open(&json, "options", '[');
    for (int i = 0; sab_option_at(i); i++)
        sab_option_json(&json, sab_option_at(i));
    sab_json_close(&json, ']');
    sab_json_text(&json, "version", SAB_VERSION);
    sab_json_close(&json, '}');
}

static int run(struct sab_cli *cli)
{
    struct sab_error err = {0};
    const char *word = cli->n_words ? cli->words[0] : "";
    if (cli->json && !*word) {
        print_json();
        return SAB_EXIT_DONE;
    }
    for (size_t i = 0; i < sizeof formats / sizeof formats[0] && !cli->json; i++)
        if (strcmp(word, formats[i].name) == 0) {
            formats[i].print();
            return SAB_EXIT_DONE;
        }
    return sab_say_error("manual", sab_fail(&err, SAB_INVALID,
                                            "\"%.100s\" is none of man, bash, zsh, fish; --json, without a word, has "
                                            "the "
                                            "tables of commands and options", sab_shown(word)), &err);
}

const struct sab_command sab_command_manual = {
    .name = "manual",
    .words = "man|bash|zsh|fish",
    .words_least = 0,
    .words_most = 1,
    .summary = "print the manual page, or what a shell needs to complete commands",
    .purpose =
        "Prints the page that `man sab` shows once sab is installed, or the completions\n"
        "of a shell, made from the same tables as --help; --json prints these tables.\n"
        "Without an installation:\n",
    .examples =
        "  sab manual man | man -l -\n"
        "  source <(sab manual bash)\n"
        "  sab manual zsh >~/.zfunc/_sab\n"
        "  sab manual fish | source\n",
    .groups = "",
    .names = "",
    .defaults = "",
    .run = run,
};
