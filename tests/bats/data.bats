#!/usr/bin/env bats
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
