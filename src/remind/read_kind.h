/* How the weights of a read came about. */
#ifndef SAB_REMIND_READ_KIND_H
#define SAB_REMIND_READ_KIND_H

enum sab_read_kind {
    SAB_READ_SOFTMAX,  /* alpha = softmax over the n entries */
    SAB_READ_PART,     /* alpha = softmax over all memories; entries with a complemented index get no gradient */
    SAB_READ_RELU,     /* alpha = r / Z, Z = sum r; the last entry is the threshold, alpha 0 */
    SAB_READ_FLOOR,    /* alpha = r / z, as Z < z; the last entry is the threshold */
    SAB_READ_RAW       /* alpha = a */
};

#endif
