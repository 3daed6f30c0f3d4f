/* Any bytes as a text, or as the vocabulary that a model kept, for libFuzzer: no crash, no overrun; a text that opens
 * holds each symbol once, and a vocabulary that is taken is written and read back the same. The first byte chooses. A
 * corpus to begin with is in tests/corpus/text.
 *
 *     ctest: tier hours
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "data/text_facts.h"
#include "fuzzing.h"
#include "source/passage.h"


static uint64_t counts[0x110000];

static void check_chunks(const struct sab_passage *p, const struct sab_vocabulary *v)
{
    int64_t predicted = 0, documents = 0;
    int32_t last = -1, ids[8], labels[8];
    int fresh;
    for (int64_t j = 0; j < p->n_chunks; j++) {
        int steps = sab_passage_read(p, v, j, ids, labels, 1, &fresh);
        fuzz_require(steps >= 1 && steps <= p->T, "a chunk has 1..T steps");
        fuzz_require(j == 0 || ids[0] == last, "a chunk begins where the one before ended");
        for (int t = 0; t < steps; t++)
            fuzz_require(ids[t] >= 0 && ids[t] < v->n && labels[t] >= 0 && labels[t] < v->n, "every symbol is known");
        last = labels[steps - 1];
        predicted += steps;
        documents += fresh;
    }
    fuzz_require(predicted == (p->n_units > 0 ? p->n_units - 1 : 0), "each symbol but the first is predicted once");
    fuzz_require(p->n_chunks == 0 || documents == p->n_documents, "documents begin where they were counted");
}

static void read_text(uint8_t choice, const unsigned char *text, size_t nbytes)
{
    static const char *const separators[4] = {"", "\n", "aa", "\xe2\x82\xac\n"};
    const char *separator = separators[choice >> 1 & 3];
    struct sab_passage p = {.units = choice & 1, .T = 1 + (choice >> 3 & 7), .separator = separator,
                            .separator_nbytes = strlen(separator)};
    struct sab_vocabulary v = {0};
    struct sab_error err;
    uint32_t code;
    int64_t line, column;
    size_t begin = nbytes > 3 ? choice >> 6 & 1 : 0;
    if (sab_passage_open(&p, text, begin, nbytes, counts, &err) == SAB_OK && nbytes > begin) {
        fuzz_require(sab_vocabulary_learn(&v, p.units, counts, p.top, 0, &err) == SAB_OK, "a text has a vocabulary");
        fuzz_require(!sab_passage_find_unknown(&p, &v, &code, &line, &column), "a text's own symbols are known");
        check_chunks(&p, &v);
    }
    for (size_t at = begin, length; at < nbytes; at += length) { /* count from 0 again */
        length = (size_t)sab_code_at(p.units, text + at, nbytes - at, &code);
        if (length == 0)
            break;
        counts[code] = 0;
    }
    sab_vocabulary_clear(&v);
    sab_passage_clear(&p);
}

static void read_facts(const unsigned char *text, size_t nbytes)
{
    char *json = malloc(nbytes + 1), *again;
    struct sab_vocabulary v, back;
    struct sab_error err;
    fuzz_require(json != NULL, "no memory");
    memcpy(json, text, nbytes);
    json[nbytes] = 0;
    if (sab_text_facts_read(&v, json, &err) == SAB_OK) {
        fuzz_require(sab_text_facts_print(&v, NULL, &again, &err) == SAB_OK, "a vocabulary can be written");
        fuzz_require(sab_text_facts_read(&back, again, &err) == SAB_OK, "what was written can be read");
        fuzz_require(back.n == v.n && back.units == v.units && back.unknown == v.unknown &&
                memcmp(back.codes, v.codes, (size_t)v.n * sizeof *v.codes) == 0, "it is the same");
        sab_vocabulary_clear(&back);
        sab_free(again);
    }
    sab_vocabulary_clear(&v);
    free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t nbytes)
{
    if (nbytes == 0)
        return 0;
    if (data[0] >= 0x80)
        read_facts(data + 1, nbytes - 1);
    else
        read_text(data[0], data + 1, nbytes - 1);
    return 0;
}
