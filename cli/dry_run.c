/* See dry_run.h. */
#include "cli/dry_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/options.h"
#include "cli/say.h"
#include "report/account.h"
#include "report/json_process.h"
#include "report/progress.h"
#include "sab_run.h"

struct work {
    int is_resumed;
    struct sab_forecast forecast;
    const char *facts; /* of the task; NULL: there are none */
};

/* What the processor has to do stays with a device: weights, optimiser and checkpoints are there too. */
static void print_device(const struct sab_options *options, const struct work *w)
{
    const struct sab_forecast *f = &w->forecast;
    char text[SAB_SAY_CAP];
    sab_say_bytes(f->weights_nbytes, text);
    printf("\nmemory       %s here for weights and optimiser\n", text);
    sab_say_bytes(f->device_nbytes, text);
    printf("device       %s: %s of its memory, %d of %d steps at a time%s\n", sab_cli_text(options, "device"), text, f->device_steps,
           f->sequence_steps, f->device_steps < f->sequence_steps ? ", all but the last computed twice" : "");
    printf("time         not foretold for a device\n");
}

static void print_work(const struct sab_options *options, const struct work *w)
{
    const struct sab_forecast *f = &w->forecast;
    char text[SAB_SAY_CAP];
    const char *recompute = sab_cli_text(options, "recompute");
    printf(", %d shard%s on %d thread%s\n", f->shards, f->shards == 1 ? "" : "s", f->threads, f->threads == 1 ? "" : "s");
    sab_say_bytes(f->weights_nbytes, text);
    printf("memory       %s for weights and optimiser", text);
    sab_say_bytes(f->gradients_nbytes, text);
    printf(", %s for gradients", text);
    sab_say_bytes(f->activations_nbytes, text);
    printf(", %s for activations", text);
    sab_say_bytes(f->peak_nbytes, text);
    printf("; %s at most, all in all\n", text);
    sab_say_bytes(f->budget_nbytes, text);
    printf("activations  %s (--recompute %s, --memory %s%s%s)\n", f->recomputes ? "recomputed" : "stored", recompute,
           sab_cli_text(options, "memory"), isfinite(f->budget_nbytes) ? ": " : "", isfinite(f->budget_nbytes) ? text : "");
    sab_say_duration(f->run_s, text);
    printf("time         about %.3g ms per update, %s for the run (a forecast, to a factor of 1.5 or so)\n",
           1e3 * f->update_s, text);
    struct sab_shorter shorter;
    if (sab_forecast_shorter(options, f, &shorter, NULL) == SAB_OK && shorter.name[0] &&
        (!w->is_resumed || sab_option_find(shorter.name)->effect == SAB_RESUMES)) {
        sab_say_duration(shorter.run_s, text);
        printf("             with --%s %s: %s\n", shorter.name, shorter.value, text);
    }
}

static void print_json(const struct sab_options *options, const struct work *w, const char *out)
{
    const struct sab_forecast *f = &w->forecast;
    struct sab_json json = {.to = stdout};
    sab_json_open(&json, NULL, '{');
    sab_json_text(&json, "task", sab_cli_text(options, "task"));
    sab_json_bool(&json, "dry_run", 1);
    sab_json_int(&json, "steps", sab_cli_int64(options, "steps"));
    sab_json_int(&json, "parameters", f->parameters);
    sab_json_int(&json, "sequence_steps", f->sequence_steps);
    sab_json_int(&json, "batch", sab_cli_int(options, "batch"));
    sab_json_text(&json, "device", sab_cli_text(options, "device"));
    if (f->device_nbytes > 0) {
        sab_json_int(&json, "device_bytes", llround(f->device_nbytes));
        sab_json_int(&json, "device_steps", f->device_steps);
    }
    sab_json_int(&json, "threads", f->threads);
    sab_json_int(&json, "shards", f->shards);
    sab_json_int(&json, "weights_bytes", llround(f->weights_nbytes));
    sab_json_int(&json, "gradients_bytes", llround(f->gradients_nbytes));
    sab_json_int(&json, "activations_bytes", llround(f->activations_nbytes));
    sab_json_bool(&json, "recompute", f->recomputes);
    sab_json_real(&json, "memory_budget_bytes", f->budget_nbytes);
    sab_json_int(&json, "peak_rss_bytes", llround(f->peak_nbytes));
    sab_json_real(&json, "seconds_per_update", f->update_s);
    sab_json_real(&json, "seconds", f->run_s);
    sab_account_print_json(&json, w->facts);
    sab_json_text(&json, "out", out);
    sab_json_text(&json, "version", SAB_VERSION);
    sab_json_close(&json, '}');
}

static void print_lines(const struct sab_options *options, const struct work *w, const char *out)
{
    const struct sab_forecast *f = &w->forecast;
    static const char *const answers[] = {"classes", "values", "answers", "values", "quantiles"}; /* enum sab_loss */
    char text[SAB_SAY_CAP];
    printf("task         %s", sab_shown(sab_cli_text(options, "task")));
    if (!f->has_files || f->sequence_steps == sab_cli_int(options, "T")) /* T says nothing of images */
        printf(", T = %d", sab_cli_int(options, "T"));
    printf(": sequences of %d steps, %d %s in, %d %s out\n", f->sequence_steps, f->shape.I,
           f->shape.input == SAB_INPUT_IDS ? "symbols" : "values",
           f->shape.O, answers[f->shape.loss]);
    sab_account_print(stdout, w->facts);
    sab_say_network(options);
    sab_say_count(f->parameters, text);
    printf("parameters   %s\n", text);
    sab_say_count(sab_cli_int64(options, "steps"), text);
    printf("updates      %s of %d sequences", text, sab_cli_int(options, "batch"));
    if (f->device_nbytes > 0)
        print_device(options, w);
    else
        print_work(options, w);
    printf("folder       %s\nNothing was done: this is a dry run.\n", sab_shown(out));
}

int sab_cli_dry_run(const struct sab_options *options, struct sab_task *task, int as_json, int is_quiet, int is_resumed,
                    struct sab_error *err)
{
    struct work w = {.is_resumed = is_resumed, .facts = sab_task_facts(task), .forecast.size = sizeof w.forecast};
    char out[SAB_DIR_CAP];
    int status = sab_run_folder(options, out, sizeof out, err);
    struct sab_progress *progress = sab_progress_begin("forecast", 0, is_quiet);
    if (status == SAB_OK)
        status = sab_forecast_task(options, task, &w.forecast, err);
    sab_progress_finish(progress);
    if (status == SAB_OK && as_json)
        print_json(options, &w, out);
    else if (status == SAB_OK)
        print_lines(options, &w, out);
    return status;
}
