/* The command line, read: options checked against the option table and the command's own, words kept. Must not know
 * what any command does. */
#ifndef SAB_CLI_ARGUMENTS_H
#define SAB_CLI_ARGUMENTS_H

#include "cli/command.h"

enum { SAB_CLI_WORDS_CAP = 64 };

struct sab_cli {
    const struct sab_command *command;
    const char *words[SAB_CLI_WORDS_CAP];
    int n_words;
    struct sab_options *options; /* defaults, then --config, then the options in their order */
    unsigned char *given;     /* [sab_option_count()] 1: named on the command line or by --set */
    int has_config_file;
    void *own;                /* the command's options */
    /* options that every command takes */
    int json, quiet, help, help_all;
    struct sab_comm *comm;    /* NULL: one process */
};

/* Reads the arguments after the command's name. SAB_INVALID for a mistake of the user, which the message teaches to
 * mend; SAB_IO, SAB_FORMAT from --config. Clear with sab_cli_clear in every case. With --help nothing after it is
 * checked. */
int sab_cli_parse(struct sab_cli *cli, const struct sab_command *command, int n, char **arguments,
                  struct sab_error *err);
void sab_cli_clear(struct sab_cli *cli);

/* The option cpu from the environment variable SAB_CPU, where that is set. */
int sab_cli_cpu(struct sab_options *options, struct sab_error *err);

/* Sets in options what was given on the command line, for a configuration that came from a run. SAB_NOMEM. */
int sab_cli_apply(const struct sab_cli *cli, struct sab_options *options, struct sab_error *err);

/* The command's own text of that name, and another for it. SAB_NOMEM. */
const char *sab_cli_own(const struct sab_cli *cli, const char *name);
int sab_cli_set_own(const struct sab_cli *cli, const char *name, const char *value, struct sab_error *err);

/* 1 if the option of the table was given. */
int sab_cli_given(const struct sab_cli *cli, const char *name);

/* 1 if the command takes this row of sab_options. */
int sab_cli_takes(const struct sab_command *command, const struct sab_option *option);

/* Options that every command takes, and those of commands that take a configuration. */
extern const struct sab_option sab_cli_common[];
extern const int sab_cli_common_count;
int sab_cli_takes_config(const struct sab_command *command);

#endif
