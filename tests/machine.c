/* Memory, products and layouts of a machine (cuda/machine.h; machine_support.h says which) against what their comments say, computed one
 * element at a time, and against the library's own layouts. Copies and layouts are equal to the bit; products of K terms may
 * differ by the rounding of K steps of sums of absolute terms. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cuda/machine.h"
#include "machine_support.h"
#include "model/model.h"
#include "problem.h"

/* ---- memory and products ----------------------------------------------------------------------------------------- */

static void test_memory(void **unused)
{
    (void)unused;
    enum { MOST = 20 << 20 }; /* more than a machine has room for on the way */
    unsigned char *there = malloc(MOST), *back = malloc(MOST);
    assert_true(there && back);
    static const size_t sizes[] = {0, 1, 3, 64, 65, 4097, MOST - 1, MOST, 7};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        size_t n = sizes[k];
        for (size_t i = 0; i < n; i++)
            there[i] = (unsigned char)(i * 7 + (i >> 12) + k);
        unsigned char *a = machine_put(there, n), *b = machine_room(n);
        memset(there, 0, n); /* put has taken what it needs */
        assert_int_equal(machine->copy(machine, b, a, n), SAB_OK);
        assert_int_equal(machine->zero(machine, a, n / 2), SAB_OK);
        machine_get(back, b, n);
        for (size_t i = 0; i < n; i++)
            if (back[i] != (unsigned char)(i * 7 + (i >> 12) + k))
                fail_msg("%zu bytes: byte %zu is %d", n, i, back[i]);
        machine_get(back, a, n);
        for (size_t i = 0; i < n; i++)
            if (back[i] != (i < n / 2 ? 0 : (unsigned char)(i * 7 + (i >> 12) + k)))
                fail_msg("%zu bytes, half zeroed: byte %zu is %d", n, i, back[i]);
    }
    free(there);
    free(back);
}

/* No machine has so much; the next request is served. */
static void test_no_memory(void **unused)
{
    (void)unused;
    struct sab_error err = {0};
    void *block = NULL;
    assert_int_equal(machine->take(machine, &block, (size_t)1 << 50, &err), SAB_NOMEM);
    assert_null(block);
    assert_non_null(strstr(err.message, "MiB"));
    machine->give(machine, machine_room(16));
    machine_done();
}

static void test_what_a_machine_is(void **unused)
{
    (void)unused;
    assert_true(machine->name[0] && machine->multiprocessors > 0 && machine->free_nbytes > 0);
    assert_true(machine->shared_nbytes >= 48 << 10);
    long before = machine->launches;
    real *x = machine_room(4 * sizeof *x);
    double *sum = machine_room(sizeof *sum);
    machine->zero(machine, x, 4 * sizeof *x);
    machine->gemm(machine, 0, 0, 1, 1, 1, x, 1, x + 1, 1, 0, x + 2, 1);
    assert_int_equal(machine->launches, before + 1);
    machine->norm(machine, 4, x, sum);
    assert_true(machine->launches > before + 1);
    machine->give(machine, x);
    machine->give(machine, sum);
    machine_done();
}

static void gemm_once(uint64_t *state, int ta, int tb, int add)
{
    int M = problem_int(state, 1, 70), N = problem_int(state, 1, 70), K = problem_int(state, 1, 70);
    int lda = (ta ? M : K) + problem_int(state, 0, 5), ldb = (tb ? K : N) + problem_int(state, 0, 5);
    int ldc = N + problem_int(state, 0, 5);
    size_t nA = (size_t)(ta ? K : M) * lda, nB = (size_t)(tb ? N : K) * ldb, nC = (size_t)M * ldc;
    real *A = machine_drawn(state, nA), *B = machine_drawn(state, nB), *C = machine_drawn(state, nC), *got = machine_numbers(nC);
    real *a = machine_put(A, nA * sizeof *A), *b = machine_put(B, nB * sizeof *B), *c = machine_put(C, nC * sizeof *C);
    assert_int_equal(machine->gemm(machine, ta, tb, M, N, K, a, lda, b, ldb, add, c, ldc), SAB_OK);
    machine_get(got, c, nC * sizeof *C);
    for (int i = 0; i < M; i++)
        for (int j = 0; j < ldc; j++) {
            size_t at = (size_t)i * ldc + j;
            double sum = j >= N || add ? C[at] : 0;
            for (int k = 0; k < K && j < N; k++)
                sum += (double)A[ta ? k * lda + i : i * lda + k] * B[tb ? j * ldb + k : k * ldb + j];
            machine_near("gemm", at, got[at], sum, j < N ? (K + 1) * (K + 1) * MACHINE_EPSILON / 2 : 0);
        }
    machine->give(machine, a);
    machine->give(machine, b);
    free(A), free(B), free(C), free(got);
}

