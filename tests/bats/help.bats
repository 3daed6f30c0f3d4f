# ctest: tier seconds
# Help, version, and what is said about commands and options that do not exist.
load common

@test "help lists every command and begins with examples" {
    sab help
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    has 'sab train copy' '  train' '  eval' '  generate' '  recall' '  inspect' '  check-grad' '  bench' '  doctor'
}

@test "each command teaches: purpose, examples first, then options with range and default" {
    for command in train eval generate recall inspect check-grad bench doctor; do
        sab "$command" --help
        [ "$status" = 0 ]
        [ -z "$stderr" ]
        has "Usage: sab $command" 'Examples:' "  sab $command" 'Output:' '--json' '--quiet'
        [[ ${output%%Output:*} == *Examples:* ]]
        # no line is wider than a terminal
        narrow
        sab help "$command"
        [ "$status" = 0 ]
    done
    sab train --help
    has 'Model:' 'Credit:' 'Training:' 'Task:' 'Data:' 'Run:' '--k-top 0..4096' '(default 5)' 'copy' 'adding' 'cue' 'transduce'
}

@test "what eval and recall take from the run is not said to be the default of training" {
    sab eval --help
    has '--eval-size 0..10000000' "(default the run's)" '--split train|valid|test' '--test-data' 
    [[ $output != *'default 512'* && $output != *'default 64'* ]]
    sab recall --help
    has '--T 1..100000000' "(default the run's)"
    [[ $output != *'default 100)'* ]]
}

@test "--help after other options and -h work" {
    sab train copy --hidden 8 --help
    [ "$status" = 0 ]
    sab eval -h
    [ "$status" = 0 ]
}

@test "version" {
    sab --version
    [ "$status" = 0 ]
    [[ $output =~ ^sab\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
}

@test "no command, unknown commands" {
    sab
    fails 2 'sab help'
    sab trian copy
    fails 2 '"trian"' 'did you mean "train"'
    sab zzzzzz
    fails 2 '"zzzzzz"' 'sab help'
    sab help evla
    fails 2 '"evla"' 'did you mean "eval"'
    sab --quiet train copy
    fails 2 '--quiet'
    sab train txt --data nowhere.txt --steps 5
    fails 2 'unknown task "txt"; did you mean "text"?'
}

@test "unknown options suggest the nearest" {
    sab train copy --hiden 8
    fails 2 '--hiden' 'did you mean --hidden'
    sab train copy --ktop 8
    fails 2 '--ktop' 'did you mean --k-top'
    sab train copy --jsn
    fails 2 '--jsn' 'did you mean --json'
    sab train copy --resum x
    fails 2 '--resum' 'did you mean --resume'
    sab recall x --sequence 3
    fails 2 '--sequence' 'did you mean --sequences'
    sab train copy --qqqqqqqqq 1
    fails 2 '--qqqqqqqqq' '--help'
    sab eval x --hidden 5
    fails 2 '--hidden' 'sab eval'
    sab train copy -x
    fails 2 '-x' 'two dashes'
}

@test "values that are missing, flags that get one, words too many" {
    sab train copy --hidden
    fails 2 '--hidden' '1..16384'
    sab train copy --cell --hidden 8
    fails 2 '--cell' 'lstm|gru|rnn'
    sab train copy --quiet=on
    fails 2 '--quiet' 'no value'
    sab train copy adding
    fails 2 '"adding"'
    sab doctor now
    fails 2 '"now"'
    sab eval
    fails 2 'RUN'
    sab train
    fails 2 'copy, adding, cue, transduce'
    sab train cpoy
    fails 2 '"cpoy"' 'did you mean "copy"'
}

@test "a result that cannot be written is a failure" {
    for arguments in help 'train --help' 'train copy --dry-run' 'doctor --json'; do
        # shellcheck disable=SC2086
        run bash -c "\"$SAB\" $arguments >/dev/full"
        [ "$status" = 1 ]
        [[ $output == *'standard output'* ]]
    done
}

@test "help of a task has its own options only, and says where the others are" {
    sab train csv --help
    [ "$status" = 0 ]
    narrow
    has 'sab train csv: ' '--horizon' '--missing' '--help-all'
    [[ $output != *--units* && $output != *--hidden* && $output != *--permute* ]]
    sab train text -h
    has '--units' '--reset-at'
    [[ $output != *--horizon* ]]
    sab train csv --help-all
    has '--horizon' '--units' '--hidden' '--k-top'
    sab train nothing --help
    has 'Tasks:' '--hidden'
}

@test "options as other programs call them get a hint" {
    sab train copy --learning_rate 0.1
    fails 2 '--learning_rate' '--lr is the learning rate'
    sab train copy --epochs 3
    fails 2 '--epochs' '--steps counts updates'
    sab train copy --gpu
    fails 2 '--gpu' '--device cuda'
    sab eval runs --delimiter x
    fails 2 '--delimiter'
    # the options that hints name are there
    for option in $(grep -oE '"[^"]*--[^"]*"' "$BATS_TEST_DIRNAME/../../cli/foreign_names.c" | grep -oE -- '--[a-z][a-z-]*' | sort -u); do
        "$SAB" train --help | grep -qE -- "^  $option( |\$)" || { echo "a hint names $option, which is not there"; return 1; }
    done
}

@test "the glossary explains every option of training" {
    glossary=$BATS_TEST_DIRNAME/../../docs/glossary.md
    "$SAB" train --help-all | grep -oE '^  --[A-Za-z0-9-]+' | tr -d ' ' | while read -r option; do
        grep -qE -- "$option([^A-Za-z0-9-]|\$)" "$glossary" || { echo "docs/glossary.md does not have $option"; exit 1; }
    done
}
