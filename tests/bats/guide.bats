# ctest: tier seconds
# The walk of docs/guide.md, as it is written there, with fewer updates.
load common

@test "guide: every command works as written" {
    needs_figures
    local guide=$BATS_TEST_DIRNAME/../../docs/guide.md
    mkdir "$BATS_TEST_TMPDIR/bin"
    ln -s "$(realpath "$SAB")" "$BATS_TEST_TMPDIR/bin/sab"
    sed -n 's/^    //p' "$guide" | sed -E 's/--steps (800|400)/--steps 20/' >"$BATS_TEST_TMPDIR/walk"
    [ "$(grep -c '^sab \|| sab ' "$BATS_TEST_TMPDIR/walk")" = 11 ]
    cd "$BATS_TEST_TMPDIR"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH run --separate-stderr bash -eu -o pipefail walk
    if [ "$status" != 0 ]; then
        echo "$output" "$stderr"
        return 1
    fi
    has 'left out     state (text: "warming")' '3 gaps, the first before line 492' 'load+24 ' 'past step recalled' 'is \ was called'
    [[ $stderr == *'one of 2 classes'* ]]
    [ "$(wc -l <forecast.csv)" = 1961 ]
    [ "$(head -n 1 forecast.csv)" = row,when,load+1,load+24 ]
    [ "$(cut -d, -f1,2 ahead.csv | tail -n 1)" = '1984,2024-03-24 21:00' ]
    [ "$(wc -l <live.csv)" = 101 ]
    [ "$(tail -n 1 forecast.csv | cut -d, -f2)" = "$(tail -n 1 live.csv | cut -d, -f1)" ]
    [ "$(head -n 1 states.csv)" = row,when,class,p_cooling,p_warming ]
    [ -s load.png ]
}

@test "tables.md: a record of beats becomes arrays in a new folder, where NumPy is" {
    python3 -c 'import numpy' || skip 'no NumPy'
    cd "$BATS_TEST_TMPDIR"
    python3 - <<'END'
import struct
open("7.hea", "w").write("7 2 360 9000\n7.dat 212 200 11 1024 0 0 0 V1\n7.dat 212 200 11 1024 0 0 0 V2\n")
open("7.dat", "wb").write(b"\x00\x44\x00" * 9000)
open("7.atr", "wb").write(b"".join(struct.pack("<H", code << 10 | 300) for code in [1, 8] * 14) + b"\0\0")
END
    run python3 "$BATS_TEST_DIRNAME/../../examples/mitbih.py" 7 beats
    [ "$status" = 0 ]
    "$SAB" train npy --data beats/train.npz --valid-data beats/valid.npz --test-data beats/test.npz --hidden 4 --batch 4 \
        --steps 2 --quiet --out ecg
    "$SAB" eval ecg
}
