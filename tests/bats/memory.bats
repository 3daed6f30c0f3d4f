#!/usr/bin/env bats
# What sab train --dry-run foretells of memory, against what the same training takes; and --memory and --recompute.
#
# ctest: tier minutes
# ctest: timeout 400

setup()
{
    load common
    cd "$BATS_TEST_TMPDIR" || return
}

# foretold ARGUMENT...: the forecast of the peak of resident memory is within 10 % of the measured one, and within 1.5 MiB
# where that is more: the pages of the program and its libraries that a run touches depend on the system.
foretold()
{
    local told taken
    sab train --curriculum 0 --steps 2 "$@" --dry-run --json
    [ "$status" = 0 ] || { echo "$*: $stderr"; return 1; }
    told=$(value peak_rss_bytes)
    rm -rf run
    sab train --curriculum 0 --steps 2 "$@" --quiet --json --out run
    [ "$status" = 0 ] || { echo "$*: $stderr"; return 1; }
    taken=$(value peak_rss_bytes)
    printf '%-95s told %6.1f MiB, taken %6.1f MiB, ratio %.3f\n' "$*" "$((told * 10 / 1048576))e-1" \
        "$((taken * 10 / 1048576))e-1" "$((told * 1000 / taken))e-3" | tee -a "${SAB_TABLE:-/dev/null}"
    local off=$((told > taken ? told - taken : taken - told)) slack=$((taken / 10))
    [ "$off" -le $((slack > 1572864 ? slack : 1572864)) ]
}

@test "the forecast of memory holds for twenty-one configurations, one of sequences that grow" {
    [ -z "${SAB_SANITIZED-}" ] || skip 'a sanitizer takes memory of its own'
    seq 1 60000 >numbers.txt
    local bad=0
    while read -r line; do
        # shellcheck disable=SC2086
        foretold $line || bad=$((bad + 1))
    done <<'END'
copy --T 20 --hidden 16 --batch 1 --eval-size 8
copy --T 20 --hidden 64 --batch 8 --eval-size 16 --cell gru
copy --T 100 --hidden 128 --batch 64 --eval-size 64 --eval-every 1
transduce --T 100 --hidden 96 --batch 32 --eval-size 32
copy --T 100 --hidden 128 --batch 64 --eval-size 64 --threads 1
copy --T 100 --hidden 128 --batch 64 --eval-size 64 --threads 4
copy --T 300 --hidden 64 --batch 64 --eval-size 64 --curriculum 1000
copy --T 100 --hidden 128 --batch 61 --eval-size 64 --recompute on --average 0.9
copy --T 200 --hidden 256 --batch 16 --eval-size 16 --threads 1
copy --T 200 --hidden 512 --batch 8 --eval-size 8 --credit tbptt
copy --T 200 --hidden 256 --batch 32 --eval-size 32 --credit bptt
copy --T 200 --hidden 256 --batch 32 --eval-size 32 --credit bptt --recompute on
copy --T 150 --hidden 100 --batch 20 --eval-size 20 --credit attention
copy --T 2000 --hidden 32 --batch 8 --eval-size 8 --k-att 4
copy --T 2000 --hidden 64 --batch 8 --eval-size 8 --credit tbptt --recompute on
copy --T 500 --hidden 48 --batch 128 --eval-size 128 --layers 2 --credit tbptt --cell gru
adding --T 300 --hidden 64 --batch 30 --eval-size 60 --cell rnn --layers 2 --k-att 3
adding --T 1000 --hidden 128 --batch 8 --eval-size 8 --k-att 10 --optimizer sgd --score dot
cue --T 1000 --hidden 64 --batch 16 --eval-size 16 --k-att 20 --recompute on --threads 2
cue --T 400 --hidden 512 --batch 1 --eval-size 4 --k-att 5 --layers 2
text --data numbers.txt --T 50 --hidden 128 --batch 16
text --data numbers.txt --T 100 --hidden 64 --batch 32 --credit tbptt --cell gru --layers 2
END
    [ "$bad" = 0 ]
}

