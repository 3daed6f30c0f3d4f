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

# equal NAME EXPECTED: a key of the data is EXPECTED, to six digits: predictions are printed with seven.
equal()
{
    python3 -c '
import sys
got, expected = map(float, sys.argv[2:])
sys.exit(abs(got - expected) > 2e-6 * abs(expected) and f"{sys.argv[1]} is {got}, expected {expected}")' \
        "$1" "$(value "$1")" "$2"
}

@test "eval and predict agree: forecasts of two series, from the file and from the test part" {
    for data in '' '--data load.csv'; do
        # shellcheck disable=SC2086
        "$SAB" predict forecast $data >answers.csv
        mse=$(
            python3 - <<'END'
import csv, statistics
rows = list(csv.DictReader(open("load.csv")))
error = []
first = {"a": 336, "b": 240} # 0.8 of 420 and 300
series = {s: [[float(r[k]) for k in ("load", "temp")] for r in rows if r["site"] == s] for s in "ab"}
train = [series["a"][:252], series["b"][:180]]
deviation = [statistics.pstdev([r[k] for part in train for r in part]) for k in (0, 1)]
for r in csv.DictReader(open("answers.csv")):
    at = int(r["row"]) - 1 + 3
    if first[r["series"]] <= at < len(series[r["series"]]):
        for k, name in enumerate(("load+3", "temp+3")):
            error.append(((float(r[name]) - series[r["series"]][at][k]) / deviation[k]) ** 2)
assert len(error) == 2 * (84 + 60), len(error)
print(statistics.fmean(error))
END
        )
        for B in 1 3 64; do
            sab eval forecast --json --batch $B
            equal mse "$mse"
            [ "$(value scored)" = 144 ]
        done
    done
}

@test "eval and predict agree: answers of steps, and of series" {
    for data in '' '--data load.csv'; do
        # shellcheck disable=SC2086
        "$SAB" predict step $data >answers.csv
        accuracy=$(
            python3 - <<'END'
import csv
rows = list(csv.DictReader(open("load.csv")))
states = {s: [r["state"] for r in rows if r["site"] == s] for s in "ab"}
first = {"a": 336, "b": 240}
hits = [r["class"] == states[r["series"]][int(r["row"]) - 1] for r in csv.DictReader(open("answers.csv"))
        if int(r["row"]) > first[r["series"]]]
assert len(hits) == 144
print(sum(hits) / len(hits))
END
        )
        sab eval step --json
        equal accuracy "$accuracy"
    done
    "$SAB" predict kind --data many.csv >kinds.csv
    "$SAB" predict size --data many.csv >sizes.csv
    figures=$(
        python3 - <<'END'
import csv, statistics
kinds, sizes = (list(csv.DictReader(open(f))) for f in ("kinds.csv", "sizes.csv"))
truth = {r["id"]: r for r in csv.DictReader(open("many.csv"))}
train = [float(truth[f"s{n}"]["size"]) for n in range(48) for t in range(3 + n % 5)]
deviation = statistics.pstdev(train)
print(sum(r["class"] == truth[r["series"]]["kind"] for r in kinds[64:]) / 16,
      statistics.fmean(((float(r["size"]) - float(truth[r["series"]]["size"])) / deviation) ** 2 for r in sizes[64:]))
END
    )
    sab eval kind --json
    equal accuracy "${figures% *}"
    sab eval size --json
    equal mse "${figures#* }"
}

@test "eval and predict agree: arrays" {
    "$SAB" predict classes >classes.csv
    "$SAB" predict values --data values.npz >values.csv
    figures=$(
        python3 - <<'END'
import csv, statistics
classes, values = (list(csv.reader(open(f)))[1:] for f in ("classes.csv", "values.csv"))
assert len(classes) == 18 and len(values) == 90
hits = [int(c) == (72 + i) % 3 for i, (_, c) in enumerate(classes)]
error = []
for k in (0, 1):
    truth = [100 + n % 3 * (k + 1) for n in range(90)]
    deviation = statistics.pstdev(truth[:54])
    error += [((float(values[n][1 + k]) - truth[n]) / deviation) ** 2 for n in range(72, 90)]
print(sum(hits) / 18, statistics.fmean(error))
END
    )
    sab eval classes --json
    equal accuracy "${figures% *}"
    sab eval values --json
    equal mse "${figures#* }"
}

@test "eval --split train: every row of it once, whatever --batch is" {
    for run in forecast step kind size classes values; do
        sab eval $run --split train --json --batch 1
        loss=$(value loss) scored=$(value scored)
        case $run in
            forecast) [ "$scored" = 426 ] ;; # 252 + 180, less the horizon of both
            step) [ "$scored" = 432 ] ;;
            kind | size) [ "$scored" = 48 ] ;;
            *) [ "$scored" = 54 ] ;;
        esac
        for B in 3 7 64; do
            sab eval $run --split train --json --batch $B
            [ "$(value scored)" = "$scored" ]
            equal loss "$loss"
        done
    done
}
