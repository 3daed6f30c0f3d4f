#!/usr/bin/env bats
# ctest: timeout 200
# sab report: the page and the document in it. tests/browser/report looks at it in a browser.

load common

setup_file() {
    cd "$BATS_FILE_TMPDIR" || exit 1
    tiny='--T 5 --hidden 8 --batch 8 --eval-size 16 --eval-every 10 --quiet --steps 20'
    # shellcheck disable=SC2086
    "$SAB" train copy $tiny --out copy
    # shellcheck disable=SC2086
    "$SAB" train copy $tiny --credit tbptt --out plain
    # shellcheck disable=SC2086
    "$SAB" train adding $tiny --out adding
}

setup() {
    cd "$BATS_FILE_TMPDIR" || exit 1
}

# document FILE: the JSON in a page, as data.
document() {
    output=$(python3 -c '
import json, re, sys
page = open(sys.argv[1], encoding="utf-8").read()
print(json.dumps(json.loads(re.search(r"id=\"report\">(.*?)</script>", page, re.S)[1])))' "$1")
}

@test "a report is one file that says what the run was, measured and recalled" {
    sab report copy --out page.html
    [ "$status" = 0 ]
    has 'wrote page.html'
    [ "$(grep -c -E '(src|href)=.?https?:' page.html)" = 0 ]
    document page.html
    printf '%s' "$output" | python3 -c '
import base64, json, struct, sys
run, = json.load(sys.stdin)["runs"]
history = [json.loads(line) for line in open("copy/metrics.jsonl")]
assert [dict(zip(run["metrics"]["columns"], row)) for row in run["metrics"]["rows"]] == history, run["metrics"]
assert run["options"]["T"] == "5" and ["hidden", "8", "128"] in [c[:3] for c in run["changed"]], run["changed"]
assert run["evaluation"]["split"] == "validation" and len(run["evaluation"]["confusion"]) == 9
sequence = run["sequences"][0]
ids = struct.unpack("<25i", base64.b64decode(sequence["ids"]))
assert sequence["length"] == 25 and all(1 <= i <= 8 for i in ids[:10]) and ids[14] == 9, ids
layer, = run["recall"]["layers"]
first = struct.unpack("<101I", base64.b64decode(layer["first"]))
when = struct.unpack(f"<{first[-1]}i", base64.b64decode(layer["when"]))
alpha = struct.unpack(f"<{first[-1]}f", base64.b64decode(layer["alpha"]))
for t in range(25): # of the first sequence: the memories are older than the step, their weights add up to 1
    reads = range(first[t], first[t + 1])
    assert len(reads) == min(t, 5) and all(1 <= when[i] <= t for i in reads), (t, list(reads), when[first[t]:first[t + 1]])
    assert t == 0 or abs(sum(alpha[i] for i in reads) - 1) < 1e-5, t'
}

@test "several runs stand in one report; one without a memory says so" {
    sab report copy plain adding --out page.html --json
    [ "$(value runs)" = 3 ]
    document page.html
    printf '%s' "$output" | python3 -c '
import json, sys
copy, plain, adding = json.load(sys.stdin)["runs"]
assert "recall" in copy and "recall" not in plain and "no memory" in plain["recallNote"]
assert adding["shape"]["loss"] == "mse" and "targets" in adding["sequences"][0] and len(adding["evaluation"]["outputs"]) == 1'
}

@test "the same runs give the same bytes" {
    sab report copy --out a.html --quiet
    sab report copy --out b.html --quiet --threads 2
    cmp a.html b.html
}

@test "a run that was only begun is reported as far as it came; data that are gone are told in the report" {
    mkdir begun
    cp copy/config.json begun/
    sab report begun --out page.html
    [ "$status" = 0 ]
    document page.html
    [[ $output == *'"rows": []'* ]]
    printf 'a b c d e f g h i j k l m n o p q r s t u v w x y z %.0s' $(seq 40) >text.txt
    "$SAB" train text --data text.txt --T 5 --hidden 8 --batch 8 --eval-every 10 --quiet --steps 10 --out gone
    rm text.txt
    sab report gone --out page.html
    [ "$status" = 0 ]
    document page.html
    [[ $output == *'"note": '*'text.txt'* ]]
}

@test "mistakes are told in one line, and leave no page" {
    sab report nowhere --out page2.html
    fails 1 nowhere
    [ ! -e page2.html ]
    sab report copy --out nowhere/page.html
    fails 1 nowhere
    sab report copy --sequences 0
    fails 2 sequences 1..64
    sab report
    fails 2
    mkdir -p empty
    sab report empty --out page2.html
    fails 1 empty
    cp -r copy headless # evaluated, so there was a model
    rm headless/model.safetensors
    sab report headless --out page2.html
    fails 1 headless
    [ ! -e page2.html ]
}

@test "a name from outside can end no element of the page" {
    evil='a<script>x'
    cp -r copy "$evil"
    sab report "$evil" --out page.html --quiet
    [ "$(grep -c '<script>x' page.html)" = 0 ]
    document page.html
    [[ $output == *'<script>x'* ]]
}

@test "what a run measured goes to TensorBoard and into a table" {
    sab export copy --csv -
    [ "$status" = 0 ]
    printf '%s\n' "$output" | python3 -c '
import csv, json, sys
rows = [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(sys.stdin)]
history = [json.loads(line) for line in open("copy/metrics.jsonl")]
assert rows == history, (rows, history)'
    sab export copy --tensorboard logs/copy --quiet
    [ "$status" = 0 ]
    python3 - <<'END'
import json, struct

def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff

def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff

assert crc32c(b"123456789") == 0xe3069283 # the check value of the catalogue of CRCs
data, at, records = open("logs/copy/events.out.tfevents.0.sab", "rb").read(), 0, []
while at < len(data):
    length, = struct.unpack_from("<Q", data, at)
    assert struct.unpack_from("<I", data, at + 8)[0] == masked(data[at:at + 8]), at
    records.append(data[at + 12:at + 12 + length])
    assert struct.unpack_from("<I", data, at + 12 + length)[0] == masked(records[-1]), at
    at += length + 16
assert b"brain.Event:2" in records[0] and b"_hparams_/session_start_info" in records[1]
history = [json.loads(line) for line in open("copy/metrics.jsonl")]
found = [r for r in records[2:] if b"\x0a\x08accuracy\x15" in r]
values = [struct.unpack_from("<f", r, r.index(b"accuracy\x15") + 9)[0] for r in found]
wanted = [struct.unpack("<f", struct.pack("<f", line["accuracy"]))[0] for line in history]
assert values == wanted, (values, wanted)
END
    if python3 -c 'import tensorboard' 2>/dev/null; then
        python3 - <<'END'
import json
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator("logs/copy")
events.Reload()
last = [json.loads(line) for line in open("copy/metrics.jsonl")][-1]
assert abs(events.Scalars("loss")[-1].value - last["loss"]) < 1e-6 and events.Scalars("loss")[-1].step == last["step"]
END
    fi
    sab export plain/model.safetensors --csv x.csv
    fails 1 model.safetensors
    sab export copy
    fails 2 --out --tensorboard --csv
}

@test "a run goes to TensorBoard while it goes, with pictures, on from where it stopped, and to the same bits" {
    # shellcheck disable=SC2086
    "$SAB" train copy ${tiny:=--T 5 --hidden 8 --batch 8 --eval-size 16 --eval-every 10 --quiet} --steps 20 --out live --tensorboard logs/live
    "$SAB" train --resume live --steps 40 --quiet --tensorboard logs/live
    # shellcheck disable=SC2086
    "$SAB" train copy $tiny --steps 20 --out still
    "$SAB" train --resume still --steps 40 --quiet
    cmp live/model.safetensors still/model.safetensors
    [ "$(ls logs/live)" = $'events.out.tfevents.0000000000.sab\nevents.out.tfevents.0000000030.sab' ]
    python3 - <<'END'
import json, struct, zlib
history = [json.loads(line) for line in open("live/metrics.jsonl")]
losses, pictures = [], []
for name in ("0000000000", "0000000030"):
    data, at = open(f"logs/live/events.out.tfevents.{name}.sab", "rb").read(), 0
    while at < len(data):
        length, = struct.unpack_from("<Q", data, at)
        record = data[at + 12:at + 12 + length]
        if b"\x0a\x04loss\x15" in record:
            losses.append(struct.unpack_from("<f", record, record.index(b"loss\x15") + 5)[0])
        if b"recall/layer_1" in record:
            png = record[record.index(b"\x89PNG"):]
            pictures.append(struct.unpack_from(">2I", png, 16))
            pixels = b""
            place = 8
            while place < len(png):
                size, kind = struct.unpack_from(">I4s", png, place)
                pixels += png[place + 8:place + 8 + size] if kind == b"IDAT" else b""
                place += 12 + size
            width, height = pictures[-1]
            assert len(zlib.decompress(pixels)) == height * (3 * width + 1)
        at += 16 + length
wanted = [struct.unpack("<f", struct.pack("<f", line["loss"]))[0] for line in history]
assert losses == wanted, (losses, wanted)
assert pictures and all(size == (500, 240) for size in pictures), pictures # 25 columns of 20 pixels, 10 answers of 24
END
    if python3 -c 'import tensorboard' 2>/dev/null; then
        python3 - <<'END'
import json
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator("logs/live")
events.Reload()
assert [s.step for s in events.Scalars("loss")] == [json.loads(line)["step"] for line in open("live/metrics.jsonl")]
assert events.Images("recall/layer_1")[0].width == 500
END
    fi
    cp -r logs before # another run's events are not written over
    # shellcheck disable=SC2086
    sab train copy $tiny --steps 10 --out x --tensorboard logs/live
    fails 2 'logs/live holds the events of a run already'
    diff -r logs before
    [ ! -e x ]
    mkdir -p closed && printf x >closed/file
    # shellcheck disable=SC2086
    sab train copy $tiny --steps 10 --out x --tensorboard closed/file
    fails 1 closed/file
    [ ! -e x ]
}

@test "steps of a table have the times of their rows, of the part that is shown" {
    python3 -c '
print("when,load")
for i in range(300):
    print(f"2024-{1 + i // 28:02d}-{1 + i % 28:02d},{i % 24}")' >table.csv
    "$SAB" train csv --data table.csv --time when --T 24 --hidden 8 --batch 8 --eval-every 10 --quiet --steps 10 --gaps keep --out csv
    for part in valid:271:285 test:286:300; do
        sab report csv --split "${part%%:*}" --out page.html --quiet
        document page.html
        printf '%s' "$output" | python3 -c '
import base64, json, sys
part, first, last = sys.argv[1].split(":")
run, = json.load(sys.stdin)["runs"]
rows = [line.split(",")[0] for line in open("table.csv").read().splitlines()[1:]]
scored = set()
for sequence in run["sequences"]:
    at = rows.index(sequence["times"][0])
    assert sequence["times"] == rows[at:at + sequence["length"]], sequence["times"]
    for t, counts in enumerate(base64.b64decode(sequence["scored"])):
        if counts: # the answer is the next row, which is of the part
            scored.add(at + t + 2)
assert scored and min(scored) >= int(first) and max(scored) <= int(last), (part, sorted(scored))
assert run["outputNames"] == ["load+1"], run["outputNames"]' "$part"
    done
}

@test "a recall map as SVG has a cell for each pair of steps that the numbers have" {
    needs_figures
    sab recall copy --sequences 8 --svg map.svg --csv map.csv --quiet
    [ "$status" = 0 ]
    python3 - <<'END'
import collections, csv, re, xml.etree.ElementTree as xml
name = "{http://www.w3.org/2000/svg}"
boxes = [] # of the cells, which alone are filled; the first is the plot, and the parts of the scale stand to its right
for path in xml.parse("map.svg").getroot().iter(name + "path"):
    fill = re.search(r"fill:rgb\(([0-9.]+)%,([0-9.]+)%,([0-9.]+)%\)", path.get("style", ""))
    numbers = [float(x) for x in re.findall(r"-?[0-9.]+", path.get("d", ""))]
    if fill and len(numbers) >= 8 and "C" not in path.get("d"):
        boxes.append((min(numbers[0::2]), min(numbers[1::2]), max(numbers[0::2]), max(numbers[1::2]), [float(v) for v in fill.groups()]))
x0, y0, x1, y1, colour = boxes[0]
assert colour == [100, 100, 100], boxes[0]
width, height = (x1 - x0) / 25, (y1 - y0) / 10 # 10 rows, 25 columns
found = {(round((y - y0) / height), round((x - x0) / width)): c for x, y, right, bottom, c in boxes[1:] if right <= x1 + 0.1}
mean = collections.Counter()
for row in csv.DictReader(open("map.csv")):
    if int(row["t"]) > 15: # the answers
        mean[int(row["t"]) - 16, int(row["when"]) - 1] += float(row["alpha"]) / 8
most = max(mean.values())
assert set(found) == {at for at, value in mean.items() if value / most > 1e-3}, (sorted(found), mean)
by_weight = sorted(found, key=lambda at: mean[at])
light = [0.2 * c[0] + 0.7 * c[1] + 0.1 * c[2] for c in (found[at] for at in by_weight)]
assert all(a >= b - 1 for a, b in zip(light, light[1:])), light # the more, the darker, but for the roundings of a colour
END
    sab recall copy --out map.svg --svg other.svg
    fails 2 map.svg
    sab recall copy --svg - --png -
    fails 2 'standard output takes one'
    sab recall copy --svg nowhere/map.svg
    fails 1 nowhere
}

@test "figures have the size, the title and the columns that are asked for" {
    needs_figures
    sab recall copy --pdf map.pdf --size 84x60 --title 'what it recalls' --quiet
    [ "$status" = 0 ]
    grep -aqE '/MediaBox \[ 0 0 238\.1[0-9]* 170\.0[0-9]* \]' map.pdf # points
    sab recall copy --columns lag
    has 'steps back to what was recalled'
    for size in 84 84x 29x60 84x2001 axb; do
        sab recall copy --pdf x.pdf --size $size
        fails 2 "--size: \"$size\"" '30 to 2000 mm'
    done
    sab recall copy --out x.pdf --colours rainbow
    fails 2 rainbow heat viridis grey
}

@test "sab report --figures draws a file for each curve and each map" {
    needs_figures
    sab report copy plain adding --figures figures --format png --json
    [ "$status" = 0 ]
    [ "$(value figures)" = "$(ls figures | wc -l)" ]
    for name in curve-loss curve-accuracy curve-mse recall-1 recall-3; do
        [ "$(head -c 4 figures/$name.png | tail -c 3)" = PNG ]
    done
    [ ! -e figures/recall-2.png ] # it has no memory
    [ ! -e figures/curve-step.png ]
    sab report copy --figures copy/config.json
    fails 1 config.json
    sab report nowhere --figures figures
    fails 1 nowhere
}

@test "without Cairo one sentence says so, and the rest works" {
    run --separate-stderr "$SAB" recall copy --png x.png
    if [ "$status" = 0 ]; then # the library is hidden from the loader by an empty one of its name
        mkdir -p empty
        printf 'no library' >empty/libcairo.so.2
        hide="LD_LIBRARY_PATH=$PWD/empty"
    fi
    for words in 'recall copy --png y.png' 'recall copy --out y.svg' 'report copy --figures y'; do
        # shellcheck disable=SC2086
        run --separate-stderr env $hide "$SAB" $words
        [ "$status" != 0 ] && [ -z "$output" ] && [ ! -e y ] && [ ! -e y.png ]
        [[ $stderr == *Cairo* && $(printf '%s\n' "$stderr" | wc -l) = 1 ]] || { echo "$stderr"; return 1; }
    done
    run --separate-stderr env $hide "$SAB" recall copy --csv y.csv
    [ "$status" = 0 ] && [ -s y.csv ]
    run --separate-stderr env $hide "$SAB" report copy --out y.html
    [ "$status" = 0 ] && [ -s y.html ]
    run --separate-stderr env $hide "$SAB" doctor
    has 'figures      none'
}
