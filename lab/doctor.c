/* sab doctor: what this program is, what it runs on, and whether it computes rightly here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/team.h"
#include "cli/arguments.h"
#include "cli/say.h"
#include "cuda/device.h"
#include "kernels/kernels.h"
#include "lab/check_difference.h"
#include "report/cairo.h"
#include "report/json_process.h"

enum { TEXT_CAP = 256, TENSORS_CAP = 64, UPDATES = 5 };

struct findings {
    char build[TEXT_CAP], processor[TEXT_CAP], features[TEXT_CAP], kernels[TEXT_CAP], data[TEXT_CAP],
        devices[2 * TEXT_CAP], figures[2 * TEXT_CAP];
    const char *compiler, *chosen;
    int threads, is_threaded, is_data_bad, devices_count, are_figures_there;
    int cpu; /* enum sab_cpu */
    int is_gradient_good, are_threads_good;
    double worst;
    char digest[33];
    struct sab_error gradient_err, threads_err;
};

/* ---- what is here ---- */

static void describe_build(struct findings *f)
{
    f->compiler = __VERSION__;
#ifndef SAB_NO_THREADS
    f->is_threaded = 1;
#endif
    const char *optimised = "no optimisation", *asserts = "asserts on", *sanitizers = "";
#ifdef __OPTIMIZE__
    optimised = "optimised";
#endif
#ifdef NDEBUG
    asserts = "asserts off";
#endif
#ifdef __SANITIZE_ADDRESS__
    sanitizers = ", address sanitizer";
#endif
    snprintf(f->build, sizeof f->build, "numbers are %s, %s, %s, %s%s", sizeof(sab_real) == 8 ? "double" : "float",
             optimised, asserts, f->is_threaded ? "several threads" : "one thread", sanitizers);
}

static void describe_processor(struct findings *f)
{
    snprintf(f->processor, sizeof f->processor, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[TEXT_CAP];
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
            line[strcspn(line, "\n")] = 0;
            snprintf(f->processor, sizeof f->processor, "%s", strchr(line, ':') + 2);
            break;
        }
    if (file)
        fclose(file);
#if defined(__x86_64__)
    snprintf(f->features, sizeof f->features, "sse2%s%s%s%s%s", __builtin_cpu_supports("avx") ? " avx" : "",
             __builtin_cpu_supports("avx2") ? " avx2" : "", __builtin_cpu_supports("fma") ? " fma" : "",
             __builtin_cpu_supports("avx512f") ? " avx512f" : "",
             __builtin_cpu_supports("avx512vl") ? " avx512vl" : "");
#elif defined(__aarch64__)
    snprintf(f->features, sizeof f->features, "neon");
#else
    snprintf(f->features, sizeof f->features, "none that is used");
#endif
}

static void describe_kernels(struct findings *f)
{
    size_t used = 0;
    const struct sab_kernels *chosen = sab_kernels_choose(f->cpu);
    f->chosen = chosen ? chosen->name : "none, as SAB_CPU names what is not here";
    f->kernels[0] = 0;
    for (int i = 0; sab_kernels_at(i) && used < sizeof f->kernels; i++)
        used += (size_t)snprintf(f->kernels + used, sizeof f->kernels - used, "%s%s", i ? " " : "",
                                 sab_kernels_at(i)->name);
}

/* GPUs, or why there are none; that alone makes nothing wrong. */
static void describe_devices(struct findings *f)
{
    char name[TEXT_CAP];
    struct sab_error err = {0};
    size_t used = 0;
    while (sab_device_describe(f->devices_count, name, sizeof name, &err) == SAB_OK && used < sizeof f->devices) {
        used += (size_t)snprintf(f->devices + used, sizeof f->devices - used, "%scuda:%d %s", used ? ", " : "", f->devices_count, name);
        f->devices_count++;
    }
    const char *why = strstr(err.message, ": ");
    if (f->devices_count == 0)
        snprintf(f->devices, sizeof f->devices, "none: %.400s", why ? why + 2 : err.message);
}

