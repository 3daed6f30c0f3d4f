# ctest: tier seconds
# ctest: cost 12
# bench: what it says about a small network. That the numbers are right is for the reader of a quiet machine.
load common

little='--T 10 --hidden 16 --batch 16 --repeat 2'

@test "bench: lines for people" {
    # shellcheck disable=SC2086
    sab bench $little --scaling --stream --memories 20
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    has 'machine ' 'GFLOP/s' 'update ' 'median of 2' 'bound ' ' reached' 'memory ' 'phase ' 'scores of memories ' "weights' gradient " 'idle ' \
        'threads ' 'no attention' '20 memories'
    # A share above 100 % was printed as if it were one (793 %): of bytes, for which there is no one limit, and on a busy machine.
    printf '%s' "$output" | python3 -c '
import re, sys
text = sys.stdin.read()
assert not re.search(r"GB/s +[0-9]+ %", text), text
above = [line for line in text.splitlines() if re.search(r"/s +(1[1-9][0-9]|[2-9][0-9][0-9]|[0-9]{4,}) %$", line)]
assert not above or "above 100 %" in text, above'
}

@test "bench: JSON whose shares add up and whose counts fit its speeds" {
    # shellcheck disable=SC2086
    sab bench $little --threads 2 --scaling --stream --memories 20 --json
    [ "$status" = 0 ]
    keys task T batch hidden sequence_steps kernels threads seconds_per_update cpu_seconds_per_update updates \
        seconds_per_evaluation sequences_per_second steps_per_second flops flops_per_second fraction_of_peak \
        score_elements bound_seconds fraction_of_bound ceilings_one_thread ceilings phases idle_share scaling stream \
        peak_rss_bytes version
    printf '%s' "$output" | python3 -c '
import json, sys
b = json.load(sys.stdin)
shares = sum(phase["share"] for phase in b["phases"]) + b["idle_share"]
assert abs(shares - 1) < 0.02, shares
assert abs(sum(phase["flops"] for phase in b["phases"]) - b["flops"]) < 1
assert abs(b["steps_per_second"] * b["seconds_per_update"] - 16 * 30) < 1e-6
c = b["ceilings"]
bound = b["flops"] / c["flops_per_second"] + b["score_elements"] / c["scores_per_second"]
assert abs(bound / b["bound_seconds"] - 1) < 1e-9
assert all("fraction_of_ceiling" not in phase for phase in b["phases"] if not phase["flops"] and not phase["elements"])
assert [row["threads"] for row in b["scaling"]][:2] == [1, 2]
assert [row["memories"] for row in b["stream"]] == [0, 20]
assert b["seconds_per_update"] >= b["seconds_per_update_fastest"] > 0'
}

@test "bench: no scores without memory; no file is left" {
    mkdir "$BATS_TEST_TMPDIR/empty"
    cd "$BATS_TEST_TMPDIR/empty"
    # shellcheck disable=SC2086
    sab bench $little --credit tbptt --stream --json
    [ "$status" = 0 ]
    [ "$(value score_elements)" = 0 ]
    [ -z "$(ls)" ]
}

@test "bench: mistakes" {
    sab bench --repeat 0
    fails 2 '--repeat' '0' '1..100000'
    sab bench --memorie 5
    fails 2 'did you mean --memories'
    sab bench copy
    fails 2 'copy'
    sab bench --k-trunc 0
    fails 2 'k-trunc'
}
