# ctest: tier seconds
# sab tune: settings tried within a stated time, judged by the validation part.
load common

setup()
{
    cd "$BATS_TEST_TMPDIR"
    awk 'BEGIN { print "v,w"; for (t = 0; t < 600; t++) printf "%.3f,%.3f\n", sin(t / 9), cos(t / 4) }' >wave.csv
    search=(csv --data wave.csv --T 20 --hidden 6 --batch 4 --steps 450 --threads 1 --within 1h)
}

@test "tune: a third of the settings goes on with three times the updates; the best run is the search's" {
    sab tune "${search[@]}" --quiet --out found
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    has '| setting | updates | lr | input-scale | read-gain | k-trunc | weight-decay | mse on the validation part |'
    for updates in 50:9 150:3 450:1; do
        [ "$(grep -c "^| [0-9]* | ${updates%:*} |" found/table.md)" = "${updates#*:}" ]
    done
    printf '%s\n' "$output" | cmp - found/table.md
    # the first three settings of a rung are those of the next, best first
    grep '| 50 |' found/table.md | head -n 3 | cut -d'|' -f2 | sort >first
    grep '| 150 |' found/table.md | cut -d'|' -f2 | sort | cmp - first
    grep '| 50 |' found/table.md | awk -F'|' '{ print $(NF - 1) }' | sort -g -c
    # the run is a training like others, and as its config.json says to the bit
    best=$(grep '| 450 |' found/table.md | cut -d'|' -f2 | tr -d ' ')
    sab eval "found/rung-2/setting-$best" --json
    value weights_digest >digest
    sab train --config "found/rung-2/setting-$best/config.json" --out again --quiet
    sab eval again --json
    value weights_digest | cmp - digest
    # with nothing left to do it says the same; side by side it comes to the same
    sab tune "${search[@]}" --quiet --out found
    printf '%s\n' "$output" | cmp - found/table.md
    sab tune "${search[@]}" --quiet --jobs 3 --out beside
    cmp beside/table.md found/table.md
    sab tune "${search[@]}" --json --quiet --out found
    keys best best_by complete settings
}

@test "tune: a search that was stopped goes on to the same table" {
    sab tune "${search[@]}" --quiet --out whole
    starts_until parts/rung-0/setting-2/config.json tune "${search[@]}" --quiet --out parts
    kill -INT "$job" || true # it may be done
    wait "$job" || [ $? = 75 ]
    sab tune "${search[@]}" --quiet --out parts
    [ "$status" = 0 ]
    cmp parts/table.md whole/table.md
    # what cannot be the same search is refused
    sab tune "${search[@]}" --lr 0.5 --quiet --out whole
    fails 2 'the search in whole was begun without --lr; choose another --out'
    run --separate-stderr "$SAB" tune csv --data wave.csv --T 20 --batch 4 --threads 1 --quiet --out whole
    fails 2 'the search in whole was begun with --hidden 6; it goes on with the same'
    sab tune "${search[@]}" --hidden 128 --quiet --out whole # as it would be by default
    fails 2 'was begun with --hidden 6'
    cp wave.csv moved.csv
    sab tune "${search[@]}" --data moved.csv --quiet --out whole
    fails 2 'was begun with --data wave.csv'
    sab tune "${search[@]}" --steps 900 --quiet --out whole
    fails 2 '--steps 900: the search in whole was begun for 450'
    # nor is what cannot be read taken for absent: a plan is not made anew, a setting has not failed
    sab tune "${search[@]}" --eval-every 25 --quiet --out damaged
    sed -i '1s/.*/no line/' damaged/rung-0/setting-1/metrics.jsonl
    sab tune "${search[@]}" --eval-every 25 --quiet --out damaged
    fails 1 'damaged/rung-0/setting-1/metrics.jsonl: the line at byte 0 is no JSON object'
    printf '2 rungs, 450 updates\n%070000d' 0 >whole/plan
    sab tune "${search[@]}" --quiet --out whole
    fails 2 "'whole/plan' has 70021 bytes"
}

@test "tune: the test part is never looked at, and mistakes are told" {
    awk 'BEGIN { print "v,w"; for (t = 0; t < 600; t++) printf "%.3f,%.3f\n", (t < 570 ? sin(t / 9) : 1e9), cos(t / 4) }' >other.csv
    awk 'NR <= 571' wave.csv >head.csv
    # other test rows, the same search: training and validation are rows 1 to 570
    sab tune "${search[@]}" --quiet --out one
    sab tune "${search[@]}" --data other.csv --quiet --out two
    cmp one/table.md two/table.md
    sab tune "${search[@]}" --within soon --out never
    fails 2 '--within: "soon" is not a time such as 90s, 10m or 2h'
    sab tune "${search[@]}" --steps 2000000000 --within 1s --out never
    fails 2 'the least search' 'fewer --steps'
    sab tune --data wave.csv
    fails 2 'which task?'
    sab tune "${search[@]}" --from one/rung-0/setting-0 --out never
    fails 2 '--from'
    [ ! -e never ]
}
