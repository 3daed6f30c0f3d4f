/* Every call to the system fails once, each in its turn: the old file stays, the temporary one goes, the message names
 * the file; interrupted and short calls change nothing; every allocation that fails gives a clean error. (What is
 * leaked, the sanitizer build sees.)
 *
 *     ctest: wrap openat flock ftruncate write fsync renameat read aligned_alloc
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/alloc.h"
#include "io/digest.h"
#include "io/file.h"
#include "io/png.h"
#include "io/safetensors.h"
#include "io_support.h"

enum call { OPENAT, FLOCK, FTRUNCATE, WRITE, FSYNC, RENAMEAT, READ, ALLOC, CALLS };

static const char *const call_names[CALLS] = {"openat", "flock", "ftruncate", "write", "fsync", "renameat", "read",
                                              "allocation"};

/* The fail_at-th call of that kind (1-based; 0: none) fails with cause; after it, all do or none. */
static struct {
    int counted[CALLS];
    int fail_at[CALLS];
    int cause;
    int every_other; /* each call that signals may interrupt fails once before it succeeds */
    size_t most;     /* bytes that one read or write moves; 0: any */
    int failed;
} faults;

static int fails(enum call call)
{
    int n = ++faults.counted[call];
    int interrupted = faults.every_other && call != ALLOC && call != RENAMEAT && n % 2 == 1;
    if (n == faults.fail_at[call] || interrupted) {
        errno = faults.cause;
        faults.failed = 1;
        return 1;
    }
    return 0;
}

int __real_openat(int folder, const char *path, int flags, ...);
int __wrap_openat(int folder, const char *path, int flags, ...);
int __wrap_openat(int folder, const char *path, int flags, ...)
{
    return fails(OPENAT) ? -1 : __real_openat(folder, path, flags, 0666);
}

int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);
int __wrap_flock(int fd, int operation)
{
    return fails(FLOCK) ? -1 : __real_flock(fd, operation);
}

int __real_ftruncate(int fd, off_t nbytes);
int __wrap_ftruncate(int fd, off_t nbytes);
int __wrap_ftruncate(int fd, off_t nbytes)
{
    return fails(FTRUNCATE) ? -1 : __real_ftruncate(fd, nbytes);
}

ssize_t __real_write(int fd, const void *data, size_t nbytes);
ssize_t __wrap_write(int fd, const void *data, size_t nbytes);
ssize_t __wrap_write(int fd, const void *data, size_t nbytes)
{
    if (faults.most && nbytes > faults.most)
        nbytes = faults.most;
    if (fails(WRITE))
        return faults.cause ? -1 : 0;
    return __real_write(fd, data, nbytes);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    return fails(FSYNC) ? -1 : __real_fsync(fd);
}

int __real_renameat(int from_folder, const char *from, int to_folder, const char *to);
int __wrap_renameat(int from_folder, const char *from, int to_folder, const char *to);
int __wrap_renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return fails(RENAMEAT) ? -1 : __real_renameat(from_folder, from, to_folder, to);
}

ssize_t __real_read(int fd, void *data, size_t nbytes);
ssize_t __wrap_read(int fd, void *data, size_t nbytes);
ssize_t __wrap_read(int fd, void *data, size_t nbytes)
{
    if (faults.most && nbytes > faults.most)
        nbytes = faults.most;
    if (fails(READ))
        return faults.cause ? -1 : 0;
    return __real_read(fd, data, nbytes);
}

void *__real_aligned_alloc(size_t alignment, size_t nbytes);
void *__wrap_aligned_alloc(size_t alignment, size_t nbytes);
void *__wrap_aligned_alloc(size_t alignment, size_t nbytes)
{
    return fails(ALLOC) ? NULL : __real_aligned_alloc(alignment, nbytes);
}

static int set_up(void **state)
{
    (void)state;
    memset(&faults, 0, sizeof faults);
    return 0;
}

/* ---- what is tried --------------------------------------------------------------------------------------------- */

static const char old_content[] = "the last good checkpoint";
static int (*attempt)(const char *path, struct sab_error *err);

static int attempt_write(const char *path, struct sab_error *err)
{
    return sab_file_write_atomic(path, "new content", 11, err);
}

static int attempt_png(const char *path, struct sab_error *err)
{
    static uint8_t rgb[200 * 200 * 3];
    unsigned noise = 1; /* which does not compress: the buffer must grow */
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)((noise = noise * 1664525 + 1013904223) >> 24);
    unsigned char *bytes;
    size_t nbytes;
    int status = sab_png_encode(200, 200, rgb, &bytes, &nbytes, err);
    if (status != SAB_OK)
        return status;
    status = sab_file_write_atomic(path, bytes, nbytes, err);
    sab_free(bytes);
    return status;
}