@test "little memory makes windows run again, with less memory and the same bits" {
    [ -z "${SAB_SANITIZED-}" ] || skip 'a sanitizer takes memory of its own'
    local task='copy --T 600 --hidden 64 --batch 16 --eval-size 8 --curriculum 0 --steps 2'
    for memory in none 20M; do
        # shellcheck disable=SC2086
        sab train $task --memory $memory --dry-run --json
        [ "$(value recompute)" = "$([ $memory = none ] && echo False || echo True)" ]
        # shellcheck disable=SC2086
        sab train $task --memory $memory --quiet --json --out "run-$memory"
        echo "$memory: $output"
        eval "peak_$memory=$(value peak_rss_bytes) digest_$memory=$(value weights_digest)"
    done
    # shellcheck disable=SC2154
    [ "$digest_none" = "$digest_20M" ]
    # shellcheck disable=SC2154
    [ "$((peak_none * 2 / 3))" -gt "$peak_20M" ]
}

@test "a memory that is never enough is refused with need and budget" {
    for more in --dry-run '--out run'; do
        # shellcheck disable=SC2086
        sab train copy --quiet --memory 3M --curriculum 0 $more
        fails 1 '--memory 3M' 'MiB at least'
    done
    sab train copy --quiet --memory 25M --T 300 --curriculum 0 --recompute off --dry-run
    fails 1 '--memory 25M' '--recompute off'
}

@test "a run may go on in less memory, to the same bits" {
    # shellcheck disable=SC2086
    sab train copy $tiny --steps 10 --schedule constant --out part
    # shellcheck disable=SC2086
    sab train copy $tiny --steps 20 --schedule constant --json --out straight
    straight=$(value weights_digest)
    sab train --resume part --steps 20 --memory 900K --recompute on --quiet --json
    [ "$(value weights_digest)" = "$straight" ]
}

@test "the forecast of time grows with the network, the updates and the evaluations" {
    for arguments in '--hidden 16 --eval-every 0' '--hidden 1024 --eval-every 0' \
        '--hidden 1024 --eval-every 1 --eval-size 6400' '--hidden 1024 --eval-every 0 --steps 100000'; do
        # shellcheck disable=SC2086
        sab train copy --steps 1000 --curriculum 0 $arguments --dry-run --json
        [ "$status" = 0 ]
        echo "$arguments: $(value seconds_per_update) s, $(value seconds) s"
        printf '%s %s\n' "$(value seconds_per_update)" "$(value seconds)" >>told
    done
    # Wide margins: the machine may be busy with something else.
    awk '{update[NR] = $1; run[NR] = $2}
         END {exit !(update[1] > 0 && update[2] > 20 * update[1] && run[3] > 5 * run[2] && run[4] > 25 * run[2])}' told
}

@test "threads that the system does not give are an error with a number" {
    [ -z "${SAB_SANITIZED-}" ] || skip 'a sanitizer takes memory of its own'
    limited() { run --separate-stderr bash -c 'ulimit -s 1000000; ulimit -v 4000000; exec "$@"' - "$SAB" "$@"; }
    "$SAB" doctor --json | grep -q '"threaded": true' || skip 'this build has one thread'
    limited train copy --T 5 --hidden 8 --batch 64 --steps 3 --threads 8 --quiet --out run
    fails 1 'of 8 threads the system gives' '--threads'
    "$SAB" train copy --T 5 --hidden 8 --batch 64 --steps 3 --quiet --out run
    limited eval run --batch 64 --threads 8 --quiet
    fails 1 'of 8 threads the system gives'
    limited eval run --batch 64 --threads 2 --quiet
    [ "$status" = 0 ]
}

@test "what memory cannot hold is refused before the work, by every command, with what to change; hours are foretold" {
    [ -z "${SAB_SANITIZED-}" ] || skip 'a sanitizer takes memory of its own'
    "$SAB" train copy --T 5 --hidden 8 --batch 8 --steps 3 --quiet --out run
    sab check-grad --T 100000000 --hidden 512 --export problem
    fails 1 '3 sequences of 100000000 steps' 'GiB of memory' 'smaller --hidden, --batch, --T'
    [ ! -e problem ]
    # not even a batch is made before, of 10 GiB: where 1 GiB is there the sentence is the same
    run --separate-stderr bash -c 'ulimit -v 1000000; exec "$@"' - "$SAB" train copy --T 100000000 --batch 8 --curriculum 0 --quiet --out large
    fails 1 '8 sequences of 100000020 steps' 'GiB of memory' 'fewer or shorter sequences' 'a smaller --hidden need less'
    [ ! -e large ]
    sab train copy --T 100000000 --batch 8 --curriculum 0 --dry-run
    fails 1 'this training needs' 'GiB of memory' 'smaller --batch, --T or --hidden'
    mkdir own
    sab train copy --T 100000000 --batch 8 --curriculum 0 --quiet --out own
    fails 1 'GiB of memory' 'fewer or shorter sequences' 'a smaller --hidden need less'
    [ -d own ]
    sab train copy --T 100000 --batch 1000000 --quiet --out large
    fails 1 'whose training needs' 'a smaller --batch or --hidden needs less'
    sab eval run --T 100000000 --batch 1000000 --eval-size 1000000 --quiet
    fails 1 'a batch of 1000000 sequences of 100000020 steps needs' 'a smaller --batch or shorter sequences need less'
    sab check-grad --hidden 16384 --layers 16 --quiet
    fails 1 'a gradient of' 'GiB of memory' 'smaller --hidden'
    sab check-grad --O 16777216 --T 100000 --quiet
    fails 1 '16777216 outputs' 'GiB of memory' '--O needs less'
    sab check-grad --I 16777216 --input values --T 100000 --quiet
    fails 1 '16777216 inputs' 'GiB of memory' '--I or --O needs less'
    seq 1 400 >text.txt
    "$SAB" train text --data text.txt --T 8 --hidden 8 --batch 4 --steps 1 --quiet --out text
    sab generate text --length 1000000000000000 --json
    fails 1 'the whole text, of 1000000000000000 symbols' 'GiB are free' 'smaller --length'
}