static void describe_data(struct findings *f)
{
    struct stat info;
    const char *data = getenv("SAB_DATA");
    if (!data || !*data) {
        snprintf(f->data, sizeof f->data, "SAB_DATA is not set; no task of this version needs it");
        return;
    }
    f->is_data_bad = stat(data, &info) != 0 || !S_ISDIR(info.st_mode);
    snprintf(f->data, sizeof f->data, "%.200s%s", data, f->is_data_bad ? " (SAB_DATA) is not a folder" : "");
}

/* Without Cairo nothing is wrong: only figures are missing. */
static void describe_figures(struct findings *f)
{
    char version[32];
    struct sab_error err = {0};
    f->are_figures_there = sab_cairo_check(version, &err) == SAB_OK;
    if (f->are_figures_there)
        snprintf(f->figures, sizeof f->figures, "drawn by Cairo %s%s", version,
                 strstr(version, "Pango") ? "" : "; without Pango letters are of one font, and none are joined");
    else
        snprintf(f->figures, sizeof f->figures, "none: %.400s", err.message);
}

/* ---- whether it works ---- */

static void test_gradient(struct findings *f)
{
    struct sab_check_problem problem = {0};
    struct sab_check_spec spec = {{sizeof spec.shape, SAB_INPUT_IDS, 5, SAB_LOSS_CROSS_ENTROPY, 4}, 0, 0, 0, 1, 3};
    struct sab_check_options options = {4, 0, 0};
    struct sab_check_finding findings[TENSORS_CAP];
    struct sab_options config;
    int checked = 0;
    sab_options_init(&config);
    config.shared.cpu = f->cpu;
    config.model.hidden = 8;
    config.task.T = config.model.k_trunc = 10;
    config.shared.batch = 2;
    config.model.k_top = 3;
    int status = sab_check_problem_make(&problem, &config, &spec, &f->gradient_err);
    if (status == SAB_OK)
        status = sab_check_differences(&problem, &options, 1, findings, &f->gradient_err);
    for (int i = 0; status == SAB_OK && i < sab_model_tensor_count(problem.model); i++) {
        checked += findings[i].checked;
        if (!(findings[i].worst <= f->worst))
            f->worst = findings[i].worst;
    }
    f->is_gradient_good = status == SAB_OK && checked > 0 && f->worst <= sab_check_tolerance();
    sab_check_problem_clear(&problem);
    sab_options_clear(&config);
}

/* The digest of the weights after a few updates of a small network, nothing written. */
static int train_little(int cpu, int threads, char digest[33], struct sab_error *err)
{
    struct sab_options config;
    struct sab_task *task = NULL;
    struct sab_model *model = NULL;
    struct sab_trainer *trainer = NULL;
    sab_options_init(&config);
    config.shared.cpu = cpu;
    config.model.hidden = 16;
    config.task.T = 10;
    config.shared.batch = 24;
    config.shared.threads = threads;
    int status = sab_task_create(&task, &config, NULL, err);
    if (status == SAB_OK)
        status = sab_model_create(&model, &config, sab_task_shape(task), err);
    if (status == SAB_OK)
        status = sab_trainer_create(&trainer, model, &config, err);
    for (int i = 0; i < UPDATES && status == SAB_OK; i++) {
        struct sab_batch batch = {.size = sizeof batch};
        status = sab_task_batch(task, SAB_TRAIN, i, config.shared.batch, &batch, err);
        if (status == SAB_OK)
            status = sab_trainer_update(trainer, &batch, NULL, err);
    }
    if (status == SAB_OK)
        sab_model_digest(model, digest);
    sab_trainer_free(trainer);
    sab_model_free(model);
    sab_task_free(task);
    sab_options_clear(&config);
    return status;
}

static void test_threads(struct findings *f)
{
    char other[33];
    f->are_threads_good = train_little(f->cpu, 1, f->digest, &f->threads_err) == SAB_OK &&
                          train_little(f->cpu, 2, other, &f->threads_err) == SAB_OK && strcmp(f->digest, other) == 0;
}

/* ---- saying it ---- */

