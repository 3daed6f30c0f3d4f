/* Options as other programs call them. See foreign_names.h. */
#include "cli/foreign_names.h"

#include <stddef.h>
#include <string.h>

#include "base/text.h"

static const struct {
    const char *names; /* separated by blanks */
    const char *hint;
} table[] = {
    {"learning-rate learningrate rate eta alpha", "--lr is the learning rate"},
    {"epochs epoch num-epochs max-epochs n-epochs passes", "--steps counts updates; a pass over N sequences has N / --batch of them"},
    {"iterations iters max-iters max-steps num-steps updates", "--steps is the number of updates"},
    {"batch-size batchsize bs minibatch", "--batch is the number of sequences per update"},
    {"hidden-size hidden-dim units num-units rnn-size n-hidden nhid width d-model", "--hidden is the width of the hidden state"},
    {"num-layers n-layers nlayers depth", "--layers is their number"},
    {"rnn-type cell-type rnn", "--cell is lstm, gru or rnn"},
    {"seq-len sequence-length seq-length seqlen bptt-len length timesteps window-size lookback", "--T is the length of sequences, or of "
     "the chunks that a long one is cut into; --k-trunc that of a window of credit"},
    {"bptt truncation tbptt", "--credit bptt or tbptt chooses the method; --k-trunc is the length of a window"},
    {"grad-clip gradient-clip clip-norm max-grad-norm clip-grad gradient-clipping", "--clip is the largest norm of the gradient"},
    {"l2 wd decay weightdecay", "--weight-decay is the L2 term, or with --optimizer adamw the decay"},
    {"optim optimiser solver", "--optimizer is adam, adamw or sgd"},
    {"scheduler lr-scheduler lr-schedule", "--schedule is constant, cosine or step"},
    {"warmup-steps lr-warmup", "--warmup is the number of updates in which the rate rises"},
    {"gpu cuda use-cuda use-gpu no-cuda gpus gpu-id", "--device cuda computes on a GPU, where the build has it"},
    {"workers num-workers n-jobs jobs num-threads nthreads cores", "--threads is the number of threads"},
    {"random-seed random-state rng-seed manual-seed", "--seed decides weights and data"},
    {"output output-dir save-dir log-dir logdir checkpoint-dir model-dir run-dir", "--out is the folder or file to write"},
    {"checkpoint load restore continue resume-from init-from",
     "sab train --resume RUN goes on with a run; --from begins with a model's weights"},
    {"input dataset data-dir data-path train-file file train train-data", "--data is the file or folder to learn from"},
    {"valid val val-data validation validation-data dev", "--valid-data is the file to evaluate on; --split the fraction of --data"},
    {"test", "--test-data is the file that sab eval measures on; --split the fraction of --data"},
    {"early-stopping early-stop", "--patience ends a run that does not get better, --stop-at one that is good enough"},
    {"ema ema-decay swa", "--average is the decay of the moving average of the weights"},
    {"target target-column label label-column labels y", "--targets names the columns to learn"},
    {"features feature columns input-columns x", "--inputs names the columns to learn from"},
    {"delimiter delim sep", "--separator is what separates columns"},
    {"date date-column timestamp time-column datetime ds", "--time names the column of times"},
    {"group groups group-column id id-column unique-id", "--series names the column that says which series a row belongs to"},
    {"forecast-horizon steps-ahead prediction-length h", "--horizon is how many rows ahead is forecast"},
    {"attention heads-num num-heads", "--credit attention reads all past states, --heads is of a transformer"},
    {"verbose v debug", "--quiet says less, --json says it for programs; there is nothing more to say"},
    {"dropout-rate drop drop-rate p-drop rnn-dropout", "--dropout leaves out units between layers and before the readout"},
    {"recurrent-dropout hidden-dropout weight-dropout wdrop zoneout", "--dropout-recurrent leaves out units of a layer's own past"},
    {"input-dropout embedding-dropout", "--dropout-input leaves out inputs"},
    {"fp16 bf16 tf32 half amp precision mixed-precision", "numbers are of 32 bits; on a GPU --products tf32 or bf16 multiplies in fewer"},
};

const char *sab_foreign_name_hint(const char *name)
{
    char dashed[64];
    size_t n = strlen(name);
    if (n >= sizeof dashed)
        return NULL;
    for (size_t i = 0; i <= n; i++)
        dashed[i] = name[i] == '_' ? '-' : name[i];
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (sab_text_lists(table[i].names, dashed))
            return table[i].hint;
    return NULL;
}