static void test_gemm(void **unused)
{
    (void)unused;
    uint64_t state = 5;
    for (int i = 0; i < 160; i++)
        gemm_once(&state, i & 1, i >> 1 & 1, i >> 2 & 1);
}

/* ---- layouts ----------------------------------------------------------------------------------------------------- */

/* from is [k, g, unit] with gaps, or its transpose. */
static void pack_once(uint64_t *state, int transposed)
{
    int ranks = problem_int(state, 1, 8), width = problem_int(state, 1, 9), gates = problem_int(state, 1, 4);
    int K = problem_int(state, 1, 130), rows = sab_gpu_pad64(K);
    int most = ranks * width - problem_int(state, 0, width - 1), stride = most + 2;
    size_t source = (size_t)K * gates * stride, count = (size_t)ranks * rows * gates * width;
    real *from = machine_drawn(state, source), *got = machine_numbers(count), *want = machine_numbers(count);
    struct sab_gpu_pack p = {.ranks = ranks, .rows = rows, .K = K, .gates = gates, .width = width, .most = most};
    p.step_k = transposed ? 1 : (size_t)gates * stride;
    p.step_g = transposed ? (size_t)K * stride : (size_t)stride;
    p.step_w = transposed ? (size_t)K : 1;
    for (int r = 0; r < ranks; r++)
        for (int k = 0; k < rows; k++)
            for (int g = 0; g < gates; g++)
                for (int w = 0; w < width; w++) {
                    size_t col = (size_t)g * width + w, unit = (size_t)r * width + w;
                    size_t at = ((size_t)r * gates * width + col) * rows + k;
                    int inside = k < K && unit < (size_t)most;
                    want[at] = inside ? from[k * p.step_k + g * p.step_g + unit * p.step_w] : 0;
                }
    p.from = machine_put(from, source * sizeof *from);
    p.to = machine_room(count * sizeof *p.to);
    assert_int_equal(machine->pack(machine, &p), SAB_OK);
    machine_get(got, p.to, count * sizeof *got);
    machine_same("pack", got, want, count);
    machine->give(machine, (void *)p.from);
    free(from), free(got), free(want);
}

/* Fewer bits: as if the factors had been rounded before. On the GPU each factor may be off by half of its last place, or a whole one where
 * tensor cores cut what is beyond. */
static void test_gemm_of_fewer_bits(void **unused)
{
    (void)unused;
    enum { M = 5, N = 7, K = 40 };
    uint64_t state = 11;
    for (int products = SAB_PRODUCTS_TF32; products <= SAB_PRODUCTS_BF16; products++) {
        const int bits = products == SAB_PRODUCTS_TF32 ? 11 : 8;
        real A[M * K], B[K * N], C[M * N];
        for (int i = 0; i < M * K; i++)
            A[i] = (real)(2 * problem_uniform(&state) - 1);
        for (int i = 0; i < K * N; i++)
            B[i] = (real)(2 * problem_uniform(&state) - 1);
        real *a = machine_put(A, sizeof A), *b = machine_put(B, sizeof B), *c = machine_room(sizeof C);
        machine->products = products;
        machine->gemm(machine, 0, 0, M, N, K, a, K, b, N, 0, c, N);
        machine->products = SAB_PRODUCTS_FLOAT;
        machine->get(machine, C, c, sizeof C);
        machine_done();
        int differs = 0;
        for (int i = 0; i < M; i++)
            for (int j = 0; j < N; j++) {
                double want = 0, all = 0, plain = 0;
                for (int k = 0; k < K; k++) {
                    int ea, eb;
                    double x = frexp((double)A[i * K + k], &ea), y = frexp((double)B[k * N + j], &eb);
                    double product = ldexp(nearbyint(ldexp(x, bits)) * nearbyint(ldexp(y, bits)), ea + eb - 2 * bits);
                    want += product, all += fabs(product);
                    plain += (double)A[i * K + k] * (double)B[k * N + j];
                }
                machine_near("gemm of fewer bits", (size_t)(i * N + j), C[i * N + j], want,
                             (K * MACHINE_EPSILON + (machine_on_host ? 0 : 4 * ldexp(1, -bits))) * all);
                differs += fabs(plain - (double)C[i * N + j]) > K * MACHINE_EPSILON * all;
            }
        assert_true(differs > 0);
        machine->give(machine, a), machine->give(machine, b), machine->give(machine, c);
    }
}

