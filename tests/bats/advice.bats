# ctest: tier seconds
# Advice in a message can be taken: it is for this task and command, not taken already, and refused by no other option.
load common

setup()
{
    cd "$BATS_TEST_TMPDIR"
    small=(--hidden 8 --batch 4 --steps 2 --warmup 1 --threads 1 --quiet)
    awk 'BEGIN { print "day,load,shop,state"; for (t = 0; t < 300; t++)
        printf "2024-%02d-%02d,%d.5,%s,%d\n", 1 + t / 28, 1 + t % 28, t % 9, t % 2 ? "a" : "b", t % 3 }' >days.csv
}

# lacks TEXT...: what the last run said holds none of these.
lacks()
{
    local text
    for text in "$@"; do
        if [[ $stderr$output == *"$text"* ]]; then
            echo "\"$text\" is in: $output$stderr"
            return 1
        fi
    done
}

# numbers FOLDER X Y: x [N,T,1] of floats and y [N] of whole numbers, from two lists of Python, in a folder.
numbers()
{
    mkdir -p "$1"
    python3 - "$@" <<'END'
import struct, sys
folder, x, y = sys.argv[1], eval(sys.argv[2]), eval(sys.argv[3])
def save(name, type, shape, values, letter):
    header = repr({"descr": type, "fortran_order": False, "shape": shape}).encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    open(f"{folder}/{name}.npy", "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
                                             + struct.pack(f"<{len(values)}{letter}", *values))
save("x", "<f8", (len(x), len(x[0]), 1), [v for row in x for v in row], "d")
if y and isinstance(y[0], int):
    save("y", "<i8", (len(y),), y, "q")
else:
    save("y", "<f8", (len(y), 1), y, "d")
END
}

@test "files that are predicted: no option that sab predict does not take" {
    sab train csv --data days.csv --time day --gaps keep --inputs load --T 7 "${small[@]}" --out run
    [ "$status" = 0 ]
    { cat days.csv; tail -n 3 days.csv; } >twice.csv
    sab predict run --data twice.csv
    fails 1 '--duplicates first' 'the model was trained on one series'
    lacks --series
    sed '5s/2024-01-04/4.1.2024/' days.csv >other.csv
    sab predict run --data other.csv
    fails 1 'line 5, column "day": "4.1.2024" is not a time written as 1970-01-01, as in training'
    # where no value may be missing, gaps cannot be filled
    run --separate-stderr "$SAB" predict run --gaps error --stream < <(printf 'day,load\n2024-01-01,1\n2024-01-03,1\n')
    [[ $stderr == *'--gaps keep takes lines as they follow'* ]]
    lacks fill
    # a report opens files, too
    sab report run --data twice.csv --duplicates first --gaps keep --out page.html --quiet
    [ "$status" = 0 ]
}

@test "arrays have no --missing, --T or --series" {
    numbers tiny '[[t % 3 + n for t in range(5)] for n in range(40)]' '[n % 2 for n in range(40)]'
    sab train npy --data tiny "${small[@]}" --out run
    [ "$status" = 0 ]
    run --separate-stderr "$SAB" predict run --stream < <(printf '1\n""\n')
    [ "$status" = 1 ]
    [[ $stderr == *'line 2, column 1: the cell is empty, a number is expected; fill it or remove the row'* ]]
    sab train npy --data tiny --settings fixed --hidden 16384 --layers 16 --dry-run
    fails 1 'GiB of memory' 'a smaller --batch or --hidden needs less'
    sab train npy --data tiny --settings fixed --hidden 16384 --layers 16 --batch 1 --dry-run
    fails 1 'GiB of memory' 'a smaller --hidden needs less'
}

@test "whole numbers are not called values where classes are asked for" {
    numbers sorted '[[t % 3 + n for t in range(5)] for n in range(40)]' '[n // 38 for n in range(40)]'
    sab train npy --data sorted --dry-run
    fails 1 'one class only' '; for values, give --loss mse; if the file is sorted by class, shuffle it'
    sab train npy --data sorted --class-weights balanced --dry-run
    fails 1 'one class only' 'shuffle it'
    lacks --loss
    sab train csv --data days.csv --inputs load --targets state --goal step --dry-run
    has '(--loss mse takes them for values)'
    sab train csv --data days.csv --inputs load --targets state --goal step --class-weights balanced --dry-run
    [ "$status" = 0 ]
    lacks mse
    # of another file, that it is sorted is not what is wrong
    numbers three '[[t % 3 + n for t in range(5)] for n in range(40)]' '[n % 3 for n in range(40)]'
    numbers two '[[t % 3 + n for t in range(5)] for n in range(40)]' '[n % 2 for n in range(40)]'
    sab train npy --data two "${small[@]}" --out run
    sab eval run --test-data three
    fails 1 'y[2] is 2; the classes of the training part are 0..1'
    lacks shuffle
}

