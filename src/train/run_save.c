/* What a run writes between updates: state.safetensors and model.safetensors, by the rank that writes. See run_parts.h. */
#include <assert.h>
#include <string.h>

#include "comm/comm.h"
#include "train/folder.h"
#include "train/run_parts.h"

int sab_run_writes(const struct sab_run *run)
{
    return sab_comm_rank(run->comm) == 0;
}

int sab_run_agree(const struct sab_run *run, int status, struct sab_error *err)
{
    return sab_comm_agree(run->comm, status, 0, "", err);
}

int sab_run_save_state(struct sab_run *run, struct sab_error *err)
{
    char path[SAB_PATH_CAP];
    sab_folder_path(run->config.run.out, "state.safetensors", path);
    int status = sab_state_save(path, run->trainer, &run->state, run->best, err);
    if (status == SAB_OK) {
        run->saved_step = run->trainer->step;
        run->saved_evaluated = run->state.evaluated;
    }
    return status;
}

int sab_run_is_saved(const struct sab_run *run)
{
    return run->saved_step == run->trainer->step && run->saved_evaluated == run->state.evaluated;
}

int sab_run_save_best(struct sab_run *run, struct sab_error *err)
{
    assert(run->state.best_step >= 0 && sab_run_writes(run));
    char path[SAB_PATH_CAP];
    struct sab_trainer *trainer = run->trainer;
    size_t nbytes = trainer->count * sizeof(sab_real);
    sab_folder_path(run->config.run.out, "model.safetensors", path);
    memcpy(trainer->undo, trainer->theta, nbytes);
    memcpy(trainer->theta, run->best, nbytes);
    int status = sab_model_save(run->model, path, err);
    memcpy(trainer->theta, trainer->undo, nbytes);
    return status;
}
