/* The program's manual and completions, from the tables of commands and options. */
#ifndef SAB_CLI_MANUAL_H
#define SAB_CLI_MANUAL_H

/* A page of mdoc to stdout. */
void sab_manual_page(void);

/* What shells read to complete a command line, to stdout. */
void sab_completion_bash(void);
void sab_completion_zsh(void);
void sab_completion_fish(void);

#endif
