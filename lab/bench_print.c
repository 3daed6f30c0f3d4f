/* What sab bench says. */
#include "lab/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/team.h"
#include "cli/say.h"
#include "report/json_process.h"

/* Phases by the name that they have in JSON, and in words. Serial ones run on one thread while the others wait. */
static const struct {
    const char *name, *words;
    int is_serial;
} phases[SAB_PHASE_COUNT] = {
    [SAB_PHASE_DATA] = {"data", "making the batch", 1},
    [SAB_PHASE_PACK] = {"pack", "laying out weights", 1},
    [SAB_PHASE_LOAD] = {"load", "copying inputs", 0},
    [SAB_PHASE_INPUT] = {"input", "input's product", 0},
    [SAB_PHASE_STATE] = {"state", "state's product", 0},
    [SAB_PHASE_CELL] = {"cell", "gates", 0},
    [SAB_PHASE_MAP] = {"map", "keys and queries", 0},
    [SAB_PHASE_SCORE] = {"score", "scores of memories", 0},
    [SAB_PHASE_SELECT] = {"select", "choosing among them", 0},
    [SAB_PHASE_READ] = {"read", "recalling", 0},
    [SAB_PHASE_READOUT] = {"readout", "readout and loss", 0},
    [SAB_PHASE_READ_BACKWARD] = {"read_backward", "recalling, back", 0},
    [SAB_PHASE_MAP_BACKWARD] = {"map_backward", "keys, queries, back", 0},
    [SAB_PHASE_CELL_BACKWARD] = {"cell_backward", "gates, back", 0},
    [SAB_PHASE_STATE_BACKWARD] = {"state_backward", "state's, back", 0},
    [SAB_PHASE_WEIGHTS] = {"weights", "weights' gradient", 0},
    [SAB_PHASE_REDUCE] = {"reduce", "adding gradients up", 0},
    [SAB_PHASE_OPTIMISER] = {"optimiser", "optimiser", 1},
};

/* How fast a phase went while a worker was at it. */
struct speed {
    const char *key, *unit;
    double rate;        /* per second and worker; NAN where nothing is counted */
    double of_ceiling;  /* NAN where there is none */
};

static struct speed speed_of(const struct sab_bench *b, int phase)
{
    const struct sab_bench_updates *u = &b->updates;
    const struct sab_ceilings *top = phases[phase].is_serial ? &b->one : &b->all;
    double seconds = u->seconds[phase], ceiling = NAN, work;
    struct speed speed = {"", "", NAN, NAN};
    if ((work = u->cost.elements[phase]) > 0) {
        speed = (struct speed){"elements_per_second", "G el/s", NAN, NAN};
        ceiling = phase == SAB_PHASE_SCORE ? top->scores : phase == SAB_PHASE_CELL ? top->functions : NAN;
    } else if ((work = u->cost.flops[phase]) > 0) {
        speed = (struct speed){"flops_per_second", "GFLOP/s", NAN, NAN};
        ceiling = top->flops;
    } else if ((work = u->cost.nbytes[phase]) > 0) { /* in caches or not: there is no one limit for it */
        speed = (struct speed){"bytes_per_second", "GB/s", NAN, NAN};
    }
    if (work > 0 && seconds > 0) {
        speed.rate = work / seconds;
        speed.of_ceiling = speed.rate / (ceiling / (phases[phase].is_serial ? 1 : u->workers));
    }
    return speed;
}

/* The part of all workers' time. */
static double share_of(const struct sab_bench_updates *u, double seconds)
{
    return seconds / (u->mean_s * u->workers);
}

static double idle_s(const struct sab_bench_updates *u)
{
    double rest = u->mean_s * u->workers;
    for (int phase = 0; phase < SAB_PHASE_COUNT; phase++)
        rest -= u->seconds[phase];
    return rest > 0 ? rest : 0;
}

/* Processors that were at work while the update ran. */
static double busy(const struct sab_bench_updates *u)
{
    return u->cpu_s / u->mean_s;
}

/* ---- lines ---- */

static void print_what(const struct sab_bench *b)
{
    const struct sab_options *c = &b->config;
    sab_say_network(c);
    printf("task         %s, T = %d: %d sequences of %d steps\n", c->task.task, c->task.T, c->shared.batch, b->updates.steps);
}

static void print_ceilings(const struct sab_bench *b, const struct sab_ceilings *top)
{
    printf("%-12s %s, %d thread%s: %.1f GFLOP/s, %.2f G scores/s, %.2f G functions/s, %.1f GB/s\n",
           top == &b->one ? "machine" : "", b->kernels->name, top->threads, top->threads == 1 ? "" : "s",
           top->flops / 1e9, top->scores / 1e9, top->functions / 1e9, top->nbytes / 1e9);
}

