/* sab check-grad: the gradient of a configuration, against differences of the loss, or written down for anyone to
 * check. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "cli/arguments.h"
#include "cli/output.h"
#include "cli/say.h"
#include "lab/check_difference.h"
#include "lab/check_forecast.h"
#include "report/json_process.h"
#include "report/progress.h"

struct own {
    int input, I, O, loss, ragged, mask, start, parts, samples;
    double param_scale, step, tolerance;
    const char *export;
};

static const char *const inputs[] = {[SAB_INPUT_IDS] = "ids", [SAB_INPUT_VALUES] = "values", NULL};
static const char *const losses[] = {[SAB_LOSS_CROSS_ENTROPY] = "cross_entropy", [SAB_LOSS_MSE] = "mse",
                                     [SAB_LOSS_BCE] = "bce", [SAB_LOSS_NONE] = "none",
                                     [SAB_LOSS_QUANTILE] = "quantile", NULL};

#define AT(field) offsetof(struct own, field)

static const struct sab_option own[] = {
    {"input", SAB_OPTION_CHOICE, AT(input), 0, 0, 0, inputs, "ids", "", "symbols or vectors of I values"},
    {"I", SAB_OPTION_INT, AT(I), 0, 1, 1 << 24, NULL, "5", "", "number of symbols, or width of the input"},
    {"loss", SAB_OPTION_CHOICE, AT(loss), 0, 0, 0, losses, "cross_entropy", "",
     "what the outputs are judged by; none: by a random gradient of them"},
    {"O", SAB_OPTION_INT, AT(O), 0, 1, 1 << 24, NULL, "4", "", "number of classes, or width of the output"},
    {"ragged", SAB_OPTION_SWITCH, AT(ragged), 0, 0, 1, NULL, "off", "", "sequences of random length 1..T"},
    {"mask", SAB_OPTION_SWITCH, AT(mask), 0, 0, 1, NULL, "off", "",
     "steps of random weight in the loss: 0, 1, between"},
    {"start", SAB_OPTION_SWITCH, AT(start), 0, 0, 1, NULL, "off", "", "sequences begin with a random state"},
    {"parts", SAB_OPTION_INT, AT(parts), 0, 1, 1000, NULL, "1", "",
     "with --export: batches that go on from each other; the gradient is the last one's"},
    {"param-scale", SAB_OPTION_REAL, AT(param_scale), 0, 0, 1000, NULL, "3", "",
     "weights are uniform in +-S/sqrt(H); 3 keeps scores away from ties"},
    {"samples", SAB_OPTION_INT, AT(samples), 0, 0, 1e9, NULL, "20", "", "parameters tried per tensor; 0: all"},
    {"step", SAB_OPTION_REAL, AT(step), 0, 0, 1, NULL, "0", "",
     "how far parameters are moved; 0: 1/256 in float, 1/1024 in double"},
    {"tolerance", SAB_OPTION_REAL, AT(tolerance), 0, 0, 1, NULL, "0", "",
     "largest relative error that passes; 0: 2e-2 in float, 1e-6 in double"},
    {"export", SAB_OPTION_TEXT, AT(export), 0, 0, 0, NULL, "", "",
     "write problem, loss and gradients, cut as configured, to this file instead"},
};

/* ---- export ---- */

static int export(struct sab_check_problem *problem, const char *path, int threads, struct sab_error *err)
{
    const struct sab_batch *batch = &problem->batch;
    sab_real *outputs = sab_alloc((size_t)batch->T * (size_t)batch->B,
                                  (size_t)sab_model_shape(problem->model)->O * sizeof *outputs);
    if (!outputs)
        return sab_fail(err, SAB_NOMEM, "no memory for the outputs of %d steps of %d sequences", batch->T, batch->B);
    double loss = 0;
    int status = sab_check_problem_solve(problem, threads, outputs, &loss, err);
    if (status == SAB_OK || status == SAB_NUMERIC) { /* numbers that are none are shown too */
        int written = sab_check_problem_export(problem, outputs, (sab_real)loss, path, status == SAB_OK ? err : NULL);
        status = status == SAB_OK ? written : status;
    }
    sab_free(outputs);
    return status;
}

/* ---- differences ---- */