static void print_lines(const struct findings *f)
{
    printf("version      sab %s\n", SAB_VERSION);
    printf("compiler     %s\n", f->compiler);
    printf("build        %s\n", f->build);
    printf("processor    %s: %s\n", f->processor, f->features);
    printf("kernels      %s, chosen among %s (SAB_CPU=NAME picks another)\n", f->chosen, f->kernels);
    printf("threads      %d\n", f->threads);
    printf("devices      %s\n", f->devices);
    printf("data         %s\n", sab_shown(f->data));
    printf("figures      %s\n", f->figures);
    printf("gradients    ");
    if (f->is_gradient_good)
        printf("ok: they agree with differences of the loss to %.1e\n", f->worst);
    else if (f->gradient_err.message[0])
        printf("FAILED: %s\n", f->gradient_err.message);
    else
        printf("FAILED: they differ from differences of the loss by %.1e; %.0e is allowed\n", f->worst,
               sab_check_tolerance());
    printf("same bits    ");
    if (f->are_threads_good)
        printf("ok: training on 1 and 2 threads gives %s\n", f->digest);
    else if (f->threads_err.message[0])
        printf("FAILED: %s\n", f->threads_err.message);
    else
        printf("FAILED: training on 1 and 2 threads gives different weights\n");
}

static void print_json(const struct findings *f, int is_good)
{
    struct sab_json json = {.to = stdout};
    sab_json_open(&json, NULL, '{');
    sab_json_bool(&json, "ok", is_good);
    sab_json_text(&json, "compiler", f->compiler);
    sab_json_text(&json, "build", f->build);
    sab_json_text(&json, "numbers", sizeof(sab_real) == 8 ? "double" : "float");
    sab_json_bool(&json, "threaded", f->is_threaded);
    sab_json_text(&json, "processor", f->processor);
    sab_json_text(&json, "features", f->features);
    sab_json_text(&json, "kernels", f->chosen);
    sab_json_text(&json, "kernels_available", f->kernels);
    sab_json_int(&json, "threads", f->threads);
    sab_json_text(&json, "devices", f->devices);
    sab_json_int(&json, "cuda_devices", f->devices_count);
    sab_json_text(&json, "data", f->data);
    sab_json_text(&json, "figures", f->figures);
    sab_json_bool(&json, "figures_ok", f->are_figures_there);
    sab_json_bool(&json, "data_ok", !f->is_data_bad);
    sab_json_bool(&json, "gradients_ok", f->is_gradient_good);
    sab_json_real(&json, "gradients_worst", f->worst);
    sab_json_bool(&json, "same_bits_ok", f->are_threads_good);
    sab_json_text(&json, "weights_digest", f->digest);
    sab_json_process(&json);
    sab_json_close(&json, '}');
}

static int run(struct sab_cli *cli)
{
    struct findings f = {0};
    struct sab_options config;
    struct sab_error err;
    sab_options_init(&config);
    int status = sab_cli_cpu(&config, &err);
    if (status != SAB_OK)
        return sab_say_error("doctor", status, &err);
    f.cpu = config.shared.cpu;
    sab_options_clear(&config);
    describe_build(&f);
    describe_processor(&f);
    describe_kernels(&f);
    describe_devices(&f);
    describe_data(&f);
    describe_figures(&f);
    f.threads = sab_processors();
    test_gradient(&f);
    test_threads(&f);
    int is_good = f.is_gradient_good && f.are_threads_good && !f.is_data_bad;
    if (cli->json)
        print_json(&f, is_good);
    else
        print_lines(&f);
    if (!is_good && !cli->quiet)
        fprintf(stderr, "sab doctor: something is wrong; the lines with FAILED or \"not\" say what\n");
    return is_good ? SAB_EXIT_DONE : SAB_EXIT_FAILED;
}

const struct sab_command sab_command_doctor = {
    .name = "doctor",
    .words = "",
    .summary = "check that the program works on this machine",
    .purpose =
        "Says what this program is (version, build, kernels), what it runs on, and tests\n"
        "itself in less than a second: gradients against differences of the loss, and\n"
        "the same weights from training on one and on two threads. Exit code 1 if\n"
        "anything is wrong.\n",
    .examples =
        "  sab doctor\n"
        "  SAB_CPU=ref sab doctor\n"
        "  sab doctor --json\n",
    .groups = "",
    .names = "",
    .defaults = "",
    .run = run,
};
