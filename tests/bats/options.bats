# ctest: tier minutes
# ctest: timeout 300
# Every option of the table, from the table: the help is made of it.
load common

setup()
{
    mkdir "$BATS_TEST_TMPDIR/work"
    cd "$BATS_TEST_TMPDIR/work"
}

# Lines "NAME VALUES" of the options that a command's help lists; where it says "0 or more", the range that the manual has in figures.
list()
{
    "$SAB" manual --json >manual.json
    "$SAB" "$1" --help | python3 -c 'import json, re, sys
ranges = {option["name"]: option["values"] for option in json.load(open("manual.json"))["options"]}
for name, values, more in re.findall(r"^  --([A-Za-z0-9-]+) (\S+)( or more)?", sys.stdin.read(), re.M):
    print(name, ranges[name] if more else values)'
}

@test "bad values of every option name the value and the legal range" {
    count=0
    while read -r name values; do
        case $values in
        TEXT | FILE | key=value) continue ;;
        *..*)
            low=${values%%..*} high=${values##*..}
            bad=("" x 1x 0x10 nan inf -inf 1e999 "$low$low$low.5z" "-1$high" "${high}0" "1 ")
            ;;
        *) bad=("" x "${values%%|*}x" 0 1 "${values^^}") ;;
        esac
        for value in "${bad[@]}"; do
            case $value in # a 0 after a fraction changes nothing
            *.*0) continue ;;
            esac
            sab train copy --dry-run "--$name=$value"
            fails 2 "--$name" "\"$value\"" || { echo "for --$name=$value"; return 1; }
        done
        count=$((count + 1))
    done < <(list train)
    echo "$count options"
    [ "$count" -ge 40 ]
}

@test "the ends of each range of whole numbers are legal, what lies beyond is not" {
    count=0
    while read -r name values; do
        [[ $values =~ ^([0-9]+)\.\.([0-9]+)$ ]] || continue
        low=${BASH_REMATCH[1]} high=${BASH_REMATCH[2]}
        # The ends are read by a command that makes nothing of them.
        sab train copy --help "--$name=$low"
        [ "$status" = 0 ]
        sab train copy --dry-run "--$name=$((low - 1))"
        fails 2 "--$name" "$low" "$high"
        sab train copy --dry-run "--$name=$((high + 1))"
        fails 2 "--$name" "$low" "$high"
        count=$((count + 1))
    done < <(list train)
    [ "$count" -ge 15 ]
}

@test "every choice and switch is taken, in every spelling of an option" {
    for option in --cell=gru '--cell rnn' '--set cell=lstm' '--score dot' '--score release2019' '--sparsifier relu' \
        '--mental-updates off' '--set mental_updates=off' '--credit bptt' '--credit tbptt' '--credit attention' \
        '--write state' '--optimizer sgd' '--schedule cosine' '--recompute on' '--forward dense --backward dense'; do
        # shellcheck disable=SC2086
        sab train copy --hidden 4 --dry-run $option
        [ "$status" = 0 ] || { echo "$option: $stderr"; return 1; }
    done
}

@test "bad values of the other commands' own options" {
    for line in 'check-grad --I 0' 'check-grad --O x' 'check-grad --loss l1' 'check-grad --input text' \
        'check-grad --ragged yes' 'check-grad --param-scale -1' 'check-grad --samples -1' 'check-grad --tolerance 2' \
        'recall r --sequences 0' 'recall r --layer 17' 'recall r --rows none' 'recall r --value x' \
        'eval r --eval-size -1' 'eval r --split all' 'eval r --batch 0' 'eval r --T 0' 'eval r --T 10,,20' 'eval r --T 10,x' \
        'eval r --threads 4097' 'recall r --T -5' 'recall r --out map.gif'; do
        # shellcheck disable=SC2086
        sab $line
        option=$(echo "$line" | grep -o -e '--[A-Za-z-]*')
        fails 2 "$option" || { echo "for: $line"; return 1; }
    done
}

