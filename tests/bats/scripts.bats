# The checks of the build must be able to fail: each is given something wrong and has to name it.

setup() {
    root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    cd "$BATS_TEST_TMPDIR"
}

# layers LAYER LINE...: what check-layers says of a file in that layer with those lines
layers() {
    mkdir -p "src/$1"
    printf '%s\n' "${@:2}" >"src/$1/file.c"
    run "$root/scripts/check-layers" "$PWD/src"
}

@test "check-layers passes an include along the arrows" {
    layers model '#include "base/error.h"' '#include "remind/remind.h"' '#include "sab.h"' '#include <stdio.h>'
    [ "$status" -eq 0 ]
}

@test "check-layers finds an include against the arrows" {
    layers base '#include "sab.h"' '#include "io/file.h"'
    [ "$status" -eq 1 ]
    [[ "$output" == *"src/base/file.c:2: base must not know io"* ]]
}

@test "check-layers finds neighbours that know each other" {
    layers cells '#include "remind/remind.h"'
    [ "$status" -eq 1 ]
    [[ "$output" == *"cells must not know remind"* ]]
}

@test "check-layers finds a folder in no layer, and an include without a folder" {
    layers misc '#include "error.h"'
    [ "$status" -eq 1 ]
    [[ "$output" == *'folder "misc" is in no layer'* ]]
    [[ "$output" == *'"folder/file.h", not "error.h"'* ]]
}

@test "check-layers finds who reads options that are not theirs" {
    layers model 'sab_options_get(options, "batch", buf, cap, err);'
    [ "$status" -eq 1 ]
    [[ "$output" == *"file.c:1: model must not ask for options by name"* ]]
    layers data 'T = config->T + config->csv.goal; if (config->files.data[0]) x = s->config->text.units;'
    [ "$status" -eq 1 ]
    [[ "$output" == *"file.c must not read the options of csv"*"file.c must not read the options of text"* ]]
    [[ "$output" != *"of files"* ]]
    rm -r src
    layers train 'sab_options_get(options, "batch", buf, cap, err);'
    [ "$status" -eq 0 ]
}

@test "check-layers keeps the program to the public headers, but for what is listed" {
    layers cli '#include "sab_run.h"' '#include "io/file.h"' '#include "train/options.h"' '#include "lab/bench.h"'
    [ "$status" -eq 1 ]
    [[ "$output" == *"file.c:3: cli must not know train"*"file.c:4: cli must not know lab"* ]]
    [[ "$output" != *"file.c:1"* && "$output" != *"file.c:2"* ]]
    rm -r src
    mkdir -p src/lab
    printf '#include "%s"\n' cli/say.h credit/engine.h credit/cost.h >src/lab/bench.c
    run "$root/scripts/check-layers" "$PWD/src"
    [ "$status" -eq 1 ]
    [[ "$output" == *"bench.c:3: lab must not know credit"* && "$output" != *"bench.c:2"* ]]
}

@test "check-layers keeps MPI in comm" {
    layers train '#include <mpi.h>'
    [ "$status" -eq 1 ]
    [[ "$output" == *"only comm may know MPI"* ]]
}

@test "check-lines finds a line of more than 140 columns, and counts characters, not bytes" {
    { printf 'int a;\n/* '; printf 'é%.0s' $(seq 134); printf ' */\n'; } >fits.c
    run "$root/scripts/check-lines" "$PWD/fits.c"
    [ "$status" -eq 0 ]
    sed 's/ *\*\/$/é *\//' fits.c >long.c
    run "$root/scripts/check-lines" "$PWD/fits.c" "$PWD/long.c"
    [ "$status" -eq 1 ]
    [[ "$output" == *"long.c:2:"* && "$output" != *"fits.c"* ]]
}

