# ctest: tier seconds
# ctest: timeout 240
# ctest: cost 15
# Run folders: one run at a time, what a resumed run keeps, what a failed one leaves.
load common

setup()
{
    cd "$BATS_TEST_TMPDIR"
    tiny=(copy --T 5 --hidden 8 --batch 8 --eval-size 16 --eval-every 10 --quiet --threads 1)
}

# Waits until a file is there.
wait_for()
{
    for _ in $(seq 400); do
        [ -e "$1" ] && return 0
        sleep 0.05
    done
    echo "$1 did not come"
    return 1
}

@test "a folder holds one run at a time, and a killed one gives it back" {
    "$SAB" train "${tiny[@]}" --steps 100000000 --save-every 50 --out run &
    local pid=$!
    wait_for run/state.safetensors
    sab train --resume run --steps 100000000 --quiet
    fails 1 "process $pid on" "'run/lock'"
    sab train "${tiny[@]}" --steps 10 --out run
    fails 1 "process $pid on"
    kill -9 "$pid"
    wait "$pid" || true
    [ -e run/lock ]
    steps=$(tail -1 run/metrics.jsonl | python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["step"] + 60)')
    sab train --resume run --steps "$steps" --quiet
    [ "$status" = 0 ] || { echo "$stderr"; return 1; }
    [ ! -e run/lock ]
}

@test "a lock of a stranger is not waited for, in whatever file" {
    "$SAB" train "${tiny[@]}" --steps 10 --out run
    before=$(cksum <run/state.safetensors)
    flock -F run/lock sleep 30 &
    local pid=$!
    sleep 0.3
    SECONDS=0
    sab train --resume run --steps 20 --quiet
    fails 1 "another process holds 'run/lock'"
    kill "$pid"
    : >run/state.safetensors.tmp
    flock -F run/state.safetensors.tmp sleep 30 &
    pid=$!
    sleep 0.3
    sab train --resume run --steps 20 --quiet
    fails 1 'state.safetensors' 'another process has held'
    [ "$SECONDS" -lt 25 ]
    kill "$pid"
    [ "$(cksum <run/state.safetensors)" = "$before" ]
    sab train --resume run --steps 20 --quiet
    [ "$status" = 0 ]
}

# edit KEY VALUE: in run/config.json
edit()
{
    python3 - "$@" <<'END'
import json, sys
config = json.load(open("run/config.json"))
config[sys.argv[1]] = json.loads(sys.argv[2])
json.dump(config, open("run/config.json", "w"))
END
}

@test "a key of config.json that was edited after the run began is told" {
    "$SAB" train "${tiny[@]}" --steps 10 --out run
    cp -r run saved
    for change in 'seed 2' 'T 6' 'batch 7' 'credit "tbptt"' 'optimizer "sgd"' 'k_top 4' 'from "elsewhere"' 'hidden 9' 'layers 2' \
        'curriculum 7' 'average 0.5' 'score "dot"' 'schedule "constant"'; do
        rm -rf run
        cp -r saved run
        # shellcheck disable=SC2086
        edit $change
        sab train --resume run --steps 20 --quiet
        if [ "$status" = 0 ] || [[ $stderr != *--* ]]; then
            echo "$change: exit code $status, $stderr"
            return 1
        fi
        cmp run/state.safetensors saved/state.safetensors
    done
    # These may change, but not without a word.
    for change in 'lr 0.5' 'clip 0.25' 'explode 12345'; do
        rm -rf run
        cp -r saved run
        # shellcheck disable=SC2086
        edit $change
        sab train --resume run --steps 20
        [ "$status" = 0 ]
        [[ $stderr == *"from here on --${change% *} is ${change#* }; it was "* ]] || { echo "$stderr"; return 1; }
    done
}

@test "a run that failed before its first update leaves nothing in the way" {
    sab train "${tiny[@]}" --explode 1e-6 --steps 10 --out run
    fails 1 explo 'nothing of the run is kept'
    [ -z "$(ls -A run)" ]
    sab train "${tiny[@]}" --steps 10 --out run
    [ "$status" = 0 ]
}

@test "a line of metrics.jsonl that was cut is no obstacle" {
    "$SAB" train "${tiny[@]}" --steps 10 --out run
    whole=$("$SAB" inspect run --json)
    printf '{"step":20,"lo' >>run/metrics.jsonl
    sab inspect run --json
    [ "$output" = "$whole" ]
    sab train --resume run --steps 20 --quiet
    [ "$status" = 0 ]
    [ "$(wc -l <run/metrics.jsonl)" = 2 ]
}

@test "what a file of weights names as its data is opened only when asked for, and never without a word" {
    seq 200 | awk 'BEGIN { print "a,b" } { print $1 "," ($1 * 7) % 11 }' >table.csv
    "$SAB" train csv --data table.csv --T 8 --hidden 4 --batch 4 --steps 2 --threads 1 --quiet --out run
    cp run/model.safetensors alone.safetensors
    for command in eval recall predict; do
        sab $command alone.safetensors --quiet
        fails 2 'alone.safetensors names data of its own, "table.csv"' --recorded-data || return 1
        sab $command alone.safetensors
        fails 2 'not opened unasked' || return 1
        sab $command alone.safetensors --recorded-data
        [ "$status" = 0 ] && [[ $stderr == *'data         table.csv, as the run has it'* ]] || { echo "$stderr"; return 1; }
        sab $command run
        [ "$status" = 0 ] && [[ $stderr == *'data         table.csv, as the run has it'* ]] || { echo "$stderr"; return 1; }
        sab $command alone.safetensors --data table.csv --quiet
        [ "$status" = 0 ] || { echo "$stderr"; return 1; }
        [ -z "$stderr" ]
    done
    sab inspect alone.safetensors
    [ "$status" = 0 ]
}