static int attempt_save(const char *path, struct sab_error *err)
{
    static const double data[6] = {1, 2, 3, 4, 5, 6};
    static const uint64_t shape[2] = {2, 3};
    struct sab_safetensors_writer *w;
    int status = sab_safetensors_writer_create(&w, err);
    if (status != SAB_OK)
        return status;
    char name[] = "tensor?";
    for (int i = 0; i < 20 && status == SAB_OK; i++) {
        name[6] = (char)('a' + i);
        status = sab_safetensors_writer_add(w, name, SAB_DTYPE_F64, 2, shape, data, err);
    }
    if (status == SAB_OK)
        status = sab_safetensors_writer_metadata(w, "config", "{\"k_top\":5}", err);
    if (status == SAB_OK)
        status = sab_safetensors_writer_save(w, path, err);
    sab_safetensors_writer_free(w);
    return status;
}

static void assert_old_kept(const char *path, enum call call, int n, const struct sab_error *err)
{
    char tmp[4096];
    snprintf(tmp, sizeof tmp, "%s.tmp", path);
    if (!io_holds(path, old_content, sizeof old_content - 1))
        fail_msg("%s %d failed and the old content is gone", call_names[call], n);
    if (call != OPENAT && call != FLOCK && io_exists(tmp))
        fail_msg("%s %d failed and left the temporary file", call_names[call], n);
    if (call != ALLOC && !strstr(err->message, path))
        fail_msg("%s %d failed: '%s' does not name the file", call_names[call], n, err->message);
    unlink(tmp);
}

/* Fails the first call, then the second, ... until the attempt makes do with fewer. Returns how many failed. */
static int fail_each(enum call call, int cause, int status, const char *path)
{
    for (int n = 1;; n++) {
        struct sab_error err = {0};
        memset(&faults, 0, sizeof faults);
        io_put(path, old_content, sizeof old_content - 1);
        faults.fail_at[call] = n;
        faults.cause = cause;
        int got = attempt(path, &err);
        if (!faults.failed) {
            assert_int_equal(got, SAB_OK);
            return n - 1;
        }
        if (got != status || err.status != (enum sab_status)status)
            fail_msg("%s %d failed: expected status %d, got %d '%s'", call_names[call], n, status, got, err.message);
        if (cause == 0)
            assert_non_null(strstr(err.message, strerror(ENOSPC)));
        int is_folder_sync = call == FSYNC && n == 2;
        if (is_folder_sync)
            assert_non_null(strstr(err.message, path));
        else
            assert_old_kept(path, call, n, &err);
    }
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void every_failing_call_leaves_the_old_file(void **state)
{
    (void)state;
    static int (*const attempts[])(const char *, struct sab_error *) = {attempt_write, attempt_png, attempt_save};
    static const int calls_made[] = {[OPENAT] = 2, [FLOCK] = 1, [FTRUNCATE] = 1, [WRITE] = 1, [FSYNC] = 2,
                                     [RENAMEAT] = 1};
    for (size_t a = 0; a < sizeof attempts / sizeof *attempts; a++) {
        attempt = attempts[a];
        for (enum call call = OPENAT; call <= RENAMEAT; call++) {
            assert_int_equal(fail_each(call, EIO, SAB_IO, io_path("kept")), calls_made[call]);
            assert_int_equal(fail_each(call, ENOSPC, SAB_IO, io_path("kept")), calls_made[call]);
        }
        assert_int_equal(fail_each(WRITE, 0, SAB_IO, io_path("kept")), 1); /* a write of nothing */
    }
}

static void interrupted_and_short_calls_change_nothing(void **state)
{
    (void)state;
    struct sab_error err = {0};
    const char *path = io_path("interrupted");
    faults.every_other = 1;
    faults.cause = EINTR;
    faults.most = 3;
    assert_int_equal(sab_file_write_atomic(path, "0123456789", 10, &err), SAB_OK);
    assert_int_equal(faults.counted[WRITE], 8);
    assert_int_equal(sab_file_append(path, "abcdefgh", 8, &err), SAB_OK);
    void *data;
    size_t nbytes;
    assert_int_equal(sab_file_read(path, 100, &data, &nbytes, &err), SAB_OK);
    assert_int_equal(nbytes, 18);
    assert_memory_equal(data, "0123456789abcdefgh", 18);
    sab_free(data);
}

static void folders_without_locks_or_sync_are_written_to(void **state)
{
    (void)state;
    static const int causes[] = {ENOLCK, ENOSYS, EOPNOTSUPP};
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
        memset(&faults, 0, sizeof faults);
        faults.fail_at[FLOCK] = 1;
        faults.cause = causes[i];
        assert_int_equal(sab_file_write_atomic(io_path("no-locks"), "x", 1, NULL), SAB_OK);
        assert_true(faults.failed);
    }
    memset(&faults, 0, sizeof faults);
    faults.fail_at[FSYNC] = 2;
    faults.cause = EINVAL;
    assert_int_equal(sab_file_write_atomic(io_path("no-sync"), "x", 1, NULL), SAB_OK);
    assert_true(faults.failed);
}