static void print_updates(const struct sab_bench *b)
{
    const struct sab_bench_updates *u = &b->updates;
    double flops = sab_cost_flops(&u->cost), batch = b->config.shared.batch;
    char rss[SAB_SAY_CAP];
    sab_say_bytes(u->peak_rss_nbytes, rss);
    printf("update       %.2f ms on %d thread%s (median of %d, fastest %.2f ms), CPU time %.2f ms\n", 1e3 * u->median_s,
           u->at_work, u->at_work == 1 ? "" : "s", u->updates, 1e3 * u->fastest_s, 1e3 * u->cpu_s);
    printf("speed        %.1f sequences/s, %.0f steps/s, %.1f GFLOP/s: %.0f %% of the peak\n", batch / u->median_s,
           batch * u->steps / u->median_s, flops / u->median_s / 1e9, 100 * flops / u->median_s / b->all.flops);
    printf("bound        %.2f ms: %.2f GFLOP and %.1f M scored elements at the limits; %.0f %% reached\n",
           1e3 * b->bound_s, flops / 1e9, u->cost.elements[SAB_PHASE_SCORE] / 1e6, 100 * b->bound_s / u->median_s);
    printf("evaluation   %.2f ms for %d sequences\n", 1e3 * u->evaluation_s, b->config.shared.batch);
    printf("memory       %s at the most\n", rss);
}

static void print_phases(const struct sab_bench *b)
{
    const struct sab_bench_updates *u = &b->updates;
    int is_disturbed = 0, passes_over = 0;
    printf("\n%-20s %7s %9s %18s %12s\n", "phase", "share", "ms", "speed per thread", "of the limit");
    for (int phase = 0; phase < SAB_PHASE_COUNT; phase++) {
        struct speed speed = speed_of(b, phase);
        char rate[32] = "", part[16] = "";
        if (u->seconds[phase] <= 0)
            continue;
        if (isfinite(speed.rate))
            snprintf(rate, sizeof rate, "%.2f %-7s", speed.rate / 1e9, speed.unit);
        if (isfinite(speed.of_ceiling))
            snprintf(part, sizeof part, "%.0f %%", 100 * speed.of_ceiling);
        passes_over |= phase == SAB_PHASE_SCORE && speed.of_ceiling > 1;
        is_disturbed |= phase != SAB_PHASE_SCORE && speed.of_ceiling > 1.05;
        printf("%-20s %5.1f %% %9.3f %18s %12s\n", phases[phase].words, 100 * share_of(u, u->seconds[phase]),
               1e3 * u->seconds[phase], rate, part);
    }
    printf("%-20s %5.1f %% %9.3f\n", "idle", 100 * share_of(u, idle_s(u)), 1e3 * idle_s(u));
    if (passes_over)
        puts("Scores above 100 %: memories that cannot win are not scored, but counted.");
    if (is_disturbed)
        puts("Others above 100 %: the machine did something else while its limits were measured, so shares of them say nothing.");
}

static void print_scaling(const struct sab_bench *b)
{
    if (b->n_scaling > 0)
        printf("\n%-16s %9s %9s %9s %14s\n", "threads", "ms", "CPU ms", "faster", "evaluation ms");
    for (int i = 0; i < b->n_scaling; i++) {
        const struct sab_bench_updates *u = &b->scaling[i];
        printf("%-16d %9.2f %9.2f %8.2fx %14.2f\n", u->threads, 1e3 * u->median_s, 1e3 * u->cpu_s,
               b->scaling[0].median_s / u->median_s, 1e3 * u->evaluation_s);
    }
}

static void print_stream(const struct sab_bench *b)
{
    if (b->n_stream > 0)
        printf("\n%-16s %9s %9s\n", "one step", "median us", "99 % us");
    for (int i = 0; i < b->n_stream; i++) {
        char name[32] = "no attention";
        if (i > 0)
            snprintf(name, sizeof name, "%d memories", b->stream[i].memories);
        printf("%-16s %9.1f %9.1f\n", name, 1e6 * b->stream[i].median_s, 1e6 * b->stream[i].slow_s);
    }
}

void sab_bench_print(const struct sab_bench *b)
{
    print_what(b);
    print_ceilings(b, &b->one);
    if (b->all.threads > 1)
        print_ceilings(b, &b->all);
    print_updates(b);
    print_phases(b);
    print_scaling(b);
    print_stream(b);
    double wanted = b->updates.at_work < sab_processors() ? b->updates.at_work : sab_processors();
    if (busy(&b->updates) < 0.85 * wanted - share_of(&b->updates, idle_s(&b->updates)) * b->updates.workers)
        printf("\nThe CPU time is %.0f %% of the wall time of %.0f processor%s: the machine was busy with something else.\n",
               100 * busy(&b->updates) / wanted, wanted, wanted == 1 ? "" : "s");
}

