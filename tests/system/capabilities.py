#!/usr/bin/env python3
"""Asks a server of the default configuration for CAPABILITY before and after login and shows both: docs/imap.md has a row for each name, and the
tagged OK of the login says the same as CAPABILITY after it."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import ROOT, Buzon  # noqa: E402


def ask(mail):
    with mail.connect("imaps") as s:
        reader = s.makefile("rb")
        reader.readline()

        def capability(tag):
            s.sendall(f"{tag} CAPABILITY\r\n".encode())
            line = reader.readline().decode().rstrip()
            assert line.startswith("* CAPABILITY ") and reader.readline().startswith(f"{tag} OK".encode()), line
            return line.split()[2:]
        before = capability("a")
        s.sendall(f"b LOGIN {mail.address('ana')} {mail.password('ana')}\r\n".encode())
        login = reader.readline().decode()
        after = capability("c")
        assert login.startswith(f"b OK [CAPABILITY {' '.join(after)}] "), (login, after)
        return before, after


def rows():
    """Names of the table's first column; with "=*" or a value behind "=" they stand for all of the kind."""
    text = (ROOT / "docs/imap.md").read_text().partition("## Beside others")[0]
    return {name for line in text.splitlines() if line.startswith("| ") for name in re.split(r"[\s,`]+", line.split("|")[1]) if name}


def main():
    with Buzon(accounts=["ana"]) as mail:
        before, after = ask(mail)
    print("before login:", *before)
    print("after login: ", *after)
    named = rows()
    kinds = {name.partition("=")[0] for name in named}
    missing = [name for name in {*before, *after} if name not in named and not ("=" in name and name.partition("=")[0] in kinds | {"AUTH"})]
    assert not missing, f"no row in docs/imap.md for {sorted(missing)}"


if __name__ == "__main__":
    main()
