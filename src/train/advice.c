/* sab_advice of sab_run.h: options that are legal and hardly meant. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "data/task.h"
#include "sab_run.h"
#include "train/options.h"

enum { SENTENCE_CAP = 256 };

/* One read, whose weight is its score's share of itself. */
static const char *on_single_read(const struct sab_model_options *o)
{
    if (o->model != SAB_KIND_RECURRENT || o->credit != SAB_CREDIT_SAB || o->k_top != 1 || o->forward == SAB_DENSE)
        return NULL;
    if (o->sparsifier == SAB_SPARSIFIER_RELEASE2019)
        return "--sparsifier release2019 keeps k-top - 1 memories: with --k-top 1 nothing is recalled";
    if (o->sparsifier == SAB_SPARSIFIER_SOFTMAX || o->read_floor == 0)
        return "with --k-top 1 the one memory recalled has weight 1 whatever its score, so that scores are never\n"
               "trained; --sparsifier relu with a --read-floor of 2 to 40 trains them";
    return NULL;
}

/* A stretch of one step is that step. */
static const char *on_short_stretch(const struct sab_model_options *o)
{
    if (o->model != SAB_KIND_RECURRENT || o->pool == SAB_POOL_LAST || o->k_att > 1)
        return NULL;
    return o->pool == SAB_POOL_MEAN ? "--pool mean does nothing with --k-att 1, each memory being one state"
                                    : "--pool attention does nothing with --k-att 1, each memory being one state";
}

/* What layers below the top one read, where no read enters a state: outputs have the top layer's alone. */
static const char *on_lost_reads(const struct sab_model_options *o)
{
    int reads = o->credit == SAB_CREDIT_ATTENTION || (o->credit == SAB_CREDIT_SAB && o->k_top > 0);
    if (o->model != SAB_KIND_RECURRENT || !reads || o->layers == 1 || o->read_gain != 0)
        return NULL;
    return "with --read-gain 0 what the top layer recalls reaches the outputs; what the layers below recall reaches nothing";
}

/* Options that only some values of another one look at. */
static const struct {
    const char *name, *other, *values;
} lookers[] = {
    {"lr-final", "schedule", "cosine"}, {"lr-every", "schedule", "step"},    {"lr-decay", "schedule", "step"},
    {"beta1", "optimizer", "adam adamw"}, {"beta2", "optimizer", "adam adamw"}, {"eps", "optimizer", "adam adamw"},
};

/* Those that were set and do nothing. */
static void advise_on_idle(const struct sab_options *options, void (*tell)(void *user, const char *sentence), void *user)
{
    char sentence[SENTENCE_CAP], a[SAB_NUMBER_CAP], b[SAB_NUMBER_CAP];
    for (size_t i = 0; i < sizeof lookers / sizeof lookers[0]; i++) {
        const char *value = sab_options_value(options, lookers[i].name, a), *other = sab_options_value(options, lookers[i].other, b);
        if (strcmp(value, sab_option_find(lookers[i].name)->fallback) == 0 || sab_text_lists(lookers[i].values, other))
            continue;
        snprintf(sentence, sizeof sentence, "--%s %.60s does nothing with --%s %s", lookers[i].name, value, lookers[i].other, other);
        tell(user, sentence);
    }
}

void sab_advice(const struct sab_options *options, void (*tell)(void *user, const char *sentence), void *user)
{
    char sentence[SENTENCE_CAP];
    long long steps = options->optim.steps, curriculum = options->task.drawn.curriculum, warmup = options->optim.warmup;
    int is_drawn = !sab_option_is_read_by(sab_option_find("data"), options->task.task), T = options->task.T;
    const char *on_read = on_single_read(&options->model);
    if (on_read)
        tell(user, on_read);
    if (on_short_stretch(&options->model))
        tell(user, on_short_stretch(&options->model));
    if (on_lost_reads(&options->model))
        tell(user, on_lost_reads(&options->model));
    advise_on_idle(options, tell, user);
    if (is_drawn && T > 1 && steps > 0 && steps <= curriculum) {
        snprintf(sentence, sizeof sentence, "with --steps %lld and --curriculum %lld no training sequence reaches T = %d;\n"
                 "--curriculum 0 trains at T from the start", steps, curriculum, T);
        tell(user, sentence);
    }
    if (steps > 0 && steps <= warmup) {
        snprintf(sentence, sizeof sentence, "with --steps %lld and --warmup %lld the learning rate never reaches --lr", steps, warmup);
        tell(user, sentence);
    }
}
