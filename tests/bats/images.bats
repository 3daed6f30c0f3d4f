# ctest: tier seconds
# Images by the program: from the files to a trained model, its test and what it recalled.
load common

few='--hidden 8 --batch 8 --eval-every 5 --k-trunc 4 --quiet'

setup()
{
    cd "$BATS_TEST_TMPDIR"
    mkdir digits
    python3 - <<'PYTHON'
import gzip, struct
def put(name, *parts, pack=True):
    data = b"".join(parts)
    with open("digits/" + name, "wb") as file:
        file.write(gzip.compress(data, mtime=0) if pack else data)
def images(first, n):  # a bright row says the class
    rows = [bytes(250 if r == (first + i) % 3 else (i * 7 + r) % 50 for r in range(4) for _ in range(5)) for i in range(n)]
    return [struct.pack(">BBBBIII", 0, 0, 8, 3, n, 4, 5)] + rows
def labels(first, n):
    return [struct.pack(">BBBBI", 0, 0, 8, 1, n), bytes((first + i) % 3 for i in range(n))]
put("train-images-idx3-ubyte.gz", *images(0, 90))
put("train-labels-idx1-ubyte.gz", *labels(0, 90))
put("t10k-images-idx3-ubyte", *images(1, 30), pack=False)
put("t10k-labels-idx1-ubyte", *labels(1, 30), pack=False)
PYTHON
}

@test "images are learned by row, tested on the test files, and say what was recalled" {
    # shellcheck disable=SC2086
    sab train mnist --data digits $few --lr 0.03 --warmup 0 --steps 60 --out run --json
    [ "$status" = 0 ]
    sab eval run --json
    [ "$status" = 0 ]
    python3 -c 'import sys; sys.exit(float(sys.argv[1]) < 0.99)' "$(value accuracy)"
    [[ $output != *'"T"'* ]] # the length of an image is its own
    sab eval run
    [[ $output == *steps*accuracy*loss*$'\n'* ]]
    [[ $output != *T* ]]
    sab eval run --T 100
    fails 2 '--T: the task mnist has sequences as long as its data'
    sab recall run
    [ "$status" = 0 ]
    sab predict run
    [ "$(printf '%s\n' "$output" | wc -l)" = 31 ]
    has 'sequence,class' '29,'
}

@test "a run over images is resumed to the same bits, in the middle of a pass" {
    local straight half pixels="--data digits --by pixel --permute 3 --schedule constant $few"
    # shellcheck disable=SC2086
    sab train idx $pixels --steps 20 --out straight --json
    [ "$status" = 0 ]
    straight=$(value weights_digest)
    # shellcheck disable=SC2086
    sab train idx $pixels --steps 7 --out half --json
    half=$(value weights_digest)
    sab train --resume half --steps 20 --quiet --json
    [ "$status" = 0 ]
    [ "$(value weights_digest)" = "$straight" ]
    [ "$half" != "$straight" ]
}

@test "files that are missing or damaged are named, with the byte" {
    # shellcheck disable=SC2086
    sab train mnist $few --out run
    fails 2 "--data"
    # shellcheck disable=SC2086
    sab train cifar10 --data digits $few --out run
    fails 1 "digits" "data_batch_1.bin"
    printf x >>digits/t10k-labels-idx1-ubyte
    # shellcheck disable=SC2086
    sab train mnist --data digits $few --out run
    fails 1 "digits/t10k-labels-idx1-ubyte" "byte 38" "1 more bytes follow"
    truncate -s 100 digits/train-images-idx3-ubyte.gz
    # shellcheck disable=SC2086
    sab train mnist --data digits $few --out run
    fails 1 "digits/train-images-idx3-ubyte.gz" "truncated gzip" "byte 100"
    [ ! -e run ]
}

@test "the example of the README begins on Debian's Fashion-MNIST" {
    [ -d /usr/share/datasets/fashion-mnist ] || skip "the package dataset-fashion-mnist is not installed"
    SAB_DATA='' sab train --preset fashion-rows --steps 4 --out runs/fashion --json
    [ "$status" = 0 ]
    keys accuracy weights_digest
}
