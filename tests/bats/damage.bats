# ctest: tier seconds
# ctest: timeout 240
# ctest: cost 15
# Damaged and foreign files: one sentence that names the file, exit code 1, nothing changed.
load common

setup_file()
{
    cd "$BATS_FILE_TMPDIR"
    "$SAB" train copy --T 3 --hidden 4 --batch 4 --eval-size 8 --steps 4 --quiet --out run
    "$SAB" train copy --T 3 --hidden 4 --batch 4 --eval-size 8 --steps 4 --credit tbptt --quiet --out tbptt
}

setup()
{
    cd "$BATS_FILE_TMPDIR"
}

size()
{
    stat -c %s "$1"
}

# flip FILE BYTE BIT
flip()
{
    local old
    old=$(od -An -tu1 -j"$2" -N1 "$1" | tr -d ' ')
    # shellcheck disable=SC2059
    printf "\\x$(printf %x $((old ^ (1 << $3))))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# Commands that read a model, each on file $1.
reads_no_model()
{
    sab inspect "$1"
    fails 1 "$1" || return 1
    sab eval "$1" --eval-size 4 --quiet
    fails 1 "$1"
}

@test "a model truncated anywhere" {
    total=$(size run/model.safetensors)
    for n in 0 1 4 7 8 9 16 64 200 500 800 $(seq 1000 333 "$total") $((total - 64)) $((total - 4)) $((total - 1)); do
        [ "$n" -lt "$total" ] || continue
        head -c "$n" run/model.safetensors >cut.safetensors
        reads_no_model cut.safetensors || { echo "cut to $n of $total bytes"; return 1; }
    done
    { cat run/model.safetensors; printf x; } >cut.safetensors
    reads_no_model cut.safetensors
}

@test "a model with any bit of its header flipped" {
    header=$(od -An -tu8 -N8 run/model.safetensors | tr -d ' ')
    for byte in 0 1 2 3 7 8 9 $(seq 10 41 $((header + 8))); do
        cp run/model.safetensors flipped.safetensors
        flip flipped.safetensors "$byte" $((byte % 8))
        sab inspect flipped.safetensors
        fails 1 flipped.safetensors || { echo "bit $((byte % 8)) of byte $byte"; return 1; }
    done
}

@test "a model with bits of its numbers flipped" {
    total=$(size run/model.safetensors)
    header=$(od -An -tu8 -N8 run/model.safetensors | tr -d ' ')
    for byte in $(seq $((header + 8)) 97 $((total - 1))); do
        cp run/model.safetensors flipped.safetensors
        flip flipped.safetensors "$byte" $((byte % 8))
        sab eval flipped.safetensors --eval-size 4 --quiet
        fails 1 flipped.safetensors || { echo "bit $((byte % 8)) of byte $byte"; return 1; }
    done
}

@test "a checkpoint truncated or with a bit flipped is refused and stays as it is" {
    total=$(size run/state.safetensors)
    for n in 0 7 8 100 1000 $(seq 1500 1777 "$total") $((total - 1)); do
        rm -rf copy
        cp -r run copy
        head -c "$n" run/state.safetensors >copy/state.safetensors
        before=$(cat copy/*.safetensors copy/metrics.jsonl | cksum)
        sab train --resume copy --steps 8 --quiet
        fails 1 copy/state.safetensors || { echo "cut to $n of $total bytes"; return 1; }
        [ "$(cat copy/*.safetensors copy/metrics.jsonl | cksum)" = "$before" ]
    done
    for byte in $(seq 0 211 $((total - 1))); do
        cp run/state.safetensors copy/state.safetensors
        flip copy/state.safetensors "$byte" $((byte % 8))
        sab train --resume copy --steps 8 --quiet
        fails 1 copy/state.safetensors || { echo "bit $((byte % 8)) of byte $byte"; return 1; }
    done
    cp run/state.safetensors copy/state.safetensors
    sab train --resume copy --steps 8 --quiet
    [ "$status" = 0 ]
}

@test "files and folders that are missing or something else" {
    mkdir -p empty
    echo '{"hidden": 4}' >text.safetensors
    for command in eval recall inspect; do
        sab $command nowhere
        fails 1 nowhere
        sab $command empty
        fails 1 empty model.safetensors
        sab $command text.safetensors
        fails 1 text.safetensors
        sab $command /dev/null
        fails 1 /dev/null
    done
    sab eval run/state.safetensors
    fails 1 run/state.safetensors
    sab train --resume empty
    fails 1 empty
}

@test "a damaged config.json stops a resume" {
    rm -rf copy
    cp -r run copy
    head -c 100 run/config.json >copy/config.json
    sab train --resume copy --steps 8 --quiet
    fails 1 copy config
}

@test "a network without memory recalls nothing, and says so" {
    sab recall tbptt
    fails 1 tbptt memory
}

# Memory that ran out inside of the parser of JSON was called damage, corrupted the heap or ended in an assertion.
@test "little memory while a header is parsed is told as such" {
    [ -z "${SAB_SANITIZED-}" ] || skip 'a sanitizer takes memory of its own'
    python3 - <<'END'
import json, struct
header = json.dumps({"__metadata__": {"long": "x" * 3000000}, "a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}).encode()
open("long.safetensors", "wb").write(struct.pack("<Q", len(header)) + header + b"\0")
END
    local refused=0 opened=0
    for limit in $(seq 8000 1000 80000); do
        status=0
        # shellcheck disable=SC2016 # expanded by the inner shell
        stderr=$(bash -c 'ulimit -v "$2"; exec "$1" inspect long.safetensors 2>&1 >/dev/null' - "$SAB" "$limit") || status=$?
        case $status:$stderr in
        0:) opened=$((opened + 1)) ;;
        1:*'no memory'*) refused=$((refused + 1)) ;;
        1?[0-9]:*'shared librar'*) ;; # the program itself did not fit
        *) echo "$limit KiB: exit code $status, $stderr"; return 1 ;;
        esac
    done
    echo "$refused refused, $opened opened"
    [ "$refused" -ge 3 ] && [ "$opened" -ge 3 ]
}

@test "a data file that is cut while it is read is told by its name" {
    shim=$(dirname "$SAB")/tests/libtrust_cut.so
    [ -e "$shim" ] || skip 'this build has no library to preload'
    printf 'the quick brown fox jumps over the lazy dog. %.0s' $(seq 400) >cut.txt
    LD_PRELOAD=$shim TRUST_CUT=cut.txt run --separate-stderr "$SAB" train text --data cut.txt --T 8 --hidden 4 --batch 4 --out cut
    fails 1 "/cut.txt' became shorter while it was read"
    [ ! -e cut ]
}
