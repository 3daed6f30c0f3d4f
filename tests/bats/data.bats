#!/usr/bin/env bats
# ctest: cost 15
# sab data: public sets listed, found, checked; where --data looks.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
    mkdir -p data/mnist
    given=$SAB_DATA
    unset SAB_DATA
}

# count TEXT: how often the output holds it.
count() {
    printf '%s\n' "$output" | grep -o "$1" | wc -l
}

@test "every set has licence, origin, files and checksums" {
    sab data
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    has 'mnist:' 'fashion-mnist:' 'cifar10:' 'ptb:' 'text8:' 'tinyshakespeare:' 'etth1:' 'exchange-rate:' 'mit-bih-100:'
    sets=$(printf '%s\n' "$output" | grep -c '^[a-z]')
    [ "$(printf '%s\n' "$output" | grep -c '  licence  .')" = "$sets" ]
    [ "$(printf '%s\n' "$output" | grep -c '  from     .')" = "$sets" ]
    [ "$(printf '%s\n' "$output" | grep -c -E 'sha256 [0-9a-f]{64}$')" -ge 19 ]
    sab data --json
    keys sets version
    [ "$(count '"licence": ')" = "$sets" ]
}

@test "one set, and names that are none" {
    sab data ptb
    [ "$status" = 0 ]
    has 'ptb/char.train.txt, 5,017,482 bytes' 'research only'
    [[ $output != *mnist* ]]
    sab data mnits
    fails 2 'did you mean "mnist"'
    sab data nothing
    fails 2 'sab data lists them'
}

@test "a damaged file is found by --check: wrong size, wrong bytes, no gzip" {
    SAB_DATA=$PWD/data sab data mnist
    has 'not here'
    head -c 10008 /dev/zero >data/mnist/t10k-labels-idx1-ubyte
    SAB_DATA=$PWD/data sab data mnist
    [ "$status" = 0 ]
    has "here: $PWD/data/mnist/t10k-labels-idx1-ubyte"
    SAB_DATA=$PWD/data sab data mnist --check
    [ "$status" = 1 ]
    has 'DAMAGED' 'its checksum is'
    [[ $stderr == *'1 file is not what it ought to be'* ]]
    printf x >>data/mnist/t10k-labels-idx1-ubyte
    printf '\037\213' >data/mnist/train-labels-idx1-ubyte.gz
    SAB_DATA=$PWD/data sab data mnist --check --json
    [ "$status" = 1 ]
    has 'it has 10009 bytes, not 10008' '"state": "damaged"' '"state": "absent"' 'gzip'
}

@test "the sets that are here are whole" {
    folder=${given:-$BATS_TEST_DIRNAME/../../../shared/data}
    [ -d "$folder" ] || skip "no public data in $folder (set SAB_DATA)"
    SAB_DATA=$folder sab data --check --json
    [ "$status" = 0 ]
    [ "$(count '"state": "whole"')" -ge 1 ]
}

# idx NAME N: N images of 2 x 2 pixels and their labels, as an IDX pair below the folder NAME.
idx() {
    mkdir -p "$1"
    {
        printf '\0\0\10\3\0\0\0\'"$(printf %o "$2")"'\0\0\0\2\0\0\0\2'
        seq 1000 | tr -d '\n' | head -c $(($2 * 4))
    } | gzip >"$1/train-images-idx3-ubyte.gz"
    {
        printf '\0\0\10\1\0\0\0\'"$(printf %o "$2")"
        for i in $(seq "$2"); do printf '\'"$((i % 2))"; done
    } | gzip >"$1/train-labels-idx1-ubyte.gz"
}

@test "what sab data says reads a set does, and every preset is ready to train, where the files are here" {
    folder=${given:-$BATS_TEST_DIRNAME/../../../shared/data}
    export SAB_DATA=$folder
    "$SAB" train --presets | sed -n 's/^\([a-z0-9-]*\)$/--preset \1/p' >lines
    [ "$(wc -l <lines)" -ge 9 ]
    "$SAB" data | sed -n 's/^  use      sab train //p' >>lines
    while read -r line; do
        # shellcheck disable=SC2086
        sab train $line --dry-run
        [ "$status" = 0 ] || [[ $stderr == *'there is no '* ]] || { echo "$line: $stderr"; return 1; }
    done <lines
}

@test "--data is found here, then below SAB_DATA, also with .gz, and the run remembers where" {
    idx data/tiny 40
    set -- train idx --hidden 4 --batch 8 --steps 2 --warmup 0 --quiet --json
    sab "$@" --data tiny --out run
    fails 1 '--data' 'there is no tiny' 'below /usr/share/datasets'
    SAB_DATA=$PWD/data sab "$@" --data tiny --out run
    [ "$status" = 0 ]
    sab eval run --split valid
    [ "$status" = 0 ]
    SAB_DATA=$PWD/data sab train idx --data tiny/train-images-idx3-ubyte --dry-run
    [ "$status" = 0 ]
    SAB_DATA=$PWD/elsewhere sab train idx --data tiny --dry-run
    fails 1 "\$SAB_DATA ($PWD/elsewhere)"
}

@test "a resumed run refuses other data; a trained network judges other files whole" {
    idx one 40
    idx three 24
    set -- --hidden 4 --batch 8 --warmup 0 --quiet --json
    sab train idx "$@" --steps 2 --data one --out run
    [ "$status" = 0 ]
    sab train --resume run --steps 4 --data three
    fails 2 'not those that the run began with'
    mv one moved
    sab train --resume run --steps 4 --quiet
    fails 1 '--data' 'there is no one'
    sab train --resume run --steps 4 --quiet --data moved
    [ "$status" = 0 ]
    sab eval run --test-data three/train-images-idx3-ubyte.gz --json --quiet
    [ "$status" = 0 ]
    [ "$(value scored)" = 24 ]
}

@test "data that cannot be looked at are told as that, not as absent" {
    ln -s loop.csv "$BATS_TEST_TMPDIR/loop.csv"
    sab train csv --data "$BATS_TEST_TMPDIR/loop.csv" --T 4 --dry-run
    fails 1 loop.csv 'Too many levels of symbolic links'
    sab train csv --data "$(printf 'x%.0s' {1..300}).csv" --T 4 --dry-run
    fails 1 'File name too long'
}
