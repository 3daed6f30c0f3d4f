# ctest: tier seconds
# --device: training, resuming, eval and predict in the device's host form, and what is refused.
load common

setup()
{
    cd "$BATS_TEST_TMPDIR"
}

# field NAME FILE: the last number of that name in a metrics.jsonl.
field()
{
    tail -n 1 "$2" | grep -o "\"$1\":[^,}]*" | cut -d: -f2
}

# near A B: equal to 1e-4.
near()
{
    awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !(a != "" && d < 1e-4 && d > -1e-4) }' || {
        echo "$1 is not near $2"
        return 1
    }
}

@test "device: host reaches what cpu reaches, in loss, accuracy and evaluation" {
    for device in cpu host; do
        # shellcheck disable=SC2086
        sab train copy $tiny --steps 20 --device $device --out $device
        [ "$status" = 0 ]
    done
    for name in loss accuracy train_loss grad_norm; do
        near "$(field $name cpu/metrics.jsonl)" "$(field $name host/metrics.jsonl)"
    done
    sab eval cpu --eval-size 32 --json
    cpu=$(printf '%s' "$output" | grep -o '"loss": [^,]*' | cut -d' ' -f2)
    sab eval cpu --eval-size 32 --device host --json
    [ "$status" = 0 ]
    near "$cpu" "$(printf '%s' "$output" | grep -o '"loss": [^,]*' | cut -d' ' -f2)"
}

@test "device: a resumed run goes on where it was, to the same bits; or elsewhere" {
    # shellcheck disable=SC2086
    sab train copy $tiny --steps 20 --schedule constant --device host --out whole --json
    whole=$(printf '%s' "$output" | grep -o 'digest": "[^"]*')
    # shellcheck disable=SC2086
    sab train copy $tiny --steps 10 --schedule constant --device host --out part
    [ "$status" = 0 ]
    cp -r part other
    grep -q '"device": "host"' part/config.json
    sab train --resume other --steps 20 --device cpu --quiet
    [ "$status" = 0 ]
    grep -q '"device": "cpu"' other/config.json
    near "$(field loss whole/metrics.jsonl)" "$(field loss other/metrics.jsonl)"
    sab train --resume other --steps 30 --device host --quiet
    [ "$status" = 0 ]
    sab train --resume part --steps 20 --json --quiet
    [ "$status" = 0 ]
    [ "$(printf '%s' "$output" | grep -o 'digest": "[^"]*')" = "$whole" ]
}

@test "device: text, whose batches go on from each other, stopped and resumed; its series are predicted on the processor" {
    seq 4000 >text
    small='--data text --T 12 --k-trunc 4 --hidden 8 --batch 4 --eval-every 0 --warmup 2 --schedule constant --split 0.8,0.1,0.1 --quiet'
    for device in cpu host; do
        # shellcheck disable=SC2086
        sab train text $small --steps 12 --device $device --out $device --json
        [ "$status" = 0 ]
        whole=$(printf '%s' "$output" | grep -o 'digest": "[^"]*')
    done
    near "$(field loss cpu/metrics.jsonl)" "$(field loss host/metrics.jsonl)"
    near "$(field train_loss cpu/metrics.jsonl)" "$(field train_loss host/metrics.jsonl)"
    # shellcheck disable=SC2086
    sab train text $small --steps 5 --device host --out part
    [ "$status" = 0 ]
    cp -r part other
    sab train --resume part --steps 12 --quiet --json
    [ "$(printf '%s' "$output" | grep -o 'digest": "[^"]*')" = "$whole" ]
    sab train --resume other --steps 12 --quiet --device cpu
    [ "$status" = 0 ]
    near "$(field loss cpu/metrics.jsonl)" "$(field loss other/metrics.jsonl)"
    sab eval host --device host --json
    [ "$status" = 0 ]
    sab train text --data text --T 12 --hidden 8 --dry-run --device host
    [ "$status" = 0 ]
    sab predict host --device host --quiet
    fails 2 '--device host' 'on the processor only'
}

@test "device: predict gives the same classes; a run of a device is read without one" {
    echo id,x,kind >data.csv
    for series in $(seq 30); do
        for row in $(seq $((3 + series % 4))); do
            echo "s$series,$((series % 2 * 9 + row)),$((series % 2 ? 7 : 9))"
        done
    done >>data.csv
    sab train csv --data data.csv --series id --inputs x --goal series --targets kind --split 0.6,0.2,0.2 --hidden 8 --batch 4 \
        --steps 30 --warmup 5 --quiet --device host --out run
    [ "$status" = 0 ]
    sab predict run --data data.csv
    classes=$output
    sab predict run --data data.csv --device host
    [ "$status" = 0 ]
    [ "$output" = "$classes" ]
    sab predict run --stream --device host
    fails 2 '--device host' '--stream'
}

