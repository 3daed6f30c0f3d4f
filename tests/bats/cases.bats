# ctest: tier seconds
# ctest: cost 30
# What new users bring: each test is a file like one that was reported to go wrong, and says what has to come of it.
load common

setup()
{
    cd "$BATS_TEST_TMPDIR"
    small=(--T 24 --hidden 8 --batch 4 --steps 20 --warmup 2 --threads 1 --quiet)
}

# column N: of the data, below the names.
column()
{
    printf '%s\n' "$output" | tail -n +2 | cut -d, -f"$1"
}

# npy.py: writes arrays without NumPy: save(NAME, TYPE, SHAPE, NUMBERS)
numpy='
import struct
def save(name, type, shape, numbers):
    header = repr({"descr": "<" + type, "fortran_order": False, "shape": shape}).encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    data = struct.pack(f"<{len(numbers)}" + {"f8": "d", "i8": "q"}[type], *numbers)
    open(name, "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data)
'

@test "padded-with-nan: sequences end before steps of NaN, as lengths would say, and that is said" {
    mkdir nan len
    python3 -c "$numpy"'
import math
length = [15 + n % 25 for n in range(60)]
for folder in "nan", "len":
    save(folder + "/x.npy", "f8", (60, 40, 1), [math.sin(t * (1 + n % 2)) if t < length[n] else math.nan
                                                for n in range(60) for t in range(40)])
    save(folder + "/y.npy", "i8", (60,), [n % 2 for n in range(60)])
save("len/lengths.npy", "i8", (60,), length)'
    for folder in nan len; do
        sab train npy --data $folder --hidden 8 --batch 16 --steps 5 --warmup 1 --threads 1 --out run-$folder --json
        [ "$status" = 0 ]
        value weights_digest >$folder.digest
        [[ $stderr == *'sequences    60 of 15 to 39 steps'* ]]
    done
    cmp nan.digest len.digest
    sab inspect run-nan
    has '60 end before steps of NaN'
    sab inspect run-nan --json
    keys data warnings
    has '60 end before steps of NaN' 'the test part has only 3 scored answers'
}

@test "going-on-with-other-characters: the message speaks of the model's vocabulary, not of the option just given" {
    awk 'BEGIN { for (t = 0; t < 3000; t++) printf "%c ", 97 + t * t % 7 }' >a.txt
    awk 'BEGIN { for (t = 0; t < 3000; t++) printf "%c ", 97 + t * t % 11 }' >c.txt
    set -- --T 20 --k-att 5 --batch 8 --hidden 8 --steps 2 --warmup 1 --threads 1 --quiet
    sab train text --data a.txt "$@" --out run
    [ "$status" = 0 ]
    for unknown in 0 1; do
        sab train text --from run --data c.txt --unknown $unknown "$@" --out second
        fails 1 "'c.txt': line 1, column 7: \"j\" (U+006A) is not among the 5 symbols of the model's vocabulary" \
            'begin a new network'
    done
    sab eval run --test-data c.txt
    fails 1 "of the model's vocabulary"
    sab train text --data c.txt --unknown 1 "$@" --out second # what the message offers
    [ "$status" = 0 ]
    head -c 2000 a.txt >mixed.txt
    cat c.txt >>mixed.txt
    sab train text --data mixed.txt --split 0.2,0.4,0.4 "$@" --out third
    fails 1 'of the training part; training with --unknown 1'
    sab train text --data mixed.txt --split 0.2,0.4,0.4 --unknown 1 "$@" --out third
    [ "$status" = 0 ]
}

@test "dialects: separators are told from the first lines or named, and errors that rest on a guess say so" {
    table() { awk -v s="$1" -v names="$2" 'BEGIN { print names; for (t = 0; t < 300; t++) printf "d%d%s%.2f%s%.2f\n", t, s, 70 + t % 9, s, t % 7 }'; }
    { echo 'sep=;'; table ';' 'ds;y;temp'; } >sep.csv
    table , 'ds,load;kW,temp' >semicolon.csv
    table , "ds,note$(printf '\t')here,y" >tab.csv
    { echo '# station 7, exported 2024'; echo '# unit: kWh'; table , ds,y,temp; } >comment.csv
    table '|' 'ds|y|temp' >pipe.csv
    for name in sep semicolon tab pipe; do
        sab train csv --data $name.csv --T 24 --dry-run
        [ "$status" = 0 ]
        has '2 values in, 2 values out'
    done
    sab train csv --data comment.csv --T 24 --dry-run
    fails 1 'line 2 has 1 column; the first line has 2' 'a comma separates columns is a guess' '--separator' '--skip-lines 2'
    sab train csv --data comment.csv --skip-lines 2 --T 24 --dry-run
    has '2 values in, 2 values out'
    sab train csv --data semicolon.csv --separator semicolon --T 24 --dry-run
    fails 1 'line 2 has 1 column; the first line has 2'
    [[ $stderr != *guess* ]]
    # what was told in training holds for other files, unless it is told anew
    sab train csv --data comment.csv --skip-lines 2 "${small[@]}" --out run
    sab predict run --data comment.csv
    [ "$(column 1 | tail -n 1)" = 300 ]
    table ';' 'ds;y;temp' | tr . , >other.csv
    sab predict run --data other.csv --skip-lines 0 --decimal-comma on
    [ "$(column 1 | tail -n 1)" = 300 ]
    expected=$(column 2)
    run --separate-stderr "$SAB" predict run --stream --separator ';' --decimal-comma on <other.csv
    [ "$(column 1)" = "$expected" ]
}

# understood LABEL TEXT...: what --dry-run said under the label holds each TEXT.
understood() {
    local line label=$1
    line=$(printf '%s\n' "$output" | grep "^$label  *" | head -n 1)
    shift
    for text in "$@"; do
        [[ $line == *"$text"* ]] || { echo "\"$text\" is missing in: $line"; return 1; }
    done
}

@test "numbers-with-signs: what is left out is said, with a cell and why; true and false are 1 and 0" {
    awk 'BEGIN { print "Date,Price,Open,Vol.,Change %,open"
        for (t = 0; t < 300; t++) printf "d%d,\"$%.2f\",%.2f,%.2fM,0.%02d%%,%s\n", t, 1000 + t % 37, 999 + t % 9, t % 7, t % 99,
            t % 3 ? "True" : "FALSE" }' >signs.csv
    sab train csv --data signs.csv --T 24 --dry-run
    understood 'left out' 'Date (text: "d0")' 'Price (text: "$1000.00", "$" beside a number)' 'Vol. (text: "0.00M", "M"' 'Change % (text: "0.00%", "%"'
    understood inputs 'Open, open'
    has 'warning: left out, for a sign stands beside their numbers: Price ($), Vol. (M), Change % (%); take it away'
    sab train csv --data signs.csv --inputs Price --dry-run
    fails 1 'line 2, column "Price": "$1000.00" is not a number, for "$" stands beside it'
    tr -d '$M%' <signs.csv >plain.csv
    sab train csv --data plain.csv --T 24 --dry-run
    understood inputs 'Price, Open, Vol., Change, open'
    # the same as with numbers in their places
    sed 's/True$/1/; s/FALSE$/0/' plain.csv >numbers.csv
    for name in plain numbers; do
        sab train csv --data $name.csv --targets Open "${small[@]}" --json --out run-$name
        value weights_digest >$name.digest
    done
    cmp plain.digest numbers.digest
}

