# ctest: tier seconds
# Text: training, measuring in bits per character, and going on with it.
load common

# A text of 2,000 characters, with some of two and three bytes; one run on it serves all tests.
setup_file()
{
    cd "$BATS_FILE_TMPDIR"
    python3 -c '
import random
random.seed(1)
words = ["the", "a", "café", "5€", "night", "rain", "of"]
text = ""
while len(text) < 2000:
    text += random.choice(words) + random.choice(" \n")
open("text.txt", "w").write(text[:2000])'
    "$SAB" train text --data text.txt --split 0.8,0.1,0.1 --T 20 --batch 4 --hidden 16 \
        --k-att 5 --steps 40 --eval-every 20 --quiet --json --out run >train.json
}

setup()
{
    cd "$BATS_FILE_TMPDIR"
}

@test "the loss of text is told in bits per character: JSON, metrics.jsonl, the line for people" {
    output=$(cat train.json)
    keys loss bits_per_char accuracy steps
    python3 -c '
import json, math
rows = [json.load(open("train.json"))] + [json.loads(line) for line in open("run/metrics.jsonl")]
assert len(rows) == 3
for row in rows:
    assert abs(row["bits_per_char"] - row["loss"] / math.log(2)) < 1e-9, row'
    sab train text --data text.txt --T 20 --batch 4 --hidden 4 --steps 2 --out said
    [ "$status" = 0 ]
    [[ $stderr == *"bits/char"* && $stderr == *"sab generate said"* ]]
}

@test "sab eval predicts every character but the first once, whatever the batch" {
    for batch in 1 3 50; do
        sab eval run --test-data text.txt --batch $batch --json
        [ "$status" = 0 ]
        keys bits_per_char scored
        [ "$(value scored)" = 1999 ]
    done
    sab eval run
    has 'bits/char'
}

@test "chunks that are out of step with the memories are refused before anything is done, by a dry run too" {
    for dry in "" --dry-run; do
        sab train text --data text.txt --T 20 --batch 4 --hidden 8 --k-att 3 --steps 30 --quiet $dry --out none
        fails 2 '--T 20' '--k-att 3'
        sab train text --data text.txt --T 20 --batch 4 --hidden 8 --segments 4 --steps 30 --quiet $dry --out none
        fails 2 '--segments 4' '--memory-slots'
        sab train text --data text.txt --T 20 --batch 4 --hidden 8 --zero-memory on --steps 30 --quiet $dry --out none
        fails 2 'sab train: --zero-memory on is for sequences that begin anew' 'choose off'
        [ ! -e none ]
    done
    sab train text --data text.txt --T 20 --batch 4 --hidden 8 --k-att 3 --segments 4 --credit tbptt --steps 3 --quiet --out without
    [ "$status" = 0 ]
}

@test "a run that was stopped and resumed is the one that was not" {
    options="text --data text.txt --T 20 --batch 4 --hidden 8 --k-att 5 --seed 3 --quiet --json --schedule constant"
    sab train $options --steps 30 --out whole
    whole=$(value weights_digest)
    sab train $options --steps 13 --out parts
    sab train --resume parts --steps 30 --quiet --json
    [ "$(value weights_digest)" = "$whole" ]
}

@test "a seed decides the text; whole characters are written" {
    sab generate run --length 300 --quiet
    [ "$status" = 0 ]
    one=$output
    [ "$(printf '%s' "$one" | python3 -c 'import sys; print(len(sys.stdin.buffer.read().decode()) >= 290)')" = True ]
    sab generate run --length 300 --quiet
    [ "$output" = "$one" ]
    sab generate run --length 300 --quiet --seed 2
    [ "$output" != "$one" ]
    sab generate run --length 300 --json
    keys text length stopped seed seconds weights_digest out version
    [ "$(value length)" = 300 ]
    [ "$(value text)" = "$one" ]
}

@test "going on from a saved state is not having stopped, to the byte" {
    for options in "" "--temperature 0" "--top-k 3 --seed 5" "--top-p 0.7 --prompt rain" ; do
        # shellcheck disable=SC2086
        "$SAB" generate run --quiet --length 400 $options >whole.txt
        # shellcheck disable=SC2086
        "$SAB" generate run --quiet --length 150 --save-state half.state $options >first.txt
        # shellcheck disable=SC2086
        "$SAB" generate run --quiet --length 250 --state half.state ${options%%--prompt*} >second.txt
        cat first.txt second.txt | cmp - whole.txt
    done
}

