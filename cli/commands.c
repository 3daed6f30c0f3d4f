/* The table of commands, in the order of the help. */
#include "cli/command.h"

static const struct sab_command *const commands[] = {
    &sab_command_train,
    &sab_command_eval,
    &sab_command_generate,
    &sab_command_predict,
    &sab_command_recall,
    &sab_command_report,
    &sab_command_inspect,
    &sab_command_import,
    &sab_command_export,
    &sab_command_check_grad,
    &sab_command_tune,
    &sab_command_bench,
    &sab_command_reproduce,
    &sab_command_data,
    &sab_command_doctor,
    &sab_command_manual,
};

const struct sab_command *sab_command_at(int i)
{
    return i >= 0 && i < (int)(sizeof commands / sizeof commands[0]) ? commands[i] : NULL;
}
