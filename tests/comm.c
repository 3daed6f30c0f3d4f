/* Several ranks have the bits of one: gradient, weights, figures; and what goes wrong on one goes wrong on all. Ranks are processes
 * that talk over sockets (sockets.h); tests/mpi/check tries the same with MPI.
 *
 * ctest: tier minutes
 * ctest: processors 2 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "comm/comm.h"
#include "credit/tree.h"
#include "model/network.h"
#include "sockets.h"
#include "train_helpers.h"

enum { UPDATES = 5 };

struct answer {
    int status;
    char message[512];
    char digest[33];
    struct sab_metrics update, evaluation;
};

/* ---- the tree ---- */

/* Numbers whose sum depends on the order, in float and in double: each has as many digits as there are. */
static real number(int shard)
{
    return (real)(1 + shard % 7) / 3 * (real)pow(10, (shard * 5) % 9 - 4);
}

static real sum_on(int n, int ranks)
{
    real values[64], *at[64], *nodes[64] = {NULL};
    for (int i = 0; i < n; i++)
        values[i] = number(i);
    for (int r = 0; r < ranks; r++) {
        int first = sab_comm_first(n, ranks, r), end = sab_comm_first(n, ranks, r + 1);
        for (int i = 0; i < n; i++)
            at[i] = i >= first && i < end ? &values[i] : NULL;
        sab_tree_add(at, n, ranks, 0, 0, 1);
        for (int i = sab_tree_next_node(n, ranks, r, 0); i >= 0; i = sab_tree_next_node(n, ranks, r, i + 1)) {
            assert_in_range(i, first, end - 1);
            assert_int_equal(sab_comm_owner(n, ranks, i), r);
            nodes[i] = &values[i];
        }
    }
    sab_tree_add(nodes, n, ranks, 1, 0, 1);
    return values[0];
}

static void test_tree_is_one_tree(void **unused)
{
    int unequal = 0;
    (void)unused;
    for (int n = 1; n <= 64; n++) {
        real whole = sum_on(n, 1), row = 0;
        for (int i = 0; i < n; i++)
            row += number(i);
        unequal += row != whole; /* the numbers are such that it can be told */
        for (int ranks = 2; ranks <= 70; ranks++)
            if (sum_on(n, ranks) != whole)
                fail_msg("%d shards on %d ranks: %.17g, not %.17g", n, ranks, (double)sum_on(n, ranks), (double)whole);
    }
    assert_true(unequal > 20);
}

/* ---- training ---- */

/* Takes the options' task through some updates and an evaluation. */
static int train(struct sab_comm *comm, const char *text, struct answer *answer, struct sab_error *err)
{
    struct sab_options *options = NULL;
    struct sab_task *task = NULL;
    struct sab_model *model = NULL;
    struct sab_trainer *trainer = NULL;
    struct sab_batch batch = {.size = sizeof batch};
    answer->update.size = answer->evaluation.size = sizeof answer->update;
    int status = sab_options_create(&options, err);
    if (status == SAB_OK)
        status = sab_options_parse(options, text, err);
    if (status == SAB_OK)
        status = sab_task_create(&task, options, NULL, err);
    if (status == SAB_OK)
        status = sab_task_settle(task, options, err);
    if (status == SAB_OK)
        status = sab_model_create(&model, options, sab_task_shape(task), err);
    if (status == SAB_OK)
        status = sab_trainer_create(&trainer, model, options, err);
    if (status == SAB_OK)
        status = sab_engine_set_comm(sab_trainer_engine(trainer), comm, err);
    char cap[32];
    int B = status == SAB_OK && sab_options_get(options, "batch", cap, sizeof cap, err) == SAB_OK ? atoi(cap) : 0;
    for (int i = 0; i < UPDATES && status == SAB_OK; i++) {
        status = sab_task_batch(task, SAB_TRAIN, i, B, &batch, err);
        if (status == SAB_OK)
            status = sab_trainer_update(trainer, &batch, &answer->update, err);
    }
    if (status == SAB_OK)
        status = sab_evaluate(sab_trainer_engine(trainer), task, SAB_VALID, options, &answer->evaluation, err);
    if (model)
        sab_model_digest(model, answer->digest);
    sab_trainer_free(trainer);
    sab_model_free(model);
    sab_task_free(task);
    sab_options_free(options);
    return status;
}

