/* The check of check-grad itself: it passes gradients that are derivatives, and finds those that are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lab/check_difference.h"
#include "options_helper.h"

enum { TENSORS_CAP = 32 };

static struct sab_options small_config(void)
{
    struct sab_options config;
    sab_options_init(&config);
    config.model.hidden = 6;
    config.task.T = 12;
    config.shared.batch = 5;
    config.model.k_top = 3;
    config.model.k_trunc = 2;
    config.shared.threads = 1;
    return config;
}

/* Number of tensors with an error over the tolerance; the numbers of parameters checked and skipped. */
static int wrong_tensors(const struct sab_options *config, int *checked, int *skipped)
{
    struct sab_check_problem problem = {0};
    struct sab_check_spec spec = {{sizeof spec.shape, SAB_INPUT_IDS, 5, SAB_LOSS_CROSS_ENTROPY, 4}, 1, 1, 0, 1, 3};
    struct sab_check_options options = {8, 0, 0};
    struct sab_check_finding findings[TENSORS_CAP];
    char before[33], after[33];
    int wrong = 0;
    *checked = *skipped = 0;
    assert_int_equal(sab_check_problem_make(&problem, config, &spec, NULL), SAB_OK);
    int n = sab_model_tensor_count(problem.model);
    assert_true(n <= TENSORS_CAP);
    sab_model_digest(problem.model, before);
    assert_int_equal(sab_check_differences(&problem, &options, 1, findings, NULL), SAB_OK);
    sab_model_digest(problem.model, after);
    assert_string_equal(before, after);
    for (int i = 0; i < n; i++) {
        wrong += findings[i].worst > sab_check_tolerance();
        *checked += findings[i].checked;
        *skipped += findings[i].skipped;
    }
    sab_check_problem_clear(&problem);
    return wrong;
}

static void an_uncut_gradient_passes(void **state)
{
    OPTIONS config = small_config();
    char changed[128];
    int checked, skipped;
    (void)state;
    sab_check_uncut(&config, changed, sizeof changed);
    assert_string_equal(changed, "k-trunc 2 -> 12");
    assert_int_equal(wrong_tensors(&config, &checked, &skipped), 0);
    assert_true(checked > 4 * skipped);
}

static void a_cut_gradient_is_found(void **state)
{
    OPTIONS config = small_config();
    int checked, skipped;
    (void)state;
    assert_true(wrong_tensors(&config, &checked, &skipped) >= 4);
    config.model.k_trunc = config.task.T;
    config.model.mental_updates = 0;
    assert_true(wrong_tensors(&config, &checked, &skipped) >= 4);
    config.model.mental_updates = 1;
    assert_int_equal(wrong_tensors(&config, &checked, &skipped), 0);
    config.model.forward = SAB_DENSE;
    config.model.k_top = 1;
    assert_true(wrong_tensors(&config, &checked, &skipped) >= 1);
    config.model.backward = SAB_DENSE;
    assert_int_equal(wrong_tensors(&config, &checked, &skipped), 0);
    config.model.forward = config.model.backward = SAB_SPARSE;
    config.model.sparsifier = SAB_SPARSIFIER_RELU;
    config.model.read_floor = 0;
    config.model.k_top = 3;
    assert_int_equal(wrong_tensors(&config, &checked, &skipped), 0);
    config.model.read_bound = 100;
    assert_true(wrong_tensors(&config, &checked, &skipped) >= 1);
}

static void all_cuts_are_undone_and_named(void **state)
{
    OPTIONS config = small_config();
    char changed[128];
    (void)state;
    config.model.mental_updates = 0;
    config.model.forward = SAB_DENSE;
    config.model.read_bound = 2.5;
    sab_check_uncut(&config, changed, sizeof changed);
    assert_string_equal(changed, "k-trunc 2 -> 12, mental-updates off -> on, read-bound 2.5 -> 0, backward sparse -> dense");
    assert_int_equal(config.model.k_trunc, 12);
    assert_int_equal(config.model.mental_updates, 1);
    assert_int_equal(config.model.backward, SAB_DENSE);
    assert_true(config.model.read_bound == 0);
    sab_check_uncut(&config, changed, sizeof changed);
    assert_string_equal(changed, "");
    config.model.credit = SAB_CREDIT_ATTENTION;
    config.model.k_trunc = 2;
    sab_check_uncut(&config, changed, sizeof changed);
    assert_string_equal(changed, "");
}

static void problems_are_functions_of_the_seed(void **state)
{
    OPTIONS config = small_config();
    struct sab_check_spec spec = {{sizeof spec.shape, SAB_INPUT_VALUES, 3, SAB_LOSS_MSE, 2}, 1, 1, 0, 1, 1};
    struct sab_check_problem a, b;
    char first[33], second[33];
    (void)state;
    assert_int_equal(sab_check_problem_make(&a, &config, &spec, NULL), SAB_OK);
    assert_int_equal(sab_check_problem_make(&b, &config, &spec, NULL), SAB_OK);
    sab_model_digest(a.model, first);
    sab_model_digest(b.model, second);
    assert_string_equal(first, second);
    assert_memory_equal(a.batch.values, b.batch.values, 12 * 5 * 3 * sizeof(sab_real));
    int zeros = 0, ones = 0, between = 0;
    for (int i = 0; i < 12 * 5; i++) {
        sab_real weight = a.batch.weight[i];
        assert_true(weight >= 0 && weight <= 1);
        zeros += weight == 0;
        ones += weight == 1;
        between += weight > 0 && weight < 1;
    }
    assert_true(zeros > 0 && ones > 0 && between > 0);
    sab_check_problem_clear(&b);
    config.shared.seed = 2;
    assert_int_equal(sab_check_problem_make(&b, &config, &spec, NULL), SAB_OK);
    sab_model_digest(b.model, second);
    assert_string_not_equal(first, second);
    sab_check_problem_clear(&a);
    sab_check_problem_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_uncut_gradient_passes),
        cmocka_unit_test(a_cut_gradient_is_found),
        cmocka_unit_test(all_cuts_are_undone_and_named),
        cmocka_unit_test(problems_are_functions_of_the_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