@test "counts-as-answers: that they are taken for classes is said, and --loss mse before anything else" {
    awk 'BEGIN { print "day,temp,sold"; for (t = 0; t < 400; t++) printf "x%d,%.1f,%d\n", t, t % 17, 12 + t / 10 }' >trend.csv
    set -- --data trend.csv --inputs temp --targets sold --goal step
    sab train csv "$@" --T 28 --dry-run
    fails 1 'column "sold": the class "' 'its 40 different whole numbers are taken for classes; if they are values, give --loss mse; else'
    sab train csv "$@" --T 28 --loss mse --dry-run
    understood answers 'sold for each row, as values'
    awk 'BEGIN { print "temp,sold"; for (t = 0; t < 400; t++) printf "%.1f,%d\n", t % 17, 12 + t % 7 }' >even.csv
    sab train csv --data even.csv --inputs temp --targets sold --goal step --T 28 --dry-run
    understood answers 'one of 7 classes, for all are whole numbers (--loss mse takes them for values)'
    understood classes '7; in the training part 12: 52, 13: 52, 14: 52, 15: 51'
    # many classes of few columns are measured, too
    awk 'BEGIN { print "temp,sold"; for (t = 0; t < 2000; t++) printf "%.1f,%d\n", t % 17, t * 7 % 90 }' >many.csv
    sab train csv --data many.csv --inputs temp --targets sold --goal step "${small[@]}" --out many
    [ "$status" = 0 ]
    sab eval many --json
    [ "$(grep -o '"recall"' <<<"$output" | wc -l)" = 90 ]
}

@test "index-and-epochs-as-values: what counts up or is a time is named and not forecast, unless it is asked for" {
    awk 'BEGIN { print ",sold,temp"; for (t = 0; t < 300; t++) printf "%d,%d,%.1f\n", t, t % 40, t % 9 }' >index.csv
    awk 'BEGIN { print "ts,load"; for (t = 0; t < 300; t++) printf "%d,%.1f\n", 1700000000 + 60 * t, t % 9 }' >epoch.csv
    awk 'BEGIN { print "2019,2020,2021"; for (t = 0; t < 300; t++) printf "%.1f,%.1f,%.1f\n", t % 9, t % 7, t % 5 }' >years.csv
    sab train csv --data index.csv --T 28 --dry-run
    understood 'left out' 'column 1 (counts up by 1)'
    understood targets 'sold, temp, 1 row ahead'
    sab train csv --data epoch.csv --T 28 --dry-run
    understood 'left out' 'ts (times: "1700000000")'
    understood inputs load
    sab train csv --data epoch.csv --inputs ts,load --T 28 --dry-run
    understood inputs 'ts, load'
    has 'warning: read as values: ts (times: "1700000000"); what only goes up leaves the range that is learned'
    sab train csv --data years.csv --T 28 --dry-run
    understood file 'line 1 names them'
    understood inputs '2019, 2020, 2021'
    sab train csv --data epoch.csv --time ts --calendar minute,hour --T 28 --dry-run
    understood times '1700000000 to 1700017940, in steps of 1 minute'
    understood inputs 'load; sine and cosine of minute, hour'
    tail -n +2 years.csv >bare.csv
    sab train csv --data bare.csv --T 28 --dry-run
    understood file 'line 1 is the first row, without names'
}