struct verdict {
    double tolerance, worst;
    int64_t checked, skipped;
    int n, passed;
    const char *changed;
};

static struct verdict judge(const struct sab_check_finding *findings, int n, double tolerance, const char *changed)
{
    struct verdict verdict = {.tolerance = tolerance, .n = n, .passed = 1, .changed = changed};
    for (int i = 0; i < n; i++) {
        verdict.checked += findings[i].checked;
        verdict.skipped += findings[i].skipped;
        if (findings[i].worst > verdict.worst)
            verdict.worst = findings[i].worst;
        if (!(findings[i].worst <= tolerance))
            verdict.passed = 0;
    }
    if (verdict.checked == 0)
        verdict.passed = 0;
    return verdict;
}

static void print_json(const struct sab_check_problem *problem, const struct sab_check_finding *findings,
                       const struct verdict *verdict)
{
    struct sab_json json = {.to = stdout};
    sab_json_open(&json, NULL, '{');
    sab_json_bool(&json, "passed", verdict->passed);
    sab_json_real(&json, "worst", verdict->worst);
    sab_json_real(&json, "tolerance", verdict->tolerance);
    sab_json_int(&json, "checked", verdict->checked);
    sab_json_int(&json, "skipped", verdict->skipped);
    sab_json_text(&json, "changed", verdict->changed);
    sab_json_text(&json, "numbers", sizeof(sab_real) == 8 ? "double" : "float");
    sab_json_open(&json, "tensors", '[');
    for (int i = 0; i < verdict->n; i++) {
        sab_json_open(&json, NULL, '{');
        sab_json_text(&json, "name", sab_model_tensor(problem->model, i)->name);
        sab_json_real(&json, "worst", findings[i].worst);
        sab_json_int(&json, "checked", findings[i].checked);
        sab_json_int(&json, "skipped", findings[i].skipped);
        sab_json_close(&json, '}');
    }
    sab_json_close(&json, ']');
    sab_json_text(&json, "version", SAB_VERSION);
    sab_json_close(&json, '}');
}

static void print_table(const struct sab_check_problem *problem, const struct sab_check_finding *findings,
                        const struct verdict *verdict)
{
    int width = 16;
    for (int i = 0; i < verdict->n; i++) {
        int length = (int)strlen(sab_model_tensor(problem->model, i)->name);
        width = length > width ? length : width;
    }
    printf("%-*s %9s %8s %8s   %s\n", width, "tensor", "worst", "checked", "skipped", "gradient and difference there");
    for (int i = 0; i < verdict->n; i++) {
        const struct sab_check_finding *f = &findings[i];
        printf("%-*s ", width, sab_model_tensor(problem->model, i)->name);
        if (f->checked == 0)
            printf("%9s %8d %8d   all skipped: selections switch, or differences are too rough\n", "-", 0, f->skipped);
        else
            printf("%9.1e %8d %8d   %13.6e %13.6e%s\n", f->worst, f->checked, f->skipped, f->worst_gradient,
                   f->worst_difference, f->worst <= verdict->tolerance ? "" : "  FAILED");
    }
    if (verdict->checked == 0)
        printf("nothing could be checked: try a larger --k-top, a smaller --step or another --seed\n");
    else
        printf("%s: the largest error, relative to each tensor's largest gradient, is %.1e; %.0e is allowed in %s\n",
               verdict->passed ? "passed" : "FAILED", verdict->worst, verdict->tolerance,
               sizeof(sab_real) == 8 ? "double" : "float, where rounding of the loss forbids less");
}

static int compare(const struct sab_cli *cli, struct sab_check_problem *problem, const char *changed, double seconds, int *code,
                   struct sab_error *err)
{
    const struct own *o = cli->own;
    int n = sab_model_tensor_count(problem->model);
    struct sab_check_options options = {o->samples, o->step, o->tolerance};
    struct sab_check_finding *findings = sab_alloc((size_t)n, sizeof *findings);
    if (!findings)
        return sab_fail(err, SAB_NOMEM, "no memory for %d tensors", n);
    struct sab_progress *progress = sab_progress_begin("check-grad", seconds, cli->quiet);
    int status = sab_check_differences(problem, &options, cli->options->shared.threads, findings, err);
    sab_progress_finish(progress);
    if (status == SAB_OK) {
        struct verdict verdict =
            judge(findings, n, o->tolerance > 0 ? o->tolerance : sab_check_tolerance(), changed);
        if (cli->json)
            print_json(problem, findings, &verdict);
        else
            print_table(problem, findings, &verdict);
        *code = verdict.passed ? SAB_EXIT_DONE : SAB_EXIT_FAILED;
    }
    sab_free(findings);
    return status;
}