@test "a map that memory cannot hold is refused before the work, and what it needs is counted at once" {
    [ -z "${SAB_SANITIZED-}" ] || skip 'a sanitizer takes memory of its own'
    "$SAB" train copy --T 5 --hidden 8 --batch 8 --steps 3 --quiet --out run
    sab recall run --sequences 1000000 --T 1000000
    fails 1 '1000000 sequences of 1000020 steps recall' 'GiB are free' '--sequences'
    sab recall run --T 1000000000 --sequences 1
    fails 2 '--T'
    sab() { run --separate-stderr bash -c 'ulimit -t 20; exec "$@"' - "$SAB" "$@"; } # it is counted, not worked out step by step
    sab recall run --T 100000000
    fails 1 '16 sequences of 100000020 steps recall' 'GiB are free' '--sequences'
}

# warned COMMAND...: it says how long it will take, and what takes less; then it is stopped.
warned()
{
    local pid
    "$SAB" "$@" >/dev/null 2>said &
    pid=$!
    for _ in $(seq 600); do
        grep -q '^warning: .* will take about .*; .*\(take less\|takes less\|makes fewer\)$' said && break
        kill -0 $pid 2>/dev/null || break
        sleep 0.1
    done
    kill -9 $pid || true
    wait $pid || true
    echo "sab $*: $(cat said)"
    grep -q '^warning: .* will take about .*; .*\(take less\|takes less\|makes fewer\)$' said
}

@test "what takes long says so before the work, in every command, with what to change" {
    [ -z "${SAB_SANITIZED-}" ] || skip 'a sanitizer is slow'
    "$SAB" train copy --T 5 --hidden 8 --batch 8 --steps 3 --quiet --out run
    seq 1 400 >text.txt
    "$SAB" train text --data text.txt --T 8 --hidden 64 --batch 4 --steps 1 --quiet --out text
    warned train copy --T 1000 --curriculum 0 --steps 1000000 --out long
    warned train copy --T 1000 --steps 10 --eval-size 10000000 --out long2
    warned train copy --T 4000 --curriculum 0 --batch 1 --hidden 64 --steps 1 --eval-size 4000 --out long3
    grep -q 'each evaluation, of 4000 sequences of 4020 steps, the work of some 1334 updates, will take about .*--eval-size takes less' said
    warned eval run --T 1000000 --eval-size 1000000
    grep -q '1000000 sequences of 1000020 steps will take about.*--eval-size or --T takes less' said
    warned recall run --T 1000000
    warned report run --T 100000 --eval-size 1000000
    warned check-grad --samples 0 --hidden 2000
    warned generate text --length 1000000000000
    warned bench --hidden 2000 --T 100000 --batch 1 --seconds 0
    warned bench --hidden 64 --T 10 --batch 8 --seconds 0 --repeat 1 --stream --memories 10000000
}

@test "predicting says how long it will take before the work" {
    [ -z "${SAB_SANITIZED-}" ] || skip 'a sanitizer is slow'
    seq 1 400 >text.txt
    "$SAB" train text --data text.txt --T 8 --hidden 64 --batch 4 --steps 1 --quiet --out text
    yes 1 | head -c 60000000 >long.txt
    warned predict text --data long.txt
}
