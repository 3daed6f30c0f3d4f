/* Files as the system really treats them: replaced, refused, too large, written by two at once, killed half way. The
 * faults that have to be forced are in io_faults.c. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "io/file.h"
#include "io_support.h"

/* Expects status and a message that names what. */
static void assert_refused(int got, int status, const struct sab_error *err, const char *what)
{
    if (got != status || !strstr(err->message, what))
        fail_msg("expected status %d and '%s' in the message, got %d '%s'", status, what, got, err->message);
    assert_int_equal(err->status, status);
}

static void write_then_read_any_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, (1 << 20) + 3};
    const char *path = io_path("any-size");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *data = malloc(sizes[i] + 1);
        memset(data, 'a' + (int)i, sizes[i] + 1);
        struct sab_error err = {0};
        assert_int_equal(sab_file_write_atomic(path, data, sizes[i], &err), SAB_OK);
        assert_true(io_holds(path, data, sizes[i]));
        void *back;
        size_t nbytes = 77;
        assert_int_equal(sab_file_read(path, sizes[i], &back, &nbytes, &err), SAB_OK);
        assert_int_equal(nbytes, sizes[i]);
        assert_memory_equal(back, data, sizes[i]);
        assert_int_equal(((char *)back)[nbytes], 0);
        sab_free(back);
        if (sizes[i] > 0) {
            assert_refused(sab_file_read(path, sizes[i] - 1, &back, &nbytes, &err), SAB_INVALID, &err, path);
            assert_int_equal(nbytes, sizes[i]);
        }
        free(data);
    }
    assert_false(io_exists(io_path("any-size.tmp")));
}

static void new_files_follow_the_umask(void **state)
{
    (void)state;
    const char *path = io_path("mode");
    mode_t before = umask(027);
    assert_int_equal(sab_file_write_atomic(path, "x", 1, NULL), SAB_OK);
    umask(before);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
}

static void a_bare_name_goes_to_the_current_folder(void **state)
{
    (void)state;
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(io_path("")), 0);
    int status = sab_file_write_atomic("bare", "here", 4, NULL);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(status, SAB_OK);
    assert_true(io_holds(io_path("bare"), "here", 4));
}

