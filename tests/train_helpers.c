/* See train_helpers.h. */
#include "train_helpers.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

void make_folder(char dir[SAB_DIR_CAP])
{
    /* Thousands of synced files: in memory where that can be had. */
    const char *base = getenv("TMPDIR");
    if (!base || !*base)
        base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(dir, SAB_DIR_CAP, "%.200s/sab-test-XXXXXX", base);
    if (!mkdtemp(dir))
        fail_msg("cannot make a folder like %s", dir);
}

void remove_folder(const char *dir)
{
    DIR *folder = opendir(dir);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char path[2 * SAB_DIR_CAP];
        struct stat info;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof path, "%s/%.200s", dir, entry->d_name);
        if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode))
            remove_folder(path);
        else
            unlink(path);
    }
    if (folder)
        closedir(folder);
    rmdir(dir);
}

static FILE *open_in(const char *dir, const char *file, const char *mode)
{
    char path[2 * SAB_DIR_CAP];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    FILE *stream = fopen(path, mode);
    if (!stream)
        fail_msg("cannot open %s", path);
    return stream;
}

char *read_all(const char *dir, const char *file, size_t *nbytes)
{
    FILE *stream = open_in(dir, file, "rb");
    fseek(stream, 0, SEEK_END);
    *nbytes = (size_t)ftell(stream);
    rewind(stream);
    char *data = calloc(*nbytes + 1, 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *nbytes, stream), *nbytes);
    fclose(stream);
    return data;
}

void write_all(const char *dir, const char *file, const void *data, size_t nbytes)
{
    FILE *stream = open_in(dir, file, "wb");
    assert_int_equal(fwrite(data, 1, nbytes, stream), nbytes);
    assert_int_equal(fclose(stream), 0);
}

int has_file(const char *dir, const char *file)
{
    char path[2 * SAB_DIR_CAP];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    return access(path, F_OK) == 0;
}

void set(struct sab_options *config, const char *name, const char *value)
{
    struct sab_error err = {0};
    if (sab_options_set(config, name, value, &err) != SAB_OK)
        fail_msg("%s", err.message);
}

void cut_number(char *text, const char *key)
{
    char start[64], *to = text;
    size_t length = (size_t)snprintf(start, sizeof start, ",\"%s\":", key);
    for (char *from = text; *from;) {
        if (strncmp(from, start, length) == 0)
            from += length + strspn(from + length, "0123456789.e-");
        else
            *to++ = *from++;
    }
    *to = 0;
}

void small_config(struct sab_options *config, const char *dir)
{
    sab_options_init(config);
    config->task.T = 3;
    config->model.hidden = 6;
    config->shared.batch = 4;
    config->model.k_top = 3;
    config->model.k_trunc = 4;
    config->shared.threads = 1;
    config->optim.steps = 50;
    config->run.eval_every = 7;
    config->run.eval_size = 10;
    config->run.save_every = 20;
    config->optim.lr = 0.01;
    config->optim.clip = 1;
    config->optim.schedule = SAB_SCHEDULE_CONSTANT;
    config->optim.warmup = 0;
    config->optim.lr_final = 0;
    set(config, "out", dir);
}