static void train_as_rank(struct sab_comm *comm, void *user, void *out)
{
    struct answer *answer = out;
    struct sab_error err = {0};
    answer->status = train(comm, user, answer, &err);
    memcpy(answer->message, err.message, sizeof answer->message);
}

static void assert_same_metrics(const char *what, const struct sab_metrics *a, const struct sab_metrics *b)
{
    if (memcmp(a, b, sizeof *a) != 0)
        fail_msg("%s: loss %.17g, accuracy %.17g, mse %.17g, norm %.17g; on one rank %.17g, %.17g, %.17g, %.17g", what,
                 a->loss, a->accuracy,
                 a->mse, a->grad_norm, b->loss, b->accuracy, b->mse, b->grad_norm);
}

static void assert_ranks_equal(const char *text)
{
    static const int ranks[] = {1, 2, 3, 4, 8};
    struct answer answers[SAB_SOCKETS_MOST], alone;
    for (size_t i = 0; i < sizeof ranks / sizeof ranks[0]; i++) {
        assert_int_equal(sab_sockets_run(ranks[i], train_as_rank, (void *)text, answers, sizeof *answers), ranks[i]);
        for (int r = 0; r < ranks[i]; r++) {
            char what[256];
            snprintf(what, sizeof what, "rank %d of %d, %s", r, ranks[i], text);
            if (answers[r].status != SAB_OK)
                fail_msg("%s: %s", what, answers[r].message);
            if (i == 0)
                alone = answers[0];
            if (strcmp(answers[r].digest, alone.digest) != 0)
                fail_msg("%s: weights %s, on one rank %s", what, answers[r].digest, alone.digest);
            assert_same_metrics(what, &answers[r].update, &alone.update);
            assert_same_metrics(what, &answers[r].evaluation, &alone.evaluation);
        }
    }
}

static void test_shards_of_all_numbers(void **unused)
{
    (void)unused;
    assert_ranks_equal("task=copy T=31 batch=48 hidden=16 eval-size=52 threads=1");
    assert_ranks_equal("task=copy T=9 batch=72 hidden=16 eval-size=20 threads=2 layers=2");
    assert_ranks_equal("task=adding T=11 batch=43 hidden=16 layers=2 dropout=0.3 dropout-recurrent=0.2 "
                       "dropout-input=0.1 eval-size=13 threads=1");
    assert_ranks_equal("task=adding T=11 batch=5 hidden=16 cell=gru eval-size=13 threads=1");
}

static void test_lengths(void **unused)
{
    (void)unused;
    assert_ranks_equal("task=transduce T=12 batch=43 hidden=16 model=seq2seq eval-size=41 threads=1");
}

static void test_carried_state(void **unused)
{
    char dir[SAB_DIR_CAP], path[2 * SAB_DIR_CAP], text[4 * SAB_DIR_CAP];
    (void)unused;
    make_folder(dir);
    snprintf(path, sizeof path, "%s/text.txt", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 20000; i++)
        fputc('a' + (i * i + i / 7) % 11, file);
    assert_int_equal(fclose(file), 0);
    snprintf(text, sizeof text, "task=text data=%s T=20 k-att=5 batch=43 hidden=16 threads=1", path);
    assert_ranks_equal(text);
    remove(path);
    rmdir(dir);
}

/* ---- what goes wrong ---- */

/* The last rank is told to train something else. */
static void train_unlike(struct sab_comm *comm, void *user, void *out)
{
    train_as_rank(comm, comm->rank == comm->ranks - 1 ? user : "task=copy T=9 batch=48 hidden=16 threads=1 curriculum=0", out);
}

static void test_unlike_batches_are_refused(void **unused)
{
    struct answer answers[3];
    (void)unused;
    assert_int_equal(sab_sockets_run(3, train_unlike, "task=copy T=10 batch=48 hidden=16 threads=1 curriculum=0",
                                     answers, sizeof *answers), 3);
    for (int r = 0; r < 3; r++) {
        assert_int_equal(answers[r].status, SAB_INVALID);
        assert_string_equal(answers[r].message,
                            "update 1: the batches or the weights of rank 2 are not those of rank 0; all ranks must "
                            "have the same");
    }
}

