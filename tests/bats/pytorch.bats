#!/usr/bin/env bats
# sab import and export: weights of PyTorch's networks in and out, without PyTorch. tests/oracle/pytorch_weights.py made the files
# and the outputs, and compares random networks where PyTorch is at hand.

load common

setup() {
    data=$BATS_TEST_DIRNAME/../data/pytorch
    cd "$BATS_TEST_TMPDIR" || exit 1
    task=(npy --data "$data/data.npz" --standardise off --split 0.5,0.25,0.25)
}

# file NAME TYPE ROWS,COLS...: a safetensors file of zeros but for the first numbers, which are 1, 2, ...
file() {
    python3 - "$@" <<'PY'
import json, struct, sys
name, words = sys.argv[1], sys.argv[2:]
header, blob = {}, b""
for word in words:
    tensor, dtype, shape = word.split(":")
    shape = [int(n) for n in shape.split(",")]
    count = 1
    for n in shape:
        count *= n
    size = {"F32": 4, "I32": 4}[dtype]
    data = struct.pack("<%d%s" % (count, "f" if dtype == "F32" else "i"), *range(1, count + 1))
    header[tensor] = {"dtype": dtype, "shape": shape, "data_offsets": [len(blob), len(blob) + len(data)]}
    blob += data
text = json.dumps(header).encode()
open(name, "wb").write(struct.pack("<Q", len(text)) + text + blob)
PY
}

