/* sab data: the public data sets that sab knows, and whether they are here and whole. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/arguments.h"
#include "cli/data_files.h"
#include "cli/public_sets.h"
#include "cli/say.h"
#include "io/sha256.h"
#include "report/progress.h"
#include "report/json_process.h"
#include "source/input.h"

struct own {
    int check;
};

static const struct sab_option own[] = {
    {"check", SAB_CLI_FLAG, offsetof(struct own, check), 0, 0, 1, NULL, "off", "",
     "read the files that are here and compare size and checksum; fails if one is damaged"},
};

/* What was found of one file. */
enum state { ABSENT, HERE, WHOLE, DAMAGED };

static const char *const states[] = {[ABSENT] = "absent", [HERE] = "here", [WHOLE] = "whole", [DAMAGED] = "damaged"};

struct finding {
    enum state state;
    char path[SAB_CLI_DATA_PATH_CAP];
    char why[512]; /* damaged: a sentence */
};

static void compare(const struct sab_public_file *file, struct finding *found)
{
    struct sab_input_file in = {0};
    struct sab_error err = {0};
    char hex[65];
    found->state = DAMAGED;
    if (sab_input_open(&in, found->path, SIZE_MAX, &err) != SAB_OK) {
        snprintf(found->why, sizeof found->why, "%s", err.message);
        return;
    }
    sab_sha256(in.data, in.nbytes, hex);
    if (in.nbytes != (size_t)file->nbytes)
        snprintf(found->why, sizeof found->why, "it has %zu bytes, not %lld", in.nbytes, (long long)file->nbytes);
    else if (file->sha256 && strcmp(hex, file->sha256) != 0)
        snprintf(found->why, sizeof found->why, "its checksum is %s", hex);
    else
        found->state = file->sha256 ? WHOLE : HERE; /* the size fits, and that is all that is known */
    sab_input_close(&in);
}

static struct finding look(const struct sab_public_set *set, const struct sab_public_file *file, int check)
{
    struct finding found = {.state = ABSENT};
    char name[SAB_DIR_CAP];
    snprintf(name, sizeof name, "%s/%s", set->folder, file->name);
    if (!sab_cli_data_path(name, found.path))
        return found;
    found.state = HERE;
    if (check)
        compare(file, &found);
    return found;
}

/* ---- words ---- */

static void print_file(const struct sab_public_set *set, const struct sab_public_file *file,
                       const struct finding *found)
{
    char size[SAB_SAY_CAP];
    sab_say_count(file->nbytes, size);
    printf("  %s/%s, %s bytes\n", set->folder, file->name, size);
    printf("    %s%s\n", file->sha256 ? "sha256 " : "no checksum known", file->sha256 ? file->sha256 : "");
    if (found->state == ABSENT)
        printf("    not here\n");
    else if (found->state == DAMAGED)
        printf("    DAMAGED: %s: %s\n", sab_shown(found->path), sab_shown(found->why));
    else
        printf("    %s: %s\n", states[found->state], sab_shown(found->path));
}

static void print_set(const struct sab_public_set *set)
{
    printf("%s: %s\n  licence  %s\n  from     %s\n", set->name, set->what, set->licence, set->origin);
    if (set->options)
        printf("  use      sab train %s\n", set->options);
    else
        printf("  use      no task reads this format: write it as npy or csv first\n");
}

static void file_json(struct sab_json *json, const struct sab_public_file *file, const struct finding *found)
{
    sab_json_open(json, NULL, '{');
    sab_json_text(json, "name", file->name);
    sab_json_int(json, "bytes", file->nbytes);
    if (file->sha256)
        sab_json_text(json, "sha256", file->sha256);
    sab_json_text(json, "state", states[found->state]);
    if (found->state != ABSENT)
        sab_json_text(json, "path", found->path);
    if (found->why[0])
        sab_json_text(json, "why", found->why);
    sab_json_close(json, '}');
}

