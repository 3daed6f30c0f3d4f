# ctest: tier seconds
# ctest: timeout 300
# ctest: cost 40
# The paper's tables: listing, running, going on, and what is left behind; all with --quick.
load common

setup()
{
    cd "$BATS_TEST_TMPDIR"
}

# result FILE KEY: of a result file.
result()
{
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1" "$2"
}

cell='T=100 sab 5 5'
file=quick/results/copy/T100-sab-5-5-s1.json

@test "the list says what there is, what is done and how long the rest takes" {
    sab reproduce --quick --out .
    [ "$status" = 0 ]
    has 'copy ' 'transfer ' 'at most here'
    [[ $output =~ ([0-9]+)' cells, 0 of '([0-9]+)' runs done' ]]
    cells=${BASH_REMATCH[1]}
    [ "$cells" = "${BASH_REMATCH[2]}" ]
    narrow
    sab reproduce --seeds 5 --json
    keys tables out
    has '"table": "copy"' "\"runs\": $((5 * cells))" seconds_left
}

@test "a cell: a result file, a table beside the paper's figures, and the digest of the command it names" {
    sab reproduce copy --cell "$cell" --quick --quiet --out .
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    has '| sab 5 5 |' '1 seed<br>the paper: 100 % (seen)' 'not run' '(recalled)' 'Quick:' "$(result $file weights_digest)"
    [[ $output != *published* ]]
    [ -s quick/runs/copy/T100-sab-5-5-s1/model.safetensors ]
    for key in version cpu seconds cpu_seconds peak_rss_bytes steps best last test curve; do
        result $file "$key" >value
        [ -s value ]
    done
    read -ra words <<<"$(result $file command)"
    sab "${words[@]:1}" --out direct --quiet --json
    [ "$(value weights_digest)" = "$(result $file weights_digest)" ]
    cp $file before
    sab reproduce copy --cell "$cell" --quick --out . --json --quiet
    keys table cells quick
    cmp $file before
    sab reproduce copy --cell "$cell" --quick --out . --seed 1
    [[ $stderr == *'done before'* ]]
    sab reproduce --quick --out .
    [[ $output =~ ' cells, 1 of '[0-9]+' runs done' ]]
}

@test "tables share a run, and test it at their own lengths" {
    sab reproduce copy --cell 'T=100 tbptt 5' --quick --out . --quiet
    sab reproduce transfer --cell 'tbptt 5' --quick --out . --quiet
    [ "$status" = 0 ]
    has '| | 100 | 200 | 300 | 400 | 2,000 | 5,000 | runs |'
    [ ! -e quick/runs/transfer ]
    [ "$(result quick/results/copy/T100-tbptt-5-s1.json weights_digest)" = \
      "$(result quick/results/transfer/tbptt-5-s1.json weights_digest)" ]
    [ "$(grep -c '"sequences"' quick/results/transfer/tbptt-5-s1.json)" = 6 ]
}

@test "interrupted: 75, and the same command goes on to the same bits" {
    sab reproduce copy --cell "$cell" --quick --quiet --out whole
    for _ in 1 2 3; do
        "$SAB" reproduce copy --cell "$cell" --quick --quiet --out . >/dev/null 2>said &
        pid=$!
        for _ in $(seq 100); do
            [ ! -e quick/runs/copy/T100-sab-5-5-s1/metrics.jsonl ] || break
            sleep 0.02
        done
        kill -TERM $pid
        status=0
        wait $pid || status=$?
        [ $status != 75 ] || break
        rm -r quick
    done
    [ $status = 75 ]
    grep -q 'interrupted at copy, T=100 sab 5 5, seed 1; the same command goes on' said
    [ ! -e $file ]
    sed -i 's/"seed": 1/"seed": 2/' quick/runs/copy/T100-sab-5-5-s1/config.json
    sab reproduce copy --cell "$cell" --quick --quiet --out .
    fails 2 'begun with other settings (--seed 2, not 1)'
    sed -i 's/"seed": 2/"seed": 1/' quick/runs/copy/T100-sab-5-5-s1/config.json
    sab reproduce copy --cell "$cell" --quick --quiet --out .
    [ "$status" = 0 ]
    [ "$(result $file weights_digest)" = "$(result whole/$file weights_digest)" ]
    [ "$(result $file best)" = "$(result whole/$file best)" ]
}

@test "results of other settings are refused, and what is no result" {
    mkdir -p quick/results/copy
    echo '{"command": "sab train copy --steps 7 --seed 1", "weights_digest": "0", "test": []}' >$file
    sab reproduce copy --cell "$cell" --quick --out . --quiet
    fails 2 "$file" 'other settings' '--steps 7'
    echo '{"command": 1}' >$file
    sab reproduce copy --cell "$cell" --quick --out . --quiet
    fails 1 "$file" 'not the result of a cell'
    echo '{' >$file
    sab reproduce copy --cell "$cell" --quick --out . --quiet
    fails 1 "$file" 'line 2'
}

@test "unknown names suggest the nearest; contradictions are refused" {
    sab reproduce coppy
    fails 2 'did you mean "copy"?'
    sab reproduce copy --cell 'T=100 sab 5 6'
    fails 2 'did you mean "T=100 sab 5 5"?'
    sab reproduce copy --cell nothing
    fails 2 'no cell, row or column "nothing"'
    sab reproduce copy --seed 2 --seeds 2
    fails 2 --seed --seeds
    sab reproduce --cell "$cell"
    fails 2 'of which table?'
}

@test "the committed document holds what the committed results say" {
    needs_figures
    cp -r "$BATS_TEST_DIRNAME/../../docs" .
    sab reproduce --document docs/results.md --results docs/results
    [ "$status" = 0 ]
    [[ $stderr == 'docs/results.md: '[1-9]*' tables' ]]
    sab reproduce --document docs/real.md --results docs/results
    [ "$status" = 0 ]
    diff -r -x '*.svg' docs "$BATS_TEST_DIRNAME/../../docs" # letters are those of the fonts that are installed
    for figure in copy transfer smallest; do
        [ "$(head -c 5 docs/results/$figure.svg)" = '<?xml' ]
    done
    sab reproduce copy --document docs/results.md
    fails 2 --document
    sab reproduce --results docs/results
    fails 2 '--results is for --document'
    sab reproduce --document nowhere.md
    fails 1 nowhere.md
}

@test "a table whose settings are chosen from the data goes on with what its run chose" {
    mkdir -p sets/timeseries
    awk 'BEGIN { print "date,a,b"; for (t = 0; t < 600; t++) printf "2016-07-01 %02d:00:00,%.3f,%.3f\n", t % 24, sin(t / 5), cos(t / 9) }' \
        >sets/timeseries/ETTh1.csv
    export SAB_DATA=$PWD/sets
    sab reproduce real-series --cell "ETTh1-1 sab" --quick --quiet --out .
    [ "$status" = 0 ]
    result=quick/results/real-series/ETTh1-1-sab-s1.json
    grep -q '"command": "sab train csv --' $result
    run ! grep -q 'settings fixed' $result
    grep -q '"relative": true' quick/runs/real-series/ETTh1-1-sab-s1/config.json
    digest=$(grep weights_digest $result)
    # the result is lost, the run is not
    rm $result
    sab reproduce real-series --cell "ETTh1-1 sab" --quick --quiet --out .
    [ "$status" = 0 ]
    [ "$(grep weights_digest $result)" = "$digest" ]
}
