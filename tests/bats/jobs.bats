# ctest: tier seconds
# ctest: timeout 300
# ctest: cost 12
# Cells of a table side by side: the same results, one sentence of what went wrong, all saved when stopped.
load common

setup()
{
    cd "$BATS_TEST_TMPDIR"
}

# begins FOLDER...: the program in the background, as $job, once each of the runs in the folders has a line of metrics.
begins()
{
    "$SAB" reproduce copy --cell 'tbptt 1' --seed 1 --jobs 3 --threads 1 --out . >stdout 2>stderr 3>&- &
    job=$!
    for _ in $(seq 600); do
        if [ -s "runs/copy/$1/metrics.jsonl" ] && [ -s "runs/copy/$2/metrics.jsonl" ] && [ -s "runs/copy/$3/metrics.jsonl" ]; then
            return 0
        fi
        sleep 0.05
    done
    echo "the trainings did not start: $(cat stderr)"
    return 1
}

# Three of the table's cells, which are quick to begin.
first='T100-tbptt-1-s1 T200-tbptt-1-s1 T300-tbptt-1-s1'

# gone: no process works in this folder any more.
gone()
{
    for _ in $(seq 100); do
        for folder in $first; do
            flock --nonblock "runs/copy/$folder/cell.lock" true || { sleep 0.1; continue 2; }
        done
        return 0
    done
    echo "a process is still at a cell"
    return 1
}

@test "the results are those of one cell after the other, and each line says whose it is" {
    [ -z "${SAB_SANITIZED:-}" ] || skip "many short trainings, slow with sanitizers"
    for cell in bptt 'tbptt 1' 'tbptt 5'; do
        sab reproduce copy --cell "T=100 $cell" --quick --quiet --out alone
        [ "$status" = 0 ]
    done
    sab reproduce copy --cell 'T=100' --quick --jobs 4 --out together
    [ "$status" = 0 ]
    has 'seed 1: 40 updates'
    [[ $stderr == *'/14  copy, T=100 tbptt 5, seed 1: update 40/40'* ]]
    [ "$(printf '%s\n' "$stderr" | grep -cv '^[0-9]*/14  copy, T=100 [^,]*, seed 1')" = 0 ]
    for file in alone/quick/results/copy/*.json; do
        [ "$(grep '"weights_digest"' "$file")" = "$(grep '"weights_digest"' "together/${file#*/}")" ]
    done
    sab reproduce copy --cell 'T=100' --quick --jobs 4 --out together --quiet
    [ "$status" = 0 ]
    [ -z "$stderr" ]
}

@test "what another process is at is looked at again when the rest is done" {
    for jobs in 1 2; do
        mkdir -p $jobs/quick/runs/copy/T100-tbptt-1-s1
        flock $jobs/quick/runs/copy/T100-tbptt-1-s1/cell.lock sleep 200 3>&- &
        other=$!
        while flock -n $jobs/quick/runs/copy/T100-tbptt-1-s1/cell.lock true; do sleep 0.02; done # until it is held
        "$SAB" reproduce copy --cell 'tbptt 1' --seed 1 --quick --jobs $jobs --out $jobs >stdout 2>stderr 3>&- &
        job=$!
        for _ in $(seq 2400); do
            ! grep -q '^waiting: another process' stderr || break
            sleep 0.05
        done
        [ "$(grep -c '^waiting: another process' stderr)" = 1 ]
        [ ! -e $jobs/quick/results/copy/T100-tbptt-1-s1.json ]
        [ -e $jobs/quick/results/copy/T300-tbptt-1-s1.json ]
        pkill -P $other
        status=0
        wait $job || status=$?
        [ $status = 0 ]
        [ -e $jobs/quick/results/copy/T100-tbptt-1-s1.json ]
        [ "$(grep -c '^waiting: another process' stderr)" = 1 ]
    done
}

@test "several processes in one folder make each cell once" {
    [ -z "${SAB_SANITIZED:-}" ] || skip "many short trainings, slow with sanitizers"
    for number in 1 2 3; do
        "$SAB" reproduce copy --cell T=100 --quick --threads 1 --jobs $((number % 2 + 1)) --out . >out$number 2>err$number 3>&- &
        jobs[number]=$!
    done
    for number in 1 2 3; do
        wait ${jobs[number]}
        grep -q '^| sab 5 5' out$number
    done
    [ "$(cat err? | grep -c 'update 40/40')" = 14 ]
}

@test "stopped: all are saved, 75, and the same command goes on" {
    read -ra folders <<<"$first"
    begins "${folders[@]}"
    kill -TERM $job
    status=0
    wait $job || status=$?
    [ $status = 75 ]
    grep -q 'interrupted at copy, T=.* tbptt 1, seed 1; the same command goes on' stderr
    [ "$(grep -c 'stopping and saving' stderr)" = 1 ]
    for folder in "${folders[@]}"; do
        [ -s "runs/copy/$folder/state.safetensors" ]
        wc -l <"runs/copy/$folder/metrics.jsonl" >"$folder.lines"
    done
    begins "${folders[@]}"
    sleep 0.3
    kill -INT $job
    status=0
    wait $job || status=$?
    [ $status = 75 ]
    for folder in "${folders[@]}"; do
        [ "$(wc -l <"runs/copy/$folder/metrics.jsonl")" -ge "$(cat "$folder.lines")" ]
    done
}

@test "a process that is killed ends the others, saved; so does the end of the first" {
    read -ra folders <<<"$first"
    begins "${folders[@]}"
    victim=$(pgrep -P $job | head -n 1)
    kill -KILL "$victim"
    status=0
    wait $job || status=$?
    [ $status = 1 ]
    grep -q 'T=.* tbptt 1, seed 1: its process has ended, by signal 9' stderr
    gone
    [ "$(find runs/copy -name state.safetensors | wc -l)" -ge 2 ]
    begins "${folders[@]}"
    kill -KILL $job
    wait $job || status=$?
    gone
}

@test "what is wrong with one cell is said once" {
    mkdir -p runs/copy/T100-tbptt-1-s1
    echo '{' >runs/copy/T100-tbptt-1-s1/config.json
    sab reproduce copy --cell 'tbptt 1' --seed 1 --jobs 3 --threads 1 --quiet --out .
    fails 1 'T=100 tbptt 1, seed 1' config.json
    sab reproduce copy --jobs 0
    fails 2 --jobs
}