@test "device: what a device cannot do is refused before anything is made" {
    sab train copy --device gpu --out x
    fails 2 '--device' '"gpu"' 'cpu, cuda, cuda:N' host
    for options in '--model transformer'; do
        # shellcheck disable=SC2086
        sab train copy --device host $options --out x
        fails 2 '--device host' "$options" 'processor only'
    done
    sab bench --device host --stream
    fails 2 '--stream' '--device host'
    [ ! -e x ]
    sab doctor --json --quiet
    keys devices cuda_devices
    if [[ $output == *"built without CUDA"* ]]; then
        for arguments in 'train copy --out x' 'train copy --dry-run'; do
            # shellcheck disable=SC2086
            sab $arguments --device cuda:1
            fails 2 '--device cuda:1' 'built without CUDA' '-DSAB_CUDA=ON' 'nvcc 12'
        done
        [ ! -e x ]
    fi
}

@test "device: a run of a device that is not here says so, and goes on elsewhere" {
    # shellcheck disable=SC2086
    sab train copy $tiny --steps 10 --device host --out run
    sab doctor --quiet
    [[ $output == *"built without CUDA"* ]] || skip "a build with CUDA"
    sed -i 's/"device": "host"/"device": "cuda"/' run/config.json
    sab train --resume run --steps 20 --quiet
    fails 2 '--device cuda' 'built without CUDA'
    sab train --resume run --steps 20 --device cpu --quiet
    [ "$status" = 0 ]
}

@test "device: a dry run tells its memory and does not foretell its time" {
    sab train copy --T 50 --dry-run --device host
    [ "$status" = 0 ]
    has 'device       host' 'of its memory, 70 of 70 steps at a time' 'not foretold'
    sab train copy --T 50 --dry-run --device host --json
    keys device device_bytes device_steps
    [[ $output != *seconds_per_update* ]]
}

@test "device: bench counts what an update asks for" {
    sab bench --T 5 --hidden 16 --batch 4 --repeat 2 --device host
    [ "$status" = 0 ]
    [[ $output == *"launches"*"bytes of memory forward"* ]]
    sab bench --T 5 --hidden 16 --batch 4 --repeat 2 --device host --json
    keys launches copies bytes_per_step_forward bytes_per_step_backward seconds_per_update group ranks stretch
    python3 - "$output" <<'END'
import json, sys
found = json.loads(sys.argv[1])
assert found["launches"] > 10 and found["copies"] > 5, found
# 25 steps; forward: gates twice, c, h, hh, s and the query, 13 rows of 16; a memory and its key; 12 keys on average; reads and records of 5 or 6
numbers = found["bytes_per_step_forward"] / 4
assert 15 * 16 + 12 * 16 + 4 * 16 + 3 + 2 * 4 < numbers < 15 * 16 + 12 * 16 + 6 * 16 + 3 + 2 * 6, numbers
END
    recent=$(bytes_of --memory-slots 4)
    [ "$(bytes_of --memory-slots 4 --keep used)" = "$recent" ]
    # the distance to 4 memories of 16 numbers, but for the first 4 of 25 steps
    more=$(($(bytes_of --memory-slots 4 --keep novel) - recent - 4 * 16 * (0 + 1 + 2 + 3 + 21 * 4) / 25))
    [ $more = 0 ] || [ $more = 1 ] # fractions of bytes
    # all memories recalled, 12 on average, in place of 5 or 6: their values, and the records of each
    [ "$(bytes_of --forward dense)" -gt $((4 * (15 * 16 + 12 * 16 + 12 * 16 + 3 + 2 * 12) - 4)) ]
}

# Bytes of a step forward.
bytes_of() {
    sab bench --T 5 --hidden 16 --batch 4 --repeat 2 --device host --json "$@"
    python3 -c 'import json, sys; print(int(json.loads(sys.argv[1])["bytes_per_step_forward"]))' "$output"
}

@test "device: products of fewer bits train as well, otherwise; a resumed run keeps them" {
    for products in float bf16; do
        sab train copy --T 2 --hidden 8 --batch 8 --steps 4 --eval-every 0 --device host --products $products --out $products
        [ "$status" = 0 ]
    done
    [ "$(field loss float/metrics.jsonl)" != "$(field loss bf16/metrics.jsonl)" ]
    grep -q '"products": *"bf16"' bf16/config.json
    ! grep -q 'products[^,]*bf16' bf16/model.safetensors
}
