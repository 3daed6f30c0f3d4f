/* The state of the task text: what its parts share. text_open.c opens files and reads them once, text.c makes batches. Nobody
 * else includes this. */
#ifndef SAB_DATA_TEXT_STATE_H
#define SAB_DATA_TEXT_STATE_H

#include "data/account.h"
#include "data/arrays.h"
#include "data/parts.h"
#include "source/input.h"
#include "source/passage.h"

struct sab_text_part {
    struct sab_passage passage;
    const struct sab_input_file *file; /* NULL: there is no such part */
};

struct sab_text_state {
    int T, batch, unknown, learns;
    int in_order; /* the training part is read as the others are */
    uint64_t seed;
    char *separator; /* between documents; "" where there is none */
    struct sab_vocabulary vocabulary;
    struct sab_account account;
    struct sab_input_file files[SAB_PARTS];
    struct sab_text_part parts[SAB_PARTS];
    uint64_t *counts; /* of the codes of one part, while they are opened */
    struct sab_shape shape;
    struct sab_arrays arrays;
};

/* Opens the files that config names, learns the vocabulary or takes that of the facts, and checks every part. */
int sab_text_open(struct sab_text_state *text, const struct sab_task_options *config,
                  const struct sab_shared_options *shared, const char *facts, struct sab_error *err);

/* SAB_FORMAT where a part is too short for so many columns. */
int sab_text_check_length(const struct sab_text_state *text, int s, int columns, struct sab_error *err);

#endif
