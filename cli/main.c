/* The program: finds the command, reads its arguments, runs it. */
#include <fcntl.h>
#include <locale.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/arguments.h"
#include "cli/faults.h"
#include "cli/help.h"
#include "cli/say.h"
#include "comm/comm.h"
#include "comm/world.h"

static int fail_unknown(const char *word)
{
    const char *names[32];
    int n = 0;
    for (; sab_command_at(n); n++)
        names[n] = sab_command_at(n)->name;
    names[n++] = "help";
    names[n++] = "version";
    if (*word == '-')
        fprintf(stderr, "sab: %.60s is not an option here; write the command first: sab COMMAND [options]\n", sab_shown(word));
    else if (sab_text_nearest(word, names, n))
        fprintf(stderr, "sab: unknown command \"%.60s\"; did you mean \"%s\"?\n", sab_shown(word),
                sab_text_nearest(word, names, n));
    else
        fprintf(stderr, "sab: unknown command \"%.60s\"; sab help lists them\n", sab_shown(word));
    return SAB_EXIT_USAGE;
}

static const struct sab_command *find(const char *name)
{
    for (int i = 0; sab_command_at(i); i++)
        if (strcmp(sab_command_at(i)->name, name) == 0)
            return sab_command_at(i);
    return NULL;
}

static int help(const char *name)
{
    if (name && !find(name))
        return fail_unknown(name);
    if (name)
        sab_help_command(find(name));
    else
        sab_help_program();
    return sab_say_flush("help", SAB_EXIT_DONE);
}

static int run(const struct sab_command *command, int n, char **arguments)
{
    struct sab_cli cli;
    struct sab_comm *comm = NULL;
    struct sab_error err = {0};
    int code = SAB_EXIT_DONE, status = command->is_shared ? sab_world_begin(&comm, &err) : SAB_OK;
    if (status != SAB_OK)
        return sab_say_error(command->name, status, &err);
    status = sab_cli_parse(&cli, command, n, arguments, &err);
    status = sab_comm_agree(comm, status, 0, "", &err);
    cli.comm = comm;
    if (status != SAB_OK)
        code = sab_say_error(command->name, status, &err);
    else if (cli.help && (cli.help_all || !cli.words[0] || !sab_help_task(command, cli.words[0])))
        sab_help_command(command);
    else if (cli.help)
        code = SAB_EXIT_DONE; /* said */
    else
        code = command->run(&cli);
    sab_cli_clear(&cli);
    code = sab_say_flush(command->name, code);
    sab_world_end(code);
    return code;
}

/* Closed descriptors 0 to 2 would be given to the next files that are opened, and what is meant for people would land in them.
 * Reading from the one, or writing data to the other, fails as it did before; only what is said to people is dropped. */
static void hold_descriptors(void)
{
    static const int flags[] = {O_WRONLY, O_RDONLY, O_WRONLY};
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags[fd]) < 0)
            open("/", O_RDONLY | O_DIRECTORY); /* where there is no such device: neither can be read or written */
}

/* Large blocks go back to the system when they are freed: left to itself, glibc learns from the first it sees whether they do,
 * and the peak of memory depends on that. */
static void give_back_memory(void)
{
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

int main(int argc, char **argv)
{
    give_back_memory();
    hold_descriptors();
    sab_faults_catch();
    setlocale(LC_CTYPE, ""); /* can the terminal show shades? numbers stay as in C */
    const char *word = argc > 1 ? argv[1] : "";
    if (argc < 2) {
        fprintf(stderr, "sab: which command? sab help lists them\n");
        return SAB_EXIT_USAGE;
    }
    if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return help(argc > 2 ? argv[2] : NULL);
    if (strcmp(word, "version") == 0 || strcmp(word, "--version") == 0) {
        printf(argc > 2 && strcmp(argv[2], "--json") == 0 ? "{\"version\": \"%s\"}\n" : "sab %s\n", SAB_VERSION);
        return sab_say_flush("version", SAB_EXIT_DONE);
    }
    const struct sab_command *command = find(word);
    return command ? run(command, argc - 2, argv + 2) : fail_unknown(word);
}