@test "combinations that make no sense" {
    sab train copy --dry-run --backward dense
    fails 2 '--backward dense' '--forward dense'
    sab train copy --dry-run --momentum 0.9
    fails 2 '--momentum' 'sgd'
    sab train copy --dry-run --stop-at speed=3
    fails 2 '--stop-at' 'speed=3' 'measured by loss, accuracy,'
    sab train copy --dry-run --stop-at speed
    fails 2 '--stop-at' 'accuracy=0.99'
    sab train copy --dry-run --stop-at accuracy=1.5
    fails 2 '--stop-at' 'is in 0..1'
    sab train copy --dry-run --best auc
    fails 2 '--best auc' 'not measured by auc' balanced_accuracy
    sab train adding --dry-run --best f1
    fails 2 '--best f1' 'loss, mse, rmse, mae'
    sab train copy --quiet --stop-at mse=3 --out run
    fails 2 '--stop-at' 'copy'
    [ ! -e run ]
    sab train copy --task adding --dry-run
    fails 2 copy adding
    sab train copy --set hidden
    fails 2 '--set' '"hidden"' 'key=value'
    sab train copy --set hiden=3
    fails 2 'hiden' 'did you mean --hidden'
    sab train cue --T 1 --dry-run
    fails 2 '--T' '1' 'at least 2'
}

@test "a configuration file, and options on top of it" {
    echo '{"task": "cue", "hidden": 12, "cell": "gru", "recompute": true}' >config.json
    sab train --config config.json --hidden 24 --dry-run
    [ "$status" = 0 ]
    has 'task         cue' 'gru, 1 layer of 24'
    sab train --hidden 24 --config config.json --dry-run
    has 'gru, 1 layer of 24'
}

@test "bad configuration files name the file and the key" {
    for pair in '{"hiden": 8}=hiden' '{"hidden": 0}=1..16384' '{"hidden": "8"}=hidden' '{"T": 8, "T": 9}=T' \
        '[1]=object' '{"hidden": 8=JSON' '=JSON' '{"cell": "gur"}=gur' '{"mental_updates": "on"}=mental_updates'; do
        printf '%s' "${pair%=*}" >config.json
        sab train copy --config config.json --dry-run
        fails 1 config.json "${pair##*=}" || { echo "for: $pair"; return 1; }
    done
    sab train copy --config nowhere.json --dry-run
    fails 1 nowhere.json
    sab train copy --config . --dry-run
    fails 1 .
}

@test "a dry run says what would be done and does nothing" {
    sab train copy --T 100 --hidden 128 --dry-run
    [ "$status" = 0 ]
    has 'sequences of 120 steps' 'parameters' '64 sequences' 'MiB' 'runs/copy-sab-s1'
    [ -z "$(ls)" ]
    sab train copy --T 100 --hidden 128 --dry-run --json
    keys task parameters steps sequence_steps batch activations_bytes weights_bytes gradients_bytes out version
    # LSTM 4 x 128 x (10 + 128 + 2), W1 W2 2 x 128^2, w3 128, V1 V2 2 x 128 x 9, b 9
    [ "$(value parameters)" = $((4 * 128 * 140 + 2 * 128 * 128 + 128 + 2 * 128 * 9 + 9)) ]
    [ "$(value sequence_steps)" = 120 ]
    [ -z "$(ls)" ]
}

@test "a dry run of what no machine can hold answers at once, and counts rightly" {
    for H in 192 193 1000 16384; do
        sab train copy --hidden $H --layers 2 --dry-run --json
        if [ $H = 16384 ] && [ "$status" != 0 ]; then # some 25 GiB
            fails 1 memory
            continue
        fi
        [ "$status" = 0 ]
        # two LSTMs, of 10 symbols and of H values; in each W1, W2 and w3; V1, V2, b
        cells=$((4 * H * (10 + H + 2) + 4 * H * (H + H + 2)))
        [ "$(value parameters)" = $((cells + 2 * (2 * H * H + H) + 2 * H * 9 + 9)) ]
    done
    sab train copy --T 100000000 --dry-run
    fails 1 'this training needs' memory
}

