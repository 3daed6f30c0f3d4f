/* Every preset is legal, trains a task that exists, and says where its numbers are from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/presets.h"
#include "data/task.h"
#include "options_helper.h"

static int is_task(const char *name)
{
    for (int i = 0; sab_task_kind_at(i); i++)
        if (strcmp(sab_task_kind_at(i)->name, name) == 0)
            return 1;
    return 0;
}

static void test_every_preset(void **unused)
{
    (void)unused;
    int n = 0;
    for (; sab_preset_at(n); n++) {
        const struct sab_preset *preset = sab_preset_at(n);
        OPTIONS config = {0};
        struct sab_error err = {0};
        sab_options_init(&config);
        if (sab_preset_apply(preset->name, &config, &err) != SAB_OK || sab_options_check(&config, &err) != SAB_OK)
            fail_msg("%s: %s", preset->name, err.message);
        if (!is_task(config.task.task))
            fail_msg("%s: there is no task %s", preset->name, config.task.task);
        if (!strstr(preset->source, "seen") && !strstr(preset->source, "recalled") && !strstr(preset->source, "ours"))
            fail_msg("%s does not say where its numbers are from", preset->name);
    }
    assert_true(n >= 11);
}

static void test_unknown(void **unused)
{
    (void)unused;
    OPTIONS config = {0}, before = {0};
    struct sab_error err = {0};
    sab_options_init(&config);
    before = copy_of(&config);
    assert_int_equal(sab_preset_apply("pminst", &config, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "did you mean \"pmnist\"?"));
    assert_int_equal(sab_preset_apply("x", &config, &err), SAB_INVALID);
    assert_non_null(strstr(err.message, "--presets lists them"));
    assert_same_options(&config, &before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_preset), cmocka_unit_test(test_unknown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
