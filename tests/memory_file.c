/* The stream into memory: what is written is there, and where memory runs out at whatever allocation, it is told.
 *
 *     ctest: wrap aligned_alloc
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/memory_file.h"

static int allocations, fail_at;

void *__real_aligned_alloc(size_t alignment, size_t nbytes);
void *__wrap_aligned_alloc(size_t alignment, size_t nbytes);
void *__wrap_aligned_alloc(size_t alignment, size_t nbytes)
{
    return ++allocations == fail_at ? NULL : __real_aligned_alloc(alignment, nbytes);
}

static int write_lines(struct sab_memory_file *file, int n)
{
    FILE *to = sab_memory_open(file);
    assert_non_null(to);
    for (int i = 0; i < n; i++)
        fprintf(to, "line %d\n", i);
    return sab_memory_close(file, to);
}

static void what_is_written_is_there(void **state)
{
    (void)state;
    for (int n = 0; n <= 3000; n += 1000) {
        struct sab_memory_file file;
        assert_int_equal(write_lines(&file, n), 0);
        assert_int_equal(strlen(file.bytes), file.nbytes);
        const char *at = file.bytes;
        for (int i = 0; i < n; i++) {
            char line[32];
            int length = snprintf(line, sizeof line, "line %d\n", i);
            assert_int_equal(strncmp(at, line, (size_t)length), 0);
            at += length;
        }
        assert_int_equal(*at, 0);
        sab_free(file.bytes);
    }
}

static void memory_that_runs_out_is_told(void **state)
{
    (void)state;
    struct sab_memory_file file;
    int n = 0, failed = 0;
    do {
        allocations = 0;
        fail_at = ++n;
        int rc = write_lines(&file, 3000);
        int was_met = allocations >= n;
        if (rc != was_met)
            fail_msg("allocation %d: returned %d where %d was expected", n, rc, was_met);
        failed += rc;
        sab_free(file.bytes); /* NULL, after a failure */
    } while (allocations >= n);
    assert_true(failed >= 3);
    fail_at = 0;
    file = (struct sab_memory_file){0};
    assert_int_equal(sab_memory_close(&file, NULL), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_there),
        cmocka_unit_test(memory_that_runs_out_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
