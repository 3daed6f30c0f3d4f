/* The settings that sab tune tried, as a table and as JSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/say.h"
#include "io/file.h"
#include "lab/tune.h"
#include "report/json_process.h"

/* What a setting came to be, option after option; a dash for those that the network does not have. */
static void write_row(FILE *to, const struct sab_tune *s, int rung, int place)
{
    char folder[SAB_TUNE_DIR_CAP + 64], number[SAB_NUMBER_CAP], value[SAB_SAY_CAP];
    struct sab_options *options = NULL;
    int setting = s->of[rung][place];
    sab_tune_folder(s, rung, setting, folder);
    sab_run_options(&options, folder, NULL);
    fprintf(to, "| %d | %lld |", setting, (long long)sab_tune_rung_steps(s, rung));
    for (int a = 0; a < s->space.n; a++)
        fprintf(to, " %s |", options ? sab_options_value(options, s->space.axes[a]->name, number) : "-");
    sab_options_free(options);
    sab_say_loss(s->values[rung][place], value);
    fprintf(to, " %s |\n", isnan(s->values[rung][place]) ? "failed" : value);
}

void sab_tune_write_table(FILE *to, const struct sab_tune *s)
{
    fprintf(to, "| setting | updates |");
    for (int a = 0; a < s->space.n; a++)
        fprintf(to, " %s |", s->space.axes[a]->name);
    fprintf(to, " %s on the validation part |\n|---|---|", sab_metric_at(s->metric)->name);
    for (int a = 0; a <= s->space.n; a++)
        fputs("---|", to);
    fputc('\n', to);
    for (int r = SAB_TUNE_RUNGS - 1; r >= 0; r--)
        for (int i = 0; i < s->counts[r]; i++)
            write_row(to, s, r, i);
}

int sab_tune_save_table(const struct sab_tune *s, struct sab_error *err)
{
    char path[SAB_TUNE_DIR_CAP + 64], *text = NULL;
    size_t nbytes = 0;
    FILE *memory = open_memstream(&text, &nbytes);
    if (!memory)
        return sab_fail(err, SAB_NOMEM, "no memory for the table");
    sab_tune_write_table(memory, s);
    fclose(memory);
    snprintf(path, sizeof path, "%s/table.md", s->dir);
    int status = sab_file_write_atomic(path, text, nbytes, err);
    free(text);
    return status;
}

void sab_tune_print_json(const struct sab_tune *s, const char *best, int is_whole)
{
    struct sab_json json = {.to = stdout};
    sab_json_open(&json, NULL, '{');
    sab_json_text(&json, "best", best);
    sab_json_text(&json, "best_by", sab_metric_at(s->metric)->name);
    sab_json_bool(&json, "complete", is_whole);
    sab_json_open(&json, "settings", '[');
    for (int r = SAB_TUNE_RUNGS - 1; r >= 0; r--)
        for (int i = 0; i < s->counts[r]; i++) {
            sab_json_open(&json, NULL, '{');
            sab_json_int(&json, "setting", s->of[r][i]);
            sab_json_int(&json, "updates", sab_tune_rung_steps(s, r));
            sab_json_real(&json, sab_metric_at(s->metric)->name, s->values[r][i]);
            sab_json_close(&json, '}');
        }
    sab_json_close(&json, ']');
    sab_json_process(&json);
    sab_json_close(&json, '}');
}
