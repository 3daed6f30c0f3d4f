/* sab_advice of sab_run.h: options that are legal and hardly meant. */
#include <stdio.h>

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

void sab_advice(const struct sab_options *options, void (*tell)(void *user, const char *sentence), void *user)
{
    char sentence[SENTENCE_CAP];
    long long steps = options->optim.steps, curriculum = options->task.drawn.curriculum, warmup = options->optim.warmup;
    int is_drawn = !sab_option_is_read_by(sab_option_find("data"), options->task.task), T = options->task.T;
    const char *on_read = on_single_read(&options->model);
    if (on_read)
        tell(user, on_read);
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
