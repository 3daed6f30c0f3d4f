#!/usr/bin/env python3
"""Source code as a text for `sab train text`: modules of Python's own standard library, one after the other.

    python3 examples/python_source.py OUT.txt [FOLDER]

FOLDER is where the modules lie; by default those of the Python that runs this. Nothing but the list decides what is in the text, so
the same release of Python gives the same bytes. The last modules are for validation and test: their own names never occur before, and
again and again within. A byte that is no ASCII is written as "?".
"""
import os
import sys

MODULES = """argparse ast bdb calendar cmd codecs configparser contextlib copy csv dataclasses difflib dis enum getopt gettext imaplib
    inspect ipaddress locale mimetypes nntplib optparse pathlib pickle platform plistlib pprint selectors shutil smtplib socketserver
    subprocess tarfile telnetlib tempfile textwrap threading tokenize traceback
    mailbox weakref typing uuid""".split()


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    folder = sys.argv[2] if len(sys.argv) == 3 else os.path.dirname(os.__file__)
    with open(sys.argv[1], "w", encoding="ascii", newline="\n") as out:
        for module in MODULES:
            with open(f"{folder}/{module}.py", encoding="latin-1") as source:
                out.write("".join(c if c.isascii() else "?" for c in source.read()))
        print(f"{sys.argv[1]}: {len(MODULES)} modules, {out.tell()} characters")


main()