@test "a value that stands for none is told by what it does to the deviation" {
    awk 'BEGIN { print "a,b,c"; for (t = 0; t < 300; t++) printf "%.1f,%s,%d\n", t % 9, t % 100 == 7 ? "-9999" : t % 11, t % 100 == 3 }' >holes.csv
    sab train csv --data holes.csv --T 28 --dry-run
    has 'warning: b: the value -9999, in 3 of 270 training rows, makes 100 % of the deviation'
    [ "$(printf '%s\n' "$output" | grep -c 'of the deviation')" = 1 ] # the rare 1 of c is no such thing
}

@test "newest-first: rows that run backwards are warned of, and --time puts them in order" {
    awk 'BEGIN { print "Date,Close"; for (t = 299; t >= 0; t--) printf "2020-%02d-%02d,%.2f\n", 1 + t / 28, 1 + t % 28, 50 + t % 9 }' >newest.csv
    { head -n 1 newest.csv; tail -n +2 newest.csv | tac; } >oldest.csv
    sab train csv --data newest.csv --T 24 --dry-run
    has 'warning: Date holds times that run backwards, the newest row first' '--time "Date" puts the rows in order'
    for name in newest oldest; do
        sab train csv --data $name.csv --time Date --gaps keep "${small[@]}" --json --out $name
        [ "$status" = 0 ]
        value weights_digest >$name.digest
        sab predict $name --data $name.csv
        printf '%s\n' "$output" | cut -d, -f2- >$name.out # row numbers are those of the file
    done
    cmp newest.digest oldest.digest
    cmp newest.out oldest.out
    [ "$(sed -n 2p newest.out | cut -d, -f1)" = 2020-01-01 ]
    sab inspect newest
    has 'rows that do not go forward in time were put in order, the first in line 3'
}

# hourly load without weekends, three days missing, one hour three times
hourly() {
    python3 -c '
import datetime, math
print("time,load,temp")
for hour in range(900):
    time = datetime.datetime(2024, 1, 1) + datetime.timedelta(hours=hour)
    if time.weekday() > 4 or 16 <= time.day <= 18:
        continue
    for _ in range(3 if hour == 250 else 1):
        print(f"{time:%Y-%m-%d %H:%M},{50 + 10 * math.sin(hour / 3.8):.2f},{hour % 11}")'
}

@test "gaps-and-doubles-in-time: they are told with their lines, and what to do is a choice" {
    hourly >gaps.csv
    sab train csv --data gaps.csv --T 24 --dry-run
    has 'warning: time holds times that are not one step after the other; line 205 has the time of the line before; before line 122, from 2024-01-05 23:00 to 2024-01-08 00:00'
    sab train csv --data gaps.csv --time time --T 24 --dry-run
    fails 1 'line 205, column "time": another row has the time 2024-01-11 10:00, too; there are 2 such rows; --duplicates'
    sab train csv --data gaps.csv --time time --duplicates first --T 24 --dry-run
    fails 1 'line 122, column "time": 2024-01-08 00:00 follows on 2024-01-05 23:00, where the step is 1 hour; 6 such gaps, of 312 steps'
    sab train csv --data gaps.csv --time time --duplicates first --gaps keep --T 24 --dry-run
    understood times '2024-01-01 00:00 to 2024-02-07 11:00, in steps of 1 hour; 6 gaps, the first before line 122: rows follow'
    sab train csv --data gaps.csv --time time --duplicates first --gaps fill --T 24 --dry-run
    fails 2 '--gaps fill needs --missing last or mask'
    sab train csv --data gaps.csv --time time --duplicates first --gaps fill --missing mask --calendar hour --T 24 --dry-run
    has '6 values in, 2 values out' '312 rows were added where times were missing'
    understood missing '624 cells'
}

@test "gaps-and-doubles-in-time: predictions carry the time; from lines as from a file, also in two goes" {
    hourly | awk -F, -v OFS=, 'NR % 50 == 7 { $3 = "" } { print }' >gaps.csv
    awk -F, '!seen[$1]++' gaps.csv >once.csv
    for missing in 'last keep' 'last fill' 'mask fill' 'skip keep'; do
        # shellcheck disable=SC2086
        set -- $missing
        sab train csv --data gaps.csv --time time --duplicates first --gaps "$2" --missing "$1" --targets load --calendar hour,weekday \
            "${small[@]}" --out "run-$1-$2"
        [ "$status" = 0 ] || { echo "$stderr"; false; }
        sab predict "run-$1-$2" --data once.csv
        [ "$(head -n 1 <<<"$output")" = row,time,load+1 ]
        column 2,3 >file
        "$SAB" predict "run-$1-$2" --stream <once.csv >lines
        [ "$(head -n 1 lines)" = time,load+1 ]
        tail -n +2 lines | grep -v ',$' | cmp - file # a line that is skipped is answered with an empty cell
        [ "$(wc -l <lines)" = "$(wc -l <once.csv)" ]
        head -n 130 once.csv | "$SAB" predict "run-$1-$2" --stream --save-state state >parts
        { head -n 1 once.csv; tail -n +131 once.csv; } | "$SAB" predict "run-$1-$2" --stream --state state | tail -n +2 >>parts
        cmp parts lines
        sab eval "run-$1-$2"
        [ "$status" = 0 ]
    done
    run --separate-stderr "$SAB" predict run-last-keep --stream < <(printf 'time,load,temp\n2024-01-01 01:00,1,1\n2024-01-01 01:00,1,1\n')
    [ "$status" = 1 ]
    [[ $stderr == *'line 3: the time 2024-01-01 01:00 follows on 2024-01-01 01:00, where the step is 1 hour: lines must go forward'* ]]
    run --separate-stderr "$SAB" predict run-last-keep --gaps error --stream < <(printf 'time,load,temp\n2024-01-01 01:00,1,1\n2024-01-01 03:00,1,1\n')
    [[ $stderr == *'line 3: the time 2024-01-01 03:00 follows on 2024-01-01 01:00, where the step is 1 hour; --gaps keep takes'* ]]
}