static void a_failed_append_adds_nothing(void **state)
{
    (void)state;
    const char *path = io_path("log");
    for (int n = 1; n <= 4; n++) {
        struct sab_error err = {0};
        memset(&faults, 0, sizeof faults);
        io_put(path, "line\n", 5);
        faults.most = 3;
        faults.fail_at[WRITE] = n;
        faults.cause = ENOSPC;
        assert_int_equal(sab_file_append(path, "0123456789\n", 11, &err), SAB_IO);
        assert_non_null(strstr(err.message, path));
        assert_true(io_holds(path, "line\n", 5));
    }
    struct sab_error err = {0};
    memset(&faults, 0, sizeof faults);
    faults.most = 3;
    faults.fail_at[WRITE] = 2;
    faults.fail_at[FTRUNCATE] = 1;
    faults.cause = EIO;
    assert_int_equal(sab_file_append(path, "0123456789\n", 11, &err), SAB_IO);
    assert_non_null(strstr(err.message, "a part of them stayed"));
}

static void failed_reads_say_where(void **state)
{
    (void)state;
    const char *path = io_path("unread");
    io_put(path, "0123456789", 10);
    for (int shrinks = 0; shrinks < 2; shrinks++) {
        struct sab_error err = {0};
        void *data = NULL;
        size_t nbytes;
        memset(&faults, 0, sizeof faults);
        faults.most = 4;
        faults.fail_at[READ] = 3;
        faults.cause = shrinks ? 0 : EIO;
        assert_int_equal(sab_file_read(path, 100, &data, &nbytes, &err), SAB_IO);
        assert_non_null(strstr(err.message, path));
        assert_non_null(strstr(err.message, "byte 8 of 10"));
        assert_non_null(strstr(err.message, shrinks ? "became shorter" : strerror(EIO)));
        assert_null(data);
    }
}

static int attempt_open(const char *path, struct sab_error *err)
{
    struct sab_safetensors *file = NULL;
    int status = sab_safetensors_open(&file, path, err);
    assert_int_equal(file != NULL, status == SAB_OK);
    sab_safetensors_close(file);
    return status;
}

static void every_failing_allocation_is_a_clean_error(void **state)
{
    (void)state;
    const char *path = io_path("memory");
    attempt = attempt_write;
    assert_int_equal(fail_each(ALLOC, ENOMEM, SAB_NOMEM, path), 1);
    attempt = attempt_png;
    assert_int_equal(fail_each(ALLOC, ENOMEM, SAB_NOMEM, path), 3);
    attempt = attempt_save;
    assert_true(fail_each(ALLOC, ENOMEM, SAB_NOMEM, path) > 25);

    /* Opening: the sample just saved, and a foreign file whose tensor must be copied to be aligned. */
    const char *foreign = io_path("crooked");
    const char header[] = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                          "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]}}";
    io_put_safetensors(foreign, header, sizeof header - 1, "\1\0\0\0\0", 5);
    const char *const paths[] = {path, foreign};
    for (int p = 0; p < 2; p++) {
        int n = 0;
        do {
            struct sab_error err = {0};
            memset(&faults, 0, sizeof faults);
            faults.fail_at[ALLOC] = ++n;
            faults.cause = ENOMEM;
            int got = attempt_open(paths[p], &err);
            if (got != (faults.failed ? SAB_NOMEM : SAB_OK))
                fail_msg("opening %s: allocation %d failed: got status %d '%s'", paths[p], n, got, err.message);
        } while (faults.failed);
        assert_true(n > 4);
    }
    memset(&faults, 0, sizeof faults);
    faults.fail_at[ALLOC] = 1;
    struct sab_digest *digest;
    assert_int_equal(sab_digest_create(&digest, NULL), SAB_NOMEM);
    memset(&faults, 0, sizeof faults);
    faults.fail_at[ALLOC] = 1;
    assert_int_equal(sab_file_make_directory(io_path("made"), NULL), SAB_NOMEM);
}

int main(void)
{
    io_path("");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_failing_call_leaves_the_old_file, set_up),
        cmocka_unit_test_setup(interrupted_and_short_calls_change_nothing, set_up),
        cmocka_unit_test_setup(folders_without_locks_or_sync_are_written_to, set_up),
        cmocka_unit_test_setup(a_failed_append_adds_nothing, set_up),
        cmocka_unit_test_setup(failed_reads_say_where, set_up),
        cmocka_unit_test_setup(every_failing_allocation_is_a_clean_error, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
