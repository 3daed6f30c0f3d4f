# ctest: tier seconds
# The encoder-decoder from the command line: it learns, is evaluated, goes on after a stop, and says what it cannot do.
load common

# One that learns to turn a few symbols around in a moment.
small='--model seq2seq --T 4 --hidden 32 --batch 32 --eval-size 64 --curriculum 0'

setup_file()
{
    cd "$BATS_FILE_TMPDIR"
    # shellcheck disable=SC2086
    "$SAB" train transduce $small --steps 300 --quiet --json --out run >trained
}

setup()
{
    cd "$BATS_FILE_TMPDIR"
}

@test "it learns to reverse, fed with its own answers, and eval of longer sources works" {
    run python3 -c 'import json; print(json.load(open("trained"))["accuracy"] > 0.9)'
    [ "$output" = True ]
    sab eval run --T 4,8 --eval-size 64 --json --quiet
    [ "$status" = 0 ]
    keys accuracy loss lengths
}

@test "resumed is uninterrupted; a file of weights holds the whole configuration" {
    # shellcheck disable=SC2086
    for steps in 20 40; do
        sab train transduce $small --rewrite sort --cell gru --decoder-attention off --steps $steps --schedule constant \
            --quiet --out "run-$steps"
        [ "$status" = 0 ]
    done
    sab train --resume run-20 --steps 40 --quiet --json
    [ "$status" = 0 ]
    cmp run-20/model.safetensors run-40/model.safetensors
    sab inspect run-20
    has decoder.weight_answer encoder.weight_hh_l0
    [[ $output != *attention.W1* ]]
    grep -q '"decoder_attention": false' run-20/config.json
}

@test "a dry run, and a gradient that is the derivative" {
    # shellcheck disable=SC2086
    sab train transduce $small --dry-run --json
    [ "$status" = 0 ]
    keys parameters peak_rss_bytes seconds_per_update
    for options in '' '--decoder-attention off --cell gru' '--score dot --cell rnn --input values'; do
        # shellcheck disable=SC2086
        sab check-grad --model seq2seq --mask on --ragged on $options
        [ "$status" = 0 ]
        has passed decoder.weight_answer
        [[ $stderr == *'decoder-feed own -> labels'* ]]
    done
}

@test "what it cannot do is said" {
    # shellcheck disable=SC2086
    sab train adding $small
    fails 2 '--model seq2seq' 'are not classes'
    # shellcheck disable=SC2086
    sab train transduce $small --layers 2
    fails 2 '--layers: 2'
    sab recall run
    fails 1 seq2seq 'recalls nothing'
    sab train transduce --decoder-feed both
    fails 2 '"both"' own labels
}
