# ctest: tier seconds
# ctest: timeout 240
# ctest: cost 25
# --json means JSON: each command, in each of its forms, prints one line that is one object with the keys named here, and nothing else.
load common

setup_file()
{
    cd "$BATS_FILE_TMPDIR"
    "$SAB" train copy $tiny --steps 10 --out run
    seq -f 'line %g of a text' 60 >text.txt
    "$SAB" train text --data text.txt --T 10 --hidden 8 --batch 4 --steps 2 --quiet --out text
    awk 'BEGIN { print "v,w"; for (t = 0; t < 400; t++) printf "%.3f,%.3f\n", sin(t / 9), cos(t / 4) }' >wave.csv
    "$SAB" train csv --data wave.csv $tiny --steps 2 --out csv
}

# What is run, and keys of what it prints.
commands=(
    "train copy $tiny --steps 10 --out OUT: task steps loss weights_digest out version"
    "train csv --data wave.csv $tiny --dry-run: dry_run seconds peak_rss_bytes version"
    'train --presets: presets'
    'eval run: loss accuracy split weights_digest version'
    'eval run --T 5,10: lengths version'
    'generate text --length 9: text length weights_digest version'
    'predict csv --data wave.csv --output answers.csv: answers out version'
    'recall run: strongest_when weights_digest version'
    'recall run --csv map.csv: rows version'
    'report run --out OUT.html: runs out version'
    'inspect run: tensors weights_digest version'
    'import DATA/lstm.safetensors npy --data DATA/data.npz --standardise off --split 0.5,0.25,0.25 --credit bptt --out OUT.model: tensors version'
    'export run --out OUT.safetensors: tensors version'
    'export run --csv OUT.csv: csv evaluations version'
    'export run --tensorboard OUT.events: tensorboard evaluations version'
    'check-grad --hidden 4 --T 4 --samples 3: passed worst version'
    'tune csv --data wave.csv --T 10 --hidden 4 --batch 4 --steps 150 --threads 1 --within 1h --out OUT: best best_by complete settings'
    'bench --T 4 --hidden 8 --batch 8 --repeat 1: phases seconds_per_update version'
    'reproduce: tables'
    'data: sets version'
    'data mnist --check: sets version'
    'doctor: ok figures version'
    'manual: commands options version'
    'version: version'
)

@test "every command, in each of its forms" {
    cd "$BATS_FILE_TMPDIR"
    local n=0 row words
    for row in "${commands[@]}"; do
        n=$((n + 1))
        read -r -a words <<<"${row%%: *}"
        words=("${words[@]//OUT/out$n}")
        sab "${words[@]//DATA/$BATS_TEST_DIRNAME/../data/pytorch}" --json --quiet
        [ "$status" = 0 ] || { echo "${row%%: *}: $status: $stderr"; return 1; }
        # shellcheck disable=SC2086
        keys ${row#*: } || { echo "of ${row%%: *}"; return 1; }
    done
    # none is left out
    sab manual --json
    printf '%s' "$output" | python3 -c '
import json, sys
known = [command["name"] for command in json.load(sys.stdin)["commands"]]
missing = set(known) - {row.split()[0].rstrip(":") for row in sys.argv[1:]}
sys.exit(f"not in this test: {missing}" if missing else 0)' "${commands[@]}"
}

@test "the tables of commands and options, as data" {
    sab manual --json
    printf '%s' "$output" | python3 -c '
import json, sys
tables = json.load(sys.stdin)
options = {option["name"]: option for option in tables["options"]}
assert options["k-top"]["values"] == "0..4096" and options["k-top"]["default"] == "5", options["k-top"]
assert options["cell"]["values"] == "lstm|gru|rnn" and options["cell"]["group"] == "model", options["cell"]
generate = next(command for command in tables["commands"] if command["name"] == "generate")
assert [option["default"] for option in generate["options"] if option["name"] == "length"] == ["1000"], generate'
    sab manual man --json
    fails 2 '"man"' --json
    sab manual
    fails 2 'man, bash, zsh, fish'
}
