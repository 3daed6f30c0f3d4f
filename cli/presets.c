/* See presets.h. What a preset does not name keeps sab's defaults, learning rate and schedule among them: these are not
 * the paper's (docs/decisions/001). Those of texts train as short probes suggest (docs/text.md). Numbers are said to be
 *     seen      read in a source
 *     recalled  the paper's, from memory of it
 *     ours      chosen here */
#include "cli/presets.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "report/json_process.h"

static const struct sab_preset presets[] = {
    {"copy-100", "copying over 100 steps; all numbers seen in the authors' released code and its README",
     "task=copy T=100 hidden=128 batch=64 k-trunc=5 k-top=5"},
    {"copy-200", "copying over 200 steps; hidden, batch seen in the released code; T, k-trunc, k-top recalled",
     "task=copy T=200 hidden=128 batch=64 k-trunc=10 k-top=10"},
    {"copy-300", "copying over 300 steps; hidden, batch seen in the released code; T, k-trunc, k-top recalled",
     "task=copy T=300 hidden=128 batch=64 k-trunc=10 k-top=10"},
    {"release2019", "copying by the authors' code as its README runs it, but for where windows begin; seen",
     "task=copy T=100 hidden=128 batch=64 k-trunc=5 k-top=5 k-att=2 score=release2019 sparsifier=release2019 "
     "read-floor=0 zero-memory=on symbols=number write=state lr=0.001 clip=1 schedule=constant warmup=0 curriculum=0 "
     "beta2=0.999 input-scale=1 explode=1e300"},
    {"adding-200", "adding two of 200 numbers; T recalled, the rest ours",
     "task=adding T=200 hidden=128 batch=64 k-trunc=10 k-top=10"},
    {"adding-400", "adding two of 400 numbers; T recalled, the rest ours",
     "task=adding T=400 hidden=128 batch=64 k-trunc=10 k-top=10"},
    {"mnist-rows", "MNIST, a row of pixels at each of 28 steps; all numbers ours; trained here to 98.6 % test",
     "task=mnist data=mnist by=row k-trunc=28 input-scale=1 key-scale=1 steps=1500 eval-size=2000"},
    {"fashion-rows", "Fashion-MNIST, a row of pixels at each of 28 steps; all numbers ours",
     "task=idx data=fashion-mnist by=row k-trunc=28 input-scale=1 key-scale=1 steps=1500 eval-size=2000"},
    {"pmnist", "permuted MNIST, pixel by pixel, 784 steps; k-trunc 50 and k-top 10 recalled, the rest ours",
     "task=mnist data=mnist by=pixel permute=1 hidden=128 batch=32 k-trunc=50 k-top=10 k-att=20 write=state "
     "input-scale=5 key-scale=1 clip=1 lr=0.006 steps=9000 eval-size=2000"},
    {"cifar10", "CIFAR-10, pixel by pixel, 1024 steps; k-trunc, k-top recalled, the rest ours",
     "task=cifar10 data=cifar10 by=pixel hidden=128 batch=64 k-trunc=16 k-top=10 k-att=10 eval-size=0"},
    {"char-ptb", "characters of the Penn Treebank; the parts seen, k-trunc recalled, the rest ours",
     "task=text data=ptb/char.train.txt valid-data=ptb/char.valid.txt test-data=ptb/char.test.txt units=bytes "
     "T=100 hidden=512 batch=32 k-trunc=20 k-top=5 k-att=5 read-gain=0.3 input-scale=40 key-scale=1 lr=0.006"},
    {"text8", "text8, 90 : 5 : 5 million characters; the parts seen, k-trunc recalled, the rest ours",
     "task=text data=text/text8 split=0.9,0.05,0.05 units=bytes "
     "T=100 hidden=512 batch=32 k-trunc=20 k-top=5 k-att=5 read-gain=0.3 input-scale=40 key-scale=1 lr=0.006"},
};

const struct sab_preset *sab_preset_at(int i)
{
    return i >= 0 && i < (int)(sizeof presets / sizeof presets[0]) ? &presets[i] : NULL;
}

static int fail_unknown(const char *name, struct sab_error *err)
{
    enum { COUNT = sizeof presets / sizeof presets[0] };
    const char *names[COUNT];
    for (int i = 0; i < COUNT; i++)
        names[i] = presets[i].name;
    const char *nearest = sab_text_nearest(name, names, COUNT);
    if (nearest)
        return sab_fail(err, SAB_INVALID, "no preset is called \"%.60s\"; did you mean \"%s\"?", name, nearest);
    return sab_fail(err, SAB_INVALID, "no preset is called \"%.60s\"; sab train --presets lists them", name);
}

/* Sets pair after pair; the first that fails ends it. */
static int set_pairs(const char *pairs, struct sab_options *options, struct sab_error *err)
{
    int status = SAB_OK;
    for (const char *at = pairs; status == SAB_OK && *at; at += strspn(at, " ")) {
        char pair[SAB_DIR_CAP];
        int n = (int)strcspn(at, " ");
        snprintf(pair, sizeof pair, "%.*s", n, at);
        char *value = strchr(pair, '=');
        *value++ = 0;
        status = strcmp(pair, "preset") == 0 ? sab_preset_apply(value, options, err)
                                             : sab_options_set(options, pair, value, err);
        at += n;
    }
    return status;
}

int sab_preset_options(const char *pairs, struct sab_options *options, struct sab_error *err)
{
    struct sab_options *tried;
    int status = sab_options_clone(&tried, options, err);
    if (status != SAB_OK)
        return status;
    status = set_pairs(pairs, tried, err); /* all or none */
    sab_options_free(tried);
    return status == SAB_OK ? set_pairs(pairs, options, err) : status;
}

int sab_preset_apply(const char *name, struct sab_options *options, struct sab_error *err)
{
    const struct sab_preset *preset = NULL;
    for (int i = 0; sab_preset_at(i); i++)
        if (strcmp(name, presets[i].name) == 0)
            preset = &presets[i];
    if (!preset)
        return fail_unknown(name, err);
    return sab_preset_options(preset->options, options, err);
}

void sab_preset_list(int as_json)
{
    struct sab_json json = {.to = stdout};
    if (as_json) {
        sab_json_open(&json, NULL, '{');
        sab_json_open(&json, "presets", '[');
    }
    for (int i = 0; sab_preset_at(i); i++) {
        if (as_json) {
            sab_json_open(&json, NULL, '{');
            sab_json_text(&json, "name", presets[i].name);
            sab_json_text(&json, "source", presets[i].source);
            sab_json_text(&json, "options", presets[i].options);
            sab_json_close(&json, '}');
        } else {
            printf("%s\n  %s\n  %s\n", presets[i].name, presets[i].source, presets[i].options);
        }
    }
    if (as_json) {
        sab_json_close(&json, ']');
        sab_json_close(&json, '}');
    }
}
