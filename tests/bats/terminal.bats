# ctest: tier seconds
# ctest: timeout 240
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
