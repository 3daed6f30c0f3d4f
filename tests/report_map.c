/* The recall log and map: what is kept, how it is averaged, what is written. */
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

#include "base/alloc.h"
#include "io/file.h"
#include "report/recall_map.h"

enum { T = 6, SEQUENCES = 2 };

/* Two sequences, one read of each at steps 5 and 6, given newest first and out of order; layer 1 is a decoy. */
static void fill(struct sab_recall_log *log)
{
    struct sab_recall recall = sab_recall_log_collect(log);
    const int32_t late[] = {4, 1, 2}, early[] = {1, 3}, decoy[] = {2};
    const sab_real alpha_late[] = {0.25, 0.75, 0}, alpha_early[] = {0.5, 0.5}, one[] = {1};
    recall.read(recall.user, 0, 6, 1, 3, late, alpha_late, NULL);
    recall.read(recall.user, 0, 5, 1, 2, early, alpha_early, NULL);
    recall.read(recall.user, 1, 6, 0, 1, decoy, one, NULL);
    recall.read(recall.user, 0, 6, 0, 1, early, one, NULL);
    recall.read(recall.user, 0, 5, 0, 2, early, alpha_early, NULL);
    assert_int_equal(sab_recall_log_sort(log, NULL), SAB_OK);
}

static void weights_of_zero_are_left_out_and_entries_sorted(void **state)
{
    struct sab_recall_log log = {0};
    (void)state;
    fill(&log);
    assert_int_equal(log.count, 8);
    for (size_t i = 1; i < log.count; i++) {
        const struct sab_recall_entry *a = &log.entries[i - 1], *b = &log.entries[i];
        int rises = a->layer != b->layer         ? a->layer < b->layer
                  : a->sequence != b->sequence ? a->sequence < b->sequence
                  : a->t != b->t               ? a->t < b->t
                                               : a->when < b->when;
        assert_true(rises);
    }
    sab_recall_log_clear(&log);
}

static void cells_are_means(void **state)
{
    struct sab_recall_log log = {0};
    struct sab_recall_map map;
    const uint8_t is_shown[T][SEQUENCES] = {[4] = {1, 1}, {1, 1}};
    struct sab_recall_view view = {T, SEQUENCES, 0, SAB_RECALL_WEIGHT, is_shown[0], 100, 100};
    const double expected[2][T] = {{0.5, 0, 0.5, 0, 0, 0}, {(1 + 0.75) / 2, 0, 0, 0.125, 0, 0}};
    (void)state;
    fill(&log);
    assert_int_equal(sab_recall_map_make(&map, &log, &view, NULL), SAB_OK);
    assert_int_equal(map.rows, 2);
    assert_int_equal(map.columns, T);
    assert_int_equal(map.first[0], 5);
    assert_int_equal(map.last[1], 6);
    for (int r = 0; r < 2; r++)
        for (int c = 0; c < T; c++)
            assert_true(fabs(map.cell[r * T + c] - expected[r][c]) < 1e-12);
    assert_true(fabs(map.most - 0.875) < 1e-12);
    sab_recall_map_clear(&map);
    sab_recall_log_clear(&log);
}

/* Columns of lags: as far as any read looks back, and the memory of zeros has none. */
static void a_column_may_be_a_lag(void **state)
{
    struct sab_recall_log log = {0};
    struct sab_recall_map map;
    struct sab_recall_view view = {T, SEQUENCES, 0, SAB_RECALL_WEIGHT, NULL, 100, 100, 1};
    const double expected[2][5] = {{0, 0.5, 0, 0.5, 0}, {0, 0.125, 0, 0, (1 + 0.75) / 2}}; /* steps 5 and 6 */
    const int32_t zero[] = {0};
    const sab_real one[] = {1};
    (void)state;
    fill(&log);
    struct sab_recall recall = sab_recall_log_collect(&log);
    recall.read(recall.user, 0, 4, 0, 1, zero, one, NULL);
    assert_int_equal(sab_recall_log_sort(&log, NULL), SAB_OK);
    assert_int_equal(sab_recall_map_make(&map, &log, &view, NULL), SAB_OK);
    assert_int_equal(map.rows, T);
    assert_int_equal(map.columns, 5);
    assert_int_equal(map.first_step, 1);
    for (int r = 0; r < T; r++)
        for (int c = 0; c < 5; c++) {
            double wanted = r < 4 ? 0 : expected[r - 4][c], found = map.cell[r * 5 + c];
            if (fabs(found - wanted) > 1e-12)
                fail_msg("step %d, lag %d: %g, expected %g", r + 1, c + 1, found, wanted);
        }
    sab_recall_map_clear(&map);
    sab_recall_log_clear(&log);
}

