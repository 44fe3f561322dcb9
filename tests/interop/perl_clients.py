#!/usr/bin/env python3
"""Perl's two IMAP clients, each its own parser: Mail::IMAPClient and Mail::IMAPTalk list, append, read, flag, search, copy, move and expunge. They go
through a proxy that holds every reply against imap_rules."""
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
import imap_tap  # noqa: E402
from buzon import ROOT, Buzon, skip  # noqa: E402

COUNT = 40
CLIENTS = {"imap_client.pl": "Mail::IMAPClient", "imap_talk.pl": "Mail::IMAPTalk"}


def there(module):
    return shutil.which("perl") and subprocess.run(["perl", f"-M{module}", "-MIO::Socket::SSL", "-e1"], capture_output=True).returncode == 0


def main():
    for module in CLIENTS.values():
        if not there(module):
            skip(f"perl's {module} is not installed")
    with Buzon(accounts=["ana"], host="localhost") as mail, imap_tap.Proxy(mail) as port:
        for script, module in CLIENTS.items():
            box = script.partition(".")[0]
            done = subprocess.run(["perl", str(ROOT / "tests/interop/perl" / script), mail.host, str(port), mail.ca, mail.address("ana"), box, str(COUNT)],
                                  input=mail.password("ana") + "\n", capture_output=True, text=True, timeout=120)
            assert done.returncode == 0 and done.stdout.endswith("PASS\n"), (module, done.stdout[-2000:], done.stderr[-2000:])
            # What the client did is what a session sees: of COUNT messages one was moved, one expunged; the first is flagged.
            with mail.imap("ana", box) as client:
                assert len(client.search(None, "ALL")[1][0].split()) == COUNT - 2
                assert client.search(None, "FLAGGED")[1][0].split() == [b"1"]
                assert client.search(None, "SUBJECT", '"number 39"')[1][0].split() == [b"38"]
            assert mail.count("ana", f"{box}2") == 2   # a copy and the moved one
            print(f"{module}: {done.stdout.splitlines()[0]}")
        assert mail.run("verify").returncode == 0


if __name__ == "__main__":
    main()