@test "check-symbols finds foreign names, printing, global state and missing functions" {
    cat >bad.c <<'END'
#include <stdio.h>
#include <stdlib.h>
int sab_counter;
static int calls = 1;
void other_name(void) { printf("%d %s", calls++, getenv("HOME")); }
void sab_extra(void) { sab_counter++; }
END
    mkdir build
    cc -fPIC -c bad.c
    ar rc build/libsab.a bad.o
    cc -shared bad.o -o build/libsab.so
    run "$root/scripts/check-symbols" "$PWD/build"
    [ "$status" -eq 1 ]
    [[ "$output" == *"do not start with sab_:"*"other_name"*"no header declares:"*"sab_extra"* ]]
    [[ "$output" == *"lacks:"*"sab_options_set"* ]]
    [[ "$output" == *"must not call:"*"getenv"*"printf"* ]]
    [[ "$output" == *"global state):"*"calls in .data"*"sab_counter in .bss"* ]]
}

# version NAME MEMBERS [CODE]: a library whose struct has those members, with more code.
version() {
    mkdir -p "$1/include"
    printf 'struct sab_thing { unsigned long size; %s };\nint sab_use(const struct sab_thing *thing);\n' "$2" >"$1/include/sab.h"
    printf '#include "sab.h"\nint sab_use(const struct sab_thing *thing) { return thing->b; }\n%s\n' "${3:-}" >"$1/sab.c"
    cc -g -shared -fPIC -I "$1/include" "$1/sab.c" -o "$1/libsab.so"
}

@test "check-abi finds what breaks programs, and lets pass what does not" {
    command -v abidiff || skip "there is no abidiff"
    version before 'int a; int b;' 'int sab_two(void) { return 2; }'
    version same 'int a; int b;' 'int sab_two(void) { return 2; }'
    version function 'int a; int b;' 'int sab_two(void) { return 2; } int sab_three(void) { return 3; }'
    version member 'int a; int b; double c;' 'int sab_two(void) { return 2; }'
    for other in same function member; do
        run "$root/scripts/check-abi" before $other
        [ "$status" -eq 0 ]
        [[ "$output" == *"programs built with before run with this library"* ]]
    done
    version lost 'int b;' 'int sab_two(void) { return 2; }'
    version moved 'int c; int a; int b;' 'int sab_two(void) { return 2; }'
    version wider 'int a; double b;' 'int sab_two(void) { return 2; }'
    version turned 'int a; float b;' 'int sab_two(void) { return 2; }'
    version gone 'int a; int b;'
    for other in lost moved wider turned gone; do
        run "$root/scripts/check-abi" before $other
        [ "$status" -eq 1 ]
        [[ "$output" == *"do not run with this library"* ]]
        [ $other = gone ] || [[ "$output" == *"struct sab_thing"* ]]
    done
    [[ "$output" == *"sab_two"* ]]
}

@test "check-bits finds programs that disagree" {
    for i in 1 2; do
        printf '#!/bin/sh\necho "{\\"weights_digest\\": \\"%032d\\"}"\n' $i >program$i
        chmod +x program$i
    done
    run "$root/scripts/check-bits" ./program1 ./program1
    [ "$status" -eq 0 ]
    [[ "$output" == *"6 trainings, one digest"* ]]
    run "$root/scripts/check-bits" ./program1 ./program2
    [ "$status" -eq 1 ]
    [[ "$output" == *"program2 on 1 threads"* ]]
}

# ./run where packages are missing: dpkg-query finds none, id says who asks.
@test "./run as a plain user prints the one command and stops" {
    mkdir bin
    printf '#!/bin/sh\nexit 1\n' >bin/dpkg-query
    printf '#!/bin/sh\necho 1000\n' >bin/id
    printf '#!/bin/sh\necho "apt-get was called"\n' >bin/apt-get
    chmod +x bin/*
    cp "$root/run" .
    PATH=$PWD/bin:$PATH run ./run build
    [ "$status" -eq 1 ]
    [[ "$output" == *"sudo apt-get install --no-install-recommends gcc libc6-dev cmake"* ]]
    [[ "$output" != *"apt-get was called"* ]]
}

@test "./run names an unknown word" {
    run "$root/run" biuld
    [ "$status" -eq 2 ]
    [[ "$output" == *'no "biuld"'* ]]
}
