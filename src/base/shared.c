/* See shared.h. */
#include "base/shared.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define OWNER struct sab_shared_options

static const char *const cpus[] = {[SAB_CPU_AUTO] = "auto", [SAB_CPU_REF] = "ref", [SAB_CPU_SSE2] = "sse2",
                                   [SAB_CPU_AVX2] = "avx2", [SAB_CPU_AVX512] = "avx512", [SAB_CPU_NEON] = "neon",
                                   NULL};

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

static const struct sab_option levels[] = {
    SAB_TEXT("quantiles", quantiles, SAB_DECIDES, "0.1,0.5,0.9", "model", "recurrent transformer",
             "with --loss quantile: an output for each of a target; 0.5, the median, is the forecast"),
};

const struct sab_rows sab_batch_rows = SAB_ROWS(batch);
const struct sab_rows sab_quantiles_rows = SAB_ROWS(levels);
const struct sab_rows sab_seed_rows = SAB_ROWS(seed);
const struct sab_rows sab_cpu_rows = SAB_ROWS(cpu);

int sab_quantiles_parse(const char *text, struct sab_quantiles *quantiles, struct sab_error *err)
{
    struct sab_quantiles read = {.median = -1};
    for (const char *at = text;; at++) {
        char number[32];
        double level = NAN, before = read.n > 0 ? read.level[read.n - 1] : 0;
        size_t length = strcspn(at, ",");
        snprintf(number, sizeof number, "%.*s", length < sizeof number ? (int)length : 0, at);
        if (sab_text_to_real(number, &level) || !(level > before && level < 1) || read.n == SAB_QUANTILES_MOST)
            return sab_fail(err, SAB_INVALID, "--quantiles \"%.60s\" is not a list of at most %d numbers between 0 and 1 in ascending "
                            "order, such as 0.1,0.5,0.9", text, SAB_QUANTILES_MOST);
        if (level == 0.5)
            read.median = read.n;
        read.level[read.n++] = level;
        at += length;
        if (*at == 0)
            break;
    }
    if (read.median < 0)
        return sab_fail(err, SAB_INVALID, "--quantiles %.60s lacks 0.5: the median is the forecast", text);
    *quantiles = read;
    return SAB_OK;
}

void sab_quantiles_sort(const struct sab_quantiles *quantiles, sab_real *y)
{
    for (int i = 1; i < quantiles->n; i++) { /* few, and nearly in order */
        sab_real value = y[i];
        int k = i;
        for (; k > 0 && y[k - 1] > value; k--)
            y[k] = y[k - 1];
        y[k] = value;
    }
}
