/* The table of commands. */
#include "cli/command.h"

#define ADDRESS(name) &sab_command_##name,
static const struct sab_command *const commands[] = {SAB_COMMANDS(ADDRESS)};

const struct sab_command *sab_command_at(int i)
{
    return i >= 0 && i < (int)(sizeof commands / sizeof commands[0]) ? commands[i] : NULL;
}