@test "--stop ends the text, which holds it" {
    sab generate run --length 5000 --stop '\n' --json
    [ "$status" = 0 ]
    [ "$(value stopped)" = True ]
    printf '%s' "$output" | python3 -c '
import json, sys
text = json.load(sys.stdin)["text"]
assert text.endswith("\n") and text.count("\n") == 1, text'
    sab generate run --stop 'no\such'
    fails 2 --stop 'no\such'
}

@test "a prompt comes before, from a word, a file or standard input" {
    sab generate run --prompt 'the café ' --length 50 --quiet
    [ "$status" = 0 ]
    one=$output
    printf 'the café ' >prompt.txt
    sab generate run --prompt-file prompt.txt --length 50 --quiet
    [ "$output" = "$one" ]
    output=$("$SAB" generate run --prompt-file - --length 50 --quiet <prompt.txt)
    [ "$output" = "$one" ]
}

@test "prompts, states and runs that cannot be used" {
    sab generate run --prompt 'thè café'
    fails 2 --prompt 'line 1, column 3' '"è" (U+00E8)'
    printf 'the\nZ' >bad.txt
    sab generate run --prompt-file bad.txt
    fails 2 bad.txt 'line 2, column 1' '"Z"'
    printf 'the \377' >bad.txt
    sab generate run --prompt-file bad.txt
    fails 2 bad.txt 'byte offset 4' 0xff
    sab generate run --prompt-file nowhere.txt
    fails 1 nowhere.txt 'No such file'
    sab generate run --prompt a --prompt-file bad.txt
    fails 2 --prompt-file
    sab generate run --state text.txt
    fails 1 text.txt
    sab generate run --save-state no/such/folder # nothing is written that could then not be gone on with
    fails 1 no/such/folder
    [ -z "$output" ]
    sab generate run --state run/model.safetensors
    fails 1 'not a state'
    sab train text --data text.txt --T 20 --batch 4 --hidden 16 --k-att 5 --steps 1 --seed 2 --quiet --out other
    "$SAB" generate other --length 5 --save-state other.state --quiet >/dev/null
    sab generate run --state other.state
    fails 1 'another network'
    sab train copy $tiny --steps 1 --out copy
    sab generate copy
    fails 2 copy 'only text'
}

@test "predict: the likeliest next characters by themselves, those that are none by their code" {
    printf 'the café\n' >line.txt
    sab predict run --data line.txt --probabilities
    fails 1 line.txt # shorter than a chunk
    head -c 300 text.txt >start.txt
    sab predict run --data start.txt --probabilities
    [ "$status" = 0 ]
    has 'step,class,p_U+000A,"p_ ",p_5,p_a,' ',p_€'
    sab predict run --data start.txt --format jsonl --probabilities
    has '"U+000A": ' '"é": ' '" ": '
    "$SAB" train text --data text.txt --units bytes --unknown 5 --T 20 --batch 4 --hidden 8 --k-att 5 --steps 2 --quiet --out bytes
    sab predict bytes --data start.txt --probabilities
    has ',p_byte 0x0a,"p_ ",p_5,' ',p_byte 0xc3,' ',p_unknown'
}

@test "a byte order mark is none of the characters of a file" {
    (printf '\357\273\277'; cat text.txt) >marked.txt
    local options='--T 20 --batch 4 --hidden 8 --k-att 5 --steps 10 --quiet --json'
    # shellcheck disable=SC2086
    sab train text --data text.txt --valid-data text.txt $options --out plain
    one=$(value weights_digest) bits=$(value bits_per_char)
    # shellcheck disable=SC2086
    sab train text --data text.txt --valid-data marked.txt $options --out valid
    [ "$status" = 0 ]
    [ "$(value weights_digest) $(value bits_per_char)" = "$one $bits" ]
    # shellcheck disable=SC2086
    sab train text --data marked.txt --test-data text.txt $options --out marked
    [ "$status" = 0 ]
    sab generate plain --prompt 'the ' --length 20 --quiet
    one=$output
    printf '\357\273\277the ' >prompt.txt
    sab generate plain --prompt-file prompt.txt --length 20 --quiet
    [ "$output" = "$one" ]
    (printf '\357\273\277the\nraZin'; cat text.txt) >odd.txt
    sab eval plain --data odd.txt --quiet
    fails 1 'odd.txt' 'line 2, column 3: "Z"'
    (printf '\357\273\277raZin'; cat text.txt) >odd.txt
    sab eval plain --data odd.txt --quiet
    fails 1 'odd.txt' 'line 1, column 3: "Z"'
}