static int run(struct sab_cli *cli)
{
    struct own *o = cli->own;
    struct sab_check_spec spec = {{sizeof spec.shape, o->input, o->I, o->loss, o->O}, o->ragged, o->mask, o->start, o->parts,
                                  o->param_scale};
    struct sab_check_problem problem = {0};
    struct sab_check_forecast forecast;
    struct sab_error err = {0};
    char changed[128] = "";
    int code = SAB_EXIT_DONE, is_piped;
    int status = sab_cli_output(cli, "export", &is_piped, &err);
    if (status == SAB_OK && o->parts > 1 && !o->export[0])
        status = sab_fail(&err, SAB_INVALID, "--parts %d: what goes on from other batches can only be written with --export, not "
                                             "compared with differences", o->parts);
    if (status == SAB_OK && o->parts > 1 && o->start)
        status = sab_fail(&err, SAB_INVALID, "--start on is for sequences that begin anew, not for --parts %d that go on from each "
                                             "other", o->parts);
    if (status == SAB_OK && !o->export[0])
        sab_check_uncut(cli->options, changed, sizeof changed);
    if (changed[0] && !cli->quiet)
        fprintf(stderr, "a cut gradient is not the derivative of the loss, so this check undoes the cuts: %s\n",
                changed);
    if (status == SAB_OK)
        status = sab_options_check(cli->options, &err);
    if (status == SAB_OK)
        status = sab_check_foretell(cli->options, &spec, o->export[0] ? -1 : o->samples, &forecast, &err);
    if (status == SAB_OK && !cli->quiet)
        sab_say_slow(forecast.seconds, "fewer --samples, or a smaller --hidden, --T or --batch, take less", "%.0f evaluations",
                     forecast.evaluations);
    if (status == SAB_OK)
        status = sab_check_problem_make(&problem, cli->options, &spec, &err);
    if (status == SAB_OK && o->export[0]) {
        status = export(&problem, o->export, cli->options->shared.threads, &err);
        if (status == SAB_OK && !cli->quiet)
            fprintf(stderr, "wrote %s: a random problem, its loss and %d gradients\n", sab_shown(o->export),
                    sab_model_tensor_count(problem.model));
    } else if (status == SAB_OK) {
        status = compare(cli, &problem, changed, forecast.seconds, &code, &err);
    }
    sab_check_problem_clear(&problem);
    return status == SAB_OK ? code : sab_say_error("check-grad", status, &err);
}

const struct sab_command sab_command_check_grad = {
    .name = "check-grad",
    .words = "",
    .summary = "check the gradient of a configuration",
    .purpose =
        "Makes a random problem from the configuration and the seed, never trains, and\n"
        "compares the gradient with differences of the loss. A cut gradient is no\n"
        "derivative, so the check first undoes the cuts (one window of T steps, gradient\n"
        "into all that was read) and says so. Parameters at which the selection of\n"
        "memories switches, or differences are too rough to tell, are skipped and\n"
        "counted. Exit code 1 if an error is over the tolerance.\n"
        "\n"
        "With --export FILE nothing is undone: the file gets configuration, inputs,\n"
        "targets, weights, loss and every gradient, to be checked in any framework.\n",
    .examples =
        "  sab check-grad\n"
        "  sab check-grad --cell gru --layers 2 --score dot --sparsifier relu --samples 0\n"
        "  sab check-grad --k-trunc 4 --k-top 3 --export problem.safetensors\n",
    .groups = "model credit",
    .names = "T batch seed threads dropout dropout-recurrent",
    .defaults = "hidden=12 T=20 batch=3",
    .own = own,
    .own_count = sizeof own / sizeof own[0],
    .own_nbytes = sizeof(struct own),
    .run = run,
};
