# ctest: tier seconds
# sab eval measures what sab predict says: the same rows, the same history, to the printed digit.
load common

setup_file()
{
    cd "$BATS_FILE_TMPDIR"
    # Slow levels that only a long history tells, in two series of unlike length.
    python3 - <<'END'
import math, random, struct, zipfile
random.seed(5)
with open("load.csv", "w") as f:
    f.write("site,load,temp,state\n")
    level = {"a": 5.0, "b": -3.0}
    for t in range(420):
        for site in "ab":
            if site == "b" and t >= 300:
                continue
            level[site] += random.gauss(0, 0.3)
            temp = math.sin(t / 9) + random.gauss(0, 0.1)
            f.write(f"{site},{50 + level[site] + 2 * temp:.6g},{temp:.6g},{'high' if temp > 0.2 else 'low'}\n")
with open("many.csv", "w") as f:
    f.write("id,x,kind,size\n")
    for n in range(80):
        for t in range(3 + n % 5):
            f.write(f"s{n},{random.gauss(n % 2, 1):.6g},{'odd' if n % 2 else 'even'},{n % 7 + 0.5}\n")
def npy(descr, shape, data):
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data
def save(path, y):
    x = [random.gauss(n % 3, 1) for n in range(90) for t in range(6)]
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("x.npy", npy("<f4", (90, 6), struct.pack("<540f", *x)))
        z.writestr("y.npy", y)
save("classes.npz", npy("<i8", (90,), struct.pack("<90q", *[n % 3 for n in range(90)])))
save("values.npz", npy("<f4", (90, 2), struct.pack("<180f", *[100 + n % 3 * (k + 1) for n in range(90) for k in (0, 1)])))
END
    small='--split 0.6,0.2,0.2 --T 12 --hidden 8 --batch 4 --steps 30 --warmup 5 --quiet'
    # shellcheck disable=SC2086
    {
        "$SAB" train csv --data load.csv --series site --inputs load,temp --targets load,temp --horizon 3 $small --out forecast
        "$SAB" train csv --data load.csv --series site --inputs load,temp --goal step --targets state $small --out step
        "$SAB" train csv --data many.csv --series id --inputs x --goal series --targets kind $small --out kind
        "$SAB" train csv --data many.csv --series id --inputs x --goal series --targets size --loss mse $small --out size
        "$SAB" train npy --data classes.npz --hidden 8 --batch 4 --steps 30 --split 0.6,0.2,0.2 --quiet --out classes
        "$SAB" train npy --data values.npz --hidden 8 --batch 4 --steps 30 --split 0.6,0.2,0.2 --quiet --out values
    }
}

setup()
{
    cd "$BATS_FILE_TMPDIR"
}

# equal TEXT: the data have what TEXT, a JSON object, says: numbers to six digits (predictions are printed with seven), keys as
# in targets.0.rmse.
equal()
{
    python3 -c '
import json, sys
data, expected = map(json.loads, sys.argv[1:])
for name, want in expected.items():
    got = data
    for key in name.split("."):
        got = got[int(key) if key.isdigit() else key]
    if got != want and abs(got - want) > 2e-6 * abs(want):
        sys.exit(f"{name} is {got}, expected {want}")' "$output" "$1"
}

@test "eval and predict agree: forecasts of two series, from the file and from the test part" {
    for data in '' '--data load.csv'; do
        # shellcheck disable=SC2086
        "$SAB" predict forecast $data >answers.csv
        figures=$(
            python3 - <<'END'
import csv, json, statistics
rows = list(csv.DictReader(open("load.csv")))
error, last = [[], []], [[], []]
first = {"a": 336, "b": 240} # 0.8 of 420 and 300
series = {s: [[float(r[k]) for k in ("load", "temp")] for r in rows if r["site"] == s] for s in "ab"}
train = [series["a"][:252], series["b"][:180]]
deviation = [statistics.pstdev([r[k] for part in train for r in part]) for k in (0, 1)]
for r in csv.DictReader(open("answers.csv")):
    at = int(r["row"]) - 1 + 3
    if first[r["series"]] <= at < len(series[r["series"]]):
        for k, name in enumerate(("load+3", "temp+3")):
            error[k].append(float(r[name]) - series[r["series"]][at][k])
            last[k].append(series[r["series"]][at - 3][k] - series[r["series"]][at][k])
assert len(error[0]) == 84 + 60, len(error)
mean_square = lambda x: statistics.fmean(e * e for e in x)
rmse = [mean_square(e) ** 0.5 for e in error]
mae = [statistics.fmean(map(abs, e)) for e in error]
print(json.dumps({
    "scored": 144,
    "mse": sum(mean_square(e) / d**2 for e, d in zip(error, deviation)) / 2,
    "last_value_mse": sum(mean_square(e) / d**2 for e, d in zip(last, deviation)) / 2,
    "rmse": sum(rmse) / 2, "mae": sum(mae) / 2, "targets.0.name": "load+3", "targets.1.count": 144,
    "targets.0.rmse": rmse[0], "targets.1.rmse": rmse[1], "targets.0.mae": mae[0], "targets.1.mae": mae[1],
    "targets.1.last_value_rmse": mean_square(last[1]) ** 0.5,
    "targets.0.last_value_mae": statistics.fmean(map(abs, last[0]))}))
END
        )
        for B in 1 3 64; do
            sab eval forecast --json --batch $B
            equal "$figures"
        done
        sab eval forecast
        has 'mse of last value' 'always the last value' 'load+3  '
        narrow
    done
}

