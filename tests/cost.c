/* The counts of work against numbers computed by hand from the equations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "credit/cost.h"
#include "credit/engine.h"
#include "options_helper.h"

static struct sab_model *model_of(struct sab_options *config, int input, int I)
{
    struct sab_model *model;
    struct sab_shape shape = {sizeof shape, input, I, SAB_LOSS_CROSS_ENTROPY, 4};
    config->model.hidden = 5;
    assert_int_equal(sab_model_create(&model, config, &shape, NULL), SAB_OK);
    return model;
}

static void equal(const char *what, double got, double want)
{
    if (got != want)
        fail_msg("%s: counted %.17g, by hand %.17g", what, got, want);
}

/* T = 7, B = 2 (R = 14 rows), H = 5, G = 4, A = 6, O = 4, a memory every 2 steps: the steps can read 0 0 1 1 2 2 3
 * memories, so 3 are written (the last one is never read), 5 steps ask, 9 memories are compared, and with K = 2
 * 8 are read. Windows of 3 steps: 3. */
static void test_sparse_lstm(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    struct sab_cost cost;
    sab_options_init(&config);
    config.model.attention_width = 6;
    config.model.k_att = 2;
    config.model.k_top = 2;
    config.model.k_trunc = 3;
    struct sab_model *m = model_of(&config, SAB_INPUT_IDS, 3);
    sab_cost_count(m, 7, 2, 1, 0, &cost);
    equal("state", cost.flops[SAB_PHASE_STATE], 2.0 * 5 * 20 * 14);
    equal("input", cost.flops[SAB_PHASE_INPUT], 0);
    equal("cell", cost.elements[SAB_PHASE_CELL], 5.0 * 5 * 14);
    equal("map", cost.flops[SAB_PHASE_MAP], 2.0 * 5 * 6 * (3 + 5) * 2);
    equal("score", cost.elements[SAB_PHASE_SCORE], 9.0 * 6 * 2);
    equal("select", cost.elements[SAB_PHASE_SELECT], 9.0 * 2);
    equal("read", cost.nbytes[SAB_PHASE_READ], (8.0 * 5 * 2 + 3 * 5 * 14) * sizeof(real));
    equal("readout", cost.flops[SAB_PHASE_READOUT], 3.0 * 2 * 5 * 4 * 2 * 14);
    equal("read backward", cost.nbytes[SAB_PHASE_READ_BACKWARD], 8.0 * 3 * (5 + 6) * 2 * sizeof(real));
    equal("map backward", cost.flops[SAB_PHASE_MAP_BACKWARD], 2.0 * 5 * 6 * (3 + 5) * 2);
    equal("state backward", cost.flops[SAB_PHASE_STATE_BACKWARD], 2.0 * 5 * 20 * (14 - 3 * 2));
    equal("weights", cost.flops[SAB_PHASE_WEIGHTS], 2.0 * 5 * 20 * 14 + 2.0 * 5 * 6 * (3 + 5) * 2);
    equal("all", sab_cost_flops(&cost), 2800 + 960 + 3360 + 960 + 1600 + 3760);
    sab_cost_count(m, 7, 2, 0.5, 0, &cost);
    equal("weights where half is reached", cost.flops[SAB_PHASE_WEIGHTS], 3760 / 2);
    sab_cost_count(m, 7, 2, 0, 0, &cost);
    equal("evaluation", sab_cost_flops(&cost), 2800 + 960 + 1120);
    sab_model_free(m);
}

