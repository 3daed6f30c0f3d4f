/* Drives a fuzz target without libFuzzer: each file of a corpus, then the same few thousand changes of them every time.
 *
 *     fuzz_NAME [-n CHANGES] [CORPUS-FOLDER or FILE...]
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzzing.h"

enum { CAP = 4096, INPUTS = 512 };

#pragma weak LLVMFuzzerCustomMutator

static struct {
    uint8_t *bytes;
    size_t nbytes;
} inputs[INPUTS];
static int count;

static unsigned next_random(void)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33);
}

static void take(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(1 << 20);
    fuzz_require(file && bytes && count < INPUTS, path);
    inputs[count].nbytes = fread(bytes, 1, 1 << 20, file);
    inputs[count++].bytes = bytes;
    fclose(file);
}

static void take_all(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) {
        take(path);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char name[4096];
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.')
            take(name);
    }
    closedir(folder);
}

/* One to four bytes changed, added or taken out, or a piece of the input put somewhere else in it. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t nbytes, size_t cap)
{
    static const uint8_t telling[] = {0, 1, 0x7f, 0x80, 0xff, '"', ',', '\n', '{', '}', '0', '-'};
    for (unsigned n = 1 + next_random() % 4; n > 0; n--) {
        size_t at = nbytes ? next_random() % nbytes : 0;
        uint8_t byte = next_random() % 2 ? telling[next_random() % sizeof telling] : (uint8_t)next_random();
        switch (next_random() % 4) {
        case 0:
            if (nbytes < cap) {
                memmove(data + at + 1, data + at, nbytes++ - at);
                data[at] = byte;
            }
            break;
        case 1:
            if (nbytes > 1)
                memmove(data + at, data + at + 1, --nbytes - at);
            break;
        case 2:
            if (nbytes > 0) {
                size_t from = next_random() % nbytes, most = nbytes - (from > at ? from : at);
                memmove(data + at, data + from, next_random() % (most + 1));
            }
            break;
        default:
            if (nbytes > 0)
                data[at] = byte;
        }
    }
    return nbytes;
}

int main(int argc, char **argv)
{
    long changes = 2000;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-n") == 0 && i + 1 < argc)
            changes = atol(argv[++i]);
        else
            take_all(argv[i]);
    }
    for (int i = 0; i < count; i++)
        LLVMFuzzerTestOneInput(inputs[i].bytes, inputs[i].nbytes);
    for (long n = 0; n < changes; n++) {
        static uint8_t data[CAP];
        int which = count ? (int)(next_random() % (unsigned)count) : 0;
        size_t nbytes = !count ? 0 : inputs[which].nbytes < CAP ? inputs[which].nbytes : CAP;
        if (nbytes)
            memcpy(data, inputs[which].bytes, nbytes);
        for (unsigned k = 1 + next_random() % 4; k > 0; k--)
            nbytes = LLVMFuzzerCustomMutator ? LLVMFuzzerCustomMutator(data, nbytes, CAP, next_random())
                                             : LLVMFuzzerMutate(data, nbytes, CAP);
        uint8_t *exact = malloc(nbytes ? nbytes : 1); /* so that a read past its end is seen */
        fuzz_require(exact != NULL, "memory");
        memcpy(exact, data, nbytes);
        LLVMFuzzerTestOneInput(exact, nbytes);
        free(exact);
    }
    printf("%d inputs, %ld changes\n", count, changes);
    for (int i = 0; i < count; i++)
        free(inputs[i].bytes);
    return 0;
}