@test "eval and predict agree: rows before which nothing is known, which --relative on learns as well" {
    python3 - <<'END'
with open("late.csv", "w") as f:
    f.write("n,v\n" + "".join(f"{t}," + ("\n" if t < 5 or t == 9 else f"{20 + t % 7 + t / 50}\n") for t in range(120)))
END
    for relative in off on; do
        # shellcheck disable=SC2086
        "$SAB" train csv --data late.csv --inputs v --targets v --missing last --relative $relative --split 0.6,0.2,0.2 --T 12 \
            --hidden 8 --batch 4 --steps 30 --warmup 5 --quiet --out late-$relative
        "$SAB" predict late-$relative --data late.csv >answers.csv
        figures=$(
            python3 - <<'END'
import csv, json, statistics
values = [float(r["v"]) if r["v"] else None for r in csv.DictReader(open("late.csv"))]
answers = [float(r["v+1"]) for r in csv.DictReader(open("answers.csv"))]
mean = statistics.fmean(v for v in values[:72] if v is not None)
error, last, known = [], [], mean # before the first value the best guess is the mean
for t, answer in enumerate(answers[:119]):
    known = known if values[t] is None else values[t]
    if values[t + 1] is not None:
        error.append(answer - values[t + 1])
        last.append(known - values[t + 1])
assert len(error) == 114, len(error)
mean_square = lambda x: statistics.fmean(e * e for e in x)
print(json.dumps({"scored": 114, "rmse": mean_square(error) ** 0.5, "mae": statistics.fmean(map(abs, error)),
    "targets.0.last_value_rmse": mean_square(last) ** 0.5, "targets.0.count": 114}))
END
        )
        sab eval late-$relative --test-data late.csv --json
        equal "$figures"
    done
}

@test "eval and predict agree: answers of steps, and of series" {
    for data in '' '--data load.csv'; do
        # shellcheck disable=SC2086
        "$SAB" predict step $data >answers.csv
        figures=$(
            python3 - <<'END'
import csv, json
rows = list(csv.DictReader(open("load.csv")))
states = {s: [r["state"] for r in rows if r["site"] == s] for s in "ab"}
first = {"a": 336, "b": 240}
pairs = [(states[r["series"]][int(r["row"]) - 1], r["class"]) for r in csv.DictReader(open("answers.csv"))
         if int(r["row"]) > first[r["series"]]]
assert len(pairs) == 144
table = [[pairs.count((a, b)) for b in ("high", "low")] for a in ("high", "low")]
high, said, hits = sum(table[0]), table[0][0] + table[1][0], table[0][0]
recalls = hits / high, table[1][1] / sum(table[1])
print(json.dumps({
    "accuracy": (hits + table[1][1]) / 144, "base_accuracy": max(high, 144 - high) / 144, "confusion": table,
    "classes.0.name": "high", "classes.0.count": high, "classes.0.recall": recalls[0], "classes.0.precision": hits / said,
    "classes.0.f1": 2 * hits / (high + said), "balanced_accuracy": sum(recalls) / 2, "least_recall": min(recalls)}))
END
        )
        sab eval step --json
        equal "$figures"
    done
    sab eval step
    has 'commonest answer' 'recall  precision' 'AUC 0.' 'is \ was called'
    narrow
    "$SAB" predict kind --data many.csv >kinds.csv
    "$SAB" predict size --data many.csv >sizes.csv
    figures=$(
        python3 - <<'END'
import csv, json, statistics
kinds, sizes = (list(csv.DictReader(open(f))) for f in ("kinds.csv", "sizes.csv"))
truth = {r["id"]: r for r in csv.DictReader(open("many.csv"))}
train = [float(truth[f"s{n}"]["size"]) for n in range(48) for t in range(3 + n % 5)]
deviation = statistics.pstdev(train)
print(json.dumps({"accuracy": sum(r["class"] == truth[r["series"]]["kind"] for r in kinds[64:]) / 16}))
print(json.dumps({"mse": statistics.fmean(((float(r["size"]) - float(truth[r["series"]]["size"])) / deviation) ** 2
                                          for r in sizes[64:])}))
END
    )
    sab eval kind --json
    equal "${figures%$'\n'*}"
    sab eval size --json
    equal "${figures#*$'\n'}"
    sab eval size
    has 'always their mean'
    narrow
}