@test "presets: listed, applied, overridden by the command line, not mixed with a run or another task" {
    sab train --presets
    [ "$status" = 0 ]
    has 'copy-100' 'pmnist' 'seen' 'recalled'
    sab train --presets --json
    keys presets
    sab train --preset copy-200 --dry-run
    [ "$status" = 0 ]
    has 'T = 200' 'k-top 10' 'k-trunc 10'
    sab train copy --k-top 3 --preset copy-200 --T 250 --dry-run
    [ "$status" = 0 ]
    has 'T = 250' 'k-top 3' 'k-trunc 10'
    sab train --preset copy-20
    fails 2 'did you mean "copy-200"'
    sab train adding --preset copy-100
    fails 2 'both copy and adding'
    sab train --preset copy-100 --resume "$BATS_TEST_TMPDIR"
    fails 2 '--resume' '--preset'
    sab eval x --preset copy-100
    fails 2 'unknown option --preset'
}

@test "an option that another one's value makes idle is warned of" {
    tiny='--T 4 --hidden 4 --batch 2 --steps 2 --eval-size 2 --warmup 0 --curriculum 0'
    n=0
    while read -r wanted options; do
        # shellcheck disable=SC2086
        sab train copy $tiny $options --out "$BATS_TEST_TMPDIR/run$((n += 1))"
        [ "$status" = 0 ]
        case $wanted in
        idle) [[ $stderr == *"warning: ${options%% *}"*" does nothing with "* ]] || { echo "$options: $stderr"; return 1; } ;;
        used) [[ $stderr != *warning* ]] || { echo "$options: $stderr"; return 1; } ;;
        esac
    done <<'END'
idle --lr-decay 0.1
idle --lr-every 5 --schedule constant
idle --lr-final 0.5 --schedule step
idle --eps 1e-3 --optimizer sgd
idle --beta1 0.5 --optimizer sgd
idle --beta2 0.5 --optimizer sgd
idle --pool mean
idle --pool attention --k-att 1
used --pool mean --k-att 2
used --lr-decay 0.1 --schedule step
used --lr-final 0.5
used --beta1 0.5 --eps 1e-3
END
    seq 1 60 | awk '{print $1 % 7 "," $1 % 11}' >"$BATS_TEST_TMPDIR/table.csv"
    sab train csv --data "$BATS_TEST_TMPDIR/table.csv" --T 4 --hidden 4 --batch 2 --steps 2 --settings fixed --quantiles 0.1,0.5,0.9 \
        --out "$BATS_TEST_TMPDIR/csv"
    [[ $stderr == *'warning: --quantiles does nothing without --loss quantile'* ]]
}

@test "a run that ends before its sequences have grown or its rate has risen is warned of, unless --quiet" {
    sab train copy --T 20 --hidden 4 --batch 2 --steps 5 --eval-size 4 --out "$BATS_TEST_TMPDIR/short"
    [ "$status" = 0 ]
    [[ $stderr == *'warning: with --steps 5 and --curriculum 1000 no training sequence reaches T = 20'* ]]
    [[ $stderr == *'warning: with --steps 5 and --warmup 200 the learning rate never reaches --lr'* ]]
    sab train copy --T 20 --hidden 4 --batch 2 --steps 5 --eval-size 4 --curriculum 4 --warmup 4 \
        --out "$BATS_TEST_TMPDIR/full"
    [ "$status" = 0 ]
    [[ $stderr != *warning* ]]
    sab train copy --T 20 --hidden 4 --batch 2 --steps 5 --eval-size 4 --quiet --out "$BATS_TEST_TMPDIR/quiet"
    [ "$status" = 0 ]
    [ -z "$stderr" ]
}

