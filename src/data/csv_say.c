/* See csv_reading.h: how a file is written and which columns are left out, in words. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "data/csv_choose.h"
#include "data/csv_reading.h"
#include "source/csv_survey.h"

enum { NAME_CAP = 64, ITEM_CAP = 240 };

/* price, or "column 3" where it has no name. */
static void name_of(const struct sab_csv_head *head, int i, char name[NAME_CAP])
{
    char text[SAB_CSV_TEXT_CAP];
    if (head->has_header && sab_csv_copy(&head->names[i], text) > 0)
        snprintf(name, NAME_CAP, "%.60s", text);
    else
        snprintf(name, NAME_CAP, "column %d", i + 1);
}

/* What a column that is not read holds: "text: \"d0\"". */
static void describe(const struct sab_csv_head *head, int i, char text[ITEM_CAP])
{
    const struct sab_csv_finding *found = &head->survey->columns[i];
    char name[NAME_CAP], shown[48], sign[SAB_CSV_SIGN_CAP];
    name_of(head, i, name);
    sab_csv_show(&found->example, shown);
    sab_csv_dialect_sign(head->dialect, &found->example, sign);
    if (found->kind == SAB_CSV_EMPTY)
        snprintf(text, ITEM_CAP, "%s (empty)", name);
    else if (found->is_time)
        snprintf(text, ITEM_CAP, "%s (times: \"%s\")", name, shown);
    else if (found->count_step > 0)
        snprintf(text, ITEM_CAP, "%s (counts up by %g)", name, found->count_step);
    else if (found->kind == SAB_CSV_TEXTS && sign[0])
        snprintf(text, ITEM_CAP, "%s (text: \"%s\", \"%s\" beside a number)", name, shown, sign);
    else if (found->kind == SAB_CSV_TEXTS)
        snprintf(text, ITEM_CAP, "%s (text: \"%s\")", name, shown);
    else
        snprintf(text, ITEM_CAP, "%s", name);
}

static void say_file(const struct sab_csv_reading *r, const struct sab_csv_head *head)
{
    char lines[80], first[40];
    snprintf(first, sizeof first, "line %lld", (long long)r->first_line);
    if (head->has_header)
        snprintf(lines, sizeof lines, "%s names them", first);
    else
        snprintf(lines, sizeof lines, "%s is the first row, without names", first);
    if (r->n == 1)
        sab_account_say(r->account, "file", "%.200s: 1 column; %s", sab_account_file(r->path), lines);
    else
        sab_account_say(r->account, "file", "%.200s: %d columns, parted by %s; %s", sab_account_file(r->path), r->n,
                        sab_csv_separator_name(r->csv.separator), lines);
}

/* Columns that nobody reads; those of numbers with signs, which somebody may miss. */
static void say_left_out(const struct sab_csv_reading *r, const struct sab_csv_head *head, const unsigned char *reads)
{
    struct sab_account_list left = {.used = 0}, signs = {.used = 0};
    for (int i = 0; i < r->n; i++) {
        const struct sab_csv_finding *found = &head->survey->columns[i];
        char text[ITEM_CAP], name[NAME_CAP], sign[SAB_CSV_SIGN_CAP];
        if (reads[i])
            continue;
        describe(head, i, text);
        sab_account_list_add(&left, text);
        sab_csv_dialect_sign(head->dialect, &found->example, sign);
        if (found->kind != SAB_CSV_TEXTS || !sign[0] || found->is_time)
            continue;
        name_of(head, i, name);
        snprintf(text, sizeof text, "%s (%s)", name, sign);
        sab_account_list_add(&signs, text);
    }
    if (left.n > 0)
        sab_account_say(r->account, "left out", "%s", sab_account_list_close(&left));
    if (signs.n > 0)
        sab_account_warn(r->account, "left out, for a sign stands beside %s numbers: %s; take it away from the cells to have %s read",
                         signs.n == 1 ? "its" : "their", sab_account_list_close(&signs), signs.n == 1 ? "it" : "them");
}

