/* See shared.h. */
#include "base/shared.h"

#define OWNER struct sab_shared_options

static const char *const cpus[] = {"auto", "ref", "sse2", "avx2", "avx512", "neon", NULL};

static const struct sab_option batch[] = {
    SAB_INT("batch", batch, SAB_DECIDES, 1, 1e6, "64", "training", NULL,
            "B: sequences per update, and at a time in evaluations"),
};
static const struct sab_option seed[] = {
    SAB_UINT64("seed", seed, SAB_DECIDES, 0, SAB_OPTION_MOST, "1", "training", NULL,
               "decides the first weights and the data"),
    SAB_INT("threads", threads, SAB_LOCAL, 0, 4096, "0", "training", NULL,
            "threads; 0 is one per processor; the result is the same for any"),
};
static const struct sab_option cpu[] = {
    SAB_CHOICE("cpu", cpu, SAB_LOCAL, cpus, "auto", "run", NULL,
               "instruction set; auto is the fastest here; SAB_CPU sets it too"),
};

const struct sab_rows sab_batch_rows = SAB_ROWS(batch);
const struct sab_rows sab_seed_rows = SAB_ROWS(seed);
const struct sab_rows sab_cpu_rows = SAB_ROWS(cpu);