static void test_failure_is_everybodys(void **unused)
{
    struct answer answers[3];
    (void)unused;
    /* Its own data are the same, but for the last rank too long for its network. */
    assert_int_equal(sab_sockets_run(3, train_unlike,
                                     "task=copy T=9 batch=48 hidden=16 threads=1 curriculum=0 model=transformer "
                                     "context=10 positions=learned heads=2", answers,
                                     sizeof *answers), 3);
    for (int r = 0; r < 3; r++) {
        if (answers[r].status != SAB_INVALID || strncmp(answers[r].message, "update 1: rank 2: ", 18) != 0)
            fail_msg("rank %d: status %d, \"%s\"", r, answers[r].status, answers[r].message);
    }
}

static void train_or_leave(struct sab_comm *comm, void *user, void *out)
{
    if (comm->rank == 1)
        _exit(3);
    struct answer *answer = out;
    train_as_rank(comm, user, out);
    if (answer->status == SAB_IO && comm->is_lost)
        answer->status += 100 * (sab_comm_agree(comm, SAB_OK, 0, "", NULL) == SAB_IO);
}

static void test_a_rank_that_is_gone(void **unused)
{
    struct answer answers[3];
    (void)unused;
    assert_int_equal(sab_sockets_run(3, train_or_leave, "task=copy T=9 batch=48 hidden=16 threads=1 curriculum=0",
                                     answers, sizeof *answers), 2);
    for (int r = 0; r < 3; r += 2) {
        assert_int_equal(answers[r].status, SAB_IO + 100);
        assert_string_equal(answers[r].message, "update 1: another of the 3 ranks has ended or cannot be reached");
    }
}

static int never(void *user, const struct sab_parcel *sends, int n_sends, const struct sab_parcel *receives, int n_receives)
{
    (void)user, (void)sends, (void)n_sends, (void)receives, (void)n_receives;
    return 1;
}

static void test_tables_are_checked(void **unused)
{
    struct sab_error err;
    (void)unused;
    struct sab_comm good = {.size = sizeof good, .rank = 1, .ranks = 2, .exchange = never}, bad = good;
    assert_int_equal(sab_comm_check(&good, &err), SAB_OK);
    bad.rank = 2;
    assert_int_equal(sab_comm_check(&bad, &err), SAB_INVALID);
    assert_string_equal(err.message, "rank 2 of 2 ranks: a rank is in 0..ranks-1");
    bad = good;
    bad.exchange = NULL;
    assert_int_equal(sab_comm_check(&bad, &err), SAB_INVALID);
    bad = good;
    bad.size = 4;
    assert_int_equal(sab_comm_check(&bad, &err), SAB_INVALID);
}

/* ---- what is built of exchanges ---- */

static void add_up(struct sab_comm *comm, void *user, void *out)
{
    int64_t *answer = out, x[3] = {comm->rank, 10 * comm->rank, 1};
    (void)user;
    if (sab_comm_sum(comm, x, 3, NULL) == SAB_OK)
        memcpy(answer, x, sizeof x);
}

static void test_sums(void **unused)
{
    (void)unused;
    for (int ranks = 1; ranks <= SAB_SOCKETS_MOST; ranks++) {
        int64_t answers[SAB_SOCKETS_MOST][3], sum = ranks * (ranks - 1) / 2;
        assert_int_equal(sab_sockets_run(ranks, add_up, NULL, answers, sizeof answers[0]), ranks);
        for (int r = 0; r < ranks; r++) {
            assert_int_equal(answers[r][0], sum);
            assert_int_equal(answers[r][1], 10 * sum);
            assert_int_equal(answers[r][2], ranks);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree_is_one_tree),          cmocka_unit_test(test_shards_of_all_numbers),
        cmocka_unit_test(test_lengths),                   cmocka_unit_test(test_carried_state),
        cmocka_unit_test(test_unlike_batches_are_refused), cmocka_unit_test(test_failure_is_everybodys),
        cmocka_unit_test(test_a_rank_that_is_gone),       cmocka_unit_test(test_tables_are_checked),
        cmocka_unit_test(test_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