/* Values that only go up leave the range that was learned. */
static void warn_of_counters(const struct sab_csv_reading *r, const struct sab_csv_head *head)
{
    const struct sab_csv_schema *schema = r->schema;
    struct sab_account_list list = {.used = 0};
    for (int k = 0; k < schema->n; k++) {
        const struct sab_csv_finding *found = r->places[k] >= 0 ? &head->survey->columns[r->places[k]] : NULL;
        char text[ITEM_CAP];
        if (!found || schema->columns[k].is_category || (found->count_step == 0 && !found->is_time))
            continue;
        describe(head, r->places[k], text);
        sab_account_list_add(&list, text);
    }
    if (list.n > 0)
        sab_account_warn(r->account, "read as values: %s; what only goes up leaves the range that is learned%s",
                         sab_account_list_close(&list),
                         r->config && !r->config->csv.inputs[0] ? ". No other column holds numbers" : "");
}

/* "; line 7 has the time of the line before it" and the like, of what is not one step after the other. */
static void describe_irregular(const struct sab_csv_finding *found, char text[ITEM_CAP])
{
    const struct sab_csv_irregular *i = &found->irregular;
    char from[SAB_TIME_TEXT_CAP], to[SAB_TIME_TEXT_CAP], step[SAB_TIME_STEP_CAP];
    size_t used = 0;
    text[0] = 0;
    if (i->doubles > 0)
        used += (size_t)snprintf(text, ITEM_CAP, "; line %lld has the time of the line before", (long long)i->double_line);
    if (i->backs > 0 && used < ITEM_CAP)
        used += (size_t)snprintf(text + used, ITEM_CAP - used, "; line %lld goes back", (long long)i->back_line);
    sab_time_write(&found->format, i->gap_from, from);
    sab_time_write(&found->format, i->gap_to, to);
    sab_time_show_step(&found->format, &i->step, step);
    if (i->gaps > 0 && used < ITEM_CAP)
        snprintf(text + used, ITEM_CAP - used, "; before line %lld, from %.40s to %.40s, the step is not %s", (long long)i->gap_line,
                 from, to, step);
}

/* Rows are taken as they stand; where the file has times, these tell what that means. */
static void warn_of_times(const struct sab_csv_reading *r, const struct sab_csv_head *head)
{
    char name[NAME_CAP], how[NAME_CAP + SAB_TIME_PATTERN_CAP + 80], irregular[ITEM_CAP];
    int i = 0, is_input = 0;
    while (i < r->n && (!head->survey->columns[i].is_time || i == r->label_place || i == r->series_place))
        i++;
    if (i == r->n || r->time_place >= 0 || !r->config) /* a model that was trained without times goes on without */
        return;
    const struct sab_csv_finding *found = &head->survey->columns[i];
    const struct sab_csv_irregular *bad = &found->irregular;
    name_of(head, i, name);
    snprintf(how, sizeof how, head->has_header ? "--time \"%s\"" : "--time %s", head->has_header ? name : name + strlen("column "));
    if (found->format.kind == SAB_TIME_PATTERN)
        snprintf(how + strlen(how), sizeof how - strlen(how), " --time-format \"%s\"", found->format.pattern);
    for (int k = 0; k < r->schema->n; k++)
        is_input |= r->places[k] == i;
    if (is_input) /* which times of rows cannot be, too */
        strcat(how, ", and other inputs than it,");
    describe_irregular(found, irregular);
    if (bad->backs > bad->forwards)
        sab_account_warn(r->account, "%s holds times that run backwards, the newest row first: what is called a forecast would be of "
                         "the past; %s puts the rows in order", name, how);
    else if (irregular[0])
        sab_account_warn(r->account, "%s holds times that are not one step after the other%s; %s looks after them%s", name, irregular,
                         how, bad->doubles > 0 && r->series_place < 0 ? ", --series tells series apart" : "");
}

void sab_csv_reading_say(const struct sab_csv_reading *r, const struct sab_csv_head *head)
{
    unsigned char *reads = sab_alloc((size_t)r->n, 1);
    if (!reads)
        return; /* words only */
    for (int k = 0; k < r->schema->n; k++)
        if (r->places[k] >= 0)
            reads[r->places[k]] = 1;
    if (r->label_place >= 0)
        reads[r->label_place] = 1;
    if (r->series_place >= 0)
        reads[r->series_place] = 1;
    if (r->time_place >= 0)
        reads[r->time_place] = 1;
    say_file(r, head);
    say_left_out(r, head, reads);
    warn_of_counters(r, head);
    warn_of_times(r, head);
    sab_free(reads);
}
