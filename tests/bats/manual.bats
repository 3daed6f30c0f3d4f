# ctest: tier seconds
# sab manual: the page is clean mdoc with every command and option, and shells complete what it says.
load common

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
}

# completes WORD...: what bash offers after these words, the last of which is being written.
completes() {
    bash -c 'source <("$1" manual bash); shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; _sab; printf "%s\n" "${COMPREPLY[@]}"' \
        - "$SAB" "$@"
}

@test "the page is clean mdoc and names every command and option" {
    "$SAB" manual man >sab.1
    for command in train eval generate predict recall report inspect import export check-grad bench reproduce data doctor manual; do
        grep -q "^\.It Cm $command\$" sab.1 || { echo "no $command"; return 1; }
    done
    "$SAB" train --help | grep -o '^  --[A-Za-z0-9-]*' | tr -d ' ' | sort -u | while read -r option; do
        [ "$option" = --config ] || [ "$option" = --set ] || grep -q -- "^\.It Fl -${option#--}\b" sab.1 || { echo "no $option"; exit 1; }
    done
    command -v mandoc >/dev/null || skip "without mandoc the page is not checked"
    run mandoc -Tlint -Wstyle sab.1
    echo "$output"
    [ -z "$output" ]
}

@test "bash completes commands, tasks, options, choices and files" {
    [ "$(completes sab rec)" = recall ]
    [ "$(completes sab train cop)" = copy ]
    [ "$(completes sab train copy --k-tr)" = --k-trunc ]
    [ "$(completes sab train copy --cell g)" = gru ]
    [ "$(completes sab eval runs --split v)" = valid ]
    touch data.csv
    [ "$(completes sab train csv --data dat)" = data.csv ]
    [ "$(completes sab inspect dat)" = data.csv ]
    [ -z "$(completes sab train copy --hidden '')" ]
}

@test "what other shells read is whole" {
    for shell in bash zsh fish; do
        "$SAB" manual $shell >"script.$shell"
        [ "$(wc -l <"script.$shell")" -gt 100 ]
        if command -v $shell >/dev/null; then
            $shell -n "script.$shell"
        fi
    done
}

@test "an unknown form is refused" {
    sab manual html
    fails 2 '"html"' 'man, bash, zsh, fish'
}