@test "many-horizons: outputs for each, and forecasts that go on beyond the end of the file" {
    awk 'BEGIN { print "load,temp"; for (t = 0; t < 500; t++) printf "%.3f,%.3f\n", 70 + 10 * sin(t / 4), 10 + 5 * cos(t / 4) }' >ab.csv
    sab train csv --data ab.csv --targets load --horizon 1-24 --T 24 --dry-run
    has '2 values in, 24 values out'
    understood targets 'load, each of 1 to 24 rows ahead'
    sab train csv --data ab.csv --targets load --horizon 1-24 "${small[@]}" --out path
    sab predict path --data ab.csv
    [ "$(head -n 1 <<<"$output")" = "row,$(seq -f 'load+%g' -s , 1 24)" ]
    last=$(tail -n 1 <<<"$output" | cut -d, -f2- | tr , '\n')
    sab predict path --data ab.csv --ahead 24
    [ "$(head -n 1 <<<"$output")" = row,load ]
    [ "$(column 2)" = "$last" ] # what the last row says of the 24 after it
    [ "$(column 1 | head -n 1)" = 501 ]
    sab predict path --data ab.csv --ahead 25
    fails 2 'the input "temp" is not forecast, so what it will be is not known; at most 24 rows ahead'
    sab train csv --data ab.csv --horizon 6 "${small[@]}" --out six
    sab predict six --data ab.csv --ahead 48
    ahead=$output
    [ "$(column 1 | tr '\n' ' ')" = "$(seq -s ' ' 501 548) " ]
    # as if the forecasts had been in the file
    { cat ab.csv; printf '%s\n' "$ahead" | tail -n +2 | cut -d, -f2,3; } >longer.csv
    sab predict six --data longer.csv
    printf '%s\n' "$output" | tail -n +496 | head -n 48 | cut -d, -f2,3 >expected
    printf '%s\n' "$ahead" | tail -n +2 | cut -d, -f2,3 | paste -d, - expected |
        awk -F, '{ d = $1 - $3; e = $2 - $4; if (d * d + e * e > 1e-6) { print; bad = 1 } } END { exit bad || NR != 48 }'
    sab predict six --ahead 3 --recorded-data
    [ "$output" = "$(head -n 4 <<<"$ahead")" ]
    "$SAB" predict six --data ab.csv --ahead 3 --format npy --output ahead.npy
    [ "$(stat -c %s ahead.npy)" = 176 ]
    sab predict six --stream --ahead 3
    fails 2 '--ahead is for files'
}

@test "many-horizons: series and times go on, too" {
    awk 'BEGIN { print "id,day,v"; for (t = 0; t < 200; t++) for (s = 0; s < 2; s++)
        printf "s%d,2024-%02d-%02d,%.2f\n", s, 1 + t / 28, 1 + t % 28, s * 10 + sin(t / 3) }' >two.csv
    sab train csv --data two.csv --series id --time day --gaps keep --calendar weekday --horizon 2 --relative on "${small[@]}" --out two
    sab predict two --data two.csv --ahead 5
    [ "$(head -n 1 <<<"$output")" = series,row,day,v ]
    [ "$(column 1,2,3 | tr '\n' ' ')" = "$(for s in 0 1; do for k in 1 2 3 4 5; do
        printf 's%d,%d,2024-08-%02d ' $s $((200 + k)) $((4 + k)); done; done)" ]
    column 1,4 | awk -F, '{ s = substr($1, 2); if ($2 < 10 * s - 5 || $2 > 10 * s + 5) { print; bad = 1 } } END { exit bad }'
}

@test "level-large-against-changes: a constant changes no metric and moves forecasts by itself" {
    for level in 0 48211000; do
        awk -v level=$level 'BEGIN { print "time,reading"; r = 904.41
            for (t = 0; t < 600; t++) { printf "2023-%05d,%d.%02d\n", t, level + int(r), int(100 * r) % 100
                r += 0.4 + 0.25 * sin(t / 4) } }' >$level.csv
        for relative in on off; do
            sab train csv --data $level.csv --relative $relative "${small[@]}" --out $level-$relative
            [ "$status" = 0 ]
        done
    done
    for relative in on off; do
        sab eval 0-$relative --json
        low=$output
        sab eval 48211000-$relative --json
        [ "${low%\"out\"*}" = "${output%\"out\"*}" ] || { echo "$low"; echo "$output"; false; }
        sab predict 0-$relative --data 0.csv
        column 2 >low
        sab predict 48211000-$relative --data 48211000.csv
        column 2 >high
        [ "$(wc -l <low)" = 600 ]
        [ "$(tail -n 3 high | sort -u | wc -l)" = 3 ]
        python3 -c '