static void bad_places_are_refused_by_name(void **state)
{
    (void)state;
    struct sab_error err = {0};
    char long_path[512];
    snprintf(long_path, sizeof long_path, "%s", io_path(""));
    size_t n = strlen(long_path);
    memset(long_path + n, 'n', 255);
    long_path[n + 255] = '\0';
    mkdir(io_path("folder"), 0777);
    io_put(io_path("plain"), "p", 1);
    const struct {
        const char *path;
        int status;
        const char *what;
    } cases[] = {
        {"", SAB_INVALID, "file name"},
        {".", SAB_INVALID, "'.'"},
        {"..", SAB_INVALID, "'..'"},
        {"/", SAB_INVALID, "'/'"},
        {io_path("folder/"), SAB_INVALID, "file name"},
        {io_path("folder/."), SAB_INVALID, "file name"},
        {io_path("folder"), SAB_IO, "it is a folder"},
        {io_path("absent/file"), SAB_IO, "absent/file"},
        {io_path("plain/file"), SAB_IO, "plain/file"},
        {long_path, SAB_IO, "File name too long"},
        {"/proc/version-of-nothing", SAB_IO, "/proc/version-of-nothing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_refused(sab_file_write_atomic(cases[i].path, "x", 1, &err), cases[i].status, &err, cases[i].what);
        if (cases[i].path != long_path && strncmp(cases[i].path, "/proc", 5) != 0) /* these only writing tells */
            assert_refused(sab_file_check_writable(cases[i].path, &err), cases[i].status, &err, cases[i].what);
    }
    assert_int_equal(sab_file_check_writable(io_path("plain"), &err), SAB_OK);
    assert_int_equal(sab_file_check_writable(io_path("not-yet"), &err), SAB_OK);
    assert_false(io_exists(io_path("not-yet")));
    assert_false(io_exists(io_path("folder.tmp")));
    assert_true(io_holds(io_path("plain"), "p", 1));
}

static void an_unwritable_folder_is_refused(void **state)
{
    (void)state;
    struct sab_error err = {0};
    mkdir(io_path("closed"), 0755);
    const char *path = io_path("closed/file");
    io_put(path, "old", 3);
    chmod(io_path("closed"), 0555);
    chmod(io_path(""), 0755);
    int is_root = geteuid() == 0;
    if (is_root)
        assert_int_equal(seteuid(65534), 0); /* permissions do not bind root */
    int written = sab_file_write_atomic(path, "new", 3, &err);
    int checked = sab_file_check_writable(path, NULL);
    struct sab_error appended_err = {0}, made_err = {0};
    int appended = sab_file_append(io_path("closed/other"), "x", 1, &appended_err);
    int made = sab_file_make_directory(io_path("closed/sub"), &made_err);
    if (is_root)
        assert_int_equal(seteuid(0), 0);
    chmod(io_path("closed"), 0755);
    assert_int_equal(checked, SAB_IO);
    assert_refused(written, SAB_IO, &err, path);
    assert_refused(written, SAB_IO, &err, "Permission denied");
    assert_refused(appended, SAB_IO, &appended_err, "closed/other");
    assert_refused(made, SAB_IO, &made_err, "closed/sub");
    assert_true(io_holds(path, "old", 3));
}

static mode_t mode_of(const char *path)
{
    struct stat info;
    assert_int_equal(lstat(path, &info), 0);
    return info.st_mode;
}

/* Devices, pipes and links were replaced by regular files, and modes became 644. */
static void links_are_followed(void **state)
{
    (void)state;
    struct sab_error err = {0};
    io_put(io_path("target"), "old", 3);
    assert_int_equal(mkdir(io_path("links"), 0700), 0);
    assert_int_equal(symlink("../target", io_path("links/first")), 0);
    assert_int_equal(symlink(io_path("links/first"), io_path("second")), 0);
    assert_int_equal(sab_file_check_writable(io_path("second"), &err), SAB_OK);
    assert_int_equal(sab_file_write_atomic(io_path("second"), "new", 3, &err), SAB_OK);
    assert_true(io_holds(io_path("target"), "new", 3));
    assert_true(S_ISLNK(mode_of(io_path("second"))) && S_ISLNK(mode_of(io_path("links/first"))));

    assert_int_equal(symlink("not-there-yet", io_path("dangling")), 0);
    assert_int_equal(sab_file_write_atomic(io_path("dangling"), "new", 3, &err), SAB_OK);
    assert_true(S_ISLNK(mode_of(io_path("dangling"))));
    assert_true(io_holds(io_path("not-there-yet"), "new", 3));

    assert_int_equal(symlink("loop-b", io_path("loop-a")), 0);
    assert_int_equal(symlink("loop-a", io_path("loop-b")), 0);
    assert_refused(sab_file_write_atomic(io_path("loop-a"), "new", 3, &err), SAB_IO, &err, "loop-a");
    assert_int_equal(symlink("links", io_path("folder-link")), 0);
    assert_refused(sab_file_write_atomic(io_path("folder-link"), "new", 3, &err), SAB_IO, &err, "it is a folder");
    assert_int_equal(symlink("no/such/folder/x", io_path("astray")), 0);
    assert_refused(sab_file_write_atomic(io_path("astray"), "new", 3, &err), SAB_IO, &err, "astray");

    /* What a run appends to and cuts is its own. */
    assert_refused(sab_file_append(io_path("second"), "x", 1, &err), SAB_IO, &err, "it is a link");
    assert_refused(sab_file_cut(io_path("second"), 1, &err), SAB_IO, &err, "it is a link");
    assert_true(io_holds(io_path("target"), "new", 3));
    assert_int_equal(sab_file_cut(io_path("target"), 2, &err), SAB_OK);
    assert_int_equal(sab_file_cut(io_path("target"), 9, &err), SAB_OK);
    assert_true(io_holds(io_path("target"), "ne", 2));
    assert_int_equal(sab_file_cut(io_path("absent"), 9, &err), SAB_OK);
    assert_false(io_exists(io_path("absent")));
}

static void the_mode_stays(void **state)
{
    (void)state;
    static const mode_t modes[] = {0600, 0644, 0755, 0640, 0400, 0666};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        struct sab_error err = {0};
        io_put(io_path("moded"), "old", 3);
        assert_int_equal(chmod(io_path("moded"), modes[i]), 0);
        assert_int_equal(sab_file_write_atomic(io_path("moded"), "new", 3, &err), SAB_OK);
        if ((mode_of(io_path("moded")) & 07777) != modes[i])
            fail_msg("mode %o became %o", modes[i], mode_of(io_path("moded")) & 07777);
        assert_true(io_holds(io_path("moded"), "new", 3));
        unlink(io_path("moded"));
    }
    if (geteuid() != 0)
        return;
    io_put(io_path("owned"), "old", 3);
    assert_int_equal(chown(io_path("owned"), 1234, 2345), 0);
    assert_int_equal(chmod(io_path("owned"), 04640), 0); /* of the rights, not what runs as its owner */
    assert_int_equal(sab_file_write_atomic(io_path("owned"), "new", 3, NULL), SAB_OK);
    struct stat info;
    assert_int_equal(stat(io_path("owned"), &info), 0);
    assert_true(info.st_uid == 1234 && info.st_gid == 2345 && (info.st_mode & 07777) == 0640);
}

