/* Any bytes as a model, a run's state or a stream's state, for libFuzzer: no crash, no overrun; what is refused has a sentence and
 * leaves what was there; a model that is taken has the digest of its weights after saving and loading. The first byte chooses. The
 * mutator changes the header's text or the payload and mends lengths and digest. tests/corpus/model has small ones.
 *
 *     ctest: tier hours
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzzing.h"
#include "io_support.h"
#include "options_helper.h"
#include "train/checkpoint.h"
#include "train/trainer.h"


/* Changes the text of the header by itself, three times in four, with the length before it made right. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t nbytes, size_t cap, unsigned seed)
{
    static uint8_t text[1 << 16];
    uint64_t header;
    if (nbytes < 9 || seed % 16 == 0)
        return LLVMFuzzerMutate(data, nbytes, cap);
    uint8_t *file = data + 1;
    size_t size = nbytes - 1;
    memcpy(&header, file, 8);
    if (seed % 4 != 0 && header <= size - 8 && header < sizeof text / 2) {
        size_t rest = size - 8 - header;
        memcpy(text, file + 8, header);
        size_t n = LLVMFuzzerMutate(text, header, sizeof text / 2);
        if (n + rest + 9 <= cap) {
            memmove(file + 8 + n, file + 8 + header, rest);
            memcpy(file + 8, text, n);
            header = n;
            memcpy(file, &header, 8);
            size = 8 + n + rest;
        }
    } else if (header <= size - 8) {
        size = 8 + header + LLVMFuzzerMutate(file + 8 + header, size - 8 - header, cap - 9 - header);
    }
    io_mend_digest(file, size);
    return size + 1;
}

/* The model and trainer that the corpus is of: sab train copy --T 2 --hidden 2 --attention-width 2 --batch 2. */
static struct sab_trainer *own_trainer(void)
{
    static struct sab_trainer *trainer;
    static struct sab_model *model;
    OPTIONS config = {0};
    struct sab_error err;
    if (trainer)
        return trainer;
    sab_options_init(&config);
    set_option(&config, "task", "copy");
    config.task.T = config.model.hidden = config.model.attention_width = config.shared.batch = 2;
    config.model.memory_slots = 2;
    struct sab_shape shape = {sizeof shape, SAB_INPUT_IDS, 10, SAB_LOSS_CROSS_ENTROPY, 9};
    fuzz_require(sab_model_create(&model, &config, &shape, &err) == SAB_OK &&
            sab_trainer_create(&trainer, model, &config, &err) == SAB_OK, err.message);
    return trainer;
}

static void load_model(const char *path)
{
    struct sab_model *model = NULL;
    struct sab_error err = {0};
    int status = sab_model_load(&model, path, &err);
    fuzz_require(status == SAB_OK ? model != NULL : !model && err.message[0], "a model or a sentence");
    if (!model)
        return;
    char digest[33];
    sab_model_digest(model, digest);
    fuzz_require(strlen(digest) == 32, "a digest");
    sab_model_free(model);
}

static void load_state(const char *path)
{
    static sab_real best[4096];
    struct sab_trainer *trainer = own_trainer();
    struct sab_run_state state = {.best_step = -7};
    OPTIONS made_with = copy_of(&trainer->config);
    struct sab_error err = {0};
    char before[33], after[33];
    fuzz_require(trainer->count <= sizeof best / sizeof *best, "room for the best weights");
    sab_model_digest(trainer->model, before);
    int status = sab_state_load(path, trainer, &state, best, &made_with, &err);
    fuzz_require(status == SAB_OK || err.message[0], "a sentence");
    sab_model_digest(trainer->model, after);
    fuzz_require(status == SAB_OK || (strcmp(before, after) == 0 && state.best_step == -7), "a failure changes nothing");
}

static void load_stream(const char *path)
{
    struct sab_stream *stream = NULL;
    struct sab_error err = {0};
    int status = sab_stream_load(&stream, own_trainer()->model, path, &err);
    fuzz_require(status == SAB_OK ? stream != NULL : !stream && err.message[0], "a stream or a sentence");
    sab_stream_free(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t nbytes)
{
    if (nbytes < 1)
        return 0;
    const char *path = fuzz_put(0, data + 1, nbytes - 1);
    if (data[0] % 4 == 0)
        load_model(path);
    else if (data[0] % 4 == 1)
        load_state(path);
    else
        load_stream(path);
    return 0;
}
