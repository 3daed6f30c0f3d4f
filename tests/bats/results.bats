# ctest: tier seconds
# eval, recall and inspect on a good run; check-grad and doctor.
load common

setup_file()
{
    cd "$BATS_FILE_TMPDIR"
    "$SAB" train copy --T 5 --hidden 8 --batch 8 --eval-size 16 --steps 20 --quiet --out run
    "$SAB" train adding --T 6 --hidden 8 --layers 2 --batch 8 --eval-size 16 --steps 5 --quiet --out adding
}

setup()
{
    cd "$BATS_FILE_TMPDIR"
}

@test "eval: one length, several lengths, JSON" {
    sab eval run --eval-size 32
    [ "$status" = 0 ]
    has accuracy loss 'trained at this T'
    sab eval run --T 5,10,300 --eval-size 8 --quiet
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    [ "$(printf '%s\n' "$output" | wc -l)" = 4 ]
    has '     300      320 '
    sab eval run --T 5,10 --eval-size 8 --json --quiet
    keys task T loss accuracy weights_digest out version peak_rss_bytes lengths
    sab eval adding --eval-size 8 --json
    keys mse loss
    [[ $output != *accuracy* ]]
}

@test "eval: three splits, each its own sequences; data drawn have no end and need no file" {
    for split in train valid test; do
        sab eval run --eval-size 16 --split "$split" --json --quiet
        [ "$status" = 0 ]
        has "\"split\": \"$split\""
        printf '%s\n' "$output" | grep -o '"loss": [^,]*' >>losses
    done
    [ "$(sort -u losses | wc -l)" = 3 ]
    sab eval run --eval-size 0
    fails 2 '--eval-size' 'no end'
    sab eval run --test-data x
    fails 1 '--test-data' 'there is no x' '/usr/share/datasets'
    touch x
    sab eval run --test-data x
    fails 2 '--data' 'draws its data'
}

@test "eval of several lengths prints each as soon as it is known" {
    : >table
    "$SAB" eval run --T 5,100000 --eval-size 2000 --threads 1 --quiet >table 2>/dev/null &
    for _ in $(seq 100); do
        [ "$(wc -l <table)" -lt 2 ] || break
        sleep 0.1
    done
    kill %1
    [ "$(wc -l <table)" = 2 ]
    grep -q 'trained at this T' table
}

@test "eval: the same numbers each time and on any number of threads, others with another seed" {
    sab eval run --eval-size 40 --threads 1 --quiet
    one=$output
    sab eval run/model.safetensors --eval-size 40 --threads 2 --quiet
    [ "$output" = "$one" ]
    sab eval run --eval-size 40 --seed 99 --quiet
    [ "$output" != "$one" ]
}

@test "recall: a map that fits 80 columns, a legend and a sentence" {
    for locale in C C.UTF-8; do
        for arguments in run 'run --rows all' 'run --T 300 --rows all' 'run --value flow' 'adding --layer 1'; do
            # shellcheck disable=SC2086
            LC_ALL=$locale sab recall $arguments
            [ "$status" = 0 ]
            [ -z "$stderr" ]
            has 'past step recalled' 'mean' 'over 16 sequences'
            narrow
        done
    done
    LC_ALL=C sab recall run
    [ -z "$(printf '%s' "$output" | LC_ALL=C tr -d '[:print:]\n')" ]
}

@test "recall: means are over the sequences that reach so far" {
    cd "$BATS_TEST_TMPDIR"
    "$SAB" train transduce --T 12 --hidden 8 --batch 8 --steps 3 --quiet --out ragged
    for seed in 1 2 3; do
        sab recall ragged --seed $seed --rows all --value flow --csv flow.csv --json --quiet
        [ "$status" = 0 ]
        awk -F, -v told="$(value strongest_t) $(value strongest_when) $(value strongest_mean)" 'NR > 1 {
            flow[$3 " " $4] += $6
            if ($3 > last[$1]) last[$1] = $3
            if ($1 > n) n = $1
        } END {
            for (pair in flow) {
                split(pair, step, " ")
                there = 0
                for (b = 1; b <= n; b++) there += last[b] >= step[1]
                if (flow[pair] / there > most) { most = flow[pair] / there; strongest = pair }
            }
            split(told, word, " ")
            if (word[1] " " word[2] != strongest || word[3] / most > 1.00001 || word[3] / most < 0.99999) {
                print "seed '$seed': told " told ", by the log " strongest " " most
                exit 1
            }
        }' flow.csv
    done
}

