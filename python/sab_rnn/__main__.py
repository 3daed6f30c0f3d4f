"""`python -m sab_rnn` and the command `sab`: the program that comes with the package."""

import os
import sys
from pathlib import Path


def main() -> None:
    """Becomes the program, with the same arguments."""
    program = Path(__file__).parent / "bin" / "sab"
    os.execv(program, ["sab", *sys.argv[1:]])


if __name__ == "__main__":
    main()