static void set_json(struct sab_json *json, const struct sab_public_set *set)
{
    sab_json_text(json, "name", set->name);
    sab_json_text(json, "what", set->what);
    sab_json_text(json, "licence", set->licence);
    sab_json_text(json, "origin", set->origin);
    sab_json_text(json, "folder", set->folder);
    if (set->options)
        sab_json_text(json, "options", set->options);
}

/* Tells of one set and its files; returns how many of them are damaged. */
static int tell(const struct sab_public_set *set, int check, struct sab_json *json)
{
    int damaged = 0;
    if (json) {
        sab_json_open(json, NULL, '{');
        set_json(json, set);
        sab_json_open(json, "files", '[');
    } else {
        print_set(set);
    }
    for (const struct sab_public_file *file = set->files; file->name; file++) {
        struct finding found = look(set, file, check);
        damaged += found.state == DAMAGED;
        if (json)
            file_json(json, file, &found);
        else
            print_file(set, file, &found);
        fflush(stdout);
    }
    if (json) {
        sab_json_close(json, ']');
        sab_json_close(json, '}');
    } else {
        putchar('\n');
    }
    return damaged;
}

static int find_set(const char *word, int *first, int *end, struct sab_error *err)
{
    enum { CAP = 64 };
    const char *names[CAP];
    int n = 0;
    for (; n < CAP && sab_public_set_at(n); n++) {
        names[n] = sab_public_set_at(n)->name;
        if (word && strcmp(word, names[n]) == 0) {
            *first = n;
            *end = n + 1;
            return SAB_OK;
        }
    }
    *first = 0;
    *end = n;
    if (!word)
        return SAB_OK;
    const char *nearest = sab_text_nearest(word, names, n);
    if (nearest)
        return sab_fail(err, SAB_INVALID, "no data set is called \"%.60s\"; did you mean \"%s\"?", word, nearest);
    return sab_fail(err, SAB_INVALID, "no data set is called \"%.60s\"; sab data lists them all", word);
}

static int run(struct sab_cli *cli)
{
    const struct own *o = cli->own;
    struct sab_json json = {.to = stdout};
    struct sab_error err = {0};
    int first, end, damaged = 0, status = find_set(cli->n_words ? cli->words[0] : NULL, &first, &end, &err);
    if (status != SAB_OK)
        return sab_say_error("data", status, &err);
    struct sab_progress *progress = sab_progress_begin("checking", 0, cli->quiet || !o->check || (!cli->json && isatty(STDOUT_FILENO)));
    if (cli->json) {
        sab_json_open(&json, NULL, '{');
        sab_json_open(&json, "sets", '[');
    }
    for (int i = first; i < end; i++)
        damaged += tell(sab_public_set_at(i), o->check, cli->json ? &json : NULL);
    sab_progress_finish(progress);
    if (cli->json) {
        sab_json_close(&json, ']');
        sab_json_text(&json, "version", SAB_VERSION);
        sab_json_close(&json, '}');
    }
    if (damaged == 0)
        return SAB_EXIT_DONE;
    sab_fail(&err, SAB_FORMAT, "%d file%s not what %s ought to be", damaged, damaged == 1 ? " is" : "s are",
             damaged == 1 ? "it" : "they");
    return sab_say_error("data", SAB_FORMAT, &err);
}

const struct sab_command sab_command_data = {
    .name = "data",
    .words = "[NAME]",
    .words_least = 0,
    .words_most = 1,
    .summary = "list public data sets: licence, files, checksums, what is here",
    .purpose =
        "Lists the public data sets that sab knows, or one of them: where they come from,\n"
        "under which licence, which files with which checksum belong to them, and which\n"
        "of these are here. sab downloads nothing. --data NAME is looked for as it stands,\n"
        "then below the folder that the environment variable SAB_DATA names, then below\n"
        "/usr/share/datasets; each file may end in .gz.\n",
    .examples =
        "  sab data\n"
        "  sab data mnist --check\n"
        "  SAB_DATA=$HOME/data sab data --check --json\n",
    .groups = "",
    .names = "",
    .defaults = "",
    .own = own,
    .own_count = sizeof own / sizeof own[0],
    .own_nbytes = sizeof(struct own),
    .run = run,
};
