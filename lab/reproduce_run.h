/* One cell and seed: trained, or gone on with, tested, and left as a result file. */
#ifndef SAB_LAB_REPRODUCE_RUN_H
#define SAB_LAB_REPRODUCE_RUN_H

#include <signal.h>

#include "lab/reproduce_result.h"

struct sab_reproduction {
    const char *dir;                    /* results/ and runs/ are in it */
    int is_quick, quiet, threads;
    int cpu;                            /* enum sab_cpu */
    const volatile sig_atomic_t *stop;
};

enum sab_reproduced { SAB_MADE, SAB_MADE_BEFORE, SAB_MADE_ELSEWHERE };

/* Leaves DIR/results/TABLE/CELL-sSEED.json, unless it is there already, or another process is at the cell's run: *how_made says so. A run
 * that ends in bad numbers is a result too. SAB_INTERRUPTED: the same call goes on. SAB_INVALID where run or result were made with
 * other settings. */
int sab_reproduce_cell(const struct sab_reproduction *how, const struct sab_table_cell *cell, uint64_t seed,
                       enum sab_reproduced *how_made, struct sab_error *err);

#endif