static void pipes_and_devices_are_written_into(void **state)
{
    (void)state;
    struct sab_error err = {0};
    const char *fifo = io_path("fifo");
    static char large[200000];
    memset(large, 'l', sizeof large);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    pid_t reader = fork();
    if (reader == 0) {
        int fd = open(fifo, O_RDONLY);
        size_t got = 0;
        char part[4096];
        for (ssize_t n; (n = read(fd, part, sizeof part)) > 0;)
            got += (size_t)n;
        _exit(got == sizeof large ? 0 : 1);
    }
    assert_int_equal(sab_file_write_atomic(fifo, large, sizeof large, &err), SAB_OK);
    int status;
    assert_int_equal(waitpid(reader, &status, 0), reader);
    assert_int_equal(status, 0);
    assert_true(S_ISFIFO(mode_of(fifo)));
    assert_false(io_exists(io_path("fifo.tmp")));

    assert_int_equal(symlink("/dev/null", io_path("null")), 0);
    assert_int_equal(sab_file_check_writable(io_path("null"), &err), SAB_OK);
    assert_int_equal(sab_file_write_atomic(io_path("null"), large, sizeof large, &err), SAB_OK);
    assert_true(S_ISLNK(mode_of(io_path("null"))));
    assert_int_equal(symlink("/dev/full", io_path("full-device")), 0);
    assert_refused(sab_file_write_atomic(io_path("full-device"), large, sizeof large, &err), SAB_IO, &err, "No space left");
}

/* As /dev/stdout leads to /proc/self/fd/1. Whatever else is in the file, and comes after, stays. */
static void own_descriptors_go_on_where_they_are(void **state)
{
    (void)state;
    struct sab_error err = {0};
    char to[64];
    int fd = open(io_path("opened"), O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "before ", 7), 7);
    snprintf(to, sizeof to, "/proc/self/fd/%d", fd);
    assert_int_equal(symlink(to, io_path("mine")), 0);
    assert_int_equal(sab_file_check_writable(io_path("mine"), &err), SAB_OK);
    assert_int_equal(sab_file_write_atomic(io_path("mine"), "middle", 6, &err), SAB_OK);
    assert_int_equal(write(fd, " after", 6), 6);
    close(fd);
    assert_true(io_holds(io_path("opened"), "before middle after", 19));
    assert_true(S_ISLNK(mode_of(io_path("mine"))));
    assert_refused(sab_file_check_writable(io_path("mine"), &err), SAB_IO, &err, "Bad file descriptor");
    assert_refused(sab_file_write_atomic(io_path("mine"), "middle", 6, &err), SAB_IO, &err, "Bad file descriptor");
}

static void what_is_in_the_way_of_the_temporary_file_stays(void **state)
{
    (void)state;
    struct sab_error err = {0};
    io_put(io_path("target"), "precious", 8);
    const char *path = io_path("in-the-way"), *tmp = io_path("in-the-way.tmp");
    assert_int_equal(symlink(io_path("target"), tmp), 0);
    assert_refused(sab_file_write_atomic(path, "new", 3, &err), SAB_IO, &err, path);
    unlink(tmp);
    assert_int_equal(link(io_path("target"), tmp), 0);
    assert_refused(sab_file_write_atomic(path, "new", 3, &err), SAB_IO, &err, "in the way");
    unlink(tmp);
    assert_int_equal(mkfifo(tmp, 0600), 0);
    assert_refused(sab_file_write_atomic(path, "new", 3, &err), SAB_IO, &err, path);
    unlink(tmp);
    assert_int_equal(mkdir(tmp, 0700), 0);
    assert_refused(sab_file_write_atomic(path, "new", 3, &err), SAB_IO, &err, path);
    rmdir(tmp);
    assert_true(io_holds(io_path("target"), "precious", 8));
    assert_false(io_exists(path));

    io_put(tmp, "left behind by a killed writer", 30);
    assert_int_equal(sab_file_write_atomic(path, "new", 3, &err), SAB_OK);
    assert_true(io_holds(path, "new", 3));
    assert_false(io_exists(tmp));
}