@test "columns: times that are inputs, texts that are none, numbers written with both signs" {
    awk 'BEGIN { print "ts,load"; for (t = 0; t < 300; t++) printf "%d,%.1f\n", 1700000000 + 60 * (t + (t > 20)), t % 9 }' >epoch.csv
    sab train csv --data epoch.csv --inputs ts,load --T 7 --dry-run
    [[ $output =~ '--time "ts", and other inputs than it' ]]
    sab train csv --data epoch.csv --time ts --inputs load --gaps keep --duplicates first --T 7 --dry-run # as it says
    [ "$status" = 0 ]
    sab train csv --data days.csv --inputs load --targets day --goal step --dry-run
    lacks '--time "day"'
    cut -d, -f3,4 days.csv >texts.csv
    sab train csv --data texts.csv --targets state --goal step --dry-run
    fails 1 '--categories makes inputs of texts'
    sab train csv --data texts.csv --targets state --goal step --categories shop --T 7 --dry-run
    [ "$status" = 0 ]
    sed 's/,/;/g; 9s/7.5/1.234,5/' days.csv | cut -d';' -f1,2 >signs.csv
    sab train csv --data signs.csv --T 7 --dry-run
    fails 1 'line 9' '"1.234,5" is not a number; --decimal-comma on and --thousands on read it'
    # categories cannot be forecast
    sab train csv --data days.csv --inputs load --categories shop --targets load --T 7 "${small[@]}" --out run
    sab predict run --data days.csv --ahead 3
    fails 2 'the input "shop" is not forecast'
    lacks --targets
}

@test "texts: a model of characters cannot take bytes" {
    awk 'BEGIN { for (t = 0; t < 2000; t++) printf "%c ", 97 + t * t % 7 }' >a.txt
    { cat a.txt; printf '\377 a a a'; } >bad.txt
    sab train text --data bad.txt --T 20 --units chars --dry-run
    fails 1 '--units bytes takes any file'
    sab train text --data a.txt --units chars --T 20 "${small[@]}" --out run
    sab eval run --test-data bad.txt
    fails 1 'begins no UTF-8 character; the model was trained on characters'
}

@test "a value that stands for none: in arrays, and where a fifth of all cells hold it" {
    numbers padded '[[(t % 3 + n % 5) / 10 if t < 3 + n % 4 else -999 for t in range(8)] for n in range(60)]' '[float(n % 7) for n in range(60)]'
    sab train npy --data padded --dry-run
    has 'warning: x: the value -999, in ' 'of the deviation; if it stands for a missing value, another should stand there; if it pads sequences, `lengths` says'
    numbers answers '[[(t % 3 + n % 5) / 10 for t in range(8)] for n in range(60)]' '[1e6 if n % 9 == 2 else n % 7 / 10 for n in range(60)]'
    sab train npy --data answers --dry-run
    has 'warning: y: the value 1000000, in '
    lacks 'warning: x:'
    awk 'BEGIN { print "a,b,c"; for (t = 0; t < 300; t++) printf "%.1f,%s,%d\n", t % 9, t % 5 < 2 ? "-9999" : t % 11, t % 2 }' >holes.csv
    sab train csv --data holes.csv --T 28 --dry-run
    has 'warning: b: the value -9999, in 108 of 270 training rows, makes 100 % of the deviation; if it stands for a missing value, empty'
    sed 's/-9999//' holes.csv >empty.csv
    sab train csv --data empty.csv --missing last --T 28 --dry-run # as it says
    lacks 'of the deviation'
}

@test "a dry run of a run that is resumed: no option that is fixed by then" {
    long=(--T 2000 --k-trunc 5 --k-att 1 --k-top 5 --hidden 8 --batch 1 --eval-every 0 --threads 1 --quiet)
    sab train copy "${long[@]}" --steps 100000000 --dry-run
    has 'with --k-att '
    sab train copy "${long[@]}" --steps 1 --out long
    [ "$status" = 0 ]
    sab train --resume long --steps 100000000 --dry-run
    has ' h ' 'for the run'
    lacks '--k-att '
}
