/* See machine_support.h. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "machine_support.h"
#include "problem.h"

struct sab_machine *machine;
int machine_on_host = 1;

static int open_cuda(struct sab_machine **out, struct sab_error *err)
{
#ifdef SAB_CUDA
    return sab_machine_open_cuda(out, 0, err);
#else
    (void)out;
    snprintf(err->message, sizeof err->message, "this build has no CUDA");
    return SAB_INVALID;
#endif
}

void machine_done(void)
{
    struct sab_error err = {0};
    if (machine->wait(machine, &err) != SAB_OK)
        fail_msg("the machine failed: %s", err.message);
}

void *machine_room(size_t nbytes)
{
    struct sab_error err = {0};
    void *block = NULL;
    if (machine->take(machine, &block, nbytes, &err) != SAB_OK)
        fail_msg("%zu bytes: %s", nbytes, err.message);
    return block;
}

void *machine_put(const void *host, size_t nbytes)
{
    void *block = machine_room(nbytes);
    assert_int_equal(machine->put(machine, block, host, nbytes), SAB_OK);
    return block;
}

void machine_get(void *host, void *block, size_t nbytes)
{
    assert_int_equal(machine->get(machine, host, block, nbytes), SAB_OK);
    machine->give(machine, block);
    machine_done();
}

real *machine_numbers(size_t count)
{
    real *x = malloc((count + 1) * sizeof *x);
    assert_non_null(x);
    return x;
}

real *machine_drawn(uint64_t *state, size_t count)
{
    real *x = machine_numbers(count);
    for (size_t i = 0; i < count; i++)
        x[i] = (real)(2 * problem_uniform(state) - 1);
    return x;
}

void machine_same(const char *what, const real *got, const real *want, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(&got[i], &want[i], sizeof *got) != 0)
            fail_msg("%s: element %zu of %zu is %.17g, expected %.17g", what, i, count, (double)got[i],
                     (double)want[i]);
}

void machine_near(const char *what, size_t i, double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s: element %zu is %.17g, expected %.17g, difference %.3g > %.3g", what, i, got, want,
                 fabs(got - want), tolerance);
}

int machine_open(void)
{
    const char *device = getenv("SAB_TEST_DEVICE");
    machine_on_host = !device || strcmp(device, "cuda") != 0;
    struct sab_error err = {0};
    int status = machine_on_host ? sab_machine_open_host(&machine, &err) : open_cuda(&machine, &err);
    printf("machine: %s\n", status == SAB_OK ? machine->name : err.message);
    return status == SAB_OK;
}

int machine_close(int failed)
{
    machine->close(machine);
    return failed;
}
