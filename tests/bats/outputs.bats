# ctest: tier seconds
# ctest: timeout 240
# Files that commands write where the user says: through what is no regular file, with the mode they have, and to
# standard output as -.
load common

setup_file()
{
    cd "$BATS_FILE_TMPDIR"
    "$SAB" train copy --T 3 --hidden 4 --batch 4 --eval-size 8 --steps 4 --quiet --out run
}

setup()
{
    cd "$BATS_FILE_TMPDIR"
}

@test "- is standard output, which holds nothing else" {
    "$SAB" recall run --quiet --csv plain.csv
    cmp <("$SAB" recall run --csv - 2>stderr) plain.csv
    [ ! -s stderr ]
    [ ! -e ./- ]
    "$SAB" check-grad --hidden 2 --T 3 --export plain.safetensors --quiet
    cmp <("$SAB" check-grad --hidden 2 --T 3 --export - 2>/dev/null) plain.safetensors
    sab recall run --csv - --json
    fails 2 '--csv -' json
    sab generate run --save-state -
    fails 2 '--save-state -' 'name a file'
}

@test "- is standard output for figures too" {
    needs_figures
    "$SAB" recall run --png - 2>/dev/null | head -c 4 | grep -aq PNG
    "$SAB" recall run --pdf - 2>/dev/null | head -c 4 | grep -aq %PDF
    sab recall run --csv - --png -
    fails 2 '-: standard output takes one'
}

@test "links, pipes and modes stay as they are" {
    echo old >target.csv
    chmod 600 target.csv
    ln -sf target.csv link.csv
    "$SAB" recall run --quiet --csv link.csv
    [ -L link.csv ]
    [ "$(stat -c %a target.csv)" = 600 ]
    cmp target.csv <("$SAB" recall run --csv -)
    mkfifo pipe.csv
    cat pipe.csv >piped.csv &
    "$SAB" recall run --quiet --csv pipe.csv
    wait
    [ -p pipe.csv ]
    cmp target.csv piped.csv
    ln -s /proc/self/fd/1 out.csv
    { echo first; "$SAB" recall run --quiet --csv out.csv; echo last; } >all
    [ -L out.csv ]
    cmp all <(echo first; cat target.csv; echo last)
}

@test "a run goes on in files of its own only" {
    for file in metrics.jsonl model.safetensors state.safetensors config.json; do
        rm -rf linked
        cp -r run linked
        cp linked/$file elsewhere
        cp elsewhere before
        ln -sf ../elsewhere linked/$file
        sab train --resume linked --steps 8 --quiet
        fails 2 "linked/$file is a link"
        cmp elsewhere before
    done
}