/* Sequence 1 ends at step 5: row 6 is what sequence 0 recalls there, not half of it; so with both in one row, and in the reading. */
static void means_are_over_the_sequences_that_are_there(void **state)
{
    const int32_t when[] = {1};
    const sab_real one[] = {1}, half[] = {0.5};
    const uint8_t is_shown[T][SEQUENCES] = {[4] = {1, 1}, {1, 0}};
    const double expected[3][2] = {{0, 0}, {(0.5 + 0.5 + 1) / 3, 0}, {0.5, 1}};
    (void)state;
    for (int rows = 1; rows <= 2; rows++) {
        struct sab_recall_log log = {0};
        struct sab_recall_map map;
        struct sab_recall_reading reading;
        struct sab_recall_view view = {T, SEQUENCES, 0, SAB_RECALL_WEIGHT, is_shown[0], rows, 100};
        struct sab_recall recall = sab_recall_log_collect(&log);
        for (int b = 0; b < SEQUENCES; b++)
            recall.read(recall.user, 0, 5, b, 1, when, half, NULL);
        recall.read(recall.user, 0, 6, 0, 1, when, one, NULL);
        recall.read(recall.user, 0, 4, 1, 1, when, one, NULL); /* no answer of sequence 1 */
        assert_int_equal(sab_recall_log_sort(&log, NULL), SAB_OK);
        assert_int_equal(sab_recall_map_make(&map, &log, &view, NULL), SAB_OK);
        assert_int_equal(map.rows, rows);
        for (int r = 0; r < rows; r++)
            if (fabs(map.cell[r * map.columns] - expected[rows][r]) > 1e-12)
                fail_msg("row %d of %d: expected %g, got %g", r, rows, expected[rows][r], map.cell[r * map.columns]);
        assert_int_equal(sab_recall_read(&reading, &log, &view, NULL), SAB_OK);
        if (reading.t != 6 || reading.weight != 1 || reading.sequences != 1)
            fail_msg("expected weight 1 at step 6 over 1 sequence, got %g at step %d over %d", reading.weight, reading.t,
                     reading.sequences);
        sab_recall_map_clear(&map);
        sab_recall_log_clear(&log);
    }
}

/* Step 0 is recalled where there is a memory of zeros: it has a column of its own before step 1's, or shares one. */
static void step_zero_has_a_column(void **state)
{
    struct sab_recall_log log = {0};
    (void)state;
    for (int columns_cap = 1; columns_cap <= T + 1; columns_cap++) {
        struct sab_recall_view view = {T, SEQUENCES, 0, SAB_RECALL_WEIGHT, NULL, 100, columns_cap};
        struct sab_recall recall = sab_recall_log_collect(&log);
        struct sab_recall_map map;
        const int32_t zero_and_last[2] = {0, T - 1};
        const sab_real alpha[2] = {(sab_real)0.75, (sab_real)0.25};
        recall.read(recall.user, 0, T, 0, 2, zero_and_last, alpha, NULL);
        assert_int_equal(sab_recall_log_sort(&log, NULL), SAB_OK);
        assert_int_equal(sab_recall_map_make(&map, &log, &view, NULL), SAB_OK);
        assert_int_equal(map.first_step, 0);
        assert_true(map.columns <= columns_cap && map.columns * map.steps_per_column >= T + 1);
        const double *row = &map.cell[(size_t)(map.rows - 1) * (size_t)map.columns];
        double first = 0.75 / SEQUENCES, last = 0.25 / SEQUENCES;
        int column = (T - 1) / map.steps_per_column;
        assert_true(fabs(row[0] - (column == 0 ? first + last : first)) < 1e-7);
        assert_true(column == 0 || fabs(row[column] - last) < 1e-7);
        sab_recall_map_clear(&map);
        sab_recall_log_clear(&log);
    }
}

