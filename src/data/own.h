/* Of a batch that several processes share, the sequences that are this one's. The others' inputs and targets are nobody's here, so
 * they need not be read; weights, scores, labels and lengths are of all, since the mean loss is over all. */
#ifndef SAB_DATA_OWN_H
#define SAB_DATA_OWN_H

#include "sab.h"

struct sab_own {
    /* Sets columns[b], of B, to 1 where sequence b is this process's, else to 0. lengths: NULL where all have T steps. carries: the
     * sequences go on from batch to batch. */
    int (*find)(void *user, int T, int B, const int32_t *lengths, int carries, uint8_t *columns, struct sab_error *err);
    void *user;
    uint8_t *columns; /* [B], of the task that is asked for the batch */
};

/* What a task asks before it reads; own NULL: all are its own, *columns becomes NULL. */
static inline int sab_own_find(const struct sab_own *own, int T, int B, const int32_t *lengths, int carries, const uint8_t **columns,
                               struct sab_error *err)
{
    *columns = own ? own->columns : NULL;
    return own ? own->find(own->user, T, B, lengths, carries, own->columns, err) : SAB_OK;
}

#endif
