/* A command of the program: what it is called, what it accepts, what it does. Adding one means one file with a
 * `const struct sab_command`, and its name in SAB_COMMANDS. */
#ifndef SAB_CLI_COMMAND_H
#define SAB_CLI_COMMAND_H

#include <stddef.h>

#include "base/option.h"

struct sab_cli;

struct sab_command {
    const char *name;
    const char *words;        /* "TASK", "RUN", "" ; what follows the name on the usage line */
    int words_least, words_most;
    const char *summary;      /* one line, no full stop */
    const char *purpose;      /* a paragraph or two, lines up to 79 columns, ends with a newline */
    const char *examples;     /* lines up to 79 columns, ends with a newline */
    const char *groups;       /* groups of sab_options it takes, "model credit"; "" for none */
    const char *names;        /* further rows of sab_options it takes, "T seed"; "" for none */
    const char *defaults;     /* defaults of its own, "hidden=12 T=20"; "" for none */
    const struct sab_option *own; /* options of its own; offsets are in a block of own_nbytes, sab_cli.own */
    int own_count;
    size_t own_nbytes;
    void (*more_help)(void);         /* prints what comes after the examples, or NULL */
    int (*run)(struct sab_cli *cli); /* returns the exit code */
    int is_shared;            /* 1: the processes that a launcher has started run it together (sab_cli.comm) */
};

enum {
    SAB_CLI_FLAG = 100 /* kind of an option that takes no value: its int becomes 1 */
};

enum sab_exit { SAB_EXIT_DONE = 0, SAB_EXIT_FAILED = 1, SAB_EXIT_USAGE = 2, SAB_EXIT_INTERRUPTED = 75 };

/* The i-th command, or NULL past the last. */
const struct sab_command *sab_command_at(int i);

/* All of them, in the order of the help. */
#define SAB_COMMANDS(_)                                                                                                            \
    _(train) _(eval) _(generate) _(predict) _(recall) _(report) _(inspect) _(import) _(export) _(check_grad) _(tune) _(bench)      \
    _(reproduce) _(data) _(doctor) _(manual)
#define SAB_COMMAND_DECLARE(name) extern const struct sab_command sab_command_##name;
SAB_COMMANDS(SAB_COMMAND_DECLARE)
#undef SAB_COMMAND_DECLARE

#endif