/* The system itself writes the first 4096 bytes and refuses the rest. */
static void a_full_disk_leaves_the_old_content(void **state)
{
    (void)state;
    struct sab_error err = {0}, append_err = {0};
    static char big[10000];
    const char *path = io_path("full"), *log = io_path("full.log");
    io_put(path, "old", 3);
    io_put(log, "line\n", 5);
    struct rlimit before, small = {4096, RLIM_INFINITY};
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    int written = sab_file_write_atomic(path, big, sizeof big, &err);
    int appended = sab_file_append(log, big, sizeof big, &append_err);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_DFL);
    assert_refused(written, SAB_IO, &err, "byte 4096 of 10000");
    assert_refused(written, SAB_IO, &err, path);
    assert_true(io_holds(path, "old", 3));
    assert_false(io_exists(io_path("full.tmp")));
    assert_refused(appended, SAB_IO, &append_err, log);
    assert_true(io_holds(log, "line\n", 5));
}

static void reading_refuses_what_is_no_file(void **state)
{
    (void)state;
    struct sab_error err = {0};
    void *data = &err;
    size_t nbytes = 5;
    mkdir(io_path("read-folder"), 0777);
    mkfifo(io_path("read-pipe"), 0600);
    assert_refused(sab_file_read(io_path("nothing"), 100, &data, &nbytes, &err), SAB_IO, &err, "nothing");
    assert_refused(sab_file_read("", 100, &data, &nbytes, &err), SAB_IO, &err, "''");
    assert_refused(sab_file_read(io_path("read-folder"), 100, &data, &nbytes, &err), SAB_IO, &err, "a folder");
    assert_refused(sab_file_read(io_path("read-pipe"), 100, &data, &nbytes, &err), SAB_IO, &err, "a pipe or device");
    assert_refused(sab_file_read("/dev/zero", 100, &data, &nbytes, &err), SAB_IO, &err, "/dev/zero");
    assert_ptr_equal(data, &err);
    assert_int_equal(nbytes, 5);
    assert_int_equal(sab_file_read(io_path("nothing"), 100, &data, &nbytes, NULL), SAB_IO);
}

static void appending_adds_at_the_end(void **state)
{
    (void)state;
    struct sab_error err = {0};
    const char *path = io_path("log");
    assert_int_equal(sab_file_append(path, "one\n", 4, &err), SAB_OK);
    assert_int_equal(sab_file_append(path, "", 0, &err), SAB_OK);
    assert_int_equal(sab_file_append(path, "two\n", 4, &err), SAB_OK);
    assert_true(io_holds(path, "one\ntwo\n", 8));
    assert_refused(sab_file_append(io_path(""), "x", 1, &err), SAB_IO, &err, io_path(""));
    assert_refused(sab_file_append(io_path("absent/log"), "x", 1, &err), SAB_IO, &err, "absent/log");
    mkfifo(io_path("log-pipe"), 0600);
    assert_refused(sab_file_append(io_path("log-pipe"), "x", 1, &err), SAB_IO, &err, "log-pipe");
}

