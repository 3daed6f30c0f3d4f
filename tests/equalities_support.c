/* See equalities_support.h. */
#include "equalities_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdlib.h>
#include <cmocka.h>

#include "kernels/kernels.h"
#include "options_helper.h"

/* A random configuration of everything that changes the computation. */
static struct sab_shape random_case(struct sab_options *c, uint64_t *state)
{
    problem_config(c);
    c->model.cell = problem_int(state, 0, 2);
    c->model.hidden = problem_int(state, 1, 40);
    c->model.layers = problem_int(state, 1, 3);
    c->model.attention_width = problem_int(state, 0, 1) ? problem_int(state, 1, 20) : 0;
    c->model.score = problem_int(state, 0, 2);
    c->model.sparsifier = problem_int(state, 0, 2);
    c->model.read_floor = problem_int(state, 0, 1);
    c->model.read_gain = problem_int(state, 0, 1) ? 1 : 0.5;
    c->model.write = problem_int(state, 0, 1);
    c->model.k_top = problem_int(state, 1, 6);
    c->model.k_att = problem_int(state, 1, 4);
    c->model.memory_slots = problem_int(state, 0, 2) ? 0 : problem_int(state, 1, 8);
    c->model.keep = c->model.memory_slots > 0 ? problem_int(state, 0, SAB_KEEP_RESERVOIR) : SAB_KEEP_RECENT;
    c->model.k_trunc = problem_int(state, 1, 12);
    c->model.mental_updates = problem_int(state, 0, 3) > 0;
    c->model.forward = problem_int(state, 0, 3) ? SAB_SPARSE : SAB_DENSE;
    c->model.backward = c->model.forward == SAB_DENSE ? problem_int(state, 0, 1) : SAB_SPARSE;
    c->model.zero_memory = problem_int(state, 0, 3) == 0;
    c->model.pool = problem_int(state, 0, SAB_POOL_ATTENTION);
    int may_segment = c->model.memory_slots == 0 && c->model.forward == SAB_SPARSE && problem_int(state, 0, 1);
    c->model.segments = may_segment ? problem_int(state, 1, 6) : 0;
    return SHAPE(problem_int(state, 0, 1), problem_int(state, 1, 9), problem_int(state, 0, 1),
                              problem_int(state, 1, 7));
}

void equality_for_each(void (*check)(struct sab_options *config, struct sab_shape shape, int T, int B, uint64_t seed))
{
    for (int k = 0; sab_kernels_at(k); k++) {
        for (uint64_t seed = 1; seed <= EQUALITY_CASES; seed++) {
            uint64_t state = seed;
            OPTIONS config = {0};
            struct sab_shape shape = random_case(&config, &state);
            assert_int_equal(sab_options_set(&config, "cpu", sab_kernels_at(k)->name, NULL), SAB_OK);
            int T = problem_int(&state, 1, 40), B = problem_int(&state, 1, 19);
            check(&config, shape, T, B, seed);
        }
    }
}

sab_real *equality_outputs(struct problem *p, const struct sab_batch *batch)
{
    struct sab_error err;
    size_t count = (size_t)batch->T * batch->B * p->shape.O;
    sab_real *y = malloc((count + 1) * sizeof *y);
    for (size_t i = 0; i < count; i++)
        y[i] = NAN; /* what is not written is seen */
    if (sab_model_evaluate(p->model, batch, 1, y, NULL, NULL, &err))
        fail_msg("%s", err.message);
    return y;
}
