# ctest: tier minutes
# ctest: timeout 500
# What takes more than a second says so: each command on a terminal a line that is rewritten, elsewhere plain lines, with --quiet nothing. A
# preloaded clock (soon.c) makes the second a few milliseconds.
load common

setup_file()
{
    cd "$BATS_FILE_TMPDIR"
    export PRELOADED=$(dirname "$SAB")/tests/libsoon.so
    [ -e "$PRELOADED" ] || return 0
    "$SAB" train copy --T 60 --hidden 24 --batch 8 --steps 2 --eval-size 8 --threads 1 --quiet --out run
    seq -f 'line %g of a text' 400 >text.txt
    "$SAB" train text --data text.txt --T 20 --hidden 16 --batch 4 --steps 2 --threads 1 --quiet --out text
    awk 'BEGIN { print "v,w"; for (t = 0; t < 150000; t++) printf "%.3f,%.3f\n", sin(t / 9), cos(t / 4) }' >long.csv
    head -n 20000 long.csv >wave.csv
    head -n 2000 long.csv >short.csv
    "$SAB" train csv --data wave.csv --settings fixed --T 50 --hidden 16 --batch 4 --steps 2 --eval-size 8 --threads 1 --quiet --out csv
    # of the right size, so that its checksum is asked for
    for name in mnist fashion-mnist; do
        mkdir -p sets/$name
        truncate -s 47040016 sets/$name/train-images-idx3-ubyte
    done
}

setup()
{
    cd "$BATS_FILE_TMPDIR"
    [ -e "$PRELOADED" ] || skip "this build has no preloaded clock"
}

# The command, and what its line begins with.
commands=(
    'reading the data: train csv --data long.csv --settings fixed --T 50 --hidden 4 --batch 4 --steps 1 --eval-size 8 --out OUT'
    'forecast: train csv --data long.csv --settings fixed --T 50 --hidden 64 --dry-run'
    'eval: eval run --T 60,80 --eval-size 400'
    'predict: predict csv --data wave.csv --output answers.csv'
    'recall: recall run --sequences 200 --csv recall.csv'
    'report: report run --sequences 64 --out report.html'
    'report: report run --T 400 --sequences 64 --figures figures'
    'generate: generate text --length 4000'
    'generate: generate text --length 4000 --json'
    'check-grad: check-grad --hidden 8 --T 10 --samples 50'
    'tune: tune csv --data short.csv --T 20 --hidden 6 --batch 4 --steps 450 --threads 1 --within 1h --out OUT'
    'tune: tune csv --data short.csv --T 20 --hidden 6 --batch 4 --steps 450 --threads 1 --within 1h --jobs 2 --out OUT'
    'bench: bench --T 20 --hidden 16 --batch 8 --repeat 2'
    'checking: data --check --json'
)

# says WHERE WANTED UNWANTED WORD...: runs it there; what it says on stderr matches the one pattern and not the other.
says()
{
    local text code=0
    text=$(watched "$1" "${@:4}") || code=$?
    # shellcheck disable=SC2053
    [[ $code -le 1 && $text == $2 && $text != $3 ]] || { echo "${*:4}, $1: exit code $code, not like $2, or like $3: $text"; return 1; }
}

@test "every command says how far it is: on a terminal, elsewhere, and with --quiet" {
    export SAB_DATA=$PWD/sets
    local n=0 row what words
    for row in "${commands[@]}"; do
        what=${row%%: *}
        n=$((n + 1))
        read -r -a words <<<"${row#*: }"
        words=("${words[@]//_/ }")
        says terminal "*<$what *" "never" "${words[@]//OUT/out$n-t}"
        says pipe "*$what *" "*<*" "${words[@]//OUT/out$n-p}"
        says terminal "*" "*<*" "${words[@]//OUT/out$n-q}" --quiet
    done
}