from decimal import Decimal
for low, high in zip(open("low"), open("high")):
    assert Decimal(high) - Decimal(low) == 48211000, (low, high)'
        tail -n +2 48211000.csv | cut -d, -f2 | "$SAB" predict 48211000-$relative --stream | cmp - high
    done
}

@test "rare-class: counts, recalls and F1 are shown, a part without the class is warned of, and weights find it" {
    mkdir rare
    python3 -c "$numpy"'
import random
random.seed(1)
label = [int(n % 25 == 3 and n < 800 or n % 25 == 7 and n >= 900) for n in range(1000)]
save("rare/x.npy", "f8", (1000, 8, 1), [random.gauss(1.5 * label[n] * (t > 2), 1) for n in range(1000) for t in range(8)])
save("rare/y.npy", "i8", (1000,), label)'
    rare=(--data rare --split 0.8,0.1,0.1 --hidden 8 --batch 32 --steps 300 --warmup 20 --input-scale 1 --lr 0.01 --clip 1 --threads 1)
    sab train npy "${rare[@]}" --class-weights balanced --dry-run
    has '2; in the training part 0: 768, 1: 32' 'of classes, in the loss of training alone: 0: 0.5208, 1: 12.5' \
        'warning: the validation part has no answer of the class 1'
    sab train npy "${rare[@]}" --split 0.7,0.1,0.2 --class-weights balanced --out weighed
    [ "$status" = 0 ]
    [[ $stderr == *'by balanced_accuracy on the validation data'* ]]
    sab inspect weighed
    has 'of classes, in the loss of training alone: 0: 0.5208'
    sab eval weighed
    has 'class                 count     recall  precision         F1' 'mean recall (balanced accuracy)' 'commonest answer'
    sab eval weighed --json
    keys classes f1 balanced_accuracy base_accuracy
    python3 -c 'import json, sys
least = json.loads(sys.argv[1])["least_recall"]
sys.exit(f"least recall {least}" if least <= 0.5 else 0)' "$output"
    # the same bits on other threads, and when interrupted and resumed
    rare+=(--split 0.7,0.1,0.2 --class-weights 1,24 --schedule constant --quiet --json)
    sab train npy "${rare[@]}" --steps 60 --out whole
    value weights_digest >whole.digest
    sab train npy "${rare[@]}" --steps 20 --out parts
    sab train --resume parts --steps 60 --threads 3 --quiet --json
    value weights_digest | cmp - whole.digest
    sab train npy "${rare[@]}" --class-weights 1,2,3 --dry-run
    fails 2 '--class-weights 1,2,3: a list of 3 for 2 classes; one number is needed for each, in this order: 0, 1'
    sab train npy "${rare[@]}" --class-weights balanced --device host --dry-run
    fails 2 '--class-weights balanced: --device host cannot weigh classes'
}

@test "quantiles: a column for each, in their order, and what share of the values is not above them" {
    awk 'BEGIN { srand(2); print "load,temp"; for (t = 0; t < 1200; t++)
        printf "%.3f,%.3f\n", 70 + 10 * sin(t / 4) + (rand() + rand() + rand() - 1.5) * 4, 10 + 5 * cos(t / 4) }' >q.csv
    wave=(--data q.csv --targets load --loss quantile --T 24 --hidden 8 --batch 8 --steps 200 --warmup 5 --lr 0.01 --clip 1
        --input-scale 1 --split 0.6,0.1,0.3 --threads 1 --quiet)
    sab train csv "${wave[@]}" --horizon 1,6 --quantiles 0.1,0.5,0.9 --dry-run
    understood targets 'load, 1, 6 rows ahead, learned as changes from the present, of each the quantiles 0.1,0.5,0.9'
    has '2 values in, 6 quantiles out'
    for relative in on off; do
        sab train csv "${wave[@]}" --horizon 1,6 --relative $relative --out $relative
        [ "$status" = 0 ]
        sab predict $relative --data q.csv
        [ "$(head -n 1 <<<"$output")" = row,load+1_q0.1,load+1_q0.5,load+1_q0.9,load+6_q0.1,load+6_q0.5,load+6_q0.9 ]
        column 2-7 >answers
        awk -F, '$1 > $2 || $2 > $3 || $4 > $5 || $5 > $6 { print; bad = 1 } END { exit bad || NR != 1200 }' answers
        "$SAB" predict $relative --stream <q.csv | tail -n +2 | cmp - answers
        sab eval $relative
        has 'share of values that are not above the quantile' 'between the lowest and the highest:' '(they say 80.0 %)'
        sab eval $relative --json
        python3 -c 'import json, sys
