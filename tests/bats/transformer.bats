#!/usr/bin/env bats
# ctest: tier seconds
# The Transformer through every command: trained, resumed, begun from, evaluated, looked at; refused where it has no meaning.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR"
    PATH=$(dirname "$SAB"):$PATH
    little="--model transformer --T 8 --steps 6 --hidden 16 --layers 2 --batch 16 --quiet --json"
}

field() { # of a line of JSON
    echo "$output" | grep -oE "\"$1\": ?\"?[^,\"}]*" | sed 's/.*[: "]//'
}

@test "training: any number of threads, stopped and resumed, the same weights" {
    run -0 sab train copy $little --schedule constant --threads 1 --out whole
    whole=$(field weights_digest)
    [ ${#whole} = 32 ]
    sab train copy $little --schedule constant --threads 2 --steps 3 --out parts
    run -0 sab train --resume parts --steps 6 --quiet --json
    [ "$(field weights_digest)" = "$whole" ]
    run -0 sab train copy $little --from whole --out after
    [ "$(field weights_digest)" != "$whole" ]
}

@test "eval of other lengths, inspect, predict, check-grad, dry run" {
    sab train copy $little --out run
    run -0 sab eval run --T 5,30
    [[ $output == *" 30 "* ]]
    run -0 sab inspect run
    [[ $output == *"layers.1.self_attn.in_proj_weight"*"[48, 16]"* ]]
    run -0 sab predict run
    [[ $output == "sequence,step,class"* ]]
    run -0 sab check-grad --model transformer --layers 2 --heads 3 --positions learned --quiet
    [[ $output == *passed* ]]
    run -0 sab train copy --model transformer --dry-run
    [[ $output == *"network      transformer, 1 layer of 128"* ]]
}

@test "continuous text is taken chunk by chunk" {
    for i in $(seq 300); do printf 'abcabdabcabd'; done >text
    run -0 sab train text --data text --T 20 --model transformer --steps 5 --hidden 16 --batch 8 --quiet --json --out run
    run -0 sab eval run
    run -2 sab generate run
    [[ $output == *"--model transformer has no running state"* ]]
}

@test "refusals" {
    run -2 sab train copy $little --heads 3 --out run
    [[ $output == *"--heads 3: --hidden 16 is not a multiple of it"* ]]
    run -2 sab train copy $little --positions learned --context 27 --out run
    [[ $output == *"28 steps are longer than the 27 learned positions of --context"* ]]
    [ ! -e run ]
    sab train copy $little --out run
    run -1 sab recall run
    [[ $output == *"is a transformer network, which has no memory"* ]]
    run -2 sab train copy --from run --T 8 --steps 2 --hidden 16 --out other
    [[ $output == *"model, cell, layers, score and credit must agree"* ]]
}
