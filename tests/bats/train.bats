# ctest: tier seconds
# ctest: cost 30
# Training: what it leaves and says; stopping, resuming, and what can go wrong with the folder.
load common

setup()
{
    cd "$BATS_TEST_TMPDIR"
}

# digest ARGUMENT...: of the weights of a training.
digest()
{
    "$SAB" "$@" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["weights_digest"])'
}

@test "a run folder, and one JSON object with the agreed keys" {
    # shellcheck disable=SC2086
    sab train copy $tiny --steps 20 --out run --json
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    keys task steps seconds loss accuracy peak_rss_bytes seconds_per_update weights_digest out version
    [ "$(value steps)" = 20 ]
    [ "$(value out)" = run ]
    [[ $(value weights_digest) =~ ^[0-9a-f]{32}$ ]]
    for file in config.json metrics.jsonl model.safetensors state.safetensors; do
        [ -s "run/$file" ]
    done
    [ "$(wc -l <run/metrics.jsonl)" = 2 ]
    [ -z "$(find run -name '*.tmp')" ]
}

@test "adding has mse and no accuracy" {
    # shellcheck disable=SC2086
    sab train adding $tiny --T 10 --steps 3 --out run --json
    [ "$status" = 0 ]
    keys mse loss
    [[ $output != *accuracy* ]]
}

@test "quiet is really quiet" {
    # shellcheck disable=SC2086
    sab train cue $tiny --steps 12 --out run
    [ "$status" = 0 ]
    [ -z "$output" ]
    [ -z "$stderr" ]
}

@test "without a terminal: a plain line at each evaluation, a summary, nothing on stdout" {
    sab train copy --T 5 --hidden 8 --batch 8 --eval-size 16 --eval-every 10 --steps 30 --out run
    [ "$status" = 0 ]
    [ -z "$output" ]
    [ "$(printf '%s\n' "$stderr" | grep -c '^update [0-9]*/30  loss .* updates/s .* left')" = 3 ]
    [[ $stderr != *$'\r'* && $stderr != *$'\033'* ]]
    for text in accuracy digest 'folder   run' 'sab recall run' 'sab eval run'; do
        [[ $stderr == *"$text"* ]]
    done
}

@test "the default folder is named after task, credit and seed" {
    # shellcheck disable=SC2086
    sab train copy $tiny --steps 1 --seed 7 --credit tbptt
    [ "$status" = 0 ]
    [ -d runs/copy-tbptt-s7 ]
}

