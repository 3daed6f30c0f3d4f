/* Every float there is through the kernels' tanh, sigmoid, exponential and reciprocal.
 * ctest: tier hours
 * ctest: only float
 * ctest: timeout 3600
 * ctest: processors 2 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "functions_check.h"

static void test_every_float(void **unused)
{
    (void)unused;
    for (int kind = 0; kind < FUNCTIONS_COUNT; kind++)
        functions_judge(kind, 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_float)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
