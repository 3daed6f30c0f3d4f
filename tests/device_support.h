/* A training on a device or the processor, for the tests device*.c and train_dropout.c. */
#ifndef SAB_TESTS_DEVICE_SUPPORT_H
#define SAB_TESTS_DEVICE_SUPPORT_H

#include "train/options.h"

/* Losses near 1 after n updates: roundings of 1e-7, and what training makes of them, stay below this for 20 updates. */
#define DEVICE_CURVE 1e-4

struct device_setup {
    struct sab_options config;
    struct sab_task *task;
    struct sab_model *model;
    struct sab_trainer *trainer;
};

/* The host's form, or with SAB_TEST_DEVICE=cuda, in a build that has it, the GPU. */
const char *device_place(void);

/* where: "cpu" or device_place(). */
void device_begin(struct device_setup *s, const struct sab_options *config, const char *where);
void device_end(struct device_setup *s);

int device_update(struct device_setup *s, struct sab_metrics *metrics, struct sab_error *err);
/* n of them, which must succeed; metrics of the last. */
void device_updates(struct device_setup *s, int n, struct sab_metrics *metrics);

/* Copying over 10 steps, 20 units. */
struct sab_options device_copying(void);

/* Brings weights and moments to the processor. */
void device_fetch(struct device_setup *s);

/* The largest difference of n numbers. */
double device_distance(const sab_real *x, const sab_real *y, size_t n);

#endif
