# ctest: tier minutes
# ctest: timeout 300
# A request to stop: what it saves, what it exits with, and that it does not wait for anybody.
load common

setup()
{
    cd "$BATS_TEST_TMPDIR"
}

# ends CODE: the job does so.
ends()
{
    code=0
    wait "$job" || code=$?
    if [ "$code" != "$1" ]; then
        echo "exit code $code, expected $1; stderr: $(cat stderr)"
        return 1
    fi
}

# Updates of a minute.
long='--T 20000 --curriculum 0 --hidden 256 --batch 64 --k-att 1000 --recompute on'

@test "a long update and a long evaluation are left at once, by the signals of clusters too" {
    long='--T 20000 --k-top 0 --curriculum 0 --hidden 256 --batch 8'
    # shellcheck disable=SC2086
    for options in "$long --eval-every 1 --steps 10" "--T 5 --hidden 256 --batch 512 --eval-size 2000000 --eval-every 1 --steps 2"; do
        for signal in USR1 XCPU; do
            rm -rf run
            starts_until run/config.json train copy $options --out run
            sleep 0.5
            kill -$signal "$job"
            code=0
            wait "$job" || code=$?
            echo "exit code $code after SIG$signal with $options: $(cat stderr)"
            [ "$code" = 75 ]
            [ -s run/state.safetensors ]
            grep -q 'interrupted after update [01];' stderr
            [ ! -s run/metrics.jsonl ] # the evaluation after the first update was not waited for
        done
    done
}

@test "SIGUSR1 may come again, and SIGXCPU comes at the limit of processor time" {
    plain='--T 5 --hidden 8 --batch 8 --eval-size 16 --eval-every 10 --steps 20000 --threads 1'
    # shellcheck disable=SC2086
    starts_until run/metrics.jsonl train copy $plain --out run
    kill -USR1 "$job"
    sleep 0.3
    kill -USR1 "$job" || true # comes again, or too late
    ends 75
    [ -s run/state.safetensors ]
    # shellcheck disable=SC2086
    run bash -c "ulimit -S -t 1; exec \"$SAB\" train copy $plain --steps 100000000 --eval-every 0 --out limited"
    [ "$status" = 75 ]
    [ -s limited/state.safetensors ]
}

@test "a signal that comes twice at once, as from timeout, is one" {
    # shellcheck disable=SC2086
    starts_until run/config.json train copy $long --steps 10 --eval-size 1 --out run
    sleep 0.3
    kill -TERM "$job"
    sleep 0.02
    kill -TERM "$job" || true
    ends 75
    [ -s run/state.safetensors ]
}

@test "a reader that does not read holds up neither the saving nor the second signal" {
    seq -f '%g,7' 300 >table.csv
    python3 - "$SAB" <<'end'
import fcntl, os, pathlib, signal, subprocess, sys, time

def full_pipe():
    """The end to write to of a pipe that has no room left, and the end to read from."""
    out, into = os.pipe()
    os.set_blocking(into, False)
    try:
        while True:
            os.write(into, b"." * 4096)
    except BlockingIOError:
        os.set_blocking(into, True)
    return out, into

def wait_for(what, condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    sys.exit(f"{what}: did not happen")

def catches_term(sab):
    mask = [line for line in open(f"/proc/{sab.pid}/status") if line.startswith("SigCgt")][0].split()[1]
    return int(mask, 16) >> (signal.SIGTERM - 1) & 1

def blocks(sab):
    return open(f"/proc/{sab.pid}/stat").read().rpartition(")")[2].split()[0] == "S"

def start(words):
    out, into = full_pipe()
    return out, subprocess.Popen([sys.argv[1], *words.split()], stderr=into)

# Waits to say what it found in the data: there is nothing to save.
out, sab = start("train csv --data table.csv --T 8 --hidden 4 --batch 4 --out new --threads 1")
wait_for("signals are listened to", lambda: catches_term(sab) and blocks(sab))
sab.send_signal(signal.SIGTERM)
assert sab.wait(30) == 75, sab.returncode
assert not os.path.exists("new"), os.listdir("new")

# Saves all the same; then waits to say so, and the second signal ends it.
out, sab = start("train copy --T 20000 --curriculum 0 --hidden 256 --batch 64 --k-att 1000 --recompute on --steps 5 --warmup 0 --eval-size 64 --out run")
wait_for("a run", lambda: os.path.exists("run/config.json"))
time.sleep(0.3)
sab.send_signal(signal.SIGTERM)
wait_for("saving", lambda: os.path.exists("run/state.safetensors"))
time.sleep(0.3)
sab.send_signal(signal.SIGTERM)
assert sab.wait(30) == -signal.SIGTERM, sab.returncode
end
}
