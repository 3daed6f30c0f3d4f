# ctest: tier seconds
# ctest: cost 25
# sab predict on files and lines, and the tasks csv and npy as the program sees them.
load common

setup_file()
{
    cd "$BATS_FILE_TMPDIR"
    awk 'BEGIN { print "when,level,flow"; for (t = 1; t <= 200; t++) print "day" t "," sin(t / 3) * 10 + 50 "," t % 7 }' >river.csv
    awk 'BEGIN { print "flow,state"; for (t = 1; t <= 200; t++) print t % 7 "," (t % 7 < 3 ? "\"low, dry\"" : "high") }' >states.csv
    "$SAB" train csv --data river.csv --targets level --horizon 2 --T 20 --hidden 8 --batch 4 --steps 20 --k-trunc 5 \
        --quiet --out river
    "$SAB" train csv --data states.csv --goal step --targets state --T 20 --hidden 8 --batch 4 --steps 20 --quiet --out states
    /usr/bin/env python3 - <<'END'
import struct, zipfile
def npy(descr, shape, data):
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data
x = [float(n % 5 + t) for n in range(40) for t in range(4)]
with zipfile.ZipFile("set.npz", "w") as z:
    z.writestr("x.npy", npy("<f4", (40, 4), struct.pack("<160f", *x)))
    z.writestr("y.npy", npy("<i8", (40,), struct.pack("<40q", *[n % 5 // 3 for n in range(40)])))
END
    "$SAB" train npy --data set.npz --hidden 8 --batch 8 --steps 20 --quiet --out set
}

setup()
{
    cd "$BATS_FILE_TMPDIR"
}

@test "predict: a forecast for each row, in the units of the data" {
    sab predict river --data river.csv
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    [ "$(printf '%s\n' "$output" | wc -l)" = 201 ]
    [ "$(printf '%s\n' "$output" | head -n 1)" = 'row,level+2' ]
    printf '%s\n' "$output" | awk -F, 'NR > 1 && (NF != 2 || $1 != NR - 1 || $2 < 20 || $2 > 80) { print; bad = 1 } END { exit bad }'
    whole=$output
    sab predict river --data river.csv --output answers.csv
    [ -z "$output" ]
    [ "$(cat answers.csv)" = "$whole" ]
}

@test "predict: without --data, the rows of the test part" {
    sab predict river
    [ "$(printf '%s\n' "$output" | wc -l)" = 11 ]
    [[ $output == *$'\n189,'* ]]
    [[ $output == *$'\n198,'* ]]
}

@test "predict --stream: one line in, one line out, the same as from the file" {
    sab predict river --data river.csv
    expected=$(printf '%s\n' "$output" | tail -n +2 | cut -d, -f2)
    run --separate-stderr "$SAB" predict river --stream <river.csv
    [ "$status" = 0 ]
    [ "$(printf '%s\n' "$output" | head -n 1)" = level+2 ]
    [ "$(printf '%s\n' "$output" | tail -n +2)" = "$expected" ]
    cut -d, -f2,3 river.csv | tail -n +2 >inputs
    run --separate-stderr "$SAB" predict river --stream <inputs
    [ "$output" = "$expected" ]
}

@test "predict --stream: each line is answered before the next one comes" {
    python3 - "$SAB" <<'END'
import subprocess, sys
sab = subprocess.Popen([sys.argv[1], "predict", "river", "--stream"], stdin=-1, stdout=-1, bufsize=0)
for line in b"50,1\n", b"51,2\n":
    sab.stdin.write(line)
    float(sab.stdout.readline())
sab.stdin.close()
assert sab.stdout.read() == b"" and sab.wait() == 0
END
}

@test "predict --stream: the state is left in a file and taken up again" {
    cut -d, -f2,3 river.csv | tail -n +2 >inputs
    "$SAB" predict river --stream <inputs >expected
    head -n 77 inputs | "$SAB" predict river --stream --save-state state >answers
    tail -n +78 inputs | "$SAB" predict river --stream --state state >>answers
    cmp expected answers
}

@test "predict --stream: the state is left when a bad line or a signal ends the lines" {
    cut -d, -f2,3 river.csv | tail -n +2 >inputs
    "$SAB" predict river --stream <inputs >expected
    run --separate-stderr "$SAB" predict river --stream --save-state state < <(head -n 77 inputs; echo 50,x)
    [ "$status" = 1 ]
    [[ $stderr == *'line 78, column "flow"'* ]]
    tail -n +78 inputs | "$SAB" predict river --stream --state state | cmp - <(tail -n +78 expected)
    timeout 60 python3 - "$SAB" <<'END'
import signal, subprocess, sys
for number in 5 * [signal.SIGINT, signal.SIGTERM]: # wherever in its loop the program is
    sab = subprocess.Popen([sys.argv[1], "predict", "river", "--stream", "--save-state", "state"], stdin=-1, stdout=-1,
                           stderr=-1, bufsize=0)
    for line in open("inputs", "rb").readlines()[:77]:
        sab.stdin.write(line)
        float(sab.stdout.readline())
    sab.stdin.write(b"5") # the beginning of a line is none
    sab.send_signal(number)
    said = sab.stderr.read().decode()
    assert sab.wait() == 75 and said == "sab predict: interrupted after line 77; --state state goes on\n", said
END
    tail -n +78 inputs | "$SAB" predict river --stream --state state | cmp - <(tail -n +78 expected)
}

@test "predict --stream: the state of another network, or of several sequences, is refused" {
    "$SAB" train csv --data river.csv --targets level --horizon 2 --T 20 --hidden 8 --batch 4 --steps 20 --k-trunc 5 \
        --seed 2 --quiet --out second
    echo 50,1 | "$SAB" predict river --stream --save-state state >answers
    run --separate-stderr "$SAB" predict second --stream --state state < <(echo 50,1)
    fails 1 'state is the state of another network'
    run --separate-stderr "$SAB" predict river --stream --state river/state.safetensors < <(echo 50,1)
    fails 1 'river/state.safetensors does not say which network'
}

@test "predict --stream: what cannot be read ends it, with its line" {
    run --separate-stderr "$SAB" predict river --stream < <(printf '50,1\n51,x\n52,3\n')
    [ "$status" = 1 ]
    [ "$(printf '%s\n' "$output" | wc -l)" = 1 ]
    [[ $stderr == *'line 2, column "flow": "x" is not a number'* ]]
    for pair in '50,1\nNaN,1\n:line 2, column "level": "NaN" is a missing value' '50,1\n51\n:line 2 has 1 column' \
        '50,1\n\n:line 2 is empty' '1,2,3,4\n:line 1 has 4 columns' '50,1\n,2\n:line 2, column "level": the cell is empty' \
        'x,y\n:"x" is not a number' '50,1\n5\0,1\n:line 2 is no text: its byte 1 is 0' \
        '50,1\n51,2\r52,3\n:line 2 holds a carriage return' 'load,temp\r50,1\r51,1\n:line 1 holds a carriage return'; do
        run --separate-stderr "$SAB" predict river --stream < <(printf "${pair%%:*}")
        [ "$status" = 1 ]
        [[ $stderr == *"${pair#*:}"* ]] || { echo "$stderr"; false; }
    done
}

@test "predict --stream: a model of several series says that it needs their name" {
    awk 'BEGIN { print "id,v"; for (t = 0; t < 200; t++) print "s" t % 2 "," t % 5 }' >two.csv
    "$SAB" train csv --data two.csv --series id --T 5 --hidden 4 --batch 4 --steps 2 --quiet --out two
    run --separate-stderr "$SAB" predict two --stream < <(echo 1)
    fails 1 'line 1 has 1 column; the model needs the name of the series and its 1 input: all 2 columns'
}

@test "predict: classes by name, quoted where they must be, and their probabilities" {
    sab predict states --data states.csv
    has 'row,class' ',"low, dry"'
    sab predict states --data states.csv --probabilities
    has 'row,class,p_high,"p_low, dry"'
    printf '%s\n' "$output" | tail -n +2 | sed 's/"[^"]*"/q/' |
        awk -F, '{ d = $3 + $4 - 1; if (NF != 4 || d * d > 1e-10) { print; bad = 1 } } END { exit bad }'
    cut -d, -f1 states.csv >unanswered.csv # without the column of the answers
    first=$output
    sab predict states --data unanswered.csv --probabilities
    [ "$output" = "$first" ]
}

@test "predict: JSON lines and NumPy arrays" {
    sab predict states --data states.csv --format jsonl --probabilities
    printf '%s\n' "$output" | python3 -c '
import json, sys
rows = [json.loads(line) for line in sys.stdin]
assert len(rows) == 200 and [r["row"] for r in rows] == list(range(1, 201))
assert all(abs(sum(r["probabilities"].values()) - 1) < 1e-5 and r["class"] in r["probabilities"] for r in rows)'
    sab predict river --data river.csv
    printf '%s\n' "$output" >river.out
    "$SAB" predict river --data river.csv --format npy --output river.npy
    python3 -c '
import struct
data = open("river.npy", "rb").read()
at = 10 + struct.unpack("<H", data[8:10])[0]
assert data[:8] == b"\x93NUMPY\1\0" and at % 64 == 0 and b"(200, )" in data[:at], data[:at]
values = struct.unpack("<200d", data[at:])
text = [float(line.split(",")[1]) for line in list(open("river.out"))[1:]]
assert all(abs(a - b) < 1e-4 * abs(b) for a, b in zip(values, text))'
}

@test "predict: sequences of arrays" {
    sab predict set --data set.npz
    [ "$(printf '%s\n' "$output" | wc -l)" = 41 ]
    has 'sequence,class' '0,' '39,'
    sab predict set --data set.npz --format jsonl --threads 2
    has '{"sequence": 39, "class": '
    run --separate-stderr "$SAB" predict set --stream < <(printf '1\n2\n3\n')
    [ "$status" = 0 ]
    [ "$(printf '%s\n' "$output" | wc -l)" = 3 ]
}

@test "predict: mistakes" {
    sab predict river --data none.csv
    fails 1 '--data: there is no none.csv'
    sab predict river --data states.csv
    fails 1 'states.csv has no column "level"'
    sab predict set --data river.csv
    fails 1 'river.csv is not a .npy file'
    sab predict river --stream --data river.csv
    fails 2 '--stream reads standard input'
    sab predict river --save-state state
    fails 2 '--save-state goes with --stream'
    run --separate-stderr "$SAB" predict river --stream --save-state state </dev/null
    fails 2 'no line was read'
    run --separate-stderr "$SAB" predict river --stream --save-state no/such/folder < <(echo 50,1)
    fails 1 no/such/folder
    [ -z "$output" ]
    sab predict river --data river.csv --output no/such/folder
    fails 1 no/such/folder
    for options in '--format csv' '--format jsonl' '--format npy' --stream; do
        # shellcheck disable=SC2086
        run --separate-stderr bash -c '"$0" predict river "$@" <river.csv >/dev/full' "$SAB" $options $([ $options = --stream ] || echo --data river.csv)
        fails 1 'No space left on device'
    done
}

@test "data without answers are predicted; evaluating and validating on them is refused at once" {
    cut -d, -f1 states.csv >bare.csv
    sab predict states --data bare.csv
    [ "$status" = 0 ]
    sab eval states --data bare.csv
    fails 1 'the test data have no answers'
    sab train csv --data states.csv --valid-data bare.csv --goal step --targets state --T 20 --hidden 8 --batch 4 --steps 20 --quiet --out bare
    fails 1 'the validation data have no answers'
    [ ! -e bare ]
}

@test "csv: a part that is missing is told before the first update" {
    sab train csv --data river.csv --split 1,0,0 --steps 5 --eval-every 5 --quiet --out never
    fails 2 'sab train: river.csv has no validation data'
    [ ! -e never/metrics.jsonl ]
}

@test "csv --relative: answers are values again, in files and lines; they have the error that eval says" {
    sab train csv --data river.csv --targets level --relative on --horizon 2 --T 20 --hidden 8 --batch 4 --steps 20 --quiet \
        --out change
    [ "$status" = 0 ]
    sab eval change --json
    mse=$(value mse)
    sab predict change --data river.csv
    [ "$(printf '%s\n' "$output" | head -n 1)" = 'row,level+2' ]
    answers=$(printf '%s\n' "$output" | tail -n +2 | cut -d, -f2)
    run --separate-stderr "$SAB" predict change --stream <river.csv
    [ "$(printf '%s\n' "$output" | tail -n +2)" = "$answers" ]
    sab predict change
    printf '%s\n' "$output" | python3 -c '
import statistics, sys
level = [float(line.split(",")[1]) for line in open("river.csv").readlines()[1:]]
rows = [line.split(",") for line in sys.stdin.read().split()[1:]]
deviation = statistics.pstdev(level[:180])
mse = statistics.fmean(((float(y) - level[int(row) + 1]) / deviation) ** 2 for row, y in rows)
sys.exit(abs(mse / float(sys.argv[1]) - 1) > 1e-4 and f"{mse} is not {sys.argv[1]}")' "$mse"
}

@test "csv: eval, recall and resuming go on with the columns of training" {
    sab eval river
    has 'mse of last value'
    sab eval river --json
    keys mse last_value_mse loss weights_digest T
    [ "$(value scored)" = 10 ]
    sab eval river --json --batch 1
    [ "$(value scored)" = 10 ]
    sab recall river
    [ "$status" = 0 ]
    sab eval river --test-data states.csv
    fails 1 'has no column "level"'
}

@test "npy: what stands past the lengths makes no symbols and no classes" {
    python3 - <<'END'
import os, struct
def save(name, shape, numbers):
    header = repr({"descr": "<i4", "fortran_order": False, "shape": shape}).encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    data = struct.pack(f"<{len(numbers)}i", *numbers)
    open("padded/" + name, "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data)
os.mkdir("padded")
lengths = [2 + n % 3 for n in range(40)]
save("x.npy", (40, 4), [(n + t) % 7 if t < lengths[n] else 5000 for n in range(40) for t in range(4)])
save("y.npy", (40, 4), [n % 3 if t < lengths[n] else 255 for n in range(40) for t in range(4)])
save("lengths.npy", (40,), lengths)
END
    sab train npy --data padded --dry-run
    [ "$status" = 0 ]
    has '7 symbols in, 3 classes out'
}

@test "csv: time does not grow with the square of the number of series" {
    awk 'BEGIN { print "id,v"; for (s = 0; s < 100000; s++) for (t = 0; t < 5; t++) print s "," (s + t) % 9 }' >many.csv
    # shellcheck disable=SC2086
    run timeout 60 "$SAB" train csv --data many.csv --series id --split 0.4,0.4,0.2 --hidden 4 --T 5 --batch 64 --steps 2 --quiet --out many
    [ "$status" = 0 ]
    run --separate-stderr timeout 60 "$SAB" predict many --data many.csv --output many.out
    [ "$status" = 0 ]
    [ "$(wc -l <many.out)" = 500001 ]
}

@test "a network beyond the machine's memory is refused before any is taken" {
    python3 - <<'END'
import os, struct
os.makedirs("large", exist_ok=True)
for name, shape, numbers in ("x.npy", (40, 4), [16000000] * 160), ("y.npy", (40,), [0, 1] * 20):
    header = repr({"descr": "<i4", "fortran_order": False, "shape": shape}).encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    data = struct.pack(f"<{len(numbers)}i", *numbers)
    open("large/" + name, "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data)
END
    sab train npy --data large --hidden 4096 --steps 1 --quiet --out never
    fails 1 'a network of 16000001 inputs and 2 outputs' 'whose training needs' 'GiB are free'
    [ ! -e never ]
}

@test "csv: time does not grow with the square of the number of columns" {
    awk 'BEGIN { for (t = -1; t < 30; t++) for (i = 1; i <= 40000; i++) printf "%s%s", (t < 0 ? "c" i : (t + i) % 9), (i < 40000 ? "," : "\n") }' >wide.csv
    # shellcheck disable=SC2086
    run timeout 60 "$SAB" train csv --data wide.csv --targets c5 --hidden 2 --T 5 --batch 2 --steps 1 --quiet --out wide
    [ "$status" = 0 ]
    run --separate-stderr timeout 60 "$SAB" predict wide --stream <wide.csv
    [ "$status" = 0 ]
    [ "$(printf '%s\n' "$output" | head -n 1)" = c5+1 ]
    [ "$(printf '%s\n' "$output" | wc -l)" = 31 ]
}