static void folders_are_made_with_their_parents(void **state)
{
    (void)state;
    struct sab_error err = {0};
    struct stat info;
    static const char *const good[] = {"a/b/c", "a/b/c", "a/b/d/", "a//e//f///", "a/./g/../h"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const char *path = io_path(good[i]);
        assert_int_equal(sab_file_make_directory(path, &err), SAB_OK);
        assert_int_equal(stat(path, &info), 0);
        assert_true(S_ISDIR(info.st_mode));
    }
    assert_int_equal(sab_file_make_directory("/", &err), SAB_OK);
    assert_int_equal(sab_file_make_directory(".", &err), SAB_OK);
    io_put(io_path("a/file"), "x", 1);
    assert_refused(sab_file_make_directory("", &err), SAB_INVALID, &err, "empty");
    assert_refused(sab_file_make_directory(io_path("a/file"), &err), SAB_IO, &err, "a/file");
    assert_refused(sab_file_make_directory(io_path("a/file/b"), &err), SAB_IO, &err, "is a file");
    assert_true(io_holds(io_path("a/file"), "x", 1));
    assert_refused(sab_file_make_directory("/proc/absent", &err), SAB_IO, &err, "/proc/absent");
}

/* 1 if the file is `nbytes` times one letter. */
static int is_uniform(const char *path, size_t nbytes)
{
    size_t have;
    char *data = io_get(path, &have);
    int good = have == nbytes;
    for (size_t i = 1; i < have && good; i++)
        good = data[i] == data[0];
    free(data);
    return good;
}

enum { RACE_NBYTES = 200000 };

/* Writes the letter over and over until killed, or `times` times; exits 0 unless a write failed. */
static pid_t fork_writer(const char *path, char letter, int times)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    char *data = malloc(RACE_NBYTES);
    memset(data, letter, RACE_NBYTES);
    int good = 1;
    for (int i = 0; i != times && good; i++)
        good = sab_file_write_atomic(path, data, RACE_NBYTES, NULL) == SAB_OK;
    _exit(good ? 0 : 1);
}

static void writers_of_one_path_take_turns(void **state)
{
    (void)state;
    const char *path = io_path("race");
    char *first = malloc(RACE_NBYTES);
    memset(first, 'z', RACE_NBYTES);
    io_put(path, first, RACE_NBYTES);
    free(first);
    pid_t pids[4];
    for (int w = 0; w < 4; w++)
        pids[w] = fork_writer(path, (char)('a' + w), 50);
    int running = 4, looks = 0, exits_bad = 0;
    while (running > 0) {
        int how;
        assert_true(is_uniform(path, RACE_NBYTES));
        looks++;
        while (running > 0 && waitpid(-1, &how, WNOHANG) > 0) {
            running--;
            exits_bad += how != 0;
        }
    }
    (void)pids;
    assert_int_equal(exits_bad, 0);
    assert_true(looks > 1);
    assert_false(io_exists(io_path("race.tmp")));
}

static void killed_writers_leave_a_whole_file(void **state)
{
    (void)state;
    const char *path = io_path("killed");
    char *first = malloc(RACE_NBYTES);
    memset(first, 'z', RACE_NBYTES);
    io_put(path, first, RACE_NBYTES);
    free(first);
    unsigned seed = 1;
    for (int i = 0; i < 200; i++) {
        pid_t pid = fork_writer(path, (char)('a' + i % 26), -1);
        usleep((useconds_t)(rand_r(&seed) % 5000));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        if (!is_uniform(path, RACE_NBYTES))
            fail_msg("kill %d left a torn file", i);
    }
    assert_int_equal(sab_file_write_atomic(path, "last", 4, NULL), SAB_OK);
    assert_true(io_holds(path, "last", 4));
    assert_false(io_exists(io_path("killed.tmp")));
}

int main(void)
{
    io_path(""); /* the folder belongs to this process, not to a forked one */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_then_read_any_size),
        cmocka_unit_test(new_files_follow_the_umask),
        cmocka_unit_test(a_bare_name_goes_to_the_current_folder),
        cmocka_unit_test(bad_places_are_refused_by_name),
        cmocka_unit_test(an_unwritable_folder_is_refused),
        cmocka_unit_test(links_are_followed),
        cmocka_unit_test(the_mode_stays),
        cmocka_unit_test(pipes_and_devices_are_written_into),
        cmocka_unit_test(own_descriptors_go_on_where_they_are),
        cmocka_unit_test(what_is_in_the_way_of_the_temporary_file_stays),
        cmocka_unit_test(a_full_disk_leaves_the_old_content),
        cmocka_unit_test(reading_refuses_what_is_no_file),
        cmocka_unit_test(appending_adds_at_the_end),
        cmocka_unit_test(folders_are_made_with_their_parents),
        cmocka_unit_test(writers_of_one_path_take_turns),
        cmocka_unit_test(killed_writers_leave_a_whole_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