/* ---- JSON ---- */

static void json_ceilings(struct sab_json *json, const char *key, const struct sab_ceilings *top)
{
    sab_json_open(json, key, '{');
    sab_json_int(json, "threads", top->threads);
    sab_json_real(json, "flops_per_second", top->flops);
    sab_json_real(json, "scores_per_second", top->scores);
    sab_json_real(json, "functions_per_second", top->functions);
    sab_json_real(json, "bytes_per_second", top->nbytes);
    sab_json_close(json, '}');
}

static void json_updates(struct sab_json *json, const struct sab_bench_updates *u)
{
    sab_json_int(json, "threads", u->threads);
    sab_json_real(json, "seconds_per_update", u->median_s);
    sab_json_real(json, "seconds_per_update_fastest", u->fastest_s);
    sab_json_real(json, "cpu_seconds_per_update", u->cpu_s);
    sab_json_int(json, "updates", u->updates);
    sab_json_real(json, "seconds_per_evaluation", u->evaluation_s);
}

static void json_phases(struct sab_json *json, const struct sab_bench *b)
{
    const struct sab_bench_updates *u = &b->updates;
    sab_json_open(json, "phases", '[');
    for (int phase = 0; phase < SAB_PHASE_COUNT; phase++) {
        struct speed speed = speed_of(b, phase);
        sab_json_open(json, NULL, '{');
        sab_json_text(json, "name", phases[phase].name);
        sab_json_real(json, "seconds", u->seconds[phase]);
        sab_json_real(json, "share", share_of(u, u->seconds[phase]));
        sab_json_real(json, "flops", u->cost.flops[phase]);
        sab_json_real(json, "elements", u->cost.elements[phase]);
        sab_json_real(json, "bytes", u->cost.nbytes[phase]);
        sab_json_real(json, speed.key, speed.rate);
        sab_json_real(json, "fraction_of_ceiling", speed.of_ceiling);
        sab_json_close(json, '}');
    }
    sab_json_close(json, ']');
    sab_json_real(json, "idle_share", share_of(u, idle_s(u)));
}

static void json_rows(struct sab_json *json, const struct sab_bench *b)
{
    if (b->n_scaling > 0)
        sab_json_open(json, "scaling", '[');
    for (int i = 0; i < b->n_scaling; i++) {
        sab_json_open(json, NULL, '{');
        json_updates(json, &b->scaling[i]);
        sab_json_close(json, '}');
    }
    if (b->n_scaling > 0)
        sab_json_close(json, ']');
    if (b->n_stream > 0)
        sab_json_open(json, "stream", '[');
    for (int i = 0; i < b->n_stream; i++) {
        sab_json_open(json, NULL, '{');
        sab_json_int(json, "memories", b->stream[i].memories);
        sab_json_real(json, "seconds_per_step", b->stream[i].median_s);
        sab_json_real(json, "seconds_per_step_99", b->stream[i].slow_s);
        sab_json_close(json, '}');
    }
    if (b->n_stream > 0)
        sab_json_close(json, ']');
}

void sab_bench_print_json(const struct sab_bench *b)
{
    const struct sab_bench_updates *u = &b->updates;
    double flops = sab_cost_flops(&u->cost), batch = b->config.shared.batch;
    struct sab_json json = {.to = stdout};
    sab_json_open(&json, NULL, '{');
    sab_json_text(&json, "task", b->config.task.task);
    sab_json_int(&json, "T", b->config.task.T);
    sab_json_int(&json, "batch", b->config.shared.batch);
    sab_json_int(&json, "hidden", b->config.model.hidden);
    sab_json_int(&json, "sequence_steps", u->steps);
    sab_json_text(&json, "kernels", b->kernels->name);
    json_updates(&json, u);
    sab_json_real(&json, "sequences_per_second", batch / u->median_s);
    sab_json_real(&json, "steps_per_second", batch * u->steps / u->median_s);
    sab_json_real(&json, "flops", flops);
    sab_json_real(&json, "flops_per_second", flops / u->median_s);
    sab_json_real(&json, "fraction_of_peak", flops / u->median_s / b->all.flops);
    sab_json_real(&json, "score_elements", u->cost.elements[SAB_PHASE_SCORE]);
    sab_json_real(&json, "bound_seconds", b->bound_s);
    sab_json_real(&json, "fraction_of_bound", b->bound_s / u->median_s);
    json_ceilings(&json, "ceilings_one_thread", &b->one);
    json_ceilings(&json, "ceilings", &b->all);
    json_phases(&json, b);
    json_rows(&json, b);
    sab_json_int(&json, "peak_rss_bytes", llround(u->peak_rss_nbytes));
    sab_json_text(&json, "version", SAB_VERSION);
    sab_json_close(&json, '}');
}
