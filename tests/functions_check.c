/* See functions_check.h. A block of floats at a time: the truth in double, then each table's answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/team.h"
#include "functions_check.h"

#ifndef SAB_DOUBLE
enum { BLOCK = 1024 };

const char *const functions_names[FUNCTIONS_COUNT] = {"tanh", "sigmoid", "exp2x", "reciprocal"};
const double functions_bounds[FUNCTIONS_COUNT] = {SAB_TANH_ERROR, SAB_SIGMOID_ERROR, SAB_EXP_ERROR, SAB_RCP_ULP};

/* The k-th float of the set, as bits; past the last the first one again, so that blocks are full. */
static float at(uint32_t first, uint32_t stride, uint64_t k)
{
    uint64_t place = first + k * stride;
    uint32_t bits = place <= UINT32_MAX ? (uint32_t)place : first;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static int is_wanted(enum functions_kind kind, float x)
{
    return kind != FUNCTIONS_RCP || (x >= 0 && x < 0x1p86f);
}

static double truth(enum functions_kind kind, float x)
{
    double most = (double)SAB_EXPONENT_MAX, twice = 2 * (double)x;
    switch (kind) {
    case FUNCTIONS_TANH:
        return tanh((double)x);
    case FUNCTIONS_SIGMOID:
        return 1 / (1 + exp(-(double)x));
    case FUNCTIONS_EXP:
        return exp(twice > most ? most : twice < -most ? -most : twice);
    default:
        return 1 / (double)fmaf(x, 1, 1);
    }
}

static void answer(const struct sab_kernels *k, enum functions_kind kind, const float *x, float *y)
{
    static const float zeros[BLOCK], half[SAB_LANES] = {-0.5f}, ones[SAB_LANES] = {1};
    float gates[4 * SAB_LANES], c[SAB_LANES], hh[SAB_LANES], rows[4 * SAB_LANES] = {0};
    switch (kind) {
    case FUNCTIONS_TANH:
        k->rnn_forward(BLOCK, x, y);
        return;
    case FUNCTIONS_EXP:
        k->exp2x(BLOCK, x, y);
        return;
    case FUNCTIONS_SIGMOID:
        for (int i = 0; i < BLOCK; i += SAB_LANES) {
            memset(gates, 0, sizeof gates);
            memcpy(gates, x + i, SAB_LANES * sizeof *x);
            k->lstm_forward(1, SAB_LANES, SAB_LANES, gates, zeros, c, hh);
            memcpy(y + i, gates, SAB_LANES * sizeof *y);
        }
        return;
    default: /* w is -1/2 in lane 0 and 0 elsewhere: a = 1 / (1 + E_0) */
        for (int i = 0; i < BLOCK; i += 4) {
            for (int row = 0; row < 4; row++)
                rows[row * SAB_LANES] = x[i + row];
            k->score_mlp(4, SAB_LANES, rows, ones, half, 0, y + i);
        }
    }
}

static double error_of(enum functions_kind kind, float got, double want)
{
    double error = fabs((double)got - want);
    if (isnan(want))
        return isnan(got) ? 0 : HUGE_VAL;
    if (kind == FUNCTIONS_EXP)
        return error / want;
    if (kind == FUNCTIONS_RCP)
        return error / ldexp(1, ilogb(want) - 23);
    return error;
}

static void check_block(enum functions_kind kind, const float *x, struct functions_worst worst[8])
{
    double want[BLOCK];
    float y[BLOCK];
    for (int i = 0; i < BLOCK; i++)
        want[i] = truth(kind, x[i]);
    for (int t = 0; sab_kernels_at(t); t++) {
        answer(sab_kernels_at(t), kind, x, y);
        for (int i = 0; i < BLOCK; i++) {
            double error = error_of(kind, y[i], want[i]);
            if (!(error <= worst[t].error)) {
                worst[t].error = error;
                worst[t].x = x[i];
            }
        }
        worst[t].checked += BLOCK;
    }
}

static void merge(struct functions_worst *into, const struct functions_worst *from)
{
    int64_t checked = into->checked + from->checked;
    if (!(from->error <= into->error))
        *into = *from;
    into->checked = checked;
}

struct sweep {
    enum functions_kind kind;
    uint32_t first, stride;
    int64_t blocks;
    struct functions_worst (*worst)[8]; /* [members] */
};

enum { BLOCKS_OF_PIECE = 1024 };

static void check_piece(void *user, int piece, int member)
{
    const struct sweep *s = user;
    int64_t end = ((int64_t)piece + 1) * BLOCKS_OF_PIECE;
    for (int64_t block = (int64_t)piece * BLOCKS_OF_PIECE; block < end && block < s->blocks; block++) {
        float x[BLOCK];
        int n = 0;
        for (int i = 0; i < BLOCK; i++) {
            float next = at(s->first, s->stride, (uint64_t)block * BLOCK + (uint64_t)i);
            x[i] = is_wanted(s->kind, next) ? next : 0;
            n += is_wanted(s->kind, next);
        }
        if (n > 0)
            check_block(s->kind, x, s->worst[member]);
    }
}

void functions_check(enum functions_kind kind, uint32_t first, uint32_t stride, struct functions_worst worst[8])
{
    int members = sab_processors();
    struct sab_team *team = NULL;
    struct sab_error err;
    struct sweep sweep = {kind, first, stride, (int64_t)(((UINT64_C(1) << 32) / stride + BLOCK) / BLOCK), NULL};
    sweep.worst = calloc((size_t)members, sizeof *sweep.worst);
    assert_non_null(sweep.worst);
    assert_int_equal(sab_team_grow(&team, members, &err), SAB_OK);
    sab_team_run(team, members, (int)((sweep.blocks + BLOCKS_OF_PIECE - 1) / BLOCKS_OF_PIECE), check_piece, &sweep);
    memset(worst, 0, 8 * sizeof *worst);
    for (int i = 0; i < members; i++)
        for (int t = 0; t < 8; t++)
            merge(&worst[t], &sweep.worst[i][t]);
    sab_team_free(team);
    free(sweep.worst);
}

void functions_judge(enum functions_kind kind, uint32_t first, uint32_t stride)
{
    struct functions_worst worst[8];
    int bad = 0;
    functions_check(kind, first, stride, worst);
    for (int t = 0; sab_kernels_at(t); t++) {
        print_message("%-10s %-7s %11lld values, worst error %.4g at %.9g (%a); %.3g is allowed\n",
                      functions_names[kind], sab_kernels_at(t)->name, (long long)worst[t].checked, worst[t].error,
                      (double)worst[t].x, (double)worst[t].x, functions_bounds[kind]);
        bad += !(worst[t].error <= functions_bounds[kind]);
    }
    assert_int_equal(bad, 0);
}
#endif
