# What all tests of the program share. SAB names the program, from the source folder if it is no absolute path.
bats_require_minimum_version 1.5.0
SAB=${SAB:-build/release/sab}
case $SAB in /*) ;; *) SAB=$BATS_TEST_DIRNAME/../../$SAB ;; esac

# The Python that the build found: one that a version manager stands before takes four times as long to start.
python3()
{
    command "${SAB_PYTHON:-python3}" "$@"
}

# A network that trains in a moment.
tiny='--T 5 --hidden 8 --batch 8 --eval-size 16 --eval-every 10 --quiet'

# sab ARGUMENT...: runs it; then $status, $output (stdout) and $stderr say what it did.
sab()
{
    run --separate-stderr "$SAB" "$@"
}

# fails CODE TEXT...: the last run ended with CODE, printed no data, and one line for people that holds each TEXT.
fails()
{
    local code=$1 text
    shift
    if [ "$status" != "$code" ]; then
        echo "exit code $status, expected $code; stderr: $stderr"
        return 1
    fi
    if [ -n "$output" ]; then
        echo "data in spite of failure: $output"
        return 1
    fi
    if [ "$(printf '%s\n' "$stderr" | wc -l)" != 1 ] || [ "${stderr#sab}" = "$stderr" ]; then
        echo "not one line that begins with sab: $stderr"
        return 1
    fi
    for text in "$@"; do
        if [[ $stderr != *"$text"* ]]; then
            echo "\"$text\" is missing in: $stderr"
            return 1
        fi
    done
}

# Skips where no figures are drawn: they need Cairo.
needs_figures()
{
    run --separate-stderr "$SAB" recall no-such-run --png no-such-map.png
    [[ $stderr != *Cairo* ]] || skip "$stderr"
}

# has TEXT...: the data hold each TEXT.
has()
{
    local text
    for text in "$@"; do
        if [[ $output != *"$text"* ]]; then
            echo "\"$text\" is missing in: $output"
            return 1
        fi
    done
}

# keys NAME...: the data are one line, a JSON object with these keys.
keys()
{
    printf '%s' "$output" | python3 -c '
import json, sys
text = sys.stdin.read()
found = json.loads(text, parse_constant=lambda name: sys.exit("not JSON: " + name))
missing = [name for name in sys.argv[1:] if name not in found]
sys.exit(f"missing {missing} in {text}" if missing or "\n" in text.strip() else 0)' "$@"
}

# value NAME: of a key of the data.
value()
{
    printf '%s' "$output" | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

# narrow: no line of the data is wider than 80 columns.
narrow()
{
    printf '%s\n' "$output" | python3 -c '
import sys
wide = [line for line in sys.stdin.buffer.read().decode().splitlines() if len(line) > 80]
sys.exit("\n".join(wide) or 0)'
}

# starts_until FILE ARGUMENT...: sab in the background, as $job; waits until it has written the file.
starts_until()
{
    file=$1
    shift
    "$SAB" "$@" >stdout 2>stderr 3>&- &
    job=$!
    for _ in $(seq 600); do
        [ -s "$file" ] && return 0
        sleep 0.05
    done
    echo "the training did not start: $(cat stderr)"
    return 1
}

# watched WHERE WORD...: what the program says on stderr; stdout goes to the file stdout. WHERE is terminal, one of 100 columns, or pipe; or
# both, a terminal for stdout too. The sequence that rewrites a line becomes "<", and each "<" a "(".
watched()
{
    LC_ALL=C.UTF-8 python3 - "$1" "$SAB" "${@:2}" <<'END'
import fcntl, os, pty, struct, subprocess, sys, termios
where, *command = sys.argv[1:]
is_terminal = where != "pipe"
ours, its = pty.openpty() if is_terminal else os.pipe()
if is_terminal:
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
environment = dict(os.environ, LD_PRELOAD=os.environ["PRELOADED"]) if "PRELOADED" in os.environ else None
process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=its if where == "both" else open("stdout", "w"), stderr=its,
                           env=environment)
os.close(its)
text = b""
while True:
    try:
        piece = os.read(ours, 65536)
    except OSError:
        break
    if not piece:
        break
    text += piece
sys.stdout.write(text.decode().replace("<", "(").replace("\r\x1b[K", "<").replace("\r\n", "\n"))
sys.exit(process.wait())
END
}