/* Two layers of GRU (G = 3) on vectors of 3, full BPTT: one window of 7 steps, no memory. */
static void test_plain_layers(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    struct sab_cost cost;
    sab_options_init(&config);
    config.model.cell = SAB_CELL_GRU;
    config.model.credit = SAB_CREDIT_BPTT;
    config.model.layers = 2;
    struct sab_model *m = model_of(&config, SAB_INPUT_VALUES, 3);
    sab_cost_count(m, 7, 2, 1, 0, &cost);
    equal("input", cost.flops[SAB_PHASE_INPUT], 2.0 * (3 + 5) * 15 * 14);
    equal("state", cost.flops[SAB_PHASE_STATE], 2 * 2.0 * 5 * 15 * 14);
    equal("cell", cost.elements[SAB_PHASE_CELL], 2 * 3.0 * 5 * 14);
    equal("state backward", cost.flops[SAB_PHASE_STATE_BACKWARD], 2 * 2.0 * 5 * 15 * (14 - 2));
    /* W_hh of both, W_ih of both, and what layer 1 sends to layer 0 */
    equal("weights", cost.flops[SAB_PHASE_WEIGHTS], 2.0 * 15 * 14 * (5 + 5 + 3 + 5 + 5));
    equal("readout", cost.flops[SAB_PHASE_READOUT], 3.0 * 2 * 5 * 4 * 14);
    equal("map", cost.flops[SAB_PHASE_MAP] + cost.flops[SAB_PHASE_MAP_BACKWARD], 0);
    equal("score", cost.elements[SAB_PHASE_SCORE] + cost.flops[SAB_PHASE_SCORE], 0);
    equal("read", cost.nbytes[SAB_PHASE_READ] + cost.nbytes[SAB_PHASE_READ_BACKWARD], 0);
    sab_model_free(m);
}

/* Memories that the steps can read, counted step by step. */
static void test_reads(void **unused)
{
    (void)unused;
    static const int Ts[] = {1, 2, 7, 40}, each[] = {1, 3, 7, 50}, slots[] = {0, 1, 4, 30};
    for (int i = 0; i < 64; i++) {
        OPTIONS config = {0};
        struct sab_cost cost;
        int T = Ts[i & 3], k = each[i >> 2 & 3], most = slots[i >> 4];
        double scored = 0, entries = 0, queries = 0;
        sab_options_init(&config);
        config.model.k_att = k;
        config.model.memory_slots = most;
        config.model.k_top = 2;
        for (int t = 0; t < T; t++) {
            int N = most > 0 && t / k > most ? most : t / k;
            scored += N;
            entries += N < 2 ? N : 2;
            queries += N > 0;
        }
        struct sab_model *m = model_of(&config, SAB_INPUT_IDS, 3);
        sab_cost_count(m, T, 1, 0, 0, &cost);
        equal("scored", cost.elements[SAB_PHASE_SELECT], scored);
        equal("read", cost.nbytes[SAB_PHASE_READ], (entries * 5 + 3 * 5 * T) * sizeof(real));
        equal("map", cost.flops[SAB_PHASE_MAP], 2.0 * 5 * 5 * (T / k + queries));
        sab_model_free(m);
    }
}

/* An encoder-decoder, half of whose R = 14 rows are taken to be the decoder's: 7 contexts, of 24.5 pairs of steps in all. */
static void test_encoder_decoder(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    struct sab_cost cost;
    sab_options_init(&config);
    config.model.model = SAB_KIND_SEQ2SEQ;
    config.model.decoder_attention = 1;
    config.model.attention_width = 6;
    struct sab_model *m = model_of(&config, SAB_INPUT_IDS, 3);
    sab_cost_count(m, 7, 2, 1, 0, &cost);
    double context = 2.0 * 5 * 20 * 7, state = 2.0 * 5 * 20 * 14, map = 2.0 * 5 * 6 * 14;
    equal("input", cost.flops[SAB_PHASE_INPUT], context);
    equal("input's bytes", cost.nbytes[SAB_PHASE_INPUT], 3.0 * 20 * 14 * sizeof(real));
    equal("state", cost.flops[SAB_PHASE_STATE], state);
    equal("cell", cost.elements[SAB_PHASE_CELL], 5.0 * 5 * 14);
    equal("map", cost.flops[SAB_PHASE_MAP], map);
    equal("score", cost.elements[SAB_PHASE_SCORE], 2 * 24.5 * 6);
    equal("sums", cost.flops[SAB_PHASE_SCORE], 2 * 24.5 * 5);
    equal("readout", cost.flops[SAB_PHASE_READOUT], 3.0 * 2 * 5 * 4 * (14 + 7));
    equal("read backward", cost.nbytes[SAB_PHASE_READ_BACKWARD], 24.5 * 3 * (5 + 6) * sizeof(real));
    equal("context backward", cost.flops[SAB_PHASE_READ_BACKWARD], context);
    equal("map backward", cost.flops[SAB_PHASE_MAP_BACKWARD], map);
    equal("cell backward", cost.nbytes[SAB_PHASE_CELL_BACKWARD], (2.0 * 4 + 2 + 3) * 5 * 14 * sizeof(real));
    equal("state backward", cost.flops[SAB_PHASE_STATE_BACKWARD], state);
    equal("weights", cost.flops[SAB_PHASE_WEIGHTS], context + state + map);
    sab_cost_count(m, 7, 2, 0, 0, &cost);
    equal("evaluation", sab_cost_flops(&cost), context + state + map + 2 * 24.5 * 5 + 2.0 * 5 * 4 * (14 + 7));
    sab_model_free(m);
    config.model.cell = SAB_CELL_GRU;
    m = model_of(&config, SAB_INPUT_VALUES, 3);
    sab_cost_count(m, 7, 2, 1, 0, &cost);
    equal("input of values", cost.flops[SAB_PHASE_INPUT], 2.0 * 3 * 15 * 14 + 2.0 * 5 * 15 * 7);
    equal("cell backward of a gru", cost.nbytes[SAB_PHASE_CELL_BACKWARD], (2.0 * 3 + 2) * 5 * 14 * sizeof(real));
    sab_model_free(m);
}

