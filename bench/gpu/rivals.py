#!/usr/bin/env python3
"""Times what `sab` is compared with on a GPU: SAB and nn.LSTM in PyTorch, flashrnn; and what the machine can do.

    bench/gpu/rivals.py --out FILE [--parts check,peaks,eager,graph,lstm,compile,flashrnn] [--budget 150]
                        [--device cuda] [--T 100,1000] [--batch 64] [--wide 1024] [--hidden 128] [--widths 128,...]

README.md says what each part is. Every part is a process of its own with a limit of time, and so is the whole
(--budget); what is measured is in FILE at once, so that nothing that hangs or fails takes anything with it. Prints a
line for each figure. Exit status: 0 all parts ran to their end, 1 one did not (FILE says why), 77 PyTorch is missing.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LIMITS = {"check": 30, "peaks": 20, "eager": 40, "graph": 40, "lstm": 25, "compile": 75, "flashrnn": 90}  # seconds
DEFAULT = "check,peaks,eager,graph,lstm,compile"


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", metavar="FILE", help="JSON of everything that was measured")
    parser.add_argument("--parts", default=DEFAULT, help=f"of {','.join(LIMITS)}; default {DEFAULT}")
    parser.add_argument("--budget", type=float, default=150, help="seconds for all parts together")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--T", default="100,1000", help="lengths of the gap; sequences have T+20 steps")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--wide", type=int, default=1024, help="the larger batch, at the first length only; 0: none")
    parser.add_argument("--hidden", type=int, default=128, help="width of SAB")
    parser.add_argument("--widths", default="128,256,512,1024", help="of nn.LSTM and flashrnn")
    parser.add_argument("--forms", default="Autograd,ByHand", help="of SAB, see sab_torch.py")
    parser.add_argument("--k-top", type=int, default=5)
    parser.add_argument("--k-trunc", type=int, default=5)
    parser.add_argument("--check", action="store_true", help="compare the forms with the oracle, time nothing")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--results", help=argparse.SUPPRESS)
    parser.add_argument("--limit", type=float, default=1e9, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.T = [int(T) for T in options.T.split(",")]
    options.widths = [int(width) for width in options.widths.split(",")]
    options.forms = options.forms.split(",")
    options.parts = options.parts.split(",")
    for part in options.parts:
        if part not in LIMITS:
            parser.error(f"--parts {part}: not one of {', '.join(LIMITS)}")
    if not (options.check or options.worker or options.out):
        parser.error("--out FILE is needed")
    return options


def child(command, limit, collect):
    """Runs a part to its end or its limit; collect(line) gets each line of its results. Returns what became of it."""
    with tempfile.NamedTemporaryFile("r", suffix=".jsonl") as results:
        began = time.monotonic()
        process = subprocess.Popen(command + ["--results", results.name, "--limit", str(limit)], start_new_session=True)
        rest, status = "", None
        while status is None:
            status = process.poll()
            over = time.monotonic() - began > limit
            if status is None and over:  # the group is this child's own: it began a session
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                status = "limit"
            *lines, rest = (rest + results.read()).split("\n")
            for line in lines:
                collect(json.loads(line))
            if status is None:
                time.sleep(0.1)
    if status == "limit":
        return f"stopped at its limit of {limit:.0f} s"
    return "done" if status == 0 else f"ended with status {status}"


def parent(options):
    began = time.monotonic()
    report = {"command": sys.argv, "budget_s": options.budget, "parts": {}}

    def save():
        report["seconds"] = round(time.monotonic() - began, 1)
        with open(options.out + ".part", "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)
            file.write("\n")
        os.replace(options.out + ".part", options.out)

    for part in options.parts:
        start = time.monotonic()
        entry = report["parts"][part] = {"status": "running", "results": []}
        limit = min(LIMITS[part], options.budget - (start - began))
        print(f"== {part} (at most {max(limit, 0):.0f} s)", flush=True)
        save()

        def collect(result):
            if "machine" in result:
                report["machine"] = result["machine"]
            else:
                entry["results"].append(result)
            save()

        if limit < 5:
            entry["status"] = "skipped: no time left"
        else:
            entry["status"] = child([sys.executable, os.path.abspath(__file__), *sys.argv[1:], "--worker", part],
                                    limit, collect)
        entry["seconds"] = round(time.monotonic() - start, 1)
        print(f"== {part}: {entry['status']}, {entry['seconds']} s", flush=True)
        save()
    return 0 if all(entry["status"] == "done" for entry in report["parts"].values()) else 1


def main():
    options = parse()
    if not (options.worker or options.check):
        return parent(options)
    try:
        import parts
    except ImportError as missing:
        print(f"skipped: {missing}", file=sys.stderr)
        return 77
    return parts.run(options, options.worker or "check")


if __name__ == "__main__":
    sys.exit(main())
