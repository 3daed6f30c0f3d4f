# ctest: tier seconds
# The walk of docs/guide.md, as it is written there, with fewer updates.
load common

@test "guide: every command works as written" {
    local guide=$BATS_TEST_DIRNAME/../../docs/guide.md
    mkdir "$BATS_TEST_TMPDIR/bin"
    ln -s "$(realpath "$SAB")" "$BATS_TEST_TMPDIR/bin/sab"
    sed -n 's/^    //p' "$guide" | sed 's/--steps 800/--steps 20/' >"$BATS_TEST_TMPDIR/walk"
    [ "$(grep -c '^sab \|| sab ' "$BATS_TEST_TMPDIR/walk")" = 5 ]
    cd "$BATS_TEST_TMPDIR"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH run --separate-stderr bash -eu -o pipefail walk
    if [ "$status" != 0 ]; then
        echo "$output" "$stderr"
        return 1
    fi
    has mse 'past step recalled'
    [ "$(printf '%s\n' "$output" | tail -n 100 | grep -c '^[0-9.]*$')" = 100 ]
    [ "$(wc -l <forecast.csv)" = 2001 ]
    [ -s load.png ]
}