# near KIND: the outputs in answers.npy are those of PyTorch, to 1e-6.
near() {
    python3 - "$data/$1.txt" <<'PY'
import struct, sys
raw = open("answers.npy", "rb").read()
start = 10 + struct.unpack("<H", raw[8:10])[0]
header = raw[10:start].decode()
letter, size = ("f", 4) if "<f4" in header else ("d", 8)
answers = struct.unpack("<%d%s" % ((len(raw) - start) // size, letter), raw[start:])
expected = [float(line) for line in open(sys.argv[1])]
assert len(answers) == len(expected) == 48, (header, len(answers), len(expected))
worst = max(abs(a - b) for a, b in zip(answers, expected))
assert 0 <= worst < 1e-6, f"the largest difference is {worst}"
PY
}

@test "LSTM, GRU in bfloat16 and RNN in half precision give the outputs they have in PyTorch" {
    for kind in lstm gru rnn; do
        sab import "$data/$kind.safetensors" "${task[@]}" --credit bptt --out $kind.model
        [ "$status" = 0 ] || { echo "$stderr"; return 1; }
        has 'taken  weight_ih_l0     model.cells.weight_ih_l0' 'taken  V1               model.head.weight, transposed'
        [[ $output != *drawn* ]]
        sab predict $kind.model --data "$data/data.npz" --format npy --output answers.npy --quiet
        [ "$status" = 0 ]
        near $kind
    done
    [[ $output != *left* ]]
    sab import "$data/lstm.safetensors" "${task[@]}" --credit bptt --quiet --out again.model
    has 'left   unused.weight'
    [ -z "$stderr" ]
    sab import "$data/rnn.safetensors" "${task[@]}" --credit bptt --quiet --out again.model
    has 'zero   bias_ih_l1       the file has none' 'zero   b                the file has none'
}

@test "a plain LSTM starts a model with memories, and training goes on from it" {
    sab import "$data/lstm.safetensors" "${task[@]}" --out model
    [ "$status" = 0 ]
    has 'taken  weight_hh_l1' 'drawn  W1_l0            anew, from the seed' 'drawn  V2' 'taken  b                model.head.bias'
    [[ $stderr == *'sab train npy --from model --hidden 5 --layers 2'* ]]
    sab train npy --data "$data/data.npz" --standardise off --split 0.5,0.25,0.25 --from model --hidden 5 --layers 2 --steps 0 \
        --out run --quiet --json
    [ "$status" = 0 ] || { echo "$stderr"; return 1; }
    trained=$(value weights_digest)
    sab inspect model --json
    [ "$(value weights_digest)" = "$trained" ]
    sab train npy --data "$data/data.npz" --standardise off --split 0.5,0.25,0.25 --from model --hidden 5 --layers 2 --steps 3 \
        --warmup 1 --out run2 --quiet --json
    [ "$(value weights_digest)" != "$trained" ]
    sab train npy --data "$data/data.npz" --from "$data/lstm.safetensors" --out run3 --quiet
    fails 1 'not a model of sab' 'sab import'
}

@test "export gives PyTorch's names and shapes, and comes back to the bit" {
    sab import "$data/lstm.safetensors" "${task[@]}" --credit bptt --quiet --out model
    sab export model --prefix lstm. --out plain.safetensors
    [ "$status" = 0 ]
    has 'lstm.weight_ih_l0' 'fc.weight                V1, transposed' 'fc.bias                  b'
    sab inspect plain.safetensors
    has 'lstm.weight_ih_l0        F' '[20, 3]' 'fc.weight' '[2, 5]' 'fc.bias' 'lstm.bias_hh_l1'
    sab import plain.safetensors "${task[@]}" --credit bptt --out back --json
    [ "$status" = 0 ]
    back=$(value weights_digest)
    sab inspect model --json
    [ "$(value weights_digest)" = "$back" ]
    "$SAB" export model --prefix lstm. --out - | cmp - plain.safetensors
    sab export model --out - --json
    fails 2 'standard output takes one of'
    sab export model
    fails 2 '--out is needed'
    sab export model --out absent/file
    fails 1 absent/file
    sab export plain.safetensors --out other
    fails 1 'not a model of sab'
}

@test "what does not fit is told by name and size" {
    sab import "$data/lstm.safetensors" npy --data "$data/data.npz" --hidden 6 --out m
    fails 2 '--hidden 6' 'has 5'
    sab import "$data/lstm.safetensors" npy --data "$data/data.npz" --cell gru --out m
    fails 2 '--cell gru' 'has lstm'
    sab import "$data/lstm.safetensors" copy --out m
    fails 2 '3 inputs' '10 symbols'
    sab import "$data/lstm.safetensors" npy --data "$data/data.npz"
    fails 2 '--out is needed'
    sab import "$data/lstm.safetensors" --out m
    fails 2 'which task?'
    sab import "$data/lstm.safetensors" "${task[@]}" --linear unused --out m
    fails 2 '--linear unused' '[2, 5]'
    sab import "$data/lstm.safetensors" "${task[@]}" --linear nothing --out m
    fails 2 'no tensor nothing.weight'
    sab import "$data/lstm.safetensors" "${task[@]}" --embedding unused --out m
    fails 2 'numbers, not symbols'
    sab import "$data/lstm.safetensors" "${task[@]}" --embedding u --out m
    fails 2 '--embedding u' 'numbers, not symbols'
    sab import "$data/lstm.safetensors" "${task[@]}" --prefix other. --out m
    fails 2 'no tensor other.weight_ih_l0'
    sab import "$data/lstm.safetensors" "${task[@]}" --model transformer --out m
    fails 2 'recurrent'
    sab import "$data/data.npz" "${task[@]}" --out m
    fails 1 'no safetensors file'
    [ ! -e m ]
}

@test "networks that sab does not have, and files that are none, are refused" {
    cells='weight_ih_l0:F32:8,3 weight_hh_l0:F32:8,2 bias_ih_l0:F32:8 bias_hh_l0:F32:8'
    refused() { # CODE TEXT TENSOR...
        local code=$1 text=$2
        shift 2
        file bad "$@"
        sab import bad "${task[@]}" --out m
        fails "$code" "$text" || { echo "$*"; return 1; }
    }
    refused 1 'holds no nn.LSTM' fc.weight:F32:2,2
    refused 1 'both directions' $cells weight_ih_l0_reverse:F32:8,3
    refused 1 'projects its state' $cells weight_hr_l0:F32:1,2
    refused 1 'no weight_hh_l1' $cells weight_ih_l1:F32:8,2
    refused 1 'not [8, 2]' $cells weight_ih_l1:F32:8,3 weight_hh_l1:F32:8,2
    refused 1 'not [8]' weight_ih_l0:F32:8,3 weight_hh_l0:F32:8,2 bias_ih_l0:F32:7
    refused 1 'neither 4 (LSTM)' weight_ih_l0:F32:4,3 weight_hh_l0:F32:4,2
    refused 1 'not the two matrices' weight_ih_l0:F32:8,3 weight_hh_l0:F32:7,2
    refused 1 'not the two matrices' weight_ih_l0:F32:24 weight_hh_l0:F32:8,2
    refused 1 'I32 where real numbers' weight_ih_l0:I32:8,3 weight_hh_l0:F32:8,2
    refused 2 'choose one by --prefix' a.weight_ih_l0:F32:8,3 a.weight_hh_l0:F32:8,2 b.weight_ih_l0:F32:8,3 b.weight_hh_l0:F32:8,2
    refused 2 'choose one by --linear, of one, two' $cells one.weight:F32:2,2 two.weight:F32:2,2
    [ ! -e m ]
    file two $cells one.weight:F32:2,2 two.weight:F32:2,2 two.bias:F32:2
    sab import two "${task[@]}" --linear two --credit tbptt --quiet --out m
    [ "$status" = 0 ]
    has 'V1               two.weight, transposed' 'b                two.bias' 'left   one.weight'
    python3 - <<'PY'
data = bytearray(open("two", "rb").read())
data[-4:] = b"\x00\x00\xc0\x7f"
open("two", "wb").write(data)
PY
    sab import two "${task[@]}" --linear two --out m2
    fails 1 'two.bias is not finite'
}