@test "recall: CSV with every weight; the weights of a read add up to one" {
    sab recall run --sequences 3 --csv recall.csv --quiet
    [ "$status" = 0 ]
    [ -z "$output$stderr" ]
    [ "$(head -n 1 recall.csv)" = sequence,layer,t,when,alpha,flow ]
    awk -F, 'NR > 1 {
        if (NF != 6 || $4 >= $3 || $4 < 1 || $5 <= 0 || $5 > 1 || $6 < 0) { print "line " NR ": " $0; bad = 1 }
        sum[$1 "," $2 "," $3] += $5
        flows += $6 > 0
    } END {
        for (read in sum) { n++; if (sum[read] < 0.9999 || sum[read] > 1.0001) { print read ": " sum[read]; bad = 1 } }
        if (n != 3 * 24) { print n " reads, not 72: 3 sequences, steps 2..25"; bad = 1 }
        if (!flows) { print "no gradient anywhere"; bad = 1 }
        exit bad
    }' recall.csv
}

@test "recall: a picture" {
    needs_figures
    sab recall run --png map.png
    [ "$status" = 0 ]
    [[ $stderr == *map.png* ]]
    [ "$(head -c 8 map.png | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ]
    sab recall run --rows all --out all.png --quiet
    [ -s all.png ]
    ! cmp -s map.png all.png
    sab recall run --out new.csv --quiet
    cmp <(head -n 1 new.csv) <(echo sequence,layer,t,when,alpha,flow)
}

@test "recall: JSON, layers, files that cannot be written" {
    sab recall run --json
    keys task T sequences layer strongest_t strongest_when strongest_mean mean_largest weights_digest out version
    [ "$(value strongest_t)" -gt "$(value strongest_when)" ]
    sab recall run --layer 2
    fails 2 '--layer' 2 '1..1'
    sab recall run --csv run/config.json/map.csv --quiet
    fails 1 run/config.json/map.csv
}

@test "inspect: tensors, shapes, configuration, digest, last metrics" {
    sab inspect run
    [ "$status" = 0 ]
    has weight_ih_l0 '[32, 10]' F32 '--hidden 8 (default 128)' 'agrees with' 'last evaluation' accuracy
    # LSTM 4 x 8 x (10 + 8 + 2), W1 W2 2 x 8^2, w3 8, V1 V2 2 x 8 x 9, b 9
    has "$((4 * 8 * 20 + 2 * 64 + 8 + 2 * 8 * 9 + 9)) in 10 tensors"
    sab inspect run --json
    keys file task version has_digest weights_digest parameters tensors config_changed last
    digest=$(value weights_digest)
    sab eval run --eval-size 4 --json
    [ "$(value weights_digest)" = "$digest" ]
    sab inspect run/state.safetensors
    [ "$status" = 0 ]
    has 'step'
}

@test "check-grad agrees with differences for each cell, score and sparsifier" {
    for cell in lstm gru rnn; do
        for kind in 'mlp softmax' 'dot softmax' 'mlp relu' 'release2019 softmax'; do
            set -- $kind
            sab check-grad --cell $cell --score "$1" --sparsifier "$2" --read-gain 0.5 --samples 4 --T 10
            [ "$status" = 0 ] || { echo "$cell $kind: $output"; return 1; }
            has passed weight_hh_l0
            [[ $stderr == *'k-trunc 5 -> 10'* ]]
        done
    done
}

@test "check-grad finds a gradient that is over the tolerance" {
    sab check-grad --tolerance 1e-30 --samples 3 --quiet --json
    [ "$status" = 1 ]
    keys passed worst tolerance checked skipped tensors
    [ "$(value passed)" = False ]
}

@test "check-grad --export writes a problem that inspect reads, cut as configured" {
    sab check-grad --export problem.safetensors --T 6 --batch 3 --hidden 4 --k-trunc 2 --mask on --ragged on --quiet
    [ "$status" = 0 ]
    [ -z "$output$stderr" ]
    sab inspect problem.safetensors
    has '  x ' '  y ' 'I32  [6, 3]' weight lengths outputs '[6, 3, 4]' loss param.weight_hh_l0 grad.W1_l0 '--k-trunc 2'
    sab check-grad --export parts.safetensors --parts 3 --memory-slots 4 --T 6 --batch 3 --hidden 4 --quiet
    [ "$status" = 0 ]
    sab inspect parts.safetensors
    has 'I32  [18, 3]' 'I32  [6, 3]' 'U8   [3, 3]' fresh
    sab check-grad --parts 3
    fails 2 '--parts 3' '--export'
    sab check-grad --parts 3 --export parts.safetensors --memory-slots 4 --T 6 --k-att 4
    fails 2 'multiple of --k-att 4'
    sab check-grad --export problem.safetensors/x
    fails 1 problem.safetensors/x
    "$SAB" check-grad --export again.safetensors --T 6 --batch 3 --hidden 4 --k-trunc 2 --mask on --ragged on --quiet
    cmp problem.safetensors again.safetensors
}

@test "doctor" {
    sab doctor
    [ "$status" = 0 ]
    has version kernels 'gradients    ok' 'same bits    ok'
    SAB_CPU=ref sab doctor --json
    keys ok build kernels threads gradients_ok same_bits_ok version
    [ "$(value kernels)" = ref ]
    SAB_DATA=/nowhere sab doctor
    [ "$status" = 1 ]
    has /nowhere 'not a folder'
}
