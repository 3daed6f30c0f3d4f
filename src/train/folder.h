/* The files of a run folder that are not weights: config.json and metrics.jsonl. Must not know models or the loop. */
#ifndef SAB_TRAIN_FOLDER_H
#define SAB_TRAIN_FOLDER_H

#include <stddef.h>

#include "train/options.h"

/* Room for the path of any file in a run folder. */
enum { SAB_PATH_CAP = SAB_DIR_CAP + 32 };

/* The name of the run folder: config->run.out, or runs/TASK-CREDIT-sSEED. */
int sab_folder_name(const struct sab_options *config, char dir[SAB_DIR_CAP], struct sab_error *err);

/* DIR/FILE. */
void sab_folder_path(const char *dir, const char *file, char path[SAB_PATH_CAP]);

/* Locks the folder for one run; *lock is given to sab_folder_unlock. SAB_IO, naming the process, where another one is at work
 * in it. */
int sab_folder_lock(const char *dir, int *lock, struct sab_error *err);
void sab_folder_unlock(const char *dir, int lock);

/* Writes config.json into a folder that is there. SAB_INVALID if it already holds a run. */
int sab_folder_begin(const char *dir, const struct sab_options *config, struct sab_error *err);
/* Takes that back where nothing came of the run. */
void sab_folder_undo(const char *dir);
/* Whether there is anything of that name; and removes a folder that was made for a run, where nothing is in it. */
int sab_folder_is_there(const char *dir);
void sab_folder_leave(const char *dir);

/* SAB_INVALID where a file of the run is a link or a device: what it leads to must not be written. */
int sab_folder_check_files(const char *dir, struct sab_error *err);

/* SAB_INVALID unless `is` has the value that `was` has under every option that a run keeps; `what` has the former ones. */
int sab_folder_keeps(const struct sab_options *was, const struct sab_options *is, const char *what, struct sab_error *err);
/* Checks that config agrees with the run's config.json where it must. */
int sab_folder_agrees(const char *dir, const struct sab_options *config, struct sab_error *err);

int sab_folder_write_config(const char *dir, const struct sab_options *config, struct sab_error *err);

/* 1 if the run has a file of that name, or none can tell: what opens it then says why. */
int sab_folder_has(const char *dir, const char *file);

/* Cuts metrics.jsonl down to nbytes, if it is longer: lines written after the state that is resumed from come again. */
int sab_folder_cut_metrics(const char *dir, int64_t nbytes, struct sab_error *err);

/* Appends one line for an evaluation, with all that it measured (values, in the order of metric.h), and adds its length to
 * *nbytes. Keys whose value is no number are left out. */
int sab_folder_add_metrics(const char *dir, int64_t step, const double *values, double train_loss, double grad_norm, double lr,
                           double seconds, int64_t *nbytes, struct sab_error *err);

#endif