e = json.loads(sys.argv[1])
q = e["targets"][1]["quantiles"]
assert [t["name"] for t in e["targets"]] == ["load+1", "load+6"] and [one["level"] for one in q] == [0.1, 0.5, 0.9], q
assert q[0]["not_above"] < 0.3 and 0.3 < q[1]["not_above"] < 0.7 < q[2]["not_above"], q
assert 0.6 < e["coverage"] < 0.95 and e["rmse"] < 3, e' "$output"
        sab predict $relative --data q.csv --ahead 6
        [ "$(column 2 | tail -n 1)" = "$(tail -n 1 answers | cut -d, -f5)" ] # the median is the forecast
    done
    # the same bits in two goes and on other threads
    wave+=(--schedule constant --json)
    sab train csv "${wave[@]}" --out whole
    value weights_digest >digest
    sab train csv "${wave[@]}" --steps 50 --out parts
    sab train --resume parts --steps 200 --threads 3 --quiet --json
    value weights_digest | cmp - digest
    sab train csv "${wave[@]}" --quantiles 0.1,0.9 --dry-run
    fails 2 '--quantiles 0.1,0.9 lacks 0.5: the median is the forecast'
    sab train csv "${wave[@]}" --quantiles 0.9,0.5 --dry-run
    fails 2 '--quantiles "0.9,0.5" is not a list of at most 99 numbers between 0 and 1 in ascending order'
    sab train csv "${wave[@]}" --device host --out device
    fails 2 '--device host: --loss quantile runs on the processor only'
    # arrays
    mkdir arrays
    python3 -c "$numpy"'
import random
random.seed(3)
x = [random.gauss(0, 1) for n in range(200 * 5)]
save("arrays/x.npy", "f8", (200, 5, 1), x)
save("arrays/y.npy", "f8", (200, 2), [v for n in range(200) for v in (10 * x[5 * n + 4] + random.gauss(0, 1), 3 * x[5 * n + 3])])'
    sab train npy --data arrays --loss quantile --quantiles 0.25,0.5 "${small[@]:2}" --out arrays-run
    [ "$status" = 0 ]
    sab predict arrays-run
    [ "$(head -n 1 <<<"$output")" = sequence,y0_q0.25,y0_q0.5,y1_q0.25,y1_q0.5 ]
    sab eval arrays-run --json
    keys targets coverage
}

@test "a season: evaluations compare with the value of a cycle before; recall maps of tables say when" {
    awk 'BEGIN { print "day,v"; for (t = 0; t < 400; t++) printf "2024-%02d-%02dT%02d:00,%d\n", 1 + t / 600, 1 + t / 24, t % 24, (t % 7) * (t % 7) }' >week.csv
    sab train csv --data week.csv --time day --horizon 1,9 --season 7 --split 0.5,0.25,0.25 "${small[@]}" --out week
    [ "$status" = 0 ]
    sab eval week
    has 'a season before'
    sab eval week --json
    python3 -c 'import json, sys
e = json.loads(sys.argv[1])
assert e["season_value_mse"] == 0 and e["last_value_mse"] > 0.5, e
assert [t["season_value_rmse"] for t in e["targets"]] == [0, 0], e' "$output" # the cycle is exact, also 9 rows ahead
    sab eval week --season 1 --json
    python3 -c 'import json, sys
e = json.loads(sys.argv[1])
assert e["season_value_mse"] == e["last_value_mse"] > 0.5, e' "$output" # a cycle of one row is the last value
    sab eval week --season 5 --json
    python3 -c 'import json, sys
v = [(t % 7) ** 2 for t in range(400)]
rows = range(299, 400 - 9) # the target of 299 is the first of the part
error = sum((v[t + 1] - v[t - 4]) ** 2 for t in rows) / len(rows)
e = json.loads(sys.argv[1])
assert abs(e["targets"][0]["season_value_rmse"] - error ** 0.5) < 1e-9, (e["targets"], error)' "$output"
    sab recall week --sequences 1 --csv map.csv --quiet
    [ "$(head -n 1 map.csv)" = sequence,layer,t,when,alpha,flow,lag,time,when_time ]
    python3 -c '
import csv, datetime
rows = list(csv.DictReader(open("map.csv")))
assert rows
for row in rows:
    at, when = (datetime.datetime.fromisoformat(row[name]) for name in ("time", "when_time"))
    assert int(row["lag"]) == int(row["t"]) - int(row["when"]) == (at - when).total_seconds() / 3600, row'
    tail -n +2 week.csv | cut -d, -f2 >plain.csv
    sab train csv --data plain.csv "${small[@]}" --out plain
    sab recall plain --csv map.csv --quiet
    awk -F, 'NR == 1 { bad = $8 != "row" || $9 != "when_row" } NR > 1 && $8 - $9 != $7 { bad = 1 } END { exit bad || NR < 2 }' map.csv
}