@test "same seed, same bits: on 1, 2 and 3 threads" {
    # shellcheck disable=SC2086
    one=$(digest train copy $tiny --batch 20 --steps 10 --threads 1 --out one)
    # shellcheck disable=SC2086
    two=$(digest train copy $tiny --batch 20 --steps 10 --threads 2 --out two)
    # shellcheck disable=SC2086
    three=$(digest train copy $tiny --batch 20 --steps 10 --threads 3 --out three)
    # shellcheck disable=SC2086
    other=$(digest train copy $tiny --batch 20 --steps 10 --seed 2 --out other)
    [ ${#one} = 32 ]
    [ "$one" = "$two" ]
    [ "$one" = "$three" ]
    [ "$one" != "$other" ]
}

# starts ARGUMENT...: a training in the background that is past its first evaluation; its process is $job. A shell has
# its background jobs ignore SIGINT; the program listens to it all the same.
starts()
{
    starts_until run/metrics.jsonl "$@"
}

@test "interrupted with either signal and resumed: the same weights as without" {
    plain='--T 5 --hidden 8 --batch 8 --eval-size 16 --eval-every 10'
    # shellcheck disable=SC2086
    whole=$(digest train copy $plain --steps 3000 --quiet --out whole)
    for signal in TERM INT; do
        rm -rf run
        # shellcheck disable=SC2086
        starts train copy $plain --steps 3000 --out run --json
        kill -$signal "$job"
        code=0
        wait "$job" || code=$?
        echo "exit code $code after SIG$signal"
        [ "$code" = 75 ]
        [ "$(grep -c 'interrupted after update .*sab train --resume run$' stderr)" = 1 ]
        output=$(cat stdout)
        keys steps weights_digest out interrupted
        [ "$(value interrupted)" = True ]
        [ "$(value steps)" -lt 3000 ]
        [ "$(digest train --resume run --quiet)" = "$whole" ]
        # config.json names its folder, so the files differ in that; the best weights do not.
        sab inspect whole --json
        best=$(value weights_digest)
        sab inspect run --json
        [ "$(value weights_digest)" = "$best" ]
        [ "$(wc -l <run/metrics.jsonl)" = "$(wc -l <whole/metrics.jsonl)" ]
    done
}

@test "a pipe closed and a terminal lost save the run too" {
    plain='--T 5 --hidden 8 --batch 8 --eval-size 16 --eval-every 10 --steps 3000'
    # shellcheck disable=SC2086
    whole=$(digest train copy $plain --quiet --out whole)
    # As `2>&1 | tee log` does when Ctrl-C ends tee too: the reader is gone while there is more to say.
    # shellcheck disable=SC2086
    { code=0; "$SAB" train copy $plain --out run 2>&1 || code=$?; echo $code >code; } | head -n 2
    [ "$(cat code)" = 75 ]
    [ -s run/state.safetensors ]
    [ "$(digest train --resume run --quiet)" = "$whole" ]
    rm -r run
    # shellcheck disable=SC2086
    starts train copy $plain --out run
    kill -HUP "$job"
    code=0
    wait "$job" || code=$?
    [ "$code" = 75 ]
    [ "$(digest train --resume run --quiet)" = "$whole" ]
}

@test "resume goes on to more steps, and refuses another configuration" {
    # shellcheck disable=SC2086
    whole=$(digest train copy $tiny --steps 30 --out whole)
    # shellcheck disable=SC2086
    digest train copy $tiny --steps 17 --out run
    [ "$(digest train --resume run --steps 30 --quiet)" = "$whole" ]
    sab train --resume run --hidden 9
    fails 2 hidden 9 8
    sab train --resume nowhere
    fails 1 nowhere
    sab train --resume run --out other
    fails 2 '--out'
    sab train cue --resume run
    fails 2 copy cue
    sab train --resume run --config run/config.json
    fails 2 '--config'
}

@test "resuming a run that is finished says so, and steps cannot be taken back" {
    # shellcheck disable=SC2086
    sab train copy ${tiny% --quiet} --steps 20 --out run
    before=$(cat run/* | cksum)
    sab train --resume run
    [ "$status" = 0 ]
    [[ $stderr == *'nothing was left to do: all 20 updates'*--steps* ]]
    sab train --resume run --steps 10
    fails 2 '--steps' 20 10
    [ "$(cat run/* | cksum)" = "$before" ]
    sab train --resume run --steps 30
    [ "$status" = 0 ]
    [[ $stderr != *nothing* ]]
}

@test "the summary tells the last weights' digest from the best ones'" {
    # shellcheck disable=SC2086
    sab train copy ${tiny% --quiet} --steps 10 --out one
    [[ $stderr == *'(digest)'* ]]
    # shellcheck disable=SC2086
    sab train copy ${tiny% --quiet} --steps 10 --average 0.9 --out two
    [[ $stderr == *'(digest after the last update)'* ]]
}

@test "a folder that holds a run is refused and left as it is" {
    # shellcheck disable=SC2086
    sab train copy $tiny --steps 10 --out run
    before=$(cat run/* | cksum)
    # shellcheck disable=SC2086
    sab train copy $tiny --steps 10 --seed 2 --out run
    [ "$status" != 0 ]
    [[ $stderr == *run*resume* ]]
    [ "$(cat run/* | cksum)" = "$before" ]
}

@test "a folder that cannot be made or written" {
    echo data >file
    # Below a regular file: not even root can write there.
    # shellcheck disable=SC2086
    sab train copy $tiny --steps 10 --out file/run
    fails 1 file
    # shellcheck disable=SC2086
    sab train copy $tiny --steps 10 --out file
    fails 1 file
    [ "$(cat file)" = data ]
    # shellcheck disable=SC2086
    sab train copy $tiny --steps 10 --out "$(printf 'x%.0s' $(seq 5000))"
    fails 2 '--out' 4095
}

@test "paths may be as long as the system lets them be" {
    part=$(printf 'x%.0s' $(seq 200))
    long=$part/$part/$part
    # shellcheck disable=SC2086
    sab train copy $tiny --steps 10 --out "$long"
    [ "$status" = 0 ]
    sab train --resume "$long" --steps 20
    [ "$status" = 0 ]
    sab eval "$long"
    [ "$status" = 0 ]
}

@test "a disk that is full leaves the previous checkpoint intact" {
    # shellcheck disable=SC2086
    sab train copy $tiny --hidden 32 --steps 10 --out run
    cp -r run before
    # Files may not grow beyond 4 KiB; the checkpoint is larger.
    run --separate-stderr bash -c "ulimit -f 4; exec \"$SAB\" train --resume run --steps 40 --quiet"
    fails 1 run/ safetensors
    cmp run/state.safetensors before/state.safetensors
    cmp run/model.safetensors before/model.safetensors
    [ -z "$(find run -name '*.tmp')" ]
    whole=$(digest train --resume before --steps 40 --quiet)
    [ "$(digest train --resume run --steps 40 --quiet)" = "$whole" ]
}

@test "numbers that explode stop the run within a step and leave it resumable" {
    # shellcheck disable=SC2086
    sab train copy $tiny --steps 3 --out run
    sab train --resume run --steps 50 --explode 1e-6 --quiet
    fails 1 explo resumed 'after update 3'
    sab train --resume run --explode 1e6 --quiet
    [ "$status" = 0 ]
}

@test "a dry run of something far too large says so at once, before any memory is taken" {
    [ -z "${SAB_SANITIZED-}" ] || skip 'a sanitizer takes memory of its own'
    run --separate-stderr bash -c "ulimit -v 2000000; exec \"$SAB\" train copy --T 100000000 --layers 16 --hidden 16384 --batch 1000000 --dry-run"
    fails 1 'this training needs' 'GiB of memory' 'smaller --batch, --T or --hidden'
}

@test "dropout: the same bits on other threads, after resuming; evaluations draw none; symbols refuse it" {
    cd "$BATS_TEST_TMPDIR"
    awk 'BEGIN { print "v,w"; for (t = 0; t < 900; t++) printf "%.3f,%.3f\n", sin(t / 9), cos(t / 4) }' >wave.csv
    drop=(csv --data wave.csv --T 20 --hidden 6 --batch 20 --dropout-input 0.3 --schedule constant --quiet --json)
    sab train "${drop[@]}" --steps 8 --threads 1 --out whole
    [ "$status" = 0 ]
    value weights_digest >digest
    sab train "${drop[@]}" --steps 8 --threads 3 --out three
    value weights_digest | cmp - digest
    sab train "${drop[@]}" --steps 3 --out parts
    sab train --resume parts --steps 8 --quiet --json
    value weights_digest | cmp - digest
    sab train "${drop[@]}" --dropout-input 0 --steps 8 --out none
    run ! cmp -s <(value weights_digest) digest
    sab eval whole --json
    value mse >mse
    sab eval whole --json --threads 2
    value mse | cmp - mse
    sab train copy --dropout-input 0.3 --out never
    fails 2 '--dropout-input 0.3 leaves out input values' 'symbols'
    sab train copy --dropout-input 0.3 --dry-run
    fails 2 '--dropout-input 0.3'
    sab train "${drop[@]}" --dropout-input 1 --out never
    fails 2 '--dropout-input' '0.99'
    [ ! -e never ]
}

@test "dropout of states: the same bits on other threads, after resuming; evaluations, streams and recall draw none; other networks refuse it" {
    cd "$BATS_TEST_TMPDIR"
    awk 'BEGIN { print "v,w"; for (t = 0; t < 900; t++) printf "%.3f,%.3f\n", sin(t / 9), cos(t / 4) }' >wave.csv
    drop=(csv --data wave.csv --T 20 --hidden 6 --layers 2 --batch 20 --dropout 0.3 --dropout-recurrent 0.2 --schedule constant --quiet --json)
    sab train "${drop[@]}" --steps 8 --threads 1 --out whole
    [ "$status" = 0 ]
    value weights_digest >digest
    sab train "${drop[@]}" --steps 8 --threads 3 --recompute on --out three
    value weights_digest | cmp - digest
    sab train "${drop[@]}" --steps 3 --out parts
    sab train --resume parts --steps 8 --quiet --json
    value weights_digest | cmp - digest
    for off in dropout dropout-recurrent; do
        sab train "${drop[@]}" --$off 0 --steps 8 --out "no-$off"
        run ! cmp -s <(value weights_digest) digest
    done
    sab predict whole --data wave.csv --output file.csv
    [ "$status" = 0 ]
    "$SAB" predict whole --stream <wave.csv | cmp - <(cut -d, -f2- file.csv)
    sab eval whole --json
    value mse >mse
    sab eval whole --json --threads 2
    value mse | cmp - mse
    sab train copy --dropout-recurrent 0.3 --model transformer --out never
    fails 2 '--dropout-recurrent 0.3 leaves out states of a recurrent network' 'transformer'
    sab train copy --dropout-recurrent 0.3 --model transformer --dry-run
    fails 2 '--dropout-recurrent 0.3'
    [ ! -e never ]
}