/* However coarse the map, each row still adds up to the weight of its steps: one where every step reads. */
static void coarser_maps_keep_the_sum_of_a_row(void **state)
{
    struct sab_recall_log log = {0};
    (void)state;
    fill(&log);
    for (int rows_cap = 1; rows_cap <= 3; rows_cap++)
        for (int columns_cap = 1; columns_cap <= T; columns_cap++) {
            const uint8_t is_shown[T][SEQUENCES] = {[4] = {1, 1}, {1, 1}};
            struct sab_recall_view view = {T, SEQUENCES, 0, SAB_RECALL_WEIGHT, is_shown[0], rows_cap, columns_cap};
            struct sab_recall_map map;
            assert_int_equal(sab_recall_map_make(&map, &log, &view, NULL), SAB_OK);
            assert_true(map.rows <= rows_cap && map.columns <= columns_cap);
            for (int r = 0; r < map.rows; r++) {
                double sum = 0;
                for (int c = 0; c < map.columns; c++)
                    sum += map.cell[r * map.columns + c];
                assert_true(fabs(sum - 1) < 1e-12);
            }
            sab_recall_map_clear(&map);
        }
    sab_recall_log_clear(&log);
}

static void the_reading_is_the_strongest_pair(void **state)
{
    struct sab_recall_log log = {0};
    struct sab_recall_reading reading;
    struct sab_recall_view view = {T, SEQUENCES, 0, SAB_RECALL_WEIGHT, NULL, 100, 100};
    (void)state;
    fill(&log);
    assert_int_equal(sab_recall_read(&reading, &log, &view, NULL), SAB_OK);
    assert_int_equal(reading.t, 6);
    assert_int_equal(reading.when, 1);
    assert_true(fabs(reading.weight - 0.875) < 1e-12);
    assert_true(fabs(reading.mean_largest - (0.5 + 1 + 0.5 + 0.75) / 4) < 1e-12);
    view.layer = 1;
    assert_int_equal(sab_recall_read(&reading, &log, &view, NULL), SAB_OK);
    assert_int_equal(reading.when, 2);
    assert_true(fabs(reading.weight - 0.5) < 1e-12); /* one of the two sequences */
    view.layer = 2;
    assert_int_equal(sab_recall_read(&reading, &log, &view, NULL), SAB_OK);
    assert_int_equal(reading.t, 0);
    sab_recall_log_clear(&log);
}

static void a_weight_that_is_no_number_is_an_error(void **state)
{
    const sab_real bad[] = {(sab_real)NAN, (sab_real)INFINITY, (sab_real)-INFINITY};
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct sab_recall_log log = {0};
        struct sab_error err = {0};
        const int32_t when[] = {1, 2};
        const sab_real alpha[] = {1, bad[i]};
        struct sab_recall recall = sab_recall_log_collect(&log);
        recall.read(recall.user, 0, 3, 1, 2, when, alpha, NULL);
        recall.read(recall.user, 1, 4, 0, 1, when, &bad[0], NULL);
        assert_int_equal(sab_recall_log_sort(&log, &err), SAB_NUMERIC);
        if (!strstr(err.message, "layer 1, step 3 of sequence 2 recalls step 2 with weight"))
            fail_msg("the message does not name the first bad weight: %s", err.message);
        sab_recall_log_clear(&log);
    }
}

static void a_mean_below_0_is_the_least(void **state)
{
    struct sab_recall_log log = {0};
    struct sab_recall_map map;
    struct sab_recall_view view = {T, 1, 0, SAB_RECALL_WEIGHT, NULL, 100, 100};
    const int32_t when[] = {1, 2};
    const sab_real alpha[] = {(sab_real)-0.5, 2};
    (void)state;
    struct sab_recall recall = sab_recall_log_collect(&log);
    recall.read(recall.user, 0, 3, 0, 2, when, alpha, NULL);
    assert_int_equal(sab_recall_log_sort(&log, NULL), SAB_OK);
    assert_int_equal(sab_recall_map_make(&map, &log, &view, NULL), SAB_OK);
    assert_true(map.least == -0.5 && map.most == 2);
    sab_recall_map_clear(&map);
    sab_recall_log_clear(&log);
}

static void no_rows_is_an_error(void **state)
{
    struct sab_recall_log log = {0};
    struct sab_recall_map map;
    struct sab_error err = {0};
    const uint8_t is_shown[T][SEQUENCES] = {{0}};
    struct sab_recall_view view = {T, SEQUENCES, 0, SAB_RECALL_WEIGHT, is_shown[0], 4, 4};
    (void)state;
    fill(&log);
    assert_int_equal(sab_recall_map_make(&map, &log, &view, &err), SAB_INVALID);
    assert_true(strlen(err.message) > 0);
    sab_recall_log_clear(&log);
}