@test "categories: texts are inputs, as columns of 0 and 1 would be; what training never saw has none" {
    awk 'BEGIN { srand(4); split("north south east", r, " "); print "region,temp,sold"; for (t = 0; t < 600; t++) {
        k = int(rand() * 3) + 1; x = rand() * 4; printf "%s,%.3f,%.3f\n", r[k], x, 2 * x + k * k } }' >texts.csv
    names=$(tail -n +2 texts.csv | cut -d, -f1 | awk '!seen[$0]++' | tr '\n' ' ')
    awk -F, -v OFS=, -v names="$names" 'BEGIN { n = split(names, r, " "); print "temp,sold,a,b,c" }
        NR > 1 { print $2, $3, $1 == r[1], $1 == r[2], $1 == r[3] }' texts.csv >numbers.csv
    shop=(--goal step --targets sold --standardise off --steps 100 --lr 0.01 --T 24 --hidden 8 --batch 4 --warmup 2 --threads 1 --quiet --json)
    sab train csv --data texts.csv --inputs temp --categories region "${shop[@]}" --out texts
    value weights_digest >digest
    sab train csv --data numbers.csv --inputs temp,a,b,c "${shop[@]}" --out numbers
    value weights_digest | cmp - digest
    sab train csv --data texts.csv --categories region "${shop[@]}" --dry-run
    sab train csv --data texts.csv --categories region --targets sold --goal step --T 24 --dry-run
    understood inputs 'temp, region (3 categories)'
    sab predict texts --data texts.csv
    column 2 >answers
    "$SAB" predict texts --stream <texts.csv | tail -n +2 | cmp - answers
    sab eval texts --data texts.csv
    [ "$status" = 0 ]
    sed 's/north/moon/' texts.csv >moon.csv
    sab predict texts --data moon.csv
    [ "$status" = 0 ]
    [ "$(column 2)" != "$(cat answers)" ]
    # texts are kept where they are missing, as values are; beyond the horizon nobody knows them
    awk -F, -v OFS=, 'NR % 7 == 3 { $1 = "" } { print }' texts.csv >holes.csv
    sab train csv --data holes.csv --categories region --targets sold --missing last --horizon 2 "${small[@]}" --out holes
    [ "$status" = 0 ]
    sab predict holes --data holes.csv
    column 2 >answers
    "$SAB" predict holes --stream <holes.csv | tail -n +2 | cmp - answers
    sab predict holes --data holes.csv --ahead 3
    fails 2 'is not forecast, so what it will be is not known; at most 2 rows ahead'
    sab train csv --data texts.csv --categories colour --dry-run
    fails 2 '--categories'
}

@test "settings: what is chosen from the data is said, kept, and gives way to what was given" {
    awk 'BEGIN { print "v,w"; for (t = 0; t < 2000; t++) printf "%.3f,%.3f\n", sin(t / 9), cos(t / 4) }' >wave.csv
    wave=(--data wave.csv --T 240 --hidden 12 --batch 4 --steps 300 --threads 1)
    sab train csv "${wave[@]}" --dry-run
    [ "$status" = 0 ]
    # the squares of two standardised inputs sum to 2: sqrt(0.04 * 3 * 12 / 2)
    has 'chosen       --input-scale 0.85: the squares of a step' '--k-trunc 50: a quarter of 240 steps' '--k-top 10: ' \
        '--read-gain 0.2: where values' '--relative on: on the training part' '--lr 0.006: ' '--warmup 100: ' '--optimizer adamw: 8 training sequences are few' \
        'learned as changes from the present'
    # state and memories go on from chunk to chunk: what holds its recalls, and is recalled, would grow for ever
    [[ $output != *--write* ]]
    awk 'BEGIN { print "s,v,c"; for (s = 0; s < 40; s++) for (t = 0; t < 160; t++) printf "%d,%.3f,%d\n", s, sin(t / (3 + s % 2)), s % 2 }' >alone.csv
    sab train csv --data alone.csv --series s --goal series --targets c --hidden 12 --dry-run
    has '--write state: sequences of 160 steps'
    sab train csv "${wave[@]}" --steps 3 --lr 0.01 --k-top 3 --clip 5 --dry-run
    [[ $output =~ '--k-att '([0-9]+)': in sequences of 240 steps' ]]
    k_att=${BASH_REMATCH[1]}
    [ $((240 % k_att)) = 0 ]
    [[ $output =~ '--key-scale '([0-9]+)':' ]]
    key_scale=${BASH_REMATCH[1]}
    [[ $output != *'--lr'* && $output != *'--k-top'* && $output != *'--clip'* ]]
    sab train csv "${wave[@]}" --steps 3 --lr 0.01 --k-top 3 --clip 5 --quiet --json --threads 3 --out auto
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    value weights_digest >digest
    # the same, all given
    given=(--input-scale 0.85 --k-trunc 50 --k-att "$k_att" --key-scale "$key_scale" --read-gain 0.2 --relative on --optimizer adamw
        --weight-decay 0.1 --average 0.98 --warmup 100)
    sab train csv "${wave[@]}" --settings fixed "${given[@]}" --steps 3 --lr 0.01 --k-top 3 --clip 5 --quiet --json --out hand
    value weights_digest | cmp - digest
    # what was chosen is the run's: it goes on, and is measured, as if it had been given
    sab train csv "${wave[@]}" --settings fixed "${given[@]}" --steps 6 --lr 0.01 --k-top 3 --clip 5 --schedule constant --quiet --json --out whole
    value weights_digest >digest
    sab train csv "${wave[@]}" --lr 0.01 --k-top 3 --clip 5 --schedule constant --steps 3 --quiet --out parts
    sab train --resume parts --steps 6 --quiet --json
    value weights_digest | cmp - digest
    sab eval auto
    [ "$status" = 0 ]
    has 'last value'
    # changes are learned where the present and what is ahead go together: not half a wave later
    awk 'BEGIN { print "v"; for (t = 0; t < 2000; t++) printf "%.3f\n", sin(t / 9) + (t % 5) / 20 }' >one.csv
    for horizon in 10 28; do
        sab train csv --data one.csv --T 48 --hidden 12 --batch 4 --horizon $horizon --dry-run
        [[ $horizon = 10 && $output == *'--relative on'* ]] || [[ $horizon = 28 && $output != *'--relative on'* ]]
    done
    # short sequences that are each by themselves are one window
    awk -F, 'NR == 1 || ++rows[$1] <= 40' alone.csv >short.csv
    sab train csv --data short.csv --series s --goal series --targets c --hidden 12 --dry-run
    has '--k-trunc 40: one window: no sequence has more than 50 steps'
    # baselines get what they need
    sab train csv "${wave[@]}" --credit tbptt --dry-run
    has '--forget-bias 3: without memories'
    [[ $output != *--k-att* && $output != *--key-scale* ]]
    # texts: smaller reads; state goes on there, too
    awk 'BEGIN { for (t = 0; t < 20000; t++) printf "%c", 97 + t * t % 7 }' >letters.txt
    sab train text --data letters.txt --T 200 --hidden 12 --dry-run
    has '--read-gain 0.3: of texts' '--k-top 10: sequences of 200 steps'
    [[ $output != *--write* ]]
    # what was given before stays: presets, other runs, tasks that draw their data
    sab train csv "${wave[@]}" --from whole --dry-run
    [[ $output != *chosen* ]]
    sab train copy --dry-run
    [[ $output != *chosen* ]]
    sab train csv "${wave[@]}" --settings maybe --dry-run
    fails 2 'auto'
}

