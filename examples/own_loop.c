/* A training loop of one's own around sab as a layer: own arrays, own head, own loss (Huber) on the hidden state and what was
 * recalled, own optimiser. What enters at the first step is to be said at the last.
 *
 *     cc own_loop.c $(pkg-config --cflags --libs sab) -lm -o own_loop && ./own_loop */
#include <math.h>
#include <sab.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { T = 12, B = 16, I = 2, H = 16, O = 2 * H, UPDATES = 400 }; /* outputs of a step: h, then what was recalled, s */

static struct sab_error err;
static sab_real values[T * B * I], outputs[T * B * O], doutputs[T * B * O], dvalues[T * B * I], head[O], dhead[O];

static void must(int status)
{
    if (status != SAB_OK)
        exit((fprintf(stderr, "own_loop: %s\n", err.message), 1));
}

static double uniform(void) /* -1..1, the same at every run */
{
    static unsigned state = 7;
    return (double)((state = state * 1664525u + 1013904223u) >> 8) / (1 << 23) - 1;
}

/* Mean Huber loss of head . outputs at the last step; its gradients are left in doutputs and dhead. */
static double loss(void)
{
    double sum = 0;
    memset(doutputs, 0, sizeof doutputs);
    memset(dhead, 0, sizeof dhead);
    for (int b = 0; b < B; b++) {
        const sab_real *y = outputs + ((T - 1) * B + b) * O;
        double e = -(double)values[b * I];
        for (int k = 0; k < O; k++)
            e += (double)head[k] * (double)y[k];
        double slope = fmax(-0.5, fmin(0.5, e));
        sum += slope * e - slope * slope / 2;
        for (int k = 0; k < O; k++) {
            doutputs[((T - 1) * B + b) * O + k] = (sab_real)(slope / B) * head[k];
            dhead[k] += (sab_real)(slope / B) * y[k];
        }
    }
    return sum / B;
}

int main(void)
{
    struct sab_options *options;
    struct sab_model *model;
    struct sab_engine *engine;
    struct sab_tape *tape;
    struct sab_shape shape = {sizeof shape, SAB_INPUT_VALUES, I, SAB_LOSS_NONE, O};
    struct sab_batch batch = {.size = sizeof batch, .T = T, .B = B, .values = values};
    struct sab_request request = {.size = sizeof request, .doutputs = doutputs, .dvalues = dvalues};
    must(sab_options_create(&options, &err));
    must(sab_options_parse(options, "readout=off hidden=16 k-top=4 k-att=3 k-trunc=12 input-scale=1 key-scale=1", &err));
    must(sab_model_create(&model, options, &shape, &err));
    must(sab_engine_create(&engine, model, 1, &err));
    struct sab_flat weights = *sab_model_flat(model);
    double *speed = calloc(weights.count + O, sizeof *speed), first = 0, now = 0;
    for (int step = 0; speed && step < UPDATES; step++) {
        for (int i = 0; i < T * B; i++) /* noise; the other column says which step is the first, whose value counts */
            values[i * I] = (sab_real)uniform(), values[i * I + 1] = i < B;
        must(sab_engine_forward(engine, &batch, outputs, NULL, NULL, &tape, &err));
        now = loss();
        first = step == 0 ? now : first;
        must(sab_tape_backward(tape, &request, &err));
        sab_tape_free(tape);
        for (size_t i = 0; i < weights.count + O; i++) { /* gradient descent with momentum */
            speed[i] = 0.9 * speed[i] + (double)(i < weights.count ? weights.grad[i] : dhead[i - weights.count]);
            *(i < weights.count ? weights.theta + i : head + (i - weights.count)) -= (sab_real)(0.1 * speed[i]);
        }
    }

    /* Is dvalues the gradient? Here it must be: one window, all memories read, so nothing is cut and nothing switches. */
    double slope = 0, ends[2];
    must(sab_engine_forward(engine, &batch, outputs, NULL, NULL, &tape, &err));
    loss();
    must(sab_tape_backward(tape, &request, &err));
    sab_tape_free(tape);
    for (int i = B * I; i < T * B * I; i++) /* along cos(i), but for the values to be said, which the loss holds too */
        slope += (double)dvalues[i] * cos(i);
    for (int end = 0; end < 2; end++) {
        for (int i = B * I; i < T * B * I; i++)
            values[i] += (sab_real)((end ? -2e-2 : 1e-2) * cos(i));
        must(sab_engine_forward(engine, &batch, outputs, NULL, NULL, NULL, &err));
        ends[end] = loss();
    }
    double difference = (ends[0] - ends[1]) / 2e-2;
    printf("loss %.5f, after %d updates %.5f; slope by dvalues %.5f, by differences %.5f\n", first, UPDATES, now, slope, difference);
    free(speed);
    sab_engine_free(engine);
    sab_model_free(model);
    sab_options_free(options);
    return now < first / 5 && fabs(slope - difference) <= 0.02 * fabs(slope) + 1e-6 ? 0 : 1;
}
