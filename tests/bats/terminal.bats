# ctest: tier seconds
# ctest: timeout 240
# ctest: cost 15
# Names from files and arguments that hold control characters: what people are shown has them written out, whoever shows it.
load common

setup()
{
    cd "$BATS_TEST_TMPDIR"
    evil=$'\e[31m\e]2:owned\a\xc2\x9b1A\xe2\x80\xae'
    tiny=(--T 6 --hidden 4 --batch 4 --steps 2 --threads 1)
}

# quiet_terminal FILE...: nothing in the files acts on a terminal.
quiet_terminal()
{
    python3 - "$@" <<'END'
import sys, unicodedata
for name in sys.argv[1:]:
    text = open(name, "rb").read().decode()
    for i, c in enumerate(text):
        if c not in "\n" and unicodedata.category(c) in ("Cc", "Cf"):
            sys.exit(f"{name}: {c!r} in {text[max(0, i - 60):i + 60]!r}")
END
}

# shows COMMAND...: runs it, whatever its exit code below 3, and looks at all it prints.
shows()
{
    local code=0
    "$SAB" "$@" >out 2>err </dev/null || code=$?
    [ "$code" -lt 3 ] || { echo "$*: exit code $code"; return 1; }
    quiet_terminal out err || { echo "of: $*"; return 1; }
}

@test "arguments" {
    for option in --reset-at --out --data --from --stop-at --inputs --config --set --credit --hidden --units "--$evil"; do
        shows train text "$option" "$evil"
    done
    shows train "$evil"
    shows "$evil"
    shows "--$evil"
    shows eval "$evil"
    shows recall "$evil" --csv "$evil/x"
    shows predict "$evil" --output "$evil"
    shows inspect "$evil"
    shows generate "$evil" --stop "$evil\\q"
    shows data "$evil"
    shows reproduce "$evil"
    shows train copy "${tiny[@]}" --out "run$evil"
    grep -q 'run\\x1b\[31m' err
    shows recall "run$evil" --csv "csv$evil"
    shows inspect "run$evil"
}

@test "a table's columns, series and classes" {
    { echo "a$evil,b,class$evil,s"; for i in $(seq 60); do echo "$i,$((i * i)),x$((i % 2))$evil,s$((i / 20))$evil"; done; } >t.csv
    shows train csv --data t.csv "${tiny[@]}" --out run --targets "class$evil" --goal step
    shows train csv --data t.csv "${tiny[@]}" --out run2 --series s --targets "b"
    shows train csv --data t.csv "${tiny[@]}" --dry-run
    shows train csv --data t.csv "${tiny[@]}" --inputs "c$evil"
    for run in run run2; do
        [ -d "$run" ] || continue
        shows eval "$run"
        shows inspect "$run"
        { echo "z$evil,b"; echo 1,2; } >other.csv
        shows predict "$run" --data other.csv --output answers.csv # which are data, and as they are
    done
    [ -e run/model.safetensors ]
}

@test "a file's tensors, metadata and keys" {
    python3 - "$evil" <<'END'
import json, struct, sys
evil = sys.argv[1]
def save(path, header):
    text = json.dumps(header, ensure_ascii=False).encode()
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + b"\0" * 8)
one = {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]}
save("tensor", {"w" + evil: one})
save("dtype", {"w" + evil: dict(one, dtype=evil)})
save("metadata", {"__metadata__": {"version": evil, "task": evil, "shape": evil}, "w": one})
save("config", {"__metadata__": {"config": json.dumps({evil: 1}), "shape": "{}"}, "w": one})
save("text", {"__metadata__": {"config": json.dumps({"task": evil, "out": evil}), "shape": "{}"}, "w": one})
json.dump({evil: 1}, open("key.json", "w"))
open("twice.json", "w").write(json.dumps({evil: 1})[:-1] + "," + json.dumps({evil: 1})[1:])
END
    for file in tensor dtype metadata config text; do
        shows inspect $file
        shows eval $file
    done
    shows train copy --config key.json
    shows train copy --config twice.json
}

# on_terminal WORD...: what the program prints on a terminal of 100 columns, rewritten lines on lines of their own, which fit.
on_terminal()
{
    local text code=0 wide
    text=$(watched both "$@") || code=$?
    text=${text//</$'\n'}
    wide=$(grep '^update ' <<<"$text" | grep -v best | LC_ALL=C.UTF-8 grep -E '.{100}') && echo "wider than 99 columns: $wide" && return 1
    printf '%s\n' "$text"
    return $code
}

@test "on a terminal training has a bar and a sparkline, elsewhere neither; with --quiet nothing" {
    run on_terminal train copy --T 20 --hidden 48 --threads 1 --steps 400 --eval-every 200 --eval-size 64 --out run # some seconds
    [ "$status" = 0 ]
    [[ $output =~ 'update '[0-9]+'/400  '[█▏▎▍▌▋▊▉]*' '*'loss '[0-9.]+' '[▁▂▃▄▅▆▇█]{2,20}'  accuracy ' ]] || { echo "$output"; return 1; }
    run on_terminal train copy "${tiny[@]}" --steps 40 --out quiet --quiet
    [ -z "${output//[$'\n' ]/}" ]
    "$SAB" train copy "${tiny[@]}" --steps 400 --eval-every 200 --out plain >out 2>err
    ! grep -q $'[\r\x1b\u2588\u2581]' err
}

@test "what takes more than a second says how far it is, on a terminal only" {
    "$SAB" train copy "${tiny[@]}" --hidden 64 --quiet --out run
    size=2000
    until run on_terminal eval run --T 100,120 --eval-size $size && [[ $output == *'eval  T = 120, 2 of 2'* ]]; do
        size=$((size * 4)) # until it takes its second, on this machine
        [ $size -lt 200000 ]
    done
    [[ $output =~ 'eval  T = 120, 2 of 2  '.*' % '.*' left' ]]
    "$SAB" eval run --T 100,120 --eval-size $size >out 2>err
    ! grep -q 'of 2' err
    run on_terminal eval run --T 100,120 --eval-size $size --quiet
    [[ $output != *' of 2'* ]]
}