@test "reads of lower layers that reach nothing are warned of" {
    local brief=(--T 20 --hidden 4 --batch 2 --steps 1 --eval-size 4 --curriculum 0 --warmup 0) reads options
    while read -r reads options; do
        # shellcheck disable=SC2086 # several
        sab train copy "${brief[@]}" $options --out "$BATS_TEST_TMPDIR/$reads-$((++n))"
        [ "$status" = 0 ]
        case $reads in
        lost) [[ $stderr == *'warning: with --read-gain 0 what the top layer recalls reaches the outputs; what the layers below'* ]] ;;
        used) [[ $stderr != *'with --read-gain 0'* ]] ;;
        esac
    done <<'END'
lost --layers 2 --read-gain 0
lost --layers 3 --read-gain 0 --credit attention
used --layers 1 --read-gain 0
used --layers 2 --read-gain 0.1
used --layers 2 --read-gain 0 --k-top 0
used --layers 2 --read-gain 0 --credit bptt
END
}

@test "one read whose score cannot be trained is warned of, and only that" {
    local brief=(--T 20 --hidden 4 --batch 2 --steps 1 --eval-size 4 --curriculum 0 --warmup 0 --k-top 1)
    sab train copy "${brief[@]}" --out "$BATS_TEST_TMPDIR/softmax"
    [ "$status" = 0 ]
    [[ $stderr == *'warning: with --k-top 1 the one memory recalled has weight 1'*'--sparsifier relu with a --read-floor'* ]]
    sab train copy "${brief[@]}" --sparsifier relu --read-floor 0 --out "$BATS_TEST_TMPDIR/relu-0"
    [[ $stderr == *'warning: with --k-top 1 the one memory recalled has weight 1'* ]]
    sab train copy "${brief[@]}" --sparsifier release2019 --out "$BATS_TEST_TMPDIR/release"
    [[ $stderr == *'warning: --sparsifier release2019 keeps k-top - 1 memories'* ]]
    sab train copy "${brief[@]}" --sparsifier relu --read-floor 2 --out "$BATS_TEST_TMPDIR/relu-2"
    [[ $stderr != *warning* ]]
    sab train copy "${brief[@]}" --credit tbptt --out "$BATS_TEST_TMPDIR/tbptt"
    [[ $stderr != *'warning: with --k-top 1'* ]]
    sab train copy "${brief[@]}" --forward dense --out "$BATS_TEST_TMPDIR/dense"
    [[ $stderr != *'warning: with --k-top 1'* ]]
}

@test "options that the task does not look at are warned of, in one line, unless they say no" {
    awk 'BEGIN { for (t = 0; t < 2000; t++) print t % 7 "," t % 5 }' >"$BATS_TEST_TMPDIR/a.csv"
    few="--data $BATS_TEST_TMPDIR/a.csv --T 20 --hidden 4 --batch 2 --steps 1 --warmup 0"
    # shellcheck disable=SC2086
    sab train csv $few --fixed 10 --curriculum 10 --by pixel --out "$BATS_TEST_TMPDIR/one"
    [ "$status" = 0 ]
    [ "$(printf '%s\n' "$stderr" | grep -c warning)" = 1 ]
    [[ $stderr == *'warning: the task csv does not look at --curriculum, --fixed, --by'* ]]
    # shellcheck disable=SC2086
    sab train csv $few --fixed 0 --curriculum 0 --grey off --out "$BATS_TEST_TMPDIR/two"
    [ "$status" = 0 ]
    [[ $stderr != *warning* ]]
}

@test "options that the model does not look at are warned of" {
    few="--T 5 --hidden 8 --batch 2 --steps 1 --warmup 0 --curriculum 0"
    # shellcheck disable=SC2086
    sab train copy $few --model transformer --cell gru --k-top 3 --mental-updates off --out "$BATS_TEST_TMPDIR/one"
    [ "$status" = 0 ]
    [[ $stderr == *'warning: --model transformer does not look at --cell, --k-top'$'\n'* ]]
    # shellcheck disable=SC2086
    sab train copy $few --heads 2 --k-top 3 --out "$BATS_TEST_TMPDIR/two"
    [ "$(printf '%s\n' "$stderr" | grep warning)" = 'warning: --model recurrent does not look at --heads' ]
}