static void test_pack(void **unused)
{
    (void)unused;
    uint64_t state = 6;
    for (int i = 0; i < 40; i++)
        pack_once(&state, i % 2);
}

/* The tensors of a model are laid out as sab_tensors_pad does, and come back. */
static void test_pad(void **unused)
{
    (void)unused;
    enum { TENSORS = 4 };
    static const struct {
        int rows, G, cols, transposed;
    } shapes[TENSORS] = {{7, 4, 12, 1}, {1, 4, 12, 0}, {13, 1, 33, 0}, {70, 3, 17, 1}};
    struct sab_tensor_spec specs[TENSORS] = {0};
    struct sab_gpu_tensor table[TENSORS] = {0};
    struct sab_model model = {.n_tensors = TENSORS, .tensors = specs};
    size_t n_theta = 0, n_padded = 0, most = 0;
    for (int k = 0; k < TENSORS; k++) {
        int rows = shapes[k].rows, G = shapes[k].G, cols = shapes[k].cols;
        size_t count = (size_t)rows * G * cols;
        specs[k] = (struct sab_tensor_spec){.rows = rows, .G = G, .cols = cols, .transposed = shapes[k].transposed,
                                            .count = count, .offset = n_theta, .padded_offset = n_padded};
        table[k] = (struct sab_gpu_tensor){rows, G, cols, sab_pad(cols), shapes[k].transposed,
                                           n_theta, n_padded, count};
        n_theta += (count + 15) / 16 * 16;
        n_padded += (size_t)rows * G * sab_pad(cols);
        most = count > most ? count : most;
    }
    uint64_t state = 7;
    real *theta = machine_drawn(&state, n_theta), *padded = machine_drawn(&state, n_padded), *got = machine_numbers(n_theta + n_padded);
    real *t = machine_put(theta, n_theta * sizeof *t), *p = machine_put(padded, n_padded * sizeof *p);
    struct sab_gpu_tensor *rows = machine_put(table, sizeof table);
    assert_int_equal(machine->pad(machine, rows, TENSORS, most, t, p), SAB_OK);
    sab_tensors_pad(&model, theta, padded);
    machine_get(got, p, n_padded * sizeof *got);
    machine_same("pad", got, padded, n_padded);
    free(padded);
    padded = machine_drawn(&state, n_padded);
    p = machine_put(padded, n_padded * sizeof *p);
    assert_int_equal(machine->unpad(machine, rows, TENSORS, most, p, t), SAB_OK);
    sab_tensors_unpad(&model, padded, 0, theta, NULL, 1);
    machine_get(got, t, n_theta * sizeof *got);
    machine_same("unpad", got, theta, n_theta);
    machine->give(machine, p);
    machine->give(machine, rows);
    free(theta), free(padded), free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_what_a_machine_is),
        cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_gemm_of_fewer_bits),
        cmocka_unit_test(test_pack),
        cmocka_unit_test(test_pad),
    };
    return machine_open() ? machine_close(cmocka_run_group_tests(tests, NULL, NULL)) : 1;
}