/* Two blocks of H = 5, one head: 12 H^2 weights each, 2 * 7 * 8 / 2 = 56 pairs of steps, R = 14 rows. */
static void test_transformer(void **unused)
{
    (void)unused;
    OPTIONS config = {0};
    struct sab_cost cost;
    sab_options_init(&config);
    config.model.model = SAB_KIND_TRANSFORMER;
    config.model.heads = 1;
    config.model.layers = 2;
    struct sab_model *m = model_of(&config, SAB_INPUT_VALUES, 3);
    sab_cost_count(m, 7, 2, 1, 0, &cost);
    double input = 2.0 * 3 * 5 * 14, maps = 2 * 2.0 * 12 * 5 * 5 * 14, product = 2 * 2.0 * 5 * 56;
    equal("input", cost.flops[SAB_PHASE_INPUT], input);
    equal("input's bytes", cost.nbytes[SAB_PHASE_INPUT], 3.0 * 5 * 14 * sizeof(real));
    equal("maps", cost.flops[SAB_PHASE_STATE], maps);
    equal("attention", cost.flops[SAB_PHASE_MAP], 2 * product);
    equal("functions", cost.elements[SAB_PHASE_CELL], 2 * (4.0 * 5 * 14 + 56));
    equal("readout", cost.flops[SAB_PHASE_READOUT], 3.0 * 2 * 5 * 4 * 14);
    equal("maps backward", cost.flops[SAB_PHASE_STATE_BACKWARD], maps);
    equal("attention backward", cost.flops[SAB_PHASE_MAP_BACKWARD], 5 * product);
    equal("rows backward", cost.nbytes[SAB_PHASE_CELL_BACKWARD], 2 * (4.0 * 4 + 2 * 6) * 5 * 14 * sizeof(real));
    equal("weights", cost.flops[SAB_PHASE_WEIGHTS], maps + input);
    sab_model_free(m);
}

/* What a step of a batch reads, each array by itself. */
static void test_bytes_of_a_step(void **unused)
{
    (void)unused;
    enum { IDS = 1, LABELS = 2, WEIGHT = 4, SCORED = 8, VALUES = 16, TARGETS = 32 };
    OPTIONS config = {0};
    sab_options_init(&config);
    struct sab_model *m = model_of(&config, SAB_INPUT_VALUES, 3); /* 4 outputs */
    for (int there = 0; there < 64; there++) {
        const void *any = &there;
        struct sab_batch batch = {.size = sizeof batch, .T = 7, .B = 2, .ids = there & IDS ? any : NULL,
                                  .labels = there & LABELS ? any : NULL,
                                  .weight = there & WEIGHT ? any : NULL, .scored = there & SCORED ? any : NULL,
                                  .values = there & VALUES ? any : NULL, .targets = there & TARGETS ? any : NULL};
        double want = 2.0 * (4 * !!(there & IDS) + 4 * !!(there & LABELS) + !!(there & SCORED) +
                             sizeof(real) * (!!(there & WEIGHT) + 3 * !!(there & VALUES) + 4 * !!(there & TARGETS)));
        equal("bytes of a step", sab_batch_step_nbytes(m, &batch), want);
    }
    sab_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sparse_lstm),
        cmocka_unit_test(test_plain_layers),
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_encoder_decoder),
        cmocka_unit_test(test_transformer),
        cmocka_unit_test(test_bytes_of_a_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