static void the_csv_has_every_weight_and_flow(void **state)
{
    struct sab_recall_log log = {0};
    char path[] = "/tmp/sab_report_XXXXXX";
    void *text;
    size_t nbytes;
    const int32_t when[] = {1, 3};
    const sab_real alpha[] = {0.5, 0.5}, flow[] = {0.125, 2};
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    fill(&log);
    assert_int_equal(sab_recall_log_csv(&log, NULL, path, NULL), SAB_OK);
    assert_int_equal(sab_file_read(path, 4096, &text, &nbytes, NULL), SAB_OK);
    assert_non_null(strstr(text, "sequence,layer,t,when,alpha,flow\n1,1,5,1,0.5,\n"));
    assert_non_null(strstr(text, "\n2,1,6,4,0.25,\n"));
    sab_free(text);

    struct sab_recall recall = sab_recall_log_flow(&log);
    recall.read(recall.user, 0, 5, 1, 2, when, alpha, flow);
    assert_int_equal(sab_recall_log_csv(&log, NULL, path, NULL), SAB_OK);
    assert_int_equal(sab_file_read(path, 4096, &text, &nbytes, NULL), SAB_OK);
    assert_non_null(strstr(text, "\n2,1,5,1,0.5,0.125\n2,1,5,3,0.5,2\n"));
    assert_non_null(strstr(text, "\n1,1,5,1,0.5,0\n"));
    sab_free(text);
    sab_recall_log_clear(&log);
    unlink(path);
}

/* Memories of three steps each: their weight is spread over what they cover, whatever the columns are, and a reading names all of it. */
static void a_memory_may_be_a_stretch(void **state)
{
    struct sab_recall_log log = {.stretch = 3};
    struct sab_recall recall = sab_recall_log_collect(&log);
    const char *path = "report_map_stretch.csv";
    const int32_t when[] = {3, 6};
    const sab_real alpha[] = {0.75, 0.25};
    void *text;
    size_t nbytes;
    (void)state;
    recall.read(recall.user, 0, 8, 0, 2, when, alpha, NULL);
    assert_int_equal(sab_recall_log_sort(&log, NULL), SAB_OK);
    const uint8_t is_shown[8] = {[7] = 1};
    const double expected[2][8] = {{0.25, 0.25, 0.25, 0.25 / 3, 0.25 / 3, 0.25 / 3, 0, 0},
                                   {0, 0.25 / 3, 0.25 / 3, 0.25 / 3, 0.25, 0.25, 0.25}};
    for (int is_by_lag = 0; is_by_lag < 2; is_by_lag++) {
        struct sab_recall_view view = {8, 1, 0, SAB_RECALL_WEIGHT, is_shown, 100, 100, is_by_lag};
        struct sab_recall_map map;
        struct sab_recall_reading reading;
        assert_int_equal(sab_recall_map_make(&map, &log, &view, NULL), SAB_OK);
        assert_int_equal(map.columns, is_by_lag ? 7 : 8);
        for (int c = 0; c < map.columns; c++)
            assert_true(fabs(map.cell[c] - expected[is_by_lag][c]) < 1e-7);
        assert_non_null(strstr(sab_recall_column_name(&map), "stretches"));
        assert_int_equal(sab_recall_read(&reading, &log, &view, NULL), SAB_OK);
        assert_true(reading.t == 8 && reading.from == 1 && reading.when == 3);
        sab_recall_map_clear(&map);
    }
    assert_int_equal(sab_recall_log_csv(&log, NULL, path, NULL), SAB_OK);
    assert_int_equal(sab_file_read(path, 4096, &text, &nbytes, NULL), SAB_OK);
    assert_string_equal(text, "sequence,layer,t,when,alpha,flow,from\n1,1,8,3,0.75,,1\n1,1,8,6,0.25,,4\n");
    sab_free(text);
    sab_recall_log_clear(&log);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_of_zero_are_left_out_and_entries_sorted),
        cmocka_unit_test(cells_are_means),
        cmocka_unit_test(a_column_may_be_a_lag),
        cmocka_unit_test(means_are_over_the_sequences_that_are_there),
        cmocka_unit_test(coarser_maps_keep_the_sum_of_a_row),
        cmocka_unit_test(step_zero_has_a_column),
        cmocka_unit_test(the_reading_is_the_strongest_pair),
        cmocka_unit_test(a_weight_that_is_no_number_is_an_error),
        cmocka_unit_test(a_mean_below_0_is_the_least),
        cmocka_unit_test(no_rows_is_an_error),
        cmocka_unit_test(the_csv_has_every_weight_and_flow),
        cmocka_unit_test(a_memory_may_be_a_stretch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
