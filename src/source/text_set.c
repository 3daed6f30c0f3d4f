/* See text_set.h. Open addressing; XXH3 keeps a file of unlucky names from making it slow. */
#include "source/text_set.h"

#include <assert.h>
#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"

enum { FIRST_BITS = 6, BITS_MOST = 25, FIRST_BYTES = 1024 };

static uint32_t first_bucket(const struct sab_text_set *set, const char *text, size_t nbytes)
{
    return (uint32_t)XXH3_64bits(text, nbytes) & ((1u << set->bits) - 1);
}

/* The bucket that holds the text, or the free one where it belongs. */
static uint32_t bucket_of(const struct sab_text_set *set, const char *text, size_t nbytes)
{
    uint32_t bucket = first_bucket(set, text, nbytes);
    for (;; bucket = (bucket + 1) & ((1u << set->bits) - 1)) {
        int i = set->buckets[bucket];
        if (i < 0)
            return bucket;
        if (set->begins[i + 1] - set->begins[i] == nbytes + 1 && memcmp(set->bytes + set->begins[i], text, nbytes) == 0)
            return bucket;
    }
}

static int grow_table(struct sab_text_set *set)
{
    int bits = set->bits ? set->bits + 1 : FIRST_BITS;
    if (bits > BITS_MOST)
        return 1;
    size_t buckets = (size_t)1 << bits;
    struct sab_text_set larger = *set;
    larger.bits = bits;
    larger.cap = (int)(buckets / 2);
    larger.buckets = sab_alloc(buckets, sizeof *larger.buckets);
    larger.begins = sab_alloc((size_t)larger.cap + 1, sizeof *larger.begins);
    if (!larger.buckets || !larger.begins) {
        sab_free(larger.buckets);
        sab_free(larger.begins);
        return 1;
    }
    memset(larger.buckets, 0xff, buckets * sizeof *larger.buckets);
    if (set->n > 0)
        memcpy(larger.begins, set->begins, ((size_t)set->n + 1) * sizeof *set->begins);
    for (int i = 0; i < set->n; i++) {
        const char *text = sab_text_set_at(set, i);
        larger.buckets[bucket_of(&larger, text, strlen(text))] = i;
    }
    sab_free(set->buckets);
    sab_free(set->begins);
    *set = larger;
    return 0;
}

static int grow_bytes(struct sab_text_set *set, size_t need)
{
    size_t used = set->n > 0 ? set->begins[set->n] : 0, cap = set->bytes_cap ? set->bytes_cap : FIRST_BYTES;
    if (need > UINT32_MAX - used)
        return 1;
    while (cap < used + need)
        cap *= 2;
    if (cap == set->bytes_cap)
        return 0;
    char *bytes = sab_alloc(cap, 1);
    if (!bytes)
        return 1;
    if (used > 0)
        memcpy(bytes, set->bytes, used);
    sab_free(set->bytes);
    set->bytes = bytes;
    set->bytes_cap = cap;
    return 0;
}

int sab_text_set_add(struct sab_text_set *set, const char *text, size_t nbytes)
{
    int known = sab_text_set_find(set, text, nbytes);
    if (known >= 0)
        return known;
    if ((set->n == set->cap && grow_table(set)) || grow_bytes(set, nbytes + 1))
        return -1;
    memcpy(set->bytes + set->begins[set->n], text, nbytes);
    set->bytes[set->begins[set->n] + nbytes] = 0;
    set->begins[set->n + 1] = set->begins[set->n] + (uint32_t)nbytes + 1;
    set->buckets[bucket_of(set, text, nbytes)] = set->n;
    return set->n++;
}

int sab_text_set_find(const struct sab_text_set *set, const char *text, size_t nbytes)
{
    return set->n > 0 ? set->buckets[bucket_of(set, text, nbytes)] : -1;
}

const char *sab_text_set_at(const struct sab_text_set *set, int i)
{
    assert(0 <= i && i < set->n);
    return set->bytes + set->begins[i];
}

void sab_text_set_clear(struct sab_text_set *set)
{
    sab_free(set->begins);
    sab_free(set->bytes);
    sab_free(set->buckets);
    memset(set, 0, sizeof *set);
}