@test "settings: of a training of more than an hour the option is named that makes it short" {
    sab train copy --T 20000 --steps 100000 --dry-run
    [ "$status" = 0 ]
    [[ $output =~ 'with --k-att '[0-9]+': ' ]]
    sab train copy --steps 10 --dry-run
    [[ $output != *'with --'* ]]
}

@test "weights-from-pytorch: plain names, a prefix with fc, half precision: all are read, told, and gone on from" {
    awk 'BEGIN { print "load,temp"; for (t = 0; t < 400; t++) printf "%.2f,%.2f\n", 50 + 10 * sin(t / 4), 10 + 5 * cos(t / 4) }' >ab.csv
    python3 - <<'END'
import json, random, struct
random.seed(1)
cell = {"weight_ih_l0": (16, 2), "weight_hh_l0": (16, 4), "bias_ih_l0": (16,), "bias_hh_l0": (16,)}
def save(name, tensors, type, letter):
    header, blob = {}, b""
    for key, shape in tensors.items():
        count = 1
        for n in shape:
            count *= n
        data = struct.pack(f"<{count}{letter}", *(random.uniform(-.5, .5) for _ in range(count)))
        header[key] = {"dtype": type, "shape": list(shape), "data_offsets": [len(blob), len(blob) + len(data)]}
        blob += data
    text = json.dumps(header).encode()
    open(name + ".safetensors", "wb").write(struct.pack("<Q", len(text)) + text + blob)
save("plain", cell, "F32", "f")
save("half", cell, "F16", "e")
save("prefix", {**{"lstm." + key: shape for key, shape in cell.items()}, "fc.weight": (1, 4), "fc.bias": (1,)}, "F32", "f")
END
    for file in plain half prefix; do
        sab train csv --data ab.csv --from $file.safetensors --out never
        fails 1 'is not a model of sab (sab import makes one of'
        sab import $file.safetensors csv --data ab.csv --inputs load,temp --targets load --out $file.model
        [ "$status" = 0 ]
        [[ $output =~ 'taken  weight_ih_l0' && $output =~ 'drawn  W1_l0' ]]
        [ $file != prefix ] || has 'fc.weight, transposed'
        sab train csv --data ab.csv --inputs load,temp --targets load --hidden 4 --T 24 --batch 4 --steps 10 --warmup 2 --from $file.model \
            --quiet --out run-$file
        [ "$status" = 0 ]
    done
}

@test "a gap longer than a batch teaches nothing, and training goes on behind it, resumed in the middle to the same bits" {
    awk 'BEGIN { print "when,a"; for (i = 0; i < 900; i++) if (i < 300 || i >= 620) printf "%d,%.3f\n", 86400 * i + 1420070400, sin(i / 9) }' >gap.csv
    options="csv --data gap.csv --time when --gaps fill --missing last --settings fixed --T 10 --hidden 4 --batch 1 --schedule constant"
    # shellcheck disable=SC2086
    sab train $options --eval-every 1 --steps 60 --quiet --json --out whole
    [ "$status" = 0 ] || { echo "$stderr"; return 1; }
    keys weights_digest
    whole=$(value weights_digest)
    python3 -c 'import json
for line in open("whole/metrics.jsonl"):
    json.loads(line, parse_constant=exit)'
    # shellcheck disable=SC2086
    sab train $options --eval-every 1 --steps 47 --quiet --out part
    [ "$status" = 0 ]
    sab train --resume part --steps 60 --quiet --json
    [ "$(value weights_digest)" = "$whole" ]
}