@test "eval and predict agree: arrays" {
    "$SAB" predict classes >classes.csv
    "$SAB" predict values --data values.npz >values.csv
    figures=$(
        python3 - <<'END'
import csv, json, statistics
classes, values = (list(csv.reader(open(f)))[1:] for f in ("classes.csv", "values.csv"))
assert len(classes) == 18 and len(values) == 90
hits = [int(c) == (72 + i) % 3 for i, (_, c) in enumerate(classes)]
error = []
for k in (0, 1):
    truth = [100 + n % 3 * (k + 1) for n in range(90)]
    deviation = statistics.pstdev(truth[:54])
    error += [((float(values[n][1 + k]) - truth[n]) / deviation) ** 2 for n in range(72, 90)]
print(json.dumps({"accuracy": sum(hits) / 18}))
print(json.dumps({"mse": statistics.fmean(error)}))
END
    )
    sab eval classes --json
    equal "${figures%$'\n'*}"
    sab eval values --json
    equal "${figures#*$'\n'}"
}

@test "eval --split train: every row of it once, the same whatever --batch is, to the bit" {
    for run in forecast step kind size classes values; do
        sab eval $run --split train --json --batch 1
        expected=${output%%, \"weights_digest*}
        case $run in
            forecast) has '"scored": 426,' ;; # 252 + 180, less the horizon of both
            step) has '"scored": 432,' ;;
            kind | size) has '"scored": 48,' ;;
            *) has '"scored": 54,' ;;
        esac
        for B in 3 64; do
            sab eval $run --split train --json --batch $B
            if [ "${output%%, \"weights_digest*}" != "$expected" ]; then
                echo "--batch $B: $output"
                echo "--batch 1: $expected"
                return 1
            fi
        done
    done
}

@test "--best, --stop-at and --patience by any metric; metrics.jsonl has all of them, and the mean loss of training" {
    cd "$BATS_TEST_TMPDIR"
    ln -s "$BATS_FILE_TMPDIR/load.csv" .
    step='csv --data load.csv --series site --inputs load,temp --goal step --targets state --split 0.6,0.2,0.2 --T 12 --hidden 8
        --batch 4 --warmup 5 --lr 0.03 --quiet'
    # shellcheck disable=SC2086
    "$SAB" train $step --steps 40 --eval-every 1 --best auc --out each
    # shellcheck disable=SC2086
    "$SAB" train $step --steps 40 --eval-every 8 --best least-recall --out eighth
    # shellcheck disable=SC2086
    "$SAB" train $step --steps 40 --eval-every 8 --stop-at f1=0.4 --out stopped
    # shellcheck disable=SC2086
    "$SAB" train $step --steps 400 --eval-every 8 --best balanced_accuracy --patience 2 --out patient
    for run in each eighth stopped patient; do "$SAB" eval $run --split valid --json >$run.json; done
    python3 - <<'END'
import json, sys
def lines(run):
    return [json.loads(line) for line in open(run + "/metrics.jsonl")]
each, eighth = lines("each"), lines("eighth")
for k, line in enumerate(eighth):
    want = 0.0
    for other in each[8 * k : 8 * k + 8]:
        want += other["train_loss"]
    if line["train_loss"] != want / 8:
        sys.exit(f'train_loss {line["train_loss"]}, expected {want / 8}')
for run, by in ("each", "auc"), ("eighth", "least_recall"), ("stopped", "f1"), ("patient", "balanced_accuracy"):
    most, at = max((line[by], -line["loss"]) for line in lines(run)), json.load(open(run + ".json"))
    if (at[by], -at["loss"]) != most:
        sys.exit(f"{run}: the weights kept have {by} {at[by]}, the best were {most}")
    if "base_accuracy" not in lines(run)[0]:
        sys.exit("no base_accuracy")
stopped = [line["f1"] for line in lines("stopped")]
if not (stopped[-1] >= 0.4 and all(f1 < 0.4 for f1 in stopped[:-1])):
    sys.exit(f"--stop-at f1=0.4: {stopped}")
patient = [(line["balanced_accuracy"], -line["loss"]) for line in lines("patient")]
if len(patient) == 50 or patient.index(max(patient)) != len(patient) - 3:
    sys.exit(f"--patience 2: {patient}")
END
    # shellcheck disable=SC2086
    sab train $step --steps 8 --best rmse --out never
    fails 2 '--best rmse' 'not measured by rmse here, but by loss, accuracy'
    [ ! -e never ]
}
